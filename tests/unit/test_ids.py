"""Ids: made in order of time, checked by their last character, never taken for a payment code."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from stdnum.iso7064 import mod_37_36

from tests.making import NOON
from yuanlu import ids
from yuanlu.channels.codes import CodeKind, recognise
from yuanlu.clock import business_day
from yuanlu.errors import Denied
from yuanlu.ids import Kind

kinds = some.sampled_from(list(Kind))
moments = some.datetimes(datetime(2020, 1, 1), datetime(2200, 1, 1), timezones=some.just(UTC))  # noqa: DTZ001 - as hypothesis wants them


@given(kinds, moments)
def test_an_id_is_29_letters_and_digits_that_every_channel_takes_as_an_order_number(kind: Kind, at: datetime) -> None:
    made = ids.new(kind, at)
    assert re.fullmatch(r"[A-Z]{2}[0-9A-HJKMNP-TV-Z]{26}[0-9A-Z]", made)
    assert ids.is_id(made)
    assert ids.is_id(made, kind)
    assert 8 <= len(made) <= 32, "UnionPay wants 8 to 40, WeChat Pay at most 32 (channels.md 1.1)"


@given(kinds, moments)
def test_the_check_character_is_that_of_iso_7064_mod_37_36(kind: Kind, at: datetime) -> None:
    assert mod_37_36.is_valid(ids.new(kind, at))


@given(kinds, moments, some.integers(0, 28), some.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
def test_one_character_misread_is_always_noticed(kind: Kind, at: datetime, place: int, letter: str) -> None:
    made = ids.new(kind, at)
    misread = made[:place] + letter + made[place + 1 :]
    assert (misread == made) is ids.is_id(misread)


@given(moments, some.integers(1, 10**9))
def test_later_ids_sort_after_earlier_ones(at: datetime, milliseconds: int) -> None:
    earlier, later = ids.new(Kind.PAYMENT, at), ids.new(Kind.PAYMENT, at + timedelta(milliseconds=milliseconds))
    assert earlier < later


def test_no_two_new_ids_are_alike() -> None:
    assert len({ids.new(Kind.PAYMENT, NOON) for _ in range(2000)}) == 2000


def test_the_same_parts_always_give_the_same_id_and_others_another() -> None:
    one = ids.derived(Kind.REFUND, NOON, "case", "1")
    assert one == ids.derived(Kind.REFUND, NOON, "case", "1")
    others = {
        ids.derived(Kind.REFUND, NOON, "case", "2"),
        ids.derived(Kind.REFUND, NOON, "case1", ""),
        ids.derived(Kind.REFUND, NOON + timedelta(milliseconds=1), "case", "1"),
        ids.derived(Kind.CASE, NOON, "case", "1"),
    }
    assert len({one, *others}) == 5


def test_an_id_is_one_of_the_kinds_that_are_wanted() -> None:
    made = ids.new(Kind.REFUND)
    assert ids.is_id(made, Kind.PAYMENT, Kind.REFUND)
    assert not ids.is_id(made, Kind.PAYMENT)
    assert ids.checked(made, Kind.REFUND) == made
    with pytest.raises(Denied, match=r"id\.invalid"):
        ids.checked(made, Kind.CASE)


@pytest.mark.parametrize("spoilt", ["", "YP", "yp", "ZZ", "I", "U", " ", "8", "\n", "۱"])
def test_what_only_looks_like_an_id_is_none(spoilt: str) -> None:
    made = ids.new(Kind.PAYMENT, NOON)
    for text in (spoilt, spoilt + made, made + spoilt, made[:2] + spoilt + made[3:], made.lower()):
        assert text == made or not ids.is_id(text)


@given(kinds, moments)
def test_an_id_is_never_taken_for_a_payment_code(kind: Kind, at: datetime) -> None:
    found = recognise(ids.new(kind, at), typed=False, today=business_day(NOON), no_id_card=False)
    assert not found.ok


@given(kinds, moments)
def test_an_id_of_any_kind_is_recognised_as_our_number(kind: Kind, at: datetime) -> None:
    made = ids.new(kind, at)
    for text in (made, made.lower()):
        found = recognise(text)
        assert (found.kind, found.code) == (CodeKind.OUR_NUMBER, made)


@pytest.mark.parametrize("apart", [-900, -1, 0, 1, 900])
def test_ids_made_near_in_time_lie_between_the_bounds(apart: int) -> None:
    low, high = ids.around(ids.new(Kind.PAYMENT, NOON), timedelta(seconds=900))
    assert low <= ids.new(Kind.PAYMENT, NOON + timedelta(seconds=apart)) < high


@pytest.mark.parametrize("apart", [-901, 901])
def test_ids_made_far_apart_lie_outside_the_bounds(apart: int) -> None:
    low, high = ids.around(ids.new(Kind.PAYMENT, NOON), timedelta(seconds=900))
    assert not low <= ids.new(Kind.PAYMENT, NOON + timedelta(seconds=apart)) < high
