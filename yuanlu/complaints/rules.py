"""What a complaint is, as the channel tells it: heard once, changed only by what the channel says.

The channel has the complaint; we keep what it said, and what we owe: an answer by a time, a refund order after a
promise. Our state follows from the channel's word and its history alone, so what is heard twice, late or crossed is
the same:

    NEW              the payer waits for a word of ours      ANSWERED         the last word is ours
    REFUND_PROMISED  we approved a refund                    FINISHED         the channel calls it dealt with

A finished complaint that its payer takes up again is NEW again. Text, phone and images' addresses are sealed under the
complaint's own key; facts hold digests only.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Protocol

import msgspec

from yuanlu import ids
from yuanlu.change import Change, Look, Row, Stay
from yuanlu.channels.contract import Channel, ComplaintFacts, Deed, Entry, Evidence, Grievance, Heard, Side, Word
from yuanlu.clock import CHINA, business_day
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.masking import kept as masked
from yuanlu.payments.rules import Payment
from yuanlu.refunds.rules import Refund
from yuanlu.refunds.rules import State as RefundState

WATCH = "complaints.watch"
WATCH_WAKE = "complaints.watch.wake"
PULL = "complaints.pull"
NAMED_MAX = 200
"""Complaints that notices named and no list has shown yet: more than these are found by the lists alone."""
IMAGES_MAX = 30
"""Images of one complaint that are fetched."""
RETRY_FIRST, RETRY_MAX = timedelta(seconds=30), timedelta(minutes=15)
_EPOCH = datetime(2020, 1, 1, tzinfo=CHINA)


class Sealed(Protocol):
    """What seals and opens the text of one complaint (`yuanlu.seal.Sealed`); without a key it was forgotten."""

    @property
    def merchant_id(self) -> str: ...

    @property
    def key(self) -> bytes | None: ...

    def seal(self, text: str) -> str: ...

    def open(self, sealed: str) -> str: ...

    def mark(self, text: str) -> str: ...


class State(StrEnum):
    NEW = "NEW"
    ANSWERED = "ANSWERED"
    REFUND_PROMISED = "REFUND_PROMISED"
    FINISHED = "FINISHED"


class Alarm(StrEnum):
    """Where complaint and refund do not go together (law I7)."""

    PROMISE_WITHOUT_REFUND = "promise_without_refund"
    """A refund was approved at the channel, and hours later nobody has made the refund order."""
    PROMISE_BROKEN = "promise_broken"
    """The promised day is over and the payer does not have the money."""
    REFUND_WITHOUT_ANSWER = "refund_without_answer"
    """The money went back, and hours later the complaint still waits for a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint(Row):
    """A complaint as it stands. `payment_id` is empty where the order is none of ours."""

    table = "complaints"

    state: State
    channel: Channel
    channel_id: str
    channel_state: str
    payment_id: str
    order_number: str
    channel_number: str
    kind: str
    asks_refund: bool
    asked_fen: int | None
    paid_fen: int | None
    times: int
    is_refunded: bool
    complained_at: datetime
    heard_at: datetime
    reply_by: datetime | None = None
    answered_at: datetime | None = None
    promised_at: datetime | None = None
    promised_by: datetime | None = None
    """End of the day by which the refund was promised."""
    declined_at: datetime | None = None
    finished_at: datetime | None = None
    sealed: str = ""
    """What was said, sealed: see `Kept`."""
    digest: str = ""
    """SHA-256 of what the channel told last: what is told again is known."""
    entries: int = 0
    asked_at: datetime | None = None
    looks: int = 0
    last_word: str = ""
    code: str = ""
    last_notice: str = ""
    alarm: str = ""
    """The alarms that stand, parted by spaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintPull(Row):
    """How far the complaints of a channel are pulled. Its id is the channel: one each."""

    table = "complaint_pulls"

    pulled_to: datetime | None = None
    asked_at: datetime | None = None
    looks: int = 0
    """Pulls in a row that failed."""
    named: str = ""
    """Channel ids that notices named, parted by spaces: looked at by name, then forgotten."""
    notified: bool = False
    """Whether the channel knows where to notify us."""
    last_word: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintImage(Row):
    """An image of a complaint, theirs or ours. The bytes are sealed; `media` is its name at the channel."""

    table = "complaint_images"

    complaint_id: str
    side: Side
    kind: str
    digest: str
    bytes: int
    sealed: str
    media: str = ""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintsWatched(Fact):
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintHeard(Fact):
    channel: str
    channel_id: str
    payment_id: str
    about: str
    asked_fen: int | None
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintSaid(Fact):
    """Something new in its history. `digest`: keyed hash of the text, which is kept sealed."""

    entry: str
    side: str
    deed: str
    digest: str
    said_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintChanged(Fact):
    was: str
    state: str
    channel_state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintImageKept(Fact):
    complaint_id: str
    side: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintImageGiven(Fact):
    """The channel has an image of ours."""

    complaint_id: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintAlarm(Fact):
    alarm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintCalmed(Fact):
    alarm: str


class Kept(msgspec.Struct, frozen=True):
    """The personal part of a complaint, as it is sealed."""

    text: str = ""
    phone: str = ""
    payer: str = ""
    images: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a complaint is decided on: itself, the payment it is about, and that payment's refunds."""

    complaint: Complaint | None
    payment: Payment | None = None
    refunds: tuple[Refund, ...] = ()
    promise: PromiseDone | None = None
    """What we promised and know to be said, should the history be silent about its days."""


@dataclass(frozen=True, slots=True)
class PromiseDone:
    """A promise of ours that the channel has: the day by which."""

    by: datetime


def own_id(channel: Channel, grievance: Grievance) -> str:
    """The id of a complaint: it follows from the channel and its own id, so hearing twice is one."""
    return ids.derived(ids.Kind.COMPLAINT, grievance.at or _EPOCH, channel, grievance.id)


def opened(sealed: Sealed, complaint: Complaint) -> Kept:
    """What was said. Nothing of it where it was forgotten."""
    if sealed.key is None or not complaint.sealed:
        return Kept()
    kept = msgspec.json.decode(sealed.open(complaint.sealed), type=Kept)
    return msgspec.structs.replace(kept, entries=_named(sealed, kept.entries))


def shut(sealed: Sealed, kept: Kept) -> str:
    """Seal what was said. What its subject had forgotten is not kept again."""
    return "" if sealed.key is None else sealed.seal(msgspec.json.encode(kept).decode())


def mark_of_text(sealed: Sealed, text: str) -> str:
    """The keyed hash of a text, however a channel spaces it: nobody guesses a short one once its key is forgotten.

    Shape: 64 letters; empty where it is forgotten.
    """
    return "" if sealed.key is None else sealed.mark("".join(text.split()))


_ID_OF_TEXT = re.compile(r"[0-9a-f]{24}\.\d+")
"""The id of an entry at a channel that gives none: it follows from what was said, so that could be guessed."""


def _named(sealed: Sealed, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Entries whose ids tell nothing of their words. Again changes nothing."""
    if sealed.key is None:
        return tuple(entries)  # their words are not kept, and they enter nothing: see `hear`
    return tuple(
        replace(each, id=f"m{sealed.mark(each.id)[:24]}") if _ID_OF_TEXT.fullmatch(each.id) else each
        for each in entries
    )


def hear(
    bound: ComplaintFacts, sealed: Sealed, channel: Channel, heard: Heard, told: Grievance, seen: Seen, at: datetime
) -> Change[Complaint] | Stay[Complaint]:
    """The one door for a complaint the channel tells of: list, query and what a notice led to come through here.

    Law: heard twice is one, an older answer never replaces a newer one, and our state follows from what was told.
    """
    told, heard = replace(told, text=masked(told.text)), replace(heard, entries=_masked(sealed, heard.entries))
    known = seen.complaint
    if known is not None and _is_overtaken(known, heard):
        return Stay(known)
    digest = _digest(sealed, told)
    if known is not None and heard.entries is None and known.digest.startswith(digest):
        return Stay(known)
    kept = opened(sealed, known) if known is not None else Kept()
    entries = _joined(kept.entries, heard.entries or ())
    news = [each for each in entries if each.id not in {old.id for old in kept.entries}]
    was = known or _first(sealed.merchant_id, channel, told, seen, at)
    row = _as_told(bound, replace(was, version=was.version + 1 if known else 1), told, entries, seen, at)
    if known is not None and known.digest == digest + _mark(entries) and not news:
        return _looked(bound, row, known, heard, seen, at)
    images = tuple(told.images)
    now_kept = Kept(text=told.text, phone=told.phone, payer=told.payer, images=images, entries=tuple(entries))
    row = replace(row, sealed=shut(sealed, now_kept), digest=digest + _mark(entries), entries=len(entries))
    facts: list[Fact] = []
    if known is None:
        facts.append(_first_fact(sealed, row, told))
    if sealed.key is not None:
        facts += [_said(sealed, each) for each in news if each.deed is not Deed.OPENED]
    return _changed(bound, row, known, heard, seen, at, facts)


def _masked(sealed: Sealed, entries: tuple[Entry, ...] | None) -> tuple[Entry, ...] | None:
    return entries and tuple(replace(each, text=masked(each.text)) for each in _named(sealed, entries))


def _first(merchant_id: str, channel: Channel, told: Grievance, seen: Seen, at: datetime) -> Complaint:
    payment = seen.payment if seen.payment is not None and seen.payment.channel is channel else None
    return Complaint(
        merchant_id=merchant_id,
        id=own_id(channel, told),
        state=State.NEW,
        channel=channel,
        channel_id=told.id,
        channel_state=told.state,
        payment_id=payment.id if payment is not None else "",
        order_number=told.order_number,
        channel_number=told.channel_number,
        kind=told.kind,
        asks_refund=told.asks_refund,
        asked_fen=None if told.asked is None else told.asked.amount,
        paid_fen=None if told.paid is None else told.paid.amount,
        times=told.times,
        is_refunded=told.is_refunded,
        complained_at=told.at or at,
        heard_at=at,
    )


def _first_fact(sealed: Sealed, row: Complaint, told: Grievance) -> ComplaintHeard:
    return ComplaintHeard(
        channel=row.channel,
        channel_id=row.channel_id,
        payment_id=row.payment_id,
        about=row.kind,
        asked_fen=row.asked_fen,
        digest=mark_of_text(sealed, told.text),
    )


def _said(sealed: Sealed, entry: Entry) -> ComplaintSaid:
    return ComplaintSaid(
        entry=entry.id,
        side=entry.side,
        deed=entry.deed,
        digest=mark_of_text(sealed, entry.text),
        said_at=entry.at.isoformat(),
    )


def _is_overtaken(known: Complaint, heard: Heard) -> bool:
    """Whether this answers an older question than the one whose answer we know: two looks may cross."""
    return known.asked_at is not None and heard.asked_at is not None and heard.asked_at < known.asked_at


def _digest(sealed: Sealed, told: Grievance) -> str:
    """Of what the complaint itself says; 64 letters. Addresses of images are told anew each time, so they count not.

    Keyed, since it is kept; of what is forgotten, without what names anybody.
    """
    plain = replace(told, images=())
    if sealed.key is None:
        return hashlib.sha256(msgspec.json.encode(replace(plain, text="", phone="", payer=""))).hexdigest()
    return sealed.mark(msgspec.json.encode(plain).decode())


def _mark(entries: Iterable[Entry]) -> str:
    """Of which entries the history has."""
    return hashlib.sha256("\x1f".join(sorted(each.id for each in entries)).encode()).hexdigest()


def _joined(known: Sequence[Entry], told: Sequence[Entry]) -> list[Entry]:
    """All entries there ever were, by time: a page that misses some takes none away."""
    found = {each.id: each for each in (*known, *told)}
    return sorted(found.values(), key=lambda each: (each.at, each.id))


def _last(entries: Iterable[Entry], *wanted: tuple[Side, Deed]) -> datetime | None:
    return max((each.at for each in entries if (each.side, each.deed) in wanted), default=None)


def _as_told(
    bound: ComplaintFacts, row: Complaint, told: Grievance, entries: Sequence[Entry], seen: Seen, at: datetime
) -> Complaint:
    """The row as it follows from what was told. An answer that is as old as the payer's word came after it."""
    asked_at = _last(entries, (Side.PAYER, Deed.OPENED), (Side.PAYER, Deed.SPOKE)) or row.complained_at
    spoken = _last(entries, *((Side.MERCHANT, deed) for deed in (Deed.SPOKE, Deed.APPROVED, Deed.DECLINED)))
    promised = _last(entries, (Side.MERCHANT, Deed.APPROVED))
    declined = _last(entries, (Side.MERCHANT, Deed.DECLINED))
    promised = promised if promised is not None and (declined is None or declined < promised) else None
    is_answered = spoken is not None and spoken >= asked_at
    state = State.NEW
    if not told.is_open:
        state = State.FINISHED
    elif promised is not None:
        state = State.REFUND_PROMISED
    elif is_answered:
        state = State.ANSWERED
    waits = told.is_open and not is_answered
    return replace(
        row,
        state=state,
        channel_state=told.state,
        order_number=told.order_number or row.order_number,
        channel_number=told.channel_number or row.channel_number,
        asks_refund=told.asks_refund,
        asked_fen=row.asked_fen if told.asked is None else told.asked.amount,
        times=max(told.times, row.times),
        is_refunded=told.is_refunded,
        reply_by=asked_at + bound.reply_within if waits else None,
        answered_at=spoken or row.answered_at,
        promised_at=promised,
        promised_by=_promised_by(row, promised, seen),
        declined_at=declined,
        finished_at=None if told.is_open else row.finished_at or at,
    )


def _promised_by(row: Complaint, promised: datetime | None, seen: Seen) -> datetime | None:
    if promised is None:
        return None
    return seen.promise.by if seen.promise is not None else row.promised_by or day_end(promised)


def day_end(at: datetime, days: int = 0) -> datetime:
    """The end of a business day, so many days on. Working days are counted as days: the earlier, stricter end."""
    return datetime.combine(business_day(at) + timedelta(days=days + 1), time(), CHINA).astimezone(at.tzinfo)


def _looked(
    bound: ComplaintFacts, row: Complaint, known: Complaint, heard: Heard, seen: Seen, at: datetime
) -> Change[Complaint]:
    """Nothing new was told: only the time of the look, and what time has made of it."""
    return _changed(bound, row, known, heard, seen, at, [])


def _changed(
    bound: ComplaintFacts,
    row: Complaint,
    known: Complaint | None,
    heard: Heard,
    seen: Seen,
    at: datetime,
    facts: list[Fact],
) -> Change[Complaint]:
    was = known.state if known is not None else State.NEW
    if row.state is not was:
        facts.append(ComplaintChanged(was=was, state=row.state, channel_state=row.channel_state))
    stands = alarms(bound, row, seen.refunds, at)
    before = set((known.alarm if known is not None else "").split())
    facts += [ComplaintAlarm(alarm=each) for each in stands if each not in before]
    facts += [ComplaintCalmed(alarm=each) for each in sorted(before - set(stands))]
    is_listed = heard.entries is None and heard.word is Word.SETTLED and bool(heard.complaints)
    asked_at = (heard.asked_at or at) if heard.word is Word.SETTLED else row.asked_at
    row = replace(row, alarm=" ".join(stands), last_word=heard.word, code=heard.code, asked_at=asked_at)
    row = replace(row, looks=_fails(row, heard))
    look = at if is_listed else next_look(bound, row, seen.refunds, at)  # a list does not tell the history
    evidence: tuple[Evidence, ...] = (heard.evidence,) if heard.evidence is not None and facts else ()
    return Change(
        row=row, at=at, who="channel", facts=tuple(facts), looks=(Look(WATCH, row.id, look),), evidence=evidence
    )


def _fails(row: Complaint, heard: Heard) -> int:
    return 0 if heard.word is Word.SETTLED else row.looks + 1


def unheard(bound: ComplaintFacts, heard: Heard, seen: Seen, at: datetime) -> Change[Complaint]:
    """The channel gave no clear word about a complaint: nothing of it changes; it is asked again, ever later.

    Raises Denied: complaint.unknown.
    """
    known = seen.complaint
    if known is None:
        raise Denied("complaint.unknown")
    row = replace(known, version=known.version + 1)
    change = _changed(bound, row, known, heard, seen, at, [])
    pause = min(RETRY_FIRST * 2 ** min(row.looks, 10), RETRY_MAX)
    due = [look.at for look in change.looks if look.at is not None]
    return replace(change, looks=(Look(WATCH, row.id, min([at + pause, *due])),))


def alarms(bound: ComplaintFacts, complaint: Complaint, refunds: Sequence[Refund], at: datetime) -> tuple[Alarm, ...]:
    """Where complaint and refund do not go together: law I7, "an approved case without a refund order, or a refund
    order without an approved case, is an alarm".

    Shape: of one moment, nothing read but what is given. A complaint about an order that is not ours cannot be judged
    by its refunds; there only the channel's own word that all went back calms a promise.
    """
    found = []
    live = [each for each in refunds if each.state not in _NO_ORDER]
    gone = [each for each in refunds if each.state in _GONE]
    promised = complaint.promised_at
    since = promised is not None and at >= promised + bound.refund_order_within
    if since and not live and not complaint.is_refunded:
        found.append(Alarm.PROMISE_WITHOUT_REFUND)
    by = complaint.promised_by
    if promised is not None and by is not None and at >= by and not gone and not complaint.is_refunded:
        found.append(Alarm.PROMISE_BROKEN)
    back_at = _back_at(complaint, gone)
    if complaint.state is State.NEW and back_at is not None and at >= back_at + bound.refund_order_within:
        found.append(Alarm.REFUND_WITHOUT_ANSWER)
    return tuple(found)


_NO_ORDER = (RefundState.CANCELLED, RefundState.REFUSED, RefundState.RETURNED, RefundState.SUPERSEDED)
_GONE = (RefundState.DONE, RefundState.PROVEN, RefundState.EXTERNAL)


def _back_at(complaint: Complaint, gone: Sequence[Refund]) -> datetime | None:
    """When money last went back since the payer complained. Law: what went back before is what is complained about."""
    moments = [each.done_at or each.opened_at for each in gone]
    since = [each for each in moments if each >= complaint.complained_at]
    if since:
        return max(since)
    return complaint.complained_at if complaint.is_refunded and not moments else None


def next_look(bound: ComplaintFacts, complaint: Complaint, refunds: Sequence[Refund], at: datetime) -> datetime | None:
    """When to look by itself again: while it is open at the channel's pace, and whenever an alarm may fall due.

    None: it is finished and nothing is owed; a notice, a list or an answer of ours wakes it.
    """
    moments = [] if complaint.state is State.FINISHED else [at + bound.look_every]
    owed = complaint.promised_at is not None and not complaint.is_refunded
    if owed and not any(each.state in _GONE for each in refunds):
        assert complaint.promised_at is not None
        moments += [complaint.promised_at + bound.refund_order_within, complaint.promised_by or at]
        moments.append(at + bound.look_every)
    return min((each for each in moments if each > at), default=None)


def noticed(notice_id: str, evidence: Evidence | None, seen: Seen, at: datetime) -> Change[Complaint] | Stay[Complaint]:
    """A notice named this complaint: look at it now. A notice believed is one that leads to a question.

    Raises Denied: complaint.unknown.
    """
    known = seen.complaint
    if known is None:
        raise Denied("complaint.unknown")
    if notice_id and known.last_notice == notice_id:
        return Stay(known)
    row = replace(known, version=known.version + 1, last_notice=notice_id)
    kept = (evidence,) if evidence is not None else ()
    return Change(row=row, at=at, who="channel", looks=(Look(WATCH_WAKE, row.id, at),), evidence=kept)


# Pulling


def watch(
    merchant_id: str, channel: Channel, who: str, pull: ComplaintPull | None, at: datetime
) -> Change[ComplaintPull] | Stay[ComplaintPull]:
    """Begin to pull a channel's complaints; pull now where that has begun."""
    if pull is None:
        row = ComplaintPull(merchant_id=merchant_id, id=channel)
        watched = (ComplaintsWatched(channel=channel),)
        return Change(row=row, at=at, who=who, facts=watched, looks=(Look(PULL, row.id, at),))
    row = replace(pull, version=pull.version + 1)
    return Change(row=row, at=at, who=who, looks=(Look(PULL, row.id, at),))


def named(
    merchant_id: str,
    channel: Channel,
    complaint: str,
    evidence: Evidence | None,
    pull: ComplaintPull | None,
    at: datetime,
) -> Change[ComplaintPull] | Stay[ComplaintPull]:
    """A notice named a complaint that we do not know: look for it by name, now."""
    was = pull or ComplaintPull(merchant_id=merchant_id, id=channel, version=0)
    names = was.named.split()
    if complaint in names or len(names) >= NAMED_MAX or any(sign.isspace() for sign in complaint):
        return Stay(was) if pull is not None else watch(merchant_id, channel, "channel", None, at)
    row = replace(was, version=was.version + 1, named=" ".join([*names, complaint]))
    facts = () if pull is not None else (ComplaintsWatched(channel=channel),)
    kept = (evidence,) if evidence is not None else ()
    return Change(row=row, at=at, who="channel", facts=facts, looks=(Look(PULL, row.id, at),), evidence=kept)


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull came to: until when all was listed (None: it was broken off), and which names were looked at."""

    to: datetime | None
    word: Word
    code: str = ""
    found: frozenset[str] = frozenset()
    notified: bool = False


def pulled(
    bound: ComplaintFacts, done: Pulled, pull: ComplaintPull | None, at: datetime
) -> Change[ComplaintPull] | Stay[ComplaintPull]:
    """Note how far a pull came. Law: the mark moves only over what was listed whole.

    Raises Denied: complaint.not_watched.
    """
    if pull is None:
        raise Denied("complaint.not_watched")
    names = [each for each in pull.named.split() if each not in done.found]
    fails = 0 if done.to is not None else pull.looks + 1
    marks = [each for each in (pull.pulled_to, done.to) if each is not None]
    row = replace(
        pull,
        version=pull.version + 1,
        pulled_to=max(marks, default=None),
        asked_at=at,
        looks=fails,
        named=" ".join(names),
        notified=pull.notified or done.notified,
        last_word=done.word,
        code=done.code,
    )
    pause = bound.pull_every if not fails and not names else min(RETRY_FIRST * 2 ** min(fails, 10), RETRY_MAX)
    return Change(row=row, at=at, who="channel", looks=(Look(PULL, row.id, at + pause),))


def windows(bound: ComplaintFacts, pull: ComplaintPull, at: datetime) -> list[tuple[datetime, datetime]]:
    """The spans to be listed, oldest first: from behind the last mark to now, none longer than the channel allows."""
    start = at - bound.pull_back if pull.pulled_to is None else pull.pulled_to - bound.pull_overlap
    span = timedelta(days=bound.span_max_days - 1)
    found = []
    while True:
        end = min(start + span, at)
        found.append((start, end))
        if end >= at:
            return found
        start = end


# Images


def keep_image(
    sealed: Sealed,
    complaint_id: str,
    side: Side,
    kind: str,
    body: bytes,
    who: str,
    image: ComplaintImage | None,
    at: datetime,
) -> Change[ComplaintImage] | Stay[ComplaintImage]:
    """Keep an image of a complaint, once."""
    if image is not None:
        return Stay(image)
    row = ComplaintImage(
        merchant_id=sealed.merchant_id,
        id=image_id(complaint_id, side, body),
        complaint_id=complaint_id,
        side=side,
        kind=kind,
        digest=hashlib.sha256(body).hexdigest(),
        bytes=len(body),
        sealed="" if sealed.key is None else sealed.seal(b64encode(body).decode()),
        at=at,
    )
    kept = ComplaintImageKept(complaint_id=complaint_id, side=side, digest=row.digest)
    return Change(row=row, at=at, who=who, facts=(kept,))


def image_id(complaint_id: str, side: Side, body: bytes) -> str:
    """The id of an image: the same bytes of the same side of a complaint are one image."""
    return ids.derived(ids.Kind.FILE, _EPOCH, complaint_id, side, hashlib.sha256(body).hexdigest())


def given(heard: Heard, image: ComplaintImage | None, at: datetime) -> Change[ComplaintImage] | Stay[ComplaintImage]:
    """The channel has an image of ours, under this name.

    Raises Denied: complaint.image_unknown.
    """
    if image is None:
        raise Denied("complaint.image_unknown")
    if image.media or not heard.media:
        return Stay(image)
    row = replace(image, version=image.version + 1, media=heard.media)
    told = ComplaintImageGiven(complaint_id=image.complaint_id, digest=image.digest)
    kept = (heard.evidence,) if heard.evidence is not None else ()
    return Change(row=row, at=at, who="channel", facts=(told,), evidence=kept)


_MAGIC: Mapping[bytes, str] = {b"\xff\xd8\xff": "jpg", b"\x89PNG\r\n\x1a\n": "png", b"BM": "bmp"}


def kind_of_image(body: bytes) -> str:
    """What an image is by its first bytes, whatever it is called; empty where it is none."""
    return next((kind for start, kind in _MAGIC.items() if body.startswith(start)), "")
