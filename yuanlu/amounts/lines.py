"""What was sold, line by line, and what of the money is whose: to the fen, in whatever order it goes back.

What was paid may be less than the lines add up to (a discount on the whole order). Each line's *share* is its part of
what was paid, by largest remainder, so shares add up to it. Of a line of several pieces the first n are worth
`share * n // quantity`: pieces given back one by one, or all at once, add up to the share, whoever comes first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from yuanlu.errors import Denied
from yuanlu.money import Money

LINES_MAX, QUANTITY_MAX = 200, 10_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a sale. `amount_fen`: of all its pieces, after its own discount, before one on the whole order."""

    id: str
    name: str
    quantity: int
    amount_fen: int


def checked(lines: Sequence[Line], paid_fen: int) -> tuple[Line, ...]:
    """The lines, if what was paid can be shared among them.

    Raises Denied: lines.too_many, lines.id_twice, lines.quantity, lines.sum.
    """
    if len(lines) > LINES_MAX:
        raise Denied("lines.too_many", max=LINES_MAX)
    if len({line.id for line in lines}) < len(lines):
        raise Denied("lines.id_twice")
    if not all(0 < line.quantity <= QUANTITY_MAX and line.amount_fen >= 0 for line in lines):
        raise Denied("lines.quantity", max=QUANTITY_MAX)
    whole = sum(line.amount_fen for line in lines)
    if lines and whole < paid_fen:
        raise Denied("lines.sum", lines_fen=whole, paid_fen=paid_fen)
    return tuple(lines)


def shares(lines: Sequence[Line], paid_fen: int) -> dict[str, int]:
    """What of the money is each line's, by id.

    Law: the shares add up to what was paid; a line's share never exceeds its amount.
    """
    parts = Money(paid_fen).split([line.amount_fen for line in lines])
    return {line.id: part.amount for line, part in zip(lines, parts, strict=True)}


def worth(share_fen: int, quantity: int, pieces: int) -> int:
    """What the first so many pieces of a line are worth."""
    return share_fen * pieces // quantity


def back(lines: Sequence[Line], paid_fen: int, returned: Mapping[str, int], wanted: Mapping[str, int]) -> int:
    """What goes back for these pieces, when those went back before (both: pieces by line).

    Raises Denied: lines.none, lines.unknown, lines.over.
    """
    if not lines:
        raise Denied("lines.none")
    known = {line.id: line for line in lines}
    parts = shares(lines, paid_fen)
    total = 0
    for line_id, pieces in wanted.items():
        if line_id not in known:
            raise Denied("lines.unknown", line=line_id)
        before, quantity = returned.get(line_id, 0), known[line_id].quantity
        if pieces <= 0 or before + pieces > quantity:
            raise Denied("lines.over", line=line_id, left=quantity - before)
        total += worth(parts[line_id], quantity, before + pieces) - worth(parts[line_id], quantity, before)
    return total


def as_text(lines: Sequence[Line]) -> str:
    """Lines as they are kept; nothing where there are none."""
    return (
        msgspec.json.encode([(each.id, each.name, each.quantity, each.amount_fen) for each in lines]).decode()
        if (lines)
        else ""
    )


def of_text(text: str) -> tuple[Line, ...]:
    """Lines as they were kept."""
    return (
        tuple(Line(*each) for each in msgspec.json.decode(text, type=list[tuple[str, str, int, int]])) if text else ()
    )


def pieces_text(pieces: Mapping[str, int]) -> str:
    """Pieces by line as they are kept with a refund; nothing where there are none."""
    return msgspec.json.encode(dict(sorted(pieces.items()))).decode() if pieces else ""


def pieces_of(text: str) -> dict[str, int]:
    """Pieces by line as they were kept."""
    return msgspec.json.decode(text, type=dict[str, int]) if text else {}


def added(several: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """The pieces of several refunds together."""
    total: dict[str, int] = {}
    for pieces in several:
        for line_id, count in pieces.items():
            total[line_id] = total.get(line_id, 0) + count
    return total
