"""The verbs of a till's device: it says how it is; people write to it, lock and unlock it."""

from __future__ import annotations

from functools import partial

from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.people.rules import Person
from yuanlu.stations import rules, store
from yuanlu.stations.rules import Station


async def of(desk: Desk, merchant_id: str, till_id: str) -> Station:
    """How a till's device stands; one that never said anything is silent.

    Raises Denied: till.unknown.
    """
    seen = await desk.see(store.seen(merchant_id, till_id))
    if seen.store_id is None:
        raise Denied("till.unknown")
    return seen.station or Station(merchant_id=merchant_id, id=till_id, store_id=seen.store_id)


async def beat(desk: Desk, merchant_id: str, till_id: str, release: str, health: str, who: str) -> Station:
    """Keep how a till says it is.

    Raises Denied: till.unknown.
    """
    rule = partial(rules.beat, merchant_id, till_id, release, health, who)
    return (await desk.decide(store.seen(merchant_id, till_id), rule)).row


async def tell(desk: Desk, merchant_id: str, till_id: str, message: str, by: Person) -> Station:
    """Write to whoever works at a till.

    Raises Denied: see `rules.tell`.
    """
    rule = partial(rules.tell, merchant_id, till_id, message, by)
    return (await desk.decide(store.seen(merchant_id, till_id), rule)).row


async def lock(desk: Desk, merchant_id: str, till_id: str, why: str, by: Person) -> Station:
    """Let a till take no more money.

    Raises Denied: see `rules.lock`.
    """
    rule = partial(rules.lock, merchant_id, till_id, why, by)
    return (await desk.decide(store.seen(merchant_id, till_id), rule)).row


async def unlock(desk: Desk, merchant_id: str, till_id: str, by: Person) -> Station:
    """Let a till take money again.

    Raises Denied: see `rules.unlock`.
    """
    rule = partial(rules.unlock, merchant_id, till_id, by)
    return (await desk.decide(store.seen(merchant_id, till_id), rule)).row
