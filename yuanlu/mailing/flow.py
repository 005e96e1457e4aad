"""The verbs of receipts that are sent: write one down, and carry it to who carries letters."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from yuanlu.change import Done, Stay
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.letters import Letter, Reach, Receipt, Way
from yuanlu.mailing import rules, store
from yuanlu.mailing.rules import Mailing, MailingAsk
from yuanlu.notify import store as notices
from yuanlu.people.rules import Person
from yuanlu.receipts import flow as receipts

TYPE = "receipt"


async def request(
    desk: Desk,
    merchant_id: str,
    mailing_id: str,
    object_id: str,
    *,
    way: Way,
    target: str,
    lang: str,
    consent: bool,
    by: Person,
) -> Done[Mailing]:
    """Write down that a receipt is to be sent. Sends nothing. What is refused is refused before anything is sealed.

    Raises Denied: see `rules.request`; seal.forgotten.
    """
    ask = MailingAsk(
        merchant_id=merchant_id,
        id=mailing_id,
        object_id=object_id,
        way=way,
        target=target,
        lang=lang,
        consent=consent,
        mark=desk.mark("\x1f".join(("mailing", object_id, way, target, lang))),
        by=by,
    )
    view = store.for_ask(ask, has_link=bool(desk.printing.public_url), has_mail=desk.mails)
    first = rules.request(ask, await desk.see(view), desk.clock.now())
    if isinstance(first, Stay):
        return Done(first.row)
    sealed = await desk.sealed(merchant_id, mailing_id)
    return await desk.decide(view, partial(rules.request, replace(ask, sealed=sealed.seal(target))))


async def of(desk: Desk, merchant_id: str, mailing_id: str, by: Person) -> Mailing:
    """A letter, for whoever is of its store.

    Raises Denied: mailing.unknown.
    """
    row = await desk.see(store.mailing(merchant_id, mailing_id))
    if row is None or by.store_id not in ("", row.store_id):
        raise Denied("mailing.unknown")
    return row


async def drive(desk: Desk, merchant_id: str, mailing_id: str) -> Mailing:
    """Send a letter that waits, as the receipt stands now, and take in what became of it.

    Raises Denied: mailing.unknown.
    """
    view = store.mailing(merchant_id, mailing_id)
    row = await desk.see(view)
    if row is None:
        raise Denied("mailing.unknown")
    if row.state in rules.OVER:
        return row
    try:
        receipt = await desk.tell(await _letter(desk, row))
    except Denied as no:  # the address or the receipt was forgotten, or nobody can reach us any more
        receipt = Receipt(why=no.code, is_final=True, is_ours=True)
    return (await desk.decide(view, partial(rules.hear, receipt))).row


async def _letter(desk: Desk, row: Mailing) -> Letter:
    """The letter as it goes, its address opened just before it is needed.

    Raises Denied: receipt.unknown, receipt.no_money, receipt.no_link, sms.no_template, seal.forgotten.
    """
    slip = await receipts.slip_of(desk, row.merchant_id, row.object_id, row.lang, Person(row.opened_by))
    if not slip.link:
        raise Denied("receipt.no_link")
    return Letter(
        merchant_id=row.merchant_id,
        hook_id=row.id,
        id=row.id,
        reach=await _reach(desk, row),
        lang=row.lang,
        to_payer=True,
        shop=slip.shop,
        type=TYPE,
        kind=TYPE,
        facts={},
        object_id=row.object_id,
        transition=row.version,
        happened_at=row.opened_at,
        now=desk.clock.now(),
        text=rules.written(slip, row.way),
    )


async def _reach(desk: Desk, row: Mailing) -> Reach:
    target = (await desk.sealed(row.merchant_id, row.id)).open(row.target)
    if row.way is not Way.SMS:
        return Reach(way=row.way, target=target)
    gateway = await desk.see(notices.gateway(row.merchant_id))
    if gateway is None:
        raise Denied("sms.no_template")
    template = (await desk.sealed(row.merchant_id, gateway.subject)).open(gateway.target)
    return Reach(way=row.way, target=target, gateway=template)
