-- The ground: what makes a table a tenant's, what cuts a table into months, and the merchants themselves.

create function yuanlu_tenant(tenant regclass, recorder text default 'select, insert, update') returns void
language plpgsql set search_path = pg_catalog, public, pg_temp as $$
-- Makes a table a tenant's: row-level security by merchant, forced on its owner too, and the grants of the three roles.
-- For what is only ever added to: yuanlu_tenant('moves', 'select, insert').
begin
    execute format('alter table %s enable row level security', tenant);
    execute format('alter table %s force row level security', tenant);
    execute format('create policy owner on %s to yuanlu_owner using (true) with check (true)', tenant);
    execute format('create policy recorder on %s to yuanlu_recorder using (true) with check (true)', tenant);
    -- The sub-select is evaluated once, and never before the first row is asked for: see db.read.
    execute format('create policy reader on %s for select to yuanlu_reader
        using (merchant_id = (select nullif(current_setting(''yuanlu.merchant'', true), '''')))', tenant);
    execute format('grant select on %s to yuanlu_reader', tenant);
    execute format('grant %s on %s to yuanlu_recorder', recorder, tenant);
end $$;

create function yuanlu_month_partitions(whole regclass, from_month date, months int) returns int
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set lock_timeout = '5s' as $$
-- Makes the monthly partitions of a table PARTITION BY RANGE (recorded_at), and its default one; those that are there
-- stay. Rows that meanwhile fell into the default partition move to their month. Answers how many were made.
-- A partition is made beside the table and then attached: that never blocks who writes to other months for long.
declare
    base text := (select relname from pg_class where oid = whole);
    spare text := base || '_default';
    part text;
    lower_ timestamptz;
    upper_ timestamptz;
    made int := 0;
begin
    if to_regclass('public.' || quote_ident(spare)) is null then
        execute format('create table public.%I partition of %s default', spare, whole);
        execute format('alter table public.%I enable row level security', spare);
        execute format('alter table public.%I force row level security', spare);
        execute format('create policy owner on public.%I to yuanlu_owner using (true) with check (true)', spare);
        made := made + 1;
    end if;
    for month_ in 0 .. months - 1 loop
        lower_ := (date_trunc('month', from_month::timestamp) + make_interval(months => month_)) at time zone 'UTC';
        upper_ := (date_trunc('month', from_month::timestamp) + make_interval(months => month_ + 1)) at time zone 'UTC';
        part := base || to_char(lower_ at time zone 'UTC', '_YYYY_MM');
        continue when to_regclass('public.' || quote_ident(part)) is not null;
        execute format('create table public.%I (like %s including all excluding identity)', part, whole);
        execute format('alter table public.%I enable row level security', part);
        execute format('alter table public.%I force row level security', part);
        execute format('create policy owner on public.%I to yuanlu_owner using (true) with check (true)', part);
        execute format('lock table public.%I in access exclusive mode', spare);
        execute format('with strays as (delete from public.%I where recorded_at >= %L and recorded_at < %L returning *)
            insert into public.%I select * from strays', spare, lower_, upper_, part);
        execute format('alter table %s attach partition public.%I for values from (%L) to (%L)',
            whole, part, lower_, upper_);
        made := made + 1;
    end loop;
    return made;
end $$;

create function yuanlu_months_ahead(from_month date, months int) returns int
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
-- Makes the months of every table of ours that is cut into months. Migrate and the worker call it.
begin
    return coalesce((
        select sum(yuanlu_month_partitions(cut.partrelid::regclass, from_month, months))
        from pg_partitioned_table cut join pg_class whole on whole.oid = cut.partrelid
        where cut.partstrat = 'r' and whole.relnamespace = 'public'::regnamespace
          and whole.relowner = 'yuanlu_owner'::regrole), 0);
end $$;

revoke execute on function yuanlu_tenant, yuanlu_month_partitions, yuanlu_months_ahead from public;
grant execute on function yuanlu_months_ahead to yuanlu_recorder;

create table merchants (
    merchant_id text collate "C" primary key check (merchant_id <> ''),
    name text not null check (name <> ''),
    created_at timestamptz not null
);
select yuanlu_tenant('merchants');
