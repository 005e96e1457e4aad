"""The verbs of slips and printers, for a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.terminal import asking
from yuanlu.terminal.verbs import Counter, till_of
from yuanlu.web.api import receipts


async def add(counter: Counter, till: str, **wish: Any) -> Any:
    """Write the printer of a till down.

    Raises Denied: see `receipts.rules.add`, `till_of`.
    """
    at = await till_of(counter, till)
    wish = {**wish, "store": at.store_id, "till": at.id, "via": "network" if wish["address"] else "till"}
    return await asking.ask(counter, receipts.ROUTES, "POST /v1/printers", makes=Kind.PRINTER, wish=wish)


async def send(counter: Counter, of: str, target: str, lang: str) -> Any:
    """Send a slip to an e-mail address or a telephone number.

    Raises Denied: see `mailing.rules.request`.
    """
    wish = {"way": "email" if "@" in target else "sms", "target": target, "consent": True, "lang": lang}
    what = "POST /v1/receipts/{receipt}/send"
    return await asking.ask(counter, receipts.ROUTES, what, makes=Kind.MAILING, wish=wish, receipt=of)


async def sent(counter: Counter, mailing_id: str) -> Any:
    """What became of a slip that was sent.

    Raises Denied: mailing.unknown.
    """
    return await asking.ask(counter, receipts.ROUTES, "GET /v1/mailings/{mailing}", mailing=mailing_id)


async def slip(
    counter: Counter, of: str, printer: str | None, copies: int, lang: str, paper_mm: int, files: dict[str, Path]
) -> Any:
    """Print a slip, or show it; `files`: where its `text` or `svg` is written instead.

    Raises Denied: receipt.unknown, receipt.no_money, receipt.file_unwritable; see `receipts.rules.ask_print`.
    """
    if printer is not None:
        wish = {"printer": printer, "of": of, "copies": copies, "lang": lang}
        return await asking.ask(counter, receipts.ROUTES, "POST /v1/prints", makes=Kind.PRINT, wish=wish)
    query = {"paper_mm": paper_mm, "lang": lang}
    what = "GET /v1/receipts/{receipt}"
    found = await asking.ask(counter, receipts.ROUTES, what, query=query, receipt=of)
    for name, path in files.items():
        try:
            path.write_text(getattr(found, name), encoding="utf-8")
        except OSError as wrong:
            raise Denied("receipt.file_unwritable", file=str(path)) from wrong
    told = {"of": found.of, "kind": found.kind, "state": found.state, "link": found.link}
    return {**told, "files": [str(path) for path in files.values()]} if files else {**told, "text": found.text}
