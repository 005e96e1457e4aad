"""The provider's statements of a day, from the sim's own books.

Source: channels.md 10.1 (WeChat Pay) and 10.2 (Alipay). Refunds are dated by the day they were accepted.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from yuanlu.clock import CHINA
from yuanlu.sim import plants
from yuanlu.sim.books import Books, Order, OrderState, Refund, RefundState
from yuanlu.sim.plants import Plant, Plants, What

ALL = [
    "交易时间",
    "公众账号ID",
    "商户号",
    "特约商户号",
    "设备号",
    "微信订单号",
    "商户订单号",
    "用户标识",
    "交易类型",
    "交易状态",
    "付款银行",
    "货币种类",
    "应结订单金额",
    "代金券金额",
    "微信退款单号",
    "商户退款单号",
    "退款金额",
    "充值券退款金额",
    "退款类型",
    "退款状态",
    "商品名称",
    "商户数据包",
    "手续费",
    "费率",
    "订单金额",
    "申请退款金额",
    "费率备注",
]
_REFUND_ONLY = ["微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态", "申请退款金额"]
SUCCESS = [name for name in ALL if name not in _REFUND_ONLY]
REFUND = [*ALL[:14], "退款申请时间", "退款成功时间", *ALL[14:]]
TOTALS = [
    "总交易单数",
    "应结订单总金额",
    "退款总金额",
    "充值券退款总金额",
    "手续费总金额",
    "订单总金额",
    "申请退款总金额",
]
FUND = [
    "记账时间",
    "微信支付业务单号",
    "资金流水单号",
    "业务名称",
    "业务类型",
    "收支类型",
    "收支金额(元)",
    "账户结余(元)",
    "资金变更提交申请人",
    "备注",
    "业务凭证号",
]
FUND_TOTALS = ["资金流水总笔数", "收入笔数", "收入金额", "支出笔数", "支出金额"]
FEE_PER_MILLE = 6

Row = dict[str, str]


def yuan(fen: int, places: int = 2) -> str:
    """Fen as yuan text."""
    sign, fen = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{fen // 100}.{fen % 100:02d}" + "0" * (places - 2)


def local(at: datetime | None) -> str:
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S") if at is not None else ""


def local_day(at: datetime) -> date:
    return at.astimezone(CHINA).date()


def fee_fen(fen: int) -> int:
    """0.60 % of an amount, to the nearest fen: 12.80 yuan cost 0.08."""
    whole = (abs(fen) * FEE_PER_MILLE + 500) // 1000
    return -whole if fen < 0 else whole


def fee(fen: int) -> str:
    """A fee as WeChat Pay writes it: whole fen, five places of yuan."""
    return yuan(fee_fen(fen), 5)


def orders_of(books: Books, day: date) -> list[Order]:
    """Paid (also reversed) orders of a day, in order of payment."""
    paid = [order for order in books.orders.values() if order.paid_at and local_day(order.paid_at) == day]
    return sorted(paid, key=lambda order: str(order.paid_at))


def refunds_of(books: Books, day: date) -> list[Refund]:
    return [refund for refund in books.refunds.values() if local_day(refund.made_at) == day]


@dataclass(frozen=True)
class Made:
    """A statement ready to fetch. `sha1` is of the plain bytes (the official Java client checks those)."""

    token: str
    sha1: str


class Shelf:
    """Files waiting to be fetched, each for a while of sim time."""

    def __init__(self, books: Books, seconds: float, planted: Plants | None = None) -> None:
        self.books = books
        self.plants = planted or Plants()
        self._seconds = seconds
        self._files: dict[str, tuple[datetime, bytes]] = {}

    def put(self, content: bytes) -> str:
        token = secrets.token_urlsafe(18)
        self._files[token] = (self.books.agenda.now() + timedelta(seconds=self._seconds), content)
        return token

    def file(self, token: str) -> bytes | None:
        until, content = self._files.get(token, (self.books.agenda.now(), None))
        return content if self.books.agenda.now() < until else None


class WechatBills(Shelf):
    """Trade bill and fund bill; a download lives five minutes."""

    def __init__(self, books: Books, mchid: str, appid: str, planted: Plants | None = None) -> None:
        super().__init__(books, 300.0, planted)
        self._mchid = mchid
        self._appid = appid

    def make(self, kind: str, day: date, query: Mapping[str, str], *, is_gzip: bool) -> Made | str:
        """The statement, or the provider's code why there is none."""
        bill_type = query.get("bill_type", "ALL")
        if kind == "tradebill" and bill_type not in {"ALL", "SUCCESS", "REFUND"}:
            return "PARAM_ERROR"
        if day > local_day(self.books.agenda.now()):
            return "NO_STATEMENT_EXIST"
        planted = self.plants.taken()
        text = self.trade_text(day, bill_type, planted) if kind == "tradebill" else self.fund_text(day, planted)
        if text is None:
            return "NO_STATEMENT_EXIST"
        plain = ("\ufeff" + text).encode()
        digest = hashlib.sha1(plain).hexdigest()  # noqa: S324 - theirs
        if _has(planted, What.HASH):
            digest = digest[::-1]
        return Made(self.put(gzip.compress(plain, mtime=0) if is_gzip else plain), digest)

    def trade_text(self, day: date, bill_type: str, planted: Sequence[Plant] = ()) -> str | None:
        rows = [] if bill_type == "REFUND" else [self._order_row(order) for order in orders_of(self.books, day)]
        rows += [] if bill_type == "SUCCESS" else list(self._refund_rows(day))
        if not rows:
            return None
        rows = plants.grown(rows, planted)
        header = {"ALL": ALL, "SUCCESS": SUCCESS, "REFUND": REFUND}[bill_type]
        if bill_type == "SUCCESS":
            rows = [row for row in rows if row["交易状态"] == "SUCCESS"]
        orders = sum(_fen(row["应结订单金额"]) for row in rows)
        back = sum(_fen(row["退款金额"]) for row in rows)
        fees = yuan(sum(_fen(row["手续费"]) // 1000 for row in rows), 5)
        count = len(rows) + _has(planted, What.SUMMARY)
        totals = [str(count), yuan(orders), yuan(back), "0.00", fees, yuan(orders), yuan(back)]
        lines = [",".join(header), *(_cells([row[name] for name in header]) for row in rows)]
        return "\r\n".join([*lines, ",".join(TOTALS), _cells(totals), ""])

    def _base_row(self, order: Order, at: datetime | None) -> Row:
        row = dict.fromkeys(REFUND, "")
        row |= {
            "交易时间": local(at),
            "公众账号ID": self._appid,
            "商户号": self._mchid,
            "特约商户号": "0",
            "设备号": order.extras.get("device_id", ""),
            "微信订单号": order.channel_number,
            "商户订单号": order.number,
            "用户标识": order.payer.name if order.payer else "",
            "交易类型": "NATIVE" if order.is_shown else "MICROPAY",
            "付款银行": "OTHERS",
            "货币种类": "CNY",
            "应结订单金额": "0.00",
            "代金券金额": "0.00",
            "微信退款单号": "0",
            "商户退款单号": "0",
            "退款金额": "0.00",
            "充值券退款金额": "0.00",
            "商品名称": order.extras.get("description", "").replace(",", " "),
            "商户数据包": order.extras.get("attach", "").replace(",", " "),
            "费率": "0.60%",
            "订单金额": "0.00",
            "申请退款金额": "0.00",
        }
        return row

    def _order_row(self, order: Order) -> Row:
        row = self._base_row(order, order.paid_at)
        amount = yuan(order.amount_fen)
        if order.state is OrderState.REVERSED:
            return (
                row
                | {"交易状态": "REVOKED", "手续费": fee(0), "退款金额": amount, "申请退款金额": amount}
                | {"订单金额": amount, "应结订单金额": amount, "退款类型": "ORIGINAL", "退款状态": "SUCCESS"}
            )
        return row | {
            "交易状态": "SUCCESS",
            "手续费": fee(order.amount_fen),
            "订单金额": amount,
            "应结订单金额": amount,
        }

    def _refund_rows(self, day: date) -> Iterator[Row]:
        words = {RefundState.CLOSED: "FAIL", RefundState.ABNORMAL: "CHANGE"}
        for refund in refunds_of(self.books, day):
            amount = yuan(refund.amount_fen)
            yield self._base_row(refund.order, refund.made_at) | {
                "交易状态": "REFUND",
                "微信退款单号": refund.channel_number,
                "商户退款单号": refund.number,
                "退款申请时间": local(refund.made_at),
                "退款成功时间": local(refund.done_at) if refund.state is RefundState.SUCCESS else "",
                "退款金额": amount,
                "申请退款金额": amount,
                "退款类型": "ORIGINAL",
                "退款状态": words.get(refund.state, refund.state.value.upper()),
                "手续费": fee(-refund.amount_fen),
            }

    def fund_text(self, day: date, planted: Sequence[Plant] = ()) -> str | None:
        """Simple: payments in, refunds out, in order of time; the balance runs from nought at the day's start."""
        told: list[tuple[datetime, int, str, str, str]] = []
        for order in orders_of(self.books, day):
            assert order.paid_at is not None
            told.append((order.paid_at, order.amount_fen, order.channel_number, "交易", order.number))
            if order.state is OrderState.REVERSED and order.ended_at is not None:
                told.append((order.ended_at, -order.amount_fen, order.channel_number, "撤销", order.number))
        told += [
            (refund.done_at, -refund.amount_fen, refund.channel_number, "退款", refund.number)
            for refund in self.books.refunds.values()
            if refund.state is RefundState.SUCCESS and refund.done_at and local_day(refund.done_at) == day
        ]
        if not told:
            return None
        told.sort(key=lambda item: item[0])
        rows, balance = [], 0
        for serial, (at, fen, channel_number, kind, number) in enumerate(told, 1):
            balance += fen
            told_cells = [
                local(at),
                channel_number,
                f"{day:%Y%m%d}{serial:010d}",
                kind,
                kind,
                "收入" if fen > 0 else "支出",
                yuan(abs(fen)),
                yuan(balance),
                "system",
                "",
                number,
            ]
            rows.append(dict(zip(FUND, told_cells, strict=True)))
        rows = plants.grown(rows, planted)
        incomes = [_fen(row["收支金额(元)"]) for row in rows if row["收支类型"] == "收入"]
        outs = [_fen(row["收支金额(元)"]) for row in rows if row["收支类型"] == "支出"]
        count = len(rows) + _has(planted, What.SUMMARY)
        sums = [str(count), str(len(incomes)), yuan(sum(incomes)), str(len(outs)), yuan(sum(outs))]
        lines = [",".join(FUND), *(_cells([row[name] for name in FUND]) for row in rows)]
        return "\r\n".join([*lines, ",".join(FUND_TOTALS), _cells(sums), ""])


def _has(planted: Sequence[Plant], what: What) -> bool:
    return any(plant.what is what for plant in planted)


def _cells(values: list[str]) -> str:
    return ",".join(f"`{value}" for value in values)


def _fen(text: str) -> int:
    return int(text.replace(".", ""))


class _GbkName(zipfile.ZipInfo):
    """A name in GBK without the UTF-8 flag, as Alipay's zips have it."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's name
        return self.filename.encode("gbk"), self.flag_bits


DETAIL = [
    "支付宝交易号",
    "商户订单号",
    "业务类型",
    "商品名称",
    "创建时间",
    "完成时间",
    "门店编号",
    "门店名称",
    "操作员",
    "终端号",
    "对方账户",
    "订单金额（元）",
    "商家实收（元）",
    "支付宝红包（元）",
    "集分宝（元）",
    "支付宝优惠（元）",
    "商家优惠（元）",
    "券核销金额（元）",
    "券名称",
    "商家红包消费金额（元）",
    "卡消费金额（元）",
    "退款批次号/请求号",
    "服务费（元）",
    "分润（元）",
    "备注",
]
SUMMARY = [
    "门店编号",
    "门店名称",
    "交易订单总笔数",
    "退款订单总笔数",
    "订单金额（元）",
    "商家实收（元）",
    "支付宝优惠（元）",
    "商家优惠（元）",
    "卡消费金额（元）",
    "服务费（元）",
    "分润（元）",
    "实收净额（元）",
]
ACCOUNT = [
    "账务流水号",
    "业务流水号",
    "商户订单号",
    "商品名称",
    "发生时间",
    "对方账号",
    "收入金额（+元）",
    "支出金额（-元）",
    "账户余额（元）",
    "交易渠道",
    "业务类型",
    "备注",
]


def _ruler(what: str, *, is_end: bool = False) -> str:
    return f"#-----------------------------------------{what}列表{'结束' if is_end else ''}{'-' * 36}"


def _sum(rows: Sequence[Row], name: str) -> int:
    return sum(_fen(row[name]) for row in rows)


def _moved(row: Row) -> Iterator[Row]:
    """A line of the business bill as lines of the account bill: the money, and the fee."""
    is_back = row["业务类型"] == "退款"
    money = ("交易退款" if is_back else "在线支付", row["商家实收（元）"])
    charge = ("退费" if is_back else "收费", row["服务费（元）"])
    for kind, amount in (money, charge):
        if _fen(amount):
            yield dict.fromkeys(ACCOUNT, "") | {
                "业务流水号": row["支付宝交易号"],
                "商户订单号": row["商户订单号"],
                "商品名称": row["商品名称"],
                "发生时间": row["完成时间"],
                "对方账号": row["对方账户"],
                "收入金额（+元）": amount if _fen(amount) > 0 else "",
                "支出金额（-元）": amount if _fen(amount) < 0 else "",
                "交易渠道": "支付宝",
                "业务类型": kind,
            }


class AlipayBills(Shelf):
    """Business and account bill; a download is dead after 30 s (channels.md 4.4)."""

    def __init__(self, books: Books, seller_id: str, planted: Plants | None = None) -> None:
        super().__init__(books, 30.0, planted)
        self._seller_id = seller_id

    def make(self, bill_type: str, day: date) -> str | None:
        """A token for the day's zip, or None when the day has no trades."""
        rows = self._rows(day)
        if not rows:
            return None
        planted = self.plants.taken()
        files = self._account(day, rows, planted) if bill_type == "signcustomer" else self._business(day, rows, planted)
        return self.put(self._zip(day, files))

    def _rows(self, day: date) -> list[Row]:
        """The day's lines of the business bill: payments, then what went back."""
        paid = orders_of(self.books, day)
        done = [refund for refund in refunds_of(self.books, day) if refund.state is RefundState.SUCCESS]
        undone = [order for order in paid if order.state is OrderState.REVERSED]
        return [
            *(self._row(order, order.amount_fen, "交易", "") for order in paid),
            *(self._row(refund.order, -refund.amount_fen, "退款", refund.number) for refund in done),
            *(self._row(order, -order.amount_fen, "退款", order.number) for order in undone),
        ]

    def _head(self, day: date, what: str) -> list[str]:
        span = f"#起始日期：[{day:%Y年%m月%d日} 00:00:00]   终止日期：[{day + timedelta(days=1):%Y年%m月%d日} 00:00:00]"
        return [f"#支付宝{what}查询", f"#账号：[{self._seller_id}0156]", span, _ruler(what)]

    def _business(self, day: date, made: list[Row], planted: Sequence[Plant]) -> Mapping[str, str]:
        rows = plants.grown(made, planted)
        paid = [row for row in rows if row["业务类型"] == "交易"]
        back = [row for row in rows if row["业务类型"] == "退款"]
        came, went = _sum(paid, "商家实收（元）"), _sum(back, "商家实收（元）")
        wrong = int(_has(planted, What.SUMMARY))
        closing = [
            _ruler("业务明细", is_end=True),
            f"#交易合计：{len(paid) + wrong}笔，商家实收共{yuan(came)}元，商家优惠共0.00元",
            f"#退款合计：{len(back)}笔，商家实收退款共{yuan(went)}元，商家优惠退款共0.00元",
            f"#导出时间：[{local(self.books.agenda.now())}]",
        ]
        details = [",".join(f"{row[name]}\t" for name in DETAIL) for row in rows]
        detail = "\r\n".join([*self._head(day, "业务明细"), ",".join(DETAIL), *details, *closing, ""])
        fees = _sum(rows, "服务费（元）")
        counted = ["", "", str(len(paid) + wrong), str(len(back)), yuan(came + went), yuan(came + went)]
        totals = [*counted, "0.00", "0.00", "0.00", yuan(fees), "0.00", yuan(came + went + fees)]
        end = _ruler("业务汇总", is_end=True)
        lines = [",".join(SUMMARY), ",".join(totals), ",".join(["合计", *totals[1:]]), end, ""]
        summary = "\r\n".join([*self._head(day, "业务汇总"), *lines])
        return {"业务明细": detail, "业务明细(汇总)": summary}

    def _account(self, day: date, made: list[Row], planted: Sequence[Plant]) -> Mapping[str, str]:
        """What moved: each line of the business bill, and its fee. The balance runs from nought at the day's start."""
        rows = plants.grown([moved for row in made for moved in _moved(row)], planted)
        balance = 0
        for serial, row in enumerate(rows, 1):
            balance += _fen(row["收入金额（+元）"] or "0.00") + _fen(row["支出金额（-元）"] or "0.00")
            row |= {"账务流水号": f"{day:%Y%m%d}{serial:012d}", "账户余额（元）": yuan(balance)}
        comes = [row for row in rows if row["收入金额（+元）"]]
        goes = [row for row in rows if row["支出金额（-元）"]]
        wrong = int(_has(planted, What.SUMMARY))
        closing = [
            _ruler("账务明细", is_end=True),
            f"#支出合计：{len(goes)}笔，共{yuan(_sum(goes, '支出金额（-元）'))}元",
            f"#收入合计：{len(comes) + wrong}笔，共{yuan(_sum(comes, '收入金额（+元）'))}元",
            f"#导出时间：[{local(self.books.agenda.now())}]",
        ]
        details = [",".join(f"{row[name]}\t" for name in ACCOUNT) for row in rows]
        lines = [*self._head(day, "账务明细"), ",".join(ACCOUNT), *details, *closing, ""]
        return {"账务明细": "\r\n".join(lines)}

    def _zip(self, day: date, texts: Mapping[str, str]) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in texts.items():
                info = _GbkName(f"{self._seller_id}0156_{day:%Y%m%d}_{name}.csv")
                archive.writestr(info, text.encode("gbk"))
        return packed.getvalue()

    def _row(self, order: Order, fen: int, kind: str, request_number: str) -> Row:
        row = dict.fromkeys(DETAIL, "")
        for name in DETAIL:
            if name.endswith("（元）"):
                row[name] = "0.00"
        return row | {
            "支付宝交易号": order.channel_number,
            "商户订单号": order.number,
            "业务类型": kind,
            "商品名称": order.extras.get("subject", "").replace(",", " "),
            "创建时间": local(order.made_at),
            "完成时间": local(order.paid_at),
            "门店编号": order.extras.get("store_id", ""),
            "操作员": order.extras.get("operator_id", ""),
            "终端号": order.extras.get("terminal_id", ""),
            "对方账户": order.payer.name if order.payer else "",
            "订单金额（元）": yuan(fen),
            "商家实收（元）": yuan(fen),
            "服务费（元）": yuan(-fee_fen(fen)),
            "退款批次号/请求号": request_number,
        }
