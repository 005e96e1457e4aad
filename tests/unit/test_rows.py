"""Rows of marks that stand as the digits of a card number do are found unread; other rows are not taken for one."""

from __future__ import annotations

import random
from math import degrees

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageFont

from yuanlu.evidence import rows
from yuanlu.evidence.rows import DENSE, THIN, Row

NUMBER, LONG = "6200 0000 0000 0005", "6200 0000 0000 0000 003"
GROUND = (40, 70, 130)


def embossed(text: str, *, lean: float = 0, turn: int = 0, size: int = 78) -> Image.Image:
    """A photo of 2000 pixels with a text of which lit edges alone differ from the ground."""
    image = Image.new("RGB", (2000, 1500), GROUND)
    face = ImageFont.load_default(size)
    pen = ImageDraw.Draw(image)
    for by, level in ((-1, 38), (1, -34), (0, 14)):
        pen.text((420 + by, 800 + by), text, font=face, fill=tuple(max(0, each + level) for each in GROUND))
    image = image.rotate(lean, Image.Resampling.BICUBIC, fillcolor=GROUND).rotate(turn, expand=True)
    noise = Image.frombytes("L", image.size, random.Random(7).randbytes(image.width * image.height))
    noise = noise.point([round(128 + (level - 127.5) * 28 / 255) for level in range(256)])  # the same in each run
    return ImageChops.add(image, Image.merge("RGB", [noise] * 3), 1, -128).convert("L")


def card_rows(image: Image.Image) -> list[Row]:
    edges = rows.relief(image)
    return [row for dense in (DENSE, THIN) for row in rows.rows(edges, dense) if rows.is_card_row(edges, row)]


@pytest.mark.parametrize("text", [NUMBER, LONG])
@pytest.mark.parametrize(("lean", "turn"), [(0, 0), (7, 0), (-7, 90), (0, 270)])
def test_an_embossed_number_is_a_row_in_groups_whichever_way_it_lies(text: str, lean: float, turn: int) -> None:
    """S59."""
    found = card_rows(embossed(text, lean=lean, turn=turn))
    assert found
    told = (degrees(found[0].lean) + lean + turn) % 180  # both ways of reading a row are one
    assert min(told, 180 - told) < 2


@pytest.mark.parametrize("text", [NUMBER, LONG])
def test_all_its_digits_stand_within_the_corners(text: str) -> None:
    """S59: the black covers the number from end to end."""
    image = embossed(text)
    row = card_rows(image)[0]
    corners = [(2 * x, 2 * y) for x, y in row.corners(row.thick * rows.ROOM)]
    left, upper, right, lower = ImageDraw.Draw(image).textbbox((420, 800), text, font=ImageFont.load_default(78))
    assert min(x for x, _ in corners) < left
    assert max(x for x, _ in corners) > right
    assert min(y for _, y in corners) < upper
    assert max(y for _, y in corners) > lower


@pytest.mark.parametrize(
    "text",
    [
        "6200 0000",
        "2026-11-26 10:23:45 T02",
        "13800138000 13900139000",
        "Oolong tea 2 x 12.80",
        "42000001202611266200000000",
    ],
)
def test_other_rows_are_not_taken_for_one(text: str) -> None:
    assert card_rows(embossed(text)) == []


def test_a_ground_without_rows_has_none() -> None:
    assert rows.rows(rows.relief(Image.effect_noise((2000, 1500), 20)), DENSE) == []
    assert rows.rows(rows.relief(Image.linear_gradient("L").resize((1200, 900))), DENSE) == []


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (70, 64), (5000, 40)])
def test_a_picture_of_any_shape_is_looked_at(size: tuple[int, int]) -> None:
    edges = rows.relief(Image.effect_noise(size, 60))
    assert all(not rows.is_card_row(edges, row) for row in rows.rows(edges, THIN))


@given(
    st.integers(1, 40).flatmap(
        lambda wide: st.lists(st.lists(st.booleans(), min_size=wide, max_size=wide), min_size=1, max_size=30)
    )
)
def test_runs_are_the_cells_that_hang_together(cells: list[list[bool]]) -> None:
    """S59: whatever the ink, two cells within reach are of one run, and no others."""
    ink = Image.frombytes("L", (len(cells[0]), len(cells)), bytes(255 * each for line in cells for each in line))
    left = {(x, y) for y, line in enumerate(cells) for x, each in enumerate(line) if each}
    told = {frozenset(run) for run in rows._runs(ink)}
    assert sum(map(len, told)) == len(left)
    while left:
        run, fresh = set[tuple[int, int]](), {left.pop()}
        while fresh:
            run |= fresh
            fresh = {(x, y) for x, y in left if any(abs(x - a) <= rows._REACH and abs(y - b) <= 1 for a, b in fresh)}
            left -= fresh
        assert frozenset(run) in told
