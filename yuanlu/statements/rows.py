"""One line of a channel's statement, whatever channel and layout it came in: what readers make and matchers read.

Shape: one row a line of the statement, in the file's order. Amounts are whole fen; times are UTC. What a layout does
not tell is empty text or nought, never a guess; a number the channel writes as `0` is empty text.

The same refund in two layouts (trade bill and fund-flow bill, business and account bill) is two rows with one `number`
(or one `channel_number`, where a layout lacks ours): which rows tell of one thing is the matcher's to say.

Source: channels.md 10.1 to 10.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


class Kind(StrEnum):
    """What a line tells of."""

    PAYMENT = "payment"
    REFUND = "refund"
    FEE = "fee"
    """A fee that has a line of its own (fund-flow and account bills)."""
    OTHER = "other"
    """Transfers, withdrawals, top-ups: money of the account that is no payment, refund or fee."""


class State(StrEnum):
    """What the channel says became of it, the same word for every channel."""

    SUCCESS = "SUCCESS"
    """Paid; of a refund: it went back."""
    REVOKED = "REVOKED"
    """A payment that was reversed: `refund_fen` went back. Its line may be beside one that says SUCCESS."""
    CLOSED = "CLOSED"
    """A refund that the channel gave up: nothing moved."""
    PROCESSING = "PROCESSING"
    CHANGE = "CHANGE"
    """A refund that left the merchant and could not reach the payer."""
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    """A word of the channel that we do not know: always told of among the problems."""


class Layout(StrEnum):
    """The layouts that are read."""

    WECHAT_ALL = "wechat_all"
    WECHAT_SUCCESS = "wechat_success"
    WECHAT_REFUND = "wechat_refund"
    WECHAT_FUND_FLOW = "wechat_fund_flow"
    ALIPAY_BUSINESS = "alipay_business"
    ALIPAY_ACCOUNT = "alipay_account"
    UNIONPAY_TRADES = "unionpay_trades"
    UNIONPAY_EXCEPTIONS = "unionpay_exceptions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a statement.

    Units: `…_fen` are whole fen; `at` is aware UTC. Law: `amount_fen >= 0` and `refund_fen >= 0`; what is taken from
    the merchant is told by `kind` and by the sign of `fee_fen` and `settled_fen`.
    """

    channel: str
    """`wechat`, `alipay` or `unionpay`."""
    layout: str
    """One of `Layout`."""
    kind: str
    """One of `Kind`."""
    number: str
    """Our number: of the payment (out_trade_no, orderId), or of the refund (out_refund_no, out_request_no)."""
    payment_number: str
    """Of a refund: our number of the payment it takes back. Of all else it is empty."""
    channel_number: str
    """The channel's number: transaction_id, refund_id, trade_no, queryId. Alipay's refunds have their trade's."""
    at: datetime
    """When it happened by the channel's clock: paid, or the refund accepted (WeChat Pay), done (Alipay)."""
    state: str
    """One of `State`."""
    amount_fen: int
    """The whole order, or the whole of this refund, as it was asked for: what our books call the amount."""
    fee_fen: int
    """The fee as charged to the merchant: above nought on payments, below on refunds that give it back."""
    settled_fen: int
    """What the line adds to the merchant's account before the fee: below nought on refunds and on what is taken."""
    refund_fen: int
    """What goes back to the payer by this line: on refunds (whatever their state), and on payments that are REVOKED."""
    account: str
    """Whose line it is: mch id (WeChat Pay, UnionPay), partner id (Alipay)."""
    currency: str
    """Three letters: `CNY`."""
    line: int
    """Place in the (unpacked) file: the number of the text line, from 1."""


COLUMNS: dict[str, str] = {
    "channel": "string",
    "layout": "string",
    "kind": "string",
    "number": "string",
    "payment_number": "string",
    "channel_number": "string",
    "at": "timestamp[us, tz=UTC]",
    "state": "string",
    "amount_fen": "int64",
    "fee_fen": "int64",
    "settled_fen": "int64",
    "refund_fen": "int64",
    "account": "string",
    "currency": "string",
    "line": "int64",
}
"""The fields of `Row` in their order, as Arrow names their types."""


def schema() -> pa.Schema:
    """The Arrow schema of many rows: the fields of `Row` by name and in order. Nothing is ever null."""
    import pyarrow as pa  # noqa: PLC0415 - heavy: loaded when a statement is read

    types = {
        "string": pa.string(),
        "int64": pa.int64(),
        "timestamp[us, tz=UTC]": pa.timestamp("us", tz="UTC"),
    }
    return pa.schema([pa.field(name, types[told], nullable=False) for name, told in COLUMNS.items()])
