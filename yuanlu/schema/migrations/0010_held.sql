-- Held: this number belongs to another room of the refund desk.
select 1;
