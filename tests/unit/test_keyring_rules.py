"""Secrets: noted, turned over, gone; and each warning once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.making import NOON
from yuanlu.change import Change, Stay
from yuanlu.keyring.rules import Found, Secret, SecretEnding, Sort, due, lose, note

ENDS = NOON + timedelta(days=40)
CERT = Found("wechat/merchant_cert", Sort.CERTIFICATE, "f1", ENDS)


def noted(found: Found, seen: Secret | None, at: datetime) -> tuple[Secret, list[str]]:
    """The row as it then stands, and the facts that came of it."""
    decided = note("YM1", found, "system", seen, at)
    assert decided.row.version == (seen.version if seen else 0) + isinstance(decided, Change)
    facts = decided.facts if isinstance(decided, Change) else ()
    return decided.row, [f"{each.kind} {each.days}" if isinstance(each, SecretEnding) else each.kind for each in facts]


def test_a_certificate_warns_thirty_seven_and_one_days_before_and_when_it_ended_each_once() -> None:
    """Looked at eight times a day for fifty days."""
    row: Secret | None = None
    told = []
    for hours in range(0, 50 * 24, 3):
        row, facts = noted(CERT, row, NOON + timedelta(hours=hours))
        told += [(hours / 24, fact) for fact in facts]
    assert told == [
        (0, "SecretNoted"), (10, "SecretEnding 30"), (33, "SecretEnding 7"), (39, "SecretEnding 1"),
        (40, "SecretEnding 0"),
    ]  # fmt: skip


def test_who_did_not_look_for_long_is_warned_once_of_what_is_true_now() -> None:
    row, facts = noted(CERT, None, ENDS - timedelta(days=6))
    assert facts == ["SecretNoted", "SecretEnding 7"]
    assert noted(CERT, row, ENDS - timedelta(days=5))[1] == []
    assert noted(CERT, row, ENDS + timedelta(days=5))[1] == ["SecretEnding 0"]


def test_another_certificate_in_its_place_is_a_rotation_and_warns_anew() -> None:
    row, _ = noted(CERT, None, ENDS)
    later = ENDS + timedelta(days=365)
    row, facts = noted(Found(CERT.name, CERT.sort, "f2", later), row, ENDS)
    assert (facts, row.warned_days, row.ends_at) == (["SecretRotated"], None, later)
    assert noted(Found(CERT.name, CERT.sort, "f2", later), row, later)[1] == ["SecretEnding 0"]


@pytest.mark.parametrize("sort", list(Sort))
def test_what_has_facts_of_its_own_tells_its_end_alone(sort: Sort) -> None:
    own = sort in {Sort.API_KEY, Sort.OLD_SECRET}
    row, facts = noted(Found("x", sort, "1", ENDS), None, ENDS - timedelta(days=1))
    assert facts == ([] if own else ["SecretNoted"]) + ["SecretEnding 1"]
    gone = lose("system", row, ENDS)
    assert isinstance(gone, Change)
    assert [each.kind for each in gone.facts] == ([] if own else ["SecretGone"])
    assert (gone.row.ends_at, gone.row.gone_at) == (None, ENDS)
    assert isinstance(lose("system", gone.row, ENDS), Stay)
    back, facts = noted(Found("x", sort, "1", None), gone.row, ENDS)
    assert (facts, back.gone_at) == ([] if own else ["SecretNoted"], None)


def test_what_has_no_end_is_never_due() -> None:
    assert due(None, NOON) is None
    assert due(NOON + timedelta(days=30, seconds=1), NOON) is None
    assert due(NOON + timedelta(days=30), NOON) == 30
