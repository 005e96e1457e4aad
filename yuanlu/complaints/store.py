"""Complaints: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from yuanlu.channels.contract import Channel
from yuanlu.complaints import answers as answer_rules
from yuanlu.complaints.answers import Answer, AnswerSeen
from yuanlu.complaints.rules import Complaint, ComplaintImage, ComplaintPull, PromiseDone, Seen
from yuanlu.payments import store as payments
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id
from yuanlu.refunds import store as refunds
from yuanlu.refunds.rules import Refund

Found = Sequence[Sequence[Mapping[str, Any]]]


def _names(row_type: type[Any], table: str = "t") -> str:
    return ", ".join(f"{table}.{each.name}" for each in fields(row_type))


BY_ID = rows_by_id(Complaint)
PULL_BY_ID = rows_by_id(ComplaintPull)
ANSWER_BY_ID = rows_by_id(Answer)
IMAGE_BY_ID = rows_by_id(ComplaintImage)
BY_CHANNEL_ID = over_keys(
    f"select k.place, {_names(Complaint)} from keys k join complaints t on t.merchant_id = k.merchant_id"
    " and t.channel = k.b and t.channel_id = k.a"
)
REFUNDS_OF_PAYMENT = over_keys(
    f"select k.place, {_names(Refund)} from keys k join refunds t on t.merchant_id = k.merchant_id"
    " and t.payment_id = k.a order by t.opened_at, t.id"
)
ANSWERS_OF = over_keys(
    f"select k.place, {_names(Answer)} from keys k join complaint_answers t on t.merchant_id = k.merchant_id"
    " and t.complaint_id = k.a order by t.written_at, t.id"
)
ANSWERS_BESIDE = over_keys(
    f"select k.place, {_names(Answer)} from keys k"
    " join complaint_answers o on o.merchant_id = k.merchant_id and o.id = k.a"
    " join complaint_answers t on t.merchant_id = o.merchant_id and t.complaint_id = o.complaint_id"
    " order by t.written_at, t.id"
)
COMPLAINT_OF_ANSWER = over_keys(
    f"select k.place, {_names(Complaint)} from keys k"
    " join complaint_answers o on o.merchant_id = k.merchant_id and o.id = k.a"
    " join complaints t on t.merchant_id = o.merchant_id and t.id = o.complaint_id"
)
_BARE = ", ".join("'' as sealed" if each.name == "sealed" else f"t.{each.name}" for each in fields(ComplaintImage))
IMAGES_OF = over_keys(
    f"select k.place, {_BARE} from keys k join complaint_images t on t.merchant_id = k.merchant_id"
    " and t.complaint_id = k.a order by t.id"
)
IMAGES_OF_ANSWER = over_keys(
    f"select k.place, {_BARE} from keys k"
    " join complaint_answers o on o.merchant_id = k.merchant_id and o.id = k.a"
    " join complaint_images t on t.merchant_id = o.merchant_id and t.complaint_id = o.complaint_id"
    " and t.id = any(string_to_array(o.images, ' ')) order by t.id"
)
made = maker(Complaint)
answer_made = maker(Answer)
image_made = maker(ComplaintImage)
pull_made = maker(ComplaintPull)


def _one(found: Sequence[Mapping[str, Any]], make: Any) -> Any:
    return make(found[0]) if found else None


def _seen(found: Found) -> Seen:
    """Of the complaint, its payment, the refunds and the answers, in this order."""
    own = tuple(answer_made(row) for row in found[3])
    by = answer_rules.promised_by(own)
    return Seen(
        complaint=_one(found[0], made),
        payment=payments.one(found[1]),
        refunds=tuple(refunds.made(row) for row in found[2]),
        promise=None if by is None else PromiseDone(by=by),
    )


def told(merchant_id: str, channel: Channel, channel_id: str, order_number: str, complaint_id: str) -> View[Seen]:
    """What a complaint that the channel tells of is decided on: by the channel's own number."""
    reads = (
        Read(BY_CHANNEL_ID, merchant_id, channel_id, channel),
        Read(payments.BY_ID, merchant_id, order_number),
        Read(REFUNDS_OF_PAYMENT, merchant_id, order_number),
        Read(ANSWERS_OF, merchant_id, complaint_id),
    )
    return View(reads, _seen)


def by_id(merchant_id: str, complaint_id: str) -> View[Complaint | None]:
    """One complaint, or None."""
    return View((Read(BY_ID, merchant_id, complaint_id),), lambda found: _one(found[0], made))


def by_channel_id(merchant_id: str, channel: Channel, channel_id: str) -> View[Complaint | None]:
    """The complaint with the channel's own number, or None."""
    return View((Read(BY_CHANNEL_ID, merchant_id, channel_id, channel),), lambda found: _one(found[0], made))


def pull(merchant_id: str, channel: Channel) -> View[ComplaintPull | None]:
    """How far a channel is pulled, or None."""
    return View((Read(PULL_BY_ID, merchant_id, channel),), lambda found: _one(found[0], pull_made))


def answers(merchant_id: str, complaint_id: str) -> View[tuple[Answer, ...]]:
    """The answers to a complaint, oldest first."""
    return View((Read(ANSWERS_OF, merchant_id, complaint_id),), lambda found: tuple(map(answer_made, found[0])))


def for_answer(merchant_id: str, answer_id: str, complaint_id: str) -> View[AnswerSeen]:
    """What a new answer is decided on."""
    reads = (
        Read(ANSWER_BY_ID, merchant_id, answer_id),
        Read(BY_ID, merchant_id, complaint_id),
        Read(ANSWERS_OF, merchant_id, complaint_id),
        Read(IMAGES_OF, merchant_id, complaint_id),
    )
    return View(reads, _answer_seen)


def to_drive(merchant_id: str, answer_id: str) -> View[AnswerSeen]:
    """What the next step of an answer is decided on."""
    reads = (
        Read(ANSWER_BY_ID, merchant_id, answer_id),
        Read(COMPLAINT_OF_ANSWER, merchant_id, answer_id),
        Read(ANSWERS_BESIDE, merchant_id, answer_id),
        Read(IMAGES_OF_ANSWER, merchant_id, answer_id),
    )
    return View(reads, _answer_seen)


def _answer_seen(found: Found) -> AnswerSeen:
    return AnswerSeen(
        answer=_one(found[0], answer_made),
        complaint=_one(found[1], made),
        others=tuple(answer_made(row) for row in found[2]),
        images=tuple(image_made(row) for row in found[3]),
    )


def image(merchant_id: str, image_id: str) -> View[ComplaintImage | None]:
    """One image with its bytes, or None."""
    return View((Read(IMAGE_BY_ID, merchant_id, image_id),), lambda found: _one(found[0], image_made))


def images(merchant_id: str, complaint_id: str) -> View[tuple[ComplaintImage, ...]]:
    """The images of a complaint, without their bytes."""
    return View((Read(IMAGES_OF, merchant_id, complaint_id),), lambda found: tuple(map(image_made, found[0])))
