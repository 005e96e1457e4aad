"""The shapes of what is asked and answered: the same names over HTTP and on the terminal.

Amounts are whole fen, times are UTC, ids are made by whoever starts. An empty text means "nothing to say"; null means
"not yet".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from yuanlu import words
from yuanlu.amounts.lines import LINES_MAX, QUANTITY_MAX
from yuanlu.cases import replies
from yuanlu.cases.clockwork import warned_ends
from yuanlu.cases.declines import words_of
from yuanlu.cases.flow import Thread
from yuanlu.cases.review import escalations_of
from yuanlu.cases.rules import Case
from yuanlu.channels.contract import Channel, Figures
from yuanlu.channels.law import diagnosis_of
from yuanlu.evidence.flow import Shown
from yuanlu.evidence.rules import UNSEARCHED
from yuanlu.guards.rules import Guard
from yuanlu.payments.rules import AMOUNT_MAX_FEN, HAS_MONEY, Payment
from yuanlu.refunds.rules import Refund
from yuanlu.web.parts import says

END = r"$(?!\n)"
"""The end of a text. Python's `$` alone would let one more line feed pass; to others this says nothing new."""
_ID = "[0-7][0-9A-HJKMNP-TV-Z]{25}[0-9A-Z]"
_LINE = r"^[^\x00-\x1f\x7f]*" + END
_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*" + END

PaymentId = Annotated[str, Meta(pattern=f"^YP{_ID}{END}", examples=["YP01KATE3S40000000000000000S8"])]
RefundId = Annotated[str, Meta(pattern=f"^YR{_ID}{END}", examples=["YR01KATE3S400000000000000000F"])]
CaseId = Annotated[str, Meta(pattern=f"^YC{_ID}{END}", examples=["YC01KATE3S40000000000000000J3"])]
FileId = Annotated[str, Meta(pattern=f"^YF{_ID}{END}", examples=["YF01KATE3S40000000000000000TN"])]
TillId = Annotated[str, Meta(pattern=f"^YT{_ID}{END}", examples=["YT01KATE3S40000000000000000EY"])]
Fen = Annotated[int, Meta(ge=1, le=AMOUNT_MAX_FEN, description="Whole fen: 1280 is ¥12.80.", examples=[1280])]
Currency = Annotated[str, Meta(pattern=f"^[A-Z]{{3}}{END}", examples=["CNY"])]
Line = Annotated[str, Meta(pattern=_LINE, max_length=120)]
Words = Annotated[str, Meta(pattern=_TEXT, max_length=1000)]
Said = Annotated[str, Meta(pattern=_TEXT, min_length=1, max_length=4000)]
Heard = Annotated[str, Meta(extra={"sees": "words"}, description="Covered (•••) for roles that do not see words.")]
Contact = Annotated[str, Meta(extra={"sees": "contact"}, description="A tail; covered (•••) for some roles.")]
Account = Annotated[str, Meta(extra={"sees": "account"}, description="A tail; covered (•••) for some roles.")]
"""What is personal in an answer, by sort: see `veil` and `people.rules.SEES`."""
Version = Annotated[int, Meta(ge=1, le=2**53, description="The version of the case you saw.")]
EvidenceId = Annotated[str, Meta(pattern=f"^YE{_ID}{END}", examples=["YE01KATE3S400000000000000000Q"])]
Limit = Annotated[int, Meta(ge=1, le=200, description="How many at most.")]


class Wish(Struct, forbid_unknown_fields=True, kw_only=True):
    """Base of what is asked: a field nobody knows is refused, nothing is guessed."""


class LineWish(Wish, kw_only=True):
    """One line of a sale. `amount_fen`: of all its pieces, after its own discount, before one on the whole order."""

    id: Annotated[str, Meta(pattern=_LINE, min_length=1, max_length=64)]
    name: Line = ""
    quantity: Annotated[int, Meta(ge=1, le=QUANTITY_MAX)] = 1
    amount_fen: Annotated[int, Meta(ge=0, le=AMOUNT_MAX_FEN)]


class PiecesWish(Wish):
    """So many pieces of a line."""

    id: Annotated[str, Meta(pattern=_LINE, min_length=1, max_length=64)]
    quantity: Annotated[int, Meta(ge=1, le=QUANTITY_MAX)] = 1


class PaymentWish(Wish):
    """A wish to be paid. With `code` the payer's code is charged; without it our own QR is made, by `channel`.

    `channel` cash: it is paid when it is written down. `handed_fen` is what was handed over (else the amount);
    `taken_at` when, by the till's clock, where it is told later; a time that cannot be is kept, and does not count.
    """

    id: PaymentId
    till: TillId
    amount_fen: Fen
    currency: Currency = "CNY"
    code: Annotated[str, Meta(max_length=2048, examples=["130123456789012345"])] = ""
    typed: bool = False
    no_id_card: bool = False
    channel: Literal["wechat", "alipay", "cash"] | None = None
    description: Line = ""
    lines: Annotated[tuple[LineWish, ...], Meta(max_length=LINES_MAX)] = ()
    guards: Annotated[tuple[Guard, ...], Meta(max_length=16)] = ()
    """What the cashier was asked about the amount (`POST /v1/guards`), and confirmed."""
    handed_fen: Fen | None = None
    taken_at: Annotated[datetime, Meta(tz=True)] | None = None


class RefundWish(Wish):
    """A wish to send money back: `amount_fen`, or pieces by line (`lines`), whose amount then follows.

    It waits `undo_seconds` before it is sent; until then it may be cancelled.
    """

    id: RefundId
    payment: PaymentId
    amount_fen: Fen | UnsetType = UNSET
    lines: Annotated[tuple[PiecesWish, ...], Meta(max_length=LINES_MAX)] = ()
    currency: Currency = "CNY"
    reason: Annotated[str, Meta(pattern=_LINE, max_length=80)] = ""
    undo_seconds: Annotated[int, Meta(ge=0, le=3600)] = 0


class PayOutWish(Wish):
    """From which drawer the cash was given back."""

    till: TillId


class RescueWish(Wish):
    """Where stranded money shall go instead. Card and name are used once and kept nowhere."""

    to: Literal["payer_card", "merchant_card"]
    bank_type: Annotated[str, Meta(pattern=f"^[A-Z0-9_]*{END}", max_length=32)] = ""
    card_number: Annotated[str, Meta(pattern=f"^[0-9]*{END}", max_length=24)] = ""
    holder_name: Annotated[str, Meta(pattern=_LINE, max_length=64)] = ""


class ResolutionWish(Wish):
    """What became of a refund that no channel answers for, and on what proof."""

    end: Literal["DONE", "REFUSED", "READY"]
    proof: Annotated[str, Meta(pattern=_TEXT, min_length=1, max_length=4000)]


class CaseWish(Wish):
    """A report of a mistaken scan, or a wish for a refund.

    `meant_fen`: what should have been charged (wrong_amount only). `asked_fen`: how much is asked back (request only;
    without it, the rest of the payment).
    """

    id: CaseId
    payment: PaymentId
    what: Literal["wrong_amount", "wrong_code", "charged_twice", "wrong_customer", "wrong_payee", "request", "other"]
    meant_fen: Annotated[int, Meta(ge=0, le=AMOUNT_MAX_FEN)] | None = None
    asked_fen: Fen | None = None
    said: Words = ""


class DecisionWish(Wish):
    """What a person decides for a case that needs one: refund this much, or (null) close it as noted."""

    refund_fen: Fen | None


class ActWish(Wish):
    """Something done on the case as you saw it: `version` is the one you saw. `words` are said with it."""

    version: Version
    words: Words = ""


class SayActWish(Wish):
    """Something done that needs words: they are for the customer to read."""

    version: Version
    words: Said


class ApproveWish(Wish):
    """Send back the whole that is asked for, or `amount_fen` of it. `words` are for the customer."""

    version: Version
    amount_fen: Fen | None = None
    words: Words = ""


class OfferWish(Wish):
    """A counter-offer, open for `hours`. `amount_fen`: the part, or what a voucher or an exchange is worth."""

    version: Version
    kind: Literal["part", "voucher", "exchange"]
    amount_fen: Annotated[int, Meta(ge=0, le=AMOUNT_MAX_FEN)]
    words: Said
    hours: Annotated[int, Meta(ge=1, le=720)] = 72


class DeclineWish(Wish):
    """Why it is declined: a code of the fixed set, and words for the customer."""

    version: Version
    reason: Annotated[str, Meta(pattern=f"^[a-z_]+{END}", max_length=40, examples=["goods_used"])]
    words: Said


class EscalationWish(Wish):
    """Where a case is taken further, and how far it is there. `words` are for staff."""

    place: Literal["consumer_association", "12315", "platform", "counsel"]
    status: Literal["prepared", "filed", "answered", "closed"]
    words: Words = ""


class HoldWish(Wish):
    """Legal hold on or off, and why."""

    on: bool
    words: Said


class JudgementWish(Wish):
    """Whose fault it was, and why you judge so."""

    fault: Literal["payer", "cashier", "system", "network", "bank", "goods_data", "nobody"]
    words: Said


class MessageWish(Wish):
    """A message: `text`, or the ready reply `template` in `lang`, filled in from the case, which is for the customer.

    `side`: whose words these are. `how`: written, or spoken and written down. Inner ones stay inside.
    """

    id: EvidenceId
    text: Said | UnsetType = UNSET
    template: Annotated[str, Meta(pattern=f"^[a-z_]*{END}", max_length=40, examples=["received"])] = ""
    lang: Literal["zh", "en", "both"] = "both"
    side: Literal["customer", "staff"] = "staff"
    how: Literal["written", "phone", "counter"] = "written"
    audience: Literal["customer", "internal"] = "customer"


class ThreadWish(Wish):
    """Which part of a thread, and as who may see it."""

    after: Annotated[int, Meta(ge=0, le=2**53)] = 0
    view: Literal["staff", "customer"] = "staff"


class ScanWish(Wish):
    """Any text a scanner or a keyboard gave."""

    text: Annotated[str, Meta(max_length=4096)]
    typed: bool = False


class Page(Wish):
    """Which part of a list: at most `limit` items behind `after` (the `next` of the page before)."""

    limit: Limit = 50
    after: Annotated[str, Meta(pattern=f"^([0-9A-Z]{{29}})?{END}")] = ""


class PaymentsWish(Page):
    """Which payments: all that is said is so. Nothing said: all of them.

    `number`: ours or how it begins (six letters), or a channel's. `since`, `until`: when it was begun, by its number.
    `code_tail`: the end of the payer's code. `cashier`: who began it.
    """

    state: Literal["", "SENT", "SHOWN", "PAID", "FAILED", "REVERSING", "REVERSED", "CLOSING", "CLOSED", "LATE_PAID"] = (
        ""
    )
    till: Annotated[str, Meta(pattern=f"^(YT{_ID})?{END}")] = ""
    number: Annotated[str, Meta(pattern=f"^([0-9A-Za-z_-]{{6,64}})?{END}")] = ""
    amount_fen: Fen | None = None
    from_fen: Fen | None = None
    to_fen: Fen | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None
    code_tail: Annotated[str, Meta(pattern=f"^([0-9A-Za-z]{{4}})?{END}", examples=["6789"])] = ""
    cashier: Line = ""
    store: Annotated[str, Meta(pattern=f"^(YS{_ID})?{END}")] = ""
    channel: Literal["", "wechat", "alipay", "cash"] = ""


class RefundsWish(Page):
    """Which refunds."""

    payment: Annotated[str, Meta(pattern=f"^(YP{_ID})?{END}")] = ""
    state: Literal[
        "", "RESERVED", "READY", "SENT", "WAITING", "DONE", "PROVEN", "REFUSED", "CANCELLED", "STRANDED",
        "REDIRECTING", "RECALLING", "RETURNED", "SUPERSEDED", "MANUAL", "EXTERNAL",
    ] = ""  # fmt: skip


class CasesWish(Wish):
    """Which cases. `order` newest first, or (`due`) the open ones by deadline: the queue; `mine`: that I claimed."""

    limit: Limit = 50
    after: Annotated[str, Meta(pattern=f"^([0-9A-Z]{{29}}|[0-9]{{1,17}}-[0-9A-Z]{{29}})?{END}")] = ""
    payment: Annotated[str, Meta(pattern=f"^(YP{_ID})?{END}")] = ""
    state: Literal[
        "", "OPENED", "REVIEW", "SECOND", "NEEDS_INFO", "OFFERED", "REMEDY", "ATTENTION", "DECLINED", "CLOSED"
    ] = ""
    order: Literal["newest", "due"] = "newest"
    mine: bool = False


class TimelineWish(Wish):
    """Which part of a timeline: at most `limit` items behind `after`."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 200
    after: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class DiagnosisWish(Wish):
    """In which operation the code was heard."""

    operation: Literal["", "pay", "show", "query", "reverse", "close", "refund", "refund_query", "rescue"] = ""


class FileWish(Wish):
    """How a file is handed in. `name`: what it was called there; shown, and never used as a path."""

    id: FileId
    name: Annotated[str, Meta(pattern=_LINE, max_length=255)] = ""
    audience: Literal["customer", "internal"] = "customer"


class FileOpening(Wish):
    """Why a file is opened, and whether a browser shall show it or save it."""

    why: Literal["review", "reply", "pack", "customer", "audit"] = "review"
    show: Literal["attachment", "inline"] = "attachment"


class Nothing(Wish):
    """No body and no query."""


class DiagnosisTold(Struct, frozen=True, kw_only=True):
    """What a channel's code means."""

    cause: str
    outcome: str
    retry: str
    cashier_action_zh: str
    cashier_action_en: str


class PaymentTold(Struct, frozen=True, kw_only=True):
    """A payment as it stands. `back_fen` went back or is promised, `rest_fen` may still go back.

    `policy`: the version of the refund policy in force when it was made; empty: the built-in one.
    """

    id: str
    state: str
    channel: str
    mode: str
    till: str
    store: str
    amount_fen: int
    currency: str
    back_fen: int
    rest_fen: int
    description: str
    code_tail: str
    qr: str
    opened_at: datetime
    opened_by: str
    give_up_at: datetime
    paid_at: datetime | None
    ended_at: datetime | None
    waiting_for: str
    code: str
    channel_number: str
    incident: str
    policy: str
    handed_fen: int | None
    change_fen: int | None
    diagnosis: DiagnosisTold | None
    says_zh: str
    says_en: str


class RefundTold(Struct, frozen=True, kw_only=True):
    """A refund as it stands. `waiting_for` names who or what holds it, until it has an end."""

    id: str
    state: str
    payment: str
    case: str
    channel: str
    amount_fen: int
    currency: str
    reason: str
    opened_at: datetime
    opened_by: str
    sent_at: datetime | None
    sent_times: int
    waiting_for: str
    code: str
    channel_number: str
    received_into: str
    till: str
    done_at: datetime | None
    ended_at: datetime | None
    proposed_by: str
    incident: str
    says_zh: str
    says_en: str


class CaseTold(Struct, frozen=True, kw_only=True):
    """A case as it stands. `amount_fen` is what shall go back: by the refund `refund`, or by `repayment`.

    `way`: how the remedy is carried out, once it sets out.
    `said`: the words it was reported with, where it is reported and where one case is read; null elsewhere, and where
    they were forgotten. `masked`: what was masked in the words of this call (`card`, `id_number`, `secret`).
    """

    id: str
    state: str
    payment: str
    what: str
    meant_fen: int | None
    said: Heard | None
    masked: Sequence[str]
    opened_at: datetime
    opened_by: str
    remedy: str
    amount_fen: int
    refund: str
    repayment: str
    way: str
    attempt: int
    conclusion: str
    note: str
    closed_at: datetime | None
    version: int
    store: str
    cause: str
    twin: str
    asked_fen: int | None
    holder: str
    due_at: datetime | None
    due_what: str
    overdue_since: datetime | None
    warn_at: datetime | None
    warned: Mapping[str, datetime]
    promised_on: date | None
    promised_certain: bool
    promise_broken: bool
    claimed_by: str
    claimed_until: datetime | None
    verdict: str
    policy: str
    policy_line: str
    approved_fen: int
    decided_by: str
    seconded_by: str
    declined: str
    declined_zh: str
    declined_en: str
    object_until: datetime | None
    offer: str
    offer_fen: int
    offer_until: datetime | None
    fault: str
    fault_by: str
    escalations: Mapping[str, str]
    legal_hold: bool
    chain: str
    chain_length: int
    says_zh: str
    says_en: str


class SaidTold(Struct, frozen=True, kw_only=True):
    """Something in a thread. Of a message `text`, `side` and `how`; `text` null where it was forgotten.

    `reply`: the ready reply it was made of; `masked`: what was masked in it before it was kept.
    """

    place: int
    at: datetime
    who: str
    item: str
    kind: str
    digest: str
    audience: str
    text: Heard | None
    side: str
    how: str
    reply: str
    masked: Sequence[str]


class ReplyTold(Struct, frozen=True, kw_only=True):
    """A ready reply to a customer. `fills`: what is filled in from the case; it must know all of it."""

    name: str
    fills: Sequence[str]
    title_zh: str
    title_en: str
    zh: str
    en: str


class RepliesTold(Struct, frozen=True, kw_only=True):
    """The ready replies."""

    items: Sequence[ReplyTold]


class ThreadTold(Struct, frozen=True, kw_only=True):
    """What entered a case, in order."""

    items: Sequence[SaidTold]
    next: int | None


class PaymentsTold(Struct, frozen=True, kw_only=True):
    """Payments, newest first. `next` is null at the end; a page may be short of `limit` and yet not the last.

    `looked_until`: then only those begun since this moment were looked at, and `next` looks further back.
    """

    items: Sequence[PaymentTold]
    next: str | None
    looked_until: datetime | None = None


class RefundsTold(Struct, frozen=True, kw_only=True):
    """Refunds, newest first."""

    items: Sequence[RefundTold]
    next: str | None


class PaidTold(Struct, frozen=True, kw_only=True):
    """What a list says of the payment of a case. `code_tail`: the end of the payer's code, where one was scanned."""

    channel: str
    code_tail: str
    store_name: str


class CasesTold(Struct, frozen=True, kw_only=True):
    """Cases, newest first. `payments`: what they are about, by the id of the payment."""

    items: Sequence[CaseTold]
    next: str | None
    payments: Mapping[str, PaidTold]


class FileTold(Struct, frozen=True, kw_only=True):
    """A file of a case. `sha256` is of what is kept (made anew), `sha256_original` of the bytes as they came.

    `stripped`: what stood beside the picture and was not kept; `masked`: what was masked in its name and
    blacked out in its pages. `searched_pages`: in so many pages numbers were looked for (in their text; where they have
    none, in what they show; an image is one page). The others were not read surely: no reader was there, its time was
    over, or a row as long as a number could not be read. `searched`: it was so in all pages; else numbers may still be
    seen in it, and `says_zh`, `says_en` tell people so.
    """

    id: str
    case: str
    number: int
    state: Literal["TAKEN", "GONE"]
    media: str
    name: Heard
    size_bytes: int
    width: int
    height: int
    pages: int
    sha256: str
    sha256_original: str
    audience: str
    stripped: Sequence[str]
    masked: Sequence[str]
    searched_pages: int
    searched: bool
    says_zh: str
    says_en: str
    taken_at: datetime
    taken_by: str
    opened_times: int
    gone_at: datetime | None
    gone_why: str


class FilesTold(Struct, frozen=True, kw_only=True):
    """The files of a case. `next` is always null: a case has few."""

    items: Sequence[FileTold]
    next: str | None


class KeptTold(Struct, frozen=True, kw_only=True):
    """How long one sort of thing is kept after its end, and in words. `days` 0: it is not erased."""

    what: str
    days: int
    zh: str
    en: str
    source: str
    valid_from: date


class KeepingTold(Struct, frozen=True, kw_only=True):
    """How long what is kept: the rules that are valid today."""

    items: Sequence[KeptTold]
    next: str | None = None


class ErasedTold(Struct, frozen=True, kw_only=True):
    """What an erasure did: whose sealed text nobody reads again, and which files are gone."""

    subjects: Sequence[str]
    files: Sequence[str]


class HappenedTold(Struct, frozen=True, kw_only=True):
    """One thing that happened, who did it, and on what evidence (an id, or nothing)."""

    at: datetime
    who: str
    kind: str
    object: str
    what_zh: str
    what_en: str
    evidence: str
    facts: Mapping[str, Any]


class TimelineTold(Struct, frozen=True, kw_only=True):
    """What happened to a payment, its refunds and its cases, in order."""

    items: Sequence[HappenedTold]
    next: int | None


class EvidenceTold(Struct, frozen=True, kw_only=True):
    """What was said, as it was kept: secrets masked, with the SHA-256 of the bytes as they came."""

    kind: str
    at: datetime
    operation: str
    status: int
    took_ms: int
    digest: str
    body: Heard


class RecognisedTold(Struct, frozen=True, kw_only=True):
    """What a scanned text is; `ok`: it may be charged now."""

    kind: str
    wallet: str | None
    ok: bool
    advice_zh: str
    advice_en: str


class TillTold(Struct, frozen=True, kw_only=True):
    """A till and the store it stands in."""

    id: str
    name: str
    store: str
    store_name: str


class TillsTold(Struct, frozen=True, kw_only=True):
    """The merchant's tills."""

    items: Sequence[TillTold]
    next: str | None


class BooksWish(Wish):
    """`whole`: every move is added up anew, and the days that were added up before are held against it."""

    whole: bool = False


class BooksTold(Struct, frozen=True, kw_only=True):
    """The merchant's books. `balanced`: accounts sum to zero, kept balances equal their moves, and what is held
    equals the open refunds. `differ`: of the whole, days that are not the sum of their moves (`2026-11-27 held`)."""

    balanced: bool
    accounts: Mapping[str, int]
    moves: int
    held_fen: int
    open_refunds_fen: int
    differ: Sequence[str] = ()


class ProblemTold(Struct, frozen=True, kw_only=True):
    """Why the answer is no (RFC 9457), with the facts that go with the code."""

    type: str
    title: str
    title_zh: str
    title_en: str
    status: int
    detail: str
    code: str
    instance: str


_NONE = Figures()


def payment_told(payment: Payment, at: datetime) -> PaymentTold:
    """A payment as others see it."""
    says_zh, says_en = says.of_payment(payment, at)
    cash = Figures.of_text(payment.figures) if payment.channel is Channel.CASH else _NONE
    return PaymentTold(
        id=payment.id,
        state=payment.state.value,
        channel=payment.channel.value,
        mode=payment.mode.value,
        till=payment.till_id,
        store=payment.store_id,
        amount_fen=payment.amount_fen,
        currency=payment.currency,
        back_fen=payment.back_fen,
        rest_fen=payment.amount_fen - payment.back_fen if payment.state in HAS_MONEY else 0,
        description=payment.description,
        code_tail=payment.code_tail,
        qr=payment.qr,
        opened_at=payment.opened_at,
        opened_by=payment.opened_by,
        give_up_at=payment.give_up_at,
        paid_at=payment.paid_at,
        ended_at=payment.ended_at,
        waiting_for=payment.reason,
        code=payment.code,
        channel_number=payment.channel_number,
        incident=payment.incident,
        policy=payment.policy,
        handed_fen=cash.handed,
        change_fen=cash.change,
        diagnosis=_diagnosis(payment),
        says_zh=says_zh,
        says_en=says_en,
    )


def _diagnosis(payment: Payment) -> DiagnosisTold | None:
    if not payment.code or payment.state in HAS_MONEY:
        return None
    told = diagnosis_of(says.book_of(payment.channel, payment.code), payment.code, says.operation_of(payment))
    return DiagnosisTold(**told.as_dict())


def refund_told(refund: Refund, at: datetime) -> RefundTold:
    """A refund as others see it."""
    says_zh, says_en = says.of_refund(refund, at)
    return RefundTold(
        id=refund.id,
        state=refund.state.value,
        payment=refund.payment_id,
        case=refund.case_id,
        channel=refund.channel.value,
        amount_fen=refund.amount_fen,
        currency=refund.currency,
        reason=refund.reason,
        opened_at=refund.opened_at,
        opened_by=refund.opened_by,
        sent_at=refund.sent_at,
        sent_times=refund.sent_times,
        waiting_for=refund.waiting_for,
        code=refund.code,
        channel_number=refund.channel_number,
        received_into=refund.received_into,
        till=refund.till_id,
        done_at=refund.done_at,
        ended_at=refund.ended_at,
        proposed_by=refund.proposed_by,
        incident=refund.incident,
        says_zh=says_zh,
        says_en=says_en,
    )


def file_told(shown: Shown) -> FileTold:
    """A file as others see it."""
    file = shown.file
    says = dict.fromkeys(words.LANGUAGES, "") if file.is_searched else words.both(UNSEARCHED)
    return FileTold(
        id=file.id,
        case=file.case_id,
        number=file.number,
        state=file.state.value,
        media=file.media.value,
        name=shown.name,
        size_bytes=file.size_bytes,
        width=file.width,
        height=file.height,
        pages=file.pages,
        sha256=file.digest_kept,
        sha256_original=file.digest_original,
        audience=file.audience.value,
        stripped=[each for each in file.stripped.split(",") if each],
        masked=[each for each in file.masked.split(",") if each],
        searched_pages=file.searched_pages,
        searched=file.is_searched,
        says_zh=says["zh"],
        says_en=says["en"],
        taken_at=file.taken_at,
        taken_by=file.taken_by,
        opened_times=file.opened_times,
        gone_at=file.gone_at,
        gone_why=file.gone_why,
    )


def case_told(case: Case, said: str | None = None, masked: Sequence[str] = ()) -> CaseTold:
    """A case as others see it. `said`: the words it was reported with, for who may read them."""
    says_zh, says_en = says.of_case(case)
    return CaseTold(
        id=case.id,
        state=case.state.value,
        payment=case.payment_id,
        what=case.what.value,
        meant_fen=case.meant_fen,
        said=said,
        masked=list(masked),
        opened_at=case.opened_at,
        opened_by=case.opened_by,
        remedy=case.remedy.value,
        amount_fen=case.remedy_fen,
        refund=case.refund_id,
        repayment=case.repayment_id,
        way=case.way,
        attempt=case.attempt,
        conclusion=case.conclusion.value,
        note=case.note,
        closed_at=case.closed_at,
        version=case.version,
        store=case.store_id,
        cause=case.cause,
        twin=case.twin_id,
        asked_fen=case.asked_fen,
        holder=case.holder,
        due_at=case.due_at,
        due_what=case.due_what,
        overdue_since=case.overdue_since,
        warn_at=case.warn_at,
        warned=warned_ends(case),
        promised_on=case.promised_on,
        promised_certain=case.promised_certain,
        promise_broken=case.promise_broken,
        claimed_by=case.claimed_by,
        claimed_until=case.claimed_until,
        verdict=case.verdict,
        policy=case.policy,
        policy_line=case.policy_line,
        approved_fen=case.approved_fen,
        decided_by=case.decided_by,
        seconded_by=case.seconded_by,
        declined=case.reason_code,
        declined_zh=words_of(case.reason_code)[0],
        declined_en=words_of(case.reason_code)[1],
        object_until=case.object_until,
        offer=case.offer_kind,
        offer_fen=case.offer_fen,
        offer_until=case.offer_until,
        fault=case.fault,
        fault_by=case.fault_by,
        escalations={place.value: status.value for place, status in escalations_of(case).items()},
        legal_hold=case.legal_hold,
        chain=case.chain,
        chain_length=case.chain_length,
        says_zh=says_zh,
        says_en=says_en,
    )


def replies_told() -> RepliesTold:
    """The ready replies, as they are listed."""
    items = [
        ReplyTold(
            name=name,
            fills=replies.places(name),
            title_zh=texts["title_zh"],
            title_en=texts["title_en"],
            zh=texts["zh"],
            en=texts["en"],
        )
        for name, texts in replies.replies().items()
    ]
    return RepliesTold(items=items)


def thread_told(thread: Thread) -> ThreadTold:
    """A thread as it is told."""
    items = [
        SaidTold(
            place=one.place,
            at=one.at,
            who=one.who,
            item=one.item,
            kind=one.kind,
            digest=one.digest,
            audience=one.audience,
            text=one.text,
            side=one.side,
            how=one.how,
            reply=one.reply,
            masked=one.masked,
        )
        for one in thread.items
    ]
    return ThreadTold(items=items, next=thread.next)
