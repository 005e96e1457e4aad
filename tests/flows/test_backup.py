"""S35: a backup is restored elsewhere, and nothing is missing, changed or readable without its keys."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.flows.noticing import Noticing, noticing
from yuanlu import backup, db, ids
from yuanlu.app import running
from yuanlu.audit import flow as audit
from yuanlu.config import Settings
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.people import flow as people
from yuanlu.people import signing, signing_store, stepup
from yuanlu.people.signin import By
from yuanlu.people.signing import Means
from yuanlu.people.stepup import Act, Proof, StepUp
from yuanlu.postgres import Server
from yuanlu.seal import Seal
from yuanlu.terminal import backups

CONTENT = b"a sealed content, as it lies"
LYING = "YM0000000000000000000000000AB/ab/YF0000000000000000000000000AB.0123456789abcdef"


@pytest.fixture(scope="module")
async def made(spot: Path) -> tuple[Settings, Path, Path, str]:
    """An installation that was lived in, and its backup; the installation is gone."""
    home = spot / "lived-in"
    home.mkdir()
    home.chmod(0o711)
    settings = Settings(state=home / "state")
    async with db.ground(None, settings.state) as database:
        pools = await db.open_pools(database)
        async with noticing(database, pools, home / "unused") as shop:
            shop.seal = Seal(pools.recorder, settings.seal_key)
            shop.desk = shop.new_desk()
            await shop.staff("manager", "王芳")
            await _trade(shop)
            await audit.link(pools.recorder, timedelta(0))
            await audit.keep_anchors(pools.recorder, settings.anchors, datetime.now(UTC))
            merchant = shop.merchant_id
        await pools.close()
        lying = settings.state / "files" / LYING
        lying.parent.mkdir(parents=True)
        lying.write_bytes(CONTENT)
        await backup.back_up(settings, home / "shop.tar", home / "shop.keys", datetime.now(UTC))
    return settings, home / "shop.tar", home / "shop.keys", merchant


async def _trade(shop: Noticing) -> None:
    payment = await shop.paid(12800)
    await shop.refund(payment, 11520)
    await shop.paid(500)


def _elsewhere(spot: Path, name: str) -> Settings:
    home = spot / f"restored-{name}"
    home.mkdir()
    home.chmod(0o711)
    return Settings(state=home / "state")


async def _books(settings: Settings) -> list[list[tuple[object, ...]]]:
    """All that is in the books, table by table."""
    async with Server(settings.state) as server:
        connection = await server.connect("yuanlu")
        try:
            tables = ("payments", "refunds", "moves", "facts", "evidence", "staff", "subject_keys", "audit_pages")
            return [
                sorted(tuple(row) for row in await connection.fetch(f"select t::text from {table} t"))
                for table in tables
            ]
        finally:
            await connection.close()


async def test_a_backup_restored_elsewhere_is_the_same_installation(
    made: tuple[Settings, Path, Path, str], spot: Path
) -> None:
    """S35."""
    settings, file, keys, merchant = made
    there = _elsewhere(spot, "whole")
    there.state.mkdir()
    found = await backup.restore(there, file, keys)
    assert (found.ok, found.has_keys) == (True, True)
    assert found.counts["payments"] == 2
    assert await _books(there) == await _books(settings)
    assert (there.state / "files" / LYING).read_bytes() == CONTENT
    assert (there.seal_key, there.mark_key) == (settings.seal_key, settings.mark_key)
    assert ((there.state / "seal.key").stat().st_mode & 0o777) == 0o600
    async with db.ground(None, there.state) as database:
        pools = await db.open_pools(database)
        staff = await pools.recorder.fetchrow("select id, name from staff")
        sealed = await Seal(pools.recorder, there.seal_key).of(merchant, staff["id"], datetime.now(UTC))
        assert sealed.open(staff["name"]) == "王芳"
        async with noticing(database, pools, there.state / "unused") as shop:  # it goes on: new rows, chained
            await _trade(shop)
            assert await audit.link(pools.recorder, timedelta(0)) > 0
        connection = await db.connect(database)
        verdict = await audit.verify(connection, merchant, audit.anchors_of(there.anchors))
        assert verdict.ok
        with pytest.raises(db.asyncpg.InsufficientPrivilegeError):
            await pools.recorder.execute("delete from moves")
        await connection.close()
        await pools.close()


async def test_without_the_keys_it_comes_back_and_says_that_it_cannot_be_read(
    made: tuple[Settings, Path, Path, str], spot: Path
) -> None:
    """S35."""
    _, file, _, _ = made
    there = _elsewhere(spot, "keyless")
    there.state.mkdir()
    found = await backup.restore(there, file, None)
    assert (found.ok, found.has_keys) == (True, False)
    assert "王芳".encode() not in file.read_bytes()


async def test_nothing_is_written_over(made: tuple[Settings, Path, Path, str]) -> None:
    settings, file, keys, _ = made
    before = await _books(settings)
    with pytest.raises(Denied, match=r"backup\.not_empty"):
        await backup.restore(settings, file, keys)
    assert await _books(settings) == before


def _changed(file: Path, change: Callable[[str, bytes], bytes | None], *more: tuple[str, bytes]) -> None:
    """Write a tar anew, member by member."""
    fresh = file.with_suffix(".fresh")
    with tarfile.open(file) as old, tarfile.open(fresh, "w") as new:
        for info in old:
            opened = old.extractfile(info)
            assert opened is not None
            content = change(info.name, opened.read())
            if content is not None:
                info.size = len(content)
                new.addfile(info, io.BytesIO(content))
        for name, content in more:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            new.addfile(info, io.BytesIO(content))
    fresh.replace(file)


def _flipped(name: str) -> Callable[[str, bytes], bytes]:
    return lambda member, content: content[:-1] + bytes([content[-1] ^ 1]) if member == name else content


def _recounted(member: str, content: bytes) -> bytes:
    if member != "manifest.json":
        return content
    told = json.loads(content)
    told["counts"]["payments"] += 1
    return json.dumps(told).encode()


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "a byte of the dump": (lambda file: _changed(file, _flipped("database.dump")), "database.dump"),
    "a byte of a file": (lambda file: _changed(file, _flipped(f"files/{LYING}")), f"files/{LYING}"),
    "a member gone": (
        lambda file: _changed(file, lambda name, content: None if name.startswith("files/") else content),
        f"files/{LYING}",
    ),
    "a member more": (lambda file: _changed(file, lambda _, content: content, ("files/a/b", b"x")), "files/a/b"),
    "a name that leads out": (
        lambda file: _changed(file, lambda _, content: content, ("files/../../escaped", b"x")), "files/../../escaped",
    ),
    "no manifest": (
        lambda file: _changed(file, lambda name, content: None if name == "manifest.json" else content),
        "manifest.json",
    ),
}  # fmt: skip


@pytest.mark.parametrize("deed", SPOILT)
async def test_a_spoilt_backup_is_named_and_changes_nothing(
    made: tuple[Settings, Path, Path, str], spot: Path, tmp_path: Path, deed: str
) -> None:
    _, file, keys, _ = made
    spoil, member = SPOILT[deed]
    copy = tmp_path / "spoilt.tar"
    shutil.copy(file, copy)
    spoil(copy)
    there = Settings(state=tmp_path / "state")
    with pytest.raises(Denied, match=r"backup\.damaged") as no:
        await backup.restore(there, copy, keys)
    assert no.value.facts["member"] == member
    assert not there.state.exists()


async def test_a_cut_an_empty_and_a_forged_backup_are_refused(
    made: tuple[Settings, Path, Path, str], tmp_path: Path
) -> None:
    _, file, keys, _ = made
    there = Settings(state=tmp_path / "state")
    cut = tmp_path / "cut.tar"
    for size in (0, 100, 5000, file.stat().st_size // 2):
        cut.write_bytes(file.read_bytes()[:size])
        with pytest.raises(Denied, match=r"backup\.(unreadable|damaged)"):
            await backup.restore(there, cut, keys)
    shutil.copy(file, cut)
    _changed(cut, _recounted)
    with pytest.raises(Denied, match=r"backup\.forged"):
        await backup.restore(there, cut, keys)
    assert not there.state.exists()


async def test_what_cannot_be_backed_up_says_why(made: tuple[Settings, Path, Path, str], tmp_path: Path) -> None:
    settings, *_ = made
    with pytest.raises(Denied, match=r"backup\.unwritable"):
        await backup.back_up(settings, tmp_path / "none" / "x.tar", None, datetime.now(UTC))
    assert not list(tmp_path.iterdir())


async def test_a_restored_backup_revives_no_session_no_step_up_and_no_invitation(
    spot: Path,
) -> None:
    """S35, S33: what was ended after the backup does not act again; keys are kept, and counted for whoever restores."""
    home = _elsewhere(spot, "signed-in").state.parent
    settings = Settings(state=home / "state")
    async with db.ground(None, settings.state) as database, running(settings, database) as app:
        desk, pool, now = app.desk, app.pools.recorder, app.clock.now()
        merchant = await merchants.add_merchant(pool, "shop", now)
        anna = (await people.add(desk, merchant, role="owner", name="Anna", who="boss")).id
        dora = (await people.add(desk, merchant, role="cashier", name="Dora", who="boss")).id
        await signing.invite(desk, merchant, dora, "boss")
        token = await signing.invite(desk, merchant, anna, "boss")
        await signing.accept(desk, pool, token, Means("correct 7 horses"))
        entry = await signing.sign_in(desk, account=anna, password="correct 7 horses", code="", device="")
        row = StepUp(
            merchant_id=merchant, id=ids.new(Kind.STEP_UP), version=0, staff_id=anna, digest="x", by=By.CODE, proof="x",
            made_at=now, until=now,
        )  # fmt: skip
        act = Act("refund", ids.new(Kind.REFUND), 30_000)
        await desk.decide(signing_store.step_up(merchant, row.id), partial(stepup.make, row, act, False))
        machine = await merchants.add_key(pool, merchant, "stock", now)
        await merchants.add_key(pool, merchant, anna, now, staff_id=anna)
        assert await desk.see(signing_store.session_key(entry.session.id)) is not None
        epoch = await desk.see(merchants.key_epoch())
    await backup.back_up(settings, home / "shop.tar", home / "shop.keys", datetime.now(UTC))
    there = _elsewhere(spot, "signed-out")
    there.state.mkdir()
    told = await backups.restore(there, home / "shop.tar", home / "shop.keys")
    assert told["ok"], told
    assert told["revived"] == {
        "sessions_ended": 1, "step_ups_ended": 1, "invitations_ended": 1, "machine_keys": 1, "personal_keys": 1,
        "people": 2,
    }  # fmt: skip
    said: list[str] = []
    backups.show_restored(told, lambda text, **_: said.append(text))
    assert "key end" in "".join(said)
    async with db.ground(None, there.state) as database, running(there, database) as app:
        desk, pool = app.desk, app.pools.recorder
        assert await desk.see(signing_store.session_key(entry.session.id)) is None
        spent = await desk.see(signing_store.step_up(merchant, row.id))
        assert spent is not None
        with pytest.raises(Denied, match=r"step_up\.stale"):
            stepup.demand(act, anna, Proof(True, spent), app.clock.now())
        facts = await pool.fetch("select kind from facts where who = 'restore' order by kind")
        assert [each["kind"] for each in facts] == ["InvitationEnded", "SignedOut", "StepUpEnded"]
        assert await desk.see(merchants.key_by_secret(machine.secret)) is not None
        assert await desk.see(merchants.key_epoch()) > epoch + 1_000_000
        again = await signing.sign_in(desk, account=anna, password="correct 7 horses", code="", device="")
        assert await desk.see(signing_store.session_key(again.session.id)) is not None
