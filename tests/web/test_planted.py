"""Secrets planted through every door, then looked for wherever something is kept or told (S29, S36)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import logging
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from click.testing import CliRunner

from tests.flows import files
from tests.flows.receivers import Receiver, receiving
from tests.web.conftest import Shop, opened
from tests.web.test_review import hire
from yuanlu import ids, worker
from yuanlu.cli import main
from yuanlu.db import Database
from yuanlu.ids import Kind
from yuanlu.postgres import Server
from yuanlu.sim.payers import Wallet
from yuanlu.sim.server import Sim
from yuanlu.terminal import loop
from yuanlu.web.parts import logs

CARD = "6222020200112233441"
TRACK = ";4111111111111111=25121019876543210000?"
PHONE = "13912349876"
MAIL = "li.lei.1987@post.example"
PASSWORD = "Tr0ub4dor-und-3x"
OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
TOKEN = "hook-token-5f2c9e71"
CVV, PIN = "918273", "736455"
"""Made longer than they are: three digits stand in every dump by chance."""
BUYER = "2088102146225135"


def luhn_fit() -> str:
    """The card number, with the check digit that makes it one."""
    from stdnum import luhn

    body = CARD[:-1]
    return str(body + luhn.calc_check_digit(body))


CARD = luhn_fit()


def spellings(secret: str) -> Iterator[bytes]:
    """A secret as it may lie somewhere: plain, escaped, in hex, in base64 at any place, as its own plain digest."""
    raw = secret.encode()
    yield raw
    yield quote(secret, safe="").encode()
    yield raw.hex().encode()
    if len(raw) < 40:  # what is 32 random bytes nobody guesses from its digest: so API keys are kept
        yield hashlib.sha256(raw).hexdigest().encode()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw)
        yield whole[(0, 2, 3)[before] : -4]
    if secret.isdigit():
        yield b" ".join(raw[n : n + 4] for n in range(0, len(raw), 4))


def found(secrets: Mapping[str, str], where: bytes) -> set[str]:
    """The names of the secrets that stand in these bytes."""
    return {name for name, secret in secrets.items() if any(each in where for each in spellings(secret))}


def test_the_search_itself_finds_what_is_there() -> None:
    """A search that finds nothing anywhere would prove nothing."""
    for name, secret in {"card": CARD, "openid": OPENID, "mail": MAIL}.items():
        for hidden in (
            secret.encode(), base64.b64encode(b"x" + secret.encode() + b"y"), secret.encode().hex().encode(),
            hashlib.sha256(secret.encode()).hexdigest().encode(), quote(secret, safe="").encode(),
        ):  # fmt: skip
            assert found({name: secret}, b"before " + hidden + b" after") == {name}
    assert found({"card": CARD}, b"nothing here") == set()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """All that is logged, at every level."""
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    logs.set_up("debug", stream)
    root.setLevel(logging.DEBUG)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


async def planted(shop: Shop, receiver: Receiver) -> tuple[dict[str, str], str, list[bytes]]:
    """Plant them all; answers the secrets by name, the payment, and what the planting calls were answered when
    something went wrong."""
    assert shop.sim is not None
    world = shop.sim.world
    payer = next(one for one in world.books[Wallet.WECHAT].payers if one.habit.value == "ok")
    payer.name = OPENID
    buyer = next(one for one in world.books[Wallet.ALIPAY].payers if one.habit.value == "ok")
    buyer.name = BUYER
    code = shop.codes["wechat_ok"]
    loud = f"卡 {CARD} 磁道 {TRACK} 密码：{PASSWORD} CVV: {CVV} PIN {PIN}".replace("PIN ", "PIN: ")
    with_contact = f"{loud} 电话 {PHONE} 邮箱 {MAIL}"
    wrong: list[bytes] = []

    async def does(path: str, wish: Any = None, *, fails: bool = False, **more: Any) -> Any:
        answer = await shop.post(path, wish, **more)
        assert (answer.status >= 400) is fails, (path, answer.raw)
        if fails:
            wrong.append(answer.raw)
        return answer.told

    await hire(shop, "anna", "owner")
    payment = await shop.paid(code=code, description=loud[:100])
    line = {"id": "1", "name": loud[:60], "quantity": 1, "amount_fen": 12800}
    await shop.paid(code=shop.codes["alipay_ok"], description="茶", lines=[line])
    row = f"review,{loud[:60]},{CARD} in English"
    policy = {"id": ids.new(Kind.POLICY), "content": f"verdict,zh,en\n{row}\n"}
    await does("/v1/policies", policy, who="anna")
    await does("/v1/keys", {"id": ids.new(Kind.KEY), "actor": f"till of {CARD}"}, who="anna")
    case = ids.new(Kind.CASE)
    await does("/v1/cases", {"id": case, "payment": payment, "what": "other", "said": with_contact})
    for who, more in (("anna", {"side": "customer", "how": "phone"}), ("anna", {"audience": "internal"})):
        said = {"id": ids.new(Kind.EVIDENCE), "text": with_contact} | more
        await does(f"/v1/cases/{case}/messages", said, who=who)
    await does(f"/v1/cases/{case}/contact", {"way": "email", "target": MAIL, "consent": True})
    await does(f"/v1/cases/{case}/contact", {"way": "sms", "target": PHONE, "consent": True})
    hook = {"id": ids.new(Kind.HOOK), "way": "webhook", "target": f"{receiver.url}?token={TOKEN}"}
    secret = (await does("/v1/hooks", hook, who="anna"))["secret"]
    name = quote(f"{CARD} {TRACK} 密码={PASSWORD}.jpg")
    picture = files.jpeg(comment=f"{with_contact} {OPENID}".encode())
    await does(f"/v1/cases/{case}/files?id={ids.new(Kind.FILE)}&name={name}", raw=picture, content_type="image/jpeg")
    paper = files.pdf([files.page(f"{CARD} CVV: {CVV}".encode(), width=900)], extra=f"% {with_contact}\n".encode())
    told = await does(f"/v1/cases/{case}/files?id={ids.new(Kind.FILE)}&name=bill.pdf", raw=paper,
                      content_type="application/pdf")  # fmt: skip
    assert set(told["masked"]) == {"card", "secret"}
    await does("/v1/refunds", {"id": ids.new(Kind.REFUND), "payment": payment, "amount_fen": 100, "reason": loud[:60]},
               who="anna")  # fmt: skip
    order = world.books[Wallet.WECHAT].orders[payment]
    world.complaints[Wallet.WECHAT].complain(order, with_contact, kind="REFUND", asked_fen=100, phone=PHONE)
    await does("/v1/complaints/pull", {"channel": "wechat"})
    # what fails, and says so
    await does("/v1/payments", raw=f'{{"id": "{with_contact} {OPENID} {secret}'.encode(), fails=True)
    await does("/v1/payments", shop.wish(code=CARD + "x"), fails=True)
    await does("/v1/payments", shop.wish(till=with_contact), fails=True)
    await does(f"/v1/cases?{quote(with_contact)}", {"id": with_contact}, fails=True)
    await does(f"/{quote(with_contact)}/{OPENID}/{secret}", {}, fails=True)
    await does("/v1/cases", {}, fails=True, authorization=f"Bearer {shop.keys['anna']}x")
    for wallet, body in (
        ("wechat", json.dumps({"id": OPENID, "summary": with_contact}, ensure_ascii=False)),
        ("alipay", f"out_trade_no={payment}&buyer_id={BUYER}&passback={quote(with_contact)}&sign=x"),
    ):
        await does(
            f"/callbacks/{wallet}/{shop.merchant_id}", raw=body.encode(), fails=True
        ) if wallet == "wechat" else (await shop.post(f"/callbacks/{wallet}/{shop.merchant_id}", raw=body.encode()))
    for _ in range(4):
        await shop.work()
        await asyncio.sleep(0.02)
    secrets = {
        "cvv": CVV, "pin": PIN, "apiv3": shop.sim.describe()["wechat"]["apiv3_key"],
        "card": CARD, "track": TRACK.strip(";?"), "track card": "4111111111111111", "password": PASSWORD,
        "phone": PHONE, "mail": MAIL, "openid": OPENID, "buyer": BUYER, "token": TOKEN, "code": code,
        "webhook secret": secret.removeprefix("whsec_"), "api key": shop.keys["anna"].rpartition("_")[2],
    }  # fmt: skip
    return secrets, payment, wrong


async def jobs_due(shop: Shop, payment: str) -> None:
    """A payment is to be looked at now."""
    await shop.app.pools.recorder.execute(
        "insert into jobs (merchant_id, name, object_id, run_at) values ($1, 'payments.drive', $2, now())"
        " on conflict (merchant_id, name, object_id) do update set run_at = now()",
        shop.merchant_id, payment,
    )  # fmt: skip


async def dumped(server: Server, database: Database) -> bytes:
    """The whole database as text."""
    done = await asyncio.to_thread(
        subprocess.run,
        [str(server.program("pg_dump")), "--format=plain", "--dbname", database.url],
        check=True, capture_output=True,
    )  # fmt: skip
    return bytes(done.stdout)


async def test_what_nobody_may_see_is_nowhere(
    server: Server, database: Database, tmp_path: Path, sim: Sim, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S29. S36. S57: every door; then logs, database, files, errors, metrics, export."""
    async with receiving() as receiver, opened(database, tmp_path, sim, on_loopback=True) as shop:
        secrets, payment, wrong = await planted(shop, receiver)

        with monkeypatch.context() as patched:
            crash = RuntimeError("whsec_" + secrets["webhook secret"] + " " + shop.keys["anna"])

            async def breaks_with_known(*_: Any) -> Any:
                known = [CARD, TRACK, PHONE, MAIL, OPENID, BUYER, secrets["code"], f"密码：{PASSWORD}"]
                raise RuntimeError(" ".join(known)) from crash

            patched.setattr(shop.app.desk, "decide", breaks_with_known)
            answer = await shop.post("/v1/payments", shop.wish())
            assert answer.status == 500
            assert found(secrets, answer.raw) == set()
            # A job that breaks with secrets in its own variables and in what it raises; and a task nobody waits for.
            patched.setitem(worker.VERBS, "payments.drive", breaks_with_known)  # type: ignore[arg-type]
            await jobs_due(shop, payment)
            await shop.work()
            logging.getLogger("asyncio").error("never retrieved", exc_info=crash)
        logged = lines.getvalue()
        assert "job.failed" in logged
        assert "Traceback" in logged
        assert found(secrets, logged.encode()) == set()

        dump = await dumped(server, database)
        assert payment.encode() in dump
        assert found(secrets, dump) == set()

        stored = b"".join(each.read_bytes() for each in (tmp_path / "files").rglob("*") if each.is_file())
        assert stored
        assert found(secrets, stored) == set()

        metrics = (await shop.get("/metrics", authorization="")).raw
        assert found(secrets, metrics) == set()
        for each in wrong:
            assert found(secrets, each) - {"phone", "mail"} == set(), each

        # Tables that leave as files: a policy as it is kept, the lists of keys and payments.
        for path in ("/v1/policy", "/v1/keys", "/v1/secrets", "/v1/payments"):
            told = await shop.get(f"{path}?till={shop.till}" if path == "/v1/policy" else path, who="anna")
            assert told.status == 200, path
            assert found(secrets, told.raw) == set(), path

        # The customer's own data in one file: what they said and how they are reached, that they may have; no more.
        export = await shop.get(f"/v1/payments/{payment}/data", who="anna")
        assert export.status == 200, export.raw
        with zipfile.ZipFile(io.BytesIO(export.raw)) as zipped:
            whole = b"".join(name.encode() + zipped.read(name) for name in zipped.namelist())
        assert found(secrets, whole) <= {"phone", "mail", "openid"}

        # Nobody reads contacts or hooks back over the API, whatever their role: a tail is all that is told.
        for path in ("/v1/hooks", f"/v1/payments/{payment}", "/v1/complaints"):
            told = await shop.get(path, who="anna")
            assert told.status == 200
            assert found(secrets, told.raw) == set(), path


async def test_a_backup_tells_nothing_of_what_was_planted(
    server: Server, database: Database, tmp_path: Path, sim: Sim
) -> None:
    """S29. S35: its database, its files, its manifest; without the keys, which lie apart."""
    from contextlib import asynccontextmanager
    from datetime import UTC, datetime

    from yuanlu import backup

    async with receiving() as receiver, opened(database, tmp_path, sim, on_loopback=True) as shop:
        secrets, _, _ = await planted(shop, receiver)
        settings = shop.app.settings

    @asynccontextmanager
    async def held(*_: Any) -> Any:
        yield server, database

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(backup, "_held", held)
        await backup.back_up(replace(settings), tmp_path / "b.tar", tmp_path / "b.keys", datetime.now(UTC))
    with tarfile.open(tmp_path / "b.tar") as tar:
        members = {info.name: tar.extractfile(info).read() for info in tar if info.isfile()}  # type: ignore[union-attr]
    assert len(members) > 2
    (tmp_path / "database.dump").write_bytes(members["database.dump"])
    text = await asyncio.to_thread(
        subprocess.run,
        [str(server.program("pg_restore")), "--file=-", str(tmp_path / "database.dump")],
        check=True, capture_output=True,
    )  # fmt: skip
    assert b"COPY public.payments" in text.stdout
    for content in (text.stdout, *members.values(), (tmp_path / "b.keys").read_bytes()):
        assert found(secrets, content) == set()


def test_a_command_that_breaks_reports_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """S36: what people paste into a report of trouble, with --debug too: no variable, and the message masked."""
    known = f"{CARD} {TRACK} 密码：{PASSWORD} CVV: {CVV} yk_YK01KATE3S4000000000000000042_{'s' * 43} {MAIL}"

    def breaks(*_: object, **__: object) -> None:
        key, held = "yk_YK01KATE3S4000000000000000042_" + "s" * 43, known
        raise RuntimeError(f"{held} {key}")

    monkeypatch.setattr(loop, "run", breaks)
    secrets = {"card": CARD, "track card": "4111111111111111", "password": PASSWORD, "cvv": CVV, "mail": MAIL,
               "key": "s" * 43}  # fmt: skip
    for words in (["secrets", "show"], ["--debug", "secrets", "show"]):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 1
        assert "RuntimeError" in done.output
        assert ("Traceback" in done.output) is ("--debug" in words)
        assert found(secrets, done.output.encode()) == set()
