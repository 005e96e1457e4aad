"""`yuanlu pack`: evidence packs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from yuanlu.cli.parts import counter_options, example, json_option, print_json, settings_of, state_option

PACK_READERS = ("customer", "regulator", "counsel")


@click.group(**example("yuanlu pack make YC01KATE3S40000000000000000J3 -o case.pdf", "yuanlu pack verify case.pdf"))
def pack() -> None:
    """Evidence packs: one signed file about a case, that anybody can check. docs/reference/packs.md."""


@pack.command("make", **example("yuanlu pack make YC01KATE3S40000000000000000J3 -o case.pdf --for regulator"))
@click.argument("case_id", metavar="CASE")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE",
              help="The PDF to write.")  # fmt: skip
@click.option("--for", "reader", type=click.Choice(PACK_READERS), default=PACK_READERS[0], show_default=True,
              help="Who will read it: what he may not see is left out.")  # fmt: skip
@click.option("--lang", type=click.Choice(("zh", "en")), default="zh", show_default=True, help="The language on paper.")
@counter_options
def pack_make(case_id: str, output: Path, reader: str, lang: str, merchant: str, state: Path | None) -> None:
    """Make the evidence pack of a CASE. Prints what was made, and the fingerprint of the signer."""
    from yuanlu.terminal import loop, packs

    told = loop.run(lambda: packs.make(settings_of(state), merchant, case_id, output, reader, lang))
    if told is None:
        sys.exit(130)
    print_json(told)


@pack.command("verify", **example("yuanlu pack verify case.pdf", "yuanlu pack verify case.pdf --trust 7A:3B:… --json"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--trust", multiple=True, metavar="FINGERPRINT", help="Who must have signed (or vouched for who did).")
@state_option
@json_option
def pack_verify(file: Path, trust: Sequence[str], state: Path | None, as_json: bool) -> None:
    """Check an evidence pack: signature, every file, the chain, the records against each other.

    It needs no installation and no database. Exit code 0: nothing is wrong with it; 1: something is, and it says what.
    Without --trust the signer must be this machine's installation, where it has a certificate, else the one the pack
    names: then compare the fingerprint with the one the shop told you by another way.
    """
    from yuanlu.terminal import packs

    verdict = packs.verified(settings_of(state), file, trust)
    if as_json:
        print_json(packs.told(verdict))
    else:
        packs.show(verdict, click.secho)
    sys.exit(0 if verdict.ok else 1)


@pack.command("trust", **example("yuanlu pack trust", "yuanlu pack trust --pem > shop.pem"))
@click.option("--pem", is_flag=True, help="Print the certificates themselves.")
@state_option
@json_option
def pack_trust(pem: bool, state: Path | None, as_json: bool) -> None:
    """Print the fingerprints of the certificates this installation signs packs with, for others to compare."""
    from datetime import UTC, datetime

    from yuanlu.packs import signer

    ours = signer.of(settings_of(state), datetime.now(UTC))
    if as_json:
        print_json({"signer": ours.fingerprints[0], "vouched_by": ours.fingerprints[1:], "pem": ours.pem})
    elif pem:
        click.echo(ours.pem, nl=False)
    else:
        for name, each in zip(("signer    ", *["vouched by"] * 9), ours.fingerprints, strict=False):
            click.echo(f"{name}  {each}")
