-- Each merchant's own keys, wrapped by a key-encryption key that is not here; subjects' keys are wrapped by them.

set lock_timeout = '5s';

create table merchant_keys (
  merchant_id text collate "C" not null references merchants,
  version integer not null check (version > 0),
  wrapped text not null,
  wrapped_by text collate "C" not null,
  made_at timestamptz not null,
  retired_at timestamptz,
  primary key (merchant_id, version),
  check (wrapped <> '' or retired_at is not null)
);
select yuanlu_tenant('merchant_keys');
create unique index merchant_keys_current on merchant_keys (merchant_id) where retired_at is null;

-- Which version wraps it; null: the key-encryption key itself, as before there were merchants' keys.
alter table subject_keys add column key_version integer;
alter table subject_keys add foreign key (merchant_id, key_version) references merchant_keys not valid;
alter table subject_keys validate constraint subject_keys_merchant_id_key_version_fkey;
create index subject_keys_versions on subject_keys (key_version, merchant_id) where wrapped <> '';
