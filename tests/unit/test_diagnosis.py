"""Diagnosing channel codes: every row of every book, the operations, the aliases, and codes nobody knows."""

from __future__ import annotations

import csv
import io
import tomllib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuanlu import packaged
from yuanlu.channels import diagnosis
from yuanlu.channels.contract import Operation
from yuanlu.channels.diagnosis import Retry, Verdict, diagnose

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "error_codes.csv"


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


CHANNEL_ROWS = rows_of(packaged.text("channels/data/error_codes.csv"))
OUR_ROWS = rows_of(packaged.text("channels/data/error_codes_ours.csv"))
ANSWER = ("cause", "outcome", "retry", "cashier_action_zh", "cashier_action_en")


def answer(row: dict[str, str]) -> dict[str, str]:
    return {name: row[name] for name in ANSWER}


def name(row: dict[str, str]) -> str:
    return f"{row['channel']}-{row['code']}"


@pytest.mark.parametrize("row", CHANNEL_ROWS + OUR_ROWS, ids=name)
def test_every_row_is_told_as_it_stands(row: dict[str, str]) -> None:
    """S5. S40. S42. S43. S45."""
    told = diagnose(row["channel"], row["code"])
    assert told.known
    assert told.as_dict() == answer(row)
    assert all(row[part] for part in ("meaning_zh", "meaning_en", "cashier_action_zh", "cashier_action_en", "source"))


@pytest.mark.parametrize("row", [row for row in CHANNEL_ROWS + OUR_ROWS if row["code"].endswith(")")], ids=name)
def test_a_row_for_an_operation_is_found_by_code_and_operation(row: dict[str, str]) -> None:
    code, operation = row["code"].rstrip(")").split("(")
    assert diagnose(row["channel"], code, operation).as_dict() == answer(row)


@pytest.mark.parametrize("row", CHANNEL_ROWS, ids=name)
def test_money_rows_are_sane(row: dict[str, str]) -> None:
    told = diagnose(row["channel"], row["code"])
    if told.outcome is Verdict.SUCCESS:
        assert told.retry in {Retry.NEVER, Retry.QUERY_FIRST}, "what succeeded is not sent again"
    if told.outcome is Verdict.UNKNOWN:
        assert told.retry in {Retry.QUERY_FIRST, Retry.SAME_REQUEST}, "unknown is never tried under a new number"


def test_the_271_rows_are_all_there() -> None:
    assert len(CHANNEL_ROWS) == 271
    assert {row["channel"] for row in CHANNEL_ROWS} | {"client"} == set(diagnosis.CHANNELS)


@pytest.mark.skipif(not REFERENCE.exists(), reason=f"no {REFERENCE} here")
def test_our_rows_say_what_the_reference_says() -> None:
    ours = {(row["channel"], row["code"]): answer(row) for row in CHANNEL_ROWS}
    for row in rows_of(REFERENCE.read_text(encoding="utf-8")):
        assert ours[row["channel"], row["code"]] == answer(row)


@pytest.mark.parametrize(("alias", "channel"), diagnosis.ALIASES.items())
def test_a_plain_name_is_the_newest_protocol(alias: str, channel: str) -> None:
    for row in CHANNEL_ROWS:
        if row["channel"] == channel:
            assert diagnose(alias, row["code"]) == diagnose(channel, row["code"])


@pytest.mark.parametrize(
    ("channel", "code", "operation", "told"),
    [
        ("wechat_v2", "NOTENOUGH", "pay", ("account", "failed", "new_request")),
        ("wechat_v2", "NOTENOUGH", "refund", ("system", "failed", "same_request")),
        ("wechat", "NOT_ENOUGH", "pay", ("account", "failed", "new_request")),
        ("wechat", "NOT_ENOUGH", "refund", ("system", "failed", "same_request")),
        ("wechat", "RESOURCE_NOT_EXISTS", "refund", ("order_info", "failed", "never")),
        ("wechat", "RESOURCE_NOT_EXISTS", "refund_query", ("order_info", "failed", "same_request")),
        ("wechat", "SYSTEM_ERROR", "refund", ("system", "unknown", "query_first")),
        ("alipay", "ACQ.SYSTEM_ERROR", "pay", ("system", "unknown", "query_first")),
        ("alipay", "ACQ.SYSTEM_ERROR", "refund", ("system", "unknown", "same_request")),
        ("alipay", "ACQ.TRADE_NOT_EXIST", "query", ("order_info", "pending", "query_first")),
        ("alipay", "ACQ.TRADE_NOT_EXIST", "refund", ("order_info", "failed", "never")),
        ("card", "51", None, ("account", "failed", "new_request")),
        ("client", "CONNECT_FAILED", "pay", ("network", "failed", "same_request")),
        ("client", "TIMEOUT", "pay", ("network", "unknown", "query_first")),
        ("client", "RESET", "refund", ("network", "unknown", "query_first")),
        ("client", "BAD_SIGNATURE", None, ("system", "unknown", "query_first")),
        ("client", "MALFORMED_BODY", None, ("system", "unknown", "query_first")),
    ],
)
def test_a_code_means_what_it_means_in_that_operation(
    channel: str, code: str, operation: str | None, told: tuple[str, str, str]
) -> None:
    heard = diagnose(channel, code, operation)
    assert (heard.cause, heard.outcome, heard.retry) == told


def test_a_rescue_that_is_unclear_is_asked_about_like_a_refund() -> None:
    assert diagnose("wechat", "SYSTEM_ERROR", "rescue") == diagnose("wechat", "SYSTEM_ERROR", "refund")


@given(st.text(max_size=40), st.text(max_size=40), st.none() | st.sampled_from(Operation) | st.text(max_size=10))
def test_whatever_is_asked_there_is_an_answer_and_never_a_guess(channel: str, code: str, operation: str | None) -> None:
    told = diagnose(channel, code, operation)
    assert set(told.as_dict()) == set(ANSWER)
    assert told.known or (told.cause, told.outcome, told.retry) == ("system", "unknown", "query_first")


@pytest.mark.parametrize("channel", [*diagnosis.CHANNELS, *diagnosis.ALIASES, "no_such_channel"])
@pytest.mark.parametrize("code", ["", "NEVER_HEARD_OF", "success", "０"])
def test_an_unknown_code_is_unknown_never_failed(channel: str, code: str) -> None:
    """S40."""
    told = diagnose(channel, code)
    assert (told.known, told.cause, told.outcome, told.retry) == (False, "system", "unknown", "query_first")
    assert told.cashier_action_zh
    assert told.cashier_action_en


def test_every_operation_of_the_contract_is_answered() -> None:
    for operation in Operation:
        assert diagnose("wechat", "SYSTEM_ERROR", operation).outcome is Verdict.UNKNOWN


HEAD = ",".join(CHANNEL_ROWS[0])


@pytest.mark.parametrize(
    "rows",
    [
        "alipay,X,,甲,x,weather,failed,never,乙,y,s",
        "alipay,X,,甲,x,system,lost,never,乙,y,s",
        "alipay,X,,甲,x,system,failed,maybe,乙,y,s",
        "alipay,X,,甲,x,system,failed,never,乙,y,s\nalipay,X,,甲,x,system,failed,never,乙,y,s",
    ],
)
def test_a_book_that_makes_no_sense_is_refused_when_read(rows: str) -> None:
    with pytest.raises(ValueError, match=r"not a valid|twice"):
        diagnosis.read_book(date(2026, 11, 23), f"{HEAD}\n{rows}\n".splitlines())


def test_books_are_dated_and_every_file_is_listed() -> None:
    listed = tomllib.loads(packaged.text("channels/data/error_codes.toml"))["book"]
    assert [entry["file"] for entry in listed] == ["error_codes.csv", "error_codes_ours.csv"]
    assert all(isinstance(entry["valid_from"], date) and entry["source"] for entry in listed)
    assert diagnosis.known_codes(date(2020, 1, 1)), "before the first book the first book counts"
