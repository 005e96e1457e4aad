"""`yuanlu audit`: the chain over everything that was recorded."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from yuanlu.cli.parts import example, json_option, print_json, settings_of, state_option


@click.group(**example("yuanlu audit verify", "yuanlu audit anchor -o /mnt/elsewhere/anchors.jsonl"))
def audit() -> None:
    """The audit log: everything that was recorded, chained. Check it, anchor its end. docs/reference/audit.md."""


@audit.command("verify", **example("yuanlu audit verify", "yuanlu audit verify --anchors /mnt/elsewhere --json"))
@click.option("--merchant", default="", metavar="NAME|ID", help="Only this merchant's chain, instead of all.")
@click.option("--anchors", type=click.Path(exists=True, path_type=Path), metavar="FILE|DIR",
              help="Anchors taken earlier, instead of those this installation wrote down each day.")  # fmt: skip
@state_option
@json_option
def audit_verify(merchant: str, anchors: Path | None, state: Path | None, as_json: bool) -> None:
    """Compare the chain with what is recorded: a line removed, changed, swapped or added is found and named.

    Changes nothing. Exit code 0: nothing is wrong; 1: something is, and it says what.
    """
    from yuanlu.terminal import audit, loop

    told = loop.run(lambda: audit.verified(settings_of(state), merchant, anchors))
    if told is None:
        sys.exit(130)
    if as_json:
        print_json(told)
    else:
        audit.show(told, click.secho)
    sys.exit(0 if told["ok"] else 1)


@audit.command("anchor", **example("yuanlu audit anchor -o /mnt/elsewhere/anchors.jsonl", "yuanlu audit anchor"))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Add them to this file; without it they are printed.")  # fmt: skip
@state_option
def audit_anchor(output: Path | None, state: Path | None) -> None:
    """Write down the end of every merchant's chain as it is now: a line of JSON each.

    Keep them where nobody of this installation can reach: with them alone one finds that the end was cut off.
    """
    from yuanlu.terminal import audit, loop

    told = loop.run(lambda: audit.anchored(settings_of(state), output))
    if told is None:
        sys.exit(130)
    click.echo(told, nl=False)
