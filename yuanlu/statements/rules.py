"""Statements of days: wanted, asked for until they are there, taken once. Pure.

One row a (channel, paper, day):

    WAITING   asked for when the channel has it, and again until it is there
    TAKEN     its bytes are kept and were read; another file of the same day, handed in later, takes its place
    NONE      the channel said twice, apart in time, that there is none

What is in a statement changes nothing here: its rows are read and matched by who follows `StatementTaken`. The same
bytes taken twice are taken once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

import msgspec

from yuanlu import ids
from yuanlu.change import Change, Look, Row, Stay
from yuanlu.channels.contract import STATEMENT_MAX, Channel, Handed, Paper, StatementFacts, Word, digest_of
from yuanlu.clock import business_day, midnight
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.masking import kept
from yuanlu.people.rules import Person, demand
from yuanlu.statements.problems import Code, End, Problem
from yuanlu.statements.rows import Layout

DRIVE = "statements.drive"
WANT = "statements.want.wake"
CHANNEL_WHO = "channel"
DAYS_BACK = 3
"""Days whose statements are wanted by themselves: one that was missed while nothing ran is wanted the next day."""
OVERDUE_AFTER = timedelta(hours=24)
"""So long after it should have been there a statement is overdue."""
SPAN_MAX = timedelta(hours=30)
"""From the first row to the last: a statement of several days is none of a day."""
PROBLEMS_MAX = 60

PAPERS: Mapping[Layout, Paper] = {
    Layout.WECHAT_ALL: Paper.TRADES,
    Layout.WECHAT_SUCCESS: Paper.PAID,
    Layout.WECHAT_REFUND: Paper.REFUNDED,
    Layout.WECHAT_FUND_FLOW: Paper.FLOW,
    Layout.ALIPAY_BUSINESS: Paper.TRADES,
    Layout.ALIPAY_ACCOUNT: Paper.FLOW,
    Layout.UNIONPAY_TRADES: Paper.TRADES,
    Layout.UNIONPAY_EXCEPTIONS: Paper.FLOW,
}


class State(StrEnum):
    WAITING = "WAITING"
    TAKEN = "TAKEN"
    NONE = "NONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Row):
    """One paper of one day of one channel."""

    table = "statements"

    channel: str
    paper: Paper
    day: date
    state: State
    wanted_by: str
    wanted_at: datetime
    tries: int = 0
    code: str = ""
    """The last word that was not it: the channel's, or ours about what came."""
    look_at: datetime | None = None
    absent_at: datetime | None = None
    taken_at: datetime | None = None
    taken_by: str = ""
    """`channel`, or who handed it in."""
    name: str = ""
    digest: str = ""
    """SHA-256 of its bytes as they came."""
    size_bytes: int = 0
    storage_key: str = ""
    layout: str = ""
    lines: int = 0
    """Rows that were read."""
    left_out: int = 0
    agrees: str = ""
    """Whether it agrees with its own totals: `yes`, `no`, nothing where it has none."""
    problems: str = "[]"
    accounts: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementWanted(Fact):
    channel: str
    paper: str
    day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementTaken(Fact):
    """`problems` counts them; `before` is where an earlier file of the same day lies."""

    channel: str
    paper: str
    day: str
    layout: str
    lines: int
    agrees: str
    problems: int
    digest: str
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementNone(Fact):
    channel: str
    paper: str
    day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementSpoilt(Fact):
    """What came is not what was promised, or no statement. It is asked for again."""

    channel: str
    paper: str
    day: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementOverdue(Fact):
    channel: str
    paper: str
    day: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A file that was read whole: whose it is, of which day, and what is wrong with it."""

    channel: str
    layout: Layout
    day: date
    end: End
    digest: str
    size_bytes: int
    name: str

    @property
    def paper(self) -> Paper:
        return PAPERS[self.layout]


def statement_id(merchant_id: str, channel: str, paper: Paper, day: date) -> str:
    """The id of a paper of a day: whoever wants it, wants the same."""
    return ids.derived(ids.Kind.STATEMENT, midnight(day), merchant_id, channel, paper, day.isoformat())


def storage_key(merchant_id: str, statement: str, digest: str) -> str:
    """Where a file's bytes lie: another file of the same day has another place."""
    mark = digest_of(f"{statement}/{digest}".encode())
    return f"{merchant_id}/{mark[:2]}/{statement}.{mark[:16]}"


def due_at(facts: StatementFacts, day: date) -> datetime:
    """When the channel has it."""
    return midnight(day + timedelta(days=1)) + facts.ready_after


def days_wanted(at: datetime, since: datetime) -> list[date]:
    """The days whose statements are wanted by themselves, the oldest first; none before there was the merchant."""
    today, first = business_day(at), business_day(since)
    days = (today - timedelta(days=back) for back in range(DAYS_BACK, 0, -1))
    return [day for day in days if day >= first]


def may_want(
    bounds: Mapping[Channel, StatementFacts], channel: str, paper: Paper, day: date, at: datetime
) -> StatementFacts:
    """What binds it. Raises Denied: statement.channel_cannot, statement.day_not_over, statement.day_too_old."""
    facts = next((told for each, told in bounds.items() if each == channel), None)
    if facts is None or paper not in facts.has:
        raise Denied("statement.channel_cannot", channel=channel, paper=paper)
    if day >= business_day(at):
        raise Denied("statement.day_not_over", day=day.isoformat())
    if day < business_day(at - facts.back):
        raise Denied("statement.day_too_old", day=day.isoformat())
    return facts


def want(
    facts: StatementFacts,
    merchant_id: str,
    channel: str,
    paper: Paper,
    day: date,
    who: str,
    now: bool,
    seen: Statement | None,
    at: datetime,
) -> Change[Statement] | Stay[Statement]:
    """Want a paper of a day. One that is wanted or taken already is left as it is; `now` asks at once.

    A day that had none is asked for again when somebody says `now`.
    """
    look_at = at if now else max(at, due_at(facts, day))
    if seen is None:
        row = Statement(
            merchant_id=merchant_id,
            id=statement_id(merchant_id, channel, paper, day),
            channel=channel,
            paper=paper,
            day=day,
            state=State.WAITING,
            wanted_by=who,
            wanted_at=at,
            look_at=look_at,
        )
        wanted = StatementWanted(channel=channel, paper=paper, day=day.isoformat())
        return Change(row=row, at=at, who=who, facts=(wanted,), looks=(Look(DRIVE, row.id, look_at),))
    if not now or seen.state is State.TAKEN:
        return Stay(seen)
    row = replace(seen, version=seen.version + 1, state=State.WAITING, look_at=at, absent_at=None)
    return Change(row=row, at=at, who=who, looks=(Look(DRIVE, row.id, at),))


def hear(
    facts: StatementFacts, handed: Handed, seen: Statement | None, at: datetime
) -> Change[Statement] | Stay[Statement]:
    """The channel answered, and the statement is not here: wait, or know that there is none."""
    row = _known(seen)
    if row.state is not State.WAITING:
        return Stay(row)
    if handed.word is Word.ABSENT and row.absent_at is not None and at - row.absent_at >= facts.absent_gap:
        done = replace(
            row, version=row.version + 1, state=State.NONE, look_at=None, code=handed.code, tries=row.tries + 1
        )
        none = StatementNone(**_which(row))
        return _changed(done, handed, at, none)
    absent_at = (row.absent_at or at) if handed.word is Word.ABSENT else None
    wait = facts.absent_gap if handed.word is Word.ABSENT else _gap(facts, row.tries)
    return _later(
        row, handed, handed.code or handed.word, at, at + wait, absent_at=absent_at, due=due_at(facts, row.day)
    )


def spoilt(
    facts: StatementFacts, handed: Handed, code: str, seen: Statement | None, at: datetime
) -> Change[Statement] | Stay[Statement]:
    """What came is no statement, or not the one that was asked for: say so, and ask again."""
    row = _known(seen)
    if row.state is not State.WAITING:
        return Stay(row)
    fact = StatementSpoilt(**_which(row), code=code)
    due = due_at(facts, row.day)
    return _later(row, handed, code, at, at + _gap(facts, row.tries), absent_at=None, due=due, also=(fact,))


def _known(seen: Statement | None) -> Statement:
    """Raises Denied: statement.unknown."""
    if seen is None:
        raise Denied("statement.unknown")
    return seen


def _which(row: Statement) -> dict[str, str]:
    return {"channel": row.channel, "paper": row.paper, "day": row.day.isoformat()}


def _gap(facts: StatementFacts, tries: int) -> timedelta:
    return facts.gaps[min(tries, len(facts.gaps) - 1)]


def _later(
    row: Statement,
    handed: Handed,
    code: str,
    at: datetime,
    look_at: datetime,
    *,
    absent_at: datetime | None,
    due: datetime,
    also: tuple[Fact, ...] = (),
) -> Change[Statement]:
    """Ask again at a time. It is overdue once: when the time for that lies between this look and the next."""
    overdue_at = due + OVERDUE_AFTER
    overdue = (StatementOverdue(**_which(row), code=code),) if at <= overdue_at < look_at else ()
    kept_row = replace(
        row, version=row.version + 1, tries=row.tries + 1, code=code, look_at=look_at, absent_at=absent_at
    )
    return _changed(kept_row, handed, at, *also, *overdue)


def _changed(row: Statement, handed: Handed, at: datetime, *facts: Fact) -> Change[Statement]:
    evidence = (handed.evidence,) if handed.evidence is not None else ()
    look = Look(DRIVE, row.id, row.look_at)
    return Change(row=row, at=at, who=CHANNEL_WHO, facts=facts, looks=(look,), evidence=evidence)


def day_of(end: End, wanted: date | None) -> date:
    """The day a file is of: what was asked for, else what it says itself, else the day of its rows.

    Raises Denied: statement.day_unknown, statement.other_day, statement.several_days.
    """
    if end.first_at and end.last_at and end.last_at - end.first_at > SPAN_MAX:
        raise Denied("statement.several_days")
    rows_on = business_day(end.last_at) if end.last_at else None
    day = wanted or end.day or rows_on
    if day is None:
        raise Denied("statement.day_unknown")
    for told, off in ((end.day, timedelta()), (rows_on, timedelta(days=1))):
        if told is not None and abs(told - day) > off:
            raise Denied("statement.other_day", wanted=day.isoformat(), found=told.isoformat())
    return day


def fits(examined: Examined, account: str, paper: Paper) -> None:
    """Whether a file is the wanted paper, and at least one of its rows is of this account at the channel.

    Raises Denied: statement.other_paper, statement.other_account.
    """
    if examined.paper is not paper:
        raise Denied("statement.other_paper", wanted=paper, found=examined.paper)
    if account and examined.end.accounts and account not in examined.end.accounts:
        raise Denied("statement.other_account")


def take(
    merchant_id: str, examined: Examined, taken_by: str, heard: Sequence[Handed], seen: Statement | None, at: datetime
) -> Change[Statement] | Stay[Statement]:
    """A statement that is in the store and was read is the one of its day. The same bytes again change nothing.

    `heard`: the channel's promise and its file, whose evidence is kept; nothing where it was handed in.
    """
    which = statement_id(merchant_id, examined.channel, examined.paper, examined.day)
    if seen is not None and seen.state is State.TAKEN and (seen.digest == examined.digest or taken_by == CHANNEL_WHO):
        return Stay(seen)
    end = examined.end
    row = seen or Statement(
        merchant_id=merchant_id,
        id=which,
        version=0,
        channel=examined.channel,
        paper=examined.paper,
        day=examined.day,
        state=State.WAITING,
        wanted_by=taken_by,
        wanted_at=at,
        look_at=at,
    )
    done = replace(
        row,
        version=row.version + 1,
        state=State.TAKEN,
        look_at=None,
        code="",
        tries=row.tries + bool(heard),
        taken_at=at,
        taken_by=taken_by,
        name=kept(examined.name)[:200],
        digest=examined.digest,
        size_bytes=examined.size_bytes,
        storage_key=storage_key(merchant_id, row.id, examined.digest),
        layout=examined.layout,
        lines=end.rows,
        left_out=end.left_out,
        agrees={True: "yes", False: "no", None: ""}[end.summary_agrees],
        problems=_problems(end.problems),
        accounts=" ".join(end.accounts)[:1000],
    )
    fact = StatementTaken(
        **_which(done),
        layout=done.layout,
        lines=done.lines,
        agrees=done.agrees,
        problems=len(end.problems),
        digest=done.digest,
        before=row.storage_key,
    )
    evidence = tuple(each.evidence for each in heard if each.evidence is not None)
    return Change(row=done, at=at, who=taken_by, facts=(fact,), looks=(Look(DRIVE, done.id, None),), evidence=evidence)


def _problems(problems: tuple[Problem, ...]) -> str:
    return msgspec.json.encode([asdict(problem) for problem in problems[:PROBLEMS_MAX]]).decode()


def problems_of(row: Statement) -> list[Problem]:
    """What reading found, as it was kept."""
    return [Problem(**each | {"code": Code(each["code"])}) for each in msgspec.json.decode(row.problems)]


def may_hand_in(by: Person, content: bytes) -> None:
    """Raises Denied: staff.not_allowed, staff.other_store, statement.empty, statement.too_large."""
    demand(by, "statements")
    if not content:
        raise Denied("statement.empty")
    if len(content) > STATEMENT_MAX:
        raise Denied("statement.too_large")
