"""The verbs of a policy: set a version, find the one that counts."""

from __future__ import annotations

from functools import partial

from yuanlu.change import Done
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.policies import check, rules, store, table
from yuanlu.policies.rules import Policy, PolicyAsk, Table
from yuanlu.policies.table import Finding


async def requested(desk: Desk, ask: PolicyAsk) -> Done[Policy]:
    """Write a new version down.

    Asking again with the same id and content gives the same version back, not `changed`.
    Raises Denied: see `rules.set_policy`.
    """
    return await desk.decide(store.for_ask(ask), partial(rules.set_policy, ask))


def checked(text: str, *, is_toml: bool = False) -> Table:
    """A file as a table, if nothing is wrong with it.

    Raises Denied: policy.invalid, with every finding.
    """
    lines, findings = check.check(text, is_toml=is_toml)
    if findings:
        first = findings[0]
        problems = [problem(each) for each in findings]
        raise Denied("policy.invalid", count=len(findings), row=first.row, column=first.column, problems=problems)
    return table.made(lines)


def problem(finding: Finding) -> dict[str, object]:
    """A finding as plain values: row, column, code and what goes with it."""
    return {"row": finding.row, "column": finding.column, "problem": finding.code, **finding.facts}


def read(policy: Policy | None) -> Table:
    """The table of a version; the built-in one where there is none."""
    return table.default() if policy is None else table.kept(policy.content, policy.id)


async def version(desk: Desk, merchant_id: str, policy_id: str) -> Table:
    """The table that was frozen onto a payment (empty id: the built-in one).

    Raises Denied: policy.unknown.
    """
    if not policy_id:
        return table.default()
    found = await desk.see(store.by_id(merchant_id, policy_id))
    if found is None:
        raise Denied("policy.unknown")
    return read(found)


async def in_force(desk: Desk, merchant_id: str, store_id: str) -> Policy | None:
    """The version that counts for a payment made now in a store (empty: anywhere); None: the built-in one."""
    return await desk.see(store.in_force(merchant_id, store_id, desk.clock.now()))


async def at_till(desk: Desk, merchant_id: str, till_id: str) -> Policy | None:
    """The version that counts for a payment made now at a till; None: the built-in one.

    Raises Denied: payment.till_unknown.
    """
    is_there, found = await desk.see(store.for_till(merchant_id, till_id, desk.clock.now()))
    if not is_there:
        raise Denied("payment.till_unknown", till=till_id)
    return found
