"""`yuanlu repayment`: money back by another road."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuanlu.cli.parts import FEN, at_counter, counter_options, example, text_of

if TYPE_CHECKING:
    from yuanlu.terminal.verbs import Counter


@click.group(**example("yuanlu repayment approve YB…"))
def repayment() -> None:
    """Money back by another road, when the road it came is shut: two people, a proof. docs/reference/repayments.md."""


def _repayment(merchant: str, state: Path | None, verb: Callable[[Counter], Any]) -> None:
    from yuanlu.web.parts.repayments import repayment_told

    at_counter(state, merchant, 0, verb, lambda row, _: repayment_told(row))


@repayment.command("propose", **example("yuanlu repayment propose YP… --amount-fen 1280 --because window_over …"))
@click.argument("payment", metavar="PAYMENT")
@click.option("--amount-fen", type=FEN, required=True, help="Whole fen: 1280 is ¥12.80.")
@click.option("--because", type=click.Choice(("window_over", "refund_refused")), required=True)
@click.option("--payer-name", required=True, help="Who paid.")
@click.option("--account-name", required=True, help="Whose account it is.")
@click.option("--number", required=True, help="The account's number; - reads it from standard input.")
@click.option("--bank", default="", help="Where the account is.")
@click.option("--statement", default="", help="Why the names differ.")
@click.option("--refund", default="", metavar="YR…", help="The refund that was refused.")
@click.option("--case", "case_id", default="", metavar="YC…", help="The case it belongs to.")
@click.option("--id", "repayment_id", default="", metavar="YB…", help="The id, where you made it.")
@counter_options
def repayment_propose(
    payment: str, amount_fen: int, because: str, payer_name: str, account_name: str, number: str, bank: str,
    statement: str, refund: str, case_id: str, repayment_id: str, merchant: str, state: Path | None,
) -> None:  # fmt: skip
    """Propose to give money of a PAYMENT back to a named account. Holds it; somebody else must agree."""
    from yuanlu.repayments.flow import Account
    from yuanlu.terminal import losses

    account = Account(
        payer_name=payer_name, account_name=account_name, account_number=text_of(number), bank=bank, statement=statement
    )
    _repayment(
        merchant, state,
        lambda counter: losses.propose(
            counter, payment_id=payment, amount_fen=amount_fen, because=because, account=account, refund_id=refund,
            case_id=case_id, repayment_id=repayment_id,
        ),
    )  # fmt: skip


@repayment.command("approve", **example("yuanlu repayment approve YB…"))
@click.argument("repayment_id", metavar="REPAYMENT")
@counter_options
def repayment_approve(repayment_id: str, merchant: str, state: Path | None) -> None:
    """Agree to a REPAYMENT, as the second person."""
    from yuanlu.terminal import losses

    _repayment(merchant, state, lambda counter: losses.approve(counter, repayment_id))


@repayment.command("account", **example("yuanlu repayment account YB…"))
@click.argument("repayment_id", metavar="REPAYMENT")
@counter_options
def repayment_account(repayment_id: str, merchant: str, state: Path | None) -> None:
    """Print the account of an approved REPAYMENT, to pay to it. That you read it is written down."""
    from yuanlu.terminal import losses

    at_counter(state, merchant, 0, lambda counter: losses.account(counter, repayment_id), lambda told, _: told)


@repayment.command("paid", **example("yuanlu repayment paid YB… --proof 'ICBC 2026112300001'"))
@click.argument("repayment_id", metavar="REPAYMENT")
@click.option("--proof", required=True, help="The number of the bank's receipt; no names.")
@counter_options
def repayment_paid(repayment_id: str, proof: str, merchant: str, state: Path | None) -> None:
    """Say that a REPAYMENT was paid."""
    from yuanlu.terminal import losses

    _repayment(merchant, state, lambda counter: losses.paid(counter, repayment_id, proof))


@repayment.command("refuse", **example("yuanlu repayment refuse YB… --why withdrawn"))
@click.argument("repayment_id", metavar="REPAYMENT")
@click.option("--why", type=click.Choice(("withdrawn", "wrong_account", "road_open", "other")), required=True)
@counter_options
def repayment_refuse(repayment_id: str, why: str, merchant: str, state: Path | None) -> None:
    """Say that a REPAYMENT will not be paid, and was not: its money is free again, its account forgotten."""
    from yuanlu.terminal import losses

    _repayment(merchant, state, lambda counter: losses.refuse(counter, repayment_id, why))


@repayment.command("show", **example("yuanlu repayment show YB…"))
@click.argument("repayment_id", metavar="REPAYMENT")
@counter_options
def repayment_show(repayment_id: str, merchant: str, state: Path | None) -> None:
    """Print one REPAYMENT, without its account."""
    from yuanlu.terminal import losses

    _repayment(merchant, state, lambda counter: losses.shown(counter, repayment_id))
