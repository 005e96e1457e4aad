"""The verbs of an application: invite, save, add and open papers, submit, decide, open the merchant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import asyncpg

from yuanlu import ids, words
from yuanlu.applications import rules, store
from yuanlu.applications.rules import Application, Beside, Form, Paper, PaperKind
from yuanlu.change import Done
from yuanlu.desk import Desk
from yuanlu.errors import Broken, Busy, Denied
from yuanlu.evidence import clamd
from yuanlu.evidence import rules as evidence
from yuanlu.evidence.flow import Files
from yuanlu.evidence.rules import FileAsk
from yuanlu.ids import Kind
from yuanlu.letters import Letter, Reach, Text, Way
from yuanlu.merchants import store as merchants
from yuanlu.merchants.tenants import PLATFORM
from yuanlu.people import flow as people
from yuanlu.people import preferences, signing
from yuanlu.people.rules import Person, Role, demand
from yuanlu.people.signing import Sure
from yuanlu.people.stepup import Act


@dataclass(frozen=True, slots=True)
class Told:
    """An application, opened. `form`: what it says; `reasons`: why it came back; empty where they were forgotten."""

    row: Application
    form: Form = field(repr=False)
    reasons: Mapping[str, str] = field(repr=False)


# --- inviting ---


def applicant_of(application_id: str) -> str:
    """The account of whoever fills an application in: it follows from the application, so nobody chooses one."""
    return ids.derived(Kind.STAFF, ids.made_at(application_id), application_id, "applicant")


async def invite(desk: Desk, application_id: str, name: str, by: Person) -> tuple[Done[Application], str]:
    """Let somebody apply: their account, their application, and a one-time token by which they begin.

    Again with the same id is the same application, and another token: the one before counts no more.
    Raises Denied: staff.not_allowed, key.out_of_scope, id.invalid, staff.name_empty, application.state (it has ended),
    signin.begun (see `invite_again`).
    """
    demand(by, "take_on")
    ids.checked(application_id, Kind.APPLICATION)
    applicant_id = applicant_of(application_id)
    await people.add(desk, PLATFORM, role=Role.APPLICANT, name=name, who=by.id, staff_id=applicant_id)
    rule = partial(rules.invite, PLATFORM, application_id, applicant_id, by)
    done = await desk.decide(store.by_id(PLATFORM, application_id), rule)
    if done.row.state in rules.ENDED:
        raise Denied("application.state", state=done.row.state.value)
    return done, await signing.invite(desk, PLATFORM, applicant_id, by.id, only_first=True)


async def invite_again(desk: Desk, application_id: str, by: Person, sure: Sure) -> tuple[Application, str]:
    """Another one-time token for whoever applies: their link was lost, or their password was.

    Raises Denied: staff.not_allowed, application.unknown, application.state; see `stepup.demand`.
    """
    demand(by, "take_on")
    row = await of(desk, application_id, by)
    if row.state in rules.ENDED:
        raise Denied("application.state", state=row.state.value)
    return row, await signing.invite(desk, PLATFORM, row.applicant_id, by.id, sure=sure)


# --- reading ---


async def of(desk: Desk, application_id: str, by: Person) -> Application:
    """One application, sealed as it is kept.

    Raises Denied: application.unknown.
    """
    return rules.there(await desk.see(store.by_id(PLATFORM, application_id)), by)


async def beside(desk: Desk, application_id: str) -> Beside:
    """What others of this installation have that an application says is its own."""
    return (await desk.see(store.with_beside(PLATFORM, application_id))).beside


async def opened(desk: Desk, row: Application, by: Person) -> Told:
    """An application with what is sealed in it. What was never submitted its applicant alone reads."""
    plain = Form(**{name: getattr(row, name) for name in rules.OPEN})
    sealed = await desk.sealed(PLATFORM, row.id)
    if sealed.key is None or (by.role is not Role.APPLICANT and not row.turn):
        return Told(row, plain, {})
    return Told(row, rules.form_of(row, sealed.open), rules.reasons_of(row, sealed.open))


# --- what the applicant does ---


async def save(desk: Desk, application_id: str, form: Form, by: Person) -> Application:
    """Keep what was filled in. Raises Denied: see `rules.save`."""
    demand(by, "apply")
    await of(desk, application_id, by)
    sealed = await desk.sealed(PLATFORM, application_id)
    rule = partial(rules.save, form, sealed.seal, sealed.open, by)
    return (await desk.decide(store.by_id(PLATFORM, application_id), rule)).row


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperAsk:
    """A paper as it is handed in."""

    application_id: str
    id: str
    kind: PaperKind
    by: Person
    content: bytes = field(repr=False)


async def add_paper(desk: Desk, files: Files, ask: PaperAsk) -> Done[Application]:
    """Take a paper in: looked at, made anew, sealed, kept, written down; in this order, as files of cases are.

    Asking again with the same id and content is the same.
    Raises Denied: file.too_large, seal.forgotten; see `rules.may_add`, `evidence.flow.take`.
    """
    ids.checked(ask.id, Kind.FILE)
    view, digest = store.by_id(PLATFORM, ask.application_id), evidence.digest_of(ask.content)
    row = await desk.see(view)
    if rules.may_add(ask.id, ask.kind, digest, ask.by, row) is not None:
        return Done(rules.there(row, ask.by))
    if len(ask.content) > files.limits.bytes_max:
        raise Denied("file.too_large", limit_bytes=files.limits.bytes_max)
    media = evidence.media_of(ask.content)
    if files.scanner:
        await clamd.scan(files.scanner, ask.content)
    remade = await files.workshop.remade(ask.content, media)
    sealed = await desk.sealed(PLATFORM, ask.application_id)
    like = FileAsk(merchant_id=PLATFORM, case_id=ask.application_id, id=ask.id, by=ask.by, content=ask.content)
    paper = Paper(
        id=ask.id, kind=ask.kind, media=remade.media, size_bytes=len(remade.content), width=remade.width,
        height=remade.height, pages=remade.pages, digest_original=digest, digest_kept=remade.digest,
        storage_key=evidence.storage_key(like), masked=",".join(remade.masked),
        is_searched=remade.searched_pages >= remade.pages, added_at=desk.clock.now(),
    )  # fmt: skip
    body = await asyncio.to_thread(sealed.seal_bytes, remade.content, ask.id)
    await files.shelf.put(paper.storage_key, body)
    try:
        return await desk.decide(view, partial(rules.add_paper, paper, ask.by))
    except Denied:
        await files.shelf.drop(paper.storage_key)
        raise


async def drop_paper(desk: Desk, files: Files, application_id: str, paper_id: str, by: Person) -> Application:
    """Take a paper away: written down first, then taken from the shelf. Again does no harm.

    Raises Denied: see `rules.drop_paper`.
    """
    view = store.by_id(PLATFORM, application_id)
    before = rules.there(await desk.see(view), by)
    row = (await desk.decide(view, partial(rules.drop_paper, paper_id, by))).row
    left = {paper.storage_key for paper in rules.papers_of(row)}
    for paper in rules.papers_of(before):
        if paper.id == paper_id and paper.storage_key not in left:
            await files.shelf.drop(paper.storage_key)
    return row


async def open_paper(desk: Desk, files: Files, application_id: str, paper_id: str, by: Person) -> tuple[Paper, bytes]:
    """Open a paper: who does is written down before a byte is handed out.

    Raises Denied: file.gone, file.store_away, file.store_refused, seal.forgotten; see `rules.open_paper`; Broken when
    what lies there is not what was kept.
    """
    view = store.by_id(PLATFORM, application_id)
    row = (await desk.decide(view, partial(rules.open_paper, paper_id, by))).row
    paper = rules.paper_in(paper_id, row)
    sealed = await desk.sealed(PLATFORM, application_id)
    if sealed.key is None:
        raise Denied("file.gone")
    body = await files.shelf.get(paper.storage_key)
    if body is None:
        raise Broken(f"the content of {paper.id} is not in the store")
    content = await asyncio.to_thread(sealed.open_bytes, body, paper.id)
    if evidence.digest_of(content) != paper.digest_kept:
        raise Broken(f"the content of {paper.id} is not what was kept")
    return paper, content


async def submit(desk: Desk, application_id: str, by: Person) -> Application:
    """Hand it to a reviewer. Raises Denied: see `rules.submit`."""
    await of(desk, application_id, by)
    sealed = await desk.sealed(PLATFORM, application_id)
    return (await desk.decide(store.by_id(PLATFORM, application_id), partial(rules.submit, sealed.open, by))).row


async def withdraw(desk: Desk, application_id: str, by: Person) -> Application:
    """Give it up. Raises Denied: see `rules.withdraw`."""
    return (await desk.decide(store.by_id(PLATFORM, application_id), partial(rules.withdraw, by))).row


async def owner_link(desk: Desk, application_id: str, by: Person) -> tuple[Application, str]:
    """The one-time token by which the first owner of the new merchant begins: for the applicant, and for nobody else.

    Again is another one, and the one before counts no more; once the owner has begun there is none.
    Raises Denied: signin.begun; see `rules.take_owner_link`.
    """
    view = store.by_id(PLATFORM, application_id)
    row = (await desk.decide(view, partial(rules.take_owner_link, by))).row
    return row, await signing.invite(desk, row.opened_id, row.owner_id, by.id, only_first=True)


# --- what a reviewer decides ---


async def send_back(desk: Desk, application_id: str, turn: int, reasons: Mapping[str, str], by: Person) -> Application:
    """Back to the applicant, with reasons. Raises Denied: see `rules.send_back`."""
    demand(by, "vet")
    await of(desk, application_id, by)
    sealed = await desk.sealed(PLATFORM, application_id)
    rule = partial(rules.send_back, turn, reasons, sealed.seal, sealed.open, by)
    return (await desk.decide(store.by_id(PLATFORM, application_id), rule)).row


async def decline(desk: Desk, application_id: str, turn: int, said: str, by: Person) -> Application:
    """No, for good. Raises Denied: see `rules.decline`."""
    demand(by, "vet")
    await of(desk, application_id, by)
    sealed = await desk.sealed(PLATFORM, application_id)
    rule = partial(rules.decline, turn, said, sealed.seal, sealed.open, by)
    return (await desk.decide(store.by_id(PLATFORM, application_id), rule)).row


async def approve(
    desk: Desk, pool: asyncpg.Pool[Any], application_id: str, turn: int, by: Person, sure: Sure
) -> Application:
    """Yes; and the merchant is made at once, the job being the safety net.

    Raises Denied: see `rules.approve`, `stepup.demand`.
    """
    view = store.with_beside(PLATFORM, application_id)
    rule = partial(rules.approve, turn, by)
    done: Done[Application] = await signing.decide(desk, sure, _vets, PLATFORM, view, rule)
    return await drive(desk, pool, PLATFORM, done.row.id)


def _vets(row: Application) -> Act:
    """What whoever approves must be sure of: that this business becomes a merchant."""
    return Act("vet", row.id, payee=row.credit_code)


async def drive(desk: Desk, pool: asyncpg.Pool[Any], merchant_id: str, application_id: str) -> Application:
    """Make what was approved: the merchant, then its first owner, then the word that both are there.

    Each step is the same when it is done again, and which merchant and owner is decided already: to die between two of
    them, or to run twice at once, makes no second one.
    Raises Denied: application.unknown.
    """
    row = await desk.see(store.by_id(merchant_id, application_id))
    if row is None:
        raise Denied("application.unknown")
    if row.state is not rules.State.APPROVED:
        return row
    sealed = await desk.sealed(merchant_id, row.id)
    form = rules.form_of(row, sealed.open)
    await merchants.add_merchant(pool, row.name, desk.clock.now(), row.opened_id)
    await people.add(
        desk, row.opened_id, role=Role.OWNER, name=form.contact_name, who="operator", staff_id=row.owner_id
    )
    return (await desk.decide(store.by_id(merchant_id, application_id), rules.opened)).row


async def tell(desk: Desk, merchant_id: str, application_id: str) -> Application:
    """Write to whoever applies that something was decided, where they gave an address and mail is set up.

    What was decided stands on their own page alone: a mail says no more than that they should look there.
    Raises Denied: application.unknown; Busy, to be tried again, when it could not be sent now.
    """
    row = await desk.see(store.by_id(merchant_id, application_id))
    if row is None:
        raise Denied("application.unknown")
    now, decided_at = desk.clock.now(), row.opened_at or row.decided_at
    if row.state not in _TOLD or decided_at is None or now - decided_at >= rules.TOLD_FOR or not desk.mails:
        return row
    sealed = await desk.sealed(merchant_id, row.id)
    address = rules.form_of(row, sealed.open).contact_email if sealed.key is not None else ""
    if not address:
        return row
    lang = (await preferences.of(desk, merchant_id, row.applicant_id)).lang or "zh"
    url = f"{desk.printing.public_url}/console/apply" if desk.printing.public_url else ""
    line = words.say(f"application.mail.{row.state}", lang)
    letter = Letter(
        merchant_id=merchant_id, hook_id=row.id, id=f"{row.id}.{row.turn}.{row.state}",
        reach=Reach(way=Way.EMAIL, target=address), lang=lang, type="application", kind="application", facts={},
        object_id=row.id, transition=row.version, happened_at=decided_at, now=now,
        text=Text(line, "\n".join((line, words.say("application.mail.look", lang), url)).strip()),
    )  # fmt: skip
    receipt = await desk.tell(letter)
    if not receipt.ok and not receipt.is_final:
        raise Busy(receipt.why)
    return row


_TOLD = (rules.State.RETURNED, rules.State.OPENED, rules.State.DECLINED)
