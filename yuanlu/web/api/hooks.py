"""Hooks: who asked to know; the payers' contacts; how an SMS is sent."""

from __future__ import annotations

from datetime import UTC, timedelta

import msgspec

from yuanlu.cases import flow as cases
from yuanlu.db import away
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.letters import Way
from yuanlu.notify import addresses, flow, post, sms, store
from yuanlu.notify.rules import Hook
from yuanlu.people.rules import demand
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.hook_shapes import (
    ContactTold,
    ContactWish,
    DeliveriesTold,
    DeliveriesWish,
    HookMadeTold,
    HooksTold,
    HooksWish,
    HookTold,
    HookWish,
    LogTold,
    LogWish,
    PingTold,
    ReplayWish,
    RotateWish,
    SmsTold,
    SmsWish,
    contact_told,
    delivery_told,
    hook_told,
    line_told,
    made_told,
    ping_told,
)


def _loopback(call: Call) -> bool:
    return bool(call.office.settings.hooks_on_loopback)


async def request(call: Call) -> Answer:
    """Ask to be told. A webhook's secret is in this answer and in no other; asking again gives the hook without it."""
    wish: HookWish = call.wish
    way = Way(wish.way)
    target = addresses.checked(way, wish.target, loopback=_loopback(call))
    if way is Way.APPRISE and not post.apprise_understands(target):
        raise Denied("hook.apprise_invalid", known=list(addresses.HOSTED))
    made = await flow.add(
        call.office.desk, call.merchant_id, wish.id,
        way=way, target=target, types=tuple(wish.types), lang=wish.lang, who=call.who,
    )  # fmt: skip
    return 201 if made.is_new else 200, made_told(made)


async def _hook(call: Call) -> Hook:
    hook = await call.office.desk.see(store.hook(call.merchant_id, call.id(Kind.HOOK)))
    if hook is None or hook.about or hook.way is Way.GATEWAY:
        raise Denied("hook.unknown")
    return hook


async def see(call: Call) -> Answer:
    """One hook."""
    return 200, hook_told(await _hook(call))


async def page(call: Call) -> Answer:
    """The merchant's own hooks, oldest first."""
    wish: HooksWish = call.query
    with away():
        found = await store.hooks_page(call.office.pools.reader, call.merchant_id, wish.after, wish.limit + 1)
    items = [hook_told(each) for each in found[: wish.limit]]
    return 200, HooksTold(items=items, next=items[-1].id if len(found) > wish.limit else None)


async def rotate(call: Call) -> Answer:
    """Make a new secret; for a while the old one signs beside it. The new one is in this answer and in no other."""
    wish: RotateWish = call.wish
    hook = await _hook(call)
    keep_within = timedelta(seconds=wish.keep_seconds)
    return 200, made_told(await flow.rotate(call.office.desk, call.merchant_id, hook.id, keep_within, call.who))


async def disable(call: Call) -> Answer:
    """Tell this hook nothing more."""
    hook = await _hook(call)
    return 200, hook_told(await flow.disable(call.office.desk, call.merchant_id, hook.id, call.who))


async def enable(call: Call) -> Answer:
    """Tell this hook again, beginning with what it missed."""
    hook = await _hook(call)
    return 200, hook_told(await flow.enable(call.office.desk, call.merchant_id, hook.id, call.who))


async def ping(call: Call) -> Answer:
    """Send a letter that says nothing, now; answers what became of it."""
    hook = await _hook(call)
    return 200, ping_told(await flow.ping(call.office.desk, call.merchant_id, hook.id, call.who))


async def replay(call: Call) -> Answer:
    """Tell this hook again what happened since a moment, or from one letter on. Letters keep their ids."""
    wish: ReplayWish = call.wish
    hook = await _hook(call)
    since = wish.since
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    desk = call.office.desk
    replayed = await flow.replay(desk, call.merchant_id, hook.id, since=since, letter=wish.letter, who=call.who)
    return 200, hook_told(replayed)


async def deliveries(call: Call) -> Answer:
    """How far this hook has been told about each object; `state=PARKED`: what nobody took."""
    wish: DeliveriesWish = call.query
    hook = await _hook(call)
    with away():
        found = await store.deliveries_page(
            call.office.pools.reader, call.merchant_id, hook.id, wish.state, wish.after, wish.limit + 1
        )
    items = [delivery_told(each) for each in found[: wish.limit]]
    return 200, DeliveriesTold(items=items, next=items[-1].id if len(found) > wish.limit else None)


async def log(call: Call) -> Answer:
    """What was sent, failed, parked or rewound of one delivery, newest first."""
    wish: LogWish = call.query
    hook = await _hook(call)
    delivery = await call.office.desk.see(store.delivery(call.merchant_id, call.id(Kind.DELIVERY)))
    if delivery is None or delivery.hook_id != hook.id:
        raise Denied("delivery.unknown")
    with away():
        found = await store.log_page(
            call.office.pools.reader, call.merchant_id, delivery.id, wish.before, wish.limit + 1
        )
    items = [line_told(each) for each in found[: wish.limit]]
    return 200, LogTold(items=items, next=items[-1].transition if len(found) > wish.limit else None)


async def set_sms(call: Call) -> Answer:
    """Keep how an SMS is sent. It is sealed, and shown to nobody again."""
    wish: SmsWish = call.wish
    template = msgspec.convert(msgspec.to_builtins(wish), sms.Template)
    desk = call.office.desk
    hook = await flow.set_gateway(desk, call.merchant_id, template, loopback=_loopback(call), who=call.who)
    return 200, SmsTold(shown=hook.shown, state=hook.state.value)


async def _demand_case(call: Call, verb: str) -> None:
    """Whoever calls may do this with this case.

    Raises Denied: case.unknown, staff.not_allowed, staff.other_store.
    """
    seen = await cases.find(call.office.desk, call.merchant_id, call.id(Kind.CASE))
    assert seen.case is not None
    demand(call.by, verb, seen.case.store_id)


async def give_contact(call: Call) -> Answer:
    """Keep how the payer of a case wishes to be told; the newest word counts."""
    wish: ContactWish = call.wish
    await _demand_case(call, "say")
    hook = await flow.give_contact(
        call.office.desk, call.merchant_id, call.id(Kind.CASE),
        way=Way(wish.way), target=wish.target, lang=wish.lang, consent=wish.consent, who=call.who,
    )  # fmt: skip
    return 200, contact_told(hook)


async def see_contact(call: Call) -> Answer:
    """How the payer of a case is told."""
    await _demand_case(call, "see")
    return 200, contact_told(await flow.contact_of(call.office.desk, call.merchant_id, call.id(Kind.CASE)))


async def withdraw_contact(call: Call) -> Answer:
    """The payer of a case wishes to hear nothing more."""
    await _demand_case(call, "say")
    desk, case_id = call.office.desk, call.id(Kind.CASE)
    return 200, contact_told(await flow.withdraw_contact(desk, call.merchant_id, case_id, call.who))


_WHERE = ("hook.url_invalid", "hook.url_inside", "hook.email_invalid", "hook.phone_invalid", "hook.apprise_invalid")

ROUTES = (
    Route(
        method="POST",
        path="/v1/hooks",
        verb=request,
        may="hooks",
        says="Ask to be told what happens",
        takes=HookWish,
        gives=HookMadeTold,
        statuses=(201, 200),
        denied=("staff.not_allowed", "id.invalid", "hook.id_taken", "hook.too_many", "hook.type_unknown", *_WHERE),
        example={
            "id": "YH01KATE3S40000000000000000GT",
            "way": "webhook",
            "target": "https://shop.example/yuanlu",
            "types": ["refund.*", "case.closed"],
        },
    ),
    Route(
        method="GET",
        path="/v1/hooks",
        verb=page,
        may="hooks",
        says="Hooks, oldest first",
        query=HooksWish,
        gives=HooksTold,
        denied=("staff.not_allowed",),
    ),
    Route(
        method="GET",
        path="/v1/hooks/{hook}",
        verb=see,
        may="hooks",
        says="One hook",
        gives=HookTold,
        denied=(
            "staff.not_allowed",
            "hook.unknown",
        ),
    ),
    Route(
        method="POST",
        path="/v1/hooks/{hook}/secret",
        verb=rotate,
        may="hooks",
        says="Rotate a webhook's secret",
        takes=RotateWish,
        gives=HookMadeTold,
        denied=("staff.not_allowed", "hook.unknown", "hook.disabled", "hook.no_secret", "hook.old_secret_too_long"),
        example={"keep_seconds": 86400},
    ),
    Route(
        method="POST",
        path="/v1/hooks/{hook}/disable",
        verb=disable,
        may="hooks",
        says="Tell a hook nothing more",
        gives=HookTold,
        denied=(
            "staff.not_allowed",
            "hook.unknown",
        ),
    ),
    Route(
        method="POST",
        path="/v1/hooks/{hook}/enable",
        verb=enable,
        may="hooks",
        says="Tell a hook again, beginning with what it missed",
        gives=HookTold,
        denied=(
            "staff.not_allowed",
            "hook.unknown",
        ),
    ),
    Route(
        method="POST",
        path="/v1/hooks/{hook}/ping",
        verb=ping,
        may="hooks",
        says="Try a hook",
        gives=PingTold,
        denied=("staff.not_allowed", "hook.unknown", "hook.disabled", "sms.no_template"),
    ),
    Route(
        method="POST",
        path="/v1/hooks/{hook}/replay",
        verb=replay,
        may="hooks",
        says="Tell a hook again",
        takes=ReplayWish,
        gives=HookTold,
        denied=(
            "staff.not_allowed",
            "hook.unknown",
            "hook.disabled",
            "hook.replay_what",
            "hook.letter_unknown",
            "hook.not_for_payers",
        ),
        example={"since": "2026-11-23T04:00:00Z"},
    ),
    Route(
        method="GET",
        path="/v1/hooks/{hook}/deliveries",
        verb=deliveries,
        may="hooks",
        says="How far a hook has been told",
        query=DeliveriesWish,
        gives=DeliveriesTold,
        denied=(
            "staff.not_allowed",
            "hook.unknown",
        ),
    ),
    Route(
        method="GET",
        path="/v1/hooks/{hook}/deliveries/{delivery}",
        verb=log,
        may="hooks",
        says="What was sent of one delivery",
        query=LogWish,
        gives=LogTold,
        denied=("staff.not_allowed", "hook.unknown", "delivery.unknown"),
    ),
    Route(
        method="POST",
        path="/v1/sms",
        verb=set_sms,
        may="hooks",
        says="Say how an SMS is sent",
        takes=SmsWish,
        gives=SmsTold,
        denied=("staff.not_allowed", "sms.template_invalid", "hook.url_invalid", "hook.url_inside"),
        example={"url": "https://sms.example/send", "body": '{"to": "{{phone}}", "text": "{{text}}"}'},
    ),
    Route(
        method="POST",
        path="/v1/cases/{case}/contact",
        verb=give_contact,
        may="say",
        says="How the payer of a case wishes to be told",
        takes=ContactWish,
        gives=ContactTold,
        denied=(
            "staff.not_allowed",
            "staff.other_store",
            "case.unknown",
            "contact.no_consent",
            "contact.way",
            "hook.email_invalid",
            "hook.phone_invalid",
            "seal.forgotten",
        ),
        example={"way": "sms", "target": "+8613800000000", "consent": True},
    ),
    Route(
        method="GET",
        path="/v1/cases/{case}/contact",
        verb=see_contact,
        may="see",
        says="How the payer of a case is told",
        gives=ContactTold,
        denied=("staff.not_allowed", "staff.other_store", "case.unknown", "contact.unknown"),
    ),
    Route(
        method="POST",
        path="/v1/cases/{case}/contact/withdraw",
        verb=withdraw_contact,
        may="say",
        says="The payer wishes to hear nothing more",
        gives=ContactTold,
        denied=("staff.not_allowed", "staff.other_store", "case.unknown", "contact.unknown"),
    ),
)
