"""Browser files that others wrote lie here as their list says, and nothing else does; our colours can be read."""

from __future__ import annotations

import hashlib
import re
import tomllib
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LISTED = tomllib.loads((ROOT / "yuanlu/web/static/vendored.toml").read_text())["file"]
SHEET = (ROOT / "yuanlu/web/static/yl.css").read_text()
WORDS_MIN, BORDERS_MIN = 4.5, 3.0


@pytest.mark.parametrize("row", LISTED, ids=lambda row: row["package"])
def test_each_vendored_file_is_the_one_of_its_list(row: dict[str, str]) -> None:
    assert hashlib.sha256((ROOT / row["path"]).read_bytes()).hexdigest() == row["sha256"]
    assert {"package", "version", "licence", "source"} <= row.keys()


def test_every_sign_a_screen_shows_is_in_the_sprite() -> None:
    drawn = set(re.findall(r'<symbol id="([a-z0-9-]+)"', (ROOT / "yuanlu/web/static/icons.svg").read_text()))
    modules = [path.read_text() for path in (ROOT / "yuanlu/web/till/static").rglob("*.js")]
    used = {name for text in modules for name in re.findall(r"(?:sign: |icon\()'([a-z0-9-]+)'", text)}
    assert used <= drawn
    assert len(used) > 10


def _tokens(selector: str) -> dict[str, str]:
    """The colours of a theme, by token."""
    block = re.search(re.escape(selector) + r" \{(.*?)\n  \}", SHEET, re.DOTALL)
    assert block
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{3,6});", block[1]))


def _light(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_light(one), _light(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [":root", '[data-theme="dark"]'])
def test_every_word_can_be_read_on_every_ground_and_every_border_seen(theme: str) -> None:
    """WCAG 2.2, 1.4.3 and 1.4.11, reckoned from the sheet itself."""
    colours = _tokens(theme)
    grounds = ("bg", "surface", "surface-2")
    pairs = [*product(("text", "text-2", "text-3", "brand", "ok", "warn", "bad", "train"), grounds)]
    pairs += [(name, f"{name}-soft") for name in ("brand", "ok", "warn", "bad", "train")]
    pairs += [("on-brand", "brand"), *product(("text", "text-2"), ("ok-soft", "warn-soft", "bad-soft", "brand-soft"))]
    weak = [(word, on) for word, on in pairs if _contrast(colours[word], colours[on]) < WORDS_MIN]
    borders = [*product(("line-strong",), ("bg", "surface")), *product(("focus",), grounds)]  # controls lie on these
    weak += [(each, on) for each, on in borders if _contrast(colours[each], colours[on]) < BORDERS_MIN]
    assert not weak
