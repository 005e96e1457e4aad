-- Who bears what is lost, what refunds will need, and money that goes back by another road than it came.

set lock_timeout = '5s';

create table losses (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  state text collate "C" not null,
  case_id text collate "C" not null,
  cause text collate "C" not null,
  bearer text collate "C" not null check (bearer in ('merchant', 'cashier', 'provider', 'payer')),
  amount_fen bigint not null check (amount_fen > 0),
  recovered_fen bigint not null check (recovered_fen >= 0),
  written_off_fen bigint not null check (written_off_fen >= 0),
  currency char(3) not null,
  fingerprint text collate "C" not null,
  recorded_at timestamptz not null,
  recorded_by text not null,
  settled_at timestamptz,
  primary key (merchant_id, id),
  foreign key (merchant_id, case_id) references cases,
  constraint losses_settled_within_amount check (recovered_fen + written_off_fen <= amount_fen),
  check ((state = 'SETTLED') = (recovered_fen + written_off_fen = amount_fen))
);
create index losses_of_case on losses (case_id, merchant_id);

-- What was last told of each channel account: its id is the channel.
create table floats (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  short_fen bigint not null check (short_fen >= 0),
  need_fen bigint not null,
  known_fen bigint not null,
  changed_at timestamptz not null,
  primary key (merchant_id, id)
);

create table repayments (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  state text collate "C" not null check (state in ('PROPOSED', 'APPROVED', 'PAID', 'REFUSED', 'EXPIRED')),
  payment_id text collate "C" not null,
  case_id text collate "C" not null,
  refund_id text collate "C" not null,
  channel text collate "C" not null,
  amount_fen bigint not null check (amount_fen > 0),
  currency char(3) not null,
  because text collate "C" not null check (because in ('window_over', 'refund_refused')),
  match text collate "C" not null check (match in ('exact', 'statement')),
  account text not null,
  account_tail text not null,
  fingerprint text collate "C" not null,
  opened_at timestamptz not null,
  opened_by text not null,
  expires_at timestamptz not null,
  forget_at timestamptz not null,
  approved_at timestamptz,
  approved_by text not null,
  paid_at timestamptz,
  paid_by text not null,
  proof text collate "C" not null,
  ended_at timestamptz,
  is_overdue boolean not null,
  is_forgotten boolean not null,
  primary key (merchant_id, id),
  foreign key (merchant_id, payment_id) references payments,
  constraint repayments_two_people check (approved_by = '' or approved_by <> opened_by),
  constraint repayments_paid_with_proof check (state <> 'PAID' or (approved_by <> '' and proof <> '')),
  check (not is_forgotten or account = '')
);
create index repayments_of_payment on repayments (payment_id, merchant_id);

create index refunds_open_of_channel on refunds (merchant_id, channel)
  where state in ('RESERVED', 'READY', 'SENT', 'WAITING', 'MANUAL');
create index cases_not_closed on cases (merchant_id, state) where state <> 'CLOSED';

select yuanlu_tenant(whole) from (values ('losses'::regclass), ('floats'), ('repayments')) as each (whole);
