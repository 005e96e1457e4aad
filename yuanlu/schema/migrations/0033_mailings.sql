-- Receipts that customers wanted by mail or SMS: one letter a row, at most three of one receipt.

set lock_timeout = '5s';

-- `target`: the address, sealed under the key of the letter itself; empty once the letter is over.
create table mailings (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  state text collate "C" not null check (state in ('QUEUED', 'SENT', 'GONE')),
  object_id text collate "C" not null,
  turn bigint not null check (turn between 1 and 3),
  store_id text collate "C" not null,
  way text collate "C" not null check (way in ('email', 'sms')),
  lang text collate "C" not null,
  shown text not null,
  target text not null,
  fingerprint text collate "C" not null,
  opened_at timestamptz not null,
  opened_by text not null,
  attempts bigint not null check (attempts >= 0),
  trouble text collate "C" not null,
  ended_at timestamptz,
  primary key (merchant_id, id),
  check ((state = 'QUEUED') = (ended_at is null)),
  check (state = 'QUEUED' or target = '')
);
-- Two who ask at once do not share a place: the second counts the first, and the fourth finds none.
create unique index mailings_in_turn on mailings (object_id, turn, merchant_id);

select yuanlu_tenant('mailings');
