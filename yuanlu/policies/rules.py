"""What a policy says: rows of a decision table, read from the top; the first row that fits gives the verdict.

A `Table` is a value. Its rows are compiled to one function of plain comparisons (`compiled`), built as a syntax tree
from a white-list of nodes: what people wrote only ever becomes constants in it, nothing of theirs is run. `first_fit`
reads the same rows one by one, the slow and obvious way; a test holds the two together.

A version of a policy (`Policy`) is never changed. The one in force is written onto a payment when it is made, so what
a customer was shown before paying is what counts for that payment.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import CodeType, FunctionType

from yuanlu import ids
from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Broken, Denied
from yuanlu.facts import Fact
from yuanlu.people.rules import Person, Role, demand

NO_LINE = -1


class Ruling(StrEnum):
    """What a policy may say of a case, the most lenient first."""

    APPROVE = "approve"
    REVIEW = "review"
    SECOND = "second"
    DECLINE = "decline"


STRICTNESS = {ruling: place for place, ruling in enumerate(Ruling)}


@dataclass(frozen=True, slots=True)
class Span:
    """Whole numbers from `low` to `high`, both included; no `high`: without end."""

    low: int
    high: int | None = None

    def __contains__(self, number: int) -> bool:
        return self.low <= number and (self.high is None or number <= self.high)


AMOUNT_ANY = Span(1)
AGE_ANY = Span(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of a table. An empty set of codes means any.

    Units: `amount` fen that shall go back, `age` whole hours since it was paid. `reasons` as they were written;
    `whats` and `causes` the codes they stand for: a row fits when one of either does.
    """

    verdict: Ruling
    zh: str
    en: str
    amount: Span = AMOUNT_ANY
    age: Span = AGE_ANY
    reasons: tuple[str, ...] = ()
    whats: frozenset[str] = frozenset()
    causes: frozenset[str] = frozenset()
    channels: tuple[str, ...] = ()
    tenders: tuple[str, ...] = ()

    def fits(self, facts: Facts) -> bool:
        """Whether this row speaks about these facts."""
        return (
            facts.amount_fen in self.amount
            and facts.age_hours in self.age
            and (not self.reasons or facts.what in self.whats or facts.cause in self.causes)
            and (not self.channels or facts.channel in self.channels)
            and (not self.tenders or facts.tender in self.tenders)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a policy decides on. `cause`: the coded cause, empty while none is known."""

    amount_fen: int
    age_hours: int
    what: str
    channel: str
    tender: str
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a policy says of a case: by which version (`built-in/…`: ours, by its digest) and which row, from 1.

    `zh` and `en` are the row's line for the customer.
    """

    verdict: Ruling
    policy: str
    line: int
    zh: str
    en: str


Found = Callable[[int, int, str, str, str, str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A decision table. `content` is its canonical file, `policy` the version's id (empty: the built-in one)."""

    lines: tuple[Line, ...]
    content: str
    policy: str = ""
    found: Found = field(compare=False, repr=False)
    verdicts: tuple[Verdict, ...] = field(compare=False, repr=False)

    @property
    def digest(self) -> str:
        return digest_of(self.content)

    @property
    def asks_cause(self) -> bool:
        """Whether any row speaks about a cause."""
        return any(line.causes for line in self.lines)


def digest_of(content: str) -> str:
    """SHA-256 of a table's canonical file."""
    return hashlib.sha256(content.encode()).hexdigest()


def table_of(lines: Sequence[Line], content: str, policy: str = "") -> Table:
    """A table of these rows, compiled."""
    kept = tuple(lines)
    verdicts = tuple(
        Verdict(verdict=line.verdict, policy=policy, line=number, zh=line.zh, en=line.en)
        for number, line in enumerate(kept, 1)
    )
    return Table(lines=kept, content=content, policy=policy, found=compiled(kept), verdicts=verdicts)


def decide(table: Table, facts: Facts) -> Verdict:
    """What the table says of these facts.

    Raises Broken where no row fits: a table with a gap is never saved.
    """
    place = table.found(facts.amount_fen, facts.age_hours, facts.what, facts.cause, facts.channel, facts.tender)
    if place < 0:
        raise Broken(f"policy {table.policy or 'default'} has no row for {facts}")
    return table.verdicts[place]


def declines_from(table: Table, facts: Facts) -> int | None:
    """The age, in hours, from which the table declines what it does not decline yet; None: never, or it does already.

    Law: between two ages that rows name, what the table says does not change.
    """
    if decide(table, facts).verdict is Ruling.DECLINE:
        return None
    edges = {edge for line in table.lines for edge in (line.age.low, (line.age.high or 0) + 1)}
    later = (hours for hours in sorted(edges) if hours > facts.age_hours)
    found = (hours for hours in later if decide(table, replace(facts, age_hours=hours)).verdict is Ruling.DECLINE)
    return next(found, None)


def first_fit(lines: Iterable[Line], facts: Facts) -> int:
    """The place of the first row that fits, counted from 0; -1 where none does. Row by row: the plain meaning."""
    return next((place for place, line in enumerate(lines) if line.fits(facts)), NO_LINE)


# --- compiled ---

ARGUMENTS = ("amount", "age", "what", "cause", "channel", "tender")

NODES = frozenset(
    (
        ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.If, ast.Return, ast.BoolOp, ast.And, ast.Or,
        ast.Compare, ast.LtE, ast.GtE, ast.Eq, ast.In, ast.Name, ast.Load, ast.Constant,
    )
)  # fmt: skip
"""All a compiled table may be made of: comparisons of its six arguments with constants, and the return of a number."""

GROUP = 10
"""Rows that one look at the amount passes over, where none of them can fit."""


@lru_cache(maxsize=256)
def compiled(lines: tuple[Line, ...]) -> Found:
    """The rows as one function of the six arguments, answering a row's place, or -1.

    Law: it is made of `NODES` alone, over names of `ARGUMENTS` alone.
    """
    body: list[ast.stmt] = []
    for first in range(0, len(lines), GROUP):
        group = lines[first : first + GROUP]
        rows: list[ast.stmt] = []
        for place, line in enumerate(group, first):
            test = _test(line)
            answer = ast.Return(ast.Constant(place))
            rows.append(answer if test is None else ast.If(test, [answer], []))
        hull = _within("amount", _hull([line.amount for line in group]), AMOUNT_ANY)
        body += [ast.If(_all(hull), rows, [])] if hull else rows
    body.append(ast.Return(ast.Constant(NO_LINE)))
    shape = ast.arguments([], [ast.arg(name) for name in ARGUMENTS], None, [], [], None, [])
    tree = ast.Module([ast.FunctionDef("found", shape, body, [])], [])
    return _function(checked_tree(tree))


def checked_tree(tree: ast.Module) -> ast.Module:
    """The tree, if all of it is on the white-list.

    Raises Broken.
    """
    for node in ast.walk(tree):
        if type(node) not in NODES or (isinstance(node, ast.Name) and node.id not in ARGUMENTS):
            raise Broken(f"{ast.dump(node)[:80]} has no place in a policy")
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            raise Broken("a policy has no decorators")
        if isinstance(node, ast.Constant) and not _is_plain(node.value):
            raise Broken(f"{node.value!r} is no value of a policy")
    return tree


def _is_plain(value: object) -> bool:
    return type(value) in (int, str) or (type(value) is frozenset and all(type(each) is str for each in value))


def _function(tree: ast.Module) -> Found:
    """The function of a checked tree, taken out of its code: the module itself is never run."""
    module = compile(ast.fix_missing_locations(tree), "<policy>", "exec", dont_inherit=True)
    (code,) = (each for each in module.co_consts if isinstance(each, CodeType))
    return FunctionType(code, {"__builtins__": {}})


def _test(line: Line) -> ast.expr | None:
    """The condition of a row; None where it always holds. What mostly fails first stands first."""
    parts = [
        *_within("amount", line.amount, AMOUNT_ANY),
        *_reason(line),
        *_within("age", line.age, AGE_ANY),
        *_among("channel", line.channels),
        *_among("tender", line.tenders),
    ]
    return _all(parts) if parts else None


def _all(parts: list[ast.expr]) -> ast.expr:
    return parts[0] if len(parts) == 1 else ast.BoolOp(ast.And(), parts)


def _hull(spans: Sequence[Span]) -> Span:
    """The least span that holds all of these."""
    highs = [span.high for span in spans]
    return Span(min(span.low for span in spans), None if None in highs else max(each or 0 for each in highs))


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _within(name: str, span: Span, anything: Span) -> list[ast.expr]:
    if span == anything:
        return []
    if span.high is None:
        return [ast.Compare(_name(name), [ast.GtE()], [ast.Constant(span.low)])]
    if span.low == anything.low:
        return [ast.Compare(_name(name), [ast.LtE()], [ast.Constant(span.high)])]
    bounds: list[ast.expr] = [_name(name), ast.Constant(span.high)]
    return [ast.Compare(ast.Constant(span.low), [ast.LtE(), ast.LtE()], bounds)]


def _among(name: str, codes: Iterable[str]) -> list[ast.expr]:
    kept = frozenset(codes)
    if not kept:
        return []
    if len(kept) == 1:
        return [ast.Compare(_name(name), [ast.Eq()], [ast.Constant(next(iter(kept)))])]
    return [ast.Compare(_name(name), [ast.In()], [ast.Constant(kept)])]  # type: ignore[arg-type]


def _reason(line: Line) -> list[ast.expr]:
    if not line.reasons:
        return []
    either = [*_among("what", line.whats), *_among("cause", line.causes)]
    return either if len(either) == 1 else [ast.BoolOp(ast.Or(), either)]


# --- versions ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Row):
    """A version of a merchant's policy, or of one of its stores'. It is never changed: `version` stays 1."""

    table = "policies"

    store_id: str
    content: str
    digest: str
    valid_from: datetime
    made_at: datetime
    made_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet(Fact):
    digest: str
    store_id: str
    rows: int
    valid_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAsk:
    """A wish for a new version. `valid_from` None: from now on."""

    merchant_id: str
    id: str
    table: Table
    who: str
    role: str = "machine"
    store_id: str = ""
    valid_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class PolicySeen:
    """What a new version is decided on: is its id known, is its store there."""

    known: Policy | None
    has_store: bool


def set_policy(ask: PolicyAsk, seen: PolicySeen, at: datetime) -> Change[Policy] | Stay[Policy]:
    """Write a new version down; it counts for payments made from `valid_from` on.

    Asking again with the same id and content gives the same version back. Raises Denied: policy.id_taken,
    staff.not_allowed, policy.store_unknown, policy.backdated.
    """
    known = seen.known
    if known is not None:
        if (known.digest, known.store_id) != (ask.table.digest, ask.store_id):
            raise Denied("policy.id_taken", id=ask.id)
        return Stay(known)
    demand(Person(ask.who, Role(ask.role)), "policy")
    if ask.store_id and not seen.has_store:
        raise Denied("policy.store_unknown", store=ask.store_id)
    begins = ask.valid_from or at
    if begins < at:
        raise Denied("policy.backdated")
    row = Policy(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.POLICY),
        store_id=ask.store_id,
        content=ask.table.content,
        digest=ask.table.digest,
        valid_from=begins,
        made_at=at,
        made_by=ask.who,
    )
    told = PolicySet(digest=row.digest, store_id=row.store_id, rows=len(ask.table.lines), valid_from=begins.isoformat())
    return Change(row=row, at=at, who=ask.who, facts=(told,))


# --- tried on the past ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A case of the past: what it was decided on, and by which table."""

    case_id: str
    facts: Facts
    table: Table
    ended: str
    """How it ended, or how it stands: a conclusion or a state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What one case's own policy said of it, and what another one would have said."""

    case_id: str
    reason: str
    """Its cause, as it was reported or found; else what was reported."""
    amount_fen: int
    ended: str
    was: Verdict
    would_be: Verdict

    @property
    def differs(self) -> bool:
        return self.was.verdict is not self.would_be.verdict


def tried(table: Table, past: Iterable[Past]) -> list[Tried]:
    """Decide past cases anew by this table. Nothing is changed by it."""
    return [
        Tried(
            case_id=each.case_id,
            reason=each.facts.cause or each.facts.what,
            amount_fen=each.facts.amount_fen,
            ended=each.ended,
            was=decide(each.table, each.facts),
            would_be=decide(table, each.facts),
        )
        for each in past
    ]
