"""The command `yuanlu`, as a person or a script calls it: real processes on an installation of their own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from stdnum import luhn

from tests import forked, statements
from tests.flows import files
from yuanlu import ids
from yuanlu.cli import main
from yuanlu.clock import CHINA
from yuanlu.ids import Kind
from yuanlu.postgres import Server
from yuanlu.terminal import screen
from yuanlu.web.parts.veil import COVER

ROOT = Path(__file__).resolve().parents[2]
WITHIN = 90.0


@dataclass(frozen=True)
class Shop:
    """An installation with sim beside it, and one merchant."""

    state: Path
    sim: dict[str, Any]
    merchant: dict[str, Any]
    server: Server

    async def rows(self) -> list[int]:
        """How many objects there are, of every kind that a verb makes."""
        connection = await self.server.connect("yuanlu")
        try:
            tables = ("payments", "refunds", "cases", "facts", "jobs", "merchants", "api_keys")
            return [await connection.fetchval(f"select count(*) from {table}") for table in tables]
        finally:
            await connection.close()

    def run(self, *arguments: str, heard: str = "", **named: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return forked.run(arguments, environment(YUANLU_STATE=str(self.state), **named), heard, WITHIN)

    def told(self, *arguments: str, heard: str = "") -> Any:
        """The JSON that a command prints, which must have gone well."""
        done = self.run(*arguments, heard=heard)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def denied(self, *arguments: str) -> tuple[dict[str, Any], str]:
        """The problem a command prints, and its words: a rule must have said no."""
        done = self.run(*arguments)
        assert done.returncode == 2, done.stdout + done.stderr
        return json.loads(done.stdout), done.stderr

    def paid(self, habit: str, amount_fen: int, *more: str) -> Any:
        code = self.sim["payer_codes"][habit]
        return self.told("pay", "--till", "T1", "--amount-fen", str(amount_fen), "--code", code, *more)


def environment(**named: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("YUANLU_")}
    return {**clean, "PYTHONPATH": str(ROOT), **named}


@contextmanager
def process(*arguments: str, **named: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A command that stays, and the first line it says; killed if it is still there in the end."""
    started = subprocess.Popen(
        [sys.executable, "-m", "yuanlu", *arguments],
        env=environment(**named), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert started.stdout is not None
    assert started.stderr is not None
    try:
        yield started, started.stdout.readline() if arguments[0] != "sim" else ""
    finally:
        started.kill()
        started.wait()
        started.stdout.close()
        started.stderr.close()


@pytest.fixture(scope="module")
async def shop(spot: Path) -> AsyncIterator[Shop]:
    """An installation whose database stays up between commands, without a worker."""
    place = spot / "cli"
    place.mkdir()
    place.chmod(0o711)
    with process("sim", "--port", "0", "--dir", str(place / "sim")) as (served, _):
        async with Server(place / "state") as server:
            file = place / "sim" / "sim.json"
            while not file.exists():
                assert served.poll() is None
            bare = Shop(place / "state", json.loads(file.read_text()), {}, server)
            yield replace(bare, merchant=bare.told("merchant", "import-sim", str(file), "--json"))


def test_a_payment_is_charged_and_printed_as_the_api_tells_it(shop: Shop) -> None:
    payment = shop.paid("wechat_ok", 12800)
    assert (payment["state"], payment["amount_fen"], payment["till"]) == (
        "PAID",
        12800,
        shop.merchant["tills"][0]["id"],
    )
    assert payment["opened_by"].startswith("cli:")


def test_charging_again_under_the_same_id_is_the_same_payment(shop: Shop) -> None:
    number = ids.new(Kind.PAYMENT)
    first = shop.paid("alipay_ok", 700, "--id", number)
    assert shop.paid("alipay_ok", 700, "--id", number) == first
    problem, words = shop.denied("pay", "--till", "T1", "--amount-fen", "701", "--id", number,
                                 "--code", shop.sim["payer_codes"]["alipay_ok"])  # fmt: skip
    assert problem["code"] == "payment.id_taken"
    assert re.search("[\u4e00-\u9fff]", words)


def test_pay_stands_by_until_the_password_is_typed(shop: Shop) -> None:
    """S39."""
    assert shop.paid("alipay_password", 900)["state"] == "PAID"


def test_a_payment_nobody_waits_for_is_given_up_and_reversed(shop: Shop) -> None:
    payment = shop.paid("alipay_walks_away", 900, "--wait", "0")
    assert payment["state"] == "SENT"
    assert shop.told("payment", "cancel", payment["id"])["state"] == "REVERSED"


def test_our_own_qr_is_shown_and_the_code_may_come_on_standard_input(shop: Shop) -> None:
    shown = shop.told("pay", "--till", "T2", "--amount-fen", "300", "--show", "alipay", "--wait", "0")
    assert (shown["state"], shown["qr"].startswith("https://")) == ("SHOWN", True)
    code = shop.sim["payer_codes"]["wechat_ok"]
    paid = shop.told("pay", "--till", shop.merchant["tills"][1]["id"], "--amount-fen", "300", "--code", "-",
                     heard=code + "\n")  # fmt: skip
    assert paid["state"] == "PAID"


def test_a_case_is_put_right_without_a_worker(shop: Shop) -> None:
    """S46. S52."""
    payment = shop.paid("alipay_ok", 12800)
    case = shop.told("case", "open", payment["id"], "--what", "wrong_amount", "--meant-fen", "1280")
    assert (case["state"], case["conclusion"], case["amount_fen"]) == ("CLOSED", "money_back", 11520)
    refund = shop.told("show", case["refund"])
    assert (refund["state"], refund["amount_fen"]) == ("DONE", 11520)
    told = shop.told("timeline", case["id"], "--json")
    assert told["items"][0]["kind"] == "PaymentOpened"
    assert "CaseClosed" in [item["kind"] for item in told["items"]]


def test_a_refund_goes_back_at_once_and_never_more_than_is_left(shop: Shop) -> None:
    payment = shop.paid("alipay_ok", 1000)
    refund = shop.told("refund", payment["id"], "--amount-fen", "600", "--reason", "returned goods")
    assert (refund["state"], refund["amount_fen"]) == ("DONE", 600)
    problem, words = shop.denied("refund", payment["id"], "--amount-fen", "401")
    assert (problem["code"], problem["rest_fen"]) == ("refund.over_limit", 400)
    assert "You can refund up to ¥4.00." in words
    assert shop.told("payment", "show", payment["id"])["back_fen"] == 600


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("pay", "--till", "T9", "--amount-fen", "1", "--code", "134599991234567890"), "till.unknown"),
        (("pay", "--till", "T1", "--amount-fen", "1", "--code", "6901234567892"), "scan.not_payable"),
        (("pay", "--till", "T1", "--amount-fen", "0", "--code", "134599991234567890"), "payment.amount"),
        (("pay", "--till", "T1", "--amount-fen", "999999999999999", "--code", "1"), "money.too_large"),
        (("refund", "YP", "--amount-fen", "1"), "refund.payment_unknown"),
        (("show", "YP01KATE3S40000000000000000S9"), "id.invalid"),
        (("pay", "--merchant", "nobody", "--till", "T1", "--amount-fen", "1", "--code", "1"), "merchant.unknown"),
    ],
)
async def test_what_a_rule_denies_is_told_and_changes_nothing(
    shop: Shop, arguments: tuple[str, ...], code: str
) -> None:
    before = await shop.rows()
    problem, words = shop.denied(*arguments)
    assert problem["code"] == code
    assert len(words.splitlines()) == 2
    assert await shop.rows() == before


def test_a_code_is_hung_looked_at_and_traced(shop: Shop) -> None:
    """S38, S47."""
    hung = shop.told("code", "add", "-", "--till", "T1", "--place", "door", heard="wxp://f2f0abcdefghijklmnop\n")
    assert (hung["standing"], hung["place"], hung["tail"]) == ("current", "door", "mnop")
    assert shop.told("code", "list", "--due")["items"] == []
    assert shop.told("code", "audit", hung["id"], "--found", "covered")["standing"] == "suspect"
    assert [each["id"] for each in shop.told("code", "list", "--due")["items"]] == [hung["id"]]
    traced = shop.told("trace", "wxp://f2f0abcdefghijklmnop")
    assert (traced["whose"], traced["code"], traced["standing"]) == ("yours", hung["id"], "suspect")
    assert shop.told("code", "retire", hung["id"])["state"] == "RETIRED"
    assert shop.denied("trace", "134567890123456789")[0]["code"] == "trace.unreadable"


def test_goods_are_imported_and_the_guards_of_a_store_tuned_and_counted(shop: Shop, tmp_path: Path) -> None:
    """S44. S88."""
    file = tmp_path / "goods.csv"
    file.write_text("条码,名称,价格\n6901234567892,水,2\n1,坏,1\n")
    assert shop.told("goods", "import", str(file), "--dry-run")["bad"][0]["line"] == 3
    assert shop.told("goods", "import", str(file), "--skip-bad")["changed"] == 1
    (water,) = shop.told("goods", "list", "--barcode", "6901234567892")["items"]
    assert shop.told("goods", "put", "--id", water["id"], "--barcode", "6901234567892", "--name-zh", "水",
                     "--price-fen", "250")["price_fen"] == 250  # fmt: skip
    store = shop.told("tills")["items"][0]["store"]
    assert shop.told("guards", "show")["own"] == []
    tuned = shop.told("guards", "tune", "--store", store, "--off", "amount.under", "--off", "amount.big",
                      "--twice-within", "30")  # fmt: skip
    assert (tuned["off"], tuned["twice_within"]) == (["amount.big", "amount.under"], 30)
    assert shop.told("guards", "show", "--store", store) == tuned
    assert shop.denied("guards", "tune", "--store", store, "--twice-within", "1")[0]["where"] == "--twice-within"
    assert shop.told("guards", "tune", "--store", store, "--all-on")["own"] == ["off"]
    assert shop.told("guards", "asked", "--days", "31", "--store", store)["items"] == []


def test_the_merchant_is_listed_and_its_keys_come_and_go(shop: Shop) -> None:
    listed = shop.told("merchant", "list", "--json")
    assert [(item["id"], item["tills"]) for item in listed["items"]] == [(shop.merchant["merchant_id"], 2)]
    key = shop.told("key", "make", "--actor", "stock", "--scope", "read", "--days", "9")
    assert key["api_key"].startswith(f"yk_{key['key_id']}_")
    assert (key["scopes"], key["standing"]) == (["read"], "in_use")
    newer = shop.told("key", "rotate", key["key_id"], "--grace-hours", "2")
    assert newer["standing"] == "rotating"
    assert newer["api_key"] != key["api_key"]
    listed = shop.run("key", "list").stdout
    assert "stock" in listed
    assert newer["api_key"].rpartition("_")[2] not in listed
    assert shop.told("key", "end", key["key_id"])["standing"] == "ended"
    assert shop.denied("key", "end", key["key_id"])[0]["code"] == "key.unknown"


def test_a_till_is_invited_and_closed_at_the_terminal(shop: Shop) -> None:
    invited = shop.told("key", "enrol", "T2", "--scope", "charge")
    assert re.fullmatch(r"([0-9A-Z]{4}-){2}[0-9A-Z]{4}", invited["code"])
    assert shop.told("key", "close-till", "T2")["closed_at"]
    assert shop.denied("key", "enrol", "T2")[0]["code"] == "till.gone"


async def test_a_file_that_is_not_sims_makes_no_merchant(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "sim.json"
    file.write_text(json.dumps({**shop.sim, "alipay": {"gateway": "x"}}))
    before = await shop.rows()
    problem, _ = shop.denied("merchant", "import-sim", str(file), "--json")
    assert problem["code"] == "channel.config_invalid"
    assert await shop.rows() == before


def test_serve_says_when_it_answers_and_stops_cleanly(shop: Shop) -> None:
    with process("serve", "--port", "0", "--with-worker", YUANLU_STATE=str(shop.state)) as (served, line):
        address = line.removeprefix("ready at ").strip()
        assert re.fullmatch(r"http://localhost:\d+", address)
        asked = urllib.request.Request(
            f"{address}/v1/payments", headers={"Authorization": f"Bearer {shop.merchant['api_key']}"}
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert "items" in json.load(answer)
        taken = shop.run("serve", "--port", address.rpartition(":")[2])
        assert (taken.returncode, "It may be taken" in taken.stderr) == (2, True)
        served.send_signal(signal.SIGTERM)
        assert served.wait(timeout=30) == 0


def test_a_new_installation_has_no_password_and_prints_a_link_for_its_first_owner(spot: Path) -> None:
    """S33."""
    place = spot / "new"
    place.mkdir()
    place.chmod(0o711)
    password = place / "password"
    password.write_text("seven green 4 ladders sing\n")
    fresh = Shop(place / "state", {}, {}, None)  # type: ignore[arg-type]
    with process("serve", "--port", "0", YUANLU_STATE=str(fresh.state)) as (served, _):
        assert served.stdout is not None
        served.stdout.readline()
        link = served.stdout.readline().strip()
        assert re.fullmatch(r"http://localhost:\d+/accept#yo_[0-9A-Z]{29}_[A-Za-z0-9-]{43}", link)
        accept = ("staff", "accept", link, "--password-file", str(password), "--name", "王芳", "--shop", "原路小店")
        owner = fresh.told(*accept, "--json")
        assert owner["role"] == "owner"
        assert fresh.denied(*accept, "--json")[0]["code"] == "signin.invitation_invalid"
        wish = json.dumps({"account": owner["account"], "password": password.read_text().strip()}).encode()
        asked = urllib.request.Request(
            f"{link.partition('/accept')[0]}/v1/sessions", data=wish, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert json.load(answer)["token"].startswith("ys_")
        assert fresh.told("staff", "sign-out", owner["account"])["ended"] == 1
        told = fresh.told("staff", "invite", owner["account"])
        again = ("staff", "accept", told["link"], "--password-file", str(password), "--json")
        assert fresh.denied(*again)[0]["code"] == "signin.password_used"
    with process("serve", "--port", "0", YUANLU_STATE=str(fresh.state)) as (served, _):
        served.send_signal(signal.SIGTERM)
        assert served.communicate(timeout=30)[0] == ""  # somebody is there: no link any more


def test_a_worker_stops_cleanly(shop: Shop) -> None:
    with process("worker", YUANLU_STATE=str(shop.state)) as (working, line):
        assert line == "working\n"
        working.send_signal(signal.SIGINT)
        assert working.wait(timeout=30) == 0


def test_the_database_is_told_migrated_and_opened(shop: Shop) -> None:
    url = shop.run("db").stdout.strip()
    assert url.startswith("postgresql://")
    assert shop.run("db", "migrate").stdout == "up to date\n"
    assert shop.run("db", "psql", "--", "-Atc", "select count(*) from merchants").stdout == "1\n"


async def test_the_audit_log_is_anchored_and_names_what_was_changed(shop: Shop, tmp_path: Path) -> None:
    payment = shop.paid("wechat_ok", 4300)
    await asyncio.sleep(6)  # what is younger than five seconds may not be complete
    anchors = tmp_path / "anchors.jsonl"
    assert shop.run("audit", "anchor", "-o", str(anchors)).returncode == 0
    assert shop.told("audit", "verify", "--anchors", str(anchors), "--json")["ok"]
    connection = await shop.server.connect("yuanlu")
    try:
        change = "update facts set who = $1 where object_id = $2 and kind = 'PaymentPaid' returning transition"
        who = await connection.fetchval(
            "select who from facts where object_id = $1 and kind = 'PaymentPaid'", payment["id"]
        )
        place = await connection.fetchval(change, "somebody", payment["id"])
        found = shop.run("audit", "verify", "--anchors", str(anchors), "--json")
        await connection.execute(change, who, payment["id"])
    finally:
        await connection.close()
    (wrong,) = json.loads(found.stdout)["merchants"][0]["problems"]
    assert (found.returncode, wrong["wrong"]) == (1, "changed")
    assert wrong["name"].startswith(f"fact {payment['id']} {place}.")
    assert "✓" in shop.run("audit", "verify", "--anchors", str(anchors)).stdout
    anchors.write_text("x")
    problem, _ = shop.denied("audit", "verify", "--anchors", str(anchors), "--json")
    assert problem["code"] == "audit.anchor_unreadable"


def test_an_unknown_setting_is_told_and_trouble_is_one_line(shop: Shop) -> None:
    slip = shop.run("merchant", "list", YUANLU_PROT="1")
    assert (slip.returncode, "YUANLU_PROT" in slip.stderr) == (2, True)
    trouble = shop.run("merchant", "list", "--state", "/proc/nowhere")
    assert (trouble.returncode, trouble.stderr.count("\n"), "Traceback" in trouble.stderr) == (1, 1, False)


# --- what needs no installation ---


@pytest.mark.parametrize(
    ("arguments", "kind", "wallet", "ok"),
    [
        (("134599991234567890",), "payment_code", "wechat", True),
        (("6901234567892",), "goods", None, False),
        (("https://qr.alipay.com/fkx01234abcdefgh",), "receiving_code", "alipay", False),
        (("4111111111111111", "--typed"), "card_number", None, False),
        (("",), "unknown", None, False),
    ],
)
def test_recognise_tells_what_a_text_is(arguments: tuple[str, ...], kind: str, wallet: str | None, ok: bool) -> None:
    done = CliRunner().invoke(main, ["recognise", *arguments, "--json"])
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert list(told) == ["kind", "wallet", "ok", "advice_zh", "advice_en"]
    assert (told["kind"], told["wallet"], told["ok"]) == (kind, wallet, ok)


def test_recognise_tells_people_in_both_languages() -> None:
    done = CliRunner().invoke(main, ["recognise", "6901234567892"])
    assert "这是商品条码。请让顾客打开“付款码”，再扫一次。" in done.stdout
    assert "That's a product barcode." in done.stdout


LOADED = """
import sys
from yuanlu.cli import main
try:
    main(["recognise", "6901234567892"])
except SystemExit:
    print(sorted({"asyncpg", "aiohttp", "litestar", "asyncio", "msgspec"} & set(sys.modules)))
"""


def test_recognise_loads_no_library_it_does_not_need() -> None:
    seen = subprocess.run(
        [sys.executable, "-c", LOADED],
        env=environment(), capture_output=True, text=True, timeout=WITHIN, check=True,
    )  # fmt: skip
    assert seen.stdout.splitlines()[-1] == "[]"


def test_diagnose_tells_what_a_code_means_by_operation() -> None:
    def told(*arguments: str) -> Any:
        done = CliRunner().invoke(main, ["diagnose", *arguments, "--json"])
        assert done.exit_code == 0
        return json.loads(done.stdout)

    charged, back = told("wechat_v2", "NOTENOUGH"), told("wechat_v2", "NOTENOUGH", "--operation", "refund")
    assert list(charged) == ["cause", "outcome", "retry", "cashier_action_zh", "cashier_action_en"]
    assert charged != back
    assert told("wechat", "NOBODY_KNOWS")["retry"] == "query_first"
    assert CliRunner().invoke(main, ["diagnose", "nobody", "X"]).exit_code == 2


@pytest.mark.parametrize("amount", ["12.8", "1e3", "1_000", "１２", "NaN", ""])
def test_an_amount_is_a_whole_number_in_plain_digits(amount: str) -> None:
    done = CliRunner().invoke(main, ["pay", "--till", "T1", "--amount-fen", amount, "--code", "1"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "is not a whole number of fen" in done.stderr


@pytest.mark.parametrize("both", [[], ["--code", "1", "--show", "wechat"]])
def test_a_payment_is_either_scanned_or_shown(both: list[str]) -> None:
    done = CliRunner().invoke(main, ["pay", "--till", "T1", "--amount-fen", "1", *both])
    assert (done.exit_code, "either --code or --show" in done.stderr) == (2, True)


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


COMMANDS = list(commands(main))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_shows_an_example(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, [*path, "--help"])
    assert done.exit_code == 0
    assert re.search(rf"Example:\n +yuanlu {' '.join(path)}", done.stdout)


def test_a_file_is_handed_in_listed_and_opened_on_the_terminal(desk: Desk, tmp_path: Path) -> None:
    """S59, S57: the same verbs on the terminal. Opened with a key of one's own."""
    shop, anna = desk.shop, desk.key("anna")
    payment = shop.paid("wechat_ok", 4200)
    case = shop.told("case", "open", payment["id"], "--what", "other")["id"]
    photo = tmp_path / "小票.jpg"
    photo.write_bytes(files.jpeg_with_everything())
    told = shop.told("file", "add", case, str(photo), "--internal")
    assert (told["name"], told["audience"], told["taken_by"][:4]) == (COVER, "internal", "cli:")
    assert [each["name"] for each in shop.told("file", "list", case, *anna)["items"]] == ["小票.jpg"]
    assert [each["id"] for each in shop.told("file", "list", case)["items"]] == [told["id"]]
    out = tmp_path / "out.jpg"
    assert shop.denied("file", "get", told["id"], "-o", str(out))[0]["code"] == "key.file_needed"
    assert shop.told("file", "get", told["id"], "-o", str(out), "--why", "audit", *anna)["opened_times"] == 1
    assert hashlib.sha256(out.read_bytes()).hexdigest() == told["sha256"]
    assert out.stat().st_mode & 0o077 == 0
    problem, _ = shop.denied("file", "get", told["id"], "-o", str(out), *anna)
    assert problem["code"] == "file.unwritable"
    shown = shop.run("file", "get", told["id"], "-o", str(tmp_path / "one.jpg"), *desk.key("anna"))
    assert (told["searched"], "卡号" in shown.stderr) == (True, False)
    unread = json.loads(shop.run("file", "add", case, str(photo), "--json", YUANLU_OCR="off").stdout)
    assert (unread["searched"], "卡号" in unread["says_zh"]) == (False, True)
    shown = shop.run("file", "get", unread["id"], "-o", str(tmp_path / "two.jpg"), *desk.key("anna"))
    assert json.loads(shown.stdout)["searched"] is False
    assert "没能可靠查遍卡号和证件号" in shown.stderr
    problem, _ = shop.denied("file", "add", case, str(tmp_path / "missing.jpg"))
    assert problem["code"] == "file.unreadable"
    photo.write_bytes(files.SVG)
    problem, words = shop.denied("file", "add", case, str(photo))
    assert (problem["code"], problem["looks_like"]) == ("file.type", "svg")
    assert "不收这种文件" in words


def test_talk_is_written_down_on_the_terminal_by_hand_and_by_a_ready_reply(desk: Desk) -> None:
    """S56, S71."""
    shop = desk.shop
    card = "4" + "2" * 14
    card += luhn.calc_check_digit(card)
    payment = shop.paid("wechat_ok", 4400)
    opened = shop.told("case", "open", payment["id"], "--what", "other", "--said", f"卡号 {card}")
    assert (opened["said"], opened["masked"]) == (COVER, ["card"])
    case = opened["id"]
    assert "received" in {one["name"] for one in shop.told("case", "replies")["items"]}
    shop.told("case", "say", case, "--template", "received", "--lang", "zh")
    told = shop.told("case", "say", case, "--say", f"顾客报了 {card}", "--side", "customer", "--how", "phone")
    assert told["masked"] == ["card"]
    assert shop.told("case", "show", case)["case"]["said"] == COVER
    shown = shop.told("case", "show", case, *desk.key("anna"))
    assert shown["case"]["said"] == f"卡号 ****{card[-4:]}"
    said = [(one["side"], one["how"], one["reply"]) for one in shown["thread"]["items"] if one["side"]]
    assert said == [("customer", "written", ""), ("staff", "written", "received"), ("customer", "phone", "")]
    assert card not in str(shown)
    problem, words = shop.denied("case", "say", case, "--template", "thanks")
    assert (problem["code"], "话术" in words) == ("case.reply_unknown", True)
    for both in ([], ["--say", "你好", "--template", "received"], ["--template", "received", "--internal"]):
        assert shop.denied("case", "say", case, *both)[0]["code"] == "request.invalid"


def test_a_customers_data_is_exported_and_an_open_case_is_not_erased_on_the_terminal(
    shop: Shop, tmp_path: Path
) -> None:
    """S57, S66."""
    payment = shop.paid("wechat_ok", 4300)
    case = shop.told("case", "open", payment["id"], "--what", "other")["id"]
    out = tmp_path / "customer.zip"
    told = shop.told("data", "export", payment["id"], "-o", str(out))
    assert told["size_bytes"] == out.stat().st_size
    with zipfile.ZipFile(out) as zipped:
        data = zipped.read("data.json").decode()
    assert payment["id"] in data
    assert case in data
    problem, _ = shop.denied("data", "export", ids.new(Kind.PAYMENT), "-o", str(tmp_path / "none.zip"))
    assert problem["code"] == "payment.unknown"
    assert not (tmp_path / "none.zip").exists()
    problem, _ = shop.denied("data", "erase", payment["id"])
    assert problem["code"] == "data.in_use"  # the simulated payer has other open cases too


# --- what a terminal shows ---


def test_a_chinese_character_takes_two_columns() -> None:
    assert (screen.width("收银员 T1"), screen.width("ébc")) == (9, 3)
    assert screen.width(screen.padded("顾客", 10)) == 10


def test_lines_break_between_characters_and_words_but_not_before_a_stop() -> None:
    assert screen.wrapped("请让顾客打开付款码，再扫一次。", 18) == ["请让顾客打开付款", "码，再扫一次。"]
    assert screen.wrapped("ask the customer to open", 12) == ["ask the", "customer to", "open"]
    assert all(
        screen.width(line) <= 20 for line in screen.wrapped("收到 ¥128.00，渠道单号 4200067130202611230000", 20)[:-1]
    )


def test_lines_of_a_sentence_are_joined_as_the_script_wants_it() -> None:
    assert screen.flat("这是商品条码\n请再扫") == "这是商品条码。请再扫"
    assert screen.flat("没有收钱。\n请再扫") == "没有收钱。请再扫"
    assert screen.flat("One.\nTwo.") == "One. Two."


def test_where_tells_who_has_the_money_and_what_comes_next(shop: Shop) -> None:
    """S78."""
    payment = shop.paid("wechat_ok", 6400)
    refund = shop.told("refund", payment["id"], "--amount-fen", "100", "--wait", "0")
    told = shop.told("where", refund["id"])
    assert (told["stage"], told["holder"], told["next_event"]) == ("sent", "channel", "arrives")
    problem, _ = shop.denied("where", payment["id"])
    assert problem["code"] == "id.invalid"


# --- the refund desk ---


@dataclass(frozen=True)
class Desk:
    """The shop with people who have keys of their own, each in a file."""

    shop: Shop
    keys: Path

    def act(self, verb: str, case: str, who: str, *more: str) -> Any:
        """What a command about a case prints, done by one of them, or (no name) by nobody in particular."""
        return self.shop.told("case", verb, case, *more, *self.key(who))

    def denied(self, verb: str, case: str, who: str, *more: str) -> str:
        """The code of the no of a command, which is told in both languages."""
        problem, words = self.shop.denied("case", verb, case, *more, *self.key(who))
        assert (bool(re.search("[\u4e00-\u9fff]", words)), len(words.splitlines())) == (True, 2)
        return str(problem["code"])

    def key(self, who: str) -> tuple[str, ...]:
        return ("--key-file", str(self.keys / who)) if who else ()

    def asked_for(self, amount_fen: int, *, who: str = "") -> str:
        """A case that waits for a person: the whole of a payment is asked back."""
        payment = self.shop.paid("alipay_ok", amount_fen)
        case = self.shop.told("case", "open", payment["id"], "--what", "request", *self.key(who))
        assert case["state"] == "REVIEW"
        return str(case["id"])


@pytest.fixture(scope="module")
def desk(shop: Shop, spot: Path) -> Desk:
    keys = spot / "keys"
    keys.mkdir()
    for who, role in (("anna", "manager"), ("finn", "finance"), ("olga", "owner")):
        (keys / who).write_text(shop.told("staff", "add", "--role", role, "--name", who)["api_key"] + "\n")
    return Desk(shop, keys)


def test_an_offer_is_made_and_accepted_and_a_case_judged_held_and_reopened_on_the_terminal(desk: Desk) -> None:
    case = desk.asked_for(2000)
    voucher = ("--kind", "voucher", "--amount-fen", "2000", "--say", "送您代金券")
    assert desk.denied("offer", case, "", *voucher) == "key.file_needed"
    assert desk.denied("accept", case, "") == "case.not_now"
    offered = desk.act("offer", case, "anna", *voucher, "--hours", "24")
    assert (offered["state"], offered["offer"]) == ("OFFERED", "voucher")
    assert desk.denied("accept", case, "", "--version", str(offered["version"] - 1)) == "case.stale"
    assert desk.act("accept", case, "", "--say", "好的")["state"] == "CLOSED"
    judged = desk.act("judge", case, "anna", "--fault", "cashier", "--say", "多按了一个零")
    assert (judged["fault"], judged["fault_by"][:2]) == ("cashier", "YW")
    assert desk.denied("hold", case, "anna", "--on", "--say", "律师函已收到") == "staff.not_allowed"
    assert desk.act("hold", case, "finn", "--on", "--say", "律师函已收到")["legal_hold"] is True
    assert desk.act("hold", case, "finn", "--lift", "--say", "已经了结")["legal_hold"] is False
    escalated = desk.act("escalate", case, "anna", "--place", "12315", "--status", "filed")
    assert escalated["escalations"] == {"12315": "filed"}
    assert desk.act("reopen", case, "anna", "--say", "顾客补交了小票")["state"] == "REVIEW"
    assert desk.act("withdraw", case, "", "--say", "已经解决了")["conclusion"] == "withdrawn"
    told = desk.shop.told("case", "show", case, *desk.key("anna"))["thread"]["items"]
    assert ("多按了一个零", "internal") in [(each["text"], each["audience"]) for each in told]
    assert "FaultJudged" in [each["kind"] for each in desk.shop.told("timeline", case, "--json")["items"]]


def test_a_decision_is_objected_to_and_two_people_decide_on_the_terminal(desk: Desk) -> None:
    case = desk.asked_for(60000)
    assert desk.act("ask", case, "anna", "--say", "请拍一张小票")["state"] == "NEEDS_INFO"
    assert desk.act("answer", case, "", "--say", "小票在这里")["state"] == "REVIEW"
    declined = desk.act("decline", case, "finn", "--reason", "goods_used", "--say", "很抱歉")
    assert declined["state"] == "DECLINED"
    assert desk.act("object", case, "", "--say", "没有用过")["state"] == "REVIEW"
    assert desk.denied("claim", case, "finn") == "case.barred"
    assert desk.act("approve", case, "anna", "--amount-fen", "55000")["state"] == "SECOND"
    assert desk.denied("confirm", case, "anna") == "case.same_person"
    assert desk.denied("send-back", case, "finn", "--say", " ") == "case.words_missing"
    assert desk.act("send-back", case, "finn", "--say", "金额不对")["state"] == "REVIEW"
    part = desk.act("offer", case, "anna", "--kind", "part", "--amount-fen", "100", "--say", "退一元可以吗")
    assert desk.act("turn-down", case, "", "--version", str(part["version"]))["state"] == "REVIEW"
    desk.act("approve", case, "anna", "--amount-fen", "55000")
    assert desk.denied("confirm", case, "finn") == "case.barred"
    done = desk.act("confirm", case, "olga", "--version", str(part["version"] + 2))  # and it is carried out, at once
    assert (done["state"], done["conclusion"], done["amount_fen"]) == ("CLOSED", "money_back", 55000)
    assert desk.act("judge", case, "finn", "--fault", "nobody", "--say", "说不清")["fault"] == "nobody"


def test_what_is_said_on_the_phone_is_written_down_once_on_the_terminal(desk: Desk) -> None:
    case = desk.asked_for(300, who="anna")
    assert desk.denied("approve", case, "anna") == "case.own"
    number = ids.new(Kind.EVIDENCE)
    said = ("--say", "顾客来电催促", "--side", "customer", "--how", "phone", "--id", number)
    first = desk.act("say", case, "", *said)
    assert desk.act("say", case, "", *said) == first
    desk.act("say", case, "anna", "--say", "看着像常客", "--internal")
    texts = [
        [
            each["text"]
            for each in desk.shop.told("case", "show", case, *desk.key(who))["thread"]["items"]
            if each["text"]
        ]
        for who in ("", "anna")
    ]
    assert texts == [
        [COVER, COVER],
        ["顾客来电催促", "看着像常客"],
    ]
    assert desk.denied("say", case, "", "--say", "x" * 4001) == "request.invalid"
    assert desk.denied("say", ids.new(Kind.CASE), "", "--say", "x") == "case.unknown"
    assert desk.denied("say", case[:-1] + "*", "", "--say", "x") == "id.invalid"
    desk.act("claim", case, "finn")
    assert desk.act("release", case, "finn")["claimed_by"] == ""
    desk.act("claim", case, "finn")
    mine = desk.shop.told("case", "list", "--mine", *desk.key("finn"))
    assert [each["id"] for each in mine["items"]] == [case]
    newest = desk.shop.told("case", "list", "--order", "newest", "--limit", "1")
    assert [each["id"] for each in newest["items"]] == [case]
    assert desk.denied("decide", case, "finn", "--close") == "case.not_waiting"


@pytest.mark.parametrize("more", [[], ["--close", "--refund-fen", "1"]])
def test_a_case_in_trouble_is_either_refunded_or_closed(more: list[str]) -> None:
    done = CliRunner().invoke(main, ["case", "decide", ids.new(Kind.CASE), *more])
    assert (done.exit_code, "either --refund-fen or --close" in done.stderr) == (2, True)


def test_a_loss_is_written_down_recovered_and_written_off_on_the_terminal(desk: Desk) -> None:
    case, run = desk.asked_for(500, who="anna"), desk.shop.told
    ask = ("loss", "record", case, "--cause", "wrong_customer", "--bearer", "cashier", "--amount-fen", "50000")
    assert desk.shop.denied(*ask, *desk.key("anna"))[0]["code"] == "staff.not_allowed"
    loss = run(*ask, *desk.key("finn"))
    assert (loss["state"], loss["recorded_by"][:2], loss["open_fen"]) == ("OPEN", "YW", 50000)
    sure = ("--step-up", ids.new(Kind.STEP_UP))  # who has no second factor needs none
    part = run("loss", "recover", loss["id"], "--amount-fen", "100", "--version", "1", *desk.key("finn"), *sure)
    again = desk.shop.denied("loss", "recover", loss["id"], "--amount-fen", "100", "--version", "1", *desk.key("finn"))
    assert (part["open_fen"], again[0]["code"]) == (49900, "loss.stale")
    off = ("loss", "write-off", loss["id"], "--amount-fen", "49900", "--version", "2")
    assert desk.shop.denied(*off, *desk.key("finn"))[0]["code"] == "loss.same_person"
    assert desk.shop.denied(*off)[0]["code"] == "key.file_needed"
    assert run(*off, *desk.key("olga"))["state"] == "SETTLED"
    assert [each["id"] for each in run("loss", "list", "--in", "SETTLED", "--bearer", "cashier")["items"]] == [
        loss["id"]
    ]
    assert run("loss", "show", loss["id"])["written_off_fen"] == 49900


def test_a_refund_on_its_way_is_listed_and_what_two_people_may_do_waits_for_its_state_on_the_terminal(
    desk: Desk,
) -> None:
    payment = desk.shop.paid("wechat_ok", 5900)
    refund = desk.shop.told("refund", payment["id"], "--amount-fen", "5900", "--wait", "0")["id"]
    listed = desk.shop.told("refunds", "list", "--in", "SENT", "--payment", payment["id"])
    assert [each["id"] for each in listed["items"]] == [refund]
    card = ("--to", "payer_card", "--bank-type", "ICBC_DEBIT", "--card-number", "-", "--holder-name", "张三")
    proof = ("--end", "DONE", "--proof", "ticket 4711")
    for verb, more, code in (
        ("cancel", (), "refund.already_sent"),
        ("rescue", card, "refund.not_stranded"),
        ("rescue-approve", card, "refund.nothing_proposed"),
        ("resolve", proof, "refund.not_manual"),
        ("resolve-approve", proof, "refund.nothing_proposed"),
    ):
        done = desk.shop.run("refunds", verb, refund, *more, *desk.key("finn"), heard="6222020000000000\n")
        assert (done.returncode, json.loads(done.stdout)["code"]) == (2, code)


def test_tickets_are_listed_and_closed_on_the_terminal(desk: Desk) -> None:
    assert desk.shop.told("ticket", "list", "--in", "OPEN", "--cause", "device") == {"items": [], "next": None}
    problem, words = desk.shop.denied("ticket", "close", ids.new(Kind.TICKET), "--said", "换了纸")
    assert (problem["code"], "工单" in words) == ("ticket.unknown", True)


def test_a_payment_and_a_case_are_looked_into_on_the_terminal(desk: Desk) -> None:
    payment, run = desk.shop.paid("alipay_ok", 12800), desk.shop.told
    case = run("case", "open", payment["id"], "--what", "request", "--asked-fen", "100")["id"]
    assert "charged" in [each["what"] for each in run("payment", "amounts", payment["id"])["amounts"]]
    assert run("payment", "way-back", payment["id"], "--what", "request")["payment"] == payment["id"]
    assert run("payment", "alike", payment["id"])["payment"] == payment["id"]
    till = ("--in", "PAID", "--till", desk.shop.merchant["tills"][0]["id"], "--limit", "1")
    assert [each["id"] for each in run("payment", "list", *till)["items"]] == [payment["id"]]
    assert run("case", "findings", case)["items"] == []
    assert run("case", "completeness", case)["per_mille"] < 1000
    mail = ("case", "contact", case, "--way", "email", "--target", "li@mail.example")
    assert desk.shop.denied(*mail)[0]["code"] == "contact.no_consent"
    kept = run(*mail, "--consent")
    assert "li@mail.example" not in json.dumps(kept)
    assert run("case", "contact-withdraw", case)["state"] != kept["state"]
    assert desk.shop.denied("handover", "give", payment["id"])[0]["code"] == "trace.yours"
    assert run("handover", "list", "--side", "asking")["items"] == []
    assert desk.shop.denied("handover", "show", ids.new(Kind.HANDOVER))[0]["code"] == "handover.unknown"


def test_a_repayment_waits_for_the_road_to_be_shut_on_the_terminal(desk: Desk) -> None:
    payment = desk.shop.paid("alipay_ok", 900)
    wish = (
        *("repayment", "propose", payment["id"], "--amount-fen", "900", "--because", "window_over"),
        *("--payer-name", "张三", "--account-name", "张三"),
    )
    problem, _ = desk.shop.denied(*wish, "--number", "6200000000000000", *desk.key("anna"))
    assert problem["code"] == "repayment.road_open"
    problem, words = desk.shop.denied(*wish, "--number", "1", *desk.key("anna"))
    assert (problem["code"], problem["where"]) == ("request.invalid", "--number")
    assert "--number" in words
    assert desk.shop.told("repayment", "list", "--in", "PROPOSED", "--payment", payment["id"])["items"] == []
    assert desk.shop.denied("repayment", "show", ids.new(Kind.REPAYMENT))[0]["code"] == "repayment.unknown"
    for verb, more in (("approve", ()), ("account", ()), ("paid", ("--proof", "1")), ("refuse", ("--why", "other"))):
        problem, _ = desk.shop.denied("repayment", verb, ids.new(Kind.REPAYMENT), *more, *desk.key("finn"))
        assert problem["code"] == "repayment.unknown"


def test_a_hook_is_added_tried_turned_and_given_a_new_secret_on_the_terminal(desk: Desk) -> None:
    run, denied = desk.shop.told, desk.shop.denied
    made = run("hook", "add", "https://shop.example/yuanlu", "--type", "case.closed")
    hook = made["hook"]["id"]
    assert made["secret"].startswith("whsec_")
    assert [each["id"] for each in run("hook", "list")["items"]] == [hook]
    problem, words = denied("hook", "add", "https://shop.example/yuanlu", "--type", "x")
    assert (problem["code"], "--type" in words) == ("request.invalid", True)
    assert denied("hook", "replay", hook)[0]["code"] == "hook.replay_what"
    assert denied("hook", "replay", hook, "--since", "yesterday")[0]["where"] == "--since"
    assert run("hook", "deliveries", hook, "--in", "PARKED")["items"] == []
    assert run("hook", "secret", hook, "--keep-seconds", "60")["secret"] != made["secret"]
    assert run("hook", "disable", hook)["state"] == "DISABLED"
    assert denied("hook", "ping", hook)[0]["code"] == "hook.disabled"
    assert run("hook", "enable", hook)["state"] == "ACTIVE"


def test_how_an_sms_is_sent_is_said_on_the_terminal_and_shown_as_a_host(desk: Desk) -> None:
    run, denied = desk.shop.told, desk.shop.denied
    body = '{"to": "{{phone}}", "text": "{{text}}"}'
    told = run("hook", "sms", "https://sms.example/send", "--body", body, "--header", "X-Account: made up")
    assert (told["shown"], told["state"]) == ("sms.example", "ACTIVE")
    problem, _ = denied("hook", "sms", "https://sms.example/send", "--body", '{"to": {{phone}}}')
    assert problem["code"] == "sms.template_invalid"
    assert "gateway" not in [each["way"] for each in run("hook", "list")["items"]]


def test_the_lawbook_and_the_causes_are_read_on_the_terminal(desk: Desk) -> None:
    run, denied = desk.shop.told, desk.shop.denied
    assert run("rights", "--stage", "declined", "--at", "2026-11-23")
    assert denied("rights", "--at", "yesterday")[0]["where"] == "--at"
    assert run("workdays", "--from", "2026-11-27", "--days", "1")["on"] == "2026-11-30"
    assert denied("workdays", "--from", "soon")[0]["where"] == "--from"
    assert "input.amount.extra_digit" in [each["id"] for each in run("causes")["items"]]


def test_tills_books_and_evidence_are_read_on_the_terminal(desk: Desk) -> None:
    run, denied = desk.shop.told, desk.shop.denied
    payment = desk.shop.paid("wechat_ok", 900)
    assert run("tills", "--limit", "1")["items"]
    assert run("books")["balanced"]
    named = [each["evidence"] for each in run("timeline", payment["id"], "--json")["items"] if each["evidence"]]
    assert len(run("evidence", payment["id"], named[0])["digest"]) == 64
    assert denied("evidence", payment["id"], ids.new(Kind.EVIDENCE))[0]["code"] == "evidence.unknown"
    assert denied("evidence", payment["id"], "x")[0]["code"] == "id.invalid"


def test_the_cause_of_a_case_is_looked_for_again_with_a_hint_on_the_terminal(desk: Desk) -> None:
    case = desk.asked_for(12800)
    found = desk.act("look", case, "anna", "--basket-fen", "1280")["items"]
    assert "input.amount.extra_digit" in [each["cause"] for each in found]
    assert desk.shop.denied("case", "look", ids.new(Kind.CASE), *desk.key("anna"))[0]["code"] == "case.unknown"


async def test_what_a_payer_wishes_to_be_told_is_no_hook_of_the_merchant_on_the_terminal(desk: Desk) -> None:
    case = desk.asked_for(700)
    desk.shop.told("case", "contact", case, "--way", "email", "--target", "li@mail.example", "--consent")
    connection = await desk.shop.server.connect("yuanlu")
    try:
        contact = await connection.fetchval("select id from hooks where about = $1", case)
    finally:
        await connection.close()
    assert desk.shop.denied("hook", "disable", contact)[0]["code"] == "hook.unknown"


def test_limits_are_proposed_by_one_and_agreed_to_by_another_on_the_terminal(desk: Desk) -> None:
    """S95."""
    run, denied = desk.shop.told, desk.shop.denied
    assert run("limits", "show")["id"] == ""
    rows = ("--row", "owner=any,any", "--row", "manager=20000,200000", "--row", "finance=500000,any",
            "--row", "operator=any,any", "--row", "machine=any,any")  # fmt: skip
    assert denied("limits", "propose", *rows)[0]["code"] == "key.file_needed"
    assert denied("limits", "propose", *rows, *desk.key("anna"))[0]["code"] == "staff.not_allowed"
    number = ids.new(Kind.LIMITS)
    made = run("limits", "propose", *rows, "--id", number, *desk.key("finn"))
    assert (made["id"], made["state"]) == (number, "PROPOSED")
    assert run("limits", "propose", *rows, "--id", number, *desk.key("finn")) == made
    assert [each["id"] for each in run("limits", "list", "--in", "PROPOSED")["items"]] == [number]
    assert run("limits", "show")["id"] == ""
    assert denied("limits", "agree", number)[0]["code"] == "key.file_needed"
    agreed = run("limits", "agree", number, *desk.key("olga"))
    assert (agreed["state"], agreed["proposed_by"] != agreed["agreed_by"]) == ("AGREED", True)
    assert run("limits", "show")["limits"]["manager"] == {"item_fen": 20_000, "day_fen": 200_000}
    assert run("limits", "list", "--in", "PROPOSED")["items"] == []
    (last,) = run("limits", "list", "--limit", "1")["items"]
    assert last == agreed
    mine = run("limits", "propose", "--row", "owner=any,any", *desk.key("olga"))["id"]
    assert denied("limits", "agree", mine, *desk.key("olga"))[0]["code"] == "limits.same_person"


@pytest.mark.parametrize("row", ["manager=1", "manager=1,2,3", "auditor=1,1", "manager=-1,1", "manager=1.5,2", "=1,1"])
def test_a_row_of_limits_has_a_role_and_two_amounts(row: str) -> None:
    done = CliRunner().invoke(main, ["limits", "propose", "--row", row])
    assert (done.exit_code, "ROLE=ITEM,DAY" in done.stderr) == (2, True)
    twice = CliRunner().invoke(main, ["limits", "propose", "--row", "owner=1,1", "--row", "owner=2,2"])
    assert (twice.exit_code, "once" in twice.stderr) == (2, True)


def test_who_may_do_what_in_a_store_is_looked_through_on_the_terminal(desk: Desk) -> None:
    """S2."""
    run = desk.shop.told
    store = desk.shop.merchant["store_id"]
    mei = run("staff", "add", "--role", "cashier", "--name", "Mei", "--store", store)["id"]
    everybody = run("staff", "review")["items"]
    assert {"owner", "finance", "manager", "cashier", "machine"} <= {each["role"] for each in everybody}
    found = run("staff", "review", "--store", store, *desk.key("olga"))["items"]
    people = [each for each in found if ids.is_id(each["who"], Kind.STAFF)]  # a test before may have enrolled a till
    assert [(each["who"], each["store"], "charge" in each["may"]) for each in people] == [(mei, store, True)]
    assert desk.shop.denied("staff", "review", "--store", "nowhere")[0]["code"] == "store.unknown"
    assert desk.shop.denied("staff", "review", *desk.key("anna"))[0]["code"] == "staff.not_allowed"


def test_a_statement_is_taken_from_a_file_listed_and_asked_for(shop: Shop, tmp_path: Path) -> None:
    """S54."""
    file = tmp_path / "bill.csv"
    file.write_bytes(statements.wechat(statements.payment(1), statements.refund(2)))
    taken = shop.told("statement", "take", str(file))
    assert (taken["state"], taken["lines"], taken["agrees"]) == ("TAKEN", 2, True)
    assert shop.told("statement", "take", str(file), "--channel", "wechat", "--date", "2026-11-22") == taken
    assert taken in shop.told("statement", "list", "--channel", "wechat")["items"]
    assert shop.denied("statement", "take", str(file), "--channel", "alipay")[0]["code"] == "statement.other_channel"
    yesterday = (datetime.now(UTC).astimezone(CHINA).date() - timedelta(days=1)).isoformat()
    items = shop.told("statement", "fetch", "--date", yesterday, "--channel", "alipay")["items"]
    assert {(each["paper"], each["state"]) for each in items} == {("trades", "WAITING"), ("flow", "WAITING")}
