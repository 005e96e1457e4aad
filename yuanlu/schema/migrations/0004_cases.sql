-- People who decide, with keys of their own; and the whole case: review, offers, objection, talk, holder and deadline.

set lock_timeout = '5s';

-- Names are sealed under the key of the person (subject = id). Nobody is deleted: who decided stays named.
create table staff (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  role text collate "C" not null check (role in ('owner', 'finance', 'manager', 'cashier', 'auditor')),
  name text not null,
  store_id text collate "C" not null,
  since timestamptz not null,
  until timestamptz,
  primary key (merchant_id, id)
);
select yuanlu_tenant('staff');

alter table api_keys add column staff_id text collate "C" not null default '';

alter table cases
  add column store_id text collate "C" not null default '',
  add column cause text collate "C" not null default '',
  add column asked_fen bigint check (asked_fen > 0),
  add column holder text collate "C" not null default 'system',
  add column due_at timestamptz default now(),
  add column due_what text collate "C" not null default 'check',
  add column due_steps bigint not null default 0,
  add column promised_on date,
  add column stands_since bigint not null default 1,
  add column claimed_by text collate "C" not null default '',
  add column claimed_until timestamptz,
  add column policy text collate "C" not null default '',
  add column policy_line text not null default '',
  add column verdict text collate "C" not null default '',
  add column approved_fen bigint not null default 0,
  add column decided_by text not null default '',
  add column seconded_by text not null default '',
  add column reason_code text collate "C" not null default '',
  add column object_until timestamptz,
  add column offer_kind text collate "C" not null default '',
  add column offer_fen bigint not null default 0,
  add column offer_until timestamptz,
  add column barred text collate "C" not null default '',
  add column fault text collate "C" not null default '',
  add column fault_by text not null default '',
  add column escalations text collate "C" not null default '',
  add column legal_hold boolean not null default false,
  add column chain text collate "C" not null default '',
  add column chain_length bigint not null default 0;

-- What was closed before has no deadline; whose store a case is, its payment tells.
update cases set holder = '', due_at = null, due_what = '' where state = 'CLOSED';
update cases c set store_id = p.store_id from payments p where p.merchant_id = c.merchant_id and p.id = c.payment_id;
-- What was open before gets its first deadline now: the clock gives it a holder and the next one.
insert into jobs (merchant_id, name, object_id, run_at)
  select merchant_id, 'cases.clock', id, now() from cases where state <> 'CLOSED'
  on conflict do nothing;

-- An open case has a holder and a deadline. (A process of the release before may re-open one without.)
alter table cases add constraint cases_one_deadline
  check (state = 'CLOSED' or (holder <> '' and due_at is not null and due_what <> '') or state = 'ATTENTION');
alter table cases add constraint cases_approved_has_refund
  check (state <> 'REMEDY' or remedy = 'cancel' or (refund_id <> '' and remedy_fen > 0));

-- The queue, by deadline: of the merchant, of a state, of a store, of whoever claimed it.
create index cases_queue on cases (merchant_id, due_at, id) where state <> 'CLOSED';
create index cases_queue_of_state on cases (merchant_id, state, due_at, id) where state <> 'CLOSED';
create index cases_queue_of_store on cases (merchant_id, store_id, due_at, id) where state <> 'CLOSED';
create index cases_queue_of_person on cases (merchant_id, claimed_by, due_at, id) where claimed_by <> '';
