"""What a scanned text is, and what a channel's code means."""

from __future__ import annotations

from yuanlu.channels import codes
from yuanlu.channels.law import diagnosis_of
from yuanlu.clock import business_day
from yuanlu.errors import Denied
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.shapes import DiagnosisTold, DiagnosisWish, RecognisedTold, ScanWish

BOOKS = frozenset(
    {"wechat", "wechat_v3", "wechat_v2", "alipay", "unionpay", "unionpay_acp", "card", "iso8583", "client"}
)


async def recognise(call: Call) -> Answer:
    """What a scanned text is. Nothing of it is kept."""
    wish: ScanWish = call.wish
    found = codes.recognise(wish.text, typed=wish.typed, today=business_day(call.office.clock.now()))
    return 200, found.as_dict()


async def diagnose(call: Call) -> Answer:
    """What a channel's code means, and what the cashier does."""
    wish: DiagnosisWish = call.query
    channel, code = call.place["channel"].lower(), call.place["code"]
    if channel not in BOOKS:
        raise Denied("channel.unknown", channel=channel)
    told = diagnosis_of(channel, code[:128], wish.operation or None)  # type: ignore[arg-type]
    return 200, told.as_dict()


ROUTES = (
    Route(
        method="POST",
        path="/v1/recognise",
        verb=recognise,
        may="see",
        says="What a scanned text is",
        takes=ScanWish,
        gives=RecognisedTold,
        example={"text": "6901234567892"},
    ),
    Route(
        method="GET",
        path="/v1/diagnosis/{channel}/{code}",
        verb=diagnose,
        may="see",
        says="What a channel's code means",
        query=DiagnosisWish,
        gives=DiagnosisTold,
        denied=("channel.unknown",),
    ),
)
