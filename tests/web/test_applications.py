"""Becoming a merchant over HTTP: from an invitation to the first owner; what comes twice, late, from a thief."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flows import files
from tests.web.conftest import Answer, Clock, Shop
from tests.web.signing_in import NEXT, PASSWORD, enter, sure, with_codes
from tests.web.test_platform import signed_in
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.applications import flow, rules, store
from yuanlu.applications.rules import PaperKind
from yuanlu.errors import Denied
from yuanlu.evidence import keeping
from yuanlu.ids import Kind
from yuanlu.letters import Letter, Receipt
from yuanlu.merchants import store as merchants
from yuanlu.merchants.tenants import PLATFORM
from yuanlu.people import flow as people
from yuanlu.people.rules import Person, Role
from yuanlu.people.signing import Sure
from yuanlu.terminal import asking
from yuanlu.terminal.verbs import Counter
from yuanlu.web.api.applications import ROUTES
from yuanlu.web.parts.veil import COVER
from yuanlu.worker import Worker

FORM = {
    "name": "江边面馆", "credit_code": "91110000600037341L", "mcc": "5812", "channels": "wechat,alipay",
    "legal_name": "陈静", "legal_id": "360426199101010071", "contact_name": "陈小静", "contact_phone": "13800001111",
    "address": "江边路一号院", "account_name": "某某对公账户", "account_bank": "江边银行",
    "account_number": "0200001009000012345",
}  # fmt: skip
PRIVATE = ("陈静", "360426199101010071", "陈小静", "13800001111", "江边路一号院", "某某对公账户", "0200001009000012345")
LIST, ONE = "/v1/applications", "/v1/applications/{application}"


async def begun(shop: Shop, name: str = "chen", by: str = "shen") -> str:
    """Somebody who was invited to apply and signed in, calling as `name`; the path of their application."""
    wish = {"id": ids.new(Kind.APPLICATION), "name": "陈静"}
    told = await shop.post(LIST, wish, who=by)
    assert told.status == 201, told.raw
    accepted = {"token": told.told["token"], "password": PASSWORD}
    assert (await shop.post("/v1/invitations/accept", accepted, authorization="")).status == 200
    answer = await enter(shop, told.told["account"])
    shop.keys[name] = answer.told["token"]
    return f"{LIST}/{wish['id']}"


async def hand_in(shop: Shop, path: str, kind: str, who: str = "chen", **more: Any) -> Answer:
    """A paper that shows something."""
    given = {"id": ids.new(Kind.FILE), "content": files.jpeg()} | more
    query = f"?id={given['id']}&kind={kind}"
    return await shop.call("POST", f"{path}/papers{query}", raw=given["content"], content_type="image/jpeg", who=who)


async def filled(shop: Shop, path: str, who: str = "chen", **changes: str) -> None:
    """Fill everything in, with all papers."""
    saved = await shop.post(path, FORM | changes, who=who)
    assert saved.status == 200, saved.raw
    for kind in PaperKind:
        assert (await hand_in(shop, path, kind.value, who)).status == 201


async def submitted(shop: Shop, name: str = "chen", **changes: str) -> str:
    """An application that lies with a reviewer; its path."""
    path = await begun(shop, name)
    await filled(shop, path, name, **changes)
    done = await shop.post(f"{path}/submit", who=name)
    assert (done.status, done.told["state"]) == (200, "SUBMITTED"), done.raw
    return path


@pytest.fixture
async def desk(shop: Shop) -> Shop:
    """An installation with a reviewer who is signed in."""
    await signed_in(shop, "shen")
    return shop


async def merchants_there(shop: Shop) -> int:
    return int(
        await shop.app.pools.recorder.fetchval("select count(*) from merchants where merchant_id <> $1", PLATFORM)
    )


async def test_from_an_invitation_to_the_first_owner(desk: Shop) -> None:
    """S9: the whole way, and what each of them is told on it."""
    path = await begun(desk)
    empty = await desk.get(path, who="chen")
    assert (empty.told["state"], empty.told["may"]) == ("DRAFT", ["save", "submit", "withdraw"])
    early = await desk.post(f"{path}/submit", who="chen")
    assert (early.status, early.code) == (422, "application.incomplete")
    await filled(desk, path)
    assert (await desk.get(path, who="chen")).told["findings"] == []
    hidden = (await desk.get(path, who="shen")).told
    assert (hidden["legal_id"], hidden["papers"], hidden["may"]) == ("", [], [])  # not before it is submitted
    assert (await desk.post(f"{path}/submit", who="chen")).told["turn"] == 1
    queue = (await desk.get(f"{LIST}?state=SUBMITTED", who="shen")).told["items"]
    assert [each["name"] for each in queue] == ["江边面馆"]
    seen = (await desk.get(path, who="shen")).told
    assert (seen["legal_id"], len(seen["papers"]), seen["may"]) == (
        FORM["legal_id"], 5, ["approve", "decline", "send_back"],
    )  # fmt: skip
    opened = await desk.get(f"{path}/papers/{seen['papers'][0]['id']}", who="shen")
    assert (opened.status, opened.headers["content-type"]) == (200, "image/jpeg")
    back = {"turn": 1, "reasons": [{"about": "licence", "words": "照片不清楚，卡号 6222021234567890128"}]}
    returned = await desk.post(f"{path}/return", back, who="shen")
    assert returned.told["state"] == "RETURNED"
    mine = (await desk.get(path, who="chen")).told
    assert mine["reasons"][0]["about"] == "licence"
    assert "6222021234567890128" not in mine["reasons"][0]["words"]
    licence = next(each["id"] for each in mine["papers"] if each["kind"] == "licence")
    assert (await desk.post(f"{path}/papers/{licence}/drop", who="chen")).status == 200
    assert (await hand_in(desk, path, "licence")).status == 201
    assert (await desk.post(f"{path}/submit", who="chen")).told["turn"] == 2
    before = await merchants_there(desk)
    approved = await desk.post(f"{path}/approve", {"turn": 2}, who="shen")
    assert (approved.status, approved.told["state"]) == (200, "OPENED"), approved.raw
    assert await merchants_there(desk) == before + 1
    link = await desk.post(f"{path}/owner", who="chen")
    assert (link.status, link.told["merchant"]) == (201, approved.told["merchant"]), link.raw
    accepted = {"token": link.told["token"], "password": NEXT}
    assert (await desk.post("/v1/invitations/accept", accepted, authorization="")).status == 200
    entered = await enter(desk, link.told["account"], NEXT)
    desk.keys["owner"] = entered.told["token"]
    made = await desk.post("/v1/stores", {"id": ids.new(Kind.STORE), "name": "江边店"}, who="owner")
    assert made.status == 201, made.raw
    assert (await desk.get("/v1/stores", who="owner")).told["items"][0]["name"] == "江边店"
    name = await desk.app.pools.recorder.fetchval(
        "select name from merchants where merchant_id = $1", approved.told["merchant"]
    )
    assert name == "江边面馆"


async def test_what_is_private_lies_nowhere_in_plain(desk: Shop) -> None:
    """S9. S95: not in rows, facts, jobs or the log of changes; and its reading is on record."""
    path = await submitted(desk)
    read = (await desk.get(path, who="shen")).raw.decode()
    assert all(each in read for each in PRIVATE)
    tables = await desk.app.pools.recorder.fetch(
        "select c.relname as name from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'"
        " and has_table_privilege(c.oid, 'select')"
    )
    lies = ""
    for table in tables:
        rows = await desk.app.pools.recorder.fetch(f'select t::text as line from "{table["name"]}" t')
        lies += "".join(row["line"] for row in rows)
    facts = await desk.app.pools.recorder.fetch("select kind, body from facts where merchant_id = $1", PLATFORM)
    lies += "".join(row["body"] for row in facts)
    assert "江边面馆" in lies
    for each in PRIVATE:
        assert each not in lies, each
    assert "PersonalDataRead" in {row["kind"] for row in facts}


async def test_an_approval_that_comes_twice_or_at_once_makes_one_merchant(desk: Shop) -> None:
    """S9."""
    path, before = await submitted(desk), await merchants_there(desk)
    answers = await asyncio.gather(*(desk.post(f"{path}/approve", {"turn": 1}, who="shen") for _ in range(4)))
    again = await desk.post(f"{path}/approve", {"turn": 1}, who="shen")
    assert {each.status for each in (*answers, again)} == {200}
    assert len({each.told["merchant"] for each in (*answers, again)}) == 1
    assert await merchants_there(desk) == before + 1
    merchant = again.told["merchant"]
    assert await desk.app.pools.recorder.fetchval("select count(*) from staff where merchant_id = $1", merchant) == 1
    kinds = await desk.app.pools.recorder.fetch(
        "select kind, count(*) as n from facts where object_id = $1 group by kind", path.rpartition("/")[2]
    )
    assert {row["kind"]: row["n"] for row in kinds if row["kind"] in ("ApplicationApproved", "ApplicationOpened")} == {
        "ApplicationApproved": 1, "ApplicationOpened": 1,
    }  # fmt: skip


@pytest.mark.parametrize("done", ["nothing", "merchant", "owner"])
async def test_what_dies_after_the_approval_is_finished_by_the_worker(desk: Shop, done: str) -> None:
    """S9: between any two of its steps."""
    path, before = await submitted(desk), await merchants_there(desk)
    application = path.rpartition("/")[2]
    app = desk.app
    view = store.with_beside(PLATFORM, application)
    by = Person("YW", Role.REVIEWER)
    row = (await app.desk.decide(view, lambda seen, at: rules.approve(1, by, seen, at))).row
    if done != "nothing":
        await merchants.add_merchant(app.pools.recorder, row.name, app.clock.now(), row.opened_id)
    if done == "owner":
        await people.add(app.desk, row.opened_id, role="owner", name="陈", who="operator", staff_id=row.owner_id)
    assert (await desk.post(f"{path}/owner", who="chen")).code == "application.state"
    await Worker(app).once()
    told = (await desk.get(path, who="chen")).told
    assert (told["state"], told["merchant"], told["owner_waits"]) == ("OPENED", row.opened_id, True)
    assert await merchants_there(desk) == before + 1
    assert await app.pools.recorder.fetchval("select count(*) from staff where merchant_id = $1", row.opened_id) == 1
    assert not await app.pools.recorder.fetchval("select count(*) from jobs where name = 'applications.drive'")
    await flow.drive(app.desk, app.pools.recorder, PLATFORM, application)
    assert await merchants_there(desk) == before + 1


async def test_a_decision_that_comes_late_decides_nothing(desk: Shop) -> None:
    path = await submitted(desk)
    back = {"turn": 1, "reasons": [{"about": "name", "words": "写全称"}]}
    for _ in range(2):
        assert (await desk.post(f"{path}/return", back, who="shen")).told["state"] == "RETURNED"
    for verb, wish in (("approve", {"turn": 1}), ("decline", {"turn": 1, "words": "x"})):
        assert (await desk.post(f"{path}/{verb}", wish, who="shen")).code == "application.state"
    await desk.post(path, FORM | {"name": "江边面馆有限公司"}, who="chen")
    await desk.post(f"{path}/submit", who="chen")
    for verb, wish in (("approve", {"turn": 1}), ("decline", {"turn": 1, "words": "x"}), ("return", back)):
        assert (await desk.post(f"{path}/{verb}", wish, who="shen")).code == "application.moved"
    assert (await desk.post(f"{path}/withdraw", who="chen")).told["state"] == "WITHDRAWN"
    assert (await desk.post(f"{path}/approve", {"turn": 2}, who="shen")).code == "application.state"
    assert (await desk.post(path, FORM, who="chen")).code == "application.state"
    assert (await hand_in(desk, path, "licence")).code == "application.state"


async def test_one_business_is_one_merchant(desk: Shop) -> None:
    """S9: the same credit code, approved one after the other and at the same moment; and the applicant is told nothing
    of it."""
    first, second, third = [await submitted(desk, name) for name in ("a", "b", "c")]
    twice = (await desk.get(second, who="shen")).told["findings"]
    assert [(each["code"], each["about"]) for each in twice] == [("twice", "credit_code")]
    answers = await asyncio.gather(*(desk.post(f"{path}/approve", {"turn": 1}, who="shen") for path in (first, second)))
    assert sorted(each.status for each in answers) == [200, 409]
    assert next(each.code for each in answers if each.status == 409) == "application.taken"
    assert (await desk.post(f"{third}/approve", {"turn": 1}, who="shen")).code == "application.taken"
    told = (await desk.get(third, who="shen")).told["findings"]
    assert ("taken", "credit_code") in [(each["code"], each["about"]) for each in told]
    assert (await desk.get(third, who="c")).told["findings"] == []


async def test_an_account_that_another_merchant_has_at_a_channel_is_not_approved(desk: Shop) -> None:
    """Two merchants under one account would be told of each other's money."""
    assert desk.sim is not None
    mchid = desk.sim.describe()["wechat"]["mchid"]
    app_id = desk.sim.describe()["alipay"]["app_id"]
    path = await submitted(desk, wechat_mchid=mchid, alipay_app_id=app_id)
    found = {(each["code"], each["about"]) for each in (await desk.get(path, who="shen")).told["findings"]}
    assert found == {("taken", "wechat_mchid"), ("taken", "alipay_app_id")}
    before = await merchants_there(desk)
    assert (await desk.post(f"{path}/approve", {"turn": 1}, who="shen")).code == "application.taken"
    assert await merchants_there(desk) == before


@pytest.mark.parametrize("account", ["wechat_mchid", "alipay_app_id"])
async def test_one_account_at_a_channel_is_one_merchants(desk: Shop, account: str) -> None:
    """S9: two businesses that name the same account, approved at the same moment."""
    number = {"wechat_mchid": "1900000777", "alipay_app_id": "2021000000000777"}[account]
    codes = {"a": FORM["credit_code"], "b": "91440300708461136T"}
    paths = [await submitted(desk, name, credit_code=code, **{account: number}) for name, code in codes.items()]
    answers = await asyncio.gather(*(desk.post(f"{path}/approve", {"turn": 1}, who="shen") for path in paths))
    assert sorted(each.status for each in answers) == [200, 409]
    assert next(each.code for each in answers if each.status == 409) == "application.taken"


async def test_an_applicant_reaches_no_application_but_their_own(desk: Shop) -> None:
    """S2. S95: a thief who applies too learns not even that there is another."""
    mine, theirs = await submitted(desk, "chen"), await begun(desk, "thief")
    paper = (await desk.get(mine, who="chen")).told["papers"][0]["id"]
    for method, path, wish in (
        ("GET", mine, None), ("POST", mine, FORM), ("POST", f"{mine}/submit", None), ("POST", f"{mine}/withdraw", None),
        ("GET", f"{mine}/papers/{paper}", None), ("POST", f"{mine}/papers/{paper}/drop", None),
        ("POST", f"{mine}/owner", None),
    ):  # fmt: skip
        answer = await desk.call(method, path, wish, who="thief")
        assert (answer.status, answer.code) == (404, "application.unknown"), path
        nothing = await desk.call(method, path.replace(mine, f"{LIST}/{ids.new(Kind.APPLICATION)}"), wish, who="thief")
        assert (nothing.status, nothing.code) == (404, "application.unknown"), path
    assert (await hand_in(desk, mine, "licence", "thief")).code == "application.unknown"
    stolen = await desk.get(f"{theirs}/papers/{paper}", who="thief")
    assert (stolen.status, stolen.code) == (404, "file.unknown")
    assert [each["id"] for each in (await desk.get(LIST, who="thief")).told["items"]] == [theirs.rpartition("/")[2]]


async def test_nobody_of_a_merchant_reaches_an_application(desk: Shop) -> None:
    """S2. S95."""
    path = await submitted(desk)
    await hire(desk, "olga", "owner")
    for who in ("olga", "boss"):
        for method, at, wish in (
            ("GET", LIST, None), ("GET", path, None), ("POST", f"{path}/approve", {"turn": 1}), ("POST", path, FORM),
            ("POST", LIST, {"id": ids.new(Kind.APPLICATION), "name": "x"}),
        ):  # fmt: skip
            answer = await desk.call(method, at, wish, who=who)
            assert (answer.status, answer.code) == (403, "staff.not_allowed"), at


async def test_the_owners_link_is_for_the_applicant_and_ends_when_the_owner_has_begun(desk: Shop) -> None:
    """S95: whoever reviews never becomes an owner by what they approved."""
    path = await submitted(desk)
    await desk.post(f"{path}/approve", {"turn": 1}, who="shen")
    assert (await desk.post(f"{path}/owner", who="shen")).code == "staff.not_allowed"
    first, second = [(await desk.post(f"{path}/owner", who="chen")).told for _ in "ab"]
    old = await desk.post("/v1/invitations/accept", {"token": first["token"], "password": NEXT}, authorization="")
    assert old.code == "signin.invitation_invalid"
    new = await desk.post("/v1/invitations/accept", {"token": second["token"], "password": NEXT}, authorization="")
    assert new.status == 200
    assert (await desk.post(f"{path}/owner", who="chen")).code == "signin.begun"
    assert (await desk.get(path, who="chen")).told["owner_waits"] is False
    assert (await enter(desk, second["account"], NEXT)).status == 201


async def test_an_invitation_that_comes_twice_is_one_application_and_one_way_in(desk: Shop) -> None:
    wish = {"id": ids.new(Kind.APPLICATION), "name": "陈静"}
    first, second = [await desk.post(LIST, wish, who="shen") for _ in "ab"]
    assert (first.status, second.status, first.told["account"]) == (201, 200, second.told["account"])
    for answer, status in ((first, 403), (second, 200)):
        accepted = {"token": answer.told["token"], "password": PASSWORD}
        assert (await desk.post("/v1/invitations/accept", accepted, authorization="")).status == status
    assert (await desk.post(LIST, wish, who="shen")).code == "signin.begun"
    path = f"{LIST}/{wish['id']}"
    again = await desk.post(f"{path}/invite", who="shen")
    assert (again.status, again.told["account"]) == (201, first.told["account"])


async def test_a_paper_that_comes_twice_is_one_and_what_is_no_paper_is_refused(desk: Shop) -> None:
    path, one = await begun(desk), ids.new(Kind.FILE)
    assert [(await hand_in(desk, path, "licence", id=one)).status for _ in "ab"] == [201, 200]
    assert (await hand_in(desk, path, "licence", id=one, content=files.png())).code == "file.id_taken"
    assert (await hand_in(desk, path, "permit", id=one)).code == "file.id_taken"
    assert (await hand_in(desk, path, "licence", content=b"<html>")).code == "file.type"
    assert len((await desk.get(path, who="chen")).told["papers"]) == 1
    made = await desk.get(f"{path}/papers/{one}", who="chen")
    assert files.SECRET not in made.raw
    with_everything = ids.new(Kind.FILE)
    await hand_in(desk, path, "shopfront", id=with_everything, content=files.jpeg_with_everything())
    assert files.SECRET not in (await desk.get(f"{path}/papers/{with_everything}", who="chen")).raw
    for _ in "ab":
        assert (await desk.post(f"{path}/papers/{one}/drop", who="chen")).status == 200
    assert (await desk.get(f"{path}/papers/{one}", who="chen")).code == "file.unknown"


async def test_whoever_has_a_second_factor_approves_only_when_they_are_sure(desk: Shop) -> None:
    path = await submitted(desk)
    await signed_in(desk, "wang")
    app, _ = await with_codes(desk)
    no = await desk.post(f"{path}/approve", {"turn": 1}, who="wang")
    assert no.code == "step_up.needed"
    act = {name: no.told[name] for name in ("verb", "object", "amount_fen", "payee")}
    assert (act["verb"], act["payee"]) == ("vet", FORM["credit_code"])
    clock = Clock()
    desk.app.desk.clock = desk.app.clock = clock
    proof = await sure(desk, clock, app, act)
    done = await desk.post(f"{path}/approve", {"turn": 1}, who="wang", step_up=proof)
    assert (done.status, done.told["state"]) == (200, "OPENED"), done.raw


async def test_what_was_declined_is_erased_after_half_a_year_and_a_merchants_is_kept(desk: Shop) -> None:
    """The papers' contents go too, once nobody can open them; those of others stay."""
    kept = await submitted(desk, "a")
    gone = await submitted(desk, "b", credit_code="91440300708461136T")
    assert (await desk.post(f"{kept}/approve", {"turn": 1}, who="shen")).status == 200
    no = await desk.post(f"{gone}/decline", {"turn": 1, "words": "执照已吊销"}, who="shen")
    assert no.told["state"] == "DECLINED"
    app = desk.app
    clock = Clock()
    app.desk.clock = app.clock = clock
    clock.later = timedelta(days=181)
    await keeping.sweep(app.desk, app.files, app.seal, app.pools.reader, PLATFORM)
    by = Person("YW", Role.REVIEWER)
    for path, is_there in ((kept, True), (gone, False)):
        row = await flow.of(app.desk, path.rpartition("/")[2], by)
        assert bool((await flow.opened(app.desk, row, by)).form.legal_id) == is_there
    await keeping.sweep_files(app.desk, app.files, app.pools.reader, PLATFORM, clock.now())
    assert len(await app.files.shelf.lying(PLATFORM)) == len(PaperKind)


async def test_who_is_sure_is_a_reviewer_still(desk: Shop) -> None:
    """The verb asks again, whoever comes to it."""
    path = await submitted(desk)
    for role in set(Role) - {Role.REVIEWER}:
        with pytest.raises(Denied, match=r"staff\.not_allowed"):
            await flow.approve(
                desk.app.desk, desk.app.pools.recorder, path.rpartition("/")[2], 1, Person("x", role), Sure("x")
            )


async def test_at_the_terminal_what_is_sealed_is_covered_and_deciding_takes_a_key(desk: Shop, tmp_path: Path) -> None:
    """S95: whoever runs the installation reads the queue, and decides nothing without a reviewer's key."""
    path = await submitted(desk)
    application = path.rpartition("/")[2]
    counter = Counter(desk.app, PLATFORM, timedelta())
    told = await asking.ask(counter, ROUTES, f"GET {ONE}", application=application)
    assert (told.state, told.legal_id, told.account_number) == ("SUBMITTED", COVER, COVER)
    with pytest.raises(Denied, match=r"key\.file_needed"):
        await asking.ask(counter, ROUTES, f"POST {ONE}/approve", application=application, wish={"turn": 1})
    key_file = tmp_path / "shen.key"
    pool, now = desk.app.pools.recorder, desk.app.clock.now()
    one = await people.add(desk.app.desk, PLATFORM, role="reviewer", name="沈青", who="cli:root")
    key_file.write_text((await merchants.add_key(pool, PLATFORM, one.id, now, staff_id=one.id)).secret)
    done = await asking.ask(
        counter, ROUTES, f"POST {ONE}/approve", key_file=key_file, application=application, wish={"turn": 1}
    )
    assert (done.state, done.decided_by) == ("OPENED", one.id)
    stranger = tmp_path / "boss.key"
    stranger.write_text(desk.keys["boss"])
    with pytest.raises(Denied, match=r"auth\.key_invalid"):
        await asking.ask(counter, ROUTES, f"GET {ONE}", key_file=stranger, application=application)


async def test_declined_again_with_other_words_is_a_conflict(desk: Shop) -> None:
    path = await submitted(desk)
    no = {"turn": 1, "words": "执照已吊销"}
    for _ in range(2):
        assert (await desk.post(f"{path}/decline", no, who="shen")).status == 200
    other = await desk.post(f"{path}/decline", no | {"words": "别的原因"}, who="shen")
    assert (other.status, other.code) == (409, "application.state")
    assert [each["words"] for each in (await desk.get(path, who="chen")).told["reasons"]] == ["执照已吊销"]


async def test_the_applicant_is_told_by_mail_that_something_was_decided_and_not_what(desk: Shop) -> None:
    """Where there is an address and mail is set up; again where it did not arrive, and for a day at most."""
    told: list[Letter] = []
    answers = [Receipt(why="smtp_away", is_ours=True), Receipt(ok=True)]

    async def post(letter: Letter) -> Receipt:
        told.append(letter)
        return answers[min(len(told), len(answers)) - 1]

    app = desk.app
    clock = Clock()
    app.desk.clock = app.clock = clock
    app.desk.mails, app.desk._tell = True, post
    path = await submitted(desk, contact_email="chen@shop.example")
    quiet = await submitted(desk, "b", credit_code="91440300708461136T")
    for each in (path, quiet):
        assert (await desk.post(f"{each}/decline", {"turn": 1, "words": "执照已吊销"}, who="shen")).status == 200
    await Worker(app).once()
    assert [each.reach.target for each in told] == ["chen@shop.example"]
    clock.later = timedelta(hours=1)
    await Worker(app).once()
    assert [each.id for each in told] == [told[0].id] * 2, "sent again, under the same name"
    assert told[1].text is not None
    assert "没有通过" in told[1].text.line
    assert "执照已吊销" not in told[1].text.text
    clock.later = timedelta(hours=2)
    await Worker(app).once()
    assert len(told) == 2
