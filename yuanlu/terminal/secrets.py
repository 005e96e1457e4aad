"""Keys and secrets at a terminal: made anew while all runs, shown without what they are, told before they end."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from yuanlu import db
from yuanlu.app import App, running
from yuanlu.channels.contract import Channel
from yuanlu.channels.registry import CODECS
from yuanlu.clock import CHINA
from yuanlu.config import Settings
from yuanlu.db import Role
from yuanlu.desk import marked
from yuanlu.errors import Denied
from yuanlu.keyfile import key_text
from yuanlu.keyring import flow as keyring
from yuanlu.keyring import rules as keyring_rules
from yuanlu.kms import FileKeys
from yuanlu.merchants import store as merchants
from yuanlu.payments.flow import PAYER_MARK, payer_mark
from yuanlu.terminal.verbs import who
from yuanlu.worker import own_certificates

_ROTATING_LOCK = 0x726F746174  # "rotat": one rotates at a time
PASSES = 5
"""How often a rotation goes over the merchants until nothing is left; new ones come meanwhile."""


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[App]:
    async with (
        db.ground(settings.database_url or None, settings.state) as database,
        running(settings, database) as app,
    ):
        yield app


@asynccontextmanager
async def _alone(database: db.Database) -> AsyncIterator[None]:
    """Raises Denied: secrets.rotating. The lock ends with our connection, however we end."""
    connection = await db.connect(database, Role.RECORDER)
    try:
        if not await connection.fetchval("select pg_try_advisory_lock($1)", _ROTATING_LOCK):
            raise Denied("secrets.rotating")
        yield
    finally:
        await connection.close()


async def rotated(settings: Settings, *, kek: bool, merchant: str, every: bool, drop_old: bool) -> dict[str, Any]:
    """Rotate, and say what came of it; `left` counts what is still wrapped by an old key-encryption key.

    What was cut off is finished first, and no further key is made then. Service and workers go on meanwhile. Each
    merchant's turn leaves its facts (`SecretRotated`).
    Raises Denied: merchant.unknown, secrets.rotating, secrets.unwritable; Busy when the key service is away.
    """
    async with _opened(settings) as app, _alone(app.database):
        pools, seal = app.pools, app.seal
        chosen = await _chosen(pools.recorder, merchant)
        told: dict[str, Any] = {"merchants": []}
        made = ""
        if kek or every:
            if isinstance(seal.kms, FileKeys) and not (await seal.behind_each())[0]:
                made = seal.kms.put_first()
            await seal.barrier()
        for merchant_id, name in chosen if every or merchant else ():
            done = await seal.rotate(merchant_id, datetime.now(UTC))
            await keyring.look(app.desk, merchant_id, who(), pools.reader)
            told["merchants"].append({"merchant": merchant_id, "name": name, "new": done.is_new, "moved": done.moved})
        if every:
            told["payers_marked"] = await _marked(pools.recorder, settings)
        if kek or every:
            wrapped = 0
            for _ in range(PASSES):
                for merchant_id, _name in await _chosen(pools.recorder, ""):
                    wrapped += await seal.rewrap(merchant_id, datetime.now(UTC))
                if not await seal.behind():
                    break
            for merchant_id, _name in await _chosen(pools.recorder, ""):
                await keyring.look(app.desk, merchant_id, who(), pools.reader)
            left = await seal.behind()
            told["kek"] = {"newest": await seal.kms.newest(), "new": bool(made), "wrapped": wrapped, "left": left}
            if drop_old and not left and isinstance(seal.kms, FileKeys):
                told["kek"]["dropped"] = seal.kms.keep_newest()
    return told


async def _chosen(pool: asyncpg.Pool[Any], wish: str) -> list[tuple[str, str]]:
    with db.away():
        rows = await pool.fetch(
            "select merchant_id, name from merchants where $1 in ('', merchant_id, name) order by merchant_id", wish
        )
    if wish and not rows:
        raise Denied("merchant.unknown", name=wish)
    return [(row["merchant_id"], row["name"]) for row in rows]


_PLAIN_PAYERS = "select merchant_id, id, payer from payments where payer <> '' and left(payer, 3) <> $1 limit 500"
_MARK_PAYERS = (
    "update payments p set payer = n.mark from unnest($1::text[], $2::text[], $3::text[], $4::text[])"
    " as n(merchant_id, id, payer, mark) where p.merchant_id = n.merchant_id and p.id = n.id and p.payer = n.payer"
)


async def _marked(pool: asyncpg.Pool[Any], settings: Settings) -> int:
    """Put the keyed hash in the place of what payments of an earlier release say of their payers; how many it was."""
    mark, count = partial(marked, settings.mark_key), 0
    while True:
        with db.away():
            rows = await pool.fetch(_PLAIN_PAYERS, PAYER_MARK)
            if not rows:
                return count
            marks = [payer_mark(mark, row["merchant_id"], row["payer"]) for row in rows]
            columns = ([row[name] for row in rows] for name in ("merchant_id", "id", "payer"))
            await pool.execute(_MARK_PAYERS, *columns, marks)
        count += len(rows)


_VERSIONS = """
  select k.merchant_id, m.name, k.version, k.wrapped_by, k.made_at, k.retired_at, k.wrapped <> '' as is_there,
    (select count(*) from subject_keys s
     where s.merchant_id = k.merchant_id and s.key_version = k.version and s.wrapped <> '') as subjects
  from merchant_keys k join merchants m on m.merchant_id = k.merchant_id order by k.merchant_id, k.version
"""


async def shown(settings: Settings) -> dict[str, Any]:
    """Which keys there are, how old, and how much each wraps. No secret is in it.

    Raises Busy when the key service is away.
    """
    async with _opened(settings) as app:
        pools, seal = app.pools, app.seal
        with db.away():
            rows = await pools.recorder.fetch(_VERSIONS)
            bare = await pools.recorder.fetchval(
                "select count(*) from subject_keys where wrapped <> '' and key_version is null"
            )
        sealing = app.desk.sealed
        newest = await seal.kms.newest()
        names = [newest, *(seal.kms.by_name() if isinstance(seal.kms, FileKeys) else ())]
        names += [row["wrapped_by"] for row in rows if row["is_there"]]
        now = datetime.now(UTC)
        return {
            "keys": [
                {
                    "name": name,
                    "newest": name == newest,
                    "wraps": sum(row["wrapped_by"] == name and row["is_there"] for row in rows),
                }
                for name in dict.fromkeys(names)
            ],
            "unnamed": bare,
            "channels": [
                {"merchant": merchant_id, "name": name, "channel": channel, **_masked(await account.opened(sealing))}
                for merchant_id, name in await _chosen(pools.recorder, "")
                for channel, account in (await app.desk.see(merchants.channels_of(merchant_id))).items()
            ],
            "left": await seal.behind(),
            "merchants": [
                {
                    "merchant": row["merchant_id"],
                    "name": row["name"],
                    "version": row["version"],
                    "wrapped_by": row["wrapped_by"] if row["is_there"] else "",
                    "made_at": row["made_at"].isoformat(),
                    "retired_at": row["retired_at"].isoformat() if row["retired_at"] else None,
                    "days": (now - row["made_at"]).days,
                    "subjects": row["subjects"],
                }
                for row in rows
            ],
        }


def _masked(config: Mapping[str, Any]) -> dict[str, str]:
    """The secrets of a channel account: of a long one its last four signs, by which people tell one from another."""
    secrets = {name: str(config[name]) for name in merchants.CHANNEL_SECRETS if config.get(name)}
    return {name: "****" + (value[-4:] if len(value) >= 32 else "") for name, value in secrets.items()}


async def ends(settings: Settings) -> dict[str, Any]:
    """Look through all secrets and certificates now; answers what ends, soonest first, the installation's own among it.

    `open_files`: key files that others than their owner may read. Raises Busy when the key service is away.
    """
    async with _opened(settings) as app:
        now = app.clock.now()
        rows: list[tuple[str, str, str, str, datetime | None]]
        rows = [("", "", each.name, each.sort, each.ends_at) for each in own_certificates(settings)]
        open_files = [each.told for each in await keyring.open_files(settings, app.pools.recorder)]
        for merchant_id, name in await _chosen(app.pools.recorder, ""):
            known = await keyring.look(app.desk, merchant_id, who(), app.pools.reader)
            rows += [(merchant_id, name, each.id, each.kind, each.ends_at) for each in known]
    return {
        "items": [
            {"merchant": merchant_id, "name": name, "secret": secret, "sort": sort, "ends_at": at.isoformat(),
             "days": (at - now).days}
            for at, merchant_id, name, secret, sort in sorted((row[4], *row[:4]) for row in rows if row[4] is not None)
        ],
        "open_files": open_files,
    }  # fmt: skip


async def channel_set(settings: Settings, merchant: str, channel: str, changes: Mapping[str, Path]) -> dict[str, Any]:
    """Give a channel account new keys: of a secret what stands in the file, of a key file its path. Used within 30 s.

    Raises Denied: merchant.unknown, channel.unknown, channel.config_invalid, channel.account_in_use, settings.invalid.
    """
    async with _opened(settings) as app:
        ((merchant_id, name),) = await _chosen(app.pools.recorder, merchant)
        account = (await app.desk.see(merchants.channels_of(merchant_id))).get(channel)
        if account is None:
            raise Denied("channel.unknown", channel=channel)
        config = await account.opened(app.desk.sealed)
        for field, path in changes.items():
            is_secret = field in merchants.CHANNEL_SECRETS
            config[field] = key_text(str(path), field) if is_secret else str(path.absolute())
        CODECS[Channel(channel)].keys(config)
        now, pool = app.clock.now(), app.pools.recorder
        await merchants.set_channel(pool, merchant_id, channel, config, now, app.desk.sealed)
        await keyring.look(app.desk, merchant_id, who(), app.pools.reader)
        return {"merchant": merchant_id, "name": name, "channel": channel, "changed": sorted(changes)}


def show(told: dict[str, Any], say: Callable[..., None]) -> None:
    """The keys for people: a line a key-encryption key, a line a version of a merchant's key."""
    for key in told["keys"]:
        mark = "✓" if key["newest"] else ("·" if key["wraps"] else "✗")
        say(f"{mark} {key['name']}  包着 wraps {key['wraps']}")
    if told["unnamed"]:
        say(f"! 直接用安装密钥包着 wrapped without a merchant's key: {told['unnamed']}")
    for each in told["channels"]:
        masked = "  ".join(f"{name} {each[name]}" for name in merchants.CHANNEL_SECRETS if name in each)
        say(f"  {each['name']}  {each['channel']}  {masked}".rstrip())
    for each in told["merchants"]:
        state = "在用 current" if each["retired_at"] is None else "已退役 retired"
        say(f"  {each['name']}  v{each['version']}  {state}  {each['days']} 天 days  {each['subjects']} 把 keys")
    say(f"旧密钥还包着 still under an old key: {told['left']}", fg="green" if not told["left"] else "yellow")


def show_rotated(told: dict[str, Any], say: Callable[..., None]) -> None:
    """What a rotation came to, for people."""
    for each in told["merchants"]:
        what = "新密钥 new key" if each["new"] else "接着做完 finished"
        say(f"✓ {each['name']}  {what}  {each['moved']} 把 keys")
    if kek := told.get("kek"):
        what = "新密钥 new key" if kek["new"] else "没有新密钥 no new key"
        say(f"✓ {kek['newest']}  {what}  {kek['wrapped']} 把 keys")
        say(f"旧密钥还包着 still under an old key: {kek['left']}", fg="green" if not kek["left"] else "yellow")


def show_ends(told: dict[str, Any], say: Callable[..., None]) -> None:
    """What ends when, for people."""
    for each in told["items"]:
        colour = "red" if each["days"] < 1 else "yellow" if each["days"] < keyring_rules.WARN_DAYS[0] else None
        day = datetime.fromisoformat(each["ends_at"]).astimezone(CHINA).date()
        say(f"{day}  {each['days']:>5} 天 days  {each['name'] or '本系统 installation'}  {each['secret']}", fg=colour)
    if not told["items"]:
        say("没有会到期的 nothing has an end")
    for each in told["open_files"]:
        say(open_file_said(each), fg="red" if each["open_to"] == "everyone" else "yellow")


def open_file_said(told: Mapping[str, str]) -> str:
    """A key file that others may read, and what to do."""
    zh, en = ("本机人人", "everyone on this machine") if told["open_to"] == "everyone" else ("同组", "its group")
    return (
        f"! {told['name']}：{zh}可读或可改 {en} may read or change it ({told['mode']}).\n"
        f"  请运行 Run: chmod 600 {shlex.quote(told['file'])}"
    )
