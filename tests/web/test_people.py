"""People over HTTP: who reads them, who hires, invites and ends whom; and what ends with somebody."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import pyotp
import pytest

from tests.web.conftest import Shop
from tests.web.signing_in import PASSWORD, entered, invited
from tests.web.test_review import asked, hire
from tests.web.test_thieves import ELSEWHERE
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.people import signing


def wish(role: str = "cashier", name: str = "李雷", **more: Any) -> dict[str, Any]:
    return {"id": ids.new(Kind.STAFF), "role": role, "name": name} | more


async def added(shop: Shop, who: str, role: str, **more: Any) -> str:
    """Somebody who was hired over HTTP; their account."""
    answer = await shop.post("/v1/staff", wish(role, **more), who=who)
    assert answer.status == 201, answer.raw
    return str(answer.told["id"])


async def store_of(shop: Shop) -> str:
    return str((await shop.get("/v1/tills")).told["items"][0]["store"])


async def test_somebody_is_hired_invited_and_signs_in(shop: Shop) -> None:
    olga = await hire(shop, "olga", "owner")
    asked = wish("manager", " 王芳 ")
    told = (await shop.post("/v1/staff", asked, who="olga")).told
    assert (told["name"], told["role"], told["store"], told["ways"]) == ("王芳", "manager", "", [])
    assert told["id"] != asked["id"]
    assert "approve" in told["may"]
    assert (told["item_fen"], told["left_fen"]) == (50_000, 1_000_000)
    again = await shop.post("/v1/staff", asked, who="olga")
    assert (again.status, again.told["id"]) == (200, told["id"])
    for other in ({"name": "赵四"}, {"role": "cashier"}):
        assert (await shop.post("/v1/staff", asked | other, who="olga")).code == "staff.id_taken"
    link = await shop.post(f"/v1/staff/{told['id']}/invite", {}, who="olga")
    assert link.status == 201
    assert link.told["link"].endswith(f"/accept#{link.told['token']}")
    one = (await shop.get(f"/v1/staff/{told['id']}", who="olga")).told
    assert one["invited_until"] == link.told["until"]
    taken = {"token": link.told["token"], "password": PASSWORD}
    assert (await shop.post("/v1/invitations/accept", taken, authorization="")).status == 200
    await entered(shop, told["id"], "wang")
    one = (await shop.get(f"/v1/staff/{told['id']}", who="olga")).told
    assert (one["ways"], one["invited_until"]) == (["password"], None)
    assert one["seen_at"]
    assert link.told["token"] not in (await shop.get("/v1/staff", who="olga")).raw.decode()
    facts = await shop.app.pools.recorder.fetch("select kind, who from facts where object_id = $1", told["id"])
    assert {("StaffAdded", olga), ("Invited", olga)} <= {(row["kind"], row["who"]) for row in facts}


async def test_nobody_hires_invites_signs_out_or_ends_whom_they_do_not_stand_over(shop: Shop) -> None:
    people = {
        name: await hire(shop, name, role)
        for name, role in (("olga", "owner"), ("anna", "manager"), ("bert", "manager"), ("fay", "finance"))
    } | {"carl": await hire(shop, "carl", "cashier")}
    for role in ("owner", "finance", "risk", "manager", "auditor"):
        assert (await shop.post("/v1/staff", wish(role), who="anna")).code == "staff.above", role
    for act in ("invite", "end", "sign-out"):
        for name in ("olga", "bert", "fay", "anna"):
            answer = await shop.post(f"/v1/staff/{people[name]}/{act}", {}, who="anna")
            assert (answer.status, answer.code) == (403, "staff.above"), (act, name)
        for who in ("fay", "carl", "boss"):
            assert (await shop.post(f"/v1/staff/{people['carl']}/{act}", {}, who=who)).code == "staff.not_allowed"
    for who in ("fay", "carl", "boss"):
        assert (await shop.post("/v1/staff", wish(), who=who)).code == "staff.not_allowed"
    assert (await shop.get(f"/v1/staff/{people['olga']}/sessions", who="anna")).code == "staff.above"
    assert (await shop.get("/v1/staff", who="carl")).code == "staff.not_allowed"
    assert all(each["until"] is None for each in (await shop.get("/v1/staff?left=true", who="olga")).told["items"])
    assert (await shop.post(f"/v1/staff/{people['carl']}/end", {}, who="anna")).told["until"]


async def test_nobody_gives_themselves_a_new_way_in(shop: Shop) -> None:
    """A session that was left open is no way to another password."""
    olga = await hire(shop, "olga", "owner")
    no = await shop.post(f"/v1/staff/{olga}/invite", {}, who="olga")
    assert (no.status, no.code) == (403, "staff.oneself")
    assert await shop.app.pools.recorder.fetchval("select count(*) from credentials where id = $1", olga) == 0


async def test_who_leaves_is_cut_off_at_once_everywhere(shop: Shop) -> None:
    """Sessions, keys and an invitation that waits: all end, and stay ended."""
    await hire(shop, "olga", "owner")
    account = await invited(shop, "manager")
    await entered(shop, account, "wang")
    key = await merchants.add_key(
        shop.app.pools.recorder, shop.merchant_id, account, shop.app.clock.now(), staff_id=account
    )
    shop.keys["wang-key"] = key.secret
    token = (await shop.post(f"/v1/staff/{account}/invite", {}, who="olga")).told["token"]
    assert (await shop.get(f"/v1/staff/{account}/sessions", who="olga")).told["items"][0]["by"] == "password"
    for who in ("wang", "wang-key"):
        assert (await shop.get("/v1/refunds", who=who)).status == 200
    told = (await shop.post(f"/v1/staff/{account}/end", {}, who="olga")).told
    assert told["until"]
    assert (told["may"], told["may_end"], told["may_invite"], told["invited_until"]) == ([], False, False, None)
    await asyncio.sleep(1)  # as long as a process believes a key without asking
    for who in ("wang", "wang-key"):
        assert (await shop.get("/v1/refunds", who=who)).code == "auth.key_invalid"
    taken = {"token": token, "password": PASSWORD}
    no = await shop.post("/v1/invitations/accept", taken, authorization="")
    assert no.code == "signin.invitation_invalid"
    assert (await shop.post(f"/v1/staff/{account}/invite", {}, who="olga")).code == "staff.unknown"
    assert account not in [each["id"] for each in (await shop.get("/v1/staff", who="olga")).told["items"]]
    assert account in [each["id"] for each in (await shop.get("/v1/staff?left=true", who="olga")).told["items"]]
    assert (await shop.post(f"/v1/staff/{account}/end", {}, who="olga")).told["until"] == told["until"]


async def test_sessions_of_another_are_ended_and_they_may_sign_in_again(shop: Shop) -> None:
    await hire(shop, "olga", "owner")
    account = await invited(shop, "cashier")
    await entered(shop, account, "wang")
    assert (await shop.post(f"/v1/staff/{account}/sign-out", {}, who="olga")).told == {"ended": 1}
    await asyncio.sleep(1)
    assert (await shop.get("/v1/refunds", who="wang")).code == "auth.key_invalid"
    await entered(shop, account, "wang")


async def test_of_two_last_owners_who_end_each_other_at_once_one_stays(shop: Shop) -> None:
    """The rule looks first; the database holds it when both looked at the same moment."""
    people = {"olga": await hire(shop, "olga", "owner")}
    for _ in range(5):
        new = next(name for name in ("olga", "otto") if name not in people)
        people[new] = await hire(shop, new, "owner")
        pair = [people["olga"], people["otto"]]
        both = await asyncio.gather(
            shop.post(f"/v1/staff/{pair[1]}/end", {}, who="olga"), shop.post(f"/v1/staff/{pair[0]}/end", {}, who="otto")
        )
        assert sorted(answer.status for answer in both) == [200, 409], [answer.raw for answer in both]
        assert next(answer for answer in both if answer.status == 409).code == "staff.last_owner"
        left = await shop.app.pools.recorder.fetch("select id from staff where role = 'owner' and until is null")
        assert len(left) == 1
        stays = "olga" if left[0]["id"] == pair[0] else "otto"
        assert (await shop.post(f"/v1/staff/{left[0]['id']}/end", {}, who=stays)).code == "staff.last_owner"
        people = {stays: left[0]["id"]}


async def test_the_database_keeps_an_owner_of_all_stores_whatever_a_rule_says(shop: Shop) -> None:
    """Both at once, past every rule: neither leaves. Who belongs to one store may."""
    pair = [await hire(shop, name, "owner") for name in ("olga", "otto")]
    far = await hire(shop, "far", "owner", ELSEWHERE)
    recorder, end = shop.app.pools.recorder, "update staff set until = now() where id = any($1)"
    with pytest.raises(asyncpg.UniqueViolationError, match="the last owner stays"):
        await recorder.execute(end, pair)
    for other in ("role = 'manager'", "store_id = 'YS01KATE3S4000000000000000ZZ'"):
        with pytest.raises(asyncpg.UniqueViolationError, match="the last owner stays"):
            await recorder.execute(f"update staff set {other} where id = any($1)", pair)
    await recorder.execute(end, [pair[0], far])
    assert await recorder.fetchval("select count(*) from staff where role = 'owner' and until is null") == 1


async def test_a_manager_of_a_store_sees_and_hires_for_that_store_alone(shop: Shop) -> None:
    here = await store_of(shop)
    olga = await hire(shop, "olga", "owner")
    near = await hire(shop, "near", "manager", here)
    far = await hire(shop, "far", "cashier", ELSEWHERE)
    everywhere = await hire(shop, "every", "cashier")
    own = await added(shop, "near", "cashier", store=here)
    listed = (await shop.get("/v1/staff", who="near")).told["items"]
    assert {each["id"] for each in listed} == {near, own}
    assert {each["store"] for each in listed} == {here}
    assert all(each["store_name"] for each in listed)
    for other in (olga, far, everywhere):
        for answer in (
            await shop.get(f"/v1/staff/{other}", who="near"),
            await shop.get(f"/v1/staff/{other}/sessions", who="near"),
            *[await shop.post(f"/v1/staff/{other}/{act}", {}, who="near") for act in ("invite", "end", "sign-out")],
        ):
            assert (answer.status, answer.code) == (404, "staff.unknown")
    there = await merchants.add_store(shop.app.pools.recorder, shop.merchant_id, "there", shop.app.clock.now())
    for store in ("", there):
        assert (await shop.post("/v1/staff", wish(store=store), who="near")).code == "staff.other_store"
    assert (await shop.post("/v1/staff", wish(store=ids.new(Kind.STORE)), who="olga")).code == "store.unknown"
    assert await added(shop, "olga", "manager", store=there)
    assert (await shop.post(f"/v1/staff/{own}/end", {}, who="near")).status == 200


async def test_the_people_of_a_merchant_are_nobody_of_anothers(shop: Shop) -> None:
    await hire(shop, "olga", "owner")
    there = await merchants.add_merchant(shop.app.pools.recorder, "there", shop.app.clock.now())
    asked = wish("owner")
    here = (await shop.post("/v1/staff", asked, who="olga")).told["id"]
    own, shop.merchant_id = shop.merchant_id, there
    await hire(shop, "thea", "owner")
    shop.merchant_id = own
    assert (await shop.get(f"/v1/staff/{here}", who="thea")).code == "staff.unknown"
    for taken in (asked, asked | {"id": here}):  # an account is looked for among all merchants' people
        assert (await shop.post("/v1/staff", taken, who="thea")).told["id"] != here


async def test_people_are_listed_page_by_page(shop: Shop) -> None:
    await hire(shop, "olga", "owner")
    made = [await added(shop, "olga", "cashier", name=f"{number} 号") for number in range(3)]
    found: list[str] = []
    after = ""
    while True:
        told = (await shop.get(f"/v1/staff?limit=2&after={after}", who="olga")).told
        found += [each["id"] for each in told["items"]]
        if told["next"] is None:
            break
        after = told["next"]
    assert found == sorted(found)
    assert set(made) < set(found)


@pytest.mark.parametrize("act", ["hire", "invite"])
async def test_who_has_a_second_factor_is_sure_of_whom_they_let_in(shop: Shop, act: str) -> None:
    account = await invited(shop, "owner")
    await entered(shop, account, "wang")
    desk = shop.app.desk
    uri = await signing.offer_totp(desk, shop.merchant_id, account)
    app = pyotp.parse_uri(uri)
    assert isinstance(app, pyotp.TOTP)
    codes = await signing.confirm_totp(desk, shop.merchant_id, account, app.at(shop.app.clock.now()))
    carl = await hire(shop, "carl", "cashier")
    path, asked = ("/v1/staff", wish("manager")) if act == "hire" else (f"/v1/staff/{carl}/invite", {})
    no = await shop.post(path, asked, who="wang")
    assert (no.code, no.told["verb"]) == ("step_up.needed", act)
    sure = {name: no.told[name] for name in ("verb", "object", "amount_fen", "payee")} | {"code": codes[0]}
    step_up = (await shop.post("/v1/step-ups", sure, who="wang")).told["id"]
    other = {"role": "owner"} if act == "hire" else {"forgets_second": True}
    differs = await shop.post(path, asked | other, who="wang", **{"step-up": step_up})
    assert differs.code == "step_up.differs"
    assert (await shop.post(path, asked, who="wang", **{"step-up": step_up})).status == 201
    again = await shop.post(f"/v1/staff/{carl}/invite", {}, who="wang", **{"step-up": step_up})
    assert again.code in ("step_up.used", "step_up.differs")


async def test_another_role_counts_at_once_everywhere(shop: Shop) -> None:
    """Sessions end, keys and limits are those of the new role, an invitation that waits opens nothing."""
    await hire(shop, "olga", "owner")
    account = await invited(shop, "manager")
    await entered(shop, account, "wang")
    key = await merchants.add_key(
        shop.app.pools.recorder, shop.merchant_id, account, shop.app.clock.now(), staff_id=account
    )
    shop.keys["wang-key"] = key.secret
    token = (await shop.post(f"/v1/staff/{account}/invite", {}, who="olga")).told["token"]
    assert (await shop.get("/v1/reports/causes", who="wang-key")).status == 200
    answer = await shop.post(f"/v1/staff/{account}/place", {"role": "cashier"}, who="olga")
    assert (answer.status, answer.told["role"], answer.told["item_fen"]) == (200, "cashier", 0), answer.raw
    assert "approve" not in answer.told["may"]
    assert answer.told["invited_until"] is None
    await asyncio.sleep(1)  # as long as a process believes a key without asking
    assert (await shop.get("/v1/refunds", who="wang")).code == "auth.key_invalid"
    assert (await shop.get("/v1/reports/causes", who="wang-key")).code == "staff.not_allowed"
    assert (await shop.get("/v1/refunds", who="wang-key")).status == 200
    taken = {"token": token, "password": PASSWORD}
    no = await shop.post("/v1/invitations/accept", taken, authorization="")
    assert no.code == "signin.invitation_invalid"
    await entered(shop, account, "wang")
    again = await shop.post(f"/v1/staff/{account}/place", {"role": "cashier"}, who="olga")
    assert again.status == 200
    await asyncio.sleep(1)
    assert (await shop.get("/v1/refunds", who="wang")).status == 200, "what changed nothing ends nothing"
    facts = await shop.app.pools.recorder.fetch(
        "select body from facts where object_id = $1 and kind = 'StaffRoleChanged'", account
    )
    assert [json.loads(row["body"]) for row in facts] == [{"role": "cashier", "was_role": "manager"}]


async def test_another_store_counts_at_once_and_a_pin_opens_no_till_of_the_old_one(shop: Shop) -> None:
    await hire(shop, "olga", "owner")
    store = await store_of(shop)
    other = await merchants.add_store(shop.app.pools.recorder, shop.merchant_id, "other", shop.app.clock.now())
    account = await invited(shop, "cashier")
    await entered(shop, account, "wang")
    payment = await shop.paid()
    assert (await shop.get(f"/v1/payments/{payment}", who="wang")).status == 200
    wish = {"role": "cashier", "store": other}
    assert (await shop.post(f"/v1/staff/{account}/place", wish, who="olga")).told["store"] == other
    await entered(shop, account, "wang")
    assert (await shop.get(f"/v1/payments/{payment}", who="wang")).code == "payment.unknown"
    found = (await shop.get("/v1/staff/review", who="olga")).told["items"]
    one = next(each for each in found if each["who"] == account)
    assert one["store"] == other
    hired_at = (await shop.get(f"/v1/staff/{account}", who="olga")).told["since"]
    assert one["since"] > hired_at
    assert (
        await shop.post(f"/v1/staff/{account}/place", {"role": "cashier", "store": store}, who="olga")
    ).status == 200
    no = await shop.post(f"/v1/staff/{account}/place", wish | {"store": ids.new(Kind.STORE)}, who="olga")
    assert no.code == "store.unknown"


async def test_nobody_places_whom_they_do_not_stand_over_nor_above_nor_themselves(shop: Shop) -> None:
    people = {
        name: await hire(shop, name, role)
        for name, role in (("olga", "owner"), ("anna", "manager"), ("bert", "manager"), ("carl", "cashier"))
    }
    before = [each["role"] for each in (await shop.get("/v1/staff", who="olga")).told["items"]]
    for name in ("olga", "bert", "anna"):
        answer = await shop.post(f"/v1/staff/{people[name]}/place", {"role": "cashier"}, who="anna")
        assert (answer.status, answer.code) == (403, "staff.above"), name
    for role in ("owner", "finance", "risk", "manager", "auditor"):
        answer = await shop.post(f"/v1/staff/{people['carl']}/place", {"role": role}, who="anna")
        assert answer.code == "staff.above", role
    for who in ("carl", "boss"):
        answer = await shop.post(f"/v1/staff/{people['carl']}/place", {"role": "trainee"}, who=who)
        assert answer.code == "staff.not_allowed"
    no = await shop.post(f"/v1/staff/{people['olga']}/place", {"role": "manager"}, who="olga")
    assert (no.status, no.code) == (403, "staff.own_place")
    assert [each["role"] for each in (await shop.get("/v1/staff", who="olga")).told["items"]] == before
    assert (await shop.post(f"/v1/staff/{people['carl']}/place", {"role": "trainee"}, who="anna")).status == 200


async def test_of_two_last_owners_who_place_each_other_at_once_one_stays(shop: Shop) -> None:
    pair = [await hire(shop, name, "owner") for name in ("olga", "otto")]
    both = await asyncio.gather(
        shop.post(f"/v1/staff/{pair[1]}/place", {"role": "manager"}, who="olga"),
        shop.post(f"/v1/staff/{pair[0]}/place", {"role": "manager"}, who="otto"),
    )
    assert [answer.status for answer in both].count(200) == 1, [answer.raw for answer in both]
    assert next(answer for answer in both if answer.status != 200).code in ("staff.last_owner", "staff.not_allowed")
    left = "select count(*) from staff where merchant_id = $1 and role = 'owner' and store_id = '' and until is null"
    assert await shop.app.pools.recorder.fetchval(left, shop.merchant_id) == 1


async def test_what_somebody_approved_is_looked_at_again_when_they_may_approve_no_more(shop: Shop) -> None:
    """As when they leave: before the money is on its way."""
    await hire(shop, "olga", "owner")
    anna = await hire(shop, "anna", "manager")
    case = (await asked(shop)).rpartition("/")[2]
    version = (await shop.get(f"/v1/cases/{case}")).told["version"]
    approved = await shop.post(f"/v1/cases/{case}/approve", {"version": version}, who="anna")
    assert approved.told["state"] == "REMEDY", approved.raw
    assert (await shop.post(f"/v1/staff/{anna}/place", {"role": "risk"}, who="olga")).status == 200
    await shop.work()
    assert (await shop.get(f"/v1/cases/{case}")).told["state"] == "REVIEW"
