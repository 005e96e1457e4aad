-- Who was shown what is personal: a line a person, object and business day.

set lock_timeout = '5s';

-- `about`: the id of an object, or the path of a list.
create table readings (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version = 1),
  who text not null check (who <> ''),
  about text collate "C" not null check (about <> ''),
  sorts text collate "C" not null check (sorts <> ''),
  read_at timestamptz not null,
  primary key (merchant_id, id)
);

select yuanlu_tenant('readings', 'select, insert');
