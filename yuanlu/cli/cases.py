"""`yuanlu case`: mistaken scans, from the report to the decision, and what comes after it.

The verbs are named as the paths of the API are, and their options fill its wishes (`yuanlu.terminal.asking`).
"""

from __future__ import annotations

from collections.abc import Mapping
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
    key_option,
    text_of,
    wait_option,
)

STATES = ("OPENED", "REVIEW", "SECOND", "NEEDS_INFO", "OFFERED", "REMEDY", "ATTENTION", "DECLINED", "CLOSED")
FAULTS = ("payer", "cashier", "system", "network", "bank", "goods_data", "nobody")
PLACES = ("consumer_association", "12315", "platform", "counsel")
STATUSES = ("prepared", "filed", "answered", "closed")
_CASE = "YC01KATE3S40000000000000000J3"


@click.group(**example("yuanlu case open YP01KATE3S40000000000000000S8 --what wrong_amount --meant-fen 1280"))
def case() -> None:
    """Mistaken scans: report one, decide about it, see what became of it. docs/reference/cases.md."""


@case.command("open", **example("yuanlu case open YP01KATE3S40000000000000000S8 --what wrong_amount --meant-fen 1280"))
@click.argument("payment")
@click.option("--what", type=click.Choice(WHATS), required=True, help="What went wrong.")
@click.option("--meant-fen", type=FEN, help="What should have been charged (wrong_amount only).")
@click.option("--asked-fen", type=FEN, help="What shall go back (request only); the rest of it without this.")
@click.option("--id", default="", metavar="YC…", help="The id, where you made it: reporting again is safe.")
@click.option("--said", default="", help="In your own words.")
@wait_option(0)
@key_option
@counter_options
def case_open(wait: Seconds, key_file: Path | None, merchant: str, state: Path | None, **wish: Any) -> None:
    """Report that a PAYMENT was a mistaken scan. Checks it at the channel, puts it right, prints the case."""
    from yuanlu.terminal import cases

    at_counter(state, merchant, wait, lambda counter: cases.opened(counter, key_file, wish), lambda told, _: told)


@case.command("list", **example("yuanlu case list --in REVIEW", "yuanlu case list --mine --key-file anna.key"))
@click.option("--in", "in_state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--mine", is_flag=True, help="Only those you claimed.")
@click.option("--payment", metavar="YP…", help="Only those about this payment; goes with --order newest.")
@click.option("--order", type=click.Choice(("due", "newest")), default="due", show_default=True,
              help="The open ones by deadline, or all of them.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", metavar="NEXT", help="The `next` of the page before.")
@key_option
@counter_options
def case_list(
    in_state: str | None, key_file: Path | None, merchant: str, state: Path | None, **query: Any
) -> None:  # fmt: skip
    """Print the open cases, the next due first: {items, next}."""
    ask("cases", "GET /v1/cases", merchant=merchant, state=state, key_file=key_file, query={**query, "state": in_state})


@case.command("show", **example(f"yuanlu case show {_CASE} --key-file anna.key"))
@click.argument("case_id", metavar="CASE")
@key_option
@counter_options
def case_show(case_id: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Print a case and its thread: {case, thread}. Without a key the thread is as the customer sees it."""
    from yuanlu.terminal import cases

    at_counter(state, merchant, 0, lambda counter: cases.shown(counter, case_id, key_file), lambda told, _: told)


def _look(name: str, says: str, room: str) -> None:
    """Make a command that looks at something of a case."""

    @case.command(name, help=says, **example(f"yuanlu case {name} {_CASE}"))
    @click.argument("case_id", metavar="CASE")
    @key_option
    @counter_options
    def run(case_id: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
        ask(room, f"GET /v1/cases/{{case}}/{name}", merchant=merchant, state=state, key_file=key_file, case=case_id)


_look("findings", "Print what was found about the cause of a CASE, best first: {items}.", "causes")
_look("completeness", "Print what a CASE lacks, and what would speed it up.", "lawbook")


# --- what people do with one: each prints the case ---

_VERSION = click.option("--version", type=click.IntRange(1), help="The version you saw; without it, as it stands now.")
_SAY = click.option("--say", "words", metavar="TEXT", required=True, help="What the customer reads.")
_MAY_SAY = click.option("--say", "words", metavar="TEXT", default="", help="What the customer reads.")
_SAID = click.option("--say", "words", metavar="TEXT", required=True, help="What the customer says.")
_MAY_SAID = click.option("--say", "words", metavar="TEXT", default="", help="What the customer says.")
_NOTE = click.option("--say", "words", metavar="TEXT", required=True, help="Why; staff alone reads it.")
_MAY_NOTE = click.option("--say", "words", metavar="TEXT", default="", help="A note; staff alone reads it.")


def _act(
    case_id: str, path: str, key_file: Path | None, merchant: str, state: Path | None, wish: Mapping[str, object]
) -> None:
    from yuanlu.terminal import cases

    at_counter(
        state, merchant, 0, lambda counter: cases.act(counter, path, case_id, key_file, wish), lambda told, _: told
    )


def _verb(name: str, says: str, shown: str, *options: Command, path: str = "") -> None:
    """Make a command of a verb of cases: its options are the fields of what the API takes at this path."""

    def run(case_id: str, key_file: Path | None, merchant: str, state: Path | None, **wish: Any) -> None:
        _act(case_id, path or name, key_file, merchant, state, wish)

    command = key_option(counter_options(run))
    for option in reversed(options):
        command = option(command)
    command = click.argument("case_id", metavar="CASE")(command)
    words = f"yuanlu case {name} {_CASE} {shown}".rstrip()
    case.command(name, help=f"{says} Prints the case.", **example(words))(command)


_verb("claim", "Take a CASE to work at, for half an hour.", "--key-file anna.key")
_verb("release", "Put a CASE back. An owner may put back what another took.", "--key-file anna.key")
_verb("ask", "Ask the customer for more.", "--say 请拍一张小票 --key-file anna.key", _SAY, _VERSION)
_verb("answer", "The customer answers what was asked: a person decides.", "--say 小票在这里", _SAID, _VERSION)
_verb(
    "approve",
    "Send the whole back, or a part. Two people where the policy or the amount wants it.",
    "--key-file anna.key",
    click.option("--amount-fen", type=FEN, help="A part; all that is asked for without it."),
    _MAY_SAY,
    _VERSION,
)
_verb("confirm", "Second of two people: carry it out.", "--key-file finn.key", _MAY_NOTE, _VERSION)
_verb("send-back", "Second of two people does not confirm: it is decided again.",
      "--say 金额不对 --key-file finn.key", _NOTE, _VERSION)  # fmt: skip
_verb(
    "offer",
    "Offer a part, a voucher or an exchange, for a set time.",
    "--kind voucher --amount-fen 2000 --say 送您代金券 --key-file anna.key",
    click.option("--kind", type=click.Choice(("part", "voucher", "exchange")), required=True),
    click.option("--amount-fen", type=FEN, required=True, help="The part, or what it is worth."),
    click.option("--hours", type=click.IntRange(1, 720), default=72, show_default=True, help="How long it is open."),
    _SAY,
    _VERSION,
)
_verb("accept", "The customer accepts the offer.", "--say 好的", _MAY_SAID, _VERSION)
_verb("turn-down", "The customer does not accept the offer: a person decides.", "--say 不要代金券", _MAY_SAID, _VERSION)
_verb(
    "decline",
    "Decline, for a coded reason. The customer may object.",
    "--reason goods_used --say 很抱歉 --key-file anna.key",
    click.option("--reason", required=True, help="A code of the fixed set (docs/reference/cases.md)."),
    _SAY,
    _VERSION,
)
_verb("object", "The customer objects to a decision, once: another person decides.", "--say 没有用过", _SAID, _VERSION)
_verb("withdraw", "Whoever asked wants nothing any more.", "--say 已经解决了", _MAY_SAID, _VERSION)
_verb("reopen", "Take a closed case up again, on new evidence: say what it is.",
      "--say 顾客补交了小票 --key-file anna.key", _NOTE, _VERSION)  # fmt: skip


@case.command("decide", **example(f"yuanlu case decide {_CASE} --refund-fen 1280 --key-file anna.key"))
@click.argument("case_id", metavar="CASE")
@click.option("--refund-fen", type=FEN, help="Refund this much; whole fen.")
@click.option("--close", is_flag=True, help="Send nothing, close it as noted.")
@key_option
@counter_options
def case_decide(
    case_id: str, refund_fen: int | None, close: bool, key_file: Path | None, merchant: str, state: Path | None
) -> None:
    """Decide a CASE whose refund is in trouble (ATTENTION): refund so much, or close it. Prints the case."""
    if close == (refund_fen is not None):
        raise click.UsageError("Say either --refund-fen or --close.")
    _act(case_id, "decision", key_file, merchant, state, {"refund_fen": refund_fen})


_verb(
    "escalate",
    "Write down that it is taken further, and how far it is there.",
    "--place 12315 --status filed --key-file anna.key",
    click.option("--place", type=click.Choice(PLACES), required=True, help="Where."),
    click.option("--status", type=click.Choice(STATUSES), required=True, help="How far it is there."),
    _MAY_NOTE,
)
_verb(
    "hold",
    "Set or lift the legal hold: while it is on, nothing of the case is deleted.",
    "--on --say 律师函已收到 --key-file anna.key",
    click.option("--on/--lift", "on", required=True, default=None, help="Set it, or lift it."),
    _NOTE,
)
_verb(
    "judge",
    "Say whose fault it was, and why: a judgement, with your name to it.",
    "--fault cashier --say 多按了一个零 --key-file anna.key",
    click.option("--fault", type=click.Choice(FAULTS), required=True, help="Whose."),
    _NOTE,
)
_verb(
    "say",
    "Write a message down: yours, a ready reply, or what the customer said on the phone or at the counter.",
    "--say 顾客来电催促 --side customer --how phone",
    click.option("--say", "text", metavar="TEXT", help="What is said."),
    click.option("--template", metavar="NAME", help="A ready reply instead of a text: see `yuanlu case replies`."),
    click.option("--lang", type=click.Choice(("zh", "en", "both")), help="Of a ready reply: both without this."),
    click.option("--side", type=click.Choice(("staff", "customer")), default="staff", show_default=True,
                 help="Whose words these are."),
    click.option("--how", type=click.Choice(("written", "phone", "counter")), default="written", show_default=True),
    click.option("--internal", "audience", flag_value="internal", default="customer", help="Staff alone reads it."),
    click.option("--id", default="", metavar="YE…", help="The id, where you made it: saying it again is safe."),
    path="messages",
)  # fmt: skip


@case.command("look", **example(f"yuanlu case look {_CASE} --basket-fen 1280"))
@click.argument("case_id", metavar="CASE")
@click.option("--basket-fen", type=FEN, help="What the till rang up.")
@click.option("--code", default="", help="The code that was scanned; - reads it from standard input.")
@key_option
@counter_options
def case_look(
    case_id: str, basket_fen: int | None, code: str, key_file: Path | None, merchant: str, state: Path | None
) -> None:
    """Look for the cause of CASE again, with what is known besides. Prints all that was found."""
    ask(
        "devices", "POST /v1/cases/{case}/findings", merchant=merchant, state=state, key_file=key_file, case=case_id,
        wish={"basket_fen": basket_fen, "code": text_of(code)},
    )  # fmt: skip


@click.command(**example("yuanlu causes"))
@counter_options
def causes(merchant: str, state: Path | None) -> None:
    """Print every kind of cause: how it is found, its words, its remedy."""
    ask("causes", "GET /v1/causes", merchant=merchant, state=state)


@case.command("replies", **example("yuanlu case replies"))
@counter_options
def case_replies(merchant: str, state: Path | None) -> None:
    """Print the ready replies to a customer, in both languages, and what is filled in from the case: {items}."""
    ask("cases", "GET /v1/replies", merchant=merchant, state=state, key_file=None)


@case.command("contact", **example(f"yuanlu case contact {_CASE} --way email --target li@mail.example --consent"))
@click.argument("case_id", metavar="CASE")
@click.option("--way", type=click.Choice(("email", "sms")), required=True)
@click.option("--target", required=True, metavar="ADDRESS", help="The payer's e-mail address or phone number.")
@click.option("--consent", is_flag=True, help="The payer agrees to be told; without it nothing is kept.")
@click.option("--lang", type=click.Choice(("zh", "en")), default="zh", show_default=True)
@key_option
@counter_options
def case_contact(case_id: str, key_file: Path | None, merchant: str, state: Path | None, **wish: Any) -> None:
    """Keep how the payer of a CASE wishes to be told of each step. Prints it, without the address."""
    path = "POST /v1/cases/{case}/contact"
    ask("hooks", path, merchant=merchant, state=state, key_file=key_file, wish=wish, case=case_id)


@case.command("contact-withdraw", **example(f"yuanlu case contact-withdraw {_CASE}"))
@click.argument("case_id", metavar="CASE")
@key_option
@counter_options
def case_contact_withdraw(case_id: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """The payer of a CASE wishes to hear nothing more. Prints the contact."""
    path = "POST /v1/cases/{case}/contact/withdraw"
    ask("hooks", path, merchant=merchant, state=state, key_file=key_file, case=case_id)
