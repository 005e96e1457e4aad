"""Card and identity numbers in the text of a PDF: gone from the letters, as they always were, and from the pixels.

Digits of Helvetica are all as wide as each other, so two pages that differ in a number alone are, once it is blacked
out, the same file byte for byte. That proves that nothing of it is left to be seen.
"""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    RectangleObject,
    StreamObject,
)
from stdnum import luhn
from stdnum.iso7064 import mod_11_2

from tests.flows import files
from tests.flows.test_remaking import remade
from yuanlu import masking
from yuanlu.evidence.rules import Remade


def card(body: str) -> str:
    return body + str(luhn.calc_check_digit(body))


def person(body: str) -> str:
    return body + str(mod_11_2.calc_check_digit(body))


ONE, OTHER = card("622202020011223344"), card("622588013377559911")
WHO, ELSE = person("11010519491231003"), person("44030619880704113")  # no X: that is wider than a digit


def tight(number: str) -> list[str]:
    return [f"({number}) Tj"]


def grouped(number: str) -> list[str]:
    return [f"({' '.join(number[at : at + 4] for at in range(0, len(number), 4))}) Tj"]


def in_pieces(number: str) -> list[str]:
    """Each group its own drawing, far enough apart to be read as a gap."""
    groups = [number[at : at + 4] for at in range(0, len(number), 4)]
    return [f"1 0 0 1 {40 + 110 * n} 420 Tm ({group}) Tj" for n, group in enumerate(groups)]


def out_of_order(number: str) -> list[str]:
    """The last digits are drawn first: whoever reads the file in its order does not see the number."""
    pieces = in_pieces(number)
    return [*reversed(pieces[2:]), "1 0 0 1 40 100 Tm (total 12.80) Tj", *reversed(pieces[:2])]


def digit_by_digit(number: str) -> list[str]:
    return [f"1 0 0 1 {40 + 22.3 * n:.1f} 420 Tm ({digit}) Tj" for n, digit in enumerate(number)]


def drawn(lines: list[str], *, before: str = "") -> bytes:
    return f"BT /F 40 Tf {before} 1 0 0 1 40 420 Tm {' '.join(lines)} 1 0 0 1 40 300 Tm (receipt 7) Tj ET".encode()


def page(draws: bytes) -> bytes:
    return files.pdf([(700, 842, draws)])


async def proved(one: bytes, other: bytes) -> Remade:
    """Both are the same file once made anew, and something is still on it."""
    kept, again = await remade(one), await remade(other)
    assert kept.content == again.content
    assert kept.searched_pages == 1
    pixels = files_pixels(kept)
    assert pixels != files_pixels(await remade(page(b"")))
    return kept


def files_pixels(kept: Remade) -> bytes:
    (image,) = PdfReader(io.BytesIO(kept.content)).pages[0].images
    return image.image.convert("L").tobytes() if image.image else b""


WAYS = [tight, grouped, in_pieces, out_of_order, digit_by_digit]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_a_card_number_is_blacked_out_however_it_is_drawn(way: object) -> None:
    """S36. S59."""
    assert callable(way)
    kept = await proved(page(drawn(way(ONE))), page(drawn(way(OTHER))))
    assert kept.masked == (masking.Found.CARD,)


async def test_an_identity_number_too_and_what_is_neither_stays() -> None:
    kept = await proved(page(drawn(tight(WHO))), page(drawn(tight(ELSE))))
    assert kept.masked == (masking.Found.ID_NUMBER,)
    wrong = ONE[:-1] + str((int(ONE[-1]) + 1) % 10)
    also_wrong = ONE[:-1] + str((int(ONE[-1]) + 2) % 10)
    plain, other = await remade(page(drawn(tight(wrong)))), await remade(page(drawn(tight(also_wrong))))
    assert plain.masked == other.masked == ()
    assert plain.content != other.content


async def test_what_is_named_a_code_is_blacked_out_with_a_card() -> None:
    kept = await proved(page(drawn(["(CVV: 123) Tj"])), page(drawn(["(CVV: 987) Tj"])))
    assert kept.masked == (masking.Found.SECRET,)


async def test_text_nobody_sees_hides_what_stands_there_in_the_picture() -> None:
    """What a scanner reads lies unseen over its picture: here bars stand for the picture's digits."""
    unseen = b"BT /F 40 Tf 3 Tr 1 0 0 1 40 420 Tm (%b) Tj ET" % ONE.encode()
    bars = [b" 60 425 8 20 re f", b" 70 425 8 20 re f"]
    kept = await proved(page(unseen + bars[0] + b" 40 300 90 9 re f"), page(unseen + bars[1] + b" 40 300 90 9 re f"))
    assert kept.masked == (masking.Found.CARD,)


@pytest.mark.parametrize("turn", [90, 180, 270])
async def test_a_page_that_is_turned_or_cut_is_blacked_out_in_the_right_place(turn: int) -> None:
    def turned(number: str) -> bytes:
        writer = PdfWriter(io.BytesIO(page(drawn(tight(number)))))
        writer.pages[0].rotate(turn)
        writer.pages[0].cropbox = RectangleObject((30, 200, 680, 600))
        out = io.BytesIO()
        writer.write(out)
        return out.getvalue()

    await proved(turned(ONE), turned(OTHER))


async def test_text_of_a_stamp_laid_over_the_page_counts_too() -> None:
    def stamped(number: str) -> bytes:
        writer = PdfWriter(io.BytesIO(page(drawn([]))))
        look = StreamObject()
        look.set_data(f"BT /F 40 Tf 0 10 Td ({number}) Tj ET".encode())
        font = DictionaryObject({
            NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        })  # fmt: skip
        look.update({
            NameObject("/Type"): NameObject("/XObject"), NameObject("/Subtype"): NameObject("/Form"),
            NameObject("/BBox"): ArrayObject([FloatObject(each) for each in (0, 0, 500, 50)]),
            NameObject("/Resources"): DictionaryObject(
                {NameObject("/Font"): DictionaryObject({NameObject("/F"): writer._add_object(font)})}
            ),
        })  # fmt: skip
        stamp = DictionaryObject({
            NameObject("/Type"): NameObject("/Annot"), NameObject("/Subtype"): NameObject("/Stamp"),
            NameObject("/Rect"): ArrayObject([FloatObject(each) for each in (40, 500, 540, 550)]),
            NameObject("/F"): FloatObject(4),
            NameObject("/AP"): DictionaryObject({NameObject("/N"): writer._add_object(look)}),
        })  # fmt: skip
        writer.pages[0][NameObject("/Annots")] = ArrayObject([writer._add_object(stamp)])
        out = io.BytesIO()
        writer.write(out)
        return out.getvalue()

    kept = await proved(stamped(ONE), stamped(OTHER))
    assert kept.masked == (masking.Found.CARD,)


async def test_pages_without_text_are_counted_as_not_searched() -> None:
    kept = await remade(files.pdf([files.page(b"receipt"), (595, 842, b"50 50 200 200 re f"), files.page(b"two")]))
    assert (kept.pages, kept.searched_pages, kept.masked) == (3, 2, ())
    assert (await remade(files.jpeg())).searched_pages == 0


def test_places_are_those_that_masking_masks() -> None:
    text = f"a {ONE} b {WHO} ;{ONE}=25121019876543210000? PIN: 4711 x {grouped(OTHER)[0]}"
    found = masking.places(text)
    assert {each.kind for each in found} == set(masking.Found)
    assert {each.kind for each in found} == set(masking.masked(text).found)
    bare = "".join("*" if any(each.start <= at < each.end for each in found) else sign for at, sign in enumerate(text))
    assert masking.masked(bare).found == ()
    assert masking.places("receipt 7, YP01, ¥1,280.00") == []
