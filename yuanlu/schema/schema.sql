-- The sum of the migrations. Made by `python -m yuanlu.schema.dump`; do not edit.

CREATE FUNCTION public.yuanlu_month_partitions(whole regclass, from_month date, months integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET lock_timeout TO '5s'
    AS $$
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

ALTER FUNCTION public.yuanlu_month_partitions(whole regclass, from_month date, months integer) OWNER TO yuanlu_owner;

CREATE FUNCTION public.yuanlu_months_ahead(from_month date, months integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
-- Makes the months of every table of ours that is cut into months. Migrate and the worker call it.
begin
    return coalesce((
        select sum(yuanlu_month_partitions(cut.partrelid::regclass, from_month, months))
        from pg_partitioned_table cut join pg_class whole on whole.oid = cut.partrelid
        where cut.partstrat = 'r' and whole.relnamespace = 'public'::regnamespace
          and whole.relowner = 'yuanlu_owner'::regrole), 0);
end $$;

ALTER FUNCTION public.yuanlu_months_ahead(from_month date, months integer) OWNER TO yuanlu_owner;

CREATE FUNCTION public.yuanlu_tenant(tenant regclass, recorder text DEFAULT 'select, insert, update'::text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.yuanlu_tenant(tenant regclass, recorder text) OWNER TO yuanlu_owner;

CREATE TABLE public.merchants (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT merchants_merchant_id_check CHECK ((merchant_id <> ''::text)),
    CONSTRAINT merchants_name_check CHECK ((name <> ''::text))
);

ALTER TABLE ONLY public.merchants FORCE ROW LEVEL SECURITY;

ALTER TABLE public.merchants OWNER TO yuanlu_owner;

CREATE TABLE public.schema_migrations (
    number integer NOT NULL,
    name text NOT NULL,
    applied_at timestamp with time zone NOT NULL,
    sha256 text NOT NULL
);

ALTER TABLE public.schema_migrations OWNER TO yuanlu_owner;

ALTER TABLE ONLY public.merchants
    ADD CONSTRAINT merchants_pkey PRIMARY KEY (merchant_id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (number);

ALTER TABLE public.merchants ENABLE ROW LEVEL SECURITY;

CREATE POLICY owner ON public.merchants TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY reader ON public.merchants FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY recorder ON public.merchants TO yuanlu_recorder USING (true) WITH CHECK (true);

GRANT ALL ON SCHEMA public TO yuanlu_owner;

REVOKE ALL ON FUNCTION public.yuanlu_month_partitions(whole regclass, from_month date, months integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.yuanlu_months_ahead(from_month date, months integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.yuanlu_months_ahead(from_month date, months integer) TO yuanlu_recorder;

REVOKE ALL ON FUNCTION public.yuanlu_tenant(tenant regclass, recorder text) FROM PUBLIC;

GRANT SELECT ON TABLE public.merchants TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.merchants TO yuanlu_recorder;
