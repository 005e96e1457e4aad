"""Losses and the refund float as they are asked for and told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from yuanlu.losses.floats import Forecast
from yuanlu.losses.rules import Loss
from yuanlu.told import both
from yuanlu.web.parts.shapes import END, CaseId, Fen, Page, Wish

_ID = "[0-7][0-9A-HJKMNP-TV-Z]{25}[0-9A-Z]"
LossId = Annotated[str, Meta(pattern=f"^YX{_ID}{END}", examples=["YX01KATE3S400000000000000000X"])]


class LossWish(Wish):
    """A loss to write down: `cause` is a code of what went wrong."""

    id: LossId
    case: CaseId
    cause: Annotated[str, Meta(pattern=f"^[a-z_.]+{END}", max_length=64, examples=["wrong_amount"])]
    bearer: Literal["merchant", "cashier", "provider", "payer"]
    amount_fen: Fen


class SettlingWish(Wish):
    """Money recovered or written off. `version`: the loss as you saw it; another one is refused."""

    amount_fen: Fen
    version: Annotated[int, Meta(ge=1, le=1_000_000)]


class LossesWish(Page):
    """Which losses."""

    bearer: Literal["", "merchant", "cashier", "provider", "payer"] = ""
    state: Literal["", "OPEN", "SETTLED"] = ""


class LossTold(Struct, frozen=True, kw_only=True):
    """A loss as it stands."""

    id: str
    version: int
    state: str
    case: str
    cause: str
    bearer: str
    amount_fen: int
    recovered_fen: int
    written_off_fen: int
    open_fen: int
    recorded_at: datetime
    recorded_by: str
    settled_at: datetime | None


class LossesTold(Struct, frozen=True, kw_only=True):
    """Some losses, newest first."""

    items: Sequence[LossTold]
    next: str | None


class FloatWish(Wish):
    """How far to look ahead."""

    days: Annotated[int, Meta(ge=1, le=30)] = 3


class ForecastTold(Struct, frozen=True, kw_only=True):
    """What one channel account will need.

    `need_fen` = open refunds + promised ones + what is expected of cases under review (`share_per_mille` of the decided
    ones were paid back); `known_fen` came in today less what went back; `waiting` refunds wait for funds already.
    """

    channel: str
    open_fen: int
    promised_fen: int
    expected_fen: int
    share_per_mille: int
    need_fen: int
    known_fen: int
    short_fen: int
    waiting: int
    waiting_fen: int
    is_short: bool
    says_zh: str
    says_en: str


class FloatTold(Struct, frozen=True, kw_only=True):
    """What all channel accounts will need in the next days."""

    days: int
    is_short: bool
    items: Sequence[ForecastTold]


def loss_told(loss: Loss) -> LossTold:
    """A loss as others see it."""
    return LossTold(
        id=loss.id,
        version=loss.version,
        state=loss.state.value,
        case=loss.case_id,
        cause=loss.cause,
        bearer=loss.bearer.value,
        amount_fen=loss.amount_fen,
        recovered_fen=loss.recovered_fen,
        written_off_fen=loss.written_off_fen,
        open_fen=loss.open_fen,
        recorded_at=loss.recorded_at,
        recorded_by=loss.recorded_by,
        settled_at=loss.settled_at,
    )


def float_told(found: Sequence[Forecast], days: int) -> FloatTold:
    """The forecasts as others see them."""
    return FloatTold(days=days, is_short=any(each.is_short for each in found), items=[_told(each) for each in found])


def _told(each: Forecast) -> ForecastTold:
    values = {name: getattr(each, name) for name in each.__slots__}
    zh, en = both("float.short" if each.is_short else "float.enough", values)
    return ForecastTold(**values | {"channel": each.channel.value}, says_zh=zh, says_en=en)
