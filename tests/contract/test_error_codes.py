"""Each row of the providers' tables of codes, and the word we hear in it.

What agrees with a row is written down here once more, from the columns `outcome` and `retry` alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest

from yuanlu import packaged
from yuanlu.channels import law
from yuanlu.channels.contract import Operation, Reason, Word
from yuanlu.channels.diagnosis import Cause, Retry, Verdict, diagnose, known_codes

BOOKS = ("wechat_v3", "wechat_v2", "alipay")
QUESTIONS = {Operation.QUERY, Operation.REFUND_QUERY}
SUFFIXES = {
    "refund": {Operation.REFUND, Operation.RESCUE},
    "refund_apply": {Operation.REFUND},
    "pay": {Operation.PAY},
}
"""Which operations a row with this suffix is about."""
FINAL_NO = {
    Operation.PAY: {Word.REFUSED},
    Operation.SHOW: {Word.REFUSED},
    Operation.REVERSE: {Word.UNKNOWN, Word.DEFERRED},
    Operation.CLOSE: {Word.UNKNOWN, Word.DEFERRED},
    Operation.REFUND: {Word.REFUSED, Word.DEFERRED},
    Operation.RESCUE: {Word.STRANDED, Word.DEFERRED},
}


def rows() -> Iterator[dict[str, str]]:
    for name in ("error_codes.csv", "error_codes_ours.csv"):
        text = packaged.text(f"channels/data/{name}")
        yield from (row for row in csv.DictReader(io.StringIO(text, newline="")) if row["channel"] in BOOKS)


ROWS = list(rows())


def agreeing(row: dict[str, str], operation: Operation) -> set[Word]:
    """The words that say no more than the row does."""
    if operation in QUESTIONS or row["outcome"] in {"success", "unknown"}:
        return {Word.UNKNOWN}
    if row["outcome"] == "pending":
        return {Word.PENDING}
    if row["retry"] == "query_first":
        return {Word.UNKNOWN}
    return {Word.DEFERRED} if row["retry"] == "same_request" else FINAL_NO[operation]


def about(row: dict[str, str]) -> set[Operation]:
    """The operations for which this row is the one that counts."""
    code, _, suffix = row["code"].partition("(")
    if suffix:
        return SUFFIXES[suffix.rstrip(")")]
    taken = [SUFFIXES[name] for name in SUFFIXES if (row["channel"], f"{code}({name})") in known_codes()]
    return set(Operation).difference(*taken)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['channel']} {row['code']}")
def test_the_word_for_a_code_agrees_with_its_row(row: dict[str, str]) -> None:
    code = row["code"].partition("(")[0]
    for operation in about(row):
        word, reason = law.said(row["channel"], code, operation)
        assert word in agreeing(row, operation), operation
        assert (word in {Word.PENDING, Word.DEFERRED}) == (reason is not None)


def test_there_is_a_row_for_each_code_the_providers_publish() -> None:
    assert len(ROWS) >= 41 + 42 + 99


@pytest.mark.parametrize("book", BOOKS)
@pytest.mark.parametrize("operation", list(Operation))
def test_a_code_without_a_row_is_unknown(book: str, operation: Operation) -> None:
    told = diagnose(book, "BRAND_NEW", operation)
    assert (told.cause, told.outcome, told.retry) == (Cause.SYSTEM, Verdict.UNKNOWN, Retry.QUERY_FIRST)
    assert law.said(book, "BRAND_NEW", operation) == law.Said(Word.UNKNOWN)


@pytest.mark.parametrize(
    ("book", "code"),
    [("wechat_v3", "NOT_ENOUGH"), ("wechat_v2", "NOTENOUGH"), ("alipay", "ACQ.SELLER_BALANCE_NOT_ENOUGH")],
)
def test_a_refund_short_of_funds_waits_for_them(book: str, code: str) -> None:
    """S4."""
    assert law.said(book, code, Operation.REFUND) == law.Said(Word.DEFERRED, Reason.FUNDS_SHORT)


@pytest.mark.parametrize(("book", "code"), [("wechat_v3", "SIGN_ERROR"), ("alipay", "ACQ.SELLER_BEEN_BLOCKED")])
def test_a_fault_of_set_up_does_not_end_a_refund(book: str, code: str) -> None:
    assert law.said(book, code, Operation.REFUND) == law.Said(Word.DEFERRED, Reason.SET_UP)


def test_what_happens_on_our_side_is_diagnosed_too() -> None:
    for code in ("connect_failed", "timeout", "reset", "bad_signature", "malformed_body", "mismatch", "http_502"):
        assert law.diagnosis_of("wechat", f"client.{code}").known, code
