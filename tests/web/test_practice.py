"""Practice over HTTP: scenes at the real practice ground; what is carried to it, from whom, and what is not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.web.conftest import Answer, Shop, opened
from tests.web.test_keys import enrolled
from tests.web.test_review import hire
from yuanlu import db, ids
from yuanlu.config import Settings
from yuanlu.db import Database
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.postgres import Server
from yuanlu.training import ground as grounds
from yuanlu.training.ground import Address, Ground

KEY = f"yk_{ids.new(Kind.KEY)}_made-up"
MOVES_BY_CALLING = {"api_keys", "signatures"}
"""Tables that any call touches: when a key was last used, and that a signature counts once."""


# --- the real ground ---


@pytest.fixture(scope="module")
async def playing(server: Server, spot: Path) -> AsyncIterator[Shop]:
    """A shop with a cashier, whose practice ground is the real one: it takes long to start, so all tests share it."""
    await server.create("practising", "migrated")
    async with opened(
        Database(server.url("practising"), logs_in_as_roles=True), spot / "practising", said={"practice": 1}
    ) as shop:
        await hire(shop, "wang", "cashier")
        yield shop
    await server.drop("practising")


@dataclass
class Till:
    """A till in the midst of a drill."""

    shop: Shop
    key: str
    id: str
    codes: list[str]

    async def ask(self, method: str, path: str, wish: Any = None) -> Answer:
        return await self.shop.call(method, f"/practice{path}", wish, authorization=f"Bearer {self.key}")

    async def charge(self, fen: int, code: str, **more: Any) -> Any:
        wish = {"id": ids.new(Kind.PAYMENT), "till": self.id, "amount_fen": fen, "code": code} | more
        answer = await self.ask("POST", "/v1/payments", wish)
        assert answer.status == 201, answer.told
        return answer.told

    async def until(self, path: str, is_so: Callable[[Any], bool]) -> Any:
        for _ in range(300):
            told = (await self.ask("GET", path)).told
            if is_so(told):
                return told
            await asyncio.sleep(0.2)
        raise AssertionError(told)

    async def asks(self, fen: int, lines: Any = ()) -> list[str]:
        """What the guards would ask about this amount."""
        told = (await self.ask("POST", "/v1/guards", {"till": self.id, "amount_fen": fen, "lines": lines})).told
        return [each["guard"] for each in told["findings"] if each["asks"]]


async def begun(shop: Shop, drill: str, who: str = "wang") -> Till:
    """A till where this drill begins."""
    for _ in range(20):
        answer = await shop.post("/v1/practice", {"drill": drill}, who=who)
        if answer.status == 201:
            return Till(shop, answer.told["key"], answer.told["till"], answer.told["codes"])
        assert (answer.status, answer.code) == (503, "practice.starting"), answer.told
    raise AssertionError("it never started")


async def counted(shop: Shop) -> dict[str, int]:
    """How many rows each table of the real books has."""
    connection = await db.connect(shop.app.database)
    named = "select tablename from pg_tables where schemaname = 'public'"
    rows = {
        name: await connection.fetchval(f'select count(*) from "{name}"') for (name,) in await connection.fetch(named)
    }
    await connection.close()
    return rows


async def test_the_guards_of_the_real_rules_ask_what_a_drill_is_about(playing: Shop) -> None:
    """S84: what is asked follows from what was really sold at its till."""
    assert await (await begun(playing, "extra_zero")).asks(12800) == ["amount.usual_10"]
    assert await (await begun(playing, "decimal_slip")).asks(365000) == ["amount.usual_100"]
    assert await (await begun(playing, "hurry")).asks(2500) == ["amount.twice"]
    till = await begun(playing, "previous_amount")
    (water,) = (await till.ask("GET", "/v1/goods?barcode=6900000000182&limit=1")).told["items"]
    line = {"id": water["barcode"], "name": water["name_zh"], "quantity": 1, "amount_fen": water["price_fen"]}
    assert await till.asks(4500, [line]) == ["amount.previous"]
    assert await till.asks(1800, [line]) == []


async def test_what_becomes_of_a_code_is_what_the_drill_says(playing: Shop) -> None:
    """S84: each by the real providers' words; the code of who comes after simply pays."""
    for drill, fen, state in (
        ("expired_code", 3000, "FAILED"),
        ("no_funds", 8800, "FAILED"),
        ("walks_away", 1500, "SENT"),
    ):
        till = await begun(playing, drill)
        assert (await till.charge(fen, till.codes[0]))["state"] == state
        assert (await till.charge(fen, till.codes[1]))["state"] == "PAID"
    till = await begun(playing, "password_timeout")
    sale = await till.charge(26000, till.codes[0])
    assert (sale["state"], sale["waiting_for"]) == ("SENT", "payer_confirms")
    await till.until(f"/v1/payments/{sale['id']}", lambda told: told["state"] == "PAID")


async def test_a_charge_that_is_paid_late_is_found_by_whoever_looks_and_goes_back(playing: Shop) -> None:
    """S84."""
    till = await begun(playing, "late_paid")
    sale = await till.charge(1900, till.codes[0])
    path = f"/v1/payments/{sale['id']}"
    await asyncio.sleep(15.5)  # WeChat Pay reverses nothing before
    assert (await till.ask("POST", f"{path}/cancel", {})).status == 200
    await till.until(path, lambda told: told["state"] == "REVERSED")
    await asyncio.sleep(6)
    case = {"id": ids.new(Kind.CASE), "payment": sale["id"], "what": "wrong_customer"}  # the channel is asked anew
    assert (await till.ask("POST", "/v1/cases", case)).status == 201
    await till.until(path, lambda told: told["state"] == "LATE_PAID" and told["back_fen"] == 1900)


async def test_two_tills_practise_at_the_same_time_and_do_not_meet(playing: Shop) -> None:
    """S84."""
    one, other = await asyncio.gather(begun(playing, "hurry"), begun(playing, "hurry"))
    assert one.id != other.id
    await one.charge(777, one.codes[0])
    sold = [(await till.ask("GET", f"/v1/payments?till={till.id}&limit=9")).told["items"] for till in (one, other)]
    assert [[each["amount_fen"] for each in items] for items in sold] == [[777, 2500, 900], [2500, 900]]
    assert await one.asks(777) == ["amount.twice"]
    assert await other.asks(777) == []


async def test_nothing_that_is_practised_is_in_the_real_books(playing: Shop) -> None:
    """S84: every table is as it was, but for the record of the drill; and the till of a drill is none of the shop's."""
    before = await counted(playing)
    till = await begun(playing, "charged_twice")
    items = (await till.ask("GET", f"/v1/payments?till={till.id}&limit=9")).told["items"]
    assert [each["amount_fen"] for each in items] == [3300, 3300, 1200]
    case = {"id": ids.new(Kind.CASE), "payment": items[0]["id"], "what": "charged_twice"}
    assert (await till.ask("POST", "/v1/cases", case)).status == 201
    await till.until(f"/v1/cases/{case['id']}", lambda told: told["state"] == "CLOSED" and told["amount_fen"] == 3300)
    assert {name: count for name, count in (await counted(playing)).items() if name not in MOVES_BY_CALLING} == {
        name: count for name, count in before.items() if name not in MOVES_BY_CALLING
    }
    done = {"id": ids.new(Kind.DRILL), "drill": "charged_twice", "outcome": "right", "seconds": 9}
    assert (await playing.post("/v1/drills", done, who="wang")).status == 201
    after = await counted(playing)
    assert {name for name in after if after[name] != before[name]} - MOVES_BY_CALLING >= {"drills"}
    assert (await playing.get(f"/v1/payments/{items[0]['id']}")).code == "payment.unknown"
    assert (await playing.post("/v1/payments", playing.wish(till=till.id))).code == "payment.till_unknown"


async def test_a_key_of_practice_opens_nothing_of_the_shop_nor_the_other_way_round(playing: Shop) -> None:
    till = await begun(playing, "hurry")
    for path in ("/v1/payments", "/v1/drills", "/v1/books"):
        assert (await playing.get(path, authorization=f"Bearer {till.key}")).code == "auth.key_invalid"
    for who in ("wang", "boss", "neighbour"):
        assert (await playing.get("/practice/v1/payments", who=who)).code == "auth.key_invalid"
    for path in ("/v1/books", "/v1/keys", "/v1/staff/review"):  # a cashier there is no more than a cashier here
        assert (await till.ask("GET", path)).status in (200, 403, 404)
    assert (await till.ask("POST", "/v1/keys", {"id": ids.new(Kind.KEY), "actor": "x"})).status == 403


# --- a made-up ground that says what it was sent ---


@dataclass
class Far:
    """What stands in for the ground: every request that reached it."""

    shop: Shop
    asked: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    kind: str = "application/json"


def program(address: Address) -> tuple[str, str]:
    """A ground that says that it answers there, and lasts as long as it must."""
    told = json.dumps({"api": address.api, "scenes": address.scenes, "token": address.token})
    return "-c", f"print({told!r}, flush=True)\nimport sys; sys.stdin.read()"


@asynccontextmanager
async def listening(far: Far) -> AsyncIterator[str]:
    async def answer(asked: web.Request) -> web.Response:
        far.asked.append(asked)
        far.bodies.append(await asked.read())
        body = json.dumps({"key": KEY, "till": ids.new(Kind.TILL), "codes": []}).encode()
        headers = {"set-cookie": "session=theirs", "location": "https://elsewhere.example/", "x-own": "1"}
        return web.Response(body=body, headers=headers | {"content-type": far.kind})

    site = web.Application()
    site.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(site)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def far(bare_shop: Shop, tmp_path: Path) -> AsyncIterator[Far]:
    """A shop with a cashier, whose practice ground says what it was sent."""
    await hire(bare_shop, "wang", "cashier")
    made = Far(bare_shop)
    async with listening(made) as address:
        words = program(Address(api=address, scenes=address, token="theirs"))
        bare_shop.app.ground = Ground(Settings(state=tmp_path), words)
        yield made
        await bare_shop.app.ground.close()


async def ready(far: Far) -> None:
    """It is started, and gave a key out."""
    answer = await far.shop.post("/v1/practice", {"drill": "hurry"}, who="wang")
    assert answer.status == 201, answer.told
    assert answer.told["key"] == KEY
    far.asked.clear()
    far.bodies.clear()


async def test_a_call_goes_through_with_its_body_and_key_and_with_nothing_else(far: Far) -> None:
    await ready(far)
    sent = {"cookie": "session=secret; a=b", "step-up": "x", "x-forwarded-for": "10.0.0.9", "x-own": "secret",
            "referer": "https://shop.example/", "accept-language": "zh", "user-agent": "a browser"}  # fmt: skip
    answer = await far.shop.call(
        "POST", "/practice/v1/guards/asked?a=1&b=x-y", {"till": "x"}, authorization=f"Bearer {KEY}", **sent
    )
    (asked,) = far.asked
    assert (asked.method, asked.raw_path, far.bodies) == ("POST", "/v1/guards/asked?a=1&b=x-y", [b'{"till":"x"}'])
    assert {name.lower() for name in asked.headers} == {
        "host", "accept-encoding", "authorization", "content-type", "content-length",
    }  # fmt: skip
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert answer.status == 200
    assert not {"set-cookie", "location", "x-own"} & answer.headers.keys()


@pytest.mark.parametrize(
    "rest",
    [
        "", "/", "/v1", "/v1/", "/scene", "/metrics", "/healthz", "/callbacks/wechat/x",
        "/_sim/books", "/v1/openapi.json",
        "/v1/../metrics", "/v1/payments/..", "/v1/%2e%2e/metrics", "/v1//payments", "/v1/a/b/c/d/e/f", "/v1/x%23y",
        "/v1/payments?next=@elsewhere.example", "/v1/payments%0d%0ax:y", "/@elsewhere.example/v1/x",
        "//elsewhere.example/v1/payments", "/http://elsewhere.example/v1/payments",
    ],
)  # fmt: skip
async def test_no_other_path_goes_through(far: Far, rest: str) -> None:
    await ready(far)
    host, port = far.shop.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))  # a client of HTTP would tidy these up
    writer.write(
        f"GET /practice{rest} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n\r\n".encode()
    )
    status = int((await reader.read()).split()[1])
    writer.close()
    assert status in (400, 404)
    assert far.asked == []


async def test_no_other_method_goes_through(far: Far) -> None:
    await ready(far)
    for method in ("PUT", "DELETE", "PATCH"):
        answer = await far.shop.call(method, "/practice/v1/payments", {}, authorization=f"Bearer {KEY}")
        assert answer.code == "request.method"
    assert far.asked == []


async def test_a_body_that_is_too_large_does_not_go_through(far: Far) -> None:
    await ready(far)
    answer = await far.shop.post("/practice/v1/payments", raw=b"x" * 70_000, authorization=f"Bearer {KEY}")
    assert (answer.status, answer.code) == (413, "request.too_large")
    assert far.asked == []


async def test_a_file_that_could_run_here_is_told_as_none(far: Far) -> None:
    """What comes back has the kind of an API's answer and the policy of ours."""
    await ready(far)
    far.kind = "text/html; charset=utf-8; x=<script>"
    answer = await far.shop.get("/practice/v1/payments", authorization=f"Bearer {KEY}")
    assert answer.headers["content-type"] == "application/json"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_thief_without_the_tills_signature_gets_nothing(far: Far) -> None:
    """No scene for a till's token alone, nor for a machine; no call with any key that was not given out."""
    await hire(far.shop, "owner", "owner")
    device = await enrolled(far.shop, far.shop.till)
    for who, code in (("", "signature.missing"), ("cashier", "staff.not_allowed"), ("neighbour", "staff.not_allowed")):
        more = {"who": who} if who else {"authorization": f"Bearer {device.token}"}
        assert (await far.shop.post("/v1/practice", {"drill": "hurry"}, **more)).code == code
    assert (await far.shop.post("/v1/practice", {"drill": "hurry"}, authorization="")).code == "auth.key_missing"
    assert far.asked == []
    await ready(far)
    for key, code in (
        ("", "auth.key_missing"), ("Basic x", "auth.key_invalid"), (f"Bearer {KEY}x", "auth.key_invalid"),
        (f"Bearer {device.token}", "auth.key_invalid"), (f"Bearer {far.shop.keys['boss']}", "auth.key_invalid"),
        ("Bearer theirs", "auth.key_invalid"), ("theirs", "auth.key_invalid"),
    ):  # fmt: skip
        assert (await far.shop.get("/practice/v1/payments", authorization=key)).code == code
    assert far.asked == []


async def test_a_drill_that_there_is_not_starts_nothing(far: Far) -> None:
    answer = await far.shop.post("/v1/practice", {"drill": "no_such"}, who="wang")
    assert (answer.status, answer.code) == (404, "drill.unknown")
    assert far.asked == []


async def test_a_ground_that_is_gone_is_said_so_and_is_started_anew_for_the_next_drill(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grounds, "IDLE_SECONDS", 0.5)
    await ready(far)
    assert (await far.shop.get("/practice/v1/payments", authorization=f"Bearer {KEY}")).status == 200
    async with asyncio.timeout(20):
        while (answer := await far.shop.get("/practice/v1/payments", authorization=f"Bearer {KEY}")).status == 200:
            await asyncio.sleep(1.5)  # it is let go only while nobody calls
    assert (answer.status, answer.code) == (503, "practice.away")
    await ready(far)


async def test_where_practice_is_turned_off_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(Denied, match=r"practice\.off"):
        await Ground(Settings(state=tmp_path, practice=0)).scene("hurry")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("-c", "print('no address')"), ("-c", "raise SystemExit(1)")])
async def test_a_ground_that_cannot_start_is_said_so_and_is_not_tried_again_at_once(
    tmp_path: Path, words: tuple[str, str]
) -> None:
    ground = Ground(Settings(state=tmp_path), words)
    for _ in range(2):
        with pytest.raises(Denied, match=r"practice\.away"):
            await ground.scene("hurry")
    await ground.close()
    assert "SystemExit" not in (tmp_path / "practice" / "log").read_text()


async def test_who_waits_too_long_for_the_start_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grounds, "ANSWER_WITHIN", 0.2)
    ground = Ground(Settings(state=tmp_path), ("-c", "import sys; sys.stdin.read()"))
    with pytest.raises(Denied, match=r"practice\.starting"):
        await ground.scene("hurry")
    await ground.close()
