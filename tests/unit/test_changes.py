"""What a decision is made of: accounts and moves, rows and their columns, settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

import pytest

from tests.making import case, payment, refund
from yuanlu import config
from yuanlu.change import Column, Row, columns_of, drawn
from yuanlu.channels.contract import Channel
from yuanlu.errors import Broken, Denied
from yuanlu.ledger.accounts import FLOORED, HELD, OWED, SUSPENSE, Move, due
from yuanlu.money import Money


@pytest.mark.parametrize("amount", [0, -1])
def test_a_move_of_nothing_or_backwards_is_a_bug_of_ours(amount: int) -> None:
    with pytest.raises(Broken):
        Move(OWED, HELD, Money(amount))


def test_a_move_from_a_place_to_itself_is_a_bug_of_ours() -> None:
    with pytest.raises(Broken):
        Move(HELD, HELD, Money(1))


def test_what_is_promised_or_stranded_has_a_floor_and_every_channel_its_own_account() -> None:
    assert set(FLOORED) == {HELD, SUSPENSE}
    assert len({due(channel) for channel in Channel} | {OWED, HELD, SUSPENSE}) == len(Channel) + 3


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing(Row):
    table: ClassVar[str] = "things"
    written_once: ClassVar[frozenset[str]] = frozenset({"count"})

    colour: Colour
    count: int
    paid_at: datetime | None = None
    is_new: bool = True
    back_fen: int = drawn()


def test_a_row_tells_its_columns_and_what_only_draws_change() -> None:
    assert columns_of(Thing) == (
        Column("merchant_id", "text"),
        Column("id", "text"),
        Column("version", "bigint"),
        Column("colour", "text"),
        Column("count", "bigint", written_once=True),
        Column("paid_at", "timestamptz"),
        Column("is_new", "boolean"),
        Column("back_fen", "bigint", kept_by_draws=True),
    )
    assert [each.name for each in columns_of(Thing) if not each.changes] == ["count", "back_fen"]


@pytest.mark.parametrize("row", [payment(), refund(), case()], ids=lambda row: row.table)
def test_only_a_payment_has_columns_that_draws_keep(row: Row) -> None:
    kept = {column.name for column in columns_of(type(row)) if column.kept_by_draws}
    assert kept == ({"back_fen", "parts"} if row.table == "payments" else set())
    assert row.key == (row.merchant_id, row.id)


@pytest.mark.parametrize("row", [payment(), refund(), case()], ids=lambda row: row.table)
def test_what_is_written_once_is_a_column_and_never_the_state(row: Row) -> None:
    names = {column.name for column in columns_of(type(row))}
    assert row.written_once <= names - {"merchant_id", "id", "version", "state"}


def test_settings_are_read_by_name_and_type() -> None:
    read = config.read({"YUANLU_PORT": "80", "YUANLU_STATE": "/var/lib/y", "YUANLU_HOST": "::1", "HOME": "/x"})
    assert (read.port, read.state, read.host) == (80, Path("/var/lib/y"), "::1")
    assert config.read({}).database_url == ""


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "0x10", " 80", "²"])
def test_a_setting_that_must_be_a_whole_number_is_one(value: str) -> None:
    with pytest.raises(Denied, match=r"settings\.invalid"):
        config.read({"YUANLU_PORT": value})


def test_a_slip_in_the_name_of_a_setting_is_not_silent() -> None:
    with pytest.raises(Denied, match=r"settings\.unknown.*YUANLU_DATABASE_URI"):
        config.read({"YUANLU_DATABASE_URI": "x"})


def test_the_own_secret_is_made_once_and_only_we_may_read_it(tmp_path: Path) -> None:
    settings = config.Settings(state=tmp_path / "new")
    assert len(settings.mark_key) >= 32
    assert settings.mark_key == config.Settings(state=tmp_path / "new").mark_key
    assert (tmp_path / "new" / "secret").stat().st_mode & 0o077 == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["secret"]


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    short = tmp_path / "secret"
    short.write_bytes(b"x" * 31)
    with pytest.raises(Denied, match=r"settings\.secret_short"):
        _ = config.Settings(state=tmp_path, secret_file=str(short)).mark_key
    short.write_bytes(b"x" * 32)
    assert config.Settings(state=tmp_path, secret_file=str(short)).mark_key == b"x" * 32
