"""A room for files: a shop's books, a seal, a shelf, and cases to hand files in to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.flows import files as made
from tests.flows.scene import Scene, standing
from yuanlu import ids
from yuanlu.app import FOLLOWERS
from yuanlu.cases import flow as cases
from yuanlu.cases.rules import Case, CaseAsk, What
from yuanlu.channels.contract import Outcome, Word
from yuanlu.db import Database, Pools
from yuanlu.desk import Desk
from yuanlu.evidence import flow, keeping
from yuanlu.evidence.flow import Files
from yuanlu.evidence.rules import CaseFile, FileAsk, Limits
from yuanlu.evidence.shelves import Disk, Shelf
from yuanlu.people.rules import Person, Role
from yuanlu.seal import Seal

ANNA, CASHIER = Person("anna", Role.OWNER), Person("cashier", Role.CASHIER)
LIMITS = Limits(bytes_max=1_000_000, files_max=3, pixels_max=1_000_000, pages_max=5, seconds_max=5)


class Room:
    """The scene's merchant with a seal and a shelf."""

    def __init__(self, scene: Scene, root: Path, shelf: Shelf | None = None, scanner: str = "") -> None:
        self.scene = scene
        self.clock = scene.clock
        self.merchant_id = scene.merchant_id
        self.root = root
        self.pool = scene.pools.recorder
        self.reader = scene.pools.reader
        self.seal = Seal(self.pool, b"m" * 32)
        self.files = Files(shelf or Disk(root), LIMITS, scanner=scanner)
        self.desk = Desk(
            scene.reader, scene.recorder, _silent, scene.clock, mark_key=b"k" * 32, followers=FOLLOWERS, seal=self.seal
        )

    async def case(self, payer: str = "") -> Case:
        """A case about a payment of its own, paid by this payer."""
        payment = await self.scene.paid(12800)
        if payer:
            await self.pool.execute("update payments set payer = $2 where id = $1", payment.id, payer)
        ask = CaseAsk(
            merchant_id=self.merchant_id,
            id=ids.new(ids.Kind.CASE, self.clock.now()),
            payment_id=payment.id,
            what=What.OTHER,
            who="cashier",
        )
        return await cases.request(self.desk, ask)

    def ask(self, case: Case, content: bytes | None = None, **given: Any) -> FileAsk:
        values: dict[str, Any] = {
            "merchant_id": self.merchant_id,
            "case_id": case.id,
            "id": ids.new(ids.Kind.FILE, self.clock.now()),
            "by": CASHIER,
            "content": made.jpeg() if content is None else content,
            "name": "receipt.jpg",
        }
        return FileAsk(**values | given)

    async def take(self, ask: FileAsk) -> CaseFile:
        return (await flow.take(self.desk, self.files, ask)).row

    async def close(self, case: Case) -> None:
        """The case ends now. What comes after is what these tests are about."""
        await self.pool.execute(
            "update cases set state = 'CLOSED', closed_at = $2, version = version + 1 where id = $1",
            case.id, self.clock.now(),
        )  # fmt: skip

    async def erase(self, case: Case) -> keeping.Erased:
        return await keeping.erase(
            self.desk, self.files, self.seal, self.reader, self.merchant_id, case.payment_id, ANNA
        )

    async def sweep(self) -> int:
        return await keeping.sweep(self.desk, self.files, self.seal, self.reader, self.merchant_id)

    async def facts(self, object_id: str) -> list[tuple[str, str]]:
        """What happened to an object, and who did it."""
        rows = await self.pool.fetch(
            "select kind, who from facts where object_id = $1 order by transition, seq", object_id
        )
        return [(row["kind"], row["who"]) for row in rows]

    def lying(self) -> list[Path]:
        """Everything on the disk."""
        return [path for path in self.root.rglob("*") if path.is_file()] if self.root.exists() else []

    def later(self, days: float) -> None:
        self.clock.step(timedelta(days=days))


async def _silent(_: object) -> Outcome:
    return Outcome(word=Word.UNKNOWN, code="client.timeout")


@asynccontextmanager
async def opened(
    database: Database, pools: Pools, root: Path, shelf: Shelf | None = None, scanner: str = ""
) -> AsyncIterator[Room]:
    async with standing(database, pools) as scene:
        yield Room(scene, root, shelf, scanner)
