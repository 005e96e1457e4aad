-- What payers complain of at the channels, and what we answer: heard once each, answered once each.

set lock_timeout = '5s';

create table complaints (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  state text collate "C" not null check (state in ('NEW', 'ANSWERED', 'REFUND_PROMISED', 'FINISHED')),
  channel text collate "C" not null,
  channel_id text collate "C" not null check (channel_id <> ''),
  channel_state text collate "C" not null,
  payment_id text collate "C" not null,
  order_number text collate "C" not null,
  channel_number text collate "C" not null,
  kind text not null,
  asks_refund boolean not null,
  asked_fen bigint,
  paid_fen bigint,
  times bigint not null,
  is_refunded boolean not null,
  complained_at timestamptz not null,
  heard_at timestamptz not null,
  reply_by timestamptz,
  answered_at timestamptz,
  promised_at timestamptz,
  promised_by timestamptz,
  declined_at timestamptz,
  finished_at timestamptz,
  sealed text not null,
  digest text collate "C" not null,
  entries bigint not null,
  asked_at timestamptz,
  looks bigint not null,
  last_word text collate "C" not null,
  code text not null,
  last_notice text collate "C" not null,
  alarm text collate "C" not null,
  primary key (merchant_id, id)
);
-- Heard twice is one, whichever of list, query and notice was first.
create unique index complaints_once on complaints (channel_id, channel, merchant_id);
create index complaints_of_payment on complaints (payment_id, merchant_id) where payment_id <> '';

create table complaint_pulls (
  merchant_id text collate "C" not null references merchants,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  pulled_to timestamptz,
  asked_at timestamptz,
  looks bigint not null,
  named text collate "C" not null,
  notified boolean not null,
  last_word text collate "C" not null,
  code text not null,
  primary key (merchant_id, id)
);

create table complaint_images (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  complaint_id text collate "C" not null,
  side text collate "C" not null check (side in ('payer', 'merchant', 'platform')),
  kind text collate "C" not null,
  digest text collate "C" not null,
  bytes bigint not null check (bytes > 0),
  sealed text not null,
  media text collate "C" not null,
  at timestamptz not null,
  primary key (merchant_id, id),
  foreign key (merchant_id, complaint_id) references complaints
);
create index complaint_images_of on complaint_images (complaint_id, merchant_id);

create table complaint_answers (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  complaint_id text collate "C" not null,
  what text collate "C" not null check (what in ('reply', 'feedback', 'supplement', 'promise', 'decline', 'finish')),
  state text collate "C" not null check (state in ('READY', 'SENT', 'WAITING', 'DONE', 'REFUSED', 'STOPPED')),
  sealed text not null,
  mark text collate "C" not null,
  fingerprint text collate "C" not null,
  days bigint not null check (days >= 0),
  feedback_code text collate "C" not null,
  images text collate "C" not null,
  written_at timestamptz not null,
  written_by text not null,
  sent_at timestamptz,
  sent_times bigint not null,
  absent_at timestamptz,
  looks bigint not null,
  waits bigint not null,
  ended_at timestamptz,
  last_word text collate "C" not null,
  code text not null,
  primary key (merchant_id, id),
  foreign key (merchant_id, complaint_id) references complaints
);
create index complaint_answers_of on complaint_answers (complaint_id, merchant_id);
-- A refund is decided once, and a complaint finished by one answer at a time, whoever asks at the same moment.
create unique index complaint_answers_decided_once on complaint_answers (complaint_id, merchant_id)
  where what in ('promise', 'decline') and state not in ('REFUSED', 'STOPPED');
create unique index complaint_answers_one_finish on complaint_answers (complaint_id, merchant_id)
  where what = 'finish' and state in ('READY', 'SENT', 'WAITING');

select yuanlu_tenant(whole) from (values ('complaints'::regclass), ('complaint_pulls'), ('complaint_images'),
  ('complaint_answers')) as each (whole);
