-- Somebody's last session is found at once, and a merchant keeps an owner of all stores, whoever ends whom at once.

set lock_timeout = '5s';

create index sessions_last on sessions (staff_id, merchant_id, id);

create function yuanlu_owner_stays() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
-- Two owners may end each other at the same moment. The second waits here for the first, and then sees what it did: it
-- is told as a place that is taken, so it is decided again and refused.
begin
    perform from merchants where merchant_id = new.merchant_id for no key update;
    if not exists (
        select from staff
        where merchant_id = new.merchant_id and role = 'owner' and store_id = '' and until is null
    ) then
        raise exception 'the last owner stays' using errcode = 'unique_violation', table = 'staff';
    end if;
    return null;
end $$;
revoke execute on function yuanlu_owner_stays from public;

create constraint trigger owner_stays after update on staff deferrable initially deferred
  for each row when (old.role = 'owner' and old.store_id = '' and old.until is null and new.until is not null)
  execute function yuanlu_owner_stays();
