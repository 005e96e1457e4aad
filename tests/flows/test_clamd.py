"""A scanner, where one is set: a small real server that speaks INSTREAM, and its ways of not answering."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flows import files
from tests.flows.room import opened
from yuanlu.db import Database, Pools
from yuanlu.errors import Denied
from yuanlu.evidence import clamd

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD" + b"-ANTIVIRUS-TEST-FILE!$H+H*"
"""The harmless file all scanners agree to find."""


class Clamd:
    """Speaks as clamd does: reads one INSTREAM, and answers what it found in all of it."""

    def __init__(self) -> None:
        self.says: bytes | None = None
        self.seen: list[bytes] = []
        self.silent = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            assert await reader.readexactly(10) == b"zINSTREAM\0"
            content = bytearray()
            while length := int.from_bytes(await reader.readexactly(4), "big"):
                content += await reader.readexactly(length)
            self.seen.append(bytes(content))
            found = b"stream: Win.Test.EICAR_HDB-1 FOUND\0" if EICAR in content else b"stream: OK\0"
            answer = found if self.says is None else self.says
            if answer == b"silence":
                await self.silent.wait()
            writer.write(answer)
            await writer.drain()
        writer.close()


@pytest.fixture
async def scanner() -> AsyncIterator[tuple[Clamd, str]]:
    made = Clamd()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    yield made, f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    made.silent.set()
    server.close()
    await server.wait_closed()


async def test_a_clean_file_passes_and_was_seen_whole(scanner: tuple[Clamd, str]) -> None:
    """S59: malware check."""
    content = files.jpeg() * 300
    await clamd.scan(scanner[1], content)
    assert scanner[0].seen == [content]


async def test_what_the_scanner_finds_is_refused_by_its_name(scanner: tuple[Clamd, str]) -> None:
    """S59: malware check."""
    with pytest.raises(Denied) as no:
        await clamd.scan(scanner[1], files.jpeg() + EICAR)
    assert (no.value.code, no.value.facts["name"]) == ("file.infected", "Win.Test.EICAR_HDB-1")


@pytest.mark.parametrize(
    "says", [b"", b"stream: OK", b"INSTREAM size limit exceeded. ERROR\0", b"UNKNOWN COMMAND\0", b"x" * 10_000, b"OK\0"]
)
async def test_no_clear_word_is_no_pass(scanner: tuple[Clamd, str], says: bytes) -> None:
    """S59."""
    scanner[0].says = says
    with pytest.raises(Denied, match=r"file\.unscanned"):
        await clamd.scan(scanner[1], b"x")


async def test_a_slow_scanner_is_not_waited_for_for_ever(scanner: tuple[Clamd, str]) -> None:
    """S59."""
    scanner[0].says = b"silence"
    with pytest.raises(Denied, match=r"file\.unscanned"):
        await clamd.scan(scanner[1], b"x", within_seconds=0.2)


async def test_a_scanner_that_is_down_lets_nothing_pass() -> None:
    """S59."""
    with pytest.raises(Denied, match=r"file\.unscanned"):
        await clamd.scan("127.0.0.1:9", b"x")


@pytest.mark.parametrize("address", ["", "host", "host:", "host:port", ":3310"])
async def test_an_address_that_is_none_is_named(address: str) -> None:
    with pytest.raises(Denied, match="YUANLU_CLAMD"):
        await clamd.scan(address, b"x")


async def test_with_a_scanner_set_no_file_is_kept_unseen(
    database: Database, pools: Pools, tmp_path: Path, scanner: tuple[Clamd, str]
) -> None:
    """S59: what came is scanned, not what we make of it."""
    async with opened(database, pools, tmp_path / "files", scanner=scanner[1]) as room:
        case, content = await room.case(), files.jpeg_with_everything()
        await room.take(room.ask(case, content))
        assert scanner[0].seen == [content]
        for says, code in ((None, "file.infected"), (b"", "file.unscanned")):
            scanner[0].says = says
            with pytest.raises(Denied) as no:
                await room.take(room.ask(case, files.jpeg() + EICAR))
            assert no.value.code == code
        assert len(room.lying()) == 1
