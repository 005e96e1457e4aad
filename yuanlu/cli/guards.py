"""`yuanlu guards`: what tills ask before a charge, store by store, and how often in vain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import ask, counter_options, example, key_option

ROOM = "guards"


@click.group(**example("yuanlu guards asked --days 7"))
def guards() -> None:
    """What tills ask before a charge, and how often in vain. docs/reference/catalog.md."""


@guards.command("show", **example("yuanlu guards show --store YS…"))
@click.option("--store", default="", metavar="YS…", help="Of this store; without it, what counts for everybody.")
@key_option
@counter_options
def guards_show(store: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Print how the guards of a store are: which are off, where they draw their lines."""
    ask(ROOM, "GET /v1/guards/tuning", merchant=merchant, state=state, key_file=key_file, query={"store": store})


@guards.command("tune", **example("yuanlu guards tune --store YS… --off amount.under --twice-within 30"))
@click.option("--store", required=True, metavar="YS…", help="The store.")
@click.option("--off", multiple=True, metavar="GUARD", help="A guard that says nothing there; again for another.")
@click.option("--all-on", is_flag=True, help="No guard is off, whatever the defaults say.")
@click.option("--usual-times", type=int, help="So many times the till's median is much more than usual.")
@click.option("--usual-from", type=int, help="Only once a till has taken so many amounts.")
@click.option("--twice-within", type=int, help="Seconds in which the same amount again is asked about.")
@click.option("--again-within", type=int, help="Seconds in which the same code again is asked about.")
@click.option("--common-percent", type=int, help="An amount that is so much of what a till takes is common.")
@key_option
@counter_options
def guards_tune(
    store: str, off: tuple[str, ...], all_on: bool, key_file: Path | None, merchant: str, state: Path | None,
    **lines: int | None,
) -> None:  # fmt: skip
    """Let the guards of a store be so, whole: what is not said is as it is for everybody. Prints them."""
    if off and all_on:
        raise click.UsageError("say --off or --all-on, not both")
    wish: dict[str, Any] = {"store": store, "off": list(off) if off or all_on else None, **lines}
    ask(ROOM, "POST /v1/guards/tuning", merchant=merchant, state=state, key_file=key_file, wish=wish)


@guards.command("asked", **example("yuanlu guards asked --days 7"))
@click.option("--days", type=click.IntRange(1, 31), default=7, show_default=True, help="Of so many days until now.")
@click.option("--store", default="", metavar="YS…", help="Of this store only.")
@key_option
@counter_options
def guards_asked(days: int, store: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Print how often each guard asked, what cashiers answered, and how often it was in vain."""
    until = datetime.now(UTC)
    query = {"since": until - timedelta(days=days), "until": until, "store": store}
    ask(ROOM, "GET /v1/guards/asked", merchant=merchant, state=state, key_file=key_file, query=query)
