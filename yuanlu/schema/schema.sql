-- The sum of the migrations. Made by `python -m yuanlu.schema.dump`; do not edit.

CREATE FUNCTION public.yuanlu_keys_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
-- Runs as the last thing of a transaction: its lock is held for the commit alone, and stands in nobody's way.
begin
    update key_epoch set epoch = epoch + 1;
    return null;
end $$;

ALTER FUNCTION public.yuanlu_keys_changed() OWNER TO yuanlu_owner;

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

CREATE FUNCTION public.yuanlu_owner_stays() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.yuanlu_owner_stays() OWNER TO yuanlu_owner;

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

CREATE TABLE public.account_days (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    account text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    day date NOT NULL,
    in_fen bigint NOT NULL,
    out_fen bigint NOT NULL,
    ins bigint NOT NULL,
    outs bigint NOT NULL,
    CONSTRAINT account_days_in_fen_check CHECK ((in_fen >= 0)),
    CONSTRAINT account_days_ins_check CHECK ((ins >= 0)),
    CONSTRAINT account_days_out_fen_check CHECK ((out_fen >= 0)),
    CONSTRAINT account_days_outs_check CHECK ((outs >= 0))
);

ALTER TABLE ONLY public.account_days FORCE ROW LEVEL SECURITY;

ALTER TABLE public.account_days OWNER TO yuanlu_owner;

CREATE TABLE public.account_days_until (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    day date NOT NULL
);

ALTER TABLE ONLY public.account_days_until FORCE ROW LEVEL SECURITY;

ALTER TABLE public.account_days_until OWNER TO yuanlu_owner;

CREATE TABLE public.accounts (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    account text NOT NULL COLLATE pg_catalog."C",
    currency character(3) NOT NULL,
    balance_fen bigint NOT NULL,
    CONSTRAINT accounts_floor CHECK ((balance_fen >= 0))
);

ALTER TABLE ONLY public.accounts FORCE ROW LEVEL SECURITY;

ALTER TABLE public.accounts OWNER TO yuanlu_owner;

CREATE TABLE public.allowances (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    who text NOT NULL,
    day date NOT NULL,
    spent_fen bigint NOT NULL,
    limit_fen bigint NOT NULL,
    CONSTRAINT allowances_within_limit CHECK (((spent_fen >= 0) AND (spent_fen <= limit_fen)))
);

ALTER TABLE ONLY public.allowances FORCE ROW LEVEL SECURITY;

ALTER TABLE public.allowances OWNER TO yuanlu_owner;

CREATE TABLE public.api_keys (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    digest bytea NOT NULL,
    actor text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    revoked_at timestamp with time zone,
    staff_id text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    version bigint DEFAULT 1 NOT NULL,
    scopes text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    until timestamp with time zone,
    old_digest bytea DEFAULT '\x'::bytea NOT NULL,
    old_until timestamp with time zone,
    till_id text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    public_key text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    enrol_mark text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    enrol_until timestamp with time zone,
    CONSTRAINT api_keys_codes_end CHECK (((enrol_mark = ''::text) = (enrol_until IS NULL))),
    CONSTRAINT api_keys_of_tills_sign CHECK (((till_id = ''::text) OR ((digest = '\x'::bytea) = (public_key = ''::text)))),
    CONSTRAINT api_keys_old_ends CHECK (((old_digest = '\x'::bytea) = (old_until IS NULL))),
    CONSTRAINT api_keys_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.api_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE public.api_keys OWNER TO yuanlu_owner;

CREATE TABLE public.applications (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    applicant_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    credit_code text NOT NULL COLLATE pg_catalog."C",
    mcc text NOT NULL COLLATE pg_catalog."C",
    channels text NOT NULL COLLATE pg_catalog."C",
    wechat_mchid text NOT NULL COLLATE pg_catalog."C",
    alipay_app_id text NOT NULL COLLATE pg_catalog."C",
    sealed text NOT NULL,
    papers text NOT NULL,
    reasons text NOT NULL,
    turn bigint NOT NULL,
    invited_by text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    submitted_at timestamp with time zone,
    decided_at timestamp with time zone,
    decided_by text NOT NULL,
    opened_id text NOT NULL COLLATE pg_catalog."C",
    owner_id text NOT NULL COLLATE pg_catalog."C",
    opened_at timestamp with time zone,
    ended_at timestamp with time zone,
    CONSTRAINT applications_check CHECK (((state = ANY (ARRAY['APPROVED'::text, 'OPENED'::text])) = (opened_id <> ''::text))),
    CONSTRAINT applications_check1 CHECK (((state = ANY (ARRAY['DECLINED'::text, 'WITHDRAWN'::text])) = (ended_at IS NOT NULL))),
    CONSTRAINT applications_credit_code_check CHECK ((length(credit_code) <= 18)),
    CONSTRAINT applications_mcc_check CHECK ((length(mcc) <= 4)),
    CONSTRAINT applications_merchant_id_check CHECK ((merchant_id = 'YM000000000000000000000000009'::text)),
    CONSTRAINT applications_name_check CHECK ((length(name) <= 120)),
    CONSTRAINT applications_papers_check CHECK ((length(papers) <= 20000)),
    CONSTRAINT applications_reasons_check CHECK (((reasons = ''::text) OR (reasons ~~ 's1.%'::text))),
    CONSTRAINT applications_sealed_check CHECK (((sealed = ''::text) OR (sealed ~~ 's1.%'::text))),
    CONSTRAINT applications_state_check CHECK ((state = ANY (ARRAY['DRAFT'::text, 'SUBMITTED'::text, 'RETURNED'::text, 'APPROVED'::text, 'OPENED'::text, 'DECLINED'::text, 'WITHDRAWN'::text]))),
    CONSTRAINT applications_turn_check CHECK ((turn >= 0)),
    CONSTRAINT applications_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.applications FORCE ROW LEVEL SECURITY;

ALTER TABLE public.applications OWNER TO yuanlu_owner;

CREATE TABLE public.audit_pages (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    number integer NOT NULL,
    until timestamp with time zone NOT NULL,
    lines text NOT NULL,
    chain text NOT NULL COLLATE pg_catalog."C"
);

ALTER TABLE ONLY public.audit_pages FORCE ROW LEVEL SECURITY;

ALTER TABLE public.audit_pages OWNER TO yuanlu_owner;

CREATE TABLE public.case_files (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    case_id text NOT NULL COLLATE pg_catalog."C",
    number bigint NOT NULL,
    media text NOT NULL COLLATE pg_catalog."C",
    size_bytes bigint NOT NULL,
    width bigint NOT NULL,
    height bigint NOT NULL,
    pages bigint NOT NULL,
    digest_original text NOT NULL COLLATE pg_catalog."C",
    digest_kept text NOT NULL COLLATE pg_catalog."C",
    storage_key text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    audience text NOT NULL COLLATE pg_catalog."C",
    stripped text NOT NULL COLLATE pg_catalog."C",
    masked text NOT NULL COLLATE pg_catalog."C",
    taken_by text NOT NULL,
    taken_at timestamp with time zone NOT NULL,
    opened_times bigint NOT NULL,
    gone_at timestamp with time zone,
    gone_why text NOT NULL COLLATE pg_catalog."C",
    searched_pages bigint DEFAULT 0 NOT NULL,
    CONSTRAINT case_files_check CHECK (((state = 'GONE'::text) = (gone_at IS NOT NULL))),
    CONSTRAINT case_files_number_check CHECK ((number > 0)),
    CONSTRAINT case_files_size_bytes_check CHECK ((size_bytes > 0)),
    CONSTRAINT case_files_state_check CHECK ((state = ANY (ARRAY['TAKEN'::text, 'GONE'::text]))),
    CONSTRAINT case_files_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.case_files FORCE ROW LEVEL SECURITY;

ALTER TABLE public.case_files OWNER TO yuanlu_owner;

CREATE TABLE public.cases (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    payment_id text NOT NULL COLLATE pg_catalog."C",
    what text NOT NULL COLLATE pg_catalog."C",
    meant_fen bigint,
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL,
    remedy text NOT NULL COLLATE pg_catalog."C",
    remedy_fen bigint NOT NULL,
    refund_id text NOT NULL COLLATE pg_catalog."C",
    attempt bigint NOT NULL,
    looks bigint NOT NULL,
    conclusion text NOT NULL COLLATE pg_catalog."C",
    note text NOT NULL,
    closed_at timestamp with time zone,
    incident text NOT NULL,
    store_id text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    cause text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    asked_fen bigint,
    holder text DEFAULT 'system'::text NOT NULL COLLATE pg_catalog."C",
    due_at timestamp with time zone DEFAULT now(),
    due_what text DEFAULT 'check'::text NOT NULL COLLATE pg_catalog."C",
    due_steps bigint DEFAULT 0 NOT NULL,
    promised_on date,
    stands_since bigint DEFAULT 1 NOT NULL,
    claimed_by text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    claimed_until timestamp with time zone,
    policy text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    policy_line text DEFAULT ''::text NOT NULL,
    verdict text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    approved_fen bigint DEFAULT 0 NOT NULL,
    decided_by text DEFAULT ''::text NOT NULL,
    seconded_by text DEFAULT ''::text NOT NULL,
    reason_code text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    object_until timestamp with time zone,
    offer_kind text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    offer_fen bigint DEFAULT 0 NOT NULL,
    offer_until timestamp with time zone,
    barred text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    fault text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    fault_by text DEFAULT ''::text NOT NULL,
    escalations text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    legal_hold boolean DEFAULT false NOT NULL,
    chain text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    chain_length bigint DEFAULT 0 NOT NULL,
    said_id text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    twin_id text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    warn_at timestamp with time zone,
    warned text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    promised_certain boolean DEFAULT true NOT NULL,
    promise_broken boolean DEFAULT false NOT NULL,
    overdue_since timestamp with time zone,
    way text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    repayment_id text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT cases_approved_has_refund CHECK (((state <> 'REMEDY'::text) OR (remedy = 'cancel'::text) OR ((remedy_fen > 0) AND ((refund_id <> ''::text) OR ((remedy = 'repayment'::text) AND (repayment_id <> ''::text)))))),
    CONSTRAINT cases_asked_fen_check CHECK ((asked_fen > 0)),
    CONSTRAINT cases_one_deadline CHECK (((state = 'CLOSED'::text) OR ((holder <> ''::text) AND (due_at IS NOT NULL) AND (due_what <> ''::text)) OR (state = 'ATTENTION'::text))),
    CONSTRAINT cases_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.cases FORCE ROW LEVEL SECURITY;

ALTER TABLE public.cases OWNER TO yuanlu_owner;

CREATE TABLE public.channel_accounts (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    channel text NOT NULL COLLATE pg_catalog."C",
    config text NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    sealed text DEFAULT ''::text NOT NULL
);

ALTER TABLE ONLY public.channel_accounts FORCE ROW LEVEL SECURITY;

ALTER TABLE public.channel_accounts OWNER TO yuanlu_owner;

CREATE TABLE public.channel_setups (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    findings text NOT NULL,
    set_at timestamp with time zone,
    set_by text NOT NULL,
    checked_at timestamp with time zone,
    checked_by text NOT NULL,
    CONSTRAINT channel_setups_findings_check CHECK (((length(findings) <= 4000) AND (findings !~ 'PRIVATE KEY'::text))),
    CONSTRAINT channel_setups_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.channel_setups FORCE ROW LEVEL SECURITY;

ALTER TABLE public.channel_setups OWNER TO yuanlu_owner;

CREATE TABLE public.codes (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    wallet text NOT NULL COLLATE pg_catalog."C",
    mark text NOT NULL COLLATE pg_catalog."C",
    tail text NOT NULL,
    store_id text NOT NULL COLLATE pg_catalog."C",
    till_id text NOT NULL COLLATE pg_catalog."C",
    hangs_at text NOT NULL,
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_until timestamp with time zone,
    audit_days bigint NOT NULL,
    audited_at timestamp with time zone,
    audited_by text NOT NULL,
    found_as text NOT NULL COLLATE pg_catalog."C",
    note text NOT NULL,
    due_at timestamp with time zone,
    retired_at timestamp with time zone,
    CONSTRAINT codes_audit_days_check CHECK ((audit_days > 0)),
    CONSTRAINT codes_check CHECK ((valid_until > valid_from)),
    CONSTRAINT codes_check1 CHECK (((state = 'RETIRED'::text) = (due_at IS NULL))),
    CONSTRAINT codes_mark_check CHECK ((mark <> ''::text)),
    CONSTRAINT codes_state_check CHECK ((state = ANY (ARRAY['HANGING'::text, 'SUSPECT'::text, 'RETIRED'::text]))),
    CONSTRAINT codes_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.codes FORCE ROW LEVEL SECURITY;

ALTER TABLE public.codes OWNER TO yuanlu_owner;

CREATE TABLE public.complaint_answers (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    complaint_id text NOT NULL COLLATE pg_catalog."C",
    what text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    sealed text NOT NULL,
    mark text NOT NULL COLLATE pg_catalog."C",
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    days bigint NOT NULL,
    feedback_code text NOT NULL COLLATE pg_catalog."C",
    images text NOT NULL COLLATE pg_catalog."C",
    written_at timestamp with time zone NOT NULL,
    written_by text NOT NULL,
    sent_at timestamp with time zone,
    sent_times bigint NOT NULL,
    absent_at timestamp with time zone,
    looks bigint NOT NULL,
    waits bigint NOT NULL,
    ended_at timestamp with time zone,
    last_word text NOT NULL COLLATE pg_catalog."C",
    code text NOT NULL,
    CONSTRAINT complaint_answers_days_check CHECK ((days >= 0)),
    CONSTRAINT complaint_answers_state_check CHECK ((state = ANY (ARRAY['READY'::text, 'SENT'::text, 'WAITING'::text, 'DONE'::text, 'REFUSED'::text, 'STOPPED'::text]))),
    CONSTRAINT complaint_answers_version_check CHECK ((version > 0)),
    CONSTRAINT complaint_answers_what_check CHECK ((what = ANY (ARRAY['reply'::text, 'feedback'::text, 'supplement'::text, 'promise'::text, 'decline'::text, 'finish'::text])))
);

ALTER TABLE ONLY public.complaint_answers FORCE ROW LEVEL SECURITY;

ALTER TABLE public.complaint_answers OWNER TO yuanlu_owner;

CREATE TABLE public.complaint_images (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    complaint_id text NOT NULL COLLATE pg_catalog."C",
    side text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL COLLATE pg_catalog."C",
    bytes bigint NOT NULL,
    sealed text NOT NULL,
    media text NOT NULL COLLATE pg_catalog."C",
    at timestamp with time zone NOT NULL,
    CONSTRAINT complaint_images_bytes_check CHECK ((bytes > 0)),
    CONSTRAINT complaint_images_side_check CHECK ((side = ANY (ARRAY['payer'::text, 'merchant'::text, 'platform'::text]))),
    CONSTRAINT complaint_images_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.complaint_images FORCE ROW LEVEL SECURITY;

ALTER TABLE public.complaint_images OWNER TO yuanlu_owner;

CREATE TABLE public.complaint_pulls (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    pulled_to timestamp with time zone,
    asked_at timestamp with time zone,
    looks bigint NOT NULL,
    named text NOT NULL COLLATE pg_catalog."C",
    notified boolean NOT NULL,
    last_word text NOT NULL COLLATE pg_catalog."C",
    code text NOT NULL,
    CONSTRAINT complaint_pulls_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.complaint_pulls FORCE ROW LEVEL SECURITY;

ALTER TABLE public.complaint_pulls OWNER TO yuanlu_owner;

CREATE TABLE public.complaints (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    channel text NOT NULL COLLATE pg_catalog."C",
    channel_id text NOT NULL COLLATE pg_catalog."C",
    channel_state text NOT NULL COLLATE pg_catalog."C",
    payment_id text NOT NULL COLLATE pg_catalog."C",
    order_number text NOT NULL COLLATE pg_catalog."C",
    channel_number text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    asks_refund boolean NOT NULL,
    asked_fen bigint,
    paid_fen bigint,
    times bigint NOT NULL,
    is_refunded boolean NOT NULL,
    complained_at timestamp with time zone NOT NULL,
    heard_at timestamp with time zone NOT NULL,
    reply_by timestamp with time zone,
    answered_at timestamp with time zone,
    promised_at timestamp with time zone,
    promised_by timestamp with time zone,
    declined_at timestamp with time zone,
    finished_at timestamp with time zone,
    sealed text NOT NULL,
    digest text NOT NULL COLLATE pg_catalog."C",
    entries bigint NOT NULL,
    asked_at timestamp with time zone,
    looks bigint NOT NULL,
    last_word text NOT NULL COLLATE pg_catalog."C",
    code text NOT NULL,
    last_notice text NOT NULL COLLATE pg_catalog."C",
    alarm text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT complaints_channel_id_check CHECK ((channel_id <> ''::text)),
    CONSTRAINT complaints_state_check CHECK ((state = ANY (ARRAY['NEW'::text, 'ANSWERED'::text, 'REFUND_PROMISED'::text, 'FINISHED'::text]))),
    CONSTRAINT complaints_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.complaints FORCE ROW LEVEL SECURITY;

ALTER TABLE public.complaints OWNER TO yuanlu_owner;

CREATE TABLE public.credentials (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    password text NOT NULL COLLATE pg_catalog."C",
    past text NOT NULL COLLATE pg_catalog."C",
    totp text NOT NULL COLLATE pg_catalog."C",
    totp_new text NOT NULL COLLATE pg_catalog."C",
    totp_step bigint NOT NULL,
    recovery text NOT NULL COLLATE pg_catalog."C",
    pin text NOT NULL COLLATE pg_catalog."C",
    invitation text NOT NULL COLLATE pg_catalog."C",
    invited_until timestamp with time zone,
    forgets_second boolean NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT credentials_check CHECK (((invitation = ''::text) = (invited_until IS NULL))),
    CONSTRAINT credentials_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.credentials FORCE ROW LEVEL SECURITY;

ALTER TABLE public.credentials OWNER TO yuanlu_owner;

CREATE TABLE public.deliveries (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    hook_id text NOT NULL COLLATE pg_catalog."C",
    object_id text NOT NULL COLLATE pg_catalog."C",
    transition bigint NOT NULL,
    seq bigint NOT NULL,
    sent bigint NOT NULL,
    attempts bigint NOT NULL,
    failing_since timestamp with time zone,
    next_at timestamp with time zone,
    why text NOT NULL COLLATE pg_catalog."C",
    opened_at timestamp with time zone NOT NULL,
    CONSTRAINT deliveries_transition_check CHECK ((transition >= 0)),
    CONSTRAINT deliveries_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.deliveries FORCE ROW LEVEL SECURITY;

ALTER TABLE public.deliveries OWNER TO yuanlu_owner;

CREATE TABLE public.drills (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    account text NOT NULL COLLATE pg_catalog."C",
    drill text NOT NULL COLLATE pg_catalog."C",
    outcome text NOT NULL COLLATE pg_catalog."C",
    seconds bigint NOT NULL,
    mistake text NOT NULL,
    done_at timestamp with time zone NOT NULL,
    CONSTRAINT drills_outcome_check CHECK ((outcome = ANY (ARRAY['right'::text, 'slow'::text, 'mistake'::text, 'stopped'::text]))),
    CONSTRAINT drills_seconds_check CHECK (((seconds >= 0) AND (seconds <= 3600))),
    CONSTRAINT drills_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.drills FORCE ROW LEVEL SECURITY;

ALTER TABLE public.drills OWNER TO yuanlu_owner;

CREATE TABLE public.evidence (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    recorded_at timestamp with time zone NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    object_id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    at timestamp with time zone NOT NULL,
    operation text NOT NULL COLLATE pg_catalog."C",
    status integer NOT NULL,
    took_ms integer NOT NULL,
    digest text NOT NULL COLLATE pg_catalog."C",
    body text NOT NULL
)
PARTITION BY RANGE (recorded_at);

ALTER TABLE ONLY public.evidence FORCE ROW LEVEL SECURITY;

ALTER TABLE public.evidence OWNER TO yuanlu_owner;

CREATE TABLE public.evidence_default (
    merchant_id text CONSTRAINT evidence_merchant_id_not_null NOT NULL COLLATE pg_catalog."C",
    recorded_at timestamp with time zone CONSTRAINT evidence_recorded_at_not_null NOT NULL,
    id text CONSTRAINT evidence_id_not_null NOT NULL COLLATE pg_catalog."C",
    object_id text CONSTRAINT evidence_object_id_not_null NOT NULL COLLATE pg_catalog."C",
    kind text CONSTRAINT evidence_kind_not_null NOT NULL COLLATE pg_catalog."C",
    at timestamp with time zone CONSTRAINT evidence_at_not_null NOT NULL,
    operation text CONSTRAINT evidence_operation_not_null NOT NULL COLLATE pg_catalog."C",
    status integer CONSTRAINT evidence_status_not_null NOT NULL,
    took_ms integer CONSTRAINT evidence_took_ms_not_null NOT NULL,
    digest text CONSTRAINT evidence_digest_not_null NOT NULL COLLATE pg_catalog."C",
    body text CONSTRAINT evidence_body_not_null NOT NULL
);

ALTER TABLE ONLY public.evidence_default FORCE ROW LEVEL SECURITY;

ALTER TABLE public.evidence_default OWNER TO yuanlu_owner;

CREATE TABLE public.exports (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    who text NOT NULL,
    what text NOT NULL COLLATE pg_catalog."C",
    asked text NOT NULL,
    count bigint NOT NULL,
    is_cut boolean NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT exports_count_check CHECK ((count >= 0)),
    CONSTRAINT exports_version_check CHECK ((version = 1)),
    CONSTRAINT exports_what_check CHECK ((what = ANY (ARRAY['payments'::text, 'cases'::text]))),
    CONSTRAINT exports_who_check CHECK ((who <> ''::text))
);

ALTER TABLE ONLY public.exports FORCE ROW LEVEL SECURITY;

ALTER TABLE public.exports OWNER TO yuanlu_owner;

CREATE TABLE public.facts (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    recorded_at timestamp with time zone NOT NULL,
    object_id text NOT NULL COLLATE pg_catalog."C",
    transition integer NOT NULL,
    seq integer NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    who text NOT NULL,
    at timestamp with time zone NOT NULL,
    evidence_id text NOT NULL COLLATE pg_catalog."C",
    body text NOT NULL
)
PARTITION BY RANGE (recorded_at);

ALTER TABLE ONLY public.facts FORCE ROW LEVEL SECURITY;

ALTER TABLE public.facts OWNER TO yuanlu_owner;

CREATE TABLE public.facts_default (
    merchant_id text CONSTRAINT facts_merchant_id_not_null NOT NULL COLLATE pg_catalog."C",
    recorded_at timestamp with time zone CONSTRAINT facts_recorded_at_not_null NOT NULL,
    object_id text CONSTRAINT facts_object_id_not_null NOT NULL COLLATE pg_catalog."C",
    transition integer CONSTRAINT facts_transition_not_null NOT NULL,
    seq integer CONSTRAINT facts_seq_not_null NOT NULL,
    kind text CONSTRAINT facts_kind_not_null NOT NULL COLLATE pg_catalog."C",
    who text CONSTRAINT facts_who_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT facts_at_not_null NOT NULL,
    evidence_id text CONSTRAINT facts_evidence_id_not_null NOT NULL COLLATE pg_catalog."C",
    body text CONSTRAINT facts_body_not_null NOT NULL
);

ALTER TABLE ONLY public.facts_default FORCE ROW LEVEL SECURITY;

ALTER TABLE public.facts_default OWNER TO yuanlu_owner;

CREATE TABLE public.first_owners (
    staff_id text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL COLLATE pg_catalog."C",
    until timestamp with time zone NOT NULL,
    CONSTRAINT first_owners_digest_check CHECK ((digest <> ''::text))
);

ALTER TABLE public.first_owners OWNER TO yuanlu_owner;

CREATE TABLE public.floats (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    short_fen bigint NOT NULL,
    need_fen bigint NOT NULL,
    known_fen bigint NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT floats_short_fen_check CHECK ((short_fen >= 0)),
    CONSTRAINT floats_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.floats FORCE ROW LEVEL SECURITY;

ALTER TABLE public.floats OWNER TO yuanlu_owner;

CREATE TABLE public.goods (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    barcode text NOT NULL COLLATE pg_catalog."C",
    name_zh text NOT NULL,
    name_en text NOT NULL,
    prices text NOT NULL,
    added_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT goods_check CHECK (((name_zh <> ''::text) OR (name_en <> ''::text))),
    CONSTRAINT goods_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.goods FORCE ROW LEVEL SECURITY;

ALTER TABLE public.goods OWNER TO yuanlu_owner;

CREATE TABLE public.guard_questions (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    till_id text NOT NULL COLLATE pg_catalog."C",
    store_id text NOT NULL COLLATE pg_catalog."C",
    guard text NOT NULL COLLATE pg_catalog."C",
    amount_fen bigint NOT NULL,
    expected_fen bigint,
    reply text NOT NULL COLLATE pg_catalog."C",
    sale_id text NOT NULL COLLATE pg_catalog."C",
    asked_at timestamp with time zone NOT NULL,
    replied_at timestamp with time zone,
    CONSTRAINT guard_questions_amount_fen_check CHECK ((amount_fen > 0)),
    CONSTRAINT guard_questions_check CHECK (((reply = 'open'::text) = (replied_at IS NULL))),
    CONSTRAINT guard_questions_check1 CHECK (((sale_id = ''::text) OR (reply <> 'open'::text))),
    CONSTRAINT guard_questions_reply_check CHECK ((reply = ANY (ARRAY['open'::text, 'confirmed'::text, 'changed'::text]))),
    CONSTRAINT guard_questions_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.guard_questions FORCE ROW LEVEL SECURITY;

ALTER TABLE public.guard_questions OWNER TO yuanlu_owner;

CREATE TABLE public.guard_tunings (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    content text NOT NULL,
    set_at timestamp with time zone NOT NULL,
    set_by text NOT NULL,
    CONSTRAINT guard_tunings_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.guard_tunings FORCE ROW LEVEL SECURITY;

ALTER TABLE public.guard_tunings OWNER TO yuanlu_owner;

CREATE TABLE public.handovers (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    side text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    voucher text NOT NULL,
    said text NOT NULL,
    amount_fen bigint,
    channel text NOT NULL COLLATE pg_catalog."C",
    happened_at timestamp with time zone,
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL,
    payment_id text NOT NULL COLLATE pg_catalog."C",
    case_id text NOT NULL COLLATE pg_catalog."C",
    ended_at timestamp with time zone,
    CONSTRAINT handovers_amount_fen_check CHECK ((amount_fen > 0)),
    CONSTRAINT handovers_check CHECK (((side = 'taking'::text) OR ((payment_id = ''::text) AND (case_id = ''::text)))),
    CONSTRAINT handovers_side_check CHECK ((side = ANY (ARRAY['asking'::text, 'taking'::text]))),
    CONSTRAINT handovers_state_check CHECK ((state = ANY (ARRAY['ASKED'::text, 'HANDED'::text, 'DONE'::text, 'DECLINED'::text]))),
    CONSTRAINT handovers_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.handovers FORCE ROW LEVEL SECURITY;

ALTER TABLE public.handovers OWNER TO yuanlu_owner;

CREATE TABLE public.hooks (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    way text NOT NULL COLLATE pg_catalog."C",
    about text NOT NULL COLLATE pg_catalog."C",
    kinds text NOT NULL COLLATE pg_catalog."C",
    lang text NOT NULL COLLATE pg_catalog."C",
    shown text NOT NULL,
    target text NOT NULL,
    secret text NOT NULL,
    old_secret text NOT NULL,
    old_until timestamp with time zone,
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL,
    failures bigint NOT NULL,
    failing_since timestamp with time zone,
    resume_at timestamp with time zone,
    why text NOT NULL COLLATE pg_catalog."C",
    disabled_at timestamp with time zone,
    replay_since timestamp with time zone,
    replay_after text NOT NULL COLLATE pg_catalog."C",
    replay_again boolean NOT NULL,
    CONSTRAINT hooks_failures_check CHECK ((failures >= 0)),
    CONSTRAINT hooks_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.hooks FORCE ROW LEVEL SECURITY;

ALTER TABLE public.hooks OWNER TO yuanlu_owner;

CREATE TABLE public.jobs (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    object_id text NOT NULL COLLATE pg_catalog."C",
    run_at timestamp with time zone NOT NULL,
    lease_until timestamp with time zone,
    lease_token text COLLATE pg_catalog."C",
    attempts integer DEFAULT 0 NOT NULL
);

ALTER TABLE ONLY public.jobs FORCE ROW LEVEL SECURITY;

ALTER TABLE public.jobs OWNER TO yuanlu_owner;

CREATE TABLE public.key_epoch (
    is_one boolean DEFAULT true NOT NULL,
    epoch bigint NOT NULL,
    CONSTRAINT key_epoch_is_one_check CHECK (is_one)
);

ALTER TABLE public.key_epoch OWNER TO yuanlu_owner;

CREATE TABLE public.key_nonces (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    key_id text NOT NULL COLLATE pg_catalog."C",
    nonce text NOT NULL COLLATE pg_catalog."C",
    signed_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.key_nonces FORCE ROW LEVEL SECURITY;

ALTER TABLE public.key_nonces OWNER TO yuanlu_owner;

CREATE TABLE public.key_uses (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    used_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.key_uses FORCE ROW LEVEL SECURITY;

ALTER TABLE public.key_uses OWNER TO yuanlu_owner;

CREATE TABLE public.keyring (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    mark text NOT NULL COLLATE pg_catalog."C",
    ends_at timestamp with time zone,
    warned_days bigint,
    changed_at timestamp with time zone NOT NULL,
    gone_at timestamp with time zone,
    CONSTRAINT keyring_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.keyring FORCE ROW LEVEL SECURITY;

ALTER TABLE public.keyring OWNER TO yuanlu_owner;

CREATE TABLE public.limits (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    content text NOT NULL,
    proposed_at timestamp with time zone NOT NULL,
    proposed_by text NOT NULL,
    agreed_at timestamp with time zone,
    agreed_by text NOT NULL,
    CONSTRAINT limits_check CHECK (((state = 'AGREED'::text) = (agreed_at IS NOT NULL))),
    CONSTRAINT limits_state_check CHECK ((state = ANY (ARRAY['PROPOSED'::text, 'AGREED'::text]))),
    CONSTRAINT limits_two_people CHECK ((agreed_by <> proposed_by)),
    CONSTRAINT limits_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.limits FORCE ROW LEVEL SECURITY;

ALTER TABLE public.limits OWNER TO yuanlu_owner;

CREATE TABLE public.losses (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    case_id text NOT NULL COLLATE pg_catalog."C",
    cause text NOT NULL COLLATE pg_catalog."C",
    bearer text NOT NULL COLLATE pg_catalog."C",
    amount_fen bigint NOT NULL,
    recovered_fen bigint NOT NULL,
    written_off_fen bigint NOT NULL,
    currency character(3) NOT NULL,
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    recorded_at timestamp with time zone NOT NULL,
    recorded_by text NOT NULL,
    settled_at timestamp with time zone,
    CONSTRAINT losses_amount_fen_check CHECK ((amount_fen > 0)),
    CONSTRAINT losses_bearer_check CHECK ((bearer = ANY (ARRAY['merchant'::text, 'cashier'::text, 'provider'::text, 'payer'::text]))),
    CONSTRAINT losses_check CHECK (((state = 'SETTLED'::text) = ((recovered_fen + written_off_fen) = amount_fen))),
    CONSTRAINT losses_recovered_fen_check CHECK ((recovered_fen >= 0)),
    CONSTRAINT losses_settled_within_amount CHECK (((recovered_fen + written_off_fen) <= amount_fen)),
    CONSTRAINT losses_version_check CHECK ((version > 0)),
    CONSTRAINT losses_written_off_fen_check CHECK ((written_off_fen >= 0))
);

ALTER TABLE ONLY public.losses FORCE ROW LEVEL SECURITY;

ALTER TABLE public.losses OWNER TO yuanlu_owner;

CREATE TABLE public.mailings (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    object_id text NOT NULL COLLATE pg_catalog."C",
    turn bigint NOT NULL,
    store_id text NOT NULL COLLATE pg_catalog."C",
    way text NOT NULL COLLATE pg_catalog."C",
    lang text NOT NULL COLLATE pg_catalog."C",
    shown text NOT NULL,
    target text NOT NULL,
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL,
    attempts bigint NOT NULL,
    trouble text NOT NULL COLLATE pg_catalog."C",
    ended_at timestamp with time zone,
    CONSTRAINT mailings_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT mailings_check CHECK (((state = 'QUEUED'::text) = (ended_at IS NULL))),
    CONSTRAINT mailings_check1 CHECK (((state = 'QUEUED'::text) OR (target = ''::text))),
    CONSTRAINT mailings_state_check CHECK ((state = ANY (ARRAY['QUEUED'::text, 'SENT'::text, 'GONE'::text]))),
    CONSTRAINT mailings_turn_check CHECK (((turn >= 1) AND (turn <= 3))),
    CONSTRAINT mailings_version_check CHECK ((version > 0)),
    CONSTRAINT mailings_way_check CHECK ((way = ANY (ARRAY['email'::text, 'sms'::text])))
);

ALTER TABLE ONLY public.mailings FORCE ROW LEVEL SECURITY;

ALTER TABLE public.mailings OWNER TO yuanlu_owner;

CREATE TABLE public.merchant_keys (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    version integer NOT NULL,
    wrapped text NOT NULL,
    wrapped_by text NOT NULL COLLATE pg_catalog."C",
    made_at timestamp with time zone NOT NULL,
    retired_at timestamp with time zone,
    CONSTRAINT merchant_keys_check CHECK (((wrapped <> ''::text) OR (retired_at IS NOT NULL))),
    CONSTRAINT merchant_keys_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.merchant_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE public.merchant_keys OWNER TO yuanlu_owner;

CREATE TABLE public.merchants (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT merchants_merchant_id_check CHECK ((merchant_id <> ''::text)),
    CONSTRAINT merchants_name_check CHECK ((name <> ''::text))
);

ALTER TABLE ONLY public.merchants FORCE ROW LEVEL SECURITY;

ALTER TABLE public.merchants OWNER TO yuanlu_owner;

CREATE TABLE public.moves (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    recorded_at timestamp with time zone NOT NULL,
    object_id text NOT NULL COLLATE pg_catalog."C",
    transition integer NOT NULL,
    seq integer NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    target text NOT NULL COLLATE pg_catalog."C",
    amount_fen bigint NOT NULL,
    currency character(3) NOT NULL,
    CONSTRAINT moves_amount_fen_check CHECK ((amount_fen > 0)),
    CONSTRAINT moves_check CHECK ((source <> target))
)
PARTITION BY RANGE (recorded_at);

ALTER TABLE ONLY public.moves FORCE ROW LEVEL SECURITY;

ALTER TABLE public.moves OWNER TO yuanlu_owner;

CREATE TABLE public.moves_default (
    merchant_id text CONSTRAINT moves_merchant_id_not_null NOT NULL COLLATE pg_catalog."C",
    recorded_at timestamp with time zone CONSTRAINT moves_recorded_at_not_null NOT NULL,
    object_id text CONSTRAINT moves_object_id_not_null NOT NULL COLLATE pg_catalog."C",
    transition integer CONSTRAINT moves_transition_not_null NOT NULL,
    seq integer CONSTRAINT moves_seq_not_null NOT NULL,
    source text CONSTRAINT moves_source_not_null NOT NULL COLLATE pg_catalog."C",
    target text CONSTRAINT moves_target_not_null NOT NULL COLLATE pg_catalog."C",
    amount_fen bigint CONSTRAINT moves_amount_fen_not_null NOT NULL,
    currency character(3) CONSTRAINT moves_currency_not_null NOT NULL,
    CONSTRAINT moves_amount_fen_check CHECK ((amount_fen > 0)),
    CONSTRAINT moves_check CHECK ((source <> target))
);

ALTER TABLE ONLY public.moves_default FORCE ROW LEVEL SECURITY;

ALTER TABLE public.moves_default OWNER TO yuanlu_owner;

CREATE TABLE public.passkeys (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    staff_id text NOT NULL COLLATE pg_catalog."C",
    handle text NOT NULL COLLATE pg_catalog."C",
    public_key text NOT NULL COLLATE pg_catalog."C",
    sign_count bigint NOT NULL,
    made_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    ended_at timestamp with time zone,
    CONSTRAINT passkeys_handle_check CHECK ((handle <> ''::text)),
    CONSTRAINT passkeys_sign_count_check CHECK ((sign_count >= 0)),
    CONSTRAINT passkeys_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.passkeys FORCE ROW LEVEL SECURITY;

ALTER TABLE public.passkeys OWNER TO yuanlu_owner;

CREATE TABLE public.payments (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    channel text NOT NULL COLLATE pg_catalog."C",
    mode text NOT NULL COLLATE pg_catalog."C",
    till_id text NOT NULL COLLATE pg_catalog."C",
    store_id text NOT NULL COLLATE pg_catalog."C",
    amount_fen bigint NOT NULL,
    currency character(3) NOT NULL,
    back_fen bigint DEFAULT 0 NOT NULL,
    parts bigint DEFAULT 0 NOT NULL,
    description text NOT NULL,
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    code_mark text NOT NULL COLLATE pg_catalog."C",
    code_tail text NOT NULL COLLATE pg_catalog."C",
    qr text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL,
    sent_at timestamp with time zone NOT NULL,
    give_up_at timestamp with time zone NOT NULL,
    paid_at timestamp with time zone,
    ended_at timestamp with time zone,
    asked_at timestamp with time zone,
    absent_at timestamp with time zone,
    looks bigint NOT NULL,
    last_word text NOT NULL COLLATE pg_catalog."C",
    code text NOT NULL,
    reason text NOT NULL COLLATE pg_catalog."C",
    channel_number text NOT NULL COLLATE pg_catalog."C",
    payer text NOT NULL COLLATE pg_catalog."C",
    incident text NOT NULL,
    policy text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    figures text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    lines text DEFAULT ''::text NOT NULL,
    CONSTRAINT payments_amount_fen_check CHECK ((amount_fen > 0)),
    CONSTRAINT payments_back_only_of_paid CHECK (((back_fen = 0) OR (state = ANY (ARRAY['PAID'::text, 'LATE_PAID'::text])))),
    CONSTRAINT payments_back_within_amount CHECK (((back_fen >= 0) AND (back_fen <= amount_fen))),
    CONSTRAINT payments_parts_check CHECK ((parts >= 0)),
    CONSTRAINT payments_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.payments FORCE ROW LEVEL SECURITY;

ALTER TABLE public.payments OWNER TO yuanlu_owner;

CREATE TABLE public.policies (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    store_id text NOT NULL COLLATE pg_catalog."C",
    content text NOT NULL,
    digest text NOT NULL COLLATE pg_catalog."C",
    valid_from timestamp with time zone NOT NULL,
    made_at timestamp with time zone NOT NULL,
    made_by text NOT NULL,
    CONSTRAINT policies_check CHECK ((valid_from >= made_at)),
    CONSTRAINT policies_content_check CHECK (((octet_length(content) >= 1) AND (octet_length(content) <= 65536))),
    CONSTRAINT policies_version_check CHECK ((version = 1))
);

ALTER TABLE ONLY public.policies FORCE ROW LEVEL SECURITY;

ALTER TABLE public.policies OWNER TO yuanlu_owner;

CREATE TABLE public.preferences (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    zone text NOT NULL COLLATE pg_catalog."C",
    lang text NOT NULL COLLATE pg_catalog."C",
    views text NOT NULL,
    CONSTRAINT preferences_lang_check CHECK ((lang = ANY (ARRAY[''::text, 'zh'::text, 'en'::text]))),
    CONSTRAINT preferences_version_check CHECK ((version > 0)),
    CONSTRAINT preferences_views_check CHECK ((length(views) <= 60000)),
    CONSTRAINT preferences_zone_check CHECK ((zone <> ''::text))
);

ALTER TABLE ONLY public.preferences FORCE ROW LEVEL SECURITY;

ALTER TABLE public.preferences OWNER TO yuanlu_owner;

CREATE TABLE public.printers (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    via text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    store_id text NOT NULL COLLATE pg_catalog."C",
    till_id text NOT NULL COLLATE pg_catalog."C",
    address text NOT NULL,
    paper_mm bigint NOT NULL,
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT printers_check CHECK (((via = 'network'::text) = (address <> ''::text))),
    CONSTRAINT printers_paper_mm_check CHECK ((paper_mm = ANY (ARRAY[(58)::bigint, (80)::bigint]))),
    CONSTRAINT printers_version_check CHECK ((version > 0)),
    CONSTRAINT printers_via_check CHECK ((via = ANY (ARRAY['network'::text, 'till'::text])))
);

ALTER TABLE ONLY public.printers FORCE ROW LEVEL SECURITY;

ALTER TABLE public.printers OWNER TO yuanlu_owner;

CREATE TABLE public.prints (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    object_id text NOT NULL COLLATE pg_catalog."C",
    turn bigint NOT NULL,
    again bigint NOT NULL,
    printer_id text NOT NULL COLLATE pg_catalog."C",
    via text NOT NULL COLLATE pg_catalog."C",
    store_id text NOT NULL COLLATE pg_catalog."C",
    lang text NOT NULL COLLATE pg_catalog."C",
    copies bigint NOT NULL,
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL,
    sends bigint NOT NULL,
    unclear bigint NOT NULL,
    waits bigint NOT NULL,
    sent_at timestamp with time zone,
    trouble text NOT NULL COLLATE pg_catalog."C",
    ended_at timestamp with time zone,
    CONSTRAINT prints_again_check CHECK ((again >= 0)),
    CONSTRAINT prints_check CHECK (((unclear >= 0) AND (unclear <= sends))),
    CONSTRAINT prints_check1 CHECK (((state = ANY (ARRAY['PRINTED'::text, 'GONE'::text])) = (ended_at IS NOT NULL))),
    CONSTRAINT prints_copies_check CHECK (((copies >= 1) AND (copies <= 3))),
    CONSTRAINT prints_state_check CHECK ((state = ANY (ARRAY['QUEUED'::text, 'SENT'::text, 'PRINTED'::text, 'JAMMED'::text, 'GONE'::text]))),
    CONSTRAINT prints_turn_check CHECK ((turn > 0)),
    CONSTRAINT prints_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.prints FORCE ROW LEVEL SECURITY;

ALTER TABLE public.prints OWNER TO yuanlu_owner;

CREATE TABLE public.readings (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    who text NOT NULL,
    about text NOT NULL COLLATE pg_catalog."C",
    sorts text NOT NULL COLLATE pg_catalog."C",
    read_at timestamp with time zone NOT NULL,
    CONSTRAINT readings_about_check CHECK ((about <> ''::text)),
    CONSTRAINT readings_sorts_check CHECK ((sorts <> ''::text)),
    CONSTRAINT readings_version_check CHECK ((version = 1)),
    CONSTRAINT readings_who_check CHECK ((who <> ''::text))
);

ALTER TABLE ONLY public.readings FORCE ROW LEVEL SECURITY;

ALTER TABLE public.readings OWNER TO yuanlu_owner;

CREATE TABLE public.receipts (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    mark text NOT NULL COLLATE pg_catalog."C",
    sealed text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL,
    CONSTRAINT receipts_mark_check CHECK ((mark <> ''::text)),
    CONSTRAINT receipts_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.receipts FORCE ROW LEVEL SECURITY;

ALTER TABLE public.receipts OWNER TO yuanlu_owner;

CREATE TABLE public.refunds (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    payment_id text NOT NULL COLLATE pg_catalog."C",
    case_id text NOT NULL COLLATE pg_catalog."C",
    channel text NOT NULL COLLATE pg_catalog."C",
    amount_fen bigint NOT NULL,
    total_fen bigint NOT NULL,
    currency character(3) NOT NULL,
    reason text NOT NULL,
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL,
    release_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    sent_times bigint NOT NULL,
    asked_at timestamp with time zone,
    absent_at timestamp with time zone,
    unclear_since timestamp with time zone,
    looks bigint NOT NULL,
    waits bigint NOT NULL,
    last_word text NOT NULL COLLATE pg_catalog."C",
    code text NOT NULL,
    waiting_for text NOT NULL COLLATE pg_catalog."C",
    channel_number text NOT NULL COLLATE pg_catalog."C",
    received_into text NOT NULL,
    done_at timestamp with time zone,
    done_by text NOT NULL COLLATE pg_catalog."C",
    ended_at timestamp with time zone,
    proposed_by text NOT NULL,
    proposal text NOT NULL,
    recalled boolean NOT NULL,
    incident text NOT NULL,
    figures text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    lines text DEFAULT ''::text NOT NULL,
    line_turn bigint DEFAULT 0 NOT NULL,
    till_id text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT refunds_amount_fen_check CHECK ((amount_fen > 0)),
    CONSTRAINT refunds_check CHECK ((amount_fen <= total_fen)),
    CONSTRAINT refunds_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.refunds FORCE ROW LEVEL SECURITY;

ALTER TABLE public.refunds OWNER TO yuanlu_owner;

CREATE TABLE public.repayments (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    payment_id text NOT NULL COLLATE pg_catalog."C",
    case_id text NOT NULL COLLATE pg_catalog."C",
    refund_id text NOT NULL COLLATE pg_catalog."C",
    channel text NOT NULL COLLATE pg_catalog."C",
    amount_fen bigint NOT NULL,
    currency character(3) NOT NULL,
    because text NOT NULL COLLATE pg_catalog."C",
    match text NOT NULL COLLATE pg_catalog."C",
    account text NOT NULL,
    account_tail text NOT NULL,
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    forget_at timestamp with time zone NOT NULL,
    approved_at timestamp with time zone,
    approved_by text NOT NULL,
    paid_at timestamp with time zone,
    paid_by text NOT NULL,
    proof text NOT NULL COLLATE pg_catalog."C",
    ended_at timestamp with time zone,
    is_overdue boolean NOT NULL,
    is_forgotten boolean NOT NULL,
    CONSTRAINT repayments_amount_fen_check CHECK ((amount_fen > 0)),
    CONSTRAINT repayments_because_check CHECK ((because = ANY (ARRAY['window_over'::text, 'no_parts_left'::text, 'refund_refused'::text]))),
    CONSTRAINT repayments_check CHECK (((NOT is_forgotten) OR (account = ''::text))),
    CONSTRAINT repayments_match_check CHECK ((match = ANY (ARRAY['exact'::text, 'statement'::text]))),
    CONSTRAINT repayments_paid_with_proof CHECK (((state <> 'PAID'::text) OR ((approved_by <> ''::text) AND (proof <> ''::text)))),
    CONSTRAINT repayments_state_check CHECK ((state = ANY (ARRAY['PROPOSED'::text, 'APPROVED'::text, 'PAID'::text, 'REFUSED'::text, 'EXPIRED'::text]))),
    CONSTRAINT repayments_two_people CHECK (((approved_by = ''::text) OR (approved_by <> opened_by))),
    CONSTRAINT repayments_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.repayments FORCE ROW LEVEL SECURITY;

ALTER TABLE public.repayments OWNER TO yuanlu_owner;

CREATE TABLE public.schema_migrations (
    number integer NOT NULL,
    name text NOT NULL,
    applied_at timestamp with time zone NOT NULL,
    sha256 text NOT NULL
);

ALTER TABLE public.schema_migrations OWNER TO yuanlu_owner;

CREATE TABLE public.sessions (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    staff_id text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL COLLATE pg_catalog."C",
    by text NOT NULL COLLATE pg_catalog."C",
    proof text NOT NULL COLLATE pg_catalog."C",
    key_id text NOT NULL COLLATE pg_catalog."C",
    opened_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT sessions_by_check CHECK ((by = ANY (ARRAY['password'::text, 'code'::text, 'recovery'::text, 'passkey'::text, 'pin'::text]))),
    CONSTRAINT sessions_check CHECK ((ends_at > opened_at)),
    CONSTRAINT sessions_check1 CHECK (((by = 'pin'::text) = (key_id <> ''::text))),
    CONSTRAINT sessions_digest_check CHECK ((digest <> ''::text)),
    CONSTRAINT sessions_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.sessions FORCE ROW LEVEL SECURITY;

ALTER TABLE public.sessions OWNER TO yuanlu_owner;

CREATE TABLE public.shifts (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    till_id text NOT NULL COLLATE pg_catalog."C",
    store_id text NOT NULL COLLATE pg_catalog."C",
    cashier text NOT NULL,
    float_fen bigint NOT NULL,
    currency character(3) NOT NULL,
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL,
    closed_at timestamp with time zone,
    closed_by text NOT NULL,
    counted text NOT NULL,
    expected text NOT NULL,
    reasons text NOT NULL,
    safe_fen bigint NOT NULL,
    bank_fen bigint NOT NULL,
    CONSTRAINT shifts_bank_fen_check CHECK ((bank_fen >= 0)),
    CONSTRAINT shifts_check CHECK (((state = 'CLOSED'::text) = (closed_at IS NOT NULL))),
    CONSTRAINT shifts_float_fen_check CHECK ((float_fen >= 0)),
    CONSTRAINT shifts_safe_fen_check CHECK ((safe_fen >= 0)),
    CONSTRAINT shifts_state_check CHECK ((state = ANY (ARRAY['OPEN'::text, 'CLOSED'::text]))),
    CONSTRAINT shifts_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.shifts FORCE ROW LEVEL SECURITY;

ALTER TABLE public.shifts OWNER TO yuanlu_owner;

CREATE TABLE public.staff (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    role text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    store_id text NOT NULL COLLATE pg_catalog."C",
    since timestamp with time zone NOT NULL,
    until timestamp with time zone,
    CONSTRAINT staff_role_check CHECK (
CASE merchant_id
    WHEN 'YM000000000000000000000000009'::text THEN (role = ANY (ARRAY['reviewer'::text, 'applicant'::text]))
    ELSE (role = ANY (ARRAY['owner'::text, 'finance'::text, 'risk'::text, 'manager'::text, 'cashier'::text, 'trainee'::text, 'auditor'::text]))
END),
    CONSTRAINT staff_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.staff FORCE ROW LEVEL SECURITY;

ALTER TABLE public.staff OWNER TO yuanlu_owner;

CREATE TABLE public.statements (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    channel text NOT NULL COLLATE pg_catalog."C",
    paper text NOT NULL COLLATE pg_catalog."C",
    day date NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    wanted_by text NOT NULL COLLATE pg_catalog."C",
    wanted_at timestamp with time zone NOT NULL,
    tries bigint NOT NULL,
    code text NOT NULL COLLATE pg_catalog."C",
    look_at timestamp with time zone,
    absent_at timestamp with time zone,
    taken_at timestamp with time zone,
    taken_by text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    digest text NOT NULL COLLATE pg_catalog."C",
    size_bytes bigint NOT NULL,
    storage_key text NOT NULL COLLATE pg_catalog."C",
    layout text NOT NULL COLLATE pg_catalog."C",
    lines bigint NOT NULL,
    left_out bigint NOT NULL,
    agrees text NOT NULL COLLATE pg_catalog."C",
    problems text NOT NULL,
    accounts text NOT NULL,
    CONSTRAINT statements_accounts_check CHECK ((length(accounts) <= 1000)),
    CONSTRAINT statements_agrees_check CHECK ((agrees = ANY (ARRAY[''::text, 'yes'::text, 'no'::text]))),
    CONSTRAINT statements_check CHECK (((state = 'WAITING'::text) = (look_at IS NOT NULL))),
    CONSTRAINT statements_check1 CHECK (((taken_at IS NULL) = (digest = ''::text))),
    CONSTRAINT statements_left_out_check CHECK ((left_out >= 0)),
    CONSTRAINT statements_lines_check CHECK ((lines >= 0)),
    CONSTRAINT statements_name_check CHECK ((length(name) <= 200)),
    CONSTRAINT statements_paper_check CHECK ((paper = ANY (ARRAY['trades'::text, 'paid'::text, 'refunded'::text, 'flow'::text]))),
    CONSTRAINT statements_problems_check CHECK ((length(problems) <= 20000)),
    CONSTRAINT statements_size_bytes_check CHECK ((size_bytes >= 0)),
    CONSTRAINT statements_state_check CHECK ((state = ANY (ARRAY['WAITING'::text, 'TAKEN'::text, 'NONE'::text]))),
    CONSTRAINT statements_tries_check CHECK ((tries >= 0)),
    CONSTRAINT statements_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.statements FORCE ROW LEVEL SECURITY;

ALTER TABLE public.statements OWNER TO yuanlu_owner;

CREATE TABLE public.stations (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    store_id text NOT NULL COLLATE pg_catalog."C",
    beat_at timestamp with time zone,
    release text NOT NULL,
    health text NOT NULL,
    message text NOT NULL,
    message_at timestamp with time zone,
    message_by text NOT NULL,
    locked_at timestamp with time zone,
    locked_by text NOT NULL,
    locked_why text NOT NULL,
    CONSTRAINT stations_version_check CHECK ((version > 0))
)
WITH (fillfactor='70');

ALTER TABLE ONLY public.stations FORCE ROW LEVEL SECURITY;

ALTER TABLE public.stations OWNER TO yuanlu_owner;

CREATE TABLE public.step_ups (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    staff_id text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL COLLATE pg_catalog."C",
    by text NOT NULL COLLATE pg_catalog."C",
    proof text NOT NULL COLLATE pg_catalog."C",
    made_at timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    CONSTRAINT step_ups_by_check CHECK ((by = ANY (ARRAY['code'::text, 'recovery'::text, 'passkey'::text]))),
    CONSTRAINT step_ups_digest_check CHECK ((digest <> ''::text)),
    CONSTRAINT step_ups_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.step_ups FORCE ROW LEVEL SECURITY;

ALTER TABLE public.step_ups OWNER TO yuanlu_owner;

CREATE TABLE public.step_ups_spent (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    object_id text NOT NULL COLLATE pg_catalog."C",
    spent_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE ONLY public.step_ups_spent FORCE ROW LEVEL SECURITY;

ALTER TABLE public.step_ups_spent OWNER TO yuanlu_owner;

CREATE TABLE public.stores (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT stores_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.stores FORCE ROW LEVEL SECURITY;

ALTER TABLE public.stores OWNER TO yuanlu_owner;

CREATE TABLE public.subject_keys (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    wrapped text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    forgotten_at timestamp with time zone,
    forgotten_by text DEFAULT ''::text NOT NULL,
    forgotten_why text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    key_version integer,
    CONSTRAINT subject_keys_check CHECK (((wrapped = ''::text) = (forgotten_at IS NOT NULL)))
);

ALTER TABLE ONLY public.subject_keys FORCE ROW LEVEL SECURITY;

ALTER TABLE public.subject_keys OWNER TO yuanlu_owner;

CREATE TABLE public.tickets (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    till_id text NOT NULL COLLATE pg_catalog."C",
    store_id text NOT NULL COLLATE pg_catalog."C",
    about text NOT NULL COLLATE pg_catalog."C",
    cause text NOT NULL COLLATE pg_catalog."C",
    code text NOT NULL,
    note text NOT NULL,
    health text NOT NULL,
    log text NOT NULL,
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    opened_at timestamp with time zone NOT NULL,
    opened_by text NOT NULL,
    state text DEFAULT 'OPEN'::text NOT NULL COLLATE pg_catalog."C",
    closed_at timestamp with time zone,
    closed_by text DEFAULT ''::text NOT NULL,
    said text DEFAULT ''::text NOT NULL,
    CONSTRAINT tickets_check CHECK (((state = 'CLOSED'::text) = (closed_at IS NOT NULL))),
    CONSTRAINT tickets_health_check CHECK ((length(health) <= 2000)),
    CONSTRAINT tickets_log_check CHECK ((length(log) <= 100000)),
    CONSTRAINT tickets_state_check CHECK ((state = ANY (ARRAY['OPEN'::text, 'CLOSED'::text]))),
    CONSTRAINT tickets_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.tickets FORCE ROW LEVEL SECURITY;

ALTER TABLE public.tickets OWNER TO yuanlu_owner;

CREATE TABLE public.tills (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    store_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT tills_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.tills FORCE ROW LEVEL SECURITY;

ALTER TABLE public.tills OWNER TO yuanlu_owner;

CREATE TABLE public.tries (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    tries bigint NOT NULL,
    locked_until timestamp with time zone,
    CONSTRAINT tries_tries_check CHECK ((tries >= 0)),
    CONSTRAINT tries_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.tries FORCE ROW LEVEL SECURITY;

ALTER TABLE public.tries OWNER TO yuanlu_owner;

CREATE TABLE public.visits (
    merchant_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    visitors text NOT NULL COLLATE pg_catalog."C",
    tries bigint NOT NULL,
    CONSTRAINT visits_tries_check CHECK ((tries >= 0)),
    CONSTRAINT visits_version_check CHECK ((version > 0)),
    CONSTRAINT visits_visitors_check CHECK ((visitors <> ''::text))
);

ALTER TABLE ONLY public.visits FORCE ROW LEVEL SECURITY;

ALTER TABLE public.visits OWNER TO yuanlu_owner;

ALTER TABLE ONLY public.evidence ATTACH PARTITION public.evidence_default DEFAULT;

ALTER TABLE ONLY public.facts ATTACH PARTITION public.facts_default DEFAULT;

ALTER TABLE ONLY public.moves ATTACH PARTITION public.moves_default DEFAULT;

ALTER TABLE ONLY public.account_days
    ADD CONSTRAINT account_days_pkey PRIMARY KEY (merchant_id, account, currency, day);

ALTER TABLE ONLY public.account_days_until
    ADD CONSTRAINT account_days_until_pkey PRIMARY KEY (merchant_id);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (merchant_id, account, currency);

ALTER TABLE ONLY public.allowances
    ADD CONSTRAINT allowances_pkey PRIMARY KEY (merchant_id, who, day);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_id_merchant_id_key UNIQUE (id, merchant_id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.applications
    ADD CONSTRAINT applications_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.audit_pages
    ADD CONSTRAINT audit_pages_pkey PRIMARY KEY (merchant_id, number);

ALTER TABLE ONLY public.case_files
    ADD CONSTRAINT case_files_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.cases
    ADD CONSTRAINT cases_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.channel_accounts
    ADD CONSTRAINT channel_accounts_pkey PRIMARY KEY (merchant_id, channel);

ALTER TABLE public.channel_accounts
    ADD CONSTRAINT channel_accounts_tell_no_secret CHECK (((config !~ '"(apiv3_key|v2_key)"'::text) AND (config !~ 'PRIVATE KEY'::text))) NOT VALID;

ALTER TABLE ONLY public.channel_setups
    ADD CONSTRAINT channel_setups_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.codes
    ADD CONSTRAINT codes_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.complaint_answers
    ADD CONSTRAINT complaint_answers_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.complaint_images
    ADD CONSTRAINT complaint_images_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.complaint_pulls
    ADD CONSTRAINT complaint_pulls_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.complaints
    ADD CONSTRAINT complaints_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.drills
    ADD CONSTRAINT drills_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_pkey PRIMARY KEY (merchant_id, object_id, id, recorded_at);

ALTER TABLE ONLY public.evidence_default
    ADD CONSTRAINT evidence_default_pkey PRIMARY KEY (merchant_id, object_id, id, recorded_at);

ALTER TABLE ONLY public.exports
    ADD CONSTRAINT exports_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.facts
    ADD CONSTRAINT facts_pkey PRIMARY KEY (merchant_id, object_id, transition, seq, recorded_at);

ALTER TABLE ONLY public.facts_default
    ADD CONSTRAINT facts_default_pkey PRIMARY KEY (merchant_id, object_id, transition, seq, recorded_at);

ALTER TABLE ONLY public.first_owners
    ADD CONSTRAINT first_owners_pkey PRIMARY KEY (staff_id);

ALTER TABLE ONLY public.floats
    ADD CONSTRAINT floats_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.goods
    ADD CONSTRAINT goods_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.guard_questions
    ADD CONSTRAINT guard_questions_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.guard_tunings
    ADD CONSTRAINT guard_tunings_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.handovers
    ADD CONSTRAINT handovers_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.hooks
    ADD CONSTRAINT hooks_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (merchant_id, name, object_id);

ALTER TABLE ONLY public.key_epoch
    ADD CONSTRAINT key_epoch_pkey PRIMARY KEY (is_one);

ALTER TABLE ONLY public.key_nonces
    ADD CONSTRAINT key_nonces_pkey PRIMARY KEY (merchant_id, key_id, nonce);

ALTER TABLE ONLY public.key_uses
    ADD CONSTRAINT key_uses_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.keyring
    ADD CONSTRAINT keyring_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.limits
    ADD CONSTRAINT limits_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.losses
    ADD CONSTRAINT losses_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.mailings
    ADD CONSTRAINT mailings_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.merchant_keys
    ADD CONSTRAINT merchant_keys_pkey PRIMARY KEY (merchant_id, version);

ALTER TABLE ONLY public.merchants
    ADD CONSTRAINT merchants_pkey PRIMARY KEY (merchant_id);

ALTER TABLE ONLY public.moves
    ADD CONSTRAINT moves_pkey PRIMARY KEY (merchant_id, object_id, transition, seq, recorded_at);

ALTER TABLE ONLY public.moves_default
    ADD CONSTRAINT moves_default_pkey PRIMARY KEY (merchant_id, object_id, transition, seq, recorded_at);

ALTER TABLE ONLY public.passkeys
    ADD CONSTRAINT passkeys_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.policies
    ADD CONSTRAINT policies_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.preferences
    ADD CONSTRAINT preferences_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.printers
    ADD CONSTRAINT printers_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.prints
    ADD CONSTRAINT prints_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.readings
    ADD CONSTRAINT readings_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.receipts
    ADD CONSTRAINT receipts_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.repayments
    ADD CONSTRAINT repayments_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.shifts
    ADD CONSTRAINT shifts_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.staff
    ADD CONSTRAINT staff_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.statements
    ADD CONSTRAINT statements_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.stations
    ADD CONSTRAINT stations_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.step_ups
    ADD CONSTRAINT step_ups_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.step_ups_spent
    ADD CONSTRAINT step_ups_spent_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.stores
    ADD CONSTRAINT stores_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.subject_keys
    ADD CONSTRAINT subject_keys_pkey PRIMARY KEY (merchant_id, subject);

ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.tills
    ADD CONSTRAINT tills_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.tries
    ADD CONSTRAINT tries_pkey PRIMARY KEY (merchant_id, id);

ALTER TABLE ONLY public.visits
    ADD CONSTRAINT visits_pkey PRIMARY KEY (merchant_id, id);

CREATE INDEX allowances_of_day ON public.allowances USING btree (merchant_id, day);

CREATE UNIQUE INDEX api_keys_enrolling ON public.api_keys USING btree (enrol_mark, merchant_id) WHERE (enrol_mark <> ''::text);

CREATE INDEX api_keys_of_till ON public.api_keys USING btree (till_id, merchant_id) WHERE (till_id <> ''::text);

CREATE INDEX applications_by_code ON public.applications USING btree (credit_code, merchant_id) WHERE (credit_code <> ''::text);

CREATE UNIQUE INDEX applications_of_alipay ON public.applications USING btree (alipay_app_id, merchant_id) WHERE ((alipay_app_id <> ''::text) AND (state = ANY (ARRAY['APPROVED'::text, 'OPENED'::text])));

CREATE UNIQUE INDEX applications_of_applicant ON public.applications USING btree (applicant_id, merchant_id);

CREATE UNIQUE INDEX applications_of_code ON public.applications USING btree (credit_code, merchant_id) WHERE (state = ANY (ARRAY['APPROVED'::text, 'OPENED'::text]));

CREATE UNIQUE INDEX applications_of_wechat ON public.applications USING btree (wechat_mchid, merchant_id) WHERE ((wechat_mchid <> ''::text) AND (state = ANY (ARRAY['APPROVED'::text, 'OPENED'::text])));

CREATE INDEX audit_pages_until ON public.audit_pages USING btree (until, merchant_id);

CREATE UNIQUE INDEX case_files_number ON public.case_files USING btree (case_id, number, merchant_id);

CREATE INDEX cases_of_payment ON public.cases USING btree (payment_id, merchant_id);

CREATE UNIQUE INDEX cases_one_of_twins ON public.cases USING btree (LEAST(payment_id, twin_id), GREATEST(payment_id, twin_id), merchant_id) WHERE ((twin_id <> ''::text) AND ((state = ANY (ARRAY['SECOND'::text, 'OFFERED'::text])) OR ((state = 'REMEDY'::text) AND (remedy <> 'cancel'::text)) OR ((state = 'ATTENTION'::text) AND (refund_id <> ''::text)) OR ((state = 'CLOSED'::text) AND (conclusion = ANY (ARRAY['money_back'::text, 'settled_otherwise'::text])))));

CREATE UNIQUE INDEX cases_one_open ON public.cases USING btree (payment_id, merchant_id) WHERE (state <> 'CLOSED'::text);

CREATE INDEX cases_queue ON public.cases USING btree (merchant_id, due_at, id) WHERE (state <> 'CLOSED'::text);

CREATE INDEX cases_queue_of_person ON public.cases USING btree (merchant_id, claimed_by, due_at, id) WHERE (claimed_by <> ''::text);

CREATE INDEX cases_queue_of_state ON public.cases USING btree (merchant_id, state, due_at, id) WHERE (state <> 'CLOSED'::text);

CREATE INDEX cases_queue_of_store ON public.cases USING btree (merchant_id, store_id, due_at, id) WHERE (state <> 'CLOSED'::text);

CREATE INDEX cases_queue_of_store_state ON public.cases USING btree (merchant_id, store_id, state, due_at, id) WHERE (state <> 'CLOSED'::text);

CREATE INDEX codes_by_mark ON public.codes USING btree (mark, merchant_id);

CREATE INDEX codes_due ON public.codes USING btree (merchant_id, due_at) WHERE (state <> 'RETIRED'::text);

CREATE UNIQUE INDEX codes_hang_once ON public.codes USING btree (mark, merchant_id) WHERE (state <> 'RETIRED'::text);

CREATE UNIQUE INDEX complaint_answers_decided_once ON public.complaint_answers USING btree (complaint_id, merchant_id) WHERE ((what = ANY (ARRAY['promise'::text, 'decline'::text])) AND (state <> ALL (ARRAY['REFUSED'::text, 'STOPPED'::text])));

CREATE INDEX complaint_answers_of ON public.complaint_answers USING btree (complaint_id, merchant_id);

CREATE UNIQUE INDEX complaint_answers_one_finish ON public.complaint_answers USING btree (complaint_id, merchant_id) WHERE ((what = 'finish'::text) AND (state = ANY (ARRAY['READY'::text, 'SENT'::text, 'WAITING'::text])));

CREATE INDEX complaint_images_of ON public.complaint_images USING btree (complaint_id, merchant_id);

CREATE INDEX complaints_of_payment ON public.complaints USING btree (payment_id, merchant_id) WHERE (payment_id <> ''::text);

CREATE UNIQUE INDEX complaints_once ON public.complaints USING btree (channel_id, channel, merchant_id);

CREATE UNIQUE INDEX credentials_by_id ON public.credentials USING btree (id, merchant_id);

CREATE INDEX deliveries_of_hook ON public.deliveries USING btree (hook_id, id, merchant_id);

CREATE INDEX deliveries_of_object ON public.deliveries USING btree (object_id, merchant_id);

CREATE INDEX deliveries_parked ON public.deliveries USING btree (hook_id, id, merchant_id) WHERE (state = 'PARKED'::text);

CREATE INDEX drills_of_person ON public.drills USING btree (account, merchant_id);

CREATE INDEX facts_recorded ON ONLY public.facts USING brin (recorded_at);

CREATE INDEX facts_default_recorded_at_idx ON public.facts_default USING brin (recorded_at);

CREATE UNIQUE INDEX goods_by_barcode ON public.goods USING btree (barcode, merchant_id) WHERE ((barcode <> ''::text) AND (ended_at IS NULL));

CREATE INDEX guard_questions_of_sale ON public.guard_questions USING btree (sale_id, merchant_id);

CREATE INDEX handovers_of_case ON public.handovers USING btree (case_id, merchant_id) WHERE (case_id <> ''::text);

CREATE INDEX handovers_of_payment ON public.handovers USING btree (payment_id, merchant_id) WHERE (payment_id <> ''::text);

CREATE INDEX handovers_sides ON public.handovers USING btree (id, merchant_id);

CREATE INDEX hooks_open ON public.hooks USING btree (about, merchant_id) WHERE (state = 'ACTIVE'::text);

CREATE INDEX jobs_due ON public.jobs USING btree (run_at);

CREATE INDEX key_nonces_old ON public.key_nonces USING btree (signed_at);

CREATE INDEX keyring_ends ON public.keyring USING btree (ends_at) WHERE (ends_at IS NOT NULL);

CREATE INDEX limits_in_force ON public.limits USING btree (merchant_id, agreed_at DESC) WHERE (agreed_at IS NOT NULL);

CREATE INDEX losses_of_case ON public.losses USING btree (case_id, merchant_id);

CREATE UNIQUE INDEX mailings_in_turn ON public.mailings USING btree (object_id, turn, merchant_id);

CREATE UNIQUE INDEX merchant_keys_current ON public.merchant_keys USING btree (merchant_id) WHERE (retired_at IS NULL);

CREATE INDEX moves_into_drawers ON ONLY public.moves USING btree (merchant_id, source) INCLUDE (amount_fen) WHERE (source ~~ 'cash:%'::text);

CREATE INDEX moves_default_merchant_id_source_amount_fen_idx ON public.moves_default USING btree (merchant_id, source) INCLUDE (amount_fen) WHERE (source ~~ 'cash:%'::text);

CREATE INDEX moves_out_of_drawers ON ONLY public.moves USING btree (merchant_id, target) INCLUDE (amount_fen) WHERE (target ~~ 'cash:%'::text);

CREATE INDEX moves_default_merchant_id_target_amount_fen_idx ON public.moves_default USING btree (merchant_id, target) INCLUDE (amount_fen) WHERE (target ~~ 'cash:%'::text);

CREATE INDEX moves_recorded ON ONLY public.moves USING brin (recorded_at);

CREATE INDEX moves_default_recorded_at_idx ON public.moves_default USING brin (recorded_at);

CREATE UNIQUE INDEX passkeys_by_handle ON public.passkeys USING btree (handle, merchant_id);

CREATE INDEX passkeys_of_staff ON public.passkeys USING btree (staff_id, merchant_id);

CREATE INDEX payments_by_channel_number ON public.payments USING btree (channel_number, merchant_id) WHERE (channel_number <> ''::text);

CREATE UNIQUE INDEX payments_code_once ON public.payments USING btree (till_id, code_mark, amount_fen, merchant_id) WHERE ((state = ANY (ARRAY['SENT'::text, 'REVERSING'::text, 'CLOSING'::text])) AND (code_mark <> ''::text));

CREATE INDEX payments_in_cash ON public.payments USING btree (merchant_id, till_id, paid_at) WHERE (channel = 'cash'::text);

CREATE INDEX policies_in_force ON public.policies USING btree (merchant_id, store_id, valid_from, id);

CREATE UNIQUE INDEX prints_in_turn ON public.prints USING btree (object_id, turn, merchant_id);

CREATE INDEX prints_waiting ON public.prints USING btree (merchant_id, printer_id) WHERE (state <> ALL (ARRAY['PRINTED'::text, 'GONE'::text]));

CREATE UNIQUE INDEX receipts_by_mark ON public.receipts USING btree (mark, merchant_id);

CREATE INDEX refunds_in_cash ON public.refunds USING btree (merchant_id, till_id, done_at) WHERE (till_id <> ''::text);

CREATE UNIQUE INDEX refunds_line_turns ON public.refunds USING btree (payment_id, line_turn, merchant_id) WHERE (line_turn > 0);

CREATE INDEX refunds_of_payment ON public.refunds USING btree (payment_id, merchant_id);

CREATE INDEX refunds_open_of_channel ON public.refunds USING btree (merchant_id, channel) WHERE (state = ANY (ARRAY['RESERVED'::text, 'READY'::text, 'SENT'::text, 'WAITING'::text, 'MANUAL'::text]));

CREATE INDEX repayments_of_payment ON public.repayments USING btree (payment_id, merchant_id);

CREATE UNIQUE INDEX sessions_by_id ON public.sessions USING btree (id, merchant_id);

CREATE UNIQUE INDEX sessions_by_proof ON public.sessions USING btree (proof, merchant_id) WHERE (proof <> ''::text);

CREATE INDEX sessions_last ON public.sessions USING btree (staff_id, merchant_id, id);

CREATE INDEX sessions_of_key ON public.sessions USING btree (key_id, merchant_id) WHERE ((ended_at IS NULL) AND (key_id <> ''::text));

CREATE INDEX sessions_of_staff ON public.sessions USING btree (staff_id, merchant_id) WHERE (ended_at IS NULL);

CREATE INDEX shifts_of_till ON public.shifts USING btree (merchant_id, till_id, opened_at);

CREATE UNIQUE INDEX shifts_one_open ON public.shifts USING btree (till_id, merchant_id) WHERE (state = 'OPEN'::text);

CREATE UNIQUE INDEX statements_of_day ON public.statements USING btree (channel, day, paper, merchant_id);

CREATE INDEX stations_locked ON public.stations USING btree (id, merchant_id) WHERE (locked_at IS NOT NULL);

CREATE UNIQUE INDEX step_ups_by_proof ON public.step_ups USING btree (proof, merchant_id) WHERE (proof <> ''::text);

CREATE INDEX subject_keys_versions ON public.subject_keys USING btree (key_version, merchant_id) WHERE (wrapped <> ''::text);

ALTER INDEX public.evidence_pkey ATTACH PARTITION public.evidence_default_pkey;

ALTER INDEX public.facts_pkey ATTACH PARTITION public.facts_default_pkey;

ALTER INDEX public.facts_recorded ATTACH PARTITION public.facts_default_recorded_at_idx;

ALTER INDEX public.moves_into_drawers ATTACH PARTITION public.moves_default_merchant_id_source_amount_fen_idx;

ALTER INDEX public.moves_out_of_drawers ATTACH PARTITION public.moves_default_merchant_id_target_amount_fen_idx;

ALTER INDEX public.moves_pkey ATTACH PARTITION public.moves_default_pkey;

ALTER INDEX public.moves_recorded ATTACH PARTITION public.moves_default_recorded_at_idx;

CREATE CONSTRAINT TRIGGER keys_changed AFTER DELETE OR UPDATE ON public.api_keys DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.yuanlu_keys_changed();

CREATE CONSTRAINT TRIGGER keys_changed AFTER UPDATE ON public.sessions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((old.ended_at IS DISTINCT FROM new.ended_at)) EXECUTE FUNCTION public.yuanlu_keys_changed();

CREATE CONSTRAINT TRIGGER keys_changed AFTER DELETE OR UPDATE ON public.staff DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.yuanlu_keys_changed();

CREATE CONSTRAINT TRIGGER keys_changed AFTER DELETE OR UPDATE ON public.tills DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.yuanlu_keys_changed();

CREATE CONSTRAINT TRIGGER keys_gone AFTER DELETE ON public.sessions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.yuanlu_keys_changed();

CREATE CONSTRAINT TRIGGER owner_stays AFTER UPDATE ON public.staff DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((old.role = 'owner'::text) AND (old.store_id = ''::text) AND (old.until IS NULL) AND ((new.until IS NOT NULL) OR (new.role <> 'owner'::text) OR (new.store_id <> ''::text)))) EXECUTE FUNCTION public.yuanlu_owner_stays();

ALTER TABLE ONLY public.account_days
    ADD CONSTRAINT account_days_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.account_days_until
    ADD CONSTRAINT account_days_until_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.allowances
    ADD CONSTRAINT allowances_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.applications
    ADD CONSTRAINT applications_merchant_id_applicant_id_fkey FOREIGN KEY (merchant_id, applicant_id) REFERENCES public.staff(merchant_id, id);

ALTER TABLE ONLY public.applications
    ADD CONSTRAINT applications_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.case_files
    ADD CONSTRAINT case_files_merchant_id_case_id_fkey FOREIGN KEY (merchant_id, case_id) REFERENCES public.cases(merchant_id, id);

ALTER TABLE ONLY public.cases
    ADD CONSTRAINT cases_merchant_id_payment_id_fkey FOREIGN KEY (merchant_id, payment_id) REFERENCES public.payments(merchant_id, id);

ALTER TABLE ONLY public.channel_accounts
    ADD CONSTRAINT channel_accounts_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.channel_setups
    ADD CONSTRAINT channel_setups_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.codes
    ADD CONSTRAINT codes_merchant_id_store_id_fkey FOREIGN KEY (merchant_id, store_id) REFERENCES public.stores(merchant_id, id);

ALTER TABLE ONLY public.complaint_answers
    ADD CONSTRAINT complaint_answers_merchant_id_complaint_id_fkey FOREIGN KEY (merchant_id, complaint_id) REFERENCES public.complaints(merchant_id, id);

ALTER TABLE ONLY public.complaint_images
    ADD CONSTRAINT complaint_images_merchant_id_complaint_id_fkey FOREIGN KEY (merchant_id, complaint_id) REFERENCES public.complaints(merchant_id, id);

ALTER TABLE ONLY public.complaint_pulls
    ADD CONSTRAINT complaint_pulls_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.complaints
    ADD CONSTRAINT complaints_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_merchant_id_id_fkey FOREIGN KEY (merchant_id, id) REFERENCES public.staff(merchant_id, id);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_merchant_id_hook_id_fkey FOREIGN KEY (merchant_id, hook_id) REFERENCES public.hooks(merchant_id, id);

ALTER TABLE ONLY public.drills
    ADD CONSTRAINT drills_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.exports
    ADD CONSTRAINT exports_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.floats
    ADD CONSTRAINT floats_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.goods
    ADD CONSTRAINT goods_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.guard_questions
    ADD CONSTRAINT guard_questions_merchant_id_till_id_fkey FOREIGN KEY (merchant_id, till_id) REFERENCES public.tills(merchant_id, id);

ALTER TABLE ONLY public.guard_tunings
    ADD CONSTRAINT guard_tunings_merchant_id_id_fkey FOREIGN KEY (merchant_id, id) REFERENCES public.stores(merchant_id, id);

ALTER TABLE ONLY public.handovers
    ADD CONSTRAINT handovers_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.hooks
    ADD CONSTRAINT hooks_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.key_uses
    ADD CONSTRAINT key_uses_merchant_id_id_fkey FOREIGN KEY (merchant_id, id) REFERENCES public.api_keys(merchant_id, id);

ALTER TABLE ONLY public.keyring
    ADD CONSTRAINT keyring_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.limits
    ADD CONSTRAINT limits_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.losses
    ADD CONSTRAINT losses_merchant_id_case_id_fkey FOREIGN KEY (merchant_id, case_id) REFERENCES public.cases(merchant_id, id);

ALTER TABLE ONLY public.mailings
    ADD CONSTRAINT mailings_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.merchant_keys
    ADD CONSTRAINT merchant_keys_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.passkeys
    ADD CONSTRAINT passkeys_merchant_id_staff_id_fkey FOREIGN KEY (merchant_id, staff_id) REFERENCES public.staff(merchant_id, id);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_merchant_id_till_id_fkey FOREIGN KEY (merchant_id, till_id) REFERENCES public.tills(merchant_id, id);

ALTER TABLE ONLY public.policies
    ADD CONSTRAINT policies_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.preferences
    ADD CONSTRAINT preferences_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.preferences
    ADD CONSTRAINT preferences_merchant_id_id_fkey FOREIGN KEY (merchant_id, id) REFERENCES public.staff(merchant_id, id);

ALTER TABLE ONLY public.printers
    ADD CONSTRAINT printers_merchant_id_store_id_fkey FOREIGN KEY (merchant_id, store_id) REFERENCES public.stores(merchant_id, id);

ALTER TABLE ONLY public.prints
    ADD CONSTRAINT prints_merchant_id_printer_id_fkey FOREIGN KEY (merchant_id, printer_id) REFERENCES public.printers(merchant_id, id);

ALTER TABLE ONLY public.readings
    ADD CONSTRAINT readings_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.receipts
    ADD CONSTRAINT receipts_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_merchant_id_payment_id_fkey FOREIGN KEY (merchant_id, payment_id) REFERENCES public.payments(merchant_id, id);

ALTER TABLE ONLY public.repayments
    ADD CONSTRAINT repayments_merchant_id_payment_id_fkey FOREIGN KEY (merchant_id, payment_id) REFERENCES public.payments(merchant_id, id);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_merchant_id_staff_id_fkey FOREIGN KEY (merchant_id, staff_id) REFERENCES public.staff(merchant_id, id);

ALTER TABLE ONLY public.shifts
    ADD CONSTRAINT shifts_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.staff
    ADD CONSTRAINT staff_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.statements
    ADD CONSTRAINT statements_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.stations
    ADD CONSTRAINT stations_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.stations
    ADD CONSTRAINT stations_merchant_id_id_fkey FOREIGN KEY (merchant_id, id) REFERENCES public.tills(merchant_id, id);

ALTER TABLE ONLY public.step_ups
    ADD CONSTRAINT step_ups_merchant_id_staff_id_fkey FOREIGN KEY (merchant_id, staff_id) REFERENCES public.staff(merchant_id, id);

ALTER TABLE ONLY public.step_ups_spent
    ADD CONSTRAINT step_ups_spent_merchant_id_id_fkey FOREIGN KEY (merchant_id, id) REFERENCES public.step_ups(merchant_id, id);

ALTER TABLE ONLY public.stores
    ADD CONSTRAINT stores_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.subject_keys
    ADD CONSTRAINT subject_keys_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.subject_keys
    ADD CONSTRAINT subject_keys_merchant_id_key_version_fkey FOREIGN KEY (merchant_id, key_version) REFERENCES public.merchant_keys(merchant_id, version);

ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_merchant_id_till_id_fkey FOREIGN KEY (merchant_id, till_id) REFERENCES public.tills(merchant_id, id);

ALTER TABLE ONLY public.tills
    ADD CONSTRAINT tills_merchant_id_store_id_fkey FOREIGN KEY (merchant_id, store_id) REFERENCES public.stores(merchant_id, id);

ALTER TABLE ONLY public.visits
    ADD CONSTRAINT visits_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES public.merchants(merchant_id);

ALTER TABLE public.account_days ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.account_days_until ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.accounts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.allowances ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.api_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.applications ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.audit_pages ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.case_files ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.cases ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.channel_accounts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.channel_setups ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.codes ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.complaint_answers ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.complaint_images ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.complaint_pulls ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.complaints ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.credentials ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.deliveries ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.drills ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.evidence ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.evidence_default ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.exports ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.facts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.facts_default ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.floats ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.goods ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.guard_questions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.guard_tunings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.handovers ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.hooks ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.jobs ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.key_nonces ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.key_uses ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.keyring ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.limits ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.losses ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.mailings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.merchant_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.merchants ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.moves ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.moves_default ENABLE ROW LEVEL SECURITY;

CREATE POLICY owner ON public.account_days TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.account_days_until TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.accounts TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.allowances TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.api_keys TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.applications TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.audit_pages TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.case_files TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.cases TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.channel_accounts TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.channel_setups TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.codes TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.complaint_answers TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.complaint_images TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.complaint_pulls TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.complaints TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.credentials TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.deliveries TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.drills TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.evidence TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.evidence_default TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.exports TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.facts TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.facts_default TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.floats TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.goods TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.guard_questions TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.guard_tunings TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.handovers TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.hooks TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.jobs TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.key_nonces TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.key_uses TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.keyring TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.limits TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.losses TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.mailings TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.merchant_keys TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.merchants TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.moves TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.moves_default TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.passkeys TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.payments TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.policies TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.preferences TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.printers TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.prints TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.readings TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.receipts TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.refunds TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.repayments TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.sessions TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.shifts TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.staff TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.statements TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.stations TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.step_ups TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.step_ups_spent TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.stores TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.subject_keys TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.tickets TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.tills TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.tries TO yuanlu_owner USING (true) WITH CHECK (true);

CREATE POLICY owner ON public.visits TO yuanlu_owner USING (true) WITH CHECK (true);

ALTER TABLE public.passkeys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.payments ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.policies ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.preferences ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.printers ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.prints ENABLE ROW LEVEL SECURITY;

CREATE POLICY reader ON public.account_days FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.account_days_until FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.accounts FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.allowances FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.api_keys FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.applications FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.audit_pages FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.case_files FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.cases FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.channel_accounts FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.channel_setups FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.codes FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.complaint_answers FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.complaint_images FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.complaint_pulls FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.complaints FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.credentials FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.deliveries FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.drills FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.evidence FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.exports FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.facts FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.floats FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.goods FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.guard_questions FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.guard_tunings FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.handovers FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.hooks FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.jobs FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.key_nonces FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.key_uses FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.keyring FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.limits FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.losses FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.mailings FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.merchant_keys FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.merchants FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.moves FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.passkeys FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.payments FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.policies FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.preferences FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.printers FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.prints FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.readings FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.receipts FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.refunds FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.repayments FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.sessions FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.shifts FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.staff FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.statements FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.stations FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.step_ups FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.step_ups_spent FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.stores FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.subject_keys FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.tickets FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.tills FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.tries FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

CREATE POLICY reader ON public.visits FOR SELECT TO yuanlu_reader USING ((merchant_id = ( SELECT NULLIF(current_setting('yuanlu.merchant'::text, true), ''::text) AS "nullif")));

ALTER TABLE public.readings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.receipts ENABLE ROW LEVEL SECURITY;

CREATE POLICY recorder ON public.account_days TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.account_days_until TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.accounts TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.allowances TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.api_keys TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.applications TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.audit_pages TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.case_files TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.cases TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.channel_accounts TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.channel_setups TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.codes TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.complaint_answers TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.complaint_images TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.complaint_pulls TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.complaints TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.credentials TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.deliveries TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.drills TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.evidence TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.exports TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.facts TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.floats TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.goods TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.guard_questions TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.guard_tunings TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.handovers TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.hooks TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.jobs TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.key_nonces TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.key_uses TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.keyring TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.limits TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.losses TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.mailings TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.merchant_keys TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.merchants TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.moves TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.passkeys TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.payments TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.policies TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.preferences TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.printers TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.prints TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.readings TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.receipts TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.refunds TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.repayments TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.sessions TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.shifts TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.staff TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.statements TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.stations TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.step_ups TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.step_ups_spent TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.stores TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.subject_keys TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.tickets TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.tills TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.tries TO yuanlu_recorder USING (true) WITH CHECK (true);

CREATE POLICY recorder ON public.visits TO yuanlu_recorder USING (true) WITH CHECK (true);

ALTER TABLE public.refunds ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.repayments ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.sessions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.shifts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.staff ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.statements ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.stations ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.step_ups ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.step_ups_spent ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.stores ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.subject_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.tickets ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.tills ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.tries ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.visits ENABLE ROW LEVEL SECURITY;

GRANT ALL ON SCHEMA public TO yuanlu_owner;

REVOKE ALL ON FUNCTION public.yuanlu_keys_changed() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.yuanlu_month_partitions(whole regclass, from_month date, months integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.yuanlu_months_ahead(from_month date, months integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.yuanlu_months_ahead(from_month date, months integer) TO yuanlu_recorder;

REVOKE ALL ON FUNCTION public.yuanlu_owner_stays() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.yuanlu_tenant(tenant regclass, recorder text) FROM PUBLIC;

GRANT SELECT ON TABLE public.account_days TO yuanlu_reader;
GRANT SELECT,INSERT ON TABLE public.account_days TO yuanlu_recorder;

GRANT SELECT ON TABLE public.account_days_until TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.account_days_until TO yuanlu_recorder;

GRANT SELECT ON TABLE public.accounts TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.accounts TO yuanlu_recorder;

GRANT SELECT ON TABLE public.allowances TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.allowances TO yuanlu_recorder;

GRANT SELECT ON TABLE public.api_keys TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.api_keys TO yuanlu_recorder;

GRANT SELECT ON TABLE public.applications TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.applications TO yuanlu_recorder;

GRANT SELECT ON TABLE public.audit_pages TO yuanlu_reader;
GRANT SELECT,INSERT ON TABLE public.audit_pages TO yuanlu_recorder;

GRANT SELECT ON TABLE public.case_files TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.case_files TO yuanlu_recorder;

GRANT SELECT ON TABLE public.cases TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.cases TO yuanlu_recorder;

GRANT SELECT ON TABLE public.channel_accounts TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.channel_accounts TO yuanlu_recorder;

GRANT SELECT ON TABLE public.channel_setups TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.channel_setups TO yuanlu_recorder;

GRANT SELECT ON TABLE public.codes TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.codes TO yuanlu_recorder;

GRANT SELECT ON TABLE public.complaint_answers TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.complaint_answers TO yuanlu_recorder;

GRANT SELECT ON TABLE public.complaint_images TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.complaint_images TO yuanlu_recorder;

GRANT SELECT ON TABLE public.complaint_pulls TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.complaint_pulls TO yuanlu_recorder;

GRANT SELECT ON TABLE public.complaints TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.complaints TO yuanlu_recorder;

GRANT SELECT ON TABLE public.credentials TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.credentials TO yuanlu_recorder;

GRANT SELECT ON TABLE public.deliveries TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.deliveries TO yuanlu_recorder;

GRANT SELECT ON TABLE public.drills TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.drills TO yuanlu_recorder;

GRANT SELECT ON TABLE public.evidence TO yuanlu_reader;
GRANT SELECT,INSERT ON TABLE public.evidence TO yuanlu_recorder;

GRANT SELECT ON TABLE public.exports TO yuanlu_reader;
GRANT SELECT,INSERT ON TABLE public.exports TO yuanlu_recorder;

GRANT SELECT ON TABLE public.facts TO yuanlu_reader;
GRANT SELECT,INSERT ON TABLE public.facts TO yuanlu_recorder;

GRANT SELECT,INSERT,DELETE ON TABLE public.first_owners TO yuanlu_recorder;

GRANT SELECT ON TABLE public.floats TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.floats TO yuanlu_recorder;

GRANT SELECT ON TABLE public.goods TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.goods TO yuanlu_recorder;

GRANT SELECT ON TABLE public.guard_questions TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.guard_questions TO yuanlu_recorder;

GRANT SELECT ON TABLE public.guard_tunings TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.guard_tunings TO yuanlu_recorder;

GRANT SELECT ON TABLE public.handovers TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.handovers TO yuanlu_recorder;

GRANT SELECT ON TABLE public.hooks TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.hooks TO yuanlu_recorder;

GRANT SELECT ON TABLE public.jobs TO yuanlu_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.jobs TO yuanlu_recorder;

GRANT SELECT ON TABLE public.key_epoch TO yuanlu_recorder;

GRANT SELECT ON TABLE public.key_nonces TO yuanlu_reader;
GRANT SELECT,INSERT,DELETE ON TABLE public.key_nonces TO yuanlu_recorder;

GRANT SELECT ON TABLE public.key_uses TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.key_uses TO yuanlu_recorder;

GRANT SELECT ON TABLE public.keyring TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.keyring TO yuanlu_recorder;

GRANT SELECT ON TABLE public.limits TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.limits TO yuanlu_recorder;

GRANT SELECT ON TABLE public.losses TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.losses TO yuanlu_recorder;

GRANT SELECT ON TABLE public.mailings TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.mailings TO yuanlu_recorder;

GRANT SELECT ON TABLE public.merchant_keys TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.merchant_keys TO yuanlu_recorder;

GRANT SELECT ON TABLE public.merchants TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.merchants TO yuanlu_recorder;

GRANT SELECT ON TABLE public.moves TO yuanlu_reader;
GRANT SELECT,INSERT ON TABLE public.moves TO yuanlu_recorder;

GRANT SELECT ON TABLE public.passkeys TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.passkeys TO yuanlu_recorder;

GRANT SELECT ON TABLE public.payments TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.payments TO yuanlu_recorder;

GRANT SELECT ON TABLE public.policies TO yuanlu_reader;
GRANT SELECT,INSERT ON TABLE public.policies TO yuanlu_recorder;

GRANT SELECT ON TABLE public.preferences TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.preferences TO yuanlu_recorder;

GRANT SELECT ON TABLE public.printers TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.printers TO yuanlu_recorder;

GRANT SELECT ON TABLE public.prints TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.prints TO yuanlu_recorder;

GRANT SELECT ON TABLE public.readings TO yuanlu_reader;
GRANT SELECT,INSERT ON TABLE public.readings TO yuanlu_recorder;

GRANT SELECT ON TABLE public.receipts TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.receipts TO yuanlu_recorder;

GRANT SELECT ON TABLE public.refunds TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.refunds TO yuanlu_recorder;

GRANT SELECT ON TABLE public.repayments TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.repayments TO yuanlu_recorder;

GRANT SELECT ON TABLE public.sessions TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.sessions TO yuanlu_recorder;

GRANT SELECT ON TABLE public.shifts TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.shifts TO yuanlu_recorder;

GRANT SELECT ON TABLE public.staff TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.staff TO yuanlu_recorder;

GRANT SELECT ON TABLE public.statements TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.statements TO yuanlu_recorder;

GRANT SELECT ON TABLE public.stations TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.stations TO yuanlu_recorder;

GRANT SELECT ON TABLE public.step_ups TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.step_ups TO yuanlu_recorder;

GRANT SELECT ON TABLE public.step_ups_spent TO yuanlu_reader;
GRANT SELECT,INSERT ON TABLE public.step_ups_spent TO yuanlu_recorder;

GRANT SELECT ON TABLE public.stores TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.stores TO yuanlu_recorder;

GRANT SELECT ON TABLE public.subject_keys TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.subject_keys TO yuanlu_recorder;

GRANT SELECT ON TABLE public.tickets TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tickets TO yuanlu_recorder;

GRANT SELECT ON TABLE public.tills TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tills TO yuanlu_recorder;

GRANT SELECT ON TABLE public.tries TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.tries TO yuanlu_recorder;

GRANT SELECT ON TABLE public.visits TO yuanlu_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE public.visits TO yuanlu_recorder;
