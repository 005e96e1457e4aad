"""Cases: report a mistaken scan or ask for a refund, see what became of it, and decide where a person must."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from yuanlu.cases import flow, store
from yuanlu.cases.chain import Audience, How, Side
from yuanlu.cases.flow import Words
from yuanlu.cases.review import Fault, OfferKind, Place, Status
from yuanlu.cases.rules import Case, CaseAsk, What
from yuanlu.ids import Kind, checked
from yuanlu.money import Money
from yuanlu.people.rules import may
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import STEP_UP, Answer, Call, Route
from yuanlu.web.parts.shapes import (
    ActWish,
    ApproveWish,
    CasesTold,
    CasesWish,
    CaseTold,
    CaseWish,
    DecisionWish,
    DeclineWish,
    EscalationWish,
    HoldWish,
    JudgementWish,
    MessageWish,
    Nothing,
    OfferWish,
    RepliesTold,
    SayActWish,
    ThreadTold,
    ThreadWish,
    case_told,
    replies_told,
    thread_told,
)


async def request(call: Call) -> Answer:
    """Write a report down; the worker checks it, and puts it right or lays it before a person."""
    wish: CaseWish = call.wish
    ask = CaseAsk(
        merchant_id=call.merchant_id,
        id=checked(wish.id, Kind.CASE),
        payment_id=wish.payment,
        what=What(wish.what),
        who=call.who,
        meant=None if wish.meant_fen is None else Money(wish.meant_fen),
        said=wish.said,
        asked=None if wish.asked_fen is None else Money(wish.asked_fen),
    )
    done = await flow.requested(call.office.desk, ask)
    return 201 if done.changed else 200, case_told(done.row, ask.said, ask.masked)


async def see(call: Call) -> Answer:
    """One case."""
    seen = await flow.find(call.office.desk, call.merchant_id, call.id(Kind.CASE), call.by)
    assert seen.case is not None
    return 200, case_told(seen.case, await flow.said_of(call.office.desk, seen.case))


async def page(call: Call) -> Answer:
    """Some cases, newest first; or the queue of open ones, the next due first. Who belongs to a store sees its own."""
    wish: CasesWish = call.query
    is_queue, pool = wish.order == "due" or wish.mine, call.office.pools.reader
    if ("-" in wish.after) > is_queue or (is_queue and wish.payment):
        raise msgspec.ValidationError("it does not go with this order - at `$.after`")
    if is_queue:
        found = await lists.queue(
            pool, call.merchant_id, wish.after, wish.limit, call.office.clock.now(),
            state=wish.state, store_id=call.by.store_id, claimed_by=call.who if wish.mine else "",
        )  # fmt: skip
    else:
        found = await lists.page(
            pool, call.merchant_id, Case, wish.after, wish.limit, {"state": wish.state},
            payment_id=wish.payment, store_id=call.by.store_id,
        )  # fmt: skip
    items = [case_told(store.made(row)) for row in found.rows]
    paid = await lists.paid(pool, call.merchant_id, [each.payment for each in items])
    return 200, CasesTold(items=items, next=found.next, payments=paid)


async def decide(call: Call) -> Answer:
    """A person chooses what becomes of a case whose remedy is in trouble."""
    wish: DecisionWish = call.wish
    refund = None if wish.refund_fen is None else Money(wish.refund_fen)
    return 200, case_told(await flow.decide(*_place(call), call.by, refund, call.sure))


def _place(call: Call) -> tuple[Any, str, str]:
    """Where a verb of a case is done: the desk, the merchant, the case."""
    return call.office.desk, call.merchant_id, call.id(Kind.CASE)


def _to_customer(text: str) -> Words:
    return Words(text=text)


def _from_customer(text: str) -> Words:
    return Words(text=text, side=Side.CUSTOMER)


def _inner(text: str) -> Words:
    return Words(text=text, audience=Audience.INTERNAL)


async def _said(deed: Awaitable[Case], words: Words) -> Answer:
    """The case after a deed that words came with, and what was masked in them."""
    return 200, case_told(await deed, masked=words.masked)


async def claim(call: Call) -> Answer:
    """Take a case to work at, for half an hour; again takes it anew."""
    return 200, case_told(await flow.claim(*_place(call), call.by))


async def release(call: Call) -> Answer:
    """Put a case back. An owner may put back what another took."""
    return 200, case_told(await flow.release(*_place(call), call.by))


async def ask(call: Call) -> Answer:
    """Ask the customer for more."""
    wish: SayActWish = call.wish
    words = _to_customer(wish.words)
    return await _said(flow.ask(*_place(call), call.by, wish.version, words), words)


async def answer(call: Call) -> Answer:
    """The customer answers what was asked: a person decides."""
    wish: SayActWish = call.wish
    words = _from_customer(wish.words)
    return await _said(flow.answer(*_place(call), call.by, wish.version, words), words)


async def approve(call: Call) -> Answer:
    """Send the whole back, or a part. Where the policy or the tier wants two people, this is the first."""
    wish: ApproveWish = call.wish
    amount = None if wish.amount_fen is None else Money(wish.amount_fen)
    words = _to_customer(wish.words)
    return await _said(flow.approve(*_place(call), call.by, wish.version, amount, words, sure=call.sure), words)


async def confirm(call: Call) -> Answer:
    """Second of two people: it is carried out."""
    wish: ActWish = call.wish
    words = _inner(wish.words)
    return await _said(flow.confirm(*_place(call), call.by, wish.version, words, sure=call.sure), words)


async def send_back(call: Call) -> Answer:
    """Second of two people does not confirm: it is decided again. The words are for staff."""
    wish: SayActWish = call.wish
    words = _inner(wish.words)
    return await _said(flow.send_back(*_place(call), call.by, wish.version, words), words)


async def offer(call: Call) -> Answer:
    """Offer something else: a part, a voucher, an exchange."""
    wish: OfferWish = call.wish
    words, within = _to_customer(wish.words), timedelta(hours=wish.hours)
    kind, worth = OfferKind(wish.kind), Money(wish.amount_fen)
    done = flow.offer(*_place(call), call.by, wish.version, kind, worth, within, words, call.sure)
    return await _said(done, words)


async def accept(call: Call) -> Answer:
    """The customer accepts the offer."""
    wish: ActWish = call.wish
    words = _from_customer(wish.words)
    return await _said(flow.accept(*_place(call), call.by, wish.version, words), words)


async def turn_down(call: Call) -> Answer:
    """The customer does not accept the offer: a person decides."""
    wish: ActWish = call.wish
    words = _from_customer(wish.words)
    return await _said(flow.turn_down(*_place(call), call.by, wish.version, words), words)


async def decline(call: Call) -> Answer:
    """Decline for a coded reason, with words for the customer. It may be objected to until `object_until`."""
    wish: DeclineWish = call.wish
    words = _to_customer(wish.words)
    return await _said(flow.decline(*_place(call), call.by, wish.version, wish.reason, words), words)


async def object_to(call: Call) -> Answer:
    """The customer objects to a decision, once: another person decides."""
    wish: SayActWish = call.wish
    words = _from_customer(wish.words)
    return await _said(flow.object_to(*_place(call), call.by, wish.version, words), words)


async def withdraw(call: Call) -> Answer:
    """Whoever asked wants nothing any more."""
    wish: ActWish = call.wish
    words = _from_customer(wish.words)
    return await _said(flow.withdraw(*_place(call), call.by, wish.version, words), words)


async def reopen(call: Call) -> Answer:
    """Take a closed case up again, on new evidence: say what it is. The words are for staff."""
    wish: SayActWish = call.wish
    words = _inner(wish.words)
    return await _said(flow.reopen(*_place(call), call.by, wish.version, words), words)


async def escalate(call: Call) -> Answer:
    """Write down that it is taken further, and how far it is there."""
    wish: EscalationWish = call.wish
    place, status = Place(wish.place), Status(wish.status)
    words = _inner(wish.words)
    return await _said(flow.escalate(*_place(call), call.by, place, status, words), words)


async def hold(call: Call) -> Answer:
    """Set or lift the legal hold: while it is on, nothing of the case is deleted."""
    wish: HoldWish = call.wish
    words = _inner(wish.words)
    return await _said(flow.hold(*_place(call), call.by, words, on=wish.on), words)


async def judge(call: Call) -> Answer:
    """Say whose fault it was, and why: a judgement, with your name to it."""
    wish: JudgementWish = call.wish
    words = _inner(wish.words)
    return await _said(flow.judge(*_place(call), call.by, Fault(wish.fault), words), words)


async def say(call: Call) -> Answer:
    """Write a message down; saying it again under its id is the same. Nothing is edited or deleted."""
    wish: MessageWish = call.wish
    if (wish.text is UNSET) is (not wish.template):
        raise msgspec.ValidationError("give a text or a template - at `$.text`")
    if wish.template and (wish.side, wish.audience) != ("staff", "customer"):
        raise msgspec.ValidationError("a template is what staff say to the customer - at `$.template`")
    words = Words(
        text="" if wish.text is UNSET else wish.text,
        reply=wish.template,
        lang=wish.lang,
        side=Side(wish.side),
        audience=Audience(wish.audience),
        how=How(wish.how),
        id=checked(wish.id, Kind.EVIDENCE),
    )
    return await _said(flow.say(*_place(call), call.by, words), words)


async def ready_replies(_: Call) -> Answer:
    """What staff say most to customers, with an apology, in both languages: say one by its name."""
    return 200, replies_told()


async def thread(call: Call) -> Answer:
    """What entered a case, in order, as staff or as the customer may see it."""
    wish: ThreadWish = call.query
    as_customer = wish.view == "customer" or not may(call.by.role, "note")
    found = await flow.thread(*_place(call), as_customer=as_customer, by=call.by, after=wish.after)
    return 200, thread_told(found)


_ROLE = ("case.unknown", "staff.not_allowed", "staff.other_store")
_SAYS = (*_ROLE, "case.stale", "case.not_now")
_DECIDES = (*_SAYS, "case.claimed")
_PERSON = (*_DECIDES, "case.own", "case.barred")
_TWIN = ("case.twin_open", "case.twin_back", "case.twin_gone", "case.twin_unpaid", "case.twin_unclear")
_MONEY = ("case.amount", "case.refund_open", *_TWIN)


def _verb(
    path: str,
    verb: Callable[[Call], Awaitable[Answer]],
    may: str,
    says: str,
    takes: type[Struct],
    denied: tuple[str, ...],
    example: Mapping[str, object] = {},
) -> Route:
    return Route(
        method="POST",
        path=f"/v1/cases/{{case}}/{path}",
        verb=verb,
        may=may,
        says=says,
        takes=takes,
        gives=CaseTold,
        denied=denied,
        example=example,
    )


_SAID = {"version": 3, "words": "麻烦您把小票拍一张给我们，抱歉让您多等。"}

ROUTES = (
    Route(
        method="POST",
        path="/v1/cases",
        verb=request,
        may="open",
        says="Report a mistaken scan, or ask for a refund",
        takes=CaseWish,
        gives=CaseTold,
        statuses=(201, 200),
        denied=(
            "id.invalid",
            "staff.not_allowed",
            "case.id_taken",
            "case.payment_unknown",
            "case.meant_missing",
            "case.meant_unexpected",
            "case.meant_invalid",
            "case.asked_unexpected",
            "case.asked_invalid",
            "case.already_open",
            "seal.forgotten",
        ),
        example={
            "id": "YC01KATE3S40000000000000000J3",
            "payment": "YP01KATE3S40000000000000000S8",
            "what": "wrong_amount",
            "meant_fen": 1280,
        },
    ),
    Route(
        method="GET",
        path="/v1/cases",
        verb=page,
        may="see",
        says="Cases, newest first, or the queue by deadline",
        query=CasesWish,
        gives=CasesTold,
    ),
    Route(
        method="GET",
        path="/v1/cases/{case}",
        verb=see,
        may="see",
        says="One case",
        gives=CaseTold,
        denied=_ROLE,
    ),
    _verb(
        "decision",
        decide,
        "attend",
        "Decide a case whose remedy is in trouble",
        DecisionWish,
        (*_ROLE, *STEP_UP, "case.not_waiting", "case.claimed", "case.own", "case.barred", "case.repayment_open",
         *_MONEY),
        {"refund_fen": 1280},
    ),
    _verb("claim", claim, "claim", "Take a case to work at", Nothing,
          (*_ROLE, "case.not_now", "case.claimed", "case.own", "case.barred", "case.same_person")),
    _verb("release", release, "release", "Put a case back", Nothing, (*_ROLE, "case.not_now", "case.claimed")),
    _verb("ask", ask, "ask", "Ask the customer for more", SayActWish, (*_DECIDES, "case.words_missing"), _SAID),
    _verb("answer", answer, "answer", "The customer answers", SayActWish, (*_SAYS, "case.words_missing"), _SAID),
    _verb("approve", approve, "approve", "Send the whole back, or a part", ApproveWish, (*_PERSON, *STEP_UP, *_MONEY),
          {"version": 3, "amount_fen": 1280}),
    _verb("confirm", confirm, "confirm", "Second of two people: carry it out", ActWish,
          (*_PERSON, *STEP_UP, "case.same_person", "staff.over_limit", *_MONEY), {"version": 4}),
    _verb("send-back", send_back, "send_back", "Second of two people does not confirm", SayActWish,
          (*_DECIDES, "case.words_missing"), _SAID),
    _verb("offer", offer, "offer", "Offer a part, a voucher or an exchange", OfferWish,
          (*_PERSON, *STEP_UP, "case.words_missing", "case.amount", "case.offer_until", *_TWIN),
          {"version": 3, "kind": "voucher", "amount_fen": 2000, "hours": 48, "words": "送您 20 元代金券可以吗？"}),
    _verb("accept", accept, "accept", "The customer accepts the offer", ActWish, (*_SAYS, "case.offer_over", *_MONEY),
          {"version": 4}),
    _verb("turn-down", turn_down, "turn_down", "The customer turns the offer down", ActWish, _SAYS, {"version": 4}),
    _verb("decline", decline, "decline", "Decline, for a coded reason", DeclineWish,
          (*_PERSON, "case.reason_unknown", "case.words_missing"),
          {"version": 3, "reason": "goods_used", "words": "很抱歉，商品已经拆封使用，按约定不能退。"}),
    _verb("object", object_to, "object", "The customer objects to a decision", SayActWish,
          (*_SAYS, "case.objection_over", "case.words_missing"), _SAID),
    _verb("withdraw", withdraw, "withdraw", "Whoever asked wants nothing any more", ActWish, (*_SAYS, "case.not_asked"),
          {"version": 3}),
    _verb("reopen", reopen, "reopen", "Take a closed case up again", SayActWish,
          (*_DECIDES, "case.words_missing", "case.already_open"), _SAID),
    _verb("escalate", escalate, "escalate", "Write down that it is taken further", EscalationWish, _ROLE,
          {"place": "12315", "status": "filed"}),
    _verb("hold", hold, "hold", "Set or lift the legal hold", HoldWish, (*_ROLE, "case.words_missing"),
          {"on": True, "words": "律师函已收到"}),
    _verb("judge", judge, "judge", "Say whose fault it was", JudgementWish, (*_ROLE, "case.words_missing"),
          {"fault": "cashier", "words": "多按了一个零"}),
    _verb("messages", say, "write", "Write a message down", MessageWish,
          (*_ROLE, "id.invalid", "case.words_missing", "case.message_taken", "case.reply_unknown", "case.reply_lacks",
           "seal.forgotten"),
          {"id": "YE01KATE3S400000000000000000Q", "text": "顾客来电催问", "side": "customer", "how": "phone"}),
    Route(
        method="GET",
        path="/v1/replies",
        verb=ready_replies,
        may="see",
        says="The ready replies to a customer",
        gives=RepliesTold,
    ),
    Route(
        method="GET",
        path="/v1/cases/{case}/thread",
        verb=thread,
        may="see",
        says="What entered a case",
        query=ThreadWish,
        gives=ThreadTold,
        denied=_ROLE,
    ),
)  # fmt: skip
