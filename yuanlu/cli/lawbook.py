"""`yuanlu where` and `yuanlu packs`: where the money is, and the rules with a date that say when it is late."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import (
    ask,
    at_counter,
    counter_options,
    example,
    json_option,
    key_option,
    print_json,
    settings_of,
)

_STAGES = ("reported", "review", "declined", "overdue", "escalated", "closed")


@click.command(**example("yuanlu where YR01KATE3S400000000000000000F"))
@click.argument("any_id", metavar="REFUND")
@counter_options
def where(any_id: str, merchant: str, state: Path | None) -> None:
    """Tell where the money of a REFUND (YR…) is, or that of a case (YC…): who has it, what comes next, is it late."""
    from yuanlu.terminal import lookups

    at_counter(state, merchant, 0, lambda counter: lookups.where(counter, any_id), lambda told, _: told)


@click.command(**example("yuanlu rights --stage reported", "yuanlu rights --stage declined --at 2026-11-23"))
@click.option("--stage", type=click.Choice(_STAGES), default="reported", show_default=True, help="How far the case is.")
@click.option("--at", metavar="DAY", help="As the law stands on this day; today.")
@key_option
@counter_options
def rights(key_file: Path | None, merchant: str, state: Path | None, **query: Any) -> None:
    """Print the customer's rights and the shop's duties at a stage, each with its law."""
    ask("lawbook", "GET /v1/rights", merchant=merchant, state=state, key_file=key_file, query=query)


@click.command(**example("yuanlu workdays --from 2026-09-30 --days 3"))
@click.option("--from", "start", metavar="DAY", help="From this day on; today.")
@click.option("--days", type=click.IntRange(0, 366), default=1, show_default=True, help="So many working days on.")
@key_option
@counter_options
def workdays(start: str | None, days: int, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Print the day that lies so many working days of China behind another, and whether that is certain."""
    query = {"from": start, "days": days}
    ask("lawbook", "GET /v1/workdays", merchant=merchant, state=state, key_file=key_file, query=query)


@click.group(**example("yuanlu packs list", "yuanlu packs check ./packs"))
def packs() -> None:
    """Rules with a date: law, working days, promises; check a folder of your own. docs/reference/lawbook.md."""


@packs.command("list", **example("yuanlu packs list", "YUANLU_PACKS=./packs yuanlu packs list --json"))
@json_option
def packs_list(as_json: bool) -> None:
    """Print every pack that is in force or will be: name, version, from when, from which file."""
    from yuanlu.terminal import lookups

    told = lookups.packs(settings_of(None))
    if as_json:
        print_json({"items": told})
        return
    for one in told:
        click.echo(f"{one['name']:<20} {one['version']:<10} {one['valid_from']}  {one['file']}")


@packs.command("check", **example("yuanlu packs check ./packs --json"))
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@json_option
def packs_check(folder: Path, as_json: bool) -> None:
    """Check the packs in DIR, alone and beside ours: all that is wrong, with file and line or key. Exit 2 if any is."""
    from yuanlu.terminal import lookups

    told = lookups.checked(folder)
    if as_json:
        print_json(told)
    else:
        for one in told["packs"]:
            click.echo(f"✓ {one['file']}  {one['name']}/{one['version']}")
        for wrong in told["problems"]:
            click.echo(f"✗ {wrong['zh']}\n  {wrong['en']}")
    if not told["ok"]:
        sys.exit(2)
