"""Keys over HTTP: what each may do, how it turns over and ends; and tills, whose stolen token opens nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.tilling import Device
from tests.web.conftest import Answer, Shop
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.machines.store import Nonces
from yuanlu.merchants import store as merchants
from yuanlu.people import flow as people
from yuanlu.web.parts import auth
from yuanlu.web.server import ROUTES

NAMED = {kind.name.lower(): kind for kind in Kind} | {"object": Kind.PAYMENT, "receipt": Kind.PAYMENT}
"""What the parts of paths are ids of."""


async def hired(shop: Shop, role: str, store_id: str = "") -> str:
    """A member of staff of this role, with a key under the role's name; their id."""
    one = await people.add(shop.app.desk, shop.merchant_id, role=role, name="王芳", who="boss", store_id=store_id)
    now = shop.app.clock.now()
    key = await merchants.add_key(shop.app.pools.recorder, shop.merchant_id, one.id, now, staff_id=one.id)
    shop.keys[role] = key.secret
    return one.id


async def made(shop: Shop, *, who: str = "owner", **wish: Any) -> Answer:
    """Ask for a key for a machine."""
    return await shop.post("/v1/keys", {"id": ids.new(Kind.KEY), "actor": "stock", **wish}, who=who)


@pytest.fixture
async def owned(bare_shop: Shop) -> Shop:
    """A shop with an owner."""
    await hired(bare_shop, "owner")
    return bare_shop


@pytest.fixture
async def device(owned: Shop) -> Device:
    """The device that is till 1."""
    return await enrolled(owned, owned.till)


async def enrolled(shop: Shop, till: str, scopes: tuple[str, ...] = ()) -> Device:
    invited = await shop.post(f"/v1/tills/{till}/enrolment", {"scopes": list(scopes)}, who="owner")
    assert invited.status == 201, invited.told
    one = Device()
    wish = {"code": invited.told["code"].lower(), "public_key": one.public_key}
    answer = await shop.post("/v1/enrolments", wish, authorization="")
    assert answer.status == 201, answer.told
    one.token, one.key_id = answer.told["api_key"], answer.told["key"]["id"]
    return one


async def ask(shop: Shop, device: Device, method: str, path: str, wish: Any = None, **more: Any) -> Answer:
    """Ask as this till does."""
    body = b"" if wish is None else msgspec.json.encode(wish)
    return await _sent(shop, method, path, device.signed(method, shop.base_url + path, body, **more), body)


async def _sent(shop: Shop, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
    async with shop.session.request(method, shop.base_url + path, data=body, headers=headers) as answer:
        return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, await answer.read())


async def test_a_key_is_made_listed_turned_over_and_ended(owned: Shop) -> None:
    answer = await made(owned, scopes=["read"])
    assert answer.status == 201
    first, key_id = answer.told["api_key"], answer.told["key"]["id"]
    owned.keys["machine"] = first
    assert (await owned.get("/v1/payments", who="machine")).status == 200
    turned = (await owned.post(f"/v1/keys/{key_id}/rotate", {"grace_seconds": 3600}, who="owner")).told
    owned.keys["newer"] = turned["api_key"]
    for who in ("machine", "newer"):
        assert (await owned.get("/v1/payments", who=who)).status == 200, who
    again = await owned.post(f"/v1/keys/{key_id}/rotate", {}, who="owner")
    assert (again.status, again.code) == (409, "key.rotating")
    page = await owned.get("/v1/keys", who="owner")
    listed = next(each for each in page.told["items"] if each["id"] == key_id)
    assert (listed["standing"], listed["scopes"]) == ("rotating", ["read"])
    for secret in (first, turned["api_key"]):
        assert secret.rpartition("_")[2].encode() not in page.raw
    assert (await owned.post(f"/v1/keys/{key_id}/end", {}, who="owner")).told["standing"] == "ended"
    await asyncio.sleep(1)
    for who in ("machine", "newer"):
        assert (await owned.get("/v1/payments", who=who)).code == "auth.key_invalid", who


async def test_the_old_secret_ends_with_its_grace(owned: Shop) -> None:
    answer = await made(owned)
    key_id, owned.keys["machine"] = answer.told["key"]["id"], answer.told["api_key"]
    owned.keys["newer"] = (await owned.post(f"/v1/keys/{key_id}/rotate", {"grace_seconds": 2}, who="owner")).told[
        "api_key"
    ]
    assert (await owned.get("/v1/payments", who="machine")).status == 200
    await asyncio.sleep(2)
    assert (await owned.get("/v1/payments", who="machine")).code == "auth.key_invalid"
    assert (await owned.get("/v1/payments", who="newer")).status == 200


async def test_a_key_ends_on_its_day(owned: Shop) -> None:
    until = datetime.now(UTC) + timedelta(seconds=2)
    owned.keys["machine"] = (await made(owned, until=until.isoformat())).told["api_key"]
    assert (await owned.get("/v1/payments", who="machine")).status == 200
    await asyncio.sleep(2.1)
    assert (await owned.get("/v1/payments", who="machine")).code == "auth.key_invalid"


async def test_asking_again_for_a_key_tells_its_secret_no_more(owned: Shop) -> None:
    wish = {"id": ids.new(Kind.KEY), "actor": "stock"}
    first = await owned.post("/v1/keys", wish, who="owner")
    again = await owned.post("/v1/keys", wish, who="owner")
    assert (first.status, again.status, again.told["api_key"]) == (201, 200, "")
    other = await owned.post("/v1/keys", wish | {"actor": "other"}, who="owner")
    assert (other.status, other.code) == (409, "key.id_taken")


@pytest.mark.parametrize("role", ["finance", "manager", "cashier", "auditor", "machine"])
async def test_only_owners_make_keys(owned: Shop, role: str) -> None:
    if role == "machine":
        owned.keys["machine"] = (await made(owned)).told["api_key"]
    else:
        await hired(owned, role)
    for answer in (
        await made(owned, who=role),
        await owned.get("/v1/keys", who=role),
        await owned.post(f"/v1/keys/{ids.new(Kind.KEY)}/rotate", {}, who=role),
        await owned.post(f"/v1/keys/{ids.new(Kind.KEY)}/end", {}, who=role),
    ):
        assert (answer.status, answer.code) == (403, "staff.not_allowed")


async def test_a_neighbours_keys_are_not_there(owned: Shop) -> None:
    strange = owned.keys["neighbour"].split("_")[1]
    for verb in ("rotate", "end"):
        assert (await owned.post(f"/v1/keys/{strange}/{verb}", {}, who="owner")).code == "key.unknown"
    assert strange not in (await owned.get("/v1/keys", who="owner")).raw.decode()
    assert (await owned.get("/v1/payments", who="neighbour")).status == 200


async def test_a_leavers_keys_end_with_them(owned: Shop) -> None:
    """Also the narrowed one that they made for themselves, and its old secret in its grace."""
    leaver = await hired(owned, "owner")
    await people.add(owned.app.desk, owned.merchant_id, role="owner", name="李", who="boss")  # somebody stays
    mine = await made(owned, mine=True, scopes=["read"])
    owned.keys["mine"] = mine.told["api_key"]
    turned = await owned.post(f"/v1/keys/{mine.told['key']['id']}/rotate", {}, who="owner")
    owned.keys["turned"] = turned.told["api_key"]
    for who in ("owner", "mine", "turned"):
        assert (await owned.get("/v1/payments", who=who)).status == 200
    await people.end(owned.app.desk, owned.merchant_id, leaver, "boss")
    await asyncio.sleep(1)
    for who in ("owner", "mine", "turned"):
        assert (await owned.get("/v1/payments", who=who)).code == "auth.key_invalid", who


async def test_a_key_for_reading_changes_nothing_anywhere(owned: Shop) -> None:
    """Each route, as an owner would ask it who has all but this scope."""
    owned.keys["reader"] = (await made(owned, mine=True, scopes=["read"])).told["api_key"]
    before = await owned.counts()
    for route in ROUTES:
        if route.is_open or route.method == "GET" or route.may == "see":
            continue
        path = "/".join(ids.new(NAMED.get(p[1:-1], Kind.CODE)) if p[:1] == "{" else p for p in route.path.split("/"))
        raw = b"x" if route.takes_kinds else msgspec.json.encode(dict(route.example))
        query = f"?id={ids.new(Kind.FILE)}" if route.takes_kinds else ""
        answer = await owned.call("POST", path + query, raw=raw, who="reader")
        assert (answer.status, answer.code, answer.told["verb"]) == (403, "key.out_of_scope", route.may), route.path
    assert await owned.counts() == before


async def test_a_key_without_the_scope_for_reading_reads_nothing(owned: Shop) -> None:
    owned.keys["charger"] = (await made(owned, scopes=["charge"])).told["api_key"]
    for path in ("/v1/payments", "/v1/books", "/v1/tills", "/v1/cases", "/v1/keys"):
        assert (await owned.get(path, who="charger")).code == "key.out_of_scope", path
    answer = await owned.post("/v1/payments", owned.wish(), who="charger")
    assert answer.code != "key.out_of_scope"


async def test_when_a_key_was_used_is_written_once_a_minute_and_changes_no_key(
    owned: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "WRITE_AFTER_SECONDS", 0.05)
    door = auth.Doorkeeper(owned.app)
    pool, header = owned.app.pools.recorder, f"Bearer {owned.keys['boss']}"
    key_id = owned.keys["boss"].split("_")[1]
    epoch = await pool.fetchval("select epoch from key_epoch")
    written = "select used_at from key_uses where id = $1"
    for _ in range(20):
        await door.who(header)
    async with asyncio.timeout(5):
        while (first := await pool.fetchval(written, key_id)) is None:
            await asyncio.sleep(0.05)
    other = auth.Doorkeeper(owned.app)  # as another process has it
    await other.who(header)
    await asyncio.sleep(0.5)
    assert await pool.fetchval(written, key_id) == first
    assert await pool.fetchval("select epoch from key_epoch") == epoch


# --- tills ---


async def test_a_till_asks_with_its_signature(owned: Shop, device: Device) -> None:
    assert (await ask(owned, device, "GET", "/v1/tills")).status == 200
    assert (await ask(owned, device, "GET", "/v1/payments?limit=2&after=")).status == 200
    answer = await ask(owned, device, "POST", "/v1/payments", owned.wish())
    assert answer.code == "scan.channel_off" or answer.status < 500


async def test_a_stolen_token_alone_opens_nothing(owned: Shop, device: Device) -> None:
    before = await owned.counts()
    owned.keys["thief"] = device.token
    for route in ROUTES:
        if route.is_open:
            continue
        path = "/".join(ids.new(NAMED.get(p[1:-1], Kind.CODE)) if p[:1] == "{" else p for p in route.path.split("/"))
        raw = None if route.method == "GET" else msgspec.json.encode(dict(route.example))
        answer = await owned.call(route.method, path, raw=raw, who="thief")
        assert (answer.status, answer.code) == (401, "signature.missing"), route.path
    thief = Device(token=device.token, key_id=device.key_id)
    assert (await ask(owned, thief, "GET", "/v1/tills")).code == "signature.wrong"
    assert await owned.counts() == before


async def test_a_request_that_was_recorded_counts_once(owned: Shop, device: Device) -> None:
    """In this process, in another one (its doorkeeper has other memory), and two at the same moment."""
    headers = device.signed("GET", owned.base_url + "/v1/tills")
    together = await asyncio.gather(*(_sent(owned, "GET", "/v1/tills", headers, b"") for _ in range(5)))
    assert sorted(each.status for each in together) == [200, 401, 401, 401, 401]
    assert {each.code for each in together if each.status == 401} == {"signature.replayed"}
    at = owned.app.clock.now()
    processes = [Nonces(owned.app.pools.recorder) for _ in range(2)]
    found = await asyncio.gather(*(each.is_new(owned.merchant_id, device.key_id, "x" * 16, at) for each in processes))
    assert sorted(found) == [False, True]
    assert await processes[0].is_new(owned.merchant_id, device.key_id, "y" * 16, at)


async def test_old_nonces_are_forgotten_once_their_signatures_are_too_old(owned: Shop) -> None:
    pool, at = owned.app.pools.recorder, owned.app.clock.now()
    await Nonces(pool).is_new(owned.merchant_id, "key", "old" * 8, at - timedelta(minutes=6))
    await Nonces(pool).is_new(owned.merchant_id, "key", "new" * 8, at)
    rows = await pool.fetch("select nonce from key_nonces where key_id = 'key'")
    assert [row["nonce"] for row in rows] == ["new" * 8]


async def test_many_signatures_at_once_are_each_believed(owned: Shop, device: Device) -> None:
    answers = await asyncio.gather(*(ask(owned, device, "GET", "/v1/tills") for _ in range(40)))
    assert {each.status for each in answers} == {200}


async def test_what_was_altered_on_its_way_is_refused(owned: Shop, device: Device) -> None:
    beside = await enrolled(owned, owned.till)
    before = await owned.counts()
    wish = owned.wish()
    body, other = msgspec.json.encode(wish), msgspec.json.encode(wish | {"amount_fen": 1})
    url = owned.base_url + "/v1/payments"
    headers = device.signed("POST", url, body)
    assert (await _sent(owned, "POST", "/v1/payments", headers, other)).code == "signature.body"
    assert (await _sent(owned, "POST", "/v1/refunds", headers, body)).code == "signature.wrong"
    assert (await _sent(owned, "POST", "/v1/payments?a=1", headers, body)).code == "signature.wrong"
    swapped = headers | {"Authorization": f"Bearer {beside.token}"}
    assert (await _sent(owned, "POST", "/v1/payments", swapped, body)).code == "signature.wrong_key"
    old = device.signed("POST", url, body, created=datetime.now(UTC) - timedelta(seconds=70))
    assert (await _sent(owned, "POST", "/v1/payments", old, body)).code == "signature.too_old"
    assert await owned.counts() == before


async def test_a_file_that_was_altered_on_its_way_is_refused(owned: Shop, device: Device) -> None:
    path = f"/v1/cases/{ids.new(Kind.CASE)}/files?id={ids.new(Kind.FILE)}"
    headers = device.signed("POST", owned.base_url + path, b"one file")
    assert (await _sent(owned, "POST", path, headers, b"other file")).code == "signature.body"
    assert (await _sent(owned, "POST", path, headers, b"one file")).code != "signature.body"


async def test_a_till_is_no_other_till(owned: Shop, device: Device) -> None:
    pool, now = owned.app.pools.recorder, owned.app.clock.now()
    store_id = await pool.fetchval("select store_id from tills where id = $1", owned.till)
    second = await merchants.add_till(pool, owned.merchant_id, store_id, "till 2", now)
    other = await enrolled(owned, second)
    answer = await ask(owned, device, "GET", "/v1/tills", token=other.token)
    assert answer.code == "signature.wrong_key"
    answer = await ask(owned, device, "GET", "/v1/tills", token=other.token, key_id=other.key_id)
    assert answer.code == "signature.wrong"
    charged = await ask(owned, device, "POST", "/v1/payments", owned.wish(till=second))
    assert (charged.status, charged.code) == (403, "key.other_till")


async def test_a_till_that_ended_or_was_closed_is_out_within_a_second(owned: Shop, device: Device) -> None:
    assert (await ask(owned, device, "GET", "/v1/tills")).status == 200
    await owned.post(f"/v1/keys/{device.key_id}/end", {}, who="owner")
    await asyncio.sleep(1)
    assert (await ask(owned, device, "GET", "/v1/tills")).code == "auth.key_invalid"
    again = await enrolled(owned, owned.till)
    assert (await ask(owned, again, "GET", "/v1/tills")).status == 200
    closed = await owned.post(f"/v1/tills/{owned.till}/close", {}, who="owner")
    assert closed.status == 200
    await asyncio.sleep(1)
    assert (await ask(owned, again, "GET", "/v1/tills")).code == "auth.key_invalid"
    assert (await owned.post("/v1/payments", owned.wish(), who="cashier")).code == "payment.till_unknown"
    assert (await owned.get("/v1/tills", who="owner")).told["items"] == []
    refused = await owned.post(f"/v1/tills/{owned.till}/enrolment", {}, who="owner")
    assert (refused.status, refused.code) == (404, "till.gone")


async def test_a_code_enrols_one_device(owned: Shop) -> None:
    invited = (await owned.post(f"/v1/tills/{owned.till}/enrolment", {}, who="owner")).told
    wishes = [{"code": invited["code"], "public_key": Device().public_key} for _ in range(5)]
    answers = await asyncio.gather(*(owned.post("/v1/enrolments", wish, authorization="") for wish in wishes))
    assert sorted(each.status for each in answers) == [201, 404, 404, 404, 404]
    again = await owned.post("/v1/enrolments", wishes[0], authorization="")
    assert (again.status, again.code) == (404, "enrolment.unknown")
    kept = await owned.app.pools.recorder.fetch("select to_jsonb(t)::text as row from api_keys t")
    assert invited["code"].replace("-", "") not in "".join(row["row"] for row in kept)


async def test_a_code_ends_after_fifteen_minutes_and_with_its_key(owned: Shop) -> None:
    pool = owned.app.pools.recorder
    late = (await owned.post(f"/v1/tills/{owned.till}/enrolment", {}, who="owner")).told
    await pool.execute("update api_keys set enrol_until = $2 where id = $1", late["key"], owned.app.clock.now())
    ended = (await owned.post(f"/v1/tills/{owned.till}/enrolment", {}, who="owner")).told
    await owned.post(f"/v1/keys/{ended['key']}/end", {}, who="owner")
    for code in (late["code"], ended["code"], "0000-0000-0000"):
        wish = {"code": code, "public_key": Device().public_key}
        assert (await owned.post("/v1/enrolments", wish, authorization="")).code == "enrolment.unknown"


async def test_managers_enrol_in_their_own_store_and_cashiers_nowhere(owned: Shop) -> None:
    pool, now = owned.app.pools.recorder, owned.app.clock.now()
    there = await merchants.add_store(pool, owned.merchant_id, "there", now)
    here = await pool.fetchval("select store_id from tills where id = $1", owned.till)
    path = f"/v1/tills/{owned.till}/enrolment"
    await hired(owned, "cashier", here)
    assert (await owned.post(path, {}, who="cashier")).code == "staff.not_allowed"
    await hired(owned, "manager", there)
    assert (await owned.post(path, {}, who="manager")).code == "till.gone"
    await hired(owned, "manager", here)
    assert (await owned.post(path, {}, who="manager")).status == 201
    assert (await owned.post(f"/v1/tills/{ids.new(Kind.TILL)}/enrolment", {}, who="manager")).status == 404


async def test_a_tills_scopes_narrow_it(owned: Shop) -> None:
    device = await enrolled(owned, owned.till, ("charge",))
    assert (await ask(owned, device, "GET", "/v1/payments")).code == "key.out_of_scope"
    assert (await ask(owned, device, "POST", "/v1/payments", owned.wish())).code != "key.out_of_scope"


async def test_what_is_done_with_keys_is_on_record_without_a_secret(owned: Shop) -> None:
    key = (await made(owned)).told
    turned = (await owned.post(f"/v1/keys/{key['key']['id']}/rotate", {}, who="owner")).told
    await owned.post(f"/v1/keys/{key['key']['id']}/end", {}, who="owner")
    device = await enrolled(owned, owned.till)
    await owned.post(f"/v1/tills/{owned.till}/close", {}, who="owner")
    facts = await owned.app.pools.recorder.fetch("select to_jsonb(f)::text as text, kind from facts f")
    assert {"KeyMade", "KeyRotated", "KeyEnded", "TillInvited", "TillEnrolled", "TillClosed"} <= {
        row["kind"] for row in facts
    }
    for secret in (key["api_key"], turned["api_key"], device.token):
        assert not any(secret.rpartition("_")[2] in row["text"] for row in facts)
