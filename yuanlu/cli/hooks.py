"""`yuanlu hook`: who asked to know what happens."""

from __future__ import annotations

from pathlib import Path

import click

from yuanlu.cli.parts import at_counter, counter_options, example


@click.group(**example("yuanlu hook add https://shop.example/yuanlu --type 'refund.*'"))
def hook() -> None:
    """Hooks: who asked to know what happens; try one, tell it again. docs/reference/notices.md."""


@hook.command(
    "add",
    **example(
        "yuanlu hook add https://shop.example/yuanlu --type 'refund.*' --type case.closed",
        "yuanlu hook add boss@shop.example --way email",
    ),
)
@click.argument("target")
@click.option("--way", type=click.Choice(("webhook", "email", "apprise", "sms")), default="webhook", show_default=True)
@click.option("--type", "types", multiple=True, help="Of what: refund.done, or refund.* for all of refunds. None: all.")
@click.option("--lang", type=click.Choice(("zh", "en")), default="zh", show_default=True)
@click.option("--id", "hook_id", default="", metavar="YH…", help="The id, where you made it: asking again is safe.")
@counter_options
def hook_add(
    target: str, way: str, types: tuple[str, ...], lang: str, hook_id: str, merchant: str, state: Path | None
) -> None:
    """Tell TARGET (a URL, an e-mail address, an Apprise URL, a phone number) what happens. A secret is shown once."""
    from yuanlu.terminal import hooks

    at_counter(
        state, merchant, 0,
        lambda counter: hooks.add(counter, target=target, way=way, types=types, lang=lang, hook_id=hook_id),
        lambda told, _: told,
    )  # fmt: skip


@hook.command("list", **example("yuanlu hook list"))
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default="", metavar="YH…", help="The `next` of the page before.")
@counter_options
def hook_list(limit: int, after: str, merchant: str, state: Path | None) -> None:
    """Print the hooks, oldest first: {items, next}."""
    from yuanlu.terminal import hooks

    at_counter(state, merchant, 0, lambda counter: hooks.listed(counter, after, limit), lambda told, _: told)


@hook.command("ping", **example("yuanlu hook ping YH01KATE3S40000000000000000GT"))
@click.argument("hook_id", metavar="HOOK")
@counter_options
def hook_ping(hook_id: str, merchant: str, state: Path | None) -> None:
    """Send HOOK a letter that says nothing, now, and print what became of it."""
    from yuanlu.terminal import hooks

    at_counter(state, merchant, 0, lambda counter: hooks.ping(counter, hook_id), lambda told, _: told)


@hook.command("replay", **example("yuanlu hook replay YH01KATE3S40000000000000000GT --since 2026-11-23T04:00:00Z"))
@click.argument("hook_id", metavar="HOOK")
@click.option("--since", default="", metavar="TIME", help="Tell again what happened since then (UTC).")
@click.option("--letter", default="", metavar="YD…-1-0", help="Tell again from this letter on, about its object.")
@counter_options
def hook_replay(hook_id: str, since: str, letter: str, merchant: str, state: Path | None) -> None:
    """Tell HOOK again, under the ids of then. The worker sends."""
    from yuanlu.terminal import hooks

    at_counter(state, merchant, 0, lambda counter: hooks.replay(counter, hook_id, since, letter), lambda told, _: told)


@hook.command("disable", **example("yuanlu hook disable YH01KATE3S40000000000000000GT"))
@click.argument("hook_id", metavar="HOOK")
@counter_options
def hook_disable(hook_id: str, merchant: str, state: Path | None) -> None:
    """Tell HOOK nothing more."""
    from yuanlu.terminal import hooks

    at_counter(state, merchant, 0, lambda counter: hooks.turned(counter, hook_id, on=False), lambda told, _: told)


@hook.command("enable", **example("yuanlu hook enable YH01KATE3S40000000000000000GT"))
@click.argument("hook_id", metavar="HOOK")
@counter_options
def hook_enable(hook_id: str, merchant: str, state: Path | None) -> None:
    """Tell HOOK again, beginning with what it missed."""
    from yuanlu.terminal import hooks

    at_counter(state, merchant, 0, lambda counter: hooks.turned(counter, hook_id, on=True), lambda told, _: told)


@hook.command("deliveries", **example("yuanlu hook deliveries YH01KATE3S40000000000000000GT --in PARKED"))
@click.argument("hook_id", metavar="HOOK")
@click.option("--in", "delivery_state", type=click.Choice(("", "IDLE", "DUE", "PARKED")), default="")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default="", metavar="YD…", help="The `next` of the page before.")
@counter_options
def hook_deliveries(
    hook_id: str, delivery_state: str, limit: int, after: str, merchant: str, state: Path | None
) -> None:
    """Print how far HOOK has been told about each object: {items, next}."""
    from yuanlu.terminal import hooks

    at_counter(
        state, merchant, 0,
        lambda counter: hooks.deliveries(counter, hook_id, delivery_state, after, limit),
        lambda told, _: told,
    )  # fmt: skip
