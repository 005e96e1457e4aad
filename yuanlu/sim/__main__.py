"""`python -m yuanlu.sim`: the simulated providers as a process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

import click

from yuanlu.sim.server import serve


async def _until_signalled(port: int, directory: Path, seed: int) -> None:
    serving = asyncio.create_task(serve(port, directory, seed))
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


@click.command(epilog="Example: python -m yuanlu.sim --port 0 --dir /tmp/sim")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 picks a free port.")
@click.option("--dir", "directory", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--seed", type=int, default=1, show_default=True, help="One seed reproduces a run.")
def main(port: int, directory: Path, seed: int) -> None:
    """Serve the simulated WeChat Pay and Alipay on loopback and write DIR/sim.json."""
    asyncio.run(_until_signalled(port, directory, seed))


if __name__ == "__main__":
    main()
