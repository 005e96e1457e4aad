"""What the commands share: how they are told what to do, how they answer, how they say no."""

from __future__ import annotations

import functools
import json
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict

import click

from yuanlu.errors import Busy, Denied, YuanluError

if TYPE_CHECKING:
    from yuanlu.config import Settings
    from yuanlu.terminal.verbs import Counter


def print_json(told: object) -> None:
    """One object: on one line for programs, spread out for people."""
    print(json.dumps(told, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None), flush=True)


def plain(shape: Any) -> Any:
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
        print_json({"code": no.code, **titles, **json.loads(json.dumps(facts, default=str))})
    sys.exit(2)


class Commands(click.Group):
    """The group of all commands: one place where trouble becomes a line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Denied as no:
            _denied(no, as_json=bool(ctx.obj and ctx.obj.get("json")))
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click answers them; to a pipe that nobody reads any more there is nothing to say
        except Busy as busy:
            _failed(ctx, f"busy, nothing is lost: ask again with the same id ({busy})")
        except (YuanluError, Exception) as wrong:
            _failed(ctx, f"{type(wrong).__name__}: {wrong}")


def _failed(ctx: click.Context, words: str) -> NoReturn:
    from yuanlu.web.parts.logs import masked

    if ctx.params.get("debug"):
        click.echo(masked(traceback.format_exc()), err=True)  # without the values beside it: reports are sent around
    first = masked(words.partition("\n")[0])
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


WHATS = ("wrong_amount", "wrong_code", "charged_twice", "wrong_customer", "wrong_payee", "request", "other")
"""What may have gone wrong, as a report says it."""


Command = Callable[..., Any]


Seconds = float


class Epilog(TypedDict):
    """What stands below the options in a command's help."""

    epilog: str


def example(*lines: str) -> Epilog:
    """The epilog of a command's help."""
    return {"epilog": "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)}


def state_option(command: Command) -> Command:
    """`--state DIR`, for whoever has several installations on a machine."""
    return click.option(
        "--state",
        type=click.Path(file_okay=False, path_type=Path),
        help="The installation's state directory, instead of $YUANLU_STATE.",
    )(command)


def json_option(command: Command) -> Command:
    @functools.wraps(command)
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
    @click.pass_context
    def noted(ctx: click.Context, /, *args: Any, as_json: bool, **rest: Any) -> Any:
        ctx.find_root().ensure_object(dict)["json"] = as_json
        return ctx.invoke(command, *args, as_json=as_json, **rest)

    return noted


def settings_of(state: Path | None, **changed: Any) -> Settings:
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


def at_counter(
    state: Path | None,
    merchant: str,
    wait: Seconds,
    verb: Callable[[Counter], Any],
    tell: Callable[[Any, Counter], Any],
) -> None:
    """Open the installation for one merchant, do the verb, print what it tells as JSON."""
    from yuanlu.terminal import loop, verbs

    settings = settings_of(state)

    async def main() -> Any:
        async with verbs.at_counter(settings, merchant, wait) as counter:
            return tell(await verb(counter), counter)

    told = loop.run(main)
    if told is None:
        sys.exit(130)
    print_json(plain(told))


def at_platform(
    state: Path | None, verb: Callable[[Counter], Any], tell: Callable[[Any], Any] = lambda told: told
) -> None:
    """Open the installation for its own people, do the verb, print what it tells as JSON."""
    from yuanlu.terminal import loop, verbs

    settings = settings_of(state)

    async def main() -> Any:
        async with verbs.at_platform(settings) as counter:
            return tell(await verb(counter))

    told = loop.run(main)
    if told is None:
        sys.exit(130)
    print_json(plain(told))


def ask(room: str, what: str, *, merchant: str, state: Path | None, key_file: Path | None = None, **asked: Any) -> None:
    """Ask what the API is asked, `POST /v1/…` of `yuanlu.web.api.<room>`, and print what it tells: see `asking.ask`."""
    from importlib import import_module

    from yuanlu.terminal import asking

    routes = import_module(f"yuanlu.web.api.{room}").ROUTES
    step_up = step_up_of()
    at_counter(
        state, merchant, 0,
        lambda counter: asking.ask(counter, routes, what, key_file=key_file, step_up=step_up, **asked),
        lambda told, _: told,
    )  # fmt: skip


def counter_options(command: Command) -> Command:
    """What every verb at a counter takes. Its answer is always JSON."""

    @functools.wraps(command)
    @click.option("--merchant", default="", metavar="NAME|ID", help="Which merchant, where there are several.")
    @state_option
    @click.option("--json", "as_json", is_flag=True, hidden=True, help="It is always JSON.")
    @click.pass_context
    def noted(ctx: click.Context, /, *args: Any, as_json: bool, **rest: Any) -> Any:
        ctx.find_root().ensure_object(dict)["json"] = True
        return ctx.invoke(command, *args, **rest)

    return noted


def platform_options(command: Command) -> Command:
    """What every verb of the installation's own people takes. Its answer is always JSON."""

    @functools.wraps(command)
    @state_option
    @click.option("--json", "as_json", is_flag=True, hidden=True, help="It is always JSON.")
    @click.pass_context
    def noted(ctx: click.Context, /, *args: Any, as_json: bool, **rest: Any) -> Any:
        ctx.find_root().ensure_object(dict)["json"] = True
        return ctx.invoke(command, *args, **rest)

    return noted


_STEP_UP = "yuanlu.step_up"


def step_up_of() -> str:
    """The step-up that was named on the command line (`key_option`); empty: none was."""
    return str(click.get_current_context().meta.get(_STEP_UP, ""))


def key_option(command: Command) -> Command:
    """`--key-file FILE`: who acts, where that must be somebody with a name. `--step-up YU…`: that they are sure."""
    command = click.option(
        "--step-up",
        metavar="YU…",
        expose_value=False,
        callback=lambda ctx, _, value: ctx.meta.__setitem__(_STEP_UP, value or ""),
        help="The step-up for exactly this (`POST /v1/step-ups`), where you have a second factor.",
    )(command)
    return click.option(
        "--key-file",
        type=click.Path(path_type=Path),
        help="The file with your own API key: a decision needs a member of staff.",
    )(command)


def wait_option(seconds: float) -> Callable[[Command], Command]:
    return click.option(
        "--wait",
        type=click.FloatRange(0, 86400),
        default=seconds,
        show_default=True,
        metavar="SECONDS",
        help="How long to stand by until it has an end. What is left then goes on in the worker.",
    )


def text_of(text: str) -> str:
    """A code given on the command line, or (`-`) on standard input, where other users of the machine do not see it."""
    return sys.stdin.readline().rstrip("\n") if text == "-" else text
