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


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("NoticeFailed", "next_at"),
        ("CaseWarned", "shuts_at"),
        ("KeyRotated", "old_until"),
        ("HookReplayed", "since"),
        ("CaseClaimed", "until"),
        ("SecretEnding", "ends_at"),
    ],
)
def test_a_moment_in_a_fact_is_told_as_clocks_show_it(kind: str, name: str) -> None:
    """The audit log showed 2026-11-28T00:34:06+00:00."""
    rest = dict.fromkeys(names(words.catalogue()[f"fact.{kind}"]["en"]), "x")
    for sentence in told(kind, {**rest, name: "2026-11-28T00:34:06.125+00:00"}):
        assert "2026-11-28 08:34" in sentence
        assert "T00:34" not in sentence


def test_a_bare_day_among_moments_stays_that_day_wherever_the_machine_stands() -> None:
    for sentence in told("AuditTaken", {"since": "2026-11-01", "until": "2026-11-28", "lines": 3}):
        assert "2026-11-01" in sentence
        assert "00:00" not in sentence
