"""Checks a pack, from its bytes alone: no database, no installation, no network.

First the signature over the whole file, then what is enclosed against the manifest, then the records against each
other. What the signature already condemns is looked at all the same, as far as it can be read: a changed file is named.
"""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from yuanlu.packs import audit, records, signature
from yuanlu.packs.audit import Fault, fault
from yuanlu.packs.dossier import Dossier, Kept, digest_of
from yuanlu.packs.press import page_digests
from yuanlu.packs.records import Enclosed, Manifest
from yuanlu.packs.signature import Seen

FILE_MAX = 512 * 1024 * 1024
"""Bytes of a pack we look at at all: it is read into memory."""
ENCLOSED_MAX = 2000
_HEAD = b"%PDF-"
UNPACKED_MAX = 256 * 1024 * 1024
"""Bytes of all that is enclosed, unpacked: four times what we enclose ourselves. What swells beyond is not read."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. `signer` and `authority` are fingerprints; `manifest` is None where there is none to read."""

    faults: Sequence[Fault]
    signer: str = ""
    authority: str = ""
    is_trusted: bool = False
    """Whether the signer is one of those we were told to trust; a good file of an unknown signer is ok and not this."""
    manifest: Manifest | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.faults


def verify(file: bytes, trust: Sequence[str] = ()) -> Verdict:
    """Check a pack.

    Shape: `trust` are fingerprints (of the signer, or of whoever vouches for it) of which one must have signed; empty:
    whoever the manifest names. Never raises for what a file says.
    """
    if len(file) > FILE_MAX:
        return Verdict([fault("file.large", limit_mb=FILE_MAX // 1024 // 1024)])
    if not file:
        return Verdict([fault("file.empty")])
    if not file.startswith(_HEAD):
        return Verdict([fault("file.other")])
    seen = signature.read(file)
    document = _document(file)
    if isinstance(document, Fault):
        return _judged(seen, [*seen.faults, document], None, trust, {})
    pages, enclosed, found = document
    manifest, faults = _manifest(enclosed)
    found = [*found, *faults]
    counts: Mapping[str, int] = {}
    if manifest is not None:
        found += _pages(manifest, pages)
        found += _enclosed(manifest, enclosed)
        dossier, faults = _dossier(manifest, enclosed)
        found += faults
        if dossier is not None:
            found += _records(dossier, manifest, enclosed)
            counts = _counts(dossier, len(pages))
    return _judged(seen, [*seen.faults, *found], manifest, trust, counts)


def _judged(
    seen: Seen, faults: Sequence[Fault], manifest: Manifest | None, trust: Sequence[str], counts: Mapping[str, int]
) -> Verdict:
    """Add the judgement about who signed."""
    prints = seen.fingerprints
    wanted = [each.replace(":", "").replace(" ", "").lower() for each in trust]
    expected = wanted or (list(manifest.certificates[:1]) if manifest else prints)
    faults = list(faults)
    if prints and not set(prints) & set(expected):
        faults.insert(0, fault("signature.stranger", signer=prints[0], expected=", ".join(expected)))
    elif manifest and prints and prints[:1] == manifest.certificates[:1] and prints != manifest.certificates:
        faults.append(fault("signature.certificate"))
    return Verdict(
        faults=_once(faults),
        signer=prints[0] if prints else "",
        authority=prints[1] if len(prints) > 1 else "",
        is_trusted=bool(set(prints) & set(wanted)),
        manifest=manifest,
        counts=counts,
    )


def _once(faults: Sequence[Fault]) -> list[Fault]:
    """Each fault once, in order."""
    found: list[Fault] = []
    for each in faults:
        if each not in found:
            found.append(each)
    return found


# --- what lies in the PDF ---

_Document = tuple[Sequence[str], Mapping[str, bytes], list[Fault]]


def _document(file: bytes) -> _Document | Fault:
    """The digests of its pages and what is enclosed, by name, as far as it can be read."""
    from pyhanko.pdf_utils.reader import PdfFileReader  # noqa: PLC0415 - heavy, and only here

    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
    try:
        reader = PdfFileReader(io.BytesIO(file))
        names = _names(reader)
    except Exception as wrong:  # a damaged PDF fails in the library in more ways than can be told
        return fault("pdf.unreadable", why=type(wrong).__name__)
    found: list[Fault] = []
    if reader.total_revisions != 1:
        found.append(fault("pdf.revisions", count=reader.total_revisions))
    enclosed: dict[str, bytes] = {}
    room = UNPACKED_MAX
    for name, spec in names:
        try:
            content = _unpacked(spec.get_object()["/EF"]["/F"], room)
            room -= len(content)
        except _SwollenError:
            content = b""
            found.append(fault("enclosed.swollen", name=name, limit_mb=UNPACKED_MAX // 1024 // 1024))
        except Exception:  # see above: what cannot be read is not what was enclosed; the others are looked at
            content = b""
        if name in enclosed:
            found.append(fault("enclosed.twice", name=name))
        enclosed[name] = content
    try:
        pages = list(page_digests(reader))
    except Exception as wrong:  # see above
        pages = []
        found.append(fault("pdf.unreadable", why=type(wrong).__name__))
    return pages, enclosed, found


class _SwollenError(Exception):
    """More than there is room for."""


def _unpacked(stream: Any, room: int) -> bytes:
    """What is enclosed, as packs are written: squeezed once, and not a byte behind it.

    Raises _SwollenError; ValueError when it was written otherwise; zlib.error.
    """
    if stream.get("/Filter") != "/FlateDecode" or "/DecodeParms" in stream:
        raise ValueError("packed in another way")
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(stream.encoded_data, room + 1)
    if len(content) > room:
        raise _SwollenError
    if not unpacker.eof or unpacker.unused_data.strip(b"\r\n"):
        raise ValueError("cut, or more than was packed")
    return content


def _names(reader: Any) -> list[tuple[str, Any]]:
    """The names of what is enclosed. Shape: one flat list, as packs are written."""
    listed = reader.root["/Names"]["/EmbeddedFiles"]["/Names"]
    size = min(len(listed), 2 * ENCLOSED_MAX)
    return [(str(listed[place]), listed.raw_get(place + 1)) for place in range(0, size - 1, 2)]


# --- against the manifest ---


def _manifest(enclosed: Mapping[str, bytes]) -> tuple[Manifest | None, list[Fault]]:
    content = enclosed.get(records.MANIFEST)
    if content is None:
        return None, [fault("manifest.none")]
    try:
        return records.read_manifest(content), []
    except (ValueError, RecursionError) as wrong:
        return None, [fault("manifest.unreadable", why=str(wrong)[:120])]


def _pages(manifest: Manifest, pages: Sequence[str]) -> Iterator[Fault]:
    if len(pages) != len(manifest.pages):
        yield fault("pages.count", told=len(manifest.pages), found=len(pages))
    for place, (told, found) in enumerate(zip(manifest.pages, pages, strict=False), 1):
        if told != found:
            yield fault("pages.differs", page=place)


def _enclosed(manifest: Manifest, enclosed: Mapping[str, bytes]) -> Iterator[Fault]:
    listed: dict[str, Enclosed] = {}
    for kind, items in (("records", manifest.records), ("files", manifest.files)):
        for place, each in enumerate(items, 1):
            if each.name in listed:
                yield fault("enclosed.twice", name=each.name)
            listed[each.name] = each
            yield from _one(kind, place, each, enclosed.get(each.name))
    for name in enclosed.keys() - listed.keys() - {records.MANIFEST}:
        yield fault("enclosed.extra", name=name)


def _one(kind: str, place: int, told: Enclosed, content: bytes | None) -> Iterator[Fault]:
    if content is None:
        yield fault(f"{kind}.missing", place=place, name=told.name)
    elif len(content) != told.size or digest_of(content) != told.sha256:
        yield fault(f"{kind}.differs", place=place, name=told.name)


# --- the records ---


def _dossier(manifest: Manifest, enclosed: Mapping[str, bytes]) -> tuple[Dossier | None, list[Fault]]:
    parts, found = {}, []
    for name in records.RECORDS:
        if name not in enclosed:
            if name in records.LATER:  # one that is listed and not there was found missing before
                continue
            found.append(fault("records.missing", place=records.RECORDS.index(name) + 1, name=name))
            continue
        try:
            parts[name] = records.read_record(name, enclosed[name])
        except (ValueError, RecursionError) as wrong:
            found.append(fault("records.unreadable", name=name, why=str(wrong)[:120]))
    return (None if found else records.dossier_of(manifest.made_at, parts)), found


def _records(dossier: Dossier, manifest: Manifest, enclosed: Mapping[str, bytes]) -> list[Fault]:
    """The records against each other, the files and the manifest's head."""
    head = ((manifest.case, dossier.case), (manifest.payment, dossier.payment), (manifest.merchant, dossier.merchant))
    found = [fault("manifest.head", told=told, found=row.get("id")) for told, row in head if row.get("id") != told]
    try:
        found += audit.faults(dossier)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as wrong:
        found.append(fault("records.nonsense", why=f"{type(wrong).__name__}: {str(wrong)[:80]}"))
    for place, kept in enumerate(dossier.files, 1):
        found += _file(place, kept, enclosed)
    return found


def _file(place: int, kept: Kept, enclosed: Mapping[str, bytes]) -> Iterator[Fault]:
    if not kept.enclosed:
        return
    name = records.file_name(kept)
    content = enclosed.get(name)
    if content is None:
        yield fault("files.missing", place=place, name=name)
    elif digest_of(content) != kept.digest or len(content) != kept.size:
        yield fault("files.differs", place=place, name=name)


def _counts(dossier: Dossier, pages: int) -> Mapping[str, int]:
    return {
        "pages": pages,
        "facts": len(dossier.facts),
        "evidence": len(dossier.evidence),
        "moves": len(dossier.moves),
        "messages": len(dossier.thread),
        "files": len(dossier.files),
        "links": len(dossier.chain),
    }
