"""Payments found by whatever is known of them, newest first, a bounded look at a time.

Ids are ordered by time, so a time range is a range of the primary key, and so is the beginning of a number. A channel's
number has an index. Whatever else is known of a payment (sum, tail, cashier, till …) is compared row by row: within a
window of time, and in at most `LOOKED_MAX` rows a page. A further index would cost every payment, for the few that are
looked for. Where a page stopped looking it says so (`looked_until`), and the next page goes on from there.

Times are those the ids carry: when whoever began the payment made its number, by their clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.payments.rules import Payment
from yuanlu.web.parts.lists import read

LOOKED_MAX = 10_000
"""Rows that one page compares: `console` in docs/reference/bench.md says what that takes."""
WINDOW = timedelta(days=31)
"""How far back a page looks where nobody says how far."""
WINDOW_MAX = timedelta(days=400)
_NEWEST, _OLDEST = "~", ""
"""They sort behind and before every id."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is known of payments that are looked for. What is not said may be anything."""

    number: str = ""
    """A number of ours or how it begins; or the whole number a channel gave."""
    since: datetime | None = None
    until: datetime | None = None
    """Up to and without."""
    from_fen: int | None = None
    to_fen: int | None = None
    equal: Mapping[str, str] = field(default_factory=dict)
    """Column to value."""

    @property
    def is_ours(self) -> bool:
        """Whether the number is one of ours, or the beginning of one."""
        return self.number[:2].upper() == Kind.PAYMENT

    @property
    def is_compared(self) -> bool:
        """Whether rows must be looked at one by one."""
        return bool(self.equal) or self.from_fen is not None or self.to_fen is not None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Ids from `low` up to and without `high`: what a page looks through. `is_open`: nobody said where to stop."""

    low: str
    high: str
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Sought:
    """Payments that were found. `next`: behind which id the next page begins; None: there is no more.

    `looked_until`: not all was looked at, only what is newer than this.
    """

    rows: Sequence[Mapping[str, Any]]
    next: str | None
    looked_until: datetime | None = None


def stretch(wanted: Wanted, after: str, now: datetime) -> Stretch:
    """Where a page looks. Where rows are compared and nobody says how far back, it is `WINDOW` long.

    Raises ValueError: the times are further apart than `WINDOW_MAX` or the wrong way round; `after` is no id.
    """
    low, high = _OLDEST, after or _NEWEST
    if wanted.since is not None:
        span = (wanted.until or max(now, wanted.since)) - wanted.since
        if not timedelta() <= span <= WINDOW_MAX:
            raise ValueError(f"Expected up to {WINDOW_MAX.days} days - at `$.since`")
        low = _bound(wanted.since)
    if wanted.until is not None:
        high = min(high, _bound(wanted.until))
    if wanted.is_ours:
        number = wanted.number.upper()
        return Stretch(max(low, number), min(high, number + _NEWEST))
    if low or wanted.number or not wanted.is_compared:
        return Stretch(low, high)
    newest = min(wanted.until or now, ids.made_at(after) if after else now)
    return Stretch(_bound(max(newest, _EPOCH) - WINDOW), high, is_open=True)


def _bound(at: datetime) -> str:
    return ids.since(Kind.PAYMENT, max(at, _EPOCH))


_COLUMNS = ", ".join(each.name for each in fields(Payment))


def _sql(wanted: Wanted, compared: Sequence[str]) -> str:
    """The select of a page.

    Parameters: $1 merchant, $2 high, $3 low, $4 rows found at most, $5 number of the channel, then those of `compared`.
    How many rows are compared is a constant in the text, so that the plan walks the key whatever the values are.
    """
    within = "merchant_id = $1 and id < $2 and id >= $3"
    walk = f"from payments where {within} and $5 = '' order by id desc"
    if wanted.number and not wanted.is_ours:  # `offset 0`: by its own index, whatever order is wished outside
        walk = (
            "from (select * from payments where channel_number = $5 and channel_number <> '' and merchant_id = $1"
            f" offset 0) of_channel where {within} order by id desc"
        )
    conditions = "".join(f" and {text} ${place}" for place, text in enumerate(compared, 6))
    looked = f"limit {LOOKED_MAX}" if compared else ""
    # Asked only where the page is not full: where did it stop looking, and is there anything before the window?
    edge = f"(select id {walk} offset {LOOKED_MAX - 1} limit 1)" if compared else "null"
    return f"""
      with found as materialized (
        select * from (select {_COLUMNS} {walk} {looked}) looked where true{conditions} order by id desc limit $4
      ), page as (select count(*) = $4 as is_full from found)
      select case when not page.is_full then {edge} end as edge, not page.is_full
          and exists (select from payments where merchant_id = $1 and id < $3) as is_older,
        found.* from page left join found on true order by found.id desc"""


async def payments(
    pool: asyncpg.Pool[Any], merchant_id: str, wanted: Wanted, after: str, limit: int, now: datetime
) -> Sought:
    """The payments behind `after` of which all is so that is known, newest first.

    Raises ValueError: see `stretch`; Busy.
    """
    place = stretch(wanted, after, now)
    compared: dict[str, object] = {f"{column} =": value for column, value in wanted.equal.items()}
    compared |= {"amount_fen >=": wanted.from_fen, "amount_fen <=": wanted.to_fen}
    compared = {text: value for text, value in compared.items() if value is not None}
    number = "" if wanted.is_ours else wanted.number
    rows = await read(
        pool, merchant_id, _sql(wanted, list(compared)),
        merchant_id, place.high, place.low, limit + 1, number, *compared.values(),
    )  # fmt: skip
    found = [row for row in rows if row["id"] is not None]
    if len(found) > limit:
        return Sought(found[:limit], found[limit - 1]["id"])
    edge: str | None = rows[0]["edge"]
    if edge is None and place.is_open and rows[0]["is_older"]:
        edge = place.low.ljust(ids.LENGTH, "0")
    return Sought(found, edge, ids.made_at(edge) if edge else None)
