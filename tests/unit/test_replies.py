"""The ready replies: both languages name the same things, apologise, and ask for nothing that must not be asked."""

from __future__ import annotations

from dataclasses import replace
from string import Formatter

import pytest

from tests.making import after, case, payment
from yuanlu.cases import replies
from yuanlu.cases.rules import Case
from yuanlu.errors import Denied
from yuanlu.payments.rules import State as P

FORBIDDEN = ("用户", "交易", "冲正", "清算", "http", "验证码")
KNOWS_ALL = replace(
    case(), remedy_fen=11520, promised_on=after(0).date(), object_until=after(60), offer_until=after(120)
)


def named(text: str) -> set[str]:
    return {place for _, place, _, _ in Formatter().parse(text) if place}


@pytest.mark.parametrize("name", replies.replies())
def test_both_languages_name_the_same_apologise_and_ask_for_no_secret(name: str) -> None:
    """S56."""
    texts = replies.replies()[name]
    assert set(texts) == {"title_zh", "zh", "title_en", "en"}
    assert named(texts["zh"]) == named(texts["en"]) <= set(replies.FILLS)
    assert "number" in named(texts["zh"])
    assert "歉" in texts["zh"]
    assert "sorry" in texts["en"] or "apolog" in texts["en"]
    assert not [word for word in FORBIDDEN if word in texts["zh"] + texts["en"]]


@pytest.mark.parametrize("name", replies.replies())
def test_a_reply_is_filled_in_from_the_case(name: str) -> None:
    """S56."""
    both = replies.filled(name, "both", KNOWS_ALL, payment(P.PAID))
    zh, en = (replies.filled(name, lang, KNOWS_ALL, payment(P.PAID)) for lang in ("zh", "en"))
    assert both == f"{zh}\n\n{en}"
    assert KNOWS_ALL.id in zh
    assert "{" not in both


@pytest.mark.parametrize(
    ("name", "lacking", "lacks"),
    [
        ("on_its_way", {"promised_on": None}, ["day"]),
        ("our_mistake", {"remedy_fen": 0}, ["back"]),
        ("offered", {"offer_until": None}, ["offer_until"]),
        ("declined", {"object_until": None}, ["object_until"]),
    ],
)
def test_a_reply_whose_facts_are_missing_is_refused(name: str, lacking: dict[str, None], lacks: list[str]) -> None:
    """S56."""
    one: Case = replace(KNOWS_ALL, **lacking)  # type: ignore[arg-type]
    with pytest.raises(Denied, match=r"case\.reply_lacks") as no:
        replies.filled(name, "zh", one, payment(P.PAID))
    assert no.value.facts["lacks"] == lacks


def test_the_replies_are_a_fixed_set() -> None:
    with pytest.raises(Denied, match=r"case\.reply_unknown") as no:
        replies.filled("thanks", "zh", KNOWS_ALL, payment(P.PAID))
    assert "received" in no.value.facts["known"]
