"""What yuanlu can do, measured beside a floor of the same run: `yuanlu bench`, `make bench`.

docs/reference/bench.md says what each name means. Nothing heavy is imported before a bench runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yuanlu.bench.measure import Figure, Size
    from yuanlu.postgres import Server

BENCHES = {
    "record": "record",
    "record_single": "record",
    "record_objections": "record",
    "record_one_merchant": "record",
    "record_alone": "record",
    "read": "work",
    "payment": "payment",
    "serve_start": "work",
    "serve_memory": "work",
    "jobs": "work",
    "growth": "growth",
    "queue": "cases",
    "sweep": "cases",
    "console": "console",
    "case": "opening",
    "pack": "pack",
    "policy": "policy",
    "guards": "guards",
    "reports": "reports",
    "auth": "auth",
    "seal": "seal",
    "till": "till",
    "till_day": "till",
    "portal": "portal",
    "statement_read": "statements",
}
"""Every bench: its name, which is its function's too, and the module it is in. One bench may give several figures."""


def run(names: Sequence[str], as_json: bool, size: Size | None = None) -> int:
    """Run the benches of these names (all, when none is named) and print their figures on stdout.

    Shape: with `as_json` one list of objects, else a table. Answers an exit code.
    Raises Denied: bench.unknown.
    """
    from yuanlu.bench import measure, table  # noqa: PLC0415 - see the top
    from yuanlu.errors import Denied  # noqa: PLC0415
    from yuanlu.terminal import loop  # noqa: PLC0415

    unknown = sorted(set(names) - BENCHES.keys())
    if unknown:
        raise Denied("bench.unknown", names=unknown, known=sorted(BENCHES))
    figures = loop.run(lambda: measured(list(names) or list(BENCHES), size or measure.Size()))
    if figures is None:
        return 130
    table.show(figures, as_json=as_json)
    return 0


async def measured(names: Sequence[str], size: Size) -> list[Figure]:
    """The figures of these benches, each on a database of its own in one embedded PostgreSQL of their own."""
    from yuanlu.bench import ground, measure  # noqa: PLC0415 - see the top

    figures: list[Figure] = []
    async with ground.server() as server:
        for name in names:
            for figure in await bench(name)(server, size):
                measure.say(str(figure))
                figures.append(figure)
    return figures


def bench(name: str) -> Callable[[Server, Size], Awaitable[list[Figure]]]:
    """The function of a bench."""
    from importlib import import_module  # noqa: PLC0415 - see the top

    found: Callable[[Server, Size], Awaitable[list[Figure]]] = getattr(
        import_module(f"yuanlu.bench.{BENCHES[name]}"), name
    )
    return found
