"""How the cells of each layout become rows: columns of Arrow in, the columns of `rows.Row` out.

Everything here works on whole columns. Amounts come in as units of a thousandth of a fen (five places of yuan, as
WeChat Pay writes fees) and leave as whole fen; numbers and words come in without what is put around them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from yuanlu.statements import layouts
from yuanlu.statements.problems import Code, Problems
from yuanlu.statements.rows import Kind, Layout, State

PER_FEN = 1000
Columns = dict[str, Any]


@dataclass(frozen=True)
class Cells:
    """The cells of some lines, by our name of the column. What a file does not have is not there.

    `lines` is the place of each in the file; `decode` makes text of the bytes of a word.
    """

    text: Mapping[str, Any]
    words: Mapping[str, Any]
    amounts: Mapping[str, Any]
    at: Any
    lines: Any
    decode: Callable[[bytes], str]
    account: str
    problems: Problems
    _coded: dict[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.at)

    def told(self, name: str) -> Any:
        """A number: `0` and a missing column are empty text."""
        column = self.text.get(name)
        if column is None:
            return all_of("", self.count)
        nought = pc.equal(column, "0")
        return pc.if_else(nought, "", column) if pc.any(nought).as_py() else column

    def units(self, name: str, otherwise: str = "") -> Any:
        """An amount in thousandths of a fen: of the column, else of the one that older layouts have, else nought."""
        found = self.amounts.get(name, self.amounts.get(otherwise))
        return found if found is not None else all_of(0, self.count)

    def word(self, name: str, say: Callable[[str], str]) -> Any:
        """A column of few different words, each put through `say` once."""
        column = self.words.get(name)
        if column is None:
            return all_of(say(""), self.count)
        coded = self._coded.get(name)
        if coded is None:
            coded = self._coded[name] = pc.dictionary_encode(column)
        said = [say(layouts.plain(self.decode(word.as_py()))) for word in coded.dictionary]
        if len(said) == 1:
            return all_of(said[0], self.count)
        return pc.take(pa.array(said, pa.string()), coded.indices)

    def fen(self, units: Any) -> Any:
        """Whole fen. Law: `exact` was asked before, or what is finer is rounded half away from nought."""
        whole = pc.divide(units, PER_FEN)
        if pc.all(pc.equal(pc.multiply(whole, PER_FEN), units)).as_py():
            return whole
        half = pc.multiply(pc.sign(units), PER_FEN // 2)
        return pc.divide(pc.add(units, half), PER_FEN)

    def fee(self, units: Any) -> Any:
        """A fee in whole fen; where it is finer that is told of."""
        whole = self.fen(units)
        finer = pc.not_equal(pc.multiply(whole, PER_FEN), units)
        rounded = pc.sum(finer).as_py() or 0
        if rounded:
            self.problems.add(Code.FEE_ROUNDED, pc.filter(self.lines, finer)[0].as_py(), count=rounded)
        return whole

    def unknown(self, column: Any, unknown: str, what: str) -> None:
        """Tell of the lines whose word nobody knows."""
        strange = pc.equal(column, unknown)
        count = pc.sum(strange).as_py() or 0
        if count:
            self.problems.add(Code.WORD_UNKNOWN, pc.filter(self.lines, strange)[0].as_py(), what, count)


def all_of(value: object, count: int) -> Any:
    """One value, so many times."""
    return pa.repeat(pa.scalar(value, pa.int64() if isinstance(value, int) else pa.string()), count)


_UNKNOWN_KIND = ""


def _first(table: Sequence[tuple[str, Kind]]) -> Callable[[str], str]:
    return lambda word: next((kind.value for mark, kind in table if mark in word), Kind.OTHER.value)


def _wechat_trades(cells: Cells) -> Columns:
    """A trade bill: the three kinds of it, and older ones."""
    state = cells.word("state", str.upper)
    back = pc.equal(state, layouts.REFUND_WORD)
    paid_state = cells.word("state", lambda word: _state(word.upper(), layouts.REFUND_WORD))
    refund_state = cells.word("refund_state", lambda word: _state(word.upper(), ""))
    told_state = pc.if_else(back, refund_state, paid_state)
    cells.unknown(told_state, State.UNKNOWN, "state")
    refund_units = cells.units("refund_amount", "refund_settled")
    amount = cells.fen(pc.if_else(back, refund_units, cells.units("amount", "settled")))
    settled = cells.fen(pc.if_else(back, pc.negate(cells.units("refund_settled")), cells.units("settled")))
    revoked = pc.equal(told_state, State.REVOKED)
    sub = cells.told("sub_account")
    account = cells.told("account")
    return {
        "kind": pc.if_else(back, Kind.REFUND, Kind.PAYMENT),
        "number": pc.if_else(back, cells.told("refund_number"), cells.told("number")),
        "payment_number": pc.if_else(back, cells.told("number"), ""),
        "channel_number": pc.if_else(back, cells.told("refund_channel_number"), cells.told("channel_number")),
        "state": told_state,
        "amount_fen": pc.abs(amount),
        "fee_fen": cells.fee(cells.units("fee")),
        "settled_fen": settled,
        "refund_fen": pc.abs(pc.if_else(pc.or_(back, revoked), amount, 0)),
        "account": account if _is_blank(sub) else pc.if_else(pc.equal(sub, ""), account, sub),
        "currency": cells.text.get("currency", all_of("CNY", cells.count)),
    }


def _state(word: str, elsewhere: str) -> str:
    """The word of a state; what is told in another column counts as done."""
    return State.SUCCESS if word == elsewhere else layouts.STATES.get(word, State.UNKNOWN)


def _is_blank(column: Any) -> bool:
    return bool(pc.all(pc.equal(column, "")).as_py())


def _fund_flow(cells: Cells) -> Columns:
    """WeChat Pay's fund-flow bill. What it says of fees within a line is a remark and is not read: fees have lines."""
    kind = cells.word("kind", _first(layouts.FUND_KINDS))
    if "name" in cells.words:
        named = cells.word("name", _first(layouts.FUND_KINDS))
        kind = pc.if_else(pc.equal(kind, Kind.OTHER), named, kind)
    way = cells.word("way", lambda word: word)
    comes, goes = pc.equal(way, layouts.INCOME), pc.equal(way, layouts.OUTGO)
    cells.unknown(pc.if_else(pc.or_(comes, goes), "known", State.UNKNOWN), State.UNKNOWN, "way")
    amount = cells.fen(cells.units("amount"))
    return _flows(cells, kind, pc.abs(amount), pc.if_else(goes, pc.negate(pc.abs(amount)), pc.abs(amount)))


def _alipay_account(cells: Cells) -> Columns:
    """Alipay's account bill: a refund's line has the number of its payment only."""
    kind = cells.word("kind", _first(layouts.ACCOUNT_KINDS))
    moved = pc.subtract(pc.abs(cells.units("income")), pc.abs(cells.units("outgo")))
    signed = cells.fen(moved)
    columns = _flows(cells, kind, pc.abs(signed), signed)
    back = pc.equal(kind, Kind.REFUND)
    number = columns["number"]
    return columns | {"number": pc.if_else(back, "", number), "payment_number": pc.if_else(back, number, "")}


def _flows(cells: Cells, kind: Any, amount: Any, signed: Any) -> Columns:
    """A line of an account: its money moved, and it says no more than that."""
    is_fee = pc.equal(kind, Kind.FEE)
    return {
        "kind": kind,
        "number": cells.told("number"),
        "payment_number": all_of("", cells.count),
        "channel_number": cells.told("channel_number"),
        "state": all_of(State.SUCCESS, cells.count),
        "amount_fen": amount,
        "fee_fen": pc.if_else(is_fee, pc.negate(signed), 0),
        "settled_fen": pc.if_else(is_fee, 0, signed),
        "refund_fen": pc.if_else(pc.equal(kind, Kind.REFUND), amount, 0),
        "account": all_of(cells.account, cells.count),
        "currency": all_of("CNY", cells.count),
    }


def _alipay_business(cells: Cells) -> Columns:
    """Alipay's business bill: refunds are below nought, and so are fees that are charged; files differ in both."""
    kind = cells.word("kind", lambda word: layouts.BUSINESS_KINDS.get(word, _UNKNOWN_KIND))
    cells.unknown(kind, _UNKNOWN_KIND, "kind")
    back = pc.equal(kind, Kind.REFUND)
    amount = pc.abs(cells.fen(cells.units("amount")))
    settled = pc.abs(cells.fen(cells.units("settled", "amount")))
    fee = pc.abs(cells.fee(cells.units("fee")))
    number, request = cells.told("number"), cells.told("refund_number")
    return {
        "kind": pc.if_else(pc.equal(kind, _UNKNOWN_KIND), Kind.OTHER, kind),
        # "use out_trade_no if none was sent" (channels.md 4.4): a whole refund may have no number of its own
        "number": pc.if_else(pc.and_(back, pc.not_equal(request, "")), request, number),
        "payment_number": pc.if_else(back, number, ""),
        "channel_number": cells.told("channel_number"),
        "state": all_of(State.SUCCESS, cells.count),
        "amount_fen": amount,
        "fee_fen": pc.if_else(back, pc.negate(fee), fee),
        "settled_fen": pc.if_else(back, pc.negate(settled), settled),
        "refund_fen": pc.if_else(back, amount, 0),
        "account": all_of(cells.account, cells.count),
        "currency": all_of("CNY", cells.count),
    }


SHAPES: Mapping[Layout, Callable[[Cells], Columns]] = {
    Layout.WECHAT_ALL: _wechat_trades,
    Layout.WECHAT_SUCCESS: _wechat_trades,
    Layout.WECHAT_REFUND: _wechat_trades,
    Layout.WECHAT_FUND_FLOW: _fund_flow,
    Layout.ALIPAY_BUSINESS: _alipay_business,
    Layout.ALIPAY_ACCOUNT: _alipay_account,
}
