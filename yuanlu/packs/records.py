"""A dossier as JSON files, the manifest that lists everything enclosed, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, get_type_hints

import msgspec

from yuanlu.packs.dossier import Dossier, Kept, digest_of
from yuanlu.packs.readers import Reader

FORMAT = "yuanlu-pack/1"
MANIFEST = "manifest.json"
_HINTS = get_type_hints(Dossier)
_NAMES = {each.name: f"{each.name}.json" for each in fields(Dossier) if each.name != "made_at"}
RECORDS = tuple(_NAMES.values())
"""The names of the records, in the order of the dossier."""
LATER = frozenset({"repayments.json", "complaints.json", "handovers.json"})
"""Records that the first packs did not have: a pack that neither lists nor encloses them lacks nothing."""
_MEDIA = {
    "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "application/pdf": "pdf", "text/plain": "txt",
}  # fmt: skip


class Enclosed(msgspec.Struct, frozen=True, kw_only=True):
    """One file in the pack, as the manifest lists it."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a pack. It lies inside, so the signature covers it; all else is checked against it."""

    format: str
    case: str
    payment: str
    merchant: str
    reader: str
    lang: str
    made_at: datetime
    certificates: Sequence[str]
    """SHA-256 of the certificates: the signer's first, then whoever vouches for it."""
    records: Sequence[Enclosed]
    files: Sequence[Enclosed]
    pages: Sequence[str]
    """SHA-256 of what is drawn on each page."""


@dataclass(frozen=True, slots=True)
class Papers:
    """What is enclosed in a pack beside the pages: name to bytes."""

    records: Mapping[str, bytes]
    files: Mapping[str, bytes]


def file_name(kept: Kept) -> str:
    """The name of a file in a pack: its id. The name it was given is in files.json; it is never used as a path."""
    return f"{kept.id}.{_MEDIA.get(kept.media, 'bin')}"


def papers(dossier: Dossier, contents: Mapping[str, bytes]) -> Papers:
    """Write a dossier down. `contents`: id of a file to its bytes."""
    records = {name: _json(getattr(dossier, field)) for field, name in _NAMES.items()}
    files = {file_name(each): contents[each.id] for each in dossier.files if each.enclosed}
    return Papers(records, files)


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def manifest(
    dossier: Dossier, enclosed: Papers, *, reader: Reader, lang: str, certificates: Sequence[str], pages: Sequence[str]
) -> bytes:
    """List what a pack encloses."""
    return _json(
        Manifest(
            format=FORMAT,
            case=str(dossier.case["id"]),
            payment=str(dossier.payment["id"]),
            merchant=str(dossier.merchant["id"]),
            reader=reader,
            lang=lang,
            made_at=dossier.made_at,
            certificates=list(certificates),
            records=_listed(enclosed.records),
            files=_listed(enclosed.files),
            pages=list(pages),
        )
    )


def _listed(contents: Mapping[str, bytes]) -> list[Enclosed]:
    return [Enclosed(name=name, size=len(each), sha256=digest_of(each)) for name, each in contents.items()]


def read_manifest(content: bytes) -> Manifest:
    """Raises ValueError when it is none (msgspec.DecodeError is one)."""
    found = msgspec.json.decode(content, type=Manifest)
    if found.format != FORMAT:
        raise ValueError(f"another format: {found.format[:40]}")
    return found


def read_record(name: str, content: bytes) -> Any:
    """The part of a dossier that lies in this file. Raises ValueError when it cannot be one."""
    field = name.removesuffix(".json")
    return msgspec.json.decode(content, type=_HINTS[field])


def dossier_of(made_at: datetime, parts: Mapping[str, Any]) -> Dossier:
    """Put a dossier together from its parts, by the names of their files."""
    return Dossier(made_at=made_at, **{name.removesuffix(".json"): part for name, part in parts.items()})
