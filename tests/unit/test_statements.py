"""Statements are read as the channels write them, told apart, and never half believed."""

from __future__ import annotations

import io
import os
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests import statements as made
from tests.statements import gzipped, payment, refund, rows_of, wechat, wechat_lines, written, zipped
from yuanlu.errors import Denied
from yuanlu.statements import opening, rows
from yuanlu.statements.problems import TOLD_MAX, Code, Problems
from yuanlu.statements.reading import open_statement

REAL = Path(os.environ.get("REAL_STATEMENTS", "../shared/data/statements"))


def codes(end: object) -> list[str]:
    return [problem.code for problem in end.problems]  # type: ignore[attr-defined]


def refused(content: bytes, name: str = "bill.csv", **asked: object) -> Denied:
    with pytest.raises(Denied) as no:
        rows_of(content, name, **asked)
    return no.value


# The shape


def test_the_columns_of_arrow_are_the_fields_of_a_row() -> None:
    assert list(rows.COLUMNS) == [field.name for field in fields(rows.Row)]
    assert rows.schema().names == list(rows.COLUMNS)
    assert {str(field.type) for field in rows.schema()} == {"string", "int64", "timestamp[us, tz=UTC]"}


# WeChat Pay


def test_a_trade_bill_of_all_is_read_to_the_fen() -> None:
    """S54. Payments, refunds and what was reversed, each with both numbers."""
    reversed_ = payment(
        3, "9.90", "0.00000", 交易状态="REVOKED", 退款金额="9.90", 申请退款金额="9.90", 退款状态="SUCCESS"
    )
    told, end = rows_of(wechat(payment(1), refund(2), reversed_))
    assert told[0] == {
        "channel": "wechat", "layout": "wechat_all", "kind": "payment", "number": f"YP{1:026d}X", "payment_number": "",
        "channel_number": "4200000000202611220000000001", "at": datetime(2026, 11, 22, 2, 0, 1, tzinfo=UTC),
        "state": "SUCCESS", "amount_fen": 1280, "fee_fen": 8, "settled_fen": 1280, "refund_fen": 0,
        "account": "1900000109", "currency": "CNY", "line": 2,
    }  # fmt: skip
    back = told[1]
    assert (back["kind"], back["number"], back["payment_number"]) == ("refund", f"YR{2:026d}X", f"YP{2:026d}X")
    assert (back["amount_fen"], back["refund_fen"], back["settled_fen"], back["fee_fen"]) == (500, 500, -500, -3)
    assert back["channel_number"] == f"503000000020261122{2:011d}"
    gone = told[2]
    assert (gone["kind"], gone["state"], gone["amount_fen"], gone["refund_fen"]) == ("payment", "REVOKED", 990, 990)
    assert end.summary_agrees is True
    assert end.problems == ()
    assert end.accounts == ("1900000109",)
    assert end.summary == {
        "count": 3, "settled_fen": 2270, "refund_settled_fen": 1490, "refund_coupon_fen": 0, "fee_fen": 5,
        "amount_fen": 2270, "refund_amount_fen": 1490,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("header", "layout"),
    [
        (made.ALL, "wechat_all"),
        (made.SUCCESS, "wechat_success"),
        (made.REFUND, "wechat_refund"),
        (made.OLD, "wechat_all"),
    ],
)
def test_each_layout_is_known_by_its_columns(header: list[str], layout: str) -> None:
    row = refund(1) if layout == "wechat_refund" else payment(1)
    row = {
        **row,
        "总金额": row["应结订单金额"],
        "代金券或立减优惠金额": "0.00",
        "代金券或立减优惠退款金额": "0.00",
        "子商户号": "0",
    }
    told, end = rows_of(written(wechat_lines([row], header)))
    assert told[0]["layout"] == layout
    assert told[0]["amount_fen"] == (500 if layout == "wechat_refund" else 1280)
    assert end.summary_agrees is True, end


def test_a_refund_of_the_refund_bill_is_dated_by_when_it_was_asked_for() -> None:
    told, _ = rows_of(wechat(refund(1), header=made.REFUND))
    assert told[0]["at"] == datetime(2026, 11, 22, 3, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("SUCCESS", "SUCCESS"),
        ("PROCESSING", "PROCESSING"),
        ("FAIL", "FAIL"),
        ("CHANGE", "CHANGE"),
        ("CLOSED", "CLOSED"),
        ("ELSE", "UNKNOWN"),
    ],
)
def test_the_state_of_a_refund_is_one_of_our_words(said: str, state: str) -> None:
    told, end = rows_of(wechat(refund(1, state=said)))
    assert told[0]["state"] == state
    assert codes(end) == (["word_unknown"] if state == "UNKNOWN" else [])


def test_a_sub_merchant_is_whose_line_it_is() -> None:
    told, end = rows_of(wechat(payment(1, 特约商户号="1900000999"), payment(2)))
    assert [row["account"] for row in told] == ["1900000999", "1900000109"]
    assert codes(end) == ["accounts_several"]


def test_the_fund_flow_bill_says_what_moved() -> None:
    """S77. A refund, a payment, a fee of its own line and a withdrawal."""
    lines = [
        ",".join(made.FUND),
        made.fund_line(1, "交易", "收入", "12.80", "YP1"),
        made.fund_line(2, "退款", "支出", "5.00", "YR1"),
        made.fund_line(3, "扣除交易手续费", "支出", "0.08", "YP1"),
        made.fund_line(4, "提现", "支出", "7.72", ""),
        made.FUND_TOTALS,
        "`4,`1,`12.80,`3,`12.80",
    ]
    told, end = rows_of(written(lines))
    figures = ("kind", "amount_fen", "fee_fen", "settled_fen", "refund_fen")
    assert [tuple(row[name] for name in figures) for row in told] == [
        ("payment", 1280, 0, 1280, 0), ("refund", 500, 0, -500, 500), ("fee", 8, 8, 0, 0), ("other", 772, 0, -772, 0)
    ]  # fmt: skip
    assert end.summary_agrees is True


# Alipay


def test_a_business_bill_comes_in_a_zip_of_gbk_files_and_agrees_with_its_second_file() -> None:
    """S54."""
    told, end = rows_of(made.alipay_zip(), "20880000000000010156_20261122.zip")
    assert [(row["kind"], row["number"], row["payment_number"], row["amount_fen"]) for row in told] == [
        ("payment", f"YP{1:026d}X", "", 1280),
        ("payment", f"YP{2:026d}X", "", 720),
        ("refund", f"YR{1:026d}X", f"YP{1:026d}X", 500),
    ]
    assert [(row["fee_fen"], row["settled_fen"], row["refund_fen"]) for row in told] == [
        (8, 1280, 0),
        (4, 720, 0),
        (-3, -500, 500),
    ]
    assert {row["account"] for row in told} == {"2088000000000001"}
    assert end.day == date(2026, 11, 22)
    assert end.problems == ()
    assert end.summary_agrees is True


def test_amounts_of_refunds_that_are_not_below_nought_are_the_same() -> None:
    told, _ = rows_of(written(made.alipay_lines([made.alipay_row(1, "退款", "5.00", "0.03", "YR1")]), encoding="gbk"))
    assert (told[0]["amount_fen"], told[0]["settled_fen"], told[0]["fee_fen"]) == (500, -500, -3)


def test_a_whole_refund_without_a_number_of_its_own_has_its_payments() -> None:
    told, _ = rows_of(written(made.alipay_lines([made.alipay_row(1, "退款", "-5.00")]), encoding="gbk"))
    assert told[0]["number"] == told[0]["payment_number"] == f"YP{1:026d}X"


@pytest.mark.parametrize(
    "changed",
    ["合计,,3,1,15.00,15.00,0.00,0.00,0.00,-0.09,0.00,14.91", "合计,,2,1,15.01,15.00,0.00,0.00,0.00,-0.09,0.00,14.91"],
)
def test_a_second_file_that_does_not_agree_is_told_of(changed: str) -> None:
    _, end = rows_of(made.alipay_zip(summary=changed))
    assert end.summary_agrees is False
    assert codes(end) == ["summary_disagrees"]


def test_the_account_bill_says_what_came_and_went() -> None:
    head = ["202611220001", "2026112222001410000000000001", "YP1", "日用品", "2026-11-22 10:00:00", "made-up"]
    lines = made.alipay_lines(
        [
            [*head, "12.80", "", "12.80", "支付宝", "在线支付", ""],
            [*head, " ", "-5.00", "7.80", "支付宝", "交易退款", ""],
            [*head, "", "-0.08", "7.72", "支付宝", "收费", ""],
            [*head, "0.03", "", "7.75", "支付宝", "退费", ""],
        ],
        header=made.ACCOUNT, head="账务明细",
        totals=["#支出合计：2笔，共-5.08元", "#收入合计：2笔，共12.83元"],
    )  # fmt: skip
    told, end = rows_of(written(lines, encoding="gbk"))
    figures = ("kind", "number", "payment_number", "fee_fen", "settled_fen")
    assert [tuple(row[name] for name in figures) for row in told] == [
        ("payment", "YP1", "", 0, 1280),
        ("refund", "", "YP1", 0, -500),
        ("fee", "YP1", "", 8, 0),
        ("fee", "YP1", "", -3, 0),
    ]
    assert end.summary_agrees is True, end


# UnionPay


@pytest.mark.parametrize("widths", [made.ZM, made.ZM_OLD])
def test_a_settlement_file_of_fixed_width_is_read_by_its_places(widths: tuple[int, ...]) -> None:
    lines = [
        made.unionpay_line(1, 1280, widths=widths),
        made.unionpay_line(2, 500, "04", original=f"YP{1:026d}X", widths=widths),
        made.unionpay_line(3, 100, "99", widths=widths),
    ]
    told, end = rows_of(zipped({"INN26112288ZM_777290058110048": written(lines, encoding="gbk")}), "bill.zip")
    assert [(row["kind"], row["number"], row["amount_fen"], row["fee_fen"], row["settled_fen"]) for row in told] == [
        ("payment", f"YP{1:026d}X", 1280, 8, 1280),
        ("refund", f"YP{2:026d}X", 500, -16, -500),
        ("other", f"YP{3:026d}X", 100, 24, 0),
    ]
    assert told[0]["at"] == datetime(2026, 11, 22, 2, 0, 0, tzinfo=UTC)
    assert told[1]["payment_number"] == (f"YP{1:026d}X" if widths == made.ZM else "")
    assert end.accounts == ("777290058110048",)
    assert codes(end) == ["word_unknown"]


def test_a_time_without_a_year_is_not_after_the_day_of_its_file() -> None:
    lines = [made.unionpay_line(1, 100, at="1231235900"), made.unionpay_line(2, 100, at="0101000100")]
    told, _ = rows_of(written(lines, encoding="gbk"), "INN27010188ZM_777290058110048")
    assert [row["at"].isoformat()[:16] for row in told] == ["2026-12-31T15:59", "2026-12-31T16:01"]


def test_a_settlement_file_whose_day_nobody_knows_is_refused() -> None:
    content = written([made.unionpay_line(1, 100)], encoding="gbk")
    assert refused(content, "file.txt").code == "statement.day_unknown"
    assert rows_of(content, "file.txt", on=date(2026, 11, 22))[0][0]["amount_fen"] == 100


def test_lines_of_a_settlement_file_that_do_not_fit_are_named() -> None:
    good = made.unionpay_line(1, 1280)
    lines = [
        good,
        good[:80],
        good.replace("1122100000", "1340100000"),
        good.replace(f"{1280:012d}", "0000000012.8"),
        good + "x" * 40,
    ]
    told, end = rows_of(written(lines, encoding="gbk"), "INN26112288ZM_777290058110048")
    assert len(told) == 1
    assert [(problem.code, problem.line) for problem in end.problems] == [
        ("row_short", 2), ("time_unreadable", 3), ("amount_unreadable", 4), ("row_long", 5)
    ]  # fmt: skip


# Oddities of files


def plain_rows() -> list[dict[str, object]]:
    return rows_of(wechat(payment(1), refund(2), payment(3, "0.01")))[0]


LINES = wechat_lines([payment(1), refund(2), payment(3, "0.01")])


@pytest.mark.parametrize(
    "content",
    [
        written(LINES, encoding="utf-8"),
        written(LINES, end="\n"),
        written(LINES, encoding="gbk"),
        written(LINES, encoding="gb18030", end="\n"),
        written(LINES, encoding="utf-16"),
        written(LINES).removesuffix(b"\r\n"),
        written(LINES, encoding="utf-8", end="\r"),
        gzipped(written(LINES)),
        zipped({"账单.csv": written(LINES)}),
        written([line.replace("`", "") for line in LINES]),
        written([",".join(f"{cell}\t" for cell in line.split(",")) for line in LINES]),
        written([",".join(f'"{cell}"' for cell in line.split(",")) for line in LINES]),
        written([line.replace(",", "\t") for line in LINES]),
        written([f"{line},," for line in LINES]),
    ],
    ids=[
        "no mark",
        "LF",
        "GBK",
        "GB18030",
        "UTF-16",
        "no end",
        "CR",
        "gzip",
        "zip",
        "no backticks",
        "tabs in cells",
        "quoted",
        "tabs between",
        "commas at the end",
    ],
)
def test_however_a_file_is_put_down_its_rows_are_the_same(content: bytes) -> None:
    told, end = rows_of(content)
    assert told == plain_rows()
    assert end.problems == ()
    assert end.summary_agrees is True


def test_columns_may_come_in_any_order_with_strangers_between() -> None:
    header = [*reversed(made.ALL), "新的一列", "又一列"]
    lines = wechat_lines(
        [{**row, "新的一列": "?", "又一列": ""} for row in (payment(1), refund(2), payment(3, "0.01"))], header
    )
    told, end = rows_of(written(lines))
    assert told == plain_rows()
    assert end.summary_agrees is True


def test_columns_that_are_missing_are_named_and_the_rest_is_read() -> None:
    header = [name for name in made.ALL if name not in ("商户号", "手续费", "货币种类")]
    told, end = rows_of(written(wechat_lines([payment(1)], header)))
    assert (told[0]["fee_fen"], told[0]["account"], told[0]["currency"], told[0]["amount_fen"]) == (0, "", "CNY", 1280)
    assert [problem.what for problem in end.problems if problem.code is Code.COLUMN_MISSING] == ["商户号", "手续费"]


def test_full_width_signs_are_read_as_what_they_mean() -> None:
    odd = payment(1, 交易时间="2026-11-2210：00：01", 应结订单金额="￥12.80", 订单金额="１２．８０", 手续费="0.08")
    back = refund(2, 手续费="－0.03000")
    lines = wechat_lines([payment(1), refund(2), payment(3, "0.01")])
    lines[1:3] = [",".join(f"`{row[name]}" for name in made.ALL) for row in (odd, back)]
    lines[0] = lines[0].replace("公众账号ID", "公众账号ＩＤ").replace("商户号,", " 商户号 ,")
    told, end = rows_of(written(lines))
    assert told == plain_rows()
    assert end.problems == ()


def test_a_comma_in_a_name_of_goods_harms_nothing() -> None:
    told, end = rows_of(wechat(payment(1, 商品名称='米,面,"油"'), payment(2, 商品名称="它`说")))
    assert [row["amount_fen"] for row in told] == [1280, 1280]
    assert end.problems == ()


def test_thousands_marks_in_quotes_are_read() -> None:
    row = payment(1, "1234.50")
    lines = wechat_lines([row])
    lines[1] = ",".join('"1,234.50"' if row[name] == "1234.50" else row[name] for name in made.ALL)
    told, end = rows_of(written(lines))
    assert (told[0]["amount_fen"], end.summary_agrees) == (123450, True)


def test_words_of_goods_are_taken_for_nothing_else() -> None:
    """Not for the mark of a personal export, and not, where their bytes are broken, for another encoding."""
    goods = wechat(payment(1, 商品名称="收/支 XX"))
    for spoilt in (b"XX", b"\xff\xfe"):
        for content in (goods, goods.removeprefix(b"\xef\xbb\xbf")):
            told, end = rows_of(content.replace(b"XX", spoilt))
            assert (told[0]["amount_fen"], end.problems) == (1280, ())


def test_two_statements_in_one_archive_are_held_to_both_their_totals() -> None:
    both = zipped({"a.csv": wechat(payment(1)), "b.csv": wechat(payment(2, "0.01"))})
    told, end = rows_of(both)
    assert ([row["amount_fen"] for row in told], end.summary_agrees) == ([1280, 1], True)
    assert end.summary is not None
    assert end.summary["count"] == 2


def test_totals_may_be_more_than_any_line() -> None:
    rich = [payment(serial, "900000000.00", "0") for serial in range(1, 31)]
    _, end = rows_of(wechat(*rich))
    assert end.summary_agrees is True


def test_blank_lines_change_no_row_but_the_places_of_those_after_them() -> None:
    told, end = rows_of(written([LINES[0], "", LINES[1], "  ", *LINES[2:]]))
    assert [row["line"] for row in told] == [3, 5, 6]
    assert end.problems == ()


def test_many_blocks_are_one_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line among thousands that is odd changes no other."""
    monkeypatch.setattr(opening, "BLOCK", 20_000)
    bills = [payment(serial, f"{serial}.01") for serial in range(1, 1001)]
    lines = wechat_lines(bills)
    lines[500] = lines[500].replace("`500.01", "`￥500.01")
    told, end = rows_of(written(lines))
    assert [row["amount_fen"] for row in told] == [serial * 100 + 1 for serial in range(1, 1001)]
    assert [row["line"] for row in told] == list(range(2, 1002))
    assert end.summary_agrees is True


def test_a_fee_finer_than_a_fen_is_rounded_and_told_of() -> None:
    told, end = rows_of(wechat(payment(1, "0.10", "0.00060"), payment(2, "1.00", "0.00600"), refund(3, fee="-0.00500")))
    assert [row["fee_fen"] for row in told] == [0, 1, -1]
    assert [(problem.code, problem.count) for problem in end.problems] == [("fee_rounded", 3)]
    assert end.summary_agrees is True


def test_an_amount_finer_than_a_fen_is_left_out_and_told_of() -> None:
    told, end = rows_of(wechat(payment(1), {**payment(2), "订单金额": "12.805"}))
    assert len(told) == 1
    assert "part_of_fen" in codes(end)
    assert end.left_out == 1


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("订单金额", "twelve", "amount_unreadable"),
        ("订单金额", "", "amount_unreadable"),
        ("订单金额", "9" * 15, "amount_unreadable"),
        ("订单金额", "1000000000.01", "amount_unreadable"),
        ("订单金额", "-12.80", "amount_unreadable"),
        ("交易时间", "2026-02-30 10:00:00", "time_unreadable"),
        ("交易时间", "", "time_unreadable"),
        ("商户订单号", "号码", "number_unreadable"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_left_out(column: str, cell: str, code: str) -> None:
    lines = wechat_lines([payment(1), payment(2)])
    lines[2] = ",".join(f"`{cell if name == column else payment(2)[name]}" for name in made.ALL)
    for encoding in ("utf-8-sig", "gbk"):
        told, end = rows_of(written(lines, encoding=encoding))
        assert len(told) == 1
        assert code in codes(end)
        assert next(problem.line for problem in end.problems if problem.code == code) == 3


# Totals


def test_a_summary_that_does_not_agree_is_reported() -> None:
    """S77."""
    lines = [*LINES[:-1], LINES[-1].replace("`12.81", "`12.82")]
    told, end = rows_of(written(lines))
    assert told == plain_rows()
    assert end.summary_agrees is False
    assert [(problem.code, problem.what, problem.said, problem.read) for problem in end.problems] == [
        ("summary_disagrees", "settled_fen", 1282, 1281), ("summary_disagrees", "amount_fen", 1282, 1281)
    ]  # fmt: skip


@pytest.mark.parametrize("rows_told", [LINES[1:2], LINES[1:4] + LINES[1:2]], ids=["missing", "twice"])
def test_a_row_that_is_missing_or_there_twice_is_seen_in_the_totals(rows_told: list[str]) -> None:
    _, end = rows_of(written([LINES[0], *rows_told, *LINES[4:]]))
    assert end.summary_agrees is False


def test_a_file_without_totals_says_so() -> None:
    told, end = rows_of(written(LINES[:4]))
    assert told == plain_rows()
    assert (end.summary, end.summary_agrees, codes(end)) == (None, None, ["summary_missing"])


def test_two_statements_in_one_file_are_told_of() -> None:
    _, end = rows_of(written(LINES + LINES[:3]))
    assert {"header_again", "after_summary"} <= set(codes(end))


def test_an_empty_day_is_a_statement_of_no_rows() -> None:
    for content in (written(wechat_lines([])), gzipped(written(wechat_lines([]))), made.alipay_zip(
        made.alipay_lines([], totals=["#交易合计：0笔，商家实收共0.00元，商家优惠共0.00元"]),
        "合计,,0,0,0.00,0.00,0.00,0.00,0.00,0.00,0.00,0.00",
    )):  # fmt: skip
        told, end = rows_of(content)
        assert told == []
        assert end.problems == ()
        assert end.summary_agrees is True


# What is no statement


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "statement.empty"),
        (b"\r\n\r\n", "statement.empty"),
        (gzipped(b""), "statement.empty"),
        (b"PK\x05\x06" + b"\0" * 18, "statement.empty"),
        (b"%PDF-1.7 \n", "statement.not_one"),
        (b"<html><body>login</body></html>", "statement.not_one"),
        (b'{"code":"NO_STATEMENT_EXIST"}', "statement.not_one"),
        (b"a,b\n1,2\n", "statement.not_one"),
        (bytes(range(256)) * 8, "statement.not_one"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, "statement.workbook"),
        (zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}), "statement.workbook"),
        (zipped({"readme.txt": b"hello"}), "statement.not_one"),
        (b"PK\x03\x04 and nothing more", "statement.archive_broken"),
        (b"\x1f\x8b\x08\x00 and nothing more", "statement.archive_broken"),
        (b"Rar!\x1a\x07\x01\x00", "statement.archive_unknown"),
        ("微信支付账单明细,,,,\n微信昵称：[made up],,,\n".encode(), "statement.personal_export"),
        (
            written(["交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号,商户单号,备注"]),
            "statement.personal_export",
        ),
        (
            written(["支付宝交易记录明细查询", "账号:[made-up]", "起始日期:[2026-11-22 00:00:00]"], encoding="gbk"),
            "statement.personal_export",
        ),
        (
            written(["-----支付宝（中国）网络技术有限公司  电子客户回单-----"], encoding="gbk"),
            "statement.personal_export",
        ),
    ],
)
def test_what_is_no_merchants_statement_is_refused_by_name(content: bytes, code: str) -> None:
    assert refused(content).code == code


@pytest.mark.parametrize(
    ("column", "cell", "what"),
    [
        ("微信订单号", "4.2E+27", "numbers"),
        ("微信订单号", "4.20000092520210E+27", "numbers"),
        ("微信订单号", "4200000000202610000000000000", "numbers"),
        ("商户订单号", "1.23E+27", "numbers"),
        ("交易时间", "2026/11/22 10:00", "times"),
        ("交易时间", "2026-11-22 10:00", "times"),
        ("交易时间", "11/22/2026 10:00", "times"),
        ("交易时间", "00:01.0", "times"),
        ("交易时间", "46348.41668", "times"),
    ],
)
def test_a_file_that_a_spreadsheet_spoilt_is_refused_by_name(column: str, cell: str, what: str) -> None:
    """Its digits or seconds are gone: nothing of it is believed."""
    spoilt = payment(2, **{column: cell})
    for marks in ("`", ""):
        lines = [line.replace("`", marks) for line in wechat_lines([payment(1), spoilt])]
        no = refused(written(lines))
        assert (no.code, no.facts["what"]) == ("statement.spoilt", what)


def test_a_channel_that_is_asked_for_must_be_the_files() -> None:
    no = refused(wechat(payment(1)), channel="alipay")
    assert (no.code, no.facts) == ("statement.other_channel", {"wanted": "alipay", "found": "wechat"})
    assert rows_of(wechat(payment(1)), channel="wechat")[1].rows == 1


def test_an_archive_that_unpacks_to_more_than_there_may_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "UNPACKED_MAX", 100_000)
    content = wechat(*(payment(serial) for serial in range(1, 1001)))
    assert refused(gzipped(content)).code == "statement.too_large"
    assert refused(zipped({"a.csv": content})).code == "statement.too_large"


def test_a_line_without_an_end_is_no_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LINE_MAX", 10_000)
    monkeypatch.setattr(opening, "BLOCK", 20_000)
    assert refused(written(LINES[:2]) + b"x" * 500_000).code == "statement.not_one"


def test_a_gzip_that_breaks_off_gives_the_rows_before_and_says_so() -> None:
    whole = gzipped(wechat(*(payment(serial, f"{serial}.07") for serial in range(1, 3001))))
    told, end = rows_of(whole[: len(whole) // 2])
    assert 0 < len(told) < 3000
    assert {"cut_off", "summary_missing"} <= set(codes(end))
    assert [row["amount_fen"] for row in told] == [serial * 100 + 7 for serial in range(1, len(told) + 1)]


# Problems


def test_problems_are_counted_however_many_there_are() -> None:
    problems = Problems()
    for line in range(1000):
        problems.add(Code.ROW_SHORT, line + 1)
    told = problems.told()
    assert len(told) == TOLD_MAX
    assert sum(problem.count for problem in told) == 1000 == problems.left_out


# Real files


@pytest.mark.parametrize("name", ["v3_tradebill_ALL_2021-01-28.csv", "v3_tradebill_ALL_2021-01-28.csv.gz"])
def test_a_real_trade_bill_is_read_whole(name: str) -> None:
    if not (REAL / name).exists():
        pytest.skip(f"no real statements at {REAL} (REAL_STATEMENTS names their folder)")
    told, end = rows_of((REAL / name).read_bytes(), name)
    assert [row["amount_fen"] for row in told] == [1, 1, 1]
    assert (end.summary_agrees, end.problems, end.day) == (True, (), date(2021, 1, 28))


def test_a_real_fund_bill_that_is_incomplete_is_noticed() -> None:
    path = REAL / "v3_fundflow_Basic_2021-02-01.csv"
    if not path.exists():
        pytest.skip(f"no real statements at {REAL} (REAL_STATEMENTS names their folder)")
    told, end = rows_of(path.read_bytes(), path.name)
    assert [row["number"] for row in told] == ["S20210201135356381941", "S20210201140044552846"]
    assert end.summary_agrees is False
    assert ("count", 3, 2) in [(problem.what, problem.said, problem.read) for problem in end.problems]


def test_a_source_is_read_where_it_stands_and_left_open() -> None:
    source = io.BytesIO(wechat(payment(1)))
    reading = open_statement(source, "bill.csv")
    assert [batch.num_rows for batch in reading.batches()] == [1]
    assert not source.closed
