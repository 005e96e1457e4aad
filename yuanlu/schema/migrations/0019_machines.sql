-- Keys of machines: what each may do, until when, how its secret turns over, and the tills that sign what they ask.

set lock_timeout = '5s';

alter table api_keys
  add column version bigint not null default 1 check (version > 0),
  add column scopes text collate "C" not null default '',
  add column until timestamptz,
  add column old_digest bytea not null default '',
  add column old_until timestamptz,
  add column till_id text collate "C" not null default '',
  add column public_key text collate "C" not null default '',
  add column enrol_mark text collate "C" not null default '',
  add column enrol_until timestamptz,
  -- A till's key counts with a signature alone: one without a public key is not enrolled and opens nothing.
  add constraint api_keys_of_tills_sign check (till_id = '' or (digest = '') = (public_key = '')),
  add constraint api_keys_old_ends check ((old_digest = '') = (old_until is null)),
  add constraint api_keys_codes_end check ((enrol_mark = '') = (enrol_until is null));
create unique index api_keys_enrolling on api_keys (enrol_mark, merchant_id) where enrol_mark <> '';
create index api_keys_of_till on api_keys (till_id, merchant_id) where till_id <> '';

alter table tills
  add column version bigint not null default 1 check (version > 0),
  add column closed_at timestamptz;
create constraint trigger keys_changed after update or delete on tills deferrable initially deferred
  for each row execute function yuanlu_keys_changed();

-- When a key was last used: beside it, so that using a key changes no key.
create table key_uses (
  merchant_id text collate "C" not null,
  id text collate "C" not null,
  used_at timestamptz not null,
  primary key (merchant_id, id),
  foreign key (merchant_id, id) references api_keys
);
select yuanlu_tenant('key_uses');

-- What a till has signed, once, for as long as its signature could count.
create table key_nonces (
  merchant_id text collate "C" not null,
  key_id text collate "C" not null,
  nonce text collate "C" not null,
  signed_at timestamptz not null,
  primary key (merchant_id, key_id, nonce)
);
create index key_nonces_old on key_nonces (signed_at);
select yuanlu_tenant('key_nonces', 'select, insert, delete');
