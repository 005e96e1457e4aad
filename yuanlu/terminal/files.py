"""Files of cases, and what is held about a customer, at a terminal."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from yuanlu import ids
from yuanlu.errors import Denied
from yuanlu.evidence import flow as files
from yuanlu.evidence import keeping
from yuanlu.evidence.rules import Audience, FileAsk, Why
from yuanlu.ids import Kind
from yuanlu.people.rules import Role
from yuanlu.terminal.asking import ask, key_of
from yuanlu.terminal.verbs import Counter, operator
from yuanlu.web.api.files import ROUTES
from yuanlu.web.parts.calls import person_of
from yuanlu.web.parts.shapes import ErasedTold, FilesTold, FileTold, file_told
from yuanlu.web.parts.veil import disclosed


async def add_file(
    counter: Counter, case_id: str, path: Path, file_id: str, audience: Audience, key_file: Path | None
) -> FileTold:
    """Hand a file in. It is read no further than the limit.

    Raises Denied: file.unreadable, id.invalid; see `evidence.flow.take`.
    """
    app, key = counter.app, await key_of(counter, key_file)
    wish = FileAsk(
        merchant_id=counter.merchant_id,
        case_id=ids.checked(case_id, Kind.CASE),
        id=ids.checked(file_id, Kind.FILE) if file_id else ids.new(Kind.FILE),
        by=person_of(key),
        content=await asyncio.to_thread(_read, path, app.files.limits.bytes_max),
        name=path.name,
        audience=audience,
    )
    done = await files.take(app.desk, app.files, wish)
    told = file_told(await files.see(app.desk, counter.merchant_id, done.row.id))
    return await disclosed(app.desk, counter.merchant_id, key.actor, Role(key.role), told, case_id, {path.name})


def _read(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(bytes_max + 1)
    except OSError as wrong:
        raise Denied("file.unreadable", file=str(path), why=type(wrong).__name__) from wrong


async def get_file(counter: Counter, file_id: str, out: Path, why: Why, key_file: Path | None) -> FileTold:
    """Open a file and write it where it is wanted; what stands there is not written over.

    Raises Denied: id.invalid, file.unwritable, key.file_needed; see `evidence.flow.opened`.
    """
    with _new(out) as target:
        told = await ask(counter, ROUTES, "GET /v1/files/{file}", key_file=key_file, query={"why": why}, file=file_id)
        target.write(told.body)
    return file_told(await files.see(counter.app.desk, counter.merchant_id, file_id))


@contextmanager
def _new(out: Path) -> Iterator[IO[bytes]]:
    """A new file that only we may read; gone again if what was to stand in it did not come."""
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as wrong:
        raise Denied("file.unwritable", file=str(out), why=type(wrong).__name__) from wrong
    try:
        with os.fdopen(descriptor, "wb") as target:
            yield target
    except BaseException:
        out.unlink(missing_ok=True)
        raise


async def files_listed(counter: Counter, case_id: str, key_file: Path | None) -> FilesTold:
    """The files of a case.

    Raises Denied: id.invalid, case.unknown.
    """
    told: FilesTold = await ask(counter, ROUTES, "GET /v1/cases/{case}/files", key_file=key_file, case=case_id)
    return told


async def export_data(counter: Counter, payment_id: str, out: Path) -> dict[str, Any]:
    """Write all that is held about the payer of a payment into a new zip.

    Raises Denied: id.invalid, file.unwritable; see `evidence.keeping.export`.
    """
    app = counter.app
    with _new(out) as target:
        await keeping.export(
            app.desk, app.files, app.pools.reader, counter.merchant_id, ids.checked(payment_id, Kind.PAYMENT),
            operator(), target,
        )  # fmt: skip
        size = target.tell()
    return {"payment": payment_id, "file": str(out), "size_bytes": size}


async def erase_data(counter: Counter, payment_id: str) -> ErasedTold:
    """Erase what names the payer of a payment.

    Raises Denied: id.invalid; see `evidence.keeping.erase`.
    """
    app = counter.app
    done = await keeping.erase(
        app.desk, app.files, app.seal, app.pools.reader, counter.merchant_id, ids.checked(payment_id, Kind.PAYMENT),
        operator(),
    )  # fmt: skip
    return ErasedTold(subjects=done.subjects, files=done.files)
