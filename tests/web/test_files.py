"""Files over HTTP and on the terminal: handed in as they are, opened with headers that let nothing run."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import socket
import zipfile
from base64 import b64encode
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tests.flows import files
from tests.flows.files import SECRET
from tests.web.conftest import Answer, Shop
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.people import flow as people


async def case_of(shop: Shop) -> tuple[str, str]:
    """A payment and a case about it."""
    payment = await shop.paid()
    wish = {"id": ids.new(Kind.CASE), "payment": payment, "what": "other"}
    return payment, (await shop.post("/v1/cases", wish)).told["id"]


async def add(shop: Shop, case: str, content: bytes, *, id: str = "", kind: str = "image/jpeg", **more: Any) -> Answer:  # noqa: A002
    query = {"id": id or ids.new(Kind.FILE)} | more
    path = f"/v1/cases/{case}/files?" + "&".join(f"{name}={quote(value)}" for name, value in query.items())
    body: Any = io.BytesIO(content) if len(content) > 1_000_000 else content  # aiohttp warns of large bytes
    return await shop.call("POST", path, raw=body, content_type=kind)


async def test_a_file_is_handed_in_listed_and_opened_safely(shop: Shop) -> None:
    """S59, S71."""
    _, case = await case_of(shop)
    content = files.jpeg_with_everything()
    answer = await add(shop, case, content, name="小票.jpg", kind="text/html")
    assert answer.status == 201, answer.told
    told = answer.told
    assert (told["media"], told["name"], told["stripped"]) == ("image/jpeg", "小票.jpg", ["metadata"])
    assert told["sha256_original"] == hashlib.sha256(content).hexdigest()
    again = await add(shop, case, content, id=told["id"], name="other.jpg")
    assert (again.status, again.told) == (200, told)
    assert (await shop.get(f"/v1/cases/{case}/files")).told == {"items": [told], "next": None}
    opened = await shop.get(f"/v1/files/{told['id']}?why=audit")
    assert opened.status == 200
    digest = hashlib.sha256(opened.raw)
    assert digest.hexdigest() == told["sha256"]
    assert SECRET not in opened.raw
    assert opened.headers["content-type"] == "image/jpeg"
    assert opened.headers["x-content-type-options"] == "nosniff"
    assert opened.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert opened.headers["cache-control"] == "no-store"
    assert opened.headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote('小票.jpg')}"
    assert opened.headers["repr-digest"] == f"sha-256=:{b64encode(digest.digest()).decode()}:"
    shown = await shop.get(f"/v1/files/{told['id']}?show=inline")
    assert shown.headers["content-disposition"].startswith("inline;")
    assert (await shop.get(f"/v1/cases/{case}/files")).told["items"][0]["opened_times"] == 2


async def test_whoever_opens_a_file_that_was_not_searched_surely_is_told_so_plainly(shop: Shop) -> None:
    """S36, S57, S59: in its record, beside its bytes, in the customer's export; of one that was searched, nothing."""
    payment, case = await case_of(shop)
    sheet = (await add(shop, case, files.pdf([files.page(b"nothing to hide")]), kind="application/pdf")).told
    assert (sheet["searched"], sheet["says_zh"], sheet["says_en"]) == (True, "", "")
    workshop = shop.app.files.workshop
    workshop.limits = replace(workshop.limits, read_seconds=0)  # as with YUANLU_OCR=off
    photo = (await add(shop, case, files.jpeg())).told
    assert (photo["searched"], photo["searched_pages"]) == (False, 0)
    assert "卡号" in photo["says_zh"]
    assert "may still be seen" in photo["says_en"]
    opened = [await shop.get(f"/v1/files/{each['id']}") for each in (sheet, photo)]
    assert [each.headers["searched"] for each in opened] == ["true", "false"]
    assert [unquote(opened[1].headers[f"says-{each}"]) for each in ("zh", "en")] == [photo["says_zh"], photo["says_en"]]
    assert "says-zh" not in opened[0].headers
    await owner_of(shop)
    exported = await shop.get(f"/v1/payments/{payment}/data", who="owner")
    with zipfile.ZipFile(io.BytesIO(exported.raw)) as zipped:
        listed = {each["id"]: each for each in json.loads(zipped.read("data.json"))["files"]}
    assert listed[sheet["id"]]["searched"]
    assert "says_zh" not in listed[sheet["id"]]
    assert (listed[photo["id"]]["searched"], listed[photo["id"]]["says_zh"]) == (False, photo["says_zh"])


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "file.empty"),
        (files.SVG, 415, "file.type"),
        (files.HTML, 415, "file.type"),
        (files.jpeg()[:100], 422, "file.damaged"),
        (files.png_claiming(60_000, 60_000), 422, "file.too_many_pixels"),
        (files.pdf([files.page()] * 1000), 422, "file.too_many_pages"),
        (b"\xff\xd8\xff" + b"\0" * 10_000_001, 413, "file.too_large"),
    ],
    ids=["empty", "svg", "html", "half", "pixels", "pages", "large"],
)
async def test_what_is_refused_says_why_and_changes_nothing(shop: Shop, content: bytes, status: int, code: str) -> None:
    """S59."""
    _, case = await case_of(shop)
    before = await shop.counts()
    answer = await add(shop, case, content)
    assert (answer.status, answer.code) == (status, code)
    assert await shop.counts() == before


async def test_a_name_with_a_nul_and_an_id_that_is_none_are_refused(shop: Shop) -> None:
    """S59."""
    _, case = await case_of(shop)
    assert (await add(shop, case, files.jpeg(), name="a\0b")).code == "request.invalid"
    assert (await add(shop, case, files.jpeg(), id="../../x")).code == "request.invalid"
    assert (await shop.call("POST", f"/v1/cases/{case}/files", raw=files.jpeg())).code == "request.invalid"
    assert (await shop.get("/v1/files/..%2F..%2Fx")).status == 404
    told = (await add(shop, case, files.jpeg(), name="../../../etc/passwd")).told
    assert told["name"] == "passwd.jpg"


async def test_a_neighbour_sees_nothing_of_it(shop: Shop) -> None:
    payment, case = await case_of(shop)
    file = (await add(shop, case, files.jpeg())).told["id"]
    for path in (f"/v1/files/{file}", f"/v1/cases/{case}/files"):
        assert (await shop.get(path, who="neighbour")).status == 404
    assert (await shop.get(f"/v1/payments/{payment}/data", who="neighbour")).status == 403
    assert (await shop.post(f"/v1/payments/{payment}/erasure", who="neighbour")).status == 403


async def test_a_body_that_grows_without_end_is_cut_off(shop: Shop) -> None:
    """S59: streaming with a limit; no length is said."""
    _, case = await case_of(shop)
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        yield b"\xff\xd8\xff"
        while sent < 60_000_000:
            sent += 65536
            yield b"\0" * 65536

    url = f"{shop.base_url}/v1/cases/{case}/files?id={ids.new(Kind.FILE)}"
    headers = {"authorization": f"Bearer {shop.keys['cashier']}", "content-type": "image/jpeg"}
    try:
        async with shop.session.post(url, data=endless(), headers=headers) as answer:
            assert (await answer.json(content_type=None))["code"] == "file.too_large"
    except (ConnectionError, OSError):
        pass  # hung up on us: that is a no too
    assert sent < 30_000_000


async def test_who_hangs_up_half_way_leaves_nothing_and_frees_the_place(shop: Shop) -> None:
    _, case = await case_of(shop)
    before = await shop.counts()
    host, port = shop.base_url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/cases/{case}/files?id={ids.new(Kind.FILE)} HTTP/1.1\r\nhost: x\r\n"
        f"authorization: Bearer {shop.keys['cashier']}\r\ncontent-length: 5000\r\n\r\n"
    )
    for _ in range(6):  # more than may hand in at once
        with socket.create_connection((host, int(port))) as caller:
            caller.sendall(head.encode() + b"\xff\xd8\xff")
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)
    assert await shop.counts() == before
    assert (await add(shop, case, files.jpeg())).status == 201


async def test_more_than_may_hand_in_at_once_are_told_to_come_again(shop: Shop) -> None:
    _, case = await case_of(shop)
    places = [shop.app.files.handing_in() for _ in range(4)]
    for place in places:
        await place.__aenter__()
    answer = await add(shop, case, files.jpeg())
    assert (answer.status, answer.code) == (503, "service.busy")
    for place in places:
        await place.__aexit__(None, None, None)
    assert (await add(shop, case, files.jpeg())).status == 201


async def test_a_pdf_is_opened_as_a_pdf_of_pictures(shop: Shop) -> None:
    """S59."""
    _, case = await case_of(shop)
    told = (await add(shop, case, files.active_pdf())).told
    opened = await shop.get(f"/v1/files/{told['id']}")
    assert opened.headers["content-type"] == "application/pdf"
    assert b"JavaScript" not in opened.raw


async def owner_of(shop: Shop) -> None:
    """Give the shop an owner with a key of their own."""
    now, desk = shop.app.clock.now(), shop.app.desk
    one = await people.add(desk, shop.merchant_id, role="owner", name="王店主", who="test", store_id="")
    key = await merchants.add_key(shop.app.pools.recorder, shop.merchant_id, one.id, now, staff_id=one.id)
    shop.keys["owner"] = key.secret


async def test_a_customers_data_is_exported_erased_and_then_gone(shop: Shop) -> None:
    """S57, S66: over HTTP."""
    payment, case = await case_of(shop)
    file = (await add(shop, case, files.jpeg(), name="王小明.jpg")).told
    await owner_of(shop)
    assert (await shop.get(f"/v1/payments/{payment}/data")).code == "staff.not_allowed"
    answer = await shop.get(f"/v1/payments/{payment}/data", who="owner")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.raw)) as zipped:
        assert f"files/{file['id']}-王小明.jpg" in zipped.namelist()
        data = json.loads(zipped.read("data.json"))
    assert data["tables"]["payments"][0]["id"] == payment
    assert (await shop.post(f"/v1/payments/{payment}/erasure", who="owner")).code == "data.in_use"
    pool = shop.app.pools.recorder
    await pool.execute(
        "update cases set state = 'CLOSED', closed_at = now(), version = version + 1 where id = $1", case
    )
    assert (await shop.post(f"/v1/payments/{payment}/erasure", who="owner")).told == {
        "subjects": [case],
        "files": [file["id"]],
    }
    gone = await shop.get(f"/v1/files/{file['id']}")
    assert (gone.status, gone.code) == (410, "file.gone")
    assert (await add(shop, case, files.jpeg())).code == "seal.forgotten"
    (told,) = (await shop.get(f"/v1/cases/{case}/files")).told["items"]
    assert (told["state"], told["name"], told["gone_why"], told["sha256"]) == ("GONE", "", "erasure", file["sha256"])
    assert (await shop.get("/v1/books")).told["balanced"]


async def test_the_worker_leaves_and_runs_the_sweeps_of_every_merchant(bare_shop: Shop) -> None:
    """S57."""
    from yuanlu.worker import SWEEPS, Worker

    worker = Worker(bare_shop.app)
    await worker._keep_months()
    left = await bare_shop.app.pools.recorder.fetch("select name, object_id from jobs")
    assert len(left) == 2 * len(SWEEPS)
    assert await worker.once() == len(left)
    assert await bare_shop.app.pools.recorder.fetchval("select count(*) from jobs") == 0
