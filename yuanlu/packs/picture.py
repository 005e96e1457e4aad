"""Draws a PDF of ours as one picture: its pages below one another, without the empty rest of each.

A program of its own, as `typeset` is: pdfium and the pixels of a long page need 100 MB for a moment. It has no
environment and no file, and is held to memory and seconds by the kernel (see `evidence.remaking`).
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yuanlu.errors import Broken, Denied

if TYPE_CHECKING:
    from PIL import Image

SCALE = 2.5
"""Pixels a point: a page 110 mm wide becomes 780 pixels, twice what a phone has in CSS."""
PAGES_MAX = 12
MARGIN_PX = 40
_SECONDS, _MEMORY, WITHIN_SECONDS = 20, 1_500_000_000, 40


def drawn(pdf: bytes) -> bytes:
    """The picture of this PDF as PNG. Blocking: not for an event loop's own thread.

    Raises Denied: pack.too_slow; Broken when the process ends in another way than it should.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-X", "utf8", str(Path(__file__))], input=pdf, capture_output=True, env={}, cwd="/",
            timeout=WITHIN_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        raise Denied("pack.too_slow") from late
    if done.returncode:
        raise Broken(f"the draughtsman ended with {done.returncode}: {done.stderr[-300:].decode(errors='replace')}")
    return done.stdout


def main() -> None:
    """What that process does: a PDF on standard input, a PNG on standard output."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import pypdfium2 as pdfium  # noqa: PLC0415 - in the child alone, before the doors are shut
    from PIL import Image, ImageChops, PngImagePlugin  # noqa: F401, PLC0415

    from yuanlu.evidence.remaking import confine  # noqa: PLC0415

    confine(_SECONDS, _MEMORY)
    document = pdfium.PdfDocument(sys.stdin.buffer.read())
    pages = [_cut(document[place].render(scale=SCALE).to_pil().convert("RGB")) for place in range(len(document))]
    sys.stdout.buffer.write(_joined(pages[:PAGES_MAX]))
    sys.stdout.buffer.flush()


def _cut(page: Any) -> Image.Image:
    """A page without the white above and below what is on it."""
    from PIL import Image, ImageChops  # noqa: PLC0415 - see `main`

    box = ImageChops.difference(page, Image.new("RGB", page.size, "white")).getbbox()
    return page.crop((0, box[1], page.width, box[3])) if box else page.crop((0, 0, page.width, 1))  # type: ignore[no-any-return]


def _joined(pages: list[Image.Image]) -> bytes:
    from PIL import Image  # noqa: PLC0415 - see `main`

    height = sum(page.height for page in pages) + MARGIN_PX * (len(pages) + 1)
    picture = Image.new("RGB", (pages[0].width, height), "white")
    down = MARGIN_PX
    for page in pages:
        picture.paste(page, (0, down))
        down += page.height + MARGIN_PX
    out = io.BytesIO()
    picture.quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    main()
