"""`yuanlu shift`: who answers for a drawer, from the float to the count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import (
    FEN,
    ask,
    counter_options,
    example,
    json_option,
    key_option,
    plain,
    print_json,
    settings_of,
    state_option,
)

Command = Callable[..., Any]
_SHIFT, _TILL = "ZS01KATE3S400000000000000000M", "YT01KATE3S40000000000000000EY"
_STAFF = "YW01KATE3S400000000000000000Y"
TENDERS = ("wechat", "alipay")


@click.group(**example(f"yuanlu shift open {_TILL} --float-fen 50000 --key-file anna.key"))
def shift() -> None:
    """Shifts: open, count, hand over, close, and the report. docs/reference/shifts.md."""


@shift.command("open", **example(f"yuanlu shift open {_TILL} --float-fen 50000 --key-file anna.key"))
@click.argument("till", metavar="TILL")
@click.option("--float-fen", type=FEN, required=True, help="The cash counted in the drawer: 50000 is ¥500.00.")
@click.option("--id", default="", metavar="ZS…", help="The id, where you made it: opening again is safe.")
@key_option
@counter_options
def shift_open(key_file: Path | None, merchant: str, state: Path | None, **wish: Any) -> None:
    """Open a shift at a TILL: you answer for its drawer. Prints it."""
    from yuanlu.ids import Kind, checked

    checked(wish["till"], Kind.TILL)
    ask("shifts", "POST /v1/shifts", merchant=merchant, state=state, key_file=key_file, makes=Kind.SHIFT, wish=wish)


def _counting(command: Command) -> Command:
    """The options of a count."""
    for tender in reversed(TENDERS):
        command = click.option(f"--{tender}-fen", type=FEN, help=f"What the slips of {tender} say.")(command)
    command = click.option("--cash-fen", type=FEN, required=True, help="The cash counted in the drawer.")(command)
    command = click.option("--why", default=None, help="Why the cash is not what it should be.")(command)
    command = click.option("--version", type=int, required=True, help="The shift's `version` as you saw it.")(command)
    return click.argument("shift_id", metavar="SHIFT")(command)


def _did(
    deed: str, shift_id: str, key_file: Path | None, merchant: str, state: Path | None, wish: dict[str, Any]
) -> None:
    counted = {tender: wish.pop(f"{tender}_fen") for tender in ("cash", *TENDERS)}
    wish["counted"] = {tender: fen for tender, fen in counted.items() if fen is not None}
    wish["reasons"] = {"cash": why} if (why := wish.pop("why")) else {}
    path = f"POST /v1/shifts/{{shift}}/{deed}"
    ask("shifts", path, merchant=merchant, state=state, key_file=key_file, wish=wish, shift=shift_id)


@shift.command("count", **example(f"yuanlu shift count {_SHIFT} --cash-fen 51280 --version 1 --key-file boss.key"))
@_counting
@key_option
@counter_options
def shift_count(shift_id: str, key_file: Path | None, merchant: str, state: Path | None, **wish: Any) -> None:
    """Count the drawer of a SHIFT that somebody else answers for. Nothing moves. Prints the shift."""
    _did("count", shift_id, key_file, merchant, state, wish)


@shift.command(
    "hand-over",
    **example(f"yuanlu shift hand-over {_SHIFT} --to {_STAFF} --cash-fen 51280 --version 1 --key-file anna.key"),
)
@_counting
@click.option("--to", required=True, metavar="YW…", help="Who answers for the drawer from now on.")
@key_option
@counter_options
def shift_hand_over(shift_id: str, key_file: Path | None, merchant: str, state: Path | None, **wish: Any) -> None:
    """Let another cashier answer for the drawer of a SHIFT, with what was counted. Prints the shift."""
    _did("hand-over", shift_id, key_file, merchant, state, wish)


@shift.command(
    "close",
    **example(f"yuanlu shift close {_SHIFT} --cash-fen 51280 --safe-fen 1280 --version 2 --key-file anna.key"),
)
@_counting
@click.option("--safe-fen", type=FEN, default=0, help="How much of the cash went to the safe.")
@click.option("--bank-fen", type=FEN, default=0, help="How much of the cash went to the bank.")
@key_option
@counter_options
def shift_close(shift_id: str, key_file: Path | None, merchant: str, state: Path | None, **wish: Any) -> None:
    """Close a SHIFT: the difference is posted, what is not moved goes back as float. Prints the shift."""
    _did("close", shift_id, key_file, merchant, state, wish)


@shift.command("list", **example("yuanlu shift list --in OPEN"))
@click.option("--in", "in_state", type=click.Choice(("OPEN", "CLOSED")), help="Only those in this state.")
@click.option("--till", metavar="YT…", help="Only those of this till.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", metavar="ZS…", help="The `next` of the page before.")
@counter_options
def shift_list(in_state: str | None, merchant: str, state: Path | None, **query: Any) -> None:
    """Print shifts, newest first: {items, next}."""
    ask("shifts", "GET /v1/shifts", merchant=merchant, state=state, query={**query, "state": in_state})


@shift.command("show", **example(f"yuanlu shift show {_SHIFT}", f"yuanlu shift show {_SHIFT} --json"))
@click.argument("shift_id", metavar="SHIFT")
@click.option("--merchant", default="", metavar="NAME|ID", help="Which merchant, where there are several.")
@state_option
@json_option
def shift_show(shift_id: str, merchant: str, state: Path | None, as_json: bool) -> None:
    """Print the report of a SHIFT: expected against counted, hand-overs, what is still open."""
    from yuanlu.terminal import asking, loop, verbs
    from yuanlu.web.api.shifts import ROUTES

    settings = settings_of(state)

    async def run() -> Any:
        async with verbs.at_counter(settings, merchant) as counter:
            return await asking.ask(counter, ROUTES, "GET /v1/shifts/{shift}", shift=shift_id)

    told = plain(loop.run(run))
    if as_json:
        print_json(told)
        return
    click.echo(f"{told['text_zh']}\n\n{told['text_en']}")
