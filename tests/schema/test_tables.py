"""What holds for every table, read from the catalog: new tables are held to it by being there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from yuanlu import db
from yuanlu.db import Database

APPEND_ONLY = ("moves", "facts", "evidence")
TENANTS = """
    select c.oid, c.relname as name, c.relrowsecurity as enabled, c.relforcerowsecurity as forced,
        c.relispartition as part
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'merchant_id' and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by c.relname"""
KEYS = """
    select c.relname as name, x.relname as key, i.indisprimary as is_primary,
        array(select coalesce(a.attname, '(expression)')
              from unnest(i.indkey::int2[]) with ordinality as k(number, place)
              left join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number and k.number > 0
              where k.place <= i.indnkeyatts order by k.place)::text[] as columns
    from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
    where i.indisunique and c.oid = $1"""
TEXT_IDS = """
    select c.relname || '.' || a.attname as name, l.collname as collation_
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    join pg_collation l on l.oid = a.attcollation
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
      and (a.attname = 'id' or a.attname like '%\\_id')"""
FOREIGN = """
    select k.conname as name, array(select a.attname from unnest(k.conkey) n join pg_attribute a
        on a.attrelid = k.conrelid and a.attnum = n)::text[] as columns
    from pg_constraint k where k.contype = 'f' and k.conrelid = $1"""


@pytest.fixture
async def catalog(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await db.connect(database)
    yield connection
    await connection.close()


async def test_every_tenants_table_has_row_level_security_forced(catalog: asyncpg.Connection) -> None:
    """S2. S35."""
    tables = await catalog.fetch(TENANTS)
    assert "merchants" in {table["name"] for table in tables}
    assert [table["name"] for table in tables if not (table["enabled"] and table["forced"])] == []
    for table in tables:
        seen = await catalog.fetch("select polname from pg_policy where polrelid = $1", table["oid"])
        wanted = {"owner"} if table["part"] else {"owner", "recorder", "reader"}
        assert wanted <= {row["polname"] for row in seen}, table["name"]


async def test_the_merchant_is_in_every_key_and_last_in_unique_ones(catalog: asyncpg.Connection) -> None:
    for table in await catalog.fetch(TENANTS):
        for key in await catalog.fetch(KEYS, table["oid"]):
            assert "merchant_id" in key["columns"], key["key"]
            assert key["is_primary"] or key["columns"][-1] == "merchant_id", key["key"]


async def test_the_merchant_is_in_every_foreign_key(catalog: asyncpg.Connection) -> None:
    for table in await catalog.fetch(TENANTS):
        for key in await catalog.fetch(FOREIGN, table["oid"]):
            assert "merchant_id" in key["columns"], key["name"]


async def test_text_ids_compare_as_bytes(catalog: asyncpg.Connection) -> None:
    assert [row["name"] for row in await catalog.fetch(TEXT_IDS) if row["collation_"] != "C"] == []


async def test_nobody_in_service_changes_or_deletes_what_is_only_added_to(catalog: asyncpg.Connection) -> None:
    """S15, S35."""
    families = """
        select t.relid::regclass::text as name from pg_class c, pg_partition_tree(c.oid) t
        where c.relname = any($1) and c.relnamespace = 'public'::regnamespace and c.relkind = 'p'
        union select c.relname from pg_class c where c.relname = any($1) and c.relnamespace = 'public'::regnamespace"""
    may = """
        select bool_or(has_table_privilege(role_, $1, verb)) or bool_or(has_any_column_privilege(role_, $1, 'update'))
        from unnest(array['yuanlu_recorder', 'yuanlu_reader']) role_,
            unnest(array['update', 'delete', 'truncate']) verb"""
    for table in await catalog.fetch(families, list(APPEND_ONLY)):
        assert await catalog.fetchval(may, table["name"]) is False, table["name"]


async def test_the_roles_in_service_own_nothing_and_bypass_nothing(catalog: asyncpg.Connection) -> None:
    roles = await catalog.fetch(
        "select * from pg_roles where rolname in ('yuanlu_recorder', 'yuanlu_reader', 'yuanlu_owner')"
    )
    assert len(roles) == 3
    for role in roles:
        powers = ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb")
        assert not any(role[power] for power in powers), role["rolname"]
    owners = "select distinct relowner::regrole::text from pg_class where relnamespace = 'public'::regnamespace"
    assert [row[0] for row in await catalog.fetch(owners)] == ["yuanlu_owner"]
    members = (
        "select count(*) from pg_auth_members where member in ('yuanlu_recorder'::regrole, 'yuanlu_reader'::regrole)"
    )
    assert await catalog.fetchval(members) == 0


async def test_the_reader_may_only_select(catalog: asyncpg.Connection) -> None:
    more = """
        select c.relname from pg_class c, unnest(array['insert', 'update', 'delete', 'truncate']) verb
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
          and has_table_privilege('yuanlu_reader', c.oid, verb)"""
    assert await catalog.fetch(more) == []
