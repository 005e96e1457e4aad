"""`yuanlu code` and `yuanlu trace`: the codes that hang in a shop, and whose money a voucher leads to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import FEN, ask, at_counter, counter_options, example, key_option, text_of


@click.group(**example("yuanlu code list --due"))
def code() -> None:
    """The codes that hang in a shop: write them down, look at them, take them down. docs/reference/devices.md."""


@code.command("add", **example("yuanlu code add wxp://f2f0… --till T1 --place 'counter 1'"))
@click.argument("text")
@click.option("--till", required=True, metavar="NAME|ID", help="The till it belongs to.")
@click.option("--place", default="", help="Where it hangs.")
@click.option("--until", type=click.DateTime(("%Y-%m-%d",)), help="The last day it counts (China).")
@click.option("--audit-days", type=click.IntRange(1, 366), default=30, show_default=True, help="How often to look.")
@click.option("--id", "code_id", default="", metavar="YQ…", help="The id, where you made it: asking again is safe.")
@counter_options
def code_add(
    text: str, till: str, place: str, until: Any, audit_days: int, code_id: str, merchant: str, state: Path | None
) -> None:
    """Write a code down. TEXT - reads it from standard input; it is not kept. Prints the code."""
    from yuanlu.terminal import codes

    read = text_of(text)
    at_counter(
        state, merchant, 0,
        lambda counter: codes.add(counter, read, till, place, until, audit_days, code_id),
        codes.told,
    )  # fmt: skip


@code.command("list", **example("yuanlu code list --due"))
@click.option("--due", is_flag=True, help="Only those that somebody must look at, soonest first.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@counter_options
def code_list(due: bool, limit: int, merchant: str, state: Path | None) -> None:
    """Print codes, newest first: {items, next}."""
    from yuanlu.terminal import codes

    at_counter(state, merchant, 0, lambda counter: codes.listed(counter, due, limit), lambda told, _: told)


@code.command("audit", **example("yuanlu code audit YQ01KATE3S400000000000000000R --found covered"))
@click.argument("code_id", metavar="CODE")
@click.option(
    "--found", type=click.Choice(("in_place", "damaged", "missing", "covered")), required=True, help="How it was found."
)
@click.option("--note", default="", help="What you saw.")
@counter_options
def code_audit(code_id: str, found: str, note: str, merchant: str, state: Path | None) -> None:
    """Say how a sticker was found. Prints the code."""
    from yuanlu.terminal import codes

    at_counter(state, merchant, 0, lambda counter: codes.audit(counter, code_id, found, note), codes.told)


@code.command("retire", **example("yuanlu code retire YQ01KATE3S400000000000000000R --note moved"))
@click.argument("code_id", metavar="CODE")
@click.option("--note", default="", help="Why.")
@counter_options
def code_retire(code_id: str, note: str, merchant: str, state: Path | None) -> None:
    """Say that a code is taken down for good. Prints the code."""
    from yuanlu.terminal import codes

    at_counter(state, merchant, 0, lambda counter: codes.retire(counter, code_id, note), codes.told)


@click.command(**example("yuanlu trace YP01KATE3S40000000000000000S8"))
@click.argument("voucher")
@click.option("--amount-fen", type=FEN, help="The amount, where VOUCHER is a code.")
@counter_options
def trace(voucher: str, amount_fen: int | None, merchant: str, state: Path | None) -> None:
    """Say whose money a VOUCHER leads to: yours, another shop's of this installation, or unknown."""
    from yuanlu.terminal import codes

    text = text_of(voucher)
    at_counter(state, merchant, 0, lambda counter: codes.trace(counter, text, amount_fen), lambda told, _: told)


@click.group(**example("yuanlu handover give YP01KATE3S40000000000000000S8 --said 扫错了码"))
def handover() -> None:
    """Money that went to another shop of this installation: hand the request over. docs/reference/devices.md."""


@handover.command("give", **example("yuanlu handover give YP01KATE3S40000000000000000S8 --said 扫错了码"))
@click.argument("voucher")
@click.option("--said", default="", help="What the customer says; the other shop reads it.")
@click.option("--amount-fen", type=FEN, help="The amount, where VOUCHER is a code.")
@click.option(
    "--happened-at", metavar="TIME", help="When it was paid, where VOUCHER is a code: 2026-11-23T12:00:00+08:00."
)
@click.option("--id", default="", metavar="YV…", help="The id, where you made it: handing over again is safe.")
@key_option
@counter_options
def handover_give(key_file: Path | None, merchant: str, state: Path | None, voucher: str, **wish: Any) -> None:
    """Hand the request that a VOUCHER is about over to the shop that has the money. Prints our side of it."""
    from yuanlu.ids import Kind

    ask(
        "devices", "POST /v1/handovers", merchant=merchant, state=state, key_file=key_file, makes=Kind.HANDOVER,
        wish={**wish, "voucher": text_of(voucher)},
    )  # fmt: skip


@handover.command("list", **example("yuanlu handover list --side taking"))
@click.option("--side", type=click.Choice(("asking", "taking")), help="Only those we asked, or were asked.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", metavar="YV…", help="The `next` of the page before.")
@counter_options
def handover_list(merchant: str, state: Path | None, **query: Any) -> None:
    """Print hand-overs, newest first: {items, next}."""
    ask("devices", "GET /v1/handovers", merchant=merchant, state=state, query=query)


@handover.command("show", **example("yuanlu handover show YV01KATE3S400000000000000000G"))
@click.argument("handover_id", metavar="HANDOVER")
@counter_options
def handover_show(handover_id: str, merchant: str, state: Path | None) -> None:
    """Print our side of one hand-over."""
    ask("devices", "GET /v1/handovers/{handover}", merchant=merchant, state=state, handover=handover_id)
