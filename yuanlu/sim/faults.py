"""Trouble on order: what should go wrong, for which calls, how many times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum


class Kind(StrEnum):
    LOST_REQUEST = "lost_request"
    LOST_ANSWER = "lost_answer"
    ERROR_500 = "error_500"
    ERROR_502 = "error_502"
    ERROR_503 = "error_503"
    REFUSAL = "refusal"
    HALF_BODY = "half_body"
    BAD_SIGNATURE = "bad_signature"
    STALE_SIGNATURE = "stale_signature"
    SLOW = "slow"
    DUPLICATE_NOTICE = "duplicate_notice"
    LATE_NOTICE = "late_notice"
    CROSSED_NOTICES = "crossed_notices"
    DROP_NOTICE = "drop_notice"
    ABNORMAL = "abnormal"
    CLOSED = "closed"
    PENDING = "pending"


ON_CALLS = frozenset(
    {
        Kind.LOST_REQUEST,
        Kind.LOST_ANSWER,
        Kind.ERROR_500,
        Kind.ERROR_502,
        Kind.ERROR_503,
        Kind.REFUSAL,
        Kind.HALF_BODY,
        Kind.BAD_SIGNATURE,
        Kind.STALE_SIGNATURE,
    }
)
ON_NOTICES = frozenset(
    {
        Kind.DUPLICATE_NOTICE,
        Kind.LATE_NOTICE,
        Kind.CROSSED_NOTICES,
        Kind.DROP_NOTICE,
        Kind.BAD_SIGNATURE,
        Kind.STALE_SIGNATURE,
    }
)
ON_REFUNDS = frozenset({Kind.ABNORMAL, Kind.CLOSED, Kind.PENDING})

OPERATIONS = frozenset(
    {
        *("pay", "show", "query", "reverse", "close", "refund", "refund_query", "rescue"),
        *("certificates", "bill", "notice"),
        *("complaint_list", "complaint_see", "complaint_history", "complaint_reply", "complaint_feedback"),
        *("complaint_supplement", "complaint_upload", "complaint_fetch", "complaint_decide", "complaint_finish"),
        "complaint_notify",
    }
)


@dataclass
class Fault:
    """Shape: `number` matches any number of the call (order or refund); `count` None is "until cleared".

    `effect`: whether an error_5xx or a refusal happens after the effect (True) or instead of it.
    """

    id: int
    kind: Kind
    operation: str | None = None
    number: str | None = None
    wallet: str | None = None
    count: int | None = 1
    seconds: float = 0.0
    effect: bool = False
    code: str = ""
    status: int = 400
    hits: int = 0

    def fits(self, wallet: str, operation: str, numbers: Iterable[str]) -> bool:
        return (
            self.count != 0
            and self.wallet in {None, wallet}
            and (operation != "notice" if self.operation is None else self.operation == operation)
            and (self.number is None or self.number in numbers)
        )

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class Faults:
    """The faults that are armed, oldest first; each hit uses one of its count up."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []
        self._last = 0

    def arm(self, fault: Fault) -> Fault:
        self._last += 1
        fault.id = self._last
        self.armed.append(fault)
        return fault

    def clear(self, fault_id: int | None = None) -> int:
        """Disarm one or all; tells how many."""
        gone = [fault for fault in self.armed if fault_id in {None, fault.id}]
        self.armed = [fault for fault in self.armed if fault not in gone]
        return len(gone)

    def take(self, kinds: frozenset[Kind], wallet: str, operation: str, numbers: Iterable[str]) -> Fault | None:
        """The oldest armed fault of these kinds that fits, used once; None when all shall go well."""
        if not self.armed:
            return None
        numbers = tuple(numbers)
        for fault in self.armed:
            if fault.kind not in kinds or not self._fits(fault, wallet, operation, numbers):
                continue
            fault.hits += 1
            if fault.count is not None:
                fault.count -= 1
                if fault.count == 0:
                    self.armed.remove(fault)
            return fault
        return None

    def _fits(self, fault: Fault, wallet: str, operation: str, numbers: tuple[str, ...]) -> bool:
        if operation == "notice" and fault.kind in ON_NOTICES - ON_CALLS and fault.operation is None:
            return fault.wallet in {None, wallet} and (fault.number is None or fault.number in numbers)
        return fault.fits(wallet, operation, numbers)
