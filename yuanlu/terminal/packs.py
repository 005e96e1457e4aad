"""Evidence packs at a terminal: make one, check one, say what was found."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from yuanlu.app import App
from yuanlu.config import Settings
from yuanlu.errors import Denied
from yuanlu.ids import Kind, checked
from yuanlu.packs import flow, signer
from yuanlu.packs.audit import Fault
from yuanlu.packs.flow import Pack
from yuanlu.packs.readers import Reader
from yuanlu.packs.verify import FILE_MAX, Verdict, verify
from yuanlu.terminal import verbs
from yuanlu.told import both

ROOM_FOR_VERIFYING = 1024 * 1024 * 1024
"""Bytes of memory for libraries and for what is enclosed, unpacked."""


async def make(settings: Settings, merchant: str, case_id: str, output: Path, reader: str, lang: str) -> dict[str, Any]:
    """Make the pack of a case and write it to a file: whole, or not at all.

    Raises Denied: id.invalid, pack.file_unwritable, as `flow.make`, and as `verbs.at_counter`.
    """
    checked(case_id, Kind.CASE)
    fresh = output.with_name(f"{output.name}.part")
    try:
        with _writing(output):  # before a pack is made and written down: a folder that takes nothing is told first
            fresh.touch()
        async with verbs.at_counter(settings, merchant) as counter:
            pack = await pressed(counter.app, counter.merchant_id, case_id, Reader(reader), lang)
        with _writing(output):
            fresh.write_bytes(pack.file)
            fresh.replace(output)
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
    return {
        "case": case_id,
        "id": pack.id,
        "file": str(output),
        "for": reader,
        "bytes": len(pack.file),
        "sha256": pack.digest,
        "signer": pack.fingerprints[0],
        "vouched_by": pack.fingerprints[1:],
    }


async def pressed(app: App, merchant_id: str, case_id: str, reader: Reader, lang: str) -> Pack:
    """The pack of a case, made by whoever is at the terminal. Raises Denied: as `flow.make`."""
    return await flow.make(
        app.desk, app.files, app.presses, app.pools.reader, merchant_id, case_id, verbs.operator(), reader, lang
    )


@contextmanager
def _writing(output: Path) -> Iterator[None]:
    """Raises Denied: pack.file_unwritable."""
    try:
        yield
    except OSError as wrong:
        raise Denied("pack.file_unwritable", file=str(output), why=type(wrong).__name__) from wrong


def verified(settings: Settings, file: Path, trust: Sequence[str]) -> Verdict:
    """Check a file. Raises Denied: pack.file_unreadable, pack.key_unfit."""
    try:
        with file.open("rb") as opened:
            content = opened.read(FILE_MAX + 1)
    except OSError as wrong:
        raise Denied("pack.file_unreadable", file=str(file), why=type(wrong).__name__) from wrong
    with _bounded(len(content)):
        return verify(content, trust or signer.known(settings))


@contextmanager
def _bounded(size: int) -> Iterator[None]:
    """No more memory than looking at a file of this size takes: one that swells when it is opened ends in a fault."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = used + ROOM_FOR_VERIFYING + 4 * size
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def words_of(fault: Fault) -> tuple[str, str]:
    """What is wrong, in Chinese and English."""
    return both(f"paper.fault.{fault.code}", fault.facts)


def told(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON. `problems` are sentences; `faults` the same with codes and values."""
    pairs = [(fault, *words_of(fault)) for fault in verdict.faults]
    manifest = verdict.manifest
    return {
        "ok": verdict.ok,
        "problems": [f"{en} · {zh}" for _, zh, en in pairs],
        "faults": [
            {"code": fault.code, "zh": zh, "en": en, **{name: str(value) for name, value in fault.facts.items()}}
            for fault, zh, en in pairs
        ],
        "signer": verdict.signer,
        "vouched_by": verdict.authority,
        "trusted": verdict.is_trusted,
        "case": manifest.case if manifest else None,
        "for": manifest.reader if manifest else None,
        "made_at": manifest.made_at.isoformat() if manifest else None,
        "counts": dict(verdict.counts),
    }


def show(verdict: Verdict, say: Callable[..., None]) -> None:
    """A verdict for people."""
    manifest = verdict.manifest
    if verdict.ok:
        say("✓ 没有发现问题  Nothing is wrong with it.", fg="green", bold=True)
    else:
        say("✗ 有问题  Something is wrong with it:", fg="red", bold=True)
    for zh, en in map(words_of, verdict.faults):
        say(f"  {zh}\n  {en}")
    if manifest:
        say(f"  case {manifest.case} · for {manifest.reader} · {manifest.made_at.isoformat()}")
        say("  " + " · ".join(f"{count} {name}" for name, count in verdict.counts.items()))
    say(f"  signer {verdict.signer or '—'}")
    if verdict.signer and not verdict.is_trusted:
        say(
            "  请向商家另行索取指纹，逐字比对。 Ask the shop for its fingerprint by another way, and compare.",
            fg="yellow",
        )
