"""Card and identity numbers in pictures and PDFs are blacked out before anything is kept; the rest stays to be read.

What is kept is read again here by the same models, over pictures that were drawn for the test: numbers made up, with
check digits that fit.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont
from stdnum import luhn
from stdnum.iso7064 import mod_11_2

from tests.flows import files
from yuanlu import ids
from yuanlu.evidence import reading
from yuanlu.evidence.blacking import found_in
from yuanlu.evidence.rules import Limits, Media, Remade, media_of
from yuanlu.evidence.workshop import Workshop
from yuanlu.masking import Found

NOTO = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
CHINESE = pytest.mark.skipif(not NOTO.exists(), reason="no Chinese font is installed")


def card(body: str) -> str:
    return str(body + luhn.calc_check_digit(body))


def id_number(body: str) -> str:
    return str(body + mod_11_2.calc_check_digit(body))


CARD, LONG_CARD = card("411122223333444"), card("622202123456789012")
PERSON = id_number("11010519900307283")


def groups(number: str, gap: str = " ") -> str:
    return gap.join(number[place : place + 4] for place in range(0, len(number), 4))


def font(size: int) -> Any:
    return ImageFont.truetype(str(NOTO), size) if NOTO.exists() else ImageFont.load_default(size)


def drawn(*rows: str, size: int = 32, ink: str = "black", wide: int = 1000) -> Image.Image:
    image = Image.new("RGB", (wide, (len(rows) * 2 + 2) * size), "white")
    pen = ImageDraw.Draw(image)
    for number, row in enumerate(rows):
        pen.text((size, size + number * 2 * size), row, fill=ink, font=font(size))
    return image


async def kept(content: bytes, *, reads: bool = True) -> Remade:
    return await Workshop(Limits(reads=reads)).remade(content, media_of(content))


@cache
def reader() -> reading.Reader:
    return reading.Reader()


def digits(image: Image.Image) -> str:
    """All that can be read in a picture, without what stands between."""
    text = "".join(letter.sign for segment in reader().segments(image.convert("RGB")) for letter in segment)
    return re.sub(r"\s", "", text)


def shows(image: Image.Image, number: str) -> bool:
    """Whether six signs of a number that follow each other can still be read."""
    text = digits(image)
    return any(number[place : place + 6] in text for place in range(len(number) - 5))


@pytest.mark.parametrize("size", [16, 32, 80])
@pytest.mark.parametrize("number", [CARD, LONG_CARD, PERSON])
async def test_a_number_in_a_picture_is_blacked_out(number: str, size: int) -> None:
    """S59, S36: redaction. Small and large; at the end of a line that goes on."""
    image = drawn("Total 128.00  Tel 13800001111", f"No. {number} ok", size=size, wide=1600)
    assert shows(image, number)
    made = await kept(files.png(image))
    assert made.masked == ((Found.ID_NUMBER if number == PERSON else Found.CARD).value,)
    after = files.read(made.content)
    assert not shows(after, number)
    assert "128.00" in digits(after)
    assert "13800001111" in digits(after)


async def test_a_number_in_groups_far_apart_is_one_number() -> None:
    """S59: the groups are found as boxes of their own."""
    made = await kept(files.png(drawn((" " * 9).join(groups(CARD).split()), wide=1600)))
    assert made.masked == ("card",)
    assert not re.search(r"\d{4}", digits(files.read(made.content)))


async def test_a_card_that_prints_its_number_in_four_rows_is_blacked_out() -> None:
    """S59."""
    made = await kept(files.png(drawn(*groups(CARD).split(), wide=400)))
    assert made.masked == ("card",)
    assert not re.search(r"\d{4}", digits(files.read(made.content)))


async def test_several_numbers_in_light_grey_are_all_blacked_out() -> None:
    """S59."""
    image = drawn(groups(CARD), "Amount 66.60", groups(LONG_CARD), PERSON, ink="#b0b0b0")
    made = await kept(files.jpeg(image, quality=90))
    assert set(made.masked) == {"card", "id_number"}
    after = files.read(made.content)
    assert not any(shows(after, number) for number in (CARD, LONG_CARD, PERSON))
    assert "66.60" in digits(after)


@CHINESE
async def test_numbers_among_chinese_words_are_blacked_out_and_the_words_stay() -> None:
    """S59."""
    image = drawn(f"付款卡号：{groups(LONG_CARD)} 收款", f"身份证号码{PERSON}", "实付金额￥1,280.00元")
    made = await kept(files.png(image))
    assert set(made.masked) == {"card", "id_number"}
    after = files.read(made.content)
    assert not shows(after, LONG_CARD)
    assert not shows(after, PERSON)
    assert "1,280.00" in digits(after)
    assert "卡号" in digits(after)


@pytest.mark.parametrize("turn", [3, 6, 8])
async def test_a_photo_is_read_the_way_it_is_turned(turn: int) -> None:
    """S59: EXIF orientation."""
    degrees = {3: 180, 6: 90, 8: 270}[turn]
    exif = Image.Exif()
    exif[0x0112] = turn
    made = await kept(files.jpeg(drawn(groups(CARD)).rotate(degrees, expand=True), exif=exif, quality=95))
    assert made.masked == ("card",)
    assert not shows(files.read(made.content), CARD)


@pytest.mark.parametrize("degrees", [8, 90, 180, 270])
async def test_a_photo_that_does_not_say_how_it_is_turned_is_read_too(degrees: int) -> None:
    """S59."""
    image = drawn(f"No. {CARD} ok", "second line", wide=900).rotate(degrees, expand=True, fillcolor="white")
    made = await kept(files.png(image))
    assert made.masked == ("card",)
    assert not shows(files.read(made.content).rotate(-degrees, expand=True), CARD)


async def test_a_long_screenshot_is_read_to_its_end() -> None:
    """S59."""
    rows = ["hello there"] * 30 + [groups(CARD)] + ["good bye"] * 30 + [PERSON]
    made = await kept(files.png(drawn(*rows, size=24, wide=500)))
    assert set(made.masked) == {"card", "id_number"}
    after = files.read(made.content)
    assert not shows(after.crop((0, 1400, 500, 1700)), CARD)
    assert not shows(after.crop((0, 2800, 500, after.height)), PERSON)


async def test_a_number_that_is_see_through_is_gone_from_the_pixels_too() -> None:
    """S59: nothing is left under what is not seen."""
    image = drawn(CARD).convert("RGBA")
    image.putalpha(0)
    made = await kept(files.png(image))
    assert made.masked == ("card",)
    assert not shows(files.read(made.content).convert("RGB"), CARD)


async def test_a_picture_without_numbers_stays_byte_for_byte() -> None:
    """S59: amounts, order numbers, phone numbers and ids of ours are no card numbers."""
    image = drawn(
        "Total 1,280.00", "Tel 13800001111", ids.new(ids.Kind.PAYMENT), "4200001234202611231234567890",
        "2026112322001412345678901234", "2026-11-23 12:30:05", size=28,
    )  # fmt: skip
    for content in (files.png(image), files.jpeg(image)):
        before, after = await kept(content, reads=False), await kept(content)
        assert (after.masked, after.digest) == ((), before.digest)


async def test_the_text_of_a_pdf_is_blacked_out_exactly_even_without_a_reader() -> None:
    """S59."""
    content = files.pdf([files.page(b"Card " + groups(CARD).encode()), files.page(b"Paid 128.00")])
    made = await kept(content, reads=False)
    assert made.masked == ("card",)
    first, second = _pages(made.content)
    assert not shows(first, CARD)
    assert "Card" in digits(first)
    assert "128.00" in digits(second)
    assert CARD[:8].encode() not in made.content
    assert (await kept(made.content)).masked == ()


async def test_what_was_scanned_into_a_pdf_is_blacked_out_and_the_other_pages_stay() -> None:
    """S59."""
    scan = files.written(drawn(groups(CARD), PERSON), "PDF", save_all=True, append_images=[drawn("Paid 128.00")])
    before, made = await kept(scan, reads=False), await kept(scan)
    assert (before.masked, set(made.masked), made.media) == ((), {"card", "id_number"}, Media.PDF)
    first, second = _pages(made.content)
    assert not shows(first, CARD)
    assert not shows(first, PERSON)
    assert second.tobytes() == _pages(before.content)[1].tobytes()


def _pages(content: bytes) -> list[Any]:
    import pypdfium2

    return [page.render(scale=150 / 72).to_pil() for page in pypdfium2.PdfDocument(content)]


async def test_a_reader_that_is_at_its_end_keeps_the_file_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """S59: too little memory, a real end of the child; the till can still hand in."""
    monkeypatch.setattr("yuanlu.evidence.workshop.READ_MEMORY_MAX", 50_000_000)
    content = files.png(drawn("Paid 128.00"))
    made = await kept(content)
    assert made.masked == ("unread",)
    assert made.digest == (await kept(content, reads=False)).digest


async def test_a_reader_out_of_time_keeps_the_file_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """S59: the kernel ends the child after a second of CPU."""
    monkeypatch.setattr("yuanlu.evidence.workshop.READ_SECONDS_MAX", 1)
    made = await kept(files.jpeg(drawn(*["many words 12"] * 60, size=40, wide=3000)))
    assert made.masked == ("unread",)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"No{CARD}ok", {Found.CARD}),
        (groups(CARD)[:-1] + str((int(CARD[-1]) + 1) % 10), {Found.CARD}),  # one digit read wrongly
        (PERSON[:-2] + "77" if not PERSON.endswith("77") else PERSON[:-2] + "88", {Found.ID_NUMBER}),
        ("110105 20991301 1234", set()),
        (ids.new(ids.Kind.PAYMENT), set()),
        ("4200 0012 3420 2611 2312 3456 7890", set()),
        ("13800001111 128.00", set()),
    ],
)
def test_what_was_read_almost_rightly_is_found(text: str, found: set[Found]) -> None:
    assert {place.kind for place in found_in(text)} == found
