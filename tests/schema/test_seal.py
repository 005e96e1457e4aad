"""Sealed text: opens for its subject alone, and never again once the subject is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from yuanlu.db import Pools
from yuanlu.errors import Broken, Denied
from yuanlu.merchants import store as merchants
from yuanlu.seal import Seal

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@pytest.fixture
async def merchant_id(pools: Pools) -> str:
    return await merchants.add_merchant(pools.recorder, "Shop", NOON)


@pytest.fixture
def seal(pools: Pools) -> Seal:
    return Seal(pools.recorder, b"m" * 32)


async def test_what_is_sealed_opens_for_its_subject_and_differs_each_time(seal: Seal, merchant_id: str) -> None:
    """S29. S57."""
    case = await seal.of(merchant_id, "YC1", NOON)
    first, second = case.seal("张三 13800000000"), case.seal("张三 13800000000")
    assert first != second
    assert "138" not in first
    assert (await seal.of(merchant_id, "YC1", NOON)).open(first) == "张三 13800000000"


async def test_it_opens_for_no_other_subject_merchant_or_key(seal: Seal, merchant_id: str, pools: Pools) -> None:
    """S29."""
    other = await merchants.add_merchant(pools.recorder, "Other", NOON)
    sealed = (await seal.of(merchant_id, "YC1", NOON)).seal("secret")
    for one in (await seal.of(merchant_id, "YC2", NOON), await seal.of(other, "YC1", NOON)):
        with pytest.raises(Broken):
            one.open(sealed)
    with pytest.raises(Broken):
        await Seal(pools.recorder, b"n" * 32).of(merchant_id, "YC1", NOON)


async def test_a_forgotten_subject_is_never_read_again_and_gets_no_new_key(seal: Seal, merchant_id: str) -> None:
    """S57."""
    sealed = (await seal.of(merchant_id, "YC1", NOON)).seal("secret")
    assert await seal.forget(merchant_id, "YC1", NOON)
    assert not await seal.forget(merchant_id, "YC1", NOON)
    gone = await seal.of(merchant_id, "YC1", NOON)
    for act in (gone.open, gone.seal):
        with pytest.raises(Denied, match=r"seal\.forgotten"):
            act(sealed)


async def test_a_changed_byte_does_not_open(seal: Seal, merchant_id: str) -> None:
    case: Any = await seal.of(merchant_id, "YC1", NOON)
    sealed = case.seal("secret")
    changed = sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:]
    with pytest.raises(Broken):
        case.open(changed)


async def test_sealed_content_opens_under_its_own_name_alone(seal: Seal, merchant_id: str) -> None:
    """S57."""
    case = await seal.of(merchant_id, "YC1", NOON)
    content = bytes(range(256)) * 100
    sealed = case.seal_bytes(content, "YF1")
    assert sealed != case.seal_bytes(content, "YF1")
    assert content[:32] not in sealed
    assert (await seal.of(merchant_id, "YC1", NOON)).open_bytes(sealed, "YF1") == content
    for other, name in ((case, "YF2"), (await seal.of(merchant_id, "YC2", NOON), "YF1")):
        with pytest.raises(Broken):
            other.open_bytes(sealed, name)
    for changed in (b"", b"s1.", b"xx." + sealed[3:], sealed[:-1], sealed[:40] + b"!" + sealed[41:]):
        with pytest.raises(Broken):
            case.open_bytes(changed, "YF1")


async def test_content_of_a_forgotten_subject_is_never_opened_again(seal: Seal, merchant_id: str, pools: Pools) -> None:
    """S57."""
    sealed = (await seal.of(merchant_id, "YC1", NOON)).seal_bytes(b"secret", "YF1")
    await seal.forget(merchant_id, "YC1", NOON, who="owner", why="erasure")
    gone = await seal.of(merchant_id, "YC1", NOON)
    for act in (gone.open_bytes, gone.seal_bytes):
        with pytest.raises(Denied, match=r"seal\.forgotten"):
            act(sealed, "YF1")
    row = await pools.recorder.fetchrow("select * from subject_keys where subject = 'YC1'")
    assert (row["forgotten_by"], row["forgotten_why"], row["wrapped"]) == ("owner", "erasure", "")
