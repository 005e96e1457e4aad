"""`yuanlu hook`: who asked to know what happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import Command, ask, counter_options, example, key_option, text_of

_ONE = "YH01KATE3S40000000000000000GT"
_DAY = 86400


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
@click.option("--id", default="", metavar="YH…", help="The id, where you made it: asking again is safe.")
@key_option
@counter_options
def hook_add(key_file: Path | None, merchant: str, state: Path | None, **wish: Any) -> None:
    """Tell TARGET (a URL, an e-mail address, an Apprise URL, a phone number) what happens. A secret is shown once."""
    from yuanlu.ids import Kind

    ask("hooks", "POST /v1/hooks", merchant=merchant, state=state, key_file=key_file, makes=Kind.HOOK, wish=wish)


@hook.command("list", **example("yuanlu hook list"))
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default="", metavar="YH…", help="The `next` of the page before.")
@key_option
@counter_options
def hook_list(key_file: Path | None, merchant: str, state: Path | None, **query: Any) -> None:
    """Print the hooks, oldest first: {items, next}."""
    ask("hooks", "GET /v1/hooks", merchant=merchant, state=state, key_file=key_file, query=query)


@hook.command(
    "sms",
    **example("""yuanlu hook sms https://sms.example/send --body '{"to": "{{phone}}", "text": "{{text}}"}'"""),
)
@click.argument("url")
@click.option("--method", type=click.Choice(("POST", "GET")), default="POST", show_default=True)
@click.option(
    "--content", type=click.Choice(("json", "form")), default="json", show_default=True, help="What it posts."
)
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Sent along; - reads one from stdin.")
@click.option("--body", default="", help="The body, with {{phone}}, {{text}} and {{id}} where they belong.")
@click.option("--answer-has", default="", help="A piece that a good answer contains.")
@key_option
@counter_options
def hook_sms(headers: tuple[str, ...], key_file: Path | None, merchant: str, state: Path | None, **wish: Any) -> None:
    """Say how an SMS is sent: one HTTP request to URL. The newest word counts; it is sealed."""
    pairs = [text_of(each).partition(":") for each in headers]
    told = {name.strip(): value.strip() for name, _, value in pairs}
    ask("hooks", "POST /v1/sms", merchant=merchant, state=state, key_file=key_file, wish={**wish, "headers": told})


def _verb(name: str, says: str, shown: str, *options: Command, method: str = "POST") -> None:
    """Make a command of what one does with a hook; its options are the fields of what the API takes there."""

    def run(hook_id: str, key_file: Path | None, merchant: str, state: Path | None, **given: Any) -> None:
        if "in_state" in given:
            given["state"] = given.pop("in_state")  # `state` alone is where the installation is
        asked = {"query" if method == "GET" else "wish": given}
        path = f"{method} /v1/hooks/{{hook}}/{name}"
        ask("hooks", path, merchant=merchant, state=state, key_file=key_file, hook=hook_id, **asked)

    command = key_option(counter_options(run))
    for option in reversed(options):
        command = option(command)
    command = click.argument("hook_id", metavar="HOOK")(command)
    hook.command(name, help=says, **example(f"yuanlu hook {name} {_ONE} {shown}".rstrip()))(command)


_verb("ping", "Send HOOK a letter that says nothing, now, and print what became of it.", "")
_verb(
    "replay",
    "Tell HOOK again, under the ids of then. The worker sends.",
    "--since 2026-11-23T04:00:00Z",
    click.option("--since", metavar="TIME", help="Tell again what happened since then (UTC)."),
    click.option("--letter", default="", metavar="YD…-1-0", help="Tell again from this letter on, about its object."),
)
_verb("disable", "Tell HOOK nothing more.", "")
_verb("enable", "Tell HOOK again, beginning with what it missed.", "")
_verb(
    "secret",
    "Make a new secret for HOOK and print it, this once; for a while the old one signs beside it.",
    "--keep-seconds 3600",
    click.option(
        "--keep-seconds", type=click.IntRange(0, 7 * _DAY), default=_DAY, show_default=True, help="How long it does."
    ),
)
_verb(
    "deliveries",
    "Print how far HOOK has been told about each object: {items, next}.",
    "--in PARKED",
    click.option("--in", "in_state", type=click.Choice(("IDLE", "DUE", "PARKED")), help="Only those in this state."),
    click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True),
    click.option("--after", default="", metavar="YD…", help="The `next` of the page before."),
    method="GET",
)
