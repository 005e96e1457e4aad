"""Merchants and what belongs to them: SQL, and rows to values."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from yuanlu import ids
from yuanlu.db import away
from yuanlu.errors import Broken, Denied
from yuanlu.merchants.tenants import PLATFORM
from yuanlu.reading import Read, View, over_keys
from yuanlu.seal import Sealed


@dataclass(frozen=True, slots=True)
class Till:
    """A till and the store it stands in."""

    merchant_id: str
    id: str
    store_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that acts for a merchant. `actor` is who is named in facts when it is used.

    A key of a member of staff names their id, has their role, and counts until they leave (`until`). `scopes` narrow
    what it may (empty: all that its role may). A key of a till counts with a signature by its `public_key` alone; so
    does the session of somebody who changed in at a till, and `signed_by` is that till's key then.
    """

    merchant_id: str
    id: str
    actor: str
    role: str = "machine"
    store_id: str = ""
    until: datetime | None = None
    scopes: str = ""
    till_id: str = ""
    public_key: str = ""
    signed_by: str = ""

    def counts(self, at: datetime) -> bool:
        """Whether whom it belongs to still acts for the merchant."""
        return self.until is None or at < self.until


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: the only moment its secret is known."""

    id: str
    secret: str = field(repr=False)


Sealing = Callable[[str, str], Awaitable[Sealed]]
"""What seals and opens for a merchant and a subject: `Desk.sealed`."""


@dataclass(frozen=True, slots=True)
class ChannelAccount:
    """A merchant's contract with a channel. `config` is JSON without secrets; `sealed` is JSON of them, sealed.

    A row of an earlier release, until it is sealed, has them in `config`.
    """

    merchant_id: str
    channel: str
    config: str = field(repr=False)
    sealed: str = field(repr=False)

    async def opened(self, sealing: Sealing) -> dict[str, Any]:
        """The whole configuration, its secrets in plain: for whoever speaks with the channel.

        Raises Denied: seal.forgotten; Busy when the key service is away; Broken when it was changed.
        """
        config: dict[str, Any] = msgspec.json.decode(self.config)
        if self.sealed:
            config |= msgspec.json.decode((await sealing(self.merchant_id, subject_of(self.channel))).open(self.sealed))
        return config


CHANNEL_SECRETS = ("apiv3_key", "v2_key")
"""What of a configuration is sealed, always."""
CHANNEL_KEYS = ("merchant_key", "merchant_cert", "platform_public_key", "platform_cert", "app_private_key",
                "alipay_public_key")  # fmt: skip
"""What is sealed where it stands in the configuration itself; else it is the path of a file, which is kept as it is."""


def subject_of(channel: str) -> str:
    """Under whose key the secrets of a channel are sealed."""
    return f"channel/{channel}"


CHANNELS = over_keys(
    "select k.place, c.channel, c.config, c.sealed from keys k join channel_accounts c on c.merchant_id = k.merchant_id"
)
KEY = over_keys(
    "select k.place, t.merchant_id, t.id, t.digest, t.old_digest, t.old_until, t.scopes, t.till_id, t.public_key,"
    " coalesce(s.id, t.actor) as actor, least(s.until, t.until) as until,"
    " coalesce(s.role, 'machine') as role, coalesce(s.store_id, i.store_id, '') as store_id"
    " from keys k join api_keys t on t.id = k.a"
    " left join staff s on s.merchant_id = t.merchant_id and s.id = t.staff_id"
    " left join tills i on i.merchant_id = t.merchant_id and i.id = t.till_id and i.closed_at is null"
    " where t.revoked_at is null and (t.staff_id = '' or s.id is not null) and (t.till_id = '' or i.id is not null)"
)


EPOCH = over_keys("select k.place, e.epoch from keys k cross join key_epoch e where k.merchant_id = ''")


def key_epoch() -> View[int]:
    """How often keys, or the people they belong to, have changed: while it stands, what was read of them counts."""
    return View((Read(EPOCH, ""),), lambda found: int(found[0][0]["epoch"]))


def channels_of(merchant_id: str) -> View[dict[str, ChannelAccount]]:
    """The channels a merchant has, each with its contract."""

    def make(found: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, ChannelAccount]:
        return {
            row["channel"]: ChannelAccount(merchant_id, row["channel"], row["config"], row["sealed"])
            for row in found[0]
        }

    return View((Read(CHANNELS, merchant_id, ""),), make)


def key_by_secret(text: str) -> View[ApiKey | None]:
    """The key this text is the secret of, if it is one that still counts.

    Shape: `yk_<key id>_<secret>`. The secret is compared as a hash, in constant time, with the one in force and with
    the one it replaced, which counts until its grace is over.
    """
    _, _, rest = text.partition("yk_")
    key_id, _, secret = rest.partition("_")
    digest = hashlib.sha256(secret.encode()).digest()

    def make(found: Sequence[Sequence[Mapping[str, Any]]]) -> ApiKey | None:
        for row in found[0]:
            is_new, is_old = (hmac.compare_digest(row[name], digest) for name in ("digest", "old_digest"))
            if is_new or is_old:
                return ApiKey(
                    row["merchant_id"],
                    row["id"],
                    row["actor"],
                    row["role"],
                    row["store_id"],
                    row["until"] if is_new else min(filter(None, (row["until"], row["old_until"]))),
                    row["scopes"],
                    row["till_id"],
                    row["public_key"],
                )
        return None

    return View((Read(KEY, "", key_id),), make)


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant, and how many tills stand in its stores."""

    id: str
    name: str
    created_at: datetime
    tills: int


async def merchants_called(pool: asyncpg.Pool[Any], wish: str, most: int, after: str = "") -> Sequence[Merchant]:
    """The merchants with this name or id (all where nobody is wished for), by id, behind `after`.

    The installation itself is none of them.
    """
    rows = await pool.fetch(
        "select m.merchant_id, m.name, m.created_at,"
        " (select count(*) from tills t where t.merchant_id = m.merchant_id) as tills"
        " from merchants m where ($1 = '' or m.merchant_id = $1 or m.name = $1) and m.merchant_id > $3"
        " and m.merchant_id <> $4 order by m.merchant_id limit $2",
        wish,
        most,
        after,
        PLATFORM,
    )
    return [Merchant(row["merchant_id"], row["name"], row["created_at"], row["tills"]) for row in rows]


async def stores_called(pool: asyncpg.Pool[Any], merchant_id: str, wish: str, most: int) -> Sequence[str]:
    """The ids of a merchant's stores with this name or id."""
    rows = await pool.fetch(
        "select id from stores where merchant_id = $1 and (id = $2 or name = $2) order by id limit $3",
        merchant_id,
        wish,
        most,
    )
    return [row["id"] for row in rows]


async def tills_called(pool: asyncpg.Pool[Any], merchant_id: str, wish: str, most: int) -> Sequence[Till]:
    """The tills of a merchant with this name or id."""
    rows = await pool.fetch(
        "select merchant_id, id, store_id, name from tills where merchant_id = $1 and (id = $2 or name = $2)"
        " order by id limit $3",
        merchant_id,
        wish,
        most,
    )
    return [Till(row["merchant_id"], row["id"], row["store_id"], row["name"]) for row in rows]


async def add_merchant(pool: asyncpg.Pool[Any], name: str, at: datetime, merchant_id: str = "") -> str:
    """Make a merchant; answers its id. With an id, again is the same: the name stays as it was."""
    merchant_id = merchant_id or ids.new(ids.Kind.MERCHANT, at)
    await pool.execute(
        "insert into merchants (merchant_id, name, created_at) values ($1, $2, $3) on conflict do nothing",
        merchant_id,
        name,
        at,
    )
    return merchant_id


async def add_store(pool: asyncpg.Pool[Any], merchant_id: str, name: str, at: datetime) -> str:
    """Make a store; answers its id."""
    store_id = ids.new(ids.Kind.STORE, at)
    await pool.execute(
        "insert into stores (merchant_id, id, name, created_at) values ($1, $2, $3, $4)",
        merchant_id,
        store_id,
        name,
        at,
    )
    return store_id


async def add_till(pool: asyncpg.Pool[Any], merchant_id: str, store_id: str, name: str, at: datetime) -> str:
    """Make a till; answers its id."""
    till_id = ids.new(ids.Kind.TILL, at)
    await pool.execute(
        "insert into tills (merchant_id, id, store_id, name, created_at) values ($1, $2, $3, $4, $5)",
        merchant_id,
        till_id,
        store_id,
        name,
        at,
    )
    return till_id


IDENTITY = {"wechat": ("mchid", "appid"), "alipay": ("app_id",)}
"""Who a merchant is at a channel. Payments are known to the channel under it."""
OWN = {"wechat": ("mchid",), "alipay": ("app_id",)}
"""What of that belongs to one merchant of an installation: order numbers are unique under it."""


async def set_channel(
    pool: asyncpg.Pool[Any], merchant_id: str, channel: str, config: Mapping[str, Any], at: datetime,
    sealing: Sealing | None = None,
) -> None:  # fmt: skip
    """Store a merchant's contract with a channel. Law: no secret is stored in plain; of key files, the paths are.

    Keys may change at any time. Who the merchant is at the channel may not, once there are payments: another account
    would truthfully say that it has never heard of them, and what was paid would look as if it never was.
    Raises Denied: channel.account_in_use, channel.config_invalid; Broken where there are secrets and nothing seals.
    """
    text, sealed = await _shut(merchant_id, channel, config, sealing)
    same = [config.get(name) for name in IDENTITY[channel]]
    done = await pool.fetchval(
        "insert into channel_accounts as c (merchant_id, channel, config, changed_at, sealed)"
        " values ($1, $2, $3, $4, $7)"
        " on conflict (merchant_id, channel) do update set config = excluded.config, sealed = excluded.sealed,"
        " changed_at = excluded.changed_at"
        " where not exists (select 1 from payments p where p.merchant_id = $1 and p.channel = $2)"
        " or (select array_agg(c.config::jsonb ->> name order by place)"
        " from unnest($5::text[]) with ordinality u(name, place)) = $6::text[]"
        " returning 1",
        merchant_id, channel, text, at, list(IDENTITY[channel]), same, sealed,
    )  # fmt: skip
    if done is None:
        raise Denied("channel.account_in_use", channel=channel)


async def _shut(merchant_id: str, channel: str, config: Mapping[str, Any], sealing: Sealing | None) -> tuple[str, str]:
    """A configuration as it is kept: without secrets, and the secrets sealed (empty: there are none)."""
    inline = {name for name in CHANNEL_KEYS if str(config.get(name, "")).startswith("-----BEGIN")}
    secret = {name: config[name] for name in config if name in inline or (name in CHANNEL_SECRETS and config[name])}
    plain = {name: config[name] for name in config if name not in inline and name not in CHANNEL_SECRETS}
    for name, value in plain.items():
        if "PRIVATE KEY" in str(value):
            raise Denied("channel.config_invalid", channel=channel, field=name, why="no place for a key")
    text = msgspec.json.encode(plain).decode()
    if not secret:
        return text, ""
    if sealing is None:
        raise Broken("secrets of a channel, and nothing to seal them with")
    sealed = await sealing(merchant_id, subject_of(channel))
    return text, sealed.seal(msgspec.json.encode(secret).decode())


_OTHERS = """
  select 1 from channel_accounts c where c.channel = $2 and c.merchant_id <> $1
    and (select array_agg(c.config::jsonb ->> name order by place)
         from unnest($3::text[]) with ordinality u(name, place)) = $4::text[]
    and not exists (
      select 1 from channel_accounts o where o.merchant_id = $1 and o.channel = $2
        and (select array_agg(o.config::jsonb ->> name order by place)
             from unnest($3::text[]) with ordinality u(name, place)) = $4::text[])
"""
_CLAIM_LOCK = 0x6368616E  # "chan": one account is claimed at a time


async def claim_channel(
    pool: asyncpg.Pool[Any], merchant_id: str, channel: str, config: Mapping[str, Any], at: datetime, sealing: Sealing
) -> None:
    """Store a merchant's contract with a channel, unless another merchant of this installation has that account.

    Two merchants under one account could make the same payment id, and each would be told of the other's money. What a
    merchant has already, it may give new keys. Raises Denied: channel.account_taken; see `set_channel`.
    """
    named = [str(config.get(name, "")) for name in OWN[channel]]
    opened = await sealing(merchant_id, subject_of(channel))  # before the lock: who waits for it holds a connection

    async def ready(_: str, __: str) -> Sealed:
        return opened

    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", _CLAIM_LOCK)
        if await connection.fetchval(_OTHERS, merchant_id, channel, list(OWN[channel]), named):
            raise Denied("channel.account_taken", channel=channel)
        await set_channel(connection, merchant_id, channel, config, at, ready)


_PLAIN = """
  select merchant_id, channel, config from channel_accounts
  where sealed = '' and config ~ '"(apiv3_key|v2_key)"' order by merchant_id, channel
"""


async def seal_channels(pool: asyncpg.Pool[Any], sealing: Sealing) -> int:
    """Seal what a release before this one stored in plain; answers how many contracts. Again does no harm.

    Raises Busy while the database or the key service is away.
    """
    with away():
        rows = await pool.fetch(_PLAIN)
    for row in rows:
        config = msgspec.json.decode(row["config"])
        text, sealed = await _shut(row["merchant_id"], row["channel"], config, sealing)
        with away():
            await pool.execute(
                "update channel_accounts set config = $4, sealed = $5"
                " where merchant_id = $1 and channel = $2 and config = $3",
                row["merchant_id"], row["channel"], row["config"], text, sealed,
            )  # fmt: skip
    return len(rows)


async def add_key(pool: asyncpg.Pool[Any], merchant_id: str, actor: str, at: datetime, *, staff_id: str = "") -> NewKey:
    """Make an API key for somebody or something that acts for a merchant; with `staff_id`, for that member of staff.

    Raises Denied: key.actor_empty.
    """
    if not actor.strip():
        raise Denied("key.actor_empty")
    key_id = ids.new(ids.Kind.KEY, at)
    secret = secrets.token_urlsafe(32).replace("_", "-")
    digest = hashlib.sha256(secret.encode()).digest()
    await pool.execute(
        "insert into api_keys (merchant_id, id, digest, actor, created_at, staff_id) values ($1, $2, $3, $4, $5, $6)",
        merchant_id,
        key_id,
        digest,
        actor,
        at,
        staff_id,
    )
    return NewKey(key_id, f"yk_{key_id}_{secret}")
