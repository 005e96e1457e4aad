"""What is personal in an answer is covered by role, wherever it stands in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests.flows import files as pictures
from tests.web.conftest import Shop
from tests.web.test_files import add
from tests.web.test_refunds_and_cases import report
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.errors import Denied
from yuanlu.evidence.rules import Why
from yuanlu.ids import Kind
from yuanlu.people.rules import MAY, OF_STAFF, SEES, Role
from yuanlu.terminal import cases, files, verbs
from yuanlu.terminal.verbs import Counter
from yuanlu.web.parts.complained import ComplaintWholeTold, EntryTold
from yuanlu.web.parts.veil import COVER, _personal, veiled
from yuanlu.web.server import ROUTES

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def personal(shape: type[msgspec.Struct]) -> set[str]:
    """The names of personal fields anywhere in a shape, as its description alone tells them."""
    found = set()
    for name, part in msgspec.json.schema(shape).get("$defs", {}).items():
        for field, told in part.get("properties", {}).items():
            if "•••" in str(told.get("description", "")) + str(told.get("anyOf", "")):
                found.add(f"{name}.{field}")
    return found


@pytest.mark.parametrize("sort", sorted(SEES))
def test_every_sort_is_seen_by_somebody_and_not_by_all(sort: str) -> None:
    """S10."""
    assert Role.OWNER in SEES[sort]
    assert Role.TRAINEE not in SEES[sort]


def test_whatever_the_description_calls_covered_is_covered() -> None:
    """S36: no way from a route to a personal field goes past the veil."""
    told = {name for route in ROUTES for name in personal(route.gives)}
    assert {"CaseTold.said", "SaidTold.text", "ComplaintWholeTold.phone_tail", "RepaymentTold.account_tail"} <= told
    for route in ROUTES:
        assert bool(personal(route.gives)) == any(_personal(route.gives)), route.path


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_a_complaint_is_covered_where_the_table_says(role: Role) -> None:
    """S10, S36."""
    entry = EntryTold(at=NOW, side="payer", deed="spoke", text="I paid twice", images=0)
    whole = ComplaintWholeTold(
        complaint=None,  # type: ignore[arg-type] - nothing personal is in it
        text="",
        phone_tail="8000",
        entries=[entry, entry],
        answers=[],
        images=[],
    )
    told = veiled(whole, role)
    assert told.text == "", "that there is nothing is told"
    assert told.phone_tail == ("8000" if role in SEES["contact"] else COVER)
    assert [each.text for each in told.entries] == ["I paid twice" if role in SEES["words"] else COVER] * 2
    assert whole.entries[0].text == "I paid twice"


async def test_whoever_runs_the_installation_reads_customers_words_with_a_key_of_their_own(
    shop: Shop, tmp_path: Path
) -> None:
    """S36: at the terminal, without a key file, nothing of them is shown, whatever is asked."""
    await hire(shop, "anna", "manager")
    (tmp_path / "anna").write_text(shop.keys["anna"])
    case = report(await shop.paid(), what="other", said="the noodles were cold")
    del case["meant_fen"]
    assert (await shop.post("/v1/cases", case)).status == 201
    words = {"id": ids.new(Kind.EVIDENCE), "text": "my name is on the cup", "side": "customer"}
    assert (await shop.post(f"/v1/cases/{case['id']}/messages", words, who="anna")).status in (200, 201)
    file = (await add(shop, case["id"], pictures.png(), name="slip.png")).told["id"]
    counter = Counter(shop.app, shop.merchant_id, timedelta())
    found = [
        await cases.shown(counter, case["id"], None),
        await verbs.shown(counter, case["id"], (Kind.CASE,)),
        await files.files_listed(counter, case["id"], None),
    ]
    told = repr([msgspec.to_builtins(each) for each in found])
    assert COVER in told
    assert not any(word in told for word in ("noodles", "cup", "slip"))
    with pytest.raises(Denied, match=r"key\.file_needed"):
        await files.get_file(counter, file, tmp_path / "none", Why.REVIEW, None)
    assert not (tmp_path / "none").exists()
    named = msgspec.to_builtins(await cases.shown(counter, case["id"], tmp_path / "anna"))
    assert named["case"]["said"] == "the noodles were cold"
    kept = await files.get_file(counter, file, tmp_path / "out", Why.REVIEW, tmp_path / "anna")
    assert (kept.name, kept.opened_times) == ("slip.png", 1)
    assert (tmp_path / "out").stat().st_size == kept.size_bytes
    await files.export_data(counter, case["payment"], tmp_path / "all.zip")  # all of it, on record
    facts = await shop.app.pools.recorder.fetch("select who, body from facts where kind = 'FileOpened' order by at")
    assert [(row["who"][:2], json.loads(row["body"])["why"]) for row in facts] == [("YW", "review"), ("cl", "export")]


@pytest.mark.parametrize("role", OF_STAFF, ids=str)
async def test_a_file_is_opened_whole_by_whoever_may_and_is_there_for_the_others(shop: Shop, role: Role) -> None:
    """S10, S36: its kind and its size are told; what it shows is not."""
    await hire(shop, "one", role.value)
    case = report(await shop.paid())
    assert (await shop.post("/v1/cases", case)).status == 201
    file = (await add(shop, case["id"], pictures.png(), name="slip.png")).told["id"]
    (told,) = (await shop.get(f"/v1/cases/{case['id']}/files", who="one")).told["items"]
    assert (told["id"], told["media"], told["size_bytes"] > 0) == (file, "image/png", True)
    assert told["name"] == ("slip.png" if role in SEES["words"] else COVER)
    answer = await shop.get(f"/v1/files/{file}", who="one")
    may = role not in (Role.TRAINEE, Role.AUDITOR)
    assert (answer.status == 200) == may
    assert may or answer.code == "staff.not_allowed"
    opened = await shop.app.pools.recorder.fetchval("select count(*) from facts where kind = 'FileOpened'")
    assert opened == may


async def test_a_trainee_reads_cases_without_what_customers_wrote(shop: Shop) -> None:
    """S10, S36: through the door: the case and its thread."""
    assert Role.TRAINEE in MAY["see"]
    await hire(shop, "anna", "manager")
    await hire(shop, "tom", "trainee")
    case = report(await shop.paid(), what="other", said="the noodles were cold")
    del case["meant_fen"]
    path = f"/v1/cases/{case['id']}"
    assert (await shop.post("/v1/cases", case)).status == 201
    words = {"id": ids.new(Kind.EVIDENCE), "text": "my name is on the cup", "side": "customer"}
    assert (await shop.post(f"{path}/messages", words, who="anna")).status in (200, 201)
    thread = (await shop.get(f"{path}/thread", who="anna")).told["items"]
    for who, said in (("anna", "the noodles were cold"), ("tom", COVER)):
        answer = await shop.get(path, who=who)
        assert answer.told["said"] == said
        if who == "tom":
            assert b"noodles" not in answer.raw
    seen = await shop.get(f"{path}/thread", who="tom")
    assert len(seen.told["items"]) == len(thread)
    assert b"noodles" not in seen.raw
    assert b"cup" not in seen.raw
    assert {each["text"] for each in seen.told["items"] if each["text"]} == {COVER}
