-- The devices at the counters: how each last said it is, what it is told, whether it is locked; and tickets about faults.

set lock_timeout = '5s';

-- One row a till, written again with each beat: never one more.
create table stations (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  store_id text collate "C" not null,
  beat_at timestamptz,
  release text not null,
  health text not null,
  message text not null,
  message_at timestamptz,
  message_by text not null,
  locked_at timestamptz,
  locked_by text not null,
  locked_why text not null,
  primary key (merchant_id, id),
  foreign key (merchant_id, id) references tills
) with (fillfactor = 70);
-- Looked into by every charge, and all but empty: what is not locked is not in it.
create index stations_locked on stations (id, merchant_id) where locked_at is not null;

create table tickets (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  till_id text collate "C" not null,
  store_id text collate "C" not null,
  about text collate "C" not null,
  cause text collate "C" not null,
  code text not null,
  note text not null,
  health text not null check (length(health) <= 2000),
  log text not null check (length(log) <= 20000),
  fingerprint text collate "C" not null,
  opened_at timestamptz not null,
  opened_by text not null,
  primary key (merchant_id, id),
  foreign key (merchant_id, till_id) references tills
);

select yuanlu_tenant(whole) from (values ('stations'::regclass), ('tickets')) as each (whole);
