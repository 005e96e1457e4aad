"""Every story, crashed before, after and in the middle of each of its seam calls, one by one."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.faults import tally
from tests.faults.audit import Audit, differences, provider, snapshot
from tests.faults.stories import STORIES, Told
from tests.faults.world import Moment, Run, Variant, World, opened
from yuanlu.db import Database

AT_ONCE = 240
"""Runs in one world."""
POINTS_A_STORY = 75
"""How many of a story's crashes `make test` takes, chosen by its name; `make laws` takes all, and crashes twice."""


async def audited(world: World, told: Told) -> list[str]:
    """Bring a world to rest, looking at its books on the way; answers what is wrong with which run."""
    wrong: list[str] = []

    def add(audit: Audit, when: str) -> None:
        wrong.extend(f"{each.law} {when}: {each.text}\n    {world.runs[each.merchant_id]}" for each in audit.found)

    ticks = 0

    async def look() -> None:
        nonlocal ticks
        ticks += 1
        if ticks % 8 == 1:
            add(Audit(await snapshot(world.connection, world.runs)).always(), "on the way")

    await world.rest(look)
    codes = {merchant_id: run.codes for merchant_id, run in world.runs.items()}
    ends = dict.fromkeys(world.runs, told.ends)
    books = provider(world.sim.world.books.values())
    rested = await snapshot(world.connection, world.runs)
    add(Audit(rested, books, codes).at_rest(ends), "at rest")
    await world.repeat()
    wrong.extend(
        f"I9: asked once more, {each}" for each in differences(rested, await snapshot(world.connection, world.runs))
    )
    return [*world.troubles, *dict.fromkeys(wrong)]


async def rehearsed(told: Told, database: Database, spot: Path) -> dict[str, Run]:
    """Tell a story once for each merchant without a crash."""
    async with opened(database, spot) as world:
        runs = {str(variant): await world.run(told.name, told.story, variant) for variant in told.variants}
        wrong = await audited(world, told)
        assert not wrong, "\n".join(wrong)
        return runs


def points_of(told: Told, runs: dict[str, Run]) -> list[tuple[Variant, dict[int, Moment]]]:
    """Every crash there is in a story, of all its merchants."""
    return [
        (variant, {call: moment})
        for variant in told.variants
        for call in range(1, len(runs[str(variant)].calls) + 1)
        for moment in Moment
    ]


async def crashed(told: Told, points: list[tuple[Variant, dict[int, Moment]]], database: Database, spot: Path) -> None:
    """Tell a story once for each of these crashes, many at once, and audit what is left."""
    for start in range(0, len(points), AT_ONCE):
        async with opened(database, spot, seed=start + 2) as world:
            for variant, crashes in points[start : start + AT_ONCE]:
                await world.run(told.name, told.story, variant, crashes)
            wrong = await audited(world, told)
            tally.crashed(told.name, [(str(run.variant), *run.fired) for run in world.runs.values() if run.fired])
            assert not wrong, f"{len(wrong)} violations\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize("name", STORIES)
async def test_a_story_crashed_anywhere_ends_with_books_that_agree(name: str, database: Database, spot: Path) -> None:
    """S26. S91."""
    told = STORIES[name]
    points = points_of(told, await rehearsed(told, database, spot))
    chosen = Random(name).sample(points, min(POINTS_A_STORY, len(points)))
    await crashed(told, chosen, database, spot)


@pytest.mark.long
@pytest.mark.parametrize("name", STORIES)
async def test_every_single_crash_of_a_story(name: str, database: Database, spot: Path) -> None:
    told = STORIES[name]
    await crashed(told, points_of(told, await rehearsed(told, database, spot)), database, spot)


@pytest.mark.long
@pytest.mark.parametrize("name", STORIES)
async def test_a_story_crashed_again_while_it_recovers(name: str, database: Database, spot: Path) -> None:
    told = STORIES[name]
    points = points_of(told, await rehearsed(told, database, spot))
    chance = Random(f"{name} again")
    twice = [
        (variant, crashes | {next(iter(crashes)) + chance.randint(1, 8): chance.choice(list(Moment))})
        for variant, crashes in points
    ]
    await crashed(told, twice, database, spot)
