"""The verbs of payments, refunds and cases, in this process, on the installation's own database.

Each verb does what the API does and then stands by: what is due of its objects is run here, so that a terminal works
without a worker, and beside one does no harm.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from yuanlu import db, ids, jobs
from yuanlu.app import App, running
from yuanlu.cases import flow as cases
from yuanlu.cases import store as cases_store
from yuanlu.cases.rules import Case, CaseSeen
from yuanlu.channels.contract import Channel
from yuanlu.channels.registry import CODECS
from yuanlu.config import Settings
from yuanlu.errors import Busy, Denied
from yuanlu.ids import Kind
from yuanlu.keyring import flow as keyring
from yuanlu.merchants import store as merchants
from yuanlu.merchants.store import Merchant, Till
from yuanlu.merchants.tenants import PLATFORM
from yuanlu.money import Money
from yuanlu.payments import flow as payments
from yuanlu.payments import rules as payment_rules
from yuanlu.payments import store as payments_store
from yuanlu.payments.rules import ChargeAsk, Payment
from yuanlu.people import flow as people
from yuanlu.people import signing
from yuanlu.people import store as people_store
from yuanlu.people.rules import Person, Role, Staff
from yuanlu.people.signin import INVITED_FOR
from yuanlu.people.signing import Means
from yuanlu.refunds import flow as refunds
from yuanlu.refunds import rules as refund_rules
from yuanlu.refunds import store as refunds_store
from yuanlu.refunds.rules import Refund, RefundAsk
from yuanlu.web.parts import lists
from yuanlu.web.parts.shapes import (
    CaseTold,
    PaymentTold,
    RefundTold,
    TimelineTold,
    case_told,
    payment_told,
    refund_told,
)
from yuanlu.web.parts.veil import disclosed
from yuanlu.worker import Worker

PAUSE = 0.1
"""Seconds between two looks: a service or a worker beside us may be first."""
BESIDE_WITHIN = timedelta(seconds=15)
LISTED_MAX = 200
HAPPENED_MAX = 500

S = TypeVar("S")


def who() -> str:
    """Who is named in facts: the person logged in at this machine."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container may know no name for its user
        name = str(os.getuid())
    return f"cli:{name}"


def operator() -> Person:
    """Who is at the terminal without a key file, as rules see them: see `Role.OPERATOR`."""
    return Person(who(), Role.OPERATOR)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[App]:
    """The installation of these settings, as long as one command takes."""
    async with (
        db.ground(settings.database_url or None, settings.state) as database,
        running(settings, database) as app,
    ):
        yield app


@dataclass(frozen=True)
class Counter:
    """Where one command stands: an installation, a merchant, and how long it may wait."""

    app: App
    merchant_id: str
    wait_within: timedelta

    async def stand_by(
        self,
        see: Callable[[], Awaitable[S]],
        objects: Callable[[S], Sequence[str]],
        is_done: Callable[[S], bool],
    ) -> S:
        """Run what is due of these objects until they are done, or the wait is over; answers how they then stand.

        What a worker beside us has taken up is waited for, within `BESIDE_WITHIN`.
        """
        started, worker = monotonic(), Worker(self.app)
        while True:
            seen = await see()
            while not is_done(seen) and await worker.once_for(self.merchant_id, objects(seen)):
                seen = await see()
            waited = timedelta(seconds=monotonic() - started)
            if is_done(seen) or waited >= max(self.wait_within, BESIDE_WITHIN):
                return seen
            pool, now = self.app.pools.recorder, self.app.clock.now()
            if waited >= self.wait_within and not await jobs.due_of(pool, now, self.merchant_id, objects(seen)):
                return seen
            await asyncio.sleep(PAUSE)


@asynccontextmanager
async def at_counter(settings: Settings, merchant: str, wait_seconds: float = 0.0) -> AsyncIterator[Counter]:
    """Open the installation for one merchant: the one named, or the only one there is.

    Raises Denied: merchant.unknown, merchant.several, merchant.none.
    """
    async with opened(settings) as app:
        found = await _merchant(app, merchant)
        yield Counter(app, found.id, timedelta(seconds=wait_seconds))


@asynccontextmanager
async def at_platform(settings: Settings) -> AsyncIterator[Counter]:
    """Open the installation for its own people: whoever reviews applications, and whoever applies."""
    async with opened(settings) as app:
        await merchants.add_merchant(app.pools.recorder, "平台 Platform", app.clock.now(), PLATFORM)
        yield Counter(app, PLATFORM, timedelta())


async def _merchant(app: App, wish: str) -> Merchant:
    found = await merchants.merchants_called(app.pools.recorder, wish, 2)
    if len(found) == 1:
        return found[0]
    if found:
        raise Denied("merchant.several", name=wish)
    if wish:
        raise Denied("merchant.unknown", name=wish)
    raise Denied("merchant.none")


async def till_of(counter: Counter, wish: str) -> Till:
    """The till with this id or name.

    Raises Denied: till.unknown, till.several.
    """
    found = await merchants.tills_called(counter.app.pools.recorder, counter.merchant_id, wish, 2)
    if not found:
        raise Denied("till.unknown", till=wish)
    if len(found) > 1:
        raise Denied("till.several", till=wish)
    return found[0]


# --- payments ---


async def pay(
    counter: Counter,
    *,
    till: str,
    amount_fen: int,
    code: str,
    payment_id: str,
    typed: bool,
    no_id_card: bool,
    shown_on: Channel | None,
    description: str,
) -> Payment:
    """Charge a code, or show our own, and stand by until the payment has an end.

    Raises Denied: see `payments.flow.request`.
    """
    ask = ChargeAsk(
        merchant_id=counter.merchant_id,
        id=ids.checked(payment_id, Kind.PAYMENT) if payment_id else ids.new(Kind.PAYMENT),
        till_id=(await till_of(counter, till)).id,
        amount=Money(amount_fen),
        who=who(),
        description=description,
        code=code,
        typed=typed,
        no_id_card=no_id_card,
        channel=shown_on,
    )
    payment = await payments.request(counter.app.desk, ask)
    return await followed_payment(counter, payment.id)


async def followed_payment(counter: Counter, payment_id: str) -> Payment:
    """Stand by a payment until it has an end."""

    async def see() -> Payment:
        return await payment_of(counter, payment_id)

    return await counter.stand_by(
        see, lambda payment: (payment.id,), lambda payment: payment.state not in payment_rules.OPEN
    )


async def payment_of(counter: Counter, payment_id: str) -> Payment:
    """One payment.

    Raises Denied: payment.unknown.
    """
    payment = await counter.app.desk.see(payments_store.by_id(counter.merchant_id, payment_id))
    if payment is None:
        raise Denied("payment.unknown")
    return payment


async def cancel(counter: Counter, payment_id: str) -> Payment:
    """Give a payment up before it is paid, and stand by until that is clear.

    Raises Denied: payment.unknown, payment.already_paid.
    """
    await payments.cancel(counter.app.desk, counter.merchant_id, payment_id, who())
    return await followed_payment(counter, payment_id)


# --- refunds ---


async def refund(counter: Counter, *, payment_id: str, amount_fen: int, refund_id: str, reason: str) -> Refund:
    """Send money back and stand by until it has an end.

    Raises Denied and Busy: see `refunds.flow.requested_alone`.
    """
    ask = RefundAsk(
        by=operator(),
        merchant_id=counter.merchant_id,
        id=ids.checked(refund_id, Kind.REFUND) if refund_id else ids.new(Kind.REFUND),
        payment_id=payment_id,
        amount=Money(amount_fen),
        who=who(),
        reason=reason,
    )
    opened_refund = (await refunds.requested_alone(counter.app.desk, ask)).row

    async def see() -> Refund:
        return await refund_of(counter, opened_refund.id)

    return await counter.stand_by(see, lambda one: (one.id,), _has_end)


def _has_end(one: Refund) -> bool:
    """Nothing more happens to it by itself."""
    return one.state not in refund_rules.OPEN or one.waiting_for == "people"


async def refund_of(counter: Counter, refund_id: str) -> Refund:
    """One refund.

    Raises Denied: refund.unknown.
    """
    found = await counter.app.desk.see(refunds_store.by_id(counter.merchant_id, refund_id))
    if found is None:
        raise Denied("refund.unknown")
    return found


# --- cases ---


def _there(seen: CaseSeen) -> Case:
    assert seen.case is not None
    return seen.case


async def case_of(counter: Counter, case_id: str) -> CaseSeen:
    """One case, with its payment and its refund.

    Raises Denied: case.unknown.
    """
    seen = await counter.app.desk.see(cases_store.by_id(counter.merchant_id, case_id))
    if seen.case is None:
        raise Denied("case.unknown")
    return seen


# --- merchants ---


async def import_sim(app: App, file: Path, name: str, actor: str) -> dict[str, Any]:
    """Make a merchant of the file that sim wrote: one store, two tills, both channels, a key.

    Law: one transaction, the keys that seal the channels' secrets among it: killed in the midst, it leaves nothing.
    Raises Denied: sim.file_unreadable, channel.config_invalid, key.actor_empty.
    """
    configs = _configs(file)
    for channel, config in configs.items():
        CODECS[channel].keys(config)
    now = app.clock.now()
    async with app.pools.recorder.acquire() as connection, connection.transaction():
        merchant_id = await merchants.add_merchant(connection, name, now)
        store_id = await merchants.add_store(connection, merchant_id, name, now)
        tills = [
            {"id": await merchants.add_till(connection, merchant_id, store_id, till, now), "name": till}
            for till in ("T1", "T2")
        ]
        key = await merchants.add_key(connection, merchant_id, actor, now)
        seal = app.seal.within(connection)
        for channel, config in configs.items():
            await merchants.set_channel(connection, merchant_id, channel, config, now, partial(seal.of, at=now))
    with suppress(Busy):  # its key is told once, so nothing after this may keep it back; the worker looks again
        await keyring.look(app.desk, merchant_id, who(), app.pools.reader)
    return {
        "api_key": key.secret,
        "key_id": key.id,
        "actor": actor,
        "merchant_id": merchant_id,
        "name": name,
        "store_id": store_id,
        "tills": tills,
    }


def _configs(file: Path) -> dict[Channel, Mapping[str, str]]:
    """The channel configurations in sim.json, with absolute paths."""
    try:
        told = json.loads(file.read_text())
        sim = {Channel.WECHAT: {"base_url": told["base_url"], **told["wechat"]}, Channel.ALIPAY: told["alipay"]}
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        raise Denied("sim.file_unreadable", file=str(file), why=type(wrong).__name__) from wrong
    return {
        channel: {field: _absolute(file.parent, value) for field, value in config.items()}
        for channel, config in sim.items()
    }


def _absolute(folder: Path, value: str) -> str:
    return str((folder / value).resolve()) if value.endswith(".pem") else value


async def merchants_listed(app: App, after: str) -> dict[str, Any]:
    """The merchants, oldest first."""
    found = await merchants.merchants_called(app.pools.recorder, "", LISTED_MAX, after)
    return {
        "items": [
            {"id": one.id, "name": one.name, "tills": one.tills, "created_at": one.created_at.isoformat()}
            for one in found
        ],
        "next": found[-1].id if len(found) == LISTED_MAX else None,
    }


# --- staff ---


async def staff_added(counter: Counter, role: str, name: str, store: str) -> dict[str, Any]:
    """Write a member of staff down and make their key; its secret is told this once.

    Raises Denied: staff.role_unknown, staff.name_empty, store.unknown, store.several.
    """
    desk, pool = counter.app.desk, counter.app.pools.recorder
    store_id = await store_of(counter, store) if store else ""
    one = await people.add(desk, counter.merchant_id, role=role, name=name, who=who(), store_id=store_id)
    key = await merchants.add_key(pool, counter.merchant_id, one.id, counter.app.clock.now(), staff_id=one.id)
    return {**await _staff_told(counter, one), "api_key": key.secret, "key_id": key.id}


async def store_of(counter: Counter, wish: str) -> str:
    """The store with this id or name.

    Raises Denied: store.unknown, store.several.
    """
    found = await people_store.stores_called(counter.app.pools.recorder, counter.merchant_id, wish)
    if len(found) == 1:
        return found[0]
    if found:
        raise Denied("store.several", store=wish)
    raise Denied("store.unknown", store=wish)


async def _staff_told(counter: Counter, one: Staff) -> dict[str, Any]:
    return {
        "id": one.id,
        "role": one.role.value,
        "name": await people.name_of(counter.app.desk, one),
        "store": one.store_id,
        "since": one.since.isoformat(),
        "until": None if one.until is None else one.until.isoformat(),
    }


async def staff_listed(counter: Counter, after: str) -> dict[str, Any]:
    """The staff of a merchant, those who left too, oldest first."""
    found = await people_store.of_merchant(counter.app.pools.recorder, counter.merchant_id, after, LISTED_MAX)
    return {
        "items": [await _staff_told(counter, one) for one in found],
        "next": found[-1].id if len(found) == LISTED_MAX else None,
    }


async def staff_ended(counter: Counter, staff_id: str) -> dict[str, Any]:
    """They act for the merchant no more.

    Raises Denied: id.invalid, staff.unknown, staff.last_owner.
    """
    one = await people.end(counter.app.desk, counter.merchant_id, ids.checked(staff_id, Kind.STAFF), who())
    return await _staff_told(counter, one)


async def staff_invited(counter: Counter, staff_id: str, forgets_second: bool) -> dict[str, Any]:
    """A one-time token by which somebody sets their password; it is told this once.

    Raises Denied: id.invalid, staff.unknown.
    """
    desk, checked = counter.app.desk, ids.checked(staff_id, Kind.STAFF)
    token = await signing.invite(desk, counter.merchant_id, checked, who(), forgets_second=forgets_second)
    hours = int(INVITED_FOR.total_seconds() // 3600)
    return {"account": checked, "token": token, "link": link(counter.app, token), "hours": hours}


async def staff_signed_out(counter: Counter, staff_id: str) -> dict[str, Any]:
    """End all sessions of a member of staff.

    Raises Denied: id.invalid.
    """
    checked, pool = ids.checked(staff_id, Kind.STAFF), counter.app.pools.recorder
    ended = await signing.end_all(counter.app.desk, pool, counter.merchant_id, checked, who=who())
    return {"account": checked, "ended": ended}


def link(app: App, token: str, address: str = "") -> str:
    """Where a browser takes an invitation up. Behind a `#` no server or proxy is told the token."""
    place = app.settings.public_url or address or f"http://{app.settings.host}:{app.settings.port}"
    return f"{place.rstrip('/')}/accept#{token}"


async def staff_accepted(app: App, link: str, password: str, name: str, shop: str) -> dict[str, Any]:
    """Take an invitation up at the terminal, by a password.

    Raises Denied: signin.invitation_invalid; see `secrets.hashed`.
    """
    token = link.strip().rpartition("#")[2]
    one = await signing.accept(app.desk, app.pools.recorder, token, Means(password), name=name, shop=shop)
    return {"account": one.id, "role": one.role.value, "merchant": one.merchant_id}


# --- looking ---


async def shown(counter: Counter, any_id: str, kinds: Sequence[Kind]) -> PaymentTold | RefundTold | CaseTold:
    """The payment, refund or case with this id, as the API tells it.

    Raises Denied: id.invalid, payment.unknown, refund.unknown, case.unknown.
    """
    kind, now = _kind(any_id, kinds), counter.app.clock.now()
    if kind is Kind.PAYMENT:
        return payment_told(await payment_of(counter, any_id), now)
    if kind is Kind.REFUND:
        return refund_told(await refund_of(counter, any_id), now)
    case = _there(await case_of(counter, any_id))
    told = case_told(case, await cases.said_of(counter.app.desk, case))
    return await disclosed(counter.app.desk, counter.merchant_id, who(), Role.OPERATOR, told, case.id)


def _kind(any_id: str, kinds: Sequence[Kind]) -> Kind:
    return Kind(ids.checked(any_id, *kinds)[:2])


async def timeline(counter: Counter, any_id: str) -> TimelineTold:
    """What happened to a payment (or to that of a refund or a case), in order.

    Raises Denied: id.invalid, payment.unknown, refund.unknown, case.unknown.
    """
    kind = _kind(any_id, (Kind.PAYMENT, Kind.REFUND, Kind.CASE))
    payment_id = any_id
    if kind is Kind.REFUND:
        payment_id = (await refund_of(counter, any_id)).payment_id
    elif kind is Kind.CASE:
        payment_id = _there(await case_of(counter, any_id)).payment_id
    return await lists.timeline(counter.app.pools.reader, counter.merchant_id, payment_id, 0, HAPPENED_MAX)
