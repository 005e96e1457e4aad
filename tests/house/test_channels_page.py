"""docs/reference/channels.md says what the codecs and the law do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from tests.house.test_reference import table
from yuanlu.channels import law
from yuanlu.channels.alipay import codec as alipay
from yuanlu.channels.contract import Operation, Word
from yuanlu.channels.diagnosis import Cause, known_codes
from yuanlu.channels.law import Said
from yuanlu.channels.wechat import codec as wechat_v3
from yuanlu.channels.wechat import v2 as wechat_v2

PAGE = "channels.md"


def rows(head: str) -> list[list[str]]:
    return [[cell.strip("| `") for cell in row] for row in table(PAGE, head)]


def written(said: Said) -> str:
    return said.word.name + (f", {said.reason}" if said.reason else "")


def columns(states: Iterable[str], *tables: Mapping[str, Said]) -> list[list[str]]:
    return [[state, *(written(one[state]) if state in one else "-" for one in tables)] for state in states]


def test_the_states_of_a_payment_are_mapped_as_the_codecs_map_them() -> None:
    states = (wechat_v3.TRADE_STATES, wechat_v2.TRADE_STATES, alipay.TRADE_STATES)
    assert rows("state of a payment") == columns(dict.fromkeys(name for one in states for name in one), *states)


def test_the_states_of_a_refund_are_mapped_as_the_codecs_map_them() -> None:
    v2 = {state: said for state, (_, said) in wechat_v2.REFUND_STATES.items()}
    states = dict.fromkeys([*wechat_v3.REFUND_STATES, *v2])
    assert rows("state of a refund") == columns(states, wechat_v3.REFUND_STATES, v2)


def test_the_exceptions_are_the_codecs_exceptions() -> None:
    on_page = {
        (book, Operation(operation), code, word)
        for code, book, operations, word in rows("code \\| channel \\| step \\| word")
        for operation in operations.split(", ")
    }
    in_code = {
        (codec.BOOK, operation, code, written(said))
        for codec in (wechat_v3, wechat_v2, alipay)
        for (operation, code), said in codec.EXCEPTIONS.items()
    }
    assert on_page == in_code


LAW = ("pay, show", "refund", "reverse, close", "rescue", "query, refund_query")


@pytest.mark.parametrize("row", rows("outcome"), ids=lambda row: f"{row[0]} {row[1]}")
def test_the_general_law_is_what_each_code_gets(row: list[str]) -> None:
    """Each code of the tables is tried, but for faults of set-up (which the page tells apart)."""
    outcome, retries, *words = row
    tried = 0
    for (book, name), told in known_codes().items():
        is_ours = told.outcome == outcome and (retries == "any" or told.retry in retries.split(", "))
        if not is_ours or book not in {"wechat_v3", "wechat_v2", "alipay"} or "(" in name or has_other(book, name):
            continue
        for names, word in zip(LAW, words, strict=True):
            for operation in map(Operation, names.split(", ")):
                heard = law.said(book, name, operation).word
                is_set_up = told.cause is Cause.SYSTEM and heard is Word.DEFERRED and operation is not Operation.PAY
                assert heard.name == word or is_set_up, (book, name, operation)
        tried += 1
    assert tried > 3


def has_other(book: str, name: str) -> bool:
    """Whether some operation has a row of its own for this code."""
    return any(one == book and other.startswith(f"{name}(") for one, other in known_codes())


def test_what_goes_wrong_on_our_side_has_a_row_and_a_diagnosis() -> None:
    codes = {code for row in rows("code \\| when") for code in row[0].split(", ")}
    assert codes == {
        "client.connect_failed",
        "client.timeout",
        "client.reset",
        "client.malformed_body",
        "client.http_5xx",
        "client.http_502",
        "client.http_503",
        "client.http_504",
        "client.bad_signature",
        "client.mismatch",
    }
    for code in codes:
        assert law.diagnosis_of("wechat_v3", code).known, code
