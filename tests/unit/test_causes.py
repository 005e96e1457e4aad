"""Causes: every planted mistake is found first, nothing is found where nothing is, nothing suggested is too much."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.making import NOON, STORE, TILL, after
from tests.unit.test_words import width
from yuanlu import ids, packaged
from yuanlu.amounts.rules import Difference
from yuanlu.cases import causes
from yuanlu.cases.causes import Finding, Heard, Sibling, Traces, Way, Whose, find, paired, taxonomy, twin_of
from yuanlu.channels.diagnosis import Cause, Verdict, known_codes

KINDS = taxonomy().kinds
SLIPS = ("decimal_slip", "repeated_digit", "extra_digit", "missing_digit", "digits_swapped")
"""The slips of a hand, the most special first: an amount two of them reach is found as the earlier."""


def charge(fen: int, name: str = "one", **given: Any) -> Sibling:
    values: dict[str, Any] = {
        "id": ids.derived(ids.Kind.PAYMENT, NOON, name),
        "till_id": TILL,
        "store_id": STORE,
        "amount_fen": fen,
        "payer": "payer-1",
        "opened_at": NOON,
        "clear_at": after(1),
    }
    return Sibling(**values | given)


def around(charged: int, **given: Any) -> Traces:
    return Traces(**{"payment": charge(charged), "rest_fen": charged} | given)


def names(found: list[Finding]) -> list[str]:
    return [each.cause.rpartition(".")[2] for each in found]


def planted(kind: str, right: int) -> set[int]:
    """Every amount a hand makes of another by this slip, written down apart from the detector: by making it."""
    text = str(right)
    match kind:
        case "decimal_slip":
            return {right * 10, right * 100} | {right // n for n in (10, 100) if right % n == 0}
        case "repeated_digit":
            return {int(text[:n] + text[n] + text[n:]) for n in range(len(text))}
        case "extra_digit":
            return {int(text[:n] + d + text[n:]) for n in range(len(text) + 1) for d in "0123456789" if n or d != "0"}
        case "missing_digit":
            shorter = {text[:n] + text[n + 1 :] for n in range(len(text))}
            return {int(each) for each in shorter if each and each[0] != "0"}
        case _:
            text = text.rjust(3, "0")
            swapped = {text[:n] + text[n + 1] + text[n] + text[n + 2 :] for n in range(len(text) - 1)}
            return {int(each) for each in swapped if len(text) == 3 or each[0] != "0"} - {right, 0}


@pytest.mark.parametrize("kind", SLIPS)
def test_every_planted_slip_of_every_small_amount_is_found_first(kind: str) -> None:
    """S37. Every amount from ¥0.01 to ¥30.00, every way to slip: found, and only by what reaches it more specially."""
    for right in range(1, 3001):
        for charged in planted(kind, right):
            found = names(find(around(charged, meant_fen=right)))
            assert kind in found, (charged, right)
            assert all(SLIPS.index(other) < SLIPS.index(kind) for other in found[: found.index(kind)]), (charged, right)
            wanted = [each for each in SLIPS if charged in planted(each, right)]
            assert found == wanted, (charged, right)


@given(some.integers(1, 10**8), some.integers(1, 10**8))
def test_amounts_that_no_slip_joins_are_no_finding(charged: int, right: int) -> None:
    """S37."""
    reached = [kind for kind in SLIPS if charged in planted(kind, right)]
    found = find(around(charged, meant_fen=right)) if charged != right else []
    assert names(found) == reached


def test_an_amount_alone_tells_nothing() -> None:
    assert find(around(12800)) == []
    assert find(around(12800, before=charge(12800, "before"))) == []
    assert find(around(12800, meant_fen=12800, basket_fen=12800)) == []


def test_the_amount_of_the_customer_before_is_found_with_both_payments_as_evidence() -> None:
    """S37."""
    before = charge(4200, "before", payer="payer-2")
    (found,) = find(around(4200, meant_fen=1999, before=before))
    assert found.cause == "input.amount.previous_amount"
    assert found.evidence == (charge(1).id, before.id)
    assert (found.suggested_fen, found.remedy) == (2201, Way.REFUND_DIFFERENCE)
    assert "¥42.00" in found.because_zh


def test_what_was_charged_too_low_is_collected_and_never_refunded() -> None:
    """S46."""
    (found,) = find(around(120, meant_fen=1280))
    assert (found.cause, found.suggested_fen, found.remedy) == ("input.amount.missing_digit", 0, Way.COLLECT_REST)
    assert find(around(1280, meant_fen=2180))[0].remedy is Way.COLLECT_REST


def test_till_and_person_agreeing_are_believed_more_than_either() -> None:
    def sure(**given: Any) -> int:
        return find(around(12800, **given))[0].confidence

    both, basket = sure(meant_fen=1280, basket_fen=1280), sure(basket_fen=1280)
    assert both > basket > sure(meant_fen=1280) > sure(usual_fen=(1280,))
    assert both == KINDS["input.amount.decimal_slip"].confidence


amounts = some.integers(1, 10**8)


@given(amounts, amounts, some.none() | amounts, some.none() | amounts, some.lists(amounts, max_size=3), some.data())
def test_what_is_suggested_never_exceeds_what_may_go_back(
    charged: int, rest: int, meant: int | None, basket: int | None, usual: list[int], data: Any
) -> None:
    """S70."""
    rest = min(rest, charged)
    others = [charge(charged, f"o{n}", payer=f"payer-{n}", opened_at=after(n), clear_at=after(9)) for n in range(3)]
    traces = around(
        charged,
        rest_fen=rest,
        meant_fen=meant,
        basket_fen=basket,
        usual_fen=tuple(usual),
        before=others[0],
        siblings=tuple(others),
        what=data.draw(some.sampled_from(["wrong_customer", "charged_twice", "wrong_amount", "other"])),
        code_owner=data.draw(some.sampled_from(list(Whose))),
        code_is_stale=data.draw(some.booleans()),
    )
    found = find(traces)
    assert all(0 <= each.suggested_fen <= rest for each in found)
    assert [each.confidence for each in found] == sorted((each.confidence for each in found), reverse=True)
    assert len({each.cause for each in found}) == len(found)
    assert all(0 < each.confidence < causes.CERTAIN for each in found)
    assert all(each.evidence and each.because_zh and each.because_en for each in found)


# Payees.


def test_another_customer_who_paid_the_same_nearby_is_shown_when_the_wrong_one_was_charged() -> None:
    """S38."""
    other = charge(2600, "other", payer="payer-2", opened_at=after(90))
    found = find(around(2600, siblings=(other,), what="wrong_customer"))
    assert found[0].cause == "input.payee.other_customer"
    assert (found[0].suggested_fen, found[0].evidence) == (2600, (charge(1).id, other.id))
    assert find(around(2600, siblings=(other,))) == []
    assert find(around(2600, siblings=(replace(other, payer="payer-1", clear_at=None),), what="wrong_customer")) == []


def test_another_shops_code_is_handed_over_and_a_retired_one_is_refunded() -> None:
    """S38, S47."""
    (another,) = find(around(900, code_owner=Whose.ANOTHER, code_evidence="YQ1"))
    assert (another.cause, another.remedy, another.suggested_fen) == (
        "input.payee.other_shop_code",
        Way.HAND_OVER,
        0,
    )
    (stale,) = find(around(900, code_owner=Whose.YOURS, code_is_stale=True))
    assert (stale.cause, stale.suggested_fen) == ("input.payee.stale_static", 900)
    assert find(around(900, code_owner=Whose.YOURS)) == []


# Charged twice.


def test_a_second_charge_while_the_first_was_unclear_is_found_by_itself() -> None:
    """S41."""
    first = charge(1500, "first", clear_at=after(20))
    second = charge(1500, "second", opened_at=after(8), clear_at=after(9))
    (found,) = find(Traces(payment=second, rest_fen=1500, siblings=(first,)))
    assert found.cause == "network.charged_twice_after_timeout"
    assert (found.suggested_fen, found.evidence) == (1500, (first.id, second.id))


def test_the_same_code_is_the_strongest_sign() -> None:
    first = charge(1500, "first", clear_at=after(20), code_mark="m")
    second = charge(1500, "second", opened_at=after(8), code_mark="m", payer="")
    same, unclear = paired(first, second), paired(replace(first, code_mark=""), replace(second, payer="payer-1"))
    assert same is not None
    assert unclear is not None
    assert same.confidence > unclear.confidence


@pytest.mark.parametrize(
    "change",
    [
        {"payer": "payer-2"},
        {"payer": ""},
        {"amount_fen": 1501},
        {"store_id": "YS2"},
        {"opened_at": after(301)},
        {"has_money": False},
    ],
    ids=str,
)
def test_what_differs_is_no_second_charge(change: dict[str, Any]) -> None:
    first, second = charge(1500, "first", clear_at=after(400)), charge(1500, "second", opened_at=after(8))
    assert paired(first, second) is not None
    assert paired(first, replace(second, **change)) is None


def test_two_equal_sales_one_after_the_other_are_no_finding_until_somebody_reports_them() -> None:
    first = charge(1500, "first", clear_at=after(1))
    second = charge(1500, "second", opened_at=after(60), clear_at=after(61))
    assert find(Traces(payment=second, rest_fen=1500, siblings=(first,))) == []
    (found,) = find(Traces(payment=second, rest_fen=1500, siblings=(first,), what="charged_twice"))
    assert found.confidence < taxonomy().twice["opens_itself"]


def test_nothing_is_suggested_where_the_other_charge_has_gone_back() -> None:
    first = charge(1500, "first", clear_at=after(20), back_fen=1500)
    second = charge(1500, "second", opened_at=after(8))
    (found,) = find(Traces(payment=second, rest_fen=1500, siblings=(first,)))
    assert (found.suggested_fen, found.remedy) == (0, Way.NONE)


def test_charged_three_times_the_first_stays_and_both_others_are_its_twins() -> None:
    a, b, c = (charge(700, name, opened_at=after(n), clear_at=after(30)) for n, name in enumerate("abc"))
    pairs = [twin_of(each, [other for other in (a, b, c) if other is not each]) for each in (a, b, c)]
    assert [(pair.first.id, pair.second.id) for pair in pairs if pair] == [(a.id, b.id), (a.id, b.id), (a.id, c.id)]


@given(some.integers(-400, 400), some.booleans(), some.booleans())
def test_a_pair_is_the_same_pair_from_both_sides(apart: int, same_code: bool, other_till: bool) -> None:
    one = charge(700, "a", clear_at=after(30), code_mark="m" if same_code else "x")
    two = charge(
        700, "b", opened_at=NOON + timedelta(seconds=apart), code_mark="m", till_id="YT2" if other_till else TILL
    )
    assert paired(one, two) == paired(two, one)


# Codes of the channels.


def test_every_code_of_every_class_has_a_kind_and_only_failures_say_that_nothing_was_taken() -> None:
    """S39, S40, S41, S42, S43, S44, S45."""
    rows = set()
    for (book, name), told in known_codes().items():
        if told.cause is Cause.NONE or told.outcome is Verdict.SUCCESS:
            continue
        kind = taxonomy().by_code(f"{book}/{name}", told.cause)
        assert kind is not None, (book, name)
        rows.add(kind.row)
        if "没有收款" in kind.cashier["zh"] or "没有扣款" in kind.customer["zh"]:
            assert told.outcome is Verdict.FAILED, (book, name)
    assert rows >= {"S38", "S39", "S40", "S41", "S42", "S43", "S44", "S45"}


@pytest.mark.parametrize(
    ("book", "code", "cause"),
    [
        ("wechat", "NOTENOUGH", "account.balance"),
        ("alipay", "ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR", "limit.payer_day"),
        ("alipay", "ACQ.PAYMENT_FAIL", "bank.declined"),
        ("wechat", "client.timeout", "network.no_answer"),
        ("iso8583", "55", "input.password"),
        ("wechat", "SYSTEM_ERROR", "system.busy"),
        ("alipay", "ACQ.TRADE_HAS_SUCCESS", "order_info.paid_already"),
    ],
)
def test_what_the_channel_said_is_a_cause(book: str, code: str, cause: str) -> None:
    """S39, S40, S41, S42, S43, S44, S45."""
    (found,) = find(around(100, heard=(Heard(book=book, code=code, operation="pay", evidence="YE1"),)))
    assert found.cause == cause
    assert "YE1" in found.evidence


def test_a_code_nobody_knows_or_that_says_yes_is_no_finding() -> None:
    heard = tuple(Heard(book="wechat", code=code, operation="pay") for code in ("SUCCESS", "NEVER_SEEN"))
    assert find(around(100, heard=heard)) == []


# The file.


def test_all_seven_causes_have_kinds_and_every_row_of_the_requirements_has_one() -> None:
    """S58, S37, S38, S39, S40, S41, S42, S43, S44, S45."""
    assert {kind.cause for kind in KINDS.values()} == set(Cause) - {Cause.NONE}
    assert {kind.row for kind in KINDS.values()} == {f"S{n}" for n in range(37, 46)}
    assert {kind.detector for kind in KINDS.values()} == set(causes.DETECTORS)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_words_fit_the_screen_and_shame_nobody(name: str) -> None:
    kind = KINDS[name]
    facts = {
        "charged": "¥12,800.00",
        "right": "¥1,280.00",
        "times": 100,
        "digit": "0",
        "expected": "¥12,800.00",
        "got": "¥9,000.00",
    }
    lines = [told["zh"].format_map(facts) for told in (kind.cashier, kind.customer, kind.because) if told]
    assert all(width(line) <= 24 for text in lines for line in text.split("\n"))
    shaming = (
        "你的错",
        "余额不足",
        "没钱",
        "粗心",
        "冻结",
        "用户",
        "交易",
        "fault of",
        "careless",
        "poor",
        "your mistake",
    )
    told = [*kind.cashier.values(), *kind.customer.values(), *kind.because.values()]
    assert not [word for word in shaming for text in told if word in text]


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('detector = "decimal_slip"', 'detector = "guess"'),
        ("confidence = 980", "confidence = 1000"),
        ('"iso8583/55"', '"iso8583/no-such-code"'),
        ('remedy = "hand_over"', 'remedy = "shrug"'),
        ('row = "S39"\n', ""),
    ],
)
def test_a_taxonomy_that_makes_no_sense_is_refused_at_start(was: str, now: str) -> None:
    text = packaged.text("cases/data/causes.toml")
    assert was in text
    with pytest.raises((ValueError, KeyError)):
        causes.parse(text.replace(was, now))


def test_figures_that_do_not_fit_are_a_finding_of_the_case() -> None:
    """S77."""
    difference = Difference(kind="payer_back", where="YR1", expected_fen=450, got_fen=500)
    (found,) = find(around(1000, differs=(difference,)))
    assert (found.cause, found.suggested_fen) == ("order_info.amount_differs", 0)
    assert found.evidence[1:] == ("YR1",)
    assert "¥4.50" in found.because_zh
    assert "¥5.00" in found.because_zh
