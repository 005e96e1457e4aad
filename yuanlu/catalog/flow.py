"""The verbs of goods: put them, and import a file of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from yuanlu import ids
from yuanlu.catalog import rules, sheets, store
from yuanlu.catalog.rules import Goods, GoodsAsk
from yuanlu.catalog.sheets import Bad
from yuanlu.change import Done
from yuanlu.desk import Desk
from yuanlu.ids import Kind

AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file. `changed`: how many goods are new or other than before; 0 in a rehearsal."""

    good: int
    changed: int
    bad: tuple[Bad, ...]
    is_done: bool


async def put(desk: Desk, ask: GoodsAsk) -> Done[Goods]:
    """Write goods down as they shall stand; again is the same, not `changed`.

    Raises Denied: see `rules.put`.
    """
    return await desk.decide(store.for_ask(ask), partial(rules.put, ask))


async def take_in(desk: Desk, merchant_id: str, raw: bytes, who: str, *, rehearse: bool, despite_bad: bool) -> Imported:
    """Import a CSV file: what is on sale under a barcode gets its names and price, what is not is added.

    Nothing is taken if any row is bad, unless it is told `despite_bad`. A file that was cut off half way, by a crash,
    is taken again without harm: what is the same stays.
    Raises Denied: see `sheets.read`.
    """
    sheet = await asyncio.to_thread(sheets.read, raw)
    if rehearse or (sheet.bad and not despite_bad):
        return Imported(len(sheet.good), 0, sheet.bad, is_done=False)
    changed = 0
    for begin in range(0, len(sheet.good), AT_ONCE):
        some = sheet.good[begin : begin + AT_ONCE]
        known = await desk.see(store.by_barcodes(merchant_id, [each.barcode for each in some]))
        asks = [
            GoodsAsk(
                merchant_id=merchant_id,
                id=known[each.barcode].id if each.barcode in known else ids.new(Kind.GOODS, desk.clock.now()),
                who=who,
                barcode=each.barcode,
                name_zh=each.name_zh,
                name_en=each.name_en,
                price_fen=each.price_fen,
            )
            for each in some
        ]
        done = await asyncio.gather(*(put(desk, ask) for ask in asks))
        changed += sum(each.changed for each in done)
    return Imported(len(sheet.good), changed, sheet.bad, is_done=True)
