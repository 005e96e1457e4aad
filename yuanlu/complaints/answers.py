"""What we say to a complaint: written down first, sent once, and looked for where the sending was unclear.

    READY    written down; its images may still have to be given to the channel
    SENT     sent, and not certain: the history says whether it arrived
    WAITING  the channel said "not now"
    DONE     the channel has it                  REFUSED  a clear, final no
    STOPPED  taken back before it was sent

The channels know no number of ours for an answer. So what is unclear is never repeated blindly: the history is asked,
twice, apart in time, and only what is in neither is sent again. It is counted, not matched by time: it arrived when the
history has more entries of this kind and these words than we know to have arrived. Answers to one complaint go one
after another, so no two of them can be mistaken for each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from yuanlu import ids
from yuanlu.change import Change, Look, Row, Stay
from yuanlu.channels.contract import (
    Channel,
    ComplaintFacts,
    ComplaintStep,
    DecideRefund,
    Deed,
    Entry,
    FinishComplaint,
    Grievance,
    Heard,
    Matter,
    Reason,
    SendFeedback,
    SendReply,
    SendSupplement,
    Side,
    Word,
)
from yuanlu.complaints.rules import WATCH_WAKE, Complaint, ComplaintImage, Sealed, day_end, mark_of_text
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.masking import kept

ANSWER = "complaints.answer"
TRIES_MAX = 5
"""Sent so often and each time clearly not there: then a person must look."""
BEHIND = timedelta(seconds=30)
"""How long an answer waits behind another before it looks again by itself; mostly the other's end wakes it."""


class What(StrEnum):
    """What an answer says or does."""

    REPLY = "reply"
    FEEDBACK = "feedback"
    SUPPLEMENT = "supplement"
    PROMISE = "promise"
    """Approve the refund. It moves no money: a refund order must follow."""
    DECLINE = "decline"
    FINISH = "finish"


NEEDS: Mapping[What, Matter] = {
    What.REPLY: Matter.REPLY,
    What.FEEDBACK: Matter.FEEDBACK,
    What.SUPPLEMENT: Matter.SUPPLEMENT,
    What.PROMISE: Matter.DECIDE,
    What.DECLINE: Matter.DECIDE,
    What.FINISH: Matter.FINISH,
}
DEEDS: Mapping[What, Deed] = {
    What.REPLY: Deed.SPOKE,
    What.FEEDBACK: Deed.SPOKE,
    What.SUPPLEMENT: Deed.SPOKE,
    What.PROMISE: Deed.APPROVED,
    What.DECLINE: Deed.DECLINED,
    What.FINISH: Deed.FINISHED,
}
"""Under which deed the history shows it."""
WORDLESS = (What.PROMISE, What.FINISH)


class State(StrEnum):
    READY = "READY"
    SENT = "SENT"
    WAITING = "WAITING"
    DONE = "DONE"
    REFUSED = "REFUSED"
    STOPPED = "STOPPED"


OPEN = (State.READY, State.SENT, State.WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Row):
    """An answer as it stands. `mark` is the keyed hash of its words: by it the history is searched."""

    table = "complaint_answers"

    complaint_id: str
    what: What
    state: State
    sealed: str
    mark: str
    fingerprint: str
    days: int
    feedback_code: str
    images: str
    """Ids of its images, parted by spaces."""
    written_at: datetime
    written_by: str
    sent_at: datetime | None = None
    sent_times: int = 0
    absent_at: datetime | None = None
    looks: int = 0
    waits: int = 0
    ended_at: datetime | None = None
    last_word: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintAnswerWritten(Fact):
    complaint_id: str
    what: str
    digest: str
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintAnswerSent(Fact):
    complaint_id: str
    what: str
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintAnswerUnclear(Fact):
    complaint_id: str
    what: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintAnswerNotThere(Fact):
    """The history has it not (asked twice, apart): it may be sent again."""

    complaint_id: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintAnswerWaits(Fact):
    complaint_id: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintAnswerDone(Fact):
    complaint_id: str
    what: str
    digest: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintAnswerRefused(Fact):
    complaint_id: str
    what: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintAnswerStopped(Fact):
    complaint_id: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAsk:
    """A wish to answer. `images` are ids of images that were kept before."""

    merchant_id: str
    id: str
    complaint_id: str
    what: What
    who: str
    text: str = field(default="", repr=False)
    days: int = 0
    feedback_code: str = ""
    images: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", kept(self.text))

    def fingerprint(self, sealed: Sealed) -> str:
        """Keyed hash of everything asked but the id. Raises Denied: seal.forgotten."""
        content = (self.complaint_id, self.what, self.text, str(self.days), self.feedback_code, *self.images)
        return sealed.mark("\x1f".join(content))


@dataclass(frozen=True, slots=True)
class AnswerSeen:
    """What an answer is decided on: itself, its complaint, all answers to that, and its images."""

    answer: Answer | None
    complaint: Complaint | None
    others: tuple[Answer, ...] = ()
    """All answers to the complaint, oldest first, this one among them."""
    images: tuple[ComplaintImage, ...] = ()


def open_answer(
    facts: Mapping[Channel, ComplaintFacts], sealed: Sealed, ask: AnswerAsk, seen: AnswerSeen, at: datetime
) -> Change[Answer] | Stay[Answer]:
    """Write an answer down. Sends nothing.

    Asking again with the same id and content gives the same answer back. Raises Denied: complaint.answer_id_taken,
    complaint.unknown, complaint.channel_cannot, complaint.words_missing, complaint.words_too_long,
    complaint.words_not_sent, complaint.too_many_images, complaint.image_unknown, complaint.finished,
    complaint.already_decided, complaint.asks_no_refund, complaint.days, complaint.feedback_code.
    """
    fingerprint = ask.fingerprint(sealed)
    if seen.answer is not None:
        if seen.answer.fingerprint != fingerprint:
            raise Denied("complaint.answer_id_taken", id=ask.id)
        return Stay(seen.answer)
    complaint = seen.complaint
    if complaint is None:
        raise Denied("complaint.unknown")
    _demand_fit(facts[complaint.channel], ask, complaint)
    _demand_due(ask, complaint, seen.others)
    if set(ask.images) - {each.id for each in seen.images if each.side is Side.MERCHANT}:
        raise Denied("complaint.image_unknown")
    row = Answer(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.ANSWER),
        complaint_id=complaint.id,
        what=ask.what,
        state=State.READY,
        sealed=sealed.seal(ask.text),
        mark=mark_of_text(sealed, ask.text),
        fingerprint=fingerprint,
        days=ask.days,
        feedback_code=ask.feedback_code,
        images=" ".join(ask.images),
        written_at=at,
        written_by=ask.who,
    )
    written = ComplaintAnswerWritten(complaint_id=complaint.id, what=ask.what, digest=row.mark, images=len(ask.images))
    return Change(row=row, at=at, who=ask.who, facts=(written,), looks=(Look(ANSWER, row.id, at),))


def _demand_fit(bound: ComplaintFacts, ask: AnswerAsk, complaint: Complaint) -> None:
    """Raises Denied where the channel could not take it."""
    if NEEDS[ask.what] not in bound.can:
        raise Denied("complaint.channel_cannot", channel=complaint.channel, act=ask.what)
    if not ask.text.strip() and ask.what not in WORDLESS:
        raise Denied("complaint.words_missing")
    if len(ask.text) > bound.words_max:
        raise Denied("complaint.words_too_long", words_max=bound.words_max)
    if ask.what is What.FINISH and (ask.text or ask.images):
        raise Denied("complaint.words_not_sent")
    if len(ask.images) > bound.images_max:
        raise Denied("complaint.too_many_images", images_max=bound.images_max)
    if ask.what is What.PROMISE and ask.images:
        raise Denied("complaint.too_many_images", images_max=0)
    if not 0 <= ask.days <= 30 or (ask.days and ask.what is not What.PROMISE):
        raise Denied("complaint.days", days_max=30)
    if bool(ask.feedback_code) != (ask.what is What.FEEDBACK):
        raise Denied("complaint.feedback_code")


def _demand_due(ask: AnswerAsk, complaint: Complaint, others: Sequence[Answer]) -> None:
    """Raises Denied where there is nothing to answer, or it was decided. Law: a refund is approved once."""
    if complaint.finished_at is not None:
        raise Denied("complaint.finished", id=complaint.id)
    live = [each.what for each in others if each.state not in (State.REFUSED, State.STOPPED)]
    if ask.what is What.FINISH and any(each.what is What.FINISH and each.state in OPEN for each in others):
        raise Denied("complaint.finished", id=complaint.id)
    if ask.what not in (What.PROMISE, What.DECLINE):
        return
    if not complaint.asks_refund:
        raise Denied("complaint.asks_no_refund", id=complaint.id)
    decided = complaint.promised_at is not None or complaint.declined_at is not None
    if decided or What.PROMISE in live or What.DECLINE in live:
        raise Denied("complaint.already_decided", id=complaint.id)


def image_to_give(seen: AnswerSeen) -> ComplaintImage | None:
    """The next image of an answer that the channel does not have yet."""
    answer = seen.answer
    wanted = answer.images.split() if answer is not None and answer.state is State.READY else []
    return next((each for each in seen.images if each.id in wanted and not each.media), None)


def next_step(
    facts: Mapping[Channel, ComplaintFacts], sealed: Sealed, seen: AnswerSeen, at: datetime
) -> tuple[Change[Answer] | Stay[Answer], ComplaintStep | None]:
    """What to do about an answer now: send it, wait, or (SENT) ask the history, which is the flow's to do.

    Law: it is SENT before anything leaves, so a crash in between is an unclear answer, never a second one.
    Raises Denied: complaint.answer_unknown.
    """
    answer, complaint = seen.answer, seen.complaint
    if answer is None or complaint is None:
        raise Denied("complaint.answer_unknown")
    if answer.state is State.WAITING:
        return _to(seen, State.READY, at, (), look=at), None
    if answer.state is not State.READY:
        return Stay(answer), None
    before = next((each for each in seen.others if each.state in OPEN), answer)
    if before.id != answer.id:
        return _to(seen, State.READY, at, (), look=at + BEHIND), None  # the one before wakes it; this is the safety net
    bound = facts[complaint.channel]
    sent = ComplaintAnswerSent(complaint_id=complaint.id, what=answer.what, times=answer.sent_times + 1)
    change = _to(
        seen,
        State.SENT,
        at,
        (sent,),
        look=at + bound.check_gaps[0],
        sent_at=at,
        sent_times=answer.sent_times + 1,
        absent_at=None,
        looks=0,
    )
    return change, step_of(sealed, seen)


def wait_for_images(
    facts: Mapping[Channel, ComplaintFacts], seen: AnswerSeen, at: datetime
) -> Change[Answer] | Stay[Answer]:
    """An image could not be given to the channel: the answer waits, for it must not go without.

    Raises Denied: complaint.answer_unknown.
    """
    answer, complaint = seen.answer, seen.complaint
    if answer is None or complaint is None:
        raise Denied("complaint.answer_unknown")
    if answer.state is not State.READY:
        return Stay(answer)
    gaps = facts[complaint.channel].check_gaps
    pause = gaps[min(answer.waits + 1, len(gaps) - 1)]
    return _to(seen, State.READY, at, (), look=at + pause, waits=answer.waits + 1)


def step_of(sealed: Sealed, seen: AnswerSeen) -> ComplaintStep:
    """The step that carries an answer out."""
    answer, complaint = seen.answer, seen.complaint
    assert answer is not None
    assert complaint is not None
    about: dict[str, Any] = {
        "merchant_id": answer.merchant_id,
        "channel": complaint.channel,
        "complaint": complaint.channel_id,
    }
    text = sealed.open(answer.sealed)
    given = {each.id: each.media for each in seen.images}
    media = tuple(given[each] for each in answer.images.split())
    match answer.what:
        case What.REPLY:
            return SendReply(**about, text=text, media=media)
        case What.FEEDBACK:
            return SendFeedback(**about, text=text, media=media, code=answer.feedback_code)
        case What.SUPPLEMENT:
            return SendSupplement(**about, text=text, media=media)
        case What.PROMISE:
            return DecideRefund(**about, approves=True, days=answer.days, text=text)
        case What.DECLINE:
            return DecideRefund(**about, approves=False, text=text, media=media)
        case What.FINISH:
            return FinishComplaint(**about)


def hear(
    facts: Mapping[Channel, ComplaintFacts], heard: Heard, seen: AnswerSeen, at: datetime
) -> Change[Answer] | Stay[Answer]:
    """The channel's own answer to the sending.

    Raises Denied: complaint.answer_unknown.
    """
    answer, complaint = seen.answer, seen.complaint
    if answer is None or complaint is None:
        raise Denied("complaint.answer_unknown")
    if answer.state is not State.SENT:
        return Stay(answer)
    bound = facts[complaint.channel]
    told: dict[str, Any] = {"last_word": heard.word, "code": heard.code}
    match heard.word:
        case Word.SETTLED:
            return _done(seen, heard, "answer", at)
        case Word.REFUSED | Word.ABSENT if answer.sent_times == 1:
            refused = ComplaintAnswerRefused(complaint_id=complaint.id, what=answer.what, code=heard.code)
            return _to(seen, State.REFUSED, at, (refused,), look=None, heard=heard, ended_at=at, **told)
        case Word.DEFERRED:
            reason = heard.reason or Reason.BUSY
            waits = ComplaintAnswerWaits(complaint_id=complaint.id, what=answer.what, reason=reason)
            pause = bound.check_gaps[min(answer.waits + 1, len(bound.check_gaps) - 1)]
            again: dict[str, Any] = {"waits": answer.waits + 1, "sent_times": answer.sent_times - 1}
            return _to(seen, State.WAITING, at, (waits,), look=at + pause, heard=heard, **told, **again)
        case _:  # unclear, or a no to what may have arrived the time before: the history knows
            unclear = ComplaintAnswerUnclear(complaint_id=complaint.id, what=answer.what, code=heard.code)
            return _to(seen, State.SENT, at, (unclear,), look=at + bound.check_gaps[0], heard=heard, **told)


def has_arrived(
    sealed: Sealed, answer: Answer, others: Sequence[Answer], told: Grievance, entries: Sequence[Entry]
) -> bool:
    """Whether the channel has it: more such entries than answers we know to have arrived.

    What is forgotten is known by what it did alone: its words could not be sent again anyway.
    """
    deed = DEEDS[answer.what]
    if deed is Deed.FINISHED and not told.is_open:
        return True
    by_words = deed is Deed.SPOKE and sealed.key is not None
    there = [
        each
        for each in entries
        if each.side is Side.MERCHANT
        and each.deed is deed
        and (not by_words or mark_of_text(sealed, each.text) == answer.mark)
    ]
    known = [
        each
        for each in others
        if each.state is State.DONE and DEEDS[each.what] is deed and (not by_words or each.mark == answer.mark)
    ]
    return len(there) > len(known)


def look_for(
    facts: Mapping[Channel, ComplaintFacts], sealed: Sealed, heard: Heard, seen: AnswerSeen, at: datetime
) -> Change[Answer] | Stay[Answer]:
    """The history was asked about an answer whose sending was unclear. `heard` holds the complaint and its history.

    Law: it is sent again only when two clear answers, apart in time, do not have it; and both were asked after it left.
    Raises Denied: complaint.answer_unknown.
    """
    answer, complaint = seen.answer, seen.complaint
    if answer is None or complaint is None:
        raise Denied("complaint.answer_unknown")
    if answer.state is not State.SENT:
        return Stay(answer)
    bound = facts[complaint.channel]
    pause = bound.check_gaps[min(answer.looks + 1, len(bound.check_gaps) - 1)]
    looked: dict[str, Any] = {"looks": answer.looks + 1}
    if heard.word is not Word.SETTLED or heard.entries is None or not heard.complaints:
        return _to(seen, State.SENT, at, (), look=at + pause, **looked)
    if has_arrived(sealed, answer, seen.others, heard.complaints[0], heard.entries):
        return _done(seen, heard, "history", at)
    asked_at = heard.asked_at or at
    if answer.sent_at is None or asked_at < answer.sent_at:
        return Stay(answer)
    if answer.absent_at is None or at < answer.absent_at + bound.check_gaps[1] - bound.check_gaps[0]:
        seen_absent: dict[str, Any] = {"absent_at": answer.absent_at or at}
        return _to(seen, State.SENT, at, (), look=at + pause, heard=heard, **looked, **seen_absent)
    said_no = answer.last_word in (Word.REFUSED, Word.ABSENT)
    if said_no or answer.sent_times >= TRIES_MAX:
        refused = ComplaintAnswerRefused(complaint_id=complaint.id, what=answer.what, code=answer.code)
        return _to(seen, State.REFUSED, at, (refused,), look=None, heard=heard, ended_at=at)
    not_there = ComplaintAnswerNotThere(complaint_id=complaint.id, what=answer.what)
    return _to(seen, State.READY, at, (not_there,), look=at, heard=heard)


def stop(who: str, seen: AnswerSeen, at: datetime) -> Change[Answer] | Stay[Answer]:
    """Take an answer back that was never sent.

    Raises Denied: complaint.answer_unknown, complaint.already_sent.
    """
    answer = seen.answer
    if answer is None or seen.complaint is None:
        raise Denied("complaint.answer_unknown")
    if answer.state is State.STOPPED:
        return Stay(answer)
    if answer.state not in (State.READY, State.WAITING) or answer.sent_times:
        raise Denied("complaint.already_sent", id=answer.id, state=answer.state)
    stopped = ComplaintAnswerStopped(complaint_id=answer.complaint_id, what=answer.what)
    return _to(seen, State.STOPPED, at, (stopped,), look=None, who=who, ended_at=at)


def _done(seen: AnswerSeen, heard: Heard, by: str, at: datetime) -> Change[Answer]:
    answer = seen.answer
    assert answer is not None
    done = ComplaintAnswerDone(complaint_id=answer.complaint_id, what=answer.what, digest=answer.mark, by=by)
    return _to(
        seen, State.DONE, at, (done,), look=None, heard=heard, ended_at=at, last_word=heard.word, code=heard.code
    )


def _to(
    seen: AnswerSeen,
    state: State,
    at: datetime,
    facts: tuple[Fact, ...],
    *,
    look: datetime | None,
    heard: Heard | None = None,
    who: str = "channel",
    **fields: object,
) -> Change[Answer]:
    """Go to a state. What ends wakes the next answer, and the complaint: the channel knows more of it now."""
    answer = seen.answer
    assert answer is not None
    row = replace(answer, version=answer.version + 1, state=state, **fields)  # type: ignore[arg-type]
    looks = [Look(ANSWER, row.id, look)]
    if state not in OPEN:
        waiting = [each for each in seen.others if each.state in OPEN and each.id != row.id]
        looks += [Look(ANSWER, each.id, at) for each in waiting[:1]]
        looks.append(Look(WATCH_WAKE, row.complaint_id, at))
    kept = (heard.evidence,) if heard is not None and heard.evidence is not None else ()
    return Change(row=row, at=at, who=who, facts=facts, looks=tuple(looks), evidence=kept)


def promised_by(answers: Sequence[Answer]) -> datetime | None:
    """The end of the day by which a refund was promised, if one was and the channel has it."""
    done = [each for each in answers if each.what is What.PROMISE and each.state is State.DONE]
    return day_end(done[-1].written_at, done[-1].days) if done else None


def told_whole(see: Heard, pages: Sequence[Heard]) -> Heard:
    """A complaint and its history as one: unclear where any part of it was."""
    parts = [see, *pages]
    bad = next((each for each in parts if each.word is not Word.SETTLED), None)
    if bad is not None:
        return bad
    if not pages:
        return see
    entries = tuple(entry for page in pages for entry in page.entries or ())
    return replace(see, entries=entries)
