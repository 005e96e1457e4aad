"""Puts a dossier together from what the books say: links of the chain, the thread, the files, the decisions. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from yuanlu.packs.audit import ENTERED
from yuanlu.packs.dossier import (
    INTERNAL,
    MESSAGE,
    SEALED,
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
    """A file as whoever keeps it hands it over. `content` None: it is too much for a pack, or it was forgotten."""

    id: str
    name: str
    media: str
    size: int
    digest: str
    who: str
    content: bytes | None


Opened = Callable[[str], str | None]
"""Opens what was sealed for the case; None: it was forgotten."""


def dossier(
    found: Found, at: datetime, opened: Opened, files: Sequence[File] = (), rights: Sequence[Right] = ()
) -> Dossier:
    """Everything about the case, whole: nothing is cut yet. A file that has not entered the chain yet is left out."""
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
        evidence=[_heard(each, opened) for each in found.evidence if each.kind != MESSAGE],
        moves=found.moves,
        thread=[
            _said(each, by_id.get(each.id), str(authors.get(each.id, "")), opened)
            for each in found.evidence
            if each.kind == MESSAGE and each.object == case_id
        ],
        files=[_kept(each, by_id[each.id]) for each in files if each.id in by_id],
        chain=links,
        decisions=[_decided(fact, found.case) for fact in found.facts if fact.kind in DECISIONS],
        rights=rights,
    )


def contents(made: Dossier, files: Sequence[File]) -> Mapping[str, bytes]:
    """The bytes of the files that are enclosed."""
    enclosed = {each.id for each in made.files if each.enclosed}
    return {each.id: each.content for each in files if each.id in enclosed and each.content is not None}


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


def _heard(heard: Heard, opened: Opened) -> Heard:
    """Evidence that was sealed because it may name a person, opened."""
    return replace(heard, body=opened(heard.body) or "") if heard.body.startswith(SEALED) else heard


def _kept(file: File, link: Link) -> Kept:
    """A file, with the time and the reader with which it was chained."""
    return Kept(
        id=file.id,
        name=file.name,
        media=file.media,
        size=file.size,
        digest=file.digest,
        at=link.at,
        who=file.who,
        audience=link.audience,
        enclosed=file.content is not None,
    )


def fitting(sizes: Sequence[int]) -> int:
    """How many files, in their order, a pack has room for."""
    room = ENCLOSED_MAX
    for place, size in enumerate(sizes):
        room -= size
        if room < 0:
            return place
    return len(sizes)


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
