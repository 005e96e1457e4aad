"""Complaints and cases are one: what a payer complains of at a channel enters the case about that payment.

A complaint joins the case that is open about its payment, or was when it was heard; where there is none it opens one,
under an id that follows from it. The complaint, each entry of its history and each alarm enter the case's chain once,
by their digests: the words themselves stay sealed with the complaint. The payer's images are handed in as files of
the case: made anew, searched for numbers, opened on the record, as every file of a payer.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import structlog

from yuanlu import ids
from yuanlu.cases import flow
from yuanlu.cases.chain import Audience, Item
from yuanlu.cases.rules import Case, CaseAsk, What
from yuanlu.cases.store import made
from yuanlu.channels.contract import Side
from yuanlu.complaints import flow as complaints
from yuanlu.complaints import store as complaints_store
from yuanlu.complaints.rules import Complaint, ComplaintImage, Kept, mark_of_text
from yuanlu.desk import Desk
from yuanlu.errors import Busy, Denied
from yuanlu.evidence import flow as evidence
from yuanlu.evidence import store as evidence_store
from yuanlu.evidence.rules import CaseFile, FileAsk
from yuanlu.money import Money
from yuanlu.payments import store as payments_store
from yuanlu.people.rules import Person, Role
from yuanlu.reading import Read, View, over_keys
from yuanlu.seal import Sealed

WAKE = "cases.complaint.wake"
"""A complaint was heard, says something new, or is an alarm: let its case have it."""
IMAGE_WAKE = "cases.complaint_image.wake"
"""An image of the payer's was fetched: hand it in to the case."""
_LATER = frozenset({"file.unscanned", "file.no_room", "file.store_away", "file.store_refused"})
"""Why a file is not taken now, and may be later. Everything else about it stays as it is."""

log = structlog.get_logger(__name__)

LAST_OF_PAYMENT = over_keys(
    f"select k.place, {', '.join(f't.{each.name}' for each in fields(Case))} from keys k"
    " join cases t on t.merchant_id = k.merchant_id and t.payment_id = k.a"
    " order by t.closed_at desc nulls first, t.opened_at desc, t.id desc limit 1"
)


def last_of_payment(merchant_id: str, payment_id: str) -> View[Case | None]:
    """The open case about a payment, or the one that closed last."""

    def make(found: Sequence[Sequence[Mapping[str, Any]]]) -> Case | None:
        return made(found[0][0]) if found[0] else None

    return View((Read(LAST_OF_PAYMENT, merchant_id, payment_id),), make)


async def join(desk: Desk, merchant_id: str, complaint_id: str) -> Case | None:
    """Let a complaint, and what is new of it, enter its case. None where its order is none of ours.

    Doing it again adds nothing. Raises Denied: complaint.unknown.
    """
    complaint = await desk.see(complaints_store.by_id(merchant_id, complaint_id))
    if complaint is None:
        raise Denied("complaint.unknown")
    if not complaint.payment_id:
        return None
    case = await _case_of(desk, complaint)
    sealed = await desk.sealed(merchant_id, complaint_id)
    for item in items(sealed, complaint, await complaints.said(desk, complaint)):
        case = await flow.add(desk, merchant_id, case.id, item)
    return case


async def hand_in(desk: Desk, files: evidence.Files, merchant_id: str, image_id: str) -> CaseFile | None:
    """Hand an image that a payer gave to the channel in to the case, as a file. None where that cannot be.

    Doing it again adds nothing. What is no picture we take (BMP, broken, one too many) stays with its complaint.
    Raises Busy while the scanner or the store is away; Denied: complaint.unknown.
    """
    image = await desk.see(complaints_store.image(merchant_id, image_id))
    if image is None:
        raise Denied("complaint.unknown")
    complaint = await desk.see(complaints_store.by_id(merchant_id, image.complaint_id))
    if complaint is None:
        raise Denied("complaint.unknown")
    sealed = await desk.sealed(merchant_id, complaint.id)
    if image.side is not Side.PAYER or not complaint.payment_id or sealed.key is None or not image.sealed:
        return None
    file_id = file_of(image)
    known = await desk.see(evidence_store.by_id(merchant_id, file_id))
    if known is not None:
        return known
    ask = FileAsk(
        merchant_id=merchant_id,
        case_id=(await _case_of(desk, complaint)).id,
        id=file_id,
        by=Person("channel", Role.MACHINE),
        content=b64decode(sealed.open(image.sealed)),
        name=f"complaint.{image.kind}",
    )
    try:
        return (await evidence.take(desk, files, ask)).row
    except Denied as no:
        if no.code in _LATER:
            raise Busy(no.code) from no
        log.warning("complaint.image_not_taken", image=image_id, complaint=complaint.id, code=no.code)
        return None


def file_of(image: ComplaintImage) -> str:
    """The id of the file an image becomes: it follows from the image, so it is one file."""
    return ids.derived(ids.Kind.FILE, image.at, "complaint image", image.id)


async def _case_of(desk: Desk, complaint: Complaint) -> Case:
    """The case a complaint belongs to; opened where there is none."""
    last = await desk.see(last_of_payment(complaint.merchant_id, complaint.payment_id))
    if last is not None and (last.closed_at is None or last.closed_at >= complaint.heard_at):
        return last
    return await flow.request(desk, await _ask(desk, complaint))


async def _ask(desk: Desk, complaint: Complaint) -> CaseAsk:
    """The report a complaint makes: a wish for money back, or something a person must look at."""
    payment = await desk.see(payments_store.by_id(complaint.merchant_id, complaint.payment_id))
    asked = complaint.asked_fen if complaint.asks_refund else None
    fits = payment is not None and asked is not None and 0 < asked <= payment.amount_fen
    return CaseAsk(
        merchant_id=complaint.merchant_id,
        id=ids.derived(ids.Kind.CASE, complaint.heard_at, complaint.id),
        payment_id=complaint.payment_id,
        what=What.REQUEST if complaint.asks_refund else What.OTHER,
        who="channel",
        asked=Money(asked) if fits and asked is not None else None,
    )


def items(sealed: Sealed, complaint: Complaint, kept: Kept) -> list[Item]:
    """What of a complaint enters its case, oldest first. What the payer has seen at the channel, the payer may see."""
    found = [_item("complaint", complaint.id, _digest(f"{complaint.channel}{complaint.channel_id}"))]
    for each in kept.entries:
        found += [_item("complaint_entry", f"{complaint.id}.{each.id}", mark_of_text(sealed, each.text))]
    for alarm in complaint.alarm.split():
        found += [_item("complaint_alarm", f"{complaint.id}.{alarm}", _digest(alarm), Audience.INTERNAL)]
    return found


def _digest(public: str) -> str:
    """The SHA-256 of what is no secret."""
    return hashlib.sha256(public.encode()).hexdigest()


def _item(kind: str, item_id: str, digest: str, audience: Audience = Audience.CUSTOMER) -> Item:
    return Item(kind=kind, id=item_id, digest=digest, who="channel", audience=audience)
