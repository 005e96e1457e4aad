-- Which browsers may see the whole page of a receipt, and how often somebody tried to prove it was theirs.

set lock_timeout = '5s';

-- `id`: of the payment. `visitors`: keyed digests of browsers' cookies, the first that opened the page before the others.
create table visits (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  opened_at timestamptz not null,
  visitors text collate "C" not null check (visitors <> ''),
  tries bigint not null check (tries >= 0),
  primary key (merchant_id, id)
);

select yuanlu_tenant('visits');
