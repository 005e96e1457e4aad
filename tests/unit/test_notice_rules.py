"""Notices, by values: what is told, when again, when no more; addresses, SMS templates, and the payers' letters."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.making import MERCHANT, NOON, PAYMENT, after, case, changed, refund
from yuanlu import ids
from yuanlu.change import Change, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.ids import Kind
from yuanlu.letters import Receipt, Way
from yuanlu.notify import addresses, rules, sms, templates
from yuanlu.notify.rules import SEND, TYPES, Delivery, DeliverySeen, DeliveryState, Hook, HookState, Told
from yuanlu.refunds.rules import State

HOOK = Hook(
    merchant_id=MERCHANT,
    id=ids.derived(Kind.HOOK, NOON, "test"),
    state=HookState.ACTIVE,
    way=Way.WEBHOOK,
    about="",
    kinds="",
    lang="zh",
    shown="shop.example",
    target="sealed",
    secret="sealed",
    fingerprint="f",
    opened_at=NOON,
    opened_by="boss",
)
DELIVERY = Delivery(
    merchant_id=MERCHANT,
    id=rules.delivery_id(HOOK, PAYMENT),
    version=3,
    state=DeliveryState.DUE,
    hook_id=HOOK.id,
    object_id=PAYMENT,
    transition=1,
    opened_at=NOON,
)
NEXT = Told(2, 0, "PaymentPaid", NOON, {})
AFTER = Told(3, 0, "PaymentContradicted", NOON, {})
OK, NO = Receipt(ok=True, status=200), Receipt(why="http_500", status=500)


def seen(*told: Told, **changes: Any) -> DeliverySeen:
    return DeliverySeen(replace(DELIVERY, **changes), HOOK, told)


def heard(receipt: Receipt, *told: Told, minutes: float = 0, **changes: Any) -> Change[Delivery]:
    return changed(rules.hear(NEXT, receipt, seen(*(told or (NEXT,)), **changes), after(minutes * 60)))


def kinds(change: Change[Any]) -> list[str]:
    return [fact.kind for fact in change.facts]


# --- deliveries ---


def test_a_letter_that_arrived_moves_the_cursor_and_ends_the_job_when_nothing_is_behind_it() -> None:
    change = heard(OK)
    assert (change.row.place, change.row.state, change.row.sent) == ((2, 0), DeliveryState.IDLE, 1)
    assert [(look.name, look.at) for look in change.looks] == [(SEND, None)]
    assert kinds(change) == ["NoticeSent"]


def test_a_letter_with_another_behind_it_leaves_the_job_to_whoever_runs_it() -> None:
    change = heard(OK, NEXT, AFTER)
    assert (change.row.place, change.row.state, change.looks) == ((2, 0), DeliveryState.DUE, ())


def test_a_letter_that_did_not_arrive_never_moves_the_cursor() -> None:
    change = heard(NO)
    assert (change.row.place, change.row.attempts, change.row.failing_since) == ((1, 0), 1, after(0))
    assert kinds(change) == ["NoticeFailed"]


def test_pauses_grow_and_each_is_used_within_the_day() -> None:
    assert list(rules.PAUSES) == sorted(rules.PAUSES)
    assert timedelta(hours=12) < sum(rules.PAUSES, timedelta()) < rules.TRIED_FOR
    looks = [heard(NO, attempts=n).looks[0].at for n in range(12)]
    spread = timedelta(seconds=5)
    for n, at in enumerate(looks):
        assert at is not None
        assert rules.pause(n) <= at - after(0) <= rules.pause(n) + spread


def test_a_day_of_failures_parks_it_and_so_does_a_refusal_for_good() -> None:
    tired = heard(NO, minutes=24 * 60, attempts=9, failing_since=after(0))
    refused = heard(Receipt(why="smtp_550", is_final=True))
    for change in (tired, refused):
        assert change.row.state is DeliveryState.PARKED
        assert [look.at for look in change.looks] == [None]
        assert kinds(change) == ["NoticeParked"]
        assert change.row.place == (1, 0)


def test_a_clock_that_went_back_parks_nothing_early() -> None:
    assert heard(NO, failing_since=after(7200)).row.state is DeliveryState.DUE


def test_a_crowded_post_is_no_failure() -> None:
    change = heard(Receipt(is_crowded=True))
    assert (change.row.attempts, change.facts) == (0, ())


def test_a_receivers_wish_for_patience_counts_up_to_an_hour() -> None:
    for asked, kept in ((timedelta(minutes=15), timedelta(minutes=15)), (timedelta(days=9), rules.PATIENCE_MAX)):
        at = heard(Receipt(why="http_429", after=asked)).looks[0].at
        assert at is not None
        assert at - after(0) >= kept
        assert at - after(0) <= kept + timedelta(seconds=5)


@pytest.mark.parametrize(
    "late",
    [
        seen(AFTER, transition=2),
        seen(),
        seen(NEXT, state=DeliveryState.IDLE),
        seen(Told(1, 1, "PaymentPaid", NOON, {})),
    ],
    ids=["already told", "nothing left", "at rest", "rewound"],
)
def test_what_another_sender_or_a_replay_overtook_says_nothing(late: DeliverySeen) -> None:
    assert isinstance(rules.hear(NEXT, OK, late, NOON), Stay)


def test_every_nudge_moves_the_version_and_only_what_rests_gets_a_job() -> None:
    for state in DeliveryState:
        change = changed(rules.nudge(HOOK, PAYMENT, replace(DELIVERY, state=state), NOON))
        assert change.row.version == DELIVERY.version + 1
        assert [look.name for look in change.looks] == ([] if state is DeliveryState.DUE else [SEND])
    first = changed(rules.nudge(HOOK, PAYMENT, None, NOON))
    assert (first.row.version, first.row.id, first.row.place) == (1, DELIVERY.id, (0, 0))


def test_a_rewind_never_moves_forward() -> None:
    for place, cursor in (((2, 0), (2, -1)), ((1, 0), (1, -1)), ((9, 0), (5, 3))):
        change = rules.rewind(HOOK, PAYMENT, place, replace(DELIVERY, transition=5, seq=3), NOON)
        assert change.row.place == cursor


@given(st.integers(1, 10**6), st.integers(0, 99))
def test_a_letters_id_names_its_delivery_and_fact_and_nothing_else_does(transition: int, seq: int) -> None:
    letter = rules.letter_id(DELIVERY, (transition, seq))
    assert rules.place_of(letter) == (DELIVERY.id, (transition, seq))
    assert "." not in letter  # Standard Webhooks signs id.timestamp.body
    for wrong in (letter[1:], letter + "x", letter.replace("-", "_"), "", f"{DELIVERY.id}--1-0", f"{DELIVERY.id}-１-0"):
        with pytest.raises(Denied, match=r"hook\.letter_unknown"):
            rules.place_of(wrong)


# --- hooks ---


def test_a_good_hook_is_not_written_to_and_trouble_of_ours_is_not_its_fault() -> None:
    for receipt in (OK, replace(NO, is_ours=True), Receipt(is_crowded=True), Receipt(is_silent=True)):
        assert isinstance(rules.hook_heard(receipt, HOOK, NOON), Stay)
    assert isinstance(rules.hook_heard(NO, replace(HOOK, about="case"), NOON), Stay)


def test_a_hook_that_takes_nothing_is_asked_more_rarely_then_disabled_and_one_letter_ends_it() -> None:
    hook, at, gaps = HOOK, NOON, []
    while hook.is_open:
        hook = changed(rules.hook_heard(NO, hook, at)).row
        gaps.append((hook.resume_at or at) - at)
        at += max(gaps[-1], timedelta(minutes=1))
    assert gaps[:2] == [timedelta(), timedelta()]
    assert max(gaps) == rules.RARE_MAX
    assert hook.why == "dead"
    assert timedelta(days=1) <= at - NOON < timedelta(days=1, hours=2)
    failing = replace(HOOK, failures=7, failing_since=NOON, resume_at=NOON)
    assert changed(rules.hook_heard(OK, failing, NOON)).row.failures == 0


def test_two_failures_a_day_apart_do_not_disable() -> None:
    once = changed(rules.hook_heard(NO, HOOK, NOON)).row
    assert changed(rules.hook_heard(NO, once, NOON + timedelta(days=3))).row.is_open


def test_only_one_may_ask_a_hook_that_takes_nothing() -> None:
    failing = replace(HOOK, failures=5, failing_since=NOON, resume_at=NOON)
    claimed = changed(rules.may_ask(failing, after(1))).row
    assert isinstance(rules.may_ask(claimed, after(2)), Stay)
    assert not isinstance(rules.may_ask(claimed, after(120)), Stay)  # whoever claimed it has died


def test_an_old_secret_signs_until_its_time_is_up() -> None:
    row = rules.rotate("new", timedelta(hours=1), "boss", HOOK, NOON).row
    assert rules.signs_with(row, after(0)) == ("new", "sealed")
    assert rules.signs_with(row, after(3601)) == ("new",)
    with pytest.raises(Denied, match=r"hook\.old_secret_too_long"):
        rules.rotate("new", timedelta(days=8), "boss", HOOK, NOON)
    with pytest.raises(Denied, match=r"hook\.no_secret"):
        rules.rotate("new", timedelta(), "boss", replace(HOOK, way=Way.EMAIL), NOON)


def test_types_stand_for_kinds_and_an_unknown_one_is_refused() -> None:
    assert rules.kinds_of(("refund.done", "hook.*")) == "RefundDone,HookDisabled"
    assert rules.types_of(replace(HOOK, kinds="RefundDone")) == ("refund.done",)
    for wrong in ("refund.gone", "*", "refund", "refunds.*", ".*"):
        with pytest.raises(Denied, match=r"hook\.type_unknown"):
            rules.kinds_of((wrong,))


def test_a_hook_is_asked_only_about_objects_it_may_hear_of() -> None:
    refunds_only = replace(HOOK, kinds="RefundDone")
    assert rules.wants(HOOK, PAYMENT)
    assert not rules.wants(refunds_only, PAYMENT)
    assert rules.wants(refunds_only, "YR" + PAYMENT[2:])
    assert not rules.wants(HOOK, HOOK.id)
    assert rules.wants(HOOK, "wechat/merchant_cert")
    assert rules.wants(HOOK, f"hook/{HOOK.id}/old")  # the end of its own old secret is news to it
    assert not rules.wants(refunds_only, "wechat/merchant_cert")
    assert rules.wants(replace(HOOK, kinds="SecretEnding"), f"key/{PAYMENT}")
    assert not rules.wants(HOOK, DELIVERY.id)  # what was sent is never sent
    assert not rules.wants(replace(HOOK, about=PAYMENT), PAYMENT)  # a payer hears of the case and its refunds


def test_every_kind_that_is_told_exists_has_one_type_and_payers_hear_of_no_other() -> None:
    from yuanlu.app import FOLLOWERS, ROWS

    assert ROWS
    assert set(TYPES) <= {kind.__name__ for kind in Fact.__subclasses__()}
    assert len(set(TYPES.values())) == len(TYPES)
    assert set(TYPES) <= set(FOLLOWERS)
    assert set(templates.KINDS) <= set(TYPES)
    assert all(name.startswith((*rules.PREFIXES.values(), rules.SECRET)) for name in TYPES.values())


def test_the_page_lists_every_type() -> None:
    import runpy
    from pathlib import Path

    root = Path(__file__).resolve().parents[2]
    drawn = runpy.run_path(str(root / "scripts" / "draw.py"))
    assert (root / "docs/reference/notices.md").read_text() == drawn["notices"](), "run `make docs`"


# --- addresses ---

INSIDE = (
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::", "fe80::1%eth0",
)  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_no_address_inside_is_called(address: str) -> None:
    assert not addresses.is_outside(address)
    host = f"[{address.partition('%')[0]}]" if ":" in address else address
    with pytest.raises(Denied, match=r"hook\.url"):
        addresses.url_checked(f"https://{host}/")


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_addresses_outside_may_be_called(address: str) -> None:
    assert addresses.is_outside(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/", "ftp://shop.example/", "https://user:secret@shop.example/", "https://localhost/",
        "https://x.localhost/", "https://db.internal/", "https://printer.local/", "https://2130706433/",
        "https://0x7f000001/", "https://127.1/", "https://0177.0.0.1/", "https:///path", "https://shop.example:0/",
        "https://shop.example:99999/", "https://shop.example/#x", "https://shop.example/a b", "https://shop\\@10.0.0.1/",
        "https://[::1/", "https://商店.example/", "https://shop.example/\r\nhost: x", "javascript:alert(1)",
        "https://shop.example/" + "a" * 2000, "",
    ],
)  # fmt: skip
def test_no_url_that_could_lead_inside_or_astray_is_kept(url: str) -> None:
    with pytest.raises(Denied, match=r"hook\.url_(invalid|inside)"):
        addresses.url_checked(url)


def test_this_machine_may_be_called_only_where_a_setting_says_so() -> None:
    for url in ("http://127.0.0.1:8080/hook", "http://[::1]/hook"):
        assert addresses.url_checked(url, loopback=True) == url
        with pytest.raises(Denied):
            addresses.url_checked(url)
    for url in ("http://10.0.0.1/", "http://localhost/", "https://192.168.0.1/"):
        with pytest.raises(Denied):
            addresses.url_checked(url, loopback=True)


def test_apprise_reaches_only_services_whose_hosts_it_knows() -> None:
    for url in ("wecombot://key", "dingtalk://token", "feishu://token", "lark://token"):
        assert addresses.apprise_checked(url) == url
    for url in ("json://127.0.0.1/", "mailto://a:b@c.example", "syslog://", "file:///etc/passwd", "jsons://10.0.0.1"):
        with pytest.raises(Denied, match=r"hook\.apprise_invalid"):
            addresses.apprise_checked(url)
    assert addresses.apprise_checked("json://127.0.0.1:1/", loopback=True)
    with pytest.raises(Denied):
        addresses.apprise_checked("json://10.0.0.1:1/", loopback=True)


def test_what_is_shown_of_an_address_does_not_give_it_away() -> None:
    for way, target, shown in (
        (Way.WEBHOOK, "https://shop.example/secret/path?token=1", "shop.example"),
        (Way.EMAIL, "li.lei@example.com", "l***@example.com"),
        (Way.SMS, "+8613800001234", "+86138****1234"),
        (Way.APPRISE, "dingtalk://token", "dingtalk://***"),
    ):
        assert addresses.shown(way, target) == shown


# --- SMS ---

JSON = sms.Template(url="https://sms.example/send?to={{phone}}", body='{"to": "{{phone}}", "say": ["{{text}}"]}')


@given(st.text(max_size=80).filter(lambda text: not re.search("[\ud800-\udfff]", text)))
def test_no_text_leaves_its_place_in_a_json_body_a_form_or_a_url(text: str) -> None:
    import json
    from urllib.parse import parse_qsl, urlsplit

    request = sms.filled(JSON, phone="+8613800000000", text=text, id="YD-1-0")
    assert json.loads(request.body) == {"to": "+8613800000000", "say": [text]}
    assert dict(parse_qsl(urlsplit(request.url).query)) == {"to": "+8613800000000"}
    form = sms.Template(url="https://sms.example/", content="form", body="key=a&to={{phone}}&text={{text}}&ref={{id}}")
    told = dict(parse_qsl(sms.filled(form, phone="1", text=text, id="2").body.decode(), keep_blank_values=True))
    assert told == {"key": "a", "to": "1", "text": text, "ref": "2"}
    get = sms.Template(url="https://sms.example/{{phone}}?t={{text}}", method="GET", content="")
    url = sms.filled(get, phone="1", text=text, id="2").url
    assert urlsplit(url).netloc == "sms.example"
    assert dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)) == {"t": text}


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"body": '{"to": "{{phone}}", "text": {{text}}}'}, "body_unreadable"),
        ({"body": '{"to": "{{phone}}"}', "url": "https://sms.example/"}, "phone_or_text_missing"),
        ({"body": '{"to": "{{phone}}", "text": "{{text}}", "x": "{{secret}}"}'}, "unknown_place"),
        ({"url": "https://{{phone}}.example/{{text}}"}, "place_in_host"),
        ({"method": "GET"}, "body_not_expected"),
        ({"content": ""}, "body_not_expected"),
        ({"headers": {"Host": "x"}}, "header"),
        ({"headers": {"X-A": "a\r\nb: c"}}, "header"),
        ({"headers": {"X A": "a"}}, "header"),
    ],
)
def test_a_template_that_could_be_broken_out_of_is_refused(changes: dict[str, Any], because: str) -> None:
    from msgspec.structs import replace as with_

    with pytest.raises(Denied) as no:
        sms.checked(with_(JSON, **changes))
    assert no.value.facts["because"] == because
    assert sms.checked(JSON) == JSON


# --- letters to payers ---

LETTERS = sorted(set(templates.catalogue()) - {"foot"})
SHOWN = {
    "shop": "街角小店", "number": ids.derived(Kind.CASE, NOON, "x"), "amount": "¥1,280.00",
    "where": "工商银行卡尾号 1234", "date": "2026年12月1日", "code": "NOT_ENOUGH",
    "reason": "商品已使用，按约定不能退", "until": "2026年12月1日",
    "channel_number": "50000000382019052709732678859",
}  # fmt: skip


@pytest.mark.parametrize("name", LETTERS)
def test_every_letter_is_there_in_both_languages_with_an_apology_and_the_same_facts(name: str) -> None:
    """S56."""
    entry = templates.catalogue()[name]
    assert set(entry) == {"line_zh", "line_en", "text_zh", "text_en"}
    for part in ("line", "text"):
        facts = [{n for _, n, _, _ in Formatter().parse(entry[f"{part}_{lang}"]) if n} for lang in ("zh", "en")]
        assert facts[0] == facts[1]
        assert facts[0] <= set(SHOWN)
        assert re.search("抱歉|致歉", entry[f"{part}_zh"])
        assert re.search("sorry|apolog", entry[f"{part}_en"], re.IGNORECASE)
    assert not re.search("用户|交易|冲正|清算|https?:", "".join(entry.values()))
    for lang in ("zh", "en"):
        told = templates.written(name, SHOWN, lang)
        assert "\n" not in told.line
        assert len(told.line) <= templates.LINE_MAX
        assert SHOWN["number"] in told.text


def test_the_steps_a_payer_cares_about_each_have_a_letter() -> None:
    """S63."""
    assert {
        "reported", "needs_info", "approved", "offer", "declined", "sent", "done", "refused", "stranded", "overdue",
    } <= set(LETTERS)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "facts", "letter"),
    [
        ("CaseAnswered", {}, "person"),
        ("CaseUnanswered", {}, "person"),
        ("CaseObjected", {"decided_by": "YW1"}, "person"),
        ("OfferExpired", {"offer": "part"}, "person"),
        ("CaseClosed", {"conclusion": "withdrawn"}, "closed_withdrawn"),
        ("CaseClosed", {"conclusion": "settled_otherwise"}, "closed_settled"),
        ("CaseClosed", {"conclusion": "declined"}, "closed_declined"),
    ],
)
def test_what_a_payer_or_time_turned_is_told_to_the_payer_too(kind: str, facts: dict[str, str], letter: str) -> None:
    """S63."""
    told = templates.text(kind, facts, case(), shop="小店", lang="zh")
    assert told is not None
    assert told.line == templates.written(letter, {**SHOWN, "shop": "小店", "number": case().id}, "zh").line


def test_a_promised_date_is_said_only_where_there_is_one() -> None:
    row = refund(State.SENT)
    unsure = templates.text("RefundSent", {"times": 1}, row, shop="小店", lang="zh")
    sure = templates.text("RefundSent", {"times": 1, "promised_on": "2026-12-01"}, row, shop="小店", lang="zh")
    assert unsure is not None
    assert sure is not None
    assert "暂无准信" in unsure.text
    assert "2026年12月1日" in sure.text
    assert templates.text("RefundSent", {"times": 2}, row, shop="小店", lang="zh") is None


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_payer_is_warned_of_what_they_were_given_time_for_and_of_nothing_else(lang: str) -> None:
    """S67."""
    row = case()
    for window in ("answer", "offer", "objection", "reply", "refund", "reverse", "close", "policy"):
        facts = {"window": window, "shuts_at": "2026-11-29T16:30:00+00:00", "holder": "customer", "lead": 86400}
        told = templates.text("CaseWarned", facts, row, shop="小店", lang=lang)
        if window in ("answer", "offer", "objection"):
            assert told is not None
            assert ("2026年11月30日" if lang == "zh" else "2026-11-30") in told.line
        else:
            assert told is None


@given(st.text(max_size=300))
def test_whatever_a_name_holds_it_stays_one_line(name: str) -> None:
    flat = templates.one_line(name, 40)
    assert len(flat) <= 40
    assert len(flat.splitlines()) <= 1
    assert not any(ord(sign) < 32 or 0x7F <= ord(sign) < 0xA0 for sign in flat)
