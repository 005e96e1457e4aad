"""The desk at the console, without any script: acts, proof, complaints, packs, the policy, deadlines and words."""

from __future__ import annotations

import csv
import hashlib
import io
import re

import pytest

from tests.flows import files
from tests.web.conftest import Shop
from tests.web.test_complaints import complained, worked
from tests.web.test_console import Browser, asked, entered
from tests.web.test_files import add
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.web.console.policy import _CODES, read, shown
from yuanlu.words import LANGUAGES

CHAPTERS = (
    "/console/books",
    "/console/devices",
    "/console/disputes",
    "/console/policy",
    "/console/policy/edit",
    "/console/deadlines",
    "/console/words",
)


@pytest.fixture
async def owner(shop: Shop) -> Browser:
    return await entered(shop, "owner")


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_every_page_is_whole(owner: Browser, lang: str) -> None:
    for path in CHAPTERS:
        page = await owner.open(f"{path}?lang={lang}")
        assert owner.status == 200, (path, page)
        assert page.count("<h1") == 1
        assert not re.search(r"\{\{|>None<|>console\.[a-z]", page), path


async def test_people_are_called_by_their_names(owner: Browser) -> None:
    """S10: of a fact and of a message the person is named, not an id."""
    _, case = await asked(owner.shop)
    await owner.open(f"/console/refunds/{case}")
    page = await owner.send(f"/console/refunds/{case}/messages", text="看过了", audience="internal")
    assert "周敏" in page
    assert not re.search(r" · YW[0-9A-Z]{27}", page)


async def test_an_ended_case_is_judged_held_taken_further_and_opened_again(owner: Browser) -> None:
    """S76, S80, S82: what only adds to a case is possible in any state, what turns it only where its state takes it."""
    _, case = await asked(owner.shop)
    at = f"/console/refunds/{case}"
    page = await owner.open(at)
    assert f"{at}/reopen" not in page
    await owner.send(f"{at}/decline", reason="policy", words="超过了期限")
    assert (await owner.shop.get(f"/v1/cases/{case}")).told["state"] == "DECLINED", owner.page
    page = await owner.open(at)
    assert f"{at}/approve" not in page
    await owner.send(f"{at}/withdraw", words="算了")
    await owner.send(f"{at}/judge", fault="cashier", words="多按了一个 0")
    await owner.send(f"{at}/hold", on="true", words="律师要求")
    await owner.send(f"{at}/escalate", place="12315", status="filed", words="")
    told = (await owner.shop.get(f"/v1/cases/{case}")).told
    assert (told["state"], told["fault"], told["legal_hold"]) == ("CLOSED", "cashier", True), owner.page
    assert told["escalations"] == {"12315": "filed"}
    await owner.open(at)
    await owner.send(f"{at}/reopen", words="顾客补了小票")
    assert (await owner.shop.get(f"/v1/cases/{case}")).told["state"] == "REVIEW", owner.page


async def test_a_ready_reply_is_sent_filled_in(owner: Browser) -> None:
    """S56: with the apology and the number in it."""
    _, case = await asked(owner.shop)
    await owner.open(f"/console/refunds/{case}")
    page = await owner.send(f"/console/refunds/{case}/messages", template="received", audience="customer", text="")
    assert owner.status == 200, page
    assert f"查询号：{case}" in page


async def test_a_file_is_looked_at_turned_and_enlarged_and_runs_nothing(owner: Browser) -> None:
    """S59: its name is text, whatever stands in it; each look is on record."""
    _, case = await asked(owner.shop)
    file = (await add(owner.shop, case, files.jpeg(), name='"><script>alert(1)</script>.jpg')).told["id"]
    page = await owner.open(f"/console/refunds/{case}")
    assert f"/console/refunds/{case}/files/{file}" in page
    assert "<script>alert" not in page
    page = await owner.open(f"/console/refunds/{case}/files/{file}?turn=90&large=1")
    assert "turn-90" in page
    assert "?turn=180&amp;large=1" in page
    assert "<script>alert" not in page
    assert (await owner.shop.get(f"/v1/cases/{case}/files")).told["items"][0]["opened_times"] == 0
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in owner.jar.items())}
    async with owner.shop.session.get(f"{owner.shop.base_url}/console/files/{file}", headers=headers) as raw:
        assert raw.status == 200
        assert raw.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert (await raw.read())[:3] == b"\xff\xd8\xff"
    assert (await owner.shop.get(f"/v1/cases/{case}/files")).told["items"][0]["opened_times"] == 1


async def test_an_auditor_reads_and_opens_no_file(shop: Shop) -> None:
    _, case = await asked(shop)
    file = (await add(shop, case, files.jpeg())).told["id"]
    auditor = await entered(shop, "auditor")
    page = await auditor.open(f"/console/refunds/{case}")
    assert auditor.status == 200
    assert re.findall(rf'action="/console/refunds/{case}/([a-z-]+)"', page) == ["messages"]
    for path in (f"/console/refunds/{case}/files/{file}", f"/console/files/{file}", "/console/policy/edit"):
        await auditor.open(path)
        assert auditor.status == 403, path


async def test_a_complaint_is_answered_from_its_page(owner: Browser) -> None:
    """S79: what was said is shown as text; the answer goes to the channel."""
    one, there = await complained(owner.shop)
    page = await owner.open("/console/disputes?state=NEW")
    assert f"/console/disputes/{one}" in page
    page = await owner.open(f"/console/disputes/{one}")
    assert "多扣了" in page
    assert "13800000000" not in page
    await owner.send(f"/console/disputes/{one}/answers", text="马上为您核实")
    await worked(owner.shop)
    assert "马上为您核实" in str(there)
    assert "马上为您核实" in await owner.open(f"/console/disputes/{one}")


async def test_a_policy_is_edited_checked_tried_and_set(owner: Browser) -> None:
    """S68: a table with something wrong is not kept, and nothing that was typed is lost."""
    await asked(owner.shop)
    await owner.open("/console/policy/edit")
    cells = dict(re.findall(r'name="((?:amount_fen|age|reason|channel|tender|zh|en)-\d+)" value="([^"]*)"', owner.page))
    blank = dict.fromkeys(cells, "") | dict.fromkeys(re.findall(r'<select name="(verdict-\d+)"', owner.page), "")
    last = {"verdict-1": "review", "zh-1": "店里有人核对", "en-1": "Somebody checks it", "order-1": "2"}
    hidden = {"amount_fen-2": "<=50.00", "verdict-2": "approve", "zh-2": "马上退", "en-2": "At once", "order-2": "3"}
    page = await owner.send("/console/policy/edit", **(blank | last | hidden), then="set")
    assert owner.status == 422, page
    assert "永远轮不到" in page
    assert 'value="马上退"' in page
    assert (await owner.shop.get("/v1/policies")).told["items"] == []
    page = await owner.send("/console/policy/edit", **(blank | last | hidden | {"order-2": "1"}), then="try")
    assert owner.status == 200, page
    assert "过去 30 天" in page
    await owner.send("/console/policy/edit", **(blank | last | hidden | {"order-2": "1"}), then="set")
    (kept,) = (await owner.shop.get("/v1/policies")).told["items"]
    assert [row["verdict"] for row in csv.DictReader(io.StringIO(kept["content"]))] == ["approve", "review"]
    assert next(csv.DictReader(io.StringIO(kept["content"])))["amount_fen"] == "<=5000"
    page = await owner.open("/console/policy")
    assert "马上退" in page
    assert "马上退" in await owner.open(f"/console/policy/{kept['id']}")


async def test_a_pack_is_given_out_and_stands_in_the_case(owner: Browser) -> None:
    """S7: its digest is in the case afterwards."""
    _, case = await asked(owner.shop)
    token = re.search(r'name="csrf" value="([^"]+)"', await owner.open(f"/console/refunds/{case}"))
    assert token
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in owner.jar.items())}
    path, form = f"/console/refunds/{case}/packs", {"csrf": token[1], "for": "regulator", "lang": "zh"}
    async with owner.shop.session.post(owner.shop.base_url + path, data=form, headers=headers) as answer:
        file = await answer.read()
        assert (answer.status, file[:5]) == (201, b"%PDF-")
        assert "attachment" in answer.headers["content-disposition"]
    page = await owner.open(f"/console/refunds/{case}")
    assert hashlib.sha256(file).hexdigest()[:12] in page
    await owner.send(path, **{"for": "everybody", "lang": "zh"})
    assert owner.status == 422


async def test_days_and_rights_are_named(owner: Browser) -> None:
    """S62, S81."""
    page = await owner.open("/console/deadlines?stage=declined&from=2026-11-27")
    assert "12315" in page
    await owner.open("/console/deadlines?from=nonsense")
    assert owner.status == 200
    assert 'role="alert"' in owner.page


async def test_a_till_is_written_to_stopped_and_let_go_on(owner: Browser) -> None:
    """S85: the form names the till; a till of nobody is unknown."""
    till = owner.shop.till
    page = await owner.open("/console/devices")
    assert f"/console/devices/{till}" in page
    for act, filled in (("message", {"message": "<b>换纸</b>"}), ("lock", {"why": "丢了"}), ("unlock", {})):
        await owner.open(f"/console/devices/{till}")
        await owner.send(f"/console/devices/{till}/{act}", **filled)
        assert owner.at == "/console/devices", owner.page
        (station,) = [each for each in (await owner.shop.get("/v1/stations")).told["items"] if each["till"] == till]
        assert station["message"] == "<b>换纸</b>"
        assert bool(station["locked_at"]) == (act == "lock")
    assert "&lt;b&gt;换纸" in await owner.open(f"/console/devices/{till}")
    await owner.open("/console/devices/YT01KATE3S400000000000000000")
    assert owner.status == 404


async def test_a_device_reads_its_code_once(owner: Browser) -> None:
    """S9, S25."""
    till = owner.shop.till
    await owner.open(f"/console/devices/{till}")
    page = await owner.send(f"/console/devices/{till}/enrol")
    assert 'src="data:image/svg+xml' in page, owner.status
    code = re.search(r"<code>([^<]+)</code>", page)
    assert code
    assert code[1] not in await owner.open(f"/console/devices/{till}")


async def test_a_loss_is_recovered_from_the_books(owner: Browser) -> None:
    """S83: and who may not keep losses has no form for it."""
    _, case = await asked(owner.shop)
    loss = ids.new(Kind.LOSS)
    wish = {"id": loss, "case": case, "cause": "input.amount", "bearer": "merchant", "amount_fen": 1000}
    page = await owner.open("/console/books")
    assert "账平" in page
    await hire(owner.shop, "li", "finance")
    assert (await owner.shop.post("/v1/losses", wish, who="li")).status == 201
    await owner.open("/console/books")
    await owner.send(f"/console/books/losses/{loss}/recover", amount="99.00")
    assert owner.status == 422
    await owner.send(f"/console/books/losses/{loss}/recover", amount="4.00")
    (told,) = (await owner.shop.get("/v1/losses")).told["items"]
    assert (told["recovered_fen"], told["open_fen"]) == (400, 600)
    manager = await entered(owner.shop, "manager")
    page = await manager.open("/console/books")
    assert f"/console/books/losses/{loss}/recover" not in page


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_cells_of_a_policy_are_words_and_are_read_back_as_they_were(lang: str) -> None:
    """Every code there is, each by words of its own, and the spans of the built-in table."""
    codes = [*_CODES["reason"][1], "wrong_amount|late_paid", "input.amount|input.code"]
    cells = [("reason", each) for each in codes] + [
        ("channel", "alipay|wechat"),
        ("tender", "scanned"),
        ("tender", "shown"),
    ]
    cells += [("amount_fen", each) for each in ("<=20000", ">=500001", "1..99", "5")]
    cells += [("age", each) for each in ("<=24h", "1h..48h", ">=3d")]
    for column, cell in cells:
        told = shown(column, cell, lang)
        assert not re.search(r"[a-z][._][a-z]", told), told
        assert read(column, told) == cell
        assert read(column, cell) == cell or column == "amount_fen"
    assert read("reason", "no such thing") == "no such thing"
    assert read("amount_fen", "<=1.234") == "<=1.234"


async def test_the_editor_shows_no_code(owner: Browser) -> None:
    page = await owner.open("/console/policy/edit")
    for code in ("late_paid", "wrong_amount", "outside_refund"):
        assert f'"{code}' not in page
        assert f"|{code}" not in page
    assert "放弃后又付了" in page
    assert "&lt;=200.00" in page
    assert "&lt;=24小时" in page


async def test_a_till_is_found_however_many_there_are(owner: Browser) -> None:
    """Its page, the search box and the page of stores know tills beyond the first page of the list."""
    shop = owner.shop
    pool, now = shop.app.pools.recorder, shop.app.clock.now()
    store = await merchants.add_store(pool, shop.merchant_id, "large", now)
    tills = [await merchants.add_till(pool, shop.merchant_id, store, f"no. {n}", now) for n in range(210)]
    last = max(tills)
    listed = (await shop.get("/v1/stations")).told
    assert last not in [each["till"] for each in listed["items"]]
    assert (await shop.get(f"/v1/stations/{last}")).told["till"] == last
    assert (await shop.get(f"/v1/stations/{ids.new(Kind.TILL)}")).code == "till.unknown"
    await owner.open(f"/console/devices/{last}")
    assert owner.status == 200
    await owner.open(f"/console/find?q={last}")
    assert owner.at == f"/console/devices/{last}"
    assert f"/console/devices/{last}" in await owner.open("/console/shop")
    page, seen = await owner.open("/console/devices"), 1
    while more := re.search(r'href="(/console/devices\?after=\w+)"', page):
        page, seen = await owner.open(more[1]), seen + 1
    assert f"/console/devices/{last}" in page
    assert seen == 5
