-- Who wants to become a merchant: one application a row, with its papers, under the installation's own tenant.

set lock_timeout = '5s';

-- `sealed`, `reasons`: JSON, sealed under the key of the application itself. `papers`: JSON of what each is and where its
-- sealed content lies; never what it shows.
create table applications (
  merchant_id text collate "C" not null references merchants check (merchant_id = 'YM000000000000000000000000009'),
  id text collate "C" not null,
  version bigint not null check (version > 0),
  state text collate "C" not null
    check (state in ('DRAFT', 'SUBMITTED', 'RETURNED', 'APPROVED', 'OPENED', 'DECLINED', 'WITHDRAWN')),
  applicant_id text collate "C" not null,
  name text not null check (length(name) <= 120),
  credit_code text collate "C" not null check (length(credit_code) <= 18),
  mcc text collate "C" not null check (length(mcc) <= 4),
  channels text collate "C" not null,
  wechat_mchid text collate "C" not null,
  alipay_app_id text collate "C" not null,
  sealed text not null check (sealed = '' or sealed like 's1.%'),
  papers text not null check (length(papers) <= 20000),
  reasons text not null check (reasons = '' or reasons like 's1.%'),
  turn bigint not null check (turn >= 0),
  invited_by text not null,
  made_at timestamptz not null,
  changed_at timestamptz not null,
  submitted_at timestamptz,
  decided_at timestamptz,
  decided_by text not null,
  opened_id text collate "C" not null,
  owner_id text collate "C" not null,
  opened_at timestamptz,
  ended_at timestamptz,
  primary key (merchant_id, id),
  foreign key (merchant_id, applicant_id) references staff,
  check ((state in ('APPROVED', 'OPENED')) = (opened_id <> '')),
  check ((state in ('DECLINED', 'WITHDRAWN')) = (ended_at is not null))
);
create unique index applications_of_applicant on applications (applicant_id, merchant_id);
-- One business is one merchant, whoever approves two applications of it at the same moment.
create unique index applications_of_code on applications (credit_code, merchant_id) where state in ('APPROVED', 'OPENED');
-- And one account at a channel is one merchant's.
create unique index applications_of_wechat on applications (wechat_mchid, merchant_id)
  where wechat_mchid <> '' and state in ('APPROVED', 'OPENED');
create unique index applications_of_alipay on applications (alipay_app_id, merchant_id)
  where alipay_app_id <> '' and state in ('APPROVED', 'OPENED');
create index applications_by_code on applications (credit_code, merchant_id) where credit_code <> '';

select yuanlu_tenant('applications');
