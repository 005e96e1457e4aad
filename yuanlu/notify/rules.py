"""What is told to whom, in which order, how often again, and when to give up.

Two kinds of rows. A `Hook` is somebody who asked to know: a merchant's endpoint or mailbox (about everything of certain
types), or the payer of one case. A `Delivery` is how far one hook has been told about one object: a cursor over that
object's facts. No letter is stored anywhere: the facts are there already, in order, and a letter follows from its fact.
What was sent is kept as facts of the delivery.

Law: the cursor moves past a fact only when its letter arrived, or nothing is to be said about it. So letters of one
object arrive in order, at least once, after the commit, and a receiver that knows a letter by its id sees each once.

    IDLE    told everything; no job        DUE     something to tell; the job `notify.send` stands
    PARKED  refused, or tried for a day; the next fact or a replay tries again from there

A hook that takes nothing is asked by one letter at a time, ever more rarely (`resume_at`), whatever waits behind; after
a day of that it is disabled. New facts of a DUE delivery only move its version: whoever is sending then looks again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zlib import crc32

from yuanlu import ids
from yuanlu.change import Change, Look, Row, Stay
from yuanlu.channels.contract import REMOTE
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.letters import Receipt, Way
from yuanlu.notify import templates

WAKE = "notify.deliver.wake"
"""An object has new facts: nudge the deliveries of whoever asked to know."""
SEND = "notify.send"
"""Send what is due of one delivery, in order."""
REPLAY = "notify.replay"
"""Walk a hook's objects, some at a time, and tell again what happened since a moment."""

TYPES: Mapping[str, str] = {
    "PaymentOpened": "payment.opened",
    "PaymentShown": "payment.shown",
    "PaymentPaid": "payment.paid",
    "PaymentFailed": "payment.failed",
    "PaymentReversing": "payment.reversing",
    "PaymentReversed": "payment.reversed",
    "PaymentClosing": "payment.closing",
    "PaymentClosed": "payment.closed",
    "PaymentLatePaid": "payment.late_paid",
    "PaymentContradicted": "payment.contradicted",
    "RefundRequested": "refund.requested",
    "RefundReleased": "refund.released",
    "RefundCancelled": "refund.cancelled",
    "RefundSent": "refund.sent",
    "RefundWaits": "refund.waits",
    "RefundDone": "refund.done",
    "RefundProven": "refund.proven",
    "RefundRefused": "refund.refused",
    "RefundStranded": "refund.stranded",
    "RefundRedirected": "refund.redirected",
    "RefundReturned": "refund.returned",
    "RefundSuperseded": "refund.superseded",
    "RefundUnclearTooLong": "refund.needs_person",
    "RefundResolved": "refund.resolved",
    "RefundFoundOutside": "refund.found_outside",
    "RefundContradicted": "refund.contradicted",
    "CaseOpened": "case.opened",
    "CaseToReview": "case.to_review",
    "CaseInfoAsked": "case.info_asked",
    "CaseAnswered": "case.answered",
    "CaseUnanswered": "case.unanswered",
    "CaseApproved": "case.approved",
    "CaseConfirmed": "case.confirmed",
    "CaseSentBack": "case.sent_back",
    "CaseBackInTrouble": "case.back_in_trouble",
    "ApprovalLapsed": "case.approval_lapsed",
    "TwinInTheWay": "case.twin_in_the_way",
    "CaseDeclined": "case.declined",
    "CaseObjected": "case.objected",
    "OfferMade": "case.offered",
    "OfferAccepted": "case.offer_accepted",
    "OfferTurnedDown": "case.offer_turned_down",
    "OfferExpired": "case.offer_expired",
    "RemedyChosen": "case.remedy_chosen",
    "RemedyOvertaken": "case.remedy_overtaken",
    "CasePromised": "case.promised",
    "PromiseUncertain": "case.promise_uncertain",
    "PromiseBroken": "case.promise_broken",
    "CaseWarned": "case.warned",
    "CaseOverdue": "case.overdue",
    "CaseNeedsPerson": "case.needs_person",
    "CaseEscalated": "case.escalated",
    "CaseWithdrawn": "case.withdrawn",
    "CaseReopened": "case.reopened",
    "CaseClosed": "case.closed",
    "RepaymentProposed": "repayment.proposed",
    "RepaymentApproved": "repayment.approved",
    "RepaymentPaid": "repayment.paid",
    "RepaymentRefused": "repayment.refused",
    "RepaymentExpired": "repayment.expired",
    "RepaymentOverdue": "repayment.overdue",
    "ComplaintHeard": "complaint.heard",
    "ComplaintSaid": "complaint.said",
    "ComplaintChanged": "complaint.changed",
    "ComplaintAlarm": "complaint.alarm",
    "ComplaintCalmed": "complaint.calmed",
    "ComplaintAnswerWritten": "answer.written",
    "ComplaintAnswerSent": "answer.sent",
    "ComplaintAnswerWaits": "answer.waits",
    "ComplaintAnswerDone": "answer.done",
    "ComplaintAnswerRefused": "answer.refused",
    "ComplaintAnswerStopped": "answer.stopped",
    "HandoverAsked": "handover.asked",
    "HandoverTaken": "handover.taken",
    "HandoverMoved": "handover.moved",
    "FloatShort": "float.short",
    "FloatEnough": "float.enough",
    "LossRecorded": "loss.recorded",
    "LossRecovered": "loss.recovered",
    "LossWrittenOff": "loss.written_off",
    "CodeHung": "code.hung",
    "CodeAudited": "code.audited",
    "CodeRetired": "code.retired",
    "HookDisabled": "hook.disabled",
    "SecretEnding": "secret.ending",
}
"""Every kind of fact that is told, and under which type: those that say that the state of an object changed."""

SILENT: Mapping[str, str] = {
    kind: why
    for why, kinds in {
        "the object did not change its state: we wait, ask or look, and what comes of it is told": (
            "PaymentWaits PaymentUnclear PaymentChecked RefundAccepted RefundUnclear RefundNotThere"
            " ComplaintAnswerUnclear ComplaintAnswerNotThere CaseChecked CauseFound TwinFound RulesCited RouteTaken"
        ),
        "nothing follows from a proposal until somebody else agrees, and that is told; it is read in the refund": (
            "RefundRescueProposed RefundResolutionProposed"
        ),
        "what a cashier was asked before they charged is read in the payment, and counted": (
            "GuardsConfirmed GuardAsked GuardAnswered"
        ),
        "practice moves nothing: it is read in the record of whoever practised": "DrillDone",
        "who works on a case, and what they note in it, is read in the case": (
            "CaseItemAdded CaseClaimed CaseReleased LegalHoldSet LegalHoldLifted FaultJudged"
        ),
        "who kept, read or erased personal data is for the custody log, not for a letter": (
            "FileTaken FileOpened FileForgotten ComplaintImageKept ComplaintImageGiven RepaymentAccountRead"
            " RepaymentAccountForgotten DataExported ListExported PersonalDataRead ReceiptOpened"
            " ReceiptProven ReceiptTried AuditTaken"
        ),
        "people set the installation up by it: the audit log has it": (
            "ComplaintsWatched PolicySet GuardsTuned GoodsPut GoodsPriced GoodsEnded StaffAdded StaffEnded KeyMade"
            " StaffRoleChanged StaffStoreChanged"
            " KeyRotated KeyEnded TillInvited TillEnrolled TillClosed StoreAdded StoreRenamed StoreClosed"
            " TillAdded ChannelKeysSet ChannelChecked"
            " ApplicationInvited ApplicationSaved ApplicationPaperAdded ApplicationPaperDropped ApplicationPaperOpened"
            " ApplicationSubmitted ApplicationReturned ApplicationApproved ApplicationDeclined ApplicationWithdrawn"
            " ApplicationOpened FirstOwnerInvited"
            " LimitsProposed LimitsAgreed SecretNoted SecretRotated SecretGone"
        ),
        "statements come and go day by day: what they show of a payment or a refund is told of that": (
            "StatementWanted StatementTaken StatementNone StatementSpoilt StatementOverdue"
        ),
        "people sign in and are sure by it: the audit log has it": (
            "Invited InvitationUsed PasswordSet PinSet SecondFactorAdded PasskeyAdded PasskeyEnded PasskeyUsed CodeUsed"
            " SignInTried SignInFailed SignInLocked SignedIn SignedOut SteppedUp StepUpUsed"
            " StepUpEnded InvitationEnded"
        ),
        "who answers for a drawer is read in the report of the shift": (
            "ShiftOpened ShiftCounted ShiftHandedOver ShiftClosed"
        ),
        "it stands beside the fact that is told: paid, or done": "CashTaken CashPaidOut",
        "how pages look to one person matters to nobody else": "PreferencesSet SearchKept SearchDropped",
        "the till itself shows it, or says it to those who look after tills": (
            "TillWrittenTo TillLocked TillUnlocked TicketRaised TicketClosed"
        ),
        "it is on paper in the shop, or the till says why not": (
            "PrintAsked PrintSent PrintDone PrintHeld PrintGone PrinterAdded PrinterClosed"
        ),
        "it is itself a letter, and the till that asked says what became of it": (
            "MailingAsked MailingSent MailingHeld MailingGone"
        ),
        "it is about letters: a letter about it would bring the next": (
            "HookAdded HookChanged HookSecretRotated HookEnabled HookPinged HookReplayed NoticeSent NoticeFailed"
            " NoticeParked NoticesRewound"
        ),
    }.items()
    for kind in kinds.split()
}
"""Every kind of fact that is not told, and why. A house test holds that each kind stands in one of the two."""

KIND_OF = {name: kind for kind, name in TYPES.items()}
PREFIXES: Mapping[str, str] = {
    ids.Kind.PAYMENT: "payment.",
    ids.Kind.REFUND: "refund.",
    ids.Kind.CASE: "case.",
    ids.Kind.REPAYMENT: "repayment.",
    ids.Kind.COMPLAINT: "complaint.",
    ids.Kind.ANSWER: "answer.",
    ids.Kind.HANDOVER: "handover.",
    ids.Kind.LOSS: "loss.",
    ids.Kind.CODE: "code.",
    ids.Kind.HOOK: "hook.",
    **dict.fromkeys(REMOTE, "float."),
}
"""What is said of an object, by the kind of its id. A float is named by its channel, and has no other id.

The pull of a channel's complaints has that name too: none of its facts may be told, or a cursor held two objects.
"""


SECRET = "secret."  # noqa: S105 - a prefix
"""What is said of a secret. It has a name with a slash in it (`wechat/merchant_cert`), and no id."""


def prefix_of(object_id: str) -> str:
    """What is said of this object; empty: nothing."""
    if "/" in object_id:
        return SECRET
    return PREFIXES.get(object_id if object_id in set(REMOTE) else object_id[:2], "")


PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600))
"""How long after each failure a letter is tried again; the last one repeats."""
TRIED_FOR = timedelta(days=1)
"""A letter that nobody took for so long is parked; a hook that took nothing for so long is disabled."""
PATIENCE_MAX = timedelta(hours=1)
"""How much of a receiver's `Retry-After` counts."""
FAILURES_BEFORE_RARE = 3
"""So many failures in a row, whichever their objects, and a hook is asked by one letter at a time."""
FAILURES_BEFORE_DEAD = 8
"""So many failures in a row at least, beside the day, before a hook is disabled."""
RARE_MAX = timedelta(minutes=30)
ASKED_WITHIN = timedelta(minutes=1)
"""Whoever claimed the one letter has heard by then; should it have died, the next may ask."""
CROWDED_PAUSE = timedelta(seconds=1)
OLD_SECRET_MAX = timedelta(days=7)
HOOKS_MAX = 20
"""Open hooks of one merchant, contacts of payers aside."""
REPLAY_STEP = 100
"""Objects of one run of a replay."""


class HookState(StrEnum):
    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


class DeliveryState(StrEnum):
    IDLE = "IDLE"
    DUE = "DUE"
    PARKED = "PARKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook(Row):
    """Somebody who asked to know. What names or reaches them is sealed; `shown` is what may be seen of it."""

    table = "hooks"

    state: HookState
    way: Way
    about: str
    """The case whose payer this is; empty: the merchant's own."""
    kinds: str
    """Kinds of facts, with commas; empty: all."""
    lang: str
    shown: str
    target: str
    secret: str
    old_secret: str = ""
    old_until: datetime | None = None
    fingerprint: str
    opened_at: datetime
    opened_by: str
    failures: int = 0
    """Failures in a row, of any of its letters."""
    failing_since: datetime | None = None
    resume_at: datetime | None = None
    """It takes nothing: no letter is tried before this, and then only one."""
    why: str = ""
    disabled_at: datetime | None = None
    replay_since: datetime | None = None
    replay_after: str = ""
    replay_again: bool = False
    """The replay tells again what arrived already, not only what was missed."""

    @property
    def subject(self) -> str:
        """Whose seal its secrets stand under: forgetting a case forgets how its payer is reached."""
        return self.about or self.id

    @property
    def is_open(self) -> bool:
        return self.state is HookState.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(Row):
    """How far a hook has been told about an object: everything up to and with the fact at (transition, seq)."""

    table = "deliveries"

    state: DeliveryState
    hook_id: str
    object_id: str
    transition: int = 0
    seq: int = 0
    sent: int = 0
    """Letters that arrived."""
    attempts: int = 0
    """Failures of the letter that stands next."""
    failing_since: datetime | None = None
    next_at: datetime | None = None
    why: str = ""
    opened_at: datetime

    @property
    def place(self) -> tuple[int, int]:
        return self.transition, self.seq


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAdded(Fact):
    way: str
    shown: str
    types: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookChanged(Fact):
    """How a payer is reached, or how an SMS is sent, was changed."""

    way: str
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSecretRotated(Fact):
    old_until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookDisabled(Fact):
    shown: str
    stopped: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookEnabled(Fact):
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookPinged(Fact):
    status: int
    trouble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookReplayed(Fact):
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSent(Fact):
    """A letter arrived. `digest`: SHA-256 of what was written."""

    letter: str
    type: str
    way: str
    status: int
    took_ms: int
    attempts: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFailed(Fact):
    letter: str
    type: str
    trouble: str
    attempts: int
    next_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeParked(Fact):
    letter: str
    type: str
    trouble: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesRewound(Fact):
    """Told again from there on."""

    transition: int
    seq: int


@dataclass(frozen=True, slots=True)
class Told:
    """A fact as it is read to be told."""

    transition: int
    seq: int
    kind: str
    at: datetime
    body: Mapping[str, Any]

    @property
    def place(self) -> tuple[int, int]:
        return self.transition, self.seq


@dataclass(frozen=True, slots=True)
class DeliverySeen:
    """What a delivery is decided on: itself, its hook, what stands next, the object, and what a letter needs."""

    delivery: Delivery | None
    hook: Hook | None
    next: Sequence[Told] = ()
    """The facts behind the cursor that this hook is told, oldest first; two at most."""
    row: Row | None = None
    shop: str = ""
    gateway: Hook | None = None
    promised_on: date | None = None
    """Of the payer's case: the day by which the money is promised to be back, where that is certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAsk:
    """A wish to be told. Texts are sealed already; `fingerprint` is a keyed hash of them as they were."""

    merchant_id: str
    id: str
    way: Way
    types: tuple[str, ...]
    lang: str
    shown: str
    target: str
    secret: str
    fingerprint: str
    who: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class HookSeen:
    """A hook, and how many open ones its merchant has."""

    hook: Hook | None
    open_hooks: int = 0


def delivery_id(hook: Hook, object_id: str) -> str:
    """The id of a delivery follows from its hook and object: two who begin it begin the same."""
    return ids.derived(ids.Kind.DELIVERY, hook.opened_at, hook.id, object_id)


def letter_id(delivery: Delivery, place: tuple[int, int]) -> str:
    """The id under which a receiver knows a letter: the same however often, and by whichever way, it comes."""
    return f"{delivery.id}-{place[0]}-{place[1]}"


def place_of(letter: str) -> tuple[str, tuple[int, int]]:
    """The delivery and the fact that a letter's id names.

    Raises Denied: hook.letter_unknown.
    """
    name, _, place = letter.partition("-")
    transition, _, seq = place.partition("-")
    numbers_fit = all(part.isascii() and part.isdigit() and len(part) < 10 for part in (transition, seq))
    if not ids.is_id(name, ids.Kind.DELIVERY) or not numbers_fit:
        raise Denied("hook.letter_unknown")
    return name, (int(transition), int(seq))


def kinds_of(types: Sequence[str]) -> str:
    """The kinds of facts that these types stand for; a type ending in `.*` is all of its objects.

    Raises Denied: hook.type_unknown.
    """
    kinds: dict[str, None] = {}
    for wish in types:
        fitting = [
            kind for kind, name in TYPES.items() if name == wish or (wish[-2:] == ".*" and name.startswith(wish[:-1]))
        ]
        if not fitting:
            raise Denied("hook.type_unknown", wish=wish, known=sorted(KIND_OF))
        kinds.update(dict.fromkeys(fitting))
    return ",".join(kinds)


def types_of(hook: Hook) -> tuple[str, ...]:
    """The types a hook asked for; none: all."""
    return tuple(TYPES[kind] for kind in hook.kinds.split(",") if kind in TYPES)


def wants(hook: Hook, object_id: str) -> bool:
    """Whether a hook may be told anything of this object at all."""
    prefix = prefix_of(object_id)
    if not prefix or not hook.is_open or hook.way is Way.GATEWAY or hook.id == object_id:
        return False
    kinds: Sequence[str] = tuple(templates.KINDS) if hook.about else [kind for kind in hook.kinds.split(",") if kind]
    return not kinds or any(TYPES.get(kind, "").startswith(prefix) for kind in kinds)


# --- hooks ---


def add(ask: HookAsk, seen: HookSeen, at: datetime) -> Change[Hook] | Stay[Hook]:
    """Take in a merchant's wish to be told.

    Asking again with the same id and content gives the same hook back. Raises Denied: hook.id_taken, hook.too_many.
    """
    if seen.hook is not None:
        if seen.hook.fingerprint != ask.fingerprint:
            raise Denied("hook.id_taken", id=ask.id)
        return Stay(seen.hook)
    if seen.open_hooks >= HOOKS_MAX:
        raise Denied("hook.too_many", most=HOOKS_MAX)
    return _added(ask, at)


def put(ask: HookAsk, seen: HookSeen, at: datetime) -> Change[Hook] | Stay[Hook]:
    """Take in how the payer of a case wishes to be told, or how an SMS is sent: one each, the newest word counts."""
    hook = seen.hook
    if hook is None:
        return _added(ask, at)
    if hook.fingerprint == ask.fingerprint and hook.is_open:
        return Stay(hook)
    row = replace(
        hook,
        version=hook.version + 1,
        state=HookState.ACTIVE,
        way=ask.way,
        lang=ask.lang,
        shown=ask.shown,
        target=ask.target,
        fingerprint=ask.fingerprint,
        why="",
        disabled_at=None,
    )
    return Change(
        row=row, at=at, who=ask.who, facts=(HookChanged(way=ask.way, shown=ask.shown),), looks=_first(ask, at)
    )


def _first(ask: HookAsk, at: datetime) -> tuple[Look, ...]:
    """A payer is told at once that the report is noted; what else the case tells comes by itself."""
    return (Look(WAKE, ask.about, at),) if ask.about else ()


def _added(ask: HookAsk, at: datetime) -> Change[Hook]:
    hook = Hook(
        merchant_id=ask.merchant_id,
        id=ask.id,
        state=HookState.ACTIVE,
        way=ask.way,
        about=ask.about,
        kinds=kinds_of(ask.types),
        lang=ask.lang,
        shown=ask.shown,
        target=ask.target,
        secret=ask.secret,
        fingerprint=ask.fingerprint,
        opened_at=at,
        opened_by=ask.who,
    )
    added = HookAdded(way=ask.way, shown=ask.shown, types=" ".join(ask.types))
    return Change(row=hook, at=at, who=ask.who, facts=(added,), looks=_first(ask, at))


def _there(hook: Hook | None) -> Hook:
    if hook is None:
        raise Denied("hook.unknown")
    return hook


def opened(hook: Hook | None) -> Hook:
    """The hook, if it is there and told anything.

    Raises Denied: hook.unknown, hook.disabled.
    """
    hook = _there(hook)
    if not hook.is_open:
        raise Denied("hook.disabled", why=hook.why)
    return hook


def rotate(secret: str, keep_within: timedelta, who: str, hook: Hook | None, at: datetime) -> Change[Hook]:
    """Sign with a new secret; the old one keeps signing beside it for a while, so no receiver misses a letter.

    Raises Denied: hook.unknown, hook.disabled, hook.no_secret, hook.old_secret_too_long.
    """
    hook = opened(hook)
    if hook.way is not Way.WEBHOOK:
        raise Denied("hook.no_secret", way=hook.way)
    if not timedelta() <= keep_within <= OLD_SECRET_MAX:
        raise Denied("hook.old_secret_too_long", days_max=OLD_SECRET_MAX.days)
    until = at + keep_within
    row = replace(hook, version=hook.version + 1, secret=secret, old_secret=hook.secret, old_until=until)
    return Change(row=row, at=at, who=who, facts=(HookSecretRotated(old_until=until.isoformat()),))


def signs_with(hook: Hook, at: datetime) -> tuple[str, ...]:
    """The secrets, sealed, that sign at this moment: the newest first."""
    old = (hook.old_secret,) if hook.old_until is not None and at < hook.old_until else ()
    return tuple(each for each in (hook.secret, *old) if each)


def disable(why: str, who: str, hook: Hook | None, at: datetime) -> Change[Hook] | Stay[Hook]:
    """Tell this hook nothing more. Its deliveries keep their place.

    Raises Denied: hook.unknown.
    """
    hook = _there(hook)
    if not hook.is_open:
        return Stay(hook)
    row = replace(
        hook,
        version=hook.version + 1,
        state=HookState.DISABLED,
        why=why,
        disabled_at=at,
        resume_at=None,
        replay_since=None,
    )
    looks = (Look(REPLAY, hook.id, None),)
    return Change(row=row, at=at, who=who, facts=(HookDisabled(shown=hook.shown, stopped=why),), looks=looks)


def enable(who: str, hook: Hook | None, at: datetime) -> Change[Hook] | Stay[Hook]:
    """Tell this hook again, beginning with what it missed.

    Raises Denied: hook.unknown.
    """
    hook = _there(hook)
    if hook.is_open:
        return Stay(hook)
    missed_since = min(each for each in (hook.failing_since, hook.disabled_at, at) if each is not None)
    row = replace(
        hook,
        version=hook.version + 1,
        state=HookState.ACTIVE,
        why="",
        disabled_at=None,
        failures=0,
        failing_since=None,
        resume_at=None,
        replay_since=missed_since,
        replay_after="",
        replay_again=False,
    )
    looks = (Look(REPLAY, hook.id, at),)
    return Change(row=row, at=at, who=who, facts=(HookEnabled(shown=hook.shown),), looks=looks)


def replay(since: datetime, who: str, hook: Hook | None, at: datetime) -> Change[Hook]:
    """Tell again what happened since a moment, in order for each object, under the ids of then.

    Raises Denied: hook.unknown, hook.disabled, hook.not_for_payers.
    """
    hook = opened(hook)
    if hook.about or hook.way is Way.GATEWAY:
        raise Denied("hook.not_for_payers")
    row = replace(hook, version=hook.version + 1, replay_since=since, replay_after="", replay_again=True)
    looks = (Look(REPLAY, hook.id, at),)
    return Change(row=row, at=at, who=who, facts=(HookReplayed(since=since.isoformat()),), looks=looks)


def replayed(after: str, believed: Hook, hook: Hook | None, at: datetime) -> Change[Hook] | Stay[Hook]:
    """A run of a replay got as far as this object; empty: it is through. A replay asked for meanwhile begins anew."""
    hook = _there(hook)
    if (hook.replay_since, hook.replay_after) != (believed.replay_since, believed.replay_after):
        return Stay(hook)
    row = replace(hook, version=hook.version + 1, replay_after=after, replay_since=hook.replay_since if after else None)
    return Change(row=row, at=at, who="system", looks=(Look(REPLAY, hook.id, at if after else None),))


def pinged(receipt: Receipt, who: str, hook: Hook | None, at: datetime) -> Change[Hook]:
    """A ping was sent: keep what became of it. One that arrived ends the rare asking of a hook that took nothing.

    Raises Denied: hook.unknown.
    """
    hook = _there(hook)
    row = replace(hook, version=hook.version + 1)
    if receipt.ok:
        row = replace(row, failures=0, failing_since=None, resume_at=None)
    return Change(row=row, at=at, who=who, facts=(HookPinged(status=receipt.status, trouble=receipt.why),))


def hook_heard(receipt: Receipt, hook: Hook | None, at: datetime) -> Change[Hook] | Stay[Hook]:
    """What a letter's end says about the hook itself. A good hook is not written to at every letter.

    Law: trouble of our own, and what only one letter met, never disables a hook that takes others.
    """
    hook = _there(hook)
    if not hook.is_open or hook.about or receipt.is_ours or receipt.is_crowded or receipt.is_silent:
        return Stay(hook)
    if receipt.ok:
        if not hook.failures:
            return Stay(hook)
        row = replace(hook, version=hook.version + 1, failures=0, failing_since=None, resume_at=None)
        return Change(row=row, at=at, who="system")
    since = hook.failing_since or at
    is_dead = at - since >= TRIED_FOR and hook.failures >= FAILURES_BEFORE_DEAD
    if receipt.is_gone or is_dead:
        return disable("gone" if receipt.is_gone else "dead", "system", hook, at)
    failures = hook.failures + 1
    resume_at = None
    if failures >= FAILURES_BEFORE_RARE:
        resume_at = at + min(pause(failures - FAILURES_BEFORE_RARE), RARE_MAX)
    row = replace(hook, version=hook.version + 1, failures=failures, failing_since=since, resume_at=resume_at)
    return Change(row=row, at=at, who="system")


def may_ask(hook: Hook | None, at: datetime) -> Change[Hook] | Stay[Hook]:
    """Claim the one letter that a hook which takes nothing is asked by. Changed: it is ours to send."""
    hook = _there(hook)
    if hook.resume_at is None or hook.resume_at > at:
        return Stay(hook)
    row = replace(hook, version=hook.version + 1, resume_at=at + ASKED_WITHIN)
    return Change(row=row, at=at, who="system")


# --- deliveries ---


def pause(failures: int) -> timedelta:
    """How long to wait after so many failures before this one."""
    return PAUSES[min(failures, len(PAUSES) - 1)]


def nudge(hook: Hook, object_id: str, seen: Delivery | None, at: datetime) -> Change[Delivery] | Stay[Delivery]:
    """An object has new facts: whoever sends this delivery shall look again; if nobody does, somebody shall.

    Law: every nudge moves the version, so that a sender who has just seen nothing left cannot end the delivery.
    """
    if seen is None:
        row = Delivery(
            merchant_id=hook.merchant_id,
            id=delivery_id(hook, object_id),
            state=DeliveryState.DUE,
            hook_id=hook.id,
            object_id=object_id,
            next_at=at,
            opened_at=at,
        )
        return Change(row=row, at=at, who="system", looks=(Look(SEND, row.id, at),))
    row = replace(seen, version=seen.version + 1)
    if seen.state is DeliveryState.DUE:
        return Change(row=row, at=at, who="system")  # its job stands; moving it would take its lease away
    row = replace(row, state=DeliveryState.DUE, next_at=at)
    return Change(row=row, at=at, who="system", looks=(Look(SEND, row.id, at),))


def rewind(hook: Hook, object_id: str, to: tuple[int, int], seen: Delivery | None, at: datetime) -> Change[Delivery]:
    """Tell an object's facts again, beginning with the one at this place."""
    begun = seen or Delivery(
        merchant_id=hook.merchant_id,
        id=delivery_id(hook, object_id),
        version=0,
        state=DeliveryState.IDLE,
        hook_id=hook.id,
        object_id=object_id,
        opened_at=at,
    )
    before = min(begun.place, (to[0], to[1] - 1))
    row = replace(
        begun,
        version=begun.version + 1,
        state=DeliveryState.DUE,
        transition=before[0],
        seq=before[1],
        attempts=0,
        failing_since=None,
        next_at=at,
        why="",
    )
    rewound = NoticesRewound(transition=to[0], seq=to[1])
    return Change(row=row, at=at, who="system", facts=(rewound,), looks=(Look(SEND, row.id, at),))


def rest(seen: DeliverySeen, at: datetime) -> Change[Delivery] | Stay[Delivery]:
    """Nothing is left to tell, or nobody to tell it to: until the next nudge.

    Raises Denied: delivery.unknown.
    """
    delivery = _delivery(seen)
    if seen.next and seen.hook is not None and seen.hook.is_open:
        return Stay(delivery)
    row = replace(delivery, version=delivery.version + 1, state=DeliveryState.IDLE, next_at=None)
    return Change(row=row, at=at, who="system", looks=(Look(SEND, row.id, None),))


def put_off(until: datetime, seen: DeliverySeen, at: datetime) -> Change[Delivery]:
    """Its hook takes nothing at this time: come back later, not all deliveries at one moment."""
    delivery = _delivery(seen)
    next_at = until + _spread(delivery)
    row = replace(delivery, version=delivery.version + 1, next_at=next_at)
    return Change(row=row, at=at, who="system", looks=(Look(SEND, row.id, next_at),))


def hear(told: Told, receipt: Receipt, seen: DeliverySeen, at: datetime) -> Change[Delivery] | Stay[Delivery]:
    """What became of the letter about one fact.

    Who sends beside us may have been first, or a replay may have moved the cursor: then this says nothing.
    Raises Denied: delivery.unknown.
    """
    delivery = _delivery(seen)
    if delivery.state is DeliveryState.IDLE or not seen.next or seen.next[0].place != told.place:
        return Stay(delivery)
    if receipt.ok or receipt.is_silent:
        return _moved_on(told, receipt, delivery, at, has_more=len(seen.next) > 1, way=_way(seen))
    if receipt.is_crowded:
        next_at = at + CROWDED_PAUSE + _spread(delivery) / 5
        row = replace(delivery, version=delivery.version + 1, next_at=next_at)
        return Change(row=row, at=at, who="system", looks=(Look(SEND, row.id, next_at),))
    return _failed(told, receipt, delivery, at)


def _moved_on(
    told: Told, receipt: Receipt, delivery: Delivery, at: datetime, *, has_more: bool, way: str
) -> Change[Delivery]:
    """The cursor moves past the fact. With more behind it the job stays as it is: it is being run at this moment."""
    letter = letter_id(delivery, told.place)
    row = replace(
        delivery,
        version=delivery.version + 1,
        state=DeliveryState.DUE if has_more else DeliveryState.IDLE,
        transition=told.transition,
        seq=told.seq,
        sent=delivery.sent + receipt.ok,
        attempts=0,
        failing_since=None,
        next_at=at if has_more else None,
        why="",
    )
    sent = NoticeSent(
        letter=letter,
        type=TYPES[told.kind],
        way=way,
        status=receipt.status,
        took_ms=receipt.took_ms,
        attempts=delivery.attempts + 1,
        digest=receipt.digest,
    )
    return Change(
        row=row,
        at=at,
        who="system",
        facts=(sent,) if receipt.ok else (),
        looks=() if has_more else (Look(SEND, row.id, None),),
    )


def _failed(told: Told, receipt: Receipt, delivery: Delivery, at: datetime) -> Change[Delivery]:
    letter, kind = letter_id(delivery, told.place), TYPES[told.kind]
    since, attempts = delivery.failing_since or at, delivery.attempts + 1
    row = replace(delivery, version=delivery.version + 1, attempts=attempts, failing_since=since, why=receipt.why)
    if receipt.is_final or at - since >= TRIED_FOR:
        row = replace(row, state=DeliveryState.PARKED, next_at=None)
        parked = NoticeParked(letter=letter, type=kind, trouble=receipt.why, attempts=attempts)
        return Change(row=row, at=at, who="system", facts=(parked,), looks=(Look(SEND, row.id, None),))
    asked_for = min(receipt.after or timedelta(), PATIENCE_MAX)
    next_at = at + max(pause(delivery.attempts), asked_for) + _spread(delivery)
    row = replace(row, state=DeliveryState.DUE, next_at=next_at)
    failed = NoticeFailed(letter=letter, type=kind, trouble=receipt.why, attempts=attempts, next_at=next_at.isoformat())
    return Change(row=row, at=at, who="system", facts=(failed,), looks=(Look(SEND, row.id, next_at),))


def _delivery(seen: DeliverySeen) -> Delivery:
    if seen.delivery is None:
        raise Denied("delivery.unknown")
    return seen.delivery


def _way(seen: DeliverySeen) -> str:
    return seen.hook.way.value if seen.hook else ""


def _spread(delivery: Delivery) -> timedelta:
    """Up to five seconds, the same for one delivery each time: many do not come back at one moment."""
    return timedelta(milliseconds=crc32(delivery.id.encode()) % 5000)
