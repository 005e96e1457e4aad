"""What is kept and what is forgotten: by the rule, on request, never under a legal hold; and books stay whole."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.flows import files
from tests.flows.files import SECRET
from tests.flows.room import ANNA, CASHIER, Room, opened
from yuanlu import db, ids
from yuanlu.cases import flow as cases
from yuanlu.cases.chain import Side
from yuanlu.cases.flow import Words
from yuanlu.cases.rules import Case
from yuanlu.db import Database, Pools
from yuanlu.errors import Busy, Denied
from yuanlu.evidence import flow, keeping
from yuanlu.evidence.rules import CaseFile, State, Why
from yuanlu.money import Money
from yuanlu.people.rules import Person, Role
from yuanlu.refunds import flow as refunds
from yuanlu.refunds.rules import RefundAsk
from yuanlu.seal import Seal
from yuanlu.web.parts import lists

NAME, PHONE, MESSAGE = "王小明", "13800001111", "我扫错了码，请退给我"
PLANTED = (NAME.encode(), PHONE.encode(), MESSAGE.encode(), SECRET, json.dumps(NAME)[1:-1].encode())
KEPT_DAYS = 1095


@pytest.fixture
async def room(database: Database, pools: Pools, tmp_path: Path) -> AsyncIterator[Room]:
    async with opened(database, pools, tmp_path / "files") as made:
        yield made


async def told(room: Room, case: Case) -> CaseFile:
    """A case with a message and a file of the customer, as all rooms keep them: sealed for the case."""
    file = await room.take(room.ask(case, files.png_with_texts(), name=f"{NAME} {PHONE}.png"))
    words = Words(text=f"{NAME} {PHONE} {MESSAGE}", side=Side.CUSTOMER)
    await cases.say(room.desk, room.merchant_id, case.id, CASHIER, words)
    return file


async def dumped(room: Room) -> bytes:
    """Every byte of every table, and of every file on the disk."""
    tables = await room.pool.fetch("select relname from pg_class where relkind = 'r' and relnamespace = 2200")
    out = bytearray()
    for row in tables:
        try:
            rows = await room.pool.fetch(f'select t::text as line from "{row["relname"]}" t')
        except Exception as no:
            if "permission denied" not in str(no):
                raise
            continue
        out += "\n".join(each["line"] for each in rows).encode()
    for path in room.lying():
        out += path.name.encode() + path.read_bytes()
    return bytes(out)


async def is_balanced(room: Room) -> bool:
    return (await lists.books(room.reader, room.merchant_id)).balanced


async def held_rows(room: Room) -> tuple[int, ...]:
    found = await room.pool.fetchrow(
        "select (select count(*) from payments), (select count(*) from cases), (select count(*) from facts),"
        " (select count(*) from moves), (select count(*) from evidence), (select count(*) from case_files)"
    )
    return tuple(found)


async def exported(room: Room, case: Case) -> tuple[dict[str, object], dict[str, bytes]]:
    out = io.BytesIO()
    await keeping.export(room.desk, room.files, room.reader, room.merchant_id, case.payment_id, ANNA, out)
    with zipfile.ZipFile(out) as zipped:
        data = json.loads(zipped.read("data.json"))
        return data, {name: zipped.read(name) for name in zipped.namelist() if name != "data.json"}


# --- export ---


async def test_an_export_holds_everything_of_one_payer_and_nothing_of_another(room: Room) -> None:
    """S57, S66, S71."""
    case, second, other = await room.case("payer-1"), await room.case("payer-1"), await room.case("payer-2")
    file, foreign = await told(room, case), await told(room, other)
    data, content = await exported(room, second)
    text = json.dumps(data, ensure_ascii=False)
    for wanted in (case.id, case.payment_id, second.id, second.payment_id, file.id, NAME, PHONE, MESSAGE):
        assert wanted in text
    for alien in (other.id, other.payment_id, foreign.id, "payer-2"):
        assert alien not in text
    assert {"payments", "cases", "facts", "moves", "evidence", "case_files"} <= set(data["tables"])  # type: ignore[call-overload]
    ((name, body),) = content.items()
    assert name == f"files/{file.id}-{NAME} {PHONE}.png"
    assert files.read(body).size == (60, 40)
    assert ("FileOpened", "anna") in await room.facts(file.id)


async def test_a_payer_without_a_token_is_only_this_payment(room: Room) -> None:
    case, other = await room.case(), await room.case()
    data, _ = await exported(room, case)
    assert other.payment_id not in json.dumps(data)


async def test_an_export_for_a_stranger_or_a_neighbour_is_refused(room: Room) -> None:
    case = await room.case()
    for merchant_id, payment_id in ((room.merchant_id, ids.new(ids.Kind.PAYMENT)), ("YM", case.payment_id)):
        with pytest.raises(Denied, match=r"payment\.unknown"):
            await keeping.held(room.reader, merchant_id, payment_id)


async def test_an_export_that_is_too_large_for_a_call_says_so(room: Room) -> None:
    case = await room.case()
    await told(room, case)
    with pytest.raises(Denied, match=r"data\.too_large"):
        await keeping.export(
            room.desk, room.files, room.reader, room.merchant_id, case.payment_id, ANNA, io.BytesIO(), bytes_max=1
        )


# --- erasure ---


async def test_after_an_erasure_no_planted_byte_is_found_and_the_books_still_balance(room: Room) -> None:
    """S57, S36, S66, S35: the law of forgetting."""
    case, other = await room.case("payer-1"), await room.case("payer-2")
    file, kept = await told(room, case), await told(room, other)
    data, _ = await exported(room, case)
    assert all(word.decode() in json.dumps(data, ensure_ascii=False) for word in PLANTED[:3])
    await room.close(case)
    before = await held_rows(room)
    done = await room.erase(case)
    assert (done.subjects, done.files) == ([case.id], [file.id])
    dump = await dumped(room)
    for word in PLANTED:
        assert word not in dump
    assert file.storage_key.encode() in dump  # the dump does see the row
    assert [path.name for path in room.lying()] == [Path(kept.storage_key).name]
    after = await held_rows(room)
    assert after == (*before[:2], before[2] + 1, *before[3:])  # one fact more: it was forgotten
    assert await is_balanced(room)
    assert await cases.broken(room.desk, room.merchant_id, case.id) is None
    data, content = await exported(room, case)
    assert "(erased)" in json.dumps(data)
    assert not content
    shown, _ = await flow.opened(room.desk, room.files, room.merchant_id, kept.id, ANNA, Why.REVIEW)
    assert shown.name == f"{NAME} {PHONE}.png"


async def test_the_dump_of_this_test_would_show_what_is_planted_unsealed(room: Room) -> None:
    case = await room.case()
    await room.pool.execute("update cases set note = $2 where id = $1", case.id, f"{NAME} {PHONE} {MESSAGE}")
    (room.root / "x").mkdir(parents=True)
    (room.root / "x" / "y").write_bytes(SECRET)
    dump = await dumped(room)
    assert all(word in dump for word in PLANTED[:4])


async def test_a_legal_hold_forbids_erasure_and_nothing_is_erased(room: Room) -> None:
    """S80, S57."""
    case = await room.case()
    file = await told(room, case)
    await room.close(case)
    await hold(room, case)
    with pytest.raises(Denied, match=r"data\.held"):
        await room.erase(case)
    room.later(KEPT_DAYS + 1)
    assert await room.sweep() == 0
    shown, _ = await flow.opened(room.desk, room.files, room.merchant_id, file.id, ANNA, Why.REVIEW)
    assert shown.file.state is State.TAKEN


async def hold(room: Room, case: Case) -> None:
    """Put a case under legal hold."""
    await room.pool.execute("update cases set legal_hold = true where id = $1", case.id)


@pytest.mark.parametrize("how", ["erase", "sweep"])
async def test_a_hold_that_is_set_while_it_is_being_forgotten_is_waited_for_and_seen(room: Room, how: str) -> None:
    """S80, S57: between the look and the deletion of the key there is no moment for a hold to be missed in."""
    case = await room.case()
    file = await told(room, case)
    await room.close(case)
    room.later(KEPT_DAYS + 1)
    async with room.pool.acquire() as other:
        setting = other.transaction()
        await setting.start()
        await other.execute("update cases set legal_hold = true where id = $1", case.id)
        forgetting = asyncio.create_task(room.erase(case) if how == "erase" else room.sweep())
        while not forgetting.done() and not await waits(room):
            await asyncio.sleep(0.01)
        await setting.commit()
    if how == "erase":
        with pytest.raises(Denied, match=r"data\.held"):
            await forgetting
    else:
        assert await forgetting == 0
    shown, _ = await flow.opened(room.desk, room.files, room.merchant_id, file.id, ANNA, Why.REVIEW)
    assert shown.file.state is State.TAKEN


async def waits(room: Room) -> bool:
    """Whether somebody waits for a lock."""
    return bool(await room.pool.fetchval("select exists (select from pg_locks where not granted)"))


async def test_an_erasure_of_several_cases_erases_all_or_none(room: Room) -> None:
    """S57, S80: one case of the payer is under legal hold, so nothing of theirs is erased."""
    first, second = await room.case("payer-1"), await room.case("payer-1")
    files = [await told(room, first), await told(room, second)]
    await room.close(first)
    await room.close(second)
    await hold(room, second)
    with pytest.raises(Denied, match=r"data\.held"):
        await room.erase(first)
    for file in files:
        await flow.opened(room.desk, room.files, room.merchant_id, file.id, ANNA, Why.REVIEW)


async def test_while_the_database_is_away_one_is_told_to_come_again(room: Room) -> None:
    """S57: no raw error of the database, whether reading or forgetting."""
    case = await room.case()
    nobody = await asyncpg.create_pool(host="127.0.0.1", port=1, min_size=0)
    with pytest.raises(Busy):
        await keeping.export(room.desk, room.files, nobody, room.merchant_id, case.payment_id, ANNA, io.BytesIO())
    with pytest.raises(Busy):
        await keeping.erase(room.desk, room.files, room.seal, nobody, room.merchant_id, case.payment_id, ANNA)
    for verb in ("of", "forget"):
        with pytest.raises(Busy):
            await getattr(Seal(nobody, b"m" * 32), verb)(room.merchant_id, case.id, room.clock.now())
    await nobody.close()


async def test_an_open_case_is_not_erased(room: Room) -> None:
    case = await room.case()
    await told(room, case)
    with pytest.raises(Denied, match=r"data\.in_use"):
        await room.erase(case)
    assert room.lying()


async def test_erasing_again_finishes_what_was_broken_off(room: Room) -> None:
    """S57."""
    case = await room.case()
    file = await told(room, case)
    await room.close(case)
    await room.seal.forget(room.merchant_id, case.id, room.clock.now())  # and here the process ended
    done = await room.erase(case)
    assert (done.subjects, done.files) == ([], [file.id])
    assert not room.lying()
    assert (await room.erase(case)).files == [file.id]


async def test_nothing_new_is_kept_for_who_was_forgotten(room: Room) -> None:
    case = await room.case()
    await told(room, case)
    await room.close(case)
    await room.erase(case)
    with pytest.raises(Denied, match=r"seal\.forgotten"):
        await room.take(room.ask(case))
    assert not room.lying()


async def test_whoever_hands_out_all_about_a_customer_is_on_record_without_a_file_too(room: Room) -> None:
    """S57, S36."""
    case = await room.case()
    by = Person("cli:ops", Role.OPERATOR)
    await keeping.export(room.desk, room.files, room.reader, room.merchant_id, case.payment_id, by, io.BytesIO())
    told = await db.read(
        room.reader, room.merchant_id, "select object_id, who, body from facts where kind = 'DataExported'"
    )
    assert [(row["object_id"], row["who"], row["body"]) for row in told] == [
        (case.payment_id, "cli:ops", '{"files":0}')
    ]


async def test_only_the_owner_and_who_runs_the_installation_export_and_erase(room: Room) -> None:
    """S57."""
    case = await room.case()
    await room.close(case)
    for role in Role:
        if role not in (Role.OWNER, Role.OPERATOR):
            by, desk, reader = Person("x", role), room.desk, room.reader
            with pytest.raises(Denied, match=r"staff\.not_allowed"):
                await keeping.erase(desk, room.files, room.seal, reader, room.merchant_id, case.payment_id, by)
            with pytest.raises(Denied, match=r"staff\.not_allowed"):
                await keeping.export(desk, room.files, reader, room.merchant_id, case.payment_id, by, io.BytesIO())


# --- the sweep ---


async def test_the_sweep_forgets_a_case_when_its_time_is_over_and_no_day_before(room: Room) -> None:
    """S24, S57, S66: personal data cut when its purpose ends, trade records kept."""
    case, still_open = await room.case(), await room.case()
    await told(room, case)
    kept = await told(room, still_open)
    await room.close(case)
    before = await held_rows(room)
    room.later(KEPT_DAYS - 1)
    assert await room.sweep() == 0
    room.later(2)
    assert await room.sweep() == 1
    assert await room.sweep() == 0
    assert [path.name for path in room.lying()] == [Path(kept.storage_key).name]
    assert (await held_rows(room))[:2] == before[:2]
    assert await is_balanced(room)
    row = await room.pool.fetchrow("select * from subject_keys where subject = $1", case.id)
    assert (row["wrapped"], row["forgotten_by"], row["forgotten_why"]) == ("", "system", "retention")


async def test_what_is_sealed_for_a_complaint_a_handover_a_ticket_and_who_left_has_an_end_too(room: Room) -> None:
    """S57, S80: and a legal hold of the case keeps the complaint about its payment."""
    case = await room.case()
    await hold(room, case)
    other = await room.case()
    start = room.clock.now()
    ended = {"YN1": case.payment_id, "YN2": other.payment_id, "YN3": other.payment_id}
    for subject in (*ended, "YV1", "YV2", "YW1", "YW2", "YX1", "ZT1", "ZT2", "ZT3"):
        await room.seal.of(room.merchant_id, subject, start)
    for name, payment_id in ended.items():
        await room.pool.execute(
            "insert into complaints (merchant_id, id, version, state, channel, channel_id, channel_state, payment_id,"
            " order_number, channel_number, kind, asks_refund, times, is_refunded, complained_at, heard_at,"
            " finished_at, sealed, digest, entries, looks, last_word, code, last_notice, alarm)"
            " values ($1, $2, 1, 'FINISHED', 'wechat', $2, 'x', $3, '', '', '', false, 1, false, $4, $4, $5,"
            " '', '', 0, 0, '', '', '', '')",
            room.merchant_id, name, payment_id, start, None if name == "YN3" else start,
        )  # fmt: skip
    await room.pool.execute(
        "insert into handovers (merchant_id, id, version, side, state, fingerprint, voucher, said, channel, opened_at,"
        " opened_by, payment_id, case_id, ended_at) select $1, id, 1, 'asking', 'DONE', '', '', '', '',"
        " $2::timestamptz, '', '', '', ended_at"
        " from (values ('YV1', $2::timestamptz), ('YV2', null)) as each (id, ended_at)",
        room.merchant_id, start,
    )  # fmt: skip
    await room.pool.execute(
        "insert into staff (merchant_id, id, version, role, name, store_id, since, until) select $1, id, 1, 'cashier',"
        " '', '', $2::timestamptz, until from (values ('YW1', $2::timestamptz), ('YW2', null)) as each (id, until)",
        room.merchant_id, start,
    )  # fmt: skip
    till = await room.pool.fetchval("select id from tills where merchant_id = $1 limit 1", room.merchant_id)
    await room.pool.execute(
        "insert into tickets (merchant_id, id, version, till_id, store_id, about, cause, code, note, health, log,"
        " fingerprint, opened_at, opened_by, state, closed_at) select $1, id, 1, $3, '', about, 'device', '', '', '',"
        " '', '', $2::timestamptz, '', case when closed_at is null then 'OPEN' else 'CLOSED' end, closed_at"
        " from (values ('ZT1', '', $2::timestamptz), ('ZT2', '', null), ('ZT3', $4, $2)) as each (id, about,"
        " closed_at)",
        room.merchant_id, start, till, case.payment_id,
    )  # fmt: skip
    forgotten = "select array_agg(subject order by subject) from subject_keys where wrapped = ''"
    year = ["YV1", "ZT1"]
    for days, gone in (
        (89, None), (2, ["YV1"]), (273, ["YV1"]), (2, year), (KEPT_DAYS - 367, year), (2, ["YN2", "YV1", "YW1", "ZT1"]),
    ):  # fmt: skip
        room.later(days)
        await room.sweep()
        assert await room.pool.fetchval(forgotten) == gone, days


async def test_the_sweep_finishes_files_of_a_subject_that_is_forgotten(room: Room) -> None:
    case = await room.case()
    await told(room, case)
    await room.seal.forget(room.merchant_id, case.id, room.clock.now())
    assert await room.sweep() == 0
    assert not room.lying()


_LED_BY = """
  select names[1 + (names[1] = 'merchant_id')::int] as name from (
    select array(select a.attname from unnest(i.indkey) with ordinality k (number, place)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number order by k.place) as names
    from pg_index i where i.indrelid = $1::text::regclass
  ) i
"""
"""The column by which an index finds a merchant's rows."""


async def test_all_about_a_customer_is_found_by_indexes(room: Room) -> None:
    """Of every table, by every column that is followed: nothing is read whole, however much others have paid."""
    followed = await keeping.followed(room.pool)
    assert {"cases", "refunds", "deliveries", "handovers", "facts"} <= followed.keys()
    whole = {}
    for name, links in followed.items():
        led_by = {row["name"] for row in await room.pool.fetch(_LED_BY, name)}
        if missing := set(links) - led_by:
            whole[name] = missing
    assert not whole


async def test_what_cites_the_case_of_another_customer_is_not_told(room: Room) -> None:
    """A refund of Li's payment that names Wang's case by mistake is Li's: it is not in what Wang is given."""
    wang, li = await room.case("wang"), await room.case("li")
    ask = RefundAsk(
        merchant_id=room.merchant_id, id=ids.new(ids.Kind.REFUND), payment_id=li.payment_id, amount=Money(100),
        who="cashier", case_id=wang.id,
    )  # fmt: skip
    await refunds.request(room.desk, ask)
    found = await keeping.held(room.reader, room.merchant_id, wang.payment_id)
    assert "refunds" not in found.rows
    assert "refunds" in (await keeping.held(room.reader, room.merchant_id, li.payment_id)).rows


async def test_a_payer_is_kept_as_a_mark_and_older_payments_are_marked_by_a_rotation(
    room: Room, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """S29, S57: two payments of one payer stay two of one payer, whenever they were made."""
    from contextlib import asynccontextmanager

    from yuanlu.config import Settings
    from yuanlu.payments import flow as payments
    from yuanlu.terminal import secrets

    mark_file = tmp_path / "secret"
    mark_file.write_bytes(b"k" * 32)
    (tmp_path / "seal.key").write_bytes(b"m" * 32)
    before, after = await room.case("payer-1"), await room.case()
    mark = payments.payer_mark(room.desk.mark, room.merchant_id, "payer-1")
    await room.pool.execute("update payments set payer = $2 where id = $1", after.payment_id, mark)

    @asynccontextmanager
    async def ground(*_: Any) -> Any:
        yield database

    monkeypatch.setattr(secrets.db, "ground", ground)
    settings = Settings(state=tmp_path, secret_file=str(mark_file))
    told = await secrets.rotated(settings, kek=False, merchant="", every=True, drop_old=False)
    assert told["payers_marked"] == 1
    assert await room.pool.fetchval("select payer from payments where id = $1", before.payment_id) == mark
    held = await keeping.held(room.reader, room.merchant_id, before.payment_id)
    assert {before.payment_id, after.payment_id} <= held.ids
    again = await secrets.rotated(settings, kek=False, merchant="", every=True, drop_old=False)
    assert again["payers_marked"] == 0
