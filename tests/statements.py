"""Statements made for tests: rows of yuan as text, written as the channels write them, and as files go wrong."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Mapping, Sequence

from yuanlu.statements.reading import End, open_statement

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
REFUND_ONLY = ("微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态", "申请退款金额")
SUCCESS = [name for name in ALL if name not in REFUND_ONLY]
REFUND = [*ALL[:14], "退款申请时间", "退款成功时间", *ALL[14:]]
OLD = [
    "交易时间",
    "公众账号ID",
    "商户号",
    "子商户号",
    "设备号",
    "微信订单号",
    "商户订单号",
    "用户标识",
    "交易类型",
    "交易状态",
    "付款银行",
    "货币种类",
    "总金额",
    "代金券或立减优惠金额",
    "微信退款单号",
    "商户退款单号",
    "退款金额",
    "代金券或立减优惠退款金额",
    "退款类型",
    "退款状态",
    "商品名称",
    "商户数据包",
    "手续费",
    "费率",
]
TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
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
FUND_TOTALS = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
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

Cells = Mapping[str, str]


def payment(serial: int = 1, yuan: str = "12.80", fee: str = "0.08000", **changed: str) -> Cells:
    """A paid order of a WeChat trade bill."""
    return (
        dict.fromkeys(REFUND, "")
        | {
            "交易时间": f"2026-11-22 10:{serial // 60 % 60:02d}:{serial % 60:02d}",
            "公众账号ID": "wx0000000000000001",
            "商户号": "1900000109",
            "特约商户号": "0",
            "微信订单号": f"42000000002026112200{serial:08d}",
            "商户订单号": f"YP{serial:026d}X",
            "用户标识": "o-made-up",
            "交易类型": "MICROPAY",
            "交易状态": "SUCCESS",
            "付款银行": "OTHERS",
            "货币种类": "CNY",
            "应结订单金额": yuan,
            "代金券金额": "0.00",
            "微信退款单号": "0",
            "商户退款单号": "0",
            "退款金额": "0.00",
            "充值券退款金额": "0.00",
            "商品名称": "日用品",
            "手续费": fee,
            "费率": "0.60%",
            "订单金额": yuan,
            "申请退款金额": "0.00",
        }
        | changed
    )


def refund(serial: int = 1, yuan: str = "5.00", fee: str = "-0.03000", state: str = "SUCCESS", **changed: str) -> Cells:
    """A refund of a WeChat trade bill."""
    return {
        **payment(serial, "0.00", fee),
        "交易状态": "REFUND",
        "退款申请时间": "2026-11-22 11:00:00",
        "退款成功时间": "2026-11-22 11:00:05",
        "微信退款单号": f"503000000020261122{serial:011d}",
        "商户退款单号": f"YR{serial:026d}X",
        "退款金额": yuan,
        "申请退款金额": yuan,
        "退款类型": "ORIGINAL",
        "退款状态": state,
        **changed,
    }


def fen(yuan: str) -> int:
    """Yuan of at most five places as thousandths of a fen."""
    sign, whole = (-1, yuan[1:]) if yuan.startswith("-") else (1, yuan)
    front, _, back = whole.partition(".")
    return sign * (int(front or 0) * 100000 + int((back + "00000")[:5]))


def yuan(units: int, places: int = 2) -> str:
    sign, units = ("-", -units) if units < 0 else ("", units)
    return f"{sign}{units // 100000}.{units % 100000:05d}"[: (None if places == 5 else -3)]


def wechat_lines(rows: Sequence[Cells], header: Sequence[str] = ALL) -> list[str]:
    """Header, rows and the two lines of totals, without ends of lines."""
    summed = {name: sum(fen(row.get(name, "0")) for row in rows) for name in (
        "应结订单金额", "退款金额", "充值券退款金额", "手续费", "订单金额", "申请退款金额")}  # fmt: skip
    totals = [str(len(rows)), *(yuan(each, 5 if name == "手续费" else 2) for name, each in summed.items())]
    return [
        ",".join(header),
        *(",".join(f"`{row[name]}" for name in header) for row in rows),
        TOTALS,
        ",".join(f"`{each}" for each in totals),
    ]


def written(lines: Sequence[str], *, encoding: str = "utf-8-sig", end: str = "\r\n") -> bytes:
    return "".join(f"{line}{end}" for line in lines).encode(encoding)


def wechat(*rows: Cells, header: Sequence[str] = ALL) -> bytes:
    return written(wechat_lines(rows, header))


def fund_line(serial: int, kind: str, way: str, amount: str, number: str) -> str:
    cells = [f"2026-11-22 10:00:{serial:02d}", f"4200000000202611220000{serial:06d}", f"20261122{serial:010d}", kind,
             kind,
             way, amount, "100.00", "system", "", number]  # fmt: skip
    return ",".join(f"`{cell}" for cell in cells)


def alipay_lines(
    rows: Sequence[Sequence[str]], header: Sequence[str] = DETAIL, totals: Sequence[str] = (), head: str = "业务明细"
) -> list[str]:
    return [
        f"#支付宝{head}查询",
        "#账号：[20880000000000010156]",
        "#起始日期：[2026年11月22日 00:00:00]   终止日期：[2026年11月23日 00:00:00]",
        f"#-----------------------------------------{head}列表----------------------------------------",
        ",".join(header),
        *(",".join(row) for row in rows),
        f"#-----------------------------------------{head}列表结束------------------------------------",
        *totals,
        "#导出时间：[2026年11月23日 09:00:00]",
    ]


def alipay_row(serial: int, kind: str, amount: str, fee: str = "-0.01", request: str = "") -> list[str]:
    told = dict.fromkeys(DETAIL, "") | {name: "0.00" for name in DETAIL if name.endswith("（元）")}
    told |= {
        "支付宝交易号": f"20261122220014100000{serial:08d}",
        "商户订单号": f"YP{serial:026d}X",
        "业务类型": kind,
        "商品名称": "日用品",
        "创建时间": f"2026-11-22 10:00:{serial:02d}",
        "完成时间": f"2026-11-22 10:01:{serial:02d}",
        "订单金额（元）": amount,
        "商家实收（元）": amount,
        "退款批次号/请求号": request,
        "服务费（元）": fee,
    }
    return [f"{told[name]}\t" for name in DETAIL]


ALIPAY_ROWS = (
    alipay_row(1, "交易", "12.80", "-0.08"),
    alipay_row(2, "交易", "7.20", "-0.04"),
    alipay_row(1, "退款", "-5.00", "0.03", f"YR{1:026d}X"),
)
ALIPAY_TOTALS = (
    "#交易合计：2笔，商家实收共20.00元，商家优惠共0.00元",
    "#退款合计：1笔，商家实收退款共-5.00元，商家优惠退款共0.00元",
)


class GbkName(zipfile.ZipInfo):
    """A name in GBK without a flag that says so, as Alipay's zips have it."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's name
        return self.filename.encode("gbk"), self.flag_bits


def zipped(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(GbkName(name), content)
    return packed.getvalue()


def alipay_zip(
    detail: Sequence[str] | None = None, summary: str = "合计,,2,1,15.00,15.00,0.00,0.00,0.00,-0.09,0.00,14.91"
) -> bytes:
    lines = detail if detail is not None else alipay_lines(ALIPAY_ROWS, totals=ALIPAY_TOTALS)
    head = (
        "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,"
        "商家优惠（元）,卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
    )
    second = ["#支付宝业务汇总查询", "#账号：[20880000000000010156]", head, summary, "#-----业务汇总列表结束-----"]
    return zipped(
        {
            "20880000000000010156_20261122_业务明细.csv": written(lines, encoding="gbk"),
            "20880000000000010156_20261122_业务明细(汇总).csv": written(second, encoding="gbk"),
        }
    )


ZM = (3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13,
      13, 8, 32, 13, 13, 12, 2, 1, 32, 98)  # fmt: skip
ZM_OLD = (*ZM[:39], 131)


def unionpay_line(
    serial: int, fen_: int, kind: str = "01", at: str = "1122100000", widths: Sequence[int] = ZM, original: str = ""
) -> str:
    """One line of a merchant's settlement file. Only made-up numbers; the card is masked as the files have it."""
    told = {0: "S22", 1: "48020000", 2: "00049992", 3: f"{serial:06d}", 4: at, 5: "621700******0000", 6: f"{fen_:012d}",
            7: "5411", 8: "08", 9: f"2026112210000{serial:08d}", 11: f"YP{serial:026d}X", 15: f"D{8 * serial:012d}",
            16: f"C{fen_:012d}", 19: kind, 20: "06", 27: "777290058110048"}  # fmt: skip
    if len(widths) == len(ZM):
        told[40] = original
    return " ".join(told.get(place, "").ljust(width) for place, width in enumerate(widths))


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def rows_of(content: bytes, name: str = "bill.csv", **asked: object) -> tuple[list[dict[str, object]], End]:
    """Read it whole: the rows, and what is known in the end."""
    reading = open_statement(io.BytesIO(content), name, **asked)  # type: ignore[arg-type]
    rows = reading.table().to_pylist()
    return rows, reading.end()
