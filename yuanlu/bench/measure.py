"""What a bench says, and the instruments: CPU and memory of a process, percentiles, medians."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table.

    Shape: `ratio` is value over floor, both of the same run; of several rounds the median of their ratios.
    None: it has no meaning here.
    Units: `cpu_us` microseconds of CPU of our own processes an operation; `peak_mb` the most memory our process held.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None
    cpu_us: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    peak_mb: float | None = None

    def __str__(self) -> str:
        beside = f", {self.ratio:.3g} of {self.floor:.4g}" if self.ratio is not None else ""
        return f"{self.name} = {self.value:.4g} {self.unit}{beside}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much the benches do. A test takes tiny ones: then the figures say nothing, but every line has run."""

    rounds: int = 5
    callers: int = 256
    changes: int = 20_000
    """Changes a round."""
    turns: int = 15
    fresh: int = 6_000
    """Rounds of the recorder, and changes in each: few enough to be in the processor's cache still when they are
    recorded, as a change just decided is. With 20,000 made beforehand we mostly waited for memory."""
    held: int = 100_000
    """Payments in the tables in which changes are recorded."""
    alone: int = 400
    """Changes a round of one caller alone."""
    payments: int = 2_000
    """Payments a round over HTTP."""
    reads: int = 40_000
    few: int = 1_000
    many: int = 10_000
    """Open refunds, before and after."""
    starts: int = 3
    files: int = 50
    """Files in a pack."""
    growth: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    """Payments in the tables."""
    cases: tuple[int, ...] = (1_000, 10_000, 100_000)
    """Open cases in the tables."""
    pages: int = 100
    """Pages of the queue a round."""
    due: int = 200
    """Cases a round whose deadline has come."""
    reported: int = 1_000_000
    """Payments that reports are made of."""
    sales: int = 10_000
    """Sales that are guarded."""
    scans: int = 40
    """Scans of the till that are timed."""
    taken: int = 2_000
    """Payments at the till in a day of its own clock."""
    statement_rows: int = 500_000
    """Rows of a statement that is read."""
    opened: int = 100
    """Cases a round that are opened."""


def against(floor: float, value: float) -> dict[str, float]:
    """A value beside its floor: the fields `value`, `floor` and `ratio`."""
    return {"value": value, "floor": floor, "ratio": value / floor}


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which this part (0 to 1) of the values lies; the lower neighbour where it falls between two."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return percentile(values, 0.5)


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """The fields `p50_ms` and `p99_ms` of some durations."""
    return {"p50_ms": percentile(seconds, 0.5) * 1000, "p99_ms": percentile(seconds, 0.99) * 1000}


def short(number: int) -> str:
    """A number as it stands in a figure's name."""
    return (
        f"{number // 1_000_000}m" if number >= 1_000_000 else f"{number // 1_000}k" if number >= 1_000 else f"{number}"
    )


def cpu_of(pid: int) -> float:
    """Seconds of CPU a process has used, in user and kernel, all its threads.

    The scheduler's own count of nanoseconds, where the kernel tells it; else the clock ticks of `stat`.
    """
    with suppress(OSError):
        tasks = Path(f"/proc/{pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / _TICKS


def memory_mb(pid: int | str = "self", *, peak: bool = False) -> float:
    """Memory a process holds now, or the most it held since `forget_peak`."""
    wanted = "VmHWM:" if peak else "VmRSS:"
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(wanted):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


def forget_peak(pid: int | str = "self") -> None:
    """Let the peak of a process's memory begin anew at what it holds now."""
    with suppress(OSError):  # not allowed everywhere: the peak then counts from the process's start
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def say(text: str) -> None:
    """Progress, for whoever waits: on stderr, so that stdout is the figures alone."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()
