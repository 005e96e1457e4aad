-- The channels' statements: which of which day are wanted, which came, what reading them found.

set lock_timeout = '5s';

-- One row a (channel, paper, day). `problems`: JSON of what reading found. `storage_key`: where its bytes lie, sealed;
-- what an earlier file of the same day said stays in the store too, under the key its fact names.
create table statements (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  channel text collate "C" not null,
  paper text collate "C" not null check (paper in ('trades', 'paid', 'refunded', 'flow')),
  day date not null,
  state text collate "C" not null check (state in ('WAITING', 'TAKEN', 'NONE')),
  wanted_by text collate "C" not null,
  wanted_at timestamptz not null,
  tries bigint not null check (tries >= 0),
  code text collate "C" not null,
  look_at timestamptz,
  absent_at timestamptz,
  taken_at timestamptz,
  taken_by text collate "C" not null,
  name text not null check (length(name) <= 200),
  digest text collate "C" not null,
  size_bytes bigint not null check (size_bytes >= 0),
  storage_key text collate "C" not null,
  layout text collate "C" not null,
  lines bigint not null check (lines >= 0),
  left_out bigint not null check (left_out >= 0),
  agrees text collate "C" not null check (agrees in ('', 'yes', 'no')),
  problems text not null check (length(problems) <= 20000),
  accounts text not null check (length(accounts) <= 1000),
  primary key (merchant_id, id),
  check ((state = 'WAITING') = (look_at is not null)),
  check ((taken_at is null) = (digest = ''))
);
create unique index statements_of_day on statements (channel, day, paper, merchant_id);

select yuanlu_tenant('statements');
