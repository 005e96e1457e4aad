"""Puts a dossier together from what the books say: links of the chain, the thread, the files, the decisions. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from yuanlu import words
from yuanlu.cases.citing import STAGES
from yuanlu.evidence.rules import UNSEARCHED
from yuanlu.lawbook import law
from yuanlu.lawbook.shapes import Law, Rule, Stage
from yuanlu.lawbook.shelf import Book
from yuanlu.packs.audit import ENTERED
from yuanlu.packs.dossier import (
    INTERNAL,
    MESSAGE,
    SEALED,
    Complained,
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
    "CaseBackInTrouble",
    "CaseDeclined",
    "OfferMade",
    "OfferAccepted",
    "CaseClosed",
)
"""The facts that are decisions."""
CITED = "RulesCited"
STAGE_OF: Mapping[str, Stage] = {
    "OPENED": Stage.REPORTED,
    **dict.fromkeys(("REVIEW", "SECOND", "NEEDS_INFO", "OFFERED", "REMEDY", "ATTENTION"), Stage.REVIEW),
    "DECLINED": Stage.DECLINED,
    "CLOSED": Stage.CLOSED,
}
"""At which stage of the law a case in this state stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as whoever keeps it hands it over. `content` None: it is too much for a pack, or it is gone."""

    id: str
    name: str
    media: str
    size: int
    digest: str
    who: str
    content: bytes | None
    is_gone: bool = False
    is_searched: bool = False


Opened = Callable[[str], str | None]
"""Opens what was sealed for the case; None: it was forgotten."""


def dossier(
    found: Found, at: datetime, opened: Opened, files: Sequence[File] = (), rights: Sequence[Right] = (),
    complaints: Sequence[Complained] = (),
) -> Dossier:  # fmt: skip
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
        decisions=[_decided(fact, found) for fact in found.facts if fact.kind in DECISIONS],
        rights=rights,
        repayments=found.repayments,
        complaints=complaints,
        handovers=found.handovers,
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
    """A file, with the time and the reader with which it was chained, and whether numbers may still be seen in it."""
    says = dict.fromkeys(words.LANGUAGES, "") if file.is_searched else words.both(UNSEARCHED)
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
        gone=file.is_gone,
        searched=file.is_searched,
        says_zh=says["zh"],
        says_en=says["en"],
    )


def fitting(sizes: Sequence[int]) -> int:
    """How many files, in their order, a pack has room for."""
    room = ENCLOSED_MAX
    for place, size in enumerate(sizes):
        room -= size
        if room < 0:
            return place
    return len(sizes)


def _decided(fact: Happened, found: Found) -> Decided:
    policy = str(fact.body.get("policy") or found.case.get("policy") or "")
    line = str(fact.body.get("line") or (found.case.get("policy_line") if policy else "") or "")
    return Decided(
        at=fact.at,
        who=fact.who,
        kind=fact.kind,
        body=fact.body,
        policy=" · ".join(each for each in (policy, line) if each),
        law=" ".join(_cites_of(fact, found)),
    )


def _cites_of(decision: Happened, found: Found) -> Iterator[str]:
    """The rules a decision rests on: they were written down beside it, in the same transition."""
    stage = STAGES.get(decision.kind)
    for fact in found.facts:
        is_beside = (fact.object, fact.transition) == (decision.object, decision.transition)
        if fact.kind == CITED and is_beside and fact.body.get("stage") == stage:
            yield from str(fact.body.get("cites", "")).split()


# --- rights ---


def rights(book_at: Callable[[datetime], Book], found: Found, at: datetime) -> list[Right]:
    """The rules that matter as the case stands, and those its decisions rest on, each as it counted on its day.

    A rule nobody has any more is told by how it is cited alone.
    """
    stages = _stages(found, at)
    known = {cite: _right(cite, rule, at_stage=bool(stages & set(rule.stages))) for cite, rule in _rules(book_at(at))}
    shown = {cite: right for cite, right in known.items() if right.at_stage}
    for fact in found.facts:
        if fact.kind == CITED:
            of_its_day = dict(_rules(book_at(fact.at)))
            for cite in str(fact.body.get("cites", "")).split():
                shown.setdefault(cite, _right(cite, of_its_day.get(cite), at_stage=False))
    return list(shown.values())


def _rules(book: Book) -> Iterator[tuple[str, Rule]]:
    """Every rule that counts, by how it is cited."""
    if book.all(Law):
        for rule in dict.fromkeys(each for stage in Stage for each in law.rights(book, stage)):
            yield law.cite(book, rule.id), rule


def _stages(found: Found, at: datetime) -> set[Stage]:
    """Where the case stands: by its state, whether somebody is late, and whether it was taken further."""
    case = found.case
    stages = {STAGE_OF.get(str(case["state"]), Stage.REVIEW)}
    if case.get("conclusion") == "declined":
        stages.add(Stage.DECLINED)
    if case.get("due_at") is not None and case["due_at"] < at and case["state"] != "CLOSED":
        stages.add(Stage.OVERDUE)
    if case.get("escalations"):
        stages.add(Stage.ESCALATED)
    return stages


def _right(cite: str, rule: Rule | None, *, at_stage: bool) -> Right:
    if rule is None:
        return Right(cite=cite, law_zh="", law_en="", zh="", en="", at_stage=at_stage)
    return Right(cite=cite, law_zh=rule.law_zh, law_en=rule.law_en, zh=rule.zh, en=rule.en, at_stage=at_stage)
