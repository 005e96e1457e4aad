"""The general law: from what a code means to the word we hear.

`diagnosis` says what a code means for people; a codec needs the word it is about the *object*. The law, for steps that
send:

    outcome    retry                  word
    success    -                      UNKNOWN: only the object itself says that money moved
    pending    -                      PENDING
    unknown    -                      UNKNOWN
    failed     same_request           DEFERRED
    failed     query_first            UNKNOWN
    failed     never, new_request     the final no of that operation, below

and for queries UNKNOWN always: that a question is refused says nothing about what was asked about.

The final no of a payment and of a refund is REFUSED; of a reverse or close it is UNKNOWN (what cannot be reversed may
be paid; only the codes listed as BARRED are clear); of a rescue it is STRANDED (the money is where it was). A refund is
not REFUSED for a fault of set-up (keys, permission, a frozen merchant): when that is mended, the identical request
passes; it is DEFERRED, and a person is told. So is a reverse, a close and a rescue. A fault in what the request says
stays a fault, and is the final no.

What the providers say against this law stands in each codec's table of exceptions, each with the sentence that forces
it. docs/reference/channels.md shows all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from yuanlu.channels.contract import Operation, Outcome, Reason, Word
from yuanlu.channels.diagnosis import Cause, Diagnosis, Retry, Verdict, diagnose


class Said(NamedTuple):
    """A word and, where it waits, for what."""

    word: Word
    reason: Reason | None = None


Exceptions = Mapping[tuple[Operation, str], Said]

ASKS = frozenset({Operation.QUERY, Operation.REFUND_QUERY})
_FUNDS_SHORT = frozenset({"NOT_ENOUGH", "NOTENOUGH", "ACQ.SELLER_BALANCE_NOT_ENOUGH"})
_OF_CONTENT = frozenset({"PARAM_ERROR", "INVALID_TRANSACTIONID", "ACQ.INVALID_PARAMETER", "isv.invalid-parameter"})
"""Faults that the books call set-up, but which lie in what the request says."""


def diagnosis_of(channel: str, code: str, operation: Operation | None = None) -> Diagnosis:
    """What an outcome's code means for people, whichever side of the wire it comes from."""
    if code.startswith("client."):
        return diagnose("client", code.removeprefix("client.").upper(), operation)
    return diagnose(channel, code, operation)


@lru_cache(maxsize=2048)
def said(book: str, code: str, operation: Operation) -> Said:
    """The word for a code of an error, by the general law."""
    if operation in ASKS:
        return Said(Word.UNKNOWN)
    told = diagnose(book, code, operation)
    if told.outcome is Verdict.PENDING:
        return Said(Word.PENDING, Reason.PROCESSING)
    if told.outcome is not Verdict.FAILED or told.retry is Retry.QUERY_FIRST:
        return Said(Word.UNKNOWN)
    if told.retry is Retry.SAME_REQUEST:
        return Said(Word.DEFERRED, _not_now(told))
    return _final_no(told, operation)


def _not_now(told: Diagnosis) -> Reason:
    if told.code.partition("(")[0] in _FUNDS_SHORT:
        return Reason.FUNDS_SHORT
    return Reason.TOO_MANY_CALLS if told.cause is Cause.LIMIT else Reason.BUSY


def _final_no(told: Diagnosis, operation: Operation) -> Said:
    if operation in {Operation.PAY, Operation.SHOW}:
        return Said(Word.REFUSED)
    if told.cause is Cause.SYSTEM and told.retry is Retry.NEVER and told.code not in _OF_CONTENT:
        return Said(Word.DEFERRED, Reason.SET_UP)
    if operation is Operation.REFUND:
        return Said(Word.REFUSED)
    return Said(Word.STRANDED if operation is Operation.RESCUE else Word.UNKNOWN)


def judged(book: str, code: str, operation: Operation, exceptions: Exceptions) -> Outcome:
    """The outcome of an error's code: the exception, where there is one, else the general law."""
    word, reason = exceptions.get((operation, code)) or said(book, code, operation)
    return Outcome(word=word, code=code, reason=reason)
