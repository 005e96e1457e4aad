"""What a text of the search box is taken for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.making import NOON
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.web.parts.recognising import GUESSES_MAX, Guess, Sort, recognised

PAYMENT, CASE = ids.derived(Kind.PAYMENT, NOON, "one"), ids.derived(Kind.CASE, NOON, "one")
WECHAT = "4200002233202611271234567890"
ALIPAY = "2026112722001412345678901234"


@pytest.mark.parametrize(
    ("text", "guesses"),
    [
        ("", []),
        ("  ", []),
        ("退款", []),
        (PAYMENT, [(Sort.ID, PAYMENT)]),
        (f" {PAYMENT.lower()} ", [(Sort.ID, PAYMENT)]),
        (f"https://pay.example/r/{CASE}?x=1", [(Sort.ID, CASE)]),
        (f"{PAYMENT} {CASE} {PAYMENT}", [(Sort.ID, PAYMENT), (Sort.ID, CASE)]),
        (PAYMENT[:-1] + ("0" if PAYMENT[-1] != "0" else "1"), [(Sort.NUMBER, None)]),
        (PAYMENT[:10], [(Sort.NUMBER, PAYMENT[:10])]),
        (PAYMENT[:6].lower(), [(Sort.NUMBER, PAYMENT[:6])]),
        (PAYMENT[:5], []),
        (WECHAT, [(Sort.NUMBER, WECHAT)]),
        ("4200 0022 3320 2611 2712 3456 7890", [(Sort.NUMBER, WECHAT)]),
        (ALIPAY, [(Sort.NUMBER, ALIPAY)]),
        ("130123456789016789", [(Sort.TAIL, "6789")]),
        ("280123456789016789", [(Sort.TAIL, "6789")]),
        ("6789", [(Sort.TAIL, "6789"), (Sort.AMOUNT, "6789")]),
        ("６７８９", [(Sort.TAIL, "6789"), (Sort.AMOUNT, "6789")]),
        ("128", [(Sort.AMOUNT, "128")]),
        ("128.00", [(Sort.AMOUNT, "128.00")]),
        ("¥1,280.5", [(Sort.AMOUNT, "¥1,280.5")]),
        ("￥128元", [(Sort.AMOUNT, "¥128元")]),
        ("123456", [(Sort.NUMBER, "123456"), (Sort.AMOUNT, "123456")]),
        ("12,80", []),
        ("128.001", []),
        ("-128", []),
        ("0", []),
        ("1000001", [(Sort.NUMBER, "1000001")]),
        ("²²²²", [(Sort.TAIL, "2222"), (Sort.AMOUNT, "2222")]),
        ("٦٧٨٩", []),
    ],
)
def test_a_text_is_taken_for_what_it_may_be(text: str, guesses: list[tuple[Sort, str | None]]) -> None:
    """S15: by number of ours or the channel's, by sum, by tail."""
    found = recognised(text)
    assert [each.sort for each in found] == [sort for sort, _ in guesses]
    assert all(each.text == wanted for each, (_, wanted) in zip(found, guesses, strict=True) if wanted)


@pytest.mark.parametrize(("text", "fen"), [("128", 12800), ("128.5", 12850), ("0.01", 1), ("1,280.00", 128000)])
def test_an_amount_is_exact(text: str, fen: int) -> None:
    assert recognised(text)[-1] == Guess(Sort.AMOUNT, text, fen)


@given(
    some.text() | some.text("0123456789YPyp,.¥元-  \n", max_size=60) | some.binary().map(lambda b: b.decode("latin-1"))
)
def test_any_text_has_an_answer(text: str) -> None:
    found = recognised(text)
    assert len(found) <= GUESSES_MAX
    assert len({each.sort for each in found}) == len(found) or {each.sort for each in found} == {Sort.ID}
    assert recognised(f"  {text[:300]}\t") == recognised(text[:300])


@given(some.sampled_from(list(Kind)), some.text(max_size=40).filter(lambda text: not text.isascii() or " " in text))
def test_an_id_is_found_among_any_words(kind: Kind, words: str) -> None:
    one = ids.new(kind, NOON)
    assert Guess(Sort.ID, one) in recognised(f"{words} {one}")
