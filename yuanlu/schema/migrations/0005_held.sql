-- Held for another room's number.
select 1;
