"""The pages of a pack: what a dossier says, for people to read, on A4 with the typeface embedded.

The heavy libraries (WeasyPrint, Pango, Pillow) are loaded when the first page is made, and only then.
"""

from __future__ import annotations

import ctypes
import gc
import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from string import Formatter
from typing import Any

from yuanlu import packaged, words
from yuanlu.errors import Denied
from yuanlu.money import Money
from yuanlu.packs.audit import ENTERED, clock_time
from yuanlu.packs.dossier import INTERNAL, Columns, Dossier, Happened, Kept
from yuanlu.packs.readers import Reader
from yuanlu.refunds.rules import State
from yuanlu.told import both, told

FONT_PACKAGE = "fonts-noto-cjk"
PANGO_PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0"
QUOTED_MAX = 4000
"""Letters of one message on paper. The record has all of it."""
THUMB = (160, 160)
THUMB_PIXELS_MAX = 60_000_000
_ARRIVED = (State.DONE, State.PROVEN, State.EXTERNAL)
_ON_ITS_WAY = (State.RESERVED, State.READY, State.SENT, State.WAITING, State.MANUAL, State.STRANDED, State.REDIRECTING)
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Signs that draw nothing, or turn the order of what is read."""


@dataclass(frozen=True, slots=True)
class Tongue:
    """Words in the reader's language first, in the other beside it."""

    lang: str

    def pair(self, code: str, /, **facts: object) -> tuple[str, str]:
        zh, en = both(code, facts)
        return (zh, en) if self.lang == "zh" else (en, zh)

    def say(self, code: str, /, **facts: object) -> str:
        return self.pair(code, **facts)[0]

    def known(self, code: str) -> str:
        """The words for a code, or what stands behind its first dot where nobody wrote any."""
        return self.say(code) if code in words.catalogue() else code.rpartition(".")[2]


def pages(
    dossier: Dossier, thumbs: Mapping[str, bytes], *, reader: Reader, lang: str, certificates: Sequence[str]
) -> bytes:
    """Draw the pages: a PDF/A-3 with nothing enclosed yet.

    Shape: `thumbs` is id of a file to a small picture of it.

    Raises Denied: pack.no_font.
    """
    weasyprint = typesetter()
    html = _html(dossier, thumbs, Tongue(words.language(lang)), reader, certificates)
    document = weasyprint.HTML(string=html, url_fetcher=_fetcher(thumbs))
    sheet = weasyprint.CSS(string=packaged.text("packs/pack.css"))
    with warnings.catch_warnings():  # it leaves the file of its colour profile to be closed by itself
        warnings.simplefilter("ignore", ResourceWarning)
        drawn: bytes = document.write_pdf(stylesheets=[sheet], pdf_variant="pdf/a-3u")
        del document
        gc.collect()
    return drawn


def typesetter() -> Any:
    """WeasyPrint, if it can draw and this machine can write Chinese.

    Raises Denied: pack.no_font, with the Debian package that is missing.
    """
    try:
        import weasyprint  # noqa: PLC0415 - see the top
    except OSError as missing:
        raise Denied("pack.no_font", package=PANGO_PACKAGES) from missing
    if not can_write_chinese():
        raise Denied("pack.no_font", package=FONT_PACKAGE)
    return weasyprint


class _Fonts(ctypes.Structure):
    """FcFontSet."""

    _fields_ = (("nfont", ctypes.c_int), ("sfont", ctypes.c_int), ("fonts", ctypes.c_void_p))


def can_write_chinese() -> bool:
    """Whether this machine has a typeface for Chinese, as fontconfig sees it."""
    try:
        config = ctypes.CDLL("libfontconfig.so.1")
    except OSError:
        return False
    config.FcNameParse.restype = config.FcObjectSetCreate.restype = ctypes.c_void_p
    config.FcFontList.restype = ctypes.POINTER(_Fonts)
    pattern = ctypes.c_void_p(config.FcNameParse(b":lang=zh-cn"))
    wanted = ctypes.c_void_p(config.FcObjectSetCreate())
    found = config.FcFontList(None, pattern, wanted)
    has_any = bool(found) and found.contents.nfont > 0
    config.FcFontSetDestroy(found)
    config.FcObjectSetDestroy(wanted)
    config.FcPatternDestroy(pattern)
    return has_any


def _fetcher(thumbs: Mapping[str, bytes]) -> Any:
    """Nothing is fetched but the small pictures we made ourselves: no file, no address."""
    from weasyprint.urls import URLFetcher, URLFetcherResponse  # noqa: PLC0415 - see the top

    class Thumbs(URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: object = None) -> Any:
            scheme, _, name = url.partition(":")
            if scheme != "thumb" or name not in thumbs:
                raise ValueError("nothing is fetched")
            return URLFetcherResponse(url, thumbs[name], {"Content-Type": "image/jpeg"})

    return Thumbs()


# --- what the page says ---


def _html(
    dossier: Dossier, thumbs: Mapping[str, bytes], tongue: Tongue, reader: Reader, certificates: Sequence[str]
) -> str:
    import jinja2  # noqa: PLC0415 - see the top

    space = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, finalize=seen)
    case, payment, marks = dossier.case, dossier.payment, _marks(dossier)
    return space.from_string(packaged.text("packs/pack.html")).render(
        lang=tongue.lang,
        t=tongue.pair,
        title=f"{tongue.say('paper.title')} {case['id']}",
        merchant=dossier.merchant,
        case=case,
        fingerprint=certificates[0],
        headline=_headline(dossier, tongue),
        first=list(_first(dossier, tongue, reader)),
        figures=list(_figures(dossier)),
        stands=list(_stands(case, tongue)),
        rights=[{"text": each.zh if tongue.lang == "zh" else each.en, "source": each.source}
                for each in dossier.rights],
        amounts=list(_amounts(dossier, tongue)),
        decisions=[_decision(each, tongue, payment) for each in dossier.decisions],
        timeline=_timeline(dossier, tongue, marks),
        files=[_file(each, thumbs, tongue, marks) for each in dossier.files],
        evidence=list(_evidence(dossier, tongue, marks)),
        chain=list(_links(dossier, tongue, marks)),
        check=tongue.say("paper.how_to_check").split("\n"),
        certificates=[{"code": f"paper.certificate_{'ours' if not place else 'authority'}", "fingerprint": each}
                      for place, each in enumerate(certificates)],
    )  # fmt: skip


def seen(value: Any) -> Any:
    """Text without what draws nothing; all else as it is."""
    return _UNSEEN.sub("", value) if type(value) is str else value


def _marks(dossier: Dossier) -> Mapping[str, str]:
    """The number of each piece of evidence on paper: E of the channels, F a file, M a message."""
    numbered = {
        "E": [each.id for each in dossier.evidence],
        "F": [each.id for each in dossier.files],
        "M": [each.id for each in dossier.thread],
    }
    return {item: f"{letter}{place}" for letter, items in numbered.items() for place, item in enumerate(items, 1)}


def _yuan(fen: int, currency: object = "CNY") -> str:
    return str(Money(fen, str(currency)))


def _headline(dossier: Dossier, tongue: Tongue) -> str:
    what = tongue.known(f"what.{dossier.case['what']}")
    amount = _yuan(dossier.payment["amount_fen"], dossier.payment["currency"])
    return tongue.say("paper.headline", merchant=dossier.merchant["name"], amount=amount, fault=what)


def _first(dossier: Dossier, tongue: Tongue, reader: Reader) -> Iterator[tuple[str, str]]:
    case, payment = dossier.case, dossier.payment
    shop = " · ".join(str(dossier.merchant.get(each) or "") for each in ("name", "store", "till")).rstrip(" ·")
    yield "paper.case", str(case["id"])
    yield "paper.payment", str(payment["id"])
    yield "paper.shop", shop
    yield "paper.channel", tongue.known(f"channel.{payment['channel']}")
    yield "paper.paid_at", _time(payment.get("paid_at"))
    yield "paper.channel_number", str(payment.get("channel_number") or "—")
    yield "paper.opened_at", _time(case["opened_at"])
    yield "paper.closed_at", _time(case.get("closed_at"))
    yield "paper.made_at", _time(dossier.made_at)
    yield "paper.reader", tongue.say(f"paper.for_{reader}")


def _time(at: object) -> str:
    """Rows that were read back have their times as text."""
    if isinstance(at, str) and at:
        at = datetime.fromisoformat(at)
    return clock_time(at) if isinstance(at, datetime) else "—"


def _summed(dossier: Dossier, states: Sequence[State]) -> int:
    return sum(each["amount_fen"] for each in dossier.refunds if each["state"] in set(states))


def _figures(dossier: Dossier) -> Iterator[dict[str, object]]:
    payment, case = dossier.payment, dossier.case
    currency = payment["currency"]
    yield {"code": "paper.paid", "amount": _yuan(payment["amount_fen"], currency), "strong": False}
    if case.get("meant_fen") is not None:
        yield {"code": "paper.meant", "amount": _yuan(case["meant_fen"], currency), "strong": False}
    waiting = _summed(dossier, _ON_ITS_WAY)
    if waiting:
        yield {"code": "paper.on_its_way", "amount": _yuan(waiting, currency), "strong": False}
    yield {"code": "paper.back", "amount": _yuan(_summed(dossier, _ARRIVED), currency), "strong": True}


def _stands(case: Columns, tongue: Tongue) -> Iterator[str]:
    """Where the case is, who holds it, until when."""
    state, conclusion = str(case["state"]), str(case.get("conclusion") or "")
    if state == "CLOSED" and f"conclusion.{conclusion}" in words.catalogue():
        amount_fen = case.get("remedy_fen") or 0
        yield tongue.say("paper.ended", how=tongue.say(f"conclusion.{conclusion}", amount_fen=amount_fen))
    else:
        yield tongue.say("paper.open", state=tongue.known(f"paper.case.{state}"))
    if case.get("holder"):
        due = _time(case.get("due_at"))
        yield tongue.say("paper.holder", holder=tongue.known(f"holder.{case['holder']}"), due=due)
    yield tongue.say("paper.rights")


def _amounts(dossier: Dossier, tongue: Tongue) -> Iterator[dict[str, str]]:
    """Each amount, with the sentence that says where it comes from."""
    payment, case = dossier.payment, dossier.case
    currency, whole = payment["currency"], payment["amount_fen"]

    def line(code: str, fen: int, **facts: object) -> dict[str, str]:
        return {"text": tongue.say(code, **facts), "amount": _yuan(fen, currency)}

    yield line("paper.line_paid", whole, channel=tongue.known(f"channel.{payment['channel']}"))
    if case.get("meant_fen") is not None:
        yield line("paper.line_meant", case["meant_fen"])
        yield line("paper.line_difference", whole - case["meant_fen"])
    for refund in dossier.refunds:
        arrived = refund["state"] in set(_ARRIVED)
        code = "paper.line_back" if arrived else "paper.line_refund"
        into = str(refund.get("received_into") or "") or tongue.say("paper.as_it_came")
        state = tongue.known(f"paper.refund.{refund['state']}")
        yield line(code, refund["amount_fen"], id=refund["id"], into=into, state=state)
    yield line("paper.line_rest", whole - payment["back_fen"])


def _who(who: str, tongue: Tongue) -> str:
    """People of the shop are named or numbered by the cut; all others have words."""
    base, _, number = who.partition("-") if who.startswith("staff") else (who, "", "")
    told_as = tongue.say(f"paper.who.{base}") if f"paper.who.{base}" in words.catalogue() else who
    return f"{told_as} {number}".strip()


def fact_told(kind: str, body: Columns, tongue: Tongue) -> str:
    """What a fact says; `…` where the cut left something out."""
    entry = words.catalogue().get(f"fact.{kind}", {"zh": "", "en": ""})
    wanted = {name for _, name, _, _ in Formatter().parse(entry["zh"] + entry["en"]) if name}
    zh, en = told(kind, {**dict.fromkeys(sorted(wanted), "…"), **body})
    return zh if tongue.lang == "zh" else en


def _decision(decision: Any, tongue: Tongue, payment: Columns) -> dict[str, str]:
    rule = " · ".join(each for each in (decision.policy, decision.law) if each)
    return {
        "at": _time(decision.at),
        "who": _who(decision.who, tongue),
        "text": fact_told(decision.kind, decision.body, tongue),
        "rule": rule or tongue.say("paper.no_rule"),
    }


def _timeline(dossier: Dossier, tongue: Tongue, marks: Mapping[str, str]) -> list[dict[str, str]]:
    """Money, people and messages in one stream, in the order of time."""
    told_items: list[tuple[datetime, dict[str, str]]] = []
    told_items += [(fact.at, _fact_line(fact, tongue, marks)) for fact in dossier.facts if fact.kind != ENTERED]
    for said in dossier.thread:
        text = tongue.known(f"paper.said.{said.told.get('how', 'written')}")
        if said.audience == INTERNAL:
            text = tongue.say("paper.internal", what=text)
        quote = tongue.say("paper.gone") if said.gone else str(said.told.get("text", ""))
        told_items.append((said.at, _line("said", said.at, _who(said.who, tongue), text, marks[said.id], quote)))
    for kept in dossier.files:
        text = tongue.say("paper.handed_in", name=kept.name)
        told_items.append((kept.at, _line("file", kept.at, _who(kept.who, tongue), text, marks[kept.id])))
    return [line for _, line in sorted(told_items, key=lambda item: item[0])]


def _fact_line(fact: Happened, tongue: Tongue, marks: Mapping[str, str]) -> dict[str, str]:
    text = fact_told(fact.kind, fact.body, tongue)
    return _line("fact", fact.at, _who(fact.who, tongue), text, marks.get(fact.evidence, ""))


def _line(kind: str, at: datetime, who: str, text: str, mark: str, quote: str = "") -> dict[str, str]:
    shown = quote if len(quote) <= QUOTED_MAX else quote[:QUOTED_MAX] + "…"
    return {"kind": kind, "at": _time(at), "who": who, "text": text, "mark": mark, "quote": shown}


def _evidence(dossier: Dossier, tongue: Tongue, marks: Mapping[str, str]) -> Iterator[dict[str, str]]:
    for heard in dossier.evidence:
        operation = tongue.known(f"paper.operation.{heard.operation}") if heard.operation else ""
        text = " · ".join(each for each in (tongue.known(f"paper.heard.{heard.kind}"), operation) if each)
        yield {"mark": marks[heard.id], "at": _time(heard.at), "text": text, "id": heard.id, "digest": heard.digest}


def _links(dossier: Dossier, tongue: Tongue, marks: Mapping[str, str]) -> Iterator[dict[str, str]]:
    for link in dossier.chain:
        text = tongue.known(f"paper.chained.{link.kind}")
        if link.withheld:
            text = tongue.say("paper.withheld", what=text)
        yield {"mark": marks.get(link.id, "—"), "at": _time(link.at), "text": text, "id": link.id, "chain": link.chain}


def _file(kept: Kept, thumbs: Mapping[str, bytes], tongue: Tongue, marks: Mapping[str, str]) -> dict[str, str]:
    size = f"{kept.size / 1024:,.0f} KB"
    about = f"{kept.id} · {kept.media} · {size}"
    if not kept.enclosed:
        about += " · " + tongue.say("paper.not_enclosed")
    thumb = f"thumb:{kept.id}" if thumbs.get(kept.id) else ""
    return {"mark": marks[kept.id], "name": kept.name, "about": about, "digest": kept.digest, "thumb": thumb}


def thumbs(dossier: Dossier, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """A small picture of each picture that is enclosed."""
    return {each.id: _thumb(contents[each.id]) for each in dossier.files if _is_picture(each)}


def _is_picture(kept: Kept) -> bool:
    return kept.enclosed and kept.media.startswith("image/")


def _thumb(content: bytes) -> bytes:
    """A small picture of a picture; nothing where it cannot be drawn."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - see the top

    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as picture:
            if picture.width * picture.height > THUMB_PIXELS_MAX:
                return b""
            picture.draft("RGB", THUMB)
            small = picture.convert("RGB")
        small.thumbnail(THUMB)
        out = io.BytesIO()
        small.save(out, "JPEG", quality=72)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return b""
    return out.getvalue()
