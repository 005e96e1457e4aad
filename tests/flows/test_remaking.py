"""Hostile and honest files, made anew in a child process: nothing active survives, nothing takes us with it."""

from __future__ import annotations

import asyncio
import zlib
from io import BytesIO
from time import monotonic

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from tests.flows import files
from tests.flows.files import SECRET
from yuanlu.errors import Denied
from yuanlu.evidence.rules import Limits, Media, Remade, media_of
from yuanlu.evidence.workshop import GRACE_SECONDS, Workshop

SMALL = Limits(
    bytes_max=2_000_000, pixels_max=1_000_000, pages_max=5, seconds_max=5, memory_max=1_000_000_000, read_seconds=0
)


async def remade(content: bytes, limits: Limits = SMALL) -> Remade:
    return await Workshop(limits).remade(content, media_of(content))


async def refused(content: bytes, limits: Limits = SMALL) -> str:
    started = monotonic()
    with pytest.raises(Denied) as no:
        await remade(content, limits)
    assert monotonic() - started < limits.seconds_max + GRACE_SECONDS + 1
    return no.value.code


# --- what is stripped ---


async def test_a_photo_loses_its_metadata_and_keeps_its_turn() -> None:
    """S59, S36."""
    content = files.jpeg_with_everything()
    assert content.count(SECRET) >= 3
    kept = await remade(content)
    assert SECRET not in kept.content
    image = files.read(kept.content)
    assert (image.size, kept.width, kept.height) == ((40, 60), 40, 60)
    assert not image.getexif()
    assert not {"icc_profile", "comment", "exif"} & set(image.info)
    assert image.getpixel((20, 5)) < (60, 60, 60)  # the dark half is on top now
    assert image.getpixel((20, 55)) > (200, 200, 200)
    assert kept.stripped == ("metadata",)


async def test_the_texts_of_a_png_are_gone() -> None:
    """S59."""
    kept = await remade(files.png_with_texts())
    assert (kept.media, kept.stripped) == (Media.PNG, ("metadata",))
    assert SECRET not in kept.content
    assert not files.read(kept.content).info


@pytest.mark.parametrize("make", [files.jpeg, files.png, files.webp], ids=["jpeg", "png", "webp"])
@pytest.mark.parametrize("rider", [files.ZIP_BOMB, files.HTML, files.active_pdf()], ids=["zip", "html", "pdf"])
async def test_what_rides_behind_a_picture_is_left_behind(make: object, rider: bytes) -> None:
    """S59: polyglots."""
    assert callable(make)
    kept = await remade(make() + rider)
    assert "trailing" in kept.stripped
    assert rider[:40] not in kept.content
    again = await remade(kept.content)
    assert again.stripped == ()


async def test_nothing_active_survives_a_pdf() -> None:
    """S59."""
    content = files.active_pdf()
    kept = await remade(content)
    assert (kept.media, kept.pages) == (Media.PDF, 1)
    for word in (SECRET, b"JavaScript", b"/JS", b"OpenAction", b"/AA", b"Launch", b"EmbeddedFile", b"/Font"):
        assert word in content or word == b"/JS"
        assert word not in kept.content
    read = PdfReader(BytesIO(kept.content))
    assert len(read.pages) == 1
    assert [float(side) for side in read.pages[0].mediabox[2:]] == [595, 842]
    assert read.pages[0].extract_text() == ""
    image = read.pages[0].images[0].image
    assert image is not None
    assert image.convert("L").getextrema()[0] < 80  # the words are still to be seen


async def test_a_page_as_large_as_a_house_is_drawn_small() -> None:
    """S59: a huge page is bounded."""
    kept = await remade(files.pdf([files.page(width=14_000, height=14_000)]), Limits())
    assert kept.width * kept.height <= 5_100_000


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "RGB", "RGBA", "CMYK"])
async def test_every_kind_of_picture_is_written_plainly(mode: str) -> None:
    image = files.Image.new(mode, (20, 10))
    kept = await remade(files.jpeg(image) if mode == "CMYK" else files.png(image))
    assert files.read(kept.content).mode in {"L", "RGB", "RGBA"}
    assert (kept.width, kept.height) == (20, 10)


async def test_sixteen_bits_a_pixel_do_not_all_turn_white() -> None:
    image = files.Image.new("I;16", (4, 4), 0x4000)
    kept = await remade(files.png(image))
    assert files.read(kept.content).getpixel((0, 0)) == 0x40


# --- what is refused ---


@pytest.mark.parametrize(
    ("content", "looks_like"),
    [
        (files.SVG, "svg"),
        (b"\xef\xbb\xbf\n" + files.SVG, "svg"),
        (files.HTML, "html"),
        (files.ZIP_BOMB, "archive"),
        (b"\x1f\x8b" + b"x" * 50, "archive"),
        (b"GIF89a" + b"\0" * 50, "other_image"),
        (b"\0\0\0\x18ftypheic\0\0", "heic"),
        (b"MZ\x90", "program"),
        (b"hello", "unknown"),
        (b"\0" + files.jpeg(), "unknown"),
        (b"junk before\n" + files.pdf([files.page()]), "unknown"),
    ],
)
def test_what_is_no_picture_and_no_pdf_is_refused_by_its_bytes(content: bytes, looks_like: str) -> None:
    """S59: real type by content."""
    with pytest.raises(Denied) as no:
        media_of(content)
    assert (no.value.code, no.value.facts["looks_like"]) == ("file.type", looks_like)


def test_nothing_at_all_is_refused() -> None:
    """S59."""
    with pytest.raises(Denied, match=r"file\.empty"):
        media_of(b"")


@pytest.mark.parametrize("size", [(60_000, 60_000), (1500, 1000), (2**31 - 1, 2**31 - 1)])
async def test_a_png_that_claims_too_many_pixels_is_refused_unopened(size: tuple[int, int]) -> None:
    """S59: pixel bombs."""
    started = monotonic()
    assert await refused(files.png_claiming(*size)) == "file.too_many_pixels"
    assert monotonic() - started < 4


async def test_a_picture_of_just_as_many_pixels_as_allowed_is_taken() -> None:
    kept = await remade(files.png(files.picture(1000, 1000)))
    assert (kept.width, kept.height) == (1000, 1000)
    assert await refused(files.png(files.picture(1001, 1000))) == "file.too_many_pixels"


async def test_a_text_chunk_that_unpacks_to_a_gigabyte_is_refused() -> None:
    """S59: decompression bound."""
    packed = zlib.compressobj(9)
    body = b"".join(packed.compress(b"\0" * 1_000_000) for _ in range(300)) + packed.flush()
    png = files.png()
    bomb = png[:33] + files.chunk(b"zTXt", b"bomb\0\0" + body) + png[33:]
    assert await refused(bomb) == "file.damaged"


async def test_more_memory_than_is_allowed_is_a_no_and_nothing_else() -> None:
    """S59."""
    tight = Limits(pixels_max=100_000_000, memory_max=250_000_000, seconds_max=20, read_seconds=0)
    assert await refused(files.png(files.Image.new("RGB", (9000, 9000))), tight) == "file.bomb"


async def test_a_child_that_takes_too_long_is_ended() -> None:
    """S59: a file that takes too much time."""
    slow = Limits(seconds_max=1, pixels_max=400_000_000, memory_max=8_000_000_000, read_seconds=0)
    draws = b"0 0 1 rg " + b"0 0 m 500 800 l 3 90 l 400 5 l 9 700 l f* " * 1000
    pages = [(595.0, 842.0, draws * 60)] * 30
    code = await refused(files.pdf(pages), slow)
    assert code == "file.bomb"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("make", [files.jpeg, files.png, files.webp], ids=["jpeg", "png", "webp"])
async def test_half_a_picture_is_refused(make: object, share: float) -> None:
    """S59: truncated."""
    assert callable(make)
    noise = files.Image.effect_noise((200, 200), 80).convert("RGB")
    content = make(noise)
    assert await refused(content[: int(len(content) * share)]) == "file.damaged"


async def test_half_a_pdf_is_refused_or_shows_what_is_left() -> None:
    """S59: truncated."""
    assert await refused(files.pdf([files.page()])[:60]) == "file.damaged"


async def test_a_pdf_of_a_thousand_pages_is_refused_at_once() -> None:
    """S59."""
    started = monotonic()
    assert await refused(files.pdf([files.page()] * 1000)) == "file.too_many_pages"
    assert monotonic() - started < 4


async def test_a_pdf_without_pages_and_one_with_a_password_are_refused() -> None:
    """S59."""
    assert await refused(files.pdf([])) == "file.damaged"
    writer, out = PdfWriter(BytesIO(files.pdf([files.page()]))), BytesIO()
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(out)
    assert await refused(out.getvalue()) == "file.locked"


async def test_moving_pictures_are_refused() -> None:
    """S59: what is kept must be all that was seen."""
    frames = [files.picture(), files.picture(mode="RGB").rotate(180)]
    for form in ("PNG", "WEBP"):
        content = files.written(frames[0], form, save_all=True, append_images=frames[1:])
        assert await refused(content) == "file.moving"


async def test_a_picture_that_says_another_kind_than_it_is_is_refused() -> None:
    """S59: wrong type."""
    assert await refused(b"\xff\xd8\xff\xe0" + files.png()) == "file.damaged"
    assert await refused(b"%PDF-1.7\n" + files.jpeg()) == "file.damaged"


async def test_many_at_once_wait_for_each_other_and_all_get_through() -> None:
    shop = Workshop(SMALL)
    kept = await asyncio.gather(*(shop.remade(files.jpeg(), Media.JPEG) for _ in range(6)))
    assert len({one.digest for one in kept}) == 1  # the same bytes each time: nothing of the moment is in them


# --- whatever comes ---

_SEEDS = [files.jpeg_with_everything(), files.png_with_texts(), files.webp(), files.active_pdf()]
_FUZZ = settings(
    max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@given(st.sampled_from(_SEEDS), st.data())
@_FUZZ
async def test_a_mutated_file_is_made_anew_or_refused_and_nothing_else_happens(
    seed: bytes, data: st.DataObject
) -> None:
    """S59: fuzz."""
    content = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 12))):
        place = data.draw(st.integers(4, len(content) - 1))
        match data.draw(st.sampled_from(("flip", "cut", "repeat"))):
            case "flip":
                content[place] = data.draw(st.integers(0, 255))
            case "cut":
                del content[place : place + data.draw(st.integers(1, 40))]
            case _:
                content[place:place] = content[max(4, place - 60) : place]
        if len(content) < 8:
            break
    started = monotonic()
    try:
        kept = await remade(bytes(content))
    except Denied as no:
        assert no.code.startswith("file.")
    else:
        assert kept.content.startswith((b"\xff\xd8\xff", b"\x89PNG", b"%PDF-1.4"))
        assert SECRET not in kept.content
    assert monotonic() - started < SMALL.seconds_max + GRACE_SECONDS + 1


@given(st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF0000WEBP", b"%PDF-1.7"]), st.binary(max_size=400))
@_FUZZ
async def test_random_bytes_behind_an_honest_head_are_refused(head: bytes, rest: bytes) -> None:
    """S59: fuzz."""
    assert await refused(head + rest) in {"file.damaged", "file.too_many_pixels", "file.bomb", "file.locked"}
