"""Who may read what: one table, and the cut that follows from it.

The customer sees his own case: no internal notes, no staff names, no ledger, no answers of the channel word by word.
The regulator sees what the customer sees, and the books and the channel's words; people of the shop are numbered, so
that two pairs of eyes can be told apart. Counsel sees all there is but what is technical.
What is cut leaves its digest: chain and index stay whole, and can be checked without what was left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from yuanlu.cases.handovers import WHO as HANDED_OVER
from yuanlu.packs.dossier import (
    PACK,
    PEOPLE,
    Columns,
    Complained,
    Decided,
    Dossier,
    Happened,
    Heard,
    Kept,
    Said,
    of_complaint,
)


class Reader(StrEnum):
    """For whom a pack is made."""

    CUSTOMER = "customer"
    REGULATOR = "regulator"
    COUNSEL = "counsel"


class Naming(StrEnum):
    """How the people of the shop are called."""

    ROLE = "role"
    NUMBER = "number"
    NAME = "name"


_TECHNICAL = frozenset({"fingerprint", "code_mark", "qr", "looks", "account"})
"""Nobody's business: keyed hashes, counters, the code that was on a screen, a sealed account."""


def _names_in(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CASE = _names_in(
    "id version state payment_id store_id what cause meant_fen asked_fen opened_at remedy remedy_fen refund_id attempt"
    " way repayment_id"
    " conclusion closed_at holder due_at due_what promised_on promised_certain promise_broken overdue_since"
    " policy policy_line verdict approved_fen reason_code"
    " offer_fen offer_kind offer_until object_until escalations chain chain_length"
)
_PAYMENT = _names_in(
    "id version state channel mode store_id till_id amount_fen currency back_fen parts description code_tail opened_at"
    " sent_at paid_at ended_at channel_number figures"
)
_REFUND = _names_in(
    "id version state payment_id case_id channel amount_fen total_fen currency reason opened_at sent_at sent_times"
    " done_at ended_at channel_number received_into figures"
)
_REPAYMENT = _names_in(
    "id version state payment_id case_id refund_id channel amount_fen currency because account_tail opened_at"
    " approved_at paid_at ended_at"
)
_COMPLAINT = _names_in(
    "id version state payment_id channel channel_id channel_state channel_number order_number kind asks_refund"
    " asked_fen paid_fen times is_refunded complained_at heard_at reply_by answered_at promised_at"
    " promised_by declined_at finished_at"
)
_HANDOVER = _names_in(
    "id version side state payment_id case_id amount_fen channel happened_at opened_at opened_by ended_at"
)
_FACTS = _names_in(
    "account_tail amount_fen asked_fen change_fen attempt audience because_zh because_en by case_id chain"
    " channel channel_number code conclusion digest due end guards handed_fen holder item"
    " item_kind law line meant_fen mode needs_second next_holder number object_until offer on payment_id place policy"
    " reason reason_code received_into refund_id remedy route shuts_at state status step suggested_fen times to until"
    " verdict was way what window word"
)
_PEOPLE = _names_in(
    "who made_by opened_by proposed_by approved_by approver decided_by seconded_by claimed_by done_by fault_by paid_by"
)
"""Columns and fields that name a person, wherever they stand."""
_KNOWN = frozenset({"", "system", "customer", "payer", "channel", "worker", "machine", HANDED_OVER})
"""Whoever is no person of the shop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What a reader may see. Columns None: all but the technical ones."""

    naming: Naming
    audiences: frozenset[str]
    heard: bool
    """The channel's words as they were kept; else their digests alone."""
    books: bool
    case: frozenset[str] | None
    payment: frozenset[str] | None
    refund: frozenset[str] | None
    repayment: frozenset[str] | None
    facts: frozenset[str] | None
    complaint: frozenset[str] | None = _COMPLAINT
    """Of its columns. What was said at the channel everybody reads who was there; the phone, counsel alone."""
    handover: frozenset[str] | None = _HANDOVER


READERS: Mapping[Reader, Cut] = {
    Reader.CUSTOMER: Cut(
        naming=Naming.ROLE,
        audiences=frozenset({"customer"}),
        heard=False,
        books=False,
        case=_CASE,
        payment=_PAYMENT,
        refund=_REFUND,
        repayment=_REPAYMENT,
        facts=_FACTS,
    ),
    Reader.REGULATOR: Cut(
        naming=Naming.NUMBER,
        audiences=frozenset({"customer"}),
        heard=True,
        books=True,
        case=_CASE | {"opened_by", "decided_by", "seconded_by", "incident", "legal_hold"},
        payment=_PAYMENT | {"opened_by", "payer", "code", "reason", "last_word", "give_up_at", "incident"},
        refund=_REFUND | {"opened_by", "proposed_by", "done_by", "code", "waiting_for", "last_word", "incident"},
        repayment=_REPAYMENT | {"opened_by", "approved_by", "paid_by", "match", "proof"},
        facts=_FACTS | {"why", "card_tail", "proposed_by", "till_id", "since", "approver", "decided_by"},
    ),
    Reader.COUNSEL: Cut(
        naming=Naming.NAME,
        audiences=frozenset({"customer", "internal"}),
        heard=True,
        books=True,
        case=None,
        payment=None,
        refund=None,
        repayment=None,
        facts=None,
        complaint=None,
        handover=None,
    ),
}


def cut(dossier: Dossier, reader: Reader) -> Dossier:
    """The dossier as this reader may see it. Law: what is not named in the table of a reader is not shown to him."""
    may = READERS[reader]
    called = _names(dossier, may.naming)
    said = [_said(each, called) for each in dossier.thread if each.audience in may.audiences]
    kept = [_kept(each, called) for each in dossier.files if each.audience in may.audiences]
    heard = [_heard(each, may, called) for each in dossier.evidence if _is_for(each, reader, may)]
    shown = {*(each.id for each in said), *(each.id for each in kept), *(each.id for each in heard)}
    shown |= {str(each["id"]) for each in dossier.handovers}
    shown |= {link.id for link in dossier.chain if link.audience in may.audiences and of_complaint(dossier, link)}
    return replace(
        dossier,
        merchant={name: each for name, each in dossier.merchant.items() if name != PEOPLE or may.naming is Naming.NAME},
        case=_columns(dossier.case, may.case, called),
        payment=_columns(dossier.payment, may.payment, called),
        refunds=[_columns(each, may.refund, called) for each in dossier.refunds],
        facts=[_happened(each, may, called) for each in dossier.facts],
        repayments=[_columns(each, may.repayment, called) for each in dossier.repayments],
        complaints=[_complained(each, may, called) for each in dossier.complaints],
        handovers=[_columns(each, may.handover, called) for each in dossier.handovers],
        evidence=heard,
        moves=dossier.moves if may.books else (),
        thread=said,
        files=kept,
        chain=[replace(each, withheld=each.id not in shown) for each in dossier.chain],
        decisions=[_decided(each, may, called) for each in dossier.decisions],
    )


Names = Callable[[str], str]


def _names(dossier: Dossier, naming: Naming) -> Names:
    """How each person is called: the same name for the same person all through the pack."""
    numbers: dict[str, int] = {}

    def called(who: str) -> str:
        if naming is Naming.NAME or who in _KNOWN:
            return who
        if naming is Naming.ROLE:
            return "staff"
        return f"staff-{numbers.setdefault(who, len(numbers) + 1)}"

    for each in dossier.facts:
        called(each.who)
    return called


def _columns(row: Columns, names: frozenset[str] | None, called: Names) -> Columns:
    seen = {name: value for name, value in row.items() if name not in _TECHNICAL and (names is None or name in names)}
    return {
        name: called(value) if name in _PEOPLE and isinstance(value, str) else value for name, value in seen.items()
    }


def _happened(fact: Happened, may: Cut, called: Names) -> Happened:
    return replace(fact, who=called(fact.who), body=_columns(fact.body, may.facts, called))


def _decided(decision: Decided, may: Cut, called: Names) -> Decided:
    return replace(decision, who=called(decision.who), body=_columns(decision.body, may.facts, called))


def _complained(complaint: Complained, may: Cut, called: Names) -> Complained:
    row = _columns(complaint.row, may.complaint, called)
    return replace(complaint, row=row, phone=complaint.phone if "internal" in may.audiences else "")


def _is_for(heard: Heard, reader: Reader, may: Cut) -> bool:
    """Whether it is shown at all: of packs a reader sees those that were made for him, or all with what is internal."""
    return heard.kind != PACK or heard.told.get("reader") == reader or "internal" in may.audiences


def _heard(heard: Heard, may: Cut, called: Names) -> Heard:
    if heard.kind == PACK:
        return replace(heard, body=json.dumps(_columns(heard.told, None, called)))
    return heard if may.heard else replace(heard, body="", withheld=True)


def _said(said: Said, called: Names) -> Said:
    return replace(said, who=called(said.who))


def _kept(kept: Kept, called: Names) -> Kept:
    return replace(kept, who=called(kept.who))
