"""What a thief with a key, and a tired clerk, try over HTTP: nothing happens, and they are told why."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from tests.flows import files
from tests.web.conftest import Shop, logged
from tests.web.test_review import asked, hire, version
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.people import flow as people
from yuanlu.web.api import preferences, sessions, stepups, training, ways
from yuanlu.web.parts.calls import Route
from yuanlu.web.server import ROUTES

ELSEWHERE = "YS01KATE3S4000000000000000ZZ"
CHANGES_NOTHING = {"/v1/recognise", "/v1/policies/check", "/v1/policies/try", "/v1/trace"}
OF_ONES_OWN = {route.path for room in (sessions, ways, stepups, training, preferences) for route in room.ROUTES}
"""How somebody signs in, is sure, practises and reads: an auditor too."""
TAKES_OUT = {"/v1/audit/file"}
"""What an auditor takes out of the house: that they did is on record, and nothing else changes."""
NO = {"staff.not_allowed", "staff.other_store"}
NOT_THERE = {(403, "staff.not_allowed"), (404, "case.unknown")}


def path_of(route: Route, **known: str) -> str:
    """The path of a route: ids that are known, others made up."""
    path = route.path
    for name in (part.partition("}")[0] for part in path.split("{")[1:]):
        kind = getattr(Kind, name.upper(), None)
        path = path.replace(f"{{{name}}}", known.get(name) or (ids.new(kind) if kind else "x"))
    return path


async def tried(shop: Shop, route: Route, who: str, **known: str) -> Any:
    """A call as its example has it, or a file."""
    if route.takes_kinds:
        path = f"{path_of(route, **known)}?id={ids.new(Kind.FILE)}"
        return await shop.call("POST", path, raw=files.jpeg(), content_type="image/jpeg", who=who)
    wish = dict(route.example)
    if "payment" in wish:
        wish["payment"] = known.get("payment", wish["payment"])
    return await shop.call(route.method, path_of(route, **known), wish if route.method == "POST" else None, who=who)


async def test_an_auditor_changes_nothing_whatever_they_post(shop: Shop) -> None:
    """S61: every route that is there, also those that come later."""
    await hire(shop, "aude", "auditor")
    case = (await asked(shop)).rpartition("/")[2]
    payment = (await shop.get(f"/v1/cases/{case}")).told["payment"]
    before = await shop.counts()
    for route in ROUTES:
        if route.method == "POST" and not route.is_open and route.path not in CHANGES_NOTHING | OF_ONES_OWN | TAKES_OUT:
            answer = await tried(shop, route, "aude", case=case, payment=payment)
            is_made_up = "{loss}" in route.path or "{repayment}" in route.path
            assert answer.code in (*NO, *(("loss.unknown", "repayment.unknown") if is_made_up else ())), route.path
    assert await shop.counts() == before


async def test_who_is_refused_is_named_in_the_log_and_in_no_book(shop: Shop) -> None:
    """S57."""
    anna = await hire(shop, "anna", "auditor")
    before = await shop.counts()
    with logged() as lines:
        refused = await shop.post("/v1/refunds", {"id": ids.new(Kind.REFUND)}, who="anna")
        assert (await shop.get(f"/v1/cases/{ids.new(Kind.CASE)}", who="anna")).status == 404
    assert (refused.status, refused.code) == (403, "staff.not_allowed")
    assert await shop.counts() == before
    (line,) = [each for each in lines if each["event"] == "call.not_allowed"]
    assert (line["who"], line["merchant"], line["code"]) == (anna, shop.merchant_id, "staff.not_allowed")
    assert (line["method"], line["route"]) == ("POST", "/v1/refunds")


async def test_a_manager_of_another_store_sees_and_does_nothing_about_a_case(shop: Shop) -> None:
    """S61: every route about a case, also those that come later."""
    await hire(shop, "far", "manager", ELSEWHERE)
    case = (await asked(shop)).rpartition("/")[2]
    before = await shop.counts()
    for route in ROUTES:
        if "{case}" in route.path:
            answer = await tried(shop, route, "far", case=case)
            assert (answer.status, answer.code) in NOT_THERE, (route.path, answer.told)
    assert await shop.counts() == before


async def test_a_neighbour_with_the_id_of_our_case_is_told_there_is_none(shop: Shop) -> None:
    case = (await asked(shop)).rpartition("/")[2]
    payment = (await shop.get(f"/v1/cases/{case}")).told["payment"]
    before = await shop.counts()
    for route in ROUTES:
        if "{case}" in route.path or "{payment}" in route.path:
            answer = await tried(shop, route, "neighbour", case=case, payment=payment)
            assert answer.status in (403, 404), (route.path, answer.told)
            assert answer.code in (*NO, "case.unknown", "payment.unknown"), route.path
    assert await shop.counts() == before


async def test_who_may_not_approve_does_not_refund_without_a_case_either(shop: Shop) -> None:
    """S61: the review is not gone round by asking for a refund of one's own."""
    for name, role, store in (("carl", "cashier", ""), ("far", "owner", ELSEWHERE), ("anna", "manager", "")):
        await hire(shop, name, role, store)
    payment = await shop.paid(amount_fen=60_000)
    before = await shop.counts()
    for who, fen, status, code in (
        ("carl", 1, 403, "staff.not_allowed"),
        ("far", 1, 404, "refund.payment_unknown"),
        ("anna", 50_001, 403, "staff.over_limit"),
    ):
        wish = {"id": ids.new(Kind.REFUND), "payment": payment, "amount_fen": fen}
        answer = await shop.post("/v1/refunds", wish, who=who)
        assert (answer.status, answer.code) == (status, code)
    assert await shop.counts() == before
    wish = {"id": ids.new(Kind.REFUND), "payment": payment, "amount_fen": 50_000}
    assert (await shop.post("/v1/refunds", wish, who="anna")).status == 201


async def test_who_asked_approves_under_no_key_of_theirs(shop: Shop) -> None:
    """S61, S95."""
    anna = await hire(shop, "anna", "manager")
    now = shop.app.clock.now()
    second = await merchants.add_key(shop.app.pools.recorder, shop.merchant_id, "other", now, staff_id=anna)
    shop.keys["anna again"] = second.secret
    wish = {"id": ids.new(Kind.CASE), "payment": await shop.paid(), "what": "request", "asked_fen": 3000}
    assert (await shop.post("/v1/cases", wish, who="anna")).status == 201
    await shop.work()
    path = f"/v1/cases/{wish['id']}"
    seen = {"version": await version(shop, path)}
    for verb in ("claim", "approve"):
        answer = await shop.post(f"{path}/{verb}", None if verb == "claim" else seen, who="anna again")
        assert (answer.status, answer.code) == (403, "case.own")


async def test_what_was_approved_by_who_left_before_it_was_carried_out_is_decided_again(shop: Shop) -> None:
    """S61."""
    anna = await hire(shop, "anna", "manager")
    path = await asked(shop)
    assert (await shop.post(f"{path}/approve", {"version": await version(shop, path)}, who="anna")).status == 200
    await people.end(shop.app.desk, shop.merchant_id, anna, "boss")
    await shop.work()
    assert (await shop.get(path)).told["state"] == "REVIEW"
    assert (await shop.get("/v1/refunds")).told["items"] == []


AMOUNTS = ["0", "-1", "1.5", "1e309", "NaN", "Infinity", '"100"', "true", "[]", "9007199254740993", "100000001"]


@pytest.mark.parametrize("amount", AMOUNTS)
async def test_an_amount_that_is_none_is_refused_wherever_it_is_said(shop: Shop, amount: str) -> None:
    await hire(shop, "anna", "manager")
    path = await asked(shop)
    seen, before = await version(shop, path), await shop.counts()
    payment, new = (await shop.get(path)).told["payment"], ids.new(Kind.CASE)
    for where, text in (
        (f"{path}/approve", f'{{"version": {seen}, "amount_fen": {amount}}}'),
        (f"{path}/offer", f'{{"version": {seen}, "kind": "part", "amount_fen": {amount}, "words": "x"}}'),
        (f"{path}/decision", f'{{"refund_fen": {amount}}}'),
        ("/v1/cases", f'{{"id": "{new}", "payment": "{payment}", "what": "request", "asked_fen": {amount}}}'),
    ):  # fmt: skip
        answer = await shop.post(where, raw=text.encode(), who="anna")
        assert answer.status in (400, 422), (where, answer.told)
        assert answer.code in ("request.invalid", "request.malformed", "case.amount"), where
    assert await shop.counts() == before


async def test_more_than_is_left_a_version_of_before_and_a_withdrawn_case_are_refused(shop: Shop) -> None:
    """S61, S75."""
    await hire(shop, "anna", "manager")
    path = await asked(shop)
    seen = await version(shop, path)
    more = await shop.post(f"{path}/approve", {"version": seen, "amount_fen": 12_801}, who="anna")
    assert (more.status, more.code, more.told["rest_fen"]) == (422, "case.amount", 12_800)
    for wrong in (seen - 1, seen + 1):
        answer = await shop.post(f"{path}/approve", {"version": wrong}, who="anna")
        assert (answer.status, answer.code) == (409, "case.stale")
    assert (await shop.post(f"{path}/withdraw", {"version": seen})).told["state"] == "CLOSED"
    for version_now in (seen, seen + 1):
        answer = await shop.post(f"{path}/approve", {"version": version_now}, who="anna")
        assert answer.status == 409
        assert answer.code in ("case.stale", "case.not_now")
    await shop.work()
    assert (await shop.get("/v1/refunds")).told["items"] == []


async def test_an_id_with_other_content_is_refused_and_with_the_same_is_the_same(shop: Shop) -> None:
    wish = {"id": ids.new(Kind.CASE), "payment": await shop.paid(), "what": "request", "asked_fen": 3000}
    assert [(await shop.post("/v1/cases", wish)).status for _ in range(2)] == [201, 200]
    for change in ({"asked_fen": 3001}, {"said": "more"}, {"payment": await shop.paid()}):
        answer = await shop.post("/v1/cases", wish | change)
        assert (answer.status, answer.code) == (409, "case.id_taken")
    assert (await shop.post("/v1/cases", wish, who="neighbour")).code == "case.payment_unknown"


@pytest.mark.parametrize("length", [10 * 2**30, 10**30])
async def test_a_body_that_says_it_is_huge_is_refused_before_a_byte_is_taken(shop: Shop, length: int) -> None:
    """S59."""
    case = (await asked(shop)).rpartition("/")[2]
    host, port = shop.base_url.removeprefix("http://").split(":")
    for path in (f"/v1/cases/{case}/files?id={ids.new(Kind.FILE)}", f"/v1/cases/{case}/messages"):
        head = (
            f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {shop.keys['cashier']}\r\ncontent-length: {length}\r\n\r\n"
        )
        with socket.create_connection((host, int(port))) as caller:
            caller.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(caller, head.encode())
            async with asyncio.timeout(5):
                line = await loop.sock_recv(caller, 64)
            assert b" 413 " in line or b" 400 " in line
