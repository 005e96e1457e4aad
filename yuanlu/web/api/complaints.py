"""Complaints: what payers complain of at the channels, our answers, the refund decision, the end."""

from __future__ import annotations

from base64 import b64decode

from yuanlu.channels.contract import Channel
from yuanlu.complaints import flow, store
from yuanlu.complaints.answers import Answer as Reply
from yuanlu.complaints.answers import AnswerAsk, What
from yuanlu.complaints.rules import Complaint
from yuanlu.errors import Denied
from yuanlu.ids import Kind, checked
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.complained import (
    AnswerTold,
    AnswerWish,
    ComplaintsTold,
    ComplaintsWish,
    ComplaintWholeTold,
    FinishWish,
    ImageTold,
    ImageWish,
    PullTold,
    PullWish,
    RefundDecisionWish,
    answer_told,
    complaint_told,
    image_told,
    pull_told,
    whole_told,
)

_ANSWERING = (
    "complaint.unknown", "id.invalid", "complaint.answer_id_taken", "complaint.channel_cannot",
    "complaint.words_missing", "complaint.words_too_long", "complaint.words_not_sent", "complaint.too_many_images",
    "complaint.image_unknown", "complaint.finished", "complaint.already_decided", "complaint.asks_no_refund",
    "complaint.days", "complaint.feedback_code", "seal.forgotten",
)  # fmt: skip
_EXAMPLE = "YA01KATE3S40000000000000000EA"


async def pull(call: Call) -> Answer:
    """Begin to pull a channel's complaints, or pull now; the worker does it."""
    wish: PullWish = call.wish
    return 200, pull_told(await flow.watch(call.office.desk, call.merchant_id, Channel(wish.channel), call.who))


async def page(call: Call) -> Answer:
    """Some complaints, newest first, without what was said."""
    wish: ComplaintsWish = call.query
    found = await lists.page(
        call.office.pools.reader,
        call.merchant_id,
        Complaint,
        wish.after,
        wish.limit,
        {"state": wish.state, "channel": wish.channel},
        payment_id=wish.payment,
        store_id=call.by.store_id,
    )
    return 200, ComplaintsTold(items=[complaint_told(store.made(row)) for row in found.rows], next=found.next)


async def _one(call: Call) -> Complaint:
    found = await call.office.desk.see(store.by_id(call.merchant_id, call.id(Kind.COMPLAINT)))
    if found is None:
        raise Denied("complaint.unknown")
    return found


async def see(call: Call) -> Answer:
    """One complaint with what was said, our answers and the images. Of the payer's phone the last four digits."""
    one, desk = await _one(call), call.office.desk
    given = await desk.see(store.answers(call.merchant_id, one.id))
    images = await desk.see(store.images(call.merchant_id, one.id))
    return 200, whole_told(one, await flow.said(desk, one), given, await flow.words_of(desk, one, given), images)


async def attach(call: Call) -> Answer:
    """Keep an image of ours, to be named in an answer."""
    wish: ImageWish = call.wish
    body = b64decode(wish.body, validate=True)
    return 200, image_told(
        await flow.attach(call.office.desk, call.merchant_id, call.id(Kind.COMPLAINT), body, call.who)
    )


async def _requested(call: Call, answer_id: str, what: What, **more: object) -> Answer:
    ask = AnswerAsk(
        merchant_id=call.merchant_id,
        id=checked(answer_id, Kind.ANSWER),
        complaint_id=call.id(Kind.COMPLAINT),
        what=what,
        who=call.who,
        **more,  # type: ignore[arg-type]
    )
    done = await flow.requested(call.office.desk, ask)
    return 201 if done.changed else 200, await _answer_told(call, done.row)


async def _answer_told(call: Call, row: Reply) -> AnswerTold:
    one = await _one(call)
    return answer_told(row, (await flow.words_of(call.office.desk, one, [row]))[row.id])


async def reply(call: Call) -> Answer:
    """Answer the payer; the worker sends it, once."""
    wish: AnswerWish = call.wish
    return await _requested(
        call,
        wish.id,
        What(wish.what),
        text=wish.text,
        images=tuple(wish.images),
        feedback_code=wish.feedback_code,
    )


async def decide(call: Call) -> Answer:
    """Promise the refund that is asked for, or refuse it. It moves no money: make the refund beside it."""
    wish: RefundDecisionWish = call.wish
    what = What.PROMISE if wish.promise else What.DECLINE
    return await _requested(call, wish.id, what, text=wish.text, days=wish.days, images=tuple(wish.images))


async def finish(call: Call) -> Answer:
    """Tell the channel that the complaint is dealt with."""
    wish: FinishWish = call.wish
    return await _requested(call, wish.id, What.FINISH)


ROUTES = (
    Route(
        method="POST",
        path="/v1/complaints/pull",
        may="pull",
        verb=pull,
        says="Pull a channel's complaints now",
        takes=PullWish,
        gives=PullTold,
        denied=("complaint.channel_cannot",),
        example={"channel": "wechat"},
    ),
    Route(
        method="GET",
        path="/v1/complaints",
        verb=page,
        may="see",
        says="Complaints, newest first",
        query=ComplaintsWish,
        gives=ComplaintsTold,
    ),
    Route(
        method="GET",
        path="/v1/complaints/{complaint}",
        verb=see,
        may="see",
        says="One complaint, with what was said",
        gives=ComplaintWholeTold,
        denied=("complaint.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/complaints/{complaint}/images",
        may="complaints",
        verb=attach,
        says="Keep an image for an answer",
        takes=ImageWish,
        gives=ImageTold,
        denied=(
            "complaint.unknown", "complaint.channel_cannot", "complaint.image_kind", "complaint.image_too_large",
            "seal.forgotten",
        ),
        example={"body": "iVBORw0KGgo="},
    ),
    Route(
        method="POST",
        path="/v1/complaints/{complaint}/answers",
        may="complaints",
        verb=reply,
        says="Answer the payer",
        takes=AnswerWish,
        gives=AnswerTold,
        statuses=(201, 200),
        denied=_ANSWERING,
        example={"id": _EXAMPLE, "text": "正在核实，今天给您答复"},
    ),
    Route(
        method="POST",
        path="/v1/complaints/{complaint}/decision",
        may="complaints",
        verb=decide,
        says="Promise or refuse the refund that is asked for",
        takes=RefundDecisionWish,
        gives=AnswerTold,
        statuses=(201, 200),
        denied=_ANSWERING,
        example={"id": _EXAMPLE, "promise": True, "days": 1},
    ),
    Route(
        method="POST",
        path="/v1/complaints/{complaint}/finish",
        may="complaints",
        verb=finish,
        says="Finish a complaint",
        takes=FinishWish,
        gives=AnswerTold,
        statuses=(201, 200),
        denied=_ANSWERING,
        example={"id": _EXAMPLE},
    ),
)  # fmt: skip
