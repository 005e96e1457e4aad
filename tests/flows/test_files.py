"""A file's way: handed in, made anew, sealed, kept, opened, forgotten; and what goes wrong on it."""

from __future__ import annotations

import asyncio
import hashlib
import resource
import stat
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flows import files
from tests.flows.files import SECRET
from tests.flows.room import ANNA, CASHIER, LIMITS, Room, opened
from yuanlu import ids
from yuanlu.app import FILE_TAKEN
from yuanlu.cases import flow as cases
from yuanlu.db import Database, Pools
from yuanlu.errors import Broken, Busy, Denied
from yuanlu.evidence import flow, keeping
from yuanlu.evidence.flow import HANDED_IN_AT_ONCE
from yuanlu.evidence.rules import Audience, State, Why
from yuanlu.evidence.shelves import Disk, Lying
from yuanlu.people.rules import Person, Role
from yuanlu.worker import VERBS

LATER = timedelta(days=2)


@pytest.fixture
async def room(database: Database, pools: Pools, tmp_path: Path) -> AsyncIterator[Room]:
    async with opened(database, pools, tmp_path / "files") as made:
        yield made


async def test_a_file_is_taken_sealed_and_opened_by_whoever_may(room: Room) -> None:
    """S59, S71: type, hash, chain of custody."""
    case = await room.case()
    content = files.jpeg_with_everything()
    file = await room.take(room.ask(case, content, name="../../小票 4111 1111 1111 1111.jpg"))
    assert file.digest_original == hashlib.sha256(content).hexdigest()
    shown, kept = await flow.opened(room.desk, room.files, room.merchant_id, file.id, ANNA, Why.REVIEW)
    assert hashlib.sha256(kept).hexdigest() == file.digest_kept
    assert files.read(kept).size == (40, 60)
    assert shown.name == "小票 ••••1111.jpg"
    assert shown.file.masked == "card"
    assert await room.facts(file.id) == [("FileTaken", "cashier"), ("FileOpened", "anna")]
    (path,) = room.lying()
    assert b"\xff\xd8\xff" not in path.read_bytes()
    assert path.stat().st_size == file.size_bytes + 3 + 12 + 16
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.relative_to(room.root).as_posix() == file.storage_key


async def test_handing_in_again_on_any_doubt_gives_the_same_file(room: Room) -> None:
    case = await room.case()
    ask = room.ask(case)
    first = await flow.take(room.desk, room.files, ask)
    second = await flow.take(room.desk, room.files, ask)
    assert (first.changed, second.changed, first.row) == (True, False, second.row)
    with pytest.raises(Denied, match=r"file\.id_taken"):
        await room.take(room.ask(case, files.png(), id=ask.id))
    assert len(room.lying()) == 1


async def test_the_same_file_handed_in_ten_times_at_once_is_there_once(room: Room) -> None:
    case = await room.case()
    ask = room.ask(case)
    done = await asyncio.gather(*(flow.take(room.desk, room.files, ask) for _ in range(10)))
    assert sum(each.changed for each in done) == 1
    _, kept = await flow.opened(room.desk, room.files, room.merchant_id, ask.id, ANNA, Why.REVIEW)
    assert hashlib.sha256(kept).hexdigest() == done[0].row.digest_kept


async def test_two_contents_under_one_id_at_once_do_not_mix(room: Room) -> None:
    case, other = await room.case(), await room.case()
    file_id = ids.new(ids.Kind.FILE)
    asks = [
        room.ask(case, files.jpeg(), id=file_id),
        room.ask(case, files.png(), id=file_id),
        room.ask(other, files.jpeg(), id=file_id),
    ]
    done = await asyncio.gather(*(room.take(ask) for ask in asks), return_exceptions=True)
    assert sum(isinstance(each, Denied) for each in done) == 2
    shown, kept = await flow.opened(room.desk, room.files, room.merchant_id, file_id, ANNA, Why.REVIEW)
    assert hashlib.sha256(kept).hexdigest() == shown.file.digest_kept
    assert len(room.lying()) == 1


async def test_a_case_has_no_more_files_than_it_may_however_many_come_at_once(room: Room) -> None:
    """S59: count."""
    case = await room.case()
    done = await asyncio.gather(*(room.take(room.ask(case)) for _ in range(8)), return_exceptions=True)
    taken = [each for each in done if not isinstance(each, BaseException)]
    assert sorted(file.number for file in taken) == [1, 2, 3]
    assert {each.code for each in done if isinstance(each, Denied)} == {"file.too_many"}
    assert len(room.lying()) == 3


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file.empty"),
        (files.SVG, "file.type"),
        (files.HTML, "file.type"),
        (files.ZIP_BOMB, "file.type"),
        (files.png_claiming(50_000, 50_000), "file.too_many_pixels"),
        (files.jpeg()[:200], "file.damaged"),
        (files.pdf([files.page()] * 6), "file.too_many_pages"),
        (b"\xff\xd8\xff" + b"x" * LIMITS.bytes_max, "file.too_large"),
    ],
)
async def test_what_is_refused_leaves_nothing_behind(room: Room, content: bytes, code: str) -> None:
    """S59."""
    case = await room.case()
    with pytest.raises(Denied) as no:
        await room.take(room.ask(case, content))
    assert no.value.code == code
    assert not room.lying()
    assert await room.pool.fetchval("select count(*) from case_files") == 0


async def test_a_file_for_no_case_is_refused_and_so_is_one_of_a_neighbour(room: Room) -> None:
    case = await room.case()
    with pytest.raises(Denied, match=r"case\.unknown"):
        await room.take(room.ask(case, case_id=ids.new(ids.Kind.CASE)))
    with pytest.raises(Denied, match=r"case\.unknown"):
        await room.take(room.ask(case, merchant_id=ids.new(ids.Kind.MERCHANT)))
    file = await room.take(room.ask(case))
    with pytest.raises(Denied, match=r"file\.unknown"):
        await flow.opened(room.desk, room.files, ids.new(ids.Kind.MERCHANT), file.id, ANNA, Why.REVIEW)


async def test_files_of_a_case_are_listed_by_number_with_their_names(room: Room) -> None:
    """S59, S71."""
    case = await room.case()
    for name in ("一.jpg", "二.jpg"):
        await room.take(room.ask(case, name=name))
    found = await flow.of_case(room.desk, room.merchant_id, case.id, CASHIER)
    assert [(shown.file.number, shown.name) for shown in found] == [(1, "一.jpg"), (2, "二.jpg")]
    with pytest.raises(Denied, match=r"case\.unknown"):
        await flow.of_case(room.desk, room.merchant_id, ids.new(ids.Kind.CASE), CASHIER)


async def test_a_changed_byte_on_the_disk_is_noticed_and_not_handed_out(room: Room) -> None:
    """S59: hash checks."""
    file = await room.take(room.ask(await room.case()))
    (path,) = room.lying()
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(Broken):
        await flow.opened(room.desk, room.files, room.merchant_id, file.id, ANNA, Why.REVIEW)


async def test_two_contents_swapped_on_the_disk_do_not_open(room: Room) -> None:
    case = await room.case()
    await room.take(room.ask(case))
    file = await room.take(room.ask(case, files.png()))
    one, two = room.lying()
    here, there = one.read_bytes(), two.read_bytes()
    one.write_bytes(there)
    two.write_bytes(here)
    with pytest.raises(Broken):
        await flow.opened(room.desk, room.files, room.merchant_id, file.id, ANNA, Why.REVIEW)


# --- no room, no store, crashes ---


async def test_a_full_disk_is_a_clear_no_and_nothing_half_is_kept(room: Room) -> None:
    """S59. The system itself refuses the write (EFBIG): this process may write no file of more than 2000 bytes."""
    case = await room.case()
    noise = files.jpeg(files.Image.effect_noise((200, 200), 80).convert("RGB"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(Denied, match=r"file\.no_room"):
            await room.take(room.ask(case, noise))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not room.lying()
    assert await room.pool.fetchval("select count(*) from case_files") == 0
    await room.take(room.ask(case, noise))


async def test_a_place_that_cannot_be_written_to_is_a_clear_no(room: Room) -> None:
    room.root.write_text("a file where the folder should be")
    with pytest.raises(Denied, match=r"file\.store_away"):
        await room.take(room.ask(await room.case()))


class Stopping(Disk):
    """A shelf after which the process ends: before or after the content is there."""

    def __init__(self, root: Path, when: str) -> None:
        super().__init__(root)
        self.when = when

    async def put(self, key: str, content: bytes) -> None:
        if self.when == "after":
            await super().put(key, content)
        raise KeyboardInterrupt

    async def lying(self, merchant_id: str) -> Sequence[Lying]:
        return await super().lying(merchant_id)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_between_content_and_row_leaves_no_row_and_is_swept(room: Room, when: str) -> None:
    """S59: a row never points at nothing."""
    case, ask = await room.case(), None
    shelf = room.files.shelf
    room.files.shelf = Stopping(room.root, when)
    ask = room.ask(case)
    with pytest.raises(KeyboardInterrupt):
        await room.take(ask)
    room.files.shelf = shelf
    assert await room.pool.fetchval("select count(*) from case_files") == 0
    assert len(room.lying()) == (when == "after")
    now = datetime.now(UTC)
    sweep = [await _swept(room, now), await _swept(room, now + LATER)]
    assert sweep == [0, int(when == "after")]
    assert not room.lying()
    await room.take(ask)
    assert await _swept(room, now + LATER) == 0
    assert len(room.lying()) == 1


async def _swept(room: Room, now: datetime) -> int:
    return await keeping.sweep_files(room.desk, room.files, room.reader, room.merchant_id, now)


async def test_only_so_many_hand_in_at_once(room: Room) -> None:
    held = [room.files.handing_in() for _ in range(HANDED_IN_AT_ONCE)]
    for each in held:
        await each.__aenter__()
    with pytest.raises(Busy):
        await room.files.handing_in().__aenter__()
    await held[0].__aexit__(None, None, None)
    async with room.files.handing_in():
        pass


# --- forgetting one ---


async def test_a_forgotten_file_is_gone_from_the_disk_and_stays_in_the_record(room: Room) -> None:
    """S59."""
    file = await room.take(room.ask(await room.case(), files.png_with_texts()))
    for _ in range(2):
        gone = await flow.forget(room.desk, room.files, room.merchant_id, file.id, "owner", Why.ERASURE)
    assert (gone.state, gone.digest_kept) == (State.GONE, file.digest_kept)
    assert not room.lying()
    with pytest.raises(Denied, match=r"file\.gone"):
        await flow.opened(room.desk, room.files, room.merchant_id, file.id, ANNA, Why.REVIEW)
    assert [kind for kind, _ in await room.facts(file.id)] == ["FileTaken", "FileForgotten"]
    assert SECRET not in repr(await room.facts(file.id)).encode()


# --- whose eyes ---


async def test_an_internal_file_is_for_our_own_people_only(room: Room) -> None:
    """S59: custody by role."""
    case, machine = await room.case(), Person("portal")
    shared = await room.take(room.ask(case))
    inner = await room.take(room.ask(case, audience=Audience.INTERNAL))
    for by, seen in ((machine, [shared.id]), (CASHIER, [shared.id, inner.id])):
        found = await flow.of_case(room.desk, room.merchant_id, case.id, by)
        assert [shown.file.id for shown in found] == seen
    with pytest.raises(Denied, match=r"staff\.not_allowed"):
        await flow.opened(room.desk, room.files, room.merchant_id, inner.id, machine, Why.CUSTOMER)
    with pytest.raises(Denied, match=r"staff\.not_allowed"):
        await room.take(room.ask(case, audience=Audience.INTERNAL, by=machine))
    with pytest.raises(Denied, match=r"staff\.not_allowed"):
        await room.take(room.ask(case, by=Person("auditor", Role.AUDITOR)))
    assert [kind for kind, _ in await room.facts(inner.id)] == ["FileTaken"]


async def test_staff_of_another_store_neither_hand_in_nor_open(room: Room) -> None:
    """S59."""
    case = await room.case()
    assert case.store_id
    file = await room.take(room.ask(case))
    other = Person("ben", Role.MANAGER, store_id=ids.new(ids.Kind.STORE))
    for act in (
        room.take(room.ask(case, by=other)),
        flow.opened(room.desk, room.files, room.merchant_id, file.id, other, Why.REVIEW),
        flow.of_case(room.desk, room.merchant_id, case.id, other),
    ):
        with pytest.raises(Denied, match=r"staff\.other_store"):
            await act
    here = Person("ben", Role.MANAGER, store_id=case.store_id)
    await flow.opened(room.desk, room.files, room.merchant_id, file.id, here, Why.REVIEW)


# --- the chain of the case ---


async def test_a_file_enters_the_chain_of_its_case_once_under_the_digest_of_what_is_kept(room: Room) -> None:
    """S59, S71."""
    case = await room.case()
    file = await room.take(room.ask(case))
    assert await room.pool.fetchval("select name from jobs where object_id = $1", file.id) == FILE_TAKEN
    for _ in range(2):  # a job may run twice
        after = await VERBS[FILE_TAKEN](room.desk, room.merchant_id, file.id)
    assert after.chain_length == case.chain_length + 1
    thread = await cases.thread(room.desk, room.merchant_id, case.id, as_customer=True)
    (item,) = [each for each in thread.items if each.kind == "file"]
    assert (item.item, item.digest, item.audience) == (file.id, file.digest_kept, "customer")
    assert await cases.broken(room.desk, room.merchant_id, case.id) is None
    await flow.forget(room.desk, room.files, room.merchant_id, file.id, "owner", Why.ERASURE)
    assert await cases.broken(room.desk, room.merchant_id, case.id) is None
