"""Secrets turn over and end: facts of it, the list, the meters, the terminal, the audit log."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography import x509

from tests.flows.receivers import receiving
from tests.web.conftest import Shop, logged, opened
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.audit import flow as audit
from yuanlu.clock import SetClock
from yuanlu.db import Database, connect
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.keyring import flow, store
from yuanlu.merchants import store as merchants
from yuanlu.sim.server import Sim
from yuanlu.terminal import secrets, services, verbs
from yuanlu.worker import Worker


async def facts(shop: Shop, secret: str) -> list[tuple[str, str]]:
    """What was written down about a secret, and who did."""
    rows = await shop.app.pools.recorder.fetch(
        "select kind, who, body from facts where merchant_id = $1 and object_id = $2 order by transition, seq",
        shop.merchant_id, secret,
    )  # fmt: skip
    return [(row["kind"], row["who"]) for row in rows]


async def test_a_daily_look_notes_all_secrets_and_warns_before_a_certificate_ends(shop: Shop) -> None:
    """S29: the facts, the list, the metrics; not a sign of a secret in any of them."""
    assert shop.sim is not None
    wechat = shop.sim.describe()["wechat"]
    ends_at = x509.load_pem_x509_certificate(Path(wechat["merchant_cert"]).read_bytes()).not_valid_after_utc
    await hire(shop, "anna", "owner")
    worker = Worker(shop.app)
    await worker._keep_months()
    await worker.once()
    assert await facts(shop, "wechat/merchant_cert") == [("SecretNoted", "system")]
    told = (await shop.get("/v1/secrets", who="anna")).told["items"]
    names = [each["name"] for each in told]
    there = {"data-key", "wrapping-key", "wechat/apiv3_key", "wechat/merchant_cert", "alipay/app_private_key"}
    assert there <= {*names}
    assert names == sorted(names)
    page = (await shop.get("/v1/secrets?limit=2", who="anna")).told
    assert [each["name"] for each in page["items"]] == names[:2]
    rest = (await shop.get(f"/v1/secrets?after={page['next']}", who="anna")).told["items"]
    assert [each["name"] for each in rest] == names[2:]
    assert (await shop.get("/v1/secrets")).status == 403
    assert 'kind="certificate"' not in (await shop.get("/metrics", authorization="")).raw.decode()

    late = SetClock(ends_at - timedelta(days=6, hours=1))
    shop.app.clock = shop.app.desk.clock = late
    reader = shop.app.pools.reader
    for _ in range(2):
        await flow.look(shop.app.desk, shop.merchant_id, "system", reader)
    assert await facts(shop, "wechat/merchant_cert") == [("SecretNoted", "system"), ("SecretEnding", "system")]
    metrics = (await shop.get("/metrics", authorization="")).raw.decode()
    assert 'yuanlu_secret_ends_seconds{kind="certificate"}' in metrics
    for key in (wechat["apiv3_key"], wechat.get("v2_key") or "no v2 key"):
        assert key not in metrics + repr(told)


async def test_another_secret_at_the_channel_is_a_rotation_and_is_used_at_once(shop: Shop) -> None:
    assert shop.sim is not None
    reader, now = shop.app.pools.reader, shop.app.clock.now()
    await flow.look(shop.app.desk, shop.merchant_id, "system", reader)
    known = await store.known(reader, shop.merchant_id)
    told = shop.sim.describe()
    config = {"base_url": told["base_url"], **told["wechat"], "apiv3_key": "x" * 32}
    await merchants.set_channel(shop.app.pools.recorder, shop.merchant_id, "wechat", config, now, shop.app.desk.sealed)
    await flow.look(shop.app.desk, shop.merchant_id, "anna", reader)
    assert await facts(shop, "wechat/apiv3_key") == [("SecretNoted", "system"), ("SecretRotated", "anna")]
    after = await store.known(reader, shop.merchant_id)
    assert {name for name in known if known[name] != after[name]} == {"wechat/apiv3_key"}
    without = {name: value for name, value in config.items() if name != "merchant_cert"}
    await merchants.set_channel(shop.app.pools.recorder, shop.merchant_id, "wechat", without, now, shop.app.desk.sealed)
    await flow.look(shop.app.desk, shop.merchant_id, "anna", reader)
    assert (await facts(shop, "wechat/merchant_cert"))[-1] == ("SecretGone", "anna")


async def test_a_file_that_cannot_be_read_is_neither_gone_nor_another(shop: Shop, tmp_path: Path) -> None:
    assert shop.sim is not None
    reader, now = shop.app.pools.reader, shop.app.clock.now()
    await flow.look(shop.app.desk, shop.merchant_id, "system", reader)
    config = {**shop.sim.describe()["alipay"], "app_private_key": str(tmp_path / "away.pem")}
    await merchants.set_channel(shop.app.pools.recorder, shop.merchant_id, "alipay", config, now)
    await flow.look(shop.app.desk, shop.merchant_id, "system", reader)
    assert await facts(shop, "alipay/app_private_key") == [("SecretNoted", "system")]


async def test_key_files_that_others_may_read_are_said_with_what_to_do_and_stop_a_start_when_all_may(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def ground(*_: Any) -> Any:
        yield database

    monkeypatch.setattr(secrets.db, "ground", ground)
    assert shop.sim is not None
    key = Path(shop.sim.describe()["wechat"]["merchant_key"])
    name, was = f"{shop.merchant_id}/wechat/merchant_key", key.stat().st_mode
    told = await secrets.ends(shop.app.settings)
    assert [each["name"] for each in told["open_files"] if each["name"] == name] == []
    try:
        key.chmod(0o640)
        (said,) = [each for each in await services._demand_shut_keys(shop.app) if name in each]
        assert f"chmod 600 {key}" in said
        key.chmod(0o644)
        with pytest.raises(Denied, match=r"settings\.key_open") as no:
            await services._demand_shut_keys(shop.app)
        told_of = {
            "file": str(key),
            "mode": "0644",
            "open_to": "everyone",
        }
        assert told_of.items() <= {**no.value.facts}.items(), no.value.facts
        shop.app.settings = replace(shop.app.settings, open_key_files="warn")
        assert any(name in each for each in await services._demand_shut_keys(shop.app))
        told = await secrets.ends(shop.app.settings)
        assert name in {each["name"] for each in told["open_files"]}
        lines: list[str] = []
        secrets.show_ends(told, lambda text, **_: lines.append(text))
        assert f"chmod 600 {key}" in "".join(lines)
        with logged() as lines:
            await Worker(shop.app)._keep_months()
        assert ("key_file.open", str(key)) in [(each["event"], each.get("file")) for each in lines]
    finally:
        key.chmod(was)
    shop.app.settings = replace(shop.app.settings, open_key_files="no")
    with pytest.raises(Denied, match=r"settings\.invalid"):
        await services._demand_shut_keys(shop.app)


async def test_api_keys_and_replaced_secrets_of_hooks_are_told_before_they_end(
    database: Database, tmp_path: Path, sim: Sim
) -> None:
    async with receiving() as receiver, opened(database, tmp_path, sim, on_loopback=True) as shop:
        await hire(shop, "anna", "owner")
        until = (datetime.now(UTC) + timedelta(days=5)).isoformat()
        key = {"id": ids.new(Kind.KEY), "actor": "stock system", "until": until}
        assert (await shop.post("/v1/keys", key, who="anna")).status == 201
        hook = {"id": ids.new(Kind.HOOK), "way": "webhook", "target": receiver.url}
        assert (await shop.post("/v1/hooks", hook, who="anna")).status == 201
        turned = await shop.post(f"/v1/hooks/{hook['id']}/secret", {}, who="anna")
        assert turned.status == 200, turned.raw
        await flow.look(shop.app.desk, shop.merchant_id, "system", shop.app.pools.reader)
        assert await facts(shop, f"key/{key['id']}") == [("SecretEnding", "system")]
        assert await facts(shop, f"hook/{hook['id']}/old") == [("SecretEnding", "system")]
        assert (await shop.post(f"/v1/keys/{key['id']}/end", {}, who="anna")).status == 200
        await flow.look(shop.app.desk, shop.merchant_id, "system", shop.app.pools.reader)
        known = await store.known(shop.app.pools.reader, shop.merchant_id)
        assert known[f"key/{key['id']}"].ends_at is None


async def test_a_rotation_at_the_terminal_leaves_a_fact_a_key_in_the_audit_log(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S29: data keys and what wraps them; shown masked; the channels go on with what they have."""
    assert shop.sim is not None
    apiv3 = shop.sim.describe()["wechat"]["apiv3_key"]

    @asynccontextmanager
    async def ground(*_: Any) -> Any:
        yield database

    monkeypatch.setattr(secrets.db, "ground", ground)
    monkeypatch.setattr(secrets, "who", lambda: "cli:ops")
    await shop.paid()
    settings = shop.app.settings
    await flow.look(shop.app.desk, shop.merchant_id, "system", shop.app.pools.reader)
    await secrets.rotated(settings, kek=False, merchant="", every=True, drop_old=True)
    for name in ("data-key", "wrapping-key"):
        assert await facts(shop, name) == [("SecretNoted", "system"), ("SecretRotated", "cli:ops")]
    shop.app._configs.clear()
    await shop.paid()
    told = await secrets.shown(settings)
    (masked,) = [
        each["apiv3_key"] for each in told["channels"]
        if (each["channel"], each["merchant"]) == ("wechat", shop.merchant_id)
    ]  # fmt: skip
    assert masked == f"****{apiv3[-4:]}"
    assert apiv3 not in repr(told)
    ends = await secrets.ends(settings)
    assert "wechat/merchant_cert" in {each["secret"] for each in ends["items"]}
    assert [each["days"] for each in ends["items"]] == sorted(each["days"] for each in ends["items"])
    said: list[str] = []
    secrets.show(told, lambda text, **_: said.append(text))
    secrets.show_ends(ends, lambda text, **_: said.append(text))
    assert apiv3 not in "".join(said)

    while await audit.link(shop.app.pools.recorder):
        pass
    connection = await connect(database)
    verdict = await audit.verify(connection, shop.merchant_id, [])
    await connection.close()
    assert verdict.ok


async def test_a_new_channel_key_is_set_at_the_terminal_from_a_file_and_one_that_does_not_fit_is_refused(
    shop: Shop, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def ground(*_: Any) -> Any:
        yield database

    monkeypatch.setattr(secrets.db, "ground", ground)
    monkeypatch.setattr(secrets, "who", lambda: "cli:ops")
    await flow.look(shop.app.desk, shop.merchant_id, "system", shop.app.pools.reader)
    new = tmp_path / "new"
    new.write_text("n" * 31)
    with pytest.raises(Denied, match=r"channel\.config_invalid"):
        await secrets.channel_set(shop.app.settings, shop.merchant_id, "wechat", {"apiv3_key": new})
    new.write_text("n" * 32 + "\n")
    told = await secrets.channel_set(shop.app.settings, shop.merchant_id, "wechat", {"apiv3_key": new})
    assert told["changed"] == ["apiv3_key"]
    account = (await shop.app.desk.see(merchants.channels_of(shop.merchant_id)))["wechat"]
    assert (await account.opened(shop.app.desk.sealed))["apiv3_key"] == "n" * 32
    assert (await facts(shop, "wechat/apiv3_key"))[-1] == ("SecretRotated", "cli:ops")


_MADE_BY_IMPORT = (
    "merchants", "stores", "tills", "api_keys", "merchant_keys", "subject_keys", "channel_accounts",
)  # fmt: skip


async def test_an_import_that_breaks_off_at_any_of_its_writes_leaves_nothing_and_is_made_again(
    bare_shop: Shop, sim: Sim, database: Database, tmp_path: Path
) -> None:
    """Each write in turn is the last: the database raises right behind it."""
    file = tmp_path / "sim.json"
    file.write_text(json.dumps(sim.describe(), default=str))
    app = bare_shop.app

    async def counts() -> list[int]:
        return [await app.pools.recorder.fetchval(f"select count(*) from {table}") for table in _MADE_BY_IMPORT]

    before = await counts()
    owner = await connect(database)
    await owner.execute("create sequence writes; grant usage on sequence writes to public")
    await owner.execute("create table last_write as select 0 as at; grant select on last_write to public")
    await owner.execute(
        "create function break_off() returns trigger language plpgsql as $$ begin"
        " if nextval('writes') = (select at from last_write) then raise exception 'broken off'; end if; return null;"
        " end $$"
    )
    for table in _MADE_BY_IMPORT:
        await owner.execute(f"create trigger t after insert on {table} for each row execute function break_off()")
    last = 0
    while True:
        last += 1
        await owner.execute("update last_write set at = $1", last)
        await owner.execute("alter sequence writes restart")
        try:
            told = await verbs.import_sim(app, file, "Made", "cashier")
            break
        except asyncpg.RaiseError:
            assert await counts() == before, last
    await owner.close()
    assert last - 1 == 1 + 1 + 2 + 1 + 1 + 1 + 2  # as many writes as it has, and each was the last once
    assert [now - was for now, was in zip(await counts(), before, strict=True)] == [1, 1, 2, 1, 1, 1, 2]
    account = (await app.desk.see(merchants.channels_of(told["merchant_id"])))["wechat"]
    assert (await account.opened(app.desk.sealed))["apiv3_key"] == sim.describe()["wechat"]["apiv3_key"]
    assert (await store.known(app.pools.reader, told["merchant_id"]))["wechat/apiv3_key"].changed_at
