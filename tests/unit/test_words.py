"""The catalogue: every sentence in both languages, short enough for a till."""

from __future__ import annotations

import re
from collections import defaultdict
from string import Formatter
from unicodedata import east_asian_width

import pytest

from yuanlu import words
from yuanlu.errors import Broken
from yuanlu.told import told

CODES = sorted(words.catalogue())


def width(line: str) -> float:
    """How many Chinese characters wide: letters and digits take half the room of one."""
    return sum(1 if east_asian_width(sign) in "WFA" else 0.5 for sign in line)


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("code", CODES)
def test_every_sentence_is_there_in_both_languages_with_the_same_facts(code: str) -> None:
    entry = words.catalogue()[code]
    assert set(entry) == set(words.LANGUAGES)
    assert all(text.strip() for text in entry.values())
    assert names(entry["zh"]) >= names(entry["en"])
    assert all(re.fullmatch("[a-z_]+", name) for name in names(entry["zh"]))


SHOWN_AT_THE_TILL = [code for code in CODES if not code.startswith(("fact.", "why.", "paper.", "letter."))]
"""What happened (`fact.`, `why.` inside it) is read in timelines, `paper.` on paper, `letter.` in mail: lines wrap."""


@pytest.mark.parametrize("code", SHOWN_AT_THE_TILL)
def test_no_chinese_line_is_longer_than_24_characters(code: str) -> None:
    facts = defaultdict(lambda: "60", amount="¥1,280.00", coupon="¥5.00", rest="¥1,280.00")
    facts |= {"channel": "数字人民币", "wallet": "数字人民币", "others": "微信或支付宝"}
    facts |= {"reason": "原因", "why": "原因"}
    assert all(width(line) <= 24 for line in words.catalogue()[code]["zh"].format_map(facts).split("\n"))


@pytest.mark.parametrize("code", CODES)
def test_no_sentence_uses_the_trade_words_people_do_not_use(code: str) -> None:
    """S45."""
    assert not re.search("用户|交易|冲正|清算", words.catalogue()[code]["zh"])


def test_a_wish_for_a_language_we_do_not_know_gets_chinese() -> None:
    assert [words.language(wish) for wish in ("en-GB", "EN", "zh-CN", "fr", "")] == ["en", "en", "zh", "zh", "zh"]
    assert words.both("scan.partial")["zh"] == words.say("scan.partial")


def test_words_nobody_wrote_and_facts_nobody_gave_are_a_bug_of_ours() -> None:
    with pytest.raises(Broken):
        words.say("no.such.words")
    with pytest.raises(Broken):
        words.say("pay.waiting", "zh", n=1)


def test_a_case_that_is_taken_up_again_after_money_went_back_is_told_without_an_amount() -> None:
    """The fact has none; the words of how it had ended show one."""
    zh, en = told("CaseReopened", {"conclusion": "money_back"})
    assert "钱已退回顾客" in zh
    assert "Money back" in en
    assert "{" not in zh + en
    assert "¥1.00" in told("CaseClosed", {"conclusion": "money_back", "amount_fen": 100})[1]
