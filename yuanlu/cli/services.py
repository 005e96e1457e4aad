"""Commands that start what runs: the service, the worker, the database."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from yuanlu.cli.parts import example, settings_of, state_option


@click.command(**example("yuanlu serve --port 8000 --with-worker"))
@click.option("--host", help="Address to listen on, instead of $YUANLU_HOST.")
@click.option("--port", type=click.IntRange(0, 65535), help="Its port, instead of $YUANLU_PORT; 0 picks a free one.")
@click.option("--with-worker", is_flag=True, help="Run a worker in the same process.")
@state_option
def serve(host: str | None, port: int | None, with_worker: bool, state: Path | None) -> None:
    """Serve the HTTP API until Ctrl-C or SIGTERM. Says "ready at …" once it answers."""
    from yuanlu.terminal import loop, services
    from yuanlu.web.parts import logs

    settings = settings_of(state, host=host, port=port)
    logs.set_up(settings.log_level)
    loop.run(lambda: services.serve(settings, functools.partial(print, flush=True), with_worker=with_worker))


@click.command(**example("yuanlu worker"))
@state_option
def worker(state: Path | None) -> None:
    """Run jobs until Ctrl-C or SIGTERM: ask, send, reverse, refund. As many workers as you like may run."""
    from yuanlu.terminal import loop, services
    from yuanlu.web.parts import logs

    settings = settings_of(state)
    logs.set_up(settings.log_level)
    loop.run(lambda: services.work(settings, functools.partial(print, flush=True)))


@click.group(
    invoke_without_command=True, **example("yuanlu db url", "yuanlu db psql -- -c 'select count(*) from payments'")
)
@state_option
@click.pass_context
def db(ctx: click.Context, state: Path | None) -> None:
    """The database: where it is, a prompt in it, bring its schema forward. Alone: says where it is."""
    ctx.obj = {**(ctx.obj or {}), "state": state}
    if ctx.invoked_subcommand is None:
        ctx.invoke(db_url)


@db.command("url", **example("yuanlu db url"))
@click.pass_context
def db_url(ctx: click.Context) -> None:
    """Print where the database is. The embedded one answers there while anything of yuanlu runs."""
    from yuanlu.terminal import database

    click.echo(database.url(settings_of(ctx.obj.get("state"))))


@db.command("psql", **example("yuanlu db psql", "yuanlu db psql -- -c 'select count(*) from payments'"))
@click.argument("arguments", nargs=-1)
@click.pass_context
def db_psql(ctx: click.Context, arguments: Sequence[str]) -> None:
    """Open psql in the database (the embedded one is started while it is open). ARGUMENTS go to psql."""
    from yuanlu.terminal import database, loop

    settings = settings_of(ctx.obj.get("state"))
    code = loop.run(lambda: database.psql(settings, list(arguments)))
    sys.exit(130 if code is None else code)


@db.command("migrate", **example("yuanlu db migrate"))
@click.pass_context
def db_migrate(ctx: click.Context) -> None:
    """Bring the schema forward. Every start does it too; any number may do it at once."""
    from yuanlu.terminal import database, loop

    settings = settings_of(ctx.obj.get("state"))
    applied = loop.run(lambda: database.migrate(settings))
    if applied is None:
        sys.exit(130)
    click.echo(f"{applied} migrations applied" if applied else "up to date")
