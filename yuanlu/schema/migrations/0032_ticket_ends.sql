-- A ticket ends once, with what was done; its words and log are sealed from now on, so that they can be forgotten.

set lock_timeout = '5s';

-- Sealed, a log is longer: up to four bytes a letter, and base64.
alter table tickets
  add column state text collate "C" not null default 'OPEN' check (state in ('OPEN', 'CLOSED')),
  add column closed_at timestamptz,
  add column closed_by text not null default '',
  add column said text not null default '',
  add check ((state = 'CLOSED') = (closed_at is not null)),
  drop constraint tickets_log_check,
  add constraint tickets_log_check check (length(log) <= 100000);
