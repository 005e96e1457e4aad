-- Cash over the counter, and shifts: who answers for a drawer, from the float to the count.

set lock_timeout = '5s';

-- The mode is an enumeration of the code, as state and channel are, which have no such check either: PostgreSQL parses the
-- checks of a table anew in each statement that writes to it, and this one cost a lone payment the most of all.
alter table payments drop constraint payments_mode_check;
alter table refunds add column till_id text collate "C" not null default '';

create table shifts (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  state text collate "C" not null check (state in ('OPEN', 'CLOSED')),
  till_id text collate "C" not null,
  store_id text collate "C" not null,
  cashier text not null,
  float_fen bigint not null check (float_fen >= 0),
  currency char(3) not null,
  fingerprint text collate "C" not null,
  opened_at timestamptz not null,
  opened_by text not null,
  closed_at timestamptz,
  closed_by text not null,
  counted text not null,
  expected text not null,
  reasons text not null,
  safe_fen bigint not null check (safe_fen >= 0),
  bank_fen bigint not null check (bank_fen >= 0),
  primary key (merchant_id, id),
  check ((state = 'CLOSED') = (closed_at is not null))
);
create unique index shifts_one_open on shifts (till_id, merchant_id) where state = 'OPEN';
create index shifts_of_till on shifts (merchant_id, till_id, opened_at);

-- What a drawer took and paid out: only cash is in them, so no other payment pays for them.
create index payments_in_cash on payments (merchant_id, till_id, paid_at) where channel = 'cash';
create index refunds_in_cash on refunds (merchant_id, till_id, done_at) where till_id <> '';

-- What the account of a drawer holds is read when a shift opens. No other move pays for it.
create index moves_out_of_drawers on moves (merchant_id, target) include (amount_fen) where target like 'cash:%';
create index moves_into_drawers on moves (merchant_id, source) include (amount_fen) where source like 'cash:%';

select yuanlu_tenant('shifts');
