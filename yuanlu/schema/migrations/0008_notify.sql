-- Who asked to know (hooks), and how far each has been told about each object (deliveries: one cursor a hook and object).

set lock_timeout = '5s';

create table hooks (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  state text collate "C" not null,
  way text collate "C" not null,
  about text collate "C" not null,
  kinds text collate "C" not null,
  lang text collate "C" not null,
  shown text not null,
  target text not null,
  secret text not null,
  old_secret text not null,
  old_until timestamptz,
  fingerprint text collate "C" not null,
  opened_at timestamptz not null,
  opened_by text not null,
  failures bigint not null check (failures >= 0),
  failing_since timestamptz,
  resume_at timestamptz,
  why text collate "C" not null,
  disabled_at timestamptz,
  replay_since timestamptz,
  replay_after text collate "C" not null,
  replay_again boolean not null,
  primary key (merchant_id, id)
);
create index hooks_open on hooks (about, merchant_id) where state = 'ACTIVE';

create table deliveries (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  state text collate "C" not null,
  hook_id text collate "C" not null,
  object_id text collate "C" not null,
  transition bigint not null check (transition >= 0),
  seq bigint not null,
  sent bigint not null,
  attempts bigint not null,
  failing_since timestamptz,
  next_at timestamptz,
  why text collate "C" not null,
  opened_at timestamptz not null,
  primary key (merchant_id, id),
  foreign key (merchant_id, hook_id) references hooks
);
-- A hook's deliveries in the order of their ids, all or those in one state: what a person pages through.
create index deliveries_of_hook on deliveries (hook_id, id, merchant_id);
create index deliveries_parked on deliveries (hook_id, id, merchant_id) where state = 'PARKED';

select yuanlu_tenant(whole) from (values ('hooks'::regclass), ('deliveries')) as each (whole);
