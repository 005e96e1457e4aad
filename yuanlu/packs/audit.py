"""Whether the records of a pack agree with each other: ids, amounts, moves, facts, thread, files, and the chain.

Pure: values in, faults out. A fault names what is wrong so that its reader can put a finger on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from yuanlu.cases.handovers import told as handed_told
from yuanlu.clock import CHINA
from yuanlu.ledger.accounts import OWED, cash
from yuanlu.packs.dossier import (
    ALARM,
    CHAINED_FIRST,
    COMPLAINT,
    ENTRY,
    FILE,
    HANDOVER,
    MESSAGE,
    Columns,
    Dossier,
    Happened,
    Link,
    digest_of,
    linked,
    of_complaint,
)
from yuanlu.payments.rules import HAS_MONEY
from yuanlu.refunds.rules import PLACE
from yuanlu.repayments import rules as repayments


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong. `code` has words in both languages under `fault.<code>`."""

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


def fault(code: str, /, **facts: object) -> Fault:
    return Fault(code, facts)


def faults(dossier: Dossier) -> list[Fault]:
    """All that does not agree."""
    return [*_ids(dossier), *_amounts(dossier), *_moves(dossier), *_facts(dossier), *_thread(dossier), *_chain(dossier)]


def clock_time(at: datetime) -> str:
    """A moment as people in China read it, to the second."""
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


# --- ids ---


def _ids(dossier: Dossier) -> Iterator[Fault]:
    case, payment = dossier.case, dossier.payment
    if case.get("payment_id") != payment.get("id"):
        yield fault("ids", what=case.get("id"), of=payment.get("id"))
    for back in (*dossier.refunds, *dossier.repayments):
        if back.get("payment_id") != payment.get("id"):
            yield fault("ids", what=back.get("id"), of=payment.get("id"))
    for handed in dossier.handovers:
        if (handed.get("payment_id"), handed.get("case_id")) != (payment.get("id"), case.get("id")):
            yield fault("ids", what=handed.get("id"), of=case.get("id"))
    known = _objects(dossier)
    if case.get("conclusion") == "money_back" and case.get("refund_id") not in known:
        yield fault("ids", what=case.get("refund_id"), of=case.get("id"))
    about = {each.object for each in dossier.facts} | {each.object for each in dossier.moves}
    about |= {each.object for each in dossier.evidence}
    for stranger in sorted(about - known.keys()):
        yield fault("stranger", what=stranger)


def _objects(dossier: Dossier) -> Mapping[str, Columns]:
    rows = (dossier.case, dossier.payment, *dossier.refunds, *dossier.repayments, *dossier.handovers)
    return {str(row.get("id")): row for row in rows}


# --- amounts and moves ---


_REPAID = {state.value: place for state, place in repayments.PLACE.items()}


def places(dossier: Dossier) -> Iterator[tuple[Columns, str]]:
    """All that went back, by whichever road, and in which account its money is by its state."""
    for refund in dossier.refunds:
        place = _place(refund)
        if place is not None:
            yield refund, place
    for repayment in dossier.repayments:
        if str(repayment.get("state")) in _REPAID:
            yield repayment, _REPAID[str(repayment["state"])]


def _place(refund: Columns) -> str | None:
    """In which account this refund's money is by its state; None for what newer code knows."""
    places = {channel.value: by_state for channel, by_state in PLACE.items()}.get(str(refund.get("channel")), {})
    place = {state.value: place for state, place in places.items()}.get(str(refund.get("state")))
    return cash(str(refund.get("till_id"))) if place == "cash" else place


def _amounts(dossier: Dossier) -> Iterator[Fault]:
    payment = dossier.payment
    whole, back = payment.get("amount_fen"), payment.get("back_fen")
    if not isinstance(whole, int) or not isinstance(back, int) or not 0 <= back <= whole:
        yield fault("amounts.back", payment=payment.get("id"), back_fen=back, whole_fen=whole)
        return
    drawn = sum(int(each["amount_fen"]) for each, place in places(dossier) if place != OWED)
    if drawn != back:
        yield fault("amounts.sum", payment=payment.get("id"), back_fen=back, refunds_fen=drawn)
    for refund in dossier.refunds:
        if refund.get("total_fen") != whole:
            yield fault("amounts.row", what=refund.get("id"), told_fen=refund.get("total_fen"), row_fen=whole)
    rows = _objects(dossier)
    for fact in dossier.facts:
        if fact.kind in _OWN_AMOUNT and fact.body.get("amount_fen") != rows.get(fact.object, {}).get("amount_fen"):
            row_fen = rows.get(fact.object, {}).get("amount_fen")
            yield fault("amounts.row", what=fact.object, told_fen=fact.body.get("amount_fen"), row_fen=row_fen)


_OWN_AMOUNT = frozenset(
    {"PaymentOpened", "PaymentPaid", "RefundRequested", "RefundDone", "RepaymentProposed", "RepaymentPaid"}
)
"""Facts that tell the amount of their own row."""


def _moves(dossier: Dossier) -> Iterator[Fault]:
    if not dossier.moves:
        return
    balances: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for move in dossier.moves:
        if move.amount_fen <= 0 or move.source == move.target:
            yield fault("moves.none", what=move.object, transition=move.transition)
        balances[move.object][move.source] -= move.amount_fen
        balances[move.object][move.target] += move.amount_fen
    payment = dossier.payment
    has_money = payment.get("state") in {state.value for state in HAS_MONEY}
    yield from _balance(str(payment.get("id")), balances, OWED, payment["amount_fen"] if has_money else 0)
    for back, place in places(dossier):
        amount_fen = 0 if place == OWED else int(back["amount_fen"])
        yield from _balance(str(back.get("id")), balances, place, amount_fen)


def _balance(
    object_id: str, balances: Mapping[str, Mapping[str, int]], account: str, wanted_fen: int
) -> Iterator[Fault]:
    """Whether the moves of an object leave this much in the account where its state says the money is."""
    found = balances.get(object_id, {})
    has_fen = found.get(account, 0)
    rest = {name: fen for name, fen in found.items() if fen and name not in (account, OWED)}
    rest = {name: fen for name, fen in rest.items() if not name.startswith("due:")}
    if has_fen != wanted_fen or sum(found.values()) != 0 or rest:
        yield fault("moves.balance", what=object_id, account=account, has_fen=has_fen, wanted_fen=wanted_fen)


# --- facts ---


def _facts(dossier: Dossier) -> Iterator[Fault]:
    rows = _objects(dossier)
    heard = {each.id for each in dossier.evidence} | {link.id for link in dossier.chain}
    for object_id, facts in _by_object(dossier.facts).items():
        yield from _order(object_id, facts, rows.get(object_id, {}).get("version"))
        for fact in facts:
            if fact.evidence and fact.evidence not in heard:
                yield fault("facts.evidence", what=object_id, kind=fact.kind, evidence=fact.evidence)
    for object_id in rows.keys() - {fact.object for fact in dossier.facts}:
        yield fault("facts.hole", what=object_id, transition=1)
    if dossier.case.get("state") == "CLOSED" and not any(fact.kind == "CaseClosed" for fact in dossier.facts):
        yield fault("facts.hole", what=dossier.case.get("id"), transition=dossier.case.get("version"))


def _by_object(facts: Iterable[Happened]) -> Mapping[str, list[Happened]]:
    found: dict[str, list[Happened]] = defaultdict(list)
    for fact in facts:
        found[fact.object].append(fact)
    return found


def _order(object_id: str, facts: list[Happened], version: Any) -> Iterator[Fault]:
    """The facts of an object: from its first transition on, each with its first fact, none beyond the row's version.

    A transition may have no facts (a look put off): that is no hole. One with its second fact and not its first is.
    """
    ordered = sorted(facts, key=lambda fact: (fact.transition, fact.seq))
    before: Happened | None = None
    for fact in ordered:
        is_next = before is not None and fact.transition == before.transition and fact.seq == before.seq + 1
        begins = fact.seq == 0 and (before.transition < fact.transition if before else fact.transition == 1)
        if not (is_next or begins):
            yield fault("facts.hole", what=object_id, transition=fact.transition)
        if before is not None and fact.at < before.at:
            yield fault("facts.time", what=object_id, transition=fact.transition)
        before = fact
    if before is not None and isinstance(version, int) and before.transition > version:
        yield fault("facts.beyond", what=object_id, transition=before.transition, version=version)


# --- thread and chain ---


def _thread(dossier: Dossier) -> Iterator[Fault]:
    for said in dossier.thread:
        if not said.gone and digest_of(said.body.encode()) != said.digest:
            yield fault("thread.differs", at=clock_time(said.at), id=said.id)


def _chain(dossier: Dossier) -> Iterator[Fault]:
    """Recompute the chain from what it links: each link, and what is shown of its item."""
    dated: dict[str, tuple[str, datetime | None]] = {each.id: (each.digest, each.at) for each in dossier.thread}
    dated |= {each.id: (each.digest, each.at) for each in dossier.files}
    contents = {**{each.id: (each.digest, None) for each in dossier.evidence}, **dated, **_beside(dossier)}
    before, broken = CHAINED_FIRST, False
    for place, link in enumerate(dossier.chain, 1):
        yield from _item(link, contents)
        after = linked(before, link.kind, link.id, link.digest, link.at)
        if after != link.chain and not broken:
            broken = True  # what follows stands on it: one finger is enough
            yield fault("chain.broken", place=place, id=link.id, at=clock_time(link.at))
        before = link.chain
    chained = {link.id for link in dossier.chain}
    for item in sorted(dated.keys() - chained):
        yield fault("chain.unlinked", id=item)
    yield from _entered(dossier)
    told, length = dossier.case.get("chain"), dossier.case.get("chain_length")
    if told is not None and told != before:
        yield fault("chain.end", case=dossier.case.get("id"))
    if length is not None and length != len(dossier.chain):
        yield fault("chain.length", case=dossier.case.get("id"), told=length, found=len(dossier.chain))


def _beside(dossier: Dossier) -> Mapping[str, tuple[str, datetime | None]]:
    """What is linked of complaints and hand-overs, and its digest where the records alone give it.

    The digest of what was said at the channel is keyed (so that short words cannot be guessed from it): of an entry it
    can be told that it is there, or that all talk of its complaint was forgotten.
    """
    found: dict[str, tuple[str, datetime | None]] = {}
    for handed in dossier.handovers:
        found[str(handed["id"])] = (digest_of(handed_told(handed).encode()), None)
    for link in dossier.chain:
        told = of_complaint(dossier, link)
        if told is not None and link.kind == ENTRY and (told.entry or told.complaint.gone):
            found[link.id] = (ANY, None)
        elif told is not None and link.kind != ENTRY:
            row = told.complaint.row
            text = told.part if link.kind == ALARM else f"{row.get('channel')}{row.get('channel_id')}"
            found[link.id] = (digest_of(text.encode()), None)
    return found


ANY = ""
"""A digest that cannot be computed from the records."""


def _item(link: Link, contents: Mapping[str, tuple[str, datetime | None]]) -> Iterator[Fault]:
    if link.id not in contents:
        if not link.withheld:
            yield fault("chain.missing", id=link.id, at=clock_time(link.at))
        return
    digest, at = contents[link.id]
    if digest not in (ANY, link.digest) or at not in (None, link.at):
        kind = link.kind if link.kind in _NAMED else "evidence"
        yield fault(f"chain.{kind}", id=link.id, at=clock_time(at or link.at))


_NAMED = frozenset({MESSAGE, FILE, COMPLAINT, ALARM, HANDOVER})
"""Kinds of links with words of their own for a digest that is another."""


def _entered(dossier: Dossier) -> Iterator[Fault]:
    """The links are those of the facts that say what entered the case, in their order."""
    case_id = dossier.case.get("id")
    told = [fact for fact in dossier.facts if fact.kind == ENTERED and fact.object == case_id]
    told.sort(key=lambda fact: (fact.transition, fact.seq))
    said = [(fact.body.get("item"), fact.body.get("chain"), fact.at) for fact in told]
    if said != [(link.id, link.chain, link.at) for link in dossier.chain]:
        yield fault("chain.facts", case=case_id)


ENTERED = "CaseItemAdded"
"""The fact that says that something entered the case."""
