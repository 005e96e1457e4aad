"""The shapes of hooks, their deliveries, and the contacts of payers: the same names over HTTP and on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from yuanlu.letters import Receipt
from yuanlu.notify import rules
from yuanlu.notify.flow import NewSecret
from yuanlu.notify.rules import Delivery, Hook
from yuanlu.notify.store import Logged
from yuanlu.told import told
from yuanlu.web.parts.shapes import _ID, END, Contact, Page, Wish

HookId = Annotated[str, Meta(pattern=f"^YH{_ID}{END}", examples=["YH01KATE3S40000000000000000GT"])]
Type = Annotated[str, Meta(pattern=rf"^[a-z]+\.(\*|[a-z_]+){END}", max_length=60, examples=["refund.*"])]
Target = Annotated[str, Meta(pattern=f"^[!-~]+{END}", max_length=2000, examples=["https://shop.example/yuanlu"])]
Lang = Literal["zh", "en"]


class HookWish(Wish):
    """A wish to be told: where (a URL, an e-mail address, an Apprise URL, a phone number), and of what (none: all)."""

    id: HookId
    way: Literal["webhook", "email", "apprise", "sms"]
    target: Target
    types: Annotated[list[Type], Meta(max_length=100)] = field(default_factory=list)
    lang: Lang = "zh"


class RotateWish(Wish):
    """How long the old secret keeps signing beside the new one."""

    keep_seconds: Annotated[int, Meta(ge=0, le=7 * 86400)] = 86400


class ReplayWish(Wish):
    """From where to tell again: a moment, or one letter by its id."""

    since: datetime | None = None
    letter: Annotated[str, Meta(pattern=f"^[0-9A-Z-]*{END}", max_length=60)] = ""


class HooksWish(Page):
    """Which hooks."""


class DeliveriesWish(Page):
    """Which deliveries."""

    state: Literal["", "IDLE", "DUE", "PARKED"] = ""


class LogWish(Wish):
    """Which part of a delivery's log: at most `limit` lines older than the transition `before`."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    before: Annotated[int, Meta(ge=1, le=2_000_000_000)] = 2_000_000_000


class SmsWish(Wish):
    """How an SMS is sent: one HTTP request, with `{{phone}}`, `{{text}}` and `{{id}}` where they belong."""

    url: Annotated[str, Meta(max_length=2000)]
    method: Literal["GET", "POST"] = "POST"
    content: Literal["json", "form", ""] = "json"
    headers: Annotated[dict[str, Annotated[str, Meta(max_length=1000)]], Meta(max_length=20)] = field(
        default_factory=dict
    )
    body: Annotated[str, Meta(max_length=4000)] = ""
    answer_has: Annotated[str, Meta(max_length=200)] = ""


class ContactWish(Wish):
    """How the payer of a case wishes to be told of each step, with their consent."""

    way: Literal["email", "sms"]
    target: Annotated[str, Meta(pattern=f"^[!-~]+{END}", max_length=254)]
    consent: bool
    lang: Lang = "zh"


class HookTold(Struct, frozen=True, kw_only=True):
    """Somebody who asked to know. `shown` is all that is told of where; `failing_since`: it has taken nothing since."""

    id: str
    state: str
    way: str
    shown: str
    types: Sequence[str]
    lang: str
    opened_at: datetime
    opened_by: str
    failing_since: datetime | None
    why: str
    disabled_at: datetime | None
    old_secret_until: datetime | None
    replaying: bool


class HookMadeTold(Struct, frozen=True, kw_only=True):
    """A hook and its secret, told this once; empty: it was told before, or the way has none."""

    hook: HookTold
    secret: str


class HooksTold(Struct, frozen=True, kw_only=True):
    """Hooks, oldest first."""

    items: Sequence[HookTold]
    next: str | None


class PingTold(Struct, frozen=True, kw_only=True):
    """What became of a ping."""

    ok: bool
    status: int
    why: str
    took_ms: int


class DeliveryTold(Struct, frozen=True, kw_only=True):
    """How far a hook has been told about an object: all up to and with `last_letter`."""

    id: str
    state: str
    hook: str
    object: str
    sent: int
    last_letter: str
    attempts: int
    failing_since: datetime | None
    next_at: datetime | None
    why: str


class DeliveriesTold(Struct, frozen=True, kw_only=True):
    """Deliveries of a hook, in the order of their ids."""

    items: Sequence[DeliveryTold]
    next: str | None


class LogLineTold(Struct, frozen=True, kw_only=True):
    """One thing that happened to a delivery."""

    at: datetime
    transition: int
    kind: str
    what_zh: str
    what_en: str
    facts: Mapping[str, Any]


class LogTold(Struct, frozen=True, kw_only=True):
    """A delivery's log, newest first. `next`: the `before` of the next page."""

    items: Sequence[LogLineTold]
    next: int | None


class ContactTold(Struct, frozen=True, kw_only=True):
    """How the payer of a case is told."""

    case: str
    way: str
    shown: Contact
    lang: str
    state: str


class SmsTold(Struct, frozen=True, kw_only=True):
    """Which provider sends SMS."""

    shown: str
    state: str


def hook_told(hook: Hook) -> HookTold:
    """A hook as others see it."""
    return HookTold(
        id=hook.id,
        state=hook.state.value,
        way=hook.way.value,
        shown=hook.shown,
        types=rules.types_of(hook),
        lang=hook.lang,
        opened_at=hook.opened_at,
        opened_by=hook.opened_by,
        failing_since=hook.failing_since,
        why=hook.why,
        disabled_at=hook.disabled_at,
        old_secret_until=hook.old_until,
        replaying=hook.replay_since is not None,
    )


def made_told(made: NewSecret) -> HookMadeTold:
    """A hook with its secret, this once."""
    return HookMadeTold(hook=hook_told(made.hook), secret=made.secret)


def ping_told(receipt: Receipt) -> PingTold:
    """What became of a ping."""
    return PingTold(ok=receipt.ok, status=receipt.status, why=receipt.why, took_ms=receipt.took_ms)


def delivery_told(delivery: Delivery) -> DeliveryTold:
    """A delivery as others see it."""
    return DeliveryTold(
        id=delivery.id,
        state=delivery.state.value,
        hook=delivery.hook_id,
        object=delivery.object_id,
        sent=delivery.sent,
        last_letter=rules.letter_id(delivery, delivery.place) if delivery.transition else "",
        attempts=delivery.attempts,
        failing_since=delivery.failing_since,
        next_at=delivery.next_at,
        why=delivery.why,
    )


def line_told(line: Logged) -> LogLineTold:
    """One line of a delivery's log."""
    zh, en = told(line.kind, line.body)
    return LogLineTold(at=line.at, transition=line.transition, kind=line.kind, what_zh=zh, what_en=en, facts=line.body)


def contact_told(hook: Hook) -> ContactTold:
    """A payer's contact, as far as it is told."""
    return ContactTold(case=hook.about, way=hook.way.value, shown=hook.shown, lang=hook.lang, state=hook.state.value)
