"""Evidence packs over HTTP: made for a reader by whoever may, in the case's chain before they are sent, bounded."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from base64 import b64encode
from typing import Any

import pytest

from tests.flows import files
from tests.flows.test_packs import needs_font
from tests.web.conftest import Shop
from tests.web.test_files import add, case_of
from yuanlu import ids
from yuanlu.cases import flow as cases
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.packs import press, typeset
from yuanlu.packs.verify import verify
from yuanlu.people import flow as people


async def staff(shop: Shop, role: str, store_id: str = "") -> None:
    """Give the shop a person of this role, with a key of their own under its name."""
    now, desk = shop.app.clock.now(), shop.app.desk
    one = await people.add(desk, shop.merchant_id, role=role, name=f"王{role}", who="test", store_id=store_id)
    shop.keys[role] = (
        await merchants.add_key(shop.app.pools.recorder, shop.merchant_id, one.id, now, staff_id=one.id)
    ).secret


@needs_font
async def test_a_pack_is_made_sent_and_in_the_chain_of_its_case(shop: Shop) -> None:
    """S71, S76: the bytes verify, the headers let nothing run, and the entry has their digest; twice is two entries."""
    _, case = await case_of(shop)
    await add(shop, case, files.jpeg(), name="小票.jpg")
    await shop.work()
    await staff(shop, "manager")
    made = await shop.post(f"/v1/cases/{case}/packs", {"for": "customer", "lang": "zh"}, who="manager")
    assert made.status == 201
    assert made.headers["content-type"] == "application/pdf"
    assert made.headers["cache-control"] == "no-store"
    assert made.headers["content-disposition"] == f'attachment; filename="{case}-customer.pdf"'
    assert made.headers["content-security-policy"] == "default-src 'none'; sandbox"
    digest = hashlib.sha256(made.raw)
    assert made.headers["repr-digest"] == f"sha-256=:{b64encode(digest.digest()).decode()}:"
    verdict = verify(made.raw)
    assert verdict.faults == []
    assert verdict.counts["files"] == 1
    links = verdict.counts["links"]
    again = await shop.post(f"/v1/cases/{case}/packs", {"for": "counsel", "lang": "en"}, who="manager")
    verdict = verify(again.raw)
    assert verdict.faults == []
    assert (verdict.counts["files"], verdict.counts["links"]) == (1, links + 1)  # it shows where the first one went
    (second, first) = (await shop.get(f"/v1/cases/{case}/packs", who="manager")).told["items"]
    assert (first["sha256"], first["for"], first["lang"], first["bytes"]) == (
        digest.hexdigest(), "customer", "zh", len(made.raw),
    )  # fmt: skip
    assert (second["sha256"], second["for"]) == (hashlib.sha256(again.raw).hexdigest(), "counsel")
    assert first["made_by"].startswith("YW")
    assert first["signer"] == verdict.signer
    thread = (await shop.get(f"/v1/cases/{case}/thread", who="manager")).told["items"]
    assert [(each["kind"], each["digest"]) for each in thread if each["kind"] == "pack"] == [
        ("pack", first["sha256"]),
        ("pack", second["sha256"]),
    ]
    assert await cases.broken(shop.app.desk, shop.merchant_id, case) is None
    assert (await shop.get("/v1/books")).told["balanced"]


async def test_only_those_of_the_house_with_a_name_give_its_records_out(shop: Shop) -> None:
    """S76: nobody is told more than no, and nothing is written down."""
    _, case = await case_of(shop)
    for role in ("cashier", "auditor"):
        await staff(shop, role)
    for who in ("boss", "cashier", "auditor"):  # boss: a key that is bound to nobody
        answer = await shop.post(f"/v1/cases/{case}/packs", {"for": "customer"}, who=who)
        assert (answer.status, answer.code) == (403, "staff.not_allowed")
    assert (await shop.get(f"/v1/cases/{case}/packs", who="boss")).code == "staff.not_allowed"
    other = await merchants.add_store(shop.app.pools.recorder, shop.merchant_id, "other", shop.app.clock.now())
    await staff(shop, "manager", other)
    before = await shop.counts()
    for method in ("GET", "POST"):
        wish = {"for": "customer"} if method == "POST" else None
        for who, code in (("manager", "case.unknown"), ("neighbour", "staff.not_allowed")):  # a key bound to nobody
            assert (await shop.call(method, f"/v1/cases/{case}/packs", wish, who=who)).code == code
    assert await shop.counts() == before


async def test_what_is_asked_wrongly_says_so(shop: Shop) -> None:
    await staff(shop, "owner")
    nobody = ids.new(Kind.CASE)
    _, case = await case_of(shop)
    for path, wish, code in (
        (f"/v1/cases/{case}/packs", {"for": "press"}, "request.invalid"),
        (f"/v1/cases/{case}/packs", {"for": "customer", "lang": "fr"}, "request.invalid"),
        (f"/v1/cases/{case}/packs", {"reader": "customer"}, "request.invalid"),
        (f"/v1/cases/{nobody}/packs", {"for": "customer"}, "case.unknown"),
        ("/v1/cases/x/packs", {"for": "customer"}, "case.unknown"),
    ):
        assert (await shop.post(path, wish, who="owner")).code == code


async def test_more_than_may_be_pressed_at_once_are_told_to_come_again(shop: Shop) -> None:
    _, case = await case_of(shop)
    await staff(shop, "owner")
    places = [shop.app.presses.place() for _ in range(2)]
    for place in places:
        await place.__aenter__()
    before = await shop.counts()
    answer = await shop.post(f"/v1/cases/{case}/packs", {"for": "customer"}, who="owner")
    assert (answer.status, answer.code) == (503, "service.busy")
    assert await shop.counts() == before
    for place in places:
        await place.__aexit__(None, None, None)
    assert shop.app.presses._taken == 0


async def test_a_typesetter_that_takes_too_long_is_stopped_and_nothing_is_written_down(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, case = await case_of(shop)
    await staff(shop, "owner")
    monkeypatch.setattr(typeset, "WITHIN_SECONDS", 0.05)
    answer = await shop.post(f"/v1/cases/{case}/packs", {"for": "customer"}, who="owner")
    assert (answer.status, answer.code) == (503, "pack.too_slow")
    assert (await shop.get(f"/v1/cases/{case}/packs", who="owner")).told["items"] == []
    assert shop.app.presses._taken == 0


@needs_font
async def test_others_are_served_while_a_pack_is_pressed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop waits for no typesetter: a call made when the press has begun is answered before it ends."""
    _, case = await case_of(shop)
    await staff(shop, "owner")
    begun, served, pressing = threading.Event(), threading.Event(), press.press

    def watched(*args: Any, **more: Any) -> bytes:
        begun.set()
        assert served.wait(60), "nobody was served meanwhile"
        return pressing(*args, **more)

    monkeypatch.setattr(press, "press", watched)
    making = asyncio.create_task(shop.post(f"/v1/cases/{case}/packs", {"for": "customer"}, who="owner"))
    await asyncio.to_thread(begun.wait, 60)
    assert (await shop.get(f"/v1/cases/{case}", who="owner")).status == 200
    served.set()
    assert (await making).status == 201


async def test_a_pack_that_fails_on_the_press_is_told_nowhere(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who dies between gathering and the entry has given nothing out, and the chain says so."""
    _, case = await case_of(shop)
    await staff(shop, "owner")

    def dies(*_: object, **__: object) -> bytes:
        raise Denied("pack.no_font", package="x")

    monkeypatch.setattr(press, "press", dies)
    answer = await shop.post(f"/v1/cases/{case}/packs", {"for": "customer"}, who="owner")
    assert (answer.status, answer.code) == (503, "pack.no_font")
    assert (await shop.get(f"/v1/cases/{case}/packs", who="owner")).told["items"] == []
    assert (await shop.get(f"/v1/cases/{case}", who="owner")).told["chain_length"] == 0
