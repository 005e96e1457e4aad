"""The verbs of a case: request, drive, add, and what people do with it. Its steps are our own commands to payments and
refunds.

Every Change of a case is decided through `_decided`, which gives it its holder and its deadline.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from yuanlu import ids
from yuanlu.cases import beside, chain, clockwork, replies, review, rules, store, together, twins, windows
from yuanlu.cases.chain import Audience, CaseItemAdded, How, Item, Link, Side
from yuanlu.cases.citing import cited
from yuanlu.cases.clockwork import Clockwork
from yuanlu.cases.review import Act, Fault, OfferKind, Place, Status
from yuanlu.cases.rules import Case, CaseAsk, CaseSeen, Guide, Judge, KeptItem, Remedy, State, What
from yuanlu.cases.together import Chosen, Together
from yuanlu.change import Change, Done, Stay
from yuanlu.channels.registry import FACTS
from yuanlu.clock import business_day
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.evidence import store as evidence_store
from yuanlu.masking import Found, masked
from yuanlu.money import Money
from yuanlu.payments import flow as payments
from yuanlu.payments import rules as payment_rules
from yuanlu.payments import store as payments_store
from yuanlu.people import signing
from yuanlu.people.rules import Person, demand
from yuanlu.people.signing import Sure
from yuanlu.people.stepup import REFUND_FREE_FEN
from yuanlu.people.stepup import Act as Sureness
from yuanlu.policies import flow as policies
from yuanlu.reading import View
from yuanlu.refunds import flow as refunds
from yuanlu.seal import Sealed


async def _decided(
    desk: Desk,
    view: View[CaseSeen],
    rule: Callable[[CaseSeen, datetime], Change[Case] | Stay[Case]],
    sure: Sure | None = None,
    act_of: Callable[[Case], Sureness | None] = lambda _: None,
) -> Done[Case]:
    """Decide about a case: what the rule says, with its twin, wound by its clock, with the rules it rests on.

    `sure`: the person who decides, where they must be sure of `act_of`.
    """

    def decide(seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
        book = desk.book(at)
        return cited(book, windows.wound(FACTS, book, seen, twins.passed(seen, rule(seen, at))))

    return await signing.decide(desk, sure, act_of, view.reads[0].merchant_id, view, decide)


def counted(desk: Desk, at: datetime) -> Clockwork:
    """How deadlines are counted: by what the lawbook promises, in the working days it knows at this moment."""
    return clockwork.of_book(desk.book(at))


async def request(desk: Desk, ask: CaseAsk) -> Case:
    """Write a report down, and answer the case alone: see `requested`."""
    return (await requested(desk, ask)).row


async def requested(desk: Desk, ask: CaseAsk) -> Done[Case]:
    """Write a report down. Moves nothing.

    What was said with it becomes the first message of its thread, in the same change. Asking again with the same id
    and content gives the same case back, not `changed`. Raises Denied: see `rules.open_case`; seal.forgotten, where
    the words of the case were erased and nobody can say whether these are the same.
    """
    ask = await _worded(desk, ask)
    return await _decided(desk, store.for_ask(ask.merchant_id, ask.id, ask.payment_id), partial(rules.open_case, ask))


async def _worded(desk: Desk, ask: CaseAsk) -> CaseAsk:
    """A report with its words sealed. No key is made for one that is refused anyway."""
    if not ask.said:
        return ask
    seen = await desk.see(store.for_ask(ask.merchant_id, ask.id, ask.payment_id))
    if seen.case is None:
        rules.open_case(ask, seen, desk.clock.now())
    side = Side.STAFF if ids.is_id(ask.who, ids.Kind.STAFF) else Side.CUSTOMER
    words = await _message(desk, ask.merchant_id, ask.id, ask.who, Words(text=ask.said, side=side, masked=ask.masked))
    sealed = await desk.sealed(ask.merchant_id, ask.id)
    return replace(ask, words=words, said_mark=sealed.mark(ask.said))


async def request_itself(desk: Desk, merchant_id: str, payment_id: str, what: What) -> Case | None:
    """Open the case that a fact calls for (paid late, refunded outside): once, under an id that follows from it.

    What comes a second time, after its case was closed, opens another one. Answers None when a payment is not paid late
    at all, or people already have a case about it: then that is where it is put right, and should that close as unpaid
    it asks again.
    """
    payment = await desk.see(payments_store.by_id(merchant_id, payment_id))
    if payment is None:
        raise Denied("payment.unknown")
    if what is What.LATE_PAID and payment.state is not payment_rules.State.LATE_PAID:
        return None
    case_id = rules.own_id(payment, what)
    ask = CaseAsk(merchant_id=merchant_id, id=case_id, payment_id=payment_id, what=what, who="system")
    try:
        return await request(desk, ask)
    except Denied as no:
        if no.code == "case.already_open":
            return None
        raise


async def drive(desk: Desk, merchant_id: str, case_id: str) -> Case:
    """Take a case one step further: check the payment live, choose, carry out, or close.

    Raises Denied: case.unknown.
    """
    seen = await desk.see(store.glance(merchant_id, case_id))
    if seen.case is None:
        raise Denied("case.unknown")
    if seen.case.state is State.OPENED:
        return await _check(desk, seen)
    view = store.by_id(merchant_id, case_id)
    if seen.case.state is State.ATTENTION:  # it may take a repayment up: that decides about money
        view = await beside.around(desk, seen.case)
    done = await _decided(desk, view, rules.next_step)
    if twins.binds(done.row) and not done.changed and done.row.state is State.REMEDY:
        done = await _decided(desk, await beside.around(desk, done.row), twins.next_step)
    if done.changed or done.row.state is not State.REMEDY:
        return done.row
    return await _carry_out(desk, done.row)


async def tick(desk: Desk, merchant_id: str, case_id: str) -> Case:
    """A deadline may have gone by (an offer or the time to object is over, somebody is late), or a window is near.

    Raises Denied: case.unknown.
    """

    def rule(seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
        return review.tick(counted(desk, at), seen, at)

    return (await _decided(desk, store.by_id(merchant_id, case_id), rule)).row


def guide_of(desk: Desk) -> Guide:
    """What tells the way of a case: the facts of its channel, and the lawbook of the day."""
    return lambda seen, at: rules.guided(FACTS, desk.book(at), seen, at)


async def ruling_for(desk: Desk, seen: CaseSeen) -> Judge:
    """What tells the verdict about this report: the policy that was in force when its payment was made."""
    assert seen.payment is not None
    assert seen.case is not None
    table = await policies.version(desk, seen.payment.merchant_id, seen.payment.policy)
    cause = await beside.cause_of(desk, seen) if table.asks_cause else seen.case.cause
    return partial(twins.ruled, partial(rules.by_policy, table, cause=cause))


async def _check(desk: Desk, seen: CaseSeen) -> Case:
    """Ask the channel what really happened; the payment learns it first, then the remedy is chosen.

    Its twin is looked for in between: it may have become paid meanwhile.
    """
    assert seen.case is not None
    assert seen.payment is not None
    case, payment = seen.case, seen.payment
    outcome = await payments.looked(desk, payment)
    await payments.learn(desk, case.merchant_id, payment.id, outcome)
    ruling = await ruling_for(desk, seen)
    view = await beside.around(desk, case)
    rule = partial(rules.choose, outcome, guide=guide_of(desk), ruling=ruling)
    return (await _decided(desk, view, rule)).row


async def _carry_out(desk: Desk, case: Case) -> Case:
    view = store.by_id(case.merchant_id, case.id)
    case = (await _decided(desk, view, partial(rules.set_out, guide_of(desk)))).row
    if case.state is not State.REMEDY or case.remedy is Remedy.REPAYMENT:
        return case
    try:
        if case.remedy is Remedy.CANCEL:
            await payments.cancel(desk, case.merchant_id, case.payment_id, case.opened_by)
        else:
            refund = await refunds.request(desk, rules.refund_ask(case))
            await _supersede(desk, case, refund.id)
    except Denied as no:
        if no.code != "payment.already_paid":
            done = await _decided(desk, view, partial(rules.attend, str(no)))
            return done.row
    done = await _decided(desk, view, rules.next_step)
    if not done.changed and done.row.state is State.REMEDY:
        done = await _decided(desk, view, rules.wait)
    return done.row


async def _supersede(desk: Desk, case: Case, by: str) -> None:
    """Mark the refund of the attempt before as superseded, if its money had come back to the merchant."""
    if case.attempt <= 1:
        return
    before = rules.refund_id(case, case.attempt - 1)
    try:
        await refunds.supersede(desk, case.merchant_id, before, by, case.opened_by)
    except Denied as no:
        if no.code not in ("refund.not_returned", "refund.unknown"):
            raise


async def decide(
    desk: Desk, merchant_id: str, case_id: str, by: Person, refund: Money | None, sure: Sure | None = None
) -> Case:
    """A person chooses what becomes of a case whose remedy is in trouble.

    Raises Denied: see `review.decide`, `twins.refusal`, `stepup.demand`.
    """
    view = await _weighing(desk, merchant_id, case_id)
    rule = partial(review.decide, by, refund)
    sure = None if refund is None else sure
    return (await _decided(desk, view, rule, sure, partial(_sure_of, "attend"))).row


# --- what people do with it ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is said with a verb, and who may read it. Card and identity numbers are masked; `masked` tells which."""

    text: str = field(repr=False)
    side: Side = Side.STAFF
    audience: Audience = Audience.CUSTOMER
    how: How = How.WRITTEN
    reply: str = ""
    """A ready reply (see `replies`) that is said instead of a text of one's own; in `lang`: `zh`, `en` or `both`."""
    lang: str = replies.BOTH
    id: str = ""
    """Of the message, where whoever says it made it: saying it again is then the same."""
    masked: tuple[Found, ...] = ()

    def __post_init__(self) -> None:
        text, found = masked(self.text)
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "masked", tuple(dict.fromkeys((*self.masked, *found))))


async def find(desk: Desk, merchant_id: str, case_id: str, by: Person | None = None) -> CaseSeen:
    """A case as it stands, for whoever may see it.

    Raises Denied: case.unknown, staff.not_allowed, staff.other_store.
    """
    seen = await desk.see(store.by_id(merchant_id, case_id))
    if seen.case is None:
        raise Denied("case.unknown")
    if by is not None:
        demand(by, "see", seen.case.store_id)
    return seen


async def _weighing(desk: Desk, merchant_id: str, case_id: str) -> View[CaseSeen]:
    """What is looked at when people decide about the money of a case.

    Raises Denied: case.unknown.
    """
    seen = await find(desk, merchant_id, case_id)
    assert seen.case is not None
    return store.with_purse(await beside.around(desk, seen.case), merchant_id, business_day(desk.clock.now()))


async def _act(desk: Desk, merchant_id: str, case_id: str, by: Person, version: int, words: Sequence[Words]) -> Act:
    said = [each for each in words if each.text.strip()]
    if not said:
        return Act(by=by, version=version)
    await find(desk, merchant_id, case_id)  # no key is made for a case that is not there
    items = [await _message(desk, merchant_id, case_id, by.id, each) for each in said]
    return Act(by=by, version=version, items=tuple(items))


async def _message(desk: Desk, merchant_id: str, case_id: str, who: str, words: Words) -> Item:
    now = desk.clock.now()
    sealed = await desk.sealed(merchant_id, case_id)
    body = chain.said(words.text, words.side, words.how, reply=words.reply, masked=words.masked)
    item_id = words.id or ids.new(ids.Kind.EVIDENCE, now)
    return chain.message(item_id, body, sealed.seal(body), who, words.audience, now)


async def claim(desk: Desk, merchant_id: str, case_id: str, by: Person) -> Case:
    """Take a case to work at.

    Raises Denied: see `review.claim`.
    """
    return (await _decided(desk, store.by_id(merchant_id, case_id), partial(review.claim, by))).row


async def release(desk: Desk, merchant_id: str, case_id: str, by: Person) -> Case:
    """Put a case back.

    Raises Denied: see `review.release`.
    """
    return (await _decided(desk, store.by_id(merchant_id, case_id), partial(review.release, by))).row


Simple = Callable[[Act, CaseSeen, datetime], Change[Case] | Stay[Case]]


async def _done(
    desk: Desk, merchant_id: str, case_id: str, by: Person, version: int, words: Sequence[Words], rule: Simple
) -> Case:
    """What most verbs are: say something, and let a rule decide."""
    act = await _act(desk, merchant_id, case_id, by, version, words)
    return (await _decided(desk, store.by_id(merchant_id, case_id), partial(rule, act))).row


async def _done_about_money(
    desk: Desk,
    merchant_id: str,
    case_id: str,
    by: Person,
    version: int,
    words: Sequence[Words],
    rule: Simple,
    sure: Sure | None = None,
    act_of: Callable[[Case], Sureness | None] = lambda _: None,
) -> Case:
    """The same, where it decides that money goes back: on what is seen of its twin too."""
    act = await _act(desk, merchant_id, case_id, by, version, words)
    view = await _weighing(desk, merchant_id, case_id)
    return (await _decided(desk, view, partial(rule, act), sure, act_of)).row


def _sure_of(verb: str, row: Case) -> Sureness | None:
    """What whoever approves must be sure of; nothing where it is little."""
    return _unless_little(verb, row, row.approved_fen or 0)


def _sure_of_offer(row: Case) -> Sureness | None:
    """What whoever offers must be sure of: of a part that goes back once the customer says yes."""
    return _unless_little("offer", row, row.offer_fen if row.offer_kind == OfferKind.PART else 0)


def _unless_little(verb: str, row: Case, amount_fen: int) -> Sureness | None:
    return None if amount_fen <= REFUND_FREE_FEN else Sureness(verb, row.id, amount_fen, row.payment_id)


async def ask(desk: Desk, merchant_id: str, case_id: str, by: Person, version: int, words: Words) -> Case:
    """Ask the customer for more.

    Raises Denied: see `review.ask`.
    """
    return await _done(desk, merchant_id, case_id, by, version, [words], review.ask)


async def answer(desk: Desk, merchant_id: str, case_id: str, by: Person, version: int, words: Words) -> Case:
    """The customer answers.

    Raises Denied: see `review.answer`.
    """
    return await _done(desk, merchant_id, case_id, by, version, [words], review.answer)


async def approve(
    desk: Desk,
    merchant_id: str,
    case_id: str,
    by: Person,
    version: int,
    amount: Money | None = None,
    *words: Words,
    sure: Sure | None = None,
) -> Case:
    """Send the whole back, or a part.

    Raises Denied: see `review.approve`, `twins.refusal`, `stepup.demand`.
    """
    return await _done_about_money(
        desk, merchant_id, case_id, by, version, words,
        lambda act, seen, at: review.approve(act, amount, seen, at), sure, partial(_sure_of, "approve"),
    )  # fmt: skip


async def weigh(desk: Desk, merchant_id: str, case_ids: Sequence[str], by: Person) -> Together:
    """Which of these cases one person may approve together, as they stand now. Decides nothing."""

    async def chosen(case_id: str) -> Chosen:
        try:
            view = await _weighing(desk, merchant_id, case_id)
        except Denied:
            return Chosen(case_id, CaseSeen(None, None))
        seen, causes = await asyncio.gather(desk.see(view), desk.see(beside.causes_of(merchant_id, case_id)))
        return Chosen(case_id, seen, causes)

    found = await asyncio.gather(*map(chosen, case_ids))
    return together.weigh(by, found, desk.clock.now())


async def confirm(
    desk: Desk, merchant_id: str, case_id: str, by: Person, version: int, *words: Words, sure: Sure | None = None
) -> Case:
    """Second of two people: carry it out.

    Raises Denied: see `review.confirm`, `twins.refusal`, `stepup.demand`.
    """
    act_of = partial(_sure_of, "confirm")
    return await _done_about_money(desk, merchant_id, case_id, by, version, words, review.confirm, sure, act_of)


async def send_back(desk: Desk, merchant_id: str, case_id: str, by: Person, version: int, words: Words) -> Case:
    """Second of two people does not confirm.

    Raises Denied: see `review.send_back`.
    """
    return await _done(desk, merchant_id, case_id, by, version, [words], review.send_back)


async def offer(
    desk: Desk, merchant_id: str, case_id: str, by: Person, version: int, kind: OfferKind, amount: Money,
    within: timedelta, words: Words, sure: Sure | None = None,
) -> Case:  # fmt: skip
    """Offer something else, for a set time from now on.

    Raises Denied: see `review.offer`, `twins.refusal`, `stepup.demand`.
    """
    until = desk.clock.now() + within
    return await _done_about_money(
        desk, merchant_id, case_id, by, version, [words],
        lambda act, seen, at: review.offer(act, kind, amount, until, seen, at), sure, _sure_of_offer,
    )  # fmt: skip


async def accept(desk: Desk, merchant_id: str, case_id: str, by: Person, version: int, *words: Words) -> Case:
    """The customer accepts the offer.

    Raises Denied: see `review.accept`, `twins.refusal`.
    """
    return await _done_about_money(desk, merchant_id, case_id, by, version, words, review.accept)


async def turn_down(desk: Desk, merchant_id: str, case_id: str, by: Person, version: int, *words: Words) -> Case:
    """The customer does not accept the offer.

    Raises Denied: see `review.turn_down`.
    """
    return await _done(desk, merchant_id, case_id, by, version, words, review.turn_down)


async def decline(
    desk: Desk, merchant_id: str, case_id: str, by: Person, version: int, reason_code: str, words: Words
) -> Case:
    """Decline, for a coded reason, with words for the customer.

    Raises Denied: see `review.decline`.
    """
    act = await _act(desk, merchant_id, case_id, by, version, [words])
    return (await _decided(desk, store.by_id(merchant_id, case_id), partial(review.decline, act, reason_code))).row


async def object_to(desk: Desk, merchant_id: str, case_id: str, by: Person, version: int, words: Words) -> Case:
    """The customer objects to a decision.

    Raises Denied: see `review.object_to`.
    """
    return await _done(desk, merchant_id, case_id, by, version, [words], review.object_to)


async def withdraw(desk: Desk, merchant_id: str, case_id: str, by: Person, version: int, *words: Words) -> Case:
    """Whoever asked wants nothing any more.

    Raises Denied: see `review.withdraw`.
    """
    return await _done(desk, merchant_id, case_id, by, version, words, review.withdraw)


async def reopen(desk: Desk, merchant_id: str, case_id: str, by: Person, version: int, words: Words) -> Case:
    """Take a closed case up again, on new evidence.

    Raises Denied: see `review.reopen`.
    """
    return await _done(desk, merchant_id, case_id, by, version, [words], review.reopen)


async def escalate(
    desk: Desk, merchant_id: str, case_id: str, by: Person, place: Place, status: Status, *words: Words
) -> Case:
    """Write down that it is taken further.

    Raises Denied: see `review.escalate`.
    """
    act = await _act(desk, merchant_id, case_id, by, 0, words)
    return (await _decided(desk, store.by_id(merchant_id, case_id), partial(review.escalate, act, place, status))).row


async def hold(desk: Desk, merchant_id: str, case_id: str, by: Person, words: Words, *, on: bool) -> Case:
    """Set or lift the legal hold.

    Raises Denied: see `review.hold`.
    """
    act = await _act(desk, merchant_id, case_id, by, 0, [words])

    def rule(seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
        return review.hold(act, on=on, seen=seen, at=at)

    return (await _decided(desk, store.by_id(merchant_id, case_id), rule)).row


async def judge(desk: Desk, merchant_id: str, case_id: str, by: Person, fault: Fault, words: Words) -> Case:
    """Say whose fault it was, and why.

    Raises Denied: see `review.judge`.
    """
    act = await _act(desk, merchant_id, case_id, by, 0, [words])
    return (await _decided(desk, store.by_id(merchant_id, case_id), partial(review.judge, act, fault))).row


# --- the thread ---


async def add(desk: Desk, merchant_id: str, case_id: str, item: Item) -> Case:
    """Let something enter a case: a file, an answer, a complaint. Once: what is in it does not enter again.

    Raises Denied: case.unknown.
    """

    def rule(seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
        return review.add(item, seen.case, at, known=seen.item is not None)

    return (await _decided(desk, store.for_item(merchant_id, case_id, item.id), rule)).row


async def file_taken(desk: Desk, merchant_id: str, file_id: str) -> Case:
    """Let a file that was taken in enter its case, under the digest of what is kept of it.

    Raises Denied: file.unknown, case.unknown.
    """
    file = await desk.see(evidence_store.by_id(merchant_id, file_id))
    if file is None:
        raise Denied("file.unknown")
    audience = Audience(file.audience.value)
    item = Item(kind="file", id=file.id, digest=file.digest_kept, who=file.taken_by, audience=audience)
    return await add(desk, merchant_id, file.case_id, item)


async def say(desk: Desk, merchant_id: str, case_id: str, by: Person, words: Words) -> Case:
    """Write a message down: written, or spoken on the phone or at the counter. Its text is sealed.

    Saying it again under the same id is the same; other words under it are refused. Raises Denied: case.unknown,
    case.words_missing, case.message_taken, case.reply_unknown, case.reply_lacks, seal.forgotten, staff.not_allowed,
    staff.other_store.
    """
    seen = await find(desk, merchant_id, case_id)
    assert seen.case is not None
    assert seen.payment is not None
    demand(by, "note" if words.audience is Audience.INTERNAL else "say", seen.case.store_id)
    view = store.for_item(merchant_id, case_id, words.id)
    known = await desk.see(view) if words.id else None
    if words.reply and not (known and known.item):  # what was filled in once is not filled in anew
        words = replace(words, text=replies.filled(words.reply, words.lang, seen.case, seen.payment))
    if not (words.text.strip() or words.reply):
        raise Denied("case.words_missing")
    item = await _message(desk, merchant_id, case_id, by.id, words)
    sealed = await desk.sealed(merchant_id, case_id)

    def rule(there: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
        if there.item is not None and not _is_same(words, there.item, sealed):
            raise Denied("case.message_taken", id=words.id)
        return review.add(item, there.case, at, known=there.item is not None)

    return (await _decided(desk, store.for_item(merchant_id, case_id, item.id), rule)).row


def _is_same(words: Words, there: KeptItem, sealed: Sealed) -> bool:
    """Whether this is what was said under this id before."""
    told = _opened(there.said, sealed)
    what = told.get("reply", "") == words.reply and (bool(words.reply) or told.get("text") == words.text)
    return what and (told.get("from"), told.get("how"), there.audience) == (words.side, words.how, words.audience)


async def said_of(desk: Desk, case: Case) -> str | None:
    """The words a case was reported with; empty where nothing was said, None where they were forgotten."""
    if not case.said_id:
        return ""
    there = await desk.see(store.for_item(case.merchant_id, case.id, case.said_id))
    return _opened(there.item.said if there.item else "", await desk.sealed(case.merchant_id, case.id)).get("text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Something in a thread. Of a message `text`, `side` and `how`; None where it was forgotten, or is no message."""

    place: int
    at: datetime
    who: str
    item: str
    kind: str
    digest: str
    audience: str
    text: str | None = None
    side: str = ""
    how: str = ""
    reply: str = ""
    masked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Thread:
    """A part of a thread, in order. `next`: the place to go on behind, None at the end."""

    items: tuple[Said, ...]
    next: int | None


async def thread(
    desk: Desk, merchant_id: str, case_id: str, *, as_customer: bool, by: Person | None = None, after: int = 0
) -> Thread:
    """The thread as one may see it: a customer sees no inner notes, no files for staff, and no names of staff.

    Raises Denied: case.unknown, staff.not_allowed, staff.other_store.
    """
    seen = await desk.see(store.thread(merchant_id, case_id, after))
    if seen.case is None:
        raise Denied("case.unknown")
    if by is not None:
        demand(by, "see", seen.case.store_id)
    sealed = await desk.sealed(merchant_id, case_id) if any(row["said"] for row in seen.rows) else None
    shown = []
    for row in seen.rows[: store.THREAD_MAX]:
        fact = json.loads(row["body"])
        if as_customer and fact["audience"] != Audience.CUSTOMER:
            continue
        told = _opened(row["said"], sealed)
        side = str(told.get("from", ""))
        shown.append(
            Said(
                place=row["transition"] * 64 + row["seq"],
                at=row["at"],
                who=side if as_customer else row["who"],
                item=fact["item"],
                kind=fact["item_kind"],
                digest=fact["digest"],
                audience=fact["audience"],
                text=told.get("text"),
                side=side,
                how=str(told.get("how", "")),
                reply=str(told.get("reply", "")),
                masked=tuple(told.get("masked", ())),
            )
        )
    last = seen.rows[store.THREAD_MAX - 1] if len(seen.rows) > store.THREAD_MAX else None
    return Thread(tuple(shown), None if last is None else last["transition"] * 64 + last["seq"])


def _opened(said: str | None, sealed: Sealed | None) -> dict[str, Any]:
    """What a message says; nothing where it was forgotten."""
    if not said or sealed is None:
        return {}
    try:
        told: dict[str, Any] = json.loads(sealed.open(said))
    except Denied:
        return {}
    return told


async def broken(desk: Desk, merchant_id: str, case_id: str) -> chain.Break | None:
    """Where the chain of a case does not hold, or None.

    Raises Denied: case.unknown.
    """
    links: list[Link] = []
    after, case = 0, None
    while True:
        seen = await desk.see(store.thread(merchant_id, case_id, after))
        case = case or seen.case
        if case is None:
            raise Denied("case.unknown")
        for row in seen.rows[: store.THREAD_MAX]:
            links.append(Link(CaseItemAdded(**json.loads(row["body"])), row["at"]))
            after = row["transition"] * 64 + row["seq"]
        if len(seen.rows) <= store.THREAD_MAX:
            return chain.broken(links, case.chain, case.chain_length)
