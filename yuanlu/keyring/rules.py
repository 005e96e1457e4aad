"""Secrets and certificates as they stand: noted when they come, turn over or go, and told of before they end.

What a secret *is* stands nowhere here: `mark` is a keyed hash, a version or a fingerprint, by which a new one is known.
Looking twice changes nothing, so whoever turned a secret over and was killed is caught up with by the next look.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from yuanlu.change import Change, Row, Stay
from yuanlu.facts import Fact

WARN_DAYS = (30, 7, 1, 0)
"""Days before an end at which it is told, each once; 0: it has ended."""


class Sort(StrEnum):
    """What it is."""

    DATA_KEY = "data_key"
    """The merchant's key, which wraps the keys of subjects. Its mark is its version."""
    WRAPPING_KEY = "wrapping_key"
    """The key-encryption key that wraps it. Its mark is its name."""
    CHANNEL_SECRET = "channel_secret"  # noqa: S105 - the kind
    CHANNEL_KEY = "channel_key"
    """A key file of a channel account."""
    CERTIFICATE = "certificate"
    API_KEY = "api_key"
    OLD_SECRET = "old_secret"  # noqa: S105 - the kind
    """The secret of a hook or an API key that was replaced, until its grace is over."""


HAS_FACTS = frozenset({Sort.API_KEY, Sort.OLD_SECRET})
"""What leaves facts of its own where it is made and ended: here its end alone is told of."""


@dataclass(frozen=True, slots=True)
class Found:
    """A secret as it is found now. `mark` empty: it could not be read this time, which says nothing about it."""

    name: str
    sort: Sort
    mark: str
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret(Row):
    """A secret as it is known; `id` is its name. `warned_days`: the last of `WARN_DAYS` that was told."""

    table = "keyring"

    kind: Sort
    mark: str
    changed_at: datetime
    ends_at: datetime | None = None
    warned_days: int | None = None
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretNoted(Fact):
    sort: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRotated(Fact):
    sort: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretEnding(Fact):
    """`days` is one of `WARN_DAYS`."""

    sort: str
    secret: str
    ends_at: str
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretGone(Fact):
    sort: str
    secret: str


def due(ends_at: datetime | None, at: datetime) -> int | None:
    """Which of `WARN_DAYS` is reached; None where none is."""
    reached = [days for days in WARN_DAYS if ends_at is not None and at >= ends_at - timedelta(days=days)]
    return min(reached, default=None)


def note(merchant_id: str, found: Found, who: str, seen: Secret | None, at: datetime) -> Change[Secret] | Stay[Secret]:
    """Write down what a secret is now: that it is there, is another, or ends soon. Law: each warning once."""
    facts: list[Fact] = []
    if seen is None:
        row = Secret(
            merchant_id=merchant_id, id=found.name, version=0, kind=found.sort, mark=found.mark, changed_at=at,
            ends_at=found.ends_at,
        )  # fmt: skip
    elif seen.mark != found.mark or seen.gone_at is not None:
        row = replace(
            seen, kind=found.sort, mark=found.mark, changed_at=at, ends_at=found.ends_at, warned_days=None, gone_at=None
        )
    else:
        row = seen
    if row is not seen and found.sort not in HAS_FACTS:
        is_known = seen is not None and seen.gone_at is None
        facts.append((SecretRotated if is_known else SecretNoted)(sort=found.sort, secret=found.name))
    days = due(row.ends_at, at)
    if days is not None and (row.warned_days is None or days < row.warned_days):
        assert row.ends_at is not None
        facts.append(SecretEnding(sort=row.kind, secret=row.id, ends_at=row.ends_at.isoformat(), days=days))
        row = replace(row, warned_days=days)
    if row is seen:
        return Stay(seen)
    return Change(row=replace(row, version=row.version + 1), at=at, who=who, facts=tuple(facts))


def lose(who: str, seen: Secret, at: datetime) -> Change[Secret] | Stay[Secret]:
    """Write down that a secret is no more."""
    if seen.gone_at is not None:
        return Stay(seen)
    row = replace(seen, version=seen.version + 1, mark="", ends_at=None, warned_days=None, gone_at=at)
    facts = () if seen.kind in HAS_FACTS else (SecretGone(sort=seen.kind, secret=seen.id),)
    return Change(row=row, at=at, who=who, facts=facts)
