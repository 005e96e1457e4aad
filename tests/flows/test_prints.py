"""Slips to real TCP printers that fail: nothing is lost, and nothing comes out twice without being marked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import zxingcpp

from tests.flows.shop import Shop
from tests.making import fen, heard
from yuanlu import ids, jobs
from yuanlu.channels.contract import Word as Heard
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.people.rules import Person
from yuanlu.receipts import flow, layout, rules, store, wire
from yuanlu.receipts.rules import Print, PrintAsk, PrinterAsk, State, Via
from yuanlu.sim.printer import Faults, Printer
from yuanlu.slips import Printing, Report, Sheets, Word

BY = Person("cashier")
BASE = "https://shop.example"


@pytest.fixture
async def printer(shop: Shop, tmp_path: Path) -> AsyncIterator[Printer]:
    """A printer of 58 mm on the network."""
    shop.desk._printing = Printing(wire.carry, BASE, "127.0.0.0/8")
    async with Printer(directory=tmp_path) as made:
        yield made


async def written(shop: Shop, printer: Printer | None, **given: Any) -> str:
    """A printer written down; its id."""
    store_id = await shop.pools.recorder.fetchval("select store_id from tills where id = $1", shop.till)
    ask: dict[str, Any] = {
        "merchant_id": shop.merchant,
        "id": ids.new(Kind.PRINTER),
        "via": Via.TILL if printer is None else Via.NETWORK,
        "name": "前台",
        "store_id": store_id,
        "till_id": shop.till,
        "address": "" if printer is None else printer.address,
        "by": BY,
    }
    return (await flow.add_printer(shop.desk, PrinterAsk(**ask | given))).row.id


async def asked(shop: Shop, printer_id: str, object_id: str, **given: Any) -> Print:
    ask: dict[str, Any] = {
        "merchant_id": shop.merchant,
        "id": ids.new(Kind.PRINT),
        "kind": layout.Kind.PAYMENT,
        "object_id": object_id,
        "printer_id": printer_id,
        "by": BY,
    }
    return (await flow.request(shop.desk, PrintAsk(**ask | given))).row


async def now(shop: Shop, row: Print) -> Print:
    found = await shop.desk.see(store.print_(shop.merchant, row.id))
    assert found is not None
    return found


def marks(printer: Printer) -> list[str]:
    return [text for text in printer.roll.text if "重打" in text or "副本" in text]


async def test_a_receipt_comes_out_as_it_is_meant_and_its_codes_are_read_back(shop: Shop, printer: Printer) -> None:
    """S23."""
    paid = await shop.paid()
    printer_id = await written(shop, printer)
    row = await asked(shop, printer_id, paid.id, copies=2)
    await shop.work()
    assert (await now(shop, row)).state is State.PRINTED
    assert (printer.wrong, printer.roll.spilled, len(printer.roll.cuts)) == ([], 0, 2)
    sheet, _ = await flow.sheets_of(shop.desk, row, await _printer(shop, printer_id))
    want = [line for line in sheet.lines if isinstance(line, layout.Text)]
    got = [line for line in printer.roll.printed if hasattr(line, "size")][: len(want)]
    assert [(each.text, each.align, each.size, each.bold) for each in got] == [
        (each.text, each.align.value, 2 if each.big else 1, each.bold) for each in want
    ]
    link, number = printer.roll.codes[:2]
    assert number == paid.id
    assert link.startswith(f"{BASE}/r/")
    assert marks(printer) == ["副本 2/2"]
    seen = {each.text for each in zxingcpp.read_barcodes(printer.roll.draw())}
    assert seen == {link, number}
    assert list((printer.directory or Path()).glob("slip-*.png"))


async def _printer(shop: Shop, printer_id: str) -> rules.Printer:
    found = await shop.desk.see(store.printer(shop.merchant, printer_id))
    assert found is not None
    return found


async def test_a_refund_slip_names_both_sums_and_the_state_in_words(shop: Shop, printer: Printer) -> None:
    """S23."""
    paid = await shop.paid()
    refund = await shop.ask_refund(paid)
    await shop.drive(refund, heard(Heard.SETTLED, amount=fen(11520), channel_number="5030"))
    await asked(shop, await written(shop, printer), refund.id, kind=layout.Kind.REFUND)
    await shop.work()
    whole = "\n".join(printer.roll.text)
    assert all(
        text in whole for text in ("退款小票", "￥115.20", "￥128.00", "￥12.80", "渠道确认已退", refund.id, paid.id)
    )


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (Faults(no_paper=True), "paper"),
        (Faults(cover_open=True), "cover"),
        (Faults(offline=True), "offline"),
        (Faults(mute=True), "offline"),
    ],
    ids=["paper", "cover", "offline", "mute"],
)
async def test_a_printer_that_cannot_print_is_sent_nothing_and_prints_an_original_later(
    shop: Shop, printer: Printer, fault: Faults, trouble: str
) -> None:
    """S23."""
    paid = await shop.paid()
    row = await asked(shop, await written(shop, printer), paid.id)
    printer.faults = fault
    await shop.work()
    held = await now(shop, row)
    assert (held.state in rules.WAITING, held.trouble, held.unclear, printer.jobs) == (True, trouble, 0, 0)
    printer.mend()
    shop.wait(minutes=6)
    await shop.work()
    assert (await now(shop, row)).state is State.PRINTED
    assert marks(printer) == []


async def test_a_jam_in_the_middle_is_printed_again_and_marked(shop: Shop, printer: Printer) -> None:
    """S23."""
    paid = await shop.paid()
    row = await asked(shop, await written(shop, printer), paid.id)
    printer.faults = Faults(jam_after=6)
    await shop.work()
    held = await now(shop, row)
    assert (held.state, held.trouble, held.unclear) == (State.JAMMED, "paper", 1)
    assert marks(printer) == []
    for _ in range(3):  # nobody has looked at the printer yet
        shop.wait(minutes=6)
        await shop.work()
    assert ((await now(shop, row)).unclear, printer.jobs) == (1, 1)
    printer.mend()
    shop.wait(minutes=6)
    await shop.work()
    assert (await now(shop, row)).state is State.PRINTED
    assert marks(printer) == ["重打（第 1 次）"]


async def test_a_connection_that_is_cut_and_a_slow_printer_lose_nothing(shop: Shop, printer: Printer) -> None:
    paid = await shop.paid()
    row = await asked(shop, await written(shop, printer), paid.id)
    printer.faults = Faults(cut_after=200)
    await shop.work()
    held = await now(shop, row)
    assert (held.state, held.trouble, held.unclear) == (State.JAMMED, "lost", 1)
    printer.faults = Faults(slow=0.03)
    shop.wait(minutes=6)
    await shop.work()
    assert (await now(shop, row)).state is State.PRINTED
    assert marks(printer) == ["重打（第 1 次）"]


async def test_a_crash_between_sending_and_recording_makes_a_marked_reprint(shop: Shop, printer: Printer) -> None:
    """S23."""
    paid = await shop.paid()
    row = await asked(shop, await written(shop, printer), paid.id)
    real = shop.desk._printing
    assert real is not None

    async def dies(sheets: Sheets) -> Report:
        assert (await wire.carry(sheets)).word is Word.DONE
        raise ConnectionResetError("killed")

    shop.desk._printing = Printing(dies, BASE, real.networks)
    with pytest.raises(ConnectionResetError):
        await flow.drive(shop.desk, shop.merchant, row.id)
    shop.desk._printing = real
    assert (await now(shop, row)).state is State.SENT
    assert (await flow.drive(shop.desk, shop.merchant, row.id)).state is State.SENT  # somebody may still be sending
    assert printer.jobs == 1
    shop.wait(minutes=1)
    await shop.work()
    done = await now(shop, row)
    assert (done.state, done.sends, done.unclear, printer.jobs) == (State.PRINTED, 2, 1, 2)
    assert marks(printer) == ["重打（第 1 次）"]
    assert not await jobs.due_of(shop.pools.recorder, shop.clock.now(), shop.merchant, [row.id])


async def test_of_many_who_ask_at_once_one_slip_is_the_original(shop: Shop, printer: Printer) -> None:
    paid = await shop.paid()
    printer_id = await written(shop, printer)
    rows = await asyncio.gather(*(asked(shop, printer_id, paid.id) for _ in range(8)))
    assert sorted(row.again for row in rows) == list(range(8))
    await shop.work()
    assert len(marks(printer)) == 7
    assert sum(code.startswith(BASE) for code in printer.roll.codes) == 8
    assert len({code for code in printer.roll.codes if code.startswith(BASE)}) == 1


async def test_what_was_given_up_before_it_was_sent_does_not_count(shop: Shop, printer: Printer) -> None:
    paid = await shop.paid()
    printer_id = await written(shop, printer)
    row = await asked(shop, printer_id, paid.id)
    assert (await flow.give_up(shop.desk, shop.merchant, row.id, BY)).state is State.GONE
    await asked(shop, printer_id, paid.id)
    await shop.work()
    assert (printer.jobs, marks(printer)) == (1, [])
    with pytest.raises(Denied, match=r"print\.ended"):
        await flow.retry(shop.desk, shop.merchant, row.id, BY)


async def test_a_till_fetches_for_its_own_printer_and_twice_is_a_reprint(shop: Shop, printer: Printer) -> None:
    """S23."""
    paid = await shop.paid()
    row = await asked(shop, await written(shop, None), paid.id)
    assert await shop.work() == []
    for _ in range(2):
        _, data = await flow.take(shop.desk, shop.merchant, row.id, BY)
        await wire.carry(Sheets(printer.address, data))
    assert marks(printer) == ["重打（第 1 次）"]
    first = await flow.learn(shop.desk, shop.merchant, row.id, Report(Word.DONE), 1, "till")
    assert first.state is State.SENT  # word of the first sending is no news of the second
    done = await flow.learn(shop.desk, shop.merchant, row.id, Report(Word.DONE), 2, "till")
    assert done.state is State.PRINTED
    with pytest.raises(Denied, match=r"print\.ended"):
        await flow.take(shop.desk, shop.merchant, row.id, BY)


async def test_a_payment_without_money_has_no_slip(shop: Shop, printer: Printer) -> None:
    shop.will_hear(Heard.REFUSED)
    failed = await shop.charge()
    printer_id = await written(shop, printer)
    with pytest.raises(Denied, match=r"receipt\.no_money"):
        await asked(shop, printer_id, failed.id)
    with pytest.raises(Denied, match=r"receipt\.unknown"):
        await asked(shop, printer_id, ids.new(Kind.PAYMENT))


async def test_networks_that_were_narrowed_stop_what_waits(shop: Shop, printer: Printer) -> None:
    row = await asked(shop, await written(shop, printer), (await shop.paid()).id)
    shop.desk._printing = Printing(wire.carry, BASE, "10.0.0.0/8")
    await shop.work()
    held = await now(shop, row)
    assert (held.state, held.trouble, printer.jobs) == (State.JAMMED, "refused", 0)


async def test_the_token_is_kept_sealed_and_as_a_keyed_hash(shop: Shop, printer: Printer) -> None:
    paid = await shop.paid()
    token = await flow.token_of(shop.desk, shop.merchant, paid.id, "cashier")
    assert await flow.token_of(shop.desk, shop.merchant, paid.id, "another") == token
    row = await shop.pools.recorder.fetchrow("select * from receipts where id = $1", paid.id)
    assert token not in str(dict(row))
    shown = await flow.page(shop.desk, token)
    assert shown is not None
    assert shown.payment.id == paid.id
    assert await flow.page(shop.desk, token[:-1]) is None
