"""A request about money that another shop of this installation has: what each side knows, and what becomes of it.

The payer scanned the wrong code: his money is with a shop that knows nothing of it, and he stands in one that cannot
give it back. The shop he stands in asks; the shop that has the money gets a case of its own. Both have a row of their
own under one id. The asking side knows how far it is and nothing else; the taking side knows sum, time, channel and
the payer's words, and not who asks.

    ASKED   written down, not yet handed over        HANDED    the other shop has a case
    DONE    the money went back                      DECLINED  the other shop closed it without money
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from yuanlu import ids
from yuanlu.cases.causes import Whose
from yuanlu.cases.chain import JOINT, Audience, Item
from yuanlu.cases.rules import Case, CaseAsk, Conclusion, What
from yuanlu.cases.rules import State as CaseState
from yuanlu.change import Change, Look, Row, Stay
from yuanlu.channels.codes import CodeKind, recognise
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.masking import kept

WAKE = "cases.handover.wake"
"""Hand a request over to the shop that has the money."""
CASE_WAKE = "cases.handover_case.wake"
"""The case of a handed-over request is closed: both sides are told."""
WHO = "handover"
"""Who opened the case at the taking side: no person and no shop is named there."""
WHAT = next((what for what in What if what.value == "wrong_payee"), What.OTHER)
NEAR = timedelta(minutes=10)
"""How far from the time a payer remembers his payment is looked for."""

_NUMBER = re.compile(r"[0-9]{6,64}")


class By(StrEnum):
    """By what a voucher names its payment."""

    ORDER = "order"
    """Our own number, which the payer's wallet shows as the merchant's order number."""
    CHANNEL = "channel"
    """The channel's number of the payment."""
    CODE = "code"
    """A code that was scanned: with sum and time, it leads to a payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher:
    """What a payer can show. `key`: an order number, a channel's number, or the keyed hash of a code's text."""

    by: By
    key: str

    @property
    def kept(self) -> str:
        """As it is kept: `order:…`, `channel:…`, `code:…`; never the text of a code."""
        return f"{self.by}:{self.key}"


def voucher_of(text: str, mark: str) -> Voucher:
    """Read what a payer shows. `mark`: the keyed hash of the text as a code.

    Raises Denied: trace.unreadable.
    """
    plain = "".join(text.split())
    found = recognise(plain)
    if found.kind is CodeKind.OUR_NUMBER and ids.is_id(found.code, ids.Kind.PAYMENT):
        return Voucher(by=By.ORDER, key=found.code)
    if found.kind in (CodeKind.PAYMENT_CODE, CodeKind.CARD_NUMBER, CodeKind.MAYBE_ID_CARD) or not plain:
        raise Denied("trace.unreadable")
    if _NUMBER.fullmatch(plain):
        return Voucher(by=By.CHANNEL, key=plain)
    return Voucher(by=By.CODE, key=mark)


def kept_voucher(kept: str) -> Voucher:
    """A voucher as it was kept."""
    by, _, key = kept.partition(":")
    return Voucher(by=By(by), key=key)


class Side(StrEnum):
    ASKING = "asking"
    TAKING = "taking"


class State(StrEnum):
    ASKED = "ASKED"
    HANDED = "HANDED"
    DONE = "DONE"
    DECLINED = "DECLINED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover(Row):
    """One side of a hand-over. `voucher` and `said` (sealed) only on the asking side; payment and case only on the
    taking one."""

    table = "handovers"

    side: Side
    state: State
    fingerprint: str
    voucher: str
    said: str
    amount_fen: int | None
    channel: str
    happened_at: datetime | None
    opened_at: datetime
    opened_by: str
    payment_id: str = ""
    case_id: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverAsked(Fact):
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverTaken(Fact):
    amount_fen: int
    channel: str
    case_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverMoved(Fact):
    """How far it is now."""

    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverAsk:
    """A wish to hand a request over. `said` is masked, then sealed; `said_mark` stands for it in the fingerprint."""

    merchant_id: str
    id: str
    voucher: Voucher
    who: str
    said: str = field(default="", repr=False)
    said_mark: str = ""
    amount_fen: int | None = None
    happened_at: datetime | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "said", kept(self.said))

    @property
    def fingerprint(self) -> str:
        """Hash of everything asked but the id."""
        content = (self.voucher.kept, self.said_mark, str(self.amount_fen), str(self.happened_at))
        return hashlib.sha256("\x1f".join(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Payee:
    """The payment that a voucher leads to, at whichever shop. Only the flow that hands over ever holds one."""

    merchant_id: str
    payment_id: str
    amount_fen: int
    channel: str
    paid_at: datetime


def ask(wish: HandoverAsk, known: Handover | None, whose: Whose, at: datetime) -> Change[Handover] | Stay[Handover]:
    """Write the asking side down.

    Asking again with the same id and content gives the same back. Raises Denied: handover.id_taken, trace.yours,
    trace.not_found.
    """
    if known is not None:
        if known.fingerprint != wish.fingerprint or known.side is not Side.ASKING:
            raise Denied("handover.id_taken", id=wish.id)
        return Stay(known)
    if whose is Whose.YOURS:
        raise Denied("trace.yours")
    if whose is not Whose.ANOTHER:
        raise Denied("trace.not_found")
    row = Handover(
        merchant_id=wish.merchant_id,
        id=ids.checked(wish.id, ids.Kind.HANDOVER),
        side=Side.ASKING,
        state=State.ASKED,
        fingerprint=wish.fingerprint,
        voucher=wish.voucher.kept,
        said=wish.said,
        amount_fen=wish.amount_fen,
        channel="",
        happened_at=wish.happened_at,
        opened_at=at,
        opened_by=wish.who,
    )
    asked = HandoverAsked(by=wish.voucher.by)
    return Change(row=row, at=at, who=wish.who, facts=(asked,), looks=(Look(WAKE, row.id, at),))


def case_id_of(asking: Handover) -> str:
    """The id of the case at the taking side: it follows from the hand-over."""
    return ids.derived(ids.Kind.CASE, asking.opened_at, asking.id, WHO)


def take(payee: Payee, asking: Handover, known: Handover | None, at: datetime) -> Change[Handover] | Stay[Handover]:
    """Write the taking side down: sum, time and channel of its own payment, and no word about who asks.

    Raises Denied: handover.id_taken.
    """
    if known is not None:
        if known.side is not Side.TAKING or known.payment_id != payee.payment_id:
            raise Denied("handover.id_taken", id=asking.id)
        return Stay(known)
    row = Handover(
        merchant_id=payee.merchant_id,
        id=asking.id,
        side=Side.TAKING,
        state=State.HANDED,
        fingerprint="",
        voucher="",
        said="",
        amount_fen=payee.amount_fen,
        channel=payee.channel,
        happened_at=payee.paid_at,
        opened_at=at,
        opened_by=WHO,
        payment_id=payee.payment_id,
        case_id=case_id_of(asking),
    )
    taken = HandoverTaken(amount_fen=payee.amount_fen, channel=payee.channel, case_id=row.case_id)
    return Change(row=row, at=at, who=WHO, facts=(taken,))


def told(row: Mapping[str, object]) -> str:
    """What is linked of a taking side: id, case, payment, fen, channel, time of payment (ISO 8601), joined by U+001F.

    Shape: its columns; nothing in it says who asked.
    """
    at = row["happened_at"]
    moment = at.isoformat() if isinstance(at, datetime) else str(at).replace("Z", "+00:00")
    return JOINT.join((*(str(row[name]) for name in ("id", "case_id", "payment_id", "amount_fen", "channel")), moment))


def item_of(taking: Handover) -> Item:
    """The hand-over as a thing that enters the case it opened: the link can be computed from the row of this side."""
    digest = hashlib.sha256(told(asdict(taking)).encode()).hexdigest()
    return Item(kind="handover", id=taking.id, digest=digest, who=WHO, audience=Audience.CUSTOMER)


def case_ask(taking: Handover, said: str) -> CaseAsk:
    """The case at the shop that has the money."""
    return CaseAsk(
        merchant_id=taking.merchant_id,
        id=taking.case_id,
        payment_id=taking.payment_id,
        what=WHAT,
        who=WHO,
        said=said,
        bringing=(item_of(taking),),
    )


def move(state: State, row: Handover | None, at: datetime) -> Change[Handover] | Stay[Handover]:
    """Say on one side how far it is.

    Raises Denied: handover.unknown.
    """
    if row is None:
        raise Denied("handover.unknown")
    if row.state is state:
        return Stay(row)
    ended = state in (State.DONE, State.DECLINED)
    moved = replace(row, version=row.version + 1, state=state, ended_at=at if ended else None)
    return Change(row=moved, at=at, who="system", facts=(HandoverMoved(state=state),))


def state_of(case: Case) -> State:
    """How far a hand-over is, by the case at the taking side."""
    if case.state is not CaseState.CLOSED:
        return State.HANDED
    return State.DONE if case.conclusion is Conclusion.MONEY_BACK else State.DECLINED
