"""The controls beside the providers: trouble, time, money and people, all JSON under /_sim/.

Source: docs/reference/sim.md describes every request with an example.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any

from yuanlu.sim.books import Books, Order, Refusal, Rules
from yuanlu.sim.faults import OPERATIONS, Fault, Kind
from yuanlu.sim.notices import Notices
from yuanlu.sim.payers import Habit, Payer, Wallet
from yuanlu.sim.plants import What
from yuanlu.sim.times import Stamps, Times
from yuanlu.sim.wechat import is_loopback
from yuanlu.sim.wire import Answer, Request
from yuanlu.sim.world import World, order_json, refund_json

Told = dict[str, Any]


class Asked(Exception):
    """The control was asked for something it cannot do."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Steering:
    """One method for each control; each takes the JSON asked and gives the JSON told."""

    def __init__(self, world: World, notices: Notices, times: Times) -> None:
        self.world = world
        self.notices = notices
        self.times = times
        self._controls: dict[tuple[str, str], Callable[[Told], Awaitable[Told]]] = {
            ("POST", "fault"): self._fault,
            ("GET", "fault"): self._faults,
            ("DELETE", "fault"): self._clear,
            ("POST", "clock"): self._clock,
            ("GET", "clock"): self._time,
            ("POST", "funds"): self._funds,
            ("GET", "books"): self._books,
            ("POST", "payer"): self._payer,
            ("POST", "refund"): self._refund,
            ("POST", "complaint"): self._complaint,
            ("GET", "complaint"): self._complaints,
            ("POST", "statement"): self._plant,
            ("GET", "statement"): self._planted,
            ("DELETE", "statement"): self._dug,
            ("POST", "notice"): self._notice,
            ("GET", "notices"): self._notices,
            ("POST", "rules"): self._rules,
            ("GET", "rules"): self._rules,
        }

    async def answer(self, request: Request) -> Answer:
        try:
            told, status = await self._perform(request), 200
        except Asked as asked_wrong:
            told, status = {"error": str(asked_wrong)}, asked_wrong.status
        except Refusal as refusal:
            told, status = {"error": refusal.reason}, 409
        except (ValueError, KeyError, TypeError) as wrong:
            told, status = {"error": f"{type(wrong).__name__}: {wrong}"}, 400
        body = json.dumps(told, ensure_ascii=False).encode()
        return Answer(status, body, {"Content-Type": "application/json; charset=utf-8"})

    async def _perform(self, request: Request) -> Told:
        control = self._controls.get((request.method, request.path.removeprefix("/_sim/")))
        if control is None:
            raise Asked(404, f"no such control: {request.method} {request.path}")
        asked = json.loads(request.body) if request.body else dict(request.query)
        if not isinstance(asked, dict):
            raise Asked(400, "a JSON object is asked for")
        return await control(asked)

    # Trouble

    async def _fault(self, asked: Told) -> Told:
        match = asked.pop("match", None) or {}
        kind = Kind(asked.pop("kind"))
        operation = "reverse" if match.get("operation") == "cancel" else match.get("operation")
        if operation is not None and operation not in OPERATIONS:
            raise Asked(400, f"operation is one of {', '.join(sorted(OPERATIONS))}")
        if kind is Kind.REFUSAL and not asked.get("code"):
            raise Asked(400, "a refusal needs a code")
        known = {"count", "seconds", "effect", "code", "status"}
        if unknown := asked.keys() - known | match.keys() - {"operation", "number", "wallet"}:
            raise Asked(400, f"unknown: {', '.join(sorted(unknown))}")
        wallet = Wallet(match["wallet"]) if match.get("wallet") else None
        fault = Fault(0, kind, operation, match.get("number"), wallet, **asked)
        return self.world.faults.arm(fault).as_json()

    async def _faults(self, asked: Told) -> Told:
        del asked
        return {"faults": [fault.as_json() for fault in self.world.faults.armed]}

    async def _clear(self, asked: Told) -> Told:
        fault_id = asked.get("id")
        return {"cleared": self.world.faults.clear(None if fault_id is None else int(fault_id))}

    # Time

    async def _clock(self, asked: Told) -> Told:
        if "stamps" in asked:
            self.times.stamps = Stamps(asked["stamps"])
        seconds = float(asked.get("advance_seconds", 0.0))
        if "until" in asked:
            seconds = (datetime.fromisoformat(asked["until"]) - self.world.agenda.now()) / timedelta(seconds=1)
        if seconds < 0:
            raise Asked(400, "the world's clock does not go back")
        await self.world.agenda.advance(seconds)
        return await self._time({})

    async def _time(self, asked: Told) -> Told:
        del asked
        return {"now": self.world.agenda.now().isoformat(), "stamps": self.times.stamps}

    # Money and books

    async def _funds(self, asked: Told) -> Told:
        books = self._of(asked)
        if "set_fen" in asked:
            books.add_funds(_whole(asked["set_fen"]) - books.funds_fen)
        if "add_fen" in asked:
            books.add_funds(_whole(asked["add_fen"]))
        if "when_short" in asked:
            books.rules.accepts_short = {"refuse": False, "accept": True}[asked["when_short"]]
        return {"wallet": books.wallet, "funds_fen": books.funds_fen}

    async def _books(self, asked: Told) -> Told:
        return self.world.as_json(asked.get("wallet"), asked.get("number"), with_calls=asked.get("calls", "1") != "0")

    async def _refund(self, asked: Told) -> Told:
        """A refund made by hand in the merchant site, which nobody on the API ever asked for."""
        books = self._of(asked)
        order = self._order(books, asked)
        number = asked.get("refund_number") or f"HAND{len(books.refunds) + 1:08d}"
        url, form = asked.get("notify_url", ""), asked.get("form", "v3")
        if url and not is_loopback(url):
            raise Asked(400, "notices stay on this machine")
        refund, _ = books.refund(order, number=number, amount_fen=_whole(asked["amount_fen"]), is_by_hand=True)
        if url and books.wallet is Wallet.WECHAT:
            self.notices.tell_refund(refund, url, "v2" if form == "v2" else order.extras.get("signer", ""))
        return refund_json(refund)

    async def _rules(self, asked: Told) -> Told:
        if "wallet" not in asked:
            return {name: asdict(books.rules) for name, books in self.world.books.items()}
        books = self._of(asked)
        changed = {name: value for name, value in asked.items() if name != "wallet"}
        if unknown := changed.keys() - {one.name for one in fields(Rules)}:
            raise Asked(400, f"no such rule: {', '.join(sorted(unknown))}")
        rules = replace(books.rules, **changed)
        for name in changed:
            setattr(books.rules, name, getattr(rules, name))
        return asdict(books.rules)

    # People

    async def _payer(self, asked: Told) -> Told:
        action = str(asked.get("action"))
        actions: dict[str, Callable[[Books, Told], Told]] = {
            "new": self._new_payer,
            "code": self._new_code,
            "scan": self._scan,
            "confirm": self._confirm,
            "decline": self._decline,
            "pay_late": self._pay_late,
            "close_account": self._close_account,
        }
        if action not in actions:
            raise Asked(400, f"action is one of {', '.join(actions)}")
        books = self._of(asked)
        after = float(asked.get("after_seconds", 0.0))
        if after <= 0:
            return actions[action](books, asked)

        def later() -> None:
            try:
                actions[action](books, asked)
            except (Asked, Refusal):
                return  # the payer could not do it any more, as happens to people

        self.world.agenda.after(after, later)
        return {"action": action, "after_seconds": after}

    def _new_payer(self, books: Books, asked: Told) -> Told:
        habit = Habit(asked.get("habit", "ok"))
        balance_fen, limit_fen = _whole(asked.get("balance_fen", 10**8)), asked.get("limit_fen")
        name = asked.get("name") or self.world.payer_name(books.wallet)
        payer = books.add_payer(name, habit, balance_fen=balance_fen, limit_fen=limit_fen)
        payer.coupon_fen = _whole(asked.get("coupon_fen", 0))
        return {"name": payer.name, "code": books.add_code(payer).text}

    def _new_code(self, books: Books, asked: Told) -> Told:
        """A fresh code as a phone shows it: one order, one minute."""
        payer = self._person(books, asked)
        seconds = float(asked.get("seconds", 60.0))
        return {"name": payer.name, "code": books.add_code(payer, seconds=seconds, is_single=True).text}

    def _scan(self, books: Books, asked: Told) -> Told:
        order = self._order(books, asked)
        qr_text = asked.get("code_url") or asked.get("qr_code") or order.qr_text
        if not order.is_shown:
            raise Asked(409, "that order shows no QR code")
        books.scan(order, qr_text, self._person(books, asked))
        return order_json(order)

    def _confirm(self, books: Books, asked: Told) -> Told:
        order = self._order(books, asked)
        books.confirm(order)
        return order_json(order)

    def _decline(self, books: Books, asked: Told) -> Told:
        order = self._order(books, asked)
        books.decline(order)
        return order_json(order)

    def _pay_late(self, books: Books, asked: Told) -> Told:
        order = self._order(books, asked)
        books.pay_late(order, order.payer or self._person(books, asked))
        return order_json(order)

    def _close_account(self, books: Books, asked: Told) -> Told:
        payer = self._person(books, asked)
        payer.is_gone = bool(asked.get("is_gone", True))
        return {"name": payer.name, "is_gone": payer.is_gone}

    # Complaints

    async def _plant(self, asked: Told) -> Told:
        """Make the statements of a wallet say otherwise than its books."""
        count = asked.get("count")
        plants = self.world.plants[Wallet(asked["wallet"])]
        return plants.add(
            What(asked["what"]),
            str(asked.get("number", "")),
            _whole(asked.get("fen", 100)),
            None if count is None else _whole(count),
        ).as_json()

    async def _planted(self, asked: Told) -> Told:
        del asked
        return {wallet: [plant.as_json() for plant in plants.planted] for wallet, plants in self.world.plants.items()}

    async def _dug(self, asked: Told) -> Told:
        del asked
        return {"cleared": sum(plants.clear() for plants in self.world.plants.values())}

    async def _complaint(self, asked: Told) -> Told:
        """A payer complains about an order, says more, or calls it settled; or the provider steps in."""
        complaints = self.world.complaints[Wallet(asked["wallet"])]
        images = [complaints.keep("png", b64decode(each)) for each in asked.get("images", ())]
        action = asked.get("action", "new")
        if action == "new":
            asked_fen = asked.get("asked_fen")
            return complaints.complain(
                self._order(self._of(asked), asked),
                str(asked["text"]),
                kind=asked.get("kind", "REFUND" if asked_fen is not None else "OTHERS"),
                asked_fen=None if asked_fen is None else _whole(asked_fen),
                phone=asked.get("phone", ""),
                images=images,
            ).as_json()
        complaint = complaints.find(str(asked["complaint"]))
        if action == "more":
            return complaints.more(complaint, str(asked["text"]), images).as_json()
        if action == "settle":
            return complaints.confirm(complaint).as_json()
        if action == "platform":
            return complaints.take_over(complaint).as_json()
        raise Asked(400, "action is one of new, more, settle, platform")

    async def _complaints(self, asked: Told) -> Told:
        number, wallet = asked.get("number"), asked.get("wallet")
        return {
            "complaints": [
                each
                for name, complaints in self.world.complaints.items()
                if wallet in {None, name}
                for each in complaints.as_json(number)
            ]
        }

    # Notices

    async def _notice(self, asked: Told) -> Told:
        kind = asked.get("kind")
        if kind == "probe":
            if not is_loopback(asked["notify_url"]):
                raise Asked(400, "notices stay on this machine")
            return {"status": await self.notices.probe(asked["notify_url"])}
        if kind == "again":
            return {"notices": self.notices.again(asked["number"], asked.get("event"))}
        raise Asked(400, "kind is probe or again")

    async def _notices(self, asked: Told) -> Told:
        number = asked.get("number")
        return {"notices": [one.as_json() for one in self.notices.sent if number is None or number in one.numbers]}

    def _of(self, asked: Told) -> Books:
        if "wallet" not in asked and (qr_text := asked.get("code_url") or asked.get("qr_code")):
            for books in self.world.books.values():
                if qr_text in books.orders_by_qr:
                    return books
        return self.world.books[Wallet(asked["wallet"])]

    def _order(self, books: Books, asked: Told) -> Order:
        qr_text = asked.get("code_url") or asked.get("qr_code")
        number = asked.get("number") or asked.get("out_trade_no")
        order = books.orders.get(str(number)) if number else books.orders_by_qr.get(str(qr_text))
        if order is None:
            raise Asked(404, "no such order, or its QR code was replaced")
        return order

    def _person(self, books: Books, asked: Told) -> Payer:
        """By payment code, by name, or the one who has the habit."""
        if "code" in asked:
            return books.codes[asked["code"]].payer
        if "name" in asked:
            return next(payer for payer in books.payers if payer.name == asked["name"])
        habit = Habit(asked.get("habit", "ok"))
        return next(payer for payer in books.payers if payer.habit is habit)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Asked(400, "amounts are whole numbers of fen")
    return value
