"""Applications: what to read by which key. All of them belong to the installation's own tenant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from yuanlu.applications.rules import Application, Beside, Seen
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id

BY_ID = rows_by_id(Application)
OF_APPLICANT = over_keys(
    f"select k.place, {', '.join(f't.{each.name}' for each in fields(Application))}"
    " from keys k join applications t on t.merchant_id = k.merchant_id and t.applicant_id = k.a"
)
_OURS = "keys k join applications t on t.merchant_id = k.merchant_id and t.id = k.a"
OTHERS = over_keys(
    "select k.place, o.state, 'credit_code' as name from " + _OURS + " join applications o"
    " on o.merchant_id = t.merchant_id and o.id <> t.id and o.credit_code = t.credit_code"
    " where t.credit_code <> '' and o.state in ('SUBMITTED', 'RETURNED', 'APPROVED', 'OPENED')"
)
"""Applications of the same business."""
ACCOUNTS = over_keys(
    "select k.place, u.name from " + _OURS + ","
    " lateral (values ('wechat', 'mchid', 'wechat_mchid', t.wechat_mchid),"
    " ('alipay', 'app_id', 'alipay_app_id', t.alipay_app_id)) u (channel, field, name, value)"
    " where u.value <> '' and (exists (select from channel_accounts c where c.channel = u.channel"
    " and c.config::jsonb ->> u.field = u.value and c.merchant_id <> t.opened_id)"
    " or exists (select from applications o where o.merchant_id = t.merchant_id and o.id <> t.id"
    " and o.state in ('APPROVED', 'OPENED')"
    " and case u.channel when 'wechat' then o.wechat_mchid else o.alipay_app_id end = u.value))"
)
"""Accounts at channels that another merchant has, or was just approved with."""
made = maker(Application)

Found = Sequence[Sequence[Mapping[str, Any]]]
_MERCHANTS = ("APPROVED", "OPENED")


def _one(found: Sequence[Mapping[str, Any]]) -> Application | None:
    return made(found[0]) if found else None


def by_id(merchant_id: str, application_id: str) -> View[Application | None]:
    """One application, or None."""
    return View((Read(BY_ID, merchant_id, application_id),), lambda found: _one(found[0]))


def of_applicant(merchant_id: str, staff_id: str) -> View[Application | None]:
    """The application of somebody who applies: each has one."""
    return View((Read(OF_APPLICANT, merchant_id, staff_id),), lambda found: _one(found[0]))


def with_beside(merchant_id: str, application_id: str) -> View[Seen]:
    """An application, and what others of this installation have that it says is its own."""

    def make(found: Found) -> Seen:
        own, others, accounts = found
        taken = {row["name"] for row in (*others, *accounts) if row.get("state", "OPENED") in _MERCHANTS}
        is_twice = any(row["state"] not in _MERCHANTS for row in others)
        return Seen(_one(own), Beside(frozenset(taken), is_twice))

    return View(tuple(Read(each, merchant_id, application_id) for each in (BY_ID, OTHERS, ACCOUNTS)), make)
