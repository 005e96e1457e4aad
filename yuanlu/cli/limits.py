"""`yuanlu limits`: who may send back how much; proposed by one, agreed to by another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import ask, counter_options, example, key_option

SENDERS = ("owner", "finance", "manager", "machine", "operator")
_ONE = "YI01KATE3S4000000000000000000"


class _Row(click.ParamType[tuple[str, dict[str, int | None]]]):
    """ROLE=ITEM,DAY: fen at once and in a day, or `any`."""

    name = "role=item,day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = re.fullmatch(r"([a-z]+)=([0-9]{1,12}|any),([0-9]{1,12}|any)", str(value))
        if not found or found[1] not in SENDERS:
            roles = ", ".join(SENDERS)
            self.fail(f"{value!r} is not ROLE=ITEM,DAY (fen, or any; roles: {roles})", param, ctx)
        item, day = (None if text == "any" else int(text) for text in found.group(2, 3))
        return found[1], {"item_fen": item, "day_fen": day}


@click.group(**example("yuanlu limits show"))
def limits() -> None:
    """Who may send back how much at once and in a day. docs/reference/people.md."""


@limits.command("show", **example("yuanlu limits show"))
@key_option
@counter_options
def limits_show(key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Print the table that counts now; without an id it is the built-in one."""
    ask("staff", "GET /v1/limits", merchant=merchant, state=state, key_file=key_file)


@limits.command("list", **example("yuanlu limits list", "yuanlu limits list --in PROPOSED"))
@click.option("--in", "in_state", type=click.Choice(("PROPOSED", "AGREED")), default=None, help="Only those so.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default="", metavar="YI…", help="The `next` of the page before.")
@key_option
@counter_options
def limits_list(
    in_state: str | None, limit: int, after: str, key_file: Path | None, merchant: str, state: Path | None
) -> None:
    """Print all tables, the newest first: who proposed each, and who agreed to it."""
    query = {"state": in_state, "limit": limit, "after": after}
    ask("staff", "GET /v1/limits/tables", merchant=merchant, state=state, key_file=key_file, query=query)


@limits.command("propose", **example("yuanlu limits propose --row owner=any,any --row manager=20000,200000 "
                                     "--key-file fay.key"))  # fmt: skip
@click.option("--row", "rows", type=_Row(), multiple=True, required=True, metavar="ROLE=ITEM,DAY",
              help="What one of a role may send back, in fen, at once and in a day; any: without a limit.")  # fmt: skip
@click.option("--id", "limits_id", default="", metavar="YI…", help="The id, where you made it: asking again is safe.")
@key_option
@counter_options
def limits_propose(
    rows: tuple[tuple[str, dict[str, int | None]], ...], limits_id: str, key_file: Path | None, merchant: str,
    state: Path | None,
) -> None:  # fmt: skip
    """Propose a whole table: who is not in it sends nothing back. It counts once an owner who is not you agrees."""
    from yuanlu.ids import Kind

    if len(dict(rows)) < len(rows):
        raise click.UsageError("a role stands in a table once")
    wish = {"id": limits_id, "limits": dict(rows)}
    ask("staff", "POST /v1/limits", merchant=merchant, state=state, key_file=key_file, makes=Kind.LIMITS, wish=wish)


@limits.command("agree", **example(f"yuanlu limits agree {_ONE} --key-file olga.key"))
@click.argument("limits_id", metavar="LIMITS")
@key_option
@counter_options
def limits_agree(limits_id: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Put proposed LIMITS in force, as the second person."""
    ask("staff", "POST /v1/limits/{limits}/agree", merchant=merchant, state=state, key_file=key_file, limits=limits_id)
