-- What each account took in and gave out on each day that is over, so that nobody adds its moves up again.

set lock_timeout = '5s';

-- A row a day on which the account moved. The moves stay what counts: these are their sums (`ledger/days.py`).
create table account_days (
  merchant_id text collate "C" not null references merchants,
  account text collate "C" not null,
  currency text collate "C" not null,
  day date not null,
  in_fen bigint not null check (in_fen >= 0),
  out_fen bigint not null check (out_fen >= 0),
  ins bigint not null check (ins >= 0),
  outs bigint not null check (outs >= 0),
  primary key (merchant_id, account, currency, day)
);

-- The first day of China whose moves are not summed yet.
create table account_days_until (
  merchant_id text collate "C" primary key references merchants,
  day date not null
);

select yuanlu_tenant('account_days', 'select, insert');
select yuanlu_tenant('account_days_until');
