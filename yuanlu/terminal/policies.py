"""The verbs of policies at a terminal: check a file, try it on the past, set it, show what counts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from yuanlu import ids, sheets
from yuanlu.change import Done
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.people.rules import demand
from yuanlu.policies import flow, store
from yuanlu.policies.rules import Policy, PolicyAsk
from yuanlu.terminal.asking import key_of
from yuanlu.terminal.verbs import Counter, till_of
from yuanlu.web.parts import policies, stores
from yuanlu.web.parts.calls import person_of
from yuanlu.web.parts.policies import Form, PolicyCheckTold, PolicyTold, PolicyTrialTold, policy_told


def _read(file: Path) -> tuple[str, Form]:
    """A file's text, and which kind it is by its name.

    Raises Denied: policy.file_unreadable.
    """
    try:
        raw = file.read_bytes()
        return (raw.decode(), "toml") if file.suffix == ".toml" else (sheets.text_of(raw), "csv")
    except (OSError, ValueError) as wrong:
        raise Denied("policy.file_unreadable", file=str(file), why=type(wrong).__name__) from wrong


def check(file: Path) -> PolicyCheckTold:
    """Check a file. Needs no installation."""
    return policies.checked(*_read(file))


async def trial(counter: Counter, file: Path, since: datetime) -> PolicyTrialTold:
    """Try a file on the cases opened since a moment; change nothing."""
    content, form = _read(file)
    new = flow.checked(content, is_toml=form == "toml")
    return await policies.trial(counter.app.pools.reader, counter.merchant_id, new, since)


async def keep(
    counter: Counter, file: Path, policy_id: str, store_id: str, valid_from: datetime | None, key_file: Path | None
) -> Done[Policy]:
    """Set a file as a new version."""
    content, form = _read(file)
    key = await key_of(counter, key_file)
    by, place = person_of(key), await _store(counter, store_id) if store_id else ""
    demand(by, "policy")
    stores.demand_store(by, place)
    ask = PolicyAsk(
        merchant_id=counter.merchant_id,
        id=ids.checked(policy_id, Kind.POLICY) if policy_id else ids.new(Kind.POLICY, counter.app.clock.now()),
        table=flow.checked(content, is_toml=form == "toml"),
        who=key.actor,
        role=key.role,
        store_id=place,
        valid_from=valid_from,
    )
    return await flow.requested(counter.app.desk, ask)


async def shown(counter: Counter, policy_id: str, store_id: str, till: str) -> PolicyTold:
    """One version, or the one in force: at a till, in a store, or for the whole merchant."""
    desk, merchant_id = counter.app.desk, counter.merchant_id
    if policy_id:
        found = await desk.see(store.by_id(merchant_id, policy_id))
        if found is None:
            raise Denied("policy.unknown")
        return policy_told(found)
    if till:
        return policy_told(await flow.at_till(desk, merchant_id, (await till_of(counter, till)).id))
    return policy_told(await flow.in_force(desk, merchant_id, await _store(counter, store_id) if store_id else ""))


async def _store(counter: Counter, wish: str) -> str:
    """The id of the store with this id or name.

    Raises Denied: policy.store_unknown.
    """
    found = await merchants.stores_called(counter.app.pools.recorder, counter.merchant_id, wish, 2)
    if len(found) != 1:
        raise Denied("policy.store_unknown", store=wish)
    return found[0]
