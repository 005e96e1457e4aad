"""What a complaint and its answers may become: values only."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.making import MERCHANT, NOON, PAYMENT, after, refund
from yuanlu import ids
from yuanlu.change import Change, Row, Stay
from yuanlu.channels.contract import Channel, Deed, Entry, Grievance, Heard, Side, Word
from yuanlu.channels.registry import FACTS
from yuanlu.complaints import answers, rules
from yuanlu.complaints.answers import Answer, AnswerAsk, AnswerSeen, What
from yuanlu.complaints.answers import State as Said
from yuanlu.complaints.rules import Alarm, Complaint, ComplaintImage, ComplaintPull, Pulled, Seen, State
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.money import Money
from yuanlu.refunds.rules import State as RefundState
from yuanlu.seal import Sealed

BOUNDS = {channel: facts.complaints for channel, facts in FACTS.items() if facts.complaints is not None}
BOUND = BOUNDS[Channel.WECHAT]
SEALED = Sealed(MERCHANT, "YN", b"k" * 32)
SOON = after(hours=1)


def grievance(**told: Any) -> Grievance:
    return Grievance(
        **{
            "id": "2000000001", "state": "PENDING", "is_open": True, "order_number": PAYMENT, "at": NOON,
            "asks_refund": True, "asked": Money(4800), "text": "多扣了", "phone": "13800000000",
        } | told
    )  # fmt: skip


def entry(side: Side, deed: Deed, minutes: float = 1, text: str = "", name: str = "") -> Entry:
    return Entry(id=name or f"{side}{deed}{minutes}", side=side, deed=deed, at=after(minutes=minutes), text=text)


OPENED = entry(Side.PAYER, Deed.OPENED, 0)


def told(*entries: Entry, word: Word = Word.SETTLED, **more: Any) -> Heard:
    return Heard(word=word, complaints=(grievance(**more),), entries=(OPENED, *entries), asked_at=SOON)


def heard(one: Complaint | None, *entries: Entry, at: datetime = SOON, refunds: Any = (), **more: Any) -> Any:
    news = told(*entries, **more)
    return rules.hear(BOUND, SEALED, Channel.WECHAT, news, news.complaints[0], Seen(one, None, tuple(refunds)), at)


def complaint(*entries: Entry, **more: Any) -> Complaint:
    row = heard(None, *entries).row
    assert isinstance(row, Complaint)
    return replace(row, **more)


def kinds(change: Change[Row]) -> list[str]:
    return [fact.kind for fact in change.facts]


REPLIED = entry(Side.MERCHANT, Deed.SPOKE, 2, "好的")
APPROVED = entry(Side.MERCHANT, Deed.APPROVED, 3)


@pytest.mark.parametrize(
    ("entries", "is_open", "state"),
    [
        ((), True, State.NEW),
        ((REPLIED,), True, State.ANSWERED),
        ((REPLIED, entry(Side.PAYER, Deed.SPOKE, 3)), True, State.NEW),
        ((APPROVED,), True, State.REFUND_PROMISED),
        ((APPROVED, entry(Side.MERCHANT, Deed.DECLINED, 4)), True, State.ANSWERED),
        ((entry(Side.PLATFORM, Deed.NOTED, 4),), True, State.NEW),
        ((REPLIED,), False, State.FINISHED),
    ],
)
def test_our_state_follows_from_what_the_channel_tells(entries: Any, is_open: bool, state: State) -> None:
    """S79."""
    row = heard(None, *entries, is_open=is_open).row
    assert row.state is state
    waits = state is State.NEW
    last = max((each.at for each in entries if each.side is Side.PAYER), default=NOON)
    assert row.reply_by == (last + BOUND.reply_within if waits else None)


def test_what_is_heard_again_changes_nothing_but_the_time_of_the_look() -> None:
    one = complaint(REPLIED)
    again = heard(one, REPLIED)
    assert (kinds(again), again.row.digest, again.evidence) == ([], one.digest, ())
    listed = replace(told(), entries=None)
    assert isinstance(rules.hear(BOUND, SEALED, Channel.WECHAT, listed, listed.complaints[0], Seen(one), SOON), Stay)


def test_an_answer_to_an_older_question_does_not_undo_a_newer_one() -> None:
    newer = told(REPLIED, is_open=False, state="PROCESSED")
    older = replace(told(REPLIED), asked_at=NOON)
    one = rules.hear(BOUND, SEALED, Channel.WECHAT, newer, newer.complaints[0], Seen(complaint()), SOON).row
    assert one.state is State.FINISHED
    assert rules.hear(BOUND, SEALED, Channel.WECHAT, older, older.complaints[0], Seen(one), SOON) == Stay(one)


def test_a_history_that_misses_entries_takes_none_away() -> None:
    one = complaint(REPLIED)
    less = heard(one)
    assert (less.row.entries, less.row.state) == (2, State.ANSWERED)


def test_the_id_of_a_complaint_is_that_of_the_channel_and_its_number() -> None:
    assert rules.own_id(Channel.WECHAT, grievance()) == rules.own_id(Channel.WECHAT, grievance(text="else"))
    assert rules.own_id(Channel.WECHAT, grievance()) != rules.own_id(Channel.ALIPAY, grievance())


def test_no_digest_of_words_can_be_guessed_without_the_key() -> None:
    """A plain digest of a short text is as good as the text: whoever guesses it, knows it."""
    ours, other = heard(None, REPLIED), rules.hear(
        BOUND, Sealed(MERCHANT, "YN", b"o" * 32), Channel.WECHAT, told(REPLIED), grievance(), Seen(None), SOON
    )  # fmt: skip
    said = [each for each in ours.facts if hasattr(each, "digest")]
    assert len(said) == 2
    for each, again in zip(ours.facts, other.facts, strict=True):
        assert getattr(each, "digest", "a") != getattr(again, "digest", "b")
    plain = {hashlib.sha256(text.encode()).hexdigest() for text in (grievance().text, REPLIED.text, "")}
    assert not plain & {each.digest for each in said}
    assert ours.row.digest[:64] != other.row.digest[:64]
    first = answers.open_answer(BOUNDS, SEALED, ask(), AnswerSeen(None, complaint()), NOON).row
    stranger = answers.open_answer(
        BOUNDS, Sealed(MERCHANT, "YN", b"o" * 32), ask(), AnswerSeen(None, complaint()), NOON
    ).row
    assert (first.mark, first.fingerprint) != (stranger.mark, stranger.fingerprint)


def test_an_entry_named_by_its_words_gets_a_name_that_tells_nothing_of_them() -> None:
    """Alipay gives entries no ids; the codec makes one of what was said."""
    named = entry(Side.PAYER, Deed.SPOKE, 3, "还钱", "0123456789abcdef01234567.1")
    one = heard(None, named)
    assert "0123456789abcdef01234567" not in repr(one.facts) + repr(rules.opened(SEALED, one.row))
    again = heard(one.row, named)
    assert isinstance(again, Stay) or not again.facts
    assert [each.id for each in rules.opened(SEALED, again.row).entries] == [
        each.id for each in rules.opened(SEALED, one.row).entries
    ]


def test_words_that_are_forgotten_are_found_again_by_what_they_did() -> None:
    gone, one = Sealed(MERCHANT, "YN", None), sent()
    mine = entry(Side.MERCHANT, Deed.SPOKE, 2, "好的")
    assert answers.has_arrived(gone, one, (one,), grievance(), [OPENED, mine])
    assert not answers.has_arrived(gone, one, (one,), grievance(), [OPENED])


def test_what_was_forgotten_is_not_kept_again() -> None:
    gone = Sealed(MERCHANT, "YN", None)
    news = told(REPLIED)
    change = rules.hear(BOUND, gone, Channel.WECHAT, news, news.complaints[0], Seen(None), SOON)
    assert change.row.sealed == ""
    assert rules.opened(gone, change.row) == rules.Kept()


# Alarms


def refunded(state: RefundState, minutes: float = 60) -> Any:
    return replace(refund(state), opened_at=after(minutes=minutes), done_at=after(minutes=minutes))


LATE = NOON + BOUND.refund_order_within + timedelta(hours=2)
PROMISED = complaint(APPROVED, promised_by=NOON + timedelta(hours=36))


@pytest.mark.parametrize(
    ("one", "refunds", "at", "alarms"),
    [
        (PROMISED, (), SOON, ()),
        (PROMISED, (), LATE, (Alarm.PROMISE_WITHOUT_REFUND,)),
        (PROMISED, (RefundState.CANCELLED, RefundState.REFUSED), LATE, (Alarm.PROMISE_WITHOUT_REFUND,)),
        (PROMISED, (RefundState.SENT,), LATE, ()),
        (PROMISED, (RefundState.SENT,), NOON + timedelta(days=2), (Alarm.PROMISE_BROKEN,)),
        (PROMISED, (RefundState.DONE,), NOON + timedelta(days=2), ()),
        (replace(PROMISED, is_refunded=True), (), NOON + timedelta(days=2), ()),
        (complaint(), (RefundState.DONE,), SOON, ()),
        (complaint(), (RefundState.DONE,), LATE, (Alarm.REFUND_WITHOUT_ANSWER,)),
        (complaint(), (RefundState.EXTERNAL,), LATE, (Alarm.REFUND_WITHOUT_ANSWER,)),
        (complaint(), (RefundState.SENT,), LATE, ()),
        (complaint(REPLIED), (RefundState.DONE,), LATE, ()),
        (replace(complaint(), is_refunded=True), (), LATE, (Alarm.REFUND_WITHOUT_ANSWER,)),
    ],
)
def test_an_alarm_is_where_complaint_and_refund_do_not_go_together(
    one: Complaint, refunds: Any, at: datetime, alarms: Any
) -> None:
    """S79. Law I7."""
    assert rules.alarms(BOUND, one, [refunded(each) for each in refunds], at) == alarms


def test_what_went_back_before_the_payer_complained_is_no_alarm() -> None:
    assert rules.alarms(BOUND, complaint(), [refunded(RefundState.DONE, -60)], LATE) == ()


def test_an_alarm_is_told_when_it_begins_and_when_it_is_over() -> None:
    began = heard(PROMISED, APPROVED, at=LATE)
    assert (kinds(began), began.row.alarm) == (["ComplaintAlarm"], "promise_without_refund")
    still = heard(began.row, APPROVED, at=LATE)
    assert kinds(still) == []
    over = heard(began.row, APPROVED, at=LATE, refunds=[refunded(RefundState.SENT)])
    assert (kinds(over), over.row.alarm) == (["ComplaintCalmed"], "")


# Pulling


def test_the_mark_of_a_pull_moves_only_over_what_was_listed_whole() -> None:
    pull = ComplaintPull(merchant_id=MERCHANT, id="wechat", pulled_to=NOON)
    broken = rules.pulled(BOUND, Pulled(to=None, word=Word.UNKNOWN), pull, SOON)
    assert (broken.row.pulled_to, broken.row.looks) == (NOON, 1)
    whole = rules.pulled(BOUND, Pulled(to=SOON, word=Word.SETTLED), broken.row, SOON)
    assert (whole.row.pulled_to, whole.row.looks) == (SOON, 0)


def test_windows_overlap_the_mark_have_no_gap_and_none_is_too_long() -> None:
    pull = ComplaintPull(merchant_id=MERCHANT, id="wechat", pulled_to=NOON - timedelta(days=100))
    found = rules.windows(BOUND, pull, NOON)
    assert found[0][0] == NOON - timedelta(days=100) - BOUND.pull_overlap
    assert found[-1][1] == NOON
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found))
    assert all((end.date() - begin.date()).days < BOUND.span_max_days for begin, end in found)


# Answers


def ask(what: What = What.REPLY, text: str = "好的", **more: Any) -> AnswerAsk:
    return AnswerAsk(
        **{"merchant_id": MERCHANT, "id": ids.new(Kind.ANSWER), "complaint_id": "YN", "what": what, "who": "m"}
        | {"text": text}
        | more
    )


def written(what: What = What.REPLY, state: Said = Said.READY, text: str = "好的", **more: Any) -> Answer:
    row = answers.open_answer(BOUNDS, SEALED, ask(What.REPLY, text), AnswerSeen(None, complaint()), NOON).row
    return replace(row, what=what, state=state, **more)


DENIALS = [
    (ask(text=" "), {}, "complaint.words_missing"),
    (ask(text="字" * 201), {}, "complaint.words_too_long"),
    (ask(images=("a", "b", "c", "d", "e")), {}, "complaint.too_many_images"),
    (ask(images=("YF",)), {}, "complaint.image_unknown"),
    (ask(What.FEEDBACK, feedback_code="00"), {}, "complaint.channel_cannot"),
    (ask(days=1), {}, "complaint.days"),
    (ask(What.PROMISE, "", days=31), {}, "complaint.days"),
    (ask(feedback_code="00"), {}, "complaint.feedback_code"),
    (ask(What.FINISH, "再见"), {}, "complaint.words_not_sent"),
    (ask(), {"finished_at": NOON}, "complaint.finished"),
    (ask(What.PROMISE, ""), {"asks_refund": False}, "complaint.asks_no_refund"),
    (ask(What.PROMISE, ""), {"promised_at": NOON}, "complaint.already_decided"),
    (ask(What.DECLINE), {"promised_at": NOON}, "complaint.already_decided"),
    (ask(What.DECLINE), {"declined_at": NOON}, "complaint.already_decided"),
]


@pytest.mark.parametrize(("wish", "changes", "code"), DENIALS, ids=[f"{each[2]}-{n}" for n, each in enumerate(DENIALS)])
def test_what_the_channel_would_refuse_is_denied_before_it_is_sent(
    wish: AnswerAsk, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(Denied) as no:
        answers.open_answer(BOUNDS, SEALED, wish, AnswerSeen(None, replace(complaint(), **changes)), NOON)
    assert no.value.code == code


@pytest.mark.parametrize("state", [Said.READY, Said.SENT, Said.WAITING, Said.DONE])
def test_a_refund_is_decided_once(state: Said) -> None:
    """S79."""
    others = (written(What.PROMISE, state),)
    with pytest.raises(Denied, match="already_decided"):
        answers.open_answer(BOUNDS, SEALED, ask(What.DECLINE), AnswerSeen(None, complaint(), others), NOON)


def test_asking_again_is_asking_once_and_other_content_is_refused() -> None:
    wish = ask()
    first = answers.open_answer(BOUNDS, SEALED, wish, AnswerSeen(None, complaint()), NOON).row
    seen = AnswerSeen(first, complaint())
    assert answers.open_answer(BOUNDS, SEALED, wish, seen, NOON) == Stay(first)
    with pytest.raises(Denied, match="answer_id_taken"):
        answers.open_answer(BOUNDS, SEALED, replace(wish, text="不"), seen, NOON)


def sent(**more: Any) -> Answer:
    return written(state=Said.SENT, sent_at=NOON, sent_times=1, **more)


WORDS = [
    (Word.SETTLED, Said.DONE), (Word.REFUSED, Said.REFUSED), (Word.ABSENT, Said.REFUSED),
    (Word.DEFERRED, Said.WAITING), (Word.UNKNOWN, Said.SENT), (Word.PENDING, Said.SENT),
]  # fmt: skip


@pytest.mark.parametrize("state", list(Said))
@pytest.mark.parametrize(("word", "turns"), WORDS)
def test_every_state_of_an_answer_with_every_word(state: Said, word: Word, turns: Said) -> None:
    one = replace(sent(), state=state)
    done = answers.hear(BOUNDS, Heard(word=word), AnswerSeen(one, complaint(), (one,)), SOON)
    if state is Said.SENT:
        assert done.row.state is turns
    else:
        assert done == Stay(one)


def test_a_no_to_what_was_sent_before_is_believed_only_when_the_history_does_not_have_it() -> None:
    one = replace(sent(), sent_times=2)
    unclear = answers.hear(BOUNDS, Heard(word=Word.REFUSED), AnswerSeen(one, complaint(), (one,)), SOON)
    assert unclear.row.state is Said.SENT
    mine = entry(Side.MERCHANT, Deed.SPOKE, 2, "好的")
    there = answers.look_for(BOUNDS, SEALED, told(mine), AnswerSeen(unclear.row, complaint(), (unclear.row,)), SOON)
    assert there.row.state is Said.DONE


def test_an_unclear_answer_is_sent_again_only_after_two_clear_looks_apart() -> None:
    """S79."""
    one = sent()
    look = answers.look_for(BOUNDS, SEALED, told(), AnswerSeen(one, complaint(), (one,)), SOON)
    assert look.row.state is Said.SENT
    soon = answers.look_for(BOUNDS, SEALED, told(), AnswerSeen(look.row, complaint(), (look.row,)), SOON)
    assert soon.row.state is Said.SENT
    unclear = Heard(word=Word.UNKNOWN)
    later = SOON + timedelta(minutes=1)
    deaf = answers.look_for(BOUNDS, SEALED, unclear, AnswerSeen(look.row, complaint(), (look.row,)), later)
    assert deaf.row.state is Said.SENT
    again = answers.look_for(BOUNDS, SEALED, told(), AnswerSeen(look.row, complaint(), (look.row,)), later)
    assert again.row.state is Said.READY


def test_an_answer_with_the_words_of_another_is_counted_not_mistaken_for_it() -> None:
    first, second = replace(written(), state=Said.DONE), sent()
    one = entry(Side.MERCHANT, Deed.SPOKE, 2, "好的", "1")
    other = entry(Side.MERCHANT, Deed.SPOKE, 3, "好 的", "2")
    assert not answers.has_arrived(SEALED, second, (first, second), grievance(), [OPENED, one])
    assert answers.has_arrived(SEALED, second, (first, second), grievance(), [OPENED, one, other])


def test_an_answer_that_was_not_sent_is_stopped_and_a_sent_one_is_not() -> None:
    one = written()
    assert answers.stop("m", AnswerSeen(one, complaint()), NOON).row.state is Said.STOPPED
    with pytest.raises(Denied, match="already_sent"):
        answers.stop("m", AnswerSeen(sent(), complaint()), NOON)


def test_an_answer_waits_for_the_one_before_it() -> None:
    before, one = sent(), written()
    change, step = answers.next_step(BOUNDS, SEALED, AnswerSeen(one, complaint(), (before, one)), NOON)
    assert (change.row.state, step) == (Said.READY, None)
    change, step = answers.next_step(BOUNDS, SEALED, AnswerSeen(one, complaint(), (one,)), NOON)
    assert change.row.state is Said.SENT
    assert step is not None


def test_an_answer_never_goes_without_its_images() -> None:
    image = ComplaintImage(
        merchant_id=MERCHANT, id="YF1", complaint_id="YN", side=Side.MERCHANT, kind="png", digest="", bytes=1,
        sealed="", at=NOON,
    )  # fmt: skip
    one = replace(written(), images="YF1")
    assert answers.image_to_give(AnswerSeen(one, complaint(), (one,), (image,))) == image
    given = replace(image, media="m1")
    assert answers.image_to_give(AnswerSeen(one, complaint(), (one,), (given,))) is None
    _, step = answers.next_step(BOUNDS, SEALED, AnswerSeen(one, complaint(), (one,), (given,)), NOON)
    assert getattr(step, "media", ()) == ("m1",)
