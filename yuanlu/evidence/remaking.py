"""Makes a file anew from what can be seen of it. Run as a program of its own; of ours it knows what is masked alone.

Hostile bytes are decoded here and nowhere else: in a child process that has no environment, no database and no key,
may write no file, and is held to memory and seconds by the kernel. A crash or a bomb ends the child and nobody else.
It imports the heavy libraries, so the service stays small.

Shape: argv[1] is JSON (`kind`, `pixels_max`, `pages_max`, `bytes_max`, `seconds_max`, `memory_max`, `read_seconds`);
the file comes on standard input. Out goes one line of JSON and then the new file: `{"media", "width", "height",
"pages", "stripped", "searched_pages", "masked"}`,
or `{"no": code, …}` and nothing else.

Law: what comes out was written by our own encoders from pixels: no metadata, no profile, no script, no second format
in the same bytes. An image is turned the way its EXIF says; a PDF is drawn page by page and written as images,
the card and identity numbers of its text blacked out. What a picture shows, and a page without text, is read for them
(`reading.py`) for `read_seconds` at most: what was not read to its end is kept, and not counted in `searched_pages`.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

    from yuanlu.evidence.reading import Reader

JPEG, PNG, WEBP, PDF = "image/jpeg", "image/png", "image/webp", "application/pdf"
_FORMATS = {JPEG: "JPEG", PNG: "PNG", WEBP: "WEBP"}
_QUALITIES = (90, 75, 60)
PAGE_DPI = 150
PAGE_PIXELS_MAX = 5_000_000
"""A page of A4 at 150 dpi has 2.2 million. What is larger is drawn smaller."""
PAGE_POINTS_MAX = 14_400
"""The largest side of a page a PDF may have without user units (PDF 1.7, annex C.2): 5.08 m."""
_METADATA = frozenset({"exif", "icc_profile", "comment", "xmp", "photoshop", "mp"})
"""What Pillow calls it; the texts of a PNG stand under names of their own."""
PDF_LOCKED = 4
"""FPDF_ERR_PASSWORD of pdfium's fpdfview.h."""


class No(Exception):
    """The file is refused, and why."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.told = {"no": code, **facts}


def confine(seconds: int, memory: int) -> None:
    """Give up what is not needed for decoding, for good. The libraries are loaded already."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


# --- images ---


def remade_image(content: bytes, kind: str, limits: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """An image decoded and written anew; WebP becomes JPEG, or PNG where it is see-through."""
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(content), formats=[_FORMATS[kind]]) as opened:
        if opened.width * opened.height > limits["pixels_max"]:
            raise No("file.too_many_pixels", pixels_max=limits["pixels_max"])
        if kind != JPEG and getattr(opened, "is_animated", False):
            raise No("file.moving")  # what is kept must be all that was seen
        stripped = _stripped(content, kind, opened.info)
        opened.load()
        image: Image.Image = ImageOps.exif_transpose(opened) or opened
    image = _plain(image)
    searched, masked = _reader(limits).black_out(image)
    media = PNG if kind == PNG or image.mode in {"RGBA", "LA"} else JPEG
    body = _png(image) if media == PNG else _jpeg(image, limits["bytes_max"])
    told = {
        "media": media, "width": image.width, "height": image.height, "pages": 1, "stripped": stripped,
        "searched_pages": int(searched), "masked": list(masked),
    }  # fmt: skip
    return told, body


def _reader(limits: dict[str, Any]) -> Reader:
    from yuanlu.evidence.reading import Reader

    return Reader(limits["read_seconds"])


def _plain(image: Image.Image) -> Image.Image:
    """Without palettes, separations and depths that only some programs show."""
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in {"1", "L"}:
        return image.convert("L")
    if image.mode.startswith("I"):  # 16 bits a pixel: converting would clip to white
        return image.point(lambda level: level / 256).convert("L")
    return image.convert("RGB")


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    _bare(image).save(out, "PNG", compress_level=6)
    return out.getvalue()


def _jpeg(image: Image.Image, bytes_max: int) -> bytes:
    """As good as there is room for."""
    bare, out = _bare(image), io.BytesIO()
    for quality in _QUALITIES:
        out = io.BytesIO()
        bare.save(out, "JPEG", quality=quality)
        if out.tell() <= bytes_max:
            break
    return out.getvalue()


def _bare(image: Image.Image) -> Image.Image:
    """The pixels alone: what the file said beside them is not written again."""
    image.info.clear()
    return image


def _stripped(content: bytes, kind: str, info: dict[Any, Any]) -> list[str]:
    """What stands in the file beside the picture, in words."""
    found = []
    if _METADATA & info.keys() or (kind == PNG and any(isinstance(value, str) for value in info.values())):
        found.append("metadata")
    if content[end_of(content, kind) :].strip(b"\0"):
        found.append("trailing")
    return found


def end_of(content: bytes, kind: str) -> int:
    """Where the picture ends in the file; what stands behind is something else."""
    if kind == PNG:
        place = 8
        while place + 12 <= len(content):
            length, name = int.from_bytes(content[place : place + 4], "big"), content[place + 4 : place + 8]
            place += 12 + length
            if name == b"IEND":
                return place
        return len(content)
    if kind == WEBP:
        length = int.from_bytes(content[4:8], "little")
        return 8 + length + length % 2
    return content.rfind(b"\xff\xd9") + 2


# --- PDF ---


def remade_pdf(content: bytes, limits: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """A PDF drawn page by page and written as images, one a page: text, links, scripts and attachments are gone."""
    import pypdfium2 as pdfium

    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as no:
        raise No("file.locked" if no.err_code == PDF_LOCKED else "file.damaged") from no
    pages = len(document)
    if pages == 0:
        raise No("file.damaged")
    if pages > limits["pages_max"]:
        raise No("file.too_many_pages", pages=pages, pages_max=limits["pages_max"])
    document.init_forms()  # what was filled into a form is part of what is seen; this pdfium has no JavaScript
    drawn, searched, masked, reader = [], 0, dict[str, None](), _reader(limits)
    for place in range(pages):
        one, was_searched, kinds = _page(document, place, reader)
        drawn.append(one)
        searched += was_searched
        masked |= dict.fromkeys(kinds)
    width, height = drawn[0][1], drawn[0][2]
    told = {
        "media": PDF, "width": width, "height": height, "pages": pages, "stripped": ["document"],
        "searched_pages": searched, "masked": list(masked),
    }  # fmt: skip
    return told, image_pdf(drawn)


Drawn = tuple[bytes, int, int, float, float]
"""A page as JPEG, its pixels, and its size in points."""


def _page(document: Any, place: int, reader: Reader) -> tuple[Drawn, bool, Sequence[str]]:
    """A page drawn, its card and identity numbers blacked out; whether it was searched, and what was found.

    They are looked for in its text; where it has none, in its picture.
    """
    from pypdfium2 import raw

    from yuanlu.evidence import blacking

    page = document[place]
    width, height = page.get_size()
    if not (0 < width <= PAGE_POINTS_MAX and 0 < height <= PAGE_POINTS_MAX):
        raise No("file.damaged")
    scale = PAGE_DPI / 72
    if width * height * scale * scale > PAGE_PIXELS_MAX:
        scale = (PAGE_PIXELS_MAX / (width * height)) ** 0.5
    image = page.render(scale=scale, may_draw_forms=True).to_pil().convert("RGB")
    raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)  # so that what stands in forms and notes is text of the page
    page.close()
    page = document[place]
    searched, kinds = blacking.black_out(page, image)
    page.close()
    if not searched:
        searched, kinds = reader.black_out(image)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return (out.getvalue(), image.width, image.height, width, height), searched, kinds


def image_pdf(pages: Sequence[Drawn]) -> bytes:
    """A PDF 1.4 that shows these JPEGs and holds nothing else. Source: PDF 1.7 (ISO 32000-1), 7.5 and 8.9."""
    objects = list(_objects(pages))
    out, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for place in places:
        out += b"%010d 00000 n \n" % place
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def _objects(pages: Sequence[Drawn]) -> Iterator[bytes]:
    """Catalogue, tree, then three objects a page: the page, what it draws, its picture."""
    kids = b" ".join(b"%d 0 R" % (3 + 3 * place) for place in range(len(pages)))
    yield b"<< /Type /Catalog /Pages 2 0 R >>"
    yield b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, len(pages))
    for place, (jpeg, across, down, width, height) in enumerate(pages):
        number = 3 + 3 * place
        yield (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %.2f %.2f] /Contents %d 0 R"
            b" /Resources << /XObject << /I %d 0 R >> >> >>" % (width, height, number + 1, number + 2)
        )
        draws = b"q %.2f 0 0 %.2f 0 0 cm /I Do Q" % (width, height)
        yield b"<< /Length %d >>\nstream\n%b\nendstream" % (len(draws), draws)
        yield (
            b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB /BitsPerComponent 8"
            b" /Filter /DCTDecode /Length %d >>\nstream\n%b\nendstream" % (across, down, len(jpeg), jpeg)
        )


# --- the program ---


def remade(content: bytes, limits: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """A file made anew, or the reason why not, in the words of this program."""
    try:
        if limits["kind"] == PDF:
            return remade_pdf(content, limits)
        return remade_image(content, limits["kind"], limits)
    except No as no:
        return no.told, b""
    except MemoryError:
        return {"no": "file.bomb"}, b""
    except Exception as trouble:  # whatever a library says of hostile bytes, it is their fault
        if type(trouble).__name__.startswith("DecompressionBomb"):
            return {"no": "file.too_many_pixels", "pixels_max": limits["pixels_max"]}, b""
        return {"no": "file.damaged", "because": type(trouble).__name__}, b""


def main() -> None:
    """Read, make anew, write, end."""
    limits = json.loads(sys.argv[1])
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    if limits["kind"] == PDF:
        import pypdfium2  # noqa: F401  # loaded before the doors are shut
    from PIL import Image, ImageDraw, ImageOps, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

    from yuanlu.evidence import blacking, reading  # noqa: F401

    Image.MAX_IMAGE_PIXELS = limits["pixels_max"]
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    confine(limits["seconds_max"], limits["memory_max"])
    told, body = remade(sys.stdin.buffer.read(), limits)
    if len(body) > limits["bytes_max"]:
        told, body = {"no": "file.too_large", "limit_bytes": limits["bytes_max"]}, b""
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n" + body)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
