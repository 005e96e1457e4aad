-- Policies: decision tables in versions that are never changed; the one in force is frozen onto each payment.

set lock_timeout = '5s';

create table policies (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version = 1),
  store_id text collate "C" not null,
  content text not null check (octet_length(content) between 1 and 65536),
  digest text collate "C" not null,
  valid_from timestamptz not null,
  made_at timestamptz not null,
  made_by text not null,
  primary key (merchant_id, id),
  check (valid_from >= made_at)
);
create index policies_in_force on policies (merchant_id, store_id, valid_from, id);
select yuanlu_tenant('policies', 'select, insert');

alter table payments add column policy text collate "C" not null default '';
