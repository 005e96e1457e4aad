"""The verbs of a repayment: propose, approve, read the account, pay, refuse; and what time brings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import partial

import msgspec

from yuanlu import ids
from yuanlu.change import Done
from yuanlu.channels.contract import Evidence
from yuanlu.channels.registry import FACTS
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.money import Money
from yuanlu.people import signing
from yuanlu.people.signing import Sure
from yuanlu.people.stepup import Act
from yuanlu.repayments import rules, store
from yuanlu.repayments.rules import Because, Refusal, Repayment, RepaymentAsk


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where the money shall go, and why it is the payer's. Kept sealed only; `statement` where the names differ."""

    payer_name: str = field(repr=False)
    account_name: str = field(repr=False)
    account_number: str = field(repr=False)
    bank: str = field(default="", repr=False)
    statement: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A wish to repay."""

    merchant_id: str
    id: str
    payment_id: str
    amount: Money
    because: Because
    account: Account
    who: str
    role: str = "machine"
    refund_id: str = ""
    case_id: str = ""


def _sure_of(verb: str, row: Repayment) -> Act:
    """What whoever sends money to a named account must be sure of; the fingerprint stands for the account too."""
    return Act(verb, row.id, row.amount_fen, row.fingerprint)


async def propose(desk: Desk, wish: Wish, sure: Sure | None = None) -> Done[Repayment]:
    """First of two people: where the money shall go, and why not the way it came. Its money is held; nothing is paid.

    Asking again with the same id and content gives the same repayment back, not `changed`.
    `sure`: the person who proposes, where one does.
    Raises Denied: repayment.name_differs, repayment.account, seal.forgotten; see `rules.propose`, `stepup.demand`.
    """
    account = wish.account
    match = rules.match_of(account.payer_name, account.account_name, account.statement)
    if not account.account_number.strip():
        raise Denied("repayment.account")
    text = msgspec.json.encode(account).decode()
    view = store.for_ask(wish.merchant_id, ids.checked(wish.id, ids.Kind.REPAYMENT), wish.payment_id)
    known = (await desk.see(view)).repayment
    sealed = "" if known else (await desk.sealed(wish.merchant_id, wish.id)).seal(text)
    ask = RepaymentAsk(
        merchant_id=wish.merchant_id,
        id=wish.id,
        payment_id=wish.payment_id,
        amount=wish.amount,
        because=wish.because,
        match=match,
        account=sealed,
        account_tail=account.account_number[-4:] if len(account.account_number) > 8 else "",
        account_mark=desk.mark(text),
        who=wish.who,
        role=wish.role,
        refund_id=wish.refund_id,
        case_id=wish.case_id,
    )
    rule = partial(rules.propose, FACTS, ask)
    return await signing.decide(desk, sure, partial(_sure_of, "repay"), wish.merchant_id, view, rule)


async def approve(
    desk: Desk, merchant_id: str, repayment_id: str, who: str, role: str = "machine", sure: Sure | None = None
) -> Repayment:
    """Second of two people.

    Raises Denied: see `rules.approve`, `stepup.demand`.
    """
    view, rule = store.by_id(merchant_id, repayment_id), partial(rules.approve, FACTS, who, role)
    done: Done[Repayment] = await signing.decide(
        desk, sure, partial(_sure_of, "repay_approve"), merchant_id, view, rule
    )
    return done.row


async def account(desk: Desk, merchant_id: str, repayment_id: str, who: str, role: str = "machine") -> Account:
    """The account, for whoever pays to it. That it was read is written down first.

    Raises Denied: seal.forgotten; see `rules.read_account`.
    """
    view = store.by_id(merchant_id, repayment_id)
    row = (await desk.decide(view, partial(rules.read_account, who, role))).row
    sealed = await desk.sealed(merchant_id, repayment_id)
    return msgspec.json.decode(sealed.open(row.account), type=Account)


async def pay(
    desk: Desk, merchant_id: str, repayment_id: str, who: str, proof: str, role: str = "machine"
) -> Repayment:
    """It was paid; `proof` is the number of the bank's receipt, no names: it is kept. The same again changes nothing.

    Raises Denied: see `rules.pay`.
    """
    if not proof.strip():
        raise Denied("repayment.proof")
    view = store.by_id(merchant_id, repayment_id)
    seen = await desk.see(view)
    if seen.repayment is None:
        raise Denied("repayment.unknown")
    digest = hashlib.sha256(proof.encode()).hexdigest()
    now = desk.clock.now()
    evidence_id = ids.derived(ids.Kind.EVIDENCE, seen.repayment.opened_at, repayment_id, digest)
    evidence = Evidence(id=evidence_id, kind="person", at=now, body=proof, digest=digest)
    return (await desk.decide(view, partial(rules.pay, who, role, evidence))).row


async def refuse(
    desk: Desk, merchant_id: str, repayment_id: str, who: str, because: Refusal, role: str = "machine"
) -> Repayment:
    """It will not be paid, and was not. The account is forgotten at once.

    Raises Denied: see `rules.refuse`.
    """
    view = store.by_id(merchant_id, repayment_id)
    await desk.decide(view, partial(rules.refuse, who, role, because))
    return await drive(desk, merchant_id, repayment_id)


async def drive(desk: Desk, merchant_id: str, repayment_id: str) -> Repayment:
    """What time brings: end a proposal, tell what is overdue, forget the account.

    A legal hold on a case about its payment keeps the account: it is looked at again each day. The key is deleted
    before that is written down: a crash in between deletes it once more, which changes nothing.
    Raises Denied: repayment.unknown.
    """
    view = store.by_id(merchant_id, repayment_id)
    row = (await desk.decide(view, rules.next_step)).row
    if not rules.is_to_forget(row, desk.clock.now()):
        return row
    try:
        await desk.forget(merchant_id, repayment_id, partial(store.demand_not_held, merchant_id, row.payment_id))
    except Denied:
        return (await desk.decide(view, rules.kept_longer)).row
    return (await desk.decide(view, rules.forgotten)).row
