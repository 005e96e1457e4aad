"""The shapes of complaints: the same names over HTTP and on the terminal. See `shapes` for the rules of all shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from yuanlu.complaints.answers import Answer
from yuanlu.complaints.rules import Complaint, ComplaintImage, ComplaintPull, Kept
from yuanlu.web.parts.shapes import _ID, _TEXT, END, Contact, Heard, Page, Wish

AnswerId = Annotated[str, Meta(pattern=f"^YA{_ID}{END}", examples=["YA01KATE3S40000000000000000EA"])]
ImageIds = Annotated[tuple[Annotated[str, Meta(pattern=f"^YF{_ID}{END}")], ...], Meta(max_length=20)]
_BASE64 = f"^([A-Za-z0-9+/]{{4}})*([A-Za-z0-9+/]{{2}}==|[A-Za-z0-9+/]{{3}}=)?{END}"
Said = Annotated[str, Meta(pattern=_TEXT, max_length=2000)]


class PullWish(Wish):
    """Whose complaints to pull."""

    channel: Literal["wechat", "alipay"]


class ComplaintsWish(Page):
    """Which complaints."""

    payment: Annotated[str, Meta(pattern=f"^(YP{_ID})?{END}")] = ""
    state: Literal["", "NEW", "ANSWERED", "REFUND_PROMISED", "FINISHED"] = ""
    channel: Literal["", "wechat", "alipay"] = ""


class ImageWish(Wish):
    """An image: its bytes in base 64."""

    body: Annotated[str, Meta(pattern=_BASE64, min_length=4, max_length=60_000)]


class AnswerWish(Wish):
    """An answer to the payer. `feedback` and `supplement` are Alipay's; `images` were kept before."""

    id: AnswerId
    text: Said
    what: Literal["reply", "feedback", "supplement"] = "reply"
    images: ImageIds = ()
    feedback_code: Annotated[str, Meta(pattern=f"^[A-Za-z0-9_]*{END}", max_length=32)] = ""


class RefundDecisionWish(Wish):
    """Whether the refund that is asked for is promised (within `days`; 0 is today) or refused (`text` says why)."""

    id: AnswerId
    promise: bool
    days: Annotated[int, Meta(ge=0, le=30)] = 0
    text: Said = ""
    images: ImageIds = ()


class FinishWish(Wish):
    """The end of a complaint."""

    id: AnswerId


class PullTold(Struct, frozen=True, kw_only=True):
    """How far a channel's complaints are pulled."""

    channel: str
    pulled_to: datetime | None
    asked_at: datetime | None
    word: str
    code: str


class ComplaintTold(Struct, frozen=True, kw_only=True):
    """A complaint as it stands, without what was said. `alarms` name where complaint and refund do not go together."""

    id: str
    state: str
    channel: str
    channel_id: str
    channel_state: str
    payment: str
    about: str
    asks_refund: bool
    asked_fen: int | None
    times: int
    complained_at: datetime
    reply_by: datetime | None
    answered_at: datetime | None
    promised_by: datetime | None
    finished_at: datetime | None
    refunded: bool
    alarms: Sequence[str]


class EntryTold(Struct, frozen=True, kw_only=True):
    """One entry of a complaint's history."""

    at: datetime
    side: str
    deed: str
    text: Heard
    images: int


class AnswerTold(Struct, frozen=True, kw_only=True):
    """An answer of ours as it stands."""

    id: str
    complaint: str
    what: str
    state: str
    text: Heard
    days: int
    images: Sequence[str]
    written_at: datetime
    written_by: str
    sent_times: int
    ended_at: datetime | None
    code: str


class ImageTold(Struct, frozen=True, kw_only=True):
    """An image of a complaint; its bytes stay sealed."""

    id: str
    side: str
    kind: str
    digest: str
    bytes: int


class ComplaintWholeTold(Struct, frozen=True, kw_only=True):
    """A complaint with what was said. Of the payer's phone the last four digits are told."""

    complaint: ComplaintTold
    text: Heard
    phone_tail: Contact
    entries: Sequence[EntryTold]
    answers: Sequence[AnswerTold]
    images: Sequence[ImageTold]


class ComplaintsTold(Struct, frozen=True, kw_only=True):
    """Complaints, newest first."""

    items: Sequence[ComplaintTold]
    next: str | None


def pull_told(pull: ComplaintPull) -> PullTold:
    """How far a channel is pulled, as others see it."""
    return PullTold(
        channel=pull.id, pulled_to=pull.pulled_to, asked_at=pull.asked_at, word=pull.last_word, code=pull.code
    )


def complaint_told(one: Complaint) -> ComplaintTold:
    """A complaint as others see it."""
    return ComplaintTold(
        id=one.id,
        state=one.state.value,
        channel=one.channel.value,
        channel_id=one.channel_id,
        channel_state=one.channel_state,
        payment=one.payment_id,
        about=one.kind,
        asks_refund=one.asks_refund,
        asked_fen=one.asked_fen,
        times=one.times,
        complained_at=one.complained_at,
        reply_by=one.reply_by,
        answered_at=one.answered_at,
        promised_by=one.promised_by,
        finished_at=one.finished_at,
        refunded=one.is_refunded,
        alarms=one.alarm.split(),
    )


def answer_told(row: Answer, text: str) -> AnswerTold:
    """An answer as others see it."""
    return AnswerTold(
        id=row.id,
        complaint=row.complaint_id,
        what=row.what.value,
        state=row.state.value,
        text=text,
        days=row.days,
        images=row.images.split(),
        written_at=row.written_at,
        written_by=row.written_by,
        sent_times=row.sent_times,
        ended_at=row.ended_at,
        code=row.code,
    )


def image_told(image: ComplaintImage) -> ImageTold:
    """An image as others see it."""
    return ImageTold(id=image.id, side=image.side.value, kind=image.kind, digest=image.digest, bytes=image.bytes)


def whole_told(
    one: Complaint,
    kept: Kept,
    answers: Sequence[Answer],
    words: Mapping[str, str],
    images: Sequence[ComplaintImage],
) -> ComplaintWholeTold:
    """A complaint with everything that may be told of it."""
    return ComplaintWholeTold(
        complaint=complaint_told(one),
        text=kept.text,
        phone_tail=kept.phone[-4:],
        entries=[
            EntryTold(at=each.at, side=each.side.value, deed=each.deed.value, text=each.text, images=len(each.images))
            for each in kept.entries
        ],
        answers=[answer_told(each, words[each.id]) for each in answers],
        images=[image_told(each) for each in images],
    )
