"""Commands about payments and refunds, and to look at any object."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import (
    FEN,
    WHATS,
    Command,
    Seconds,
    ask,
    at_counter,
    counter_options,
    example,
    json_option,
    key_option,
    plain,
    print_json,
    settings_of,
    state_option,
    text_of,
    wait_option,
)

STATES = ("SENT", "SHOWN", "PAID", "FAILED", "REVERSING", "REVERSED", "CLOSING", "CLOSED", "LATE_PAID")
REFUND_STATES = (
    *("RESERVED", "READY", "SENT", "WAITING", "DONE", "PROVEN", "REFUSED", "CANCELLED", "STRANDED", "REDIRECTING"),
    *("RECALLING", "RETURNED", "SUPERSEDED", "MANUAL", "EXTERNAL"),
)
_PAYMENT = "YP01KATE3S40000000000000000S8"


@click.command(
    **example(
        "yuanlu pay --till T1 --amount-fen 1280 --code 130123990123456789",
        "yuanlu pay --till T1 --amount-fen 1280 --show wechat --wait 0",
    )
)
@click.option("--till", required=True, metavar="NAME|ID", help="The till that charges.")
@click.option("--amount-fen", type=FEN, required=True, help="Whole fen: 1280 is ¥12.80.")
@click.option("--code", default="", help="The payer's code; - reads it from standard input.")
@click.option("--show", "shown_on", type=click.Choice(("wechat", "alipay")), help="Show our own QR instead.")
@click.option(
    "--id", "payment_id", default="", metavar="YP…", help="The id, where you made it: charging again is safe."
)
@click.option("--typed", is_flag=True, help="The code was typed by hand.")
@click.option("--no-id-card", is_flag=True, help="You looked: the code is no identity card.")
@click.option("--description", default="", help="What the payer's bill says.")
@wait_option(60)
@counter_options
def pay(
    till: str, amount_fen: int, code: str, shown_on: str | None, payment_id: str, typed: bool, no_id_card: bool,
    description: str, wait: Seconds, merchant: str, state: Path | None,
) -> None:  # fmt: skip
    """Charge a payer's code (or show our own QR) and stand by until the payment has an end. Prints the payment."""
    if bool(code) == bool(shown_on):
        raise click.UsageError("Say either --code or --show.")
    from yuanlu.channels.contract import Channel
    from yuanlu.terminal import verbs
    from yuanlu.web.parts.shapes import payment_told

    text = text_of(code)
    at_counter(
        state, merchant, wait,
        lambda counter: verbs.pay(
            counter, till=till, amount_fen=amount_fen, code=text, payment_id=payment_id, typed=typed,
            no_id_card=no_id_card, shown_on=Channel(shown_on) if shown_on else None, description=description,
        ),
        lambda payment, counter: payment_told(payment, counter.app.clock.now()),
    )  # fmt: skip


@click.command(**example("yuanlu refund YP01KATE3S40000000000000000S8 --amount-fen 1280 --reason 'returned goods'"))
@click.argument("payment")
@click.option("--amount-fen", type=FEN, required=True, help="Whole fen: 1280 is ¥12.80.")
@click.option("--id", "refund_id", default="", metavar="YR…", help="The id, where you made it: asking again is safe.")
@click.option("--reason", default="", help="Why; the payer may see it.")
@wait_option(0)
@counter_options
def refund(
    payment: str, amount_fen: int, refund_id: str, reason: str, wait: Seconds, merchant: str, state: Path | None
) -> None:
    """Send money of a PAYMENT back the way it came. Prints the refund."""
    from yuanlu.terminal import verbs
    from yuanlu.web.parts.shapes import refund_told

    at_counter(
        state, merchant, wait,
        lambda counter: verbs.refund(
            counter, payment_id=payment, amount_fen=amount_fen, refund_id=refund_id, reason=reason
        ),
        lambda one, counter: refund_told(one, counter.app.clock.now()),
    )  # fmt: skip


@click.group(**example("yuanlu payment list --in PAID"))
def payment() -> None:
    """Payments: see them, list them, give one up."""


@payment.command("show", **example("yuanlu payment show YP01KATE3S40000000000000000S8"))
@click.argument("payment_id", metavar="PAYMENT")
@counter_options
def payment_show(payment_id: str, merchant: str, state: Path | None) -> None:
    """Print one payment."""
    _shown(payment_id, ("YP",), merchant, state)


@payment.command("list", **example("yuanlu payment list --in PAID --limit 20"))
@click.option("--in", "in_state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--till", metavar="YT…", help="Only those of this till.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", metavar="YP…", help="The `next` of the page before.")
@counter_options
def payment_list(in_state: str | None, merchant: str, state: Path | None, **query: Any) -> None:
    """Print payments, newest first: {items, next}."""
    ask("payments", "GET /v1/payments", merchant=merchant, state=state, query={**query, "state": in_state})


@payment.command("cancel", **example("yuanlu payment cancel YP01KATE3S40000000000000000S8"))
@click.argument("payment_id", metavar="PAYMENT")
@wait_option(60)
@counter_options
def payment_cancel(payment_id: str, wait: Seconds, merchant: str, state: Path | None) -> None:
    """Give a payment up before it is paid: reversed if we scanned, closed if we showed. Prints the payment."""
    from yuanlu.terminal import verbs
    from yuanlu.web.parts.shapes import payment_told

    at_counter(
        state, merchant, wait,
        lambda counter: verbs.cancel(counter, payment_id),
        lambda one, counter: payment_told(one, counter.app.clock.now()),
    )  # fmt: skip


def _look(name: str, says: str, room: str, *options: Command) -> None:
    """Make a command that looks at something of a payment; its options are the fields of what the API takes there."""

    def run(payment_id: str, merchant: str, state: Path | None, **query: Any) -> None:
        path = f"GET /v1/payments/{{payment}}/{name}"
        ask(room, path, merchant=merchant, state=state, query=query, payment=payment_id)

    command: Command = counter_options(run)
    for option in reversed(options):
        command = option(command)
    command = click.argument("payment_id", metavar="PAYMENT")(command)
    payment.command(name, help=says, **example(f"yuanlu payment {name} YP01KATE3S40000000000000000S8"))(command)


_look(
    "amounts",
    "Print every amount of a PAYMENT, explained: who paid what, what went back, what does not fit.",
    "amounts",
)
_look("alike", "Print the payments that one may take for this PAYMENT, nearest in time first.", "causes")
_look(
    "way-back",
    "Print which way the money of a PAYMENT goes back, by when, and what is needed for it.",
    "lawbook",
    click.option("--what", type=click.Choice(WHATS), help="For what reason."),
)


@click.group(**example("yuanlu refunds list --in MANUAL"))
def refunds() -> None:
    """Refunds on their way: list them, take one back, and what two people do with one that is stuck."""


@refunds.command("list", **example("yuanlu refunds list --in STRANDED", f"yuanlu refunds list --payment {_PAYMENT}"))
@click.option("--in", "in_state", type=click.Choice(REFUND_STATES), help="Only those in this state.")
@click.option("--payment", metavar="YP…", help="Only those of this payment.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", metavar="YR…", help="The `next` of the page before.")
@counter_options
def refunds_list(in_state: str | None, merchant: str, state: Path | None, **query: Any) -> None:
    """Print refunds, newest first: {items, next}."""
    ask("refunds", "GET /v1/refunds", merchant=merchant, state=state, query={**query, "state": in_state})


def _of_refund(name: str, path: str, says: str, shown: str, *options: Command) -> None:
    """Make a command of a verb of refunds; its options are the fields of what the API takes at this path."""

    def run(refund_id: str, key_file: Path | None, merchant: str, state: Path | None, **wish: Any) -> None:
        if wish.get("card_number"):
            wish["card_number"] = text_of(wish["card_number"])
        what = f"POST /v1/refunds/{{refund}}/{path}"
        ask("refunds", what, merchant=merchant, state=state, key_file=key_file, wish=wish, refund=refund_id)

    command = key_option(counter_options(run))
    for option in reversed(options):
        command = option(command)
    command = click.argument("refund_id", metavar="REFUND")(command)
    words = f"yuanlu refunds {name} YR01KATE3S400000000000000000F {shown}".rstrip()
    refunds.command(name, help=f"{says} Prints the refund.", **example(words))(command)


_CARD = (
    click.option("--to", type=click.Choice(("payer_card", "merchant_card")), required=True, help="Where it shall go."),
    click.option("--bank-type", default="", help="The channel's name of the bank, such as ICBC_DEBIT."),
    click.option("--card-number", default="", help="Used once, kept nowhere; - reads it from standard input."),
    click.option("--holder-name", default="", help="Whose card it is; used once, kept nowhere."),
)
_PROOF = (
    click.option("--end", type=click.Choice(("DONE", "REFUSED", "READY")), required=True,
                 help="It arrived, it will not, or it shall be sent again."),
    click.option("--proof", required=True, help="On what proof you say so."),
)  # fmt: skip
_of_refund("cancel", "cancel", "Take a REFUND back before it was sent.", "")
_of_refund("rescue", "rescue", "First of two people: where the stranded money of a REFUND shall go instead.",
           "--to merchant_card --key-file anna.key", *_CARD)  # fmt: skip
_of_refund("rescue-approve", "rescue/approve", "Second of two people: the same destination, keyed in again.",
           "--to merchant_card --key-file finn.key", *_CARD)  # fmt: skip
_of_refund("resolve", "resolution", "First of two people: what became of a REFUND that no channel answers for.",
           "--end DONE --proof 'ticket 4711' --key-file anna.key", *_PROOF)  # fmt: skip
_of_refund("resolve-approve", "resolution/approve", "Second of two people: the same end, on the same proof.",
           "--end DONE --proof 'ticket 4711' --key-file finn.key", *_PROOF)  # fmt: skip


@click.command(**example("yuanlu show YC01KATE3S40000000000000000J3"))
@click.argument("any_id", metavar="ID")
@counter_options
def show(any_id: str, merchant: str, state: Path | None) -> None:
    """Print the payment, refund or case with this ID."""
    _shown(any_id, ("YP", "YR", "YC"), merchant, state)


def _shown(any_id: str, kinds: Sequence[str], merchant: str, state: Path | None) -> None:
    from yuanlu.ids import Kind
    from yuanlu.terminal import verbs

    at_counter(
        state, merchant, 0,
        lambda counter: verbs.shown(counter, any_id, tuple(Kind(each) for each in kinds)),
        lambda told, _: told,
    )  # fmt: skip


@click.command(**example("yuanlu timeline YC01KATE3S40000000000000000J3", "yuanlu timeline YP… --json"))
@click.argument("any_id", metavar="ID")
@state_option
@click.option("--merchant", default="", metavar="NAME|ID", help="Which merchant, where there are several.")
@json_option
def timeline(any_id: str, merchant: str, state: Path | None, as_json: bool) -> None:
    """Tell what happened to the payment, refund or case with this ID: when, who, what, on what evidence."""
    from yuanlu.terminal import loop, verbs
    from yuanlu.terminal.screen import happened, screen

    settings = settings_of(state)

    async def run() -> Any:
        async with verbs.at_counter(settings, merchant) as counter:
            return await verbs.timeline(counter, any_id)

    told = plain(loop.run(run))
    if as_json:
        print_json(told)
        return
    on = screen(sys.stdout)
    for item in told["items"]:
        happened(on, item)
