-- Signing in: what a person proves themselves by, where they are signed in, who tried, and what was proved for one act.

set lock_timeout = '5s';

-- One row a member of staff, its id theirs: passwords and codes as hashes, the secret of codes sealed.
create table credentials (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  password text collate "C" not null,
  past text collate "C" not null,
  totp text collate "C" not null,
  totp_new text collate "C" not null,
  totp_step bigint not null,
  recovery text collate "C" not null,
  pin text collate "C" not null,
  invitation text collate "C" not null,
  invited_until timestamptz,
  forgets_second boolean not null,
  changed_at timestamptz not null,
  primary key (merchant_id, id),
  foreign key (merchant_id, id) references staff,
  check ((invitation = '') = (invited_until is null))
);
create unique index credentials_by_id on credentials (id, merchant_id);

create table passkeys (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  staff_id text collate "C" not null,
  handle text collate "C" not null check (handle <> ''),
  public_key text collate "C" not null,
  sign_count bigint not null check (sign_count >= 0),
  made_at timestamptz not null,
  used_at timestamptz,
  ended_at timestamptz,
  primary key (merchant_id, id),
  foreign key (merchant_id, staff_id) references staff
);
create unique index passkeys_by_handle on passkeys (handle, merchant_id);
create index passkeys_of_staff on passkeys (staff_id, merchant_id);

-- `proof`: the challenge a passkey answered opens one session, once. `key_id`: the till's key whose device must sign.
create table sessions (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  staff_id text collate "C" not null,
  digest text collate "C" not null check (digest <> ''),
  by text collate "C" not null check (by in ('password', 'code', 'recovery', 'passkey', 'pin')),
  proof text collate "C" not null,
  key_id text collate "C" not null,
  opened_at timestamptz not null,
  seen_at timestamptz not null,
  ends_at timestamptz not null check (ends_at > opened_at),
  ended_at timestamptz,
  primary key (merchant_id, id),
  foreign key (merchant_id, staff_id) references staff,
  check ((by = 'pin') = (key_id <> ''))
);
create unique index sessions_by_id on sessions (id, merchant_id);
create unique index sessions_by_proof on sessions (proof, merchant_id) where proof <> '';
create index sessions_of_staff on sessions (staff_id, merchant_id) where ended_at is null;
create index sessions_of_key on sessions (key_id, merchant_id) where ended_at is null and key_id <> '';

-- Counted per person and device; strangers' devices are one.
create table tries (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  tries bigint not null check (tries >= 0),
  locked_until timestamptz,
  primary key (merchant_id, id)
);

-- `proof` as above. What a step-up was used for stands in the other table, written with what it permitted.
create table step_ups (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  version bigint not null check (version > 0),
  staff_id text collate "C" not null,
  digest text collate "C" not null check (digest <> ''),
  by text collate "C" not null check (by in ('code', 'recovery', 'passkey')),
  proof text collate "C" not null,
  made_at timestamptz not null,
  until timestamptz not null,
  primary key (merchant_id, id),
  foreign key (merchant_id, staff_id) references staff
);
create unique index step_ups_by_proof on step_ups (proof, merchant_id) where proof <> '';

create table step_ups_spent (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  object_id text collate "C" not null,
  spent_at timestamptz not null default clock_timestamp(),
  primary key (merchant_id, id),
  foreign key (merchant_id, id) references step_ups
);

select yuanlu_tenant(whole) from (values ('credentials'::regclass), ('passkeys'), ('sessions'), ('tries'),
  ('step_ups')) as each (whole);
select yuanlu_tenant('step_ups_spent', 'select, insert');

-- The links of a new installation: one of them makes its first owner, and they are all gone. Of no merchant yet.
create table first_owners (
  staff_id text collate "C" primary key,
  digest text collate "C" not null check (digest <> ''),
  until timestamptz not null
);
grant select, insert, delete on first_owners to yuanlu_recorder;

-- A session that is only seen again changes nobody's rights.
create constraint trigger keys_changed after update on sessions deferrable initially deferred
  for each row when (old.ended_at is distinct from new.ended_at) execute function yuanlu_keys_changed();
create constraint trigger keys_gone after delete on sessions deferrable initially deferred
  for each row execute function yuanlu_keys_changed();
