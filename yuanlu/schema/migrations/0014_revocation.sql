-- Whoever remembers that a key was good learns within a second that keys or people have changed.

create table key_epoch (
  is_one boolean primary key default true check (is_one),
  epoch bigint not null
);
insert into key_epoch (epoch) values (1);
grant select on key_epoch to yuanlu_recorder;

create function yuanlu_keys_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
-- Runs as the last thing of a transaction: its lock is held for the commit alone, and stands in nobody's way.
begin
    update key_epoch set epoch = epoch + 1;
    return null;
end $$;
revoke execute on function yuanlu_keys_changed from public;

create constraint trigger keys_changed after update or delete on api_keys deferrable initially deferred
  for each row execute function yuanlu_keys_changed();
create constraint trigger keys_changed after update or delete on staff deferrable initially deferred
  for each row execute function yuanlu_keys_changed();
