"""保存凭证: the payment, what went back, and the whole case, as a PDF to print or a picture for the phone's album.

It holds what the same browser sees on the page, and no more: who has the link alone gets the payment and what went
back. The channel's number of the *payment* is on no voucher: its last four digits are what a stranger is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler

from yuanlu import packaged, words
from yuanlu.errors import Busy, Denied
from yuanlu.money import Money
from yuanlu.packs import picture, typeset
from yuanlu.packs.paper import seen
from yuanlu.packs.typeset import Page
from yuanlu.receipts.rules import standing
from yuanlu.web.parts.answers import Told
from yuanlu.web.portal.case import case_of, told_of
from yuanlu.web.portal.guests import Guest, Reception, rendered
from yuanlu.web.portal.receipt import PATH, sorry, told

PDF_PATH, PNG_PATH = f"{PATH}/voucher.pdf", f"{PATH}/voucher.png"
PDF, PNG = "application/pdf", "image/png"
DRAWN_AT_ONCE = 2
"""Vouchers being drawn at once: each takes 130 MB and a processor for seconds."""
AGAIN_SECONDS = 5
SAID_MAX = {PDF: 200, PNG: 20}
"""The newest of what was said that a voucher shows; of the rest it says how much there is."""
LETTERS_MAX = {PDF: 2_000, PNG: 300}

Draw = Callable[[Page, str], Awaitable[bytes]]


class Board:
    """Where vouchers are drawn: in threads and processes, never on the event loop, and only so many at once."""

    def __init__(self, at_once: int = DRAWN_AT_ONCE) -> None:
        self._at_once = at_once
        self._taken = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Draw]:
        """A place at the board. It is free again when the drawing is done, even if whoever waited has gone before.

        Raises Busy when all are taken.
        """
        if self._taken >= self._at_once:
            raise Busy("voucher.drawing")
        self._taken += 1
        running: list[asyncio.Future[bytes]] = []

        async def draw(page: Page, kind: str) -> bytes:
            running.append(asyncio.ensure_future(asyncio.to_thread(_drawn, page, kind)))
            return await asyncio.shield(running[0])

        try:
            yield draw
        finally:
            if running:
                running[0].add_done_callback(self._free)
            else:
                self._taken -= 1

    def _free(self, done: asyncio.Future[bytes]) -> None:
        self._taken -= 1
        if not done.cancelled():
            done.exception()  # whoever waited for it may be gone


def _drawn(page: Page, kind: str) -> bytes:
    with typeset.begun() as typesetter:
        pdf = typesetter(page)()
    return pdf if kind == PDF else picture.drawn(pdf)


async def sheet(guest: Guest, kind: str, now: datetime) -> Page:
    """The voucher as a page to be typeset, for this guest, and for a PDF or a picture."""
    payment, refunds = guest.shown.payment, guest.shown.refunds
    case = await case_of(guest) if guest.is_known else None
    found = await told_of(guest, case) if case else {"thread": (), "files": ()}
    numbers = await _numbers(guest) if guest.is_known else {}
    back = [_back(each, guest.lang) | {"number": numbers.get(each["id"], "")} for each in refunds]
    said = list(found["thread"])
    stands = standing(payment.state, payment.amount_fen, [(row["state"], row["amount_fen"]) for row in refunds])
    html = rendered(
        "voucher.html", guest,
        style=packaged.text("web/portal/voucher.css"),
        is_picture=kind == PNG,
        now=now,
        standing=words.say(f"page.receipt.standing.{stands}", guest.lang),
        back=back,
        **({"case": None, "where": None, "refund": None, "rights": None, "steps": (), "done": 0} | found),
        said=[(each, seen(each.text)[: LETTERS_MAX[kind]]) for each in said[-SAID_MAX[kind] :]],
        left_out=max(len(said) - SAID_MAX[kind], 0),
    )  # fmt: skip
    return Page(html.decode())


def _back(row: Any, lang: str) -> dict[str, Any]:
    return {
        "amount": Money(row["amount_fen"], row["currency"]),
        "state": words.say(f"slip.state.refund.{row['state']}", lang),
        "at": row["done_at"] or row["opened_at"],
    }


async def _numbers(guest: Guest) -> dict[str, str]:
    """The channel's numbers of the refunds, by which a wallet shows them. Shape: by our id."""
    found = await guest.api.ask("/v1/refunds", query={"payment": guest.shown.payment.id})
    return {each.id: each.channel_number for each in found.items}


def handlers(reception: Reception) -> Sequence[HTTPRouteHandler]:
    """What the server runs for vouchers."""
    board = Board()

    def of(kind: str) -> Callable[[Request[Any, Any, Any], Guest], Awaitable[Told]]:
        async def serve(request: Request[Any, Any, Any], guest: Guest) -> Told:
            payment = guest.shown.payment
            try:
                async with board.place() as draw:
                    reception.limits.draw(request.scope["state"], payment.id)
                    file = await draw(await sheet(guest, kind, reception.office.clock.now()), kind)
            except Busy:
                return told(sorry("busy", guest.lang), 503, guest.lang, **{"retry-after": str(AGAIN_SECONDS)})
            except Denied as no:
                if not no.code.startswith("pack."):
                    raise
                return told(sorry("undrawn", guest.lang), 503, guest.lang, **{"retry-after": str(AGAIN_SECONDS)})
            return Told(file, 200, kind, _headers(payment.id, kind))

        return serve

    return [reception.handler("GET", path, of(kind)) for path, kind in ((PDF_PATH, PDF), (PNG_PATH, PNG))]


def _headers(name: str, kind: str) -> dict[str, str]:
    """A PDF is saved, a picture is shown: in the browsers of wallets a picture is kept by a long press."""
    how = "attachment" if kind == PDF else "inline"
    return {
        "content-security-policy": "default-src 'none'; sandbox",
        "content-disposition": f'{how}; filename="{name}.{kind.rpartition("/")[2]}"',
        "x-robots-tag": "noindex, nofollow",
        "vary": "accept-language, cookie",
    }
