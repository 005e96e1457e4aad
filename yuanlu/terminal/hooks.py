"""Hooks for a terminal: ask to be told, list, try, tell again."""

from __future__ import annotations

from datetime import UTC, datetime

from yuanlu import ids
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.letters import Way
from yuanlu.notify import addresses, flow, post, store
from yuanlu.terminal.verbs import Counter, who
from yuanlu.web.parts.hook_shapes import (
    DeliveriesTold,
    HookMadeTold,
    HooksTold,
    HookTold,
    PingTold,
    delivery_told,
    hook_told,
    made_told,
    ping_told,
)


async def add(
    counter: Counter, *, target: str, way: str, types: tuple[str, ...], lang: str, hook_id: str
) -> HookMadeTold:
    """Ask to be told. A webhook's secret is told this once.

    Raises Denied: see `notify.flow.add`, `notify.addresses.checked`.
    """
    loopback = bool(counter.app.settings.hooks_on_loopback)
    target = addresses.checked(Way(way), target, loopback=loopback)
    if way == Way.APPRISE and not post.apprise_understands(target):
        raise Denied("hook.apprise_invalid", known=list(addresses.HOSTED))
    made = await flow.add(
        counter.app.desk, counter.merchant_id, hook_id or ids.new(Kind.HOOK, counter.app.clock.now()),
        way=Way(way), target=target, types=types, lang=lang, who=who(),
    )  # fmt: skip
    return made_told(made)


async def listed(counter: Counter, after: str, limit: int) -> HooksTold:
    """The merchant's hooks, oldest first."""
    found = await store.hooks_page(counter.app.pools.reader, counter.merchant_id, after, limit + 1)
    items = [hook_told(each) for each in found[:limit]]
    return HooksTold(items=items, next=items[-1].id if len(found) > limit else None)


async def ping(counter: Counter, hook_id: str) -> PingTold:
    """Send a letter that says nothing, now.

    Raises Denied: id.invalid, hook.unknown, hook.disabled.
    """
    ids.checked(hook_id, Kind.HOOK)
    return ping_told(await flow.ping(counter.app.desk, counter.merchant_id, hook_id, who()))


async def replay(counter: Counter, hook_id: str, since: str, letter: str) -> HookTold:
    """Tell a hook again since a moment, or from one letter on; the worker sends.

    Raises Denied: id.invalid, time.invalid, and as `notify.flow.replay`.
    """
    ids.checked(hook_id, Kind.HOOK)
    moment = _moment(since) if since else None
    desk = counter.app.desk
    return hook_told(await flow.replay(desk, counter.merchant_id, hook_id, since=moment, letter=letter, who=who()))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Denied("time.invalid", text=text) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


async def turned(counter: Counter, hook_id: str, *, on: bool) -> HookTold:
    """Tell a hook nothing more, or again.

    Raises Denied: id.invalid, hook.unknown.
    """
    ids.checked(hook_id, Kind.HOOK)
    verb = flow.enable if on else flow.disable
    return hook_told(await verb(counter.app.desk, counter.merchant_id, hook_id, who()))


async def deliveries(counter: Counter, hook_id: str, state: str, after: str, limit: int) -> DeliveriesTold:
    """How far a hook has been told about each object.

    Raises Denied: id.invalid.
    """
    ids.checked(hook_id, Kind.HOOK)
    pool = counter.app.pools.reader
    found = await store.deliveries_page(pool, counter.merchant_id, hook_id, state, after, limit + 1)
    items = [delivery_told(each) for each in found[:limit]]
    return DeliveriesTold(items=items, next=items[-1].id if len(found) > limit else None)
