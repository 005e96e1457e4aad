"""`yuanlu merchant` and `yuanlu staff`: who there is, and the keys that act for them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import click

from yuanlu.cli.parts import (
    at_counter,
    counter_options,
    example,
    json_option,
    key_option,
    print_json,
    settings_of,
    state_option,
)

ROLES = ("owner", "finance", "risk", "manager", "cashier", "trainee", "auditor")


@click.group(**example("yuanlu merchant import-sim /tmp/sim/sim.json"))
def merchant() -> None:
    """Merchants and the keys that act for them."""


def _of_installation(state: Path | None, verb: Callable[[Any], Any]) -> Any:
    from yuanlu.terminal import loop, verbs

    settings = settings_of(state)

    async def run() -> Any:
        async with verbs.opened(settings) as app:
            return await verb(app)

    told = loop.run(run)
    if told is None:
        sys.exit(130)
    return told


@merchant.command("import-sim", **example("yuanlu merchant import-sim /tmp/sim/sim.json --json"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", default="Simulated shop 模拟小店", show_default=True)
@click.option("--actor", default="cashier", show_default=True, help="Who is named when the key is used.")
@state_option
@json_option
def merchant_import_sim(file: Path, name: str, actor: str, state: Path | None, as_json: bool) -> None:
    """Make a merchant of sim's FILE (sim.json): a store, tills T1 and T2, both channels. Prints its API key."""
    from yuanlu.terminal import verbs

    told = _of_installation(state, lambda app: verbs.import_sim(app, file, name, actor))
    if as_json:
        print_json(told)
        return
    click.echo(f"merchant  {told['merchant_id']}  {told['name']}")
    for till in told["tills"]:
        click.echo(f"till      {till['id']}  {till['name']}")
    _tell_key(told)


def _tell_key(told: dict[str, Any]) -> None:
    click.echo(f"API key   {told['api_key']}")
    click.echo("          这个密钥只显示这一次。 It is shown this once.")


@merchant.command("list", **example("yuanlu merchant list"))
@click.option("--after", default="", metavar="YM…", help="The last id of the page before.")
@state_option
@json_option
def merchant_list(after: str, state: Path | None, as_json: bool) -> None:
    """Print the merchants, oldest first."""
    from yuanlu.terminal import verbs

    told = _of_installation(state, lambda app: verbs.merchants_listed(app, after))
    if as_json:
        print_json(told)
        return
    for item in told["items"]:
        click.echo(f"{item['id']}  {item['tills']:>4} tills  {item['name']}")
    if told["next"]:
        click.echo(f"… more: --after {told['next']}")


@click.group(**example("yuanlu staff add --role manager --name 王芳"))
def staff() -> None:
    """The people who decide: each with a role and a key of their own."""


@staff.command("add", **example("yuanlu staff add --role manager --name 王芳 --store 'Corner shop'"))
@click.option("--role", type=click.Choice(ROLES), required=True, help="What they may do.")
@click.option("--name", required=True, help="Their name; it is kept sealed.")
@click.option("--store", default="", metavar="NAME|ID", help="The only store they act in; anywhere without it.")
@counter_options
def staff_add(role: str, name: str, store: str, merchant: str, state: Path | None) -> None:
    """Write a member of staff down. Prints them with their API key, this once."""
    from yuanlu.terminal import verbs

    at_counter(
        state, merchant, 0,
        lambda counter: verbs.staff_added(counter, role, name, store),
        lambda told, _: told,
    )  # fmt: skip


@staff.command("list", **example("yuanlu staff list"))
@click.option("--after", default="", metavar="YW…", help="The last id of the page before.")
@counter_options
def staff_list(after: str, merchant: str, state: Path | None) -> None:
    """Print the staff, those who left too, oldest first: {items, next}."""
    from yuanlu.terminal import verbs

    at_counter(state, merchant, 0, lambda counter: verbs.staff_listed(counter, after), lambda told, _: told)


@staff.command("end", **example("yuanlu staff end YW01KATE3S400000000000000061"))
@click.argument("staff_id", metavar="STAFF")
@counter_options
def staff_end(staff_id: str, merchant: str, state: Path | None) -> None:
    """Somebody leaves: their keys end at once, and what they approved but is not sent yet is decided again."""
    from yuanlu.terminal import verbs

    at_counter(state, merchant, 0, lambda counter: verbs.staff_ended(counter, staff_id), lambda told, _: told)


@staff.command("review", **example("yuanlu staff review", "yuanlu staff review --store 'Corner shop'"))
@click.option("--store", default="", metavar="NAME|ID", help="Only the people of this store.")
@key_option
@counter_options
def staff_review(store: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Print who may do what, since when and how much, and what to look at: keys not used, years in one role."""
    from yuanlu.terminal import people

    at_counter(state, merchant, 0, lambda counter: people.reviewed(counter, store, key_file), lambda told, _: told)


@staff.command("invite", **example("yuanlu staff invite YW01KATE3S400000000000000061"))
@click.argument("staff_id", metavar="STAFF")
@click.option(
    "--forget-second-factor", "forgets_second", is_flag=True, help="Their codes and passkeys count no more either."
)
@counter_options
def staff_invite(staff_id: str, forgets_second: bool, merchant: str, state: Path | None) -> None:
    """Print a one-time link by which somebody sets their password: for the first time, or anew. Ends in 24 hours."""
    from yuanlu.terminal import verbs

    at_counter(
        state, merchant, 0,
        lambda counter: verbs.staff_invited(counter, staff_id, forgets_second),
        lambda told, _: told,
    )  # fmt: skip


@staff.command("sign-out", **example("yuanlu staff sign-out YW01KATE3S400000000000000061"))
@click.argument("staff_id", metavar="STAFF")
@counter_options
def staff_sign_out(staff_id: str, merchant: str, state: Path | None) -> None:
    """End all sessions of somebody, everywhere and within a second; they may sign in again."""
    from yuanlu.terminal import verbs

    at_counter(state, merchant, 0, lambda counter: verbs.staff_signed_out(counter, staff_id), lambda told, _: told)


@staff.command("accept", **example("yuanlu staff accept 'http://localhost:8000/accept#yo_…'"))
@click.argument("link", metavar="LINK")
@click.option("--password-file", type=click.File(), help="A file with the password; else it is asked for.")
@click.option("--name", default="", help="The name of the first owner of an installation.")
@click.option("--shop", default="", help="The name of what they own, where there is no merchant yet.")
@state_option
@json_option
def staff_accept(
    link: str, password_file: TextIO | None, name: str, shop: str, state: Path | None, as_json: bool
) -> None:
    """Take an invitation up: set the password. With the link that a new installation prints, become its first owner."""
    from yuanlu.terminal import verbs

    if password_file is not None:
        password = password_file.read().strip()
    else:
        password = click.prompt("密码 Password", hide_input=True, confirmation_prompt="再来一遍 Again", err=True)
    told = _of_installation(state, lambda app: verbs.staff_accepted(app, link, password, name, shop))
    if as_json:
        print_json(told)
        return
    click.echo(f"account   {told['account']}  {told['role']}  {told['merchant']}")
    click.echo("          用它和密码登录。 Sign in with it and the password.")
