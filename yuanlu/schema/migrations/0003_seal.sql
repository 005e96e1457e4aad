-- Keys of the subjects whose personal text is sealed: forgetting one leaves the row, so that no key is made again.

set lock_timeout = '5s';

create table subject_keys (
  merchant_id text collate "C" not null references merchants,
  subject text collate "C" not null,
  wrapped text not null,
  made_at timestamptz not null,
  forgotten_at timestamptz,
  primary key (merchant_id, subject),
  check ((wrapped = '') = (forgotten_at is not null))
);
select yuanlu_tenant('subject_keys');
