-- What those who work at tills practised, and how it went.

set lock_timeout = '5s';

create table drills (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  account text collate "C" not null,
  drill text collate "C" not null,
  outcome text collate "C" not null check (outcome in ('right', 'slow', 'mistake', 'stopped')),
  seconds bigint not null check (seconds between 0 and 3600),
  mistake text not null,
  done_at timestamptz not null,
  primary key (merchant_id, id)
);
create index drills_of_person on drills (account, merchant_id);

select yuanlu_tenant('drills'::regclass);
