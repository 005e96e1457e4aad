"""Evidence packs at a terminal: make one, check one, say what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from yuanlu.config import Settings
from yuanlu.errors import Denied
from yuanlu.ids import Kind, checked
from yuanlu.packs import flow, press, signer
from yuanlu.packs.audit import Fault
from yuanlu.packs.dossier import digest_of
from yuanlu.packs.readers import Reader
from yuanlu.packs.verify import FILE_MAX, Verdict, verify
from yuanlu.terminal import verbs
from yuanlu.told import both


async def make(settings: Settings, merchant: str, case_id: str, output: Path, reader: str, lang: str) -> dict[str, Any]:
    """Make the pack of a case and write it to a file: whole, or not at all.

    Raises Denied: id.invalid, case.unknown, pack.too_much, pack.no_font, pack.key_unfit, pack.file_unwritable, and as
    `verbs.at_counter`.
    """
    checked(case_id, Kind.CASE)
    async with verbs.at_counter(settings, merchant) as counter:
        app = counter.app
        found = await flow.gather(app.desk, app.files, app.pools.reader, counter.merchant_id, case_id, verbs.operator())
    ours = await asyncio.to_thread(signer.of, settings, found.dossier.made_at)
    made = await asyncio.to_thread(press.press, found.dossier, found.contents, ours, reader=Reader(reader), lang=lang)
    _write(output, made)
    return {
        "case": case_id,
        "file": str(output),
        "for": reader,
        "bytes": len(made),
        "sha256": digest_of(made),
        "signer": ours.fingerprints[0],
        "vouched_by": ours.fingerprints[1:],
    }


def _write(output: Path, made: bytes) -> None:
    fresh = output.with_name(f"{output.name}.part")
    try:
        fresh.write_bytes(made)
        fresh.replace(output)
    except OSError as wrong:
        fresh.unlink(missing_ok=True)
        raise Denied("pack.file_unwritable", file=str(output), why=type(wrong).__name__) from wrong


def verified(settings: Settings, file: Path, trust: Sequence[str]) -> Verdict:
    """Check a file. Raises Denied: pack.file_unreadable, pack.key_unfit."""
    try:
        with file.open("rb") as opened:
            content = opened.read(FILE_MAX + 1)
    except OSError as wrong:
        raise Denied("pack.file_unreadable", file=str(file), why=type(wrong).__name__) from wrong
    return verify(content, trust or signer.known(settings))


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
