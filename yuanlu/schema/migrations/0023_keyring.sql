-- A channel's secrets, sealed; and what secrets a merchant has, when each was turned over and when it ends.

set lock_timeout = '5s';

-- Rows of before are sealed by the first process of this release that starts: this holds what is written from now on.
alter table channel_accounts
  add column sealed text not null default '',
  add constraint channel_accounts_tell_no_secret
    check (config !~ '"(apiv3_key|v2_key)"' and config !~ 'PRIVATE KEY') not valid;

create table keyring (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  kind text collate "C" not null,
  mark text collate "C" not null,
  ends_at timestamptz,
  warned_days bigint,
  changed_at timestamptz not null,
  gone_at timestamptz,
  primary key (merchant_id, id)
);
create index keyring_ends on keyring (ends_at) where ends_at is not null;
select yuanlu_tenant('keyring');
