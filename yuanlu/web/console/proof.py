"""凭证: a file of a case, looked at: whole, turned, enlarged. Each look is on record, as at the API."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from yuanlu.errors import Denied
from yuanlu.web.console.pages import Page, Seen, View
from yuanlu.web.parts.asking import Visitor

ONE, RAW = "/console/refunds/{case}/files/{file}", "/console/files/{file}"
TURNS = ("0", "90", "180", "270")


async def look(here: Visitor, _: Mapping[str, str]) -> Seen:
    """The page around a file: what it is, and the ones before and behind it."""
    case, wanted = here.place["case"], here.place["file"]
    files = (await here.ask("/v1/cases/{case}/files", {"case": case})).items
    file = next((each for each in files if each.id == wanted), None)
    if file is None:
        raise Denied("file.unknown")
    beside = list(pairwise(files))
    turn = here.query.get("turn", "0")
    return View("proof.html", {
        "case_id": case,
        "file": file,
        "before": next((left for left, right in beside if right is file), None),
        "behind": next((right for left, right in beside if left is file), None),
        "turn": turn if turn in TURNS else "0",
        "next_turn": TURNS[(TURNS.index(turn) + 1) % 4] if turn in TURNS else "90",
        "is_large": here.query.get("large") == "1",
    })  # fmt: skip


async def raw(here: Visitor, _: Mapping[str, str]) -> Seen:
    """The file itself, as a browser shows it: it runs nothing and is embedded nowhere but as a picture."""
    told: Seen = await here.ask("/v1/files/{file}", here.place, {"why": "review", "show": "inline"})
    return told


PAGES = (
    Page("GET", ONE, look, may="open_file"),
    Page("GET", RAW, raw, may="open_file"),
)
