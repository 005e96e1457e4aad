"""A receipt printer that listens as real ones do (raw TCP), draws what it printed, and fails on order."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from yuanlu.sim.paper import Head, Roll


@dataclass(slots=True)
class Faults:
    """What is wrong with it now."""

    no_paper: bool = False
    cover_open: bool = False
    offline: bool = False
    mute: bool = False
    """It takes what it is sent and answers nothing."""
    jam_after: int | None = None
    """Lines after which the paper jams, once: it then has no paper until it is put right."""
    cut_after: int | None = None
    """Bytes after which the connection is cut, once."""
    slow: float = 0.0
    """Seconds before each line."""


@dataclass(slots=True)
class Printer:
    """One printer. `roll`: what came out; `jobs`: how many connections brought something to print."""

    columns: int = 32
    faults: Faults = field(default_factory=Faults)
    roll: Roll = field(default_factory=Roll)
    jobs: int = 0
    wrong: list[str] = field(default_factory=list)
    """What it was sent that no printer understands."""
    directory: Path | None = None
    """Where a picture of each slip is written."""
    port: int = 0
    _server: asyncio.Server | None = None

    def __post_init__(self) -> None:
        self.roll = Roll(self.columns)

    async def __aenter__(self) -> Printer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def mend(self) -> None:
        """Somebody put it right: new paper, cover shut, switched on."""
        self.faults = Faults()

    def status(self, question: int) -> int:
        """The answer to DLE EOT n. Source: Epson, DLE EOT: bits 1 and 4 are always set, bits 0 and 7 never."""
        faults = self.faults
        held = faults.no_paper or faults.cover_open or faults.offline
        match question:
            case 1:
                return 0x12 | (0x08 if held else 0)
            case 2:
                return 0x12 | (0x04 if faults.cover_open else 0) | (0x20 if faults.no_paper else 0)
            case 4:
                return 0x12 | (0x60 if faults.no_paper else 0)
            case _:
                return 0x12

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await _Call(self, reader, writer).run()
        writer.close()

    async def show(self) -> None:
        """Write a picture of what came out last."""
        if self.directory is not None:
            image = await asyncio.to_thread(self.roll.draw)
            await asyncio.to_thread(image.save, self.directory / f"slip-{self.jobs:03}.png")


class _Call:
    """One connection: questions in real time are answered at once, all else is printed in its turn."""

    def __init__(self, printer: Printer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._printer = printer
        self._reader = reader
        self._writer = writer
        self._head = Head(printer.roll)
        self._work: asyncio.Queue[bytes] = asyncio.Queue()
        self._taken = 0

    async def run(self) -> None:
        printing = asyncio.create_task(self._print())
        try:
            while data := await self._reader.read(4096):
                data = self._answered(data)
                if not data:
                    continue
                if not self._taken:
                    self._printer.jobs += 1
                self._taken += len(data)
                cut = self._printer.faults.cut_after
                if cut is not None and self._taken >= cut:
                    self._printer.faults.cut_after = None
                    for _ in self._head.take(data[: cut - self._taken + len(data)]):
                        pass
                    return
                self._work.put_nowait(data)
        finally:
            printing.cancel()

    def _answered(self, data: bytes) -> bytes:
        """What is left of some bytes when the questions in real time are taken out."""
        while (at := data.find(b"\x10\x04")) >= 0:
            if not self._printer.faults.mute:
                self._writer.write(bytes([self._printer.status(data[at + 2])]))
            data = data[:at] + data[at + 3 :]
        return data

    async def _print(self) -> None:
        printer, lines = self._printer, 0
        while True:
            data = await self._work.get()
            try:
                for asked in self._head.take(data):
                    if asked:
                        await printer.show()
                        if not printer.faults.mute:
                            self._writer.write(b"\x00")
                        continue
                    lines += 1
                    await asyncio.sleep(printer.faults.slow)
                    if printer.faults.jam_after is not None and lines >= printer.faults.jam_after:
                        printer.faults = Faults(no_paper=True)
                        return  # what it still holds is lost with the paper
            except ValueError as wrong:
                printer.wrong.append(str(wrong))
                return


async def serve(port: int, columns: int, directory: Path) -> None:
    """Listen until cancelled; each slip is written to the directory as a picture."""
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    async with Printer(columns, directory=directory, port=port) as printer:
        print(f"printer at {printer.address}, slips in {directory}", flush=True)  # noqa: T201
        await asyncio.Event().wait()
