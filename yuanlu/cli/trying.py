"""Commands to try it with: the demo, the simulated providers, what a code is, what an error means, the benches."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from yuanlu.cli.parts import example, json_option, print_json, state_option, text_of

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
    "cash",
)


OPERATIONS = ("pay", "show", "query", "reverse", "close", "refund", "refund_query", "rescue")


@click.command(**example("yuanlu demo", "yuanlu demo abnormal --once", "yuanlu demo double-charge --once --json"))
@click.argument("story", type=click.Choice(STORIES), default=STORIES[0], metavar="[STORY]")
@click.option("--once", is_flag=True, help="End after the story. Exit code 0 only if it ended well.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the simulated world.")
@state_option
@json_option
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
    cash              too much taken in cash: the difference back out of the drawer, the shift's count agrees
    """
    import os

    from yuanlu.demo import play
    from yuanlu.terminal import loop

    named = os.environ.get("YUANLU_STATE")
    place = state or (Path(named) if named else None)
    code = loop.run(lambda: play(story, state=place, seed=seed, once=once, as_json=as_json))
    sys.exit(130 if code is None else code)


@click.command(**example("yuanlu sim --port 9000 --dir /tmp/sim"))
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


@click.command(**example("yuanlu recognise 6901234567892", "yuanlu recognise 130123990123456789 --json"))
@click.argument("text")
@click.option("--typed", is_flag=True, help="It was typed by hand, not scanned.")
@json_option
def recognise(text: str, typed: bool, as_json: bool) -> None:
    """Say what a scanned TEXT is, and whether it may be charged now. TEXT - reads it from standard input."""
    from datetime import UTC, datetime

    from yuanlu.channels.codes import recognise as recognised
    from yuanlu.clock import business_day
    from yuanlu.terminal.screen import flat

    found = recognised(text_of(text), typed=typed, today=business_day(datetime.now(UTC)))
    if as_json:
        print_json(found.as_dict())
        return
    mark = "✓" if found.ok else "✗"
    wallet = f" · {found.wallet}" if found.wallet else ""
    click.secho(f"{mark} {found.kind}{wallet}", fg="green" if found.ok else "yellow", bold=True)
    for advice in (found.advice_zh, found.advice_en):
        click.echo(f"  {flat(advice)}")


@click.command(**example("yuanlu diagnose wechat USERPAYING", "yuanlu diagnose alipay ACQ.SYSTEM_ERROR --json"))
@click.argument("channel")
@click.argument("code")
@click.option("--operation", type=click.Choice(OPERATIONS), help="In which operation it was heard.")
@json_option
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
        print_json(found.as_dict())
        return
    click.secho(f"{found.channel} {found.code}", bold=True, nl=False)
    click.echo("" if found.known else "  (unknown code 未知代码)")
    for zh, en in ((found.meaning_zh, found.meaning_en), (found.cashier_action_zh, found.cashier_action_en)):
        click.echo(f"  {zh}\n  {en}")
    click.echo(f"  cause {found.cause} · outcome {found.outcome} · retry {found.retry}")


@click.command(**example("yuanlu bench", "yuanlu bench record --json"))
@click.argument("names", nargs=-1)
@json_option
def bench(names: Sequence[str], as_json: bool) -> None:
    """Measure yuanlu, each figure beside its floor in the same run: all, or only NAMES."""
    from yuanlu.bench import run

    sys.exit(run(list(names), as_json))
