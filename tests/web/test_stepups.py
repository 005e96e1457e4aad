"""Being sure of one act, over HTTP: exactly it, once, and what thieves try."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyotp
import pytest

from tests.web.conftest import Answer, Shop
from tests.web.signing_in import (
    Clock,
    enter,
    entered,
    invited,
    origin,
    sure,
    with_codes,
    with_passkey,
)
from tests.web.test_refunds_and_cases import CARD, later, trouble, wish_back
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.people import signin, signing, stepup
from yuanlu.terminal import asking
from yuanlu.terminal.verbs import Counter
from yuanlu.web.api import refunds as refunds_api

MUCH = stepup.REFUND_FREE_FEN + 1


async def test_a_refund_above_the_limit_needs_a_step_up_for_exactly_it_once(shop: Shop, clock: Clock) -> None:
    """S33."""
    await entered(shop, await invited(shop))
    payment, other = await shop.paid(amount_fen=100_000), await shop.paid(amount_fen=100_000)
    wish = {"id": ids.new(Kind.REFUND), "payment": payment, "amount_fen": MUCH}
    app, _ = await with_codes(shop)

    async def tried(step_up: str = "", **changes: Any) -> Answer:
        return await shop.post("/v1/refunds", wish | changes, who="wang", step_up=step_up)

    no = await tried()
    act = {name: no.told[name] for name in ("verb", "object", "amount_fen", "payee")}
    assert no.code == "step_up.needed"
    assert act == {"verb": "refund", "object": wish["id"], "amount_fen": MUCH, "payee": payment}
    assert (await tried(ids.new(Kind.STEP_UP))).code == "step_up.needed"
    swapped: tuple[dict[str, Any], ...] = (
        {"amount_fen": MUCH + 1}, {"payee": other}, {"object": ids.new(Kind.REFUND)}, {"verb": "approve"},
    )  # fmt: skip
    for change in swapped:
        assert (await tried(await sure(shop, clock, app, act | change))).code == "step_up.differs", change
    late = await sure(shop, clock, app, act)
    clock.later += timedelta(minutes=5)
    assert (await tried(late)).code == "step_up.stale"
    good = await sure(shop, clock, app, act)
    for change in ({"amount_fen": MUCH + 1}, {"payment": other}, {"id": ids.new(Kind.REFUND)}):
        assert (await tried(good, **change)).code == "step_up.differs"
    assert (await shop.get("/v1/refunds")).told["items"] == []
    assert (await tried(good)).status == 201
    assert (await tried(good)).status == 200  # the same again is the same, and needs nothing
    spent = await shop.app.pools.recorder.fetch("select id, object_id from step_ups_spent")
    assert [tuple(row) for row in spent] == [(good, wish["id"])]
    kinds = [row["kind"] for row in await shop.app.pools.recorder.fetch(
        "select kind from facts where object_id = $1", wish["id"])]  # fmt: skip
    assert "StepUpUsed" in kinds
    little = await tried(id=ids.new(Kind.REFUND), amount_fen=1)
    assert little.status == 201


async def test_one_code_makes_one_step_up_and_an_approval_needs_one_too(shop: Shop, clock: Clock) -> None:
    """S33."""
    await entered(shop, await invited(shop))
    app, _ = await with_codes(shop)
    payment = await shop.paid(amount_fen=100_000)
    case = {"id": ids.new(Kind.CASE), "payment": payment, "what": "request", "asked_fen": MUCH}
    assert (await shop.post("/v1/cases", case)).status == 201
    await shop.work()
    path = f"/v1/cases/{case['id']}"
    wish = {"version": (await shop.get(path)).told["version"]}
    no = await shop.post(f"{path}/approve", wish, who="wang")
    assert no.code == "step_up.needed", no.told
    act = {name: no.told[name] for name in ("verb", "object", "amount_fen", "payee")}
    assert act == {"verb": "approve", "object": case["id"], "amount_fen": MUCH, "payee": payment}
    clock.later += timedelta(seconds=60)
    code = app.at(clock.now())
    both = await asyncio.gather(*(shop.post("/v1/step-ups", act | {"code": code}, who="wang") for _ in "ab"))
    assert sorted(each.status for each in both) == [201, 403]
    (made,) = [each.told["id"] for each in both if each.status == 201]
    tries = await asyncio.gather(*(shop.post(f"{path}/approve", wish, who="wang", step_up=made) for _ in "ab"))
    assert sorted(each.status == 200 for each in tries) == [False, True]


async def test_of_two_acts_at_once_one_spends_the_step_up(shop: Shop, clock: Clock) -> None:
    """S33: what the rules of all saw as unspent, the database lets only one spend."""
    account = await invited(shop)
    await entered(shop, account)
    await with_codes(shop)
    payment = await shop.paid(amount_fen=100_000)
    desk, merchant_id = shop.app.desk, shop.merchant_id
    act = stepup.Act("refund", "x", 1, payment)
    made = (await signing._stepped_up(desk, merchant_id, account, act, signin.By.CODE, "")).id
    from functools import partial

    from yuanlu.channels.registry import FACTS
    from yuanlu.money import Money
    from yuanlu.refunds import rules, store
    from yuanlu.refunds.rules import RefundAsk

    async def ask() -> Any:
        wish = RefundAsk(
            merchant_id=merchant_id, id=ids.new(Kind.REFUND), payment_id=payment, amount=Money(MUCH), who=account
        )
        view = store.for_ask(merchant_id, wish.id, payment)
        rule = partial(rules.open_refund, FACTS, wish)
        return await signing.decide(desk, signing.Sure(account, made), lambda _: act, merchant_id, view, rule)

    found = await asyncio.gather(*(ask() for _ in range(4)), return_exceptions=True)
    codes = sorted(each.code if isinstance(each, Denied) else "done" for each in found)
    assert codes == ["done", *["step_up.used"] * 3]
    assert len((await shop.get("/v1/refunds")).told["items"]) == 1


async def test_a_passkey_is_sure_of_the_act_it_was_asked_for_and_of_no_other(shop: Shop) -> None:
    """S33. S34."""
    await entered(shop, await invited(shop))
    finger = await with_passkey(shop)
    payment = await shop.paid(amount_fen=100_000)
    wish = {"id": ids.new(Kind.REFUND), "payment": payment, "amount_fen": MUCH}
    act = {"verb": "refund", "object": wish["id"], "amount_fen": MUCH, "payee": payment}
    asked = (await shop.post("/v1/step-ups/options", act, who="wang")).told["options"]
    shown = finger.shown(asked, origin(shop))
    for change in ({"amount_fen": MUCH + 1}, {"payee": "YP"}, {"object": ids.new(Kind.REFUND)}, {"verb": "approve"}):
        no = await shop.post("/v1/step-ups", act | change | {"credential": shown}, who="wang")
        assert no.code == "signin.passkey_wrong", change
    made = await shop.post("/v1/step-ups", act | {"credential": shown}, who="wang")
    assert made.status == 201
    assert (await shop.post("/v1/step-ups", act | {"credential": shown}, who="wang")).code == "signin.passkey_wrong"
    assert (await shop.post("/v1/refunds", wish, who="wang", step_up=made.told["id"])).status == 201


async def test_a_thief_with_a_session_guesses_no_code(
    shop: Shop, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await invited(shop)
    device = (await entered(shop, account))["device"]
    app, recovery = await with_codes(shop)
    act = {"verb": "refund", "object": ids.new(Kind.REFUND)}
    for number in range(signin.TRIES_MAX):
        no = await shop.post("/v1/step-ups", act | {"code": f"ZZZ{number}"}, who="wang")
        assert no.code == "signin.code_wrong"
    no = await shop.post("/v1/step-ups", act | {"code": recovery[0]}, who="wang")
    assert no.code == "signin.refused"
    clock.later = timedelta(seconds=60)
    assert (await enter(shop, account, code=app.at(clock.now()), device=device)).status == 201


async def test_all_that_is_held_about_a_customer_goes_out_by_a_step_up_once(shop: Shop, clock: Clock) -> None:
    """S33."""
    await entered(shop, await invited(shop))
    payment = await shop.paid()
    path = f"/v1/payments/{payment}/data"
    assert (await shop.get(path, who="wang")).status == 200  # nobody asks for a factor that is not there
    app, _ = await with_codes(shop)
    assert (await shop.get(path, who="wang")).code == "step_up.needed"
    good = await sure(shop, clock, app, {"verb": "export", "object": payment})
    other = await shop.paid()
    assert (await shop.get(f"/v1/payments/{other}/data", who="wang", step_up=good)).code == "step_up.differs"
    both = await asyncio.gather(*(shop.get(path, who="wang", step_up=good) for _ in "ab"))
    assert sorted(each.status for each in both) == [200, 403]
    assert (await shop.get(path, who="wang", step_up=good)).code == "step_up.used"


async def tried_with_step_up(shop: Shop, clock: Clock, app: pyotp.TOTP, path: str, wish: Any) -> Answer:
    """Ask for what needs a step-up: not without one, not with one for anything else, with the right one once."""
    no = await shop.post(path, wish, who="wang")
    assert no.code == "step_up.needed", no.told
    act = {name: no.told[name] for name in ("verb", "object", "amount_fen", "payee")}
    for change in ({"amount_fen": act["amount_fen"] + 1}, {"payee": "x"}, {"verb": "other"}):
        wrong = await sure(shop, clock, app, act | change)
        assert (await shop.post(path, wish, who="wang", step_up=wrong)).code == "step_up.differs", change
    good = await sure(shop, clock, app, act)
    both = await asyncio.gather(*(shop.post(path, wish, who="wang", step_up=good) for _ in "ab"))
    assert sum(each.status == 201 for each in both) == 1, [each.told for each in both]
    return next(each for each in both if each.status == 201)


async def test_keys_are_made_turned_over_and_tills_enrolled_by_a_step_up(shop: Shop, clock: Clock) -> None:
    """S33."""
    await entered(shop, await invited(shop))
    app, _ = await with_codes(shop)
    wish = {"id": ids.new(Kind.KEY), "actor": "stock", "scopes": ["read", "charge"]}
    await tried_with_step_up(shop, clock, app, "/v1/keys", wish)
    no = await shop.post(f"/v1/keys/{wish['id']}/rotate", {"grace_seconds": 0}, who="wang")
    assert (no.told["verb"], no.told["object"]) == ("rotate", wish["id"])
    good = await sure(shop, clock, app, {"verb": "rotate", "object": wish["id"]})
    done = await shop.post(f"/v1/keys/{wish['id']}/rotate", {"grace_seconds": 0}, who="wang", step_up=good)
    assert done.status == 200, done.told
    again = await shop.post(f"/v1/keys/{wish['id']}/rotate", {"grace_seconds": 0}, who="wang", step_up=good)
    assert again.code == "step_up.used"
    await tried_with_step_up(shop, clock, app, f"/v1/tills/{shop.till}/enrolment", {"scopes": ["charge"]})


async def test_a_pack_leaves_the_house_by_a_step_up_for_its_reader(shop: Shop, clock: Clock) -> None:
    """S33."""
    await entered(shop, await invited(shop))
    app, _ = await with_codes(shop)
    case = {"id": ids.new(Kind.CASE), "payment": await shop.paid(), "what": "request"}
    assert (await shop.post("/v1/cases", case)).status == 201
    path = f"/v1/cases/{case['id']}/packs"
    no = await shop.post(path, {"for": "regulator"}, who="wang")
    assert (no.code, no.told["payee"]) == ("step_up.needed", "regulator")
    act = {name: no.told[name] for name in ("verb", "object", "amount_fen", "payee")}
    good = await sure(shop, clock, app, act)
    assert (await shop.post(path, {"for": "counsel"}, who="wang", step_up=good)).code == "step_up.differs"
    assert (await shop.post(path, {"for": "regulator"}, who="wang", step_up=good)).status == 201
    assert (await shop.post(path, {"for": "regulator"}, who="wang", step_up=good)).code == "step_up.used"


async def test_money_goes_to_a_named_account_by_the_step_ups_of_two_people(shop: Shop, clock: Clock) -> None:
    """S33."""
    await entered(shop, await invited(shop))
    app, _ = await with_codes(shop)
    payment = await shop.paid()
    await shop.app.pools.recorder.execute("update payments set paid_at = paid_at - interval '400 days'")
    wish = {
        "id": ids.new(Kind.REPAYMENT), "payment": payment, "amount_fen": 1280, "because": "window_over",
        "account": {"payer_name": "张三", "account_name": "张三", "account_number": "6200000000001234"},
    }  # fmt: skip
    no = await shop.post("/v1/repayments", wish, who="wang")
    act = {name: no.told[name] for name in ("verb", "object", "amount_fen", "payee")}
    good = await sure(shop, clock, app, act)
    other = wish | {"account": wish["account"] | {"account_number": "6200000000009999"}}
    assert (await shop.post("/v1/repayments", other, who="wang", step_up=good)).code == "step_up.differs"
    await tried_with_step_up(shop, clock, app, "/v1/repayments", wish)
    await entered(shop, await invited(shop))
    app, _ = await with_codes(shop)
    path = f"/v1/repayments/{wish['id']}/approve"
    no = await shop.post(path, who="wang")
    assert (no.code, no.told["verb"], no.told["payee"]) == ("step_up.needed", "repay_approve", act["payee"])
    good = await sure(shop, clock, app, act | {"verb": "repay_approve"})
    assert (await shop.post(path, who="wang", step_up=good)).told["state"] == "APPROVED"


async def test_an_offer_of_much_is_made_by_a_step_up_and_of_little_or_of_no_money_without(
    shop: Shop, clock: Clock
) -> None:
    """S33: the customer's yes sends it back, so whoever offers is sure."""
    await entered(shop, await invited(shop))
    app, _ = await with_codes(shop)
    case = {"id": ids.new(Kind.CASE), "payment": await shop.paid(amount_fen=100_000), "what": "request"}
    assert (await shop.post("/v1/cases", case)).status == 201
    await shop.work()
    path = f"/v1/cases/{case['id']}"
    offer = {"kind": "part", "amount_fen": MUCH, "hours": 24, "words": "可以吗？"}

    async def tried(step_up: str = "", **changes: Any) -> Answer:
        wish = {"version": (await shop.get(path)).told["version"], **offer, **changes}
        return await shop.post(f"{path}/offer", wish, who="wang", step_up=step_up)

    no = await tried()
    act = {name: no.told[name] for name in ("verb", "object", "amount_fen", "payee")}
    assert (no.code, act["verb"], act["amount_fen"]) == ("step_up.needed", "offer", MUCH)
    good = await sure(shop, clock, app, act)
    assert (await tried(good, amount_fen=MUCH + 1)).code == "step_up.differs"
    assert (await tried(good)).told["state"] == "OFFERED"
    for little in ({"amount_fen": MUCH - 1}, {"kind": "voucher"}):
        other = {"id": ids.new(Kind.CASE), "payment": await shop.paid(amount_fen=100_000), "what": "request"}
        assert (await shop.post("/v1/cases", other)).status == 201
        await shop.work()
        path = f"/v1/cases/{other['id']}"
        assert (await tried(**little)).told["state"] == "OFFERED", little


async def test_stranded_money_goes_to_another_card_by_step_ups_for_that_card(shop: Shop, clock: Clock) -> None:
    """S33, S65: another card, or the other person's step-up, is another act."""
    await entered(shop, await invited(shop))
    app, _ = await with_codes(shop)
    wish = wish_back(await shop.paid())
    await trouble(shop, kind="abnormal", match={"operation": "refund", "number": wish["id"]})
    await shop.post("/v1/refunds", wish)
    await shop.work()
    await later(shop, 61)
    path = f"/v1/refunds/{wish['id']}/rescue"
    no = await shop.post(path, CARD, who="wang")
    act = {name: no.told[name] for name in ("verb", "object", "amount_fen", "payee")}
    assert (no.code, act["verb"], act["object"]) == ("step_up.needed", "rescue", wish["id"])
    assert CARD["card_number"] not in act["payee"]
    good = await sure(shop, clock, app, act)
    other = CARD | {"card_number": "6222020200112233446"}
    assert (await shop.post(path, other, who="wang", step_up=good)).code == "step_up.differs"
    assert (await shop.post(path, CARD, who="wang", step_up=good)).status == 200
    await entered(shop, await invited(shop))
    app, _ = await with_codes(shop)
    assert (await shop.post(f"{path}/approve", CARD, who="wang")).told["verb"] == "rescue_approve"
    good = await sure(shop, clock, app, act | {"verb": "rescue_approve"})
    assert (await shop.post(f"{path}/approve", CARD, who="wang", step_up=good)).told["state"] == "REDIRECTING"


async def test_a_step_up_is_named_at_the_terminal_too(shop: Shop, clock: Clock, tmp_path: Path) -> None:
    """S33: with a key of one's own in a file."""
    await entered(shop, await invited(shop))
    app, _ = await with_codes(shop)
    own = await tried_with_step_up(shop, clock, app, "/v1/keys", {"id": ids.new(Kind.KEY), "actor": "w", "mine": True})
    (tmp_path / "key").write_text(own.told["api_key"])
    counter = Counter(shop.app, shop.merchant_id, timedelta())
    wish = {"id": ids.new(Kind.REFUND), "payment": await shop.paid(amount_fen=100_000), "amount_fen": MUCH}
    asked = partial(asking.ask, counter, refunds_api.ROUTES, "POST /v1/refunds", key_file=tmp_path / "key", wish=wish)
    with pytest.raises(Denied, match=r"step_up\.needed") as no:
        await asked()
    good = await sure(shop, clock, app, no.value.facts)
    assert (await asked(step_up=good)).id == wish["id"]


async def test_where_step_ups_are_for_all_whoever_has_no_second_factor_adds_one_first(shop: Shop, clock: Clock) -> None:
    """S33."""
    shop.app.settings = replace(shop.app.settings, step_up_always=1)
    await entered(shop, await invited(shop))
    wish = {"id": ids.new(Kind.KEY), "actor": "stock"}
    assert (await shop.post("/v1/keys", wish, who="wang")).code == "step_up.needed"
    app, _ = await with_codes(shop)
    await tried_with_step_up(shop, clock, app, "/v1/keys", wish)


async def test_limits_change_by_a_step_up_for_this_very_table(shop: Shop, clock: Clock) -> None:
    """S33. S95."""
    await hire(shop, "fay", "finance")
    await entered(shop, await invited(shop))
    app, _ = await with_codes(shop)
    wish = {"id": ids.new(Kind.LIMITS), "limits": {"manager": {"item_fen": 100, "day_fen": 200}}}
    assert (await shop.post("/v1/limits", wish, who="fay")).status == 201
    path = f"/v1/limits/{wish['id']}/agree"
    no = await shop.post(path, who="wang")
    assert (no.code, no.told["verb"], no.told["object"]) == ("step_up.needed", "agree_limit", wish["id"])
    act = {name: no.told[name] for name in ("verb", "object", "amount_fen", "payee")}
    wrong = await sure(shop, clock, app, act | {"payee": "x"})
    assert (await shop.post(path, who="wang", step_up=wrong)).code == "step_up.differs"
    good = await sure(shop, clock, app, act)
    assert (await shop.post(path, who="wang", step_up=good)).told["state"] == "AGREED"
