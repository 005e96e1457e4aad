"""The demo as a command: play one story, tell how it ended, and stay to be looked at."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from yuanlu.demo import stories
from yuanlu.demo.people import SaidNo, Told
from yuanlu.demo.playbill import STORIES, headline
from yuanlu.demo.stage import Stage, WentWrong, stage
from yuanlu.demo.stories import End
from yuanlu.money import Money
from yuanlu.people import flow as people
from yuanlu.people import signing
from yuanlu.receipts import flow as receipts
from yuanlu.terminal.screen import Screen, padded, screen
from yuanlu.web.parts import logs


async def play(story: str, *, state: Path | None, seed: int, once: bool, as_json: bool) -> int:
    """Play a story; answers the exit code: 0 if it ended well.

    Shape: with `as_json` one object on stdout and all else on stderr; `once` ends after the story, else it stays until
    the task is cancelled.
    """
    shown = screen(sys.stderr if as_json else sys.stdout)
    started = monotonic()
    with _place(state) as place, _logged(place):
        if not as_json:
            _title(shown, story)
        async with stage(place, seed, None if as_json else shown) as on:
            told = await _played(on, story, started)
            if as_json:
                print(json.dumps(told, ensure_ascii=False), flush=True)
            else:
                _ending(shown, told)
            if not once:
                _page(shown, on, told, place, await _pages(on, told))
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
    return 0 if told["ok"] else 1


@contextlib.contextmanager
def _place(state: Path | None) -> Iterator[Path]:
    """Where the state is kept: where it was asked for, else in a place of its own that goes with the demo."""
    if state is not None:
        state.mkdir(parents=True, exist_ok=True)
        yield state.absolute()
        return
    place = Path(tempfile.mkdtemp(prefix="yuanlu-demo-"))
    place.chmod(0o711)  # the embedded PostgreSQL may run as a user of its own, and must get through
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _logged(place: Path) -> Iterator[None]:
    """Logs go to a file beside the state: the screen belongs to the story."""
    with (place / "demo.log").open("a") as file:
        logs.set_up("info", file)
        try:
            yield
        finally:
            logs.set_up("warning")


async def _played(on: Stage, story: str, started: float) -> Told:
    """Play it and look at the books; answers the object that `--json` prints."""
    end, ours, ok = End(), {}, True
    try:
        end = await STORIES[story](on)
        ours = await stories.books_agree(on)
        on.tell("demo", "账本与渠道逐分核对一致", "Our books and the provider's agree to the fen.")
    except (WentWrong, SaidNo, TimeoutError, aiohttp.ClientError) as wrong:
        ok = False
        why = str(wrong) or type(wrong).__name__
        with contextlib.suppress(SaidNo, aiohttp.ClientError, TimeoutError):
            await on.catch_up()
        on.tell("demo", f"没有走到应有的结局：{why}", f"It did not end as it must: {why}")
    if not ours:
        with contextlib.suppress(SaidNo, aiohttp.ClientError, TimeoutError):
            ours = await on.cashier.get("/v1/books")
    return {
        "story": story,
        "ok": ok,
        "seconds": round(monotonic() - started, 2),
        "payment": end.payment,
        "case": end.case,
        "refund": end.refund,
        "timeline": on.timeline.items,
        "ledger": {"balanced": bool(ours.get("balanced")), "moves": int(ours.get("moves", 0))},
    }


def _title(shown: Screen, story: str) -> None:
    shown.line()
    shown.line(shown.ink(f"原路 yuanlu · {story}", "bold"))
    shown.line(headline(story))
    shown.line(
        shown.ink("在起：数据库、模拟渠道、服务、worker  Starting database, providers, service and worker …", "dim")
    )
    shown.line()


_NAMES = {"payment": "收款 payment", "case": "差错 case", "refund": "退款 refund"}


def _ending(shown: Screen, told: dict[str, Any]) -> None:
    shown.line()
    for name, zh_en in _NAMES.items():
        thing = told[name]
        if thing is not None:
            amount = str(Money(thing["amount_fen"]))
            state = f"{thing['state']}{'  ' + thing['conclusion'] if thing.get('conclusion') else ''}"
            shown.line(f"{padded(zh_en, 16)}{thing['id']}  {padded(amount, 11)}{state}")
    ledger = told["ledger"]
    balance = "平衡 balanced" if ledger["balanced"] else "不平 NOT balanced"
    shown.line(f"{padded('账本 ledger', 16)}{balance}, {ledger['moves']} moves")
    verdict = ("结局正确 It ended well", "green") if told["ok"] else ("结局不对 It did not end well", "red")
    shown.line(shown.ink(f"{verdict[0]} · {told['seconds']} s", "bold", verdict[1]))


async def _pages(on: Stage, told: dict[str, Any]) -> list[tuple[str, str]]:
    """Pages to open in a browser: the console, by an invitation for a demo account, and the customer's own page.

    Shape: what each is called, and its address. The account goes with the demo, and says so.
    """
    desk, address = on.app.desk, on.service_address
    boss = await people.add(desk, on.merchant_id, role="owner", name="demo 演示", who="cli:demo")
    token = await signing.invite(desk, on.merchant_id, boss.id, "cli:demo")
    found = [("控制台 console", f"{address}/accept#{token}")]
    if told["payment"]:
        slip = await receipts.token_of(desk, on.merchant_id, told["payment"]["id"], "cli:demo")
        found.append(("顾客的页面", f"{address}/r/{slip}"))
    return found


def _page(shown: Screen, on: Stage, told: dict[str, Any], place: Path, pages: Sequence[tuple[str, str]]) -> None:
    """What to look at while it runs."""
    key, address = on.keys["cashier"], on.service_address
    thing = next((told[name] for name in ("case", "refund", "payment") if told[name] is not None), None)
    payment = f"/v1/payments/{told['payment']['id']}" if told["payment"] else "/v1/payments"
    command = sys.argv[0] if Path(sys.argv[0]).name == "yuanlu" else "yuanlu"
    shown.line()
    shown.line(shown.ink("还在运行，Ctrl-C 结束全部。  Still running: Ctrl-C ends all of it.", "bold"))
    for name, where in (
        *pages,
        ("API", f"{address}/v1/openapi.json"),
        ("API key", key),
        ("metrics", f"{address}/metrics"),
        ("ready?", f"{address}/readyz"),
        ("渠道账本 sim", f"{on.sim_address}/_sim/books"),
        ("logs", str(place / "demo.log")),
    ):
        shown.line(f"  {padded(name, 16)}{where}")
    shown.line()
    shown.line(f"  curl -H 'Authorization: Bearer {key}' {address}{payment}/timeline" if told["payment"] else "")
    shown.line(f"  export YUANLU_STATE={place}")
    shown.line(f"  {command} show {thing['id']}" if thing else f"  {command} payment list")
    shown.line(f"  {command} timeline {thing['id']}" if thing else "")
    shown.line(f"  {command} pay --merchant {on.merchant_id} --till T1 --amount-fen 100 --code {on.codes['wechat_ok']}")
