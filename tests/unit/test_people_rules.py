"""Who stands over whom, who may leave, and ids that nobody chooses: values only."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuanlu import ids
from yuanlu.change import Change, Stay
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.people import rules
from yuanlu.people.rules import OF_STAFF, Leaver, Person, Role, Staff

NOW = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)
HERE, THERE = "YS01KATE3S4000000000000000ZZ", "YS01KATE3S4000000000000000YY"
ROLES = st.sampled_from(list(Role))
STORES = st.sampled_from(["", HERE, THERE])


def one(role: Role = Role.OWNER, store_id: str = "", until: datetime | None = None) -> Staff:
    return Staff(
        merchant_id="m", id=ids.new(Kind.STAFF, NOW), role=role, name="", store_id=store_id, since=NOW, until=until
    )


def test_a_manager_stands_over_cashiers_and_trainees_and_an_owner_over_all() -> None:
    over = {by: {role for role in OF_STAFF if rules.stands_over(by, role)} for by in Role}
    assert over.pop(Role.OWNER) == over.pop(Role.OPERATOR) == set(OF_STAFF)
    assert over.pop(Role.MANAGER) == {Role.CASHIER, Role.TRAINEE}
    assert not any(over.values())


@given(by=ROLES, role=st.sampled_from(OF_STAFF))
def test_nobody_hires_what_they_may_not_do_themselves(by: Role, role: Role) -> None:
    """Law: nor their own like, who could agree to what they proposed; but owners are theirs to make."""
    if rules.stands_over(by, role) and by is not Role.OPERATOR:
        assert set(rules.verbs(role)) <= set(rules.verbs(by))
        assert by is Role.OWNER or role is not by


@given(by=ROLES, at=STORES, role=st.sampled_from(OF_STAFF), store=STORES)
def test_who_belongs_to_a_store_decides_about_its_people_alone(by: Role, at: str, role: Role, store: str) -> None:
    try:
        rules.demand_over(Person("x", by, at), role, store)
    except Denied as no:
        assert no.code in ("staff.not_allowed", "staff.other_store", "staff.above")
    else:
        assert at in ("", store)
        assert rules.stands_over(by, role)


def test_the_last_owner_of_all_stores_does_not_leave() -> None:
    with pytest.raises(Denied, match=r"staff\.last_owner"):
        rules.end("boss", None, Leaver(one(), is_replaced=False), NOW)
    for leaver in (
        Leaver(one(), is_replaced=True),
        Leaver(one(store_id=HERE), is_replaced=False),
        Leaver(one(Role.MANAGER), is_replaced=False),
    ):
        ended = rules.end("boss", None, leaver, NOW)
        assert isinstance(ended, Change)
        assert ended.row.until == NOW
    assert isinstance(rules.end("boss", None, Leaver(one(until=NOW), is_replaced=False), NOW), Stay)
    with pytest.raises(Denied, match=r"staff\.unknown"):
        rules.end("boss", None, Leaver(None, is_replaced=True), NOW)


def test_an_id_that_is_akin_has_the_moment_of_the_other_and_is_not_chosen() -> None:
    asked = ids.new(Kind.STAFF, NOW)
    made = ids.kin(asked, "m")
    assert ids.is_id(made, Kind.STAFF)
    assert made[:12] == asked[:12]
    assert made == ids.kin(asked, "m")
    assert len({asked, made, ids.kin(asked, "n"), ids.kin(ids.new(Kind.STAFF, NOW), "m")}) == 4
