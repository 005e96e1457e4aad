"""Letters with receipts: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yuanlu.mailing.rules import Mailing, MailingAsk, MailingSeen
from yuanlu.notify.store import GATEWAY
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id
from yuanlu.receipts.rules import HAS_SLIP

Found = Sequence[Sequence[Mapping[str, Any]]]

MAILING = rows_by_id(Mailing)
TURNS = over_keys(
    "select k.place, coalesce(max(m.turn), 0) as turns from keys k"
    " left join mailings m on m.merchant_id = k.merchant_id and m.object_id = k.a group by k.place"
)
PAYMENT = over_keys(
    "select k.place, p.store_id, p.state from keys k"
    " left join refunds r on r.merchant_id = k.merchant_id and r.id = k.a"
    " join payments p on p.merchant_id = k.merchant_id and p.id = coalesce(r.payment_id, k.a)"
)
"""The payment that a receipt is of, or whose refund."""
made = maker(Mailing)


def mailing(merchant_id: str, mailing_id: str) -> View[Mailing | None]:
    """One letter, or None."""
    return View((Read(MAILING, merchant_id, mailing_id),), lambda found: made(found[0][0]) if found[0] else None)


def for_ask(ask: MailingAsk, *, has_link: bool, has_mail: bool) -> View[MailingSeen]:
    """What a new letter is decided on."""

    def make(found: Found) -> MailingSeen:
        known, turns, payments, gateways = found
        return MailingSeen(
            known=made(known[0]) if known else None,
            turns=turns[0]["turns"],
            store_id=payments[0]["store_id"] if payments else None,
            has_money=bool(payments) and payments[0]["state"] in HAS_SLIP,
            has_link=has_link,
            has_mail=has_mail,
            has_gateway=bool(gateways),
        )

    keys = ((MAILING, ask.id), (TURNS, ask.object_id), (PAYMENT, ask.object_id), (GATEWAY, ""))
    return View(tuple(Read(select, ask.merchant_id, key) for select, key in keys), make)
