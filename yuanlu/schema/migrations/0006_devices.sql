-- What hangs where: static and till codes with their audits; and requests handed over to the shop that has the money.

set lock_timeout = '5s';

-- The text of a code is not kept: a keyed hash finds it again, the last letters show it to people.
create table codes (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  state text collate "C" not null check (state in ('HANGING', 'SUSPECT', 'RETIRED')),
  kind text collate "C" not null,
  wallet text collate "C" not null,
  mark text collate "C" not null check (mark <> ''),
  tail text not null,
  store_id text collate "C" not null,
  till_id text collate "C" not null,
  hangs_at text not null,
  fingerprint text collate "C" not null,
  opened_at timestamptz not null,
  opened_by text not null,
  valid_from timestamptz not null,
  valid_until timestamptz,
  audit_days bigint not null check (audit_days > 0),
  audited_at timestamptz,
  audited_by text not null,
  found_as text collate "C" not null,
  note text not null,
  due_at timestamptz,
  retired_at timestamptz,
  primary key (merchant_id, id),
  foreign key (merchant_id, store_id) references stores,
  check (valid_until > valid_from),
  check ((state = 'RETIRED') = (due_at is null))
);
-- One text hangs once in a shop; and whose a scanned text is, is found by it alone.
create unique index codes_hang_once on codes (mark, merchant_id) where state <> 'RETIRED';
create index codes_by_mark on codes (mark, merchant_id);
create index codes_due on codes (merchant_id, due_at) where state <> 'RETIRED';

-- A request about money that another shop of this installation has. Both shops have a row of their own under one id;
-- neither names the other, and neither can see the other's.
create table handovers (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  side text collate "C" not null check (side in ('asking', 'taking')),
  state text collate "C" not null check (state in ('ASKED', 'HANDED', 'DONE', 'DECLINED')),
  fingerprint text collate "C" not null,
  voucher text not null,
  said text not null,
  amount_fen bigint check (amount_fen > 0),
  channel text collate "C" not null,
  happened_at timestamptz,
  opened_at timestamptz not null,
  opened_by text not null,
  payment_id text collate "C" not null,
  case_id text collate "C" not null,
  ended_at timestamptz,
  primary key (merchant_id, id),
  check (side = 'taking' or (payment_id = '' and case_id = ''))
);
create index handovers_sides on handovers (id, merchant_id);
create index handovers_of_case on handovers (case_id, merchant_id) where case_id <> '';

select yuanlu_tenant('codes');
select yuanlu_tenant('handovers');
