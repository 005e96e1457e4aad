"""`yuanlu tills`, `yuanlu books`, `yuanlu evidence`: what stands in the books, and what justifies it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import ask, counter_options, example, key_option


@click.command(**example("yuanlu tills --limit 20"))
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default="", metavar="YT…", help="The `next` of the page before.")
@key_option
@counter_options
def tills(key_file: Path | None, merchant: str, state: Path | None, **query: Any) -> None:
    """Print the tills: {items, next}."""
    ask("books", "GET /v1/tills", merchant=merchant, state=state, key_file=key_file, query=query)


@click.command(**example("yuanlu books --whole"))
@click.option("--whole", is_flag=True, help="Add up every move anew, and name the days that are not their sum.")
@key_option
@counter_options
def books(key_file: Path | None, merchant: str, state: Path | None, whole: bool) -> None:
    """Print the balance of every account, in fen, and whether they add up to nothing."""
    query = {"whole": "true"} if whole else {}
    ask("books", "GET /v1/books", merchant=merchant, state=state, key_file=key_file, query=query)


@click.command(**example("yuanlu evidence YR01KATE3S400000000000000000F YE01KATE3S40000000000000000BJ"))
@click.argument("object_id", metavar="OBJECT")
@click.argument("evidence_id", metavar="EVIDENCE")
@key_option
@counter_options
def evidence(object_id: str, evidence_id: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Print what justifies a state of OBJECT: the channel's answer as it came. `timeline` names the EVIDENCE."""
    ask(
        "books", "GET /v1/evidence/{object}/{evidence}", merchant=merchant, state=state, key_file=key_file,
        object=object_id, evidence=evidence_id,
    )  # fmt: skip
