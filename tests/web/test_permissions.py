"""Who may do what: every route, with every role, as the one table says; and nothing changes on a no."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flows import files
from tests.web import signing_in, test_complaints, test_devices
from tests.web.conftest import Shop, opened
from tests.web.test_policies_and_repayments import STRICT
from tests.web.test_refunds_and_cases import later
from tests.web.test_review import asked, hire, version
from tests.web.test_thieves import ELSEWHERE, path_of
from yuanlu import ids
from yuanlu.db import Database
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.machines import flow as machines
from yuanlu.merchants import store as merchants
from yuanlu.people import flow as people
from yuanlu.people.rules import MAY, OF_STAFF, Role
from yuanlu.sim.server import Sim
from yuanlu.terminal import asking
from yuanlu.terminal.verbs import Counter, operator
from yuanlu.web.parts.calls import PUBLIC, Route, allowed
from yuanlu.web.parts.shapes import Nothing
from yuanlu.web.parts.stores import TABLES
from yuanlu.web.server import ROUTES

TOLD = {400, 403, 404, 409, 422}
"""What a call about things that are not there may be told, once its role is let in."""


async def rows(shop: Shop) -> dict[str, str]:
    """Every tenant's table of the database, as it stands."""
    pool = shop.app.pools.recorder
    names = await pool.fetch(
        "select c.relname from pg_class c where c.relkind in ('r', 'p') and not c.relispartition"
        " and c.relnamespace = 'public'::regnamespace and has_table_privilege(c.oid, 'select') order by 1"
    )
    return {
        row["relname"]: await pool.fetchval(
            f"select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {row['relname']} t"
        )
        for row in names
    }


def batched(those: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (those[place : place + size] for place in range(0, len(those), size))


async def tried(shop: Shop, route: Route, who: str, **known: str) -> Any:
    """A call as nobody means it: about what is not there, or what is there with a body that says nothing."""
    path = path_of(route, **known)
    if route.takes_kinds:
        return await shop.call("POST", f"{path}?id=x", raw=files.jpeg(), content_type="image/jpeg", who=who)
    return await shop.call(route.method, path, {} if route.method == "POST" else None, who=who)


def test_every_route_names_its_permission() -> None:
    """S95: a new route without a row in the table fails here; what is open to every key says so by name."""
    assert {route.path for route in ROUTES if route.may not in MAY} == {route.path for route in ROUTES if route.is_open}
    assert PUBLIC not in MAY
    assert set(MAY) - {route.may for route in ROUTES} == {"note", "hand_in"} - {route.may for route in ROUTES}


@pytest.fixture
async def patient(database: Database, tmp_path: Path, sim: Sim) -> AsyncIterator[Shop]:
    """A shop in which one address may try to sign in as often as it likes."""
    async with opened(database, tmp_path, sim, said={"rate_signin": 0}) as each:
        yield each


async def signed_in(shop: Shop, name: str) -> str:
    """An owner who is signed in under this name; their account."""
    account = await signing_in.invited(shop, "owner")
    await signing_in.entered(shop, account, name)
    return account


async def test_every_route_lets_in_whom_the_table_names_and_nobody_else(patient: Shop) -> None:
    """S95. S61. S2: every route with every role, an ended key and session, who left by both, and nobody."""
    shop = patient
    people_of = {role.value: await hire(shop, role.value, role.value) for role in OF_STAFF}
    shop.keys["machine"] = shop.keys["cashier-key"] = shop.keys["boss"]
    gone = await hire(shop, "gone", "owner")
    now = shop.app.clock.now()
    ended = await merchants.add_key(shop.app.pools.recorder, shop.merchant_id, "ended", now)
    shop.keys |= {"ended": ended.secret, "nobody": "", "made up": f"yk_{ids.new(Kind.KEY)}_x"}
    left = await signed_in(shop, "left")
    await signed_in(shop, "out")
    for who in ("gone", "ended", "left", "out"):
        assert (await shop.get("/v1/tills", who=who)).status == 200
    assert (await shop.post("/v1/sessions/end", who="out")).told == {"ended": 1}
    for each in (gone, left):
        await people.end(shop.app.desk, shop.merchant_id, each, people_of["owner"])
    await machines.end(shop.app.desk, shop.merchant_id, ended.id, "boss")
    await asyncio.sleep(1)
    before = await rows(shop)
    roles, strangers = (*OF_STAFF, Role.MACHINE), ("gone", "ended", "left", "out", "nobody", "made up")
    for route in ROUTES:
        asking = [tried(shop, route, who) for who in (*roles, *strangers)]  # two at once: some routes take no more
        found = [each for two in batched(asking, 2) for each in await asyncio.gather(*two)]
        for role, answer in zip(roles, found, strict=False):
            where = (route.method, route.path, role.value, answer.raw)
            if not route.is_open and role not in MAY[route.may]:
                assert (answer.status, answer.code) == (403, "staff.not_allowed"), where
            else:
                assert answer.status in {200, *TOLD}, where
                assert answer.status == 200 or answer.code != "staff.not_allowed" or route.may == "write", where
        told = {answer.status for answer in found[len(roles) :]}
        assert told <= TOLD if route.is_open else told == {401}, route.path
    after = await rows(shop)
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"hooks", "key_uses"}  # when a key was used last is written down a while later


async def test_a_no_by_role_comes_before_the_body_is_read(shop: Shop) -> None:
    await hire(shop, "aude", "auditor")
    for raw in (b"{", b"[" * 1000):
        answer = await shop.call("POST", "/v1/refunds", raw=raw, who="aude")
        assert (answer.status, answer.code) == (403, "staff.not_allowed")


async def test_a_key_bound_to_nobody_decides_nothing_about_money(shop: Shop) -> None:
    """S95."""
    before = await rows(shop)
    for verb in ("approve", "confirm", "offer", "attend", "policy", "lose", "repay", "pay_out", "limit", "agree_limit"):
        assert Role.MACHINE not in MAY[verb]
        assert Role.OPERATOR not in MAY[verb]
        for route in ROUTES:
            if route.may == verb:
                assert (await tried(shop, route, "boss")).code == "staff.not_allowed", route.path
    assert await rows(shop) == before


async def set_limits(shop: Shop, **limits: tuple[int | None, int | None]) -> str:
    """Limits of the shop's own, proposed by finance and agreed to by the owner."""
    wish = {
        "id": ids.new(Kind.LIMITS),
        "limits": {role: {"item_fen": item, "day_fen": day} for role, (item, day) in limits.items()},
    }
    made = await shop.post("/v1/limits", wish, who="fay")
    assert made.status == 201, made.told
    assert (await shop.post("/v1/limits", wish, who="fay")).status == 200
    assert (await shop.post(f"/v1/limits/{wish['id']}/agree", who="olga")).told["state"] == "AGREED"
    return str(wish["id"])


async def refunded(shop: Shop, payment: str, fen: int, who: str) -> Any:
    wish = {"id": ids.new(Kind.REFUND), "payment": payment, "amount_fen": fen}
    return await shop.post("/v1/refunds", wish, who=who)


async def spent(shop: Shop) -> list[int]:
    return [row["spent_fen"] for row in await shop.app.pools.recorder.fetch("select spent_fen from allowances")]


async def test_a_merchants_own_limits_count_once_another_person_agrees(shop: Shop) -> None:
    """S95. S2."""
    await hire(shop, "fay", "finance")
    await hire(shop, "olga", "owner")
    await hire(shop, "anna", "manager")
    assert (await shop.get("/v1/limits")).told["limits"]["manager"] == {"item_fen": 50_000, "day_fen": 1_000_000}
    payment = await shop.paid()
    wish = {"id": ids.new(Kind.LIMITS), "limits": {"manager": {"item_fen": 100, "day_fen": 200}}}
    assert (await shop.post("/v1/limits", wish, who="olga")).status == 201
    alone = await shop.post(f"/v1/limits/{wish['id']}/agree", who="olga")
    assert (alone.status, alone.code) == (403, "limits.same_person")
    assert (await shop.post(f"/v1/limits/{wish['id']}/agree", who="fay")).code == "staff.not_allowed"
    assert (await shop.get("/v1/limits")).told["id"] == ""
    assert (await refunded(shop, payment, 101, "anna")).status == 201
    made = await set_limits(shop, manager=(100, 200), machine=(50, 50), owner=(None, None))
    assert (await shop.get("/v1/limits")).told["id"] == made
    for who, fen, code in (("anna", 101, "staff.over_limit"), ("cashier", 51, "staff.over_limit")):
        answer = await refunded(shop, payment, fen, who)
        assert (answer.status, answer.code) == (403, code)
    assert (await refunded(shop, payment, 51, "fay")).code == "staff.over_limit", "who is not in the table"
    wrong = {"id": ids.new(Kind.LIMITS), "limits": {"auditor": {"item_fen": 1, "day_fen": 1}}}
    assert (await shop.post("/v1/limits", wrong, who="fay")).code == "limits.role"
    assert (await shop.post(f"/v1/limits/{made}/agree", who="neighbour")).code == "staff.not_allowed"


async def test_a_day_is_never_exceeded_however_many_are_asked_at_once(shop: Shop) -> None:
    """S95: twenty at once, of different payments; the books hold the day, not the look before."""
    await hire(shop, "fay", "finance")
    await hire(shop, "olga", "owner")
    await hire(shop, "anna", "manager")
    await set_limits(shop, manager=(1000, 2500))
    payments = [await shop.paid() for _ in range(8)]
    answers = await asyncio.gather(*(refunded(shop, each, 1000, "anna") for each in payments))
    assert sorted(answer.status for answer in answers) == [201, 201, *[403] * 6]
    no = next(answer for answer in answers if answer.status == 403)
    assert (no.code, no.told["left_fen"]) == ("staff.over_day", 500)
    assert await spent(shop) == [2000]
    assert len((await shop.get("/v1/refunds")).told["items"]) == 2
    assert (await refunded(shop, payments[0], 500, "anna")).status in (201, 409, 422)


async def test_what_goes_beyond_a_day_takes_a_second_person_and_counts_for_theirs(shop: Shop) -> None:
    """S95. S61."""
    for name, role in (("fay", "finance"), ("olga", "owner"), ("anna", "manager"), ("bert", "manager")):
        await hire(shop, name, role)
    await set_limits(shop, manager=(1000, 1500), owner=(None, None))
    for state in ("REMEDY", "SECOND"):
        path = await asked(shop)
        wish = {"version": await version(shop, path), "amount_fen": 1000}
        told = (await shop.post(f"{path}/approve", wish, who="anna")).told
        assert told["state"] == state
    done = await shop.post(f"{path}/confirm", {"version": told["version"]}, who="bert")
    assert (done.status, done.told["state"]) == (200, "REMEDY")
    assert await spent(shop) == [1000, 1000]


async def test_a_review_names_who_may_do_what_and_whom_to_look_at(shop: Shop) -> None:
    """S95."""
    await hire(shop, "olga", "owner")
    anna = await hire(shop, "anna", "manager", ELSEWHERE)
    gone = await hire(shop, "gone", "manager")
    await people.end(shop.app.desk, shop.merchant_id, gone, "boss")
    for no in ("cashier", "anna"):
        assert (await shop.get("/v1/staff/review", who=no)).code == "staff.not_allowed"
    found = {one["who"]: one for one in (await shop.get("/v1/staff/review", who="olga")).told["items"]}
    assert gone not in found
    assert {"cashier", "boss"} <= set(found)
    assert (found[anna]["role"], found[anna]["store"], found[anna]["look_at"]) == ("manager", ELSEWHERE, [])
    assert "approve" in found[anna]["may"]
    assert "approve" not in found["cashier"]["may"]
    await shop.app.pools.recorder.execute("update staff set since = since - interval '400 days' where id = $1", anna)
    found = {one["who"]: one for one in (await shop.get("/v1/staff/review", who="olga")).told["items"]}
    assert found[anna]["look_at"] == ["unused", "long_in_role"]


async def test_a_machines_key_that_a_leaver_was_told_is_to_be_looked_at_until_it_is_rotated(shop: Shop) -> None:
    """S95: leaving ends people's own keys; a machine's goes on, and so may they with it."""
    olga, gone = await hire(shop, "olga", "owner"), await hire(shop, "gone", "owner")
    made = await shop.post(
        "/v1/keys", {"id": ids.new(Kind.KEY), "actor": "shop system", "scopes": ["read"]}, who="gone"
    )
    assert made.status == 201

    async def looked_at() -> list[str]:
        found = (await shop.get("/v1/staff/review", who="olga")).told["items"]
        return next(one["look_at"] for one in found if one["who"] == "shop system")

    assert await looked_at() == []
    await people.end(shop.app.desk, shop.merchant_id, gone, olga)
    assert await looked_at() == ["known_to_leaver"]
    key = made.told["key"]["id"]
    assert (await shop.post(f"/v1/keys/{key}/rotate", {}, who="olga")).status == 200
    assert await looked_at() == []


KINDS_MADE = (
    "refund",
    "file",
    "repayment",
    "loss",
    "handover",
    "policy",
    "shift",
    "printer",
    "print",
    "mailing",
    "ticket",
)
OF_STORES = {kind.name.lower() for kind in TABLES} - {"answer"}
"""What a part of a path or a field of a wish is called that names an object of a store."""
NOT_OF_A_STORE = {
    "application": "is the installation's: nobody of a merchant gets in",
    "hook": "tells of all stores: nobody of one store gets in (`OF_MERCHANT`)",
    "delivery": "of a hook",
    "key": "may be used at all stores (`OF_MERCHANT`)",
    "limits": "count for all stores (`OF_MERCHANT`)",
    "passkey": "belongs to one person, who alone may name it (`own`)",
    "session": "belongs to one person, who alone may name it (`own`)",
    "goods": "are sold at one price in all stores; nobody of one store changes them (`OF_MERCHANT`)",
    "channel": "a name, no object",
    "statement": "sums over all stores: nobody of one store gets in (`OF_MERCHANT`)",
    "object": "in a path the payment, tried with its evidence; in a step-up only compared with what is done later",
    "evidence": "goes with its object",
    "store": "a wish for another store is refused by its name, whether or not there is one",
    "about": "of a ticket: a payment or refund that is not there, or of another store, is refused as unknown",
    "receipt": "in a path the payment or refund it is of, tried as that",
    "voucher": "whoever holds a slip is told that this merchant has the money, and of other stores no payment, no code",
    "images": "are looked for among those of the complaint in the path",
}
"""What else a call may name, and why it is not tried as an object of a store."""


def named_by(route: Route) -> set[str]:
    """What a route names that may be an object: parts of its path, fields of its body and query."""
    parts = {part.partition("}")[0] for part in route.path.split("{")[1:]}
    fields = {*route.takes.__struct_fields__, *route.query.__struct_fields__}
    return parts | (fields & {*OF_STORES, *NOT_OF_A_STORE})


def test_what_a_route_names_belongs_to_a_store_or_says_why_not() -> None:
    """S95: a new kind of object in a path fails here until somebody says where it belongs."""
    named = set().union(*(named_by(route) for route in ROUTES))
    assert named <= OF_STORES | NOT_OF_A_STORE.keys()
    assert named >= OF_STORES


async def standing(shop: Shop) -> dict[str, str]:
    """One of each object that belongs to the shop's store, by what it is called, made by the people of the house."""
    shop.app.desk.mails = True  # as with a mail server: a letter is only written down here
    payment = await shop.paid()
    case = (await asked(shop)).rpartition("/")[2]
    store = (await shop.get("/v1/tills")).told["items"][0]["store"]
    made = {name: ids.new(Kind[name.upper()]) for name in KINDS_MADE}
    complaint, _ = await test_complaints.complained(shop)
    old, lent = await shop.paid(), await shop.paid()
    await shop.app.pools.recorder.execute(
        "update payments set paid_at = paid_at - interval '400 days' where id = $1", old
    )
    account = {"payer_name": "张三", "account_name": "张三", "account_number": "6200000000001234"}
    for path, wish in (
        ("/v1/refunds", {"id": made["refund"], "payment": payment, "amount_fen": 100, "undo_seconds": 3600}),
        ("/v1/shifts", {"id": made["shift"], "till": shop.till, "float_fen": 0}),
        ("/v1/policies", {"id": made["policy"], "content": STRICT, "store": store}),
        ("/v1/printers", {"id": made["printer"], "via": "till", "store": store, "till": shop.till}),
        ("/v1/prints", {"id": made["print"], "printer": made["printer"], "of": payment}),
        (f"/v1/receipts/{payment}/send", {"id": made["mailing"], "way": "email", "target": "li@mail.example",
                                          "consent": True}),
        ("/v1/tickets", {"id": made["ticket"], "till": shop.till, "about": payment, "cause": "device"}),
        ("/v1/losses", {"id": made["loss"], "case": case, "cause": "wrong_customer", "bearer": "payer",
                       "amount_fen": 9}),
        ("/v1/repayments", {"id": made["repayment"], "payment": old, "amount_fen": 1, "because": "window_over",
                            "account": account}),
    ):  # fmt: skip
        answer = await shop.post(path, wish, who="olga")
        assert answer.status == 201, answer.raw
    photo = f"/v1/cases/{case}/files?id={made['file']}"
    assert (await shop.call("POST", photo, raw=files.jpeg(), content_type="image/jpeg")).status == 201
    handed = {"id": made["handover"], "voucher": lent, "said": "扫错了码"}
    pool, now = shop.app.pools.recorder, shop.app.clock.now()
    asker = await merchants.add_merchant(pool, "asker", now)
    shop.keys["asker"] = (await merchants.add_key(pool, asker, "asker", now)).secret
    assert (await shop.post("/v1/handovers", handed, who="asker")).status == 201
    await later(shop, 1)
    code = (await test_devices.hang(shop))["id"]
    evidence = next(
        one["evidence"] for one in (await shop.get(f"/v1/payments/{payment}/timeline")).told["items"] if one["evidence"]
    )
    person = await people.add(shop.app.desk, shop.merchant_id, role="cashier", name="李", who="boss", store_id=store)
    return {
        **made, "payment": payment, "case": case, "complaint": complaint, "code": code, "till": shop.till,
        "object": payment, "evidence": evidence, "receipt": payment, "staff": person.id,
    }  # fmt: skip


async def about(shop: Shop, route: Route, who: str, known: Mapping[str, str]) -> tuple[int, str]:
    """What a call as its example has it is told about these objects, without what names the objects or the call."""
    path = path_of(route, **known)
    fields = {name: known[name] for name in OF_STORES & {*route.query.__struct_fields__}}
    if route.takes_kinds:
        path = f"{path}?id={ids.new(Kind.FILE)}"
        answer = await shop.call("POST", path, raw=files.jpeg(), content_type="image/jpeg", who=who)
    elif route.method == "GET":
        path += "?" + "&".join(f"{name}={text}" for name, text in fields.items())
        answer = await shop.get(path, who=who)
    else:
        wish = {**route.example, **{name: known[name] for name in OF_STORES & {*route.takes.__struct_fields__}}}
        if "code" in route.takes.__struct_fields__:
            wish["code"] = route.example.get("code", "")
        answer = await shop.post(path, wish, who=who)
    text = answer.raw.decode()
    for name in ("instance", "request"):
        text = re.sub(rf'"{name}":"[^"]*"', "", text)
    for name, one in known.items():
        text = text.replace(one, name)
    return answer.status, text


async def test_what_is_of_another_store_or_merchant_is_answered_like_what_is_not_there(shop: Shop) -> None:
    """S95. S61. S2: every route about an object that is there, also those that come later."""
    await hire(shop, "olga", "owner")
    await hire(shop, "far", "owner", ELSEWHERE)
    there = await standing(shop)
    assert not [name for name in OF_STORES if name not in there]
    before = await rows(shop)
    for route in ROUTES:
        if route.is_open or route.may == "own" or not (named_by(route) & OF_STORES or "{object}" in route.path):
            continue
        nothing = {name: ids.new(Kind(one[:2])) for name, one in there.items()}
        for who in ("far", "neighbour"):
            answers = [await about(shop, route, who, known) for known in (there, nothing)]
            assert answers[0] == answers[1], (who, route.method, route.path)
            is_list = route.method == "GET" and "{" not in route.path
            assert 400 <= answers[0][0] < 500 or (is_list and '"items":[]' in answers[0][1]), (
                who,
                route.path,
                answers[0],
            )
    after = await rows(shop)
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"key_uses", "subject_keys"}  # a key is made before what it would seal is refused


async def test_who_belongs_to_a_store_lists_what_is_of_it_page_by_page(shop: Shop) -> None:
    """S95: the own ones are all found, in order, between those of another store."""
    here = (await shop.get("/v1/tills")).told["items"][0]["store"]
    await hire(shop, "near", "manager", here)
    await hire(shop, "far", "manager", ELSEWHERE)
    pool, now = shop.app.pools.recorder, shop.app.clock.now()
    there = await merchants.add_store(pool, shop.merchant_id, "there", now)
    till = await merchants.add_till(pool, shop.merchant_id, there, "till 2", now)
    own, refunds = [], []
    for number in range(3):
        own.insert(0, await shop.paid())
        other = await shop.paid(till=till)
        refunds.insert(0, (await refunded(shop, own[0], 10 + number, "boss")).told["id"])
        await refunded(shop, other, 1, "boss")
    for path, wanted in (("/v1/payments", own), ("/v1/refunds", refunds)):
        found: list[str] = []
        after = ""
        while True:
            page = (await shop.get(f"{path}?limit=1&after={after}", who="near")).told
            found += [one["id"] for one in page["items"]]
            if page["next"] is None:
                break
            after = page["next"]
        assert found == wanted
        assert (await shop.get(path, who="far")).told["items"] == []
    assert [one["id"] for one in (await shop.get("/v1/tills", who="near")).told["items"]] == [shop.till]
    for path in ("/v1/books", "/v1/float", "/v1/hooks"):
        assert (await shop.get(path, who="near")).code == "staff.other_store"
    own_wish = {"id": ids.new(Kind.REFUND), "payment": own[0], "amount_fen": 1}
    assert (await shop.post("/v1/refunds", own_wish, who="near")).status == 201
    wish = {"id": ids.new(Kind.POLICY), "content": STRICT}
    for place in ("", there):
        assert (await shop.post("/v1/policies", wish | {"store": place}, who="near")).code == "staff.other_store"
    assert (await shop.post("/v1/policies", wish | {"store": here}, who="near")).status == 201
    told = (await shop.post("/v1/trace", {"voucher": own[0]}, who="far")).told
    assert (told["whose"], told["payments"]) == ("yours", [])


async def test_the_operator_at_the_terminal_does_what_the_table_says_and_no_more(shop: Shop) -> None:
    """S95."""
    counter = Counter(shop.app, shop.merchant_id, timedelta())
    before = await rows(shop)
    refused = 0
    for route in ROUTES:
        if route.is_open:
            continue
        if Role.OPERATOR in MAY[route.may]:
            allowed(operator(), route)
            continue
        place = {name.partition("}")[0]: "" for name in route.path.split("{")[1:]}
        place = {name: ids.new(getattr(Kind, name.upper(), Kind.PAYMENT)) for name in place}
        if route.example or (route.takes is Nothing and not route.takes_kinds):
            refused += 1
            with pytest.raises(Denied, match=r"key\.file_needed"):
                await asking.ask(counter, ROUTES, f"{route.method} {route.path}", wish=route.example, **place)
    assert refused > 20
    assert await rows(shop) == before


async def test_the_operators_refunds_obey_the_merchants_limits(shop: Shop) -> None:
    """S95: as a machine's do; who is not in the table sends nothing back."""
    await hire(shop, "fay", "finance")
    await hire(shop, "olga", "owner")
    payment = await shop.paid()
    counter = Counter(shop.app, shop.merchant_id, timedelta())

    async def sent(fen: int) -> str:
        wish = {"payment": payment, "amount_fen": fen}
        try:
            await asking.ask(counter, ROUTES, "POST /v1/refunds", makes=Kind.REFUND, wish=wish)
        except Denied as no:
            return no.code
        return ""

    assert await sent(500) == ""
    await set_limits(shop, operator=(100, 150))
    assert [await sent(fen) for fen in (101, 100, 60)] == ["staff.over_limit", "", "staff.over_day"]
    await set_limits(shop, owner=(None, None))
    assert await sent(1) == "staff.over_limit"
