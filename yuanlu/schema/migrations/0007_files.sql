-- Files of cases: what is kept, where, and its digests; and until when the text of a subject is kept, and for what.

set lock_timeout = '5s';

create table case_files (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  state text collate "C" not null check (state in ('TAKEN', 'GONE')),
  case_id text collate "C" not null,
  number bigint not null check (number > 0),
  media text collate "C" not null,
  size_bytes bigint not null check (size_bytes > 0),
  width bigint not null,
  height bigint not null,
  pages bigint not null,
  digest_original text collate "C" not null,
  digest_kept text collate "C" not null,
  storage_key text collate "C" not null,
  name text not null,
  audience text collate "C" not null,
  stripped text collate "C" not null,
  masked text collate "C" not null,
  taken_by text not null,
  taken_at timestamptz not null,
  opened_times bigint not null,
  gone_at timestamptz,
  gone_why text collate "C" not null,
  primary key (merchant_id, id),
  foreign key (merchant_id, case_id) references cases,
  check ((state = 'GONE') = (gone_at is not null))
);
-- Numbers run from 1 to the limit: however many hand files in at once, no case has more.
create unique index case_files_number on case_files (case_id, number, merchant_id);
select yuanlu_tenant('case_files');

-- What a subject's text is kept for, and until when; empty: as long as the rule for its kind says (keeping.toml).
alter table subject_keys add column purpose text collate "C" not null default '';
alter table subject_keys add column keep_until timestamptz;
alter table subject_keys add column forgotten_by text not null default '';
alter table subject_keys add column forgotten_why text collate "C" not null default '';
create index subject_keys_until on subject_keys (merchant_id, keep_until) where keep_until is not null and wrapped <> '';
