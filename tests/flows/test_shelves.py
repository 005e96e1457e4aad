"""Where contents lie: the disk, and an S3-compatible store spoken to over HTTP, with all its ways of saying no."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.flows.room import ANNA, Room, opened
from tests.making import CASE, MERCHANT, NOON
from yuanlu import ids
from yuanlu.db import Database, Pools
from yuanlu.errors import Denied
from yuanlu.evidence import flow, keeping, rules
from yuanlu.evidence.rules import FileAsk, Why
from yuanlu.evidence.shelves import S3, Bucket, Disk

BUCKET = "yuanlu-files"


def key_of(name: str) -> str:
    file_id = ids.derived(ids.Kind.FILE, NOON, name)
    return rules.storage_key(FileAsk(merchant_id=MERCHANT, case_id=CASE, id=file_id, by=ANNA, content=name.encode()))


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def post(url: str, body: bytes = b"") -> None:
    urllib.request.urlopen(
        urllib.request.Request(url, data=body, method="POST", headers={"content-type": "text/plain"})
    ).close()


@pytest.fixture
def endpoint(moto: str) -> str:
    post(f"{moto}/moto-api/reset")
    client = boto3.client(
        "s3", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="one", aws_secret_access_key="two"
    )
    client.create_bucket(Bucket=BUCKET)
    return moto


def s3(endpoint: str, tmp_path: Path, bucket: str = BUCKET, secret: str = "two") -> S3:
    (tmp_path / "id").write_text("one\n")
    (tmp_path / "secret").write_text(secret + "\n")
    at = Bucket(
        endpoint=endpoint, bucket=bucket, region="", key_id_file=str(tmp_path / "id"),
        secret_file=str(tmp_path / "secret"),
    )  # fmt: skip
    return S3(at, seconds_max=2)


@pytest.fixture(params=["disk", "s3"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Disk | S3:
    if request.param == "disk":
        return Disk(tmp_path / "files")
    return s3(request.getfixturevalue("endpoint"), tmp_path)


async def test_what_is_put_down_is_there_until_it_is_dropped(shelf: Disk | S3) -> None:
    """S59."""
    key, other = key_of("a"), key_of("b")
    assert await shelf.get(key) is None
    assert not await shelf.lying(MERCHANT)
    await shelf.put(key, b"first")
    await shelf.put(key, b"second")
    await shelf.put(other, b"\0" * 100_000)
    assert await shelf.get(key) == b"second"
    lying = await shelf.lying(MERCHANT)
    assert {each.key for each in lying} == {key, other}
    assert all(abs(datetime.now(UTC) - each.at) < timedelta(minutes=5) for each in lying)
    assert not await shelf.lying(ids.new(ids.Kind.MERCHANT))
    for _ in range(2):
        await shelf.drop(key)
    assert await shelf.get(key) is None
    assert await shelf.get(other) == b"\0" * 100_000


async def test_an_unfinished_content_is_never_listed_and_swept_when_it_is_old(tmp_path: Path) -> None:
    disk, key = Disk(tmp_path), key_of("a")
    await disk.put(key, b"whole")
    half = (tmp_path / key).with_name(".half")
    half.write_bytes(b"ha")
    assert [each.key for each in await disk.lying(MERCHANT)] == [key]
    assert half.exists()
    import os

    os.utime(half, (0, 0))
    assert [each.key for each in await disk.lying(MERCHANT)] == [key]
    assert not half.exists()


async def test_a_missing_bucket_is_a_clear_no(endpoint: str, tmp_path: Path) -> None:
    """S59."""
    shelf = s3(endpoint, tmp_path, bucket="nobody-made-this")
    for ask in (shelf.put(key_of("a"), b"x"), shelf.get(key_of("a")), shelf.lying(MERCHANT)):
        with pytest.raises(Denied) as no:
            await ask
        assert (no.value.code, no.value.facts["why"]) == ("file.store_refused", "NoSuchBucket")


async def test_a_wrong_key_is_a_clear_no(endpoint: str, tmp_path: Path) -> None:
    """S59."""
    key_id, secret = _known_to(endpoint)
    post(f"{endpoint}/moto-api/reset-auth", b"0")  # from here on keys are checked
    try:
        good = s3(endpoint, tmp_path, secret=secret)
        (tmp_path / "id").write_text(key_id)
        await good.put(key_of("a"), b"x")
        (tmp_path / "bad").mkdir()
        for wrong_id, wrong_secret in ((key_id, "wrong"), ("AKIANOBODYKNOWSTHISK", secret)):
            bad = s3(endpoint, tmp_path / "bad", secret=wrong_secret)
            (tmp_path / "bad" / "id").write_text(wrong_id)
            with pytest.raises(Denied, match=r"file\.store_refused"):
                await bad.put(key_of("b"), b"x")
        assert [each.key for each in await good.lying(MERCHANT)] == [key_of("a")]
    finally:
        post(f"{endpoint}/moto-api/reset-auth", b"inf")


def _known_to(endpoint: str) -> tuple[str, str]:
    """A user of the store who may do everything with it."""
    iam: Any = boto3.client(
        "iam", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )
    iam.create_user(UserName="yuanlu")
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="yuanlu", PolicyName="all", PolicyDocument=json.dumps(allowed))
    key = iam.create_access_key(UserName="yuanlu")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


async def test_key_files_that_are_missing_or_empty_are_named(endpoint: str, tmp_path: Path) -> None:
    shelf = s3(endpoint, tmp_path)
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(Denied, match="YUANLU_S3_SECRET_FILE"):
        await shelf.get(key_of("a"))
    (tmp_path / "id").unlink()
    with pytest.raises(Denied, match="YUANLU_S3_KEY_ID_FILE"):
        await shelf.get(key_of("a"))


async def test_a_store_that_is_not_there_or_hangs_up_is_away(tmp_path: Path) -> None:
    """S59: lost connection."""
    calls = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await reader.read(100)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(Denied, match=r"file\.store_away"):
        await s3(f"http://127.0.0.1:{port}", tmp_path).get(key_of("a"))
    assert calls >= 1
    server.close()
    await server.wait_closed()
    with pytest.raises(Denied, match=r"file\.store_away"):
        await s3(f"http://127.0.0.1:{port}", tmp_path).put(key_of("a"), b"x")


async def test_a_store_that_says_nothing_is_away_in_time(tmp_path: Path) -> None:
    """S59."""
    done = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with asyncio.timeout(15):
            with pytest.raises(Denied, match=r"file\.store_away"):
                await s3(f"http://127.0.0.1:{port}", tmp_path).put(key_of("a"), b"x")
    finally:
        done.set()
        server.close()
        await server.wait_closed()


@pytest.fixture
async def room(database: Database, pools: Pools, tmp_path: Path, endpoint: str) -> AsyncIterator[Room]:
    async with opened(database, pools, tmp_path / "files", s3(endpoint, tmp_path)) as made:
        yield made


async def test_a_file_goes_its_whole_way_over_s3(room: Room) -> None:
    """S59."""
    case = await room.case()
    file = await room.take(room.ask(case))
    _, kept = await flow.opened(room.desk, room.files, room.merchant_id, file.id, ANNA, Why.REVIEW)
    assert rules.digest_of(kept) == file.digest_kept
    assert not room.lying()
    now = datetime.now(UTC) + timedelta(days=2)
    assert await keeping.sweep_files(room.desk, room.files, room.reader, room.merchant_id, now) == 0
    await room.close(case)
    await room.erase(case)
    assert not await room.files.shelf.lying(room.merchant_id)


async def test_trouble_of_the_store_leaves_no_row(room: Room, tmp_path: Path) -> None:
    """S59: a row never points at nothing."""
    room.files.shelf = s3("http://127.0.0.1:9", tmp_path)
    with pytest.raises(Denied, match=r"file\.store_away"):
        await room.take(room.ask(await room.case()))
    assert await room.pool.fetchval("select count(*) from case_files") == 0


def test_the_library_of_the_store_is_not_loaded_before_it_is_needed() -> None:
    """The service stays small for those who keep files on the disk."""
    import subprocess
    import sys

    code = """import sys, yuanlu.web.server, yuanlu.worker, yuanlu.app
print([name for name in ("boto3", "botocore", "PIL", "pypdfium2") if name in sys.modules])"""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
