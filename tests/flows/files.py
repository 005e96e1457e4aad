"""Pictures, PDFs and what pretends to be one: made in memory, the hostile ones by hand."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

SECRET = b"planted-secret-13800001111"
"""What must not be found in anything that is kept."""


def picture(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    """A picture whose left half is dark: turned, it shows."""
    image = Image.new(mode, (width, height), "white")
    image.paste("black", (0, 0, width // 2, height))
    return image


def jpeg(image: Image.Image | None = None, **options: Any) -> bytes:
    return written(image or picture(), "JPEG", **options)


def png(image: Image.Image | None = None, **options: Any) -> bytes:
    return written(image or picture(), "PNG", **options)


def webp(image: Image.Image | None = None, **options: Any) -> bytes:
    return written(image or picture(), "WEBP", **options)


def written(image: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def read(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def jpeg_with_everything() -> bytes:
    """A JPEG that lies on its side and says so, with a place, a profile and a comment."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter to the right
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[2] = (31.0, 13.0, 49.0)
    return jpeg(exif=exif, comment=SECRET, icc_profile=b"profile " + SECRET)


def png_with_texts() -> bytes:
    texts = PngInfo()
    texts.add_text("Author", SECRET.decode())
    texts.add_itxt("XML:com.adobe.xmp", SECRET.decode(), zip=True)
    return png(pnginfo=texts)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_claiming(width: int, height: int, body: bytes = b"") -> bytes:
    """A PNG that says it is so large, whatever is in it."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", body or zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def pdf(pages: Sequence[tuple[float, float, bytes]], extra: bytes = b"", catalogue: bytes = b"") -> bytes:
    """A PDF of pages (width, height, what it draws); `extra` are further objects, from 1000 on."""
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    kids = b" ".join(b"%d 0 R" % (10 + 2 * n) for n in range(len(pages)))
    objects: list[tuple[int, bytes]] = [
        (1, b"<< /Type /Catalog /Pages 2 0 R %b >>" % catalogue),
        (2, b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, len(pages))),
        (3, font),
    ]
    for n, (width, height, draws) in enumerate(pages):
        page = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %.1f %.1f] /Contents %d 0 R"
            b" /Resources << /Font << /F 3 0 R >> >> >>" % (width, height, 11 + 2 * n)
        )
        objects += [(10 + 2 * n, page), (11 + 2 * n, b"<< /Length %d >>\nstream\n%b\nendstream" % (len(draws), draws))]
    out, places = bytearray(b"%PDF-1.7\n"), {}
    for number, body in objects:
        places[number] = len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    out += extra
    start = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in sorted(places.items()):
        out += b"%d 1\n%010d 00000 n \n" % (number, place)
    out += b"trailer\n<< /Size 5000 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


def page(text: bytes = b"receipt", width: float = 595, height: float = 842) -> tuple[float, float, bytes]:
    return width, height, b"BT /F 40 Tf 50 %d Td (%b) Tj ET" % (int(height) // 2, text)


def active_pdf() -> bytes:
    """A PDF with a script that runs at opening, a link, an attachment, and a secret in its text and its metadata."""
    script = b"/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >> /AA << /O << /S /Launch /F (calc.exe) >> >>"
    names = b" /Names << /EmbeddedFiles << /Names [(x) << /F (x) /EF << /F 3 0 R >> >>] >> >>"
    return pdf([page(SECRET)], extra=b"% " + SECRET + b"\n", catalogue=script + names)


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
ZIP_BOMB = b"PK\x03\x04" + zlib.compress(b"\0" * 1_000_000)
