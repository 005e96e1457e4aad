"""An application to become a merchant: what it says, what is wrong with it, and what may become of it.

    DRAFT       the applicant fills it in           APPROVED    decided; the merchant is being made
    SUBMITTED   it lies with a reviewer             OPENED      the merchant and its first owner are there
    RETURNED    back with reasons, to be mended     DECLINED, WITHDRAWN   ended

It has no merchant yet, so it belongs to the installation's own tenant (`tenants.PLATFORM`). What names a person, and
the account money is to go to, is one text sealed under the application's own key. Its papers stand in its own row:
whoever submits, submits just these, and nothing is put beside them while a reviewer looks.

Law: a decision is about the submission its reviewer saw (`turn`); which merchant follows from an application is decided
with it and never changes, so opening it twice, or again after a crash, makes one merchant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

import msgspec
from stdnum.cn import ric, uscc

from yuanlu import ids
from yuanlu.change import Change, Look, Row, Stay
from yuanlu.channels.contract import REMOTE
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.ids import Kind
from yuanlu.machine import Turn, parse
from yuanlu.masking import kept
from yuanlu.people.rules import Person, Role, demand

DRIVE, TELL = "applications.drive", "applications.tell.wake"
TOLD_FOR = timedelta(days=1)
"""How long it is tried to write to whoever applies that something was decided."""
PAPERS_MAX = 12
WORDS_MAX = 1000


class State(StrEnum):
    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    RETURNED = "RETURNED"
    APPROVED = "APPROVED"
    OPENED = "OPENED"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"


class Word(StrEnum):
    """What somebody wants of an application. `OPEN` is ours, once it is approved."""

    SAVE = "save"
    SUBMIT = "submit"
    SEND_BACK = "send_back"
    APPROVE = "approve"
    DECLINE = "decline"
    WITHDRAW = "withdraw"
    OPEN = "open"


TABLE = parse(
    State,
    tuple(Word),
    """
|           | SAVE | SUBMIT    | SEND_BACK | APPROVE  | DECLINE  | WITHDRAW  | OPEN   |
| --------- | ---- | --------- | --------- | -------- | -------- | --------- | ------ |
| DRAFT     | ·    | SUBMITTED | !         | !        | !        | WITHDRAWN | !      |
| SUBMITTED | !    | ·         | RETURNED  | APPROVED | DECLINED | WITHDRAWN | !      |
| RETURNED  | ·    | SUBMITTED | ·         | !        | !        | WITHDRAWN | !      |
| APPROVED  | !    | !         | !         | ·        | !        | !         | OPENED |
| OPENED    | !    | !         | !         | ·        | !        | !         | ·      |
| DECLINED  | !    | !         | !         | !        | ·        | !         | !      |
| WITHDRAWN | !    | !         | !         | !        | !        | ·         | !      |
""",
)
"""`·`: it is so already (said twice), or it may be changed as it stands. `!`: refused, `application.state`."""

ENDED = (State.DECLINED, State.WITHDRAWN)


class PaperKind(StrEnum):
    """What a paper shows."""

    LICENCE = "licence"
    IDENTITY = "identity"
    SHOPFRONT = "shopfront"
    ACCOUNT = "account"
    PERMIT = "permit"


TRADES: Mapping[str, bool] = {
    "5411": False, "5499": True, "5812": True, "5814": True, "5311": False, "5651": False, "5732": False,
    "5912": True, "5921": True, "5942": False, "7011": True, "7230": False, "7542": False, "8062": True, "8299": True,
    "5999": False,
}  # fmt: skip
"""Kinds of business by merchant category code, and whether they need a permit of their own. Source: ISO 18245; the
permits that Chinese law asks for of food, medicine, alcohol and tobacco, hotels, clinics and schools."""


class Form(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an applicant fills in. Everything may be empty until it is submitted."""

    name: str = ""
    credit_code: str = ""
    mcc: str = ""
    channels: str = ""
    """The channels wanted, parted by commas, in the order of their names."""
    wechat_mchid: str = ""
    alipay_app_id: str = ""
    legal_name: str = ""
    legal_id: str = ""
    contact_name: str = ""
    contact_phone: str = ""
    contact_email: str = ""
    address: str = ""
    account_name: str = ""
    account_bank: str = ""
    account_number: str = ""


OPEN = ("name", "credit_code", "mcc", "channels", "wechat_mchid", "alipay_app_id")
"""What is kept as it is: it is on a public register, or names the merchant at a channel. All else is sealed."""
SEALED = tuple(each for each in Form.__struct_fields__ if each not in OPEN)
OPTIONAL = frozenset({"wechat_mchid", "alipay_app_id", "contact_email"})
ABOUT = (*Form.__struct_fields__, *(kind.value for kind in PaperKind))
"""What a finding or a reason may be about: a field, or a kind of paper."""


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """A paper as it stands: made anew and sealed by `evidence`. Its content lies on the shelf, under `storage_key`."""

    id: str
    kind: PaperKind
    media: str
    size_bytes: int
    width: int
    height: int
    pages: int
    digest_original: str
    digest_kept: str
    storage_key: str
    masked: str = ""
    is_searched: bool = False
    added_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Application(Row):
    """An application as it stands. `sealed`: the rest of the form, as JSON, sealed. `reasons`: why it was sent back or
    declined, by what they are about, the same way. `turn`: how often it was submitted. `opened_id`, `owner_id`: the
    merchant it became, and the account of its first owner: decided when it is approved."""

    table = "applications"

    state: State
    applicant_id: str
    name: str = ""
    credit_code: str = ""
    mcc: str = ""
    channels: str = ""
    wechat_mchid: str = ""
    alipay_app_id: str = ""
    sealed: str = ""
    papers: str = "[]"
    reasons: str = ""
    turn: int = 0
    invited_by: str
    made_at: datetime
    changed_at: datetime
    submitted_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str = ""
    opened_id: str = ""
    owner_id: str = ""
    opened_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def is_with_applicant(self) -> bool:
        """Whether it may be filled in."""
        return TABLE.turn(self.state, Word.SAVE) is Turn.STAY


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationInvited(Fact):
    applicant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationSaved(Fact):
    """`fields`: the names of what changed, never what it says."""

    fields: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationPaperAdded(Fact):
    paper: str
    digest: str
    digest_original: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationPaperDropped(Fact):
    paper: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationPaperOpened(Fact):
    """Somebody looked into a paper."""

    paper: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationSubmitted(Fact):
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationReturned(Fact):
    """`fields`: what is to be mended."""

    fields: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationApproved(Fact):
    merchant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationDeclined(Fact):
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationWithdrawn(Fact):
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationOpened(Fact):
    """The merchant and its first owner are there."""

    merchant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstOwnerInvited(Fact):
    """The applicant took the link by which the first owner of the new merchant begins."""

    merchant: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: what, with which field or paper. Codes: missing, wrong, taken, twice."""

    code: str
    about: str


# --- what an application says ---


def tidied(form: Form) -> Form:
    """A form as it is kept: without blanks around, codes in capitals, channels in order."""
    plain = {name: " ".join(getattr(form, name).split()) for name in Form.__struct_fields__}
    plain["name"] = kept(plain["name"])
    for name in ("credit_code", "legal_id"):
        plain[name] = plain[name].replace(" ", "").upper()
    for name in ("contact_phone", "account_number"):
        plain[name] = plain[name].replace(" ", "").replace("-", "")
    wanted = {each.strip() for each in plain["channels"].split(",")}
    plain["channels"] = ",".join(each.value for each in REMOTE if each.value in wanted)
    return Form(**plain)


def form_of(row: Application, opens: Callable[[str], str]) -> Form:
    """What an application says, opened."""
    rest = msgspec.json.decode(opens(row.sealed), type=dict[str, str]) if row.sealed else {}
    return Form(**{name: getattr(row, name) for name in OPEN}, **rest)


def papers_of(row: Application) -> Sequence[Paper]:
    """The papers of an application, in the order in which they came."""
    return msgspec.json.decode(row.papers, type=list[Paper])


def reasons_of(row: Application, opens: Callable[[str], str]) -> Mapping[str, str]:
    """Why it came back or was declined, by what that is about (empty: all of it)."""
    return msgspec.json.decode(opens(row.reasons), type=dict[str, str]) if row.reasons else {}


_PATTERNS = {
    "contact_phone": r"(?:\+?86)?1[3-9]\d{9}|0\d{9,11}",
    "contact_email": r"[^@\s]+@[^@\s]+\.[^@\s]+",
    "account_number": r"\d{8,32}",
    "wechat_mchid": r"\d{8,10}",
    "alipay_app_id": r"20\d{14}",
}


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text) is not None


_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "credit_code": uscc.is_valid,
    "legal_id": ric.is_valid,
    "mcc": TRADES.__contains__,
    **{name: partial(_fits, pattern) for name, pattern in _PATTERNS.items()},
}
"""What a field must be like. Sources: GB 32100 (unified social credit code) and GB 11643 (identity number), both with
their check characters; merchant numbers and app ids as WeChat Pay and Alipay write them."""


def findings(form: Form, papers: Sequence[Paper]) -> list[Finding]:
    """What is wrong with an application, by itself: what is missing, and what cannot be."""
    found = []
    for name in Form.__struct_fields__:
        text = getattr(form, name)
        if not text:
            found += [] if name in OPTIONAL else [Finding("missing", name)]
        elif name in _CHECKS and not _CHECKS[name](text):
            found.append(Finding("wrong", name))
    there = {paper.kind for paper in papers}
    needed = [kind for kind in PaperKind if kind is not PaperKind.PERMIT or TRADES.get(form.mcc, False)]
    return found + [Finding("missing", kind.value) for kind in needed if kind not in there]


@dataclass(frozen=True, slots=True)
class Beside:
    """What others have that this one says is theirs. `taken`: fields that name another merchant of the installation.
    `twice`: whether another application that is still open names the same business."""

    taken: frozenset[str] = frozenset()
    twice: bool = False

    @property
    def findings(self) -> list[Finding]:
        """As findings: for whoever reviews, and never for the applicant, who would learn who is a merchant here."""
        return [Finding("taken", name) for name in OPEN if name in self.taken] + (
            [Finding("twice", "credit_code")] if self.twice else []
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What is decided on: the application, and what stands beside it."""

    application: Application | None
    beside: Beside = Beside()


# --- what the applicant does ---


def there(seen: Application | None, by: Person) -> Application:
    """The application, if it is for these eyes: an applicant's own, a reviewer's any.

    Raises Denied: application.unknown.
    """
    if seen is None or (by.role is Role.APPLICANT and seen.applicant_id != by.id):
        raise Denied("application.unknown")
    return seen


def _goal(row: Application, word: Word) -> State | None:
    """Where a word leads; None: it is so already.

    Raises Denied: application.state.
    """
    turn = TABLE.turn(row.state, word)
    if turn is Turn.CLASH:
        raise Denied("application.state", state=row.state.value)
    return None if isinstance(turn, Turn) else turn


def invite(
    merchant_id: str, application_id: str, applicant_id: str, by: Person, seen: Application | None, at: datetime
) -> Change[Application] | Stay[Application]:
    """Let somebody apply. Again with the same id is the same.

    Raises Denied: staff.not_allowed, key.out_of_scope, id.invalid.
    """
    demand(by, "take_on")
    if seen is not None:
        return Stay(seen)
    row = Application(
        merchant_id=merchant_id, id=ids.checked(application_id, Kind.APPLICATION), state=State.DRAFT,
        applicant_id=applicant_id, invited_by=by.id, made_at=at, changed_at=at,
    )  # fmt: skip
    return Change(row=row, at=at, who=by.id, facts=(ApplicationInvited(applicant=applicant_id),))


def save(
    form: Form, seal: Callable[[str], str], opens: Callable[[str], str], by: Person, seen: Application | None,
    at: datetime,
) -> Change[Application] | Stay[Application]:  # fmt: skip
    """Keep what was filled in, whole or not.

    Raises Denied: staff.not_allowed, application.unknown, application.state, seal.forgotten.
    """
    row = _own(by, seen)
    _goal(row, Word.SAVE)
    before, form = form_of(row, opens), tidied(form)
    changed = [name for name in Form.__struct_fields__ if getattr(before, name) != getattr(form, name)]
    if not changed:
        return Stay(row)
    rest = {name: getattr(form, name) for name in SEALED if getattr(form, name)}
    row = replace(
        row, version=row.version + 1, changed_at=at, sealed=seal(msgspec.json.encode(rest).decode()) if rest else "",
        **{name: getattr(form, name) for name in OPEN},
    )  # fmt: skip
    return Change(row=row, at=at, who=by.id, facts=(ApplicationSaved(fields=", ".join(changed)),))


def _own(by: Person, seen: Application | None) -> Application:
    demand(by, "apply")
    return there(seen, by)


def may_add(paper_id: str, kind: PaperKind, digest: str, by: Person, seen: Application | None) -> Paper | None:
    """Whether a paper is worth looking at, before anything dear is done. Answers it if it is here already.

    Raises Denied: staff.not_allowed, application.unknown, application.state, file.id_taken, file.too_many.
    """
    row = _own(by, seen)
    papers = papers_of(row)
    known = next((paper for paper in papers if paper.id == paper_id), None)
    if known is not None:
        if (known.digest_original, known.kind) != (digest, kind):
            raise Denied("file.id_taken", id=paper_id)
        return known
    _goal(row, Word.SAVE)
    if len(papers) >= PAPERS_MAX:
        raise Denied("file.too_many", files_max=PAPERS_MAX)
    return None


def add_paper(
    paper: Paper, by: Person, seen: Application | None, at: datetime
) -> Change[Application] | Stay[Application]:
    """Put a paper to an application, whose content lies on the shelf already. Raises Denied: as `may_add`."""
    row = there(seen, by)
    if may_add(paper.id, paper.kind, paper.digest_original, by, seen) is not None:
        return Stay(row)
    papers = [*papers_of(row), msgspec.structs.replace(paper, added_at=at)]
    fact = ApplicationPaperAdded(paper=paper.kind, digest=paper.digest_kept, digest_original=paper.digest_original)
    return _with(row, papers, fact, by, at)


def drop_paper(
    paper_id: str, by: Person, seen: Application | None, at: datetime
) -> Change[Application] | Stay[Application]:
    """Take a paper away; one that is not there is no trouble.

    Raises Denied: staff.not_allowed, application.unknown, application.state.
    """
    row = _own(by, seen)
    _goal(row, Word.SAVE)
    papers = papers_of(row)
    gone = next((paper for paper in papers if paper.id == paper_id), None)
    if gone is None:
        return Stay(row)
    fact = ApplicationPaperDropped(paper=gone.kind, digest=gone.digest_kept)
    return _with(row, [paper for paper in papers if paper.id != paper_id], fact, by, at)


def _with(row: Application, papers: Sequence[Paper], fact: Fact, by: Person, at: datetime) -> Change[Application]:
    text = msgspec.json.encode(papers).decode()
    row = replace(row, version=row.version + 1, changed_at=at, papers=text)
    return Change(row=row, at=at, who=by.id, facts=(fact,))


def paper_in(paper_id: str, row: Application) -> Paper:
    """One paper. Raises Denied: file.unknown."""
    for paper in papers_of(row):
        if paper.id == paper_id:
            return paper
    raise Denied("file.unknown")


def open_paper(paper_id: str, by: Person, seen: Application | None, at: datetime) -> Change[Application]:
    """Write down that somebody looks into a paper: its applicant, or a reviewer.

    Raises Denied: staff.not_allowed, application.unknown, file.unknown.
    """
    demand(by, "apply" if by.role is Role.APPLICANT else "vet")
    row = there(seen, by)
    paper = paper_in(paper_id, row)
    fact = ApplicationPaperOpened(paper=paper.kind, digest=paper.digest_kept)
    return Change(row=replace(row, version=row.version + 1), at=at, who=by.id, facts=(fact,))


def submit(
    opens: Callable[[str], str], by: Person, seen: Application | None, at: datetime
) -> Change[Application] | Stay[Application]:
    """Hand it to a reviewer, if nothing is missing and nothing is plainly wrong.

    Raises Denied: staff.not_allowed, application.unknown, application.state, application.incomplete, seal.forgotten.
    """
    row = _own(by, seen)
    goal = _goal(row, Word.SUBMIT)
    if goal is None:
        return Stay(row)
    if found := findings(form_of(row, opens), papers_of(row)):
        raise Denied("application.incomplete", fields=", ".join(dict.fromkeys(each.about for each in found)))
    row = replace(row, version=row.version + 1, state=goal, turn=row.turn + 1, submitted_at=at, reasons="")
    return Change(row=row, at=at, who=by.id, facts=(ApplicationSubmitted(times=row.turn),))


def withdraw(by: Person, seen: Application | None, at: datetime) -> Change[Application] | Stay[Application]:
    """Give it up. Raises Denied: staff.not_allowed, application.unknown, application.state."""
    row = _own(by, seen)
    goal = _goal(row, Word.WITHDRAW)
    if goal is None:
        return Stay(row)
    row = replace(row, version=row.version + 1, state=goal, ended_at=at)
    return Change(row=row, at=at, who=by.id, facts=(ApplicationWithdrawn(times=row.turn),))


def possible(row: Application, by: Person) -> set[Word]:
    """What somebody may want of an application as it stands and be heard: what their pages offer."""
    own, vets = {Word.SAVE, Word.SUBMIT, Word.WITHDRAW}, {Word.SEND_BACK, Word.APPROVE, Word.DECLINE}
    words = own if by.role is Role.APPLICANT else vets if by.role is Role.REVIEWER else set()
    return {word for word in words if TABLE.turn(row.state, word) is not Turn.CLASH and _moves(row.state, word)}


def _moves(state: State, word: Word) -> bool:
    return word is Word.SAVE or isinstance(TABLE.turn(state, word), State)


# --- what a reviewer decides ---


def _vetted(by: Person, seen: Application | None, word: Word, turn: int) -> tuple[Application, State | None]:
    """The application and where a decision leads. What was seen is what is decided about.

    Raises Denied: staff.not_allowed, application.unknown, application.state, application.moved.
    """
    demand(by, "vet")
    row = there(seen, by)
    goal = _goal(row, word)
    if turn != row.turn:
        raise Denied("application.moved", turn=row.turn)
    return row, goal


def send_back(
    turn: int, reasons: Mapping[str, str], seal: Callable[[str], str], opens: Callable[[str], str], by: Person,
    seen: Application | None, at: datetime,
) -> Change[Application] | Stay[Application]:  # fmt: skip
    """Back to the applicant, with a reason for each field or paper that is to be mended.

    Raises Denied: application.no_reason; see `_vetted`.
    """
    row, goal = _vetted(by, seen, Word.SEND_BACK, turn)
    said = {about: text for about in ABOUT if (text := kept(reasons.get(about, "").strip())[:WORDS_MAX])}
    if not said:
        raise Denied("application.no_reason")
    if goal is None:
        if said != reasons_of(row, opens):
            raise Denied("application.state", state=row.state.value)
        return Stay(row)
    row = _decided(row, goal, by, at, reasons=seal(msgspec.json.encode(said).decode()))
    fact = ApplicationReturned(fields=", ".join(said))
    return Change(row=row, at=at, who=by.id, facts=(fact,), looks=(Look(TELL, row.id, at),))


def _decided(row: Application, goal: State, by: Person, at: datetime, **more: str) -> Application:
    return replace(row, version=row.version + 1, state=goal, decided_at=at, decided_by=by.id, **more)  # type: ignore[arg-type]


def decline(
    turn: int, words: str, seal: Callable[[str], str], opens: Callable[[str], str], by: Person,
    seen: Application | None, at: datetime,
) -> Change[Application] | Stay[Application]:  # fmt: skip
    """No, for good, and why. Again with other words is a conflict: the applicant has read the first ones.

    Raises Denied: application.no_reason; see `_vetted`.
    """
    row, goal = _vetted(by, seen, Word.DECLINE, turn)
    text = kept(words.strip())[:WORDS_MAX]
    if not text:
        raise Denied("application.no_reason")
    said = {"": text}
    if goal is None:
        if said != reasons_of(row, opens):
            raise Denied("application.state", state=row.state.value)
        return Stay(row)
    row = replace(_decided(row, goal, by, at, reasons=seal(msgspec.json.encode(said).decode())), ended_at=at)
    fact = ApplicationDeclined(times=row.turn)
    return Change(row=row, at=at, who=by.id, facts=(fact,), looks=(Look(TELL, row.id, at),))


def approve(turn: int, by: Person, seen: Seen, at: datetime) -> Change[Application] | Stay[Application]:
    """Yes. Which merchant it becomes is decided here, once; a job sees to it that it is made.

    Raises Denied: application.taken; see `_vetted`.
    """
    row, goal = _vetted(by, seen.application, Word.APPROVE, turn)
    if goal is None:
        return Stay(row)
    if seen.beside.taken:
        raise Denied("application.taken", fields=", ".join(name for name in OPEN if name in seen.beside.taken))
    opened_id = ids.derived(Kind.MERCHANT, row.made_at, row.id)
    owner_id = ids.derived(Kind.STAFF, row.made_at, row.id, "owner")
    row = _decided(row, goal, by, at, opened_id=opened_id, owner_id=owner_id)
    fact = ApplicationApproved(merchant=opened_id)
    return Change(row=row, at=at, who=by.id, facts=(fact,), looks=(Look(DRIVE, row.id, at),))


def opened(seen: Application | None, at: datetime) -> Change[Application] | Stay[Application]:
    """The merchant and its first owner are there. Raises Denied: application.unknown, application.state."""
    if seen is None:
        raise Denied("application.unknown")
    goal = _goal(seen, Word.OPEN)
    if goal is None:
        return Stay(seen)
    row = replace(seen, version=seen.version + 1, state=goal, opened_at=at)
    fact = ApplicationOpened(merchant=row.opened_id)
    return Change(
        row=row, at=at, who="system", facts=(fact,), looks=(Look(DRIVE, row.id, None), Look(TELL, row.id, at))
    )


def take_owner_link(by: Person, seen: Application | None, at: datetime) -> Change[Application]:
    """Write down that the applicant takes the link of the first owner. Nobody else is ever given it.

    Raises Denied: staff.not_allowed, application.unknown, application.state.
    """
    row = _own(by, seen)
    if row.state is not State.OPENED:
        raise Denied("application.state", state=row.state.value)
    fact = FirstOwnerInvited(merchant=row.opened_id)
    return Change(row=replace(row, version=row.version + 1), at=at, who=by.id, facts=(fact,))
