"""What an application says, what is wrong with it, and every state with every word: values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuanlu import ids
from yuanlu.applications import rules
from yuanlu.applications.rules import (
    ABOUT,
    OPTIONAL,
    TABLE,
    TRADES,
    Application,
    Beside,
    Form,
    Paper,
    PaperKind,
    Seen,
    State,
    Word,
)
from yuanlu.change import Change, Stay
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.machine import Turn
from yuanlu.merchants.tenants import PLATFORM
from yuanlu.people.rules import Person, Role

NOW = datetime(2026, 11, 28, 4, 0, tzinfo=UTC)
ID = ids.new(Kind.APPLICATION, NOW)
CHEN, OTHER = Person("YW-chen", Role.APPLICANT), Person("YW-other", Role.APPLICANT)
SHEN = Person("YW-shen", Role.REVIEWER)
FORM = Form(
    name="江边面馆", credit_code="91110000600037341L", mcc="5812", channels="wechat,alipay", legal_name="陈静",
    legal_id="360426199101010071", contact_name="陈静", contact_phone="13800001111", address="江边路 1 号",
    account_name="江边面馆", account_bank="某某银行", account_number="0200001009000012345",
)  # fmt: skip


def seal(text: str) -> str:
    return "s1." + text


def opens(sealed: str) -> str:
    return sealed.removeprefix("s1.")


def paper(kind: PaperKind = PaperKind.LICENCE, **more: Any) -> Paper:
    given = {
        "id": ids.new(Kind.FILE), "kind": kind, "media": "image/jpeg", "size_bytes": 9, "width": 1, "height": 1,
        "pages": 1, "digest_original": "a", "digest_kept": "b", "storage_key": "k", "added_at": NOW,
    }  # fmt: skip
    return Paper(**(given | more))


ALL = [paper(kind) for kind in PaperKind]


REASONS = {State.RETURNED: '{"licence":"不清楚"}', State.DECLINED: '{"":"执照已吊销"}'}


def one(state: State = State.DRAFT, form: Form = FORM, papers: list[Paper] = ALL, **more: Any) -> Application:
    """An application in a state, with what goes with it."""
    rest = {name: getattr(form, name) for name in rules.SEALED if getattr(form, name)}
    decided = state in (State.APPROVED, State.OPENED)
    given: dict[str, Any] = {
        "merchant_id": PLATFORM, "id": ID, "state": state, "applicant_id": CHEN.id, "invited_by": SHEN.id,
        "made_at": NOW, "changed_at": NOW, "turn": 0 if state is State.DRAFT else 1,
        "sealed": seal(msgspec.json.encode(rest).decode()), "papers": msgspec.json.encode(papers).decode(),
        "opened_id": "YM-new" if decided else "", "owner_id": "YW-owner" if decided else "",
        "reasons": seal(REASONS[state]) if state in REASONS else "",
        "ended_at": NOW if state in rules.ENDED else None,
        **{name: getattr(form, name) for name in rules.OPEN},
    }  # fmt: skip
    return Application(**(given | more))


Told = Change[Application] | Stay[Application]
SAYS: dict[Word, Callable[[Application, Person], Told]] = {
    Word.SAVE: lambda row, by: rules.save(msgspec.structs.replace(FORM, name="别的"), seal, opens, by, row, NOW),
    Word.SUBMIT: lambda row, by: rules.submit(opens, by, row, NOW),
    Word.WITHDRAW: lambda row, by: rules.withdraw(by, row, NOW),
    Word.SEND_BACK: lambda row, by: rules.send_back(1, {"licence": "不清楚"}, seal, opens, by, row, NOW),
    Word.APPROVE: lambda row, by: rules.approve(1, by, Seen(row), NOW),
    Word.DECLINE: lambda row, by: rules.decline(1, "执照已吊销", seal, opens, by, row, NOW),
    Word.OPEN: lambda row, _: rules.opened(row, NOW),
}
OWN = {Word.SAVE, Word.SUBMIT, Word.WITHDRAW}


@pytest.mark.parametrize("word", list(Word))
@pytest.mark.parametrize("state", list(State))
def test_every_word_does_in_every_state_what_the_table_says(state: State, word: Word) -> None:
    """S9."""
    row = one(state, turn=1)
    turn = TABLE.turn(state, word)
    by = CHEN if word in OWN else SHEN
    if turn is Turn.CLASH:
        with pytest.raises(Denied, match=r"application\.state"):
            SAYS[word](row, by)
        return
    told = SAYS[word](row, by)
    if isinstance(turn, State):
        assert isinstance(told, Change)
        assert (told.row.state, told.row.version, len(told.facts)) == (turn, 2, 1)
    elif word is Word.SAVE:
        assert isinstance(told, Change)
        assert (told.row.state, told.row.name) == (state, "别的")
    else:
        assert told == Stay(row)


@pytest.mark.parametrize("word", [word for word in Word if word is not Word.OPEN])
def test_whose_word_it_is(word: Word) -> None:
    """S95: an applicant decides nothing, a reviewer fills nothing in, and nobody of a merchant does either."""
    state = next(each for each in State if TABLE.turn(each, word) is not Turn.CLASH)
    row = one(state, turn=1)
    by = CHEN if word in OWN else SHEN
    SAYS[word](row, by)
    for role in Role:
        if role is not by.role:
            with pytest.raises(Denied, match=r"staff\.not_allowed"):
                SAYS[word](row, Person("x", role))
    if word in OWN:
        with pytest.raises(Denied, match=r"application\.unknown"):
            SAYS[word](row, OTHER)


def test_a_decision_about_an_earlier_submission_is_refused_and_decides_nothing() -> None:
    """What comes late is about what its reviewer saw."""
    row = one(State.SUBMITTED, turn=2)
    for word in (Word.SEND_BACK, Word.APPROVE, Word.DECLINE):
        with pytest.raises(Denied, match=r"application\.moved"):
            SAYS[word](row, SHEN)


def test_what_another_merchant_has_is_not_approved() -> None:
    for name in ("credit_code", "wechat_mchid", "alipay_app_id"):
        seen = Seen(one(State.SUBMITTED), Beside(frozenset({name})))
        with pytest.raises(Denied, match=r"application\.taken"):
            rules.approve(1, SHEN, seen, NOW)
    assert isinstance(rules.approve(1, SHEN, Seen(one(State.SUBMITTED), Beside(twice=True)), NOW), Change)


def test_which_merchant_it_becomes_follows_from_the_application() -> None:
    row = one(State.SUBMITTED)
    first, second = (rules.approve(1, SHEN, Seen(row), NOW) for _ in "ab")
    assert first.row.opened_id == second.row.opened_id
    assert ids.is_id(first.row.opened_id, Kind.MERCHANT)
    assert ids.is_id(first.row.owner_id, Kind.STAFF)
    other = rules.approve(1, SHEN, Seen(replace(row, id=ids.new(Kind.APPLICATION, NOW))), NOW)
    assert other.row.opened_id != first.row.opened_id


def test_reasons_that_are_said_again_are_the_same_and_others_are_refused() -> None:
    row = one(State.RETURNED)
    with pytest.raises(Denied, match=r"application\.state"):
        rules.send_back(1, {"licence": "别的"}, seal, opens, SHEN, row, NOW)
    for reasons in ({}, {"licence": " "}, {"nonsense": "x"}):
        with pytest.raises(Denied, match=r"application\.no_reason"):
            rules.send_back(1, reasons, seal, opens, SHEN, one(State.SUBMITTED), NOW)
    with pytest.raises(Denied, match=r"application\.no_reason"):
        rules.decline(1, "  ", seal, opens, SHEN, one(State.SUBMITTED), NOW)


def test_no_fact_and_no_open_column_says_what_is_sealed() -> None:
    private = {getattr(FORM, name) for name in rules.SEALED} - {FORM.name, ""}
    told = rules.save(FORM, lambda _: "s1.x", lambda _: "{}", CHEN, one(form=Form()), NOW)
    assert isinstance(told, Change)
    text = repr(told)
    assert not any(each in text for each in private)
    assert rules.save(FORM, seal, opens, CHEN, one(), NOW) == Stay(one())


@pytest.mark.parametrize("name", Form.__struct_fields__)
def test_each_field_that_is_missing_is_named(name: str) -> None:
    """S9."""
    found = rules.findings(msgspec.structs.replace(FORM, **{name: ""}), ALL)
    assert [(each.code, each.about) for each in found] == ([] if name in OPTIONAL else [("missing", name)])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("credit_code", "91110000600037341M"), ("credit_code", "911100006000373411"), ("credit_code", "9111"),
        ("legal_id", "360426199101010072"), ("legal_id", "360426199113010071"), ("mcc", "0000"),
        ("contact_phone", "12"), ("contact_email", "nobody"), ("account_number", "12ab"), ("account_number", "1234567"),
        ("wechat_mchid", "12"), ("alipay_app_id", "2021"),
    ],
)  # fmt: skip
def test_each_field_that_cannot_be_is_named(name: str, text: str) -> None:
    """S9: a wrong check digit, above all."""
    found = rules.findings(msgspec.structs.replace(FORM, **{name: text}), ALL)
    assert [(each.code, each.about) for each in found] == [("wrong", name)]


@pytest.mark.parametrize("kind", list(PaperKind))
def test_each_paper_that_is_missing_is_named(kind: PaperKind) -> None:
    papers = [each for each in ALL if each.kind is not kind]
    assert [(each.code, each.about) for each in rules.findings(FORM, papers)] == [("missing", kind.value)]


@pytest.mark.parametrize(("mcc", "needs"), TRADES.items())
def test_a_permit_is_wanted_of_the_trades_that_need_one(mcc: str, needs: bool) -> None:
    papers = [each for each in ALL if each.kind is not PaperKind.PERMIT]
    found = rules.findings(msgspec.structs.replace(FORM, mcc=mcc), papers)
    assert [each.about for each in found] == (["permit"] if needs else [])


def test_nothing_is_submitted_that_is_not_whole() -> None:
    for row in (one(papers=[]), one(form=Form()), one(form=msgspec.structs.replace(FORM, legal_id="1"))):
        with pytest.raises(Denied, match=r"application\.incomplete"):
            rules.submit(opens, CHEN, row, NOW)


def test_papers_are_put_and_taken_while_it_is_with_the_applicant_and_never_else() -> None:
    for state in State:
        row = one(state, papers=ALL[:1])
        if row.is_with_applicant:
            added = rules.add_paper(ALL[1], CHEN, row, NOW)
            assert isinstance(added, Change)
            assert [each.id for each in rules.papers_of(added.row)] == [ALL[0].id, ALL[1].id]
            dropped = rules.drop_paper(ALL[0].id, CHEN, row, NOW)
            assert not rules.papers_of(dropped.row)
            continue
        for put in (
            lambda row=row: rules.add_paper(ALL[1], CHEN, row, NOW),
            lambda row=row: rules.drop_paper(ALL[0].id, CHEN, row, NOW),
        ):
            with pytest.raises(Denied, match=r"application\.state"):
                put()
        assert rules.add_paper(ALL[0], CHEN, row, NOW) == Stay(row)  # said twice, the second time late


def test_a_paper_of_the_same_id_and_another_content_is_refused_and_so_is_one_too_many() -> None:
    row = one(papers=ALL)
    with pytest.raises(Denied, match=r"file\.id_taken"):
        rules.add_paper(msgspec.structs.replace(ALL[0], digest_original="z"), CHEN, row, NOW)
    full = one(papers=[paper() for _ in range(rules.PAPERS_MAX)])
    with pytest.raises(Denied, match=r"file\.too_many"):
        rules.add_paper(paper(), CHEN, full, NOW)
    assert rules.drop_paper(paper().id, CHEN, row, NOW) == Stay(row)


def test_a_paper_is_opened_by_its_applicant_and_by_reviewers_alone() -> None:
    row = one(State.SUBMITTED)
    for by in (CHEN, SHEN):
        assert rules.open_paper(ALL[0].id, by, row, NOW).facts[0].kind == "ApplicationPaperOpened"
    with pytest.raises(Denied, match=r"application\.unknown"):
        rules.open_paper(ALL[0].id, OTHER, row, NOW)
    with pytest.raises(Denied, match=r"file\.unknown"):
        rules.open_paper(paper().id, SHEN, row, NOW)
    for role in set(Role) - {Role.APPLICANT, Role.REVIEWER}:
        with pytest.raises(Denied, match=r"staff\.not_allowed"):
            rules.open_paper(ALL[0].id, Person("x", role), row, NOW)


@pytest.mark.parametrize("state", list(State))
def test_the_owners_link_is_the_applicants_and_only_once_the_merchant_is_there(state: State) -> None:
    row = one(state)
    if state is State.OPENED:
        assert isinstance(rules.take_owner_link(CHEN, row, NOW), Change)
    else:
        with pytest.raises(Denied, match=r"application\.state"):
            rules.take_owner_link(CHEN, row, NOW)
    for by, code in ((OTHER, "application.unknown"), (SHEN, "staff.not_allowed")):
        with pytest.raises(Denied, match=code):
            rules.take_owner_link(by, row, NOW)


@pytest.mark.parametrize("state", list(State))
def test_what_a_page_offers_is_what_is_heard(state: State) -> None:
    row = one(state, turn=1)
    for by, words in ((CHEN, OWN), (SHEN, set(Word) - OWN - {Word.OPEN})):
        heard = set()
        for word in words:
            try:
                if isinstance(SAYS[word](row, by), Change):
                    heard.add(word)
            except Denied:
                continue
        assert rules.possible(row, by) == heard


@given(st.fixed_dictionaries({name: st.text(max_size=30) for name in Form.__struct_fields__}))
def test_a_form_that_is_tidied_again_is_the_same(fields: dict[str, str]) -> None:
    """Law."""
    form = rules.tidied(Form(**fields))
    assert rules.tidied(form) == form


def test_what_a_reason_may_be_about_is_a_field_or_a_paper() -> None:
    assert len(set(ABOUT)) == len(ABOUT)
    assert set(ABOUT) == {*Form.__struct_fields__, *(kind.value for kind in PaperKind)}
