"""Looking at a screen as its users do: with axe, with a finger's width, and as a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

from playwright.async_api import Page

AXE = (Path(__file__).parent / "vendored" / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TARGET_PX = 64
THEMES = ("light", "dark")
_RUN = """async (tags) => {
  const told = await axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] });
  const where = (each) => each.nodes.map((node) => `${node.html} ${node.failureSummary}`).join(' | ');
  return told.violations.map((each) => `${each.id}: ${where(each)}`);
}"""
_SMALL = """(least) => [...document.querySelectorAll('button, a[href], input, textarea')].filter((each) => {
  const box = (each.closest('label') ?? each).getBoundingClientRect();
  return box.width > 0 && (box.height < least - 0.5 || box.width < least - 0.5);
}).map((each) => `${each.outerHTML.slice(0, 120)} ${JSON.stringify(each.getBoundingClientRect())}`)"""
_BLANK = """() => [...document.querySelectorAll('svg.icon')].filter((each) => each.getBoundingClientRect().width > 0
  && each.querySelector('use').getBBox().width === 0).map((each) => each.innerHTML)"""
WIDEST = """() => Math.max(...[document.documentElement, ...document.querySelectorAll('main, .scroll, .list')]
  .map((each) => each.scrollWidth - each.clientWidth))"""


async def found(page: Page, least: int = TARGET_PX) -> list[str]:
    """What axe finds, and which targets are too small for a finger; empty where all is well."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(AXE)
    told: list[str] = await page.evaluate(_RUN, TAGS)
    small: list[str] = await page.evaluate(_SMALL, least)
    for _ in range(20):  # signs are drawn as soon as their file is there
        blank: list[str] = await page.evaluate(_BLANK)
        if not blank:
            break
        await page.wait_for_timeout(250)
    wide: int = await page.evaluate(WIDEST)
    told += [f"small: {each}" for each in small] + [f"no such sign: {each}" for each in blank]
    return [*told, *([f"scrolls sideways by {wide}"] if wide > 0 else [])]


def themes_of(name: str, *, whole: bool) -> Sequence[str]:
    """In which themes a screen is looked at. Not `whole`: in the one in Chinese, in the other in English, by turns from
    screen to screen. So every pair of theme, language and state is seen at half the cost.
    """
    if whole:
        return THEMES
    stem, _, lang = name.rpartition("-")
    return (THEMES[(crc32(stem.encode()) + (lang == "en")) % 2],)


async def seen(page: Page, name: str, *, whole: bool = True, least: int = TARGET_PX, **shot: Any) -> list[str]:
    """Look at this screen; where a folder `SHOTS` is named, a picture of it goes there, in light and in dark."""
    trouble = []
    folder = os.environ.get("SHOTS")
    for theme in themes_of(name, whole=whole or bool(folder)):
        await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        await page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        trouble += [f"{name} {theme}: {each}" for each in await found(page, least)]
        if folder:
            place = Path(folder)
            place.mkdir(parents=True, exist_ok=True)
            if shot.get("full_page"):  # else the head stands over whatever was scrolled to
                await page.evaluate("() => scrollTo(0, 0)")
            await page.screenshot(path=place / f"{name}-{theme}.png", **shot)
    await page.evaluate("() => { document.documentElement.dataset.theme = 'light'; }")
    return trouble
