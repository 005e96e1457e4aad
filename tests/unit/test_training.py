"""Drills: written once, and called for by what really went wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from yuanlu import ids
from yuanlu.cases.rules import What
from yuanlu.change import Change, Stay
from yuanlu.errors import Denied
from yuanlu.guards.rules import Earlier, Known, judge
from yuanlu.practice import scenes
from yuanlu.training import rules
from yuanlu.training.rules import DrillAsk, Outcome, Record

AT = datetime(2026, 11, 26, 8, tzinfo=UTC)
ID = ids.new(ids.Kind.DRILL, AT)


def ask(**given: Any) -> DrillAsk:
    said = {"merchant_id": "m", "id": ID, "who": "w", "drill": "extra_zero", "outcome": Outcome.RIGHT, "seconds": 9}
    return DrillAsk(**said | given)


def right(drill: str, at: datetime | None) -> Record:
    return Record(drill, 1, at, 9, at or AT)


def test_a_drill_is_written_once() -> None:
    made = rules.written(ask(), None, AT)
    assert isinstance(made, Change)
    assert [type(fact).__name__ for fact in made.facts] == ["DrillDone"]
    assert isinstance(rules.written(ask(), made.row, AT + timedelta(seconds=5)), Stay)
    for other in ({"seconds": 8}, {"who": "x"}, {"outcome": Outcome.SLOW}):
        with pytest.raises(Denied, match=r"drill\.id_taken"):
            rules.written(ask(**other), made.row, AT)
    with pytest.raises(Denied, match=r"drill\.unknown"):
        rules.written(ask(drill="no_such"), None, AT)
    with pytest.raises(Denied, match=r"id\.invalid"):
        rules.written(ask(id=ids.new(ids.Kind.CASE)), None, AT)


def test_a_real_mistake_calls_for_the_drills_that_mend_it_until_one_is_done_right_after_it() -> None:
    """S84."""
    assert rules.called_for([], {}) == []
    errors = {"wrong_amount": AT, "charged_twice": AT - timedelta(days=1), "request": AT}
    called = rules.called_for([right("extra_zero", AT - timedelta(hours=1)), right("wrong_amount", None)], errors)
    assert called[:2] == ["extra_zero", "decimal_slip"]  # what went wrong last comes first; right before it is too old
    assert "wrong_amount" in called
    assert called.index("decimal_slip") < called.index("no_network")
    assert "goods_barcode" not in called
    assert "extra_zero" not in rules.called_for([right("extra_zero", AT + timedelta(minutes=1))], errors)


def test_a_drill_mends_kinds_of_case_that_there_are() -> None:
    assert {kind for drill in rules.drills() for kind in drill["mends"]} <= {each.value for each in What}


def test_what_was_sold_before_a_drill_was_sold_at_moments_that_the_guards_look_at() -> None:
    """What a till takes all day was taken long ago and often; of the sales just before, the newest is the first."""
    drill = {"usual": [1280, 980, 1150], "sold": [2500, 900]}
    sales = list(scenes.before(drill, AT))
    assert [each.amount_fen for each in sorted(sales, key=lambda each: each.at, reverse=True)][:2] == [2500, 900]
    assert len({each.at for each in sales}) == len(sales)
    earlier = [Earlier(each.amount_fen, int((AT - each.at).total_seconds())) for each in sales]
    asks = {fen: [each.guard.value for each in judge(Known(amount_fen=fen, earlier=earlier)) if each.asks]
            for fen in (12800, 2500, 1280)}  # fmt: skip
    assert asks == {12800: ["amount.usual_10"], 2500: ["amount.twice"], 1280: []}
