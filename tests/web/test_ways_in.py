"""Codes of an app and passkeys over HTTP, and what thieves try."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import pytest

from tests.web.conftest import Answer, Shop
from tests.web.signing_in import (
    PASSWORD,
    Clock,
    Finger,
    enter,
    entered,
    invited,
    origin,
    with_codes,
    with_passkey,
)
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.people import signin, signing

# --- codes ---


async def test_a_code_counts_once_and_a_recovery_code_once(
    shop: Shop, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S33."""
    monkeypatch.setattr(signing, "REFUSED_AFTER_SECONDS", 0.0)
    account = await invited(shop)
    await entered(shop, account)
    app, recovery = await with_codes(shop)
    assert len(set(recovery)) == signin.RECOVERY_CODES
    assert (await enter(shop, account)).code == "signin.code_needed"
    assert (await enter(shop, account, code=app.at(clock.now()))).code == "signin.refused"  # it confirmed the app
    clock.later = timedelta(seconds=60)
    code = app.at(clock.now())
    both = await asyncio.gather(*(enter(shop, account, code=code) for _ in "ab"))
    assert sorted(each.status for each in both) == [201, 401]
    assert (await enter(shop, account, code=app.at(clock.now() - timedelta(seconds=30)))).code == "signin.refused"
    assert (await enter(shop, account, code=app.at(clock.now() + timedelta(seconds=90)))).code == "signin.refused"
    assert (await enter(shop, account, code=recovery[0].lower())).status == 201
    assert (await enter(shop, account, code=recovery[0])).code == "signin.refused"
    assert (await enter(shop, account, "wrong 4 everybody", code=recovery[1])).code == "signin.refused"
    assert (await enter(shop, account, code=recovery[1])).status == 201


async def test_no_secret_is_in_a_row_or_a_fact(shop: Shop) -> None:
    """S36."""
    account = await invited(shop)
    told = await entered(shop, account)
    app, recovery = await with_codes(shop)
    secrets_told = [PASSWORD, app.secret, *recovery, told["token"].rpartition("_")[2]]
    pool = shop.app.pools.recorder
    tables = ("credentials", "sessions", "tries", "passkeys", "step_ups", "facts", "staff")
    rows = [row["text"] for table in tables for row in await pool.fetch(f"select t::text as text from {table} t")]
    assert len(rows) > 5
    assert [secret for secret in secrets_told if any(secret in row for row in rows)] == []


# --- passkeys ---


async def test_a_passkey_lets_its_person_in_once_an_answer_and_nowhere_else(shop: Shop, clock: Clock) -> None:
    """S34."""
    account = await invited(shop)
    await entered(shop, account)
    finger = await with_passkey(shop)
    assert (await enter(shop, account)).code == "signin.passkey_needed"

    async def asked(whose: str = account) -> Any:
        wish = {"account": whose}
        return (await shop.post("/v1/sessions/passkey/options", wish, authorization="")).told["options"]

    async def tried(credential: str, whose: str = account) -> Answer:
        wish = {"account": whose, "credential": credential}
        return await shop.post("/v1/sessions/passkey", wish, authorization="")

    good = finger.shown(await asked(), origin(shop))
    assert (await tried(good)).status == 201
    assert (await tried(good)).code == "signin.passkey_wrong"  # again
    elsewhere = finger.shown(await asked(), "https://shop.example")
    assert (await tried(elsewhere)).code == "signin.passkey_wrong"  # of another origin
    own = finger.shown(await asked() | {"challenge": urlsafe_b64encode(b"of my own").decode()}, origin(shop))
    assert (await tried(own)).code == "signin.passkey_wrong"  # a challenge that is not ours
    other = await invited(shop)
    assert (await tried(finger.shown(await asked(other), origin(shop)), other)).code == "signin.passkey_wrong"
    finger.verifies = False
    assert (await tried(finger.shown(await asked(), origin(shop)))).code == "signin.passkey_wrong"
    finger.verifies = True
    finger.sign_count = 0  # a copy, made before
    assert (await tried(finger.shown(await asked(), origin(shop)))).code == "signin.passkey_wrong"
    finger.sign_count = 50
    late = finger.shown(await asked(), origin(shop))
    clock.later = timedelta(minutes=5, seconds=1)
    assert (await tried(late)).code == "signin.passkey_wrong"
    twice = finger.shown(await asked(), origin(shop))
    both = await asyncio.gather(tried(twice), tried(twice))
    assert sorted(each.status for each in both) == [201, 403]
    for nonsense in ("", "{}", "[]", "null", '{"response": 1}', "{" * 4000, '{"response": {"clientDataJSON": "e30"}}'):
        assert (await tried(nonsense)).code == "signin.passkey_wrong"
    unknown = await asked(ids.new(Kind.STAFF))
    assert unknown.keys() == (await asked()).keys()


async def test_a_device_that_does_not_verify_its_person_becomes_no_passkey(shop: Shop) -> None:
    """S34."""
    await entered(shop, await invited(shop))
    finger = Finger()
    finger.verifies = False
    asked = (await shop.post("/v1/passkeys/options", {"password": PASSWORD}, who="wang")).told["options"]
    no = await shop.post("/v1/passkeys", {"credential": finger.made(asked, origin(shop))}, who="wang")
    assert no.code == "signin.passkey_wrong"
    assert (await shop.post("/v1/passkeys/options", {"password": "wrong"}, who="wang")).code == "signin.refused"
