"""The row dataclasses are the tables."""

from __future__ import annotations

import pytest

from yuanlu.app import ROWS
from yuanlu.change import Row, columns_of
from yuanlu.db import Database, connect


@pytest.mark.parametrize("row_type", ROWS, ids=lambda row_type: row_type.table)
async def test_a_row_type_has_the_columns_of_its_table(database: Database, row_type: type[Row]) -> None:
    connection = await connect(database)
    try:
        found = await connection.fetch(
            "select column_name, data_type, is_nullable = 'YES' as empty from information_schema.columns"
            " where table_name = $1 and table_schema = 'public'",
            row_type.table,
        )
    finally:
        await connection.close()
    types = {
        "bigint": "bigint",
        "boolean": "boolean",
        "bytea": "bytea",
        "text": "text",
        "character": "text",
        "date": "date",
        "timestamp with time zone": "timestamptz",
    }
    assert {row["column_name"]: types[row["data_type"]] for row in found} == {
        column.name: column.sql_type for column in columns_of(row_type)
    }
    may_be_empty = {name for name, kind in row_type.__annotations__.items() if str(kind).endswith("| None")}
    assert {row["column_name"] for row in found if row["empty"]} == may_be_empty
