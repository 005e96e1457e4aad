"""Reads the pictures that were made anew and blacks card and identity numbers out. Run as a program of its own.

It gets what `remaking.py` wrote, never the bytes as they came, and is confined like it: no environment, no file, no
key, held to seconds and memory. It is a second child, so that a picture that cannot be read is still kept: nobody who
hands in is sent away because our reader is at its end. The file says `unread` then, and a person looks.

Shape: argv[1] is JSON (`media`, `bytes_max`, `seconds_max`, `memory_max`); the file comes on standard input. Out
goes one line of JSON, `{"masked": […]}`, and the new file, or nothing more where nothing was found.

Law: a picture without numbers is not written again. What was blacked out is read again until nothing is found.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

SIDE_MAX = 2000
"""Pixels of the longer side, at most, in which text is looked for; it is then read in full size."""
STRETCH_MAX = 2
"""A picture longer than that many times its width, and than `SIDE_MAX`, is read in pieces: long screenshots."""
PASSES_MAX = 4
GAP = 1.55
"""Digits that stand so many times as far apart as most do have a space between them."""


class Reader:
    """Finds and reads text with the models of RapidOCR (PP-OCRv4), on one thread."""

    def __init__(self) -> None:
        import cv2
        import numpy as np
        from rapidocr_onnxruntime import RapidOCR

        cv2.setNumThreads(1)
        self._engine = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)
        self._numpy, self._cv2 = np, cv2

    def segments(self, image: Any) -> list[Any]:
        """What is read in an RGB picture, box by box."""
        full = self._numpy.ascontiguousarray(self._numpy.asarray(image)[:, :, ::-1])
        share = min(1.0, SIDE_MAX / max(image.size))
        small = full
        if share < 1:
            small = self._cv2.resize(full, None, fx=share, fy=share, interpolation=self._cv2.INTER_AREA)
        boxes, _ = self._engine.auto_text_det(small)
        if boxes is None:
            return []
        boxes = [(box / share).astype("float32") for box in boxes]
        crops = self._engine.get_crop_img_list(full, boxes)
        kept = [place for place, crop in enumerate(crops) if min(crop.shape[:2]) > 0]
        boxes, crops = [boxes[place] for place in kept], [crops[place] for place in kept]
        if not crops:
            return []
        crops, turns, _ = self._engine.text_cls(crops)
        texts, _ = self._engine.text_rec(crops, True)
        return [_segment(box, turn, text) for box, turn, text in zip(boxes, turns, texts, strict=True)]


def _segment(box: Any, turn: Any, text: Any) -> Any:
    """The letters of a box with their places. A box that stands upright, or on its head, is covered whole."""
    from yuanlu.evidence.blacking import Letter

    quad: Any = tuple((float(x), float(y)) for x, y in box)
    across = ((quad[1][0] - quad[0][0]) ** 2 + (quad[1][1] - quad[0][1]) ** 2) ** 0.5
    down = ((quad[3][0] - quad[0][0]) ** 2 + (quad[3][1] - quad[0][1]) ** 2) ** 0.5
    signs, (columns, _, column_lists, _, _) = text[0], text[2]
    places = [(column + 0.5) / max(columns, 1) for some in column_lists for column in some]
    gaps = [later - earlier for earlier, later in pairwise(places)]
    digits = [gap for gap, one, two in zip(gaps, signs, signs[1:], strict=False) if one.isdigit() and two.isdigit()]
    pitch = median(digits or gaps or [1.0])
    is_straight = down < 1.5 * across and "180" not in turn[0]
    out: list[Letter] = []
    for number, (sign, place) in enumerate(zip(signs, places, strict=False)):
        start, end = (max(0.0, place - pitch), min(1.0, place + pitch)) if is_straight else (0.0, 1.0)
        if out and sign != " " and out[-1].sign != " " and gaps[number - 1] > GAP * pitch:
            out.append(Letter(" ", quad, start, start))
        out.append(Letter(sign, quad, start, end))
    return out


def pieces(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """A long picture in pieces that overlap, others whole: left, upper, right, lower."""
    short, long = sorted((width, height))
    step = max(short * STRETCH_MAX, SIDE_MAX)
    if long <= step:
        yield 0, 0, width, height
        return
    for start in range(0, max(1, long - step // 4), step * 3 // 4):
        end = min(long, start + step)
        yield (start, 0, end, height) if width > height else (0, start, width, end)


def blacked(reader: Reader, image: Any) -> list[str]:
    """Black out what is found, in the picture itself; answers what it was."""
    from yuanlu.evidence import blacking

    masked: list[str] = []
    for _ in range(PASSES_MAX):
        found = False
        for piece in pieces(*image.size):
            for seen in _seen(image.crop(piece)):
                quads, kinds = blacking.spots(blacking.lines(reader.segments(seen)))
                left, upper = piece[:2]
                moved = [tuple((x + left, y + upper) for x, y in quad) for quad in quads]
                blacking.black_out(image, moved)  # type: ignore[arg-type]
                masked += kinds
                found = found or bool(quads)
        if not found:
            return list(dict.fromkeys(masked))
    raise RuntimeError("there is still something to be read")  # kept as `unread`: not every number may be covered


def _seen(image: Any) -> Iterator[Any]:
    """A picture as it is seen; one that is see-through on white, and without what makes it so."""
    from PIL import Image

    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        yield Image.alpha_composite(white, image).convert("RGB")
        if image.getextrema()[3] == (255, 255):
            return
    yield image.convert("RGB")


def read(reader: Reader, content: bytes, asked: dict[str, Any]) -> tuple[list[str], bytes]:
    """What was blacked out in a file, and the file; no bytes where nothing was."""
    from PIL import Image

    from yuanlu.evidence import remaking

    if asked["media"] == remaking.PDF:
        return _read_pdf(reader, content)
    with Image.open(io.BytesIO(content)) as opened:
        opened.load()
        image: Image.Image = opened.copy()
    masked = blacked(reader, image)
    if not masked:
        return [], b""
    is_png = asked["media"] == remaking.PNG
    return masked, remaking.png(image) if is_png else remaking.jpeg(image, asked["bytes_max"])


def _read_pdf(reader: Reader, content: bytes) -> tuple[list[str], bytes]:
    """The pages of a PDF of ours: each is one JPEG. A page without numbers keeps its bytes."""
    import pypdfium2 as pdfium
    from PIL import Image

    from yuanlu.evidence import remaking

    document, masked, drawn = pdfium.PdfDocument(content), [], []
    for page in document:
        (picture,) = page.get_objects()
        jpeg = bytes(picture.get_data(decode_simple=False))
        with Image.open(io.BytesIO(jpeg)) as opened:
            image = opened.convert("RGB")
        found = blacked(reader, image)
        masked += found
        if found:
            jpeg = remaking.page_jpeg(image)
        drawn.append((jpeg, image.width, image.height, *page.get_size()))
    return list(dict.fromkeys(masked)), remaking.image_pdf(drawn) if masked else b""


def main() -> None:
    """Load, shut the doors, read, write, end."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import pypdfium2  # noqa: F401  # loaded before the doors are shut, as the codecs are
    from PIL import Image, ImageDraw, JpegImagePlugin, PngImagePlugin  # noqa: F401

    from yuanlu.evidence import blacking, remaking  # noqa: F401

    asked = json.loads(sys.argv[1])
    Image.MAX_IMAGE_PIXELS = None  # counted when it was made anew
    reader = Reader()
    remaking.confine(asked["seconds_max"], asked["memory_max"])
    masked, body = read(reader, sys.stdin.buffer.read(), asked)
    sys.stdout.buffer.write(json.dumps({"masked": masked}).encode() + b"\n" + body)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
