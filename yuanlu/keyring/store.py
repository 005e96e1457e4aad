"""Secrets as they are known, and where they are found: SQL, and files that configurations name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from yuanlu import db
from yuanlu.keyring import files
from yuanlu.keyring.rules import Found, Secret, Sort
from yuanlu.merchants.store import CHANNEL_SECRETS
from yuanlu.reading import Read, View, maker, rows_by_id

BY_ID = rows_by_id(Secret)
made = maker(Secret)
TOLD_AFTER = timedelta(days=30)
"""How long what has ended by itself is still listed."""

_OF_MERCHANT = "select * from keyring where merchant_id = $1 and id > $2 order by id limit $3"
_ALL = "select * from keyring where merchant_id = $1 order by id"
_DATA_KEY = "select version, wrapped_by from merchant_keys where merchant_id = $1 and retired_at is null"
_CONFIGS = "select merchant_id, channel, config from channel_accounts order by merchant_id, channel"
_ENDING = """
  select 'key/' || id as name, 'api_key' as sort, until as ends_at from api_keys
  where merchant_id = $1 and revoked_at is null and until > $2
  union all
  select 'key/' || id || '/old', 'old_secret', old_until from api_keys
  where merchant_id = $1 and revoked_at is null and old_until > $2
  union all
  select 'hook/' || id || '/old', 'old_secret', old_until from hooks
  where merchant_id = $1 and state = 'ACTIVE' and old_until > $2
"""


def by_id(merchant_id: str, name: str) -> View[Secret | None]:
    """One secret."""
    return View((Read(BY_ID, merchant_id, name),), lambda found: made(found[0][0]) if found[0] else None)


async def known(pool: asyncpg.Pool[Any], merchant_id: str) -> Mapping[str, Secret]:
    """All that is known of a merchant's secrets, by name. Raises Busy when the database stays away."""
    return {row["id"]: made(row) for row in await db.read(pool, merchant_id, _ALL, merchant_id)}


async def page(pool: asyncpg.Pool[Any], merchant_id: str, after: str, most: int) -> Sequence[Secret]:
    """Some of a merchant's secrets, by name, those that are gone too. Raises Busy when the database stays away."""
    return [made(row) for row in await db.read(pool, merchant_id, _OF_MERCHANT, merchant_id, after, most)]


async def in_database(pool: asyncpg.Pool[Any], merchant_id: str, at: datetime) -> list[Found]:
    """What a merchant has beside the channels. Raises Busy when the database stays away."""
    found = []
    for row in await db.read(pool, merchant_id, _DATA_KEY, merchant_id):
        found += [
            Found("data-key", Sort.DATA_KEY, str(row["version"])),
            Found("wrapping-key", Sort.WRAPPING_KEY, row["wrapped_by"]),
        ]
    for row in await db.read(pool, merchant_id, _ENDING, merchant_id, at - TOLD_AFTER):
        found.append(Found(row["name"], Sort(row["sort"]), row["ends_at"].isoformat(), row["ends_at"]))
    return found


async def key_files(pool: asyncpg.Pool[Any]) -> Mapping[str, Path]:
    """The private key files of all merchants' channel accounts. Raises Busy when the database stays away."""
    with db.away():
        rows = await pool.fetch(_CONFIGS)
    return {
        f"{row['merchant_id']}/{name}": path
        for row in rows
        for name, path in files.channel_files(row["channel"], msgspec.json.decode(row["config"]))
    }


def of_channel(channel: str, config: Mapping[str, Any], mark: Callable[[str], str]) -> Iterator[Found]:
    """The secrets, keys and certificates of one channel account. Reads the files it names."""
    for field, value in sorted(config.items()):
        name = f"{channel}/{field}"
        if field in CHANNEL_SECRETS:
            yield Found(name, Sort.CHANNEL_SECRET, mark(f"{name}\x1f{value}"))
        elif field.endswith("_cert") and value:
            yield certificate(name, str(value).encode() if is_inline(value) else Path(value))
        elif field.endswith("_key") and value:
            sign = mark(f"{name}\x1f{value}") if is_inline(value) else _mark_of_file(Path(value), name, mark)
            yield Found(name, Sort.CHANNEL_KEY, sign)


def is_inline(value: object) -> bool:
    """Whether this is a key or certificate itself, and no path of a file."""
    return str(value).startswith("-----BEGIN")


def _mark_of_file(path: Path, name: str, mark: Callable[[str], str]) -> str:
    try:
        return mark(f"{name}\x1f{path.read_bytes().hex()}")
    except (OSError, ValueError):
        return ""


def certificate(name: str, pem: Path | bytes) -> Found:
    """A certificate (PEM, or the file it is in), and when it ends; of several, the one that ends first."""
    try:
        chain = x509.load_pem_x509_certificates(pem.read_bytes() if isinstance(pem, Path) else pem)
    except (OSError, ValueError):
        return Found(name, Sort.CERTIFICATE, "")
    ends_at = min(each.not_valid_after_utc for each in chain)
    return Found(name, Sort.CERTIFICATE, chain[0].fingerprint(hashes.SHA256()).hex(), ends_at)
