"""`python -m yuanlu.schema.dump` writes `schema.sql`: the sum of the migrations, as PostgreSQL itself tells it.

The months of partitioned tables are left out (they depend on the day), and so is what pg_dump says about itself.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path

from yuanlu.db import Database, migrate
from yuanlu.errors import Broken
from yuanlu.postgres import Server

FILE = Path(__file__).parent / "schema.sql"
_HEAD = "-- The sum of the migrations. Made by `python -m yuanlu.schema.dump`; do not edit.\n\n"
_NOISE = re.compile(r"--|SET |\\restrict |\\unrestrict |SELECT pg_catalog\.set_config")


async def dumped(server: Server, database: str) -> str:
    """The schema of a database of the embedded server, grants and policies included."""
    pg_dump = await asyncio.create_subprocess_exec(
        server.program("pg_dump"),
        "--schema-only",
        "--exclude-table=*_20[0-9][0-9]_[0-9][0-9]",
        server.url(database),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, cried = await pg_dump.communicate()
    if pg_dump.returncode != 0:
        raise Broken(f"pg_dump failed: {cried.decode(errors='replace')}")
    return _HEAD + _plain(told.decode())


def _plain(text: str) -> str:
    """Statements only: no comments between them, no session settings. Bodies of functions stay as they are."""
    kept: list[str] = []
    is_body = False
    for line in text.splitlines():
        if is_body or not _NOISE.match(line):
            kept.append(line)
        is_body ^= line.count("$$") % 2 == 1
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() + "\n"


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="yuanlu-") as place:
        Path(place).chmod(0o711)  # noqa: ASYNC240 - nothing else runs
        async with Server(Path(place) / "state") as server:
            await server.create("dumped")
            await migrate(Database(server.url("dumped"), logs_in_as_roles=True))
            FILE.write_text(await dumped(server, "dumped"))


if __name__ == "__main__":
    asyncio.run(main())
