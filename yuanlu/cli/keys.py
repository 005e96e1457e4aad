"""`yuanlu key`: the keys that machines and people act with, and the tills that enrol."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from yuanlu.cli.parts import Command, at_counter, counter_options, example

SCOPES = ("charge", "read", "report", "refund", "desk", "codes", "goods", "complaints", "hooks", "drawer", "print")
_ONE = "YK01KATE3S4000000000000000042"


@click.group(**example("yuanlu key make --actor 'stock system' --scope read --days 90", "yuanlu key list"))
def key() -> None:
    """API keys: what each may do, until when, and their tills. docs/reference/keys.md."""


def _scopes(command: Command) -> Command:
    return click.option(
        "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="What it may; without any, all of its role."
    )(command)


@key.command(
    "make",
    **example(
        "yuanlu key make --actor 'stock system' --scope read --scope report --days 90",
        "yuanlu key make --staff YW01KATE3S400000000000000061",
    ),
)
@click.option("--actor", default="", help="Who is named when the key is used: a machine, a shop's own system.")
@click.option(
    "--staff", default="", metavar="YW…", help="For a member of staff instead: it has their role, and ends with them."
)
@_scopes
@click.option("--days", type=click.IntRange(1, 3660), help="How long it counts; without, until it is ended.")
@counter_options
def key_make(
    actor: str, staff: str, scopes: tuple[str, ...], days: int | None, merchant: str, state: Path | None
) -> None:
    """Make an API key, and print it this once."""
    from yuanlu.terminal import keys

    until = None if days is None else datetime.now(UTC) + timedelta(days=days)
    at_counter(
        state, merchant, 0,
        lambda counter: keys.made(counter, actor=actor, scopes=scopes, until=until, staff=staff),
        lambda told, _: told,
    )  # fmt: skip


@key.command("list", **example("yuanlu key list"))
@click.option("--after", default="", metavar="YK…", help="The `next` of the page before.")
@counter_options
def key_list(after: str, merchant: str, state: Path | None) -> None:
    """Print the keys, those that ended too, oldest first, never a secret: {items, next}."""
    from yuanlu.cli.parts import plain
    from yuanlu.terminal import keys

    at_counter(state, merchant, 0, lambda counter: keys.listed(counter, after), lambda told, _: plain(told))


@key.command("rotate", **example(f"yuanlu key rotate {_ONE} --grace-hours 24"))
@click.argument("key_id", metavar="KEY")
@click.option(
    "--grace-hours", type=click.FloatRange(0, 720), default=24, show_default=True,
    help="How long the old secret still counts; 0 ends it now.",
)  # fmt: skip
@counter_options
def key_rotate(key_id: str, grace_hours: float, merchant: str, state: Path | None) -> None:
    """Give KEY a new secret and print it this once; the old one counts until the grace is over."""
    from yuanlu.terminal import keys

    grace = timedelta(hours=grace_hours)
    at_counter(state, merchant, 0, lambda counter: keys.rotated(counter, key_id, grace), lambda told, _: told)


@key.command("end", **example(f"yuanlu key end {_ONE}"))
@click.argument("key_id", metavar="KEY")
@counter_options
def key_end(key_id: str, merchant: str, state: Path | None) -> None:
    """End KEY: within a second it opens nothing, in any process."""
    from yuanlu.terminal import keys

    at_counter(state, merchant, 0, lambda counter: keys.ended(counter, key_id), lambda told, _: told)


@key.command("enrol", **example("yuanlu key enrol T1 --scope charge --scope read --scope report"))
@click.argument("till", metavar="TILL")
@_scopes
@counter_options
def key_enrol(till: str, scopes: tuple[str, ...], merchant: str, state: Path | None) -> None:
    """Print the code with which one device becomes TILL: it counts once, for 15 minutes."""
    from yuanlu.terminal import keys

    at_counter(state, merchant, 0, lambda counter: keys.invited(counter, till, scopes), lambda told, _: told)


@key.command("close-till", **example("yuanlu key close-till T2"))
@click.argument("till", metavar="TILL")
@counter_options
def key_close_till(till: str, merchant: str, state: Path | None) -> None:
    """Close TILL for good: its keys end, and nothing is charged there any more."""
    from yuanlu.terminal import keys

    at_counter(state, merchant, 0, lambda counter: keys.closed(counter, till), lambda told, _: told)
