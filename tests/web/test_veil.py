"""What is personal in an answer is covered by role, wherever it stands in it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from tests.web.conftest import Shop
from tests.web.test_refunds_and_cases import report
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.people.rules import MAY, SEES, Role
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
    """S36."""
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


async def test_a_trainee_reads_cases_without_what_customers_wrote(shop: Shop) -> None:
    """S36, through the door: the case and its thread."""
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
