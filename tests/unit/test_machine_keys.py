"""Keys: what a scope opens, how a secret turns over, how a till is enrolled."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.tilling import Device
from yuanlu import ids
from yuanlu.change import Change, Stay
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.machines import rules
from yuanlu.machines.rules import Invited, Key, KeyAsk, TillStand
from yuanlu.people.rules import MAY, Person, Role, demand
from yuanlu.web.parts.calls import PUBLIC, allowed
from yuanlu.web.server import ROUTES

NOW = datetime(2026, 11, 26, 4, tzinfo=UTC)
M, K, T = (ids.new(kind, NOW) for kind in (Kind.MERCHANT, Kind.KEY, Kind.TILL))
ASK = KeyAsk(merchant_id=M, id=K, actor="stock", who="boss", scopes=("read", "charge", "read"))
TILL = TillStand(merchant_id=M, id=T, store_id="YS", name="T1", created_at=NOW)


def key(**changes: object) -> Key:
    made = rules.make(ASK, b"new", None, NOW)
    assert isinstance(made, Change)
    return replace(made.row, **changes)  # type: ignore[arg-type]


def test_scopes_are_made_of_verbs_that_there_are() -> None:
    assert {verb for verbs in rules.SCOPES.values() for verb in verbs} <= MAY.keys()
    opened = {verb for verbs in rules.SCOPES.values() for verb in verbs}
    assert not opened & {"keys", "enrol", "export", "erase"}


def test_a_narrowed_key_may_what_scope_and_role_both_allow() -> None:
    only = rules.verbs_of("charge,read")
    demand(Person("a", Role.OWNER, only=only), "charge")
    with pytest.raises(Denied, match=r"key\.out_of_scope"):
        demand(Person("a", Role.OWNER, only=only), "refund")
    with pytest.raises(Denied, match=r"staff\.not_allowed"):
        demand(Person("a", Role.AUDITOR, only=only), "charge")
    assert rules.verbs_of("") is None
    assert rules.verbs_of("gone") == frozenset()


@pytest.mark.parametrize("scope", sorted(rules.SCOPES))
def test_a_narrowed_key_meets_only_the_routes_of_its_scope(scope: str) -> None:
    by = Person("a", Role.OWNER, only=rules.verbs_of(scope))
    for route in ROUTES:
        if route.may == PUBLIC or route.may in rules.SCOPES[scope]:
            allowed(by, route)
            continue
        with pytest.raises(Denied, match=r"key\.out_of_scope"):
            allowed(by, route)


def test_no_scope_opens_what_needs_the_whole_key() -> None:
    for whole in ("keys", "enrol", "export", "erase", "pay_out", "policy", "limit", "agree_limit", "lose", "staff"):
        assert not [name for name, verbs in rules.SCOPES.items() if whole in verbs]


def test_a_key_is_made_once() -> None:
    assert key().scopes == "charge,read"
    assert isinstance(rules.make(ASK, b"other", key(), NOW), Stay)
    with pytest.raises(Denied, match=r"key\.id_taken"):
        rules.make(replace(ASK, actor="other"), b"other", key(), NOW)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"actor": " "}, "key.actor_empty"),
        ({"scopes": ("all",)}, "key.scope_unknown"),
        ({"until": NOW}, "key.until_past"),
    ],
)
def test_what_no_key_can_be(changes: dict[str, object], code: str) -> None:
    with pytest.raises(Denied, match=code):
        rules.make(replace(ASK, **changes), b"x", None, NOW)  # type: ignore[arg-type]


def test_the_old_secret_counts_until_the_grace_is_over() -> None:
    turned = rules.rotate(b"newer", timedelta(hours=1), "boss", key(), NOW).row
    assert (turned.digest, turned.old_digest, turned.old_until) == (b"newer", b"new", NOW + timedelta(hours=1))
    assert turned.standing(NOW) == "rotating"
    assert turned.standing(NOW + timedelta(hours=1)) == "in_use"
    with pytest.raises(Denied, match=r"key\.rotating"):
        rules.rotate(b"third", timedelta(hours=1), "boss", turned, NOW)
    at_once = rules.rotate(b"third", timedelta(0), "boss", turned, NOW).row
    assert (at_once.digest, at_once.old_digest, at_once.old_until) == (b"third", b"", None)
    later = rules.rotate(b"third", timedelta(hours=1), "boss", turned, NOW + timedelta(hours=1)).row
    assert later.old_digest == b"newer"


@pytest.mark.parametrize(
    ("seen", "grace", "code"),
    [
        (None, timedelta(0), "key.unknown"),
        (key(revoked_at=NOW), timedelta(0), "key.unknown"),
        (key(till_id=T), timedelta(0), "key.of_till"),
        (key(), timedelta(days=31), "key.grace"),
        (key(), timedelta(seconds=-1), "key.grace"),
    ],
)
def test_what_does_not_turn_over(seen: Key | None, grace: timedelta, code: str) -> None:
    with pytest.raises(Denied, match=code):
        rules.rotate(b"x", grace, "boss", seen, NOW)


def test_a_key_that_ends_takes_its_old_secret_and_its_code_along() -> None:
    turned = rules.rotate(b"newer", timedelta(hours=1), "boss", key(enrol_mark="m", enrol_until=NOW), NOW).row
    ended = rules.end("boss", turned, NOW).row
    assert (ended.old_digest, ended.old_until, ended.enrol_mark, ended.enrol_until) == (b"", None, "", None)
    assert ended.standing(NOW) == "ended"
    with pytest.raises(Denied, match=r"key\.unknown"):
        rules.end("boss", ended, NOW)


def test_a_till_is_invited_for_fifteen_minutes_and_enrolled_once() -> None:
    invited = rules.invite(K, T, ("charge",), "mark", "boss", Invited(None, TILL), NOW).row
    assert (invited.digest, invited.standing(NOW)) == (b"", "invited")
    device = Device()
    enrolled = rules.enrol(device.public_key, b"token", invited, NOW + timedelta(minutes=14, seconds=59)).row
    assert (enrolled.public_key, enrolled.enrol_mark, enrolled.till_id) == (device.public_key, "", T)
    for seen, at in ((invited, NOW + timedelta(minutes=15)), (enrolled, NOW), (None, NOW)):
        with pytest.raises(Denied, match=r"enrolment\.unknown"):
            rules.enrol(Device().public_key, b"token", seen, at)
    with pytest.raises(Denied, match=r"enrolment\.unknown"):
        rules.enrol(Device().public_key, b"token", rules.end("boss", invited, NOW).row, NOW)


def _spki(made: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return base64.b64encode(made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AAAA",
        "*",
        Device().public_key[:-4],
        _spki(ec.generate_private_key(ec.SECP384R1())),
        _spki(ec.generate_private_key(ec.SECP256K1())),
        _spki(rsa.generate_private_key(65537, 2048))[:400],
    ],
)
def test_a_key_of_another_kind_enrols_nothing(text: str) -> None:
    invited = rules.invite(K, T, (), "mark", "boss", Invited(None, TILL), NOW).row
    with pytest.raises(Denied, match=r"enrolment\.key"):
        rules.enrol(text, b"token", invited, NOW)


def test_a_closed_till_takes_no_device() -> None:
    closed = rules.close("boss", TILL, NOW)
    assert isinstance(closed, Change)
    for till in (closed.row, None):
        with pytest.raises(Denied, match=r"till\.gone"):
            rules.invite(K, T, (), "mark", "boss", Invited(None, till), NOW)
    assert isinstance(rules.close("boss", closed.row, NOW), Stay)
    with pytest.raises(Denied, match=r"till\.gone"):
        rules.close("boss", None, NOW)


def test_a_code_is_read_as_people_write_it() -> None:
    assert rules.tidy_code(" 7k2m-oqxl-4tjd ") == "7K2M0QX14TJD"
