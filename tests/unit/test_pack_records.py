"""The records of a pack: what each reader sees, and that what does not agree is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.dossiers import INNER_WORDS, OPEN_WORDS, as_read, dossier
from tests.making import CASE, NOON, PAYMENT, REFUND
from yuanlu import ids, words
from yuanlu.cases import handovers
from yuanlu.facts import Fact
from yuanlu.packs import audit, paper, records, rules
from yuanlu.packs.audit import faults
from yuanlu.packs.dossier import Complained, Dossier, Found, Link, Uttered, digest_of, linked
from yuanlu.packs.readers import READERS, Reader, cut
from yuanlu.packs.rules import File
from yuanlu.told import both


def whole() -> Dossier:
    return as_read(dossier()[0])


def codes(made: Dossier) -> list[str]:
    return [each.code for each in faults(made)]


def text_of(made: Dossier) -> str:
    return msgspec.json.encode(made).decode()


# --- who sees what ---


@pytest.mark.parametrize("reader", list(Reader))
def test_what_was_cut_for_a_reader_still_agrees_with_itself(reader: Reader) -> None:
    """S76."""
    assert faults(cut(whole(), reader)) == []


def test_the_customer_sees_no_internal_note_no_staff_name_no_books() -> None:
    """S7, S76."""
    seen = text_of(cut(whole(), Reader.CUSTOMER))
    assert OPEN_WORDS in seen
    for secret in (INNER_WORDS, "王丽", "经理赵", "oUpF8uMuAJO", "due:wechat", "小票2.jpg"):
        assert secret not in seen


def test_the_regulator_sees_books_and_answers_and_tells_people_apart_without_their_names() -> None:
    seen = cut(whole(), Reader.REGULATOR)
    assert seen.moves
    assert all(each.body for each in seen.evidence)
    assert {fact.who for fact in seen.facts} == {"staff-1", "staff-2", "system", "customer"}
    assert seen.case["opened_by"] == "staff-1"
    assert "王丽" not in text_of(seen)
    assert INNER_WORDS not in text_of(seen)


def test_counsel_sees_all_but_what_is_technical() -> None:
    """S80."""
    seen = cut(whole(), Reader.COUNSEL)
    assert INNER_WORDS in text_of(seen)
    assert "经理赵" in text_of(seen)
    assert set(whole().payment) - set(seen.payment) == {"fingerprint", "code_mark", "qr", "looks"}


def test_what_is_left_out_keeps_its_link() -> None:
    """S71."""
    links = cut(whole(), Reader.CUSTOMER).chain
    assert [link.withheld for link in links] == [False, True, False, False, True]


def test_a_column_nobody_thought_of_is_shown_to_counsel_alone() -> None:
    made = replace(whole(), case={**whole().case, "new_column": "secret"})
    assert [reader for reader in Reader if "new_column" in cut(made, reader).case] == [Reader.COUNSEL]
    assert set(READERS) == set(Reader)


# --- complaints and hand-overs ---

HANDED = {
    "id": ids.derived(ids.Kind.HANDOVER, NOON, "handed"), "version": 2, "side": "taking", "state": "DONE",
    "payment_id": PAYMENT, "case_id": CASE, "amount_fen": 12800, "channel": "wechat", "happened_at": NOON,
    "opened_at": NOON, "opened_by": "handover", "ended_at": NOON,
}  # fmt: skip
COMPLAINT = ids.derived(ids.Kind.COMPLAINT, NOON, "complained")
SECRET_ALARM = "promise_broken"


def beside() -> Dossier:
    """A case that another shop handed over, and that was complained of at the channel: one entry, one alarm."""
    made = whole()
    items = [
        ("handover", HANDED["id"], digest_of(handovers.told(HANDED).encode()), "customer"),
        ("complaint", COMPLAINT, digest_of(b"wechat2002"), "customer"),
        ("complaint_entry", f"{COMPLAINT}.log.1", "7" * 64, "customer"),
        ("complaint_alarm", f"{COMPLAINT}.{SECRET_ALARM}", digest_of(SECRET_ALARM.encode()), "internal"),
    ]
    links, facts, at = list(made.chain), list(made.facts), max(fact.at for fact in made.facts)
    for place, (kind, item, digest, audience) in enumerate(items):
        chain = linked(links[-1].chain, kind, str(item), digest, at)
        links.append(Link(kind=kind, id=str(item), digest=digest, at=at, chain=chain, audience=audience))
        body = {"item": item, "item_kind": kind, "digest": digest, "chain": chain, "audience": audience}
        facts.append(
            replace(made.facts[-1], at=at, object=CASE, transition=9, seq=place + 1, kind="CaseItemAdded", body=body)
        )
    taken = {"amount_fen": 12800, "channel": "wechat", "case_id": CASE}
    for place, (kind, body) in enumerate((("HandoverTaken", taken), ("HandoverMoved", {"state": "DONE"})), 1):
        facts.append(replace(facts[-1], object=str(HANDED["id"]), transition=place, seq=0, kind=kind, body=body))
    said = Uttered(id="log.1", at=NOON, side="payer", deed="opened", text="没人理")
    row = {"id": COMPLAINT, "channel": "wechat", "channel_id": "2002", "complained_at": NOON, "alarm": ""}
    return replace(
        made, case={**made.case, "chain": links[-1].chain, "chain_length": len(links)}, chain=links, facts=facts,
        handovers=[HANDED], complaints=[Complained(row=row, text="没人理", phone="13800000000", entries=[said])],
    )  # fmt: skip


def read_back(made: Dossier) -> Dossier:
    written = records.papers(made, dossier()[1]).records
    return records.dossier_of(made.made_at, {name: records.read_record(name, each) for name, each in written.items()})


@pytest.mark.parametrize("reader", list(Reader))
def test_hand_overs_and_complaints_agree_with_their_links_also_when_read_back(reader: Reader) -> None:
    """S47, S76: an alarm that calmed since is still told by its link."""
    assert faults(beside()) == []
    seen = cut(beside(), reader)
    assert faults(read_back(seen)) == []
    is_counsel = reader is Reader.COUNSEL
    assert [link.withheld for link in seen.chain[5:]] == [False, False, False, not is_counsel]


@pytest.mark.parametrize("reader", list(Reader))
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_links_of_hand_overs_and_complaints_are_named(reader: Reader, lang: str) -> None:
    """S76: on paper they say what they bind."""
    seen = read_back(cut(beside(), reader))
    told = [each["text"] for each in paper._links(seen, paper.Tongue(lang), {})][5:]
    hidden = {
        "zh": "投诉的警报（内部记录，不在本件内）",
        "en": "an alarm about a complaint (internal, not in this pack)",
    }
    alarm = {
        "zh": "投诉 2002 的警报：答应的日子过了，钱还没到账",
        "en": "An alarm about complaint 2002: the promised day is over, the money is not there",
    }
    wanted = {
        "zh": ["别店转来的请求：2026-11-23 12:00:00 以微信付的 ¥128.00",
               "支付平台的投诉 2002，2026-11-23 12:00:00 提出",
               "投诉 2002 中，2026-11-23 12:00:00 付款人：提出投诉"],
        "en": ["A request handed on by another shop: ¥128.00 paid by WeChat Pay at 2026-11-23 12:00:00",
               "Complaint 2002 at the payment provider, made at 2026-11-23 12:00:00",
               "In complaint 2002 at 2026-11-23 12:00:00, Payer: complained"],
    }  # fmt: skip
    assert told == [*wanted[lang], (alarm if reader is Reader.COUNSEL else hidden)[lang]]


def test_talk_that_was_forgotten_is_told_so_and_is_no_fault() -> None:
    made = beside()
    gone = replace(made, complaints=[replace(made.complaints[0], text="", phone="", entries=(), gone=True)])
    assert faults(gone) == []
    told = [each["text"] for each in paper._links(cut(gone, Reader.CUSTOMER), paper.Tongue("en"), {})]
    assert told[7] == "An entry of complaint 2002; its text was deleted by rule"


# --- what does not agree ---


def _row(name: str, **changed: Any) -> Callable[[Dossier], Dossier]:
    return lambda made: replace(made, **{name: {**getattr(made, name), **changed}})


def _refund(**changed: Any) -> Callable[[Dossier], Dossier]:
    return lambda made: replace(made, refunds=[{**made.refunds[0], **changed}])


def _nth(name: str, place: int, **changed: Any) -> Callable[[Dossier], Dossier]:
    def change(made: Dossier) -> Dossier:
        items = list(getattr(made, name))
        items[place] = replace(items[place], **changed)
        return replace(made, **{name: items})

    return change


def _without(name: str, place: int) -> Callable[[Dossier], Dossier]:
    def change(made: Dossier) -> Dossier:
        items = list(getattr(made, name))
        del items[place]
        return replace(made, **{name: items})

    return change


def _swapped(name: str, one: int, other: int) -> Callable[[Dossier], Dossier]:
    def change(made: Dossier) -> Dossier:
        items = list(getattr(made, name))
        items[one], items[other] = items[other], items[one]
        return replace(made, **{name: items})

    return change


TWISTS: dict[str, tuple[Callable[[Dossier], Dossier], str]] = {
    "the case is of another payment": (_row("case", payment_id="YP0"), "ids"),
    "the case's refund is not here": (_row("case", refund_id="YR0"), "ids"),
    "a refund of another payment": (_refund(payment_id="YP0"), "ids"),
    "a fact of somebody else": (_nth("facts", 0, object="YP0"), "stranger"),
    "more back than paid": (_row("payment", back_fen=12801), "amounts.back"),
    "less back than the refunds say": (_row("payment", back_fen=100), "amounts.sum"),
    "an amount as text": (_row("payment", amount_fen="12800"), "amounts.back"),
    "a refund of another whole": (_refund(total_fen=12900), "amounts.row"),
    "paid more than it was": (_nth("facts", 1, body={"amount_fen": 99999}), "amounts.row"),
    "a posting of nothing": (_nth("moves", 0, amount_fen=0), "moves.none"),
    "a posting left out": (_without("moves", 2), "moves.balance"),
    "a posting of less": (_nth("moves", 0, amount_fen=12799), "moves.balance"),
    "the first fact left out": (_without("facts", 2), "facts.hole"),
    "a fact in between left out": (_without("facts", 3), "facts.hole"),
    "all facts of the refund left out": (
        lambda made: replace(made, facts=[fact for fact in made.facts if fact.object != REFUND]), "facts.hole",
    ),
    "closed and nobody closed it": (_without("facts", 8), "facts.hole"),
    "back in time": (_nth("facts", 8, at=NOON), "facts.time"),
    "later than the row": (_row("case", version=8), "facts.beyond"),
    "evidence left out": (_without("evidence", 0), "facts.evidence"),
    "a message edited": (_nth("thread", 0, body='{"text": "all is well"}'), "thread.differs"),
    "a message edited with its digest": (_nth("thread", 0, body="x", digest=digest_of(b"x")), "chain.message"),
    "a message moved in time": (_nth("thread", 0, at=NOON), "chain.message"),
    "a message left out": (_without("thread", 0), "chain.missing"),
    "another file under its number": (_nth("files", 0, digest="0" * 64), "chain.file"),
    "a link left out": (_without("chain", 1), "chain.broken"),
    "the last link left out": (_without("chain", 4), "chain.end"),
    "links swapped": (_swapped("chain", 2, 3), "chain.broken"),
    "a link of another time": (lambda made: _nth("chain", 0, at=made.chain[0].at + timedelta(seconds=1))(made),
                               "chain.broken"),
    "fewer links than the case counts": (_row("case", chain_length=4), "chain.length"),
    "another end of the chain": (_row("case", chain="0" * 64), "chain.end"),
}  # fmt: skip


@pytest.mark.parametrize("twist", list(TWISTS))
def test_records_that_do_not_agree_are_found(twist: str) -> None:
    """S7, S71."""
    change, code = TWISTS[twist]
    assert code in codes(change(whole()))


def _handed(**changed: Any) -> Callable[[Dossier], Dossier]:
    return lambda made: replace(made, handovers=[{**made.handovers[0], **changed}])


def _complaint(**changed: Any) -> Callable[[Dossier], Dossier]:
    return lambda made: replace(made, complaints=[replace(made.complaints[0], **changed)])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_handed(amount_fen=12700), "chain.handover"),
        (_handed(channel="alipay"), "chain.handover"),
        (_handed(payment_id="YP0"), "ids"),
        (_handed(case_id="YC0"), "ids"),
        (_handed(version=1), "facts.beyond"),
        (lambda made: replace(made, handovers=()), "chain.missing"),
        (_complaint(row={"id": COMPLAINT, "channel": "wechat", "channel_id": "2003"}), "chain.complaint"),
        (_complaint(entries=()), "chain.missing"),
        (lambda made: replace(made, complaints=()), "chain.missing"),
        (_nth("chain", 8, digest="0" * 64), "chain.complaint_alarm"),
    ],
)
def test_a_hand_over_or_a_complaint_that_was_changed_is_found(change: Callable[[Dossier], Dossier], code: str) -> None:
    """S47, S71."""
    found = [each for each in faults(change(beside())) if each.code == code]
    assert found
    assert all(text for each in found for text in both(f"paper.fault.{each.code}", each.facts))


def test_records_that_agree_have_no_fault() -> None:
    assert faults(whole()) == []


@pytest.mark.parametrize("order", [(0, 1, 3, 2, 4), (0, 1, 2, 4), (0, 2, 3, 4)])
def test_a_chain_made_anew_over_other_links_is_not_that_of_the_case(order: tuple[int, ...]) -> None:
    """S32: a forger who recomputes every link has still to forge the row, its facts and the manifest."""
    made, before, links = whole(), "", []
    for place in order:
        link = made.chain[place]
        before = linked(before, link.kind, link.id, link.digest, link.at)
        links.append(replace(link, chain=before))
    found = codes(replace(made, chain=links))
    assert "chain.facts" in found
    assert "chain.end" in found


def test_a_message_that_was_forgotten_is_no_fault_and_keeps_its_place() -> None:
    made = _nth("thread", 0, body="", gone=True)(whole())
    assert faults(made) == []


def test_the_message_that_was_changed_is_named_by_its_time() -> None:
    made = _nth("thread", 0, body="x", digest=digest_of(b"x"))(whole())
    told = [each for each in faults(made) if each.code == "chain.message"]
    assert told[0].facts["at"] == "2026-11-23 12:00:41"


def test_every_fault_has_words_with_the_facts_it_carries() -> None:
    """The words are filled with what the code gives: nothing is missing at the moment it is needed."""
    known = {code.removeprefix("paper.fault.") for code in words.catalogue() if code.startswith("paper.fault.")}
    raised = [each for change, _ in TWISTS.values() for each in faults(change(whole()))]
    assert {each.code for each in raised} <= known
    assert all(text for each in raised for text in both(f"paper.fault.{each.code}", each.facts))
    sources = "".join(each.read_text() for each in Path(audit.__file__).parent.glob("*.py"))
    assert [
        code
        for code in known
        if f'"{code}"' not in sources and code.partition(".")[0] not in ("records", "files", "chain")
    ] == []


# --- putting it together ---


def _found() -> Found:
    made, _ = dossier()
    kept = replace(made.evidence[0], object=CASE, kind="message")
    sealed = [replace(kept, id=each.id, digest=each.digest, body=f"sealed {each.body}") for each in made.thread]
    return Found(
        merchant=made.merchant, case=made.case, payment=made.payment, refunds=made.refunds, facts=made.facts,
        evidence=[*made.evidence, *sealed], moves=made.moves,
    )  # fmt: skip


def _files() -> list[File]:
    made, contents = dossier()
    return [
        File(id=each.id, name=each.name, media=each.media, size=each.size, digest=each.digest, who=each.who,
             content=contents[each.id], is_searched=True)
        for each in made.files
    ]  # fmt: skip


def test_a_dossier_is_put_together_from_the_books_with_what_was_sealed_opened() -> None:
    made, _ = dossier()
    put = rules.dossier(_found(), made.made_at, lambda body: body.removeprefix("sealed "), _files())
    assert put.thread == made.thread
    assert put.chain == made.chain
    assert put.files == made.files
    assert [each.kind for each in put.decisions] == ["RemedyChosen", "CaseClosed"]
    assert faults(as_read(put)) == []


def test_a_forgotten_message_is_told_as_gone() -> None:
    put = rules.dossier(_found(), NOON, lambda _: None)
    assert [(each.gone, each.body) for each in put.thread] == [(True, ""), (True, "")]


def test_files_beyond_what_a_pack_holds_are_listed_and_not_enclosed(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = _files()
    monkeypatch.setattr(rules, "ENCLOSED_MAX", first.size + second.size)
    assert rules.fitting([each.size for each in (first, second, third)]) == 2
    files = [first, second, replace(third, content=None)]
    put = rules.dossier(_found(), NOON, lambda body: body, files)
    assert [each.enclosed for each in put.files] == [True, True, False]
    assert set(rules.contents(put, files)) == {each.id for each in files[:2]}
    assert put.files[2].digest == third.digest


def test_records_are_read_back_as_they_were_written() -> None:
    made, contents = dossier()
    enclosed = records.papers(made, contents)
    parts = {name: records.read_record(name, content) for name, content in enclosed.records.items()}
    assert faults(records.dossier_of(made.made_at, parts)) == []
    assert json.loads(enclosed.records["payment.json"])["id"] == PAYMENT
    assert list(enclosed.files) == [f"{each.id}.jpg" for each in made.files]


@pytest.mark.parametrize("reader", list(Reader))
def test_no_line_of_what_happened_has_a_hole_whoever_reads_it(reader: Reader) -> None:
    """S76: what the cut leaves out is left out of the sentence too."""
    rooms = ("yuanlu.cases.", "yuanlu.payments.", "yuanlu.refunds.", "yuanlu.repayments.")
    skipped = {audit.ENTERED, rules.CITED}  # told elsewhere on paper
    kinds = {
        each.__name__: dict.fromkeys((field.name for field in fields(each)), "1")
        for each in Fact.__subclasses__()
        if each.__module__.startswith(rooms) and each.__name__ not in {*skipped, "HandoverAsked"}
    }
    seen = READERS[reader].facts
    for kind, body in kinds.items():
        cut_body = {name: value for name, value in body.items() if seen is None or name in seen}
        for lang in ("zh", "en"):
            assert "…" not in paper.fact_told(kind, cut_body, paper.Tongue(lang)), (kind, lang)


def test_the_customer_reads_what_was_found_and_no_inner_reason() -> None:
    """S72, S76."""
    found = {"because_zh": "小数点差了 10 倍", "because_en": "the point slipped", "suggested_fen": 11520}
    seen = READERS[Reader.CUSTOMER].facts
    assert seen is not None
    assert set(found) <= seen
    assert paper.fact_told("CauseFound", found, paper.Tongue("en")) == (
        "A likely cause was found (the point slipped); ¥115.20 may go back"
    )
    assert paper.fact_told("CaseNeedsPerson", {}, paper.Tongue("en")) == "A person must look"
