-- Stores that are renamed and closed; and how a merchant's accounts at the channels stood when they were last checked.

set lock_timeout = '5s';

alter table stores
  add column version bigint not null default 1 check (version > 0),
  add column closed_at timestamptz;

-- `id`: the channel. `findings`: JSON of what was wrong, never of what a key is.
create table channel_setups (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  findings text not null check (length(findings) <= 4000 and findings !~ 'PRIVATE KEY'),
  set_at timestamptz,
  set_by text not null,
  checked_at timestamptz,
  checked_by text not null,
  primary key (merchant_id, id)
);

select yuanlu_tenant('channel_setups');
