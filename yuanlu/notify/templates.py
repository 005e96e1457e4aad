"""What a payer is told at each step, in both languages, apology first where one is owed. Pure: facts in, text out.

The texts stand in `letters.toml`, one catalogue: a `line` (an SMS, a headline) and a `text` (a mail). No text asks the
payer for a card, a password or a link to open; none names a time that the channel does not promise.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache

from yuanlu import packaged, words
from yuanlu.cases.declines import words_of
from yuanlu.cases.rules import Case
from yuanlu.change import Row
from yuanlu.clock import business_day
from yuanlu.errors import Broken
from yuanlu.letters import Text
from yuanlu.money import Money
from yuanlu.refunds.rules import Refund

Facts = Mapping[str, object]
Pick = Callable[[Facts, Row | None], str]
"""Which template a fact calls for; empty: the payer is told nothing new by it."""

LINE_MAX = 200
NAME_MAX = 40
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")


def _always(name: str) -> Pick:
    return lambda _, __: name


def _closed(facts: Facts, _: Row | None) -> str:
    """Money back was told when the refund was done."""
    return {
        "nothing_paid": "closed_unpaid",
        "ended_unpaid": "closed_unpaid",
        "nothing_owed": "closed_nothing_owed",
        "withdrawn": "closed_withdrawn",
        "settled_otherwise": "closed_settled",
        "declined": "closed_declined",
    }.get(str(facts.get("conclusion")), "")


def _chosen(facts: Facts, _: Row | None) -> str:
    return "approved" if str(facts.get("remedy")).startswith("refund") else ""


def _resolved(facts: Facts, _: Row | None) -> str:
    return {"DONE": "done", "REFUSED": "refused"}.get(str(facts.get("end")), "")


def _sent(facts: Facts, _: Row | None) -> str:
    """Sending it again under the same number is nothing new to the payer."""
    return "sent" if facts.get("times") in (None, 1) else ""


def _overdue(facts: Facts, _: Row | None) -> str:
    """Said once, and not where the payer's own answer was waited for."""
    return "overdue" if facts.get("step") == 1 and facts.get("holder") != "customer" else ""


def _warned(facts: Facts, _: Row | None) -> str:
    """Only of what the payer was given time for: the other windows are the shop's to keep."""
    return {"answer": "answer_ends", "offer": "offer_ends", "objection": "objection_ends"}.get(str(facts["window"]), "")


KINDS: Mapping[str, Pick] = {
    "CaseOpened": _always("reported"),
    "CaseToReview": _always("person"),
    "CaseInfoAsked": _always("needs_info"),
    "OfferMade": _always("offer"),
    "CaseDeclined": _always("declined"),
    "RemedyChosen": _chosen,
    "CaseOverdue": _overdue,
    "CaseWarned": _warned,
    "CaseNeedsPerson": _always("person"),
    **dict.fromkeys(("CaseAnswered", "CaseUnanswered", "CaseObjected", "OfferExpired"), _always("person")),
    "CaseReopened": _always("reopened"),
    "CaseClosed": _closed,
    "RefundSent": _sent,
    "RefundDone": _always("done"),
    "RefundRefused": _always("refused"),
    "RefundStranded": _always("stranded"),
    "RefundReturned": _always("returned"),
    "RefundResolved": _resolved,
}
"""The kinds of facts a payer is told about."""


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """All templates: name to (line|text)_(zh|en)."""
    found: Mapping[str, Mapping[str, str]] = tomllib.loads(packaged.text("notify/letters.toml"))
    return found


def one_line(text: str, most: int = LINE_MAX) -> str:
    """A text as one line, without anything that a header, an SMS or a terminal would take for more than text."""
    flat = " ".join(_CONTROLS.sub(" ", text).split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def text(kind: str, facts: Facts, row: Row | None, *, shop: str, lang: str) -> Text | None:
    """What the payer reads about a fact; None when there is nothing new to them in it."""
    lang = words.language(lang)
    pick = KINDS.get(kind)
    name = pick(facts, row) if pick else ""
    return written(name, _shown(facts, row, shop, lang), lang) if name else None


def written(name: str, shown: Mapping[str, str], lang: str) -> Text:
    """Fill a template.

    Raises Broken when there is no such template, or it needs what is not there: a test fills each.
    """
    try:
        entry = catalogue()[name]
        line, whole = entry[f"line_{lang}"].format_map(shown), entry[f"text_{lang}"].format_map(shown)
    except KeyError as missing:
        raise Broken(f"no letter {name!r}, or a fact is missing: {missing}") from missing
    foot = catalogue()["foot"][f"text_{lang}"].format_map(shown)
    return Text(one_line(line), f"{whole.strip()}\n\n{foot.strip()}\n")


def _shown(facts: Facts, row: Row | None, shop: str, lang: str) -> dict[str, str]:
    """What templates may show. Whatever people wrote is put on one line."""
    unsure = "以渠道为准，暂无准信" if lang == "zh" else "set by the payment channel; no firm date yet"
    told = {
        "shop": one_line(shop, NAME_MAX),
        "number": row.id if row else "",
        "amount": _amount(facts, row),
        "where": "原支付账户" if lang == "zh" else "the account you paid from",
        "date": unsure,
        "channel_number": "—",
        "code": one_line(str(facts.get("code") or "—"), NAME_MAX),
        "reason": words_of(str(facts.get("reason_code", "")))[lang != "zh"],
        "until": _until(facts, lang) or unsure,
    }
    if isinstance(row, Refund):
        told |= {"channel_number": row.channel_number or "—", "number": row.case_id or row.id}
        if row.received_into:
            told["where"] = one_line(row.received_into, NAME_MAX)
    return told | _promised(facts, lang)


def _amount(facts: Facts, row: Row | None) -> str:
    fen = facts.get("amount_fen")
    if not isinstance(fen, int):
        fen = row.amount_fen if isinstance(row, Refund) else row.remedy_fen if isinstance(row, Case) else 0
    return str(Money(fen))


def _until(facts: Facts, lang: str) -> str:
    """The day by which something must be done, by whichever name a fact calls it."""
    return next((_day(str(facts[name]), lang) for name in ("object_until", "until", "shuts_at") if facts.get(name)), "")


def _promised(facts: Facts, lang: str) -> dict[str, str]:
    """A promised date, where there is one that is certain."""
    day = _day(str(facts.get("promised_on") or ""), lang)
    return {"date": day} if day else {}


def _day(text: str, lang: str) -> str:
    """A day, or the day of a moment in China, as people read it."""
    try:
        on = date.fromisoformat(text) if len(text) == 10 else business_day(datetime.fromisoformat(text))
    except ValueError:
        return ""
    return f"{on.year}年{on.month}月{on.day}日" if lang == "zh" else on.isoformat()
