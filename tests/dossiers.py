"""A dossier for tests: 128.00 charged for 12.80, put right, with messages and pictures in its chain."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any

import msgspec
from PIL import Image

from tests.making import CASE, MERCHANT, NOON, PAYMENT, REFUND, TILL, after, case, payment, refund
from yuanlu import ids
from yuanlu.cases import rules as cases
from yuanlu.ids import Kind
from yuanlu.packs.dossier import Decided, Dossier, Happened, Heard, Kept, Link, Moved, Said, digest_of, linked
from yuanlu.payments import rules as payments
from yuanlu.refunds import rules as refunds

ANSWERS = [ids.derived(Kind.EVIDENCE, NOON, each) for each in ("pay", "refund")]
INTO = "招商银行信用卡0403"
OPEN_WORDS, INNER_WORDS = "我付了一百二十八，应该是十二块八。", "王丽说先别告诉顾客"


@lru_cache
def picture(number: int, wide: int = 240, high: int = 180) -> bytes:
    """A made picture, another one for each number."""
    chance = random.Random(number)
    small = Image.frombytes("RGB", (wide // 3, high // 3), chance.randbytes((wide // 3) * (high // 3) * 3))
    out = io.BytesIO()
    small.resize((wide, high)).save(out, "JPEG", quality=60)
    return out.getvalue()


def _fact(
    on: str, transition: int, seq: int, seconds: float, who: str, kind: str, by: str = "", **body: Any
) -> Happened:
    return Happened(
        object=on, transition=transition, seq=seq, at=after(seconds), who=who, kind=kind, evidence=by, body=body
    )


def _facts() -> list[Happened]:
    difference = {"remedy": "refund_difference", "amount_fen": 11520, "refund_id": REFUND}
    return [
        _fact(PAYMENT, 1, 0, 0, "王丽", "PaymentOpened", amount_fen=12800, channel="wechat", mode="scanned",
              till_id=TILL),
        _fact(PAYMENT, 2, 0, 10, "system", "PaymentPaid", ANSWERS[0], amount_fen=12800, channel_number="4200"),
        _fact(CASE, 1, 0, 30, "王丽", "CaseOpened", payment_id=PAYMENT, what="wrong_amount", meant_fen=1280),
        _fact(CASE, 2, 0, 31, "system", "CaseChecked", word="settled", code=""),
        _fact(CASE, 2, 1, 31, "system", "RemedyChosen", **difference),
        _fact(REFUND, 1, 0, 32, "王丽", "RefundRequested", amount_fen=11520, payment_id=PAYMENT, reason="wrong_amount"),
        _fact(REFUND, 2, 0, 33, "system", "RefundSent", times=1),
        _fact(REFUND, 3, 0, 60, "system", "RefundDone", ANSWERS[1], amount_fen=11520, channel_number="50",
              received_into=INTO),
        _fact(CASE, 9, 0, 70, "system", "CaseClosed", conclusion="money_back", amount_fen=11520),
    ]  # fmt: skip


def _said(number: int, who: str, audience: str, text: str, how: str = "written") -> Said:
    body = json.dumps({"from": "staff", "how": how, "text": text, "salt": f"{number:032x}"}, ensure_ascii=False)
    name = ids.derived(Kind.EVIDENCE, NOON, "said", str(number))
    return Said(id=name, at=after(40 + number), who=who, audience=audience, body=body, digest=digest_of(body.encode()))


def _kept(number: int, content: bytes, audience: str) -> Kept:
    name = ids.derived(Kind.FILE, NOON, str(number))
    return Kept(
        id=name, name=f"小票{number}.jpg", media="image/jpeg", size=len(content), digest=digest_of(content),
        at=after(50 + number / 100), who="customer", audience=audience, searched=True,
    )  # fmt: skip


def dossier(pictures: int = 3, size: tuple[int, int] = (240, 180)) -> tuple[Dossier, Mapping[str, bytes]]:
    """The dossier and the bytes of its files. The last picture, of several, is for our own people only."""
    contents: dict[str, bytes] = {}
    thread = [_said(1, "customer", "customer", OPEN_WORDS), _said(2, "经理赵", "internal", INNER_WORDS, "phone")]
    files = []
    for number in range(pictures):
        content = picture(number, *size)
        files.append(_kept(number, content, "internal" if 0 < number == pictures - 1 else "customer"))
        contents[files[-1].id] = content
    links, entered, before = [], [], ""
    for place, item in enumerate((*thread, *files)):
        kind = "message" if isinstance(item, Said) else "file"
        before = linked(before, kind, item.id, item.digest, item.at)
        links.append(Link(kind=kind, id=item.id, digest=item.digest, at=item.at, chain=before, audience=item.audience))
        told = {"item": item.id, "item_kind": kind, "digest": item.digest, "chain": before, "audience": item.audience}
        entered.append(Happened(object=CASE, transition=3, seq=place, at=item.at, who=item.who, kind="CaseItemAdded",
                                evidence="", body=told))  # fmt: skip
    row = case(
        cases.State.CLOSED, version=9, remedy=cases.Remedy.REFUND_DIFFERENCE, remedy_fen=11520, refund_id=REFUND,
        conclusion=cases.Conclusion.MONEY_BACK, closed_at=after(70), opened_by="王丽",
    )  # fmt: skip
    made = Dossier(
        made_at=after(100),
        merchant={"id": MERCHANT, "name": "原路小店", "store": "人民路店", "till": "T1"},
        case={**asdict(row), "chain": before, "chain_length": len(links)},
        payment=asdict(payment(payments.State.PAID, back_fen=11520, parts=1, channel_number="4200", opened_by="王丽")),
        refunds=[asdict(refund(refunds.State.DONE, received_into=INTO, version=3, opened_by="王丽"))],
        facts=[*_facts(), *entered],
        evidence=[_heard(PAYMENT, 0, 10, "pay"), _heard(REFUND, 1, 60, "refund_query")],
        moves=[
            _moved(PAYMENT, 2, "due:wechat", "owed", 12800),
            _moved(REFUND, 1, "owed", "held", 11520),
            _moved(REFUND, 3, "held", "due:wechat", 11520),
        ],
        thread=thread,
        files=files,
        chain=links,
        decisions=[Decided(at=after(31), who="system", kind="RemedyChosen", policy="YL1 · 3",
                           body={"remedy": "refund_difference", "amount_fen": 11520, "refund_id": REFUND})],
    )  # fmt: skip
    return made, contents


def _heard(on: str, place: int, seconds: float, operation: str) -> Heard:
    return Heard(
        object=on, id=ANSWERS[place], kind="answer", at=after(seconds), operation=operation, status=200, took_ms=80,
        digest=str(place) * 64, body='{"trade_state":"SUCCESS","payer":"oUpF8uMuAJO"}',
    )  # fmt: skip


def _moved(on: str, transition: int, source: str, target: str, fen: int) -> Moved:
    return Moved(object=on, transition=transition, seq=0, source=source, target=target, amount_fen=fen, currency="CNY")


def as_read(made: Dossier) -> Dossier:
    """The dossier as it is read back out of a pack: rows as JSON has them."""

    def plain(row: Any) -> Any:
        return msgspec.json.decode(msgspec.json.encode(row))

    refunds_ = [plain(each) for each in made.refunds]
    return replace(made, case=plain(made.case), payment=plain(made.payment), refunds=refunds_)
