"""`yuanlu receipt` and `yuanlu printer`: slips of payments and refunds, sent or printed; printers and their queue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import ask, at_counter, counter_options, example

_FILE = click.Path(dir_okay=False, path_type=Path)
_LANG = click.Choice(("zh", "en"))
_PAPER = click.Choice(("58", "80"))
_STATES = ("QUEUED", "SENT", "PRINTED", "JAMMED", "GONE")
_PRINTER, _PRINT = "ZR01KATE3S40000000000000000X8", "ZP01KATE3S40000000000000000XP"


@click.command(**example("yuanlu receipt YP01KATE3S40000000000000000S8 --svg slip.svg"))
@click.argument("of", metavar="PAYMENT|REFUND|ZM…")
@click.option("--print", "printer", metavar="PRINTER", help="Print it there.")
@click.option(
    "--send",
    "target",
    metavar="ADDRESS",
    help="Send it to this e-mail address or phone number, whose owner agreed to that.",
)
@click.option("--copies", type=click.IntRange(1, 3), default=1, show_default=True, help="How many pieces to print.")
@click.option("--text", type=_FILE, metavar="FILE", help="Write it as text.")
@click.option("--svg", type=_FILE, metavar="FILE", help="Write it as an SVG.")
@click.option("--paper", type=_PAPER, default="58", show_default=True, help="Width in mm, where it is not printed.")
@click.option("--lang", type=_LANG, default="zh", show_default=True)
@counter_options
def receipt(
    of: str, printer: str | None, target: str | None, copies: int, text: Path | None, svg: Path | None, paper: str,
    lang: str, merchant: str, state: Path | None,
) -> None:  # fmt: skip
    """Show, write, print or send the receipt of a payment, or the slip of a refund; of what was sent (ZM…), say what
    became of it. docs/reference/receipts.md."""
    from yuanlu.ids import Kind
    from yuanlu.terminal import receipts

    files = {name: path for name, path in (("text", text), ("svg", svg)) if path is not None}

    def wanted(counter: Any) -> Any:
        if of.startswith(Kind.MAILING):
            return receipts.sent(counter, of)
        if target is not None:
            return receipts.send(counter, of, target, lang)
        return receipts.slip(counter, of, printer, copies, lang, int(paper), files)

    at_counter(state, merchant, 0, wanted, lambda told, _: told)


@click.group(**example("yuanlu printer list"))
def printer() -> None:
    """The printers of slips, and the queue to them. docs/reference/receipts.md."""


@printer.command("add", **example("yuanlu printer add --till T1 --address 192.168.1.50:9100 --paper 80"))
@click.option("--till", required=True, metavar="NAME|ID", help="The till it stands at.")
@click.option("--address", default="", metavar="IP:PORT", help="Where it listens. Without: the till prints itself.")
@click.option("--name", default="", help="What people call it.")
@click.option("--paper", type=_PAPER, default="58", show_default=True, help="Width of its paper in mm.")
@click.option("--id", default="", metavar="ZR…", help="The id, where you made it: asking again is safe.")
@counter_options
def printer_add(paper: str, merchant: str, state: Path | None, **wish: Any) -> None:
    """Write a printer down. Prints it."""
    from yuanlu.terminal import receipts

    at_counter(
        state, merchant, 0,
        lambda counter: receipts.add(counter, paper_mm=int(paper), **wish),
        lambda told, _: told,
    )  # fmt: skip


@printer.command("list", **example("yuanlu printer list"))
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", metavar="ZR…", help="The `next` of the page before.")
@counter_options
def printer_list(merchant: str, state: Path | None, **query: Any) -> None:
    """Print the printers, newest first: {items, next}."""
    ask("receipts", "GET /v1/printers", merchant=merchant, state=state, query=query)


@printer.command("ask", **example(f"yuanlu printer ask {_PRINTER}"))
@click.argument("printer_id", metavar="PRINTER")
@counter_options
def printer_ask(printer_id: str, merchant: str, state: Path | None) -> None:
    """Ask a printer of the network how it is: paper, cover, offline, away; empty is well."""
    ask("receipts", "POST /v1/printers/{printer}/ask", merchant=merchant, state=state, printer=printer_id)


@printer.command("test", **example(f"yuanlu printer test {_PRINTER}"))
@click.argument("printer_id", metavar="PRINTER")
@counter_options
def printer_test(printer_id: str, merchant: str, state: Path | None) -> None:
    """Print a test page: digits and Chinese over the whole width, a big amount, a QR."""
    from yuanlu.ids import Kind

    ask(
        "receipts", "POST /v1/prints", merchant=merchant, state=state, makes=Kind.PRINT, wish={"printer": printer_id}
    )  # fmt: skip


@printer.command("close", **example(f"yuanlu printer close {_PRINTER}"))
@click.argument("printer_id", metavar="PRINTER")
@counter_options
def printer_close(printer_id: str, merchant: str, state: Path | None) -> None:
    """Take a printer out of use. Prints it."""
    ask("receipts", "POST /v1/printers/{printer}/close", merchant=merchant, state=state, printer=printer_id)


@printer.command("queue", **example("yuanlu printer queue --in JAMMED"))
@click.option(
    "--in", "in_state", type=click.Choice(("QUEUED", "SENT", "PRINTED", "JAMMED", "GONE")), help="Only these."
)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", metavar="ZP…", help="The `next` of the page before.")
@counter_options
def printer_queue(in_state: str | None, merchant: str, state: Path | None, **query: Any) -> None:
    """Print what was to be printed, newest first: {items, next}."""
    query["state"] = in_state
    ask("receipts", "GET /v1/prints", merchant=merchant, state=state, query=query)


@printer.command("retry", **example(f"yuanlu printer retry {_PRINT}"))
@click.argument("print_id", metavar="PRINT")
@counter_options
def printer_retry(print_id: str, merchant: str, state: Path | None) -> None:
    """The printer was put right: try again now. Prints what waits."""
    ask("receipts", "POST /v1/prints/{print}/retry", merchant=merchant, state=state, print=print_id)


@printer.command("give-up", **example(f"yuanlu printer give-up {_PRINT}"))
@click.argument("print_id", metavar="PRINT")
@counter_options
def printer_give_up(print_id: str, merchant: str, state: Path | None) -> None:
    """Print this no more."""
    ask("receipts", "POST /v1/prints/{print}/give-up", merchant=merchant, state=state, print=print_id)


@printer.command("emulate", **example("yuanlu printer emulate --port 9100 --dir /tmp/slips"))
@click.option("--port", type=click.IntRange(0, 65535), default=9100, show_default=True, help="0 picks a free one.")
@click.option("--dir", "directory", type=click.Path(file_okay=False, path_type=Path), required=True,
              help="Where a picture of each slip is written.")  # fmt: skip
@click.option("--paper", type=_PAPER, default="58", show_default=True, help="Width of its paper in mm.")
def printer_emulate(port: int, directory: Path, paper: str) -> None:
    """Be a receipt printer on this machine, until Ctrl-C: each slip that comes is drawn as a picture."""
    from yuanlu.sim.printer import serve
    from yuanlu.terminal import loop

    loop.run(lambda: serve(port, {"58": 32, "80": 48}[paper], directory))
