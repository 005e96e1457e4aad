"""One suite for every channel of the registry: what we ask, what we hear, what we refuse to believe.

The examples and each channel's far side stand in `tests/contract/wire/<channel>/`; see `speaking.py`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.speaking import CARD, CODE, HOLDER, NOON, WIRE, Dialect, Example, dialects, examples, filled
from tests.contract.speaking import page as page_of
from tests.contract.speaking import step as step_of
from tests.making import PAYMENT, REFUND
from yuanlu.channels import law
from yuanlu.channels.alipay import codec as alipay
from yuanlu.channels.contract import Callback, Channel, Codec, Operation, Outcome, Reason, Reply, Step, Word
from yuanlu.channels.registry import CODECS, FACTS
from yuanlu.channels.wechat import codec as wechat_v3
from yuanlu.channels.wechat import v2 as wechat_v2
from yuanlu.errors import Broken, Denied
from yuanlu.money import Money
from yuanlu.sim.keys import KeyRing, open_ring


@dataclass(frozen=True)
class Line:
    """A merchant's line to a channel: both its ends."""

    channel: Channel
    codec: Codec
    far: Dialect
    keys: Any

    def ask(self, step: Step) -> Mapping[str, Any]:
        return self.far.read(self.codec.ask(step, self.keys, NOON, "nonce"))

    def hear(self, step: Step, reply: Reply, keys: Any = None) -> Outcome:
        return self.codec.hear(step, reply, keys or self.keys, NOON)

    def page(self, name: str) -> dict[str, Any]:
        return page_of(self.channel, type(self.far), name)

    def filled(self, text: str) -> str:
        return filled(text, self.far.config)


Opened: TypeAlias = Callable[[Channel, type[Dialect]], Line]


@pytest.fixture(scope="session")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return open_ring(tmp_path_factory.getbasetemp() / "sim-keys", 1)


@pytest.fixture(scope="session")
def opened(ring: KeyRing) -> Opened:
    @lru_cache
    def line(channel: Channel, dialect: type[Dialect]) -> Line:
        far = dialect(ring)
        return Line(channel, CODECS[channel], far, CODECS[channel].keys(far.config))

    return line


DIALECTS = [pytest.param(*one, id=f"{one[0]}-{one[1].__name__}") for one in dialects()]
EXAMPLES = list(examples())
ASKED = [
    pytest.param(channel, dialect, operation, id=f"{channel}-{dialect.__name__}-{operation}")
    for channel, dialect in dialects()
    for operation in Operation
    if page_of(channel, dialect, operation)
]
FIRST = [
    next(one for _, one in dialects() if one.folder == folder) for folder in {one.folder: 1 for _, one in dialects()}
]
"""One dialect of each folder: where a second kind of key can make no difference."""
CALLING_BACK = [one for one in DIALECTS if page_of(*one.values, "news")]  # type: ignore[arg-type]
any_line = pytest.mark.parametrize(("channel", "dialect"), DIALECTS)
any_example = pytest.mark.parametrize("example", EXAMPLES, ids=str)
any_step = pytest.mark.parametrize(("channel", "dialect", "operation"), ASKED)
any_caller_back = pytest.mark.parametrize(("channel", "dialect"), CALLING_BACK)


# Whole


@pytest.mark.parametrize("channel", list(CODECS))
def test_each_channel_of_the_registry_brings_wire_examples_of_all_it_can_do(channel: Channel) -> None:
    """S4."""
    assert (WIRE / channel / "far_side.py").exists()
    shown = {operation for one, _, operation in (asked.values for asked in ASKED) if one == channel}
    assert shown == set(Operation) - (set() if FACTS[channel].has_rescue else {Operation.RESCUE})
    assert channel in {one.values[0] for one in CALLING_BACK}


@pytest.mark.parametrize("channel", list(CODECS))
def test_each_word_is_heard_in_some_example(channel: Channel) -> None:
    heard = {Word(example.given["word"]) for example in EXAMPLES if example.channel == channel}
    assert heard == set(Word) - (set() if FACTS[channel].has_rescue else {Word.STRANDED})


def test_every_wire_example_belongs_to_a_channel() -> None:
    folders = {WIRE / channel / dialect.folder for channel, dialect in dialects()}
    pages = set(WIRE.rglob("*.toml"))
    assert pages == {folder / path.name for folder in folders for path in folder.glob("*.toml")}
    assert {path.stem for path in pages} <= {*Operation, "news"}


# What we ask


@any_step
def test_a_request_is_signed_and_says_what_the_example_says(
    channel: Channel, dialect: type[Dialect], operation: Operation, opened: Opened
) -> None:
    line = opened(channel, dialect)
    want = line.page(operation)["asked"]
    expected = {name: line.filled(value) for name, value in want.items()}
    expected["says"] = json.loads(expected["says"])
    assert line.ask(step_of(channel, operation)) == expected


@any_step
def test_no_secret_stands_in_an_address_or_a_repr(
    channel: Channel, dialect: type[Dialect], operation: Operation, opened: Opened
) -> None:
    line = opened(channel, dialect)
    step = step_of(channel, operation)
    call = line.codec.ask(step, line.keys, NOON, "nonce")
    for secret in (CODE, CARD, HOLDER, str(line.far.config.get("apiv3_key", CODE))):
        assert secret not in call.url
        assert secret not in f"{call!r}{step!r}{line.keys!r}"


@any_line
def test_what_a_channel_cannot_do_is_never_asked(channel: Channel, dialect: type[Dialect], opened: Opened) -> None:
    line = opened(channel, dialect)
    if not FACTS[channel].has_rescue:
        with pytest.raises(Broken):
            line.codec.ask(step_of(channel, Operation.RESCUE), line.keys, NOON, "nonce")


# What we hear


@any_example
def test_an_answer_is_heard_as_its_word(example: Example, opened: Opened) -> None:
    line = opened(example.channel, example.dialect)
    given = example.given
    step = asked_in(example)
    reply = line.far.answer(step, given["status"], line.filled(given["body"]), signed=given.get("signed", True))
    heard = line.hear(step, reply)
    assert (heard.word, heard.code) == (given["word"], given["code"])
    assert heard.reason == (Reason(given["reason"]) if "reason" in given else None)
    check_details(heard, given)
    assert_sound(step, heard)


def asked_in(example: Example) -> Any:
    changes = {"scanned": False} if example.given.get("scanned") is False else {}
    return step_of(example.channel, example.operation, **changes)


def check_details(heard: Outcome, given: Mapping[str, Any]) -> None:
    """Whatever an example tells of an outcome beyond its word."""
    for name in ("channel_number", "payer", "received_into", "qr"):
        assert getattr(heard, name) == given.get(name, getattr(heard, name))
    if "amount" in given:
        assert heard.amount == Money(given["amount"])
    if "back_seen" in given:
        assert heard.back_seen == (Money(given["back_seen"]) if given["back_seen"] else None)
    if "at" in given:
        assert heard.at == datetime.fromisoformat(given["at"])


def assert_sound(step: Any, heard: Outcome) -> None:
    """What holds of any outcome: money is settled in the sum we asked about, and what waits says for what."""
    if heard.word is Word.SETTLED:
        assert heard.amount == getattr(step, "back", step.amount)
    assert (heard.word in {Word.PENDING, Word.DEFERRED}) == (heard.reason is not None)
    assert (heard.word is Word.SHOWN) == bool(heard.qr)
    assert heard.word is not Word.ABSENT or not heard.channel_number


@any_example
def test_an_answer_about_something_else_is_no_answer(example: Example, opened: Opened) -> None:
    line = opened(example.channel, example.dialect)
    step = asked_in(example)
    reply = line.far.answer(step, example.given["status"], line.filled(example.given["body"]))
    changes: dict[str, list[dict[str, Any]]] = {
        "order": [{"payment_id": "YP0000000000000000000000000"}],
        "refund": [{"refund_id": "YR0000000000000000000000000"}],
        "amount": [{"amount": Money(1281)}, {"amount": Money(1279)}, {"amount": Money(1280, "USD")}],
        "back": [{"back": Money(481)}, {"back": Money(479)}],
        "merchant": [],
    }
    if "back" in example.names or "refund" in example.names:
        changes["amount"].pop()  # refunds are asked about in the currency of `back`
    for name in example.names:
        for change in changes[name]:
            assert line.hear(replace(step, **change), reply) == Outcome(word=Word.UNKNOWN, code="client.mismatch")
    if "merchant" in example.names:
        for other in line.far.others():
            heard = line.hear(step, reply, line.codec.keys(other))
            assert heard == Outcome(word=Word.UNKNOWN, code="client.mismatch")


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one.given.get("signed", True)], ids=str)
def test_an_answer_with_a_bad_signature_is_no_answer(example: Example, opened: Opened) -> None:
    line = opened(example.channel, example.dialect)
    step = asked_in(example)
    for name, reply in line.far.spoilt(step, example.given["status"], line.filled(example.given["body"])).items():
        assert line.hear(step, reply) == Outcome(word=Word.UNKNOWN, code="client.bad_signature"), name


EXCEPTIONS = [
    *((Channel.WECHAT, "v3", *key, said) for key, said in wechat_v3.EXCEPTIONS.items()),
    *((Channel.WECHAT, "v2", *key, said) for key, said in wechat_v2.EXCEPTIONS.items()),
    *((Channel.ALIPAY, "gateway", *key, said) for key, said in alipay.EXCEPTIONS.items()),
]


@pytest.mark.parametrize(("channel", "folder", "operation", "code", "said"), EXCEPTIONS)
def test_each_exception_to_the_law_is_heard_on_the_wire(
    channel: Channel, folder: str, operation: Operation, code: str, said: law.Said, opened: Opened
) -> None:
    for one, dialect in dialects():
        if (one, dialect.folder) != (channel, folder):
            continue
        line, step = opened(channel, dialect), step_of(channel, operation)
        heard = line.hear(step, line.far.refusal(step, code))
        assert (heard.word, heard.reason, heard.code) == (*said, code)


@pytest.mark.parametrize("codec", [wechat_v3, wechat_v2, alipay], ids=lambda codec: str(codec.BOOK))
def test_an_exception_says_otherwise_than_the_law(codec: Any) -> None:
    for (operation, code), said in codec.EXCEPTIONS.items():
        assert law.said(codec.BOOK, code, operation) != said, (operation, code)


@any_step
def test_a_code_nobody_knows_is_unknown(
    channel: Channel, dialect: type[Dialect], operation: Operation, opened: Opened
) -> None:
    line, step = opened(channel, dialect), step_of(channel, operation)
    assert line.hear(step, line.far.refusal(step, "BRAND_NEW")) == Outcome(word=Word.UNKNOWN, code="BRAND_NEW")


@any_step
@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_a_fault_of_their_server_never_means_failed(
    channel: Channel, dialect: type[Dialect], operation: Operation, status: int, opened: Opened
) -> None:
    line, step = opened(channel, dialect), step_of(channel, operation)
    refusal = replace(line.far.refusal(step, "PARAM_ERROR"), status=status)
    assert line.hear(step, refusal).word is Word.UNKNOWN


# Whatever comes: nothing raises, and nothing is believed that does not fit

FEW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
names = st.sampled_from(
    [
        "wechatpay-signature",
        "wechatpay-timestamp",
        "wechatpay-nonce",
        "wechatpay-serial",
        "wechatpay-signature-type",
        "request-id",
        "content-type",
    ]
)
headers = st.dictionaries(names, st.text(max_size=40), max_size=7)
words_of_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
bodies = st.one_of(
    st.binary(max_size=200),
    words_of_json.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"<xml>" * 5_000, b'{"code": 1}', b"<xml><sign/></xml>"]),
    st.text(max_size=50).map(lambda text: f"<xml><return_code>{text}</return_code></xml>".encode(errors="replace")),
)


@pytest.mark.parametrize(("channel", "dialect", "operation"), [one for one in ASKED if one.values[1] in FIRST])
@FEW
@given(status=st.integers(200, 599), told=headers, body=bodies)
def test_whatever_bytes_come_nothing_raises_and_nothing_is_settled(
    channel: Channel,
    dialect: type[Dialect],
    operation: Operation,
    status: int,
    told: dict[str, str],
    body: bytes,
    opened: Opened,
) -> None:
    line, step = opened(channel, dialect), step_of(channel, operation)
    heard = line.hear(step, Reply(status=status, headers=told, body=body))
    assert heard.word is Word.UNKNOWN or (400 <= status < 500 and b'"code"' in body)


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one.names and one.dialect in FIRST], ids=str)
@settings(FEW, max_examples=8)
@given(data=st.data())
def test_an_answer_with_anything_in_any_field_never_raises_nor_settles_another_sum(
    example: Example, data: st.DataObject, opened: Opened
) -> None:
    line, step = opened(example.channel, example.dialect), asked_in(example)
    fields = json.loads(line.filled(example.given["body"]))
    place = data.draw(st.sampled_from(sorted(fields)))
    texts = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn", "Co"]), max_size=12)
    is_xml = line.far.folder == "v2"
    fields[place] = data.draw(texts if is_xml else words_of_json)
    reply = line.far.answer(step, example.given["status"], json.dumps(fields, ensure_ascii=True))
    assert_sound(step, line.hear(step, reply))


# Callbacks


@any_caller_back
def test_good_news_is_read(channel: Channel, dialect: type[Dialect], opened: Opened) -> None:
    line = opened(channel, dialect)
    for example in line.page("news")["news"]:
        body = line.filled(example["body"])
        news = line.codec.overhear(line.far.notice(example, body), line.keys, NOON)
        assert (news.outcome.word, news.outcome.code) == (example["word"], example["code"]), example["name"]
        assert (news.payment_id, news.notice_id) == (PAYMENT, example["notice_id"])
        assert news.refund_id == (REFUND if example.get("about_refund") else "")
        check_details(news.outcome, example)
        assert PAYMENT in news.said
        assert news.said not in repr(news)


@any_caller_back
def test_news_that_says_nothing_we_know_is_refused(channel: Channel, dialect: type[Dialect], opened: Opened) -> None:
    line = opened(channel, dialect)
    for example in line.page("news")["no_news"]:
        with pytest.raises(Denied, match=r"^callback\.unreadable") as denied:
            line.codec.overhear(line.far.notice(example, line.filled(example["body"])), line.keys, NOON)
        assert denied.value.code == "callback.unreadable", example["name"]


@any_caller_back
def test_forged_news_is_refused(channel: Channel, dialect: type[Dialect], opened: Opened) -> None:
    line = opened(channel, dialect)
    for example in line.page("news")["news"]:
        for name, (code, callback) in line.far.forged(example, line.filled(example["body"])).items():
            with pytest.raises(Denied) as denied:
                line.codec.overhear(callback, line.keys, NOON)
            assert denied.value.code == code, f"{example['name']}: {name}"


@any_caller_back
@settings(FEW, max_examples=100)
@given(told=headers, body=bodies)
def test_whatever_is_posted_to_us_is_refused_in_order(
    channel: Channel, dialect: type[Dialect], told: dict[str, str], body: bytes, opened: Opened
) -> None:
    line = opened(channel, dialect)
    with pytest.raises(Denied) as denied:
        line.codec.overhear(Callback(headers=told, body=body), line.keys, NOON)
    assert denied.value.code in {"callback.forged", "callback.unreadable"}


@any_caller_back
@settings(FEW, max_examples=60)
@given(data=st.data())
def test_signed_news_with_anything_in_any_field_is_read_or_refused(
    channel: Channel, dialect: type[Dialect], data: st.DataObject, opened: Opened
) -> None:
    line = opened(channel, dialect)
    example = data.draw(st.sampled_from(line.page("news")["news"]))
    fields = json.loads(line.filled(example["body"]))
    place = data.draw(st.sampled_from(sorted(fields)))
    is_form = isinstance(fields[place], str) and channel is Channel.ALIPAY
    fields[place] = data.draw(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12) if is_form else words_of_json
    )
    assert heard_or_refused(line, line.far.notice(example, json.dumps(fields))) is not Word.UNKNOWN


def heard_or_refused(line: Line, callback: Callback) -> Word | None:
    """The word of some news; None when it was refused with a code of ours. Anything else raises."""
    try:
        return line.codec.overhear(callback, line.keys, NOON).outcome.word
    except Denied as denied:
        if denied.code not in {"callback.forged", "callback.unreadable"}:
            raise
        return None


def test_a_probe_of_wechat_pay_is_refused(opened: Opened) -> None:
    line = opened(Channel.WECHAT, dialects()[0][1])
    example = line.page("news")["news"][0]
    good = line.far.notice(example, line.filled(example["body"]))
    probe = good.headers | {"wechatpay-signature": "WECHATPAY/SIGNTEST/" + b64encode(b"x" * 256).decode()}
    with pytest.raises(Denied) as denied:
        line.codec.overhear(Callback(headers=probe, body=good.body), line.keys, NOON)
    assert denied.value.code == "callback.forged"


# v2's signature, by the example of WeChat Pay's own documents


@pytest.mark.parametrize(
    ("kind", "signature"),
    [
        ("MD5", "9A0A8659F005D6984697E2CA0A9CF3B7"),
        ("HMAC-SHA256", "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"),
    ],
)
def test_v2_signs_as_the_document_of_wechat_pay_does(kind: str, signature: str) -> None:
    said = {
        "appid": "wxd930ea5d5a258f4f",
        "mch_id": "10000100",
        "device_info": "1000",
        "body": "test",
        "nonce_str": "ibuaiVcKdpRxkhJA",
        "sign": "not signed",
        "empty": "",
    }
    assert wechat_v2.signature(said, "192006250b4c09247ec02edce69f6a2d", kind) == signature
