"""State tables are total: a cell nobody thought of is an error when the table is read."""

from __future__ import annotations

from enum import StrEnum

import pytest

from yuanlu.machine import Turn, parse, picture


class Lamp(StrEnum):
    ON = "on"
    OFF = "off"


class Hand(StrEnum):
    PRESS = "press"
    HOLD = "hold"


TEXT = """
    |     | PRESS | HOLD |
    | --- | ----- | ---- |
    | ON  | OFF   | ·    |
    | OFF | ON    | !    |
"""


def test_every_cell_says_where_to_go_to_stay_or_that_it_cannot_be() -> None:
    table = parse(Lamp, list(Hand), TEXT)
    assert table.turn(Lamp.ON, Hand.PRESS) is Lamp.OFF
    assert table.turn(Lamp.ON, Hand.HOLD) is Turn.STAY
    assert table.turn(Lamp.OFF, Hand.HOLD) is Turn.CLASH


def test_states_that_behave_alike_share_a_row() -> None:
    table = parse(Lamp, list(Hand), "| | PRESS | HOLD |\n| ON, OFF | ON | · |")
    assert table.turn(Lamp.OFF, Hand.PRESS) is table.turn(Lamp.ON, Hand.PRESS) is Lamp.ON


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("| | PRESS | HOLD |\n| ON | OFF | · |", "misses"),
        ("| | PRESS |\n| ON, OFF | OFF |", "misses"),
        ("| | PRESS | HOLD |\n| ON, OFF | OFF |", "has 1 cells, not 2"),
        ("| | PRESS | HOLD |\n| ON, ON, OFF | OFF | · |", "twice"),
    ],
)
def test_a_table_with_a_hole_or_a_doubled_row_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(Lamp, list(Hand), text)


@pytest.mark.parametrize(
    "text",
    [
        "| | PRESS | HOLD |\n| ON, OFF | DIM | · |",
        "| | PRESS | HOLD |\n| ON, DIM | OFF | · |",
        "| | PRESS | PULL |\n| ON, OFF | OFF | · |",
    ],
)
def test_a_table_that_names_what_is_not_there_is_refused(text: str) -> None:
    with pytest.raises(KeyError):
        parse(Lamp, list(Hand), text)


def test_the_picture_has_an_arrow_for_each_way_and_none_for_what_stays() -> None:
    drawn = picture(parse(Lamp, list(Hand), TEXT), {(Lamp.ON, "pull"): Lamp.OFF})
    assert drawn == "stateDiagram-v2\n    ON --> OFF: «pull», PRESS\n    OFF --> ON: PRESS\n"
