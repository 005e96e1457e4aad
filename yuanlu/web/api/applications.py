"""Becoming a merchant over HTTP: an applicant's own application and its papers; the queue, and what is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct

from yuanlu.applications import flow, rules, store
from yuanlu.applications.flow import PaperAsk
from yuanlu.applications.rules import Application, Beside, Form, Paper, PaperKind
from yuanlu.evidence.rules import Media
from yuanlu.ids import Kind
from yuanlu.merchants.tenants import PLATFORM
from yuanlu.people import signing_store
from yuanlu.people.rules import Role
from yuanlu.web.api.files import SAFE
from yuanlu.web.parts import lists
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.calls import STEP_UP, Answer, Call, Route
from yuanlu.web.parts.proving import link
from yuanlu.web.parts.shapes import _ID, _LINE, _TEXT, END, FileId, Heard, Page, Wish

ApplicationId = Annotated[str, Meta(pattern=f"^ZA{_ID}{END}", examples=["ZA01KATE3S40000000000000000K4"])]
_Line = Annotated[str, Meta(pattern=_LINE, max_length=120)]
_Digits = Annotated[str, Meta(pattern=f"^[0-9 -]*{END}", max_length=40)]
_Private = Annotated[str, Meta(extra={"sees": "contact"}, description="Covered (•••) for who does not review.")]
_Money = Annotated[str, Meta(extra={"sees": "account"}, description="Covered (•••) for who does not review.")]
_Turn = Annotated[int, Meta(ge=1, le=1000, description="The submission you saw.")]
_About = Literal[
    "name", "credit_code", "mcc", "channels", "wechat_mchid", "alipay_app_id", "legal_name", "legal_id", "contact_name",
    "contact_phone", "contact_email", "address", "account_name", "account_bank", "account_number", "licence",
    "identity", "shopfront", "account", "permit",
]  # fmt: skip
State = Literal["DRAFT", "SUBMITTED", "RETURNED", "APPROVED", "OPENED", "DECLINED", "WITHDRAWN"]


class ApplicationWish(Wish):
    """Somebody who may apply. `name`: of the person; it is kept sealed."""

    id: ApplicationId
    name: Annotated[str, Meta(pattern=_LINE, min_length=1, max_length=64)]


class ApplicationsWish(Page):
    """Which applications."""

    state: State | Literal[""] = ""


class FormWish(Wish):
    """What an applicant fills in, whole: a field that is left out is emptied.

    `credit_code`: the unified social credit code. `mcc`: the merchant category code. `channels`: those wanted, parted
    by commas. `wechat_mchid`, `alipay_app_id`: accounts the business has there already. `account_…`: where money is
    settled to. From `legal_name` on all is kept sealed.
    """

    name: _Line = ""
    credit_code: Annotated[str, Meta(pattern=f"^[0-9A-Za-z ]*{END}", max_length=24)] = ""
    mcc: Annotated[str, Meta(pattern=f"^([0-9]{{4}})?{END}")] = ""
    channels: Annotated[str, Meta(pattern=f"^[a-z, ]*{END}", max_length=64)] = ""
    wechat_mchid: Annotated[str, Meta(pattern=f"^[0-9]*{END}", max_length=10)] = ""
    alipay_app_id: Annotated[str, Meta(pattern=f"^(20[0-9]*)?{END}", max_length=16)] = ""
    legal_name: _Line = ""
    legal_id: Annotated[str, Meta(pattern=f"^[0-9Xx ]*{END}", max_length=24)] = ""
    contact_name: _Line = ""
    contact_phone: Annotated[str, Meta(pattern=f"^[0-9+ -]*{END}", max_length=24)] = ""
    contact_email: _Line = ""
    address: Annotated[str, Meta(pattern=_LINE, max_length=200)] = ""
    account_name: _Line = ""
    account_bank: _Line = ""
    account_number: _Digits = ""


class PaperWish(Wish):
    """A paper to be handed in: its id, and what it shows."""

    id: FileId
    kind: Literal["licence", "identity", "shopfront", "account", "permit"]


class ReasonWish(Wish):
    """What is to be mended, and why."""

    about: _About
    words: Annotated[str, Meta(pattern=_TEXT, min_length=1, max_length=1000)]


class ApplicationBackWish(Wish):
    """Back to the applicant, with a reason for each field or paper."""

    turn: _Turn
    reasons: Annotated[Sequence[ReasonWish], Meta(min_length=1, max_length=20)]


class ApplicationYesWish(Wish):
    """Yes, to just this submission."""

    turn: _Turn


class ApplicationNoWish(Wish):
    """No, for good, and why."""

    turn: _Turn
    words: Annotated[str, Meta(pattern=_TEXT, min_length=1, max_length=1000)]


class ApplicationTold(Struct, frozen=True, kw_only=True):
    """An application in a list. `turn`: how often it was submitted. `merchant`: what it became."""

    id: str
    state: str
    name: str
    credit_code: str
    mcc: str
    channels: str
    turn: int
    applicant: str
    made_at: datetime
    changed_at: datetime
    submitted_at: datetime | None
    decided_at: datetime | None
    decided_by: str
    merchant: str


class ApplicationsTold(Struct, frozen=True, kw_only=True):
    """Applications, newest first; an applicant is told their own."""

    items: Sequence[ApplicationTold]
    next: str | None


class PaperTold(Struct, frozen=True, kw_only=True):
    """A paper. `masked`: what was blacked out in it. `searched`: whether numbers were surely looked for in it all."""

    id: str
    kind: str
    media: str
    size_bytes: int
    pages: int
    sha256: str
    masked: str
    searched: bool
    added_at: datetime


class FindingTold(Struct, frozen=True, kw_only=True):
    """What is wrong, with which field or paper. `code`: missing, wrong; for who reviews `taken` (another merchant of
    the installation has it) and `twice` (another open application of the same business) too."""

    code: str
    about: str


class ReasonTold(Struct, frozen=True, kw_only=True):
    """Why it came back or was declined. `about`: a field or a kind of paper; empty: all of it."""

    about: str
    words: Heard


class WholeApplicationTold(ApplicationTold, frozen=True, kw_only=True):
    """An application whole. What was never submitted its applicant alone is told.

    `may`: what whoever asks may do with it now. `owner_waits`: whether the link of the first owner may be taken."""

    wechat_mchid: str
    alipay_app_id: str
    legal_name: _Private
    legal_id: _Private
    contact_name: _Private
    contact_phone: _Private
    contact_email: _Private
    address: _Private
    account_name: _Money
    account_bank: _Money
    account_number: _Money
    papers: Sequence[PaperTold]
    findings: Sequence[FindingTold]
    reasons: Sequence[ReasonTold]
    may: Sequence[str]
    owner_waits: bool


class ApplicantTold(Struct, frozen=True, kw_only=True):
    """A one-time way in for an applicant, told this once; what is behind `#` no server is told."""

    id: str
    account: str
    token: str
    link: str
    until: datetime | None


class FirstOwnerTold(Struct, frozen=True, kw_only=True):
    """A one-time way in for the first owner of the new merchant, told this once and to the applicant alone."""

    merchant: str
    account: str
    token: str
    link: str
    until: datetime | None


def _fields(row: Application) -> dict[str, Any]:
    names = (
        "id", "name", "credit_code", "mcc", "channels", "turn", "made_at", "changed_at", "submitted_at", "decided_at",
        "decided_by",
    )  # fmt: skip
    told = {name: getattr(row, name) for name in names}
    return {**told, "state": row.state.value, "applicant": row.applicant_id, "merchant": row.opened_id}


def paper_told(paper: Paper) -> PaperTold:
    """A paper as it is told."""
    return PaperTold(
        id=paper.id, kind=paper.kind.value, media=paper.media, size_bytes=paper.size_bytes, pages=paper.pages,
        sha256=paper.digest_kept, masked=paper.masked, searched=paper.is_searched, added_at=paper.added_at,
    )  # fmt: skip


async def _whole(call: Call, row: Application) -> WholeApplicationTold:
    desk, is_applicant = call.office.desk, call.by.role is Role.APPLICANT
    told = await flow.opened(desk, row, call.by)
    is_read = is_applicant or bool(row.turn)
    papers = rules.papers_of(row) if is_read else []
    beside = Beside() if is_applicant else await flow.beside(desk, row.id)
    found = [*(rules.findings(told.form, papers) if is_read else ()), *beside.findings]
    kept = await desk.see(signing_store.credential(row.opened_id, row.owner_id)) if row.opened_at else None
    return WholeApplicationTold(
        **_fields(row) | msgspec.structs.asdict(told.form),
        papers=[paper_told(paper) for paper in papers],
        findings=[FindingTold(code=each.code, about=each.about) for each in found],
        reasons=[ReasonTold(about=about, words=words) for about, words in told.reasons.items()],
        may=sorted(word.value for word in rules.possible(row, call.by)),
        owner_waits=bool(row.opened_at) and (kept is None or bool(kept.invitation)),
    )  # fmt: skip


async def _link(call: Call, application_id: str, account: str, token: str) -> ApplicantTold:
    kept = await call.office.desk.see(signing_store.credential(PLATFORM, account))
    assert kept is not None
    return ApplicantTold(
        id=application_id, account=account, token=token, link=link(call, token), until=kept.invited_until
    )


async def invite(call: Call) -> Answer:
    """Let somebody apply. Again with the same id is the same application, with another link in place of the first."""
    done, token = await flow.invite(call.office.desk, call.wish.id, call.wish.name, call.by)
    return 201 if done.changed else 200, await _link(call, done.row.id, done.row.applicant_id, token)


async def invite_again(call: Call) -> Answer:
    """Another one-time link for whoever applies, by which they set their password anew."""
    row, token = await flow.invite_again(call.office.desk, call.id(Kind.APPLICATION), call.by, call.sure)
    return 201, await _link(call, row.id, row.applicant_id, token)


async def page(call: Call) -> Answer:
    """Some applications, newest first; an applicant's own alone."""
    wish: ApplicationsWish = call.query
    own = call.who if call.by.role is Role.APPLICANT else ""
    found = await lists.page(
        call.office.pools.reader, PLATFORM, Application, wish.after, wish.limit,
        {"state": wish.state, "applicant_id": own},
    )  # fmt: skip
    items = [ApplicationTold(**_fields(store.made(row))) for row in found.rows]
    return 200, ApplicationsTold(items=items, next=found.next)


async def see(call: Call) -> Answer:
    """One application whole; an applicant's own alone."""
    return 200, await _whole(call, await flow.of(call.office.desk, call.id(Kind.APPLICATION), call.by))


async def save(call: Call) -> Answer:
    """Keep what was filled in, whole or not."""
    form = Form(**msgspec.structs.asdict(call.wish))
    row = await flow.save(call.office.desk, call.id(Kind.APPLICATION), form, call.by)
    return 200, await _whole(call, row)


async def add_paper(call: Call) -> Answer:
    """Hand a paper in: the body is the file itself. It is made anew, then kept."""
    wish: PaperWish = call.query
    ask = PaperAsk(
        application_id=call.id(Kind.APPLICATION), id=wish.id, kind=PaperKind(wish.kind), by=call.by, content=call.body
    )
    done = await flow.add_paper(call.office.desk, call.office.files, ask)
    return 201 if done.changed else 200, paper_told(rules.paper_in(wish.id, done.row))


async def drop_paper(call: Call) -> Answer:
    """Take a paper away again, as long as the application may be changed."""
    desk, files = call.office.desk, call.office.files
    row = await flow.drop_paper(desk, files, call.id(Kind.APPLICATION), call.id(Kind.FILE), call.by)
    return 200, await _whole(call, row)


async def open_paper(call: Call) -> Answer:
    """Open a paper. Who did so is on record before a byte is sent."""
    paper, body = await flow.open_paper(
        call.office.desk, call.office.files, call.id(Kind.APPLICATION), call.id(Kind.FILE), call.by
    )
    ending = {Media.JPEG: "jpg", Media.PNG: "png", Media.PDF: "pdf"}[Media(paper.media)]
    name = quote(f"{paper.kind}.{ending}")
    return 200, Told(body, 200, paper.media, {**SAFE, "content-disposition": f"inline; filename={name}"})


async def submit(call: Call) -> Answer:
    """Hand it to a reviewer, if nothing is missing and nothing is plainly wrong."""
    return 200, await _whole(call, await flow.submit(call.office.desk, call.id(Kind.APPLICATION), call.by))


async def withdraw(call: Call) -> Answer:
    """Give it up, for good."""
    return 200, await _whole(call, await flow.withdraw(call.office.desk, call.id(Kind.APPLICATION), call.by))


async def owner(call: Call) -> Answer:
    """The link by which the first owner of the new merchant begins: told to the applicant alone, once."""
    row, token = await flow.owner_link(call.office.desk, call.id(Kind.APPLICATION), call.by)
    kept = await call.office.desk.see(signing_store.credential(row.opened_id, row.owner_id))
    assert kept is not None
    return 201, FirstOwnerTold(
        merchant=row.opened_id, account=row.owner_id, token=token, link=link(call, token), until=kept.invited_until
    )


async def send_back(call: Call) -> Answer:
    """Back to the applicant, with a reason for each field or paper that is to be mended."""
    wish: ApplicationBackWish = call.wish
    reasons: Mapping[str, str] = {each.about: each.words for each in wish.reasons}
    row = await flow.send_back(call.office.desk, call.id(Kind.APPLICATION), wish.turn, reasons, call.by)
    return 200, await _whole(call, row)


async def approve(call: Call) -> Answer:
    """Yes: the merchant and its first owner are made, once, however often this is asked."""
    office = call.office
    row = await flow.approve(
        office.desk, office.pools.recorder, call.id(Kind.APPLICATION), call.wish.turn, call.by, call.sure
    )
    return 200, await _whole(call, row)


async def decline(call: Call) -> Answer:
    """No, for good, and why."""
    wish: ApplicationNoWish = call.wish
    row = await flow.decline(call.office.desk, call.id(Kind.APPLICATION), wish.turn, wish.words, call.by)
    return 200, await _whole(call, row)


_NO = ("staff.not_allowed", "key.out_of_scope", "application.unknown", "application.state")
_PATH = "/v1/applications/{application}"
_STORE = ("file.store_away", "file.store_refused")
_EXAMPLE = "ZA01KATE3S40000000000000000K4"
ROUTES = (
    Route(
        method="POST", path="/v1/applications", verb=invite, may="take_on", says="Let somebody apply",
        takes=ApplicationWish, gives=ApplicantTold, statuses=(201, 200),
        denied=(*_NO, "id.invalid", "staff.name_empty", "signin.begun"),
        example={"id": _EXAMPLE, "name": "陈静"},
    ),
    Route(
        method="GET", path="/v1/applications", verb=page, may="applications", says="Applications, newest first",
        query=ApplicationsWish, gives=ApplicationsTold,
    ),
    Route(
        method="GET", path=_PATH, verb=see, may="applications", says="One application",
        gives=WholeApplicationTold, denied=("application.unknown",),
    ),
    Route(
        method="POST", path=f"{_PATH}/invite", verb=invite_again, may="take_on",
        says="Another link for whoever applies", gives=ApplicantTold, statuses=(201,),
        denied=(*_NO, *STEP_UP, "staff.unknown"),
    ),
    Route(
        method="POST", path=_PATH, verb=save, may="apply", says="Keep what was filled in", takes=FormWish,
        gives=WholeApplicationTold, denied=(*_NO, "seal.forgotten"),
        example={"name": "江边面馆", "credit_code": "91110000600037341L", "mcc": "5812", "channels": "wechat,alipay"},
    ),
    Route(
        method="POST", path=f"{_PATH}/papers", verb=add_paper, may="apply", says="Hand a paper in", query=PaperWish,
        takes_kinds=tuple(media.value for media in Media), gives=PaperTold, statuses=(201, 200),
        denied=(
            *_NO, "id.invalid", "file.id_taken", "file.too_many", "file.empty", "file.type", "file.too_large",
            "file.too_many_pixels", "file.too_many_pages", "file.moving", "file.locked", "file.damaged", "file.bomb",
            "file.infected", "file.unscanned", "file.no_room", "seal.forgotten", *_STORE,
        ),
    ),
    Route(
        method="GET", path=f"{_PATH}/papers/{{file}}", verb=open_paper, may="applications", says="Open a paper",
        gives=PaperTold, gives_kinds=("image/jpeg", "image/png", "application/pdf"),
        denied=("staff.not_allowed", "application.unknown", "file.unknown", "file.gone", *_STORE),
    ),
    Route(
        method="POST", path=f"{_PATH}/papers/{{file}}/drop", verb=drop_paper, may="apply", says="Take a paper away",
        gives=WholeApplicationTold, denied=(*_NO, "file.unknown", *_STORE),
    ),
    Route(
        method="POST", path=f"{_PATH}/submit", verb=submit, may="apply", says="Hand an application to a reviewer",
        gives=WholeApplicationTold, denied=(*_NO, "application.incomplete", "seal.forgotten"),
    ),
    Route(
        method="POST", path=f"{_PATH}/withdraw", verb=withdraw, may="apply", says="Give an application up",
        gives=WholeApplicationTold, denied=_NO,
    ),
    Route(
        method="POST", path=f"{_PATH}/owner", verb=owner, may="apply", says="Take the link of the first owner",
        gives=FirstOwnerTold, statuses=(201,), denied=(*_NO, "staff.unknown", "signin.begun"),
    ),
    Route(
        method="POST", path=f"{_PATH}/return", verb=send_back, may="vet", says="Send an application back",
        takes=ApplicationBackWish, gives=WholeApplicationTold,
        denied=(*_NO, "application.moved", "application.no_reason", "seal.forgotten"),
        example={"turn": 1, "reasons": [{"about": "licence", "words": "照片不清楚"}]},
    ),
    Route(
        method="POST", path=f"{_PATH}/approve", verb=approve, may="vet", says="Approve an application",
        takes=ApplicationYesWish, gives=WholeApplicationTold,
        denied=(*_NO, *STEP_UP, "application.moved", "application.taken"), example={"turn": 1},
    ),
    Route(
        method="POST", path=f"{_PATH}/decline", verb=decline, may="vet", says="Decline an application",
        takes=ApplicationNoWish, gives=WholeApplicationTold,
        denied=(*_NO, "application.moved", "application.no_reason"),
        example={"turn": 1, "words": "执照已吊销"},
    ),
)  # fmt: skip
