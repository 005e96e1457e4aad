-- A case about a charge that was made twice knows the other one; of a pair, one case sends money back.

set lock_timeout = '5s';

alter table cases add column twin_id text collate "C" not null default '';

-- Between two decisions at once too. `cases.twins.holds` says the same of a row; a test compares them.
create unique index cases_one_of_twins on cases (least(payment_id, twin_id), greatest(payment_id, twin_id), merchant_id)
  where twin_id <> '' and (
    state in ('SECOND', 'OFFERED')
    or (state = 'REMEDY' and remedy <> 'cancel')
    or (state = 'ATTENTION' and refund_id <> '')
    or (state = 'CLOSED' and conclusion in ('money_back', 'settled_otherwise')));
