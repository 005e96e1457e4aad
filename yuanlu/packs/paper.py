"""The pages of a pack: what a dossier says, for people to read, on A4 with the typeface embedded.

Heavy libraries are loaded when the first page is made, and only then.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from string import Formatter
from typing import Any

from yuanlu import packaged, words
from yuanlu.amounts.rules import Back, Explained, What, bill_of, explain
from yuanlu.channels.contract import Figures
from yuanlu.ledger.accounts import OWED
from yuanlu.money import Money
from yuanlu.packs.audit import ENTERED, clock_time, places
from yuanlu.packs.dossier import (
    ALARM,
    ENTRY,
    INTERNAL,
    PACK,
    PEOPLE,
    Columns,
    Decided,
    Dossier,
    Happened,
    Heard,
    Kept,
    Link,
    of_complaint,
)
from yuanlu.packs.readers import Reader
from yuanlu.packs.rules import CITED
from yuanlu.packs.typeset import Page
from yuanlu.payments.rules import HAS_MONEY
from yuanlu.refunds.rules import State
from yuanlu.told import both, told

QUOTED_MAX = 4000
"""Letters of one message on paper. The record has all of it."""
THUMB = (160, 160)
THUMB_PIXELS_MAX = 60_000_000
_ARRIVED = frozenset({State.DONE, State.PROVEN, State.EXTERNAL, "PAID"})
"""States of a refund, or of a repayment by another road, whose money is with the payer."""
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Signs that draw nothing, or turn the order of what is read."""


@dataclass(frozen=True, slots=True)
class Tongue:
    """Words in the reader's language first, in the other beside it; and the names of people, by id."""

    lang: str
    people: Mapping[str, str] = field(default_factory=dict)

    def pair(self, code: str, /, **facts: object) -> tuple[str, str]:
        zh, en = both(code, facts)
        return (zh, en) if self.lang == "zh" else (en, zh)

    def say(self, code: str, /, **facts: object) -> str:
        return self.pair(code, **facts)[0]

    def known(self, code: str) -> str:
        """The words for a code, or what stands behind its first dot where nobody wrote any."""
        return self.say(code) if code in words.catalogue() else code.rpartition(".")[2]


def page(
    dossier: Dossier, contents: Mapping[str, bytes], *, reader: Reader, lang: str, certificates: Sequence[str]
) -> Page:
    """The pages of a dossier that was cut already: one document of HTML, its style in it, and its small pictures."""
    import jinja2  # noqa: PLC0415 - see the top

    tongue = Tongue(words.language(lang), dossier.merchant.get(PEOPLE, {}))
    space = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, finalize=seen)
    case, marks, told_amounts = dossier.case, _marks(dossier), _explained(dossier)
    pictures = dict(_thumbs(dossier, contents))
    html = space.from_string(packaged.text("packs/pack.html")).render(
        lang=tongue.lang,
        t=tongue.pair,
        style=packaged.text("packs/pack.css"),
        title=f"{tongue.say('paper.title')} {case['id']}",
        merchant=dossier.merchant,
        case=case,
        fingerprint=certificates[0],
        headline=_headline(dossier, tongue),
        first=list(_first(dossier, tongue, reader)),
        figures=list(_figures(dossier, told_amounts)),
        stands=list(_stands(case, tongue)),
        rights=_rights(dossier, tongue, at_stage=True),
        amounts=list(_amounts(dossier, told_amounts, tongue, reader)),
        decisions=[_decision(each, tongue) for each in dossier.decisions],
        cited=_rights(dossier, tongue, at_stage=False),
        timeline=_timeline(dossier, tongue, marks),
        files=[_file(each, pictures, tongue, marks) for each in dossier.files],
        evidence=list(_evidence(dossier, tongue, marks)),
        given=list(_given(dossier, tongue, marks)),
        chain=list(_links(dossier, tongue, marks)),
        check=tongue.say("paper.how_to_check").split("\n"),
        certificates=[{"code": f"paper.certificate_{'ours' if not place else 'authority'}", "fingerprint": each}
                      for place, each in enumerate(certificates)],
    )  # fmt: skip
    return Page(html, pictures)


def seen(value: Any) -> Any:
    """Text without what draws nothing; all else as it is."""
    return _UNSEEN.sub("", value) if type(value) is str else value


def _marks(dossier: Dossier) -> Mapping[str, str]:
    """The number of each piece of evidence on paper: E of the channels, F a file, M a message, P a pack."""
    numbered = {
        "E": [each.id for each in dossier.evidence if each.kind != PACK],
        "P": [each.id for each in dossier.evidence if each.kind == PACK],
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


def _explained(dossier: Dossier) -> Explained | None:
    """Every amount by the rules that explain them; None where no money was taken."""
    payment = dossier.payment
    if payment["state"] not in {state.value for state in HAS_MONEY}:
        return None
    backs = [_back(row) for row, place in places(dossier) if place != OWED]
    return explain(bill_of(payment["amount_fen"], str(payment.get("figures") or ""), backs))


def _back(row: Columns) -> Back:
    return Back(
        id=row["id"],
        amount_fen=row["amount_fen"],
        figures=Figures.of_text(str(row.get("figures") or "")),
        is_done=row["state"] in _ARRIVED,
        received_into=str(row.get("received_into") or ""),
    )


def _figures(dossier: Dossier, told_amounts: Explained | None) -> Iterator[dict[str, object]]:
    """The figures one wants to see first."""
    currency, meant = dossier.payment["currency"], dossier.case.get("meant_fen")
    fens = {each.what: each.amount_fen for each in told_amounts.amounts} if told_amounts else {}

    def figure(code: str, fen: int, *, strong: bool = False) -> dict[str, object]:
        return {"code": code, "amount": _yuan(fen, currency), "strong": strong}

    yield figure("paper.paid", fens.get(What.PAYER, 0))
    if meant is not None:
        yield figure("paper.meant", meant)
    if fens.get(What.ARRIVING):
        yield figure("paper.on_its_way", fens[What.ARRIVING])
    yield figure("paper.back", fens.get(What.ARRIVED, 0), strong=True)


def _rights(dossier: Dossier, tongue: Tongue, *, at_stage: bool) -> list[dict[str, str]]:
    """Rules in the reader's language: those that matter now, or those that only decisions rest on."""
    is_zh = tongue.lang == "zh"
    return [
        {
            "text": (each.zh.replace("\n", "；") if is_zh else each.en.replace("\n", " ")),
            "law": each.law_zh if is_zh else each.law_en,
            "cite": each.cite,
        }
        for each in dossier.rights
        if each.at_stage is at_stage
    ]


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


def _amounts(
    dossier: Dossier, told_amounts: Explained | None, tongue: Tongue, reader: Reader
) -> Iterator[dict[str, str]]:
    """Each amount with its sentence: those of the payment, what was meant, and each way money went back."""
    payment, case = dossier.payment, dossier.case
    currency, whole, meant = payment["currency"], payment["amount_fen"], case.get("meant_fen")

    def line(code: str, fen: int, said: str = "") -> dict[str, str]:
        return {"name": tongue.say(code), "text": said, "amount": _yuan(fen, currency)}

    if told_amounts is None:
        yield line("paper.not_taken", 0)
        return
    to = "customer" if reader is Reader.CUSTOMER else "clerk"
    for each in told_amounts.amounts:
        yield line(f"paper.amount.{each.what}", each.amount_fen, getattr(each, f"{to}_{tongue.lang}"))
    if meant is not None:
        yield line("paper.line_meant", meant, tongue.say("paper.line_meant_said"))
        yield line("paper.line_difference", whole - meant, tongue.say("paper.line_difference_said"))
    for row in dossier.refunds:
        state = tongue.known(f"paper.refund.{row['state']}")
        yield line("paper.line_refund", row["amount_fen"], f"{row['id']} · {state}")
    for row in dossier.repayments:
        said = tongue.say("paper.line_repayment_said", id=row["id"], tail=row.get("account_tail") or "…")
        state = tongue.known(f"paper.repayment.{row['state']}")
        yield line("paper.line_repayment", row["amount_fen"], f"{said} · {state}")


def _who(who: str, tongue: Tongue) -> str:
    """People of the shop are named or numbered by the cut; all others have words. Two of one name keep them apart."""
    name = tongue.people.get(who)
    if name:
        return name if list(tongue.people.values()).count(name) == 1 else f"{name} …{who[-4:]}"
    base, _, number = who.partition("-") if who.startswith("staff") else (who, "", "")
    told_as = tongue.say(f"paper.who.{base}") if f"paper.who.{base}" in words.catalogue() else who
    return f"{told_as} {number}".strip()


def fact_told(kind: str, body: Columns, tongue: Tongue) -> str:
    """What a fact says; where the cut left something out, the words without it, or `…`."""
    entry = words.catalogue().get(f"fact.{kind}", {"zh": "", "en": ""})
    wanted = {name for _, name, _, _ in Formatter().parse(entry["zh"] + entry["en"]) if name}
    holes = {} if f"bare.{kind}" in words.catalogue() else dict.fromkeys(sorted(wanted), "…")
    zh, en = told(kind, {**holes, **body})
    return zh if tongue.lang == "zh" else en


def _decision(decision: Decided, tongue: Tongue) -> dict[str, str]:
    rule = "\n".join(each for each in (*decision.policy.split(" · "), *decision.law.split()) if each)
    return {
        "at": _time(decision.at),
        "who": _who(decision.who, tongue),
        "text": fact_told(decision.kind, decision.body, tongue),
        "rule": rule or tongue.say("paper.no_rule"),
    }


_TOLD_ELSEWHERE = (ENTERED, CITED)
"""Facts that stand on paper as what entered, and beside the decision that rests on them."""


def _timeline(dossier: Dossier, tongue: Tongue, marks: Mapping[str, str]) -> list[dict[str, str]]:
    """Money, people and messages in one stream, in the order of time."""
    told_items: list[tuple[datetime, dict[str, str]]] = []
    told_items += [
        (fact.at, _fact_line(fact, tongue, marks)) for fact in dossier.facts if fact.kind not in _TOLD_ELSEWHERE
    ]
    for said in dossier.thread:
        text = tongue.known(f"paper.said.{said.told.get('how', 'written')}")
        if said.audience == INTERNAL:
            text = tongue.say("paper.internal", what=text)
        quote = tongue.say("paper.gone") if said.gone else str(said.told.get("text", ""))
        told_items.append((said.at, _line("said", said.at, _who(said.who, tongue), text, marks[said.id], quote)))
    for kept in dossier.files:
        text = tongue.say("paper.handed_in", name=kept.name)
        told_items.append((kept.at, _line("file", kept.at, _who(kept.who, tongue), text, marks[kept.id])))
    for complaint in dossier.complaints:
        text = tongue.say("paper.said.complaint", id=complaint.row["channel_id"])
        told_items += [
            (each.at, _line("said", each.at, _who(each.side, tongue), text, "", each.text))
            for each in complaint.entries
            if each.text
        ]
    for pack in _packs(dossier):
        text = tongue.say("paper.pack_made", reader=_reader(pack, tongue))
        told_items.append((pack.at, _line("file", pack.at, _made_by(pack, tongue), text, marks[pack.id])))
    return [line for _, line in sorted(told_items, key=lambda item: item[0])]


def _fact_line(fact: Happened, tongue: Tongue, marks: Mapping[str, str]) -> dict[str, str]:
    text = fact_told(fact.kind, fact.body, tongue)
    return _line("fact", fact.at, _who(fact.who, tongue), text, marks.get(fact.evidence, ""))


def _line(kind: str, at: datetime, who: str, text: str, mark: str, quote: str = "") -> dict[str, str]:
    shown = quote if len(quote) <= QUOTED_MAX else quote[:QUOTED_MAX] + "…"
    return {"kind": kind, "at": _time(at), "who": who, "text": text, "mark": mark, "quote": shown}


def _evidence(dossier: Dossier, tongue: Tongue, marks: Mapping[str, str]) -> Iterator[dict[str, str]]:
    for heard in dossier.evidence:
        if heard.kind == PACK:
            continue
        operation = tongue.known(f"paper.operation.{heard.operation}") if heard.operation else ""
        text = " · ".join(each for each in (tongue.known(f"paper.heard.{heard.kind}"), operation) if each)
        yield {"mark": marks[heard.id], "at": _time(heard.at), "text": text, "id": heard.id, "digest": heard.digest}


def _packs(dossier: Dossier) -> Iterator[Heard]:
    return (each for each in dossier.evidence if each.kind == PACK)


def _reader(pack: Heard, tongue: Tongue) -> str:
    return tongue.known(f"paper.for_{pack.told.get('reader', '')}")


def _made_by(pack: Heard, tongue: Tongue) -> str:
    return _who(str(pack.told.get("made_by", "")), tongue)


def _given(dossier: Dossier, tongue: Tongue, marks: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Where the records went before: the packs that were made of the case."""
    for pack in _packs(dossier):
        text = tongue.say("paper.pack_made", reader=_reader(pack, tongue))
        yield {"mark": marks[pack.id], "at": _time(pack.at), "who": _made_by(pack, tongue), "text": text,
               "digest": pack.digest}  # fmt: skip


def _links(dossier: Dossier, tongue: Tongue, marks: Mapping[str, str]) -> Iterator[dict[str, str]]:
    for link in dossier.chain:
        text = _linked(dossier, link, tongue)
        if link.withheld:
            text = tongue.say("paper.withheld", what=text)
        yield {"mark": marks.get(link.id, "—"), "at": _time(link.at), "text": text, "id": link.id, "chain": link.chain}


def _linked(dossier: Dossier, link: Link, tongue: Tongue) -> str:
    """What a link binds, in words: of a complaint which, and who did what in it when; of a hand-over its payment."""
    told = of_complaint(dossier, link)
    if told is not None and not link.withheld:
        number = told.complaint.row.get("channel_id")
        if link.kind == ALARM:
            return tongue.say("paper.link.alarm", number=number, alarm=told.part)
        if link.kind == ENTRY and told.entry is None:
            return tongue.say("paper.link.gone", number=number)
        if told.entry is not None:
            who, at = _who(told.entry.side, tongue), _time(told.entry.at)
            return tongue.say("paper.link.entry", number=number, at=at, by=who, deed=told.entry.deed)
        return tongue.say("paper.link.complaint", number=number, at=_time(told.complaint.row.get("complained_at")))
    handed = next((each for each in dossier.handovers if each["id"] == link.id), None)
    if handed is not None:
        at = _time(handed["happened_at"])
        return tongue.say("paper.link.handover", amount_fen=handed["amount_fen"], channel=handed["channel"], at=at)
    return tongue.known(f"item.{link.kind}")


def _file(kept: Kept, pictures: Mapping[str, bytes], tongue: Tongue, marks: Mapping[str, str]) -> dict[str, str]:
    size = f"{kept.size / 1024:,.0f}\u00a0KB"
    about = f"{kept.media} · {size}"
    if not kept.enclosed:
        about += " · " + tongue.say("paper.gone" if kept.gone else "paper.not_enclosed")
    thumb = _address(kept) if _address(kept) in pictures else ""
    is_doubtful = kept.enclosed and kept.searched is False
    doubt = (kept.says_zh if tongue.lang == "zh" else kept.says_en).replace("\n", " ") if is_doubtful else ""
    return {"mark": marks[kept.id], "name": kept.name, "id": kept.id, "about": about, "digest": kept.digest,
            "doubt": doubt, "thumb": thumb}  # fmt: skip


def _address(kept: Kept) -> str:
    return f"picture:{kept.id}"


def _thumbs(dossier: Dossier, contents: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for kept in dossier.files:
        if kept.enclosed and kept.media.startswith("image/") and (small := _thumb(contents[kept.id])):
            yield _address(kept), small


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
