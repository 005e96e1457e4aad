-- The three roles, cluster-wide: run by migrate before every migration, and safe to run again.
do $$
declare
    role_ text;
    may_act boolean;
begin
    foreach role_ in array array['yuanlu_owner', 'yuanlu_recorder', 'yuanlu_reader'] loop
        begin
            if not exists (select from pg_roles where rolname = role_) then
                execute format('create role %I login', role_);
            end if;
        exception when duplicate_object or unique_violation then
            null;  -- another process made it at the same moment
        end;
        -- One login for all: it acts as a role by `SET ROLE`, so it has to be a member.
        if current_setting('server_version_num')::int >= 160000 then
            may_act := pg_has_role(current_user, role_, 'SET');
        else
            may_act := pg_has_role(current_user, role_, 'MEMBER');
        end if;
        if not may_act then
            execute format('grant %I to %I', role_, current_user);
        end if;
    end loop;
    if not has_schema_privilege('yuanlu_owner', 'public', 'create') then
        grant usage, create on schema public to yuanlu_owner;
    end if;
    if not (has_schema_privilege('yuanlu_recorder', 'public', 'usage')
            and has_schema_privilege('yuanlu_reader', 'public', 'usage')) then
        grant usage on schema public to yuanlu_recorder, yuanlu_reader;
    end if;
    if not has_database_privilege('yuanlu_recorder', current_database(), 'temporary') then
        execute format('grant temporary on database %I to yuanlu_recorder', current_database());
    end if;
end $$;
