"""A file as it came, opened: out of gzip or zip, in whichever encoding, as blocks of whole lines.

Nothing is unpacked to disk and nothing is held but one block, however large the file. Lines of UTF-8 and GBK are handed
on as the bytes they are (a comma, a line's end and a digit are the same single byte in both); what is UTF-16 is made
UTF-8. Source: channels.md 10.1 to 10.3 (encodings, names in zips).
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol, cast

from yuanlu.errors import Denied

BLOCK = 4 << 20
"""Bytes of one block: about 15,000 lines."""
HEAD = 64 << 10
"""Bytes in which the header stands."""
LINE_MAX = 1 << 20
"""A longer line is none of a statement."""
UNPACKED_MAX = 4 << 30
"""Bytes of all parts together: a small file that unpacks to more is no statement."""
PARTS_MAX = 200

_BROKEN = (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, OSError)
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
_OTHER_ARCHIVES = (b"Rar!", b"7z\xbc\xaf")


class Bytes(Protocol):
    """Where bytes come from."""

    def read(self, size: int, /) -> bytes: ...


@dataclass
class Part:
    """One file of a statement, opened at its beginning."""

    name: str
    stream: Bytes


class Cut(Exception):
    """The file ends or breaks in the middle: what was read until there is good."""


def parts(source: BinaryIO, name: str) -> Iterator[Part]:
    """The files in a file: itself, or what is packed in it, in the order they are packed.

    `source` can be read and sought. Raises Denied: statement.empty, statement.workbook, statement.archive_unknown,
    statement.archive_broken, statement.encrypted, statement.too_large, statement.not_one.
    """
    magic = source.read(4)
    source.seek(0)
    if not magic:
        raise Denied("statement.empty")
    if magic == _OLD_WORKBOOK:
        raise Denied("statement.workbook")
    if magic in _OTHER_ARCHIVES:
        raise Denied("statement.archive_unknown")
    if magic[:2] == b"\x1f\x8b":
        yield Part(re.sub(r"\.gz(ip)?$", "", name), _Metered(gzip.GzipFile(fileobj=source), [UNPACKED_MAX]))
    elif magic[:2] == b"PK":
        yield from _zipped(source)
    else:
        yield Part(name, source)


def _zipped(source: BinaryIO) -> Iterator[Part]:
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError):
        raise Denied("statement.archive_broken") from None
    with archive:
        inside = [each for each in archive.infolist() if not each.is_dir()]
        if any(each.filename == "[Content_Types].xml" for each in inside):
            raise Denied("statement.workbook")
        if any(each.flag_bits & 0x1 for each in inside):
            raise Denied("statement.encrypted")
        if len(inside) > PARTS_MAX:
            raise Denied("statement.too_large")
        if not inside:
            raise Denied("statement.empty")
        left = [UNPACKED_MAX]
        for each in inside:
            try:
                stream = cast("zipfile.ZipExtFile", archive.open(each))
            except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
                raise Denied("statement.archive_broken") from None
            with stream:
                yield Part(_name(each), _Metered(stream, left))


def _name(packed: zipfile.ZipInfo) -> str:
    """A name as whoever packed it meant it: Alipay writes GBK and says nothing of it."""
    if packed.flag_bits & 0x800:
        return packed.filename
    try:
        return packed.filename.encode("cp437").decode("gb18030")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return packed.filename


class _Metered:
    """Unpacks no more than there may be, and calls every breakage by one name, once all before it was handed on."""

    def __init__(self, stream: gzip.GzipFile | zipfile.ZipExtFile, left: list[int]) -> None:
        self._stream = stream
        self._left = left
        self._broken = False

    def read(self, size: int, /) -> bytes:
        got = bytearray()
        while len(got) < size and not self._broken:
            try:
                more = self._stream.read1(size - len(got))
            except _BROKEN:
                self._broken = True
                break
            if not more:
                break
            got += more
        if self._broken and not got:
            raise Cut
        self._left[0] -= len(got)
        if self._left[0] < 0:
            raise Denied("statement.too_large")
        return bytes(got)


@dataclass
class Opened:
    """The lines of one part. `encoding` is `utf-8` or `gb18030`: what `decoded` needs."""

    name: str
    encoding: str
    head: bytes
    """The first whole lines, at most `HEAD` bytes (or the first line); none where the part is empty."""
    rest: Iterator[bytes]
    """Blocks of whole lines after `head`, each ending in a line feed. Raises Cut in its midst."""

    def decoded(self, raw: bytes) -> str:
        return raw.decode(self.encoding, "replace")


def opened(part: Part) -> Opened:
    """Look at the beginning of a part: its encoding, its first lines.

    Raises Denied: statement.not_one (what is no text).
    """
    stream, mark = part.stream, _at_least(part.stream, HEAD)
    if mark.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        stream = _Recoded(io.BytesIO(mark), stream, "utf-16")
        mark = _at_least(stream, HEAD)
    has_mark, mark = mark.startswith(codecs.BOM_UTF8), mark.removeprefix(codecs.BOM_UTF8)
    if b"\0" in mark:
        raise Denied("statement.not_one")
    blocks = _lines(mark, stream)
    first = next(blocks, b"")
    end = first.rfind(b"\n", 0, HEAD) + 1 or first.find(b"\n") + 1
    return Opened(part.name, "utf-8" if has_mark else _encoding(mark), first[:end], _after(first[end:], blocks))


def _after(first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from blocks


def _at_least(stream: Bytes, size: int) -> bytes:
    """The first bytes of a stream; fewer only where it ends or breaks."""
    got = b""
    try:
        while len(got) < size and (more := stream.read(size - len(got))):
            got += more
    except Cut:
        if not got:
            raise Denied("statement.archive_broken") from None
    return got


def _encoding(head: bytes) -> str:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:  # the one it is has fewer letters that cannot be
        spoilt = {encoding: head.decode(encoding, "replace").count("\ufffd") for encoding in ("utf-8", "gb18030")}
        return min(spoilt, key=lambda encoding: (spoilt[encoding], encoding != "gb18030"))
    return "utf-8"


def _lines(first: bytes, stream: Bytes) -> Iterator[bytes]:
    """Cut a stream into blocks of whole lines; a line without its end gets one."""
    rest, cut = first, False
    ends = b"\r" if b"\n" not in first and b"\r" in first else b"\n"  # as Macs of old ended lines
    while True:
        try:
            got = stream.read(BLOCK)
        except Cut:
            got, cut = b"", True
        block = rest + got
        if ends == b"\r":
            block = block.replace(b"\r", b"\n")
        end = len(block) if not got else block.rfind(b"\n") + 1
        if len(block) - end > LINE_MAX:
            raise Denied("statement.not_one")
        if end:
            yield block[:end] if block[end - 1 : end] == b"\n" else block[:end] + b"\n"
        rest = block[end:]
        if cut:
            raise Cut
        if not got:
            return


class _Recoded:
    """A stream of UTF-16 as UTF-8."""

    def __init__(self, first: Bytes, then: Bytes, encoding: str) -> None:
        self._sources = [first, then]
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def read(self, size: int, /) -> bytes:
        while self._sources:
            got = self._sources[0].read(size)
            if not got:
                self._sources.pop(0)
            made = self._decoder.decode(got, final=not self._sources).encode("utf-8", "replace")
            if made:
                return made
        return b""
