-- What a person sets for themselves at the console: time zone, language, and searches they keep under a name.

set lock_timeout = '5s';

-- `id`: of the member of staff. `views`: at most 20 searches, as JSON.
create table preferences (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  zone text collate "C" not null check (zone <> ''),
  lang text collate "C" not null check (lang in ('', 'zh', 'en')),
  views text not null check (length(views) <= 60000),
  primary key (merchant_id, id),
  foreign key (merchant_id, id) references staff
);

select yuanlu_tenant('preferences');
