"""What a file of a case may be, and what may become of it.

    TAKEN     made anew, sealed, in the store         GONE      forgotten: its content is no more, its row stays

A file is taken in once and never edited. Whoever opens it leaves a fact; forgetting leaves the row, both digests and
all facts, so the case's chain still holds.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from yuanlu import ids
from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.masking import masked
from yuanlu.payments.rules import Payment
from yuanlu.people.rules import Person, demand, may

NAME_MAX = 120
READ_SECONDS = 30


class Media(StrEnum):
    """What we take in, known by its first bytes."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    PDF = "application/pdf"


class State(StrEnum):
    TAKEN = "TAKEN"
    GONE = "GONE"


class Audience(StrEnum):
    """Who may see a file: everybody of the case, or our own people only."""

    CUSTOMER = "customer"
    INTERNAL = "internal"


class Why(StrEnum):
    """Why a file is opened, or forgotten. A code and no sentence: facts are never deleted, so they may name nobody."""

    REVIEW = "review"
    REPLY = "reply"
    PACK = "pack"
    EXPORT = "export"
    CUSTOMER = "customer"
    AUDIT = "audit"
    RETENTION = "retention"
    ERASURE = "erasure"


UNSEARCHED = "file.unsearched"
"""The words, in both languages, that go with a file in which numbers may still be seen."""

OPENING = (Why.REVIEW, Why.REPLY, Why.PACK, Why.EXPORT, Why.CUSTOMER, Why.AUDIT)

ENDING = {Media.JPEG: "jpg", Media.PNG: "png", Media.PDF: "pdf"}
"""How a kept file's name ends."""


def digest_of(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile(Row):
    """A file of a case as it stands. `number` counts the files of the case from 1; no two have the same."""

    table = "case_files"

    state: State
    case_id: str
    number: int
    media: Media
    size_bytes: int
    width: int
    height: int
    pages: int
    digest_original: str
    """SHA-256 of the bytes as they came."""
    digest_kept: str
    """SHA-256 of what is kept, before it was sealed."""
    storage_key: str
    name: str
    """The name it was given, for display only: sanitised, masked, sealed."""
    audience: Audience
    stripped: str
    """What stood in the file beside what is seen, and is not kept: `metadata`, `trailing`, `document`."""
    masked: str
    """What was masked in the name and blacked out in the pages: `card`, `id_number`, `secret`."""
    taken_by: str
    taken_at: datetime
    searched_pages: int = 0
    """Pages in which such numbers were looked for: in their text, or else in all that they show. An image is one
    page. The others were not read: no reader was there, or its time was over."""
    opened_times: int = 0
    gone_at: datetime | None = None
    gone_why: str = ""

    @property
    def is_searched(self) -> bool:
        """Whether numbers were surely looked for in all that it shows: else whoever opens it is told so."""
        return self.searched_pages >= self.pages


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTaken(Fact):
    """A file came in. `digest` is that of what is kept: the one the case's chain takes up."""

    case_id: str
    media: str
    size_bytes: int
    digest: str
    digest_original: str
    audience: str
    stripped: str
    masked: str
    searched_pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOpened(Fact):
    """Somebody looked into a file, and why."""

    case_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataExported(Fact):
    """All that is held about the payer of a payment was handed out, with so many files."""

    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileForgotten(Fact):
    """The content of a file is no more."""

    case_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is taken in at most. Units: bytes, pixels, seconds."""

    bytes_max: int = 10_000_000
    files_max: int = 20
    pixels_max: int = 40_000_000
    pages_max: int = 30
    seconds_max: int = 20
    memory_max: int = 1_000_000_000
    read_seconds: int = READ_SECONDS
    """How long numbers are looked for in the pictures of a file, by the clock on the wall. 0: not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAsk:
    """A file as it is handed in. `name` is what it was called there."""

    merchant_id: str
    case_id: str
    id: str
    by: Person
    content: bytes
    name: str = ""
    audience: Audience = Audience.CUSTOMER

    @property
    def digest(self) -> str:
        return digest_of(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remade:
    """A file as we wrote it anew."""

    media: Media
    width: int
    height: int
    pages: int
    stripped: tuple[str, ...]
    content: bytes
    searched_pages: int = 0
    masked: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        return digest_of(self.content)


@dataclass(frozen=True, slots=True)
class FileSeen:
    """What a new file is decided on: itself if it is known, whether its case is there, whose store's it is, and which
    numbers are taken."""

    file: CaseFile | None
    is_case: bool
    store_id: str
    numbers: frozenset[int]


# --- taking in ---

_ARCHIVES = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b",
    b"Rar!",
    b"7z\xbc\xaf",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
)


def media_of(content: bytes) -> Media:
    """What a file is by its first bytes: its name and what was said about it do not count.

    Raises Denied: file.empty, file.type.
    """
    if not content:
        raise Denied("file.empty")
    if content.startswith(b"\xff\xd8\xff"):
        return Media.JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return Media.PNG
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return Media.WEBP
    if content.startswith(b"%PDF-"):
        return Media.PDF
    raise Denied("file.type", looks_like=_looks_like(content))


def _looks_like(content: bytes) -> str:
    """What it may be instead: for the person who wonders why."""
    head = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if content.startswith(_ARCHIVES) or content[257:262] == b"ustar":
        return "archive"
    if content[4:8] == b"ftyp":
        return "heic" if content[8:11] in {b"hei", b"mif", b"hev"} else "video"
    if b"<svg" in head:
        return "svg"
    if head.startswith(b"<"):
        return "html"
    if content.startswith((b"GIF8", b"BM", b"II*\0", b"MM\0*")):
        return "other_image"
    if content.startswith((b"MZ", b"\x7fELF", b"#!")):
        return "program"
    return "unknown"


_FORBIDDEN = frozenset('\\/:*?"<>|')


def display_name(name: str, media: Media) -> tuple[str, tuple[str, ...]]:
    """The name a file is shown under, and what was masked in it. It is never used as a path.

    Shape: the last part of a path, without control and direction signs, at most 120 characters, with the ending of what
    is kept. Law: doing it again changes nothing.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(
        sign for sign in unicodedata.normalize("NFC", last) if sign not in _FORBIDDEN and sign.isprintable()
    )
    text, found = masked(plain)
    stem = text.replace("*", "•").strip(" .")
    ending = "." + ENDING[media]
    stem = stem.removesuffix(ending).strip(" .") or "file"
    return stem[: NAME_MAX - len(ending)].strip(" .") + ending, tuple(found)


def may_take(ask: FileAsk, limits: Limits, seen: FileSeen) -> CaseFile | None:
    """Whether it is worth looking at: before anything dear is done. Answers the file if it is here already.

    Raises Denied: case.unknown, file.id_taken, file.too_many, file.too_large, staff.not_allowed, staff.other_store.
    """
    if seen.file is not None:
        if (seen.file.digest_original, seen.file.case_id) != (ask.digest, ask.case_id):
            raise Denied("file.id_taken", id=ask.id)
        return seen.file
    if not seen.is_case:
        raise Denied("case.unknown")
    demand(ask.by, "note" if ask.audience is Audience.INTERNAL else "hand_in", seen.store_id)
    if len(ask.content) > limits.bytes_max:
        raise Denied("file.too_large", limit_bytes=limits.bytes_max)
    _free_number(limits, seen)
    return None


def _free_number(limits: Limits, seen: FileSeen) -> int:
    free = set(range(1, limits.files_max + 1)) - seen.numbers
    if not free:
        raise Denied("file.too_many", files_max=limits.files_max)
    return min(free)


def storage_key(ask: FileAsk) -> str:
    """Where its content lies: made of ids and a digest of ours, nothing of what came with the file.

    Law: two contents or two cases under one id have two keys, so the loser of a race never writes over the winner.
    """
    mark = digest_of(f"{ask.case_id}/{ask.digest}".encode())
    return f"{ask.merchant_id}/{mark[:2]}/{ask.id}.{mark[:16]}"


def take(
    ask: FileAsk, remade: Remade, name: str, found: tuple[str, ...], limits: Limits, seen: FileSeen, at: datetime
) -> Change[CaseFile] | Stay[CaseFile]:
    """Write a file down whose content is in the store already. `name` is sealed.

    Raises Denied: as `may_take`.
    """
    known = may_take(ask, limits, seen)
    if known is not None:
        return Stay(known)
    row = CaseFile(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.FILE),
        state=State.TAKEN,
        case_id=ask.case_id,
        number=_free_number(limits, seen),
        media=remade.media,
        size_bytes=len(remade.content),
        width=remade.width,
        height=remade.height,
        pages=remade.pages,
        digest_original=ask.digest,
        digest_kept=remade.digest,
        storage_key=storage_key(ask),
        name=name,
        audience=ask.audience,
        stripped=",".join(remade.stripped),
        masked=",".join(dict.fromkeys((*found, *remade.masked))),
        searched_pages=remade.searched_pages,
        taken_by=ask.by.id,
        taken_at=at,
    )
    taken = FileTaken(
        case_id=row.case_id,
        media=row.media,
        size_bytes=row.size_bytes,
        digest=row.digest_kept,
        digest_original=row.digest_original,
        audience=row.audience,
        stripped=row.stripped,
        masked=row.masked,
        searched_pages=row.searched_pages,
    )
    return Change(row=row, at=at, who=ask.by.id, facts=(taken,))


# --- looking, forgetting ---


def may_see(by: Person, file: CaseFile) -> bool:
    """Whether a file is for these eyes: what is internal is for our own people."""
    return file.audience is Audience.CUSTOMER or may(by.role, "note")


def there(file: CaseFile | None) -> CaseFile:
    """The file, if it can still be opened.

    Raises Denied: file.unknown, file.gone.
    """
    if file is None:
        raise Denied("file.unknown")
    if file.state is State.GONE:
        raise Denied("file.gone")
    return file


@dataclass(frozen=True, slots=True)
class FileThere:
    """What it is decided on whether a file is opened: itself, and the store its case belongs to."""

    file: CaseFile | None
    store_id: str = ""


def open_file(by: Person, why: Why, seen: FileThere, at: datetime) -> Change[CaseFile]:
    """Write down that somebody looks into a file.

    Raises Denied: file.unknown, file.gone, staff.not_allowed, staff.other_store.
    """
    if seen.file is not None:
        demand(by, "export" if why is Why.EXPORT else "open_file", seen.store_id)
        if seen.file.audience is Audience.INTERNAL:
            demand(by, "note", seen.store_id)
    row = there(seen.file)
    row = replace(row, version=row.version + 1, opened_times=row.opened_times + 1)
    return Change(row=row, at=at, who=by.id, facts=(FileOpened(case_id=row.case_id, why=why),))


def hand_out(who: str, files: int, payment: Payment | None, at: datetime) -> Change[Payment]:
    """Write down that all that is held about a payer is handed out. Raises Denied: payment.unknown."""
    if payment is None:
        raise Denied("payment.unknown")
    row = replace(payment, version=payment.version + 1)
    return Change(row=row, at=at, who=who, facts=(DataExported(files=files),))


def forget(who: str, why: Why, file: CaseFile | None, at: datetime) -> Change[CaseFile] | Stay[CaseFile]:
    """Write down that a file's content is no more. Raises Denied: file.unknown."""
    if file is None:
        raise Denied("file.unknown")
    if file.state is State.GONE:
        return Stay(file)
    row = replace(file, version=file.version + 1, state=State.GONE, name="", gone_at=at, gone_why=why)
    return Change(row=row, at=at, who=who, facts=(FileForgotten(case_id=row.case_id, why=why),))
