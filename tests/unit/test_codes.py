"""Recognising scanned text: all 19 shapes of channels.md section 8, its traps, and what holds for any text at all."""

from __future__ import annotations

import base64
from datetime import date
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from stdnum import ean, luhn
from stdnum.iso7064 import mod_11_2

from yuanlu import ids, packaged, words
from yuanlu.channels import codes
from yuanlu.channels.codes import CodeKind, Recognised, Wallet, masked, recognise

TODAY = date(2026, 11, 23)
OURS = "YP01M82V7M00076RS7P5RWH8PNH3G"
WECHAT = "134567890123456789"
FACE = "fp0593e8d5c5277bb6df5b6ec5f2f4fdff3"
UNIONPAY_CARD = "6200000000000000000"  # passes Luhn
UNIONPAY_CODE = "6200000000000000002"  # does not
ID_CARD = "110105199003070017"  # made up; passes MOD 11-2
PAYER_EMV = "hQVDUFYwMWFBTwigAAADMwEBAloIYgAAAAAAAAVjK58mCAECAwQFBgcInycBgJ8QCQcBAQOgAAABCp82AgABggJ8AJ83BBEiM0Q="
SHOP_EMV = (
    "000201010211153100000000000000000000000000000015204541153031565802CN5917YUANLU TEST STORE6008SHENZHEN"
    "62310515T202611230000010708POS0000163048A8F"
)
SHOP_EMV_AMOUNT = (
    "00020101021215310000000000000000000000000000001520454115303156540512.805802CN5917YUANLU TEST STORE6008SHENZHEN"
    "62310515T202611230000010708POS0000163041054"
)


def look(text: str, **how: Any) -> Recognised:
    return recognise(text, **({"today": TODAY} | how))


def short(seen: Recognised) -> tuple[str, str | None, bool]:
    return seen.kind.value, seen.wallet and seen.wallet.value, seen.ok


SHAPES = [
    (1, OURS, "our_number", None, False),
    (2, WECHAT, "payment_code", "wechat", True),
    *((2, f"1{second}1111111111111111", "payment_code", "wechat", True) for second in range(6)),
    *((3, f"{first}{'1' * more}", "payment_code", "alipay", True) for first in range(25, 31) for more in range(14, 23)),
    (4, FACE, "payment_code", "alipay", True),
    (5, UNIONPAY_CODE, "payment_code", "unionpay", False),
    (5, UNIONPAY_CARD, "payment_code", "unionpay", False),
    (6, PAYER_EMV, "consumer_emv", "unionpay", False),
    (7, "0112345678901234567", "payment_code", "ecny", False),
    (8, "6901234567892", "goods", None, False),
    (8, "2012345678903", "goods", None, False),
    (8, "9787111128069", "goods", None, False),
    (9, "96385074", "goods", None, False),
    (9, "036000291452", "goods", None, False),
    (9, "16901234567899", "goods", None, False),
    (10, "6901234567893", "goods", None, False),
    (11, "wxp://f2f0abcDEF", "receiving_code", "wechat", False),
    (12, "weixin://wxpay/bizpayurl?pr=AbCd123", "order_code", "wechat", False),
    (13, "https://qr.alipay.com/fkx12345abc", "receiving_code", "alipay", False),
    (13, "https://qr.alipay.com/tsx12345abc", "receiving_code", "alipay", False),
    (13, "https://qr.alipay.com/bax12345abc", "order_code", "alipay", False),
    (13, "https://qr.alipay.com/bav12345abc", "order_code", "alipay", False),
    (14, "https://qr.95516.com/00010000/01234567890", "receiving_code", "unionpay", False),
    (15, SHOP_EMV, "merchant_emv", "unionpay", False),
    (15, SHOP_EMV_AMOUNT, "merchant_emv", "unionpay", False),
    (16, "https://example.com/pay?x=1", "web_page", None, False),
    (16, "http://example.com", "web_page", None, False),
    (17, "13800138000", "member", None, False),
    (19, "hello", "unknown", None, False),
    (19, "", "unknown", None, False),
]


@pytest.mark.parametrize(("row", "text", "kind", "wallet", "ok"), SHAPES)
def test_each_shape_is_recognised(row: int, text: str, kind: str, wallet: str | None, ok: bool) -> None:
    """S11. S13. S30."""
    seen = look(text)
    assert (seen.row, *short(seen)) == (row, kind, wallet, ok)


@pytest.mark.parametrize(
    "number",
    ["4111111111111111", "5555555555554444", UNIONPAY_CARD, "3530111333300000", "378282246310005", "2720992593319364"],
)
def test_row_18_a_card_number_typed_by_hand_is_refused_and_not_kept(number: str) -> None:
    """S31. S36."""
    seen = look(number, typed=True)
    assert (seen.row, *short(seen)) == (18, "card_number", None, False)
    assert number not in repr(seen)
    assert not seen.code


def test_all_nineteen_rows_are_in_the_table() -> None:
    assert {shape.row for shape in codes.packaged_shapes()[-1].rows} == set(range(1, 20))


TRAPS = [
    # Identity numbers: both conditions, or it is a payment code.
    (ID_CARD, {}, "maybe_id_card", "scan.id_card_maybe", False),
    ("110105199003070016", {}, "payment_code", "scan.ok", True),  # the check fails
    ("110105199013070010", {}, "payment_code", "scan.ok", True),  # no month 13, whatever the check says
    (ID_CARD, {"no_id_card": True}, "payment_code", "scan.ok", True),
    ("11010519491231002X", {}, "maybe_id_card", "scan.id_card", False),
    ("11010519491231002x", {"no_id_card": True}, "maybe_id_card", "scan.id_card", False),
    # Typed by hand.
    (WECHAT, {"typed": True}, "payment_code", "scan.ok", True),
    ("1345-6789-0123-4567-89", {"typed": True}, "payment_code", "scan.ok", True),
    ("4111 1111 1111 1111", {"typed": True}, "card_number", "scan.card", False),
    ("4111-1111-1111-1111", {"typed": True}, "card_number", "scan.card", False),
    ("4111111111111112", {"typed": True}, "unknown", "scan.unknown_wallet", False),
    ("4111111111111111", {}, "unknown", "scan.unknown_wallet", False),
    (UNIONPAY_CODE, {"typed": True}, "payment_code", "scan.scanner_only", False),
    (UNIONPAY_CODE, {"typed": True, "offered": {"unionpay"}}, "payment_code", "scan.scanner_only", False),
    (UNIONPAY_CARD, {"offered": {"unionpay"}}, "payment_code", "scan.ok", True),
    # A wallet this shop does not take.
    (UNIONPAY_CODE, {}, "payment_code", "scan.channel_off", False),
    (WECHAT, {"offered": {"alipay"}}, "payment_code", "scan.channel_off", False),
    (WECHAT, {"offered": ()}, "payment_code", "scan.channel_off", False),
    # Lengths one off are nobody's we know.
    (WECHAT[:17], {}, "unknown", "scan.unknown_wallet", False),
    (WECHAT + "0", {}, "unknown", "scan.unknown_wallet", False),
    ("161234567890123456", {}, "unknown", "scan.unknown_wallet", False),
    ("28" + "1" * 13, {}, "unknown", "scan.partial", False),
    ("28" + "1" * 23, {}, "unknown", "scan.partial", False),
    ("9" * 24, {}, "unknown", "scan.unknown_wallet", False),
    (UNIONPAY_CODE[:18], {}, "unknown", "scan.unknown_wallet", False),
    (FACE[:34], {}, "unknown", "scan.partial", False),
    (FACE + "0", {}, "unknown", "scan.partial", False),
    # What scanners add and change.
    (f"\x02{WECHAT}\x03\r\n", {}, "payment_code", "scan.ok", True),
    ("13456789 01234567 89\n", {}, "payment_code", "scan.ok", True),
    ("１３４５６７８９０１２３４５６７８９", {}, "payment_code", "scan.ok", True),
    (f"]C1{WECHAT}", {}, "payment_code", "scan.ok", True),
    (f"]Q3{WECHAT}", {}, "payment_code", "scan.ok", True),
    ("]E06901234567892", {}, "goods", "scan.goods", False),
    (FACE.upper(), {}, "payment_code", "scan.ok", True),
    ("WXP://F2F0ABC", {}, "receiving_code", "scan.payee", False),
    ("HTTPS://QR.ALIPAY.COM/FKX123", {}, "receiving_code", "scan.payee", False),
    ("HTTPS://QR.ALIPAY.COM/BAX123", {}, "order_code", "scan.order", False),
    ("ｈｔｔｐｓ：、、qr。alipay。com、fkx1", {}, "receiving_code", "scan.payee", False),
    (PAYER_EMV.upper(), {}, "consumer_emv", "scan.channel_off", False),
    (f"]Q1{SHOP_EMV}\r\n", {}, "merchant_emv", "scan.payee", False),
    # The scanner says it is goods: a magazine's EAN with add-on looks like WeChat Pay, a carton like a long number.
    ("]E3100000000000912345", {}, "goods", "scan.goods", False),
    ("]C101169012345678991726112310A", {}, "goods", "scan.goods", False),
    # Hosts that only look right.
    ("https://qr.alipay.com.evil.example/fkx1", {}, "web_page", "scan.web", False),
    ("https://qr.alipay.com@evil.example/fkx1", {}, "web_page", "scan.web", False),
    ("https://qr-alipay.com/fkx1", {}, "web_page", "scan.web", False),
    ("https://qr.95516.com/0001/1", {}, "web_page", "scan.web", False),
    # Damaged.
    (SHOP_EMV[:-1] + "0", {}, "unknown", "scan.partial", False),
    ("6901234567893", {}, "goods", "scan.goods_damaged", False),
    ("96385075", {}, "unknown", "scan.partial", False),
    # Our own numbers, as people type them.
    (OURS.lower(), {}, "our_number", "scan.ours", False),
    (f"{OURS[:10]}-{OURS[10:20]}-{OURS[20:]}", {"typed": True}, "our_number", "scan.ours", False),
    (OURS[:2] + OURS[2:-1].replace("0", "O") + OURS[-1], {"typed": True}, "our_number", "scan.ours", False),
    (OURS[:-1], {}, "unknown", "scan.ours_damaged", False),
    # Nothing anyone could charge.
    ("13456789\x00123456789", {}, "unknown", "scan.unknown", False),
    ("\ud800", {}, "unknown", "scan.unknown", False),
    ("1" * 5000, {}, "unknown", "scan.unknown", False),
    ("١٣٤٥٦٧٨٩٠١٢٣٤٥٦٧٨٩", {}, "unknown", "scan.unknown", False),
    (None, {}, "unknown", "scan.unknown", False),
    (b"134567890123456789", {}, "unknown", "scan.unknown", False),
    (134567890123456789, {}, "unknown", "scan.unknown", False),
]


@pytest.mark.parametrize(("text", "how", "kind", "says", "ok"), TRAPS)
def test_each_trap_is_seen(text: Any, how: dict[str, Any], kind: str, says: str, ok: bool) -> None:
    seen = look(text, **how)
    assert (seen.kind.value, seen.says, seen.ok) == (kind, says, ok)


@pytest.mark.parametrize("kind", ids.Kind)
def test_an_id_of_any_kind_is_our_number(kind: ids.Kind) -> None:
    ours = ids.new(kind)
    assert (look(ours).kind, look(ours).says) == (CodeKind.OUR_NUMBER, "scan.ours")


def test_a_birth_date_to_come_is_not_plausible() -> None:
    unborn = "11010520271201" + "001"
    unborn += mod_11_2.calc_check_digit(unborn)
    assert unborn.isdigit()
    assert look(unborn).ok
    assert look(unborn, today=date(2028, 1, 1)).kind is CodeKind.MAYBE_ID_CARD
    assert look(unborn, today=None).kind is CodeKind.MAYBE_ID_CARD


def test_the_code_that_goes_on_is_the_tidy_one_and_stays_secret() -> None:
    assert look(" 1345 67890123456789\r\n").code == WECHAT
    assert look(FACE.upper()).code == FACE
    assert look(OURS.lower()).code == OURS
    assert [look(text, typed=True).code for text in (UNIONPAY_CARD, UNIONPAY_CODE, ID_CARD, PAYER_EMV)] == [""] * 4
    assert WECHAT not in repr(look(WECHAT))
    assert WECHAT not in str(look(WECHAT).as_dict())


def test_the_answer_for_others_has_exactly_five_keys() -> None:
    told = look("6901234567892").as_dict()
    assert told == {
        "kind": "goods",
        "wallet": None,
        "ok": False,
        "advice_zh": "这是商品条码\n请让顾客打开“付款码”，再扫一次。",
        "advice_en": "That's a product barcode.\nAsk the customer to open their payment code.",
    }
    assert type(told["kind"]) is str


def test_a_shop_that_takes_one_wallet_asks_for_that_one() -> None:
    assert look(WECHAT, offered={"alipay"}).advice_zh == "本店还不能收微信\n请顾客换支付宝。"
    assert look(UNIONPAY_CODE).advice_zh == "本店还不能收银联\n请顾客换微信或支付宝。"
    assert look(WECHAT, offered=()).advice_en.endswith("Ask the customer for another way to pay.")


@pytest.mark.parametrize("shape", codes.packaged_shapes()[-1].rows)
@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_every_advice_can_be_said(shape: codes.Shape, lang: str) -> None:
    for wallet in (None, *Wallet):
        said = Recognised(kind=shape.kind, wallet=wallet, says=shape.says, others=("wechat", "alipay")).advice(lang)
        assert "{" not in said
        assert lang == "en" or all(len(line) <= 24 for line in said.split("\n"))


def test_lengths_are_data_a_newer_table_wins_from_its_day_on() -> None:
    """S13. S97."""
    old = packaged.text("channels/data/codes.toml")
    newer = old.replace("valid_from = 2026-11-23", "valid_from = 2027-06-01").replace(
        "length = [18, 18]", "length = [18, 20]"
    )
    tables = codes.parse(newer + old)
    longer = WECHAT + "01"
    assert not look(longer, tables=tables).ok
    assert look(longer, tables=tables, today=date(2027, 6, 1)).ok
    assert codes.newest(tables, None).valid_from == date(2027, 6, 1)
    assert codes.newest(tables, date(2020, 1, 1)).valid_from == TODAY


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ('check = "gtin"', 'check = "guess"'),
        ('wallet = "alipay"', 'wallet = "paypal"'),
        ('"scan.payee"', '"scan.what"'),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_when_read(was: str, becomes: str) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011
        codes.parse(packaged.text("channels/data/codes.toml").replace(was, becomes, 1))


# --- whatever is scanned -------------------------------------------------------------------------------------------

anything = st.one_of(
    st.text(max_size=400),
    st.text(alphabet="0123456789", max_size=30),
    st.sampled_from(["hQVDUFYwM", "000201", "https://qr.alipay.com/", "]C1", "fp", "62", "YP"]).flatmap(
        lambda head: st.text(max_size=120).map(lambda rest: head + rest)
    ),
    st.binary(max_size=600).map(lambda raw: "hQVDUFYwM" + base64.b64encode(raw).decode()),
    st.sampled_from([text for _, text, *_ in SHAPES]),
)
wechat_shaped = st.from_regex(r"\A1[0-5][0-9]{16}\Z", fullmatch=True).filter(str.isascii)


@given(anything, st.booleans())
@example("hQVDUFYwM" + "é", False)
def test_nothing_makes_it_raise_and_only_payment_codes_are_ok(text: str, typed: bool) -> None:
    seen = look(text, typed=typed)
    assert not seen.ok or (seen.kind is CodeKind.PAYMENT_CODE and seen.wallet in {Wallet.WECHAT, Wallet.ALIPAY})
    assert set(seen.as_dict()) == {"kind", "wallet", "ok", "advice_zh", "advice_en"}


@given(anything, st.text(alphabet=" \t\r\n\u3000", max_size=5), st.text(alphabet=" \t\r\n\u3000", max_size=5))
def test_blanks_around_change_nothing(text: str, before: str, after: str) -> None:
    assert look(before + text + after) == look(text)


@given(st.sampled_from([text for row, text, *_ in SHAPES if row != 15]), st.data())
def test_blanks_inside_change_nothing_but_in_emv_codes_that_count_them(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    assert look(text[:at] + " \r\n" + text[at:]) == look(text)


@given(st.text(alphabet="0123456789", max_size=30))
def test_full_width_digits_are_digits(text: str) -> None:
    assert look(text.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})) == look(text)


def passes_as_id_card(text: str) -> bool:
    try:
        born = date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    return date(1900, 1, 1) <= born <= TODAY and mod_11_2.is_valid(text) and text[1] != "0"


@given(wechat_shaped)
@example(ID_CARD)
def test_a_wechat_code_is_charged_unless_it_passes_as_an_identity_number(text: str) -> None:
    assert look(text).ok is not passes_as_id_card(text)


@given(
    st.sampled_from(["11", "12", "13", "14", "15"]),
    st.text(alphabet="0123456789", min_size=4, max_size=4),
    st.dates(date(1900, 1, 1), TODAY),
    st.text(alphabet="0123456789", min_size=3, max_size=3),
)
def test_no_identity_number_is_ever_charged(region: str, county: str, born: date, rest: str) -> None:
    body = f"{region}{county}{born:%Y%m%d}{rest}"
    seen = look(body + mod_11_2.calc_check_digit(body))
    assert (seen.kind, seen.ok, seen.code) == (CodeKind.MAYBE_ID_CARD, False, "")


@given(st.sampled_from(["4", "5", "6", "62", "35", "81"]), st.integers(16, 19), st.data())
def test_no_card_number_typed_by_hand_is_ever_charged_or_kept(first: str, length: int, data: st.DataObject) -> None:
    """S31. S36."""
    body = first + data.draw(
        st.text(alphabet="0123456789", min_size=length - 1 - len(first), max_size=length - 1 - len(first))
    )
    number = body + luhn.calc_check_digit(body)
    seen = look(number, typed=True, offered=set(Wallet))
    assert seen.kind in {CodeKind.CARD_NUMBER, CodeKind.MAYBE_ID_CARD}
    assert (seen.ok, seen.code) == (False, "")


@given(st.text(alphabet="0123456789", min_size=13, max_size=13))
def test_thirteen_digits_are_goods_whole_or_damaged_never_money(text: str) -> None:
    seen = look(text)
    assert (seen.kind, seen.ok) == (CodeKind.GOODS, False)
    assert (seen.says == "scan.goods") is ean.is_valid(text)


@given(st.sampled_from([SHOP_EMV, SHOP_EMV_AMOUNT]), st.data())
def test_a_shops_emv_code_with_one_sign_changed_is_not_taken_for_one(text: str, data: st.DataObject) -> None:
    """S30."""
    at = data.draw(st.integers(6, len(text) - 9))
    other = data.draw(st.sampled_from("0123456789ABCXYZ"))
    assume(other != text[at])
    assert look(text[:at] + other + text[at + 1 :]).kind is not CodeKind.MERCHANT_EMV


@given(st.integers(0, 72), st.binary(max_size=40))
def test_a_payers_emv_code_cut_anywhere_is_still_known_for_one(at: int, noise: bytes) -> None:
    """S30."""
    raw = base64.b64decode(PAYER_EMV)
    seen = look(base64.b64encode(raw[: 7 + at] + noise).decode())
    assert (seen.kind, seen.ok, seen.code) == (CodeKind.CONSUMER_EMV, False, "")


@given(st.text(max_size=60).filter(lambda text: "*" not in text))
def test_masking_shows_two_and_four_characters_at_most_and_half_at_most(text: str) -> None:
    shown = masked(text).replace("*", "")
    assert len(shown) <= 6
    assert len(shown) <= len(text) / 2


def test_masking_a_payment_code() -> None:
    assert masked(f" {WECHAT}\r\n") == "13****6789"
    assert masked("1234567") == "12****"
    assert masked("123") == "****"


@pytest.mark.parametrize(
    "text",
    ["0" * 4096, " " * 4096, "000201" + "6304" * 1000, "hQVDUFYwM" + "A" * 4000, "]C101" + "1" * 4000, "Y" * 4096],
)
@pytest.mark.parametrize("typed", [False, True])
def test_the_longest_texts_are_answered_and_longer_ones_not_looked_at(text: str, typed: bool) -> None:
    assert not look(text, typed=typed).ok
    assert look(text + WECHAT * 60, typed=typed).says == "scan.unknown"
