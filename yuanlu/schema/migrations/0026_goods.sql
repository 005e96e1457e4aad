-- What a shop sells, at which prices since when; what its tills ask before a charge, and what cashiers answered.

set lock_timeout = '5s';

create table goods (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  barcode text collate "C" not null,
  name_zh text not null,
  name_en text not null,
  prices text not null,
  added_at timestamptz not null,
  ended_at timestamptz,
  primary key (merchant_id, id),
  check (name_zh <> '' or name_en <> '')
);
create unique index goods_by_barcode on goods (barcode, merchant_id) where barcode <> '' and ended_at is null;

-- One row a store, its id the store's.
create table guard_tunings (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  content text not null,
  set_at timestamptz not null,
  set_by text not null,
  primary key (merchant_id, id),
  foreign key (merchant_id, id) references stores
);

-- Counted by their ids, which are in the order of time; found by their sale when all about a customer is.
create table guard_questions (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  till_id text collate "C" not null,
  store_id text collate "C" not null,
  guard text collate "C" not null,
  amount_fen bigint not null check (amount_fen > 0),
  expected_fen bigint,
  reply text collate "C" not null check (reply in ('open', 'confirmed', 'changed')),
  sale_id text collate "C" not null,
  asked_at timestamptz not null,
  replied_at timestamptz,
  primary key (merchant_id, id),
  foreign key (merchant_id, till_id) references tills,
  check ((reply = 'open') = (replied_at is null)),
  check (sale_id = '' or reply <> 'open')
);
create index guard_questions_of_sale on guard_questions (sale_id, merchant_id);

select yuanlu_tenant(whole) from (values ('goods'::regclass), ('guard_tunings'), ('guard_questions')) as each (whole);
