"""What is kept how long: the dated rule, the customer's own data in one file, erasure, and the two sweeps.

What may name a person is sealed under the key of its subject (a case, a complaint, a repayment, a ticket), or is a file
sealed under the key of its case. Forgetting deletes the key and the files' contents: rows, books, facts, digests and
chains stay whole, and nobody can read the rest again.
"""

from __future__ import annotations

import json
import re
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from typing import IO, Any

import asyncpg
import structlog

from yuanlu import db, packaged, words
from yuanlu.clock import business_day
from yuanlu.desk import Desk
from yuanlu.errors import Broken, Denied
from yuanlu.evidence import flow
from yuanlu.evidence.flow import Files
from yuanlu.evidence.rules import UNSEARCHED, CaseFile, State, Why, hand_out
from yuanlu.evidence.store import made
from yuanlu.ids import Kind
from yuanlu.payments import store as payments
from yuanlu.people.rules import Person, demand
from yuanlu.seal import Seal, Sealed

SWEPT_AT_ONCE = 200
"""Subjects a run of the sweep forgets; it goes on until there are none."""
ORPHAN_AFTER = timedelta(days=1)
"""How long a content may lie in the store without a row: longer than any file takes to be written down."""
RESTS = ("CLOSED", "DECLINED")
"""States in which nobody works with what a case says any more."""
ROWS_MAX = 20_000
"""Rows of one table in an export. Nobody has so many; who has is told so, not cut off in silence."""

log = structlog.get_logger(__name__)


# --- the rule ---


@dataclass(frozen=True, slots=True)
class Kept:
    """How long something is kept after its end, and in words. `days` 0: it is not erased."""

    what: str
    days: int
    zh: str
    en: str
    source: str
    valid_from: date


@lru_cache(maxsize=4)
def _tables(text: str) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = tomllib.loads(text)["table"]
    return sorted(found, key=lambda table: table["valid_from"])


def rule_for(what: str, today: date, text: str | None = None) -> Kept:
    """The rule that is valid on this day. Raises Broken when there is none."""
    for rule in rules_on(today, text):
        if rule.what == what:
            return rule
    raise Broken(f"there is no rule how long {what} is kept")


def rules_on(today: date, text: str | None = None) -> Sequence[Kept]:
    """Every rule that is valid on this day, each sort once: the newest table that has it."""
    found: dict[str, Kept] = {}
    for table in _tables(packaged.text("evidence/data/keeping.toml") if text is None else text):
        if table["valid_from"] <= today:
            for rule in table["rule"]:
                what = rule["what"]
                found[what] = Kept(what, rule["days"], rule["zh"], rule["en"], table["source"], table["valid_from"])
    return list(found.values())


# --- all that is held about one customer ---

_SKIPPED = frozenset({
    "schema_migrations", "merchants", "stores", "tills", "channel_accounts", "api_keys", "accounts", "jobs",
    "subject_keys", "merchant_keys", "keyring", "credentials", "passkeys", "sessions", "tries", "step_ups",
    "step_ups_spent", "first_owners", "channel_setups", "applications",
})  # fmt: skip
"""Tables about the shop and not about a customer, keys, and work to do."""

_COLUMNS = """
  select c.relname as name, array_agg(a.attname::text order by a.attnum) as columns,
    exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'f'
      and k.confrelid = 'payments'::regclass) as is_of_payment
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  group by c.oid, c.relname
"""
_OF_PAYER = """
  select id from payments where merchant_id = $1 and id = $2
  union
  select t.id from payments p join payments t on t.merchant_id = p.merchant_id
   and t.payer = p.payer and t.payer <> '' and t.channel = p.channel
  where p.merchant_id = $1 and p.id = $2 order by id
"""
_LINK = re.compile(r"(object|subject|[a-z]+)_id")
_NOT_LINKS = frozenset({
    "merchant_id", "store_id", "till_id", "evidence_id", "key_id", "staff_id", "hook_id", "channel_id",
})  # fmt: skip
"""Columns that name what many customers share, which would tell one about another; or numbers that are not ours."""
_SEALED = re.compile(r"s1\.[A-Za-z0-9_\-]{20,}={0,2}")


@dataclass(frozen=True, slots=True)
class Held:
    """All rows about one customer, by table; and the ids they are about."""

    ids: frozenset[str]
    rows: Mapping[str, Sequence[Mapping[str, Any]]]

    @property
    def files(self) -> Sequence[CaseFile]:
        return [made(row) for row in self.rows.get("case_files", ())]


async def held(pool: asyncpg.Pool[Any], merchant_id: str, payment_id: str) -> Held:
    """Every row about the payer of a payment, whichever room it belongs to.

    Shape: from the payments of this payer (by the channel's token for him) along every column that names one of these
    objects; what belongs to a payment by a foreign key, along that alone, whatever else it cites. Tables and columns
    come from the database's own catalogue, so a room added later is in it by itself.
    Raises Denied: payment.unknown, data.too_much.
    """
    seeds = await db.read(pool, merchant_id, _OF_PAYER, merchant_id, payment_id)
    if not seeds:
        raise Denied("payment.unknown")
    ids = {row["id"] for row in seeds}
    tables = await followed(pool)
    while True:
        rows = {name: await _linked(pool, merchant_id, name, links, ids) for name, links in tables.items()}
        grown = ids | {row["id"] for name, found in rows.items() if name != "evidence" for row in found if "id" in row}
        if grown == ids:
            return Held(frozenset(ids), {name: found for name, found in sorted(rows.items()) if found})
        ids = grown


async def followed(pool: asyncpg.Pool[Any]) -> Mapping[str, Sequence[str]]:
    """The tables that hold rows about customers, each with the columns by which its rows are found.

    Each such column needs an index, or the whole table is read.
    """
    with db.away():
        catalogue = await pool.fetch(_COLUMNS)
    tables = {
        row["name"]: _links(row["columns"], is_of_payment=row["is_of_payment"])
        for row in catalogue
        if row["name"] not in _SKIPPED and "merchant_id" in row["columns"]
    }
    return {name: links for name, links in tables.items() if links}


def _links(columns: Sequence[str], *, is_of_payment: bool) -> Sequence[str]:
    if is_of_payment:
        return ("id", "payment_id")
    links = [each for each in columns if each == "id" or (_LINK.fullmatch(each) and each not in _NOT_LINKS)]
    return [each for each in links if each != "id" or "object_id" not in links]


async def _linked(
    pool: asyncpg.Pool[Any], merchant_id: str, table: str, links: Sequence[str], ids: set[str]
) -> Sequence[Mapping[str, Any]]:
    """The rows of a table that name one of these objects."""
    named = " or ".join(f'"{each}" = any($2)' for each in links)  # names from the catalogue, never from a caller
    sql = f'select * from "{table}" where merchant_id = $1 and ({named}) limit {ROWS_MAX + 1}'
    found = [dict(row) for row in await db.read(pool, merchant_id, sql, merchant_id, sorted(ids))]
    if len(found) > ROWS_MAX:
        raise Denied("data.too_much", table=table, rows_max=ROWS_MAX)
    return found


async def export(
    desk: Desk,
    files: Files,
    pool: asyncpg.Pool[Any],
    merchant_id: str,
    payment_id: str,
    by: Person,
    out: IO[bytes],
    *,
    bytes_max: int | None = None,
) -> None:
    """All that is held about the payer of a payment, as one zip: `data.json`, readable, and the files.

    Shape: `data.json` is {"payment", "made_at", "rules", "tables": {table: [row]}, "files": [..]}; sealed text is
    opened, what was forgotten says so. Each file that is opened for it leaves its fact.
    Raises Denied: staff.not_allowed, payment.unknown, data.too_much, data.too_large, file.store_away,
    file.store_refused.
    """
    demand(by, "export")
    found = await held(pool, merchant_id, payment_id)
    if bytes_max is not None and sum(file.size_bytes for file in found.files) > bytes_max:
        raise Denied("data.too_large", limit_bytes=bytes_max)
    rule = partial(hand_out, by.id, len(found.files))
    await desk.decide(payments.by_id(merchant_id, payment_id), rule)  # on record before a byte is handed out
    seals = {subject: await desk.sealed(merchant_id, subject) for subject in await _subjects(pool, merchant_id, found)}
    now = desk.clock.now()
    listed = []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in found.files:
            name = ""
            if file.state is State.TAKEN and seals[file.case_id].key is not None:
                shown, content = await flow.opened(desk, files, merchant_id, file.id, by, Why.EXPORT)
                name = f"files/{file.id}-{shown.name}"
                zipped.writestr(name, content)
            listed.append(
                {"id": file.id, "case": file.case_id, "sha256": file.digest_kept, "file": name, **_doubt(file)}
            )
        rules = [rule_for(what, business_day(now)) for what in ("case", "trade")]
        data = {
            "payment": payment_id,
            "made_at": now,
            "rules": [{"what": each.what, "zh": each.zh, "en": each.en, "source": each.source} for each in rules],
            "tables": {table: [_opened(row, seals) for row in rows] for table, rows in found.rows.items()},
            "files": listed,
        }
        zipped.writestr("data.json", json.dumps(data, ensure_ascii=False, indent=1, default=str))


def _doubt(file: CaseFile) -> dict[str, Any]:
    """Beside a file, whether numbers may still be seen in it, and the words for that."""
    said = {} if file.is_searched else words.both(UNSEARCHED)
    return {"searched": file.is_searched, **{f"says_{language}": text for language, text in said.items()}}


async def _subjects(pool: asyncpg.Pool[Any], merchant_id: str, found: Held) -> Sequence[str]:
    """Whose sealed text is among what is held."""
    rows = await db.read(
        pool, merchant_id, "select subject from subject_keys where merchant_id = $1 and subject = any($2)"
        " order by subject", merchant_id, sorted(found.ids),
    )  # fmt: skip
    return [row["subject"] for row in rows]


def _opened(row: Mapping[str, Any], seals: Mapping[str, Sealed]) -> dict[str, Any]:
    """A row with its sealed text opened, wherever it stands."""
    first = [str(row[each]) for each in ("case_id", "object_id", "id") if row.get(each) in seals]
    order = [*first, *(subject for subject in seals if subject not in first)]

    def opened(match: re.Match[str]) -> str:
        for subject in order:
            if seals[subject].key is not None:
                try:
                    return seals[subject].open(match[0])
                except Broken:
                    continue
        return "(erased)"

    return {name: _SEALED.sub(opened, value) if isinstance(value, str) else value for name, value in row.items()}


# --- forgetting ---


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did: subjects whose text nobody reads again, and files whose content is gone."""

    subjects: Sequence[str]
    files: Sequence[str]


_CASES = """
  select c.id, c.state, c.legal_hold from cases c
  where c.merchant_id = $1 and (c.id = any($2) or c.payment_id = any($2)) order by c.id for share
"""


async def _demand_at_rest(
    merchant_id: str, ids: Sequence[str], connection: asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]
) -> None:
    """No case among these, or about one of these payments, is under legal hold or open.

    Law: their rows are locked until the keys are gone, so a hold is set before, and then seen here, or after that.
    Raises Denied: data.held, data.in_use.
    """
    for case in await connection.fetch(_CASES, merchant_id, ids):
        if case["legal_hold"]:
            raise Denied("data.held", case=case["id"])
        if case["state"] not in RESTS:
            raise Denied("data.in_use", case=case["id"])


async def erase(
    desk: Desk, files: Files, seal: Seal, pool: asyncpg.Pool[Any], merchant_id: str, payment_id: str, by: Person
) -> Erased:
    """Erase what names the payer of a payment. Books, facts and chains stay whole. Again does no harm.

    Raises Denied: staff.not_allowed, payment.unknown, data.too_much; data.held when a legal hold protects
    one of the cases, data.in_use while one is still open: nothing is erased then.
    """
    demand(by, "erase")
    found = await held(pool, merchant_id, payment_id)
    subjects, first = (
        await _subjects(pool, merchant_id, found),
        partial(_demand_at_rest, merchant_id, sorted(found.ids)),
    )
    now = desk.clock.now()
    forgotten = await seal.forget_all(merchant_id, subjects, now, who=by.id, why=Why.ERASURE, first=first)
    gone = [await flow.forget(desk, files, merchant_id, file.id, by.id, Why.ERASURE) for file in found.files]
    return Erased(forgotten, [file.id for file in gone])


ENDS = ("case", "complaint", "handover", "staff", "ticket", "application")
"""What has a rule of its own for how long it is kept after its end. (A repayment forgets its account by itself.)"""
_OVER = """
  select k.subject from subject_keys k
  left join cases c on c.merchant_id = k.merchant_id and c.id = k.subject
  left join complaints n on n.merchant_id = k.merchant_id and n.id = k.subject
  left join handovers h on h.merchant_id = k.merchant_id and h.id = k.subject
  left join staff s on s.merchant_id = k.merchant_id and s.id = k.subject
  left join tickets t on t.merchant_id = k.merchant_id and t.id = k.subject
  left join applications a on a.merchant_id = k.merchant_id and a.id = k.subject
  where k.merchant_id = $1 and k.wrapped <> ''
    and ((c.state = 'CLOSED' and c.closed_at <= $3) or n.finished_at <= $4 or h.ended_at <= $5 or s.until <= $6
      or t.closed_at <= $7 or a.ended_at <= $8 or (a.state in ('DRAFT', 'RETURNED') and a.changed_at <= $8))
    and not exists (select from cases o where o.merchant_id = k.merchant_id and o.legal_hold
      and (o.id = k.subject or o.payment_id in (n.payment_id, t.about)))
  order by k.subject limit $2
"""
_FILES_OF = "select * from case_files where merchant_id = $1 and case_id = $2 and state = 'TAKEN' order by number"
_FORGOTTEN_BUT_THERE = """
  select f.* from case_files f join subject_keys k on k.merchant_id = f.merchant_id and k.subject = f.case_id
  where f.merchant_id = $1 and f.state = 'TAKEN' and k.wrapped = '' order by f.id limit $2
"""


async def sweep(desk: Desk, files: Files, seal: Seal, pool: asyncpg.Pool[Any], merchant_id: str) -> int:
    """Forget the subjects of a merchant whose time is over and that no legal hold protects; answers how many.

    Each goes by the rule for what it is (`ENDS`). What a run before was broken off at is finished.
    """
    now, count = desk.clock.now(), 0
    since = [now - timedelta(days=rule_for(what, business_day(now)).days) for what in ENDS]
    while True:
        over = await db.read(pool, merchant_id, _OVER, merchant_id, SWEPT_AT_ONCE, *since)
        for row in over:
            try:
                gone = await seal.forget_all(
                    merchant_id, [row["subject"]], now, who="system", why=Why.RETENTION,
                    first=partial(_demand_at_rest, merchant_id, [row["subject"]]),
                )  # fmt: skip
            except Denied:
                continue  # held, or taken up again, since it was looked for
            count += len(gone)
            for file in await db.read(pool, merchant_id, _FILES_OF, merchant_id, row["subject"]):
                await flow.forget(desk, files, merchant_id, file["id"], "system", Why.RETENTION)
        if len(over) < SWEPT_AT_ONCE:
            break
    for file in await db.read(pool, merchant_id, _FORGOTTEN_BUT_THERE, merchant_id, SWEPT_AT_ONCE):
        await flow.forget(desk, files, merchant_id, file["id"], "system", Why.RETENTION)
    log.info("keep.swept", merchant=merchant_id, subjects=count)
    return count


_KEYS_KEPT = """
  select storage_key from case_files where merchant_id = $1 and state = 'TAKEN' and storage_key = any($2)
  union all
  select p ->> 'storage_key' from applications a
    join subject_keys k on k.merchant_id = a.merchant_id and k.subject = a.id
    cross join lateral jsonb_array_elements(a.papers::jsonb) p
  where a.merchant_id = $1 and k.wrapped <> '' and p ->> 'storage_key' = any($2)
"""
"""Of an application that was forgotten the papers are no more: what is left of them nobody can open."""


async def sweep_files(desk: Desk, files: Files, pool: asyncpg.Pool[Any], merchant_id: str, now: datetime) -> int:
    """Take away what lies in the store and no row points at: of a crash between the two, or of a forgotten file.

    `now` is the store's time and not the desk's: what was put there a moment ago may still get its row.
    Answers how many.
    """
    lying = [
        each
        for each in await files.shelf.lying(merchant_id)
        if each.at <= now - ORPHAN_AFTER and each.key.split("/")[2].startswith(Kind.FILE)  # statements stay for good
    ]
    count = 0
    for place in range(0, len(lying), SWEPT_AT_ONCE):
        keys = [each.key for each in lying[place : place + SWEPT_AT_ONCE]]
        kept = {row["storage_key"] for row in await db.read(pool, merchant_id, _KEYS_KEPT, merchant_id, keys)}
        for key in keys:
            if key not in kept:
                await files.shelf.drop(key)
                count += 1
    return count
