"""Stores, tills and channel accounts, decided by values alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuanlu import ids
from yuanlu.change import Change, Stay
from yuanlu.channels.checking import Finding, Verdict, Weight, verdict
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.machines.rules import TillStand
from yuanlu.onboarding import rules
from yuanlu.onboarding.rules import Store, StoreSeen, TillSeen
from yuanlu.people.rules import MAY, Person, Role

AT = datetime(2026, 11, 23, 4, tzinfo=UTC)
OWNER = Person("YW", Role.OWNER)
STORE = Store(merchant_id="YM", id=ids.new(Kind.STORE, AT), name="old", created_at=AT)
CLOSED = replace(STORE, closed_at=AT)
TILL = TillStand(merchant_id="YM", id=ids.new(Kind.TILL, AT), store_id=STORE.id, name="T1", created_at=AT)

findings = st.lists(
    st.builds(
        Finding,
        st.sampled_from(["missing", "busy", "unproved"]),
        st.sampled_from(["", "mchid", "appid"]),
        st.sampled_from(Weight),
        st.dictionaries(st.sampled_from(["code", "day"]), st.text(max_size=5) | st.integers(0, 99)),
    )
)


def test_a_store_is_written_down_once() -> None:
    made = rules.add_store("YM", STORE.id, " old ", OWNER, StoreSeen(None), AT)
    assert isinstance(made, Change)
    assert (made.row.name, made.row.version) == ("old", 1)
    assert isinstance(rules.add_store("YM", STORE.id, "old", OWNER, StoreSeen(STORE), AT), Stay)
    with pytest.raises(Denied, match=r"store\.id_taken"):
        rules.add_store("YM", STORE.id, "other", OWNER, StoreSeen(STORE), AT)
    with pytest.raises(Denied, match=r"id\.invalid"):
        rules.add_store("YM", TILL.id, "x", OWNER, StoreSeen(None), AT)


@pytest.mark.parametrize("name", ["", " ", "\u3000"])
def test_nothing_is_without_a_name(name: str) -> None:
    for act in (
        lambda: rules.add_store("YM", STORE.id, name, OWNER, StoreSeen(None), AT),
        lambda: rules.rename_store(name, OWNER, StoreSeen(STORE), AT),
        lambda: rules.add_till(TILL.id, name, OWNER, TillSeen(None, STORE), AT),
    ):
        with pytest.raises(Denied, match=r"shop\.name_empty"):
            act()


def test_a_store_is_closed_once_and_never_with_open_tills() -> None:
    with pytest.raises(Denied, match=r"store\.has_tills"):
        rules.close_store(OWNER, StoreSeen(STORE, 1), AT)
    done = rules.close_store(OWNER, StoreSeen(STORE), AT)
    assert isinstance(done, Change)
    assert (done.row.closed_at, done.row.version) == (AT, 2)
    assert isinstance(rules.close_store(OWNER, StoreSeen(CLOSED), AT), Stay)
    for seen, code in ((StoreSeen(CLOSED), r"store\.closed"), (StoreSeen(None), r"store\.unknown")):
        with pytest.raises(Denied, match=code):
            rules.rename_store("new", OWNER, seen, AT)


def test_a_till_stands_in_an_open_store_of_its_own_merchant() -> None:
    made = rules.add_till(TILL.id, "T1", OWNER, TillSeen(None, STORE), AT)
    assert isinstance(made, Change)
    assert made.row == TILL
    assert isinstance(rules.add_till(TILL.id, "T1", OWNER, TillSeen(TILL, STORE), AT), Stay)
    for seen, code in (
        (TillSeen(TILL, replace(STORE, id="YS2")), "till.id_taken"),
        (TillSeen(None, CLOSED), "store.closed"),
        (TillSeen(None, None), "store.unknown"),
    ):
        with pytest.raises(Denied, match=code):
            rules.add_till(TILL.id, "T1", OWNER, seen, AT)


@pytest.mark.parametrize("role", Role)
def test_who_may_not_does_nothing(role: Role) -> None:
    acts = (
        lambda by: rules.add_store("YM", STORE.id, "x", by, StoreSeen(None), AT),
        lambda by: rules.rename_store("x", by, StoreSeen(STORE), AT),
        lambda by: rules.close_store(by, StoreSeen(STORE), AT),
        lambda by: rules.add_till(TILL.id, "x", by, TillSeen(None, STORE), AT),
    )
    for act in acts:
        if role in MAY["shops"]:
            assert isinstance(act(Person("YW", role)), Change)
            with pytest.raises(Denied, match=r"staff\.other_store"):
                act(Person("YW", role, STORE.id))
        else:
            with pytest.raises(Denied, match=r"staff\.not_allowed"):
                act(Person("YW", role))


@given(findings)
def test_findings_are_kept_whole(found: list[Finding]) -> None:
    assert rules.findings_of(rules.text_of(found)) == found


@given(findings, st.booleans())
def test_one_fault_is_enough_and_nobody_keeps_what_is_wrong(found: list[Finding], anyway: bool) -> None:
    is_wrong = any(each.weight is Weight.FAULT for each in found)
    assert (verdict(found) is Verdict.WRONG) == is_wrong
    is_kept = rules.may_be_kept(found, anyway=anyway)
    assert not (is_kept and is_wrong)
    assert is_kept or is_wrong or (verdict(found) is Verdict.UNSURE and not anyway)


def test_a_new_key_replaces_what_was_found_before() -> None:
    first = rules.note_set("YM", "wechat", ["mchid"], [], OWNER, None, AT)
    assert (first.row.version, first.row.set_by, first.row.findings) == (1, "YW", "[]")
    fault = Finding("app_unbound", "appid")
    looked = rules.note_checked("YM", "wechat", [fault], OWNER, first.row, AT)
    assert (looked.row.version, rules.findings_of(looked.row.findings)) == (2, [fault])
    (fact,) = looked.facts
    assert isinstance(fact, rules.ChannelChecked)
    assert (fact.verdict, fact.fields) == ("wrong", "appid")
    assert rules.note_set("YM", "wechat", ["appid"], [], OWNER, looked.row, AT).row.findings == "[]"
