-- Lists that were carried out of the house as a file: who, of what, found how, how many rows.

set lock_timeout = '5s';

-- `asked`: the search, as the API takes it.
create table exports (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version = 1),
  who text not null check (who <> ''),
  what text collate "C" not null check (what in ('payments', 'cases')),
  asked text not null,
  count bigint not null check (count >= 0),
  is_cut boolean not null,
  made_at timestamptz not null,
  primary key (merchant_id, id)
);

select yuanlu_tenant('exports', 'select, insert');
