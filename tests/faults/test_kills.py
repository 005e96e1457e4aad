"""Real processes, really killed: service, worker and PostgreSQL under load, again and again, and nothing is lost."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import asyncpg
import pytest

from tests.faults.audit import Audit, provider, snapshot
from tests.faults.installation import Installation, installed
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.sim.faults import Fault
from yuanlu.sim.faults import Kind as Trouble

KILLS = ("service", "postmaster", "worker", "backend") * 8
HABITS = ("ok",) * 6 + ("password", "walks_away", "no_funds")
TILLS = 5


@pytest.fixture
def place(spot: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A short directory of one's own."""
    made = spot / str(abs(hash(request.node.name)) % 10**6)
    made.mkdir()
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


class Load:
    """Tills that charge, report and refund without a pause, and remember what they were told."""

    def __init__(self, world: Installation, seed: int) -> None:
        self.world = world
        self.seed = seed
        self.stopped = False
        self.payments: dict[str, str] = {}
        self.refunds: dict[str, int] = {}
        self.cases: set[str] = set()
        self.asked = 0

    async def till(self, number: int) -> None:
        chance = Random(f"{self.seed} till {number}")
        while not self.stopped:
            await self._customer(chance)

    async def _customer(self, chance: Random) -> None:
        wallet = chance.choice(("wechat", "alipay"))
        fen = chance.randint(100, 20_000)
        payment_id = ids.new(Kind.PAYMENT)
        if chance.random() < 0.2:
            kind = chance.choice((Trouble.LOST_ANSWER, Trouble.LOST_REQUEST, Trouble.ERROR_502))
            operation = chance.choice(("pay", "query", "refund"))
            self.world.sim.faults.arm(Fault(0, kind, operation, payment_id, None))
        body = {
            "id": payment_id,
            "till": self.world.till_id,
            "amount_fen": fen,
            "code": self.world.sim.world.payer_codes[f"{wallet}_{chance.choice(HABITS)}"],
        }
        status, told = await self.world.insist("/v1/payments", body)
        self.asked += 1
        if status == 409 and told["code"] == "payment.code_in_use":
            return
        assert status in (200, 201), told
        self.payments[payment_id] = told["state"]
        if told["state"] == "PAID":
            await self._mistake(payment_id, fen, chance)

    async def _mistake(self, payment_id: str, fen: int, chance: Random) -> None:
        if chance.random() < 0.4:
            body = {"id": ids.new(Kind.CASE), "payment": payment_id, "what": "wrong_amount", "meant_fen": fen // 10}
            status, told = await self.world.insist("/v1/cases", body)
            assert status in (200, 201), told
            self.cases.add(told["id"])
        elif chance.random() < 0.7:
            back = chance.randint(1, fen)
            body = {"id": ids.new(Kind.REFUND), "payment": payment_id, "amount_fen": back}
            status, told = await self.world.insist("/v1/refunds", body)
            assert status in (200, 201), told
            self.refunds[told["id"]] = back


async def killed_under_load(world: Installation, kills: tuple[str, ...], seed: int) -> Load:
    """Kill one thing after another at random moments under load; answers what callers were told."""
    chance = Random(f"{seed} kills")
    load = Load(world, seed)
    tills = [asyncio.create_task(load.till(number)) for number in range(TILLS)]
    for what in kills:
        await asyncio.sleep(chance.uniform(0.2, 1.4))
        await world.kill(what)
        for till in tills:
            if till.done():
                till.result()
    load.stopped = True
    await asyncio.gather(*tills)
    return load


async def nothing_lost(world: Installation, load: Load) -> list[str]:
    """Come to rest; answers what is wrong with the books, or missing of what callers were told."""
    await world.rest()
    connection = await world.connect()
    with suppress(asyncpg.PostgresError):
        books = await snapshot(connection)
    await connection.close()
    audit = Audit(books, provider(world.sim.world.books.values())).at_rest()
    wrong = [f"{each.law}: {each.text}" for each in audit.found]
    payments = {row["id"]: row for row in books.payments}
    refunds = {row["id"]: row for row in books.refunds}
    cases = {row["id"] for row in books.cases}
    for payment_id, state in load.payments.items():
        kept = payments.get(payment_id)
        if kept is None or (state == "PAID" and kept["state"] != "PAID"):
            wrong.append(f"{payment_id} was told {state}, now it is {kept and kept['state']}")
    for refund_id, fen in load.refunds.items():
        if refund_id not in refunds or refunds[refund_id]["amount_fen"] != fen:
            wrong.append(f"{refund_id} was told {fen} fen")
    wrong += [f"{case_id} was told and is gone" for case_id in load.cases - cases]
    return wrong


async def test_kill_9_of_everything_in_turn_under_load_loses_nothing(place: Path) -> None:
    """S26. S91."""
    async with installed(place) as world:
        load = await killed_under_load(world, KILLS, seed=1)
        assert load.asked > 50
        wrong = await nothing_lost(world, load)
        assert not wrong, f"{len(wrong)} of seed 1\n" + "\n".join(wrong[:20])


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 6))
async def test_hundreds_of_kills_lose_nothing(place: Path, seed: int) -> None:
    kills = list(KILLS * 4)
    Random(seed).shuffle(kills)
    async with installed(place, seed=seed) as world:
        load = await killed_under_load(world, tuple(kills), seed)
        wrong = await nothing_lost(world, load)
        assert not wrong, f"{len(wrong)} of seed {seed}\n" + "\n".join(wrong[:20])


async def test_fifty_refunds_of_sixty_percent_over_two_processes_have_one_winner(place: Path) -> None:
    async with installed(place, services=2, workers=0) as world:
        for _ in range(8):
            payment_id = ids.new(Kind.PAYMENT)
            code = world.sim.world.payer_codes["wechat_ok"]
            body = {"id": payment_id, "till": world.till_id, "amount_fen": 10_000, "code": code}
            _, told = await world.insist("/v1/payments", body)
            assert told["state"] == "PAID"

            asked = [{"id": ids.new(Kind.REFUND), "payment": payment_id, "amount_fen": 6_000} for _ in range(50)]
            answers = await asyncio.gather(*(world.post("/v1/refunds", each, n % 2) for n, each in enumerate(asked)))

            assert [status for status, _ in answers].count(201) == 1
            assert {told["code"] for status, told in answers if status != 201} == {"refund.over_limit"}
        connection = await world.connect()
        assert not Audit(await snapshot(connection)).always().found
        await connection.close()


async def test_fifty_identical_charges_over_two_processes_charge_once(place: Path) -> None:
    async with installed(place, services=2, workers=0) as world:
        for wallet in ("wechat", "alipay"):
            payment_id = ids.new(Kind.PAYMENT)
            body = {
                "id": payment_id,
                "till": world.till_id,
                "amount_fen": 777,
                "code": world.sim.world.payer_codes[f"{wallet}_ok"],
            }
            answers = await asyncio.gather(*(world.post("/v1/payments", body, n % 2) for n in range(50)))

            assert {status for status, _ in answers} <= {200, 201}
            assert [status for status, _ in answers].count(201) == 1
            calls = [call for call in world.sim.world.calls if call[1] == "pay" and call[2] == payment_id]
            assert len(calls) == 1


async def test_the_same_code_scanned_many_times_at_once_charges_once(place: Path) -> None:
    async with installed(place, services=2, workers=0) as world:
        books = world.sim.world.books
        for wallet, of in books.items():
            code = of.add_code(of.payers[0], seconds=60, is_single=True).text
            asked = [
                {"id": ids.new(Kind.PAYMENT), "till": world.till_id, "amount_fen": 500, "code": code} for _ in range(20)
            ]
            answers = await asyncio.gather(*(world.post("/v1/payments", each, n % 2) for n, each in enumerate(asked)))
            paid = [told for _, told in answers if told.get("state") == "PAID"]
            assert len(paid) <= 1
            charged = [order for order in of.orders.values() if order.payments and order.amount_fen == 500]
            assert len(charged) == 1, wallet
