"""`yuanlu case`: mistaken scans, from the report to the decision."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import FEN, Seconds, at_counter, counter_options, example, wait_option

WHATS = ("wrong_amount", "wrong_code", "charged_twice", "wrong_customer", "wrong_payee", "request", "other")


@click.group(**example("yuanlu case open YP01KATE3S40000000000000000S8 --what wrong_amount --meant-fen 1280"))
def case() -> None:
    """Mistaken scans: report one, and it is put right."""


@case.command("open", **example("yuanlu case open YP01KATE3S40000000000000000S8 --what wrong_amount --meant-fen 1280"))
@click.argument("payment")
@click.option("--what", type=click.Choice(WHATS), required=True, help="What went wrong.")
@click.option("--meant-fen", type=FEN, help="What should have been charged (wrong_amount only).")
@click.option("--asked-fen", type=FEN, help="What shall go back (request only); the rest of it without this.")
@click.option("--id", "case_id", default="", metavar="YC…", help="The id, where you made it: reporting again is safe.")
@click.option("--said", default="", help="In your own words.")
@wait_option(0)
@counter_options
def case_open(
    payment: str, what: str, meant_fen: int | None, asked_fen: int | None, case_id: str, said: str, wait: Seconds,
    merchant: str, state: Path | None,
) -> None:  # fmt: skip
    """Report that a PAYMENT was a mistaken scan. Checks it at the channel, puts it right, prints the case."""
    from yuanlu.cases.rules import What
    from yuanlu.terminal import verbs
    from yuanlu.web.parts.shapes import case_told

    at_counter(
        state, merchant, wait,
        lambda counter: verbs.open_case(
            counter, payment_id=payment, what=What(what), meant_fen=meant_fen, case_id=case_id, said=said,
            asked_fen=asked_fen,
        ),
        lambda seen, _: case_told(seen.case),
    )  # fmt: skip


_KEY = click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="The file with your own API key: a decision needs a member of staff.",
)


_VERSION = click.option(
    "--version", type=click.IntRange(1), default=0, help="The version you saw; without it, as it stands now."
)


@case.command("list", **example("yuanlu case list --in REVIEW"))
@click.option("--in", "case_state", default="", metavar="STATE", help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default="", metavar="NEXT", help="The `next` of the page before.")
@_KEY
@counter_options
def case_list(
    case_state: str, limit: int, after: str, key_file: Path | None, merchant: str, state: Path | None
) -> None:
    """Print the open cases, the next due first: {items, next}."""
    from yuanlu.terminal import verbs

    if after and not re.fullmatch(r"[0-9]{1,17}-[0-9A-Z]{29}", after):
        raise click.BadParameter("give the `next` of the page before", param_hint="--after")
    at_counter(
        state, merchant, 0,
        lambda counter: verbs.cases_listed(counter, case_state, limit, after, key_file),
        lambda told, _: told,
    )  # fmt: skip


@case.command("show", **example("yuanlu case show YC01KATE3S40000000000000000J3 --key-file anna.key"))
@click.argument("case_id", metavar="CASE")
@_KEY
@counter_options
def case_show(case_id: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Print a case and its thread: {case, thread}. Without a key the thread is as the customer sees it."""
    from yuanlu.terminal import verbs

    at_counter(
        state, merchant, 0,
        lambda counter: verbs.case_shown(counter, case_id, key_file),
        lambda told, _: told,
    )  # fmt: skip


def _on_case(
    case_id: str, key_file: Path | None, version: int, merchant: str, state: Path | None, verb: Callable[..., Any]
) -> None:
    """Do `verb(flow, place, by, version)` on a case and print it; place is what each verb of cases begins with."""
    from yuanlu.cases import flow
    from yuanlu.terminal import verbs

    at_counter(
        state, merchant, 0,
        lambda counter: verbs.on_case(
            counter, case_id, key_file, version,
            lambda app, merchant_id, by, seen: verb(flow, (app.desk, merchant_id, case_id), by, seen),
        ),
        lambda told, _: told,
    )  # fmt: skip


@case.command("claim", **example("yuanlu case claim YC01KATE3S40000000000000000J3 --key-file anna.key"))
@click.argument("case_id", metavar="CASE")
@_KEY
@counter_options
def case_claim(case_id: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Take a CASE to work at, for half an hour. Prints the case."""
    _on_case(case_id, key_file, 0, merchant, state, lambda flow, place, by, _: flow.claim(*place, by))


@case.command("release", **example("yuanlu case release YC01KATE3S40000000000000000J3 --key-file anna.key"))
@click.argument("case_id", metavar="CASE")
@_KEY
@counter_options
def case_release(case_id: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Put a CASE back. Prints the case."""
    _on_case(case_id, key_file, 0, merchant, state, lambda flow, place, by, _: flow.release(*place, by))


@case.command("ask", **example("yuanlu case ask YC01KATE3S40000000000000000J3 --say 请拍一张小票 --key-file anna.key"))
@click.argument("case_id", metavar="CASE")
@click.option("--say", required=True, help="What the customer reads.")
@_VERSION
@_KEY
@counter_options
def case_ask(case_id: str, say: str, version: int, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Ask the customer for more. Prints the case."""
    _on_case(
        case_id, key_file, version, merchant, state,
        lambda flow, place, by, seen: flow.ask(*place, by, seen, flow.Words(text=say)),
    )  # fmt: skip


@case.command("approve", **example("yuanlu case approve YC01KATE3S40000000000000000J3 --key-file anna.key"))
@click.argument("case_id", metavar="CASE")
@click.option("--amount-fen", type=FEN, help="A part; all that is asked for without it.")
@click.option("--say", default="", help="What the customer reads.")
@_VERSION
@_KEY
@counter_options
def case_approve(
    case_id: str, amount_fen: int | None, say: str, version: int, key_file: Path | None, merchant: str,
    state: Path | None,
) -> None:  # fmt: skip
    """Send the whole back, or a part. Two people where the policy or the amount wants it. Prints the case."""
    from yuanlu.money import Money

    amount = None if amount_fen is None else Money(amount_fen)
    _on_case(
        case_id, key_file, version, merchant, state,
        lambda flow, place, by, seen: flow.approve(*place, by, seen, amount, flow.Words(text=say)),
    )  # fmt: skip


@case.command("confirm", **example("yuanlu case confirm YC01KATE3S40000000000000000J3 --key-file finn.key"))
@click.argument("case_id", metavar="CASE")
@_VERSION
@_KEY
@counter_options
def case_confirm(case_id: str, version: int, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Second of two people: carry it out. Prints the case."""
    _on_case(
        case_id, key_file, version, merchant, state,
        lambda flow, place, by, seen: flow.confirm(*place, by, seen),
    )  # fmt: skip


@case.command(
    "decline",
    **example("yuanlu case decline YC01KATE3S40000000000000000J3 --reason goods_used --say 很抱歉 --key-file anna.key"),
)
@click.argument("case_id", metavar="CASE")
@click.option("--reason", required=True, help="A code of the fixed set (docs/reference/cases.md).")
@click.option("--say", required=True, help="What the customer reads.")
@_VERSION
@_KEY
@counter_options
def case_decline(
    case_id: str, reason: str, say: str, version: int, key_file: Path | None, merchant: str, state: Path | None
) -> None:
    """Decline, for a coded reason. The customer may object. Prints the case."""
    _on_case(
        case_id, key_file, version, merchant, state,
        lambda flow, place, by, seen: flow.decline(*place, by, seen, reason, flow.Words(text=say)),
    )  # fmt: skip


@case.command(
    "offer",
    **example("yuanlu case offer YC01KATE3S40000000000000000J3 --kind voucher --amount-fen 2000 --say 送您代金券"),
)
@click.argument("case_id", metavar="CASE")
@click.option("--kind", type=click.Choice(("part", "voucher", "exchange")), required=True)
@click.option("--amount-fen", type=FEN, required=True, help="The part, or what it is worth.")
@click.option("--hours", type=click.IntRange(1, 720), default=72, show_default=True, help="How long it is open.")
@click.option("--say", required=True, help="What the customer reads.")
@_VERSION
@_KEY
@counter_options
def case_offer(
    case_id: str, kind: str, amount_fen: int, hours: int, say: str, version: int, key_file: Path | None,
    merchant: str, state: Path | None,
) -> None:  # fmt: skip
    """Offer a part, a voucher or an exchange, for a set time. Prints the case."""
    from datetime import timedelta

    from yuanlu.cases.review import OfferKind
    from yuanlu.money import Money

    wish = (OfferKind(kind), Money(amount_fen), timedelta(hours=hours))
    _on_case(
        case_id, key_file, version, merchant, state,
        lambda flow, place, by, seen: flow.offer(*place, by, seen, *wish, flow.Words(text=say)),
    )  # fmt: skip
