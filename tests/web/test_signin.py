"""Signing in and out over HTTP: with real hashes, real codes, real key pairs, and what thieves try."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from tests.tilling import Device
from tests.web.conftest import Answer, Shop
from tests.web.signing_in import (
    NEXT,
    PASSWORD,
    Clock,
    Finger,
    enter,
    entered,
    invited,
    origin,
    sure,
    with_codes,
    with_passkey,
)
from tests.web.test_keys import ask, enrolled
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.app import App, running
from yuanlu.config import Settings
from yuanlu.db import Database
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.people import flow as people
from yuanlu.people import passkeys, secrets, signin, signing

# --- invitations and passwords ---


async def test_an_invitation_counts_once_and_for_a_day(shop: Shop, clock: Clock) -> None:
    """S33."""
    one = await people.add(shop.app.desk, shop.merchant_id, role="owner", name="王芳", who="boss")
    first = await signing.invite(shop.app.desk, shop.merchant_id, one.id, "boss")
    token = await signing.invite(shop.app.desk, shop.merchant_id, one.id, "boss")
    wish = {"password": PASSWORD}
    for bad in (first, token[:-1], "yi_", "", "x" * 128, "yi_é_x"):
        no = await shop.post("/v1/invitations/accept", {"token": bad, **wish}, authorization="")
        assert (no.status, no.code) == (403, "signin.invitation_invalid")
    clock.later = timedelta(hours=24)
    no = await shop.post("/v1/invitations/accept", {"token": token, **wish}, authorization="")
    assert no.code == "signin.invitation_invalid"
    clock.later = timedelta()
    both = await asyncio.gather(
        *(shop.post("/v1/invitations/accept", {"token": token, **wish}, authorization="") for _ in "ab")
    )
    assert sorted(each.status for each in both) == [200, 403]


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("seven 4 ladd", None),
        ("short 4 ladd"[:11], "signin.password_short"),
        ("seven green ladders sing", "signin.password_plain"),
        ("82736455192837465", "signin.password_plain"),
        ("password12345", "signin.password_common"),
        ("x4" * 65, "signin.password_long"),
    ],
)
def test_a_password_is_long_has_letters_and_digits_and_is_not_easily_guessed(password: str, code: str | None) -> None:
    if code is None:
        signin.demand_good(password)
        return
    with pytest.raises(Denied) as no:
        signin.demand_good(password)
    assert no.value.code == code


async def test_the_last_four_passwords_do_not_come_again_and_one_text_is_one_password(shop: Shop) -> None:
    account = await invited(shop)
    await entered(shop, account)
    had = [PASSWORD]
    for number in range(1, 5):
        for old in had[-4:]:
            no = await shop.post("/v1/password", {"password": had[-1], "new": old}, who="wang")
            assert no.code == "signin.password_used"
        had.append(f"{NEXT} {number}")
        assert (await shop.post("/v1/password", {"password": had[-2], "new": had[-1]}, who="wang")).status == 200
    assert (await shop.post("/v1/password", {"password": had[-1], "new": PASSWORD}, who="wang")).status == 200
    wide = PASSWORD.replace("4", "４")  # a full-width digit, as a Chinese keyboard writes it
    assert (await enter(shop, account, wide)).status == 201


async def test_the_loop_answers_while_passwords_are_hashed() -> None:
    """Argon2 runs in a thread: the loop is never held as long as one hash takes."""
    began = perf_counter()
    secrets.HASHER.hash(PASSWORD)
    took = perf_counter() - began
    hashing = asyncio.gather(*(secrets.is_password("", PASSWORD) for _ in range(8)))
    ticks = 0
    while not hashing.done():
        await asyncio.sleep(0.001)
        ticks += 1
    await hashing
    assert ticks > 8, f"{ticks} ticks while 8 hashes of {took:.3f} s were made"


async def test_an_invitation_is_taken_up_by_a_passkey_too_and_then_no_password_opens(shop: Shop, clock: Clock) -> None:
    """S34."""
    account = await invited(shop)
    await entered(shop, account)
    await with_codes(shop)
    old = await with_passkey(shop)
    token = await signing.invite(shop.app.desk, shop.merchant_id, account, "boss", forgets_second=True)

    async def options(token: str) -> Answer:
        return await shop.post("/v1/invitations/options", {"token": token}, authorization="")

    async def accepted(credential: str) -> Answer:
        wish = {"token": token, "credential": credential}
        return await shop.post("/v1/invitations/accept", wish, authorization="")

    assert (await options(token[:-1])).code == "signin.invitation_invalid"
    finger = Finger()
    elsewhere = finger.made((await options(token)).told["options"], "https://shop.example")
    assert (await accepted(elsewhere)).code == "signin.passkey_wrong"
    good = finger.made((await options(token)).told["options"], origin(shop))
    assert (await accepted(good)).told == {"account": account}
    assert (await accepted(good)).code == "signin.invitation_invalid"
    assert (await enter(shop, account)).code == "signin.refused"

    async def in_by(device: Finger) -> Answer:
        asked = await shop.post("/v1/sessions/passkey/options", {"account": account}, authorization="")
        wish = {"account": account, "credential": device.shown(asked.told["options"], origin(shop))}
        return await shop.post("/v1/sessions/passkey", wish, authorization="")

    assert (await in_by(old)).code == "signin.passkey_wrong"  # a reset that forgets the second factor takes it away
    answer = await in_by(finger)
    assert answer.status == 201
    shop.keys["wang"] = answer.told["token"]
    assert (await shop.post("/v1/second-factor", {}, who="wang")).code == "step_up.needed"
    act = {"verb": "ways_in", "object": account}
    asked = (await shop.post("/v1/step-ups/options", act, who="wang")).told["options"]
    made = await shop.post("/v1/step-ups", act | {"credential": finger.shown(asked, origin(shop))}, who="wang")
    assert (await shop.post("/v1/second-factor", {}, who="wang", step_up=made.told["id"])).status == 200
    assert (await shop.post("/v1/second-factor", {}, who="wang", step_up=made.told["id"])).code == "step_up.used"


async def test_a_passkey_is_listed_and_ended_by_its_person_alone(shop: Shop) -> None:
    """S34."""
    account = await invited(shop)
    await entered(shop, account)
    await with_passkey(shop)
    (kept,) = (await shop.get("/v1/passkeys", who="wang")).told["items"]
    path = f"/v1/passkeys/{kept['id']}/end"
    await entered(shop, await invited(shop), "li")
    assert (await shop.post(path, {"password": PASSWORD}, who="li")).code == "passkey.unknown"
    assert (await shop.post(path, {"password": "wrong"}, who="wang")).code == "signin.refused"
    assert (await shop.post(path, {"password": PASSWORD}, who="wang")).told["ended_at"]
    assert (await shop.get("/v1/passkeys", who="wang")).told["items"] == []
    assert (await enter(shop, account)).status == 201


# --- the first owner ---


@pytest.fixture
async def empty(database: Database, tmp_path: Path) -> AsyncIterator[App]:
    """A new installation, in which there is nobody."""
    async with running(Settings(state=tmp_path, public_url="http://localhost:1"), database) as app:
        yield app


async def test_the_first_owner_comes_by_a_link_once_and_makes_the_shop(empty: App) -> None:
    """S33."""
    desk, pool = empty.desk, empty.pools.recorder
    tokens = [await signing.first_link(desk, pool) for _ in "abc"]  # each process that starts prints one

    async def accepted(token: str, password: str = PASSWORD) -> Any:
        return await signing.accept(desk, pool, token, signing.Means(password), name="王芳", shop="原路小店")

    for bad in (tokens[0][:-1], tokens[0].replace("yo_", "yi_"), "yo_", f"yo_{ids.new(Kind.STAFF)}_x"):
        with pytest.raises(Denied, match=r"signin\.invitation_invalid"):
            await accepted(bad)
    with pytest.raises(Denied, match=r"signin\.password_short"):
        await accepted(tokens[0], "short 4 it")
    found = await asyncio.gather(*(accepted(token) for token in (*tokens, tokens[0])), return_exceptions=True)
    (owner,) = [each for each in found if not isinstance(each, BaseException)]
    assert {each.code for each in found if isinstance(each, Denied)} == {"signin.invitation_invalid"}
    assert owner.role == "owner"
    assert [tuple(row) for row in await pool.fetch("select merchant_id, name from merchants")] == [
        (owner.merchant_id, "原路小店")
    ]
    assert await pool.fetchval("select count(*) from staff") == 1
    assert await people.name_of(desk, owner) == "王芳"
    assert (await signing.sign_in(desk, account=owner.id, password=PASSWORD)).session.staff_id == owner.id
    assert await signing.first_link(desk, pool) == ""


async def test_a_link_for_the_first_owner_ends_with_its_day_and_with_the_first_of_the_staff(empty: App) -> None:
    """S33."""
    desk, pool, clock = empty.desk, empty.pools.recorder, Clock()
    desk.clock = clock
    late = await signing.first_link(desk, pool)
    clock.later = timedelta(hours=24)
    with pytest.raises(Denied, match=r"signin\.invitation_invalid"):
        await signing.accept(desk, pool, late, signing.Means(PASSWORD))
    token = await signing.first_link(desk, pool)
    merchant_id = await merchants.add_merchant(pool, "shop", clock.now())
    await people.add(desk, merchant_id, role="cashier", name="李", who="cli:root")
    with pytest.raises(Denied, match=r"signin\.invitation_invalid"):
        await signing.accept(desk, pool, token, signing.Means(PASSWORD))


async def test_the_first_owner_of_a_merchant_that_is_there_may_come_by_passkey(empty: App) -> None:
    """S34."""
    desk, pool = empty.desk, empty.pools.recorder
    where, finger = passkeys.site(empty.settings.public_url), Finger()
    merchant_id = await merchants.add_merchant(pool, "shop", empty.clock.now())
    token = await signing.first_link(desk, pool)
    options = await signing.ask_accept(desk, pool, where, token)
    means = signing.Means(credential=finger.made(options, empty.settings.public_url), where=where)
    owner = await signing.accept(desk, pool, token, means)
    assert owner.merchant_id == merchant_id
    asked = await signing.ask_sign_in(desk, where, owner.id)
    shown = finger.shown(asked, empty.settings.public_url)
    entry = await signing.sign_in_by_passkey(desk, where, account=owner.id, credential=shown)
    assert entry.session.by is signin.By.PASSKEY


# --- cookies ---


async def with_cookie(shop: Shop, account: str) -> tuple[str, str]:
    """Sign in as a browser does; the cookies, and the token of our pages."""
    wish = {"account": account, "password": PASSWORD, "keep": "cookie"}
    async with shop.session.post(shop.base_url + "/v1/sessions", json=wish) as answer:
        told = await answer.json()
        said = answer.headers.getall("set-cookie")
    assert (told["token"], told["device"]) == ("", "")
    for each in said:
        assert re.fullmatch(
            r"__Host-(session|device)=[A-Za-z0-9_-]+; Path=/; Max-Age=\d+; Secure; HttpOnly; SameSite=Strict", each
        )
    return "; ".join(each.partition(";")[0] for each in said), told["csrf"]


async def test_a_cookie_signs_in_and_changes_nothing_without_the_token_of_our_pages(shop: Shop) -> None:
    account = await invited(shop)
    cookie, csrf = await with_cookie(shop, account)
    browser = {"authorization": "", "cookie": cookie}
    listed = await shop.get("/v1/sessions", **browser)
    assert [each["is_this"] for each in listed.told["items"]] == [True]
    assert listed.told["csrf"] == csrf
    other, their_csrf = await with_cookie(shop, await invited(shop))
    for token in ("", "x", their_csrf):
        no = await shop.post("/v1/sessions/end", x_csrf_token=token, **browser)
        assert (no.status, no.code) == (403, "session.csrf")
    no = await shop.post("/v1/sessions/end", x_csrf_token=csrf, sec_fetch_site="cross-site", **browser)
    assert no.code == "session.csrf"
    twice = f"{cookie}; {cookie}"
    assert (await shop.get("/v1/sessions", authorization="", cookie=twice)).code == "auth.key_missing"
    done = await shop.post("/v1/sessions/end", x_csrf_token=csrf, **browser)
    assert done.headers["set-cookie"].startswith("__Host-session=; Path=/; Max-Age=0;")
    await asyncio.sleep(1)
    assert (await shop.get("/v1/sessions", **browser)).code == "auth.key_invalid"
    assert (await shop.get("/v1/sessions", authorization="", cookie=other)).status == 200


async def test_a_browser_that_was_let_in_is_a_known_device_by_its_cookie(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S95."""
    monkeypatch.setattr(signing, "REFUSED_AFTER_SECONDS", 0.0)
    account = await invited(shop)
    cookie, _ = await with_cookie(shop, account)
    for number in range(signin.TRIES_MAX):
        await enter(shop, account, f"wrong {number}")
    wish = {"account": account, "password": PASSWORD}
    assert (await shop.post("/v1/sessions", wish, authorization="")).code == "signin.refused"
    device = cookie.partition("; ")[2]
    assert (await shop.post("/v1/sessions", wish, authorization="", cookie=device)).status == 201


# --- PINs ---

PIN = "471920"


@pytest.mark.parametrize("pin", ["000000", "123456", "987654", "890123", "12345", "１２３４５６", "12a456", ""])
def test_a_pin_is_six_digits_that_are_no_run(pin: str) -> None:
    with pytest.raises(Denied) as no:
        signin.demand_pin(pin)
    assert no.value.code == "signin.pin_plain"
    signin.demand_pin(PIN)


async def cashier(shop: Shop, pin: str = PIN) -> str:
    """A cashier with a PIN; their account."""
    account = await invited(shop, "cashier")
    await entered(shop, account, account)
    answer = await shop.post("/v1/pin", {"password": PASSWORD, "pin": pin}, who=account)
    assert answer.status == 200, answer.told
    return account


@pytest.fixture
async def device(shop: Shop) -> Device:
    """The device that is till 1."""
    await hire(shop, "owner", "owner")
    return await enrolled(shop, shop.till)


async def changed_in(shop: Shop, device: Device, account: str, pin: str = PIN) -> Answer:
    return await ask(shop, device, "POST", "/v1/sessions/pin", {"account": account, "pin": pin})


async def test_a_cashier_changes_in_by_pin_at_a_till_and_the_one_before_is_out(shop: Shop, device: Device) -> None:
    """S33."""
    first, second = await cashier(shop), await cashier(shop, "902817")
    one = (await changed_in(shop, device, first)).told
    assert one["idle_seconds"] == 0
    assert one["device"] == ""
    paid = await ask(shop, device, "POST", "/v1/payments", shop.wish(), token=one["token"])
    assert paid.status == 201, paid.told
    by = await shop.app.pools.recorder.fetch("select distinct who from facts where object_id = $1", paid.told["id"])
    assert first in {row["who"] for row in by}
    two = (await changed_in(shop, device, second, "902817")).told
    await asyncio.sleep(1)
    assert (await ask(shop, device, "GET", "/v1/payments", token=one["token"])).code == "auth.key_invalid"
    assert (await ask(shop, device, "GET", "/v1/payments", token=two["token"])).status == 200
    ended = await shop.app.pools.recorder.fetchrow(
        "select who, body from facts where kind = 'SignedOut' and object_id = $1", one["session"]
    )
    assert (ended["who"], json.loads(ended["body"])["how"]) == (second, "changed")


async def test_a_session_by_pin_counts_at_its_till_for_its_work_until_its_shift_is_over(
    shop: Shop, device: Device, clock: Clock
) -> None:
    """S33."""
    account = await cashier(shop)
    told = (await changed_in(shop, device, account)).told
    shop.keys["stolen"] = told["token"]
    assert (await shop.get("/v1/payments", who="stolen")).code == "signature.missing"
    thief = Device(key_id=device.key_id)
    assert (await ask(shop, thief, "GET", "/v1/payments", token=told["token"])).code == "signature.wrong"
    other = await enrolled(shop, shop.till)
    assert (await ask(shop, other, "GET", "/v1/payments", token=told["token"])).code == "signature.wrong_key"
    wish = {"id": ids.new(Kind.PAYMENT), "till": ids.new(Kind.TILL), "amount_fen": 1, "code": shop.codes["wechat_ok"]}
    no = await ask(shop, device, "POST", "/v1/payments", wish, token=told["token"])
    assert no.code == "key.other_till"
    no = await ask(shop, device, "POST", "/v1/cases/x/approve", {"version": 1}, token=told["token"])
    assert no.status in (403, 404)
    no = await ask(shop, device, "POST", "/v1/sessions/pin", {"account": account, "pin": PIN}, token=told["token"])
    assert no.code == "signin.till_only"
    clock.later = timedelta(hours=11)
    soon = {"created": clock.now(), "token": told["token"]}
    assert (await ask(shop, device, "GET", "/v1/payments", **soon)).status == 200  # idle for hours, within the shift
    clock.later = timedelta(hours=12, seconds=1)
    late = {"created": clock.now(), "token": told["token"]}
    assert (await ask(shop, device, "GET", "/v1/payments", **late)).code == "auth.key_invalid"


async def test_a_session_by_pin_ends_with_its_tills_key(shop: Shop, device: Device) -> None:
    told = (await changed_in(shop, device, await cashier(shop))).told
    assert (await ask(shop, device, "GET", "/v1/payments", token=told["token"])).status == 200
    assert (await shop.post(f"/v1/keys/{device.key_id}/end", who="owner")).status == 200
    await asyncio.sleep(1)
    assert (await ask(shop, device, "GET", "/v1/payments", token=told["token"])).code == "auth.key_invalid"


async def test_five_wrong_pins_lock_that_person_on_that_till_and_nobody_and_nowhere_else(
    shop: Shop, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S95."""
    monkeypatch.setattr(signing, "REFUSED_AFTER_SECONDS", 0.0)
    mine, theirs = await cashier(shop), await cashier(shop)
    for number in range(signin.PIN_TRIES_MAX):
        assert (await changed_in(shop, device, mine, f"10293{number}")).code == "signin.refused"
    assert (await changed_in(shop, device, mine)).code == "signin.refused"
    assert (await changed_in(shop, device, theirs)).status == 201
    assert (await enter(shop, mine)).status == 201
    now, pool = shop.app.clock.now(), shop.app.pools.recorder
    store_id = await pool.fetchval("select store_id from tills where id = $1", shop.till)
    other = await enrolled(shop, await merchants.add_till(pool, shop.merchant_id, store_id, "till 2", now))
    assert (await changed_in(shop, other, mine)).status == 201
    kinds = [
        row["kind"] for row in await pool.fetch("select kind from facts where object_id like $1", f"{mine}.till.%")
    ]
    assert kinds.count("SignInFailed") == signin.PIN_TRIES_MAX


async def test_a_pin_opens_nothing_but_a_till_and_no_stranger_one(shop: Shop, device: Device) -> None:
    account = await cashier(shop)
    no = await shop.post("/v1/sessions/pin", {"account": account, "pin": PIN}, who="boss")
    assert no.code == "signin.till_only"
    assert (await enter(shop, account, PIN)).code == "signin.refused"
    elsewhere = await people.add(shop.app.desk, shop.merchant_id, role="cashier", name="李", who="boss", store_id="YS1")
    bodies = set()
    for whose, pin in ((ids.new(Kind.STAFF), PIN), (elsewhere.id, PIN), (account, "102938")):
        no = await changed_in(shop, device, whose, pin)
        bodies.add(json.dumps({name: each for name, each in no.told.items() if name != "instance"}))
    assert len(bodies) == 1
    await people.end(shop.app.desk, shop.merchant_id, account, "boss")
    assert (await changed_in(shop, device, account)).code == "signin.refused"
    hashed = await shop.app.pools.recorder.fetchval("select pin from credentials where id = $1", account)
    assert hashed.startswith("$argon2id$")
    assert not await secrets.is_password(hashed, PIN)  # six digits alone are found by trying them all: it has our key


# --- sessions ---


async def test_a_session_acts_for_its_person_and_ends_at_once_when_they_say_so(shop: Shop) -> None:
    """S29."""
    account = await invited(shop, "auditor")
    first = await entered(shop, account, "first")
    await entered(shop, account, "second")
    items = (await shop.get("/v1/sessions", who="first")).told["items"]
    assert [each["is_this"] for each in items] == [True, False]
    assert (await shop.post("/v1/refunds", {}, who="first")).code == "staff.not_allowed"  # as the auditor they are
    no = await shop.post(f"/v1/sessions/{first['session']}/end", who="cashier")
    assert no.code == "staff.not_allowed"
    await hire(shop, "bert", "manager")
    no = await shop.post(f"/v1/sessions/{first['session']}/end", who="bert")
    assert no.code == "session.unknown"
    assert (await shop.post(f"/v1/sessions/{first['session']}/end", who="second")).status == 200
    await asyncio.sleep(1)
    assert (await shop.get("/v1/refunds", who="first")).code == "auth.key_invalid"
    assert (await shop.post("/v1/sessions/end", who="second")).told == {"ended": 1}
    await asyncio.sleep(1)
    assert (await shop.get("/v1/refunds", who="second")).code == "auth.key_invalid"


async def test_a_session_ends_when_it_lies_idle_and_after_half_a_day_in_any_case(shop: Shop, clock: Clock) -> None:
    account = await invited(shop)
    await entered(shop, account)
    for minutes in range(14, 12 * 60, 14):
        clock.later = timedelta(minutes=minutes)
        assert (await shop.get("/v1/refunds", who="wang")).status == 200, minutes
    clock.later = timedelta(hours=12, seconds=1)
    assert (await shop.get("/v1/refunds", who="wang")).code == "auth.key_invalid"
    await entered(shop, account)
    clock.later += timedelta(minutes=15, seconds=1)
    assert (await shop.get("/v1/refunds", who="wang")).code == "auth.key_invalid"


async def test_whoever_leaves_or_is_given_a_new_way_in_is_signed_out(shop: Shop) -> None:
    account = await invited(shop, "manager")
    await entered(shop, account)
    token = await signing.invite(shop.app.desk, shop.merchant_id, account, "boss")
    assert (await shop.get("/v1/refunds", who="wang")).status == 200
    await shop.post("/v1/invitations/accept", {"token": token, "password": NEXT}, authorization="")
    await asyncio.sleep(1)
    assert (await shop.get("/v1/refunds", who="wang")).code == "auth.key_invalid"
    await entered(shop, account, password=NEXT)
    await people.end(shop.app.desk, shop.merchant_id, account, "boss")
    await asyncio.sleep(1)
    assert (await shop.get("/v1/refunds", who="wang")).code == "auth.key_invalid"
    assert (await enter(shop, account, NEXT)).code == "signin.refused"


# --- who tries ---


async def test_a_stranger_who_tries_and_tries_locks_strangers_out_and_never_the_known_device(
    shop: Shop, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S95."""
    monkeypatch.setattr(signing, "REFUSED_AFTER_SECONDS", 0.0)
    account = await invited(shop)
    device = (await entered(shop, account))["device"]
    tries = await asyncio.gather(*(enter(shop, account, f"wrong {n}") for n in range(30)))
    assert {each.code for each in tries} == {"signin.refused"}
    counted = await shop.app.pools.recorder.fetchval("select count(*) from facts where kind = 'SignInTried'")
    assert counted == 1 + signin.TRIES_MAX  # the rest were not looked at: a password among them would not have counted
    assert (await enter(shop, account)).code == "signin.refused"
    assert (await enter(shop, account, device="yd_made_up")).code == "signin.refused"
    assert (await enter(shop, account, device=device)).status == 201
    clock.later = timedelta(minutes=29)
    assert (await enter(shop, account)).code == "signin.refused"
    clock.later = timedelta(minutes=31)
    assert (await enter(shop, account)).status == 201


async def test_a_known_device_of_somebody_else_is_a_strangers(shop: Shop) -> None:
    mine, theirs = await invited(shop), await invited(shop)
    device = (await entered(shop, theirs))["device"]
    await enter(shop, mine, "wrong", device=device)
    found = await shop.app.pools.recorder.fetch("select id from tries where tries > 0")
    assert [row["id"] for row in found] == [f"{mine}.strange"]


async def test_the_unknown_the_wrong_and_the_locked_are_told_the_same_and_as_late(shop: Shop) -> None:
    account = await invited(shop)
    before = await shop.counts()
    bodies = set()
    for who in (ids.new(Kind.STAFF), "nobody", account):
        began = perf_counter()
        answer = await enter(shop, who, "wrong 4 everybody")
        assert perf_counter() - began >= signing.REFUSED_AFTER_SECONDS
        bodies.add(json.dumps({name: each for name, each in answer.told.items() if name != "instance"}))
    assert len(bodies) == 1
    assert (await shop.counts())[4] == before[4] + 2  # tried and failed, only of the one there is
    work = []
    for hashed in ("", secrets.HASHER.hash(PASSWORD)):
        began = perf_counter()
        for _ in range(5):
            await secrets.is_password(hashed, "wrong 4 everybody")
        work.append(perf_counter() - began)
    assert max(work) < 3 * min(work)


# --- the audit log ---


async def test_every_way_in_and_out_is_on_the_audit_log(shop: Shop, clock: Clock, device: Device) -> None:
    """S33."""
    account = await cashier(shop)
    await entered(shop, account)
    await enter(shop, account, "wrong 4 everybody")
    app, _ = await with_codes(shop)
    finger = await with_passkey(shop)
    await shop.post("/v1/sessions/passkey", {"account": account, "credential": "{}"}, authorization="")
    assert (await changed_in(shop, device, account, "102938")).code == "signin.refused"
    await sure(shop, clock, app, {"verb": "refund", "object": ids.new(Kind.REFUND)})
    (kept,) = (await shop.get("/v1/passkeys", who="wang")).told["items"]
    assert (await shop.post(f"/v1/passkeys/{kept['id']}/end", {"password": PASSWORD}, who="wang")).status == 200
    assert finger.sign_count == 0
    token = await signing.invite(shop.app.desk, shop.merchant_id, account, "boss")
    await shop.post("/v1/invitations/accept", {"token": token, "password": NEXT}, authorization="")
    found = await shop.app.pools.recorder.fetch("select kind, who, body from facts")
    kinds = {row["kind"] for row in found if row["who"] == account}
    wanted = {"InvitationUsed", "PinSet", "SignInTried", "SignInFailed", "SignedIn", "SecondFactorAdded"}
    wanted |= {"PasskeyAdded", "PasskeyEnded", "CodeUsed", "SteppedUp", "SignedOut"}
    assert wanted <= kinds
    assert {(row["who"], json.loads(row["body"])["is_reset"]) for row in found if row["kind"] == "Invited"} >= {
        ("boss", False), ("boss", True),
    }  # fmt: skip
    where = [json.loads(row["body"])["device"] for row in found if row["kind"] == "SignInFailed"]
    assert sorted(where) == ["passkey", "strange", "till"]
