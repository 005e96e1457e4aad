"""The verbs of keys: make, rotate, end; of tills: invite, enrol, close."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Protocol, TypeVar

from yuanlu import ids
from yuanlu.change import Done
from yuanlu.desk import Desk, Rule
from yuanlu.machines import rules, store
from yuanlu.machines.rules import Key, KeyAsk, TillStand
from yuanlu.reading import View

S = TypeVar("S")

GRACE = timedelta(days=1)


class Decides(Protocol):
    """How a change of a key is decided: as `Desk.decide` does, or only by somebody who is sure of it."""

    def __call__(self, view: View[S], rule: Rule[S, Key], /) -> Awaitable[Done[Key]]: ...


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A key and what is told of it once: its secret, or the code that enrols a till. Empty: it was told before."""

    key: Key
    secret: str = field(repr=False)


def _secret() -> tuple[str, bytes]:
    secret = secrets.token_urlsafe(32).replace("_", "-")
    return secret, hashlib.sha256(secret.encode()).digest()


async def make(desk: Desk, ask: KeyAsk, decide: Decides | None = None) -> NewSecret:
    """Make a key. Asking again with the same id and content gives it back without its secret.

    Raises Denied: see `rules.make`.
    """
    secret, digest = _secret()
    done = await (decide or desk.decide)(store.by_id(ask.merchant_id, ask.id), partial(rules.make, ask, digest))
    return NewSecret(done.row, f"yk_{ask.id}_{secret}" if done.changed else "")


async def rotate(
    desk: Desk, merchant_id: str, key_id: str, grace: timedelta, who: str, decide: Decides | None = None
) -> NewSecret:
    """Give a key a new secret; the old one counts until the grace is over.

    Raises Denied: see `rules.rotate`.
    """
    secret, digest = _secret()
    done = await (decide or desk.decide)(store.by_id(merchant_id, key_id), partial(rules.rotate, digest, grace, who))
    return NewSecret(done.row, f"yk_{key_id}_{secret}")


async def end(desk: Desk, merchant_id: str, key_id: str, who: str) -> Key:
    """End a key: within a second it opens nothing, in any process.

    Raises Denied: key.unknown.
    """
    return (await desk.decide(store.by_id(merchant_id, key_id), partial(rules.end, who))).row


async def invite(
    desk: Desk,
    merchant_id: str,
    till_id: str,
    who: str,
    scopes: tuple[str, ...] = (),
    decide: Decides | None = None,
) -> NewSecret:
    """Make the code with which a device becomes this till, within 15 minutes and once.

    Raises Denied: till.gone, key.scope_unknown.
    """
    letters = "".join(secrets.choice(rules.CODE_LETTERS) for _ in range(rules.CODE_LENGTH))
    key_id = ids.new(ids.Kind.KEY, desk.clock.now())
    view = store.for_invitation(merchant_id, key_id, till_id)
    done = await (decide or desk.decide)(
        view, partial(rules.invite, key_id, till_id, scopes, _mark(desk, letters), who)
    )
    return NewSecret(done.row, "-".join(letters[at : at + 4] for at in range(0, rules.CODE_LENGTH, 4)))


async def enrol(desk: Desk, code: str, public_key: str) -> NewSecret:
    """Enrol the device that brings this code, with its public key; answers its token.

    Raises Denied: enrolment.unknown, enrolment.key.
    """
    secret, digest = _secret()
    view = store.by_mark(_mark(desk, rules.tidy_code(code)))
    row = (await desk.decide(view, partial(rules.enrol, public_key, digest))).row
    return NewSecret(row, f"yk_{row.id}_{secret}")


async def close(desk: Desk, merchant_id: str, till_id: str, who: str) -> TillStand:
    """Close a till for good; its keys end with it.

    Raises Denied: till.gone.
    """
    return (await desk.decide(store.till_by_id(merchant_id, till_id), partial(rules.close, who))).row


def _mark(desk: Desk, code: str) -> str:
    """The keyed hash under which an enrolment code waits."""
    return desk.mark(f"enrolment:{code}")
