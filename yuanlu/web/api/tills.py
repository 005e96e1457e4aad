"""What a till at the counter needs beside payments: who may change in at it, and our QR as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

import segno
from msgspec import Struct

from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.payments import store as payments
from yuanlu.people import flow, store
from yuanlu.web.parts import lists
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.calls import Answer, Call, Route

SVG = "image/svg+xml"
PEOPLE_MAX = 500
_PEOPLE = f"""
  select s.merchant_id, s.id, s.version, s.role, s.name, s.store_id, s.since, s.until,
    coalesce(c.pin, '') <> '' as has_pin,
    exists (select from passkeys p where p.merchant_id = s.merchant_id and p.staff_id = s.id and p.ended_at is null)
      as has_passkey
  from staff s left join credentials c on c.merchant_id = s.merchant_id and c.id = s.id
  where s.merchant_id = $1 and s.until is null and s.role <> 'operator' and s.store_id in ('', $2)
  order by s.id limit {PEOPLE_MAX}
"""


class AtTillTold(Struct, frozen=True, kw_only=True):
    """Somebody who may change in at a till, and by what."""

    account: str
    name: str
    role: str
    has_pin: bool
    has_passkey: bool


class PeopleAtTillTold(Struct, frozen=True, kw_only=True):
    """Who may change in at a till, by name."""

    items: Sequence[AtTillTold]


async def people(call: Call) -> Answer:
    """Who may change in at this till. Only the till itself asks, with its own key and signature."""
    if call.key.till_id != call.id(Kind.TILL):
        raise Denied("signin.till_only")
    rows = await lists.read(call.office.pools.reader, call.merchant_id, _PEOPLE, call.merchant_id, call.key.store_id)
    items = [
        AtTillTold(
            account=row["id"],
            name=await flow.name_of(call.office.desk, store.made(row)),
            role=row["role"],
            has_pin=row["has_pin"],
            has_passkey=row["has_passkey"],
        )
        for row in rows
    ]
    return 200, PeopleAtTillTold(items=sorted(items, key=lambda each: each.name))


async def qr(call: Call) -> Answer:
    """Our QR of a payment that is shown, as a picture: the payer's phone reads it from the screen."""
    payment = await call.office.desk.see(payments.by_id(call.merchant_id, call.id(Kind.PAYMENT)))
    if payment is None or not payment.qr:
        raise Denied("payment.unknown")
    drawn = io.BytesIO()
    segno.make_qr(payment.qr, error="m").save(drawn, kind="svg", scale=8, border=2, xmldecl=False)
    return 200, Told(drawn.getvalue(), 200, SVG)


ROUTES = (
    Route(
        method="GET",
        path="/v1/tills/{till}/people",
        verb=people,
        may="see",
        says="Who may change in at a till",
        gives=PeopleAtTillTold,
        denied=("signin.till_only", "till.unknown"),
    ),
    Route(
        method="GET",
        path="/v1/payments/{payment}/qr",
        verb=qr,
        may="see",
        says="Our QR of a payment, as a picture",
        gives=Struct,
        gives_kinds=(SVG,),
        denied=("payment.unknown",),
    ),
)
