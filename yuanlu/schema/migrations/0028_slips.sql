-- Printers, slips that are to be printed, and the page that the QR of a slip leads to.

set lock_timeout = '5s';

create table printers (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  via text collate "C" not null check (via in ('network', 'till')),
  name text not null,
  store_id text collate "C" not null,
  till_id text collate "C" not null,
  address text not null,
  paper_mm bigint not null check (paper_mm in (58, 80)),
  fingerprint text collate "C" not null,
  opened_at timestamptz not null,
  opened_by text not null,
  closed_at timestamptz,
  primary key (merchant_id, id),
  foreign key (merchant_id, store_id) references stores,
  check ((via = 'network') = (address <> ''))
);

create table prints (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  state text collate "C" not null check (state in ('QUEUED', 'SENT', 'PRINTED', 'JAMMED', 'GONE')),
  kind text collate "C" not null,
  object_id text collate "C" not null,
  turn bigint not null check (turn > 0),
  again bigint not null check (again >= 0),
  printer_id text collate "C" not null,
  via text collate "C" not null,
  store_id text collate "C" not null,
  lang text collate "C" not null,
  copies bigint not null check (copies between 1 and 3),
  fingerprint text collate "C" not null,
  opened_at timestamptz not null,
  opened_by text not null,
  sends bigint not null,
  unclear bigint not null check (unclear between 0 and sends),
  waits bigint not null,
  sent_at timestamptz,
  trouble text collate "C" not null,
  ended_at timestamptz,
  primary key (merchant_id, id),
  foreign key (merchant_id, printer_id) references printers,
  check ((state in ('PRINTED', 'GONE')) = (ended_at is not null))
);
-- Two who ask for a slip at once: the second counts the first, and its slip is marked a reprint.
create unique index prints_in_turn on prints (object_id, turn, merchant_id);
create index prints_waiting on prints (merchant_id, printer_id) where state not in ('PRINTED', 'GONE');

-- The token itself is in the QR on paper: here is its keyed hash, to be found by, and the sealed token, for a reprint.
create table receipts (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  mark text collate "C" not null check (mark <> ''),
  sealed text not null,
  opened_at timestamptz not null,
  opened_by text not null,
  primary key (merchant_id, id)
);
create unique index receipts_by_mark on receipts (mark, merchant_id);

select yuanlu_tenant('printers');
select yuanlu_tenant('prints');
select yuanlu_tenant('receipts');
