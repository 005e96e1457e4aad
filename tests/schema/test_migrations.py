"""Migrations: numbered, forward only, once, and their sum is `schema.sql`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from yuanlu import db
from yuanlu.db import Database, Migration, Role, migrate, migrations, open_pools, read
from yuanlu.errors import Broken
from yuanlu.postgres import Server
from yuanlu.schema import dump

ONE = Migration(1, "0001_one", "-- First.\ncreate table one (n int); insert into one values (1);")
TWO = Migration(2, "0002_two", "-- Second.\nalter table one add column m int default 2;")


async def asked(database: Database, sql: str, *args: object, role: Role | None = Role.OWNER) -> object:
    connection = await db.connect(database, role)
    try:
        return await connection.fetchval(sql, *args)
    finally:
        await connection.close()


async def test_the_sum_of_the_migrations_is_schema_sql(server: Server) -> None:
    told = await dump.dumped(server, "migrated")
    assert told == dump.FILE.read_text(), "run `python -m yuanlu.schema.dump`"


def test_each_says_why_in_its_first_line() -> None:
    steps = migrations()
    assert steps
    for step in steps:
        assert len(step.sql.splitlines()[0]) > 20, step.name


async def test_each_is_applied_once_and_in_order(empty_database: Database) -> None:
    assert await migrate(empty_database, [ONE]) == 1
    assert await migrate(empty_database, [ONE, TWO]) == 1
    assert await migrate(empty_database, [ONE, TWO]) == 0
    assert await asked(empty_database, "select m from one") == 2


async def test_a_changed_one_is_refused(empty_database: Database) -> None:
    await migrate(empty_database, [ONE, TWO])
    with pytest.raises(Broken, match="0001_one was changed"):
        await migrate(empty_database, [replace(ONE, sql=ONE.sql + " "), TWO])


async def test_a_missing_one_is_refused(empty_database: Database) -> None:
    await migrate(empty_database, [ONE, TWO])
    with pytest.raises(Broken, match="0002_two was applied to this database and is missing"):
        await migrate(empty_database, [ONE, replace(TWO, name="0002_other")])


async def test_old_code_leaves_a_newer_schema_alone(empty_database: Database) -> None:
    await migrate(empty_database, [ONE, TWO])
    assert await migrate(empty_database, [ONE]) == 0


async def test_one_that_fails_leaves_nothing_of_itself(empty_database: Database) -> None:
    bad = replace(TWO, sql=TWO.sql + " select 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_database, [ONE, bad])
    assert await migrate(empty_database, [ONE, TWO]) == 1


async def test_processes_that_migrate_at_once_take_turns(empty_database: Database) -> None:
    assert sorted(await asyncio.gather(*(migrate(empty_database, [ONE, TWO]) for _ in range(5)))) == [0, 0, 0, 0, 2]


async def test_one_that_meets_a_busy_table_steps_back_and_tries_again(empty_database: Database) -> None:
    await migrate(empty_database, [ONE])
    busy = await db.connect(empty_database, Role.OWNER)
    held = busy.transaction()
    await held.start()
    await busy.execute("select * from one")
    waiting = asyncio.create_task(migrate(empty_database, [ONE, TWO]))
    await asyncio.sleep(3.3)
    assert not waiting.done()
    assert await asked(empty_database, "select count(*) from one") == 1, "nobody queues behind it for long"
    await held.rollback()
    assert await waiting == 1
    await busy.close()


async def test_an_external_database_with_one_ordinary_login_serves_all_three_roles(spot: Path) -> None:
    async with Server(spot / "external") as other:
        superuser = await other.connect()
        await superuser.execute("create role app login createrole")
        await superuser.execute("create database app owner app")
        await superuser.close()
        async with db.ground(other.url("app", role="app")) as database:
            assert not database.logs_in_as_roles
        assert await migrate(database) == 0
        pools = await open_pools(database)
        await pools.recorder.execute("insert into merchants values ('YM-A', 'shop', now()), ('YM-B', 'shop', now())")
        assert await pools.recorder.fetchval("select current_user") == "yuanlu_recorder"
        assert await pools.reader.fetchval("select current_user") == "yuanlu_reader"
        assert len(await read(pools.reader, "YM-A", "select * from merchants")) == 1
        assert await pools.reader.fetch("select * from merchants") == []
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pools.recorder.execute("delete from merchants")
        await pools.close()


async def test_without_a_url_the_ground_is_the_embedded_server(server: Server) -> None:
    async with db.ground(None, server.state, name="ground") as database:
        assert await asked(database, "select count(*) from schema_migrations") == len(migrations())
    await server.drop("ground")


async def test_words_of_before_are_cleared_from_cases_and_facts_and_from_what_tells_them(
    empty_database: Database,
) -> None:
    """S57."""
    steps = migrations()
    place = next(place for place, step in enumerate(steps) if step.name.endswith("_talk"))
    await migrate(empty_database, steps[:place])
    connection = await db.connect(empty_database, Role.OWNER)
    await connection.execute("""
        insert into merchants values ('YM', 'shop', now());
        alter table cases drop constraint cases_merchant_id_payment_id_fkey;
        insert into cases (merchant_id, id, version, state, payment_id, what, meant_fen, said, fingerprint, opened_at,
            opened_by, remedy, remedy_fen, refund_id, attempt, looks, conclusion, note, incident)
          select 'YM', id, 1, 'REVIEW', id, 'other', null, said, 'f' || id, now(), 'till', 'none', 0, '', 0, 0, '', '',
            '' from (values ('YC1', '我扫错了'), ('YC2', '')) as each (id, said);
        insert into facts (merchant_id, recorded_at, object_id, transition, seq, kind, who, at, evidence_id, body)
          select 'YM', now(), id, 1, 0, kind, 'till', now(), '', body
          from (values ('YC1', 'CaseOpened', '{"what":"other","said":"我扫错了"}'),
            ('YC2', 'CaseClosed', '{"said":"not a case''s words"}')) as each (id, kind, body);
    """)
    assert await migrate(empty_database, steps) == len(steps) - place
    rows = await connection.fetch("select id, said_id, fingerprint from cases order by id")
    assert [tuple(row) for row in rows] == [("YC1", "", ""), ("YC2", "", "fYC2")]
    bodies = [row["body"] for row in await connection.fetch("select body from facts order by object_id")]
    assert bodies == ['{"what": "other"}', '{"said":"not a case\'s words"}']
    with pytest.raises(asyncpg.UndefinedColumnError):
        await connection.fetch("select said from cases")
    await connection.close()


@pytest.fixture
async def cut(database: Database) -> Database:
    """A database with a table that is cut into months."""
    connection = await db.connect(database, Role.OWNER)
    await connection.execute("""
        create table steps (
            merchant_id text collate "C" not null,
            id bigint generated always as identity,
            recorded_at timestamptz not null,
            primary key (merchant_id, id, recorded_at)
        ) partition by range (recorded_at);
        select yuanlu_tenant('steps', 'select, insert');
        select yuanlu_month_partitions('steps', '2026-11-15', 2);
    """)
    await connection.close()
    return database


WHERE = "select array_agg(tableoid::regclass::text order by recorded_at) from steps"


async def test_rows_go_to_their_month_and_strays_to_the_default(cut: Database) -> None:
    add = "insert into steps (merchant_id, recorded_at) select 'YM-A', unnest($1::timestamptz[]) returning 1"
    days = [datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)]
    await asked(cut, add, days, role=Role.RECORDER)
    assert await asked(cut, WHERE) == ["steps_2026_11", "steps_2026_12", "steps_default"]
    made = await asked(cut, "select yuanlu_months_ahead('2026-12-01', 3)", role=Role.RECORDER)
    assert made >= 2, "of this table; the others have months to come too"
    assert await asked(cut, WHERE) == ["steps_2026_11", "steps_2026_12", "steps_2027_01"]
    assert await asked(cut, "select yuanlu_months_ahead('2026-12-01', 3)", role=Role.RECORDER) == 0


async def test_partitions_are_no_way_around_the_grants(cut: Database) -> None:
    for role in (Role.RECORDER, Role.READER):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asked(cut, "select * from steps_2026_11", role=role)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asked(cut, "delete from steps", role=Role.RECORDER)
    pools = await open_pools(cut)
    await pools.recorder.execute("insert into steps (merchant_id, recorded_at) values ('YM-A', now()), ('YM-B', now())")
    assert [row["merchant_id"] for row in await read(pools.reader, "YM-B", "select * from steps")] == ["YM-B"]
    await pools.close()


async def test_a_lost_connection_shows_as_the_drivers_error_and_the_pool_goes_on(database: Database) -> None:
    pools = await open_pools(database, recorder_max=1)
    pid = await pools.recorder.fetchval("select pg_backend_pid()")
    sleeping = asyncio.create_task(pools.recorder.execute("select pg_sleep(30)"))
    await asyncio.sleep(0.1)
    await asked(database, "select pg_terminate_backend($1)", pid, role=None)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await sleeping
    assert await pools.recorder.fetchval("select 1") == 1
    await pools.close()


async def test_no_statement_outlives_its_deadline(database: Database) -> None:
    pools = await open_pools(database, deadline_within=0.2)
    for pool in (pools.recorder, pools.reader):
        with pytest.raises(asyncpg.QueryCanceledError):
            await pool.execute("select pg_sleep(30)")
    await pools.close()
