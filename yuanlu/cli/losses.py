"""`yuanlu loss` and `yuanlu float`: who bears what, and what refunds will need."""

from __future__ import annotations

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

BEARERS = ("merchant", "cashier", "provider", "payer")
_CASE, _LOSS = "YC01KATE3S40000000000000000J3", "YX01KATE3S400000000000000000X"


@click.command("float", **example("yuanlu float --days 3", "yuanlu float --json"))
@click.option("--days", type=click.IntRange(1, 30), default=3, show_default=True, help="How far to look ahead.")
@click.option("--merchant", default="", metavar="NAME|ID", help="Which merchant, where there are several.")
@state_option
@json_option
def refund_float(days: int, merchant: str, state: Path | None, as_json: bool) -> None:
    """Say what refunds will need at each channel in the next days, and whether it is there."""
    from yuanlu.terminal import asking, loop, verbs
    from yuanlu.web.api.losses import ROUTES

    settings = settings_of(state)

    async def run() -> Any:
        async with verbs.at_counter(settings, merchant) as counter:
            return await asking.ask(counter, ROUTES, "GET /v1/float", query={"days": days})

    told = plain(loop.run(run))
    if as_json:
        print_json(told)
        return
    for item in told["items"]:
        click.secho(f"{'!' if item['is_short'] else '✓'} {item['channel']}", bold=True)
        click.echo(f"{item['says_zh']}\n{item['says_en']}")


@click.group(**example(f"yuanlu loss record {_CASE} --cause wrong_customer --bearer payer --amount-fen 1280"))
def loss() -> None:
    """Losses: who bears what, what came back, what is written off. docs/reference/losses.md."""


@loss.command(
    "record", **example(f"yuanlu loss record {_CASE} --cause wrong_customer --bearer payer --amount-fen 1280")
)
@click.argument("case", metavar="CASE")
@click.option("--cause", required=True, help="A code of what went wrong, such as wrong_customer.")
@click.option("--bearer", type=click.Choice(BEARERS), required=True, help="Who bears it.")
@click.option("--amount-fen", type=FEN, required=True, help="Whole fen: 1280 is ¥12.80.")
@click.option("--id", default="", metavar="YX…", help="The id, where you made it: recording again is safe.")
@key_option
@counter_options
def loss_record(key_file: Path | None, merchant: str, state: Path | None, **wish: Any) -> None:
    """Write a loss down. Prints it."""
    from yuanlu.ids import Kind, checked

    checked(wish["case"], Kind.CASE)
    ask("losses", "POST /v1/losses", merchant=merchant, state=state, key_file=key_file, makes=Kind.LOSS, wish=wish)


@loss.command("list", **example("yuanlu loss list --in OPEN --bearer cashier"))
@click.option("--in", "in_state", type=click.Choice(("OPEN", "SETTLED")), help="Only those in this state.")
@click.option("--bearer", type=click.Choice(BEARERS), help="Only those they bear.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", metavar="YX…", help="The `next` of the page before.")
@counter_options
def loss_list(in_state: str | None, merchant: str, state: Path | None, **query: Any) -> None:
    """Print losses, newest first: {items, next}."""
    ask("losses", "GET /v1/losses", merchant=merchant, state=state, query={**query, "state": in_state})


@loss.command("show", **example(f"yuanlu loss show {_LOSS}"))
@click.argument("loss_id", metavar="LOSS")
@counter_options
def loss_show(loss_id: str, merchant: str, state: Path | None) -> None:
    """Print one loss."""
    ask("losses", "GET /v1/losses/{loss}", merchant=merchant, state=state, loss=loss_id)


def _settling(name: str, says: str) -> None:
    """Make a command that takes a part of a loss off."""

    @loss.command(name, help=f"{says} Prints it.",
                  **example(f"yuanlu loss {name} {_LOSS} --amount-fen 1280 --version 1"))  # fmt: skip
    @click.argument("loss_id", metavar="LOSS")
    @click.option("--amount-fen", type=FEN, required=True, help="Whole fen: 1280 is ¥12.80.")
    @click.option("--version", type=int, required=True, help="The loss's `version` as you saw it.")
    @key_option
    @counter_options
    def run(loss_id: str, key_file: Path | None, merchant: str, state: Path | None, **wish: Any) -> None:
        path = f"POST /v1/losses/{{loss}}/{name}"
        ask("losses", path, merchant=merchant, state=state, key_file=key_file, wish=wish, loss=loss_id)


_settling("recover", "Money came back from who bears a LOSS.")
_settling("write-off", "Nobody will make a LOSS good. Above ¥200 somebody else than who recorded it must say so.")
