"""Whose a receipt's page is: who looks is nobody, who acts first is known, all others give four digits, five times."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuanlu.change import Change
from yuanlu.errors import Denied
from yuanlu.receipts.visits import TRIES_MAX, Standing, Visit, claims, proves, standing

AT = datetime(2026, 11, 28, tzinfo=UTC)
DEVICES = st.sampled_from(["phone", "bot", "friend", "thief"])
DEEDS = st.lists(st.tuples(DEVICES, st.sampled_from(["looks", "acts", "right", "wrong"])), max_size=30)


def after(seen: Visit | None, device: str, deed: str) -> Visit | None:
    """The page's row after somebody did something; a no changes nothing."""
    if deed == "looks":
        standing(device, seen)
        return seen
    try:
        done = claims("M", "P", device, seen, AT) if deed == "acts" else proves(device, deed == "right", seen, AT)
    except Denied:
        return seen
    return done.row


@given(DEEDS)
def test_looking_makes_nobody_known_and_the_first_to_act_stays(deeds: list[tuple[str, str]]) -> None:
    seen: Visit | None = None
    for device, deed in deeds:
        seen = after(seen, device, deed)
    actors = [device for device, deed in deeds if deed == "acts"]
    for device in ("phone", "bot", "friend", "thief"):
        is_known = standing(device, seen) is Standing.KNOWN
        did = {deed for who, deed in deeds if who == device}
        assert not is_known or did & {"acts", "right"}
        assert is_known or not actors or device != actors[0]
        if is_known and device != actors[0]:
            assert "right" in did
    assert (seen is None) == (not actors)


@given(DEEDS)
def test_five_wrong_ones_are_counted_and_then_nobody_new_gets_in(deeds: list[tuple[str, str]]) -> None:
    seen = after(None, "owner", "acts")
    for device, deed in deeds:
        was = seen
        seen = after(seen, device, deed)
        assert seen is not None
        assert was is not None
        assert seen.tries <= TRIES_MAX
        if was.tries == TRIES_MAX:
            assert seen.visitors == was.visitors
        if deed == "wrong" and was.tries < TRIES_MAX and not was.knows(device):
            assert seen.tries == was.tries + 1


def test_the_first_leaves_a_fact_and_nobody_proves_what_nobody_has() -> None:
    assert isinstance(claims("M", "P", "phone", None, AT), Change)
    with pytest.raises(Denied, match=r"receipt\.unknown"):
        proves("phone", True, None, AT)
