"""`yuanlu loss` and `yuanlu float`: who bears what, and what refunds will need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import (
    FEN,
    at_counter,
    counter_options,
    example,
    json_option,
    plain,
    print_json,
    settings_of,
    state_option,
)


@click.command("float", **example("yuanlu float --days 3", "yuanlu float --json"))
@click.option("--days", type=click.IntRange(1, 30), default=3, show_default=True, help="How far to look ahead.")
@click.option("--merchant", default="", metavar="NAME|ID", help="Which merchant, where there are several.")
@state_option
@json_option
def refund_float(days: int, merchant: str, state: Path | None, as_json: bool) -> None:
    """Say what refunds will need at each channel in the next days, and whether it is there."""
    from yuanlu.terminal import loop, losses, verbs

    settings = settings_of(state)

    async def run() -> Any:
        async with verbs.at_counter(settings, merchant) as counter:
            return await losses.forecast(counter, days)

    told = plain(loop.run(run))
    if as_json:
        print_json(told)
        return
    for item in told["items"]:
        click.secho(f"{'!' if item['is_short'] else '✓'} {item['channel']}", bold=True)
        click.echo(f"{item['says_zh']}\n{item['says_en']}")


@click.group(**example("yuanlu loss record YC… --cause wrong_customer --bearer payer --amount-fen 1280"))
def loss() -> None:
    """Losses: who bears what, what came back, what is written off."""


@loss.command("record", **example("yuanlu loss record YC… --cause wrong_customer --bearer payer --amount-fen 1280"))
@click.argument("case_id", metavar="CASE")
@click.option("--cause", required=True, help="A code of what went wrong.")
@click.option("--bearer", type=click.Choice(("merchant", "cashier", "provider", "payer")), required=True)
@click.option("--amount-fen", type=FEN, required=True, help="Whole fen: 1280 is ¥12.80.")
@click.option("--id", "loss_id", default="", metavar="YX…", help="The id, where you made it: recording again is safe.")
@counter_options
def loss_record(
    case_id: str, cause: str, bearer: str, amount_fen: int, loss_id: str, merchant: str, state: Path | None
) -> None:
    """Write a loss down. Prints it."""
    from yuanlu.terminal import losses
    from yuanlu.web.parts.losses import loss_told

    at_counter(
        state, merchant, 0,
        lambda counter: losses.record(counter, case_id, cause, bearer, amount_fen, loss_id),
        lambda row, _: loss_told(row),
    )  # fmt: skip


def _settle(loss_id: str, amount_fen: int, version: int, merchant: str, state: Path | None, *, back: bool) -> None:
    from yuanlu.terminal import losses
    from yuanlu.web.parts.losses import loss_told

    at_counter(
        state, merchant, 0,
        lambda counter: losses.settle(counter, loss_id, amount_fen, version, is_recovered=back),
        lambda row, _: loss_told(row),
    )  # fmt: skip


@loss.command("recover", **example("yuanlu loss recover YX… --amount-fen 1280 --version 1"))
@click.argument("loss_id", metavar="LOSS")
@click.option("--amount-fen", type=FEN, required=True, help="Whole fen: 1280 is ¥12.80.")
@click.option("--version", type=int, required=True, help="The loss's `version` as you saw it.")
@counter_options
def loss_recover(loss_id: str, amount_fen: int, version: int, merchant: str, state: Path | None) -> None:
    """Money came back from who bears a LOSS. Prints it."""
    _settle(loss_id, amount_fen, version, merchant, state, back=True)


@loss.command("write-off", **example("yuanlu loss write-off YX… --amount-fen 1280 --version 1"))
@click.argument("loss_id", metavar="LOSS")
@click.option("--amount-fen", type=FEN, required=True, help="Whole fen: 1280 is ¥12.80.")
@click.option("--version", type=int, required=True, help="The loss's `version` as you saw it.")
@counter_options
def loss_write_off(loss_id: str, amount_fen: int, version: int, merchant: str, state: Path | None) -> None:
    """Nobody will make a LOSS good. Above ¥200 somebody else than who recorded it must say so. Prints it."""
    _settle(loss_id, amount_fen, version, merchant, state, back=False)
