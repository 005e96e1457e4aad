"""The verbs of a shop that is set up: stores, tills, and keys at the channels."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from yuanlu.channels.checking import Finding, Verdict, is_pem, verdict
from yuanlu.channels.contract import Channel
from yuanlu.channels.registry import CHECKERS, CODECS
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.keyring import flow as keyring
from yuanlu.machines.rules import TillStand
from yuanlu.merchants import store as merchants
from yuanlu.onboarding import rules, store
from yuanlu.onboarding.rules import Store
from yuanlu.people import signing
from yuanlu.people.rules import Person, demand
from yuanlu.people.signing import Sure
from yuanlu.people.stepup import Act

Tries = Callable[[Channel, Mapping[str, str], Any], Awaitable[list[Finding]]]
"""What asks a channel whether these keys are right: `App.try_keys`."""

_OF_CERTIFICATE = ("merchant_key", "merchant_serial", "merchant_cert")
"""What belongs together: a new one of these puts an old certificate out of use."""


async def add_store(desk: Desk, merchant_id: str, store_id: str, name: str, by: Person) -> Store:
    """Write a store down. Raises Denied: see `rules.add_store`."""
    rule = partial(rules.add_store, merchant_id, store_id, name, by)
    return (await desk.decide(store.store_by_id(merchant_id, store_id), rule)).row


async def rename_store(desk: Desk, merchant_id: str, store_id: str, name: str, by: Person) -> Store:
    """Call a store something else. Raises Denied: see `rules.rename_store`."""
    return (await desk.decide(store.store_by_id(merchant_id, store_id), partial(rules.rename_store, name, by))).row


async def close_store(desk: Desk, merchant_id: str, store_id: str, by: Person) -> Store:
    """Close a store for good. Raises Denied: see `rules.close_store`."""
    return (await desk.decide(store.store_by_id(merchant_id, store_id), partial(rules.close_store, by))).row


async def add_till(desk: Desk, merchant_id: str, till_id: str, store_id: str, name: str, by: Person) -> TillStand:
    """Write a till down. Raises Denied: see `rules.add_till`."""
    view = store.for_till(merchant_id, till_id, store_id)
    return (await desk.decide(view, partial(rules.add_till, till_id, name, by))).row


@dataclass(frozen=True, slots=True)
class Outside:
    """What keys are proved with, and where the channels are. `addresses`: by channel, where not their own."""

    tries: Tries
    addresses: Mapping[str, Mapping[str, str]]
    recorder: asyncpg.Pool[Any]
    reader: asyncpg.Pool[Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found, and whether the keys are kept."""

    findings: Sequence[Finding]
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class KeysAsk:
    """New keys for an account. What is empty stays as it is. `anyway`: keep them though the channel gave no word."""

    merchant_id: str
    channel: Channel
    given: Mapping[str, str] = field(repr=False)
    by: Person
    sure: Sure
    anyway: bool = False


async def set_keys(desk: Desk, outside: Outside, ask: KeysAsk) -> Checked:
    """Give an account new keys, if they are right: seen here first, then asked of the channel. Else nothing is kept.

    Raises Denied: staff.not_allowed, channel.nothing_given, channel.account_taken, channel.account_in_use,
    channel.config_invalid, and what `stepup.demand` raises.
    """
    demand(ask.by, "channels")
    given = {name: text for name, text in ask.given.items() if text.strip()}
    if not given:
        raise Denied("channel.nothing_given", channel=ask.channel.value)
    base = await _config(desk, ask.merchant_id, ask.channel) or dict(outside.addresses[ask.channel])
    config, findings = await asyncio.to_thread(_looked, ask.channel, base, given, desk.clock.now())
    if verdict(findings) is Verdict.WRONG:
        return Checked(findings)
    keys = await asyncio.to_thread(CODECS[ask.channel].keys, config)
    findings += await outside.tries(ask.channel, config, keys)
    if not rules.may_be_kept(findings, anyway=ask.anyway):
        return Checked(findings)
    act = Act("channel", ask.merchant_id, payee=ask.channel.value)
    await signing.spend(desk, ask.sure, ask.merchant_id, act)
    now = desk.clock.now()
    await merchants.claim_channel(outside.recorder, ask.merchant_id, ask.channel, config, now, desk.sealed)
    rule = partial(rules.note_set, ask.merchant_id, ask.channel.value, sorted(given), findings, ask.by)
    await desk.decide(store.setup(ask.merchant_id, ask.channel.value), rule)
    await keyring.look(desk, ask.merchant_id, ask.by.id, outside.reader)
    return Checked(findings, is_kept=True)


async def check(desk: Desk, outside: Outside, merchant_id: str, channel: Channel, by: Person) -> Checked:
    """Check the keys that are in use. Nothing but the finding is changed.

    Raises Denied: staff.not_allowed, channel.unknown, channel.config_invalid, seal.forgotten.
    """
    demand(by, "channels")
    config = await _config(desk, merchant_id, channel)
    if not config:
        raise Denied("channel.unknown", channel=channel.value)
    keys = await asyncio.to_thread(CODECS[channel].keys, config)
    findings = await outside.tries(channel, config, keys)
    rule = partial(rules.note_checked, merchant_id, channel.value, findings, by)
    await desk.decide(store.setup(merchant_id, channel.value), rule)
    return Checked(findings, is_kept=True)


async def _config(desk: Desk, merchant_id: str, channel: Channel) -> dict[str, str]:
    account = (await desk.see(merchants.channels_of(merchant_id))).get(channel)
    return {} if account is None else await account.opened(desk.sealed)


def _looked(
    channel: Channel, base: Mapping[str, str], given: Mapping[str, str], at: datetime
) -> tuple[dict[str, str], list[Finding]]:
    """What can be seen of an account with what is given in place of what it has.

    Law: a file is read only where the account named it before: a text that is given is never taken for a path.
    """
    whole = {name: _text_of(name, value) for name, value in base.items()}
    if any(name in given for name in _OF_CERTIFICATE):
        whole.pop("merchant_cert", None)
    if "merchant_cert" in given:
        whole.pop("merchant_serial", None)
    return CHECKERS[channel].look({**whole, **given}, at)


def _text_of(name: str, value: str) -> str:
    """A key as text, also where the account has the path of its file; what cannot be read stays as it is."""
    if name not in merchants.CHANNEL_KEYS or not value or is_pem(value):
        return value
    try:
        return Path(value).read_text()
    except (OSError, ValueError):
        return value
