-- Nothing: the number is kept for a room that is being built beside this one.
select 1;
