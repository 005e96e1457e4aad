"""Who calls, how often, with which cookie, and cells that cannot run: the pure parts of the door."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuanlu import sheets
from yuanlu.config import Settings
from yuanlu.errors import Denied
from yuanlu.merchants.store import ApiKey
from yuanlu.policies import table
from yuanlu.web.parts import cookies, proxies
from yuanlu.web.parts.limits import Buckets, Limits

# --- limits ---


class Now:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def test_a_bucket_holds_the_calls_of_a_minute_and_fills_evenly() -> None:
    now = Now()
    buckets = Buckets(now)
    assert [buckets.take(("x",), 60) for _ in range(60)] == [0.0] * 60
    assert buckets.take(("x",), 60) == pytest.approx(1.0)
    assert buckets.take(("x",), 60) == pytest.approx(1.0), "who is told to wait loses nothing by asking"
    assert buckets.take(("y",), 60) == 0.0, "nobody pays for others"
    now.at += 1.0
    assert buckets.take(("x",), 60) == 0.0
    assert buckets.take(("x",), 60) > 0
    now.at += 3600
    assert [buckets.take(("x",), 60) > 0 for _ in range(61)] == [False] * 60 + [True], "a long rest saves one minute"


def test_no_rate_is_no_limit() -> None:
    buckets = Buckets(Now())
    assert not any(buckets.take(("x",), 0) for _ in range(10_000))
    assert len(buckets) == 0


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 50))
def test_whatever_the_pace_no_more_pass_than_the_rate_lets(pauses: list[float], rate: int) -> None:
    """Against a count by hand: within any stretch of time, a minute's worth and what has flowed in."""
    now, passed = Now(), []
    buckets = Buckets(now)
    for pause in pauses:
        now.at += pause
        for _ in range(7):
            if not buckets.take(("x",), rate):
                passed.append(now.at)
    for n, first in enumerate(passed):
        for many, last in enumerate(passed[n:], 1):
            assert many <= rate + (last - first) * rate / 60 + 1e-3


def test_made_up_names_cost_no_more_memory_than_is_set_and_spare_who_called_last() -> None:
    now = Now()
    buckets = Buckets(now, kept_max=100)
    for n in range(1000):
        now.at += 0.001
        buckets.take((str(n),), 1)
        assert len(buckets) <= 100
    assert buckets.take(("999",), 1) > 0


KEY = ApiKey("YM1", "YK1", "anna", "manager")


def denied(what: Any, *arguments: Any) -> Mapping[str, Any]:
    with pytest.raises(Denied, match=r"request\.too_many") as no:
        what(*arguments)
    return no.value.facts


def limits(**rates: int) -> Limits:
    return Limits(Settings(state=None, **rates), 100, Now())  # type: ignore[arg-type]


def test_each_of_address_key_person_till_and_object_has_a_limit_of_its_own() -> None:
    others = {"a": "203.0.113.1", "b": "203.0.113.2"}
    one = limits(rate_address=2)
    for _ in range(2):
        one.enter({}, others["a"], "/v1/payments")
    assert denied(one.enter, {}, others["a"], "/v1/cases/x")["of"] == "address"
    one.enter({}, others["b"], "/v1/payments")
    same, other = KEY, ApiKey("YM1", "YK2", "anna", "manager")
    two = limits(rate_key=1)
    two.act({}, same, {})
    assert denied(two.act, {}, same, {})["of"] == "key"
    two.act({}, other, {})
    three = limits(rate_person=1)
    three.act({}, same, {})
    assert denied(three.act, {}, other, {})["of"] == "person", "another key of the same person"
    four = limits(rate_object=1)
    four.act({}, same, {"case": "YC1"})
    four.act({}, same, {"case": "YC2"})
    four.act({}, ApiKey("YM2", "YK3", "eve"), {"case": "YC1"})
    assert denied(four.act, {}, other, {"case": "YC1"})["of"] == "object"
    five = limits(rate_device=1)
    five.use(same, "YT1")
    five.use(same, "YT2")
    five.use(same, "")
    assert denied(five.use, other, "YT1")["of"] == "device"


@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/sessions/", "//v1///sessions/x/end", "/v1/enrolments/a/b/c"])
def test_ways_in_are_strictest_however_their_path_is_written(path: str) -> None:
    door = limits(rate_signin=1)
    door.enter({}, "203.0.113.1", path)
    assert denied(door.enter, {}, "203.0.113.1", path) == {"seconds": 60, "of": "address"}
    door.enter({}, "203.0.113.1", "/v1/payments")
    door.enter({}, "203.0.113.2", path)


def test_whoever_asks_for_health_has_not_lost_it_to_other_calls() -> None:
    door = limits(rate_address=1)
    door.enter({}, "203.0.113.1", "/v1/payments")
    for path in ("/healthz", "/readyz"):
        door.enter({}, "203.0.113.1", path)
        denied(door.enter, {}, "203.0.113.1", path)


def test_a_providers_retries_for_one_merchant_are_not_used_up_by_another_merchants() -> None:
    door, state = limits(rate_callback=2, rate_address=1), {}
    for merchant_id in ("YM1", "YM2", "YM3"):
        for _ in range(2):
            door.enter(state, "203.0.113.1", f"/callbacks/wechat/{merchant_id}")
            door.call_back(state, "wechat", merchant_id)
    denied(door.call_back, state, "wechat", "YM1")
    door.call_back(state, "alipay", "YM1")
    elsewhere: dict[str, Any] = {}
    door.enter(elsewhere, "203.0.113.9", "/callbacks/wechat/YM1")
    door.call_back(elsewhere, "wechat", "YM1")  # a forger uses up their own


def test_one_caller_holds_no_more_than_a_share_and_gives_it_back() -> None:
    door, states = limits(rate_address=0, rate_key=0), []
    for _ in range(50):
        states.append({})
        door.enter(states[-1], "203.0.113.1", "/v1/payments")
    denied(door.enter, {}, "203.0.113.1", "/v1/payments")
    door.enter({}, "203.0.113.2", "/v1/payments")
    for state in states[:25]:
        door.act(state, KEY, {})
    denied(door.act, states[30], KEY, {})
    door.act(states[30], ApiKey("YM1", "YK2", "x"), {})
    for state in states:
        door.leave(state)
        door.leave(state)
    door.enter({}, "203.0.113.1", "/v1/payments")
    door.act({}, KEY, {})


# --- who calls ---

LISTED = proxies.read("10.0.0.7, 10.1.0.0/16,fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # not listed: what it writes is nobody's word
        ("10.0.0.7", [], "10.0.0.7"),
        ("10.0.0.7", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.7", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),  # the left is what the caller wrote
        ("10.0.0.7", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.7", ["198.51.100.1, 10.1.2.3"], "198.51.100.1"),
        ("10.0.0.7", ["198.51.100.1, nonsense"], "10.0.0.7"),
        ("10.0.0.7", ["198.51.100.1, nonsense, 10.1.2.3"], "10.1.2.3"),
        ("10.0.0.7", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.7", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.7", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.7", ["10.1.0.1, 10.1.0.2"], "10.1.0.1"),
        ("10.0.0.7", [""], "10.0.0.7"),
        ("10.0.0.7", ["'; drop table"], "10.0.0.7"),
    ],
)
def test_only_a_listed_proxy_says_who_calls(peer: str, forwarded: list[str], caller: str) -> None:
    headers = [(b"host", b"x"), *((b"x-forwarded-for", each.encode()) for each in forwarded)]
    assert proxies.caller(peer, headers, LISTED)[0] == caller
    assert proxies.caller(peer, headers, ())[0] == peer


def test_only_a_listed_proxy_says_that_it_was_tls() -> None:
    def over_tls(peer: str, *said: bytes) -> bool:
        return proxies.caller(peer, [(b"x-forwarded-proto", each) for each in said], LISTED)[1]

    assert over_tls("10.0.0.7", b"https")
    assert not over_tls("10.0.0.7", b"http")
    assert not over_tls("10.0.0.7", b"https", b"http")
    assert not over_tls("10.0.0.7", b"https, http")
    assert not over_tls("203.0.113.9", b"https")


@pytest.mark.parametrize("text", ["localhost", "10.0.0.0/33", "10.0.0.1/8", "*", "10.0.0.1;10.0.0.2"])
def test_proxies_that_cannot_be_are_refused_at_start(text: str) -> None:
    with pytest.raises(Denied, match=r"settings\.invalid"):
        proxies.read(text)


def test_who_has_a_network_of_ipv6_is_one_caller() -> None:
    assert proxies.household("2001:db8::1") == proxies.household("2001:db8:0:0:ffff::2")
    assert proxies.household("2001:db8:0:1::1") != proxies.household("2001:db8::1")
    assert proxies.household("::ffff:198.51.100.1") == proxies.household("198.51.100.1")
    assert proxies.household("fe80::1%eth0") == proxies.household("fe80::2")
    assert proxies.household("") == ""


# --- cookies ---


def test_a_cookie_is_for_this_host_alone_over_tls_and_out_of_reach_of_scripts() -> None:
    assert cookies.made("session", "abc", seconds=900) == (
        "__Host-session=abc; Path=/; Max-Age=900; Secure; HttpOnly; SameSite=Strict"
    )
    assert cookies.made("session", "", seconds=0, same_site="Lax").endswith("Max-Age=0; Secure; HttpOnly; SameSite=Lax")
    for name, value in (("a b", "x"), ("a", "x; Domain=evil"), ("a", "x\r\nset-cookie: y"), ("A", "x")):
        with pytest.raises(AssertionError):
            cookies.made(name, value, seconds=1)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("__Host-session=abc", "abc"), ("a=1; __Host-session=abc; b=2", "abc"), ("", ""), ("session=abc", ""),
        ("__Host-session=abc; __Host-session=evil", ""), ('__Host-session="abc"', ""), ("__host-session=abc", ""),
        ("__Host-session=" + "a" * 5000, ""), ("__Host-session", ""), ("__Host-session=a=b", ""),
    ],
)  # fmt: skip
def test_a_cookie_is_read_only_where_it_is_surely_ours(header: str, value: str) -> None:
    assert cookies.read(header.encode("latin-1"), "session") == value


def test_a_call_that_changes_something_needs_the_token_of_its_own_session() -> None:
    key = b"k" * 32
    good = {cookies.TOKEN_HEADER: cookies.token(key, "one").encode()}
    cookies.demand_token("POST", good, key, "one")
    cookies.demand_token("GET", {}, key, "one")
    for method, headers, secret, session in (
        ("POST", {}, key, "one"),
        ("POST", good, key, "two"),
        ("DELETE", good, b"j" * 32, "one"),
        ("POST", {cookies.TOKEN_HEADER: b""}, key, "one"),
        ("POST", {cookies.TOKEN_HEADER: "é".encode()}, key, "one"),
    ):
        with pytest.raises(Denied, match=r"session\.csrf"):
            cookies.demand_token(method, headers, secret, session)


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"sec-fetch-site": "same-origin"}, True), ({"sec-fetch-site": "none"}, True), ({}, True),
        ({"sec-fetch-site": "cross-site"}, False), ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "https://pay.example"}, False),
        ({"origin": "https://pay.example"}, True), ({"origin": "https://PAY.example"}, True),
        ({"origin": "https://evil.example"}, False), ({"origin": "null"}, False),
        ({"origin": "https://pay.example.evil.example"}, False), ({"origin": "https://[x"}, False),
    ],
)  # fmt: skip
def test_a_cookie_sent_along_by_a_page_of_somebody_else_changes_nothing(headers: dict[str, str], passes: bool) -> None:
    came = {b"host": b"pay.example"} | {name.encode(): value.encode() for name, value in headers.items()}
    cookies.demand_own_page("POST", came)
    cookies.demand_own_page("GET", came | {b"cookie": b"a=b"})
    if passes:
        cookies.demand_own_page("POST", came | {b"cookie": b"a=b"})
    else:
        with pytest.raises(Denied, match=r"session\.csrf"):
            cookies.demand_own_page("POST", came | {b"cookie": b"a=b"})


# --- cells ---


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x", "'=1", " =1", "''=1",
     "=cmd|' /C calc'!A0", "=HYPERLINK(\"https://evil.example\")"],
)  # fmt: skip
def test_a_cell_that_would_run_is_text(cell: str) -> None:
    assert sheets.defused(cell) == "'" + cell
    (read,) = csv.reader(io.StringIO(sheets.written([[cell, "x"]]), newline=""))
    assert read == ["'" + cell, "x"]


@given(st.text() | st.text(alphabet="'=+-@ \t\rax＝", max_size=6))
def test_a_cell_comes_back_as_it_was_and_begins_nothing(cell: str) -> None:
    made = sheets.defused(cell)
    assert sheets.restored(made) == cell
    assert not made.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))


def test_the_built_in_policy_is_written_as_it_was_and_reads_the_same() -> None:
    lines = table.default().lines
    assert table.read(table.written(lines)).lines == lines
