"""Backup and restore: the whole installation in one file, its keys in another.

A backup is a tar: `database.dump` (pg_dump's own format), `files/…` (sealed contents, as they lie), `anchors/…` (the
audit log's), and last `manifest.json`: what is in it, the SHA-256 of each, and a MAC under the installation's secret.
Without the keys nobody reads personal text or files in it, so it may lie where others reach; the keys may not.

The order is what makes it whole: the dump is taken first, from one snapshot; a content is put down before a row names
it, so every content that the dump names is there afterwards, or was forgotten meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import os
import re
import secrets
import tarfile
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from importlib import resources
from pathlib import Path
from typing import IO, Any

from yuanlu import db
from yuanlu.audit import flow as audit
from yuanlu.channels.contract import Outcome, Step
from yuanlu.clock import SystemClock
from yuanlu.config import Settings
from yuanlu.db import Database, Role
from yuanlu.desk import Desk
from yuanlu.errors import Broken, Denied
from yuanlu.people import signin, signing, signing_store, stepup
from yuanlu.people.signin import Credential, Session
from yuanlu.people.stepup import StepUp
from yuanlu.postgres import Server
from yuanlu.reading import Reader
from yuanlu.recorder import Recorder

NAME = "yuanlu"
DUMP, MANIFEST = "database.dump", "manifest.json"
KEYS = ("secret", "seal.key")
KEY_FOLDER = "packs"
_MEMBER = re.compile(r"database\.dump|manifest\.json|(files|anchors)(/[A-Za-z0-9_-][A-Za-z0-9._-]*){1,4}")
_KEY_MEMBER = re.compile(r"secret|seal\.key|packs/[A-Za-z0-9_-][A-Za-z0-9._-]*")
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds."""

    made_at: str
    schema: int
    """Number of the last migration."""
    counts: Mapping[str, int]
    """Rows of each table, as the dump has them."""
    members: Mapping[str, str]
    """SHA-256 of each member of the tar, in hex."""
    mac: str = ""

    def signed(self, key: bytes) -> str:
        """The MAC of all the rest."""
        rest = json.dumps(asdict(replace(self, mac="")), sort_keys=True).encode()
        return hmac.new(key, b"backup\x1f" + rest, hashlib.sha256).hexdigest()


@dataclass(slots=True)
class _Writer:
    """A tar that notes what goes in."""

    tar: tarfile.TarFile
    members: dict[str, str] = field(default_factory=dict)

    def file(self, name: str, path: Path) -> None:
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
            info = self.tar.gettarinfo(name, arcname=name, fileobj=opened)
            info.mode, info.uid, info.gid, info.uname, info.gname = 0o600, 0, 0, "", ""
            opened.seek(0)
            self.tar.addfile(info, opened)
        self.members[name] = digest

    def text(self, name: str, content: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o600
        self.tar.addfile(info, io.BytesIO(content))


@asynccontextmanager
async def _held(settings: Settings) -> AsyncIterator[tuple[Server, Database]]:
    """The database as it is, not migrated; the embedded one is started if need be."""
    server = Server(settings.state)
    if settings.database_url:
        yield server, Database(settings.database_url)
        return
    async with server:
        await server.create(NAME)
        yield server, Database(server.url(NAME), logs_in_as_roles=True)


async def back_up(settings: Settings, output: Path, keys: Path | None, at: datetime) -> Manifest:
    """Write a backup of a running or resting installation, and its keys where they are wanted.

    Whatever happens meanwhile, it is of one moment. The file appears whole or not at all.
    Raises Denied: backup.unwritable, backup.empty.
    """
    async with _held(settings) as (server, database):
        with tempfile.TemporaryDirectory(prefix="backup-", dir=_folder(output)) as spot:
            dump = Path(spot) / DUMP
            schema, counts = await _dumped(server, database, dump)
            files = await asyncio.to_thread(_listed, settings)
            fresh = Path(spot) / "backup.tar"
            bare = Manifest(at.isoformat(), schema, counts, {})
            manifest = await asyncio.to_thread(_packed, fresh, dump, files, bare, settings.mark_key)
            if keys is not None:
                await asyncio.to_thread(_keys_kept, settings, Path(spot) / "keys.tar", keys)
            _into_place(fresh, output)
    return manifest


def _folder(output: Path) -> Path:
    if not output.parent.is_dir() or not os.access(output.parent, os.W_OK):
        raise Denied("backup.unwritable", file=str(output))
    return output.parent


def _into_place(fresh: Path, output: Path) -> None:
    with fresh.open("rb") as opened:
        os.fsync(opened.fileno())
    try:
        fresh.replace(output)
    except OSError as wrong:
        raise Denied("backup.unwritable", file=str(output)) from wrong


async def _dumped(server: Server, database: Database, dump: Path) -> tuple[int, dict[str, int]]:
    """Dump from one snapshot, and count what it holds in that same snapshot."""
    connection = await db.connect(database)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            if not await connection.fetchval("select to_regclass('public.schema_migrations') is not null"):
                raise Denied("backup.empty")
            snapshot = await connection.fetchval("select pg_export_snapshot()")
            schema = await connection.fetchval("select max(number) from schema_migrations")
            await _run(server, "pg_dump", "--format=custom", f"--snapshot={snapshot}", "--enable-row-security",
                       *(() if database.logs_in_as_roles else (f"--role={Role.OWNER}",)),
                       f"--file={dump}", "--dbname", database.url)  # fmt: skip
            return schema, await _counts(connection)
    finally:
        await connection.close()


_TABLES = """
  select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
  and not c.relispartition and c.relname <> 'schema_migrations' order by 1
"""


async def _counts(connection: Any) -> dict[str, int]:
    tables = [row["relname"] for row in await connection.fetch(_TABLES)]
    return {table: await connection.fetchval(f'select count(*) from "{table}"') for table in tables}


async def _run(server: Server, program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL's.

    Raises Broken with its own words.
    """
    process = await asyncio.create_subprocess_exec(
        str(server.program(program)), *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        _, said = await process.communicate()
    except BaseException:
        process.kill()
        raise
    if process.returncode:
        raise Broken(f"{program}: {said.decode(errors='replace').strip()[-500:]}")


def files_dir(settings: Settings) -> Path:
    """Where the sealed contents of files lie."""
    return Path(settings.files_dir) if settings.files_dir else settings.state / "files"


def _listed(settings: Settings) -> list[tuple[str, Path]]:
    """Contents and anchors: the name in the tar, and the file. What lies in a bucket is the bucket's to keep."""
    found = []
    for kind, root in (("files", files_dir(settings)), ("anchors", settings.anchors)):
        for path in sorted(root.rglob("*")) if root.is_dir() else ():
            name = f"{kind}/{path.relative_to(root).as_posix()}"
            if path.is_file() and not path.is_symlink() and _MEMBER.fullmatch(name):
                found.append((name, path))
    return found


def _packed(fresh: Path, dump: Path, files: Sequence[tuple[str, Path]], bare: Manifest, key: bytes) -> Manifest:
    with tarfile.open(fresh, "w", format=tarfile.PAX_FORMAT) as tar:
        writer = _Writer(tar)
        writer.file(DUMP, dump)
        for name, path in files:
            try:
                writer.file(name, path)
            except FileNotFoundError:
                continue  # forgotten at this moment
        manifest = replace(bare, members=writer.members)
        manifest = replace(manifest, mac=manifest.signed(key))
        writer.text(MANIFEST, json.dumps(asdict(manifest), indent=1).encode())
    return manifest


def _keys_kept(settings: Settings, fresh: Path, output: Path) -> None:
    """The keys that this installation made itself. Those named by settings are kept by whoever named them."""
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened, tarfile.open(fileobj=opened, mode="w") as tar:
        writer = _Writer(tar)
        own = [settings.state / name for name in KEYS]
        folder = settings.state / KEY_FOLDER
        own += sorted(path for path in folder.glob("*") if path.is_file()) if folder.is_dir() else []
        for path in own:
            name = path.relative_to(settings.state).as_posix()
            if path.is_file() and _KEY_MEMBER.fullmatch(name):
                writer.file(name, path)
    _into_place(fresh, output)


def read(file: Path) -> Manifest:
    """Read a whole backup and check every member against the manifest.

    Raises Denied: backup.unreadable, backup.damaged (with the name of the first member that is not what was put in).
    """
    found: dict[str, str] = {}
    manifest = None
    for name, opened in _members(file, _MEMBER):
        try:
            if name == MANIFEST:
                manifest = _manifest(opened.read(_PIECE * 64))
            else:
                found[name] = _digest(opened)
        except tarfile.TarError as cut:
            raise Denied("backup.damaged", member=name) from cut
    if manifest is None:
        raise Denied("backup.damaged", member=MANIFEST)
    for name in sorted(found.keys() | manifest.members.keys()):
        if found.get(name) != manifest.members.get(name):
            raise Denied("backup.damaged", member=name)
    return manifest


def _digest(opened: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := opened.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _members(file: Path, allowed: re.Pattern[str]) -> Any:
    """The members of a tar, in order. Only plain files under names that we give are let pass."""
    try:
        with tarfile.open(file, "r|") as tar:
            for info in tar:
                opened = tar.extractfile(info) if info.isreg() else None
                if opened is None or not allowed.fullmatch(info.name):
                    raise Denied("backup.damaged", member=info.name[:100])
                yield info.name, opened
    except (OSError, tarfile.TarError, EOFError) as wrong:
        raise Denied("backup.unreadable", file=str(file), why=type(wrong).__name__) from wrong


def _manifest(text: bytes) -> Manifest:
    try:
        told = json.loads(text)
        return Manifest(str(told["made_at"]), int(told["schema"]), dict(told["counts"]), dict(told["members"]),
                        str(told["mac"]))  # fmt: skip
    except (ValueError, KeyError, TypeError) as wrong:
        raise Denied("backup.damaged", member=MANIFEST) from wrong


@dataclass(frozen=True, slots=True)
class Revived:
    """What of those who may act came back with the books, as of the moment of the backup.

    What was ended after that moment is not known here. So what people sign in by anew is ended, each with a fact; what
    machines would stand still without is kept, and counted for whoever restores."""

    sessions_ended: int
    step_ups_ended: int
    invitations_ended: int
    machine_keys: int
    """Keys of machines and tills that count."""
    personal_keys: int
    """Keys of people that count."""
    people: int
    """Members of staff who may act."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore came to."""

    made_at: str
    counts: Mapping[str, int]
    differs: Sequence[str]
    """Tables that do not hold as many rows as the backup said."""
    problems: Sequence[str]
    """What the audit log finds wrong with the books."""
    has_keys: bool
    revived: Revived

    @property
    def ok(self) -> bool:
        return not self.differs and not self.problems


async def restore(settings: Settings, file: Path, keys: Path | None) -> Restored:
    """Put a backup into an installation that holds nothing yet, and check it against its manifest and its audit log.

    Everything is checked before anything is written. Raises Denied: backup.unreadable, backup.damaged, backup.forged,
    backup.newer, backup.not_empty.
    """
    manifest = await asyncio.to_thread(read, file)
    if manifest.schema > len(db.migrations()):
        raise Denied("backup.newer", schema=manifest.schema, known=len(db.migrations()))
    secrets_of = await asyncio.to_thread(_keys_of, keys) if keys is not None else {}
    key = secrets_of.get(KEYS[0]) or _own_key(settings)
    if key is not None and not hmac.compare_digest(manifest.signed(key), manifest.mac):
        raise Denied("backup.forged")
    for name in secrets_of:
        if (settings.state / name).exists() and (settings.state / name).read_bytes() != secrets_of[name]:
            raise Denied("backup.not_empty", what=name)
    async with _held(settings) as (server, database):
        await _demand_empty(settings, database)
        with tempfile.TemporaryDirectory(prefix="restore-", dir=settings.state) as spot:
            dump = Path(spot) / DUMP
            await asyncio.to_thread(_unpacked, file, dump, settings)
            await _loaded(server, database, dump)
        await asyncio.to_thread(_keys_put, settings, secrets_of)
        counts = await _counted(database)
        await db.migrate(database)
        revived = await _sign_all_out(database)
        has_keys = (settings.state / KEYS[1]).exists()
        return await _judged(settings, database, manifest, counts, revived, has_keys=has_keys)


def _own_key(settings: Settings) -> bytes | None:
    path = Path(settings.secret_file) if settings.secret_file else settings.state / KEYS[0]
    return path.read_bytes() if path.exists() else None


def _keys_of(keys: Path) -> dict[str, bytes]:
    return {name: opened.read(_PIECE) for name, opened in _members(keys, _KEY_MEMBER)}


async def _demand_empty(settings: Settings, database: Database) -> None:
    """Raises Denied: backup.not_empty."""
    root = files_dir(settings)
    if root.is_dir() and any(root.iterdir()):
        raise Denied("backup.not_empty", what=str(root))
    connection = await db.connect(database)
    try:
        if await connection.fetch(_TABLES):
            raise Denied("backup.not_empty", what="database")
        await connection.execute((resources.files("yuanlu.schema") / "roles.sql").read_text())
    finally:
        await connection.close()


def _unpacked(file: Path, dump: Path, settings: Settings) -> None:
    for name, opened in _members(file, _MEMBER):
        kind, _, rest = name.partition("/")
        if name == DUMP:
            target = dump
        elif kind in ("files", "anchors"):
            target = (files_dir(settings) if kind == "files" else settings.anchors) / rest
        else:
            continue
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with target.open("xb") as out:
            while piece := opened.read(_PIECE):
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())


async def _loaded(server: Server, database: Database, dump: Path) -> None:
    await _run(
        server,
        "pg_restore",
        "--exit-on-error",
        "--single-transaction",
        "--no-comments",
        "--dbname",
        database.url,
        str(dump),
    )


def _keys_put(settings: Settings, secrets_of: Mapping[str, bytes]) -> None:
    for name, content in secrets_of.items():
        path = settings.state / name
        if path.exists():
            continue
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)


_STILL_OPEN = {
    "sessions": "select merchant_id, id, staff_id from sessions where ended_at is null and ends_at > $1",
    "step_ups": "select merchant_id, id from step_ups t where until > $1"
    " and not exists (select from step_ups_spent s where s.merchant_id = t.merchant_id and s.id = t.id)",
    "invitations": "select merchant_id, id from credentials where invited_until > $1",
}
_ACTING = """
  select count(*) filter (where staff_id = '') as machine_keys, count(*) filter (where staff_id <> '') as personal_keys,
    (select count(*) from staff where until is null or until > $1) as people
  from api_keys where revoked_at is null and (until is null or until > $1) and (digest <> '' or public_key <> '')
"""
_MOVE_EPOCH = "update key_epoch set epoch = greatest(epoch + 1, extract(epoch from clock_timestamp())::bigint)"
"""By far: a process that stayed up beside must not meet the very number it remembers."""
WHO = "restore"


async def _sign_all_out(database: Database) -> Revived:
    """End what people sign in by anew, and count what acts again. Done twice, nothing is left to do."""
    pools = await db.open_pools(database)
    clock, found = SystemClock(), {}
    recorder = Recorder(lambda: db.connect(database, Role.RECORDER), (Session, StepUp, Credential))
    desk = Desk(Reader(pools.recorder), recorder, _nobody, clock, mark_key=b"")
    try:
        for name, sql in _STILL_OPEN.items():
            found[name] = await pools.recorder.fetch(sql, clock.now())
        for row in found["sessions"]:
            await signing.end(desk, row["merchant_id"], row["staff_id"], row["id"], "all", WHO)
        for row in found["step_ups"]:
            await desk.decide(signing_store.step_up(row["merchant_id"], row["id"]), partial(stepup.end, WHO))
        for row in found["invitations"]:
            view = signing_store.credential(row["merchant_id"], row["id"])
            await desk.decide(view, partial(signin.end_invitation, WHO))
        acting = await pools.recorder.fetchrow(_ACTING, clock.now())
    finally:
        await recorder.close()
        await pools.close()
    connection = await db.connect(database)
    try:
        await connection.execute(_MOVE_EPOCH)
    finally:
        await connection.close()
    ended = {f"{name}_ended": len(rows) for name, rows in found.items()}
    return Revived(**ended, **acting)


async def _nobody(_: Step) -> Outcome:
    raise Broken("nothing is asked of a channel while a backup is put back")


async def _counted(database: Database) -> dict[str, int]:
    connection = await db.connect(database)
    try:
        return await _counts(connection)
    finally:
        await connection.close()


async def _judged(
    settings: Settings, database: Database, manifest: Manifest, counts: Mapping[str, int], revived: Revived,
    *, has_keys: bool,
) -> Restored:  # fmt: skip
    """Compare what came back with what the backup said, and with its audit log."""
    connection = await db.connect(database)
    try:
        differs = [table for table, count in manifest.counts.items() if counts.get(table) != count]
        taken = audit.anchors_of(settings.anchors) if settings.anchors.exists() else []
        problems = []
        for row in await connection.fetch("select merchant_id from merchants order by 1"):
            verdict = await audit.verify(connection, row["merchant_id"], taken)
            problems += [f"{each.wrong.value} {each.name}" for each in verdict.problems]
    finally:
        await connection.close()
    return Restored(manifest.made_at, counts, differs, problems, has_keys, revived)
