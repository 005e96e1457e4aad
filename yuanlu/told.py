"""Facts in words: what happened, in both languages, for timelines and for problems.

A fact's fields fill the words of its kind (`fact.<Kind>` in words.toml). Amounts are shown as ¥12.80 under the field's
name without `_fen`; what has words of its own (a channel, a reason, a remedy) is shown in those; of a fact that is
there in both languages (`advice_zh`, `advice_en`), the right one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from string import Formatter

from yuanlu import words
from yuanlu.cases import causes
from yuanlu.cases.declines import words_of
from yuanlu.clock import CHINA
from yuanlu.money import Money

VOCABULARIES = {
    "channel": "channel",
    "wallet": "channel",
    "reason": "reason",
    "what": "what",
    "remedy": "remedy",
    "conclusion": "conclusion",
    "mode": "mode",
    "to": "to",
    "end": "end",
    "word": "word",
    "why": "why",
    "verdict": "verdict",
    "holder": "holder",
    "next_holder": "holder",
    "due": "due",
    "offer": "offer",
    "place": "place",
    "status": "status",
    "fault": "fault",
    "role": "role",
    "was_role": "role",
    "reason_code": "decline",
    "other_verdict": "verdict",
    "tender": "tender",
    "because": "because",
    "match": "match",
    "bearer": "bearer",
    "alarm": "alarm",
    "side": "side",
    "window": "window",
    "deed": "deed",
    "way": "way",
    "item_kind": "item",
    "reply": "guard_reply",
    "trouble": "trouble",
    "state": "handover",
    "paper": "paper",
    "cause": "cause",
    "column": "console.policy.column",
}
"""Fields whose values have words of their own, and where these stand in the catalogue."""
_MOMENTS = ("_at", "until", "since")
"""How the names of fields end that hold a moment (ISO 8601), shown to the minute as clocks in China have it."""


def shown_money(fen: int, currency: str = "CNY") -> str:
    """An amount as people read it."""
    return str(Money(fen, currency))


def both(code: str, facts: Mapping[str, object]) -> tuple[str, str]:
    """The words for a code in Chinese and English, with the facts filled in."""
    entry = words.catalogue()[code]
    zh, en = entry["zh"], entry["en"]
    if "{" in zh:
        zh = zh.format_map(_shown(facts, "zh"))
    if "{" in en:
        en = en.format_map(_shown(facts, "en"))
    return zh, en


def told(kind: str, body: Mapping[str, object]) -> tuple[str, str]:
    """What a fact of this kind says, in Chinese and English.

    Shape: `body` as it is stored. Facts of newer code than ours are told by their name. Where a value is null or empty
    and there are words without it (`bare.<Kind>`), these are used.
    """
    code = f"fact.{kind}"
    if code not in words.catalogue():
        return kind, kind
    if f"bare.{kind}" in words.catalogue() and _lacks(code, body):
        code = f"bare.{kind}"
    return both(code, body)


def _lacks(code: str, body: Mapping[str, object]) -> bool:
    """Whether the words for a code show something that is not there."""
    wanted = {name for _, name, _, _ in Formatter().parse(words.catalogue()[code]["en"]) if name}
    return any(all(body.get(f"{name}{end}") in ("", None) for end in ("", "_fen", "_en")) for name in wanted)


def _shown(facts: Mapping[str, object], lang: str) -> dict[str, object]:
    """The facts as words take them."""
    found: dict[str, object] = {}
    for name, value in facts.items():
        if name.endswith("_fen"):
            found[name.removesuffix("_fen")] = shown_money(value) if isinstance(value, int) else _none(lang)
        elif name.endswith(("_zh", "_en")):
            if name.endswith(f"_{lang}"):
                found[name[:-3]] = value
        elif name.endswith(_MOMENTS) and isinstance(value, str) and value:
            found[name] = _moment(value)
        elif isinstance(value, list | tuple):
            found[name] = ", ".join(map(str, value))
        else:
            found[name] = _none(lang) if value in ("", None) else value
    plain = dict(found)
    for name, value in facts.items():
        if name in VOCABULARIES and isinstance(value, str):
            found[name] = _worded(VOCABULARIES[name], value, lang, plain)
    return found


def _moment(text: str) -> str:
    """A moment to the minute; what is none, a bare day too, as it stands."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M") if at.tzinfo else text


def _worded(vocabulary: str, value: str, lang: str, facts: Mapping[str, object]) -> str:
    """A value in words, which may show other facts.

    What stands behind a colon is a detail; a code of ours is told by its problem's headline.
    """
    if not value:
        return _none(lang)
    if vocabulary == "decline":
        return words_of(value)[lang == "en"].rstrip(".")
    if vocabulary == "cause":
        return causes.called(value, lang)
    head, colon, detail = value.partition(": ")
    code = f"{vocabulary}.{head.replace(' ', '_')}"
    if code in words.catalogue():
        if f"bare.{code}" in words.catalogue() and _lacks(code, facts):
            code = f"bare.{code}"
        text = words.catalogue()[code][lang]
        return (text.format_map(facts) if "{" in text else text) + (
            f"{'：' if lang == 'zh' else ': '}{detail}" if colon else ""
        )
    ours = f"problem.{head.partition(' ')[0]}"
    if ours in words.catalogue():
        return words.catalogue()[ours][lang].partition("\n")[0].partition("{")[0].rstrip(" ：:")
    return value


def _none(lang: str) -> str:
    return "无" if lang == "zh" else "none"
