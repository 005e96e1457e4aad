"""The amounts of a payment explained: what each is, one sentence for the customer and one for the clerk.

The figures are the channel's own, as far as it says them. What follows from the others is reckoned and marked as such;
what does not fit is a difference, told with what was expected, and somebody must look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from yuanlu import words
from yuanlu.channels.contract import Figures
from yuanlu.money import Money

TOLERANCE_FEN = 1
"""How channels round a coupon's part of one refund is not published: one fen a refund is no difference."""


class What(StrEnum):
    """The amounts there are, in the order they are told."""

    CHARGED = "charged"
    PAYER = "payer"
    COUPON = "coupon"
    SETTLED = "settled"
    FEE = "fee"
    BACK = "back"
    ARRIVED = "arrived"
    ARRIVING = "arriving"
    COUPON_BACK = "coupon_back"
    LEFT = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """One refund: `is_done`, the money is back with the payer as far as the channel knows; else it is on its way."""

    id: str
    amount_fen: int
    figures: Figures
    is_done: bool
    received_into: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A payment that has its money, and its refunds that may pay out or have."""

    charged_fen: int
    figures: Figures
    backs: tuple[Back, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One amount and its sentences. `said`: by the channel itself; else it follows from what it said."""

    what: What
    amount_fen: int
    said: bool
    customer_zh: str
    customer_en: str
    clerk_zh: str
    clerk_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What does not fit: `where` is the payment or the refund, by id ("" is the payment)."""

    kind: str
    where: str
    expected_fen: int
    got_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """All amounts of a payment, and what of them does not fit."""

    amounts: tuple[Told, ...]
    differences: tuple[Difference, ...]


def payer_of(bill: Bill) -> int:
    """What the payer paid himself: as the channel says, or less the coupon, or all of it."""
    figures = bill.figures
    if figures.payer is not None:
        return figures.payer
    return bill.charged_fen - (figures.coupon or 0)


def coupon_of(bill: Bill) -> int:
    """What coupons paid, of the channel and of the shop."""
    figures = bill.figures
    return figures.coupon if figures.coupon is not None else bill.charged_fen - payer_of(bill)


def expected_payer_back(bill: Bill, back_fen: int) -> int:
    """What of a refund reaches the payer: in the proportion in which he paid. Whole refunds give all of it back."""
    return back_fen * payer_of(bill) // bill.charged_fen


def payer_back(bill: Bill, back: Back) -> int:
    """What of a refund reaches the payer: as the channel says, or as expected."""
    if back.figures.payer is not None:
        return back.figures.payer
    if back.figures.coupon is not None:
        return back.amount_fen - back.figures.coupon
    return expected_payer_back(bill, back.amount_fen)


def differences(bill: Bill) -> tuple[Difference, ...]:
    """What of the channel's figures does not fit."""
    return (*_of_payment(bill), *(found for back in bill.backs for found in _of_back(bill, back)), *_of_all(bill))


def _of_payment(bill: Bill) -> Iterator[Difference]:
    figures, charged = bill.figures, bill.charged_fen
    if figures.payer is not None and figures.coupon is not None and figures.payer + figures.coupon != charged:
        yield Difference(kind="paid_sum", where="", expected_fen=charged, got_fen=figures.payer + figures.coupon)
    elif not 0 <= payer_of(bill) <= charged:
        yield Difference(kind="payer", where="", expected_fen=charged, got_fen=payer_of(bill))
    shop = figures.coupon_shop or 0
    if figures.settled is not None and not charged - shop <= figures.settled <= charged:
        yield Difference(kind="settled", where="", expected_fen=charged - shop, got_fen=figures.settled)


def _of_back(bill: Bill, back: Back) -> Iterator[Difference]:
    figures = back.figures
    if figures.payer is not None and figures.coupon is not None and figures.payer + figures.coupon != back.amount_fen:
        got = figures.payer + figures.coupon
        yield Difference(kind="back_sum", where=back.id, expected_fen=back.amount_fen, got_fen=got)
    expected = expected_payer_back(bill, back.amount_fen)
    got = payer_back(bill, back)
    if abs(got - expected) > TOLERANCE_FEN:
        yield Difference(kind="payer_back", where=back.id, expected_fen=expected, got_fen=got)


def _of_all(bill: Bill) -> Iterator[Difference]:
    """Over all refunds the payer gets no more back than he paid, and all of it when all went back."""
    whole = sum(back.amount_fen for back in bill.backs)
    got, paid = sum(payer_back(bill, back) for back in bill.backs), payer_of(bill)
    slack = TOLERANCE_FEN * len(bill.backs)
    if got > paid + (slack if len(bill.backs) > 1 else 0) or (whole == bill.charged_fen and got < paid - slack):
        yield Difference(kind="all_back", where="", expected_fen=paid, got_fen=got)


def explain(bill: Bill) -> Explained:
    """Every amount of a payment with its sentences, in order; what is nothing and says nothing is left out."""
    done = [back for back in bill.backs if back.is_done]
    open_ = [back for back in bill.backs if not back.is_done]
    figures, coupon = bill.figures, coupon_of(bill)
    back_fen = sum(back.amount_fen for back in bill.backs)
    arrived, arriving = (sum(payer_back(bill, back) for back in some) for some in (done, open_))
    facts = {
        "coupon": str(Money(coupon)),
        "shop": str(Money(figures.coupon_shop or 0)),
        "into": ", ".join(dict.fromkeys(back.received_into for back in done if back.received_into)),
    }
    all_said = all(back.figures.payer is not None for back in bill.backs)
    told = [
        _told(What.CHARGED, bill.charged_fen, facts, said=True),
        _told(What.PAYER, payer_of(bill), facts, said=figures.payer is not None),
        _told(What.COUPON, coupon, facts, said=figures.coupon is not None),
        _told(What.SETTLED, figures.settled, facts, said=True),
        _told(What.FEE, figures.fee, facts, said=True),
        _told(What.BACK, back_fen, facts, said=True),
        _told(What.ARRIVED, arrived, facts, said=all_said),
        _told(What.ARRIVING, arriving, facts, said=all_said),
        _told(What.COUPON_BACK, back_fen - arrived - arriving, facts, said=all_said),
        _told(What.LEFT, bill.charged_fen - back_fen, facts, said=True),
    ]
    always = (What.CHARGED, What.PAYER, What.LEFT)
    kept = tuple(each for each in told if each is not None and (each.amount_fen or each.what in always))
    return Explained(amounts=kept, differences=differences(bill))


def _told(what: What, amount_fen: int | None, facts: dict[str, str], *, said: bool) -> Told | None:
    if amount_fen is None:
        return None
    shown = facts | {"amount": str(Money(amount_fen))}
    name = f"{what}.into" if what is What.ARRIVED and facts["into"] else what.value
    lines = {
        f"{who}_{lang}": words.say(f"amounts.{name}.{who}", lang, **shown)
        for who in ("customer", "clerk")
        for lang in words.LANGUAGES
    }
    return Told(what=what, amount_fen=amount_fen, said=said, **lines)


def bill_of(charged_fen: int, figures: str, backs: Sequence[Back]) -> Bill:
    """A bill of what is kept."""
    return Bill(charged_fen=charged_fen, figures=Figures.of_text(figures), backs=tuple(backs))
