"""The audit chain: whatever is done to what was recorded, or to the chain itself, has a name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuanlu.audit import chain
from yuanlu.audit.chain import Anchor, Line, Page, Problem, Reading, Wrong
from yuanlu.errors import Denied

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def recorded(count: int) -> list[Line]:
    return [
        Line(NOON + timedelta(seconds=each // 3), f"YP{each:03}", 1, "fact", 0, f"{each:064x}") for each in range(count)
    ]


def paged(lines: Sequence[Line], at_once: int = 4) -> list[Page]:
    """Pages of some lines each, as passes of the worker make them."""
    made: list[Page] = []
    for start in range(0, len(lines), at_once):
        some = lines[start : start + at_once]
        made += chain.pages("YM", made[-1] if made else None, some[-1].at, some)
    return made


async def _each(items: Iterable[object]) -> AsyncIterator[object]:
    for item in items:
        yield item


def problems(pages: Iterable[Page], lines: Iterable[Line], anchored: Iterable[Anchor] = ()) -> list[Problem]:
    reading = Reading(anchored)
    asyncio.run(reading.compare(_each(pages), _each(lines)))  # type: ignore[arg-type]
    return reading.problems


def test_what_nobody_touched_is_right() -> None:
    lines = recorded(30)
    assert problems(paged(lines), lines) == []
    assert problems([], []) == []


def test_a_line_reads_back_as_it_was_written() -> None:
    assert [chain.line(each.text) for each in recorded(5)] == recorded(5)


@given(st.integers(0, 29), st.sampled_from(["changed", "removed", "added", "swapped"]))
def test_what_is_done_to_a_line_is_found_and_named(place: int, deed: str) -> None:
    whole = recorded(31)
    lines = whole[:30]
    pages = paged(lines)
    one = lines[place]
    if deed == "changed":
        lines[place] = replace(one, digest="f" * 64)
        assert problems(pages, lines) == [Problem(Wrong.CHANGED, one.name)]
    elif deed == "removed":
        del lines[place]
        assert problems(pages, lines) == [Problem(Wrong.REMOVED, one.name)]
    elif deed == "added":
        extra = replace(one, seq=1)
        lines.insert(place + 1, extra)
        assert problems(pages, lines) == [Problem(Wrong.ADDED, extra.name)]
    else:
        other = lines[place - 1]
        lines[place], lines[place - 1] = replace(one, digest=other.digest), replace(other, digest=one.digest)
        wanted = {Problem(Wrong.CHANGED, one.name), Problem(Wrong.CHANGED, other.name)}
        assert set(problems(pages, lines)) == wanted


def test_what_is_done_to_a_line_and_to_its_page_is_found_in_the_page() -> None:
    lines = recorded(30)
    pages = paged(lines)
    changed = replace(lines[5], digest="f" * 64)
    pages[1] = replace(pages[1], lines=pages[1].lines.replace(lines[5].text, changed.text))
    lines[5] = changed
    assert problems(pages, lines) == [Problem(Wrong.PAGE_CHANGED, "page 2")]


def test_a_page_that_was_taken_out_is_missing_and_what_it_held_is_told() -> None:
    lines = recorded(12)
    pages = paged(lines)
    found = problems([pages[0], pages[2]], lines)
    assert found[0] == Problem(Wrong.PAGE_MISSING, "page 2")
    assert {each.name for each in found[1:]} == {each.name for each in lines[4:8]}


def test_an_end_cut_off_with_all_it_held_shows_by_an_anchor_alone() -> None:
    lines = recorded(12)
    pages = paged(lines)
    anchor = Anchor("YM", 3, pages[2].chain, NOON)
    assert problems(pages, lines, [anchor]) == []
    assert problems(pages[:2], lines[:8]) == []
    assert [each.wrong for each in problems(pages[:2], lines[:8], [anchor])] == [Wrong.ANCHOR_DIFFERS]


def test_a_chain_made_anew_shows_by_an_anchor() -> None:
    lines = recorded(12)
    anchor = Anchor("YM", 2, paged(lines)[1].chain, NOON)
    lines[0] = replace(lines[0], digest="f" * 64)
    assert [each.wrong for each in problems(paged(lines), lines, [anchor])] == [Wrong.ANCHOR_DIFFERS]


def test_many_lines_make_pages_of_a_bounded_size_that_follow_each_other() -> None:
    pages = chain.pages("YM", None, NOON, recorded(2 * chain.PAGE_LINES + 1))
    assert [each.number for each in pages] == [1, 2, 3]
    assert max(each.lines.count("\n") + 1 for each in pages) == chain.PAGE_LINES
    assert all(b.chain == chain.chained(a.chain, b.number, b.until, b.lines) for a, b in pairwise(pages))


def test_anchors_read_back_and_a_spoilt_file_says_which_line() -> None:
    anchor = Anchor("YM", 3, "a" * 64, NOON)
    assert chain.anchors(anchor.text + "\n", "x") == [anchor]
    with pytest.raises(Denied, match=r"audit\.anchor_unreadable") as no:
        chain.anchors(anchor.text + "\n{}\n", "x")
    assert no.value.facts["line"] == 2
