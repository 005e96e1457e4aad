-- The walk from a scan to money back: payments, refunds, cases, and the books they move.

create table stores (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  name text not null,
  created_at timestamptz not null default now(),
  primary key (merchant_id, id)
);

create table tills (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  store_id text collate "C" not null,
  name text not null,
  created_at timestamptz not null default now(),
  primary key (merchant_id, id),
  foreign key (merchant_id, store_id) references stores
);

-- A merchant's contract with a channel. Secrets stay in files: config holds their paths.
create table channel_accounts (
  merchant_id text collate "C" not null references merchants,
  channel text collate "C" not null,
  config text not null,
  changed_at timestamptz not null default now(),
  primary key (merchant_id, channel)
);

-- Keys of machines and people that call us. Only a hash of the secret is kept.
create table api_keys (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  digest bytea not null,
  actor text not null,
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  primary key (merchant_id, id),
  unique (id, merchant_id)
);

create table payments (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  state text collate "C" not null,
  channel text collate "C" not null,
  mode text collate "C" not null check (mode in ('scanned', 'shown')),
  till_id text collate "C" not null,
  store_id text collate "C" not null,
  amount_fen bigint not null check (amount_fen > 0),
  currency char(3) not null,
  back_fen bigint not null default 0,
  parts bigint not null default 0 check (parts >= 0),
  description text not null,
  fingerprint text collate "C" not null,
  code_mark text collate "C" not null,
  code_tail text collate "C" not null,
  qr text not null,
  opened_at timestamptz not null,
  opened_by text not null,
  sent_at timestamptz not null,
  give_up_at timestamptz not null,
  paid_at timestamptz,
  ended_at timestamptz,
  asked_at timestamptz,
  absent_at timestamptz,
  reverse_at timestamptz,
  looks bigint not null,
  last_word text collate "C" not null,
  code text not null,
  reason text collate "C" not null,
  channel_number text collate "C" not null,
  payer text collate "C" not null,
  incident text not null,
  primary key (merchant_id, id),
  foreign key (merchant_id, till_id) references tills,
  constraint payments_back_within_amount check (back_fen between 0 and amount_fen),
  constraint payments_back_only_of_paid check (back_fen = 0 or state in ('PAID', 'LATE_PAID'))
);
-- One code at one till for one amount is one payment until that has an end.
create unique index payments_code_once on payments (till_id, code_mark, amount_fen, merchant_id)
  where state in ('SENT', 'REVERSING', 'CLOSING') and code_mark <> '';
create index payments_by_channel_number on payments (channel_number, merchant_id) where channel_number <> '';

create table refunds (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  state text collate "C" not null,
  payment_id text collate "C" not null,
  case_id text collate "C" not null,
  channel text collate "C" not null,
  amount_fen bigint not null check (amount_fen > 0),
  total_fen bigint not null,
  currency char(3) not null,
  reason text not null,
  fingerprint text collate "C" not null,
  opened_at timestamptz not null,
  opened_by text not null,
  release_at timestamptz not null,
  sent_at timestamptz,
  sent_times bigint not null,
  asked_at timestamptz,
  absent_at timestamptz,
  unclear_since timestamptz,
  looks bigint not null,
  waits bigint not null,
  last_word text collate "C" not null,
  code text not null,
  waiting_for text collate "C" not null,
  channel_number text collate "C" not null,
  received_into text not null,
  done_at timestamptz,
  done_by text collate "C" not null,
  ended_at timestamptz,
  proposed_by text not null,
  proposal text not null,
  recalled boolean not null,
  incident text not null,
  primary key (merchant_id, id),
  foreign key (merchant_id, payment_id) references payments,
  check (amount_fen <= total_fen)
);
create index refunds_of_payment on refunds (payment_id, merchant_id);

create table cases (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  state text collate "C" not null,
  payment_id text collate "C" not null,
  what text collate "C" not null,
  meant_fen bigint,
  said text not null,
  fingerprint text collate "C" not null,
  opened_at timestamptz not null,
  opened_by text not null,
  remedy text collate "C" not null,
  remedy_fen bigint not null,
  refund_id text collate "C" not null,
  attempt bigint not null,
  looks bigint not null,
  conclusion text collate "C" not null,
  note text not null,
  closed_at timestamptz,
  incident text not null,
  primary key (merchant_id, id),
  foreign key (merchant_id, payment_id) references payments
);
create index cases_of_payment on cases (payment_id, merchant_id);
-- One payment has one open case: two reports of one mistake at once must not both put it right.
create unique index cases_one_open on cases (payment_id, merchant_id) where state <> 'CLOSED';

-- Kept balances of the accounts that have a floor. All other balances are the sum of their moves.
create table accounts (
  merchant_id text collate "C" not null,
  account text collate "C" not null,
  currency char(3) not null,
  balance_fen bigint not null,
  primary key (merchant_id, account, currency),
  constraint accounts_floor check (balance_fen >= 0)
);

create table moves (
  merchant_id text collate "C" not null,
  recorded_at timestamptz not null,
  object_id text collate "C" not null,
  transition int not null,
  seq int not null,
  source text collate "C" not null,
  target text collate "C" not null,
  amount_fen bigint not null check (amount_fen > 0),
  currency char(3) not null,
  primary key (merchant_id, object_id, transition, seq, recorded_at),
  check (source <> target)
) partition by range (recorded_at);

create table facts (
  merchant_id text collate "C" not null,
  recorded_at timestamptz not null,
  object_id text collate "C" not null,
  transition int not null,
  seq int not null,
  kind text collate "C" not null,
  who text not null,
  at timestamptz not null,
  evidence_id text collate "C" not null,
  body text not null,
  primary key (merchant_id, object_id, transition, seq, recorded_at)
) partition by range (recorded_at);

create table evidence (
  merchant_id text collate "C" not null,
  recorded_at timestamptz not null,
  id text collate "C" not null,
  object_id text collate "C" not null,
  kind text collate "C" not null,
  at timestamptz not null,
  operation text collate "C" not null,
  status int not null,
  took_ms int not null,
  digest text collate "C" not null,
  body text not null,
  primary key (merchant_id, object_id, id, recorded_at)
) partition by range (recorded_at);

-- Durable work: one row a (name, object) is when to look at it next.
create table jobs (
  merchant_id text collate "C" not null,
  name text collate "C" not null,
  object_id text collate "C" not null,
  run_at timestamptz not null,
  lease_until timestamptz,
  lease_token text collate "C",
  attempts int not null default 0,
  primary key (merchant_id, name, object_id)
);
create index jobs_due on jobs (run_at);

select yuanlu_month_partitions(whole, date_trunc('month', now())::date, 3)
  from (values ('moves'::regclass), ('facts'), ('evidence')) as each (whole);
select yuanlu_tenant(whole) from (values ('stores'::regclass), ('tills'), ('channel_accounts'), ('api_keys'),
  ('payments'), ('refunds'), ('cases'), ('accounts')) as each (whole);
select yuanlu_tenant(whole, 'select, insert') from (values ('moves'::regclass), ('facts'), ('evidence')) as each (whole);
select yuanlu_tenant('jobs', 'select, insert, update, delete');
