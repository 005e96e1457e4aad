-- A case takes one way at a time: it says which, and which repayment it waits for, where the money goes another road.

set lock_timeout = '5s';

alter table cases
  add column way text collate "C" not null default '',
  add column repayment_id text collate "C" not null default '';
alter table cases drop constraint cases_approved_has_refund;
alter table cases add constraint cases_approved_has_refund check (
  state <> 'REMEDY' or remedy = 'cancel' or remedy_fen > 0 and (refund_id <> '' or remedy = 'repayment' and repayment_id <> '')
);
-- The windows of a payment follow from when it was sent and paid; nothing ever read when its end began.
alter table payments drop column reverse_at;
-- The road is shut too where the channel takes no further part.
alter table repayments drop constraint repayments_because_check;
alter table repayments add constraint repayments_because_check
  check (because in ('window_over', 'no_parts_left', 'refund_refused'));
