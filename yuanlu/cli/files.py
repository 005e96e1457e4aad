"""`yuanlu file` and `yuanlu data`: the files of a case, and what is held about a customer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from yuanlu.cli.parts import at_counter, counter_options, example, key_option

if TYPE_CHECKING:
    from yuanlu.web.parts.shapes import FileTold

OPENING = ("review", "reply", "pack", "customer", "audit")


@click.group(**example("yuanlu file add YC01KATE3S40000000000000000J3 receipt.jpg"))
def file() -> None:
    """Files of a case: hand one in, list them, open one. docs/reference/evidence.md."""


@file.command("add", **example("yuanlu file add YC01KATE3S40000000000000000J3 receipt.jpg"))
@click.argument("case_id", metavar="CASE")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--id", "file_id", default="", metavar="YF…", help="The id, where you made it: adding again is safe.")
@click.option("--internal", is_flag=True, help="The customer does not get to see it.")
@key_option
@counter_options
def file_add(
    case_id: str, path: Path, file_id: str, internal: bool, key_file: Path | None, merchant: str, state: Path | None
) -> None:
    """Hand an image or a PDF in to a CASE. It is made anew before it is kept. Prints the file's record."""
    from yuanlu.evidence.rules import Audience
    from yuanlu.terminal import files

    audience = Audience.INTERNAL if internal else Audience.CUSTOMER
    at_counter(
        state, merchant, 0,
        lambda counter: files.add_file(counter, case_id, path, file_id, audience, key_file),
        lambda told, _: told,
    )  # fmt: skip


@file.command("list", **example("yuanlu file list YC01KATE3S40000000000000000J3"))
@click.argument("case_id", metavar="CASE")
@key_option
@counter_options
def file_list(case_id: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Print the files of a CASE, in the order in which they came."""
    from yuanlu.terminal import files

    at_counter(state, merchant, 0, lambda counter: files.files_listed(counter, case_id, key_file), lambda told, _: told)


@file.command("get", **example("yuanlu file get YF01KATE3S40000000000000000TN -o receipt.jpg --key-file anna.key"))
@click.argument("file_id", metavar="FILE")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A new file.")
@click.option("--why", type=click.Choice(OPENING), default="review", show_default=True,
              help="Why it is opened; kept with who and when.")  # fmt: skip
@key_option
@counter_options
def file_get(file_id: str, out: Path, why: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Open a FILE and write it to a new file, with a key of your own. Prints its record; warns of what it may show."""
    from yuanlu.evidence.rules import Why
    from yuanlu.terminal import files

    def tell(told: FileTold, _: object) -> FileTold:
        if not told.searched:
            click.secho(f"⚠ {told.says_zh}\n{told.says_en}", fg="yellow", err=True)
        return told

    at_counter(state, merchant, 0, lambda counter: files.get_file(counter, file_id, out, Why(why), key_file), tell)


@click.group(**example("yuanlu data export YP01KATE3S40000000000000000S8 -o customer.zip"))
def data() -> None:
    """What is held about one customer: export it, erase it. docs/reference/evidence.md."""


@data.command("export", **example("yuanlu data export YP01KATE3S40000000000000000S8 -o customer.zip"))
@click.argument("payment_id", metavar="PAYMENT")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A new file.")
@counter_options
def data_export(payment_id: str, out: Path, merchant: str, state: Path | None) -> None:
    """Write all that is held about the payer of a PAYMENT into a new zip: data.json and the files."""
    from yuanlu.terminal import files

    at_counter(state, merchant, 0, lambda counter: files.export_data(counter, payment_id, out), lambda told, _: told)


@data.command("erase", **example("yuanlu data erase YP01KATE3S40000000000000000S8"))
@click.argument("payment_id", metavar="PAYMENT")
@counter_options
def data_erase(payment_id: str, merchant: str, state: Path | None) -> None:
    """Erase what names the payer of a PAYMENT, for good. Records of the trade stay; a legal hold forbids it."""
    from yuanlu.terminal import files

    at_counter(state, merchant, 0, lambda counter: files.erase_data(counter, payment_id), lambda told, _: told)
