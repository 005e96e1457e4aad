"""Card and identity numbers in what a picture shows: blacked out in its own pixels, or the file says it was not read.

Two pictures that differ in a number alone are the same once it is blacked out, but for noise of the codec around it: so
what is read again is read by Tesseract itself, and the pixels where the digits stood are looked at.
"""

from __future__ import annotations

import io
from random import Random
from time import monotonic

import pytest
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfReader

from tests.flows import files
from tests.flows.test_blacking import ONE, WHO
from tests.flows.test_remaking import remade
from tests.unit.test_rows import LONG, NUMBER, embossed
from yuanlu import ids
from yuanlu.evidence import reading
from yuanlu.evidence.blacking import Letter
from yuanlu.evidence.rules import Limits, Remade
from yuanlu.masking import Found

needs_tesseract = pytest.mark.skipif(not reading.PROGRAM.is_file(), reason="needs tesseract-ocr")
ROOMY = Limits(pixels_max=13_000_000, read_seconds=200)
"""Seconds by the clock on the wall, on machines that may be busy."""
GROUPED = " ".join(ONE[at : at + 4] for at in range(0, len(ONE), 4))
PLACE = (80, 300, 1110, 380)
"""Where a number stands in a picture of 1200 by 756."""


def card(text: str, *, ground: str = "#284682", ink: str = "white") -> Image.Image:
    """A card that shows this text where a card shows its number."""
    image = Image.new("RGB", (1200, 756), ground)
    pen = ImageDraw.Draw(image)
    pen.text((80, 80), "MADE UP BANK", font=ImageFont.load_default(50), fill=ink)
    pen.text((80, 310), text, font=ImageFont.load_default(68 if len(text) > 20 else 60), fill=ink)
    pen.text((500, 560), "VALID THRU 12/29", font=ImageFont.load_default(30), fill=ink)
    return image


def shown(kept: Remade) -> Image.Image:
    return files.read(kept.content).convert("L")


def is_black(image: Image.Image, box: tuple[int, int, int, int]) -> bool:
    """Whether next to nothing light is left in the middle of a row."""
    left, upper, right, lower = box
    row = image.crop((left + 10, (upper + lower) // 2 - 5, right - 300, (upper + lower) // 2 + 5))
    return sum(row.histogram()[120:]) < 0.02 * row.width * row.height


@needs_tesseract
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
async def test_a_card_number_in_a_photo_is_blacked_out_whichever_way_it_lies(turn: int) -> None:
    """S36. S59."""
    kept = await remade(files.jpeg(card(GROUPED).rotate(turn, expand=True), quality=90), ROOMY)
    assert (kept.masked, kept.searched_pages) == ((Found.CARD,), 1)
    upright = shown(kept).rotate(-turn, expand=True)
    assert is_black(upright, PLACE)
    assert upright.crop((80, 80, 500, 130)).getextrema()[1] > 200  # the name of the bank stays


@needs_tesseract
async def test_an_identity_number_in_a_picture_too() -> None:
    kept = await remade(files.png(card(WHO, ground="white", ink="black")), ROOMY)
    assert (kept.masked, kept.searched_pages) == ((Found.ID_NUMBER,), 1)
    assert is_black(shown(kept), (80, 300, 990, 380))


@needs_tesseract
async def test_what_is_see_through_hides_no_number() -> None:
    image = card(GROUPED)
    image.putalpha(0)
    kept = await remade(files.png(image), ROOMY)
    assert kept.masked == (Found.CARD,)
    assert is_black(files.read(kept.content).convert("RGB").convert("L"), PLACE)


@needs_tesseract
async def test_numbers_of_a_receipt_stay() -> None:
    """Order and channel numbers, our own ids, phones, amounts."""
    dice = Random(5)
    digits = "".join(dice.choice("0123456789") for _ in range(14))
    image = Image.new("RGB", (1200, 1000), "white")
    lines = [ids.new(ids.Kind.PAYMENT), f"42000023202611{digits}", "13800138000 13900139000", "2026-11-26 10:23:45",
             f"20261126{digits[:12]}", "1,280.00", "400-820-8820", "6901234567892"]  # fmt: skip
    for place, line in enumerate(lines):
        ImageDraw.Draw(image).text((60, 60 + 110 * place), line, font=ImageFont.load_default(44), fill="black")
    kept = await remade(files.png(image), ROOMY)
    assert (kept.masked, kept.searched_pages) == ((), 1)
    assert shown(kept).tobytes() == image.convert("L").tobytes()


@needs_tesseract
async def test_a_page_of_a_pdf_that_is_a_picture_is_read() -> None:
    out = io.BytesIO()
    card(GROUPED).save(out, "PDF", resolution=150)
    kept = await remade(out.getvalue(), ROOMY)
    assert (kept.masked, kept.searched_pages) == ((Found.CARD,), 1)
    (image,) = PdfReader(io.BytesIO(kept.content)).pages[0].images
    assert image.image is not None
    assert is_black(image.image.convert("L"), PLACE)


@needs_tesseract
@pytest.mark.parametrize("text", [NUMBER, LONG])
async def test_an_embossed_number_is_black_though_nobody_reads_it(text: str) -> None:
    """S59."""
    kept = await remade(files.png(embossed(text)), ROOMY)
    assert (kept.masked, kept.searched_pages) == ((Found.CARD,), 1)
    left, upper, right, lower = ImageDraw.Draw(embossed("")).textbbox((420, 800), text, font=ImageFont.load_default(78))
    assert shown(kept).crop((round(left), round(upper), round(right), round(lower))).getextrema() == (0, 0)


@needs_tesseract
async def test_a_row_as_long_as_a_number_that_nobody_reads_leaves_a_picture_unsure() -> None:
    """S59: six digits and thirteen, as some cards have them, are no four groups: left, and not called searched."""
    kept = await remade(files.png(embossed("620000 0000000000003")), ROOMY)
    assert kept.searched_pages == 0


@pytest.mark.parametrize("size", [(4000, 3000), (1, 60_000), (60_000, 1), (1, 1)], ids=str)
async def test_a_picture_of_any_shape_comes_to_an_end(size: tuple[int, int]) -> None:
    noise = Image.effect_noise((size[0], size[1]), 90)
    started = monotonic()
    kept = await remade(files.png(noise), Limits(pixels_max=13_000_000, read_seconds=2))
    assert monotonic() - started < 25
    assert (kept.width, kept.height) == size
    assert kept.masked == ()


async def test_a_picture_whose_time_is_over_is_kept_and_not_called_searched() -> None:
    kept = await remade(files.png(card(GROUPED)), Limits(read_seconds=0))
    assert (kept.masked, kept.searched_pages, kept.width) == ((), 0, 1200)
    assert shown(kept).tobytes() == card(GROUPED).convert("L").tobytes()


@needs_tesseract
async def test_a_picture_that_shows_nothing_is_searched_at_once() -> None:
    kept = await remade(files.png(Image.new("RGB", (900, 900), "white")), ROOMY)
    assert kept.searched_pages == 1


def words(*given: tuple[str, float, float]) -> list[Letter]:
    """Letters of words of height 20 from here to there."""
    return [Letter(sign, (left, 0, right, 20)) for text, left, right in given for sign in text]


def test_groups_like_those_of_a_card_count_even_if_a_digit_is_read_wrongly() -> None:
    row = [(group, 60.0 * n, 60.0 * n + 45) for n, group in enumerate(["6222", "0000", "0000", "0001"])]
    boxes, kinds = reading.numbers([words(*row)])
    assert (len(set(boxes)), kinds) == (4, (Found.CARD,))
    for other in (row[:3], [*row[:3], ("001", 180.0, 225.0)], [*row[:3], ("0001", 260.0, 305.0)]):
        assert reading.numbers([words(*other)]) == ([], ())
