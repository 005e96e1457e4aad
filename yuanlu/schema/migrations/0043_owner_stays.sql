-- The last owner of all stores stays one, whichever way they would cease to be: by leaving, or by another role or store.

set lock_timeout = '5s';

drop trigger owner_stays on staff;
create constraint trigger owner_stays after update on staff deferrable initially deferred
  for each row when (
    old.role = 'owner' and old.store_id = '' and old.until is null
    and (new.until is not null or new.role <> 'owner' or new.store_id <> '')
  )
  execute function yuanlu_owner_stays();
