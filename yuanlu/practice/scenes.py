"""Scenes: how things stand when a drill begins. All of it is really charged, by the real rules, at simulated providers.

A scene has a till of its own, so drills that are done at the same time, and those before, do not meet. What was sold
before the drill is charged now and written down as of a while ago, by a desk whose clock is behind: the guards look at
when that was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from yuanlu import ids
from yuanlu.app import FOLLOWERS, App
from yuanlu.catalog import flow as catalog
from yuanlu.catalog.rules import GoodsAsk
from yuanlu.change import Change, Row
from yuanlu.clock import SystemClock
from yuanlu.desk import Desk, Records
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.money import Money
from yuanlu.payments import flow as payments
from yuanlu.payments.rules import ChargeAsk, State
from yuanlu.people import flow as people
from yuanlu.sim.books import OrderState
from yuanlu.sim.payers import Code, Fate, Habit, Payer, Wallet
from yuanlu.sim.world import RICH_FEN
from yuanlu.terminal.simulated import Shop
from yuanlu.training.ground import Scene
from yuanlu.training.rules import drills

USUAL_TIMES = 7
"""How often a till took each of its usual amounts: so often that the guards count it as common there."""
USUAL_EVERY = timedelta(seconds=70)
SOLD_AGO = timedelta(seconds=12)
"""How long ago the newest sale was, and each before it: the guard of the same amount again still asks after it."""
CODE_SECONDS = 900.0
"""A customer who practises holds out their code until it is scanned."""
PASSWORD_SECONDS, LATE_SECONDS, LOOK_SECONDS = 12.0, 4.0, 0.5
"""So long a customer looks for the password; so long after it was given up a charge is paid all the same, once that was
seen by a look now and then."""
HABITS: Mapping[str, Habit] = {
    "after_password": Habit.PASSWORD,
    "never": Habit.WALKS_AWAY,
    "too_late": Habit.WALKS_AWAY,
    "no_funds": Habit.NO_FUNDS,
}
"""What becomes of a code, where its payer does not simply pay."""


OTHERS = 3
_ANOTHER = {"code": "wechat", "pays": "at_once"}
GIVEN_UP = (OrderState.REVERSED, OrderState.CLOSED)


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale of before."""

    amount_fen: int
    at: datetime


def before(drill: Mapping[str, Any], at: datetime) -> Iterator[Sale]:
    """What was sold at the till of a drill before it begins."""
    for place, fen in enumerate([*drill.get("usual", ())] * USUAL_TIMES, start=2):
        yield Sale(fen, at - USUAL_EVERY * place)
    for place, fen in enumerate(drill.get("sold", ()), start=1):
        yield Sale(fen, at - SOLD_AGO * place)


class Scenes:
    """The scenes of one shop."""

    def __init__(self, shop: Shop, cashier: str) -> None:
        self._shop = shop
        self._cashier = cashier

    @classmethod
    async def of(cls, shop: Shop) -> Scenes:
        """With a cashier in whose name tills practise, and goods on the shelf."""
        desk, merchant_id, now = shop.app.desk, shop.merchant_id, shop.app.clock.now()
        for books in shop.sim.world.books.values():
            books.rules.password_seconds = PASSWORD_SECONDS
        one = await people.add(desk, merchant_id, role="cashier", name="练习 practice", who="practice")
        for each in (goods for drill in drills() for goods in drill.get("goods", ())):
            await catalog.put(
                desk, GoodsAsk(merchant_id=merchant_id, id=ids.new(Kind.GOODS, now), who="practice", **each)
            )
        return cls(shop, one.id)

    async def set(self, name: str) -> Scene:
        """Set the scene of a drill."""
        drill = next(each for each in drills() if each["id"] == name)
        app, merchant_id, now = self._shop.app, self._shop.merchant_id, self._shop.app.clock.now()
        pool = app.pools.recorder
        till = await merchants.add_till(pool, merchant_id, str(self._shop.told["store_id"]), name, now)
        key = await merchants.add_key(pool, merchant_id, self._cashier, now, staff_id=self._cashier)
        codes = self._codes(drill["shows"])
        sales = list(before(drill, now))
        payers = {fen: self._payer(Wallet.WECHAT, Habit.OK) for fen in {each.amount_fen for each in sales}}
        await asyncio.gather(*(self._sold(till, each, payers[each.amount_fen], now) for each in sales))
        return Scene(key=key.secret, till=till, codes=codes)

    async def _sold(self, till: str, sale: Sale, payer: Payer, now: datetime) -> None:
        """Charge a sale of before."""
        ask = ChargeAsk(
            merchant_id=self._shop.merchant_id,
            id=ids.new(Kind.PAYMENT, sale.at),
            till_id=till,
            amount=Money(sale.amount_fen),
            who=self._cashier,
            code=self._code(payer).text,
        )
        paid = await payments.request(_behind(self._shop.app, now - sale.at), ask)
        assert paid.state is State.PAID, paid.state

    def _codes(self, shows: Sequence[Mapping[str, str]]) -> list[str]:
        """What customers hold out, one after the other; then others come, who simply pay."""
        return [self._held_out(each["code"], each["pays"]) for each in (*shows, *[_ANOTHER] * OTHERS)]

    def _held_out(self, code: str, pays: str) -> str:
        if code not in set(Wallet):
            return ""
        payer = self._payer(Wallet(code), HABITS.get(pays, Habit.OK))
        made = self._code(payer, Fate.EXPIRED if pays == "expired" else Fate.GOOD)
        if pays == "too_late":
            self._look_at(made, self._shop.app.clock.now() + timedelta(seconds=CODE_SECONDS))
        return made.text

    def _payer(self, wallet: Wallet, habit: Habit) -> Payer:
        world = self._shop.sim.world
        has_fen = 0 if habit is Habit.NO_FUNDS else RICH_FEN
        return world.books[wallet].add_payer(world.payer_name(wallet), habit, balance_fen=has_fen)

    def _code(self, payer: Payer, fate: Fate = Fate.GOOD) -> Code:
        books = self._shop.sim.world.books[payer.wallet]
        return books.add_code(payer, fate=fate, seconds=CODE_SECONDS, is_single=True)

    def _look_at(self, code: Code, until: datetime) -> None:
        """Pay what this code was charged for, once that was given up; look for it now and then."""
        books = self._shop.sim.world.books[code.payer.wallet]
        order = books.orders.get(code.serves or "")
        if order is not None and order.state in GIVEN_UP:
            books.agenda.after(LATE_SECONDS, lambda: books.pay_late(order, code.payer))
        elif books.agenda.now() < until:
            books.agenda.after(LOOK_SECONDS, lambda: self._look_at(code, until))


class _Behind(SystemClock):
    """The machine's clock, so much behind."""

    def __init__(self, span: timedelta) -> None:
        super().__init__()
        self.ahead = -span


@dataclass(frozen=True, slots=True)
class _LooksNow:
    """Records what was decided by a clock that is behind; when to look again counts from now.

    Else the worker, whose clock is right, would give a charge up for lost while it is being answered.
    """

    records: Records
    span: timedelta

    async def record(self, change: Change[Row]) -> bool:
        looks = (each if each.at is None else replace(each, at=each.at + self.span) for each in change.looks)
        return await self.records.record(replace(change, looks=tuple(looks)))


def _behind(app: App, span: timedelta) -> Desk:
    """The app's desk, but for a clock that is behind."""
    recorder = _LooksNow(app.recorder, span)
    mark_key = app.settings.mark_key
    return Desk(app.reader, recorder, app.ask, _Behind(span), mark_key=mark_key, followers=FOLLOWERS, seal=app.seal)
