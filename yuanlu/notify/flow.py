"""The verbs of notices: ask to be told, nudge, send, replay; and what a payer's contact is."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import msgspec

from yuanlu import ids
from yuanlu.cases import chain
from yuanlu.cases import flow as cases
from yuanlu.cases import store as cases_store
from yuanlu.cases.chain import Audience, How, Side
from yuanlu.change import Done
from yuanlu.clock import business_day
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.letters import Letter, Reach, Receipt, Way
from yuanlu.notify import addresses, rules, sms, store, templates
from yuanlu.notify.rules import Delivery, DeliverySeen, Hook, HookAsk, Told
from yuanlu.notify.store import Reached

BURST = 20
"""Letters of one delivery that one run sends; what is left waits for the next, so that others have their turn."""
SECRET_BYTES = 32
PING = "ping"


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A hook and its secret just made: the only moment it is told. Empty: it was told before, or the way has none."""

    hook: Hook
    secret: str = field(repr=False, default="")
    is_new: bool = False


def _secret() -> str:
    """A secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


async def add(
    desk: Desk,
    merchant_id: str,
    hook_id: str,
    *,
    way: Way,
    target: str,
    types: tuple[str, ...] = (),
    lang: str = "zh",
    who: str,
) -> NewSecret:
    """Take in a merchant's wish to be told. The address was checked (`addresses.checked`).

    Asking again with the same id and content gives the same hook back, without its secret.
    Raises Denied: see `rules.add`, `rules.kinds_of`.
    """
    sealed = await desk.sealed(merchant_id, hook_id)
    secret = _secret() if way is Way.WEBHOOK else ""
    ask = HookAsk(
        merchant_id=merchant_id,
        id=ids.checked(hook_id, ids.Kind.HOOK),
        way=way,
        types=types,
        lang=lang,
        shown=addresses.shown(way, target),
        target=sealed.seal(target),
        secret=sealed.seal(secret) if secret else "",
        fingerprint=desk.mark("\x1f".join(("hook", way, target, lang, *types))),
        who=who,
    )
    done = await desk.decide(store.for_ask(merchant_id, hook_id), partial(rules.add, ask))
    return NewSecret(done.row, secret if done.changed else "", done.changed)


def contact_id(case_opened_at: datetime, case_id: str) -> str:
    """The id of a case's contact: one a case, so that a step is told to its payer once, whichever way is chosen."""
    return ids.derived(ids.Kind.HOOK, case_opened_at, case_id, "payer")


async def give_contact(
    desk: Desk, merchant_id: str, case_id: str, *, way: Way, target: str, lang: str, consent: bool, who: str
) -> Hook:
    """Keep how the payer of a case wishes to be told, sealed with the case; the newest word counts.

    Raises Denied: case.unknown, contact.no_consent, contact.way, hook.email_invalid, hook.phone_invalid,
    seal.forgotten.
    """
    if not consent:
        raise Denied("contact.no_consent")
    if way not in (Way.EMAIL, Way.SMS):
        raise Denied("contact.way", way=way)
    contact, _ = await _contact(desk, merchant_id, case_id)
    sealed = await desk.sealed(merchant_id, case_id)
    ask = HookAsk(
        merchant_id=merchant_id,
        id=contact,
        way=way,
        types=(),
        lang=lang,
        shown=addresses.shown(way, addresses.checked(way, target)),
        target=sealed.seal(target),
        secret="",
        fingerprint=desk.mark("\x1f".join(("contact", way, target, lang))),
        who=who,
        about=case_id,
    )
    done = await desk.decide(store.for_ask(merchant_id, contact), partial(rules.put, ask))
    return done.row


async def contact_of(desk: Desk, merchant_id: str, case_id: str) -> Hook:
    """How the payer of a case is told.

    Raises Denied: case.unknown, contact.unknown.
    """
    _, hook = await _contact(desk, merchant_id, case_id)
    if hook is None or not hook.is_open:
        raise Denied("contact.unknown")
    return hook


async def withdraw_contact(desk: Desk, merchant_id: str, case_id: str, who: str) -> Hook:
    """The payer of a case wishes to hear nothing more.

    Raises Denied: case.unknown, contact.unknown.
    """
    hook = await contact_of(desk, merchant_id, case_id)
    done = await desk.decide(store.hook(merchant_id, hook.id), partial(rules.disable, "withdrawn", who))
    return done.row


async def _contact(desk: Desk, merchant_id: str, case_id: str) -> tuple[str, Hook | None]:
    seen = await desk.see(cases_store.by_id(merchant_id, case_id))
    if seen.case is None:
        raise Denied("case.unknown")
    contact = contact_id(seen.case.opened_at, case_id)
    return contact, await desk.see(store.hook(merchant_id, contact))


def gateway_id(merchant_id: str) -> str:
    """The id of a merchant's SMS template: there is one."""
    return ids.derived(ids.Kind.HOOK, datetime.fromtimestamp(0).astimezone(), merchant_id, "sms")


async def set_gateway(desk: Desk, merchant_id: str, template: sms.Template, *, loopback: bool, who: str) -> Hook:
    """Keep how an SMS is sent.

    Raises Denied: sms.template_invalid, hook.url_invalid, hook.url_inside.
    """
    template = sms.checked(template)
    addresses.url_checked(sms.filled(template, phone="1", text="1", id="1").url, loopback=loopback)
    hook_id = gateway_id(merchant_id)
    sealed = await desk.sealed(merchant_id, hook_id)
    text = msgspec.json.encode(template).decode()
    ask = HookAsk(
        merchant_id=merchant_id,
        id=hook_id,
        way=Way.GATEWAY,
        types=(),
        lang="zh",
        shown=addresses.shown(Way.GATEWAY, template.url),
        target=sealed.seal(text),
        secret="",
        fingerprint=desk.mark("\x1f".join(("gateway", text))),
        who=who,
    )
    done = await desk.decide(store.for_ask(merchant_id, hook_id), partial(rules.put, ask))
    return done.row


async def rotate(desk: Desk, merchant_id: str, hook_id: str, keep_within: timedelta, who: str) -> NewSecret:
    """Make a new secret; the old one signs beside it for a while.

    Raises Denied: see `rules.rotate`.
    """
    sealed = await desk.sealed(merchant_id, hook_id)
    secret = _secret()
    rule = partial(rules.rotate, sealed.seal(secret), keep_within, who)
    done = await desk.decide(store.hook(merchant_id, hook_id), rule)
    return NewSecret(done.row, secret, is_new=True)


async def disable(desk: Desk, merchant_id: str, hook_id: str, who: str) -> Hook:
    """Tell this hook nothing more.

    Raises Denied: hook.unknown.
    """
    return (await desk.decide(store.hook(merchant_id, hook_id), partial(rules.disable, "asked", who))).row


async def enable(desk: Desk, merchant_id: str, hook_id: str, who: str) -> Hook:
    """Tell this hook again, beginning with what it missed.

    Raises Denied: hook.unknown.
    """
    return (await desk.decide(store.hook(merchant_id, hook_id), partial(rules.enable, who))).row


async def ping(desk: Desk, merchant_id: str, hook_id: str, who: str) -> Receipt:
    """Send a letter that says nothing, now, and answer what became of it.

    Raises Denied: hook.unknown, hook.disabled.
    """
    view = store.hook(merchant_id, hook_id)
    hook = rules.opened(await desk.see(view))
    now = desk.clock.now()
    letter = Letter(
        merchant_id=merchant_id,
        hook_id=hook.id,
        id=f"{hook.id}-ping-{hook.version}",
        type=PING,
        kind=PING,
        facts={},
        object_id=hook.id,
        transition=hook.version,
        happened_at=now,
        now=now,
        lang=hook.lang,
        reach=await _reach(desk, hook, await desk.see(store.gateway(merchant_id)), now),
    )
    receipt = await desk.tell(letter)
    await desk.decide(view, partial(rules.pinged, receipt, who))
    return receipt


async def replay(
    desk: Desk, merchant_id: str, hook_id: str, *, since: datetime | None = None, letter: str = "", who: str
) -> Hook:
    """Tell a hook again what happened since a moment, or from one letter on (and what followed on its object).

    Raises Denied: hook.unknown, hook.disabled, hook.not_for_payers, hook.replay_what, hook.letter_unknown.
    """
    if (since is None) == (not letter):
        raise Denied("hook.replay_what")
    view = store.hook(merchant_id, hook_id)
    if since is not None:
        return (await desk.decide(view, partial(rules.replay, since, who))).row
    hook = rules.opened(await desk.see(view))
    delivery_id, place = rules.place_of(letter)
    delivery = await desk.see(store.delivery(merchant_id, delivery_id))
    if delivery is None or delivery.hook_id != hook.id:
        raise Denied("hook.letter_unknown")
    rule = partial(rules.rewind, hook, delivery.object_id, place)
    await desk.decide(store.delivery(merchant_id, delivery_id), rule)
    return hook


# --- jobs ---


async def wake(desk: Desk, merchant_id: str, object_id: str) -> None:
    """An object has new facts: nudge the delivery of each who asked to know. Sends nothing itself."""
    for hook in await desk.see(store.asked(merchant_id, object_id)):
        if rules.wants(hook, object_id):
            await _nudge(desk, hook, object_id)


async def _nudge(desk: Desk, hook: Hook, object_id: str) -> Done[Delivery]:
    view = store.delivery(hook.merchant_id, rules.delivery_id(hook, object_id))
    return await desk.decide(view, partial(rules.nudge, hook, object_id))


async def send(desk: Desk, merchant_id: str, delivery_id: str) -> None:
    """Send what is due of one delivery, in order, until something does not arrive.

    Raises Denied: delivery.unknown.
    """
    view = store.to_send(merchant_id, delivery_id)
    for _ in range(BURST):
        seen = await desk.see(view)
        hook = seen.hook
        if not seen.next or hook is None or not hook.is_open:
            if (await desk.decide(view, rules.rest)).changed:
                return
            continue
        if hook.resume_at is not None and not await _may_ask(desk, hook):
            until = max(hook.resume_at, desk.clock.now() + rules.PAUSES[0])
            await desk.decide(view, partial(rules.put_off, until))
            return
        if not await _sent(desk, seen, hook):
            return


async def _may_ask(desk: Desk, hook: Hook) -> bool:
    """Whether the one letter that a hook which takes nothing is asked by is ours."""
    return (await desk.decide(store.hook(hook.merchant_id, hook.id), rules.may_ask)).changed


async def _sent(desk: Desk, seen: DeliverySeen, hook: Hook) -> bool:
    """Send the letter that stands next and keep what became of it; answers whether to go on with the one behind it."""
    told = seen.next[0]
    receipt = await _told(desk, seen, hook, told)
    assert seen.delivery is not None
    view = store.to_send(seen.delivery.merchant_id, seen.delivery.id)
    done = await desk.decide(view, partial(rules.hear, told, receipt))
    await desk.decide(store.hook(hook.merchant_id, hook.id), partial(rules.hook_heard, receipt))
    return done.row.state is rules.DeliveryState.DUE and (receipt.ok or receipt.is_silent)


async def _told(desk: Desk, seen: DeliverySeen, hook: Hook, told: Told) -> Receipt:
    """Send one letter, if there is anything in it for its reader and its address may still be read."""
    assert seen.delivery is not None
    now = desk.clock.now()
    facts, text = told.body, None
    if hook.about:
        facts = {**facts, "promised_on": _still_promised(seen, now)}
        text = templates.text(told.kind, facts, seen.row, shop=seen.shop, lang=hook.lang)
        if text is None:
            return Receipt(is_silent=True)
    try:
        reach = await _reach(desk, hook, seen.gateway, now)
    except Denied as no:
        return Receipt(why=no.code, is_final=True, is_ours=True)
    letter = Letter(
        merchant_id=hook.merchant_id,
        hook_id=hook.id,
        id=rules.letter_id(seen.delivery, told.place),
        lang=hook.lang,
        to_payer=bool(hook.about),
        shop=seen.shop,
        type=rules.TYPES[told.kind],
        kind=told.kind,
        facts=facts,
        object_id=seen.delivery.object_id,
        transition=told.transition,
        happened_at=told.at,
        now=now,
        row=seen.row,
        reach=reach,
    )
    receipt = await desk.tell(letter)
    if receipt.ok and text is not None:
        await _written_down(desk, hook, letter.id, text.text)
    return receipt


def _still_promised(seen: DeliverySeen, at: datetime) -> str:
    """The promised day, as long as it is not over: what was not kept is not promised again."""
    day = seen.promised_on
    return day.isoformat() if day is not None and business_day(at) <= day else ""


async def _written_down(desk: Desk, hook: Hook, letter_id: str, text: str) -> None:
    """What a payer was told stands in the thread of the case, sealed like all that is said there.

    Before the cursor moves: should we die between the two, it is told again under the same id and written down once.
    """
    sealed = await desk.sealed(hook.merchant_id, hook.about)
    body = chain.said(text, Side.SYSTEM, How.WRITTEN)
    now = desk.clock.now()
    item = chain.message(letter_id, body, sealed.seal(body), "system", Audience.CUSTOMER, now)
    await cases.add(desk, hook.merchant_id, hook.about, item)


async def _reach(desk: Desk, hook: Hook, gateway: Hook | None, now: datetime) -> Reach:
    """How a hook is reached, opened just before it is needed.

    Raises Denied: seal.forgotten, sms.no_template.
    """
    sealed = await desk.sealed(hook.merchant_id, hook.subject)
    template = ""
    if hook.way is Way.SMS:
        if gateway is None:
            raise Denied("sms.no_template")
        template = (await desk.sealed(hook.merchant_id, gateway.subject)).open(gateway.target)
    return Reach(
        way=hook.way,
        target=sealed.open(hook.target),
        secrets=tuple(sealed.open(each) for each in rules.signs_with(hook, now)),
        gateway=template,
    )


async def go_on_replaying(desk: Desk, merchant_id: str, hook_id: str) -> None:
    """One run of a replay: some objects further, each rewound to its first fact since then (or only nudged).

    Raises Denied: hook.unknown.
    """
    view = store.hook(merchant_id, hook_id)
    hook = await desk.see(view)
    if hook is None:
        raise Denied("hook.unknown")
    reached: Sequence[Reached] = ()
    if hook.replay_since is not None and hook.is_open:
        reached = await desk.see(store.to_replay(merchant_id, hook_id, rules.REPLAY_STEP))
    for each in reached:
        if each.first is None or not rules.wants(hook, each.object_id):
            continue
        if hook.replay_again:
            delivery = store.delivery(merchant_id, rules.delivery_id(hook, each.object_id))
            await desk.decide(delivery, partial(rules.rewind, hook, each.object_id, each.first))
        else:
            await _nudge(desk, hook, each.object_id)
    after = reached[-1].object_id if len(reached) == rules.REPLAY_STEP else ""
    await desk.decide(view, partial(rules.replayed, after, hook))
