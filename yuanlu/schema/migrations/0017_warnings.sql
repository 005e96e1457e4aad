-- A case warns before a window shuts, says how sure its promised day is, and since when it is overdue.

set lock_timeout = '5s';

alter table cases
  add column warn_at timestamptz,
  add column warned text collate "C" not null default '',
  add column promised_certain boolean not null default true,
  add column promise_broken boolean not null default false,
  add column overdue_since timestamptz;

-- What was open before is looked at now: its clock finds the windows that are about to shut.
update cases set warn_at = now() where state <> 'CLOSED';
insert into jobs (merchant_id, name, object_id, run_at)
  select merchant_id, 'cases.clock', id, now() from cases where state <> 'CLOSED'
  on conflict (merchant_id, name, object_id) do update set run_at = least(jobs.run_at, excluded.run_at);
