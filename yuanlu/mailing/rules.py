"""What becomes of a receipt that is sent to a customer, by mail or SMS.

    QUEUED   written down, goes as soon as its carrier takes it     SENT   the mail server or SMS provider has taken it
    GONE     refused for good, or nobody took it for a day

Of one receipt three letters are taken in and no more, whoever asks: the third place is the last that the database has.
So a till in wrong hands is no cannon for mail. The address is sealed under the letter's own key, and wiped once the
letter is over. It may arrive twice where we died between sending and writing that down, under the same Message-ID.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from yuanlu import ids
from yuanlu.change import Change, Look, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.letters import Receipt, Text, Way
from yuanlu.machine import Turn, parse
from yuanlu.notify import addresses
from yuanlu.notify import rules as notices
from yuanlu.notify.templates import NAME_MAX, one_line
from yuanlu.people.rules import Person
from yuanlu.receipts.layout import Slip
from yuanlu.words import say

DRIVE = "mailings.drive"
WAYS = (Way.EMAIL, Way.SMS)
TIMES_MAX = 3
"""Letters of one receipt. A place that was taken stays taken, whatever became of the letter."""
LINE_MAX = 600
"""Of an SMS, whose link must not be cut."""


class State(StrEnum):
    QUEUED = "QUEUED"
    SENT = "SENT"
    GONE = "GONE"


class Word(StrEnum):
    """What became of a try."""

    TAKEN = "TAKEN"
    LATER = "LATER"
    """Not now: it is tried again."""
    NEVER = "NEVER"
    """Refused for good, or tried for a day."""


TABLE = parse(
    State,
    tuple(Word),
    """
    |        | TAKEN | LATER | NEVER |
    | ------ | ----- | ----- | ----- |
    | QUEUED | SENT  | ·     | GONE  |
    | SENT   | ·     | ·     | ·     |
    | GONE   | SENT  | ·     | ·     |
    """,
)
OVER = (State.SENT, State.GONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing(Row):
    """One letter with a receipt. `turn`: which of its receipt it is; `target`: the address, sealed, empty once it is
    over; `shown`: what may be seen of it."""

    table = "mailings"

    state: State
    object_id: str
    turn: int
    store_id: str
    way: Way
    lang: str
    shown: str
    target: str = field(repr=False)
    fingerprint: str
    opened_at: datetime
    opened_by: str
    attempts: int = 0
    trouble: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingAsked(Fact):
    object_id: str
    way: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingSent(Fact):
    attempts: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingHeld(Fact):
    trouble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingGone(Fact):
    trouble: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingAsk:
    """A receipt to be sent. `mark`: keyed hash of all that is asked but the id; `sealed`: the address, sealed."""

    merchant_id: str
    id: str
    object_id: str
    way: Way
    target: str = field(repr=False)
    lang: str = "zh"
    consent: bool
    mark: str
    sealed: str = field(default="", repr=False)
    by: Person


@dataclass(frozen=True, slots=True)
class MailingSeen:
    """What a letter is decided on. `turns`: letters of its receipt so far; `store_id`: whose payment it is, None where
    there is none; `has_money`: whether that has a slip; `has_mail`, `has_gateway`: whether a mail, an SMS
    can go out."""

    known: Mailing | None
    turns: int = 0
    store_id: str | None = None
    has_money: bool = True
    has_link: bool = True
    has_mail: bool = True
    has_gateway: bool = True


def request(ask: MailingAsk, seen: MailingSeen, at: datetime) -> Change[Mailing] | Stay[Mailing]:
    """Write down that a receipt is to be sent. Asking again with the same id and content gives the same one back.

    Raises Denied: mailing.id_taken, mailing.too_many, contact.no_consent, contact.way, hook.email_invalid,
    hook.phone_invalid, receipt.unknown, receipt.no_money, receipt.no_link, mail.not_set, sms.no_template, id.invalid.
    """
    if seen.known is not None:
        if seen.known.fingerprint != ask.mark:
            raise Denied("mailing.id_taken", id=ask.id)
        return Stay(seen.known)
    if not ask.consent:
        raise Denied("contact.no_consent")
    if ask.way not in WAYS:
        raise Denied("contact.way", way=ask.way)
    shown = addresses.shown(ask.way, addresses.checked(ask.way, ask.target))
    _demand_slip(ask, seen)
    if ask.way is Way.EMAIL and not seen.has_mail:
        raise Denied("mail.not_set")
    if ask.way is Way.SMS and not seen.has_gateway:
        raise Denied("sms.no_template")
    if seen.turns >= TIMES_MAX:
        raise Denied("mailing.too_many", most=TIMES_MAX)
    assert seen.store_id is not None
    row = Mailing(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.MAILING),
        state=State.QUEUED,
        object_id=ask.object_id,
        turn=seen.turns + 1,
        store_id=seen.store_id,
        way=ask.way,
        lang=ask.lang,
        shown=shown,
        target=ask.sealed,
        fingerprint=ask.mark,
        opened_at=at,
        opened_by=ask.by.id,
    )
    fact = MailingAsked(object_id=row.object_id, way=row.way.value)
    return Change(row=row, at=at, who=ask.by.id, facts=(fact,), looks=(Look(DRIVE, row.id, at),))


def _demand_slip(ask: MailingAsk, seen: MailingSeen) -> None:
    """There is a slip with a page, and whoever asks is of its store."""
    if seen.store_id is None or ask.by.store_id not in ("", seen.store_id):
        raise Denied("receipt.unknown")
    if not seen.has_money:
        raise Denied("receipt.no_money")
    if not seen.has_link:
        raise Denied("receipt.no_link")


def written(slip: Slip, way: Way) -> Text:
    """The letter: an SMS is its line, a mail has the line as its subject."""
    kind = slip.kind.value
    told = {
        "shop": one_line(slip.shop, NAME_MAX),
        "amount": slip.amount,
        "state": say(f"slip.state.{kind}.{slip.state}", slip.lang),
        "number": slip.number,
        "link": slip.link,
    }
    line = "sms" if way is Way.SMS else "subject"
    return Text(
        one_line(say(f"letter.{line}.{kind}", slip.lang, **told), LINE_MAX),
        say(f"letter.text.{kind}", slip.lang, **told) + "\n",
    )


def word_of(receipt: Receipt, row: Mailing, at: datetime) -> Word:
    """What became of a try at this moment."""
    if receipt.ok:
        return Word.TAKEN
    return Word.NEVER if receipt.is_final or at - row.opened_at >= notices.TRIED_FOR else Word.LATER


def hear(receipt: Receipt, seen: Mailing | None, at: datetime) -> Change[Mailing] | Stay[Mailing]:
    """Take in what became of a try. What was sent was sent, whatever another try is told later.

    Raises Denied: mailing.unknown.
    """
    if seen is None:
        raise Denied("mailing.unknown")
    turn = TABLE.turn(seen.state, word_of(receipt, seen, at))
    if isinstance(turn, Turn):
        return Stay(seen) if seen.state in OVER else _later(receipt, seen, at)
    row = replace(seen, version=seen.version + 1, state=turn, attempts=seen.attempts + 1, target="", ended_at=at)
    fact: Fact
    if turn is State.SENT:
        row, fact = replace(row, trouble=""), MailingSent(attempts=row.attempts, digest=receipt.digest)
    else:
        row, fact = replace(row, trouble=receipt.why), MailingGone(trouble=receipt.why, attempts=row.attempts)
    return Change(row=row, at=at, who="system", facts=(fact,), looks=(Look(DRIVE, row.id, None),))


def _later(receipt: Receipt, seen: Mailing, at: datetime) -> Change[Mailing]:
    if receipt.is_crowded:
        row, pause = replace(seen, version=seen.version + 1), notices.CROWDED_PAUSE
    else:
        row = replace(seen, version=seen.version + 1, attempts=seen.attempts + 1, trouble=receipt.why)
        pause = max(notices.pause(seen.attempts), min(receipt.after or notices.CROWDED_PAUSE, notices.PATIENCE_MAX))
    held = (MailingHeld(trouble=row.trouble),) if row.trouble != seen.trouble else ()
    return Change(row=row, at=at, who="system", facts=held, looks=(Look(DRIVE, row.id, at + pause),))
