"""`yuanlu statement`: what the channels say of a day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from yuanlu.cli.parts import ask, counter_options, example, json_option, key_option

CHANNELS = ("wechat", "alipay", "unionpay")


PAPERS = ("trades", "paid", "refunded", "flow")


@click.group(**example("yuanlu statement read bill.csv.gz", "yuanlu statement fetch --date 2026-11-22"))
def statement() -> None:
    """Statements: what a channel says of a day; got from it, handed in, or just read. docs/reference/statements.md."""


class Day(click.ParamType[date]):
    """A business day: 2026-11-28."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no day (2026-11-28)", param, ctx)


@statement.command("read", **example("yuanlu statement read bill.csv", "yuanlu statement read bill.zip --json"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--channel", type=click.Choice(CHANNELS), help="Whose it must be: another's is refused.")
@click.option("--date", "on", type=Day(), metavar="DAY", help="The day it is of, where the file does not say it.")
@json_option
def read(file: Path, channel: str | None, on: date | None, as_json: bool) -> None:
    """Read a statement FILE as the channel wrote it: CSV, gzip, zip, UTF-8 or GBK, UnionPay's fixed width.

    Amounts are fen. It needs no installation. Exit code 2: this is no merchant's statement, and why; what is wrong
    inside one is among its problems and no error.
    """
    from yuanlu.terminal import statements

    statements.show(file, channel, on, as_json=as_json)


@statement.command("fetch", **example("yuanlu statement fetch --date 2026-11-22"))
@click.option("--date", "on", type=Day(), required=True, metavar="DAY", help="The business day: 2026-11-22.")
@click.option("--channel", type=click.Choice(CHANNELS[:2]), help="Only this one; else all that the merchant has.")
@click.option("--paper", "papers", type=click.Choice(PAPERS), multiple=True, help="Which; else those of every day.")
@key_option
@counter_options
def fetch(
    on: date, channel: str | None, papers: tuple[str, ...], key_file: Path | None, merchant: str, state: Path | None
) -> None:
    """Ask the channels for a day's statements, now. What is not there yet goes on being asked for: {items, next}."""
    wish = {"channel": channel, "date": on.isoformat(), "papers": list(papers)}
    ask("statements", "POST /v1/statements/fetch", merchant=merchant, state=state, key_file=key_file, wish=wish)


@statement.command("take", **example("yuanlu statement take 1900000109_20261122.csv"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--channel", type=click.Choice(CHANNELS), help="Whose it must be: another's is refused.")
@click.option("--date", "on", type=Day(), metavar="DAY", help="The day it is of, where the file does not say it.")
@key_option
@counter_options
def take(
    file: Path, channel: str | None, on: date | None, key_file: Path | None, merchant: str, state: Path | None
) -> None:
    """Hand in a statement FILE that somebody downloaded by hand. The same file again changes nothing."""
    query = {"name": file.name, "channel": channel, "date": on.isoformat() if on else None}
    ask(
        "statements", "POST /v1/statements", merchant=merchant, state=state, key_file=key_file, query=query,
        body=file.read_bytes(),
    )  # fmt: skip


@statement.command("list", **example("yuanlu statement list --channel alipay"))
@click.option("--channel", type=click.Choice(CHANNELS), help="Only this channel's.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", metavar="ZB…", help="The `next` of the page before.")
@counter_options
def listed(merchant: str, state: Path | None, **query: object) -> None:
    """Print the statements of days, the newest day first, those still waited for too: {items, next}."""
    ask("statements", "GET /v1/statements", merchant=merchant, state=state, query=query)
