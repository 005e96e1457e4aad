"""`yuanlu till` and `yuanlu ticket`: the devices at the counters, and what they told of faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import ask, counter_options, example, key_option

_TILL, _TICKET = "YT01KATE3S40000000000000000EY", "ZT01KATE3S40000000000000000T6"


@click.group(**example("yuanlu till list --silent"))
def till() -> None:
    """The devices of tills: which are silent or locked, what is written to them. docs/reference/till.md."""


@till.command("list", **example("yuanlu till list --silent"))
@click.option("--silent", is_flag=True, help="Only those not heard of for ten minutes.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", metavar="YT…", help="The `next` of the page before.")
@counter_options
def till_list(silent: bool, merchant: str, state: Path | None, **query: Any) -> None:
    """Print the devices of the open tills, with their health: {items, next}."""
    wanted = {**query, "silent": "true" if silent else None}
    ask("stations", "GET /v1/stations", merchant=merchant, state=state, query=wanted)


@till.command("message", **example(f"yuanlu till message {_TILL} --text 'Please come to the office'"))
@click.argument("till_id", metavar="TILL")
@click.option("--text", required=True, help="What whoever works there is to read; empty takes it away.")
@key_option
@counter_options
def till_message(till_id: str, text: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Write to whoever works at TILL. Its page shows it within a minute."""
    path = "POST /v1/tills/{till}/message"
    ask("stations", path, merchant=merchant, state=state, key_file=key_file, wish={"message": text}, till=till_id)


@till.command("lock", **example(f"yuanlu till lock {_TILL} --why 'The handheld is missing'"))
@click.argument("till_id", metavar="TILL")
@click.option("--why", default="", help="What whoever works there reads.")
@key_option
@counter_options
def till_lock(till_id: str, why: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Let TILL take no more money, from now on. What it asked for before goes on to its end."""
    path = "POST /v1/tills/{till}/lock"
    ask("stations", path, merchant=merchant, state=state, key_file=key_file, wish={"why": why}, till=till_id)


@till.command("unlock", **example(f"yuanlu till unlock {_TILL}"))
@click.argument("till_id", metavar="TILL")
@key_option
@counter_options
def till_unlock(till_id: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Let TILL take money again."""
    ask("stations", "POST /v1/tills/{till}/unlock", merchant=merchant, state=state, key_file=key_file, till=till_id)


@click.group(**example("yuanlu ticket list"))
def ticket() -> None:
    """Tickets: faults that tills told of, with their log and health. docs/reference/till.md."""


@ticket.command("list", **example("yuanlu ticket list --cause device"))
@click.option("--till", metavar="YT…", help="Only those of this till.")
@click.option("--cause", type=click.Choice(("system", "network", "device")), help="Only those of this cause.")
@click.option("--about", metavar="YP…/YR…", help="Only those about this payment or refund.")
@click.option("--in", "in_state", type=click.Choice(("OPEN", "CLOSED")), help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", metavar="ZT…", help="The `next` of the page before.")
@counter_options
def ticket_list(in_state: str | None, merchant: str, state: Path | None, **query: Any) -> None:
    """Print tickets, newest first: {items, next}."""
    ask("tickets", "GET /v1/tickets", merchant=merchant, state=state, query={**query, "state": in_state})


@ticket.command("show", **example(f"yuanlu ticket show {_TICKET}"))
@click.argument("ticket_id", metavar="TICKET")
@counter_options
def ticket_show(ticket_id: str, merchant: str, state: Path | None) -> None:
    """Print a TICKET with its log and the device's health."""
    ask("tickets", "GET /v1/tickets/{ticket}", merchant=merchant, state=state, ticket=ticket_id)


@ticket.command("close", **example(f"yuanlu ticket close {_TICKET} --said 'The paper was put in the wrong way round'"))
@click.argument("ticket_id", metavar="TICKET")
@click.option("--said", required=True, help="What was done. Whoever works at the till reads it.")
@key_option
@counter_options
def ticket_close(ticket_id: str, said: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """End a TICKET with what was done, once."""
    path = "POST /v1/tickets/{ticket}/close"
    ask("tickets", path, merchant=merchant, state=state, key_file=key_file, wish={"said": said}, ticket=ticket_id)
