"""Repayments as they are asked for and told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from yuanlu.repayments.rules import Repayment
from yuanlu.web.parts.shapes import END, Account, Fen, Line, Page, PaymentId, Wish

_ID = "[0-7][0-9A-HJKMNP-TV-Z]{25}[0-9A-Z]"
RepaymentId = Annotated[str, Meta(pattern=f"^YB{_ID}{END}", examples=["YB01KATE3S400000000000000000E"])]


class AccountWish(Wish):
    """Where the money shall go. It is kept sealed, and deleted when it is no longer needed."""

    payer_name: Line
    account_name: Line
    account_number: Annotated[str, Meta(pattern=f"^[0-9A-Za-z@.+_-]+{END}", min_length=4, max_length=64)]
    bank: Line = ""
    statement: Line = ""


class RepaymentWish(Wish):
    """A wish to give money back by another road than it came. `refund`: the one that was refused."""

    id: RepaymentId
    payment: PaymentId
    amount_fen: Fen
    because: Literal["window_over", "no_parts_left", "refund_refused"]
    account: AccountWish
    refund: Annotated[str, Meta(pattern=f"^(YR{_ID})?{END}")] = ""
    case: Annotated[str, Meta(pattern=f"^(YC{_ID})?{END}")] = ""


class RepaidWish(Wish):
    """That it was paid: the number of the bank's receipt. It is kept: no names."""

    proof: Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*" + END, max_length=200)]


class RepaymentRefusalWish(Wish):
    """Why it will not be paid."""

    why: Literal["withdrawn", "wrong_account", "road_open", "other"]


class RepaymentsWish(Page):
    """Which repayments."""

    payment: Annotated[str, Meta(pattern=f"^(YP{_ID})?{END}")] = ""
    state: Literal["", "PROPOSED", "APPROVED", "PAID", "REFUSED", "EXPIRED"] = ""


class RepaymentTold(Struct, frozen=True, kw_only=True):
    """A repayment as it stands. The account is not told here, only its last digits."""

    id: str
    state: str
    payment: str
    case: str
    refund: str
    channel: str
    amount_fen: int
    because: str
    match: str
    account_tail: Account
    opened_at: datetime
    opened_by: str
    expires_at: datetime
    forget_at: datetime
    approved_at: datetime | None
    approved_by: str
    paid_at: datetime | None
    paid_by: str
    proof: str
    ended_at: datetime | None
    is_overdue: bool
    is_forgotten: bool


class RepaymentsTold(Struct, frozen=True, kw_only=True):
    """Some repayments, newest first."""

    items: Sequence[RepaymentTold]
    next: str | None


class AccountTold(Struct, frozen=True, kw_only=True):
    """Where the money shall go. That you read it was written down."""

    payer_name: str
    account_name: str
    account_number: str
    bank: str
    statement: str


def repayment_told(row: Repayment) -> RepaymentTold:
    """A repayment as others see it."""
    return RepaymentTold(
        id=row.id,
        state=row.state.value,
        payment=row.payment_id,
        case=row.case_id,
        refund=row.refund_id,
        channel=row.channel.value,
        amount_fen=row.amount_fen,
        because=row.because.value,
        match=row.match.value,
        account_tail=row.account_tail,
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        expires_at=row.expires_at,
        forget_at=row.forget_at,
        approved_at=row.approved_at,
        approved_by=row.approved_by,
        paid_at=row.paid_at,
        paid_by=row.paid_by,
        proof=row.proof,
        ended_at=row.ended_at,
        is_overdue=row.is_overdue,
        is_forgotten=row.is_forgotten,
    )
