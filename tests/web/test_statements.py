"""Statements over HTTP and at the terminal: asked for, handed in, listed, read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests import statements as made
from tests.web.conftest import Shop
from tests.web.test_review import hire
from yuanlu.cli import main
from yuanlu.clock import business_day


def yesterday() -> str:
    return (business_day(datetime.now(UTC)) - timedelta(days=1)).isoformat()


async def handed_in(shop: Shop, content: bytes, how: str = "?name=bill.csv", **given: Any) -> Any:
    return await shop.call(
        "POST", f"/v1/statements{how}", raw=content, content_type="application/octet-stream", **given
    )


async def test_a_statement_is_handed_in_once_shown_and_listed(shop: Shop) -> None:
    """S54."""
    content = made.gzipped(made.wechat(made.payment(1), made.refund(2)))
    first = await handed_in(shop, content)
    assert first.status == 200
    told = first.told
    assert (told["state"], told["date"], told["layout"], told["lines"], told["agrees"], told["problems"]) == (
        "TAKEN", "2026-11-22", "wechat_all", 2, True, [],
    )  # fmt: skip
    assert (await handed_in(shop, content)).told == told
    assert (await shop.get(f"/v1/statements/{told['id']}")).told == told
    assert [each["id"] for each in (await shop.get("/v1/statements?channel=wechat")).told["items"]] == [told["id"]]
    assert (await shop.get("/v1/statements?channel=alipay")).told["items"] == []
    assert (await shop.get(f"/v1/statements/{told['id']}", who="neighbour")).code == "statement.unknown"
    assert (await shop.get("/v1/statements", who="neighbour")).told["items"] == []


async def test_what_is_wrong_in_a_statement_is_told_in_both_languages(shop: Shop) -> None:
    """S77."""
    lines = made.wechat_lines([made.payment(1)])
    told = (await handed_in(shop, made.written([*lines[:-1], lines[-1].replace("`12.80", "`12.90")]))).told
    assert told["agrees"] is False
    problem = told["problems"][0]
    assert (problem["code"], problem["what"], problem["said"], problem["read"]) == (
        "summary_disagrees", "settled_fen", 1290, 1280,
    )  # fmt: skip
    assert "1290" in problem["zh"]
    assert "1280" in problem["en"]


@pytest.mark.parametrize(
    ("content", "how", "code"),
    [
        (b"", "?name=a", "statement.empty"),
        (b"hello\n", "?name=a", "statement.not_one"),
        (made.wechat(made.payment(1, 商户号="1900000999")), "", "statement.other_account"),
        (made.wechat(made.payment(1)), "?channel=unionpay", "statement.other_channel"),
        (made.wechat(made.payment(1)), "?date=2026-11-01", "statement.other_day"),
    ],
)
async def test_what_is_no_statement_of_ours_is_refused(shop: Shop, content: bytes, how: str, code: str) -> None:
    assert (await handed_in(shop, content, how)).code == code
    assert (await shop.get("/v1/statements")).told["items"] == []


async def test_a_day_is_asked_for_and_goes_on_being_asked_for(shop: Shop) -> None:
    wish = {"channel": "wechat", "date": yesterday()}
    asked = await shop.post("/v1/statements/fetch", wish)
    assert asked.status == 200
    assert {(each["paper"], each["state"], each["code"]) for each in asked.told["items"]} == {
        ("trades", "WAITING", "NO_STATEMENT_EXIST"), ("flow", "WAITING", "NO_STATEMENT_EXIST"),
    }  # fmt: skip
    everywhere = (await shop.post("/v1/statements/fetch", {"date": yesterday(), "papers": ["trades"]})).told["items"]
    assert {(each["channel"], each["paper"]) for each in everywhere} == {("wechat", "trades"), ("alipay", "trades")}
    page = (await shop.get("/v1/statements?limit=1&channel=wechat")).told
    rest = (await shop.get(f"/v1/statements?limit=1&channel=wechat&after={page['next']}")).told
    assert {page["items"][0]["paper"], rest["items"][0]["paper"]} == {"trades", "flow"}
    assert rest["next"] is None
    today = business_day(datetime.now(UTC)).isoformat()
    assert (await shop.post("/v1/statements/fetch", wish | {"date": today})).code == "statement.day_not_over"
    assert (await shop.post("/v1/statements/fetch", wish | {"channel": "unionpay"})).code == "channel.unknown"


async def test_a_cashier_neither_asks_nor_hands_in(shop: Shop) -> None:
    await hire(shop, "zhang", "cashier")
    wish = {"channel": "wechat", "date": yesterday()}
    assert (await shop.post("/v1/statements/fetch", wish, who="zhang")).code == "staff.not_allowed"
    assert (await handed_in(shop, made.wechat(made.payment(1)), who="zhang")).code == "staff.not_allowed"


# At the terminal, without an installation


def read(tmp_path: Path, content: bytes, *options: str) -> Result:
    file = tmp_path / "bill.csv"
    file.write_bytes(content)
    return CliRunner().invoke(main, ["statement", "read", str(file), *options])


def test_a_file_is_read_to_one_object(tmp_path: Path) -> None:
    done = read(tmp_path, made.wechat(made.payment(1), made.refund(2)), "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 0
    assert list(told) == ["channel", "layout", "rows", "summary", "summary_agrees", "problems"]
    assert (told["channel"], told["layout"], told["summary_agrees"], told["problems"]) == (
        "wechat",
        "wechat_all",
        True,
        [],
    )
    assert [row["amount_fen"] for row in told["rows"]] == [1280, 500]
    assert told["rows"][0]["at"] == "2026-11-22T02:00:01Z"
    empty = json.loads(read(tmp_path, made.wechat(), "--json").stdout)
    assert (empty["rows"], empty["summary"]["count"]) == ([], 0)


def test_a_file_is_shown_as_a_table(tmp_path: Path) -> None:
    done = read(tmp_path, made.wechat(*(made.payment(serial) for serial in range(1, 31))))
    assert done.exit_code == 0
    assert "30 rows" in done.stdout
    assert "10 more" in done.stdout
    assert "totals agree" in done.stdout
    worse = read(tmp_path, made.written(made.wechat_lines([made.payment(1)])[:2]))
    assert "no totals" in worse.stdout


def test_a_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    done = read(tmp_path, made.wechat(made.payment(1, 商户订单号="YP\x1b[2J")))
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("content", "options", "code"),
    [
        (b"hello\n", (), "statement.not_one"),
        ("微信支付账单明细,,\n".encode(), (), "statement.personal_export"),
        (made.wechat(made.payment(1, 微信订单号="4.2E+27")), (), "statement.spoilt"),
        (made.wechat(made.payment(1)), ("--channel", "alipay"), "statement.other_channel"),
    ],
)
def test_what_is_no_statement_ends_with_two_and_a_sentence(
    tmp_path: Path, content: bytes, options: tuple[str, ...], code: str
) -> None:
    done = read(tmp_path, content, "--json", *options)
    assert done.exit_code == 2
    assert json.loads(done.stdout)["code"] == code
    assert done.stderr.strip()
