"""`yuanlu statement`: what the channels say of a day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from yuanlu.cli.parts import example, json_option

CHANNELS = ("wechat", "alipay", "unionpay")


@click.group(**example("yuanlu statement read bill.csv.gz", "yuanlu statement read bill.zip --channel alipay --json"))
def statement() -> None:
    """Statements: read a channel's file of a day. docs/reference/statements.md."""


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
