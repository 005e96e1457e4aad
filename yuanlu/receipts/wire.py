"""The wire to a receipt printer: raw TCP, as port 9100 takes it, with its status asked before and after.

A printer is asked in real time (DLE EOT) before anything is sent, so that no paper or an open cover costs nothing. The
bytes end with a question that it answers in its turn (GS r), when all before has been worked off: only that is DONE.
Source: Epson, ESC/POS command reference: DLE EOT n, GS r n.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from yuanlu.slips import Report, Sheets, Word

CONNECT_WITHIN, ANSWER_WITHIN, WRITE_WITHIN, PRINT_WITHIN = 5.0, 3.0, 8.0, 12.0
"""Seconds. Together they are less than `rules.LOST_AFTER`."""
POLL_EVERY = 0.5
_PRINTER, _CAUSE, _PAPER = b"\x10\x04\x01", b"\x10\x04\x02", b"\x10\x04\x04"
_DONE = b"\x1dr\x01"


def _is_real_time(answer: int) -> bool:
    return answer & 0b1001_0011 == 0b0001_0010


def _is_in_turn(answer: int) -> bool:
    return answer & 0b1001_0000 == 0


def _trouble(cause: int, paper: int, printer: int) -> str:
    """What keeps a printer from printing, by its answers to DLE EOT 2, 4 and 1; empty: nothing."""
    if cause & 0x04:
        return "cover"
    if cause & 0x20 or paper & 0x60:
        return "paper"
    return "offline" if printer & 0x08 or cause & 0x40 else ""


class _Away(Exception):
    """It does not answer."""


class _Line:
    """One connection to a printer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._is_worked_off = False

    async def ask(self, question: bytes) -> int:
        """Ask in real time. Raises _Away, OSError."""
        self._writer.write(question)
        return await self.hear(_is_real_time, ANSWER_WITHIN)

    async def hear(self, is_wanted: Callable[[int], bool], within: float) -> int:
        """The next answer that is wanted. Raises _Away, OSError."""
        try:
            async with asyncio.timeout(within):
                while True:
                    answer = await self._reader.read(1)
                    if not answer:
                        raise _Away
                    self._is_worked_off |= _is_in_turn(answer[0])  # it may come while something else is asked
                    if is_wanted(answer[0]):
                        return answer[0]
        except TimeoutError:
            raise _Away from None

    async def trouble(self) -> str:
        """What keeps it from printing now. Raises _Away, OSError."""
        printer, cause, paper = [await self.ask(each) for each in (_PRINTER, _CAUSE, _PAPER)]
        return _trouble(cause, paper, printer)

    async def send(self, data: bytes) -> None:
        """Raises _Away, OSError."""
        self._writer.write(data + _DONE)
        try:
            async with asyncio.timeout(WRITE_WITHIN):
                await self._writer.drain()
        except TimeoutError:
            raise _Away from None

    async def printed(self) -> str:
        """Wait until all of it came out; answers what is wrong, empty: nothing. Raises _Away, OSError."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PRINT_WITHIN
        while loop.time() < until:
            with contextlib.suppress(_Away):
                await self.hear(_is_in_turn, POLL_EVERY)
                return ""
            trouble = await self.trouble()
            if self._is_worked_off:
                return ""
            if trouble:
                return trouble
        raise _Away


async def carry(sheets: Sheets) -> Report:
    """Take a slip to its printer. Never raises for trouble outside: that is a report too."""
    host, _, port = sheets.address.rpartition(":")
    try:
        async with asyncio.timeout(CONNECT_WITHIN):
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError):
        return Report(Word.AWAY, "away")
    try:
        return await _carried(_Line(reader, writer), sheets.data)
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()


async def _carried(line: _Line, data: bytes) -> Report:
    try:
        trouble = await line.trouble()
    except (_Away, OSError):
        return Report(Word.AWAY, "offline")
    if trouble:
        return Report(Word.BLOCKED, trouble)
    try:
        await line.send(data)
        trouble = await line.printed()
    except (_Away, OSError):
        return Report(Word.BROKEN, "lost")
    return Report(Word.BROKEN, trouble) if trouble else Report(Word.DONE)


async def status(address: str) -> str:
    """What keeps the printer at this address from printing, now; empty: nothing. `away`: it does not answer."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(CONNECT_WITHIN):
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError):
        return "away"
    try:
        return await _Line(reader, writer).trouble()
    except (_Away, OSError):
        return "offline"
    finally:
        writer.close()
