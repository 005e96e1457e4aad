"""Ready replies to a customer: what staff say most, with an apology, in both languages, filled in from the case.

The texts stand in `replies.toml`. Only what the case knows is filled in; where it lacks something the reply is refused,
so no customer reads an empty place or a day that nobody promised.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from string import Formatter

from yuanlu import packaged
from yuanlu.cases.rules import Case
from yuanlu.clock import CHINA
from yuanlu.errors import Denied
from yuanlu.money import Money
from yuanlu.payments.rules import Payment

LANGS = ("zh", "en")
BOTH = "both"


@lru_cache(maxsize=1)
def replies() -> Mapping[str, Mapping[str, str]]:
    """Name to language (`title_zh`, `zh`, `title_en`, `en`) to words."""
    return tomllib.loads(packaged.text("cases/replies.toml"))


def _money(amount_fen: int | None) -> str:
    return str(Money(amount_fen)) if amount_fen else ""


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(CHINA):%Y-%m-%d %H:%M}" if at else ""


FILLS: Mapping[str, Callable[[Case, Payment], str]] = {
    "number": lambda case, _: case.id,
    "paid": lambda _, payment: _money(payment.amount_fen),
    "back": lambda case, _: _money(case.remedy_fen or case.approved_fen),
    "day": lambda case, _: str(case.promised_on or ""),
    "object_until": lambda case, _: _moment(case.object_until),
    "offer_until": lambda case, _: _moment(case.offer_until),
}
"""What a reply may name, and where it comes from; empty: the case does not know it (yet)."""


def places(name: str) -> tuple[str, ...]:
    """What a reply names, in the order of its Chinese text.

    Raises Denied: case.reply_unknown.
    """
    return tuple(dict.fromkeys(place for _, place, _, _ in Formatter().parse(_texts(name)["zh"]) if place))


def filled(name: str, lang: str, case: Case, payment: Payment) -> str:
    """A reply as the customer reads it: in one language, or in both, Chinese first.

    Raises Denied: case.reply_unknown; case.reply_lacks, where the case does not know what the reply names.
    """
    texts, facts = _texts(name), {place: FILLS[place](case, payment) for place in places(name)}
    lacks = [place for place, text in facts.items() if not text]
    if lacks:
        raise Denied("case.reply_lacks", reply=name, lacks=lacks)
    return "\n\n".join(texts[each].format(**facts) for each in LANGS if lang in (each, BOTH))


def _texts(name: str) -> Mapping[str, str]:
    if name not in replies():
        raise Denied("case.reply_unknown", known=sorted(replies()))
    return replies()[name]
