"""The world behind the wires: orders, refunds, payers' balances and the merchant's funds.

What the providers' documents call different names in different versions is one thing here; a wire (`wechat`,
`wechat2`, `alipay`) finds its own word for it. Nothing here waits, so every call is one whole effect or none.

Law: money is never made or lost. For each wallet, payers' balances + payers' bank cards + merchant funds + merchant
bank + money on its way (`in_transit_fen`) - top-ups stays what it was at the start.
Law: one refund number pays out at most once.
Source: channels.md sections 2.5, 2.6, 4.4 and 4.5; refunds.md "Rail facts".
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from yuanlu.clock import CHINA
from yuanlu.errors import YuanluError
from yuanlu.sim.agenda import Agenda
from yuanlu.sim.payers import Code, Fate, Habit, Payer, Wallet, code_text, looks_like


class Reason(StrEnum):
    """Why the world says no. Each wire has its own code for it."""

    CODE_UNKNOWN = "code_unknown"
    CODE_FOREIGN = "code_foreign"
    CODE_USED = "code_used"
    CODE_EXPIRED = "code_expired"
    PAYER_SHORT = "payer_short"
    PAYER_LIMIT = "payer_limit"
    PAYER_FROZEN = "payer_frozen"
    PAYER_GONE = "payer_gone"
    PAYER_OTHER = "payer_other"
    NUMBER_TAKEN = "number_taken"
    SHOWN_TWICE = "shown_twice"
    ORDER_UNKNOWN = "order_unknown"
    ORDER_UNPAID = "order_unpaid"
    ORDER_PAID = "order_paid"
    ORDER_CLOSED = "order_closed"
    ORDER_REVERSED = "order_reversed"
    ORDER_REFUNDED = "order_refunded"
    CLOSE_BY_REVERSE = "close_by_reverse"
    REVERSE_SHOWN = "reverse_shown"
    REVERSE_EARLY = "reverse_early"
    REVERSE_LATE = "reverse_late"
    TOTAL_WRONG = "total_wrong"
    REFUND_UNKNOWN = "refund_unknown"
    REFUND_CHANGED = "refund_changed"
    REFUND_OVER = "refund_over"
    REFUND_LATE = "refund_late"
    REFUND_PARTS = "refund_parts"
    REFUND_SOON = "refund_soon"
    RESCUE_NOT_DUE = "rescue_not_due"
    FUNDS_SHORT = "funds_short"
    COMPLAINT_UNKNOWN = "complaint_unknown"
    COMPLAINT_FINISHED = "complaint_finished"
    COMPLAINT_DECIDED = "complaint_decided"
    COMPLAINT_NOT_ASKED = "complaint_not_asked"
    IMAGE_UNKNOWN = "image_unknown"


class Refusal(YuanluError):
    """A rule of the provider says no. Nothing was changed, except that a payer's refusal may end an order."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class OrderState(StrEnum):
    SHOWN = "shown"
    """A QR code was made; nobody has scanned it."""
    WAITING = "waiting"
    """The payer has been asked."""
    PAID = "paid"
    CLOSED = "closed"
    REVERSED = "reversed"
    FAILED = "failed"


class RefundState(StrEnum):
    PROCESSING = "processing"
    SUCCESS = "success"
    CLOSED = "closed"
    ABNORMAL = "abnormal"


class Turn(StrEnum):
    """What becomes of a refund, where it is not simply done (faults decide)."""

    DONE = "done"
    ABNORMAL = "abnormal"
    CLOSED = "closed"
    PENDING = "pending"


@dataclass
class Rules:
    """A provider's rules; each is a number the documents give, or a switch where they leave it open."""

    password_seconds: float = 8.0
    password_above_fen: int | None = None
    refund_seconds: float = 2.0
    refund_window_days: int = 365
    refunds_max: int = 50
    refunds_apart_seconds: float = 60.0
    reverse_after_seconds: float = 15.0
    reverse_within_hours: float = 168.0
    shown_closes_after_seconds: float = 7 * 86400.0
    waiting_closes_after_seconds: float | None = None
    qr_seconds: float = 7200.0
    short_closes_days: float = 7.0
    accepts_short: bool = False
    """Take a refund in although funds are short (it then waits for a top-up), rather than refuse it."""
    keeps_failed: bool = True
    shows_again: bool = True
    is_public_key_only: bool = False


def alipay_rules() -> Rules:
    """Source: channels.md 4.5."""
    return Rules(
        refund_seconds=0.0,
        refunds_max=10**9,
        refunds_apart_seconds=3.0,
        reverse_after_seconds=0.0,
        reverse_within_hours=24.0,
        shown_closes_after_seconds=7200.0,
        waiting_closes_after_seconds=3 * 3600.0,
        keeps_failed=False,
    )


@dataclass
class Order:
    """A payment as the provider sees it. `extras` are the wire's own fields, echoed back as they came."""

    wallet: Wallet
    number: str
    channel_number: str
    amount_fen: int
    content: tuple[str, ...]
    is_shown: bool
    made_at: datetime
    state: OrderState
    extras: dict[str, str] = field(default_factory=dict)
    payer: Payer | None = None
    paid_at: datetime | None = None
    ended_at: datetime | None = None
    qr_text: str = ""
    qr_until: datetime | None = None
    expires_at: datetime | None = None
    failure: Reason | None = None
    refunds: list[Refund] = field(default_factory=list)
    back_fen: int = 0
    """What is refunded or promised to be: all refunds but the closed ones."""
    is_scanned: bool = False
    is_late: bool = False
    payments: int = 0


@dataclass
class Refund:
    """Money going back. `payouts` counts how often it reached anybody: at most once."""

    number: str
    channel_number: str
    order: Order
    amount_fen: int
    state: RefundState
    made_at: datetime
    turn: Turn = Turn.DONE
    done_at: datetime | None = None
    reason: str = ""
    notify_url: str = ""
    signer: str = ""
    received_by: str = ""
    is_by_hand: bool = False
    is_rescued: bool = False
    holds_fen: int = 0
    """Taken from the merchant's funds and not yet arrived anywhere."""
    payouts: int = 0


@dataclass(frozen=True)
class Hooks:
    """Who is told what happened, and who decides what becomes of a refund."""

    paid: Callable[[Order], None]
    refunded: Callable[[Refund], None]
    turn: Callable[[Wallet, Order, str], Turn]


class Books:
    """One wallet's books for the one merchant.

    Shape: orders by number and by channel number; refunds by (order, number) where `refund_key` says so.
    """

    def __init__(self, wallet: Wallet, rules: Rules, agenda: Agenda, chance: random.Random, hooks: Hooks) -> None:
        self.wallet = wallet
        self.rules = rules
        self.agenda = agenda
        self.chance = chance
        self.hooks = hooks
        self.orders: dict[str, Order] = {}
        self.orders_by_channel_number: dict[str, Order] = {}
        self.orders_by_qr: dict[str, Order] = {}
        self.refunds: dict[tuple[str, str], Refund] = {}
        self.refunds_by_channel_number: dict[str, Refund] = {}
        self.short: list[Refund] = []
        self.payers: list[Payer] = []
        self.codes: dict[str, Code] = {}
        self.habits: dict[str, str] = {}
        self.funds_fen = 0
        self.bank_fen = 0
        self.topped_fen = 0
        self._serial = 0

    # Payers

    def add_payer(self, name: str, habit: Habit, *, balance_fen: int, limit_fen: int | None = None) -> Payer:
        payer = Payer(self.wallet, name, habit, balance_fen, limit_fen)
        self.payers.append(payer)
        return payer

    def add_code(
        self, payer: Payer, *, fate: Fate = Fate.GOOD, seconds: float | None = None, is_single: bool = False
    ) -> Code:
        """A code the payer shows; a single one serves one order, and none after `seconds` of sim time."""
        text = code_text(self.wallet, self.chance)
        while text in self.codes:
            text = code_text(self.wallet, self.chance)
        until = None if seconds is None else self.agenda.now() + timedelta(seconds=seconds)
        code = Code(text, payer, fate, until, "" if is_single else None)
        self.codes[text] = code
        return code

    def _read_code(self, text: str, number: str) -> Payer:
        code = self.codes.get(text)
        if code is None:
            raise Refusal(Reason.CODE_UNKNOWN if looks_like(self.wallet, text) else Reason.CODE_FOREIGN)
        if code.fate is Fate.USED or code.serves not in {None, "", number}:
            raise Refusal(Reason.CODE_USED)
        if code.fate is Fate.EXPIRED or (code.valid_until is not None and self.agenda.now() > code.valid_until):
            raise Refusal(Reason.CODE_EXPIRED)
        if code.serves is not None:
            code.serves = number
        return code.payer

    def _judge(self, payer: Payer, amount_fen: int) -> Reason | None:
        if payer.is_gone:
            return Reason.PAYER_GONE
        if payer.habit is Habit.FROZEN:
            return Reason.PAYER_FROZEN
        if payer.limit_fen is not None and amount_fen > payer.limit_fen:
            return Reason.PAYER_LIMIT
        if payer.balance_fen < amount_fen:
            return Reason.PAYER_SHORT
        return None

    # Payments

    def find(self, number: str, channel_number: str = "") -> Order:
        """The order by the channel's number, which wins, or by ours. Raises Refusal: ORDER_UNKNOWN."""
        order = self.orders_by_channel_number.get(channel_number) if channel_number else self.orders.get(number)
        if order is None:
            raise Refusal(Reason.ORDER_UNKNOWN)
        return order

    def pay(
        self,
        *,
        number: str,
        amount_fen: int,
        code: str,
        content: tuple[str, ...],
        extras: dict[str, str],
        closes_after_seconds: float | None = None,
    ) -> Order:
        """Take money by a scanned payment code. The order comes back PAID or WAITING.

        Law: asked again with the same content, it charges nothing more.
        """
        known = self.orders.get(number)
        if known is not None:
            return self._pay_again(known, code, content)
        payer = self._read_code(code, number)
        verdict = self._judge(payer, amount_fen)
        if verdict is not None and not self.rules.keeps_failed:
            raise Refusal(verdict)
        order = self._open(number, amount_fen, content, extras, is_shown=False)
        order.payer = payer
        order.is_scanned = True
        if verdict is not None:
            order.state = OrderState.FAILED
            order.failure = verdict
            raise Refusal(verdict)
        self._ask(order, payer)
        closes = closes_after_seconds or self.rules.waiting_closes_after_seconds
        if order.state is OrderState.WAITING and closes is not None:
            self.agenda.after(closes, lambda: self._expire(order))
        return order

    def _pay_again(self, order: Order, code: str, content: tuple[str, ...]) -> Order:
        if order.is_shown or order.content != content:
            raise Refusal(Reason.NUMBER_TAKEN)
        self._refuse_ended(order)
        same = self.codes.get(code)
        if same is None or same.payer is not order.payer:
            raise Refusal(Reason.PAYER_OTHER)
        if order.failure is not None:
            raise Refusal(order.failure)
        return order

    def _refuse_ended(self, order: Order) -> None:
        ends = {
            OrderState.PAID: Reason.ORDER_PAID,
            OrderState.CLOSED: Reason.ORDER_CLOSED,
            OrderState.REVERSED: Reason.ORDER_REVERSED,
        }
        if order.state in ends:
            raise Refusal(ends[order.state])

    def _open(
        self, number: str, amount_fen: int, content: tuple[str, ...], extras: dict[str, str], *, is_shown: bool
    ) -> Order:
        assert amount_fen > 0
        state = OrderState.SHOWN if is_shown else OrderState.WAITING
        channel_number = self._channel_number("order")
        order = Order(
            self.wallet, number, channel_number, amount_fen, content, is_shown, self.agenda.now(), state, extras
        )
        self.orders[number] = order
        self.orders_by_channel_number[channel_number] = order
        return order

    def _ask(self, order: Order, payer: Payer) -> None:
        """Ask the payer for the money of an order he is able to pay; his habit decides what follows."""
        above = self.rules.password_above_fen
        asks = payer.habit is Habit.PASSWORD or (above is not None and order.amount_fen > above)
        if payer.habit is Habit.WALKS_AWAY:
            order.state = OrderState.WAITING
        elif asks:
            order.state = OrderState.WAITING
            self.agenda.after(self.rules.password_seconds, lambda: self._confirm(order))
        else:
            self._take(order, payer)

    def _confirm(self, order: Order) -> None:
        if order.state is OrderState.WAITING and order.payer is not None:
            if self._judge(order.payer, order.amount_fen) is None:
                self._take(order, order.payer)
            else:
                self._fail(order)

    def _take(self, order: Order, payer: Payer) -> None:
        assert order.payments == 0
        payer.balance_fen -= order.amount_fen
        self.funds_fen += order.amount_fen
        order.payer = payer
        order.state = OrderState.PAID
        order.paid_at = self.agenda.now()
        order.payments = 1
        self.hooks.paid(order)
        self._pay_the_short()

    def _fail(self, order: Order) -> None:
        order.state = OrderState.FAILED if self.rules.keeps_failed else OrderState.CLOSED
        order.failure = Reason.PAYER_SHORT
        order.ended_at = self.agenda.now()

    def show(
        self,
        *,
        number: str,
        amount_fen: int,
        content: tuple[str, ...],
        extras: dict[str, str],
        qr_text: Callable[[str], str],
        expires_at: datetime | None = None,
    ) -> Order:
        """Make a QR code for the payer to scan. A new code for a known order kills the old one."""
        order = self.orders.get(number)
        if order is None:
            order = self._open(number, amount_fen, content, extras, is_shown=True)
            shown = order
            self.agenda.after(self.rules.shown_closes_after_seconds, lambda: self._expire(shown))
        else:
            if not order.is_shown or order.content != content:
                raise Refusal(Reason.NUMBER_TAKEN)
            self._refuse_ended(order)
            if not self.rules.shows_again:
                raise Refusal(Reason.SHOWN_TWICE)
            order.extras = extras
            self.orders_by_qr.pop(order.qr_text, None)
        order.qr_text = qr_text(f"{self.chance.getrandbits(64):016x}")
        order.qr_until = self.agenda.now() + timedelta(seconds=self.rules.qr_seconds)
        self.orders_by_qr[order.qr_text] = order
        if expires_at is not None:
            order.expires_at = expires_at
            watched = order
            wait = (expires_at - self.agenda.now()).total_seconds()
            self.agenda.after(max(wait, 0.0), lambda: self._expire_at(watched, expires_at))
        return order

    def _expire_at(self, order: Order, expires_at: datetime) -> None:
        if order.expires_at == expires_at:
            self._expire(order)

    def _expire(self, order: Order) -> None:
        if order.state in {OrderState.SHOWN, OrderState.WAITING}:
            order.state = OrderState.CLOSED
            order.ended_at = self.agenda.now()

    def scan(self, order: Order, qr_text: str, payer: Payer) -> None:
        """A payer scans a shown QR code.

        Raises Refusal: ORDER_CLOSED when the code is dead, or what stops the payer.
        """
        assert order.is_shown
        now = self.agenda.now()
        self._refuse_ended(order)
        is_dead = order.qr_text != qr_text or order.qr_until is None or now > order.qr_until
        if is_dead or (order.expires_at is not None and now >= order.expires_at):
            raise Refusal(Reason.ORDER_CLOSED)
        verdict = self._judge(payer, order.amount_fen)
        order.is_scanned = True
        if verdict is not None:
            raise Refusal(verdict)
        order.payer = payer
        self._ask(order, payer)
        closes = self.rules.waiting_closes_after_seconds
        if order.state is OrderState.WAITING and closes is not None:
            self.agenda.after(closes, lambda: self._expire(order))

    def confirm(self, order: Order) -> None:
        """The payer types his password now. Raises Refusal: ORDER_UNPAID when nobody was asked."""
        if order.state is not OrderState.WAITING or order.payer is None:
            raise Refusal(Reason.ORDER_UNPAID)
        self._confirm(order)

    def decline(self, order: Order) -> None:
        """The payer says no."""
        if order.state is not OrderState.WAITING:
            raise Refusal(Reason.ORDER_UNPAID)
        self._fail(order)

    def pay_late(self, order: Order, payer: Payer) -> None:
        """Money arrives on an order that is already closed, reversed or failed: the bank was slow."""
        if order.payments:
            raise Refusal(Reason.ORDER_PAID)
        order.is_late = True
        order.is_scanned = True
        self._take(order, payer)

    def close(self, number: str, channel_number: str = "") -> Order:
        """Close an unpaid order; closing again changes nothing.

        Raises Refusal: ORDER_UNKNOWN, ORDER_PAID, ORDER_REVERSED, CLOSE_BY_REVERSE.
        """
        order = self.find(number, channel_number)
        if order.state in {OrderState.PAID, OrderState.REVERSED}:
            self._refuse_ended(order)
        if not order.is_shown and self.wallet is Wallet.WECHAT:
            raise Refusal(Reason.CLOSE_BY_REVERSE)
        if order.state is not OrderState.CLOSED:
            order.state = OrderState.CLOSED
            order.ended_at = self.agenda.now()
        return order

    def reverse(self, order: Order) -> str:
        """Undo a code payment: unpaid it is closed, paid the money goes back. Tells which, "close" or "refund".

        Raises Refusal: REVERSE_SHOWN, REVERSE_EARLY, REVERSE_LATE, ORDER_REFUNDED, FUNDS_SHORT.
        """
        if order.state is OrderState.REVERSED:
            return "refund" if order.payments else "close"
        now = self.agenda.now()
        age = now - order.made_at
        if order.is_shown and self.wallet is Wallet.WECHAT:
            raise Refusal(Reason.REVERSE_SHOWN)
        if age < timedelta(seconds=self.rules.reverse_after_seconds):
            raise Refusal(Reason.REVERSE_EARLY)
        if age > timedelta(hours=self.rules.reverse_within_hours):
            raise Refusal(Reason.REVERSE_LATE)
        if order.state is OrderState.PAID:
            if order.back_fen:
                raise Refusal(Reason.ORDER_REFUNDED)
            if self.funds_fen < order.amount_fen:
                raise Refusal(Reason.FUNDS_SHORT)
            assert order.payer is not None
            self.funds_fen -= order.amount_fen
            order.payer.balance_fen += order.amount_fen
            action = "refund"
        else:
            action = "close"
        order.state = OrderState.REVERSED
        order.ended_at = now
        return action

    # Refunds

    def refund_key(self, order_number: str, number: str) -> tuple[str, str]:
        """WeChat Pay's refund numbers are the merchant's, Alipay's are the trade's."""
        return ("", number) if self.wallet is Wallet.WECHAT else (order_number, number)

    def refund(
        self,
        order: Order,
        *,
        number: str,
        amount_fen: int,
        total_fen: int | None = None,
        reason: str = "",
        notify_url: str = "",
        signer: str = "",
        is_by_hand: bool = False,
    ) -> tuple[Refund, bool]:
        """Take in a refund. Tells the refund and whether it is new.

        Law: a number refunds once; asked again with the same content, the refund as it stands comes back.
        Raises Refusal: ORDER_UNPAID, ORDER_REVERSED, ORDER_CLOSED, TOTAL_WRONG, PAYER_GONE, FUNDS_SHORT, REFUND_….
        """
        key = self.refund_key(order.number, number)
        known = self.refunds.get(key)
        is_over = known is not None and known.state is RefundState.CLOSED and self.wallet is Wallet.ALIPAY
        if known is not None and not is_over:  # Alipay takes a refund that came to nothing again under its number
            if known.order is not order or known.amount_fen != amount_fen or total_fen not in {None, order.amount_fen}:
                raise Refusal(Reason.REFUND_CHANGED)
            return known, False
        self._refuse_refund(order, amount_fen, total_fen, is_by_hand=is_by_hand)
        refund = Refund(
            number,
            self._channel_number("refund"),
            order,
            amount_fen,
            RefundState.PROCESSING,
            self.agenda.now(),
            turn=Turn.DONE if is_by_hand else self.hooks.turn(self.wallet, order, number),
            reason=reason,
            notify_url=notify_url,
            signer=signer,
            is_by_hand=is_by_hand,
        )
        self.refunds[key] = refund
        self.refunds_by_channel_number[refund.channel_number] = refund
        order.refunds.append(refund)
        order.back_fen += amount_fen
        assert order.back_fen <= order.amount_fen
        self._set_going(refund)
        return refund, True

    def _refuse_refund(self, order: Order, amount_fen: int, total_fen: int | None, *, is_by_hand: bool) -> None:
        now = self.agenda.now()
        if order.state is OrderState.REVERSED:
            raise Refusal(Reason.ORDER_REVERSED)
        if order.state is not OrderState.PAID or order.paid_at is None or order.payer is None:
            raise Refusal(Reason.ORDER_UNPAID)
        if total_fen not in {None, order.amount_fen}:
            raise Refusal(Reason.TOTAL_WRONG)
        if now > order.paid_at + timedelta(days=self.rules.refund_window_days):
            raise Refusal(Reason.REFUND_LATE)
        if len(order.refunds) >= self.rules.refunds_max:
            raise Refusal(Reason.REFUND_PARTS)
        if order.back_fen + amount_fen > order.amount_fen:
            raise Refusal(Reason.REFUND_OVER)
        apart = timedelta(seconds=self.rules.refunds_apart_seconds)
        if order.refunds and now - order.refunds[-1].made_at < apart and not is_by_hand:
            raise Refusal(Reason.REFUND_SOON)
        if order.payer.is_gone:
            raise Refusal(Reason.PAYER_GONE)
        if self.funds_fen < amount_fen and not self.rules.accepts_short:
            raise Refusal(Reason.FUNDS_SHORT)

    def _set_going(self, refund: Refund) -> None:
        wait = 10.0 if refund.turn is Turn.PENDING else self.rules.refund_seconds
        if refund.is_by_hand or wait <= 0:
            self._settle(refund)
        else:
            self.agenda.after(wait, lambda: self._settle(refund))

    def _settle(self, refund: Refund) -> None:
        """The refund's moment has come: pay it out, or let it wait for funds, or let it go wrong as was ordered."""
        if refund.state is not RefundState.PROCESSING:
            return
        if refund.turn is Turn.CLOSED:
            self._close_refund(refund)
        elif self.funds_fen < refund.amount_fen:
            self.short.append(refund)
            left = refund.made_at + timedelta(days=self.rules.short_closes_days) - self.agenda.now()
            self.agenda.after(max(left.total_seconds(), 0.0), lambda: self._give_up(refund))
        else:
            self._pay_out(refund)

    def _pay_out(self, refund: Refund) -> None:
        self.funds_fen -= refund.amount_fen
        refund.holds_fen = refund.amount_fen
        if refund.turn is Turn.ABNORMAL:
            refund.state = RefundState.ABNORMAL
            self.hooks.refunded(refund)
            return
        assert refund.order.payer is not None
        refund.order.payer.balance_fen += self._let_go(refund)
        self._finish(refund, "支付用户零钱")

    def _let_go(self, refund: Refund) -> int:
        """What was held for the refund, to be put where it goes."""
        assert refund.holds_fen == refund.amount_fen
        assert refund.payouts == 0
        held, refund.holds_fen = refund.holds_fen, 0
        refund.payouts = 1
        return held

    def _finish(self, refund: Refund, received_by: str) -> None:
        refund.state = RefundState.SUCCESS
        refund.received_by = received_by
        refund.done_at = self.agenda.now()
        self.hooks.refunded(refund)

    def _close_refund(self, refund: Refund) -> None:
        refund.state = RefundState.CLOSED
        refund.order.back_fen -= refund.amount_fen
        refund.done_at = self.agenda.now()
        self.hooks.refunded(refund)

    def _give_up(self, refund: Refund) -> None:
        if refund in self.short:
            self.short.remove(refund)
            self._close_refund(refund)

    def _pay_the_short(self) -> None:
        while self.short and self.funds_fen >= self.short[0].amount_fen:
            self._pay_out(self.short.pop(0))

    def find_refund(self, order_number: str, number: str) -> Refund:
        """Raises Refusal: REFUND_UNKNOWN."""
        refund = self.refunds.get(self.refund_key(order_number, number))
        if refund is None:
            raise Refusal(Reason.REFUND_UNKNOWN)
        return refund

    def rescue(self, refund: Refund, *, is_to_payer: bool, card: str) -> Refund:
        """Bring an abnormal refund home: to a bank card of the payer's, or back to the merchant's bank.

        Raises Refusal: RESCUE_NOT_DUE unless it is abnormal; asked again while the rescue runs, nothing changes.
        """
        if refund.is_rescued:
            return refund
        if refund.state is not RefundState.ABNORMAL:
            raise Refusal(Reason.RESCUE_NOT_DUE)
        refund.state = RefundState.PROCESSING
        refund.is_rescued = True
        refund.received_by = f"银行卡{card[-4:]}" if is_to_payer else "商户银行账户"
        self.agenda.after(max(self.rules.refund_seconds, 1.0), lambda: self._arrive(refund, is_to_payer=is_to_payer))
        return refund

    def _arrive(self, refund: Refund, *, is_to_payer: bool) -> None:
        held = self._let_go(refund)
        if is_to_payer:
            assert refund.order.payer is not None
            refund.order.payer.bank_fen += held
        else:
            self.bank_fen += held
        self._finish(refund, refund.received_by)

    # Funds

    def add_funds(self, amount_fen: int) -> None:
        """Top up (or draw down) the merchant's funds; refunds that waited for money go on by themselves."""
        self.funds_fen += amount_fen
        self.topped_fen += amount_fen
        self._pay_the_short()

    @property
    def in_transit_fen(self) -> int:
        """Money that left the merchant's funds and has not arrived: abnormal refunds."""
        return sum(refund.holds_fen for refund in self.refunds.values())

    def _channel_number(self, kind: str) -> str:
        """28 digits from `4200` for a WeChat Pay order, 29 from `5030` for its refund, 28 from the day for Alipay."""
        self._serial += 1
        day = self.agenda.now().astimezone(CHINA).strftime("%Y%m%d")
        if self.wallet is Wallet.ALIPAY:
            return f"{day}22001{self.chance.randrange(10**5):05d}{self._serial:010d}"
        if kind == "order":
            return f"42000{self.chance.randrange(10**5):05d}{day}{self._serial:010d}"
        return f"50300{self.chance.randrange(10**6):06d}{day}{self._serial:010d}"
