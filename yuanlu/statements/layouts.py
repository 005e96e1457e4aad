"""The layouts we read, as tables: which columns they have under which names, and what their words and totals say.

A table is read by the names of its columns, never by their place: channels have moved, added, renamed and left out
columns. Names are compared as `plain` writes them, so that full-width brackets, spaces, tabs and backticks do not
matter. To add a layout: a `Form` here, and how its cells become a row in `shaping.py`.

Source: channels.md 10.1 (WeChat Pay), 10.2 (Alipay); older names as their public documents had them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from yuanlu.statements.rows import Kind, Layout, State

MARKS = "` \t\"'\ufeff\u3000"
"""What channels and spreadsheets put around a cell that belongs to none."""


def plain(text: str) -> str:
    """A cell without what is put around it, its full-width signs made plain."""
    return unicodedata.normalize("NFKC", text).strip(MARKS + "\r\n")


def _name(text: str) -> str:
    return re.sub(r"\s", "", plain(text)).lower()


@dataclass(frozen=True)
class Form:
    """One layout of a table.

    `columns`: our name of a column -> the names it had, newest first. `needed` must be there or it is another file;
    `wanted` is told of when missing; what is neither is read where it is. `amounts` are yuan, `words` few and Chinese
    or English, `times` Beijing's: the first that a line has is when it happened.
    """

    layout: Layout
    channel: str
    columns: Mapping[str, Sequence[str]]
    needed: frozenset[str]
    wanted: frozenset[str]
    amounts: frozenset[str]
    words: frozenset[str]
    times: tuple[str, ...]
    signed: frozenset[str] = frozenset()
    """Amounts that may be below nought."""
    blank: frozenset[str] = frozenset()
    """Amounts that may be left empty for nought."""
    totals: Mapping[str, str] = field(default_factory=dict)
    """Names in the closing line of totals -> the column summed, or `count`, `in_count`, `in`, `out_count`, `out`."""


_WECHAT: Mapping[str, Sequence[str]] = {
    "at": ("交易时间",),
    "account": ("商户号",),
    "sub_account": ("特约商户号", "子商户号"),
    "channel_number": ("微信订单号",),
    "number": ("商户订单号",),
    "state": ("交易状态",),
    "currency": ("货币种类",),
    "settled": ("应结订单金额", "总金额"),
    "refund_asked_at": ("退款申请时间",),
    "refund_done_at": ("退款成功时间",),
    "refund_channel_number": ("微信退款单号",),
    "refund_number": ("商户退款单号",),
    "refund_settled": ("退款金额",),
    "refund_coupon": ("充值券退款金额", "代金券或立减优惠退款金额", "企业红包退款金额"),
    "refund_state": ("退款状态",),
    "fee": ("手续费",),
    "amount": ("订单金额",),
    "refund_amount": ("申请退款金额",),
}
_WECHAT_TOTALS = {
    "总交易单数": "count",
    "应结订单总金额": "settled",
    "总交易额": "settled",
    "退款总金额": "refund_settled",
    "总退款金额": "refund_settled",
    "充值券退款总金额": "refund_coupon",
    "总代金券或立减优惠退款金额": "refund_coupon",
    "总企业红包退款金额": "refund_coupon",
    "手续费总金额": "fee",
    "订单总金额": "amount",
    "申请退款总金额": "refund_amount",
}
_OF_A_SALE = frozenset({"at", "channel_number", "number", "state", "settled"})
_OF_A_REFUND = frozenset({"refund_channel_number", "refund_number", "refund_settled", "refund_state"})


def _wechat(layout: Layout, *, leaves_out: frozenset[str], needed: frozenset[str]) -> Form:
    columns = {name: told for name, told in _WECHAT.items() if name not in leaves_out}
    return Form(
        layout=layout,
        channel="wechat",
        columns=columns,
        needed=needed,
        wanted=(_OF_A_SALE | _OF_A_REFUND | {"account", "fee"}) & columns.keys(),
        amounts=frozenset({"settled", "refund_settled", "refund_coupon", "fee", "amount", "refund_amount"})
        & columns.keys(),
        words=frozenset({"state", "refund_state"}) & columns.keys(),
        times=("refund_asked_at", "at") if "refund_asked_at" in columns else ("at",),
        signed=frozenset({"fee"}),
        blank=frozenset({"refund_settled", "refund_coupon", "fee", "refund_amount"}) & columns.keys(),
        totals=_WECHAT_TOTALS,
    )


_REFUND_TIMES = frozenset({"refund_asked_at", "refund_done_at"})

FORMS: Sequence[Form] = (
    _wechat(
        Layout.WECHAT_REFUND,
        leaves_out=frozenset(),
        needed=frozenset({"at", "number", "state", "refund_number", "refund_asked_at"}),
    ),
    _wechat(
        Layout.WECHAT_ALL,
        leaves_out=_REFUND_TIMES,
        needed=frozenset({"at", "number", "state", "refund_number"}),
    ),
    _wechat(
        Layout.WECHAT_SUCCESS,
        leaves_out=_REFUND_TIMES | _OF_A_REFUND | {"refund_coupon", "refund_amount"},
        needed=frozenset({"at", "channel_number", "number", "state"}),
    ),
    Form(
        layout=Layout.WECHAT_FUND_FLOW,
        channel="wechat",
        columns={
            "at": ("记账时间",),
            "channel_number": ("微信支付业务单号",),
            "flow": ("资金流水单号",),
            "name": ("业务名称",),
            "kind": ("业务类型",),
            "way": ("收支类型",),
            "amount": ("收支金额(元)",),
            "number": ("业务凭证号",),
        },
        needed=frozenset({"at", "channel_number", "way", "amount"}),
        wanted=frozenset({"kind", "number"}),
        amounts=frozenset({"amount"}),
        words=frozenset({"name", "kind", "way"}),
        times=("at",),
        totals={
            "资金流水总笔数": "count",
            "收入笔数": "in_count",
            "收入金额": "in",
            "支出笔数": "out_count",
            "支出金额": "out",
        },
    ),
    Form(
        layout=Layout.ALIPAY_BUSINESS,
        channel="alipay",
        columns={
            "channel_number": ("支付宝交易号",),
            "number": ("商户订单号",),
            "kind": ("业务类型",),
            "made_at": ("创建时间",),
            "at": ("完成时间",),
            "amount": ("订单金额(元)",),
            "settled": ("商家实收(元)",),
            "refund_number": ("退款批次号/请求号", "退款批次号", "退款请求号"),
            "fee": ("服务费(元)",),
        },
        needed=frozenset({"channel_number", "number", "kind", "amount"}),
        wanted=frozenset({"at", "settled", "refund_number", "fee"}),
        amounts=frozenset({"amount", "settled", "fee"}),
        words=frozenset({"kind"}),
        times=("at", "made_at"),
        signed=frozenset({"amount", "settled", "fee"}),
        blank=frozenset({"fee"}),
    ),
    Form(
        layout=Layout.ALIPAY_ACCOUNT,
        channel="alipay",
        columns={
            "flow": ("账务流水号",),
            "channel_number": ("业务流水号",),
            "number": ("商户订单号",),
            "at": ("发生时间",),
            "income": ("收入金额(+元)", "收入(+元)", "收入金额(元)"),
            "outgo": ("支出金额(-元)", "支出(-元)", "支出金额(元)"),
            "kind": ("业务类型",),
        },
        needed=frozenset({"flow", "channel_number", "at", "income", "outgo"}),
        wanted=frozenset({"number", "kind"}),
        amounts=frozenset({"income", "outgo"}),
        words=frozenset({"kind"}),
        times=("at",),
        signed=frozenset({"income", "outgo"}),
        blank=frozenset({"income", "outgo"}),
    ),
)
"""In the order they are tried: who has more stands before who has less."""

SUMMARY_OF_ALIPAY: Mapping[str, str] = {
    "交易订单总笔数": "in_count",
    "退款订单总笔数": "out_count",
    "订单金额(元)": "amount",
    "商家实收(元)": "settled",
    "服务费(元)": "fee",
}
"""Columns of the second file of a business bill; its row `合计` counts."""

PERSONAL = (
    "微信支付账单明细",
    "支付宝交易记录明细",
    "电子客户回单",
    "支付宝(中国)网络技术有限公司",
    "起始时间:[",
    "收/支",
    "收/付款方式",
)
"""What only exports of a person's own wallet say."""

STATES: Mapping[str, State] = MappingProxyType(
    {
        "SUCCESS": State.SUCCESS,
        "REVOKED": State.REVOKED,
        "PROCESSING": State.PROCESSING,
        "FAIL": State.FAIL,
        "CHANGE": State.CHANGE,
        "ABNORMAL": State.CHANGE,
        "CLOSED": State.CLOSED,
        "REFUNDCLOSE": State.CLOSED,
    }
)
REFUND_WORD = "REFUND"

FUND_KINDS: Sequence[tuple[str, Kind]] = (
    ("手续费", Kind.FEE),
    ("服务费", Kind.FEE),
    ("退款", Kind.REFUND),
    ("撤销", Kind.REFUND),
    ("交易", Kind.PAYMENT),
)
"""What a business type of a fund-flow bill says: the first word found in it counts."""
ACCOUNT_KINDS: Sequence[tuple[str, Kind]] = (
    ("收费", Kind.FEE),
    ("退费", Kind.FEE),
    ("手续费", Kind.FEE),
    ("服务费", Kind.FEE),
    ("退款", Kind.REFUND),
    ("在线支付", Kind.PAYMENT),
    ("交易付款", Kind.PAYMENT),
    ("交易", Kind.PAYMENT),
)
BUSINESS_KINDS: Mapping[str, Kind] = {"交易": Kind.PAYMENT, "退款": Kind.REFUND}
INCOME, OUTGO = "收入", "支出"


@dataclass(frozen=True)
class Head:
    """The columns of one file: its form, how many cells a line has, and where ours are among them."""

    form: Form
    names: tuple[str, ...]
    places: Mapping[str, int]
    missing: tuple[str, ...]
    twice: tuple[str, ...]

    @property
    def time(self) -> str:
        """The column of when it happened: the first there is."""
        return next(name for name in self.form.times if name in self.places)

    @property
    def width(self) -> int:
        return len(self.names)


def head_of(cells: Sequence[str]) -> Head | None:
    """What a line says if it is the header of a layout we read; None if it is none."""
    names = [_name(cell) for cell in cells]
    while names and not names[-1]:
        names.pop()  # a comma at the end of the header
    for form in FORMS:
        places = {}
        for ours, theirs in form.columns.items():
            found = [names.index(_name(each)) for each in theirs if _name(each) in names]
            if found:
                places[ours] = found[0]
        if form.needed <= places.keys() and places.keys() & set(form.times):
            missing = [form.columns[name][0] for name in sorted(form.wanted - places.keys())]
            twice = sorted({name for name in names if name and names.count(name) > 1})
            return Head(form, tuple(names), places, tuple(missing), tuple(twice))
    return None


def totals_of(form: Form, cells: Sequence[str]) -> list[str] | None:
    """The columns a line of totals sums, in its order ("" for what we do not know); None if it is no such line."""
    names = [plain(cell) for cell in cells]
    known = [form.totals.get(name, "") for name in names]
    return known if sum(map(bool, known)) >= 2 else None


def is_personal(text: str) -> bool:
    """Whether the beginning of a file says that it is the export of a person's own wallet."""
    told = unicodedata.normalize("NFKC", text)
    return any(mark in told for mark in PERSONAL)
