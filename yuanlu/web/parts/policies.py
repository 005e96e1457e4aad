"""Policies as they are told: in words for a customer, as findings for whoever edits them, tried on past cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import asyncpg
from msgspec import Meta, Struct

from yuanlu import words
from yuanlu.cases import causes
from yuanlu.policies import check, flow, rules, table
from yuanlu.policies.rules import AGE_ANY, AMOUNT_ANY, Facts, Line, Past, Policy, Span, Table, Tried
from yuanlu.policies.table import Finding
from yuanlu.told import both, shown_money
from yuanlu.web.parts import lists
from yuanlu.web.parts.shapes import END, Wish

PAST_MAX = 10_000
"""Past cases a new table is tried on, the newest."""
EXAMPLES_MAX = 3
"""Cases named of each class."""
SHOWN_MAX = 500
"""Cases whose verdict would differ that are told one by one."""
_ID = "[0-7][0-9A-HJKMNP-TV-Z]{25}[0-9A-Z]"

PolicyId = Annotated[str, Meta(pattern=f"^YL{_ID}{END}", examples=["YL01KATE3S400000000000000000T"])]
StoreId = Annotated[str, Meta(pattern=f"^(YS{_ID})?{END}")]
CONTENT_MAX = 10_000
"""Characters of a table over HTTP: each may take six bytes of a body. The terminal takes larger files."""
Content = Annotated[str, Meta(max_length=CONTENT_MAX, description="The table as a file: CSV or TOML.")]
Form = Literal["csv", "toml"]


class PolicyAtWish(Wish):
    """Where: at a till. Without one: for the whole merchant."""

    till: Annotated[str, Meta(pattern=f"^(YT{_ID})?{END}")] = ""


class PolicyFileWish(Wish):
    """A table to check."""

    content: Content
    form: Form = "csv"


class PolicyTryWish(PolicyFileWish, kw_only=True):
    """A table to try on the cases opened since a moment."""

    since: datetime


class PolicyWish(PolicyFileWish, kw_only=True):
    """A new version: for the whole merchant, or for one store; from now on, or from a later moment."""

    id: PolicyId
    store: StoreId = ""
    valid_from: datetime | None = None


class PolicyLineTold(Struct, frozen=True, kw_only=True):
    """One row: when it counts, what it says, and its line for the customer."""

    line: int
    verdict: str
    when_zh: str
    when_en: str
    zh: str
    en: str


class PolicyTold(Struct, frozen=True, kw_only=True):
    """What a customer may expect. Read from the top: the first row that fits counts. Empty `id`: the built-in one."""

    id: str
    digest: str
    store: str
    valid_from: datetime | None
    content: str
    lines: Sequence[PolicyLineTold]


class PoliciesTold(Struct, frozen=True, kw_only=True):
    """Versions that were set, newest first."""

    items: Sequence[PolicyTold]
    next: str | None


class PolicyProblemTold(Struct, frozen=True, kw_only=True):
    """Something wrong with a table. Row 0: the whole file."""

    row: int
    column: str
    code: str
    zh: str
    en: str


class PolicyCheckTold(Struct, frozen=True, kw_only=True):
    """Whether a table may be set."""

    ok: bool
    rows: int
    digest: str
    problems: Sequence[PolicyProblemTold]


class PolicyTriedTold(Struct, frozen=True, kw_only=True):
    """One past case whose verdict would differ."""

    case: str
    reason: str
    amount_fen: int
    ended: str
    was: str
    was_line: int
    would_be: str
    would_be_line: int


class PolicyClassTold(Struct, frozen=True, kw_only=True):
    """Past cases that would have gone differently in the same way and for the same reason. `examples`: some of them."""

    was: str
    would_be: str
    reason: str
    cases: int
    amount_fen: int
    examples: Sequence[str]
    zh: str
    en: str


class PolicyTrialTold(Struct, frozen=True, kw_only=True):
    """What a change would have done to past cases. `changes` counts them by `was>would_be`, `classes` by reason too."""

    since: datetime
    cases: int
    same: int
    different: int
    changes: Mapping[str, int]
    classes: Sequence[PolicyClassTold]
    amount_fen: int
    items: Sequence[PolicyTriedTold]
    more: bool
    summary_zh: str
    summary_en: str


def policy_told(policy: Policy | None) -> PolicyTold:
    """A version in words; the built-in one where there is none."""
    kept = flow.read(policy)
    return PolicyTold(
        id="" if policy is None else policy.id,
        digest=kept.digest,
        store="" if policy is None else policy.store_id,
        valid_from=None if policy is None else policy.valid_from,
        content=kept.content,
        lines=[_line_told(number, line) for number, line in enumerate(kept.lines, 1)],
    )


def _line_told(number: int, line: Line) -> PolicyLineTold:
    zh, en = _when(line)
    return PolicyLineTold(line=number, verdict=line.verdict, when_zh=zh, when_en=en, zh=line.zh, en=line.en)


def _when(line: Line) -> tuple[str, str]:
    """The conditions of a row in Chinese and English."""
    parts = [
        *_span_told("amount", line.amount, AMOUNT_ANY, shown_money),
        *_span_told("age", line.age, AGE_ANY, str),
        *_codes_told("reason", line.reasons, "what"),
        *_codes_told("channel", line.channels, "channel"),
        *_codes_told("tender", line.tenders, "tender"),
    ]
    if not parts:
        return both("when.always", {})
    return "，".join(zh for zh, _ in parts), "; ".join(en for _, en in parts)


def _span_told(name: str, span: Span, anything: Span, show: Any) -> list[tuple[str, str]]:
    if span == anything:
        return []
    if span.high is None:
        return [both(f"when.{name}_from", {"low": show(span.low)})]
    if span.low == anything.low:
        return [both(f"when.{name}_upto", {"high": show(span.high)})]
    return [both(f"when.{name}_between", {"low": show(span.low), "high": show(span.high)})]


def _codes_told(name: str, codes: Sequence[str], vocabulary: str) -> list[tuple[str, str]]:
    if not codes:
        return []
    told = [_code_told(vocabulary, code) for code in codes]
    zh, en = "、".join(each for each, _ in told), " / ".join(each for _, each in told)
    return [both(f"when.{name}", {"code_zh": zh, "code_en": en})]


def _code_told(vocabulary: str, code: str) -> tuple[str, str]:
    zh, en = (code_told(vocabulary, code, lang) for lang in words.LANGUAGES)
    return zh, en


def code_told(vocabulary: str, code: str, lang: str) -> str:
    """A code of a policy in words: of `what` a cause too."""
    entry = words.catalogue().get(f"{vocabulary}.{code}")
    return entry[lang] if entry else causes.called(code, lang)


def problem_told(finding: Finding) -> PolicyProblemTold:
    """A finding in words."""
    facts = {"row": finding.row, "column": finding.column, **finding.facts}
    zh, en = both(f"policy.{finding.code}", facts)
    where_zh, where_en = both("policy.where", facts) if finding.row else ("", "")
    return PolicyProblemTold(
        row=finding.row, column=finding.column, code=finding.code, zh=f"{where_zh}{zh}", en=f"{where_en}{en}"
    )


def checked(content: str, form: Form) -> PolicyCheckTold:
    """A file, checked."""
    lines, findings = check.check(content, is_toml=form == "toml")
    return PolicyCheckTold(
        ok=not findings,
        rows=len(lines),
        digest="" if findings else rules.digest_of(table.written(lines)),
        problems=[problem_told(each) for each in findings],
    )


_PAST = """
  select c.id, c.what, coalesce(nullif(c.cause, ''), f.cause, '') as cause, c.state, c.conclusion,
    p.channel, p.mode, p.policy, v.content,
    greatest(1, coalesce(nullif(c.remedy_fen, 0), c.asked_fen, p.amount_fen - coalesce(c.meant_fen, 0))) as amount_fen,
    greatest(0, extract(epoch from c.opened_at - coalesce(p.paid_at, p.opened_at))::bigint / 3600) as age_hours
  from cases c join payments p on p.merchant_id = c.merchant_id and p.id = c.payment_id
  left join policies v on v.merchant_id = p.merchant_id and v.id = p.policy
  left join lateral (
    select t.body::jsonb ->> 'cause' as cause from facts t
    where t.merchant_id = c.merchant_id and t.object_id = c.id and t.kind = 'CauseFound'
    order by (t.body::jsonb ->> 'confidence')::int desc, t.transition desc, t.seq desc limit 1
  ) f on true
  where c.merchant_id = $1 and c.opened_at >= $2 and ($4 = '' or c.store_id = $4)
  order by c.opened_at desc, c.id desc limit $3
"""


async def past(pool: asyncpg.Pool[Any], merchant_id: str, since: datetime, store_id: str = "") -> list[Past]:
    """The newest cases opened since a moment (of one store, or of all), as a policy sees them, each with the table
    frozen onto its payment."""
    rows = await lists.read(pool, merchant_id, _PAST, merchant_id, since, PAST_MAX, store_id)
    return [_past(row) for row in rows]


def _past(row: Mapping[str, Any]) -> Past:
    facts = Facts(
        amount_fen=row["amount_fen"],
        age_hours=row["age_hours"],
        what=row["what"],
        cause=row["cause"],
        channel=row["channel"],
        tender=row["mode"],
    )
    own = table.kept(row["content"], row["policy"]) if row["content"] else table.default()
    return Past(case_id=row["id"], facts=facts, table=own, ended=row["conclusion"] or row["state"])


async def trial(
    pool: asyncpg.Pool[Any], merchant_id: str, new: Table, since: datetime, *, store_id: str = ""
) -> PolicyTrialTold:
    """Try a table on past cases, and say what it would have done. Nothing is changed."""
    found = rules.tried(new, await past(pool, merchant_id, since, store_id))
    different = [each for each in found if each.differs]
    changes = Counter(f"{each.was.verdict}>{each.would_be.verdict}" for each in different)
    amount_fen = sum(each.amount_fen for each in different)
    facts = {"cases": len(found), "different": len(different), "amount_fen": amount_fen}
    zh, en = both("policy.tried", facts)
    classes = _classes(different)
    return PolicyTrialTold(
        since=since,
        cases=len(found),
        same=len(found) - len(different),
        different=len(different),
        changes=dict(sorted(changes.items())),
        classes=classes,
        amount_fen=amount_fen,
        items=[_tried_told(each) for each in different[:SHOWN_MAX]],
        more=len(different) > SHOWN_MAX or len(found) == PAST_MAX,
        summary_zh="\n".join([zh, *(each.zh for each in classes)]),
        summary_en="\n".join([en, *(each.en for each in classes)]),
    )


def _classes(different: Sequence[Tried]) -> list[PolicyClassTold]:
    """What would have gone differently, by class; the largest class first."""
    groups: dict[tuple[str, str, str], list[Tried]] = {}
    for each in different:
        groups.setdefault((each.was.verdict.value, each.would_be.verdict.value, each.reason), []).append(each)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return [_class_told(*key, group) for key, group in ordered]


def _class_told(was: str, would_be: str, reason: str, group: Sequence[Tried]) -> PolicyClassTold:
    amount_fen, examples = sum(each.amount_fen for each in group), [each.case_id for each in group[:EXAMPLES_MAX]]
    zh, en = _code_told("what", reason)
    facts = {"verdict": was, "other_verdict": would_be, "number": len(group), "amount_fen": amount_fen,
             "code_zh": zh, "code_en": en, "examples": examples}  # fmt: skip
    zh, en = both("policy.tried_change", facts)
    return PolicyClassTold(
        was=was, would_be=would_be, reason=reason, cases=len(group), amount_fen=amount_fen, examples=examples,
        zh=zh, en=en,
    )  # fmt: skip


def _tried_told(each: Tried) -> PolicyTriedTold:
    return PolicyTriedTold(
        case=each.case_id,
        reason=each.reason,
        amount_fen=each.amount_fen,
        ended=each.ended,
        was=each.was.verdict,
        was_line=each.was.line,
        would_be=each.would_be.verdict,
        would_be_line=each.would_be.line,
    )
