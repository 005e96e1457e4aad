"""`yuanlu backup` and `yuanlu restore`: the whole installation in one file, its keys in another."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from yuanlu.cli.parts import example, json_option, print_json, settings_of, state_option


@click.command(**example("yuanlu backup shop.tar --keys /mnt/safe/shop.keys", "yuanlu backup shop.tar --json"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--keys", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write the keys as well, into a file of their own: keep it elsewhere.")  # fmt: skip
@state_option
@json_option
def backup(file: Path, keys: Path | None, state: Path | None, as_json: bool) -> None:
    """Write everything into FILE: books, files, the ends of the audit log; of one moment, while all goes on.

    Without the keys nobody can read names, messages and files in it. Lost keys make them unreadable for good.
    """
    from yuanlu.terminal import backups, loop

    told = loop.run(lambda: backups.back_up(settings_of(state), file, keys))
    if told is None:
        sys.exit(130)
    print_json(told) if as_json else backups.show_backup(told, click.secho)


@click.command(**example("yuanlu restore shop.tar --keys /mnt/safe/shop.keys --state /srv/yuanlu"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--keys", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="The keys kept with it.")
@state_option
@json_option
def restore(file: Path, keys: Path | None, state: Path | None, as_json: bool) -> None:
    """Put a backup into an installation that holds nothing yet, and check it.

    All of FILE is checked before anything is written. Exit code 0: it holds what the backup said and the audit log
    finds nothing wrong; 1: it is there, and something is not as it was; 2: nothing was written.
    """
    from yuanlu.terminal import backups, loop

    told = loop.run(lambda: backups.restore(settings_of(state), file, keys))
    if told is None:
        sys.exit(130)
    print_json(told) if as_json else backups.show_restored(told, click.secho)
    sys.exit(0 if told["ok"] else 1)
