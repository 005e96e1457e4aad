"""`yuanlu secrets`: the keys that wrap what is sealed."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from yuanlu.cli.parts import example, json_option, print_json, settings_of, state_option


@click.group(**example("yuanlu secrets show", "yuanlu secrets rotate --all"))
def secrets() -> None:
    """The keys under which personal text and channels' secrets are sealed, made anew and shown; and what ends when.

    docs/how-to/a-key-is-lost.md.
    """


@secrets.command("show", **example("yuanlu secrets show", "yuanlu secrets show --json"))
@state_option
@json_option
def secrets_show(state: Path | None, as_json: bool) -> None:
    """Which keys there are, how old they are, and how much each wraps. Shows no secret, changes nothing."""
    from yuanlu.terminal import loop, secrets

    told = loop.run(lambda: secrets.shown(settings_of(state)))
    if told is None:
        sys.exit(130)
    if as_json:
        print_json(told)
    else:
        secrets.show(told, click.secho)


@secrets.command("ends", **example("yuanlu secrets ends", "yuanlu secrets ends --json"))
@state_option
@json_option
def secrets_ends(state: Path | None, as_json: bool) -> None:
    """What ends when: certificates, API keys, secrets in their grace; soonest first, of all merchants.

    Key files that others than their owner may read stand below. The worker looks once a day and warns 30, 7 and 1 days
    before. Exit code 1: something ends within 30 days, or a key file is open.
    """
    from yuanlu.terminal import loop, secrets

    told = loop.run(lambda: secrets.ends(settings_of(state)))
    if told is None:
        sys.exit(130)
    if as_json:
        print_json(told)
    else:
        secrets.show_ends(told, click.secho)
    sys.exit(1 if told["open_files"] or any(each["days"] < 30 for each in told["items"]) else 0)


@secrets.command("channel", **example("yuanlu secrets channel wechat --merchant Shop --set apiv3_key=/run/new"))
@click.argument("channel", type=click.Choice(("wechat", "alipay")))
@click.option("--merchant", required=True, metavar="NAME|ID", help="Whose account.")
@click.option("--set", "sets", multiple=True, required=True, metavar="FIELD=FILE", help="A key, and the file it is in.")
@state_option
@json_option
def secrets_channel(channel: str, merchant: str, sets: tuple[str, ...], state: Path | None, as_json: bool) -> None:
    """Give a merchant's CHANNEL account new keys: apiv3_key and v2_key are sealed, of other files the path is kept.

    What does not fit is refused and nothing is changed. Services and workers use it within half a minute.
    """
    from yuanlu.terminal import loop, secrets

    changes = {field: Path(file) for field, _, file in (each.partition("=") for each in sets)}
    if unknown := [field for field in changes if not field.endswith(("_key", "_cert"))]:
        raise click.UsageError(f"no key or certificate: {unknown[0]}")
    told = loop.run(lambda: secrets.channel_set(settings_of(state), merchant, channel, changes))
    if told is None:
        sys.exit(130)
    if as_json:
        print_json(told)
    else:
        click.echo(f"✓ {told['name']}  {channel}  {' '.join(told['changed'])}")


@secrets.command("rotate", **example("yuanlu secrets rotate --all", "yuanlu secrets rotate --kek --drop-old"))
@click.option("--kek", is_flag=True, help="A new key-encryption key, and every merchant's key wrapped under it.")
@click.option("--merchant", default="", metavar="NAME|ID", help="A new key for this merchant.")
@click.option("--all", "every", is_flag=True, help="Both, for all merchants.")
@click.option("--drop-old", is_flag=True, help="Take old keys out of the key file once nothing is wrapped by them.")
@state_option
@json_option
def secrets_rotate(kek: bool, merchant: str, every: bool, drop_old: bool, state: Path | None, as_json: bool) -> None:
    """Make new keys and wrap everything under them, while service and workers run.

    Cut off, it is started again: it finishes what was begun and makes no further key then. Exit code 1: something is
    still wrapped by an old key-encryption key, which must stay where it is.
    """
    from yuanlu.terminal import loop, secrets

    if not (kek or merchant or every):
        raise click.UsageError("say which: --kek, --merchant NAME, or --all")
    told = loop.run(
        lambda: secrets.rotated(settings_of(state), kek=kek, merchant=merchant, every=every, drop_old=drop_old)
    )
    if told is None:
        sys.exit(130)
    if as_json:
        print_json(told)
    else:
        secrets.show_rotated(told, click.secho)
    sys.exit(1 if told.get("kek", {}).get("left") else 0)
