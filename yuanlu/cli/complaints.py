"""`yuanlu complaint`: complaints at the channels."""

from __future__ import annotations

from pathlib import Path

import click

from yuanlu.cli.parts import Command, Seconds, at_counter, counter_options, example, key_option, wait_option

_ONE = "YN01KATE3S40000000000000000S8"


CHANNELS = ("wechat", "alipay")


COMPLAINT_STATES = ("NEW", "ANSWERED", "REFUND_PROMISED", "FINISHED")


@click.group(**example("yuanlu complaint list --in NEW"))
def complaint() -> None:
    """Complaints at the channels: pull, answer, decide the refund, finish. docs/reference/complaints.md."""


@complaint.command("pull", **example("yuanlu complaint pull wechat"))
@click.argument("channel", type=click.Choice(CHANNELS))
@counter_options
def complaint_pull(channel: str, merchant: str, state: Path | None) -> None:
    """Pull the complaints of a CHANNEL now; from then on the worker does."""
    from yuanlu.channels.contract import Channel
    from yuanlu.terminal import complained

    at_counter(state, merchant, 0, lambda counter: complained.pull(counter, Channel(channel)), lambda told, _: told)


@complaint.command("list", **example("yuanlu complaint list --in NEW"))
@click.option("--channel", type=click.Choice(CHANNELS), default=None, help="Only of this channel.")
@click.option("--in", "in_state", type=click.Choice(COMPLAINT_STATES), default=None, help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", default="", metavar="YN…", help="The `next` of the page before.")
@counter_options
def complaint_list(
    channel: str | None, in_state: str | None, limit: int, after: str, merchant: str, state: Path | None
) -> None:
    """Print complaints, newest first: {items, next}."""
    from yuanlu.terminal import complained

    at_counter(
        state, merchant, 0,
        lambda counter: complained.listed(counter, channel or "", in_state or "", limit, after),
        lambda told, _: told,
    )  # fmt: skip


@complaint.command("show", **example(f"yuanlu complaint show {_ONE}"))
@click.argument("complaint_id", metavar="COMPLAINT")
@key_option
@counter_options
def complaint_show(complaint_id: str, key_file: Path | None, merchant: str, state: Path | None) -> None:
    """Print one complaint: what was said (with a key of your own: else it is covered), our answers, the images."""
    from yuanlu.terminal import complained

    at_counter(
        state, merchant, 0, lambda counter: complained.shown(counter, complaint_id, key_file), lambda told, _: told
    )


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


@complaint.command("reply", **example(f"yuanlu complaint reply {_ONE} --text 正在核实"))
@_answer_options
@click.option("--text", required=True, help="What to say to the payer.")
@click.option(
    "--as", "what", type=click.Choice(("reply", "feedback", "supplement")), default="reply", show_default=True,
    help="Feedback and supplement are Alipay's.",
)  # fmt: skip
@click.option("--feedback-code", default="", help="Alipay's code of the handling (feedback only).")
@_images
@wait_option(0)
@counter_options
def complaint_reply(
    complaint_id: str, answer_id: str, text: str, what: str, feedback_code: str, images: tuple[Path, ...],
    wait: Seconds, merchant: str, state: Path | None,
) -> None:  # fmt: skip
    """Answer the payer of a COMPLAINT, once."""
    from yuanlu.complaints.answers import What
    from yuanlu.terminal import complained

    at_counter(
        state, merchant, wait,
        lambda counter: complained.answer(
            counter, complaint_id, What(what), text=text, feedback_code=feedback_code, images=images,
            answer_id=answer_id,
        ),
        lambda told, _: told,
    )  # fmt: skip


@complaint.command("decide", **example(f"yuanlu complaint decide {_ONE} --promise --days 1"))
@_answer_options
@click.option("--promise/--refuse", required=True, default=None, help="Whether the refund is promised.")
@click.option("--days", type=click.IntRange(0, 30), default=0, help="Within how many days; 0 is today.")
@click.option("--text", default="", help="Why it is refused.")
@_images
@wait_option(0)
@counter_options
def complaint_decide(
    complaint_id: str, answer_id: str, promise: bool, days: int, text: str, images: tuple[Path, ...],
    wait: Seconds, merchant: str, state: Path | None,
) -> None:  # fmt: skip
    """Promise or refuse the refund a COMPLAINT asks for. It moves no money: `yuanlu refund` does."""
    from yuanlu.complaints.answers import What
    from yuanlu.terminal import complained

    at_counter(
        state, merchant, wait,
        lambda counter: complained.answer(
            counter, complaint_id, What.PROMISE if promise else What.DECLINE, text=text, days=days, images=images,
            answer_id=answer_id,
        ),
        lambda told, _: told,
    )  # fmt: skip


@complaint.command("finish", **example(f"yuanlu complaint finish {_ONE}"))
@_answer_options
@wait_option(0)
@counter_options
def complaint_finish(complaint_id: str, answer_id: str, wait: Seconds, merchant: str, state: Path | None) -> None:
    """Tell the channel that a COMPLAINT is dealt with."""
    from yuanlu.complaints.answers import What
    from yuanlu.terminal import complained

    at_counter(
        state, merchant, wait,
        lambda counter: complained.answer(counter, complaint_id, What.FINISH, answer_id=answer_id),
        lambda told, _: told,
    )  # fmt: skip
