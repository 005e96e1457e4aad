"""People of the installation itself sign in at the console, and do nothing as anybody of a merchant; nor the other way
round."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.web.conftest import Clock, Shop
from tests.web.signing_in import PASSWORD, enter, sure, with_codes
from tests.web.test_console import Browser
from tests.web.test_permissions import tried
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.applications import flow as applications
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.merchants.tenants import PLATFORM
from yuanlu.people import flow as people
from yuanlu.people import signing
from yuanlu.people.rules import MAY, OF_PLATFORM, OF_STAFF, Person, Role
from yuanlu.web.console.table import PAGES
from yuanlu.web.server import ROUTES


async def platform_person(shop: Shop, role: str = "reviewer") -> str:
    """Somebody of the installation who set their password; their account."""
    desk, pool = shop.app.desk, shop.app.pools.recorder
    await merchants.add_merchant(pool, "平台", shop.app.clock.now(), PLATFORM)
    if role == "applicant":
        by = Person("cli:root", Role.OPERATOR)
        done, token = await applications.invite(desk, ids.new(Kind.APPLICATION), "陈静", by)
        await signing.accept(desk, pool, token, signing.Means(PASSWORD))
        return done.row.applicant_id
    one = await people.add(desk, PLATFORM, role=role, name="沈青", who="cli:root")
    token = await signing.invite(desk, PLATFORM, one.id, "cli:root")
    await signing.accept(desk, pool, token, signing.Means(PASSWORD))
    return one.id


async def signed_in(shop: Shop, name: str, role: str = "reviewer") -> str:
    """Somebody of the installation who is signed in, and calls as `name`; their account."""
    account = await platform_person(shop, role)
    answer = await enter(shop, account)
    assert answer.status == 201, answer.told
    shop.keys[name] = answer.told["token"]
    return account


async def at_console(shop: Shop, role: str = "reviewer") -> Browser:
    """A browser in which somebody of the installation has signed in."""
    browser = Browser(shop)
    await browser.open("/console/enter")
    await browser.send("/console/enter", account=await platform_person(shop, role), password=PASSWORD)
    assert browser.status == 200, browser.page
    return browser


def test_the_installation_is_a_tenant_of_a_fixed_id() -> None:
    assert ids.is_id(PLATFORM, Kind.MERCHANT)


@pytest.mark.parametrize("role", OF_PLATFORM)
async def test_somebody_of_the_installation_signs_in_and_sees_their_own_pages_alone(shop: Shop, role: Role) -> None:
    """S9. S95: every page of the console that is a merchant's is refused, typed in or not."""
    browser = await at_console(shop, role)
    assert browser.at not in ("/console", "/console/enter")
    for page in PAGES:
        if page.method == "GET" and not page.is_open and page.path != "/console" and "{" not in page.path:
            await browser.open(page.path)
            assert browser.status == (200 if not page.may or role in MAY[page.may] else 403), page.path
    await browser.open("/console/me")
    for lang in ("zh", "en"):
        text = await browser.open(f"/console/me?lang={lang}")
        assert "{{" not in text
        assert 'action="/console/find"' not in text
        assert 'action="/console/me/pin"' not in text


@pytest.mark.parametrize("role", OF_PLATFORM)
async def test_a_session_of_the_installation_does_nothing_a_merchants_people_do(shop: Shop, role: Role) -> None:
    """S95. S2: every route of the API that is not theirs says no, before it looks at anything."""
    await signed_in(shop, "sq", role)
    before = await shop.counts()
    for route in ROUTES:
        if route.is_open or role in MAY[route.may]:
            continue
        answer = await tried(shop, route, "sq")
        assert (answer.status, answer.code) == (403, "staff.not_allowed"), route.path
    assert await shop.counts() == before


async def test_what_is_their_own_is_of_no_merchant(shop: Shop) -> None:
    """S2: what an operator may read at all holds nothing of a merchant's."""
    await signed_in(shop, "sq")
    payment = await shop.paid()
    answers = [await tried(shop, route, "sq") for route in ROUTES if route.may == "own" and route.method == "GET"]
    assert answers
    assert not any(payment in each.raw.decode() or shop.merchant_id in each.raw.decode() for each in answers)


@pytest.mark.parametrize("role", OF_STAFF)
async def test_nobody_of_a_merchant_lives_in_the_installation_and_nobody_of_it_in_a_merchant(
    shop: Shop, role: Role
) -> None:
    """S95: the rule refuses it, and so does the database."""
    desk, pool = shop.app.desk, shop.app.pools.recorder
    await merchants.add_merchant(pool, "平台", shop.app.clock.now(), PLATFORM)
    for tenant, wrong in ((PLATFORM, role), (shop.merchant_id, Role.REVIEWER)):
        with pytest.raises(Denied, match=r"staff\.role_unknown"):
            await people.add(desk, tenant, role=wrong, name="x", who="boss")
        with pytest.raises(asyncpg.CheckViolationError):
            await pool.execute(
                "insert into staff (merchant_id, id, version, role, name, store_id, since)"
                " values ($1, $2, 1, $3, 'x', '', now())",
                tenant, ids.new(Kind.STAFF), wrong.value,
            )  # fmt: skip


async def test_no_owner_hires_a_reviewer(shop: Shop) -> None:
    await hire(shop, "olga", "owner")
    answer = await shop.post("/v1/staff", {"id": ids.new(Kind.STAFF), "role": "reviewer", "name": "x"}, who="olga")
    assert answer.status == 400, answer.raw


async def test_an_operator_has_second_factor_and_step_up_like_anybody(shop: Shop) -> None:
    account = await signed_in(shop, "wang")
    app, _ = await with_codes(shop)
    assert (await enter(shop, account)).code == "signin.code_needed"
    clock = Clock()
    shop.app.desk.clock = shop.app.clock = clock
    assert await sure(shop, clock, app, {"verb": "vet", "object": ids.new(Kind.CASE), "amount_fen": 0, "payee": ""})


async def test_who_is_ended_is_out_at_once(shop: Shop) -> None:
    account = await signed_in(shop, "sq")
    assert (await shop.get("/v1/sessions", who="sq")).status == 200
    await people.end(shop.app.desk, PLATFORM, account, "cli:root")
    await signing.end_all(shop.app.desk, shop.app.pools.recorder, PLATFORM, account, who="cli:root")
    await asyncio.sleep(0.7)  # a session that ended opens nothing a second later
    assert (await shop.get("/v1/sessions", who="sq")).status == 401


async def test_the_installation_is_in_no_list_of_merchants_and_no_command_acts_for_it(shop: Shop) -> None:
    await platform_person(shop)
    pool = shop.app.pools.recorder
    found = await merchants.merchants_called(pool, "", 10)
    assert {each.name for each in found} == {"shop", "neighbour"}
    for wish in (PLATFORM, "平台"):
        assert not await merchants.merchants_called(pool, wish, 10)
