-- What a shop sells, under which barcode and at which prices, since when.

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

select yuanlu_tenant('goods');
