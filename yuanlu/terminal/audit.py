"""The audit log at a terminal: checked against what is recorded, its end taken elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from yuanlu import db
from yuanlu.audit import flow
from yuanlu.audit.flow import Verdict
from yuanlu.config import Settings
from yuanlu.db import Role
from yuanlu.errors import Denied
from yuanlu.told import both

VERIFY_WITHIN = 6 * 3600.0
SHOWN_MAX = 50
LATE = timedelta(hours=1)
"""A worker chains every few seconds: what waits so long was forgotten, or its chain was taken away."""


async def verified(settings: Settings, merchant: str, anchors: Path | None) -> dict[str, Any]:
    """Check the chains of one merchant, or of all.

    Raises Denied: audit.anchor_unreadable, merchant.unknown.
    """
    where = anchors or settings.anchors
    taken = flow.anchors_of(where) if anchors or where.exists() else []
    async with db.ground(settings.database_url or None, settings.state) as database:
        connection = await db.connect(database, Role.RECORDER, deadline_within=VERIFY_WITHIN)
        try:
            rows = await connection.fetch("select merchant_id, name from merchants order by merchant_id")
            chosen = [row for row in rows if not merchant or merchant in (row["merchant_id"], row["name"])]
            if not chosen and merchant:
                raise Denied("merchant.unknown", name=merchant)
            verdicts = [(row["name"], await flow.verify(connection, row["merchant_id"], taken, LATE)) for row in chosen]
        finally:
            await connection.close()
    return {"ok": all(each.ok for _, each in verdicts), "merchants": [_told(*each) for each in verdicts]}


def _told(name: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "merchant": verdict.merchant_id,
        "name": name,
        "ok": verdict.ok,
        "pages": verdict.pages,
        "lines": verdict.lines,
        "problems": [{"wrong": each.wrong.value, "name": each.name} for each in verdict.problems],
    }


def show(told: dict[str, Any], say: Callable[..., None]) -> None:
    """A verdict for people: a line a merchant, then what is wrong with it."""
    for each in told["merchants"]:
        mark, colour = ("✓", "green") if each["ok"] else ("✗", "red")
        say(f"{mark} {each['name']}  {each['lines']} 行 lines · {each['pages']} 页 pages", fg=colour)
        for problem in each["problems"][:SHOWN_MAX]:
            zh, en = both(f"audit.{problem['wrong']}", {})
            say(f"  {zh} {en}  {problem['name']}")
        if (more := len(each["problems"]) - SHOWN_MAX) > 0:
            say(f"  … 还有 {more} 处，见 --json  {more} more, see --json")


async def anchored(settings: Settings, output: Path | None) -> str:
    """Anchors of every chain as it is now; written behind what the file holds, or to be printed.

    Raises Denied: audit.anchor_unwritable.
    """
    async with db.ground(settings.database_url or None, settings.state) as database:
        pools = await db.open_pools(database)
        try:
            while await flow.link(pools.recorder):
                pass
            text = "".join(f"{each.text}\n" for each in await flow.ends(pools.recorder, datetime.now(UTC)))
        finally:
            await pools.close()
    if output is None:
        return text
    try:
        with output.open("a") as out:
            out.write(text)
    except OSError as wrong:
        raise Denied("audit.anchor_unwritable", file=str(output), why=type(wrong).__name__) from wrong
    return ""
