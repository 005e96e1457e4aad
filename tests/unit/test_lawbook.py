"""Rights and citations, promises and the ladder of what is late, what makes a case complete."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.making import NOON
from tests.unit.test_words import width
from yuanlu import words
from yuanlu.cases.rules import What
from yuanlu.channels.contract import Channel
from yuanlu.clock import CHINA
from yuanlu.errors import Broken, Denied
from yuanlu.lawbook import law, promises, proof, shelf
from yuanlu.lawbook.shapes import PARTS, Law, Promises, Proof, Rails, Stage

BOOK = shelf.read().on(date(2026, 11, 23))
WECHAT, ALIPAY = Channel.WECHAT, Channel.ALIPAY


def texts() -> list[str]:
    """Every Chinese text of our packs that people read."""
    rules = [rule.zh for rule in BOOK.one(Law).rules] + [rung.zh for rung in BOOK.one(Law).ladder]
    needs = [text for need in BOOK.one(Proof).needs for text in (need.zh, need.faster_zh)]
    service = BOOK.one(Promises)
    parts = [each.zh for each in (*service.steps, *service.waits, *service.ladder)]
    arrivals = [each.zh for rail in BOOK.one(Rails).channels.values() for each in rail.arrivals]
    return [*rules, *needs, *parts, *arrivals]


def test_what_people_read_in_a_pack_is_as_short_and_plain_as_all_words() -> None:
    assert len(texts()) > 50
    for text in texts():
        assert all(width(line) <= 24 for line in text.split("\n")), text
        assert not re.search("用户|交易|冲正|清算", text)


# --- law ---


@pytest.mark.parametrize("stage", Stage)
def test_every_stage_has_its_rights_each_with_a_citation(stage: Stage) -> None:
    """S72. S81."""
    found = law.rights(BOOK, stage)
    assert found
    for rule in found:
        assert re.fullmatch(r"law-cn/2026-01#[a-z0-9-]+", law.cite(BOOK, rule.id))


def test_a_decline_shows_the_whole_ladder_in_the_order_of_the_law() -> None:
    """S81."""
    assert "art-39" in [rule.id for rule in law.rights(BOOK, Stage.DECLINED)]
    rungs = law.ladder(BOOK)
    assert [rung.id for rung in rungs] == ["settle", "mediation", "authority", "arbitration", "court"]
    assert (rungs[2].contact, rungs[2].working_days) == ("12315", 7)


def test_the_rules_the_desk_stands_on_are_there_with_their_certainty() -> None:
    """S72."""
    told = {rule.id: rule.certainty for rule in BOOK.one(Law).rules}
    assert told["original-route"] == "L"
    assert told["art-39"] == told["art-46"] == told["art-22"] == told["pipl-minimum"] == "C"
    assert told["static-code-296"] == "M"
    assert law.keep_years(BOOK) == 3


def test_a_rule_nobody_wrote_cannot_be_cited() -> None:
    """S72."""
    with pytest.raises(Denied, match=r"law\.rule_unknown"):
        law.cite(BOOK, "art-999")


def test_before_the_first_pack_nothing_is_made_up() -> None:
    with pytest.raises(Denied, match=r"pack\.none_valid"):
        law.rights(shelf.read().on(date(2019, 1, 1)), Stage.REPORTED)
    with pytest.raises(Denied, match=r"pack\.none_valid"):
        law.rights(BOOK, Stage.REPORTED, "US")


# --- promises ---


def test_a_wallet_is_promised_in_minutes_and_a_card_in_working_days() -> None:
    """S62."""
    assert promises.expected(BOOK, WECHAT, "wallet", NOON).by == NOON + timedelta(minutes=5)
    card = promises.expected(BOOK, WECHAT, "card", NOON)  # a Monday: three working days end with Thursday
    assert card.by == datetime(2026, 11, 26, 16, tzinfo=UTC)
    assert promises.expected(BOOK, WECHAT, "", NOON) == card


def test_a_channel_that_promises_nothing_is_not_made_to() -> None:
    """S62."""
    for into in ("wallet", "card", ""):
        assert promises.expected(BOOK, ALIPAY, into, NOON).by is None
    back = promises.promised(BOOK, ALIPAY, "", ["review"], NOON)
    assert (back.sent.on, back.arrived.on) == (date(2026, 11, 25), None)
    assert "以渠道为准" in back.zh
    assert "到账时间" in back.zh


@pytest.mark.parametrize(
    ("said", "place"),
    [("", ""), ("支付用户零钱", "wallet"), ("招商银行信用卡0403", "card"), ("余额", "wallet")],
)
def test_the_channels_own_words_tell_a_wallet_from_a_card(said: str, place: str) -> None:
    assert promises.place_of(BOOK, WECHAT, said) == place


def test_a_promise_that_rests_on_an_unpublished_year_says_so() -> None:
    """S62."""
    back = promises.promised(BOOK, WECHAT, "card", ["review", "second"], datetime(2026, 12, 30, 4, tzinfo=UTC))
    assert back.sent.certain is False
    assert back.arrived.certain is False
    assert words.say("promise.uncertain") in back.zh


@given(st.lists(st.sampled_from(["check", "review", "second", "send"]), max_size=4), st.integers(0, 300))
def test_more_steps_never_promise_an_earlier_day(steps: list[str], days: int) -> None:
    at = datetime(2026, 1, 5, 4, tzinfo=UTC) + timedelta(days=days)
    fewer, more = (promises.promised(BOOK, WECHAT, "card", each, at) for each in (steps, [*steps, "review"]))
    assert fewer.sent.on is not None
    assert more.sent.on is not None
    assert fewer.arrived.on is not None
    assert more.arrived.on is not None
    assert at.astimezone(CHINA).date() <= fewer.sent.on <= fewer.arrived.on <= more.arrived.on
    assert fewer.sent.on <= more.sent.on


@pytest.mark.parametrize("part", sorted(PARTS))
def test_every_part_of_a_case_has_a_deadline_at_the_end_of_a_working_day(part: str) -> None:
    """S69."""
    due_at, certain = promises.due(BOOK, part, NOON)
    assert certain
    assert due_at > NOON
    local = due_at.astimezone(CHINA)
    assert (local.hour, local.minute) == (0, 0)
    assert BOOK.calendar.is_working_day(local.date() - timedelta(days=1))


def test_a_part_nobody_promises_is_a_bug_of_ours() -> None:
    with pytest.raises(Broken):
        promises.part(BOOK, "dance")


def test_what_is_late_climbs_the_ladder_with_the_working_days() -> None:
    """S69."""
    due_at = datetime(2026, 9, 30, 16, tzinfo=UTC)  # the end of the last day before the National Day holiday
    assert promises.late(BOOK, due_at, due_at - timedelta(seconds=1)) is None
    holiday = promises.late(BOOK, due_at, due_at + timedelta(days=3))
    assert holiday is not None
    assert (holiday.working_days, holiday.step.to) == (0, "manager")
    assert holiday.next_at == datetime(2026, 10, 8, 16, tzinfo=UTC)  # the eighth, the first that is worked, is over
    friday = promises.late(BOOK, due_at, holiday.next_at)
    assert friday is not None
    assert (friday.working_days, friday.step.to) == (1, "finance")
    assert friday.next_at == datetime(2026, 10, 10, 16, tzinfo=UTC)  # and Friday, and the Saturday that is worked
    top = promises.late(BOOK, due_at, datetime(2026, 10, 11, 4, tzinfo=UTC))
    assert top is not None
    assert (top.working_days, top.step.to, top.next_at) == (3, "owner", None)


def test_what_was_due_on_monday_is_a_working_day_late_when_tuesday_is_over() -> None:
    """S69."""
    for due_at in (datetime(2026, 11, 23, 16, tzinfo=UTC), datetime(2026, 11, 23, 4, tzinfo=UTC)):
        found = promises.late(BOOK, due_at, datetime(2026, 11, 24, 15, 59, tzinfo=UTC))
        assert found is not None
        assert (found.working_days, found.next_at) == (0, datetime(2026, 11, 24, 16, tzinfo=UTC))


@given(st.integers(0, 60 * 24 * 60), st.integers(0, 60 * 24 * 60))
def test_the_ladder_only_goes_up_and_its_next_moment_is_the_one_it_moves_at(first: int, more: int) -> None:
    due_at = datetime(2026, 9, 1, 16, tzinfo=UTC)
    at = due_at + timedelta(minutes=first)
    here, there = promises.late(BOOK, due_at, at), promises.late(BOOK, due_at, at + timedelta(minutes=more))
    assert here is not None
    assert there is not None
    assert there.step.after_working_days >= here.step.after_working_days
    if here.next_at is not None:
        moved = promises.late(BOOK, due_at, here.next_at)
        before = promises.late(BOOK, due_at, here.next_at - timedelta(microseconds=1))
        assert moved is not None
        assert before is not None
        assert before.step == here.step
        assert moved.step.after_working_days > here.step.after_working_days


# --- what makes a case complete ---

CAUSES = [*(what.value for what in What), "a_cause_of_newer_code"]


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_is_scored_over_all_it_may_hold(cause: str) -> None:
    """S60: holding more never lowers the score; whole means that nothing is missing and nothing would be faster."""
    ids = [need.id for need in proof.needed(BOOK, cause)]
    assert ids
    held_before: dict[frozenset[str], int] = {}
    for count in range(len(ids) + 1):
        for held in map(frozenset, combinations(ids, count)):
            found = proof.score(BOOK, cause, held)
            assert 0 <= found.per_mille <= 1000
            assert (found.per_mille == 1000) == (not found.missing and not found.faster)
            assert (found.per_mille == 0) == (not held)
            assert {need.id for need in (*found.missing, *found.faster)} == set(ids) - held
            assert all(found.per_mille > held_before[held - {one}] for one in held)
            held_before[held] = found.per_mille


def test_what_is_missing_weighs_most_first_and_is_said_in_both_languages() -> None:
    """S60."""
    found = proof.score(BOOK, "wrong_amount", {"reason", "channel_answer", "something_else"})
    assert [need.id for need in found.missing] == ["meant", "statement"]
    assert [need.id for need in found.faster] == ["receipt", "payer_tail", "contact"]
    assert found.zh.split("\n")[:3] == ["还缺这些：", "本来该收多少钱", "写清楚发生了什么"]
    assert "有小票，不用再核对价格" in found.zh
    assert found.en.startswith("Still missing:\nWhat should have been charged")


def test_a_case_that_holds_all_that_is_required_says_what_would_still_be_faster() -> None:
    """S60."""
    held = {"reason", "channel_answer", "statement", "meant", "receipt", "contact"}
    found = proof.score(BOOK, "wrong_amount", held)
    assert not found.missing
    assert found.zh == "够审核了，再有这些更快：\n有后四位，能马上认出是哪一笔"
    assert proof.score(BOOK, "wrong_amount", held | {"payer_tail"}).zh == "材料齐了"
