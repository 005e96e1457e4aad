"""Losses and the refund float, as values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.making import CASE, MERCHANT, NOON, after, changed, fen, moved
from yuanlu import ids
from yuanlu.change import Stay
from yuanlu.channels.contract import Channel
from yuanlu.errors import Denied
from yuanlu.losses import floats, rules
from yuanlu.losses.floats import Ahead, Float, FloatSeen
from yuanlu.losses.rules import Bearer, Loss, LossAsk, LossSeen, Settling, State

LOSS = ids.derived(ids.Kind.LOSS, NOON, "test")


def ask(**given_: Any) -> LossAsk:
    values: dict[str, Any] = {
        "merchant_id": MERCHANT, "id": LOSS, "case_id": CASE, "cause": "wrong_customer", "bearer": Bearer.CASHIER,
        "amount": fen(50_000), "who": "anna", "role": "finance",
    }  # fmt: skip
    return LossAsk(**values | given_)


def loss(**given_: Any) -> Loss:
    return replace(changed(rules.record(ask(), LossSeen(None, True), NOON)).row, **given_)


def settling(amount: int, **given_: Any) -> Settling:
    values: dict[str, Any] = {"amount": fen(amount), "version": 1, "who": "bert", "role": "finance"}
    return Settling(**values | given_)


def test_a_loss_is_recorded_against_its_bearer() -> None:
    """S83."""
    change = changed(rules.record(ask(), LossSeen(None, True), NOON))
    assert moved(change) == [("lost", "loss:cashier", 50_000)]
    assert (change.row.state, change.row.open_fen) == (State.OPEN, 50_000)


def test_what_is_recovered_and_written_off_settles_it() -> None:
    """S83."""
    one = changed(rules.recover(settling(30_000), LossSeen(loss(), True), after(1)))
    assert moved(one) == [("loss:cashier", "lost", 30_000)]
    two = changed(rules.write_off(settling(20_000, version=2), LossSeen(one.row, True), after(2)))
    assert moved(two) == [("loss:cashier", "loss:written", 20_000)]
    assert (one.row.state, two.row.state, two.row.open_fen) == (State.OPEN, State.SETTLED, 0)
    with pytest.raises(Denied, match=r"loss\.amount"):
        rules.recover(settling(1, version=3), LossSeen(two.row, True), after(3))


def test_whoever_recorded_a_large_loss_cannot_write_it_off_alone_nor_in_parts() -> None:
    """S83."""
    small = changed(rules.write_off(settling(20_000, who="anna"), LossSeen(loss(), True), after(1))).row
    for amount, row in ((20_001, loss()), (1, small)):
        with pytest.raises(Denied, match=r"loss\.same_person"):
            rules.write_off(settling(amount, who="anna", version=row.version), LossSeen(row, True), after(2))
    assert changed(rules.write_off(settling(50_000), LossSeen(loss(), True), after(1))).row.state is State.SETTLED


@pytest.mark.parametrize(
    ("given_", "seen", "code"),
    [
        ({"role": "manager"}, LossSeen(None, True), "staff.not_allowed"),
        ({}, LossSeen(None, False), "loss.case_unknown"),
        ({"amount": fen(0)}, LossSeen(None, True), "loss.amount"),
        ({"amount": fen(1)}, LossSeen(loss(), True), "loss.id_taken"),
    ],
)
def test_a_loss_that_does_not_fit_is_refused(given_: dict[str, Any], seen: LossSeen, code: str) -> None:
    with pytest.raises(Denied) as no:
        rules.record(ask(**given_), seen, NOON)
    assert no.value.code == code


def test_recording_again_is_the_same_loss() -> None:
    assert rules.record(ask(), LossSeen(loss(), True), after(9)) == Stay(loss())


@pytest.mark.parametrize("verb", [rules.recover, rules.write_off])
def test_asking_twice_counts_once_because_the_second_saw_an_older_loss(verb: Any) -> None:
    now = changed(verb(settling(100), LossSeen(loss(), True), after(1))).row
    with pytest.raises(Denied, match=r"loss\.stale"):
        verb(settling(100), LossSeen(now, True), after(2))
    with pytest.raises(Denied, match=r"loss\.unknown"):
        verb(settling(100), LossSeen(None, True), after(2))
    with pytest.raises(Denied, match=r"staff\.not_allowed"):
        verb(settling(100, role="cashier"), LossSeen(loss(), True), after(2))


# --- the refund float ---


def ahead(**given_: Any) -> Ahead:
    return Ahead(channel=Channel.WECHAT, **given_)


def test_the_need_is_open_and_promised_and_expected() -> None:
    one = floats.forecast(
        ahead(open_fen=100, promised_fen=200, review_fen=999, decided=40, paid_back=30, known_fen=500)
    )
    assert (one.share_per_mille, one.expected_fen, one.need_fen, one.short_fen) == (750, 750, 1050, 550)


def test_where_the_past_is_short_all_that_is_asked_for_is_expected() -> None:
    assert floats.forecast(ahead(review_fen=999, decided=19, paid_back=0)).expected_fen == 999
    assert floats.forecast(ahead(review_fen=999, decided=20, paid_back=0)).expected_fen == 0


FEN = st.integers(0, 10**10)


@given(FEN, FEN, FEN, st.integers(-(10**10), 10**10), st.integers(0, 500), st.data())
def test_a_forecast_never_falls_short_of_what_is_certain(
    open_fen: int, promised: int, review: int, known: int, decided: int, data: st.DataObject
) -> None:
    waiting = data.draw(st.integers(0, open_fen))
    paid_back = data.draw(st.integers(0, decided))
    one = floats.forecast(
        ahead(
            open_fen=open_fen,
            promised_fen=promised,
            review_fen=review,
            known_fen=known,
            waiting_fen=waiting,
            decided=decided,
            paid_back=paid_back,
        )
    )
    assert open_fen + promised <= one.need_fen <= open_fen + promised + review
    assert one.short_fen >= max(one.need_fen - max(known, 0), waiting, 0)
    assert one.is_short == (one.short_fen > 0)
    assert all(type(value) is int for name in one.__slots__ if name.endswith("_fen") for value in [getattr(one, name)])


def told(short: int) -> Float:
    return Float(merchant_id=MERCHANT, id="wechat", short_fen=short, need_fen=short, known_fen=0, changed_at=NOON)


@pytest.mark.parametrize(
    ("before", "short", "kinds"),
    [
        (None, 0, None),
        (None, 500, "FloatShort"),
        (0, 500, "FloatShort"),
        (500, 999, None),
        (500, 1000, "FloatShort"),
        (500, 0, "FloatEnough"),
        (0, 0, None),
    ],
)
def test_a_shortage_is_told_when_it_turns_and_when_it_doubles(
    before: int | None, short: int, kinds: str | None
) -> None:
    row = None if before is None else told(before)
    decision = floats.watch(MERCHANT, FloatSeen(row, ahead(open_fen=short)), after(9))
    if kinds is None:
        assert decision == Stay(row)
    else:
        change = changed(decision)
        assert [fact.kind for fact in change.facts] == [kinds]
        assert (change.row.short_fen, change.row.version) == (short, 1 if row is None else 2)


def test_what_comes_within_five_minutes_is_looked_at_together() -> None:
    assert floats.next_look(after(1)) == floats.next_look(after(299)) == after(300)
    assert floats.next_look(after(300)) == after(600)
