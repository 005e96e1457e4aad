"""`yuanlu policy`: the refund policy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import (
    at_counter,
    counter_options,
    example,
    json_option,
    key_option,
    plain,
    print_json,
    settings_of,
    state_option,
)


@click.group(**example("yuanlu policy check policy.csv", "yuanlu policy show --till T1"))
def policy() -> None:
    """The refund policy: a table that says which mistakes go back at once. docs/reference/policies.md."""


def _moment(text: str) -> Any:
    """A day or a moment; a day begins at midnight in China, as the channels' do."""
    from datetime import datetime

    from yuanlu.clock import CHINA

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no day such as 2026-11-01, and no moment") from None
    return found if found.tzinfo else found.replace(tzinfo=CHINA)


@policy.command("check", **example("yuanlu policy check policy.csv", "yuanlu policy check policy.toml --json"))
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def policy_check(file: Path, as_json: bool) -> None:
    """Check a FILE (CSV, TOML): values, gaps, rows nobody reaches, contradictions. Exit code 2 if it has faults."""
    from yuanlu import words
    from yuanlu.terminal import policies
    from yuanlu.terminal.screen import flat

    told = policies.check(file)
    if as_json:
        print_json(plain(told))
    else:
        for problem in told.problems:
            click.echo(f"{flat(problem.zh)}\n  {flat(problem.en)}")
        if told.ok:
            for each in words.both("policy.fine", rows=told.rows).values():
                click.echo(each)
    sys.exit(0 if told.ok else 2)


@policy.command("try", **example("yuanlu policy try policy.csv --since 2026-11-01"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--since", required=True, metavar="DATE", help="Cases opened from this day or moment on.")
@click.option("--merchant", default="", metavar="NAME|ID", help="Which merchant, where there are several.")
@state_option
@json_option
def policy_try(file: Path, since: str, merchant: str, state: Path | None, as_json: bool) -> None:
    """Say what a FILE would have done to past cases. Changes nothing."""
    from yuanlu.terminal import loop, policies, verbs

    settings, moment = settings_of(state), _moment(since)

    async def run() -> Any:
        async with verbs.at_counter(settings, merchant) as counter:
            return await policies.trial(counter, file, moment)

    told = plain(loop.run(run))
    if as_json:
        print_json(told)
        return
    for item in told["items"]:
        click.echo(f"{item['case']}  {item['was']} -> {item['would_be']}  {item['amount_fen']} fen  {item['ended']}")
    click.echo(f"{told['summary_zh']}\n{told['summary_en']}")


@policy.command("set", **example("yuanlu policy set policy.csv", "yuanlu policy set policy.csv --store 'East gate'"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--store", "store_name", default="", metavar="NAME|ID", help="For one store only.")
@click.option("--from", "valid_from", default="", metavar="DATE", help="From this day or moment on, instead of now.")
@click.option("--id", "policy_id", default="", metavar="YL…", help="The id, where you made it: setting again is safe.")
@key_option
@counter_options
def policy_set(
    file: Path, store_name: str, valid_from: str, policy_id: str, key_file: Path | None, merchant: str,
    state: Path | None,
) -> None:  # fmt: skip
    """Set a FILE as the policy for payments made from now on. Refused while it has faults. Prints the version."""
    from yuanlu.terminal import policies
    from yuanlu.web.parts.policies import policy_told

    begins = _moment(valid_from) if valid_from else None
    at_counter(
        state, merchant, 0,
        lambda counter: policies.keep(counter, file, policy_id, store_name, begins, key_file),
        lambda done, _: policy_told(done.row),
    )  # fmt: skip


@policy.command("show", **example("yuanlu policy show", "yuanlu policy show --till T1"))
@click.argument("policy_id", default="", metavar="[YL…]")
@click.option("--store", "store_name", default="", metavar="NAME|ID", help="What counts in a store.")
@click.option("--till", default="", metavar="NAME|ID", help="What counts at a till.")
@counter_options
def policy_show(policy_id: str, store_name: str, till: str, merchant: str, state: Path | None) -> None:
    """Print the policy that counts now (or one version): each row in words, and its file in `content`."""
    from yuanlu.terminal import policies

    at_counter(
        state, merchant, 0,
        lambda counter: policies.shown(counter, policy_id, store_name, till),
        lambda told, _: told,
    )  # fmt: skip
