"""Merchants' keys: wrapped by a file or a key service, made anew under load and over kills, old and new always open."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from moto.server import ThreadedMotoServer

from yuanlu import kms as kms_of_file
from yuanlu import seal as sealing
from yuanlu.config import Settings
from yuanlu.db import Database, Pools
from yuanlu.errors import Broken, Busy, Denied
from yuanlu.kms import AwsKms, FileKeys, Vault, Wrapped, parsed, shut
from yuanlu.merchants import store as merchants
from yuanlu.seal import Seal
from yuanlu.terminal import secrets

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
OLD = b"o" * 32


@pytest.fixture
async def merchant_id(pools: Pools) -> str:
    return await merchants.add_merchant(pools.recorder, "Shop", NOON)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "seal.key"
    path.write_bytes(OLD)
    return path


async def bare(pools: Pools, merchant_id: str, subject: str, key: bytes, master: bytes = OLD) -> None:
    """A subject's key as it was wrapped before there were merchants' keys."""
    await pools.recorder.execute(
        "insert into subject_keys (merchant_id, subject, wrapped, made_at) values ($1, $2, $3, $4)",
        merchant_id, subject, shut(AESGCM(master), key, f"{merchant_id}/{subject}"), NOON,
    )  # fmt: skip


async def versions(pools: Pools) -> list[tuple[int, bool, bool]]:
    """Each version of merchants' keys: its number, whether it is retired, whether it is still there."""
    rows = await pools.recorder.fetch("select * from merchant_keys order by merchant_id, version")
    return [(row["version"], row["retired_at"] is not None, row["wrapped"] != "") for row in rows]


class Counting(FileKeys):
    """A key file that counts how often it is asked, and may be away."""

    asked = 0
    away = False

    async def unwrap(self, wrapped: Wrapped, bound_to: str) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise Busy("seal.kms_away")
        return await super().unwrap(wrapped, bound_to)


# --- what wraps what ---


async def test_what_was_sealed_before_there_were_merchants_keys_still_opens(
    pools: Pools, merchant_id: str, key_file: Path
) -> None:
    """S29: an old key file, as it is, opens old rows and wraps new ones."""
    await bare(pools, merchant_id, "YC1", b"k" * 32)
    old = await Seal(pools.recorder, FileKeys(key_file)).of(merchant_id, "YC1", NOON)
    assert old.key == b"k" * 32
    assert (await Seal(pools.recorder, FileKeys(key_file)).of(merchant_id, "YC2", NOON)).key is not None
    rows = await pools.recorder.fetch("select subject, key_version from subject_keys order by subject")
    assert [(row["subject"], row["key_version"]) for row in rows] == [("YC1", None), ("YC2", 1)]


async def test_no_merchants_key_opens_for_another_merchant_or_version(
    pools: Pools, merchant_id: str, key_file: Path
) -> None:
    """S2. S29: swapping wrapped keys in the database gains nothing."""
    other = await merchants.add_merchant(pools.recorder, "Other", NOON)
    seal = Seal(pools.recorder, FileKeys(key_file))
    for each in (merchant_id, other):
        await seal.of(each, "YC1", NOON)
    await pools.recorder.execute(
        "update merchant_keys set wrapped = (select wrapped from merchant_keys where merchant_id = $1)"
        " where merchant_id = $2", merchant_id, other,
    )  # fmt: skip
    fresh = Seal(pools.recorder, FileKeys(key_file))
    assert (await fresh.of(merchant_id, "YC1", NOON)).key
    with pytest.raises(Broken):
        await fresh.of(other, "YC1", NOON)


async def test_a_key_that_is_not_in_the_file_is_named_and_nothing_is_lost(
    pools: Pools, merchant_id: str, key_file: Path
) -> None:
    sealed = (await Seal(pools.recorder, FileKeys(key_file)).of(merchant_id, "YC1", NOON)).seal("x")
    key_file.write_bytes(b"n" * 32)
    with pytest.raises(Broken, match=kms_of_file.name_of(OLD)):
        await Seal(pools.recorder, FileKeys(key_file)).of(merchant_id, "YC1", NOON)
    key_file.unlink()
    with pytest.raises(Busy, match="key_file_away"):
        await Seal(pools.recorder, FileKeys(key_file)).of(merchant_id, "YC1", NOON)
    key_file.write_bytes(OLD)
    assert (await Seal(pools.recorder, FileKeys(key_file)).of(merchant_id, "YC1", NOON)).open(sealed) == "x"


@pytest.mark.parametrize(
    "content",
    [b"", b"short", kms_of_file.HEAD, kms_of_file.HEAD + b"###\n", kms_of_file.HEAD + b64encode(b"k" * 31)],
)
def test_a_key_file_that_holds_no_whole_key_is_refused(content: bytes) -> None:
    with pytest.raises(Denied, match=r"settings\.secret_short"):
        parsed(content, "seal.key")


def test_a_longer_raw_file_is_one_key_as_it_always_was() -> None:
    assert parsed(b"a" * 32 + b"b" * 32, "f") == (b"a" * 32,)
    assert parsed(kms_of_file.HEAD + b64encode(b"a" * 32) + b"\n" + b64encode(OLD), "f") == (b"a" * 32, OLD)


class FrozenTime:
    """The time by which the seal forgets keys, which stands still until it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = sealing.time.monotonic()
        monkeypatch.setattr(sealing, "time", SimpleNamespace(monotonic=lambda: self.now))


async def test_merchants_keys_are_held_for_a_while_and_asked_for_once_by_many(
    pools: Pools, merchant_id: str, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S29: bounded time in memory; while the service is away what is held still opens, then Busy, nothing lost."""
    kms = Counting(key_file)
    clock = FrozenTime(monkeypatch)
    seal = Seal(pools.recorder, kms, open_for_seconds=60)
    (await seal.of(merchant_id, "YC1", NOON)).seal("x")
    await asyncio.gather(*(seal.of(merchant_id, f"YC{place}", NOON) for place in range(20)))
    assert kms.asked == 1
    kms.away = True
    await seal.of(merchant_id, "YC1", NOON)
    clock.now += 61
    for subject in ("YC1", "YC-new"):
        with pytest.raises(Busy):
            await seal.of(merchant_id, subject, NOON)
    assert await pools.recorder.fetchval("select count(*) from subject_keys where subject = 'YC-new'") == 0
    kms.away = False
    await asyncio.gather(*(seal.of(merchant_id, "YC1", NOON) for _ in range(20)))
    assert (await seal.of(merchant_id, "YC-new", NOON)).key
    assert kms.asked == 4  # the first, two that found it away, and one for all who came together


async def test_no_merchants_key_stays_in_memory_without_bound(
    pools: Pools, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "OPEN_MAX", 3)
    seal = Seal(pools.recorder, FileKeys(key_file))
    for place in range(6):
        await seal.of(await merchants.add_merchant(pools.recorder, f"m{place}", NOON), "YC1", NOON)
    assert len(seal._open) == 3


# --- rotation ---


async def test_a_rotation_moves_everything_and_wipes_the_old_version(
    pools: Pools, merchant_id: str, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S29."""
    monkeypatch.setattr(sealing, "STEP", 3)
    seal = Seal(pools.recorder, FileKeys(key_file))
    await bare(pools, merchant_id, "old", b"k" * 32)
    sealed = {f"YC{place}": (await seal.of(merchant_id, f"YC{place}", NOON)).seal("words") for place in range(7)}
    await seal.forget(merchant_id, "YC6", NOON)
    done = await seal.rotate(merchant_id, NOON)
    assert (done.is_new, done.moved) == (True, 7)
    assert await versions(pools) == [(1, True, False), (2, False, True)]
    for reader in (seal, Seal(pools.recorder, FileKeys(key_file))):
        for subject in list(sealed)[:6]:
            assert (await reader.of(merchant_id, subject, NOON)).open(sealed[subject]) == "words"
        assert (await reader.of(merchant_id, "old", NOON)).key == b"k" * 32
    with pytest.raises(Denied, match=r"seal\.forgotten"):
        (await seal.of(merchant_id, "YC6", NOON)).open(sealed["YC6"])


async def test_a_rotation_that_was_cut_off_is_finished_and_makes_no_further_key(
    pools: Pools, merchant_id: str, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S29."""
    monkeypatch.setattr(sealing, "STEP", 2)
    seal = Seal(pools.recorder, FileKeys(key_file))
    for place in range(6):
        await seal.of(merchant_id, f"YC{place}", NOON)
    steps = 0
    opens = seal._subject_key

    async def dies(*given: Any) -> bytes:
        nonlocal steps
        steps += 1
        if steps == 4:
            raise asyncio.CancelledError
        return await opens(*given)

    monkeypatch.setattr(seal, "_subject_key", dies)
    with pytest.raises(asyncio.CancelledError):
        await seal.rotate(merchant_id, NOON)
    assert await versions(pools) == [(1, True, True), (2, False, True)]
    again = Seal(pools.recorder, FileKeys(key_file))
    for place in range(6):
        assert (await again.of(merchant_id, f"YC{place}", NOON)).key
    done = await again.rotate(merchant_id, NOON)
    assert (done.is_new, done.moved) == (False, 4)
    assert await versions(pools) == [(1, True, False), (2, False, True)]


async def test_two_who_rotate_at_once_make_one_key_each_at_most_and_lose_nothing(
    pools: Pools, merchant_id: str, key_file: Path
) -> None:
    seals = [Seal(pools.recorder, FileKeys(key_file)) for _ in range(3)]
    keys = {name: (await seals[0].of(merchant_id, name, NOON)).key for name in map(str, range(30))}
    await asyncio.gather(*(each.rotate(merchant_id, NOON) for each in seals))
    await seals[0].rotate(merchant_id, NOON)
    for name, key in keys.items():
        assert (await Seal(pools.recorder, FileKeys(key_file)).of(merchant_id, name, NOON)).key == key
    assert sum(not retired for _, retired, _ in await versions(pools)) == 1


async def test_nobody_wraps_by_a_version_that_was_retired_while_they_were_at_it(
    pools: Pools, merchant_id: str, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal = Seal(pools.recorder, FileKeys(key_file))
    await seal.of(merchant_id, "YC1", NOON)
    current, turns = seal._current, 0

    async def slow(*given: Any) -> Any:
        nonlocal turns
        found = await current(*given)
        turns += 1
        if turns == 1:  # between reading the version and wrapping by it
            await Seal(pools.recorder, FileKeys(key_file)).rotate(merchant_id, NOON)
        return found

    monkeypatch.setattr(seal, "_current", slow)
    sealed = (await seal.of(merchant_id, "YC2", NOON)).seal("x")
    assert turns == 2
    assert await pools.recorder.fetchval("select key_version from subject_keys where subject = 'YC2'") == 2
    assert (await Seal(pools.recorder, FileKeys(key_file)).of(merchant_id, "YC2", NOON)).open(sealed) == "x"


async def test_forgetting_wins_over_a_rotation_that_read_before(
    pools: Pools, merchant_id: str, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S57."""
    seal = Seal(pools.recorder, FileKeys(key_file))
    await seal.of(merchant_id, "YC1", NOON)
    opens = seal._subject_key

    async def meanwhile(*given: Any) -> bytes:
        key = await opens(*given)
        await Seal(pools.recorder, FileKeys(key_file)).forget(merchant_id, "YC1", NOON)
        return key

    monkeypatch.setattr(seal, "_subject_key", meanwhile)
    await seal.rotate(merchant_id, NOON)
    assert await pools.recorder.fetchval("select wrapped from subject_keys") == ""


# --- the verb ---


def at(database: Database, key_file: Path) -> Settings:
    return Settings(state=key_file.parent, database_url=database.url, seal_key_file=str(key_file))


@pytest.fixture
def grounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """`secrets` finds this test's database, which lets roles in by name."""
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def ground(*_: Any) -> Any:
        yield database

    monkeypatch.setattr(secrets.db, "ground", ground)
    return database


async def test_after_a_rotation_the_old_key_wraps_nothing_and_may_go(
    grounded: Database, pools: Pools, merchant_id: str, key_file: Path
) -> None:
    """S29: the count proves it; then the file without the old key still opens everything."""
    await bare(pools, merchant_id, "old", b"k" * 32)
    sealed = (await Seal(pools.recorder, FileKeys(key_file)).of(merchant_id, "YC1", NOON)).seal("x")
    living = Seal(pools.recorder, FileKeys(key_file))
    settings = at(grounded, key_file)
    told = await secrets.rotated(settings, kek=False, merchant="", every=True, drop_old=True)
    assert (told["kek"]["new"], told["kek"]["left"], told["kek"]["dropped"]) == (True, 0, 1)
    assert b64encode(OLD) not in key_file.read_bytes()
    assert OLD not in key_file.read_bytes()
    assert (key_file.stat().st_mode & 0o777) == 0o600
    for seal in (living, Seal(pools.recorder, FileKeys(key_file))):
        assert (await seal.of(merchant_id, "YC1", NOON)).open(sealed) == "x"
        assert (await seal.of(merchant_id, "old", NOON)).key == b"k" * 32
    everything = await pools.recorder.fetch(
        "select wrapped, wrapped_by as by from merchant_keys union all select wrapped, '' from subject_keys"
    )
    old = FileKeys(OLD)
    for row in everything:
        assert row["by"] != kms_of_file.name_of(OLD) or not row["wrapped"]
        for bound_to in (f"{merchant_id}/YC1", f"{merchant_id}/old", f"merchant/{merchant_id}/2"):
            with pytest.raises(Broken):
                await old.bare(row["wrapped"], bound_to)


async def test_a_new_key_put_into_the_file_by_hand_is_taken_and_no_other_made(
    grounded: Database, pools: Pools, merchant_id: str, key_file: Path
) -> None:
    await Seal(pools.recorder, FileKeys(key_file)).of(merchant_id, "YC1", NOON)
    new = b"n" * 32
    key_file.write_bytes(kms_of_file.HEAD + b64encode(new) + b"\n" + b64encode(OLD) + b"\n")
    told = await secrets.rotated(at(grounded, key_file), kek=True, merchant="", every=False, drop_old=False)
    assert told["kek"] == {"newest": kms_of_file.name_of(new), "new": False, "wrapped": 1, "left": 0}
    assert FileKeys(key_file).keys() == (new, OLD)


async def test_one_rotates_at_a_time(grounded: Database, pools: Pools, merchant_id: str, key_file: Path) -> None:
    """Two who put a new key into the file at once would lose one of them, and all that it wrapped."""
    settings = at(grounded, key_file)
    async with secrets._alone(grounded):
        with pytest.raises(Denied, match=r"secrets\.rotating"):
            await secrets.rotated(settings, kek=True, merchant="", every=False, drop_old=False)
    assert key_file.read_bytes() == OLD


async def test_what_is_shown_tells_versions_and_ages_and_no_secret(
    grounded: Database, pools: Pools, merchant_id: str, key_file: Path
) -> None:
    """S29."""
    seal = Seal(pools.recorder, FileKeys(key_file))
    await seal.of(merchant_id, "YC1", NOON)
    await seal.rotate(merchant_id, NOON)
    told = await secrets.shown(at(grounded, key_file))
    assert [(each["version"], each["subjects"], bool(each["retired_at"])) for each in told["merchants"]] == [
        (1, 0, True), (2, 1, False),
    ]  # fmt: skip
    assert told["keys"] == [{"name": kms_of_file.name_of(OLD), "newest": True, "wraps": 1}]
    assert told["left"] == 0
    said = repr(told)
    for row in await pools.recorder.fetch("select wrapped from merchant_keys union select wrapped from subject_keys"):
        assert not row["wrapped"] or row["wrapped"] not in said
    lines: list[str] = []
    secrets.show(told, lambda text, **_: lines.append(text))
    assert any("v2" in line for line in lines)


async def test_a_key_file_that_cannot_be_written_changes_nothing(
    grounded: Database, pools: Pools, merchant_id: str, tmp_path: Path
) -> None:
    with pytest.raises(Denied, match=r"secrets\.unwritable"):
        FileKeys(OLD).put_first()


LOAD = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from yuanlu import db
from yuanlu.db import Database
from yuanlu.kms import FileKeys
from yuanlu.seal import Seal

async def main(url, merchant_id, file, mine):
    pools = await db.open_pools(Database(url, logs_in_as_roles=True))
    seal = Seal(pools.recorder, FileKeys(Path(file)), open_for_seconds=0.05)
    sealed, number = {}, 0
    print("ready", flush=True)
    while not Path(file + ".stop").exists():
        number += 1
        name = f"{mine}-{number}"
        one = await seal.of(merchant_id, name, datetime.now(UTC))
        sealed[name] = one.seal(name)
        for each in list(sealed)[-20:]:
            assert (await seal.of(merchant_id, each, datetime.now(UTC))).open(sealed[each]) == each
    for name, text in sealed.items():
        assert (await seal.of(merchant_id, name, datetime.now(UTC))).open(text) == name
    print(number, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""
ROTATE = """
import asyncio, sys
from contextlib import asynccontextmanager
from pathlib import Path
from yuanlu import db, seal
from yuanlu.config import Settings
from yuanlu.db import Database
from yuanlu.terminal import secrets

@asynccontextmanager
async def ground(*_):
    yield Database(sys.argv[1], logs_in_as_roles=True)

db.ground = ground
seal.STEP = 5
print("ready", flush=True)
asyncio.run(secrets.rotated(Settings(state=Path(sys.argv[2]).parent, seal_key_file=sys.argv[2]),
    kek=False, merchant="", every=True, drop_old=False))
print("done", flush=True)
"""


async def _child(code: str, *words: str) -> asyncio.subprocess.Process:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *words, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}
    )
    assert child.stdout is not None
    assert await asyncio.wait_for(child.stdout.readline(), 60) == b"ready\n"
    return child


async def test_keys_are_rotated_under_load_and_over_kills(
    database: Database, pools: Pools, merchant_id: str, key_file: Path
) -> None:
    """S29: other processes seal and open all the while; the rotation is killed again and again, then finishes."""
    seal = Seal(pools.recorder, FileKeys(key_file))
    for place in range(100):
        await bare(pools, merchant_id, f"old-{place}", bytes([place]) * 32)
    load = [await _child(LOAD, database.url, merchant_id, str(key_file), name) for name in ("a", "b")]
    killed = 0
    for wait in (0.02, 0.05, 0.1, 0.2):
        child = await _child(ROTATE, database.url, str(key_file))
        await asyncio.sleep(wait)
        if child.returncode is None:
            child.send_signal(signal.SIGKILL)
        killed += await child.wait() == -signal.SIGKILL
        for place in (0, 50, 99):
            assert (await seal.of(merchant_id, f"old-{place}", NOON)).key == bytes([place]) * 32
    assert killed
    for _ in range(2):
        child = await _child(ROTATE, database.url, str(key_file))
        assert await asyncio.wait_for(child.wait(), 120) == 0
    Path(f"{key_file}.stop").touch()
    for child in load:
        assert child.stdout is not None
        said = await asyncio.wait_for(child.stdout.read(), 120)
        assert await child.wait() == 0
        assert int(said) > 1
    assert await seal.behind() == 0
    assert FileKeys(key_file).keep_newest() >= 1
    after = Seal(pools.recorder, FileKeys(key_file))
    for place in range(100):
        assert (await after.of(merchant_id, f"old-{place}", NOON)).key == bytes([place]) * 32
    left = "select count(*) from subject_keys s where wrapped <> '' and not exists (select from merchant_keys k"
    left += " where k.merchant_id = s.merchant_id and k.version = s.key_version and k.retired_at is null)"
    assert await pools.recorder.fetchval(left) == 0


# --- a key service ---


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def new_key(endpoint: str) -> str:
    client: Any = boto3.client(
        "kms", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="one", aws_secret_access_key="two"
    )
    return str(client.create_key()["KeyMetadata"]["KeyId"])


def service(endpoint: str, key: str, key_file: Path) -> AwsKms:
    (key_file.parent / "id").write_text("one\n")
    (key_file.parent / "secret").write_text("two\n")
    at = Vault(
        endpoint=endpoint, region="", key=key, key_id_file=str(key_file.parent / "id"),
        secret_file=str(key_file.parent / "secret"),
    )  # fmt: skip
    return AwsKms(at, FileKeys(key_file, optional=True), seconds_max=2)


async def test_keys_move_from_the_file_to_a_service_and_on_to_its_next_key(
    pools: Pools, merchant_id: str, key_file: Path, moto: str
) -> None:
    """S29: against moto's server. Once moved, the file may go."""
    await bare(pools, merchant_id, "old", b"k" * 32)
    sealed = (await Seal(pools.recorder, FileKeys(key_file)).of(merchant_id, "YC1", NOON)).seal("x")
    first, second = new_key(moto), new_key(moto)
    seal = Seal(pools.recorder, service(moto, first, key_file))
    assert (await seal.of(merchant_id, "YC1", NOON)).open(sealed) == "x"
    assert await seal.behind() == 2
    await seal.rewrap(merchant_id, NOON)
    assert await seal.behind() == 0
    key_file.unlink()
    seal = Seal(pools.recorder, service(moto, second, key_file))
    assert (await seal.of(merchant_id, "YC1", NOON)).open(sealed) == "x"
    assert await seal.behind() == 1
    await seal.rewrap(merchant_id, NOON)
    assert await seal.behind() == 0
    assert (await Seal(pools.recorder, service(moto, second, key_file)).of(merchant_id, "old", NOON)).key == b"k" * 32
    by = await pools.recorder.fetchval("select wrapped_by from merchant_keys")
    assert by.startswith("aws:arn:")
    assert by.endswith(second)


async def test_a_service_that_is_away_or_says_no_is_busy_and_loses_nothing(
    pools: Pools, merchant_id: str, key_file: Path, moto: str
) -> None:
    """S29."""
    key = new_key(moto)
    sealed = (await Seal(pools.recorder, service(moto, key, key_file)).of(merchant_id, "YC1", NOON)).seal("x")
    away = Seal(pools.recorder, service("http://127.0.0.1:9", key, key_file))
    for ask in (away.of(merchant_id, "YC1", NOON), away.rotate(merchant_id, NOON), away.behind()):
        with pytest.raises(Busy, match="kms_away"):
            await ask
    with pytest.raises(Busy, match="kms_refused"):
        await Seal(pools.recorder, service(moto, "no-such-key", key_file)).behind()
    assert await versions(pools) == [(1, False, True)]
    assert (await Seal(pools.recorder, service(moto, key, key_file)).of(merchant_id, "YC1", NOON)).open(sealed) == "x"


async def test_a_service_opens_nothing_that_is_bound_to_something_else(key_file: Path, moto: str) -> None:
    """S2."""
    kms = service(moto, new_key(moto), key_file)
    wrapped = await kms.wrap(b"k" * 32, "merchant/A/1")
    assert await kms.unwrap(wrapped, "merchant/A/1") == b"k" * 32
    with pytest.raises(Broken):
        await kms.unwrap(wrapped, "merchant/B/1")
