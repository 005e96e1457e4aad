"""Stores and tills that come and go, and channel accounts that are set and checked: decided by values alone.

A store or a till that is closed stays on record with all that was done there. Of a channel account it is written down
who gave it keys and what a check found; never what a key is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from yuanlu import ids
from yuanlu.change import Change, Row, Stay
from yuanlu.channels.checking import Finding, Verdict, Weight, verdict
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.machines.rules import TillStand
from yuanlu.masking import kept
from yuanlu.people.rules import Person, demand


@dataclass(frozen=True, slots=True, kw_only=True)
class Store(Row):
    """A store as it stands."""

    table = "stores"

    name: str
    created_at: datetime
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSetup(Row):
    """A merchant's account at a channel (`id`): who gave it keys, and what the last check of them found, as JSON."""

    table = "channel_setups"

    findings: str = "[]"
    set_at: datetime | None = None
    set_by: str = ""
    checked_at: datetime | None = None
    checked_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAdded(Fact):
    store: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRenamed(Fact):
    store: str
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreClosed(Fact):
    store: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TillAdded(Fact):
    till: str
    store: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelKeysSet(Fact):
    """`fields`: the names of what was given; not what they are."""

    channel: str
    fields: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelChecked(Fact):
    """`fields`: the names of what is wrong."""

    channel: str
    verdict: str
    fields: str


@dataclass(frozen=True, slots=True)
class StoreSeen:
    """What a store is decided on: itself, and how many of its tills are open."""

    store: Store | None
    tills: int = 0


@dataclass(frozen=True, slots=True)
class TillSeen:
    """What a new till is decided on: one under its id, if there is one, and the store it is to stand in."""

    till: TillStand | None
    store: Store | None


def named(text: str) -> str:
    """A name as it is kept. Raises Denied: shop.name_empty."""
    name = kept(text.strip())
    if not name:
        raise Denied("shop.name_empty")
    return name


def add_store(
    merchant_id: str, store_id: str, name: str, by: Person, seen: StoreSeen, at: datetime
) -> Change[Store] | Stay[Store]:
    """Write a store down; again under the same id and name is the same.

    Raises Denied: staff.not_allowed, staff.other_store, id.invalid, shop.name_empty, store.id_taken.
    """
    demand(by, "shops")
    name = named(name)
    if seen.store is not None:
        if seen.store.name != name:
            raise Denied("store.id_taken", id=store_id)
        return Stay(seen.store)
    row = Store(merchant_id=merchant_id, id=ids.checked(store_id, ids.Kind.STORE), name=name, created_at=at)
    return Change(row=row, at=at, who=by.id, facts=(StoreAdded(store=name),))


def _open(seen: Store | None) -> Store:
    """Raises Denied: store.unknown, store.closed."""
    if seen is None:
        raise Denied("store.unknown")
    if seen.closed_at is not None:
        raise Denied("store.closed")
    return seen


def rename_store(name: str, by: Person, seen: StoreSeen, at: datetime) -> Change[Store] | Stay[Store]:
    """Call a store something else.

    Raises Denied: staff.not_allowed, staff.other_store, store.unknown, store.closed, shop.name_empty.
    """
    demand(by, "shops")
    store, name = _open(seen.store), named(name)
    if store.name == name:
        return Stay(store)
    row = replace(store, version=store.version + 1, name=name)
    return Change(row=row, at=at, who=by.id, facts=(StoreRenamed(store=name, before=store.name),))


def close_store(by: Person, seen: StoreSeen, at: datetime) -> Change[Store] | Stay[Store]:
    """Close a store for good. Its tills are closed before: each one's keys end with it.

    Raises Denied: staff.not_allowed, staff.other_store, store.unknown, store.has_tills.
    """
    demand(by, "shops")
    if seen.store is not None and seen.store.closed_at is not None:
        return Stay(seen.store)
    store = _open(seen.store)
    if seen.tills:
        raise Denied("store.has_tills", tills=seen.tills)
    row = replace(store, version=store.version + 1, closed_at=at)
    return Change(row=row, at=at, who=by.id, facts=(StoreClosed(store=store.name),))


def add_till(till_id: str, name: str, by: Person, seen: TillSeen, at: datetime) -> Change[TillStand] | Stay[TillStand]:
    """Write a till down; again under the same id is the same. A device becomes it by enrolment.

    Raises Denied: staff.not_allowed, staff.other_store, store.unknown, store.closed, id.invalid, shop.name_empty,
    till.id_taken.
    """
    demand(by, "shops")
    store, name = _open(seen.store), named(name)
    if seen.till is not None:
        if (seen.till.name, seen.till.store_id) != (name, store.id):
            raise Denied("till.id_taken", id=till_id)
        return Stay(seen.till)
    row = TillStand(
        merchant_id=store.merchant_id,
        id=ids.checked(till_id, ids.Kind.TILL),
        store_id=store.id,
        name=name,
        created_at=at,
    )
    return Change(row=row, at=at, who=by.id, facts=(TillAdded(till=name, store=store.name),))


class _Kept(msgspec.Struct, array_like=True):
    code: str
    field: str
    weight: Weight
    facts: dict[str, str | int]


def text_of(findings: Sequence[Finding]) -> str:
    """Findings as they are kept."""
    rows = [_Kept(each.code, each.field, each.weight, dict(each.facts)) for each in findings]  # type: ignore[arg-type]
    return msgspec.json.encode(rows).decode()


def findings_of(text: str) -> list[Finding]:
    """Findings as they were kept."""
    return [
        Finding(each.code, each.field, each.weight, each.facts) for each in msgspec.json.decode(text, type=list[_Kept])
    ]


def wrong_fields(findings: Sequence[Finding]) -> str:
    """The names of what is wrong, each once."""
    return ", ".join(dict.fromkeys(each.field for each in findings if each.weight is Weight.FAULT and each.field))


def _setup(merchant_id: str, channel: str, seen: ChannelSetup | None) -> ChannelSetup:
    return seen or ChannelSetup(merchant_id=merchant_id, id=channel, version=0)


def note_set(
    merchant_id: str,
    channel: str,
    fields: Sequence[str],
    findings: Sequence[Finding],
    by: Person,
    seen: ChannelSetup | None,
    at: datetime,
) -> Change[ChannelSetup]:
    """Write down that an account has new keys, and how they were found just before."""
    row = _setup(merchant_id, channel, seen)
    row = replace(
        row, version=row.version + 1, findings=text_of(findings), set_at=at, set_by=by.id, checked_at=at,
        checked_by=by.id,
    )  # fmt: skip
    return Change(row=row, at=at, who=by.id, facts=(ChannelKeysSet(channel=channel, fields=", ".join(fields)),))


def note_checked(
    merchant_id: str, channel: str, findings: Sequence[Finding], by: Person, seen: ChannelSetup | None, at: datetime
) -> Change[ChannelSetup]:
    """Write down what a check of the keys that are in use found."""
    row = _setup(merchant_id, channel, seen)
    row = replace(row, version=row.version + 1, findings=text_of(findings), checked_at=at, checked_by=by.id)
    fact = ChannelChecked(channel=channel, verdict=verdict(findings).value, fields=wrong_fields(findings))
    return Change(row=row, at=at, who=by.id, facts=(fact,))


def may_be_kept(findings: Sequence[Finding], *, anyway: bool) -> bool:
    """Whether keys are stored: proved well; or not proved, where somebody says that they want them all the same."""
    found = verdict(findings)
    return found is Verdict.WELL or (found is Verdict.UNSURE and anyway)
