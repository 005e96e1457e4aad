"""`yuanlu where` and `yuanlu packs`: where the money is, and the rules with a date that say when it is late."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from yuanlu.cli.parts import at_counter, counter_options, example, json_option, print_json, settings_of


@click.command(**example("yuanlu where YR01KATE3S400000000000000000F"))
@click.argument("any_id", metavar="REFUND")
@counter_options
def where(any_id: str, merchant: str, state: Path | None) -> None:
    """Tell where the money of a REFUND (YR…) is, or that of a case (YC…): who has it, what comes next, is it late."""
    from yuanlu.terminal import lookups

    at_counter(state, merchant, 0, lambda counter: lookups.where(counter, any_id), lambda told, _: told)


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
