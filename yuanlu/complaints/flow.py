"""The verbs of complaints: pull and watch what payers say, answer what they are owed."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from yuanlu.change import Change, Done, Stay
from yuanlu.channels.contract import (
    Channel,
    ComplaintFacts,
    ComplaintStep,
    FetchImage,
    Grievance,
    Heard,
    ListComplaints,
    Matter,
    News,
    NotifyOfComplaints,
    SeeComplaint,
    SeeHistory,
    Side,
    UploadImage,
    Word,
)
from yuanlu.channels.registry import FACTS
from yuanlu.clock import business_day
from yuanlu.complaints import answers, rules, store
from yuanlu.complaints.answers import Answer, AnswerAsk, AnswerSeen
from yuanlu.complaints.rules import Complaint, ComplaintImage, ComplaintPull, Kept, Pulled
from yuanlu.desk import Desk
from yuanlu.errors import Denied

BOUNDS: Mapping[Channel, ComplaintFacts] = {
    channel: facts.complaints for channel, facts in FACTS.items() if facts.complaints is not None
}
"""What binds the complaints of each channel that has them."""
PAGES_MAX = 400
"""Pages of one list in one pull. What is left is listed by the next."""
HISTORY_PAGES_MAX = 20
LIST_TRIES = 3
"""How often a span is listed anew because it grew while it was turned over."""


async def watch(desk: Desk, merchant_id: str, channel: Channel, who: str) -> ComplaintPull:
    """Begin to pull the complaints of a channel, or pull now.

    Raises Denied: complaint.channel_cannot.
    """
    _bound(channel)
    done = await desk.decide(store.pull(merchant_id, channel), partial(rules.watch, merchant_id, channel, who))
    return done.row


def _bound(channel: Channel) -> ComplaintFacts:
    if channel not in BOUNDS:
        raise Denied("complaint.channel_cannot", channel=channel, act=Matter.LIST)
    return BOUNDS[channel]


async def pull(desk: Desk, merchant_id: str, channel_name: str) -> ComplaintPull:
    """List what payers complained of since the last pull, and look at what notices named.

    Law: the mark moves only when everything was listed; what is listed twice is known. Raises Denied:
    complaint.not_watched.
    """
    channel = Channel(channel_name)
    bound, view = _bound(channel), store.pull(merchant_id, channel)
    mark = await desk.see(view)
    if mark is None:
        raise Denied("complaint.not_watched", channel=channel)
    notified = mark.notified or await _told_where(desk, bound, merchant_id, channel)
    found = frozenset([name for name in mark.named.split() if await _named(desk, merchant_id, channel, name)])
    done = Pulled(to=None, word=Word.SETTLED)
    for begin, end in rules.windows(bound, mark, desk.clock.now()):
        bad = await _listed(desk, bound, merchant_id, channel, begin, end)
        if bad is not None:
            done = replace(done, word=bad.word, code=bad.code)
            break
        done = replace(done, to=end)
    done = replace(done, found=found, notified=notified)
    kept = await desk.decide(view, partial(rules.pulled, bound, done))
    return kept.row


async def _told_where(desk: Desk, bound: ComplaintFacts, merchant_id: str, channel: Channel) -> bool:
    """Tell the channel where to notify us; whether it knows. Without notices the pull finds everything."""
    if Matter.NOTIFY not in bound.can:
        return True
    heard = await desk.ask_complaint(NotifyOfComplaints(merchant_id=merchant_id, channel=channel, again=False))
    if heard.word is Word.REFUSED:
        heard = await desk.ask_complaint(NotifyOfComplaints(merchant_id=merchant_id, channel=channel, again=True))
    return heard.word is Word.SETTLED


async def _named(desk: Desk, merchant_id: str, channel: Channel, complaint: str) -> bool:
    """Look at a complaint by the channel's own number; whether that is done with."""
    heard = await told_of(desk, merchant_id, channel, complaint)
    if heard.word is Word.SETTLED:
        await learn(desk, merchant_id, channel, heard, heard.complaints[0])
    return heard.word in (Word.SETTLED, Word.ABSENT)


async def _listed(
    desk: Desk, bound: ComplaintFacts, merchant_id: str, channel: Channel, begin: datetime, end: datetime
) -> Heard | None:
    """List a span, page by page; None when all of it was learnt, else what was heard instead.

    New complaints push old ones to later pages, so nothing is missed while it grows; should it have shrunk, or end in
    another number than it began with, it is listed again.
    """
    for _ in range(LIST_TRIES):
        totals: list[int] = []
        for page in range(PAGES_MAX):
            step = ListComplaints(
                merchant_id=merchant_id,
                channel=channel,
                begin_on=business_day(begin),
                end_on=business_day(end),
                page=page,
                page_size=bound.page_max,
            )
            heard = await desk.ask_complaint(step)
            if heard.word is not Word.SETTLED:
                return heard
            totals.append(heard.total)
            for grievance in heard.complaints:
                await learn(desk, merchant_id, channel, heard, grievance)
            if not heard.complaints or (page + 1) * bound.page_max >= heard.total:
                break
        if len(set(totals)) == 1:
            return None
    return None


async def learn(desk: Desk, merchant_id: str, channel: Channel, heard: Heard, told: Grievance) -> Complaint:
    """The one door for what a channel tells of a complaint: list, query and notice come through here."""
    bound = _bound(channel)
    known = await desk.see(store.by_channel_id(merchant_id, channel, told.id))
    complaint_id = known.id if known is not None else rules.own_id(channel, told)
    sealed = await desk.sealed(merchant_id, complaint_id)
    order = known.payment_id if known is not None and known.payment_id else told.order_number
    view = store.told(merchant_id, channel, told.id, order, complaint_id)
    done = await desk.decide(view, partial(rules.hear, bound, sealed, channel, heard, told))
    return done.row


async def noticed(desk: Desk, merchant_id: str, channel: Channel, news: News) -> None:
    """A notice named a complaint: look at it. What it says besides is not believed."""
    evidence = news.outcome.evidence
    known = await desk.see(store.by_channel_id(merchant_id, channel, news.complaint))
    if known is None:
        rule = partial(rules.named, merchant_id, channel, news.complaint, evidence)
        await desk.decide(store.pull(merchant_id, channel), rule)
        return
    view = store.told(merchant_id, channel, news.complaint, known.payment_id, known.id)
    await desk.decide(view, partial(rules.noticed, news.notice_id, evidence))


async def drive(desk: Desk, merchant_id: str, complaint_id: str) -> Complaint:
    """Look at a complaint: ask the channel for it and its history, fetch its images, weigh what is owed.

    Raises Denied: complaint.unknown.
    """
    known = await _known(desk, merchant_id, complaint_id)
    heard = await told_of(desk, merchant_id, known.channel, known.channel_id)
    if heard.word is not Word.SETTLED:
        view = store.told(merchant_id, known.channel, known.channel_id, known.payment_id, complaint_id)
        done = await desk.decide(view, partial(rules.unheard, _bound(known.channel), heard))
        return done.row
    row = await learn(desk, merchant_id, known.channel, heard, heard.complaints[0])
    await _fetch_images(desk, row, heard)
    return row


async def _known(desk: Desk, merchant_id: str, complaint_id: str) -> Complaint:
    known = await desk.see(store.by_id(merchant_id, complaint_id))
    if known is None:
        raise Denied("complaint.unknown")
    return known


async def told_of(desk: Desk, merchant_id: str, channel: Channel, complaint: str) -> Heard:
    """Ask how a complaint stands, with its whole history."""
    bound = _bound(channel)
    see = await desk.ask_complaint(SeeComplaint(merchant_id=merchant_id, channel=channel, complaint=complaint))
    pages: list[Heard] = []
    if see.word is Word.SETTLED and Matter.HISTORY in bound.can:
        size = bound.history_page_max
        for page in range(HISTORY_PAGES_MAX):
            step = SeeHistory(merchant_id=merchant_id, channel=channel, complaint=complaint, page=page, page_size=size)
            pages.append(await desk.ask_complaint(step))
            if pages[-1].word is not Word.SETTLED or (page + 1) * size >= pages[-1].total:
                break
    return answers.told_whole(see, pages)


async def _fetch_images(desk: Desk, row: Complaint, heard: Heard) -> None:
    """Keep the payer's images that we do not have. What does not come now comes with a later look."""
    bound = _bound(row.channel)
    entries = heard.entries or ()
    places = [*heard.complaints[0].images, *(each for one in entries if one.side is Side.PAYER for each in one.images)]
    have = await desk.see(store.images(row.merchant_id, row.id))
    theirs = [each for each in have if each.side is Side.PAYER]
    if Matter.FETCH not in bound.can or len(theirs) >= len(set(places)):
        return
    for place in list(dict.fromkeys(places))[: rules.IMAGES_MAX]:
        got = await desk.ask_complaint(FetchImage(merchant_id=row.merchant_id, channel=row.channel, place=place))
        kind = rules.kind_of_image(got.image)
        if got.word is Word.SETTLED and kind and len(got.image) <= bound.image_bytes_max:
            await _keep(desk, row.merchant_id, row.id, Side.PAYER, kind, got.image, "channel")


async def _keep(
    desk: Desk, merchant_id: str, complaint_id: str, side: Side, kind: str, body: bytes, who: str
) -> ComplaintImage:
    sealed = await desk.sealed(merchant_id, complaint_id)
    view = store.image(merchant_id, rules.image_id(complaint_id, side, body))
    done = await desk.decide(view, partial(rules.keep_image, sealed, complaint_id, side, kind, body, who))
    return done.row


async def attach(desk: Desk, merchant_id: str, complaint_id: str, body: bytes, who: str) -> ComplaintImage:
    """Keep an image of ours, to be named in an answer.

    Raises Denied: complaint.unknown, complaint.channel_cannot, complaint.image_kind, complaint.image_too_large.
    """
    known = await _known(desk, merchant_id, complaint_id)
    bound = _bound(known.channel)
    if Matter.UPLOAD not in bound.can:
        raise Denied("complaint.channel_cannot", channel=known.channel, act=Matter.UPLOAD)
    kind = rules.kind_of_image(body)
    if kind not in bound.image_kinds:
        raise Denied("complaint.image_kind", kinds=list(bound.image_kinds))
    if len(body) > bound.image_bytes_max:
        raise Denied("complaint.image_too_large", bytes_max=bound.image_bytes_max)
    return await _keep(desk, merchant_id, complaint_id, Side.MERCHANT, kind, body, who)


# Answers


async def request(desk: Desk, ask: AnswerAsk) -> Answer:
    """Write an answer down, and answer it alone: see `requested`."""
    return (await requested(desk, ask)).row


async def requested(desk: Desk, ask: AnswerAsk) -> Done[Answer]:
    """Write an answer to a complaint down: a reply, a decision, the end. Sends nothing.

    Asking again with the same id and content gives the same answer back, not `changed`.
    Raises Denied: see `answers.open_answer`.
    """
    await _known(desk, ask.merchant_id, ask.complaint_id)
    sealed = await desk.sealed(ask.merchant_id, ask.complaint_id)
    view = store.for_answer(ask.merchant_id, ask.id, ask.complaint_id)
    return await desk.decide(view, partial(answers.open_answer, BOUNDS, sealed, ask))


async def answer(desk: Desk, merchant_id: str, answer_id: str) -> Answer:
    """Take an answer a step further: give its images, send it, or look for it in the history.

    Raises Denied: complaint.answer_unknown.
    """
    view = store.to_drive(merchant_id, answer_id)
    seen = await desk.see(view)
    if seen.answer is None or seen.complaint is None:
        raise Denied("complaint.answer_unknown")
    if seen.answer.state is answers.State.SENT:
        heard = await told_of(desk, merchant_id, seen.complaint.channel, seen.complaint.channel_id)
        sealed = await desk.sealed(merchant_id, seen.complaint.id)
        found = await desk.decide(view, partial(answers.look_for, BOUNDS, sealed, heard))
        return found.row if found.row.state is not answers.State.READY else await _send(desk, merchant_id, answer_id)
    return await _send(desk, merchant_id, answer_id)


async def _send(desk: Desk, merchant_id: str, answer_id: str) -> Answer:
    view = store.to_drive(merchant_id, answer_id)
    seen = await desk.see(view)
    while (image := answers.image_to_give(seen)) is not None:
        if not await _give(desk, seen, image):
            wait = await desk.decide(view, partial(answers.wait_for_images, BOUNDS))
            return wait.row
        seen = await desk.see(view)
    assert seen.complaint is not None
    sealed = await desk.sealed(merchant_id, seen.complaint.id)
    step: ComplaintStep | None = None

    def rule(now: AnswerSeen, at: datetime) -> Change[Answer] | Stay[Answer]:
        nonlocal step
        decision, step = answers.next_step(BOUNDS, sealed, now, at)
        return decision

    done = await desk.decide(view, rule)
    if not done.changed or step is None:
        return done.row
    heard = await desk.ask_complaint(step)
    learnt = await desk.decide(view, partial(answers.hear, BOUNDS, heard))
    return learnt.row


async def _give(desk: Desk, seen: AnswerSeen, image: ComplaintImage) -> bool:
    """Give the channel an image; whether it has it. Giving it twice does no harm: only one is ever named."""
    assert seen.complaint is not None
    whole = await desk.see(store.image(image.merchant_id, image.id))
    sealed = await desk.sealed(image.merchant_id, image.complaint_id)
    assert whole is not None
    step = UploadImage(
        merchant_id=image.merchant_id,
        channel=seen.complaint.channel,
        name=f"{image.digest[:16]}.{image.kind}",
        kind=image.kind,
        body=b64decode(sealed.open(whole.sealed)),
    )
    heard = await desk.ask_complaint(step)
    await desk.decide(store.image(image.merchant_id, image.id), partial(rules.given, heard))
    return heard.word is Word.SETTLED


async def stop(desk: Desk, merchant_id: str, answer_id: str, who: str) -> Answer:
    """Take an answer back that was never sent.

    Raises Denied: complaint.answer_unknown, complaint.already_sent.
    """
    done = await desk.decide(store.to_drive(merchant_id, answer_id), partial(answers.stop, who))
    return done.row


# Reading


async def said(desk: Desk, complaint: Complaint) -> Kept:
    """What was said, opened: for whoever may read it."""
    return rules.opened(await desk.sealed(complaint.merchant_id, complaint.id), complaint)


async def words_of(desk: Desk, complaint: Complaint, given: Sequence[Answer]) -> Mapping[str, str]:
    """The words of our answers, by id; empty where they were forgotten."""
    sealed = await desk.sealed(complaint.merchant_id, complaint.id)
    return {each.id: "" if sealed.key is None else sealed.open(each.sealed) for each in given}
