"""Puts a dossier together from what the books say: links of the chain, the thread, the files, the decisions. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from yuanlu.packs.audit import ENTERED
from yuanlu.packs.dossier import (
    CUSTOMER,
    INTERNAL,
    MESSAGE,
    Columns,
    Decided,
    Dossier,
    Found,
    Happened,
    Heard,
    Kept,
    Link,
    Right,
    Said,
    digest_of,
)

ENCLOSED_MAX = 64 * 1024 * 1024
"""Bytes of files in one pack. Those that come after are listed with their digest, and not enclosed."""
DECISIONS = (
    "RemedyChosen",
    "CaseToReview",
    "CaseApproved",
    "CaseConfirmed",
    "CaseSentBack",
    "CaseDeclined",
    "OfferMade",
    "OfferAccepted",
    "CaseClosed",
)
"""The facts that are decisions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as whoever keeps it hands it over."""

    id: str
    name: str
    media: str
    at: datetime
    who: str
    audience: str
    content: bytes


Opened = Callable[[str], str | None]
"""Opens what was sealed for the case; None: it was forgotten."""


def dossier(
    found: Found, at: datetime, opened: Opened, files: Sequence[File] = (), rights: Sequence[Right] = ()
) -> Dossier:
    """Everything about the case, whole: nothing is cut yet."""
    links = _links(found)
    by_id = {link.id: link for link in links}
    case_id = found.case["id"]
    authors = {fact.body.get("item"): fact.who for fact in found.facts if fact.kind == ENTERED}
    return Dossier(
        made_at=at,
        merchant=found.merchant,
        case=found.case,
        payment=found.payment,
        refunds=found.refunds,
        facts=found.facts,
        evidence=[each for each in found.evidence if each.kind != MESSAGE],
        moves=found.moves,
        thread=[
            _said(each, by_id.get(each.id), str(authors.get(each.id, "")), opened)
            for each in found.evidence
            if each.kind == MESSAGE and each.object == case_id
        ],
        files=list(_enclosed(_kept(each, by_id.get(each.id)) for each in files)),
        chain=links,
        decisions=[_decided(fact, found.case) for fact in found.facts if fact.kind in DECISIONS],
        rights=rights,
    )


def contents(made: Dossier, files: Sequence[File]) -> Mapping[str, bytes]:
    """The bytes of the files that are enclosed."""
    enclosed = {each.id for each in made.files if each.enclosed}
    return {each.id: each.content for each in files if each.id in enclosed}


def _links(found: Found) -> list[Link]:
    entered = [fact for fact in found.facts if fact.kind == ENTERED and fact.object == found.case["id"]]
    entered.sort(key=lambda fact: (fact.transition, fact.seq))
    return [
        Link(
            kind=str(fact.body["item_kind"]),
            id=str(fact.body["item"]),
            digest=str(fact.body["digest"]),
            at=fact.at,
            chain=str(fact.body["chain"]),
            audience=str(fact.body.get("audience", INTERNAL)),
        )
        for fact in entered
    ]


def _said(heard: Heard, link: Link | None, who: str, opened: Opened) -> Said:
    """A message, with the time and the reader with which it was chained."""
    body = opened(heard.body)
    return Said(
        id=heard.id,
        at=link.at if link else heard.at,
        who=who,
        audience=link.audience if link else INTERNAL,
        body=body or "",
        digest=heard.digest,
        gone=body is None,
    )


def _kept(file: File, link: Link | None) -> Kept:
    audience = link.audience if link else file.audience
    return Kept(
        id=file.id,
        name=file.name,
        media=file.media,
        size=len(file.content),
        digest=digest_of(file.content),
        at=link.at if link else file.at,
        who=file.who,
        audience=CUSTOMER if audience in (CUSTOMER, "all") else INTERNAL,
    )


def _enclosed(kept: Iterable[Kept]) -> Iterable[Kept]:
    """As many as there is room for, in their order."""
    room = ENCLOSED_MAX
    for each in kept:
        room -= each.size
        yield each if room >= 0 else replace(each, enclosed=False)


def _decided(fact: Happened, case: Columns) -> Decided:
    policy = str(fact.body.get("policy") or case.get("policy") or "")
    line = str(fact.body.get("line") or (case.get("policy_line") if policy else "") or "")
    return Decided(
        at=fact.at,
        who=fact.who,
        kind=fact.kind,
        body=fact.body,
        policy=" · ".join(each for each in (policy, line) if each),
        law=str(fact.body.get("law") or ""),
    )
