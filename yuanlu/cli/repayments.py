"""`yuanlu repayment`: money back by another road."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import FEN, Command, ask, counter_options, example, key_option, text_of

STATES = ("PROPOSED", "APPROVED", "PAID", "REFUSED", "EXPIRED")
_PAYMENT, _ONE = "YP01KATE3S40000000000000000S8", "YB01KATE3S400000000000000000E"


@click.group(**example(f"yuanlu repayment approve {_ONE} --key-file finn.key"))
def repayment() -> None:
    """Money back by another road, when the road it came is shut: two people, a proof. docs/reference/repayments.md."""


@repayment.command(
    "propose",
    **example(
        f"yuanlu repayment propose {_PAYMENT} --amount-fen 1280 --because window_over \\",
        "  --payer-name 张三 --account-name 张三 --bank 工商银行 --number - --key-file anna.key",
    ),
)
@click.argument("payment", metavar="PAYMENT")
@click.option("--amount-fen", type=FEN, required=True, help="Whole fen: 1280 is ¥12.80.")
@click.option("--because", type=click.Choice(("window_over", "no_parts_left", "refund_refused")), required=True,
              help="Why the road it came is shut.")  # fmt: skip
@click.option("--payer-name", required=True, help="Who paid.")
@click.option("--account-name", required=True, help="Whose account it is.")
@click.option("--number", required=True, help="The account's number; - reads it from standard input.")
@click.option("--bank", default="", help="Where the account is.")
@click.option("--statement", default="", help="Why the names differ.")
@click.option("--refund", default="", metavar="YR…", help="The refund that was refused.")
@click.option("--case", default="", metavar="YC…", help="The case it belongs to.")
@click.option("--id", default="", metavar="YB…", help="The id, where you made it: proposing again is safe.")
@key_option
@counter_options
def repayment_propose(
    payer_name: str, account_name: str, number: str, bank: str, statement: str, key_file: Path | None, merchant: str,
    state: Path | None, **wish: Any,
) -> None:  # fmt: skip
    """Propose to give money of a PAYMENT back to a named account. Holds it; somebody else must agree."""
    from yuanlu.ids import Kind, checked

    checked(wish["payment"], Kind.PAYMENT)
    account = {
        "payer_name": payer_name,
        "account_name": account_name,
        "account_number": text_of(number),
        "bank": bank,
        "statement": statement,
    }
    ask(
        "repayments", "POST /v1/repayments", merchant=merchant, state=state, key_file=key_file, makes=Kind.REPAYMENT,
        wish={**wish, "account": account},
    )  # fmt: skip


@repayment.command("list", **example("yuanlu repayment list --in PROPOSED"))
@click.option("--in", "in_state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--payment", metavar="YP…", help="Only those of this payment.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", metavar="YB…", help="The `next` of the page before.")
@counter_options
def repayment_list(in_state: str | None, merchant: str, state: Path | None, **query: Any) -> None:
    """Print repayments, newest first, without their accounts: {items, next}."""
    ask("repayments", "GET /v1/repayments", merchant=merchant, state=state, query={**query, "state": in_state})


def _verb(name: str, says: str, shown: str, *options: Command) -> None:
    """Make a command of what one does with a repayment; its options are the fields of what the API takes there."""

    def run(repayment_id: str, key_file: Path | None, merchant: str, state: Path | None, **wish: Any) -> None:
        path = "GET /v1/repayments/{repayment}" if name == "show" else f"POST /v1/repayments/{{repayment}}/{name}"
        ask("repayments", path, merchant=merchant, state=state, key_file=key_file, wish=wish, repayment=repayment_id)

    command = key_option(counter_options(run))
    for option in reversed(options):
        command = option(command)
    command = click.argument("repayment_id", metavar="REPAYMENT")(command)
    repayment.command(name, help=says, **example(f"yuanlu repayment {name} {_ONE} {shown}".rstrip()))(command)


_verb("show", "Print one REPAYMENT, without its account.", "")
_verb("approve", "Agree to a REPAYMENT, as the second person.", "--key-file finn.key")
_verb("account", "Print the account of an approved REPAYMENT, to pay to it. That you read it is written down.",
      "--key-file finn.key")  # fmt: skip
_verb(
    "paid",
    "Say that a REPAYMENT was paid.",
    "--proof 'ICBC 2026112300001' --key-file finn.key",
    click.option("--proof", required=True, help="The number of the bank's receipt; no names."),
)
_verb(
    "refuse",
    "Say that a REPAYMENT will not be paid, and was not: its money is free again, its account forgotten.",
    "--why withdrawn --key-file finn.key",
    click.option("--why", type=click.Choice(("withdrawn", "wrong_account", "road_open", "other")), required=True,
                 help="Why not."),
)  # fmt: skip
