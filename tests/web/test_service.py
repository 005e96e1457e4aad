"""Keys, callbacks, health, metrics, limits and logs."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
import structlog

from tests.web.conftest import Shop, opened
from yuanlu import ids
from yuanlu.db import Database
from yuanlu.errors import Broken, Busy, Denied
from yuanlu.ids import Kind
from yuanlu.machines import flow as keys
from yuanlu.merchants.store import key_by_secret
from yuanlu.web.parts import auth, logs, problems

CODE = "130123456789012345"


@pytest.mark.parametrize("header", ["", "Bearer", "Basic abc", "Bearer  "])
async def test_without_a_key_nobody_gets_in(bare_shop: Shop, header: str) -> None:
    answer = await bare_shop.get("/v1/tills", authorization=header)
    assert (answer.status, answer.code) == (401, "auth.key_missing")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("text", ["x", "yk_", "yk_YK_x", "yk_" + "A" * 5000, "yk_%00_x", "yk_{key}_wrong", "yk_{key}_"])
async def test_with_a_wrong_key_nobody_gets_in(bare_shop: Shop, text: str) -> None:
    key_id = bare_shop.keys["cashier"].split("_")[1]
    answer = await bare_shop.get("/v1/tills", authorization="Bearer " + text.replace("{key}", key_id))
    assert (answer.status, answer.code) == (401, "auth.key_invalid")


async def test_a_revoked_key_ends_within_a_second_in_every_process(bare_shop: Shop) -> None:
    """Two doors of one installation, as two processes have them: neither hears of the other."""
    here, beside = auth.Doorkeeper(bare_shop.app), auth.Doorkeeper(bare_shop.app)
    header = f"Bearer {bare_shop.keys['cashier']}"
    for door in (here, beside):
        assert (await door.who(header)).merchant_id == bare_shop.merchant_id
    key_id = bare_shop.keys["cashier"].split("_")[1]
    await keys.end(bare_shop.app.desk, bare_shop.merchant_id, key_id, "boss")
    await asyncio.sleep(1)
    for door in (here, beside, auth.Doorkeeper(bare_shop.app)):
        with pytest.raises(Denied, match=r"auth\.key_invalid"):
            await door.who(header)
    assert (await bare_shop.get("/v1/tills")).status == 401


async def test_a_key_that_nothing_happened_to_is_read_once(bare_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    door, asked = auth.Doorkeeper(bare_shop.app), []
    monkeypatch.setattr(auth, "key_by_secret", lambda text: asked.append(text) or key_by_secret(text))
    header = f"Bearer {bare_shop.keys['cashier']}"
    for _ in range(3):
        await door.who(header)
        await asyncio.sleep(auth.EPOCH_SECONDS)
    assert len(asked) == 1


async def test_a_callback_nobody_signed_is_refused_in_the_providers_manner(shop: Shop) -> None:
    before = await shop.counts()
    wechat = await shop.post(f"/callbacks/wechat/{shop.merchant_id}", {"id": "1"})
    assert (wechat.status, wechat.told) == (401, {"code": "FAIL", "message": "callback.forged"})
    alipay = await shop.post(f"/callbacks/alipay/{shop.merchant_id}", raw=b"out_trade_no=1&sign=x")
    assert (alipay.status // 100, alipay.raw) == (4, b"fail")
    assert await shop.counts() == before


@pytest.mark.parametrize("path", ["wechat/{none}", "alipay/{none}", "wechat/x", "wechat/%00", "unionpay/{shop}"])
async def test_a_callback_for_nobody_is_refused(shop: Shop, path: str) -> None:
    path = path.replace("{none}", ids.new(Kind.MERCHANT)).replace("{shop}", shop.merchant_id)
    answer = await shop.post(f"/callbacks/{path}", raw=b"x")
    assert answer.status == 404


async def test_a_callback_that_is_too_large_is_refused(shop: Shop) -> None:
    answer = await shop.post(f"/callbacks/wechat/{shop.merchant_id}", raw=b"x" * (64 * 1024 + 1))
    assert answer.status == 413


@pytest.mark.parametrize(("trouble", "status"), [(Busy("x"), 503), (Broken("our secret inside"), 500)])
async def test_news_that_cannot_be_taken_in_now_is_sent_again(
    bare_shop: Shop, monkeypatch: pytest.MonkeyPatch, trouble: Exception, status: int
) -> None:
    async def refuse(*_: Any) -> Any:
        raise trouble

    monkeypatch.setattr(bare_shop.app, "overhear", refuse)
    answer = await bare_shop.post(f"/callbacks/wechat/{bare_shop.merchant_id}", raw=b"x")
    assert (answer.status, answer.told["code"]) == (status, "FAIL")
    assert "secret" not in answer.raw.decode()
    answer = await bare_shop.post(f"/callbacks/alipay/{bare_shop.merchant_id}", raw=b"x")
    assert (answer.status, answer.raw) == (status, b"fail")


async def test_it_is_alive_and_ready(bare_shop: Shop) -> None:
    assert (await bare_shop.get("/healthz", authorization="")).status == 200
    ready = await bare_shop.get("/readyz", authorization="")
    assert (ready.status, ready.told) == (200, {"ready": True, "database": True, "recorder": True})


async def test_without_its_database_it_is_alive_and_not_ready(bare_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        async def fetchval(self, *_: Any) -> None:
            raise asyncpg.CannotConnectNowError("starting")

    pools = SimpleNamespace(recorder=Away(), reader=None, close=bare_shop.app.pools.close)
    with monkeypatch.context() as patched:
        patched.setattr(bare_shop.app, "pools", pools)
        assert (await bare_shop.get("/healthz")).status == 200
        answer = await bare_shop.get("/readyz")
        assert (answer.status, answer.told["database"]) == (503, False)


async def test_metrics_count_what_happened_without_naming_anybody(shop: Shop) -> None:
    """S86."""
    wish = shop.wish()
    await shop.post("/v1/payments", wish)
    await shop.post("/v1/refunds", {"id": ids.new(Kind.REFUND), "payment": wish["id"], "amount_fen": 100})
    await shop.work()
    await shop.get("/no/such/page")
    page = (await shop.get("/metrics", authorization="")).raw.decode()
    for line in (
        'yuanlu_payments_ended_total{channel="wechat",state="PAID"} 1.0',
        'yuanlu_refunds_turned_total{channel="wechat",state="RESERVED"} 1.0',
        'yuanlu_facts_total{kind="RefundSent"} 1.0',
        'yuanlu_request_seconds_count{method="POST",route="/v1/payments",status="201"} 1.0',
        'yuanlu_request_seconds_count{method="GET",route="other",status="404"} 1.0',
        'yuanlu_channel_call_seconds_count{channel="wechat",operation="pay",word="settled"} 1.0',
        "yuanlu_jobs_due 0.0",
        "yuanlu_recorder_waiting 0.0",
    ):
        assert line in page
    assert wish["id"] not in page
    assert shop.merchant_id not in page


async def test_more_calls_than_it_can_hold_are_told_to_come_again(database: Database, tmp_path: Path) -> None:
    async with opened(database, tmp_path, calls_max=0) as shop:
        answer = await shop.get("/v1/tills")
        assert (answer.status, answer.code) == (503, "service.busy")
        assert answer.headers["retry-after"] == "2"


async def test_a_bug_of_ours_is_told_without_its_insides_and_logged_without_secrets(
    bare_shop: Shop, monkeypatch: pytest.MonkeyPatch, lines: io.StringIO
) -> None:
    async def break_down(*_: Any) -> Any:
        raise RuntimeError(f"bad luck with {CODE}")

    monkeypatch.setattr(bare_shop.app.desk, "decide", break_down)
    answer = await bare_shop.post("/v1/payments", bare_shop.wish(code=CODE), x_request_id="till-7-0001")
    assert (answer.status, answer.code) == (500, "service.broken")
    assert "luck" not in answer.raw.decode()
    logged = lines.getvalue()
    assert "bad luck with ****2345" in logged
    assert CODE not in logged
    assert bare_shop.keys["cashier"] not in logged
    assert all(json.loads(line)["request"] == "till-7-0001" for line in logged.splitlines())


@pytest.fixture
def lines() -> Any:
    """What is logged while the test runs."""
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    logs.set_up("debug", stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (CODE, "****2345"),
        ("code=1301 2345 6789 0123 45.", "code=****3 45."),
        ("card 6222-0202-0011-2233-445!", "card ****-445!"),
        ("key yk_YK01ABC_s3cr-et end", "key *** end"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("order 4200067130202611230000000001", "order 4200067130202611230000000001"),
        ("YP01M83A34ZBYXREVXAYQY9KV9072", "YP01M83A34ZBYXREVXAYQY9KV9072"),
        ("¥12.80 at 2026-11-23 10:00:00", "¥12.80 at 2026-11-23 10:00:00"),
    ],
)
def test_what_must_not_be_told_is_masked(text: str, shown: str) -> None:
    """S36."""
    assert logs.masked(text) == shown


def test_a_line_of_the_log_hides_secrets_wherever_they_stand(lines: io.StringIO) -> None:
    log = structlog.get_logger("test")
    key = "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----"
    log.info(
        "charged",
        card_number="6222",
        body={"auth": f"x {CODE}", "token": "t0k"},
        parts=[int(CODE)],
        pem=key,
        amount_fen=1280,
    )
    logging.getLogger("library").warning("sent %s", CODE)
    try:
        int(f"x{CODE}")
    except ValueError:
        log.exception("failed")
    said = lines.getvalue()
    assert CODE not in said
    assert "abc" not in said
    first, second, third = (json.loads(line) for line in said.splitlines())
    assert (first["card_number"], first["body"]["token"], first["amount_fen"]) == ("***", "***", 1280)
    assert second["event"] == "sent ****2345"
    assert "x****2345" in third["exception"]


@pytest.mark.parametrize(
    ("wish", "language"),
    [
        ("", "en"), ("en-GB", "en"), ("zh-CN,zh;q=0.9", "zh"), ("en;q=0.5, zh;q=0.6", "zh"), ("fr", "en"),
        ("zh;q=x", "en"), ("zh;q=0", "en"), ("*", "en"),
    ],
)  # fmt: skip
def test_the_language_of_a_problem_follows_the_wish(wish: str, language: str) -> None:
    assert problems.language(wish) == language


async def test_who_stops_serving_lets_calls_end(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database, tmp_path) as shop:
        see = shop.app.desk.see

        async def slowly(view: Any) -> Any:
            await asyncio.sleep(0.3)
            return await see(view)

        monkeypatch.setattr(shop.app.desk, "see", slowly)
        asked = asyncio.create_task(shop.get("/v1/tills"))
        await asyncio.sleep(0.1)
    assert (await asked).status == 200
