-- The channel's own figures of a payment and a refund, and what was sold: so that every fen can be explained.

set lock_timeout = '5s';

-- One text each, empty where nothing was said: `payer=1080,coupon=200,settled=1280`, in fen. See channels.contract.Figures.
alter table payments
  add column figures text collate "C" not null default '',
  add column lines text not null default '';
alter table refunds
  add column figures text collate "C" not null default '',
  add column lines text not null default '',
  add column line_turn bigint not null default 0;
-- Refunds by line of one payment are decided one after the other: two at once must not give the same line back twice.
create unique index refunds_line_turns on refunds (payment_id, line_turn, merchant_id) where line_turn > 0;
