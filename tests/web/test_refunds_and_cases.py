"""Refunds and cases over HTTP."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.web.conftest import Shop
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.clock import SystemClock
from yuanlu.ids import Kind

CARD = {"to": "payer_card", "bank_type": "ICBC_DEBIT", "card_number": "6222020200112233445", "holder_name": "张三丰"}


def wish_back(payment: str, amount_fen: int = 1280, **more: Any) -> dict[str, Any]:
    return {"id": ids.new(Kind.REFUND), "payment": payment, "amount_fen": amount_fen} | more


def report(payment: str, **more: Any) -> dict[str, Any]:
    return {"id": ids.new(Kind.CASE), "payment": payment, "what": "wrong_amount", "meant_fen": 1280} | more


async def later(shop: Shop, seconds: int) -> None:
    """Time passes, for us and for the providers."""
    clock = shop.app.clock
    assert isinstance(clock, SystemClock)
    clock.step(timedelta(seconds=seconds))
    assert shop.sim is not None
    await shop.sim.agenda.advance(seconds)
    await shop.work()


async def trouble(shop: Shop, **fault: Any) -> None:
    assert shop.sim is not None
    async with shop.session.post(f"{shop.sim.base_url}/_sim/fault", json=fault) as done:
        assert done.status == 200, await done.text()


async def test_a_wrong_amount_is_put_right_and_the_timeline_tells_it(shop: Shop) -> None:
    """S46. S48. S49."""
    payment = await shop.paid()
    case = (await shop.post("/v1/cases", report(payment, said="typed one zero too many"))).told
    assert case["state"] == "OPENED"
    for _ in range(4):
        await later(shop, 61)
    case = (await shop.get(f"/v1/cases/{case['id']}")).told
    assert (case["state"], case["conclusion"], case["amount_fen"]) == ("CLOSED", "money_back", 11520)
    refund = (await shop.get(f"/v1/refunds/{case['refund']}")).told
    assert refund["state"] in ("DONE", "PROVEN")
    assert refund["case"] == case["id"]
    told = (await shop.get(f"/v1/payments/{payment}/timeline")).told
    kinds = [each["kind"] for each in told["items"]]
    assert kinds[:4] == ["PaymentOpened", "PaymentPaid", "CaseOpened", "CaseItemAdded"]
    assert "CaseClosed" in kinds
    assert all(each["what_zh"] and each["what_en"] and each["who"] for each in told["items"])
    assert (await shop.get(f"/v1/payments/{payment}")).told["back_fen"] == 11520
    books = (await shop.get("/v1/books")).told
    assert books["balanced"]
    assert (books["held_fen"], books["open_refunds_fen"]) == (0, 0)
    assert books["accounts"]["owed"] == 1280


async def test_a_timeline_comes_in_parts(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.post("/v1/cases", report(payment))
    whole = (await shop.get(f"/v1/payments/{payment}/timeline")).told
    assert whole["next"] is None
    first = (await shop.get(f"/v1/payments/{payment}/timeline?limit=2")).told
    rest = (await shop.get(f"/v1/payments/{payment}/timeline?limit=2&after={first['next']}")).told
    assert first["items"] + rest["items"] == whole["items"]


async def test_a_refund_holds_its_money_and_can_be_taken_back_in_time(shop: Shop) -> None:
    """S73."""
    payment = await shop.paid()
    wish = wish_back(payment, undo_seconds=60)
    assert (await shop.post("/v1/refunds", wish)).status == 201
    assert (await shop.post("/v1/refunds", wish)).status == 200
    assert (await shop.get("/v1/books")).told["held_fen"] == 1280
    answer = await shop.post(f"/v1/refunds/{wish['id']}/cancel")
    assert (answer.status, answer.told["state"]) == (200, "CANCELLED")
    assert (await shop.get("/v1/books")).told["held_fen"] == 0


async def test_what_was_sent_cannot_be_taken_back(shop: Shop) -> None:
    wish = wish_back(await shop.paid())
    await shop.post("/v1/refunds", wish)
    await shop.work()
    answer = await shop.post(f"/v1/refunds/{wish['id']}/cancel")
    assert (answer.status, answer.code) == (409, "refund.already_sent")


async def test_no_more_goes_back_than_was_paid(shop: Shop) -> None:
    """S70."""
    payment = await shop.paid()
    answers = await asyncio.gather(*(shop.post("/v1/refunds", wish_back(payment, 7680)) for _ in range(20)))
    assert sorted(each.status for each in answers) == [201] + [409] * 19
    refused = [each for each in answers if each.status == 409]
    assert {each.code for each in refused} == {"refund.over_limit"}
    assert {each.told["rest_fen"] for each in refused} == {5120}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"amount_fen": 12801}, 409, "refund.over_limit"),
        ({"currency": "USD"}, 422, "refund.currency"),
        ({"payment": ids.new(Kind.PAYMENT)}, 404, "refund.payment_unknown"),
        ({"id": ids.new(Kind.REFUND)[:-1] + "*"}, 400, "request.invalid"),
    ],
)
async def test_a_refund_that_cannot_be_is_denied(shop: Shop, change: dict[str, Any], status: int, code: str) -> None:
    payment = await shop.paid()
    before = await shop.counts()
    answer = await shop.post("/v1/refunds", wish_back(payment) | change)
    assert (answer.status, answer.code) == (status, code)
    assert await shop.counts() == before


async def test_refunds_and_cases_of_the_neighbour_do_not_exist(shop: Shop) -> None:
    payment = await shop.paid()
    refund, case = wish_back(payment), report(payment)
    await shop.post("/v1/refunds", refund)
    await shop.post("/v1/cases", case)
    for path, code in ((f"/v1/refunds/{refund['id']}", "refund.unknown"), (f"/v1/cases/{case['id']}", "case.unknown")):
        answer = await shop.get(path, who="neighbour")
        assert (answer.status, answer.code) == (404, code)
    answer = await shop.post("/v1/refunds", wish_back(payment), who="neighbour")
    assert (answer.status, answer.code) == (404, "refund.payment_unknown")
    answer = await shop.post("/v1/cases", report(payment), who="neighbour")
    assert (answer.status, answer.code) == (404, "case.payment_unknown")
    assert (await shop.get(f"/v1/refunds?payment={payment}", who="neighbour")).told["items"] == []


async def test_stranded_money_is_sent_on_by_two_people_who_key_the_card_in(shop: Shop) -> None:
    """S36. S65."""
    fay, _ = await hire(shop, "fay", "finance"), await hire(shop, "olga", "owner")
    payment = await shop.paid()
    wish = wish_back(payment)
    await trouble(shop, kind="abnormal", match={"operation": "refund", "number": wish["id"]})
    await shop.post("/v1/refunds", wish)
    await shop.work()
    await later(shop, 61)
    path = f"/v1/refunds/{wish['id']}"
    assert (await shop.get(path)).told["state"] == "STRANDED"
    early = await shop.post(f"{path}/rescue/approve", CARD, who="olga")
    assert (early.status, early.code) == (409, "refund.nothing_proposed")
    half = await shop.post(f"{path}/rescue", {"to": "payer_card"}, who="fay")
    assert (half.status, half.code) == (422, "refund.rescue_incomplete")
    proposed = await shop.post(f"{path}/rescue", CARD, who="fay")
    assert (proposed.status, proposed.told["proposed_by"]) == (200, fay)
    alone = await shop.post(f"{path}/rescue/approve", CARD, who="fay")
    assert (alone.status, alone.code) == (403, "refund.same_person")
    slip = await shop.post(f"{path}/rescue/approve", CARD | {"card_number": "6222020200112233446"}, who="olga")
    assert (slip.status, slip.code) == (409, "refund.proposal_differs")
    agreed = await shop.post(f"{path}/rescue/approve", CARD, who="olga")
    assert (agreed.status, agreed.told["state"]) == (200, "REDIRECTING")
    await later(shop, 61)
    await later(shop, 600)
    assert (await shop.get(path)).told["state"] in ("DONE", "PROVEN")
    for table in ("refunds", "facts", "evidence"):
        rows = await shop.app.pools.recorder.fetch(f"select t::text as all from {table} t")
        assert not [row for row in rows if CARD["card_number"] in row["all"] or CARD["holder_name"] in row["all"]]


async def test_a_refund_without_a_word_is_ended_by_two_people_with_proof(shop: Shop) -> None:
    await hire(shop, "fay", "finance")
    await hire(shop, "olga", "owner")
    wish = wish_back(await shop.paid())
    await trouble(shop, kind="error_503", match={"number": wish["id"]}, count=None)
    await shop.post("/v1/refunds", wish)
    await shop.work()
    path = f"/v1/refunds/{wish['id']}"
    clock = shop.app.clock
    assert isinstance(clock, SystemClock)
    for _ in range(3):
        clock.step(timedelta(hours=25))
        await shop.work()
    assert (await shop.get(path)).told["state"] == "MANUAL"
    end = {"end": "DONE", "proof": "The channel's support says it paid, ticket 4711."}
    assert (await shop.post(f"{path}/resolution", end, who="fay")).status == 200
    other = await shop.post(f"{path}/resolution/approve", end | {"end": "REFUSED"}, who="olga")
    assert (other.status, other.code) == (409, "refund.proposal_differs")
    agreed = await shop.post(f"{path}/resolution/approve", end, who="olga")
    assert (agreed.status, agreed.told["state"]) == (200, "DONE")
    items = (await shop.get(f"/v1/payments/{wish['payment']}/timeline")).told["items"]
    resolved = next(each for each in items if each["kind"] == "RefundResolved")
    kept = (await shop.get(f"/v1/evidence/{wish['id']}/{resolved['evidence']}")).told
    assert (kept["kind"], kept["body"]) == ("person", end["proof"])


async def test_a_case_that_needs_a_person_is_decided_by_one(shop: Shop) -> None:
    await hire(shop, "fay", "finance")
    payment = await shop.paid()
    case = report(payment, what="other", said="the customer was not happy")
    del case["meant_fen"]
    assert (await shop.post("/v1/cases", case)).status == 201
    early = await shop.post(f"/v1/cases/{case['id']}/decision", {"refund_fen": 100}, who="fay")
    assert (early.status, early.code) == (409, "case.not_waiting")
    await shop.work()
    told = (await shop.get(f"/v1/cases/{case['id']}")).told
    assert told["state"] == "ATTENTION"
    assert told["says_zh"] == "需要人来处理\n要说明哪里错了，或由人决定"
    too_much = await shop.post(f"/v1/cases/{case['id']}/decision", {"refund_fen": 12801}, who="fay")
    assert (too_much.status, too_much.code) == (422, "case.amount")
    decided = await shop.post(f"/v1/cases/{case['id']}/decision", {"refund_fen": None}, who="fay")
    assert (decided.told["state"], decided.told["conclusion"]) == ("CLOSED", "noted")


async def test_of_a_case_in_trouble_money_goes_back_by_two_people_where_the_policy_says_so(shop: Shop) -> None:
    """S61, S95: the frozen policy wants two; a key bound to nobody decides no refund."""
    await hire(shop, "anna", "manager")
    finn = await hire(shop, "finn", "finance")
    table = "amount_fen,age,reason,channel,tender,member,risk,verdict,zh,en\n*,*,*,*,*,*,*,second,两人核对,Two people\n"
    set_ = await shop.post("/v1/policies", {"id": ids.new(Kind.POLICY), "content": table}, who="anna")
    assert set_.status == 201, set_.told
    case = report(await shop.paid(), what="other", said="something is wrong")
    del case["meant_fen"]
    path = f"/v1/cases/{case['id']}"
    await shop.post("/v1/cases", case)
    await shop.work()
    till = await shop.post(f"{path}/decision", {"refund_fen": 3000})
    assert (till.status, till.code, till.told["verb"]) == (403, "staff.not_allowed", "attend")
    first = await shop.post(f"{path}/decision", {"refund_fen": 3000}, who="anna")
    assert (first.status, first.told["state"], first.told["refund"]) == (200, "SECOND", "")
    await shop.work()
    assert (await shop.get("/v1/refunds")).told["items"] == []
    seen = {"version": (await shop.get(path)).told["version"]}
    same = await shop.post(f"{path}/confirm", seen, who="anna")
    assert (same.status, same.code) == (403, "case.same_person")
    done = await shop.post(f"{path}/confirm", seen, who="finn")
    assert (done.told["state"], done.told["seconded_by"], done.told["amount_fen"]) == ("REMEDY", finn, 3000)
    await shop.work()
    assert [one["amount_fen"] for one in (await shop.get("/v1/refunds")).told["items"]] == [3000]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"meant_fen": None}, 422, "case.meant_missing"),
        ({"what": "wrong_code"}, 422, "case.meant_unexpected"),
        ({"what": "late_paid", "meant_fen": None}, 400, "request.invalid"),
        ({"said": "x" * 1001}, 400, "request.invalid"),
        ({"payment": ids.new(Kind.PAYMENT)}, 404, "case.payment_unknown"),
    ],
)
async def test_a_report_that_cannot_be_is_denied(shop: Shop, change: dict[str, Any], status: int, code: str) -> None:
    payment = await shop.paid()
    before = await shop.counts()
    answer = await shop.post("/v1/cases", report(payment) | change)
    assert (answer.status, answer.code) == (status, code)
    assert await shop.counts() == before


async def test_one_payment_has_one_open_case(shop: Shop) -> None:
    payment = await shop.paid()
    first = report(payment)
    await shop.post("/v1/cases", first)
    answer = await shop.post("/v1/cases", report(payment))
    assert (answer.status, answer.code, answer.told["case"]) == (409, "case.already_open", first["id"])
    found = (await shop.get(f"/v1/cases?payment={payment}&state=OPENED")).told["items"]
    assert [each["id"] for each in found] == [first["id"]]
