"""The command `yuanlu`: the same verbs for a terminal, and what starts everything.

What a command needs is imported when it runs: `recognise` and `diagnose` answer at once, and no command pays for the
libraries of another.

Exit codes: 0 it was done; 1 something unexpected, or a story that did not end well; 2 a rule of ours said no, or the
command was not understood: nothing was changed.
"""

from __future__ import annotations

import functools
import json
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from yuanlu.errors import Busy, Denied, YuanluError

if TYPE_CHECKING:
    from yuanlu.config import Settings
    from yuanlu.terminal.verbs import Counter


STORIES = (
    "mistaken-scan",
    "double-charge",
    "lost-answer",
    "password-timeout",
    "late-paid",
    "funds-short",
    "abnormal",
    "wrong-code",
    "evidence-pack",
    "wrong-payee",
    "coupon-partial",
    "complaint",
    "review-second-person",
    "declined-appeal",
    "counter-offer",
    "named-account",
    "customer-proof",
)


OPENING = ("review", "reply", "pack", "customer", "audit")


WHATS = ("wrong_amount", "wrong_code", "charged_twice", "wrong_customer", "wrong_payee", "request", "other")


ROLES = ("owner", "finance", "manager", "cashier", "auditor")


PACK_READERS = ("customer", "regulator", "counsel")


OPERATIONS = ("pay", "show", "query", "reverse", "close", "refund", "refund_query", "rescue")


# --- how every command answers ---


def _print_json(told: object) -> None:
    """One object: on one line for programs, spread out for people."""
    print(json.dumps(told, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None), flush=True)


def _told(shape: Any) -> Any:
    """A shape of the API as plain JSON values."""
    import msgspec

    return msgspec.to_builtins(shape)


def _denied(no: Denied, as_json: bool) -> NoReturn:
    """A rule said no: its words on stderr, the problem on stdout where JSON is wanted; nothing was changed."""
    from yuanlu import words
    from yuanlu.terminal.screen import flat
    from yuanlu.told import both

    code = f"problem.{no.code}"
    zh, en = both(code, no.facts) if code in words.catalogue() else (str(no), "")
    for line in (zh, en):
        if line:
            click.echo(flat(line), err=True)
    if as_json:
        facts = {name: value for name, value in no.facts.items() if name not in {"code", "title_zh", "title_en"}}
        titles = {"title_zh": zh.partition("\n")[0], "title_en": (en or zh).partition("\n")[0]}
        _print_json({"code": no.code, **titles, **json.loads(json.dumps(facts, default=str))})
    sys.exit(2)


class _Commands(click.Group):
    """The group of all commands: one place where trouble becomes a line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Denied as no:
            _denied(no, as_json=bool(ctx.obj and ctx.obj.get("json")))
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Busy as busy:
            _failed(ctx, f"busy, nothing is lost: ask again with the same id ({busy})")
        except (YuanluError, Exception) as wrong:
            _failed(ctx, f"{type(wrong).__name__}: {wrong}")


def _failed(ctx: click.Context, words: str) -> NoReturn:
    if ctx.params.get("debug"):
        traceback.print_exc()
    first = words.partition("\n")[0]
    click.echo(f"yuanlu: {first}" + ("" if ctx.params.get("debug") else "  (yuanlu --debug … shows where)"), err=True)
    sys.exit(1)


class _Fen(click.ParamType[int]):
    """A whole number of fen, in plain digits: 1280 is ¥12.80."""

    name = "fen"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if not re.fullmatch(r"-?[0-9]{1,15}", value):
            self.fail(f"{value!r} is not a whole number of fen (1280 is ¥12.80)", param, ctx)
        return int(value)


FEN = _Fen()


Command = Callable[..., Any]


Seconds = float


def _example(*lines: str) -> dict[str, Any]:
    """The epilog of a command's help."""
    return {"epilog": "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)}


def _state_option(command: Command) -> Command:
    """`--state DIR`, for whoever has several installations on a machine."""
    return click.option(
        "--state",
        type=click.Path(file_okay=False, path_type=Path),
        help="The installation's state directory, instead of $YUANLU_STATE.",
    )(command)


def _json_option(command: Command) -> Command:
    @functools.wraps(command)
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
    @click.pass_context
    def noted(ctx: click.Context, /, *args: Any, as_json: bool, **rest: Any) -> Any:
        ctx.find_root().ensure_object(dict)["json"] = as_json
        return ctx.invoke(command, *args, as_json=as_json, **rest)

    return noted


def _settings(state: Path | None, **changed: Any) -> Settings:
    """The settings of the environment, with what was said on the command line."""
    from dataclasses import replace

    from yuanlu import config
    from yuanlu.web.parts import logs

    settings = config.read()
    given: dict[str, Any] = {name: value for name, value in changed.items() if value is not None}
    if state is not None:
        given["state"] = state.absolute()
    settings = replace(settings, **given)
    logs.set_up("error")
    return settings


def _at_counter(
    state: Path | None,
    merchant: str,
    wait: Seconds,
    verb: Callable[[Counter], Any],
    tell: Callable[[Any, Counter], Any],
) -> None:
    """Open the installation for one merchant, do the verb, print what it tells as JSON."""
    from yuanlu.terminal import loop, verbs

    settings = _settings(state)

    async def main() -> Any:
        async with verbs.at_counter(settings, merchant, wait) as counter:
            return tell(await verb(counter), counter)

    told = loop.run(main)
    if told is None:
        sys.exit(130)
    _print_json(_told(told))


def _counter_options(command: Command) -> Command:
    """What every verb at a counter takes. Its answer is always JSON."""

    @functools.wraps(command)
    @click.option("--merchant", default="", metavar="NAME|ID", help="Which merchant, where there are several.")
    @_state_option
    @click.option("--json", "as_json", is_flag=True, hidden=True, help="It is always JSON.")
    @click.pass_context
    def noted(ctx: click.Context, /, *args: Any, as_json: bool, **rest: Any) -> Any:
        ctx.find_root().ensure_object(dict)["json"] = True
        return ctx.invoke(command, *args, **rest)

    return noted


def _wait_option(seconds: float) -> Callable[[Command], Command]:
    return click.option(
        "--wait",
        type=click.FloatRange(0, 86400),
        default=seconds,
        show_default=True,
        metavar="SECONDS",
        help="How long to stand by until it has an end. What is left then goes on in the worker.",
    )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
             **_example("yuanlu demo", "yuanlu recognise 130123990123456789"))  # fmt: skip
@click.option("--debug", is_flag=True, help="Show where trouble came from.")
@click.version_option(package_name="yuanlu", message="yuanlu %(version)s")
@click.pass_context
def main(ctx: click.Context, debug: bool) -> None:
    """yuanlu 原路: scan-to-pay that puts mistaken scans right. Money goes back the way it came, provably, once."""
    ctx.ensure_object(dict)


# --- to try ---


@main.command(**_example("yuanlu demo", "yuanlu demo abnormal --once", "yuanlu demo double-charge --once --json"))
@click.argument("story", type=click.Choice(STORIES), default=STORIES[0], metavar="[STORY]")
@click.option("--once", is_flag=True, help="End after the story. Exit code 0 only if it ended well.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the simulated world.")
@_state_option
@_json_option
def demo(story: str, once: bool, seed: int, state: Path | None, as_json: bool) -> None:
    """Play a STORY on this machine: database, simulated providers, service and worker, from charge to money back.

    It then stays to be looked at until Ctrl-C, which ends all of it. Without --state (or YUANLU_STATE) nothing is left.

    \b
    mistaken-scan     128.00 charged for 12.80: the difference goes back (the default)
    double-charge     the answer is lost, the code is charged twice: the second goes back
    lost-answer       the answer is lost: a query finds out that it was paid, once
    password-timeout  the payer walks away: asked, then reversed
    late-paid         paid after it was reversed: a case opens by itself, the money goes back
    funds-short       the refund waits for the merchant's funds and goes on by itself
    abnormal          the payer cannot be paid: two people send the money to another card
    wrong-code        a product's barcode, a receiving code, our own number: told at once
    evidence-pack     a pack of a mistaken scan: made, checked, one byte flipped, found
    wrong-payee       paid to another shop's code: found, handed over, given back
    coupon-partial    a coupon paid a part: cups go back one by one, to the fen
    complaint         complained of at WeChat: answered, refunded, finished
    review-second-person  a big sum: the manager approves, another person confirms, the money goes back
    declined-appeal   declined with a reason; objected to; another person gives a part back
    counter-offer     a part is offered for two days; the customer accepts
    named-account     the way back is shut: two people pay to a named account, which is forgotten
    customer-proof    asked for proof, the customer hands in a photo; made anew, chained, approved
    """
    import os

    from yuanlu.demo import play
    from yuanlu.terminal import loop

    named = os.environ.get("YUANLU_STATE")
    place = state or (Path(named) if named else None)
    code = loop.run(lambda: play(story, state=place, seed=seed, once=once, as_json=as_json))
    sys.exit(130 if code is None else code)


@main.command(**_example("yuanlu sim --port 9000 --dir /tmp/sim"))
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 picks a free one.")
@click.option("--dir", "directory", type=click.Path(file_okay=False, path_type=Path), required=True,
              help="Where keys and sim.json are written.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="One seed reproduces a run.")
def sim(port: int, directory: Path, seed: int) -> None:
    """Serve the simulated WeChat Pay and Alipay on loopback, until Ctrl-C.

    DIR/sim.json is there when the port answers. docs/reference/sim.md tells how to make trouble.
    """
    from yuanlu.sim import serve
    from yuanlu.terminal import loop

    loop.run(lambda: serve(port, directory, seed))


@main.command(**_example("yuanlu recognise 6901234567892", "yuanlu recognise 130123990123456789 --json"))
@click.argument("text")
@click.option("--typed", is_flag=True, help="It was typed by hand, not scanned.")
@_json_option
def recognise(text: str, typed: bool, as_json: bool) -> None:
    """Say what a scanned TEXT is, and whether it may be charged now. TEXT - reads it from standard input."""
    from datetime import UTC, datetime

    from yuanlu.channels.codes import recognise as recognised
    from yuanlu.clock import business_day
    from yuanlu.terminal.screen import flat

    found = recognised(_text(text), typed=typed, today=business_day(datetime.now(UTC)))
    if as_json:
        _print_json(found.as_dict())
        return
    mark = "✓" if found.ok else "✗"
    wallet = f" · {found.wallet}" if found.wallet else ""
    click.secho(f"{mark} {found.kind}{wallet}", fg="green" if found.ok else "yellow", bold=True)
    for advice in (found.advice_zh, found.advice_en):
        click.echo(f"  {flat(advice)}")


def _text(text: str) -> str:
    """A code given on the command line, or (`-`) on standard input, where other users of the machine do not see it."""
    return sys.stdin.readline().rstrip("\n") if text == "-" else text


@main.command(**_example("yuanlu diagnose wechat USERPAYING", "yuanlu diagnose alipay ACQ.SYSTEM_ERROR --json"))
@click.argument("channel")
@click.argument("code")
@click.option("--operation", type=click.Choice(OPERATIONS), help="In which operation it was heard.")
@_json_option
def diagnose(channel: str, code: str, operation: str | None, as_json: bool) -> None:
    """Say what a channel's CODE means: the cause, what became of the money, whether to retry, what to do.

    CHANNEL is wechat_v3, wechat_v2, alipay, unionpay_acp, iso8583 or client; or wechat, unionpay, card for the newest.
    """
    from yuanlu.channels.diagnosis import ALIASES, CHANNELS
    from yuanlu.channels.diagnosis import diagnose as diagnosed

    known = (*CHANNELS, *ALIASES)
    if channel.strip().lower() not in known:
        raise click.BadParameter(f"{channel!r} is none of {', '.join(known)}", param_hint="CHANNEL")
    found = diagnosed(channel, code, operation)
    if as_json:
        _print_json(found.as_dict())
        return
    click.secho(f"{found.channel} {found.code}", bold=True, nl=False)
    click.echo("" if found.known else "  (unknown code 未知代码)")
    for zh, en in ((found.meaning_zh, found.meaning_en), (found.cashier_action_zh, found.cashier_action_en)):
        click.echo(f"  {zh}\n  {en}")
    click.echo(f"  cause {found.cause} · outcome {found.outcome} · retry {found.retry}")


@main.command(**_example("yuanlu bench", "yuanlu bench record --json"))
@click.argument("names", nargs=-1)
@_json_option
def bench(names: Sequence[str], as_json: bool) -> None:
    """Measure yuanlu, each figure beside its floor in the same run: all, or only NAMES."""
    from yuanlu.bench import run

    sys.exit(run(list(names), as_json))


# --- the verbs ---


@main.command(
    **_example(
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
@_wait_option(60)
@_counter_options
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

    text = _text(code)
    _at_counter(
        state, merchant, wait,
        lambda counter: verbs.pay(
            counter, till=till, amount_fen=amount_fen, code=text, payment_id=payment_id, typed=typed,
            no_id_card=no_id_card, shown_on=Channel(shown_on) if shown_on else None, description=description,
        ),
        lambda payment, counter: payment_told(payment, counter.app.clock.now()),
    )  # fmt: skip


@main.command(**_example("yuanlu refund YP01KATE3S40000000000000000S8 --amount-fen 1280 --reason 'returned goods'"))
@click.argument("payment")
@click.option("--amount-fen", type=FEN, required=True, help="Whole fen: 1280 is ¥12.80.")
@click.option("--id", "refund_id", default="", metavar="YR…", help="The id, where you made it: asking again is safe.")
@click.option("--reason", default="", help="Why; the payer may see it.")
@_wait_option(0)
@_counter_options
def refund(
    payment: str, amount_fen: int, refund_id: str, reason: str, wait: Seconds, merchant: str, state: Path | None
) -> None:
    """Send money of a PAYMENT back the way it came. Prints the refund."""
    from yuanlu.terminal import verbs
    from yuanlu.web.parts.shapes import refund_told

    _at_counter(
        state, merchant, wait,
        lambda counter: verbs.refund(
            counter, payment_id=payment, amount_fen=amount_fen, refund_id=refund_id, reason=reason
        ),
        lambda one, counter: refund_told(one, counter.app.clock.now()),
    )  # fmt: skip


@main.group(**_example("yuanlu case open YP01KATE3S40000000000000000S8 --what wrong_amount --meant-fen 1280"))
def case() -> None:
    """Mistaken scans: report one, and it is put right."""


@case.command("open", **_example("yuanlu case open YP01KATE3S40000000000000000S8 --what wrong_amount --meant-fen 1280"))
@click.argument("payment")
@click.option("--what", type=click.Choice(WHATS), required=True, help="What went wrong.")
@click.option("--meant-fen", type=FEN, help="What should have been charged (wrong_amount only).")
@click.option("--asked-fen", type=FEN, help="What shall go back (request only); the rest of it without this.")
@click.option("--id", "case_id", default="", metavar="YC…", help="The id, where you made it: reporting again is safe.")
@click.option("--said", default="", help="In your own words.")
@_wait_option(0)
@_counter_options
def case_open(
    payment: str, what: str, meant_fen: int | None, asked_fen: int | None, case_id: str, said: str, wait: Seconds,
    merchant: str, state: Path | None,
) -> None:  # fmt: skip
    """Report that a PAYMENT was a mistaken scan. Checks it at the channel, puts it right, prints the case."""
    from yuanlu.cases.rules import What
    from yuanlu.terminal import verbs
    from yuanlu.web.parts.shapes import case_told

    _at_counter(
        state, merchant, wait,
        lambda counter: verbs.open_case(
            counter, payment_id=payment, what=What(what), meant_fen=meant_fen, case_id=case_id, said=said,
            asked_fen=asked_fen,
        ),
        lambda seen, _: case_told(seen.case),
    )  # fmt: skip


@main.group(**_example("yuanlu code list --due"))
def code() -> None:
    """The codes that hang in a shop: write them down, look at them, take them down."""


@code.command("add", **_example("yuanlu code add wxp://f2f0… --till T1 --place 'counter 1'"))
@click.argument("text")
@click.option("--till", required=True, metavar="NAME|ID", help="The till it belongs to.")
@click.option("--place", default="", help="Where it hangs.")
@click.option("--until", type=click.DateTime(("%Y-%m-%d",)), help="The last day it counts (China).")
@click.option("--audit-days", type=click.IntRange(1, 366), default=30, show_default=True, help="How often to look.")
@click.option("--id", "code_id", default="", metavar="YQ…", help="The id, where you made it: asking again is safe.")
@_counter_options
def code_add(
    text: str, till: str, place: str, until: Any, audit_days: int, code_id: str, merchant: str, state: Path | None
) -> None:
    """Write a code down. TEXT - reads it from standard input; it is not kept. Prints the code."""
    from yuanlu.terminal import codes

    read = _text(text)
    _at_counter(
        state, merchant, 0,
        lambda counter: codes.add(counter, read, till, place, until, audit_days, code_id),
        codes.told,
    )  # fmt: skip


@code.command("list", **_example("yuanlu code list --due"))
@click.option("--due", is_flag=True, help="Only those that somebody must look at, soonest first.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@_counter_options
def code_list(due: bool, limit: int, merchant: str, state: Path | None) -> None:
    """Print codes, newest first: {items, next}."""
    from yuanlu.terminal import codes

    _at_counter(state, merchant, 0, lambda counter: codes.listed(counter, due, limit), lambda told, _: told)


@code.command("audit", **_example("yuanlu code audit YQ01KATE3S400000000000000000R --found covered"))
@click.argument("code_id", metavar="CODE")
@click.option(
    "--found", type=click.Choice(("in_place", "damaged", "missing", "covered")), required=True, help="How it was found."
)
@click.option("--note", default="", help="What you saw.")
@_counter_options
def code_audit(code_id: str, found: str, note: str, merchant: str, state: Path | None) -> None:
    """Say how a sticker was found. Prints the code."""
    from yuanlu.terminal import codes

    _at_counter(state, merchant, 0, lambda counter: codes.audit(counter, code_id, found, note), codes.told)


@code.command("retire", **_example("yuanlu code retire YQ01KATE3S400000000000000000R --note moved"))
@click.argument("code_id", metavar="CODE")
@click.option("--note", default="", help="Why.")
@_counter_options
def code_retire(code_id: str, note: str, merchant: str, state: Path | None) -> None:
    """Say that a code is taken down for good. Prints the code."""
    from yuanlu.terminal import codes

    _at_counter(state, merchant, 0, lambda counter: codes.retire(counter, code_id, note), codes.told)


@main.command(**_example("yuanlu trace YP01KATE3S40000000000000000S8"))
@click.argument("voucher")
@click.option("--amount-fen", type=FEN, help="The amount, where VOUCHER is a code.")
@_counter_options
def trace(voucher: str, amount_fen: int | None, merchant: str, state: Path | None) -> None:
    """Say whose money a VOUCHER leads to: yours, another shop's of this installation, or unknown."""
    from yuanlu.terminal import codes

    text = _text(voucher)
    _at_counter(state, merchant, 0, lambda counter: codes.trace(counter, text, amount_fen), lambda told, _: told)


_KEY = click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="The file with your own API key: a decision needs a member of staff.",
)


_VERSION = click.option(
    "--version", type=click.IntRange(1), default=0, help="The version you saw; without it, as it stands now."
)


@case.command("list", **_example("yuanlu case list --in REVIEW"))
@click.option("--in", "case_state", default="", metavar="STATE", help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default="", metavar="NEXT", help="The `next` of the page before.")
@_KEY
@_counter_options
def case_list(
    case_state: str, limit: int, after: str, key_file: Path | None, merchant: str, state: Path | None
) -> None:
    """Print the open cases, the next due first: {items, next}."""
    from yuanlu.terminal import verbs

    if after and not re.fullmatch(r"[0-9]{1,17}-[0-9A-Z]{29}", after):
        raise click.BadParameter("give the `next` of the page before", param_hint="--after")
    _at_counter(
        state, merchant, 0,
        lambda counter: verbs.cases_listed(counter, case_state, limit, after, key_file),
        lambda told, _: told,
    )  # fmt: skip


@case.command("show", **_example("yuanlu case show YC01KATE3S40000000000000000J3 --key-file anna.key"))
@click.argument("case_id", metavar="CASE")
@_KEY
@_counter_options
def case_show(case_id: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Print a case and its thread: {case, thread}. Without a key the thread is as the customer sees it."""
    from yuanlu.terminal import verbs

    _at_counter(
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

    _at_counter(
        state, merchant, 0,
        lambda counter: verbs.on_case(
            counter, case_id, key_file, version,
            lambda app, merchant_id, by, seen: verb(flow, (app.desk, merchant_id, case_id), by, seen),
        ),
        lambda told, _: told,
    )  # fmt: skip


@case.command("claim", **_example("yuanlu case claim YC01KATE3S40000000000000000J3 --key-file anna.key"))
@click.argument("case_id", metavar="CASE")
@_KEY
@_counter_options
def case_claim(case_id: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Take a CASE to work at, for half an hour. Prints the case."""
    _on_case(case_id, key_file, 0, merchant, state, lambda flow, place, by, _: flow.claim(*place, by))


@case.command("release", **_example("yuanlu case release YC01KATE3S40000000000000000J3 --key-file anna.key"))
@click.argument("case_id", metavar="CASE")
@_KEY
@_counter_options
def case_release(case_id: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Put a CASE back. Prints the case."""
    _on_case(case_id, key_file, 0, merchant, state, lambda flow, place, by, _: flow.release(*place, by))


@case.command("ask", **_example("yuanlu case ask YC01KATE3S40000000000000000J3 --say 请拍一张小票 --key-file anna.key"))
@click.argument("case_id", metavar="CASE")
@click.option("--say", required=True, help="What the customer reads.")
@_VERSION
@_KEY
@_counter_options
def case_ask(case_id: str, say: str, version: int, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Ask the customer for more. Prints the case."""
    _on_case(
        case_id, key_file, version, merchant, state,
        lambda flow, place, by, seen: flow.ask(*place, by, seen, flow.Words(text=say)),
    )  # fmt: skip


@case.command("approve", **_example("yuanlu case approve YC01KATE3S40000000000000000J3 --key-file anna.key"))
@click.argument("case_id", metavar="CASE")
@click.option("--amount-fen", type=FEN, help="A part; all that is asked for without it.")
@click.option("--say", default="", help="What the customer reads.")
@_VERSION
@_KEY
@_counter_options
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


@case.command("confirm", **_example("yuanlu case confirm YC01KATE3S40000000000000000J3 --key-file finn.key"))
@click.argument("case_id", metavar="CASE")
@_VERSION
@_KEY
@_counter_options
def case_confirm(case_id: str, version: int, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Second of two people: carry it out. Prints the case."""
    _on_case(
        case_id, key_file, version, merchant, state,
        lambda flow, place, by, seen: flow.confirm(*place, by, seen),
    )  # fmt: skip


@case.command(
    "decline",
    **_example(
        "yuanlu case decline YC01KATE3S40000000000000000J3 --reason goods_used --say 很抱歉 --key-file anna.key"
    ),
)
@click.argument("case_id", metavar="CASE")
@click.option("--reason", required=True, help="A code of the fixed set (docs/reference/cases.md).")
@click.option("--say", required=True, help="What the customer reads.")
@_VERSION
@_KEY
@_counter_options
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
    **_example("yuanlu case offer YC01KATE3S40000000000000000J3 --kind voucher --amount-fen 2000 --say 送您代金券"),
)
@click.argument("case_id", metavar="CASE")
@click.option("--kind", type=click.Choice(("part", "voucher", "exchange")), required=True)
@click.option("--amount-fen", type=FEN, required=True, help="The part, or what it is worth.")
@click.option("--hours", type=click.IntRange(1, 720), default=72, show_default=True, help="How long it is open.")
@click.option("--say", required=True, help="What the customer reads.")
@_VERSION
@_KEY
@_counter_options
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


_ONE = "YN01KATE3S40000000000000000S8"


CHANNELS = ("wechat", "alipay")


COMPLAINT_STATES = ("NEW", "ANSWERED", "REFUND_PROMISED", "FINISHED")


@main.group(**_example("yuanlu complaint list --in NEW"))
def complaint() -> None:
    """Complaints at the channels: pull them, answer them, decide the refund, finish them."""


@complaint.command("pull", **_example("yuanlu complaint pull wechat"))
@click.argument("channel", type=click.Choice(CHANNELS))
@_counter_options
def complaint_pull(channel: str, merchant: str, state: Path | None) -> None:
    """Pull the complaints of a CHANNEL now; from then on the worker does."""
    from yuanlu.channels.contract import Channel
    from yuanlu.terminal import complained

    _at_counter(state, merchant, 0, lambda counter: complained.pull(counter, Channel(channel)), lambda told, _: told)


@complaint.command("list", **_example("yuanlu complaint list --in NEW"))
@click.option("--channel", type=click.Choice(CHANNELS), default=None, help="Only of this channel.")
@click.option("--in", "in_state", type=click.Choice(COMPLAINT_STATES), default=None, help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default="", metavar="YN…", help="The `next` of the page before.")
@_counter_options
def complaint_list(
    channel: str | None, in_state: str | None, limit: int, after: str, merchant: str, state: Path | None
) -> None:
    """Print complaints, newest first: {items, next}."""
    from yuanlu.terminal import complained

    _at_counter(
        state, merchant, 0,
        lambda counter: complained.listed(counter, channel or "", in_state or "", limit, after),
        lambda told, _: told,
    )  # fmt: skip


@complaint.command("show", **_example(f"yuanlu complaint show {_ONE}"))
@click.argument("complaint_id", metavar="COMPLAINT")
@_counter_options
def complaint_show(complaint_id: str, merchant: str, state: Path | None) -> None:
    """Print one complaint: what was said, our answers, the images."""
    from yuanlu.terminal import complained

    _at_counter(state, merchant, 0, lambda counter: complained.shown(counter, complaint_id), lambda told, _: told)


def _answer_options(command: Command) -> Command:
    """What every answer to a complaint takes."""
    command = click.option("--id", "answer_id", default="", metavar="YA…", help="The id, where you made it.")(command)
    return click.argument("complaint_id", metavar="COMPLAINT")(command)


_images = click.option(
    "--image",
    "images",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An image to send along; may be given several times.",
)


@complaint.command("reply", **_example(f"yuanlu complaint reply {_ONE} --text 正在核实"))
@_answer_options
@click.option("--text", required=True, help="What to say to the payer.")
@click.option(
    "--as", "what", type=click.Choice(("reply", "feedback", "supplement")), default="reply", show_default=True,
    help="Feedback and supplement are Alipay's.",
)  # fmt: skip
@click.option("--feedback-code", default="", help="Alipay's code of the handling (feedback only).")
@_images
@_wait_option(0)
@_counter_options
def complaint_reply(
    complaint_id: str, answer_id: str, text: str, what: str, feedback_code: str, images: tuple[Path, ...],
    wait: Seconds, merchant: str, state: Path | None,
) -> None:  # fmt: skip
    """Answer the payer of a COMPLAINT, once."""
    from yuanlu.complaints.answers import What
    from yuanlu.terminal import complained

    _at_counter(
        state, merchant, wait,
        lambda counter: complained.answer(
            counter, complaint_id, What(what), text=text, feedback_code=feedback_code, images=images,
            answer_id=answer_id,
        ),
        lambda told, _: told,
    )  # fmt: skip


@complaint.command("decide", **_example(f"yuanlu complaint decide {_ONE} --promise --days 1"))
@_answer_options
@click.option("--promise/--refuse", required=True, default=None, help="Whether the refund is promised.")
@click.option("--days", type=click.IntRange(0, 30), default=0, help="Within how many days; 0 is today.")
@click.option("--text", default="", help="Why it is refused.")
@_images
@_wait_option(0)
@_counter_options
def complaint_decide(
    complaint_id: str, answer_id: str, promise: bool, days: int, text: str, images: tuple[Path, ...],
    wait: Seconds, merchant: str, state: Path | None,
) -> None:  # fmt: skip
    """Promise or refuse the refund a COMPLAINT asks for. It moves no money: `yuanlu refund` does."""
    from yuanlu.complaints.answers import What
    from yuanlu.terminal import complained

    _at_counter(
        state, merchant, wait,
        lambda counter: complained.answer(
            counter, complaint_id, What.PROMISE if promise else What.DECLINE, text=text, days=days, images=images,
            answer_id=answer_id,
        ),
        lambda told, _: told,
    )  # fmt: skip


@complaint.command("finish", **_example(f"yuanlu complaint finish {_ONE}"))
@_answer_options
@_wait_option(0)
@_counter_options
def complaint_finish(complaint_id: str, answer_id: str, wait: Seconds, merchant: str, state: Path | None) -> None:
    """Tell the channel that a COMPLAINT is dealt with."""
    from yuanlu.complaints.answers import What
    from yuanlu.terminal import complained

    _at_counter(
        state, merchant, wait,
        lambda counter: complained.answer(counter, complaint_id, What.FINISH, answer_id=answer_id),
        lambda told, _: told,
    )  # fmt: skip


@main.group(**_example("yuanlu file add YC01KATE3S40000000000000000J3 receipt.jpg"))
def file() -> None:
    """Files of a case: hand one in, list them, open one."""


@file.command("add", **_example("yuanlu file add YC01KATE3S40000000000000000J3 receipt.jpg"))
@click.argument("case_id", metavar="CASE")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--id", "file_id", default="", metavar="YF…", help="The id, where you made it: adding again is safe.")
@click.option("--internal", is_flag=True, help="The customer does not get to see it.")
@_counter_options
def file_add(case_id: str, path: Path, file_id: str, internal: bool, merchant: str, state: Path | None) -> None:
    """Hand an image or a PDF in to a CASE. It is made anew before it is kept. Prints the file's record."""
    from yuanlu.evidence.rules import Audience
    from yuanlu.terminal import verbs

    audience = Audience.INTERNAL if internal else Audience.CUSTOMER
    _at_counter(
        state, merchant, 0,
        lambda counter: verbs.add_file(counter, case_id, path, file_id, audience),
        lambda told, _: told,
    )  # fmt: skip


@file.command("list", **_example("yuanlu file list YC01KATE3S40000000000000000J3"))
@click.argument("case_id", metavar="CASE")
@_counter_options
def file_list(case_id: str, merchant: str, state: Path | None) -> None:
    """Print the files of a CASE, in the order in which they came."""
    from yuanlu.terminal import verbs

    _at_counter(state, merchant, 0, lambda counter: verbs.files_listed(counter, case_id), lambda told, _: told)


@file.command("get", **_example("yuanlu file get YF01KATE3S40000000000000000TN -o receipt.jpg"))
@click.argument("file_id", metavar="FILE")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A new file.")
@click.option("--why", type=click.Choice(OPENING), default="review", show_default=True,
              help="Why it is opened; kept with who and when.")  # fmt: skip
@_counter_options
def file_get(file_id: str, out: Path, why: str, merchant: str, state: Path | None) -> None:
    """Open a FILE and write it to a new file. Prints the file's record."""
    from yuanlu.evidence.rules import Why
    from yuanlu.terminal import verbs

    _at_counter(
        state, merchant, 0, lambda counter: verbs.get_file(counter, file_id, out, Why(why)), lambda told, _: told
    )


@main.group(**_example("yuanlu data export YP01KATE3S40000000000000000S8 -o customer.zip"))
def data() -> None:
    """What is held about one customer: export it, erase it."""


@data.command("export", **_example("yuanlu data export YP01KATE3S40000000000000000S8 -o customer.zip"))
@click.argument("payment_id", metavar="PAYMENT")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A new file.")
@_counter_options
def data_export(payment_id: str, out: Path, merchant: str, state: Path | None) -> None:
    """Write all that is held about the payer of a PAYMENT into a new zip: data.json and the files."""
    from yuanlu.terminal import verbs

    _at_counter(state, merchant, 0, lambda counter: verbs.export_data(counter, payment_id, out), lambda told, _: told)


@data.command("erase", **_example("yuanlu data erase YP01KATE3S40000000000000000S8"))
@click.argument("payment_id", metavar="PAYMENT")
@_counter_options
def data_erase(payment_id: str, merchant: str, state: Path | None) -> None:
    """Erase what names the payer of a PAYMENT, for good. Records of the trade stay; a legal hold forbids it."""
    from yuanlu.terminal import verbs

    _at_counter(state, merchant, 0, lambda counter: verbs.erase_data(counter, payment_id), lambda told, _: told)


@main.group(**_example("yuanlu payment list --in PAID"))
def payment() -> None:
    """Payments: see them, list them, give one up."""


@payment.command("show", **_example("yuanlu payment show YP01KATE3S40000000000000000S8"))
@click.argument("payment_id", metavar="PAYMENT")
@_counter_options
def payment_show(payment_id: str, merchant: str, state: Path | None) -> None:
    """Print one payment."""
    _shown(payment_id, ("YP",), merchant, state)


@payment.command("list", **_example("yuanlu payment list --in PAID --limit 20"))
@click.option("--in", "payment_state", default="", metavar="STATE", help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default="", metavar="YP…", help="The `next` of the page before.")
@_counter_options
def payment_list(payment_state: str, limit: int, after: str, merchant: str, state: Path | None) -> None:
    """Print payments, newest first: {items, next}."""
    from yuanlu.terminal import verbs

    _at_counter(
        state, merchant, 0,
        lambda counter: verbs.payments_listed(counter, payment_state, limit, after),
        lambda told, _: told,
    )  # fmt: skip


@payment.command("cancel", **_example("yuanlu payment cancel YP01KATE3S40000000000000000S8"))
@click.argument("payment_id", metavar="PAYMENT")
@_wait_option(60)
@_counter_options
def payment_cancel(payment_id: str, wait: Seconds, merchant: str, state: Path | None) -> None:
    """Give a payment up before it is paid: reversed if we scanned, closed if we showed. Prints the payment."""
    from yuanlu.terminal import verbs
    from yuanlu.web.parts.shapes import payment_told

    _at_counter(
        state, merchant, wait,
        lambda counter: verbs.cancel(counter, payment_id),
        lambda one, counter: payment_told(one, counter.app.clock.now()),
    )  # fmt: skip


@main.command(**_example("yuanlu show YC01KATE3S40000000000000000J3"))
@click.argument("any_id", metavar="ID")
@_counter_options
def show(any_id: str, merchant: str, state: Path | None) -> None:
    """Print the payment, refund or case with this ID."""
    _shown(any_id, ("YP", "YR", "YC"), merchant, state)


def _shown(any_id: str, kinds: Sequence[str], merchant: str, state: Path | None) -> None:
    from yuanlu.ids import Kind
    from yuanlu.terminal import verbs

    _at_counter(
        state, merchant, 0,
        lambda counter: verbs.shown(counter, any_id, tuple(Kind(each) for each in kinds)),
        lambda told, _: told,
    )  # fmt: skip


@main.command(**_example("yuanlu timeline YC01KATE3S40000000000000000J3", "yuanlu timeline YP… --json"))
@click.argument("any_id", metavar="ID")
@_state_option
@click.option("--merchant", default="", metavar="NAME|ID", help="Which merchant, where there are several.")
@_json_option
def timeline(any_id: str, merchant: str, state: Path | None, as_json: bool) -> None:
    """Tell what happened to the payment, refund or case with this ID: when, who, what, on what evidence."""
    from yuanlu.terminal import loop, verbs
    from yuanlu.terminal.screen import happened, screen

    settings = _settings(state)

    async def run() -> Any:
        async with verbs.at_counter(settings, merchant) as counter:
            return await verbs.timeline(counter, any_id)

    told = _told(loop.run(run))
    if as_json:
        _print_json(told)
        return
    on = screen(sys.stdout)
    for item in told["items"]:
        happened(on, item)


# --- the book of rules ---


@main.command(**_example("yuanlu where YR01KATE3S400000000000000000F"))
@click.argument("any_id", metavar="REFUND")
@_counter_options
def where(any_id: str, merchant: str, state: Path | None) -> None:
    """Tell where the money of a REFUND (YR…) is, or that of a case (YC…): who has it, what comes next, is it late."""
    from yuanlu.terminal import lookups

    _at_counter(state, merchant, 0, lambda counter: lookups.where(counter, any_id), lambda told, _: told)


@main.group(**_example("yuanlu packs list", "yuanlu packs check ./packs"))
def packs() -> None:
    """Rules with a date: law, working days, promises. See them, and check a folder of your own."""


@packs.command("list", **_example("yuanlu packs list", "YUANLU_PACKS=./packs yuanlu packs list --json"))
@_json_option
def packs_list(as_json: bool) -> None:
    """Print every pack that is in force or will be: name, version, from when, from which file."""
    from yuanlu.terminal import lookups

    told = lookups.packs(_settings(None))
    if as_json:
        _print_json({"items": told})
        return
    for one in told:
        click.echo(f"{one['name']:<20} {one['version']:<10} {one['valid_from']}  {one['file']}")


@packs.command("check", **_example("yuanlu packs check ./packs --json"))
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@_json_option
def packs_check(folder: Path, as_json: bool) -> None:
    """Check the packs in DIR, alone and beside ours: all that is wrong, with file and line or key. Exit 2 if any is."""
    from yuanlu.terminal import lookups

    told = lookups.checked(folder)
    if as_json:
        _print_json(told)
    else:
        for one in told["packs"]:
            click.echo(f"✓ {one['file']}  {one['name']}/{one['version']}")
        for wrong in told["problems"]:
            click.echo(f"✗ {wrong['zh']}\n  {wrong['en']}")
    if not told["ok"]:
        sys.exit(2)


# --- policies ---


@main.group(**_example("yuanlu policy check policy.csv", "yuanlu policy show --till T1"))
def policy() -> None:
    """The refund policy: a table that says which mistakes go back at once. docs/reference/policies.md."""


def _moment(text: str) -> Any:
    """A day or a moment; a day begins at midnight in China, as the channels' do."""
    from datetime import datetime

    from yuanlu.clock import CHINA

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no day such as 2026-11-01, and no moment") from None
    return found if found.tzinfo else found.replace(tzinfo=CHINA)


@policy.command("check", **_example("yuanlu policy check policy.csv", "yuanlu policy check policy.toml --json"))
@click.argument("file", type=click.Path(path_type=Path))
@_json_option
def policy_check(file: Path, as_json: bool) -> None:
    """Check a FILE (CSV, TOML): values, gaps, rows nobody reaches, contradictions. Exit code 2 if it has faults."""
    from yuanlu import words
    from yuanlu.terminal import policies
    from yuanlu.terminal.screen import flat

    told = policies.check(file)
    if as_json:
        _print_json(_told(told))
    else:
        for problem in told.problems:
            click.echo(f"{flat(problem.zh)}\n  {flat(problem.en)}")
        if told.ok:
            for each in words.both("policy.fine", rows=told.rows).values():
                click.echo(each)
    sys.exit(0 if told.ok else 2)


@policy.command("try", **_example("yuanlu policy try policy.csv --since 2026-11-01"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--since", required=True, metavar="DATE", help="Cases opened from this day or moment on.")
@click.option("--merchant", default="", metavar="NAME|ID", help="Which merchant, where there are several.")
@_state_option
@_json_option
def policy_try(file: Path, since: str, merchant: str, state: Path | None, as_json: bool) -> None:
    """Say what a FILE would have done to past cases. Changes nothing."""
    from yuanlu.terminal import loop, policies, verbs

    settings, moment = _settings(state), _moment(since)

    async def run() -> Any:
        async with verbs.at_counter(settings, merchant) as counter:
            return await policies.trial(counter, file, moment)

    told = _told(loop.run(run))
    if as_json:
        _print_json(told)
        return
    for item in told["items"]:
        click.echo(f"{item['case']}  {item['was']} -> {item['would_be']}  {item['amount_fen']} fen  {item['ended']}")
    click.echo(f"{told['summary_zh']}\n{told['summary_en']}")


@policy.command("set", **_example("yuanlu policy set policy.csv", "yuanlu policy set policy.csv --store 'East gate'"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--store", "store_name", default="", metavar="NAME|ID", help="For one store only.")
@click.option("--from", "valid_from", default="", metavar="DATE", help="From this day or moment on, instead of now.")
@click.option("--id", "policy_id", default="", metavar="YL…", help="The id, where you made it: setting again is safe.")
@_counter_options
def policy_set(
    file: Path, store_name: str, valid_from: str, policy_id: str, merchant: str, state: Path | None
) -> None:  # fmt: skip
    """Set a FILE as the policy for payments made from now on. Refused while it has faults. Prints the version."""
    from yuanlu.terminal import policies
    from yuanlu.web.parts.policies import policy_told

    begins = _moment(valid_from) if valid_from else None
    _at_counter(
        state, merchant, 0,
        lambda counter: policies.keep(counter, file, policy_id, store_name, begins),
        lambda done, _: policy_told(done.row),
    )  # fmt: skip


@policy.command("show", **_example("yuanlu policy show", "yuanlu policy show --till T1"))
@click.argument("policy_id", default="", metavar="[YL…]")
@click.option("--store", "store_name", default="", metavar="NAME|ID", help="What counts in a store.")
@click.option("--till", default="", metavar="NAME|ID", help="What counts at a till.")
@_counter_options
def policy_show(policy_id: str, store_name: str, till: str, merchant: str, state: Path | None) -> None:
    """Print the policy that counts now (or one version): each row in words, and its file in `content`."""
    from yuanlu.terminal import policies

    _at_counter(
        state, merchant, 0,
        lambda counter: policies.shown(counter, policy_id, store_name, till),
        lambda told, _: told,
    )  # fmt: skip


# --- who asked to know ---


@main.group(**_example("yuanlu hook add https://shop.example/yuanlu --type 'refund.*'"))
def hook() -> None:
    """Hooks: who asked to know what happens; try one, tell it again."""


@hook.command(
    "add",
    **_example(
        "yuanlu hook add https://shop.example/yuanlu --type 'refund.*' --type case.closed",
        "yuanlu hook add boss@shop.example --way email",
    ),
)
@click.argument("target")
@click.option("--way", type=click.Choice(("webhook", "email", "apprise", "sms")), default="webhook", show_default=True)
@click.option("--type", "types", multiple=True, help="Of what: refund.done, or refund.* for all of refunds. None: all.")
@click.option("--lang", type=click.Choice(("zh", "en")), default="zh", show_default=True)
@click.option("--id", "hook_id", default="", metavar="YH…", help="The id, where you made it: asking again is safe.")
@_counter_options
def hook_add(
    target: str, way: str, types: tuple[str, ...], lang: str, hook_id: str, merchant: str, state: Path | None
) -> None:
    """Tell TARGET (a URL, an e-mail address, an Apprise URL, a phone number) what happens. A secret is shown once."""
    from yuanlu.terminal import hooks

    _at_counter(
        state, merchant, 0,
        lambda counter: hooks.add(counter, target=target, way=way, types=types, lang=lang, hook_id=hook_id),
        lambda told, _: told,
    )  # fmt: skip


@hook.command("list", **_example("yuanlu hook list"))
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default="", metavar="YH…", help="The `next` of the page before.")
@_counter_options
def hook_list(limit: int, after: str, merchant: str, state: Path | None) -> None:
    """Print the hooks, oldest first: {items, next}."""
    from yuanlu.terminal import hooks

    _at_counter(state, merchant, 0, lambda counter: hooks.listed(counter, after, limit), lambda told, _: told)


@hook.command("ping", **_example("yuanlu hook ping YH01KATE3S40000000000000000GT"))
@click.argument("hook_id", metavar="HOOK")
@_counter_options
def hook_ping(hook_id: str, merchant: str, state: Path | None) -> None:
    """Send HOOK a letter that says nothing, now, and print what became of it."""
    from yuanlu.terminal import hooks

    _at_counter(state, merchant, 0, lambda counter: hooks.ping(counter, hook_id), lambda told, _: told)


@hook.command("replay", **_example("yuanlu hook replay YH01KATE3S40000000000000000GT --since 2026-11-23T04:00:00Z"))
@click.argument("hook_id", metavar="HOOK")
@click.option("--since", default="", metavar="TIME", help="Tell again what happened since then (UTC).")
@click.option("--letter", default="", metavar="YD…-1-0", help="Tell again from this letter on, about its object.")
@_counter_options
def hook_replay(hook_id: str, since: str, letter: str, merchant: str, state: Path | None) -> None:
    """Tell HOOK again, under the ids of then. The worker sends."""
    from yuanlu.terminal import hooks

    _at_counter(state, merchant, 0, lambda counter: hooks.replay(counter, hook_id, since, letter), lambda told, _: told)


@hook.command("disable", **_example("yuanlu hook disable YH01KATE3S40000000000000000GT"))
@click.argument("hook_id", metavar="HOOK")
@_counter_options
def hook_disable(hook_id: str, merchant: str, state: Path | None) -> None:
    """Tell HOOK nothing more."""
    from yuanlu.terminal import hooks

    _at_counter(state, merchant, 0, lambda counter: hooks.turned(counter, hook_id, on=False), lambda told, _: told)


@hook.command("enable", **_example("yuanlu hook enable YH01KATE3S40000000000000000GT"))
@click.argument("hook_id", metavar="HOOK")
@_counter_options
def hook_enable(hook_id: str, merchant: str, state: Path | None) -> None:
    """Tell HOOK again, beginning with what it missed."""
    from yuanlu.terminal import hooks

    _at_counter(state, merchant, 0, lambda counter: hooks.turned(counter, hook_id, on=True), lambda told, _: told)


@hook.command("deliveries", **_example("yuanlu hook deliveries YH01KATE3S40000000000000000GT --in PARKED"))
@click.argument("hook_id", metavar="HOOK")
@click.option("--in", "delivery_state", type=click.Choice(("", "IDLE", "DUE", "PARKED")), default="")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default="", metavar="YD…", help="The `next` of the page before.")
@_counter_options
def hook_deliveries(
    hook_id: str, delivery_state: str, limit: int, after: str, merchant: str, state: Path | None
) -> None:
    """Print how far HOOK has been told about each object: {items, next}."""
    from yuanlu.terminal import hooks

    _at_counter(
        state, merchant, 0,
        lambda counter: hooks.deliveries(counter, hook_id, delivery_state, after, limit),
        lambda told, _: told,
    )  # fmt: skip


# --- evidence packs ---


@main.group(**_example("yuanlu pack make YC01KATE3S40000000000000000J3 -o case.pdf", "yuanlu pack verify case.pdf"))
def pack() -> None:
    """Evidence packs: one signed file about a case, that anybody can check."""


@pack.command("make", **_example("yuanlu pack make YC01KATE3S40000000000000000J3 -o case.pdf --for regulator"))
@click.argument("case_id", metavar="CASE")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE",
              help="The PDF to write.")  # fmt: skip
@click.option("--for", "reader", type=click.Choice(PACK_READERS), default=PACK_READERS[0], show_default=True,
              help="Who will read it: what he may not see is left out.")  # fmt: skip
@click.option("--lang", type=click.Choice(("zh", "en")), default="zh", show_default=True, help="The language on paper.")
@_counter_options
def pack_make(case_id: str, output: Path, reader: str, lang: str, merchant: str, state: Path | None) -> None:
    """Make the evidence pack of a CASE. Prints what was made, and the fingerprint of the signer."""
    from yuanlu.terminal import loop, packs

    told = loop.run(lambda: packs.make(_settings(state), merchant, case_id, output, reader, lang))
    if told is None:
        sys.exit(130)
    _print_json(told)


@pack.command("verify", **_example("yuanlu pack verify case.pdf", "yuanlu pack verify case.pdf --trust 7A:3B:… --json"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--trust", multiple=True, metavar="FINGERPRINT", help="Who must have signed (or vouched for who did).")
@_state_option
@_json_option
def pack_verify(file: Path, trust: Sequence[str], state: Path | None, as_json: bool) -> None:
    """Check an evidence pack: signature, every file, the chain, the records against each other.

    It needs no installation and no database. Exit code 0: nothing is wrong with it; 1: something is, and it says what.
    Without --trust the signer must be this machine's installation, where it has a certificate, else the one the pack
    names: then compare the fingerprint with the one the shop told you by another way.
    """
    from yuanlu.terminal import packs

    verdict = packs.verified(_settings(state), file, trust)
    if as_json:
        _print_json(packs.told(verdict))
    else:
        packs.show(verdict, click.secho)
    sys.exit(0 if verdict.ok else 1)


@pack.command("trust", **_example("yuanlu pack trust", "yuanlu pack trust --pem > shop.pem"))
@click.option("--pem", is_flag=True, help="Print the certificates themselves.")
@_state_option
@_json_option
def pack_trust(pem: bool, state: Path | None, as_json: bool) -> None:
    """Print the fingerprints of the certificates this installation signs packs with, for others to compare."""
    from datetime import UTC, datetime

    from yuanlu.packs import signer

    ours = signer.of(_settings(state), datetime.now(UTC))
    if as_json:
        _print_json({"signer": ours.fingerprints[0], "vouched_by": ours.fingerprints[1:], "pem": ours.pem})
    elif pem:
        click.echo(ours.pem, nl=False)
    else:
        for name, each in zip(("signer    ", *["vouched by"] * 9), ours.fingerprints, strict=False):
            click.echo(f"{name}  {each}")


# --- losses, the refund float, repayments ---


@main.command("float", **_example("yuanlu float --days 3", "yuanlu float --json"))
@click.option("--days", type=click.IntRange(1, 30), default=3, show_default=True, help="How far to look ahead.")
@click.option("--merchant", default="", metavar="NAME|ID", help="Which merchant, where there are several.")
@_state_option
@_json_option
def refund_float(days: int, merchant: str, state: Path | None, as_json: bool) -> None:
    """Say what refunds will need at each channel in the next days, and whether it is there."""
    from yuanlu.terminal import loop, losses, verbs

    settings = _settings(state)

    async def run() -> Any:
        async with verbs.at_counter(settings, merchant) as counter:
            return await losses.forecast(counter, days)

    told = _told(loop.run(run))
    if as_json:
        _print_json(told)
        return
    for item in told["items"]:
        click.secho(f"{'!' if item['is_short'] else '✓'} {item['channel']}", bold=True)
        click.echo(f"{item['says_zh']}\n{item['says_en']}")


@main.group(**_example("yuanlu loss record YC… --cause wrong_customer --bearer payer --amount-fen 1280"))
def loss() -> None:
    """Losses: who bears what, what came back, what is written off."""


@loss.command("record", **_example("yuanlu loss record YC… --cause wrong_customer --bearer payer --amount-fen 1280"))
@click.argument("case_id", metavar="CASE")
@click.option("--cause", required=True, help="A code of what went wrong.")
@click.option("--bearer", type=click.Choice(("merchant", "cashier", "provider", "payer")), required=True)
@click.option("--amount-fen", type=FEN, required=True, help="Whole fen: 1280 is ¥12.80.")
@click.option("--id", "loss_id", default="", metavar="YX…", help="The id, where you made it: recording again is safe.")
@_counter_options
def loss_record(
    case_id: str, cause: str, bearer: str, amount_fen: int, loss_id: str, merchant: str, state: Path | None
) -> None:
    """Write a loss down. Prints it."""
    from yuanlu.terminal import losses
    from yuanlu.web.parts.losses import loss_told

    _at_counter(
        state, merchant, 0,
        lambda counter: losses.record(counter, case_id, cause, bearer, amount_fen, loss_id),
        lambda row, _: loss_told(row),
    )  # fmt: skip


def _settle(loss_id: str, amount_fen: int, version: int, merchant: str, state: Path | None, *, back: bool) -> None:
    from yuanlu.terminal import losses
    from yuanlu.web.parts.losses import loss_told

    _at_counter(
        state, merchant, 0,
        lambda counter: losses.settle(counter, loss_id, amount_fen, version, is_recovered=back),
        lambda row, _: loss_told(row),
    )  # fmt: skip


@loss.command("recover", **_example("yuanlu loss recover YX… --amount-fen 1280 --version 1"))
@click.argument("loss_id", metavar="LOSS")
@click.option("--amount-fen", type=FEN, required=True, help="Whole fen: 1280 is ¥12.80.")
@click.option("--version", type=int, required=True, help="The loss's `version` as you saw it.")
@_counter_options
def loss_recover(loss_id: str, amount_fen: int, version: int, merchant: str, state: Path | None) -> None:
    """Money came back from who bears a LOSS. Prints it."""
    _settle(loss_id, amount_fen, version, merchant, state, back=True)


@loss.command("write-off", **_example("yuanlu loss write-off YX… --amount-fen 1280 --version 1"))
@click.argument("loss_id", metavar="LOSS")
@click.option("--amount-fen", type=FEN, required=True, help="Whole fen: 1280 is ¥12.80.")
@click.option("--version", type=int, required=True, help="The loss's `version` as you saw it.")
@_counter_options
def loss_write_off(loss_id: str, amount_fen: int, version: int, merchant: str, state: Path | None) -> None:
    """Nobody will make a LOSS good. Above ¥200 somebody else than who recorded it must say so. Prints it."""
    _settle(loss_id, amount_fen, version, merchant, state, back=False)


@main.group(**_example("yuanlu repayment approve YB…"))
def repayment() -> None:
    """Money back by another road, when the road it came is shut: two people, a proof. docs/reference/repayments.md."""


def _repayment(merchant: str, state: Path | None, verb: Callable[[Counter], Any]) -> None:
    from yuanlu.web.parts.repayments import repayment_told

    _at_counter(state, merchant, 0, verb, lambda row, _: repayment_told(row))


@repayment.command("propose", **_example("yuanlu repayment propose YP… --amount-fen 1280 --because window_over …"))
@click.argument("payment", metavar="PAYMENT")
@click.option("--amount-fen", type=FEN, required=True, help="Whole fen: 1280 is ¥12.80.")
@click.option("--because", type=click.Choice(("window_over", "no_parts_left", "refund_refused")), required=True)
@click.option("--payer-name", required=True, help="Who paid.")
@click.option("--account-name", required=True, help="Whose account it is.")
@click.option("--number", required=True, help="The account's number; - reads it from standard input.")
@click.option("--bank", default="", help="Where the account is.")
@click.option("--statement", default="", help="Why the names differ.")
@click.option("--refund", default="", metavar="YR…", help="The refund that was refused.")
@click.option("--case", "case_id", default="", metavar="YC…", help="The case it belongs to.")
@click.option("--id", "repayment_id", default="", metavar="YB…", help="The id, where you made it.")
@_counter_options
def repayment_propose(
    payment: str, amount_fen: int, because: str, payer_name: str, account_name: str, number: str, bank: str,
    statement: str, refund: str, case_id: str, repayment_id: str, merchant: str, state: Path | None,
) -> None:  # fmt: skip
    """Propose to give money of a PAYMENT back to a named account. Holds it; somebody else must agree."""
    from yuanlu.repayments.flow import Account
    from yuanlu.terminal import losses

    account = Account(
        payer_name=payer_name, account_name=account_name, account_number=_text(number), bank=bank, statement=statement
    )
    _repayment(
        merchant, state,
        lambda counter: losses.propose(
            counter, payment_id=payment, amount_fen=amount_fen, because=because, account=account, refund_id=refund,
            case_id=case_id, repayment_id=repayment_id,
        ),
    )  # fmt: skip


@repayment.command("approve", **_example("yuanlu repayment approve YB…"))
@click.argument("repayment_id", metavar="REPAYMENT")
@_counter_options
def repayment_approve(repayment_id: str, merchant: str, state: Path | None) -> None:
    """Agree to a REPAYMENT, as the second person."""
    from yuanlu.terminal import losses

    _repayment(merchant, state, lambda counter: losses.approve(counter, repayment_id))


@repayment.command("account", **_example("yuanlu repayment account YB…"))
@click.argument("repayment_id", metavar="REPAYMENT")
@_counter_options
def repayment_account(repayment_id: str, merchant: str, state: Path | None) -> None:
    """Print the account of an approved REPAYMENT, to pay to it. That you read it is written down."""
    from yuanlu.terminal import losses

    _at_counter(state, merchant, 0, lambda counter: losses.account(counter, repayment_id), lambda told, _: told)


@repayment.command("paid", **_example("yuanlu repayment paid YB… --proof 'ICBC 2026112300001'"))
@click.argument("repayment_id", metavar="REPAYMENT")
@click.option("--proof", required=True, help="The number of the bank's receipt; no names.")
@_counter_options
def repayment_paid(repayment_id: str, proof: str, merchant: str, state: Path | None) -> None:
    """Say that a REPAYMENT was paid."""
    from yuanlu.terminal import losses

    _repayment(merchant, state, lambda counter: losses.paid(counter, repayment_id, proof))


@repayment.command("refuse", **_example("yuanlu repayment refuse YB… --why withdrawn"))
@click.argument("repayment_id", metavar="REPAYMENT")
@click.option("--why", type=click.Choice(("withdrawn", "wrong_account", "road_open", "other")), required=True)
@_counter_options
def repayment_refuse(repayment_id: str, why: str, merchant: str, state: Path | None) -> None:
    """Say that a REPAYMENT will not be paid, and was not: its money is free again, its account forgotten."""
    from yuanlu.terminal import losses

    _repayment(merchant, state, lambda counter: losses.refuse(counter, repayment_id, why))


@repayment.command("show", **_example("yuanlu repayment show YB…"))
@click.argument("repayment_id", metavar="REPAYMENT")
@_counter_options
def repayment_show(repayment_id: str, merchant: str, state: Path | None) -> None:
    """Print one REPAYMENT, without its account."""
    from yuanlu.terminal import losses

    _repayment(merchant, state, lambda counter: losses.shown(counter, repayment_id))


# --- merchants ---


@main.group(**_example("yuanlu merchant import-sim /tmp/sim/sim.json"))
def merchant() -> None:
    """Merchants and the keys that act for them."""


def _of_installation(state: Path | None, verb: Callable[[Any], Any]) -> Any:
    from yuanlu.terminal import loop, verbs

    settings = _settings(state)

    async def run() -> Any:
        async with verbs.opened(settings) as app:
            return await verb(app)

    told = loop.run(run)
    if told is None:
        sys.exit(130)
    return told


@merchant.command("import-sim", **_example("yuanlu merchant import-sim /tmp/sim/sim.json --json"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", default="Simulated shop 模拟小店", show_default=True)
@click.option("--actor", default="cashier", show_default=True, help="Who is named when the key is used.")
@_state_option
@_json_option
def merchant_import_sim(file: Path, name: str, actor: str, state: Path | None, as_json: bool) -> None:
    """Make a merchant of sim's FILE (sim.json): a store, tills T1 and T2, both channels. Prints its API key."""
    from yuanlu.terminal import verbs

    told = _of_installation(state, lambda app: verbs.import_sim(app, file, name, actor))
    if as_json:
        _print_json(told)
        return
    click.echo(f"merchant  {told['merchant_id']}  {told['name']}")
    for till in told["tills"]:
        click.echo(f"till      {till['id']}  {till['name']}")
    _tell_key(told)


def _tell_key(told: dict[str, Any]) -> None:
    click.echo(f"API key   {told['api_key']}")
    click.echo("          这个密钥只显示这一次。 It is shown this once.")


@merchant.command("list", **_example("yuanlu merchant list"))
@click.option("--after", default="", metavar="YM…", help="The last id of the page before.")
@_state_option
@_json_option
def merchant_list(after: str, state: Path | None, as_json: bool) -> None:
    """Print the merchants, oldest first."""
    from yuanlu.terminal import verbs

    told = _of_installation(state, lambda app: verbs.merchants_listed(app, after))
    if as_json:
        _print_json(told)
        return
    for item in told["items"]:
        click.echo(f"{item['id']}  {item['tills']:>4} tills  {item['name']}")
    if told["next"]:
        click.echo(f"… more: --after {told['next']}")


@merchant.command("key", **_example("yuanlu merchant key 'Corner shop' --actor manager --json"))
@click.argument("merchant_name", metavar="NAME|ID")
@click.option("--actor", required=True, help="Who is named when the key is used: a person, a till, a machine.")
@_state_option
@_json_option
def merchant_key(merchant_name: str, actor: str, state: Path | None, as_json: bool) -> None:
    """Make an API key for somebody who acts for a merchant, and print it this once."""
    from yuanlu.terminal import verbs

    told = _of_installation(state, lambda app: verbs.new_key(app, merchant_name, actor))
    if as_json:
        _print_json(told)
        return
    click.echo(f"key id    {told['key_id']}  {told['actor']}")
    _tell_key(told)


@merchant.command("key-revoke", **_example("yuanlu merchant key-revoke 'Corner shop' YK01KATE3S4000000000000000045"))
@click.argument("merchant_name", metavar="NAME|ID")
@click.argument("key_id", metavar="KEY-ID")
@_state_option
@_json_option
def merchant_key_revoke(merchant_name: str, key_id: str, state: Path | None, as_json: bool) -> None:
    """End an API key at once."""
    from yuanlu.terminal import verbs

    told = _of_installation(state, lambda app: verbs.revoke_key(app, merchant_name, key_id))
    if as_json:
        _print_json(told)
        return
    click.echo(f"{key_id} is revoked.")


# --- staff ---


@main.group(**_example("yuanlu staff add --role manager --name 王芳"))
def staff() -> None:
    """The people who decide: each with a role and a key of their own."""


@staff.command("add", **_example("yuanlu staff add --role manager --name 王芳 --store 'Corner shop'"))
@click.option("--role", type=click.Choice(ROLES), required=True, help="What they may do.")
@click.option("--name", required=True, help="Their name; it is kept sealed.")
@click.option("--store", default="", metavar="NAME|ID", help="The only store they act in; anywhere without it.")
@_counter_options
def staff_add(role: str, name: str, store: str, merchant: str, state: Path | None) -> None:
    """Write a member of staff down. Prints them with their API key, this once."""
    from yuanlu.terminal import verbs

    _at_counter(
        state, merchant, 0,
        lambda counter: verbs.staff_added(counter, role, name, store),
        lambda told, _: told,
    )  # fmt: skip


@staff.command("list", **_example("yuanlu staff list"))
@click.option("--after", default="", metavar="YW…", help="The last id of the page before.")
@_counter_options
def staff_list(after: str, merchant: str, state: Path | None) -> None:
    """Print the staff, those who left too, oldest first: {items, next}."""
    from yuanlu.terminal import verbs

    _at_counter(state, merchant, 0, lambda counter: verbs.staff_listed(counter, after), lambda told, _: told)


@staff.command("end", **_example("yuanlu staff end YW01KATE3S400000000000000061"))
@click.argument("staff_id", metavar="STAFF")
@_counter_options
def staff_end(staff_id: str, merchant: str, state: Path | None) -> None:
    """Somebody leaves: their keys end at once, and what they approved but is not sent yet is decided again."""
    from yuanlu.terminal import verbs

    _at_counter(state, merchant, 0, lambda counter: verbs.staff_ended(counter, staff_id), lambda told, _: told)


# --- what runs ---


@main.command(**_example("yuanlu serve --port 8000 --with-worker"))
@click.option("--host", help="Address to listen on, instead of $YUANLU_HOST.")
@click.option("--port", type=click.IntRange(0, 65535), help="Its port, instead of $YUANLU_PORT; 0 picks a free one.")
@click.option("--with-worker", is_flag=True, help="Run a worker in the same process.")
@_state_option
def serve(host: str | None, port: int | None, with_worker: bool, state: Path | None) -> None:
    """Serve the HTTP API until Ctrl-C or SIGTERM. Says "ready at …" once it answers."""
    from yuanlu.terminal import loop, services
    from yuanlu.web.parts import logs

    settings = _settings(state, host=host, port=port)
    logs.set_up(settings.log_level)
    loop.run(lambda: services.serve(settings, functools.partial(print, flush=True), with_worker=with_worker))


@main.command(**_example("yuanlu worker"))
@_state_option
def worker(state: Path | None) -> None:
    """Run jobs until Ctrl-C or SIGTERM: ask, send, reverse, refund. As many workers as you like may run."""
    from yuanlu.terminal import loop, services
    from yuanlu.web.parts import logs

    settings = _settings(state)
    logs.set_up(settings.log_level)
    loop.run(lambda: services.work(settings, functools.partial(print, flush=True)))


@main.group(
    invoke_without_command=True, **_example("yuanlu db url", "yuanlu db psql -- -c 'select count(*) from payments'")
)
@_state_option
@click.pass_context
def db(ctx: click.Context, state: Path | None) -> None:
    """The database: where it is, a prompt in it, bring its schema forward. Alone: says where it is."""
    ctx.obj = {**(ctx.obj or {}), "state": state}
    if ctx.invoked_subcommand is None:
        ctx.invoke(db_url)


@db.command("url", **_example("yuanlu db url"))
@click.pass_context
def db_url(ctx: click.Context) -> None:
    """Print where the database is. The embedded one answers there while anything of yuanlu runs."""
    from yuanlu.terminal import database

    click.echo(database.url(_settings(ctx.obj.get("state"))))


@db.command("psql", **_example("yuanlu db psql", "yuanlu db psql -- -c 'select count(*) from payments'"))
@click.argument("arguments", nargs=-1)
@click.pass_context
def db_psql(ctx: click.Context, arguments: Sequence[str]) -> None:
    """Open psql in the database (the embedded one is started while it is open). ARGUMENTS go to psql."""
    from yuanlu.terminal import database, loop

    settings = _settings(ctx.obj.get("state"))
    code = loop.run(lambda: database.psql(settings, list(arguments)))
    sys.exit(130 if code is None else code)


@db.command("migrate", **_example("yuanlu db migrate"))
@click.pass_context
def db_migrate(ctx: click.Context) -> None:
    """Bring the schema forward. Every start does it too; any number may do it at once."""
    from yuanlu.terminal import database, loop

    settings = _settings(ctx.obj.get("state"))
    applied = loop.run(lambda: database.migrate(settings))
    if applied is None:
        sys.exit(130)
    click.echo(f"{applied} migrations applied" if applied else "up to date")


if __name__ == "__main__":
    main()
