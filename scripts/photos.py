"""Measure how many made-up card numbers are found in made-up photos of 12 megapixels, and what a photo costs.

    PYTHONPATH=. .venv/bin/python scripts/photos.py [HOW MANY OF EACH]

Each is a card of another colour with a pattern, its number in one of six typefaces of the system, blurred, unevenly
lit, with noise, as JPEG: straight (within 3 degrees), turned (within 10), on a side, or embossed: lit edges alone
differ.
"""

from __future__ import annotations

import io
import resource
import sys
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont
from stdnum import luhn

from yuanlu.evidence.reading import Reader

FACES = (
    "DejaVuSans", "DejaVuSansMono", "DejaVuSerif",
    "LiberationSans-Regular", "LiberationMono-Bold", "LiberationSerif-Regular",
)  # fmt: skip
SORTS = (("straight", 3, (0,)), ("turned", 10, (0,)), ("on a side", 3, (90, 180, 270)), ("embossed", 3, (0,)))
"""What it is called, degrees it leans at most, and how it is turned."""
GROUNDS = ((40, 70, 130), (150, 30, 40), (225, 225, 230), (30, 30, 34), (200, 180, 120), (60, 120, 90))
WIDTH, HEIGHT = 2600, 1639
Colour = tuple[int, ...]


def shifted(colour: Colour, by: int) -> Colour:
    return tuple(max(0, min(255, level + by)) for level in colour)


def card(dice: Random, number: str, *, embossed: bool) -> Image.Image:
    ground = dice.choice(GROUNDS)
    image = Image.new("RGB", (WIDTH, HEIGHT), ground)
    pen = ImageDraw.Draw(image)
    for _ in range(30):
        x, y, size = dice.randrange(WIDTH), dice.randrange(HEIGHT), dice.randrange(100, 900)
        line = shifted(ground, dice.randrange(-14, 15))
        pen.ellipse((x - size, y - size, x + size, y + size), outline=line, width=dice.randrange(4, 30))
    text = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    face = ImageFont.truetype(dice.choice(FACES), 156)
    face = face.font_variant(size=int(min(156, 156 * 0.85 * WIDTH / face.getlength(text))))
    ink = (240, 240, 240) if sum(ground) < 380 else (25, 25, 30)
    layers = (
        [(-2, shifted(ground, 38)), (2, shifted(ground, -34)), (0, shifted(ground, 14))] if embossed else [(0, ink)]
    )
    for by, colour in layers:
        pen.text((208 + by, 900 + by), text, font=face, fill=colour)
    pen.text((1170, 1180), "VALID THRU 12/29", font=face.font_variant(size=65), fill=ink)
    return image


def photo(dice: Random, image: Image.Image, angle: float, turn: int) -> Image.Image:
    size = (4000, 3000)
    table = Image.effect_noise((500, 375), 10).resize(size)
    out = Image.merge("RGB", [table.point([int(level * share) for level in range(256)]) for share in (0.8, 0.7, 0.6)])
    mask = Image.new("L", image.size, 255).rotate(angle, expand=True)
    image = image.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    out.paste(image, ((4000 - image.width) // 2, (3000 - image.height) // 2), mask)
    light = Image.linear_gradient("L").resize(size).point([150 + level * 100 // 255 for level in range(256)])
    out = ImageChops.multiply(out, Image.merge("RGB", [light] * 3)).filter(ImageFilter.GaussianBlur(1))
    noise = Image.effect_noise(size, 14)
    out = ImageChops.add(out, Image.merge("RGB", [noise] * 3), 1, -128).rotate(turn, expand=True)
    jpeg = io.BytesIO()
    out.save(jpeg, "JPEG", quality=85)
    return Image.open(jpeg).convert("RGB")


def seconds() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def main() -> None:
    """Print a line for each sort."""
    count, dice = int(sys.argv[1]) if len(sys.argv) > 1 else 10, Random(9)  # noqa: S311 - the same photos each time
    for sort, lean, turns in SORTS:
        found, searched, spent = 0, 0, []
        for _ in range(count):
            body = "62" + "".join(dice.choice("0123456789") for _ in range(dice.choice((13, 16))))
            image = card(dice, body + luhn.calc_check_digit(body), embossed=sort == "embossed")
            image = photo(dice, image, dice.uniform(-lean, lean), dice.choice(turns))
            before = seconds()
            was_searched, kinds = Reader(200).black_out(image)
            spent.append(seconds() - before)
            found, searched = found + bool(kinds), searched + was_searched
        cost = f"CPU {sum(spent) / count:.1f} s, at most {max(spent):.1f} s"
        sys.stdout.write(f"{sort}: found {found} of {count}, searched {searched}, {cost}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
