-- Nobody ever set a subject's own purpose and time: what is sealed ends by the rule for what it is (keeping.toml).

set lock_timeout = '5s';

drop index subject_keys_until;
alter table subject_keys drop column keep_until, drop column purpose;
