"""Which key is wrong: each spoiled in turn, seen here or heard from the simulated providers, which verify for real."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from yuanlu.channels.alipay.checking import FIELDS as ALIPAY
from yuanlu.channels.checking import Finding, Verdict, verdict
from yuanlu.channels.contract import Channel, Reply
from yuanlu.channels.driver import Driver
from yuanlu.channels.registry import CHECKERS, CODECS
from yuanlu.channels.wechat.checking import FIELDS as WECHAT
from yuanlu.clock import SetClock
from yuanlu.errors import Denied
from yuanlu.sim.faults import Fault, Kind
from yuanlu.sim.server import Sim

FIELDS = {Channel.WECHAT: WECHAT, Channel.ALIPAY: ALIPAY}


@pytest.fixture(scope="module")
async def sim(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sim]:
    async with Sim(Path(tmp_path_factory.mktemp("sim"))) as started:
        yield started


@lru_cache(maxsize=4)
def pair(bits: int = 2048, which: int = 0) -> tuple[str, str]:
    """A private and a public key that nobody at a channel knows. Shape: PEM."""
    del which
    return pems(rsa.generate_private_key(public_exponent=65537, key_size=bits))


def pems(key: Any, password: bytes = b"") -> tuple[str, str]:
    sealed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), key.public_key().public_bytes(*form).decode()


def right(sim: Sim, channel: Channel, *, with_certificate: bool = True) -> dict[str, str]:
    """What a merchant fills in who makes no mistake."""
    told = sim.describe()[channel.value]
    given = {name: told[name] for name in FIELDS[channel]}
    given = {n: Path(v).read_text() if v.endswith(".pem") else v for n, v in given.items()}
    if not with_certificate:
        given.pop("merchant_cert", None)
    return given


async def found(sim: Sim, channel: Channel, given_: Mapping[str, str], at: str = "", **options: Any) -> list[Finding]:
    """What is seen here; where that is well, what the channel says."""
    checker, now = CHECKERS[channel], datetime.now(UTC)
    kept, findings = checker.look(given_, now)
    if findings:
        return findings
    base = at or sim.base_url
    where = {"base_url": base} if channel is Channel.WECHAT else {"gateway": f"{base}/gateway.do"}
    async with Driver(deadline=5.0, **options) as driver:
        return await driver.check(checker, kept, CODECS[channel].keys({**kept, **where}))


def named(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(each.code, each.field) for each in findings}


@pytest.mark.parametrize("channel", FIELDS)
@pytest.mark.parametrize("with_certificate", [True, False])
async def test_right_keys_are_found_well(sim: Sim, channel: Channel, with_certificate: bool) -> None:
    findings = await found(sim, channel, right(sim, channel, with_certificate=with_certificate))
    assert findings == []
    assert verdict(findings) is Verdict.WELL


async def test_a_serial_number_is_taken_from_the_certificate(sim: Sim) -> None:
    given_ = right(sim, Channel.WECHAT) | {"merchant_serial": ""}
    assert await found(sim, Channel.WECHAT, given_) == []


HEARD = {
    "mchid": (Channel.WECHAT, "1900000108", {("merchant_unknown", "mchid")}),
    "appid": (Channel.WECHAT, "wx0000000000000002", {("app_unbound", "appid")}),
    "apiv3_key": (Channel.WECHAT, "0" * 32, {("apiv3_wrong", "apiv3_key")}),
    "merchant_serial": (
        Channel.WECHAT, "F" * 40,
        {("signature_refused", "merchant_serial"), ("signature_refused", "merchant_key")},
    ),
    "platform_public_key_id": (
        Channel.WECHAT, "PUB_KEY_ID_0119000001092026112300000000000002",
        {("public_key_id_unknown", "platform_public_key_id")},
    ),
    "app_id": (Channel.ALIPAY, "2021000000000002", {("app_unknown", "app_id")}),
}  # fmt: skip


@pytest.mark.parametrize("name", HEARD)
async def test_each_wrong_number_is_named_by_what_the_channel_says(sim: Sim, name: str) -> None:
    channel, wrong, wanted = HEARD[name]
    findings = await found(sim, channel, right(sim, channel, with_certificate=False) | {name: wrong})
    assert named(findings) == wanted
    assert verdict(findings) is Verdict.WRONG


@pytest.mark.parametrize(
    ("channel", "name", "which", "wanted"),
    [
        (Channel.WECHAT, "merchant_key", 0,
         {("signature_refused", "merchant_serial"), ("signature_refused", "merchant_key")}),
        (Channel.WECHAT, "platform_public_key", 1, {("answer_unverified", "platform_public_key")}),
        (Channel.ALIPAY, "app_private_key", 0, {("signature_refused", "app_private_key")}),
        (Channel.ALIPAY, "alipay_public_key", 1, {("answer_unverified", "alipay_public_key")}),
    ],
)  # fmt: skip
async def test_each_wrong_key_is_named_by_what_the_channel_says(
    sim: Sim, channel: Channel, name: str, which: int, wanted: set[tuple[str, str]]
) -> None:
    findings = await found(sim, channel, right(sim, channel, with_certificate=False) | {name: pair()[which]})
    assert named(findings) == wanted


async def test_a_certificate_tells_which_of_key_and_serial_number_is_wrong(sim: Sim) -> None:
    whole = right(sim, Channel.WECHAT)
    assert named(await found(sim, Channel.WECHAT, whole | {"merchant_key": pair()[0]})) == {
        ("key_of_another", "merchant_key")
    }
    assert named(await found(sim, Channel.WECHAT, whole | {"merchant_serial": "F" * 40})) == {
        ("serial_differs", "merchant_serial")
    }


SEEN = [
    ("mchid", "19x", "mchid_shape"),
    ("appid", "2021000000000001", "appid_shape"),
    ("apiv3_key", "short", "apiv3_shape"),
    ("apiv3_key", "", "missing"),
    ("merchant_key", "", "missing"),
    ("merchant_key", "hello", "key_unreadable"),
    ("merchant_key", "{public}", "is_public_key"),
    ("merchant_key", "{certificate}", "is_certificate"),
    ("merchant_key", "{locked}", "key_locked"),
    ("merchant_key", "{short}", "key_short"),
    ("merchant_key", "{curve}", "key_not_rsa"),
    ("merchant_cert", "{private}", "is_private_key"),
    ("merchant_cert", "hello", "certificate_unreadable"),
    ("platform_public_key", "{private}", "is_private_key"),
    ("platform_public_key", "{own}", "own_key"),
    ("platform_public_key", "{certificate}", "is_certificate"),
    ("platform_public_key_id", "0119000001", "public_key_id_shape"),
]


@pytest.mark.parametrize(("name", "text", "code"), SEEN)
def test_what_is_wrong_in_itself_is_seen_before_anything_is_asked(sim: Sim, name: str, text: str, code: str) -> None:
    whole = right(sim, Channel.WECHAT)
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    kinds = {
        "{public}": lambda: pair()[1],
        "{private}": lambda: pair()[0],
        "{certificate}": lambda: whole["merchant_cert"],
        "{locked}": lambda: pems(rsa.generate_private_key(public_exponent=65537, key_size=2048), b"secret")[0],
        "{short}": lambda: pair(1024)[0],
        "{curve}": lambda: pems(ec.generate_private_key(ec.SECP256R1()))[0],
        "{own}": lambda: sim.keys.merchant.public.public_bytes(*form).decode(),
    }
    text = kinds[text]() if text in kinds else text
    _, findings = CHECKERS[Channel.WECHAT].look(whole | {name: text}, datetime.now(UTC))
    assert named(findings) == {(code, name)}


def test_a_certificate_that_is_over_is_named_with_its_day(sim: Sim) -> None:
    at = datetime.now(UTC) + timedelta(days=365 * 20)
    _, findings = CHECKERS[Channel.WECHAT].look(right(sim, Channel.WECHAT), at)
    assert named(findings) == {("certificate_over", "merchant_cert")}
    assert findings[0].facts["day"]


def test_the_apps_own_public_key_is_not_alipays(sim: Sim) -> None:
    """The usual slip: the page at Alipay shows both, one above the other."""
    own = Path(sim.keys.paths["app_public"]).read_text()
    _, findings = CHECKERS[Channel.ALIPAY].look(
        right(sim, Channel.ALIPAY) | {"alipay_public_key": own}, datetime.now(UTC)
    )
    assert named(findings) == {("own_key", "alipay_public_key")}


async def test_keys_without_their_frame_are_read_as_alipays_tool_writes_them(sim: Sim) -> None:
    whole = right(sim, Channel.ALIPAY)
    pkcs1 = Path(sim.keys.paths["app_pkcs1_key"]).read_text()
    bare = {
        "app_private_key": "".join(pkcs1.splitlines()[1:-1]),
        "alipay_public_key": "".join(whole["alipay_public_key"].splitlines()[1:-1]),
    }
    assert await found(sim, Channel.ALIPAY, whole | bare) == []


@pytest.mark.parametrize("channel", FIELDS)
async def test_an_unreachable_channel_says_nothing_about_keys(sim: Sim, channel: Channel) -> None:
    findings = await found(sim, channel, right(sim, channel), at="http://127.0.0.1:1")
    assert verdict(findings) is Verdict.UNSURE
    assert named(findings) == {("unreachable", "")}


@pytest.mark.parametrize("channel", FIELDS)
async def test_a_channel_in_trouble_says_nothing_about_keys(sim: Sim, channel: Channel) -> None:
    for kind, code in ((Kind.ERROR_503, "busy"), (Kind.LOST_ANSWER, "unreachable"), (Kind.ERROR_500, "busy")):
        sim.faults.arm(Fault(0, kind, wallet=channel.value))
        findings = await found(sim, channel, right(sim, channel))
        sim.faults.clear()
        assert verdict(findings) is Verdict.UNSURE, kind
        assert named(findings) == {(code, "")}


async def test_an_answer_that_is_not_the_channels_is_not_taken_for_it(sim: Sim) -> None:
    sim.faults.arm(Fault(0, Kind.BAD_SIGNATURE, wallet="alipay"))
    assert named(await found(sim, Channel.ALIPAY, right(sim, Channel.ALIPAY))) == {
        ("answer_unverified", "alipay_public_key")
    }


async def test_a_clock_that_is_off_is_told_in_seconds(sim: Sim) -> None:
    """The refusal is the same as for a wrong key: the channel's own clock tells them apart."""
    for late in (timedelta(hours=-2), timedelta(hours=2)):
        clock = SetClock(datetime.now(UTC) + late)
        findings = await found(sim, Channel.WECHAT, right(sim, Channel.WECHAT), clock=clock)
        assert named(findings) == {("clock_ahead" if late > timedelta(0) else "clock_behind", "")}
        assert abs(int(str(findings[0].facts["seconds"])) - 7200) < 60


async def test_new_merchants_without_certificates_are_told_what_was_not_proved(sim: Sim) -> None:
    books = sim.wechat.books
    rules, books.rules = books.rules, replace(books.rules, is_public_key_only=True)
    findings = await found(sim, Channel.WECHAT, right(sim, Channel.WECHAT) | {"apiv3_key": "0" * 32})
    books.rules = rules
    assert verdict(findings) is Verdict.WELL
    assert named(findings) == {("unproved", "apiv3_key")}


async def test_the_questions_move_nothing(sim: Sim) -> None:
    before = (sim.world.as_json(None, None, with_calls=False) | {"now": ""},)
    for channel in FIELDS:
        await found(sim, channel, right(sim, channel))
    assert (sim.world.as_json(None, None, with_calls=False) | {"now": ""},) == before


@given(
    status=st.integers(100, 599),
    headers=st.dictionaries(st.sampled_from(["date", "wechatpay-serial", "wechatpay-timestamp", "x"]), st.text()),
    body=st.one_of(st.binary(max_size=200), st.sampled_from([b'{"code":1}', b'{"sign":1}', b"[]", b'{"a":{"b":1}}'])),
)
def test_whatever_a_channel_says_there_is_a_verdict(
    whole: Mapping[Channel, Any], status: int, headers: dict[str, str], body: bytes
) -> None:
    """Never raises, and never calls keys well because of nonsense."""
    for channel, (given_, keys) in whole.items():
        reply = Reply(status=status, headers=headers, body=body)
        findings = CHECKERS[channel].judge(given_, keys, [reply] * 4, datetime.now(UTC))
        assert verdict(findings) is not Verdict.WELL


@pytest.fixture(scope="module")
def whole(sim: Sim) -> Mapping[Channel, Any]:
    return {channel: (right(sim, channel), CODECS[channel].keys(right(sim, channel))) for channel in FIELDS}


@pytest.mark.parametrize("channel", FIELDS)
async def test_no_finding_holds_a_key(sim: Sim, channel: Channel) -> None:
    secret = pair()[0]
    for name in FIELDS[channel]:
        with_it = right(sim, channel) | {name: secret}
        try:
            findings = await found(sim, channel, with_it)
        except Denied as no:
            findings = [Finding(str(no))]
        assert "PRIVATE" not in repr(findings)
        assert secret.splitlines()[1][:20] not in repr(findings)
