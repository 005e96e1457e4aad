"""The contract between our rules and every channel: what we may ask, and what we may hear.

A `Step` is something to do outside. A codec turns it into a `Call` (bytes), and the `Reply` into an `Outcome` (a
value). A provider's callback becomes `News`: the same `Outcome`, with the number it is about. Nothing here waits,
reads a clock or opens a socket: keys, time and nonce are handed in, so every signature is reproducible.

What an outcome says is always about the *object* (the payment, the refund), never about the call: a query that
answers "paid" and a notification that says "paid" are the same `Outcome`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from yuanlu.money import Money


class Channel(StrEnum):
    """The channels there are. To add one: a folder, a line in `registry.py`, wire examples in the contract tests."""

    WECHAT = "wechat"
    ALIPAY = "alipay"
    CASH = "cash"
    """The drawer: nobody is asked and nobody answers, what a named person wrote down is the word."""


REMOTE = (Channel.WECHAT, Channel.ALIPAY)
"""The channels somebody else keeps: with a codec, keys, an account of the merchant and a float."""


class Operation(StrEnum):
    """What a step does, in one word; the names sim and the diagnosis use too."""

    PAY = "pay"
    SHOW = "show"
    QUERY = "query"
    REVERSE = "reverse"
    CLOSE = "close"
    REFUND = "refund"
    REFUND_QUERY = "refund_query"
    RESCUE = "rescue"


class Matter(StrEnum):
    """What a step about complaints does, in one word. What a channel has of them is in its facts."""

    LIST = "complaint_list"
    SEE = "complaint_see"
    HISTORY = "complaint_history"
    REPLY = "complaint_reply"
    FEEDBACK = "complaint_feedback"
    """The merchant's formal statement on how the complaint was handled (Alipay)."""
    SUPPLEMENT = "complaint_supplement"
    """More proof for the platform, which has taken the complaint over (Alipay)."""
    UPLOAD = "complaint_upload"
    FETCH = "complaint_fetch"
    DECIDE = "complaint_decide"
    FINISH = "complaint_finish"
    NOTIFY = "complaint_notify"


class Paper(StrEnum):
    """A statement of a day, by what is in it. What a channel has of them is in its facts."""

    TRADES = "trades"
    """All payments and refunds."""
    PAID = "paid"
    """The payments alone (WeChat Pay)."""
    REFUNDED = "refunded"
    """The refunds alone, with their times (WeChat Pay)."""
    FLOW = "flow"
    """What moved in the merchant's account: also fees, withdrawals, transfers."""


class Errand(StrEnum):
    """What a step about statements does, in one word."""

    ASK = "statement_ask"
    FETCH = "statement_fetch"


class Word(StrEnum):
    """What we may hear about a payment or a refund. These are the columns of the state tables."""

    SETTLED = "settled"
    """The money moved: paid, or refunded."""
    PENDING = "pending"
    """The channel has it and is not done: `reason` says what it waits for."""
    DEFERRED = "deferred"
    """A clear "not now": nothing moved, the identical request may be sent later (`reason` says why)."""
    UNKNOWN = "unknown"
    """No clear word: no answer, half an answer, a 5xx, a code that demands a query. Never means failed."""
    ABSENT = "absent"
    """A clear answer to a *query*: the channel has no such number."""
    REFUSED = "refused"
    """A clear, final no: nothing moved and nothing will (for a refund: also closed by the channel)."""
    STRANDED = "stranded"
    """Refunds: the money left the merchant and could not reach the payer (WeChat Pay's ABNORMAL)."""
    ENDED = "ended"
    """Payments: the order is closed, reversed or revoked; whatever was paid went back. It cannot be paid any more."""
    SHOWN = "shown"
    """Payments: the order exists and `qr` is what the payer scans."""
    BARRED = "barred"
    """Payments: the reverse or close is refused for good (too late, not allowed, already paid). Ask, then refund."""


class Reason(StrEnum):
    """Why something is PENDING or DEFERRED."""

    PAYER_CONFIRMS = "payer_confirms"
    NOT_PAID = "not_paid"
    PROCESSING = "processing"
    FUNDS_SHORT = "funds_short"
    TOO_MANY_CALLS = "too_many_calls"
    UNREACHABLE = "unreachable"
    """The connection was refused before a byte was sent."""
    BUSY = "busy"
    SET_UP = "set_up"
    """The channel refuses who we are (keys, permission, a frozen merchant): a person must mend it, then the identical
    request may go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What justifies a state: an answer, a notification, a person's word. Stored once, never changed.

    `body` is what was said, with payment codes masked; `digest` is the SHA-256 of the bytes as they came.
    """

    id: str
    kind: str
    """`answer`, `notice`, `silence` (no answer came), `person`."""
    at: datetime
    body: str
    digest: str
    operation: str = ""
    status: int = 0
    took_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The channel's own figures of a payment or a refund, in fen; None is not said.

    Of a payment: what the payer paid himself (`payer`), what coupons paid (`coupon`) and of it the shop's own
    (`coupon_shop`), what the shop is credited before the fee (`settled`), the fee. Of a refund: the same of what
    went back.
    """

    payer: int | None = None
    coupon: int | None = None
    coupon_shop: int | None = None
    settled: int | None = None
    fee: int | None = None
    handed: int | None = None
    change: int | None = None
    """Cash: what was handed over, and what was given back of it."""

    @property
    def text(self) -> str:
        """As it is kept: `payer=1080,coupon=200`; nothing where nothing was said."""
        said = ((name, getattr(self, name)) for name in self.__slots__)
        return ",".join(f"{name}={fen}" for name, fen in said if fen is not None)

    @classmethod
    def of_text(cls, text: str) -> Figures:
        """Figures as they were kept."""
        pairs = (pair.partition("=") for pair in text.split(",") if pair)
        return cls(**{name: int(fen) for name, _, fen in pairs})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was heard about one payment or refund, from whichever source."""

    word: Word
    code: str = ""
    """The channel's own code or state word, as in error_codes.csv; client-side ones as in channel `client`."""
    reason: Reason | None = None
    amount: Money | None = None
    """SETTLED: the order's amount, or the amount of this refund."""
    channel_number: str = ""
    """The channel's own number of the payment, or of the refund."""
    payer: str = ""
    """The channel's stable token for the payer (openid, buyer id): never a name or a phone."""
    at: datetime | None = None
    """When it happened, by the channel's clock."""
    received_into: str = ""
    """Refunds: where the money went, in the channel's words (bank and card tail, or balance)."""
    back_seen: Money | None = None
    """Payments: all that went back to the payer so far, where the channel says so."""
    figures: Figures | None = None
    """What the channel says about who paid how much of it. It proves nothing and is never judged by."""
    qr: str = ""
    asked_at: datetime | None = None
    """When we asked, by our clock, if this answers a step. A notice has none."""
    evidence: Evidence | None = None

    def set_out_before(self, at: datetime | None) -> bool:
        """Whether this answers a question older than a moment: it may not know of what was heard since."""
        return at is not None and self.asked_at is not None and self.asked_at < at


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something to do outside, about one order of one merchant.

    `payment_id` is the merchant order number at the channel; `amount` is the order's whole amount.
    """

    operation: ClassVar[Operation]
    sends: ClassVar[bool] = False
    """Whether it can move money or end something (else it only asks)."""

    merchant_id: str
    channel: Channel
    payment_id: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Pay(Step):
    """Charge the code a payer shows. `code` is a secret of a minute: never stored, never logged, never in a URL."""

    operation = Operation.PAY
    sends = True
    code: str = field(repr=False)
    description: str
    store_id: str
    till_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Show(Step):
    """Make an order that the payer scans."""

    operation = Operation.SHOW
    sends = True
    description: str
    store_id: str
    till_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Step):
    """Ask what became of a payment. `scanned`: whether a payer's code was charged (else our QR was shown)."""

    operation = Operation.QUERY
    scanned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse(Step):
    """End an order whatever became of it: unpaid is closed, paid goes back. For scanned codes."""

    operation = Operation.REVERSE
    sends = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Step):
    """Close an unpaid shown order. A paid one answers BARRED."""

    operation = Operation.CLOSE
    sends = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRefund(Step):
    """Send money back. `refund_id` is the refund's number for life; `back` its amount, `amount` the order's."""

    operation = Operation.REFUND
    sends = True
    refund_id: str
    back: Money
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRefund(Step):
    """Ask what became of a refund."""

    operation = Operation.REFUND_QUERY
    refund_id: str
    back: Money


class RescueTo(StrEnum):
    """Where stranded money may be sent instead."""

    PAYER_CARD = "payer_card"
    MERCHANT_CARD = "merchant_card"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue(Step):
    """Send stranded money to a bank card instead. Name and card are the payer's: in memory only, never stored."""

    operation = Operation.RESCUE
    sends = True
    refund_id: str
    back: Money
    channel_refund_number: str
    to: RescueTo
    bank_type: str = ""
    card_number: str = field(default="", repr=False)
    holder_name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintStep:
    """Something to do outside about the complaints of one merchant. Its answer is `Heard`."""

    operation: ClassVar[Matter]
    sends: ClassVar[bool] = False
    """Whether it says or ends something (else it only asks, and may be asked again at will)."""

    merchant_id: str
    channel: Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class ListComplaints(ComplaintStep):
    """Ask for the complaints made between two days (both included), one page. Pages count from 0."""

    operation = Matter.LIST
    begin_on: date
    end_on: date
    page: int
    page_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutComplaint(ComplaintStep):
    """Base of steps about one complaint; `complaint` is the channel's own id of it."""

    complaint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeeComplaint(AboutComplaint):
    """Ask how a complaint stands."""

    operation = Matter.SEE


@dataclass(frozen=True, slots=True, kw_only=True)
class SeeHistory(AboutComplaint):
    """Ask who said what about a complaint, one page. Pages count from 0."""

    operation = Matter.HISTORY
    page: int
    page_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying(AboutComplaint):
    """Base of what is said to the payer: `text`, with images the channel already has."""

    sends = True
    text: str = field(repr=False)
    media: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReply(Saying):
    """Answer the payer."""

    operation = Matter.REPLY


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFeedback(Saying):
    """State formally how the complaint was handled. `code`: the channel's code of the handling."""

    operation = Matter.FEEDBACK
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSupplement(Saying):
    """Give the platform more proof."""

    operation = Matter.SUPPLEMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideRefund(AboutComplaint):
    """Promise the refund that a complaint asks for (within `days`), or refuse it with a reason. It moves no money."""

    operation = Matter.DECIDE
    sends = True
    approves: bool
    days: int = 0
    text: str = field(default="", repr=False)
    media: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishComplaint(AboutComplaint):
    """Tell the channel that a complaint is dealt with."""

    operation = Matter.FINISH
    sends = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadImage(ComplaintStep):
    """Give the channel an image, to be named in an answer. A second copy does no harm, so this only "asks"."""

    operation = Matter.UPLOAD
    name: str
    kind: str
    """jpg, png or bmp."""
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchImage(ComplaintStep):
    """Get an image of a complaint. `place` is what the channel said of it."""

    operation = Matter.FETCH
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyOfComplaints(ComplaintStep):
    """Tell the channel where to notify us of complaints; `again` replaces the address it has."""

    operation = Matter.NOTIFY
    again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementStep:
    """Something to do outside about the statement of one day. Its answer is `Handed`."""

    operation: ClassVar[Errand]
    sends: ClassVar[bool] = False

    merchant_id: str
    channel: Channel
    paper: Paper
    on: date
    """The business day, in the channel's zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskStatement(StatementStep):
    """Ask where the statement of a day is to be had."""

    operation = Errand.ASK


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchStatement(StatementStep):
    """Get it from where the channel said. `digest`: what the channel says its bytes make, `sha1:…`, or nothing."""

    operation = Errand.FETCH
    place: str = field(repr=False)
    digest: str = ""


class Side(StrEnum):
    """Who said something about a complaint."""

    PAYER = "payer"
    MERCHANT = "merchant"
    PLATFORM = "platform"


class Deed(StrEnum):
    """What an entry of a complaint's history did."""

    OPENED = "opened"
    SPOKE = "spoke"
    APPROVED = "approved"
    DECLINED = "declined"
    FINISHED = "finished"
    NOTED = "noted"
    """The system's own remarks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a complaint's history. `id` is the channel's, or follows from what it says."""

    id: str
    side: Side
    deed: Deed
    at: datetime
    text: str = field(default="", repr=False)
    images: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grievance:
    """A complaint as the channel tells it. Text, phone, payer and images are personal: kept sealed only."""

    id: str
    state: str
    """The channel's own word."""
    is_open: bool
    order_number: str = ""
    """The merchant order number: mostly one of our payments."""
    channel_number: str = ""
    kind: str = ""
    """What it is about, in the channel's words."""
    asks_refund: bool = False
    asked: Money | None = None
    paid: Money | None = None
    at: datetime | None = None
    times: int = 1
    """How often the payer complained about it."""
    has_news: bool = False
    """The payer said something that nobody has answered."""
    is_refunded: bool = False
    """The channel has seen the whole order refunded."""
    text: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    payer: str = field(default="", repr=False)
    images: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was heard about complaints: the sibling of `Outcome`, as honest.

    SETTLED: done, or here is what was asked for. UNKNOWN: no clear word, never means failed. DEFERRED: a clear "not
    now". ABSENT: a clear answer that there is no such complaint. REFUSED: a clear, final no.
    """

    word: Word
    code: str = ""
    reason: Reason | None = None
    complaints: tuple[Grievance, ...] = ()
    entries: tuple[Entry, ...] | None = None
    """The history, or a page of it; None where the answer does not tell it."""
    total: int = 0
    """How many there are on all pages."""
    media: str = ""
    """An uploaded image's name at the channel."""
    image: bytes = field(default=b"", repr=False)
    asked_at: datetime | None = None
    evidence: Evidence | None = None


STATEMENT_MAX = 128 * 1024 * 1024
"""Bytes of a statement as it is fetched or handed in: packed, that is some five million lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What was heard about a statement.

    SETTLED: here is where it is to be had, or here it is. PENDING: it is being made. ABSENT: a clear answer that there
    is none of that day. REFUSED: a clear, final no. UNKNOWN: no clear word, or not the bytes that were promised.
    """

    word: Word
    code: str = ""
    place: str = field(default="", repr=False)
    digest: str = ""
    content: bytes = field(default=b"", repr=False)
    asked_at: datetime | None = None
    evidence: Evidence | None = None


ANSWER_MAX = 1024 * 1024
"""Bytes. No answer of a provider to a step comes near it; only what is fetched as a file may be larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP request, ready to send. `url` is absolute; `body` is sent byte for byte as signed."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)
    identity: tuple[str, str] | None = field(default=None, repr=False)
    """Files of our certificate and its key, where the other side asks who connects (mutual TLS)."""
    answer_max: int = ANSWER_MAX
    """Bytes of the answer: a longer one is cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP answer, whole. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What a provider posted to us. Header names are lower case."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A verified callback: an outcome and what it is about.

    `payment_id` is there unless it is about a complaint; `refund_id` only when it is about a refund. `notice_id` is the
    provider's own id of the notification (the same across resends).
    """

    payment_id: str
    refund_id: str = ""
    notice_id: str = ""
    outcome: Outcome
    said: str = field(default="", repr=False)
    """The provider's own words, readable (decrypted): what the evidence of this news keeps."""
    complaint: str = ""
    """The channel's id of the complaint it is about; then there is no payment, and the outcome only says "look"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintFacts:
    """What binds the complaints of a channel."""

    can: tuple[Matter, ...]
    """What the channel has; whatever is not here is never asked."""
    reply_within: timedelta
    """How long the payer may wait for an answer."""
    words_max: int
    """Characters of an answer."""
    images_max: int
    image_bytes_max: int
    image_kinds: tuple[str, ...]
    page_max: int
    history_page_max: int
    span_max_days: int
    """Days that one list may span, both ends included."""
    pull_every: timedelta
    pull_back: timedelta
    """How far the first pull looks back."""
    pull_overlap: timedelta
    """How far each pull looks back behind the one before: at least once, never a gap."""
    look_every: timedelta
    """How often an open complaint is asked about by itself."""
    check_gaps: tuple[timedelta, ...]
    """When an answer whose sending was unclear is looked for in the history; the last repeats."""
    refund_order_within: timedelta
    """An approval without a refund order is an alarm after this; so is a refund with the complaint left unanswered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFacts:
    """What binds the statements of a channel."""

    has: tuple[Paper, ...]
    """What can be asked for."""
    daily: tuple[Paper, ...]
    """What is asked for each day by itself."""
    ready_after: timedelta
    """When it is there, counted from the end of its day (midnight in the channel's zone)."""
    back: timedelta
    """How far back days can be asked for."""
    gaps: tuple[timedelta, ...]
    """When to ask again while it is not there; the last repeats."""
    absent_gap: timedelta
    """Two ABSENT answers must be this far apart before a day counts as having none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What binds a channel, read from its newest dated data file. What a channel lacks is absent (None, empty)."""

    valid_from: str
    source: str
    refund_open_for: timedelta
    refund_parts_max: int | None
    refund_gap: timedelta
    """Two refunds of one payment must be this far apart."""
    refund_query_after: timedelta
    """First query of a refund, counted from sending it."""
    refund_query_gaps: tuple[timedelta, ...]
    """Then each of these in turn; the last repeats."""
    refund_retry_gaps: tuple[timedelta, ...]
    """How long a refund waits when the channel said "not now" (funds short, too many calls)."""
    absent_gap: timedelta
    """Two ABSENT answers must be this far apart before they free a resend (or end a reverse)."""
    pay_query_after: timedelta
    pay_query_every: timedelta
    pay_within: timedelta
    """How long a payer may take before the payment is reversed, counted from sending it."""
    reverse_not_before: timedelta
    reverse_every: timedelta
    reverse_within: timedelta
    shown_for: timedelta
    """How long a shown order can be paid."""
    shown_query_every: timedelta
    has_rescue: bool
    last_look_after: timedelta
    """After a reverse is confirmed, when to look once more for a payment that came late."""
    complaints: ComplaintFacts | None = None
    statements: StatementFacts | None = None


class Keeper(Protocol):
    """For channels whose keys age: what to fetch, and how the newer keys are made of it. Pure, as a codec is."""

    def need(self, keys: Any, at: datetime, nonce: str, reply: Reply | Callback | None = None) -> Call | None:
        """What to fetch before something is sent, or before this answer or callback can be verified (None: nothing)."""

    def keep(self, keys: Any, reply: Reply, at: datetime) -> Any:
        """The keys, with what was fetched; the same keys when it cannot be trusted."""


class Codec(Protocol):
    """A channel as bytes and values. `keys` is the channel's own frozen dataclass of parsed keys of one merchant."""

    facts: Facts
    keeper: Keeper | None

    def keys(self, config: Mapping[str, Any]) -> Any:
        """Parse a merchant's channel configuration (key files are read here, once).

        Raises Denied: channel.config_invalid, naming the field.
        """

    def ask(self, step: Step, keys: Any, at: datetime, nonce: str) -> Call:
        """Write the request for a step. Pure."""

    def hear(self, step: Step, reply: Reply, keys: Any, at: datetime) -> Outcome:
        """Read the answer to a step. Never raises: what cannot be read or verified is UNKNOWN with a client code."""

    def ask_complaint(self, step: ComplaintStep, keys: Any, at: datetime, nonce: str) -> Call:
        """Write the request for a step about complaints. Pure."""

    def hear_complaint(self, step: ComplaintStep, reply: Reply, keys: Any, at: datetime) -> Heard:
        """Read the answer to it. Never raises, as `hear`."""

    def ask_statement(self, step: StatementStep, keys: Any, at: datetime, nonce: str) -> Call:
        """Write the request for a step about statements. Pure.

        Raises ValueError: the place is none of this channel's.
        """

    def hear_statement(self, step: StatementStep, reply: Reply, keys: Any, at: datetime) -> Handed:
        """Read the answer to it. Never raises, as `hear`."""

    def overhear(self, callback: Callback, keys: Any, at: datetime) -> News:
        """Verify and read a callback.

        Raises Denied: callback.forged (signature, age, foreign ids), callback.unreadable.
        """


CALLBACK_OK: Mapping[Channel, tuple[int, str, bytes]] = {
    Channel.WECHAT: (204, "application/json", b""),
    Channel.ALIPAY: (200, "text/plain", b"success"),
}
"""What to answer to a callback once its news is recorded: status, content type, body."""


def digest_of(body: bytes) -> str:
    """The SHA-256 of some bytes, as lower-case hex."""
    return hashlib.sha256(body).hexdigest()
