-- More roles; what people sent back in a day, within a limit; and a merchant's own limits, agreed by two.

set lock_timeout = '5s';

alter table staff drop constraint staff_role_check;
alter table staff add constraint staff_role_check
  check (role in ('owner', 'finance', 'risk', 'manager', 'cashier', 'trainee', 'auditor'));

-- Grows with the decision it belongs to: two at once never exceed it.
create table allowances (
  merchant_id text collate "C" not null references merchants,
  who text not null,
  day date not null,
  spent_fen bigint not null,
  limit_fen bigint not null,
  primary key (merchant_id, who, day),
  constraint allowances_within_limit check (spent_fen between 0 and limit_fen)
);
create index allowances_of_day on allowances (merchant_id, day);

create table limits (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  state text collate "C" not null check (state in ('PROPOSED', 'AGREED')),
  content text not null,
  proposed_at timestamptz not null,
  proposed_by text not null,
  agreed_at timestamptz,
  agreed_by text not null,
  primary key (merchant_id, id),
  constraint limits_two_people check (agreed_by <> proposed_by),
  check ((state = 'AGREED') = (agreed_at is not null))
);
create index limits_in_force on limits (merchant_id, agreed_at desc) where agreed_at is not null;

select yuanlu_tenant(whole) from (values ('allowances'::regclass), ('limits')) as each (whole);
