"""`yuanlu operator`: who signs in at the console for the installation itself."""

from __future__ import annotations

from pathlib import Path

import click

from yuanlu.cli.parts import at_platform, example, platform_options

_ACCOUNT = "YW01KATE3S400000000000000061"


@click.group(**example("yuanlu operator add --name 王芳"))
def operator() -> None:
    """Who signs in at the console for the installation itself, and reviews who becomes a merchant."""


@operator.command("add", **example("yuanlu operator add --name 王芳"))
@click.option("--name", required=True, help="Their name; it is kept sealed.")
@platform_options
def operator_add(name: str, state: Path | None) -> None:
    """Write somebody down who reviews applications. Prints them with their API key, this once; then invite them."""
    from yuanlu.people.rules import Role
    from yuanlu.terminal import verbs

    at_platform(state, lambda counter: verbs.staff_added(counter, Role.REVIEWER.value, name, ""))


@operator.command("list", **example("yuanlu operator list"))
@click.option("--after", default="", metavar="YW…", help="The last id of the page before.")
@platform_options
def operator_list(after: str, state: Path | None) -> None:
    """Print the installation's people, applicants and who left too, oldest first: {items, next}."""
    from yuanlu.terminal import verbs

    at_platform(state, lambda counter: verbs.staff_listed(counter, after))


@operator.command("invite", **example(f"yuanlu operator invite {_ACCOUNT}"))
@click.argument("account", metavar="ACCOUNT")
@click.option(
    "--forget-second-factor", "forgets_second", is_flag=True, help="Their codes and passkeys count no more either."
)
@platform_options
def operator_invite(account: str, forgets_second: bool, state: Path | None) -> None:
    """Print a one-time link by which somebody sets their password: for the first time, or anew. Ends in 24 hours."""
    from yuanlu.terminal import verbs

    at_platform(state, lambda counter: verbs.staff_invited(counter, account, forgets_second))


@operator.command("sign-out", **example(f"yuanlu operator sign-out {_ACCOUNT}"))
@click.argument("account", metavar="ACCOUNT")
@platform_options
def operator_sign_out(account: str, state: Path | None) -> None:
    """End all sessions of somebody, everywhere and within a second; they may sign in again."""
    from yuanlu.terminal import verbs

    at_platform(state, lambda counter: verbs.staff_signed_out(counter, account))


@operator.command("end", **example(f"yuanlu operator end {_ACCOUNT}"))
@click.argument("account", metavar="ACCOUNT")
@platform_options
def operator_end(account: str, state: Path | None) -> None:
    """Somebody leaves: their sessions and keys end at once."""
    from yuanlu.terminal import verbs

    at_platform(state, lambda counter: verbs.staff_ended(counter, account))
