"""Pictures as a till's camera sees them: a code on a phone, straight, tilted, blurred, in a glare; and films of them.

Codes are drawn by segno (QR) and ZXing-C++ (bars), scenes by Pillow; nothing here is a photograph.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import segno
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

SIZE = (1280, 720)
COUNTER, PHONE, GLASS = (96, 88, 78), (24, 26, 30), (255, 255, 255)


@dataclass(frozen=True)
class Scene:
    """What is held before the camera. `kind`: qr, or a format of ZXing-C++.

    `wide`: its width with its margin, in pixels. `turned`: degrees. `blurred`: radius of a Gaussian in pixels. `glare`:
    the share of the code that a lamp's reflection covers; above 1 it covers all of it.
    """

    text: str
    kind: str = "Code128"
    wide: int = 560
    turned: float = 0
    blurred: float = 0
    glare: float = 0
    left: int = 0


def code(text: str, kind: str) -> Image.Image:
    """A code alone, with its quiet zone."""
    if kind == "qr":
        drawn = io.BytesIO()
        segno.make_qr(text, error="m").save(drawn, kind="png", scale=8, border=4)
        return Image.open(drawn).convert("RGB")
    bars = zxingcpp.create_barcode(text, zxingcpp.barcode_format_from_str(kind)).to_image(scale=4)
    high, wide = memoryview(bars).shape
    plain = Image.frombytes("L", (wide, high), bytes(memoryview(bars))).convert("RGB")
    padded = Image.new("RGB", (wide + 96, high + 64), GLASS)
    padded.paste(plain, (48, 32))
    return padded


def picture(*scenes: Scene) -> Image.Image:
    """The counter with these phones on it; with none, the counter alone."""
    seen = Image.new("RGB", SIZE, COUNTER)
    for scene in scenes:
        phone = _phone(scene)
        place = ((SIZE[0] - phone.width) // 2 + scene.left, (SIZE[1] - phone.height) // 2)
        seen.paste(phone, place, phone)
    return (
        seen.filter(ImageFilter.GaussianBlur(blur)) if (blur := max((s.blurred for s in scenes), default=0)) else seen
    )


def _phone(scene: Scene) -> Image.Image:
    """A phone that shows the code, turned as it is held, its ground see-through."""
    drawn = code(scene.text, scene.kind)
    drawn = drawn.resize((scene.wide, max(150, drawn.height * scene.wide // drawn.width)), Image.Resampling.LANCZOS)
    if scene.glare:
        drawn = _lit(drawn, scene.glare)
    phone = Image.new("RGBA", (drawn.width + 60, drawn.height + 90), (*PHONE, 255))
    phone.paste(Image.new("RGB", (drawn.width + 30, drawn.height + 40), GLASS), (15, 25))
    phone.paste(drawn, (30, 45))
    return phone.rotate(scene.turned, Image.Resampling.BICUBIC, expand=True)


def _lit(drawn: Image.Image, share: float) -> Image.Image:
    """A lamp's reflection over this share of the code's width: pale, white if it covers all, fading out."""
    mask = Image.new("L", drawn.size, 0)
    half, middle = int(drawn.width * share / 2), (drawn.width * 2 // 3, drawn.height // 3)
    ImageDraw.Draw(mask).ellipse(
        (middle[0] - half, middle[1] - half // 2, middle[0] + half, middle[1] + half // 2),
        fill=255 if share > 1 else 205,
    )
    white = Image.new("RGB", drawn.size, GLASS)
    return Image.composite(white, drawn, mask.filter(ImageFilter.GaussianBlur(max(half // 6, 1))))


def jpeg(seen: Image.Image) -> bytes:
    """A frame of a film."""
    made = io.BytesIO()
    seen.save(made, "JPEG", quality=88, subsampling=2)
    return made.getvalue()


def film(place: Path, parts: Iterable[tuple[Image.Image, float]]) -> Path:
    """Pictures and their seconds as motion JPEG, 30 a second: Chromium's fake camera plays it over and over."""
    place.write_bytes(b"".join(jpeg(seen) * round(seconds * 30) for seen, seconds in parts))
    return place
