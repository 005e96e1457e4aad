"""`yuanlu application`: who wants to become a merchant, and what is decided about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import at_platform, example, key_option, platform_options, step_up_of

_ID = "ZA01KATE3S40000000000000000K4"
_ONE = "/v1/applications/{application}"
_STATES = ("DRAFT", "SUBMITTED", "RETURNED", "APPROVED", "OPENED", "DECLINED", "WITHDRAWN")


def _ask(what: str, state: Path | None, key_file: Path | None = None, **asked: Any) -> None:
    from yuanlu.terminal import asking
    from yuanlu.web.api.applications import ROUTES

    step_up = step_up_of()
    at_platform(state, lambda counter: asking.ask(counter, ROUTES, what, key_file=key_file, step_up=step_up, **asked))


@click.group(**example("yuanlu application list --in SUBMITTED"))
def application() -> None:
    """Applications to become a merchant: who is invited, what lies with a reviewer, what is decided."""


@application.command("invite", **example("yuanlu application invite --name 陈静"))
@click.option("--name", required=True, help="The name of whoever applies; it is kept sealed.")
@click.option("--id", "application_id", default="", metavar="ZA…", help="The application's id; one is made without it.")
@platform_options
def application_invite(name: str, application_id: str, state: Path | None) -> None:
    """Let somebody apply: print the one-time link by which they set a password and begin. Ends in 24 hours."""
    from yuanlu.ids import Kind

    wish = {"id": application_id, "name": name}
    _ask("POST /v1/applications", state, makes=Kind.APPLICATION, wish=wish)


@application.command("list", **example("yuanlu application list --in SUBMITTED"))
@click.option("--in", "in_state", type=click.Choice(_STATES), help="Only those in this state.")
@click.option("--after", default="", metavar="ZA…", help="The last id of the page before.")
@platform_options
def application_list(in_state: str | None, after: str, state: Path | None) -> None:
    """Print the applications, newest first: {items, next}."""
    _ask("GET /v1/applications", state, query={"state": in_state or "", "after": after})


@application.command("show", **example(f"yuanlu application show {_ID}"))
@click.argument("application_id", metavar="APPLICATION")
@key_option
@platform_options
def application_show(application_id: str, key_file: Path | None, state: Path | None) -> None:
    """Print an APPLICATION. What names a person is covered without the key file of a reviewer."""
    _ask(f"GET {_ONE}", state, key_file, application=application_id)


@application.command("approve", **example(f"yuanlu application approve {_ID} --turn 1 --key-file shen.key"))
@click.argument("application_id", metavar="APPLICATION")
@click.option("--turn", type=int, required=True, help="The submission you saw.")
@key_option
@platform_options
def application_approve(application_id: str, turn: int, key_file: Path | None, state: Path | None) -> None:
    """Approve an APPLICATION: the merchant and its first owner are made, once."""
    _ask(f"POST {_ONE}/approve", state, key_file, application=application_id, wish={"turn": turn})


@application.command(
    "return",
    **example(f"yuanlu application return {_ID} --turn 1 --about licence --say 照片不清楚 --key-file shen.key"),
)
@click.argument("application_id", metavar="APPLICATION")
@click.option("--turn", type=int, required=True, help="The submission you saw.")
@click.option("--about", required=True, help="The field, or the kind of paper, that is to be mended.")
@click.option("--say", required=True, help="Why.")
@key_option
@platform_options
def application_return(
    application_id: str, turn: int, about: str, say: str, key_file: Path | None, state: Path | None
) -> None:
    """Send an APPLICATION back, with a reason. Several reasons at once are given at the console."""
    wish = {"turn": turn, "reasons": [{"about": about, "words": say}]}
    _ask(f"POST {_ONE}/return", state, key_file, application=application_id, wish=wish)


@application.command(
    "decline", **example(f"yuanlu application decline {_ID} --turn 1 --say 执照已吊销 --key-file shen.key")
)
@click.argument("application_id", metavar="APPLICATION")
@click.option("--turn", type=int, required=True, help="The submission you saw.")
@click.option("--say", required=True, help="Why.")
@key_option
@platform_options
def application_decline(application_id: str, turn: int, say: str, key_file: Path | None, state: Path | None) -> None:
    """Decline an APPLICATION for good, and say why."""
    _ask(f"POST {_ONE}/decline", state, key_file, application=application_id, wish={"turn": turn, "words": say})
