"""The audit log over HTTP and at the console: read, narrowed, checked and taken out, and by whom."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from datetime import timedelta
from html import unescape
from urllib.parse import quote

import asyncpg
import pytest

from tests.web.conftest import Clock, Shop
from tests.web.signing_in import entered as signed_in
from tests.web.signing_in import invited, sure, with_codes
from tests.web.test_console import entered
from tests.web.test_review import hire
from yuanlu import ids, words
from yuanlu.audit import flow
from yuanlu.db import Database, connect
from yuanlu.ids import Kind
from yuanlu.keyring import flow as keyring
from yuanlu.people.rules import MAY, OF_STAFF
from yuanlu.sheets import restored

AT_ONCE = timedelta(0)
FORMULA = '=HYPERLINK("http://evil.example","go")'
SPAN = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}


async def chained(shop: Shop) -> int:
    return await flow.link(shop.app.pools.recorder, AT_ONCE)


async def walked(shop: Shop, query: str = "", *, limit: int = 7, who: str = "aude") -> list[dict[str, object]]:
    """All lines, part by part."""
    found: list[dict[str, object]] = []
    after = ""
    while True:
        told = (await shop.get(f"/v1/audit?limit={limit}&after={after}{query}", who=who)).told
        found += told["items"]
        if not told["next"]:
            return found
        assert told["next"] != after
        after = told["next"]


def placed(lines: list[dict[str, object]]) -> list[tuple[object, object]]:
    return [(each["page"], each["place"]) for each in lines]


@pytest.fixture
async def audited(shop: Shop) -> Shop:
    """A shop with an auditor, a few payments, and all of it chained, in several pages."""
    await hire(shop, "aude", "auditor")
    for _ in range(4):
        await shop.paid()
        await chained(shop)
    return shop


async def test_every_line_that_is_chained_is_told_once_newest_first_with_its_hash(audited: Shop) -> None:
    lines = await walked(audited)
    pool = audited.app.pools.recorder
    kept = await pool.fetch("select lines from audit_pages where merchant_id = $1 order by number", audited.merchant_id)
    wanted = [text for row in kept for text in row["lines"].split("\n")]
    assert [each["digest"] for each in lines] == [text.rpartition(" ")[2] for text in reversed(wanted)]
    assert placed(lines) == sorted(placed(lines), reverse=True)
    assert {each["standing"] for each in lines} == {"kept"}
    assert {each["sort"] for each in lines} == {"fact", "move"}
    assert all(each["what_zh"] and each["what_en"] for each in lines)


async def test_paging_loses_and_doubles_no_line_while_new_ones_arrive(audited: Shop) -> None:
    before = await walked(audited)
    found: list[dict[str, object]] = []
    after = ""
    for _ in range(1000):
        told = (await audited.get(f"/v1/audit?limit=3&after={after}", who="aude")).told
        found += told["items"]
        if not (after := told["next"] or ""):
            break
        await audited.paid()  # new ones come between any two parts
        await chained(audited)
    assert found == before
    assert len(await walked(audited)) > len(before)


async def test_what_is_wanted_is_found_and_nothing_else(audited: Shop) -> None:
    boss = await hire(audited, "omar", "owner")
    payment = await audited.paid()
    wish = {"id": ids.new(Kind.KEY), "actor": "stock system", "scopes": ["read"]}
    assert (await audited.post("/v1/keys", wish, who="omar")).status == 201
    await chained(audited)
    everything = await walked(audited)
    for query, is_wanted in (
        (f"&who={boss}", lambda each: each["who"] == boss),
        ("&kind=PaymentPaid", lambda each: each["kind"] == "PaymentPaid"),
        ("&kind=move", lambda each: each["sort"] == "move"),
        (f"&object={payment}", lambda each: each["object"] == payment),
        ("&sort=YK", lambda each: str(each["object"]).startswith("YK")),
        (f"&object={payment}&kind=move", lambda each: each["object"] == payment and each["sort"] == "move"),
    ):
        wanted = [each for each in everything if is_wanted(each)]
        assert wanted, query
        assert len(wanted) < len(everything), query
        for limit in (1, 50):
            assert await walked(audited, query, limit=limit) == wanted, query
    middle = str(everything[len(everything) // 2]["at"])
    newer = [each for each in everything if str(each["at"]) >= middle]
    older = everything[len(newer) :]
    at = middle.replace("+", "%2B")
    assert newer
    assert older
    assert await walked(audited, f"&since={at}") == newer
    assert await walked(audited, f"&until={at}") == older
    assert await walked(audited, f"&object={payment}&until={at}") == [e for e in older if e["object"] == payment]


async def test_the_end_is_the_anchor_and_what_waits_is_counted(audited: Shop) -> None:
    told = (await audited.get("/v1/audit", who="aude")).told["end"]
    anchor = next(
        each
        for each in await flow.ends(audited.app.pools.recorder, audited.app.clock.now())
        if each.merchant_id == audited.merchant_id
    )
    assert (told["page"], told["chain"], told["waiting"]) == (anchor.number, anchor.chain, 0)
    await audited.paid()
    assert (await audited.get("/v1/audit", who="aude")).told["end"]["waiting"] > 0


@pytest.fixture
async def thief(database: Database, shop: Shop) -> asyncpg.Connection:
    return await connect(database)


async def test_what_a_thief_did_is_named_and_marked(audited: Shop, thief: asyncpg.Connection) -> None:
    told = (await audited.get("/v1/audit/check", who="aude")).told
    assert (told["ok"], told["problems"], told["first"]) == (True, [], 1)
    assert told["lines"] == len(await walked(audited))
    payment = await audited.paid()
    await chained(audited)
    await thief.execute("update facts set who = 'nobody' where object_id = $1 and kind = 'PaymentPaid'", payment)
    await thief.execute("delete from moves where object_id = $1", payment)
    told = (await audited.get("/v1/audit/check", who="aude")).told
    assert not told["ok"]
    wrong = {(each["wrong"], each["name"].split()[0], each["name"].split()[1]) for each in told["problems"]}
    assert wrong == {("changed", "fact", payment), ("removed", "move", payment)}
    lines = await walked(audited, f"&object={payment}")
    assert {each["standing"] for each in lines if each["sort"] == "move"} == {"removed"}
    assert {each["standing"] for each in lines if each["kind"] == "PaymentPaid"} == {"changed"}
    browser = await entered(audited, "auditor")
    page = await browser.open("/console/audit/check")
    assert payment in page
    assert "对不上" in page
    assert "和当初记的不一样" in await browser.open(f"/console/audit?object={payment}")
    await thief.execute("update audit_pages set lines = 'x' where number = 2")
    assert "page_changed" in {e["wrong"] for e in (await audited.get("/v1/audit/check", who="aude")).told["problems"]}
    assert (await audited.get("/v1/audit?limit=200", who="aude")).status == 200
    await thief.close()


async def test_only_the_newest_part_is_checked_and_that_is_said(
    audited: Shop, thief: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "CHECKED_PAGES_MAX", 2)
    told = (await audited.get("/v1/audit/check", who="aude")).told
    last = told["end"]["page"]
    assert (told["ok"], told["first"], told["pages"]) == (True, last - 1, 2)
    await thief.execute("update audit_pages set lines = 'x' where number = 1")
    assert (await audited.get("/v1/audit/check", who="aude")).told["ok"]
    await thief.execute("update audit_pages set lines = 'x' where number = $1", last)
    assert not (await audited.get("/v1/audit/check", who="aude")).told["ok"]
    await thief.close()


@pytest.mark.parametrize("role", [each.value for each in OF_STAFF])
async def test_who_may_not_sees_no_page_and_no_entry_of_the_menu(shop: Shop, role: str) -> None:
    browser = await entered(shop, role)
    may = role in MAY["audit"]
    assert ('href="/console/audit"' in await browser.open("/console")) == may
    token = re.search(r'name="csrf" value="([^"]+)"', browser.page)
    assert token
    for path in ("/console/audit", "/console/audit/check"):
        await browser.open(path)
        assert browser.status == (200 if may else 403), path
    if not may:
        form = {"csrf": token[1], "from": "2026-01-01", "to": "2026-01-02"}
        await browser._ask("POST", "/console/audit/file", form)
        assert browser.status == 403
        assert "sha256" not in browser.page


async def test_somebody_of_one_store_does_not_read_what_is_of_all(shop: Shop) -> None:
    store = (await shop.get("/v1/tills")).told["items"][0]["store"]
    await hire(shop, "near", "auditor", store)
    for answer in (
        await shop.get("/v1/audit", who="near"),
        await shop.get("/v1/audit/check", who="near"),
        await shop.post("/v1/audit/file", SPAN, who="near"),
    ):
        assert (answer.status, answer.code) == (403, "staff.other_store")


async def test_a_neighbour_is_told_nothing_of_the_shop(audited: Shop) -> None:
    payment = await audited.paid()
    await chained(audited)
    found = await flow.listed(audited.app.pools.reader, ids.new(Kind.MERCHANT), flow.Wanted(), "", 50)
    assert found.entries == []
    assert await walked(audited, f"&object={payment}")


async def test_the_page_names_people_opens_objects_and_goes_on(audited: Shop) -> None:
    browser = await entered(audited, "auditor")
    payment = await audited.paid()
    refund = ids.new(Kind.REFUND)
    assert (await audited.post("/v1/refunds", {"id": refund, "payment": payment, "amount_fen": 100})).status == 201
    await chained(audited)
    page = await browser.open(f"/console/audit?object={payment}")
    assert f'href="/console/payments/{payment}"' in page
    page = await browser.open(f"/console/audit?object={refund.lower()}")
    await browser.open(f"/console/audit/refunds/{refund}")
    assert browser.at == f"/console/payments/{payment}"
    page = await browser.open("/console/audit?sort=YW")
    assert "周敏" in page
    await browser.open("/console/audit?kind=PaymentPaid")
    assert "PaymentPaid" in browser.page
    for _ in range(12):
        await audited.paid()
    await chained(audited)
    seen: list[str] = []
    path = "/console/audit"
    while path:
        page = await browser.open(path)
        seen += re.findall(r"SHA-256</dt><dd>([0-9a-f]{64})", page)
        older = re.search(r'href="(/console/audit\?after=[^"]+)"', page)
        path = unescape(older[1]) if older else ""
    assert seen == [each["digest"] for each in await walked(audited, limit=200)]
    assert len(seen) > 50


@pytest.mark.parametrize(
    "query", ["from=2026-13-01", "from=x", "from=2026-02-02&to=2026-02-01", "kind=%3Cb%3E", "sort=1", "after=x"]
)
async def test_a_filter_that_cannot_be_is_said_to_be_wrong(shop: Shop, query: str) -> None:
    browser = await entered(shop, "auditor")
    page = await browser.open(f"/console/audit?{query}")
    assert browser.status == 422
    assert 'role="alert"' in page
    assert "<b>" not in page


async def test_a_span_is_taken_out_as_a_table_that_runs_nothing_and_that_is_on_record(audited: Shop) -> None:
    case, payment = ids.new(Kind.CASE), await audited.paid()
    assert (await audited.post("/v1/cases", {"id": case, "payment": payment, "what": "request"})).status == 201
    wish = {"id": ids.new(Kind.KEY), "actor": FORMULA, "scopes": ["read"]}
    await hire(audited, "omar", "owner")
    assert (await audited.post("/v1/keys", wish, who="omar")).status == 201
    await chained(audited)
    browser = await entered(audited, "auditor")
    await chained(audited)
    lines = await walked(audited, limit=200)
    await browser.open("/console/audit")
    table = await browser.send("/console/audit/file", **{"from": "2020-01-01", "to": "2099-01-01"})
    assert browser.status == 200
    head, *rows = csv.reader(io.StringIO(table.removeprefix("\ufeff")))
    assert head == ["at", "who", "object", "kind", "what", "evidence", "standing", "page", "place", "sha256"]
    assert [row[-1] for row in rows] == [each["digest"] for each in reversed(lines)]
    assert [restored(row[4]) for row in rows] == [each["what_zh"] for each in reversed(lines)]
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert any(FORMULA in row[4] for row in rows)
    await chained(audited)
    taken = await walked(audited, "&kind=AuditTaken")
    assert [each["facts"]["lines"] for each in taken] == [len(rows)]  # type: ignore[index]
    assert str(taken[0]["who"]).startswith("YW")


async def test_a_file_takes_the_second_factor_of_whoever_has_one(shop: Shop, clock: Clock) -> None:
    account = await invited(shop)
    await signed_in(shop, account)
    app, _ = await with_codes(shop)
    no = await shop.post("/v1/audit/file", SPAN, who="wang")
    assert no.code == "step_up.needed"
    act = {name: no.told[name] for name in ("verb", "object", "amount_fen", "payee")}
    token = await sure(shop, clock, app, act)
    other = {**SPAN, "until": "2099-01-01T00:00:00Z"}
    assert (await shop.post("/v1/audit/file", other, who="wang", step_up=token)).code == "step_up.differs"
    answer = await shop.post("/v1/audit/file", SPAN, who="wang", step_up=token)
    assert answer.status == 200, answer.raw
    assert answer.headers["content-type"].startswith("text/csv")
    assert (await shop.post("/v1/audit/file", SPAN, who="wang", step_up=token)).code == "step_up.used"


async def test_more_than_a_file_holds_is_refused_whole(audited: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    many = len(await walked(audited))
    for most, status in ((many - 1, 422), (many, 200)):
        monkeypatch.setattr("yuanlu.web.api.audit.EXPORT_MAX", most)
        answer = await audited.post("/v1/audit/file", SPAN, who="aude")
        assert answer.status == status, (most, answer.raw)
    wrong = {"since": SPAN["until"], "until": SPAN["since"]}
    assert (await audited.post("/v1/audit/file", wrong, who="aude")).code == "audit.span"


def test_every_kind_of_object_has_a_word_in_the_filter() -> None:
    assert all(f"console.audit.sort.{kind}" in words.catalogue() for kind in Kind)


async def test_the_pages_are_whole_in_both_languages(audited: Shop) -> None:
    browser = await entered(audited, "owner")
    for path in ("/console/audit", "/console/audit/check", "/console/audit?who=system"):
        for lang in ("zh", "en"):
            page = await browser.open(f"{path}{'&' if '?' in path else '?'}lang={lang}")
            assert browser.status == 200, page
            assert page.count("<h1") == 1
            assert "None" not in page


async def test_two_at_once_check_and_read(audited: Shop) -> None:
    answers = await asyncio.gather(*(audited.get(path, who="aude") for path in ("/v1/audit/check", "/v1/audit") * 4))
    assert {each.status for each in answers} == {200}


async def test_what_has_no_id_of_ours_is_found_by_its_name(audited: Shop) -> None:
    await keyring.look(audited.app.desk, audited.merchant_id, "system", audited.app.pools.reader)
    await chained(audited)
    lines = await walked(audited)
    names = {str(each["object"]) for each in lines if not ids.is_id(str(each["object"]), *Kind)}
    browser = await entered(audited, "auditor")
    for name in names:
        page = await browser.open(f"/console/audit?object={quote(name, safe='')}")
        assert browser.status == 200
        wanted = [each["digest"] for each in lines if each["object"] == name]
        assert re.findall(r"SHA-256</dt><dd>([0-9a-f]{64})", page) == wanted, name
    assert names
