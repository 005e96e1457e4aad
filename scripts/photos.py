"""Measure how many made-up card numbers are found in made-up photos of 12 megapixels, and what a photo costs.

    PYTHONPATH=. .venv/bin/python scripts/photos.py [HOW MANY OF EACH [SORT …]]

Each is a card of another colour with a pattern, its number in one of six typefaces of the system, blurred, unevenly
lit, with glare and noise, as JPEG: straight (within 3 degrees), turned (within 10), on a side, or embossed: lit edges
alone differ. The last two sorts, receipts and goods, show no such number: what is found there is black for nothing.
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
    "DejaVuSans",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSans-Bold",
    "DejaVuSansMono-Bold",
    "DejaVuSansCondensed",
)
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


def receipt(dice: Random, _: str) -> Image.Image:
    """A slip: lines of words and amounts, a date, an order number of 28 digits, a barcode with its digits."""
    image = Image.new("RGB", (1500, 2300), (238, 236, 230))
    pen, face = ImageDraw.Draw(image), ImageFont.truetype(dice.choice(FACES), dice.randrange(44, 62))
    words = ("Noodles", "Tea", "Rice cake", "Soy milk", "Dumplings x2", "Paper bag", "Discount", "Total", "Paid")
    lines = [f"{dice.choice(words):<16} {dice.randrange(1, 99)}.{dice.randrange(10, 99)}" for _ in range(16)]
    lines += [f"2026-11-{dice.randrange(10, 28)} 12:{dice.randrange(10, 59)}:07   TILL 02", "Tel 010-5555 0123",
              "4200001" + "".join(dice.choice("0123456789") for _ in range(21))]  # fmt: skip
    for place, line in enumerate(lines):
        pen.text((90, 90 + place * 92), line, font=face, fill=(40, 40, 44))
    for place in range(95):
        pen.rectangle((300 + place * 9, 1950, 300 + place * 9 + dice.choice((2, 3, 6)), 2120), fill=(30, 30, 30))
    pen.text((380, 2140), "690" + "".join(dice.choice("0123456789") for _ in range(10)), font=face, fill=(30, 30, 30))
    return image


def goods(dice: Random, _: str) -> Image.Image:
    """A box with a name, faint patterns, a row of dots, and a line of small print."""
    ground = dice.choice(GROUNDS)
    image = Image.new("RGB", (WIDTH, HEIGHT), ground)
    pen = ImageDraw.Draw(image)
    for _place in range(40):
        x, y, size = dice.randrange(WIDTH), dice.randrange(HEIGHT), dice.randrange(40, 500)
        line = shifted(ground, dice.randrange(-40, 41))
        draw = dice.choice((pen.ellipse, pen.rectangle))
        draw((x - size, y - size // 2, x + size, y + size // 2), outline=line, width=dice.randrange(4, 30))
    face = ImageFont.truetype(dice.choice(FACES), 190)
    ink = (240, 240, 240) if sum(ground) < 380 else (25, 25, 30)
    pen.text((200, 300), dice.choice(("OOLONG TEA", "Jasmine 500 g", "Green Bean", "Soy Sauce")), font=face, fill=ink)
    for place in range(dice.randrange(12, 26)):
        pen.ellipse((220 + place * 80, 1240, 260 + place * 80, 1280), fill=shifted(ground, 26))
    small = face.font_variant(size=58)
    pen.text((220, 1420), "Best before 2027-05-01   Lot 48213   Keep dry", font=small, fill=ink)
    return image


def plain(dice: Random, number: str) -> Image.Image:
    return card(dice, number, embossed=False)


def raised(dice: Random, number: str) -> Image.Image:
    return card(dice, number, embossed=True)


def seconds() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


SORTS = (
    ("straight", plain, 3, (0,)), ("turned", plain, 10, (0,)), ("on a side", plain, 3, (90, 180, 270)),
    ("embossed", raised, 3, (0,)), ("embossed, turned", raised, 10, (0, 90)),
    ("receipt", receipt, 8, (0, 90)), ("goods", goods, 8, (0,)),
)  # fmt: skip
"""What it is called, what is drawn, degrees it leans at most, and how it is turned. The last two show no number."""


def glare(dice: Random, image: Image.Image) -> Image.Image:
    """A soft bright spot, as of a lamp."""
    spot = Image.radial_gradient("L").point([max(0, 90 - level) for level in range(256)])
    side = dice.randrange(600, 1600)
    layer = Image.new("L", image.size)
    layer.paste(spot.resize((side, side)), (dice.randrange(image.width - side // 2), dice.randrange(image.height)))
    return ImageChops.add(image, Image.merge("RGB", [layer] * 3))


def main() -> None:
    """Print a line for each sort."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for sort, draw, lean, turns in SORTS:
        if sys.argv[2:] and sort.partition(",")[0] not in sys.argv[2:]:
            continue
        dice = Random(sort)  # noqa: S311 - the same photos each time
        found, searched, lost, spent = 0, 0, 0, []
        for _ in range(count):
            body = "62" + "".join(dice.choice("0123456789") for _ in range(dice.choice((13, 16))))
            image = glare(dice, draw(dice, body + luhn.calc_check_digit(body)))
            image = photo(dice, image, dice.uniform(-lean, lean), dice.choice(turns))
            before = seconds()
            was_searched, kinds = Reader(200).black_out(image)
            spent.append(seconds() - before)
            found, searched, lost = found + bool(kinds), searched + was_searched, lost + (was_searched and not kinds)
        cost = f"CPU {sum(spent) / count:.1f} s, at most {max(spent):.1f} s"
        sys.stdout.write(
            f"{sort}: black {found} of {count}, searched {searched}, of these without black {lost}, {cost}\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
