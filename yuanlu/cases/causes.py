"""Why a scan went wrong: the seven causes and their kinds, and what can be found of them by looking.

The taxonomy is data (`data/causes.toml`): each kind with its requirement row, its words for cashier and customer, the
remedy it mostly takes and how the suggested amount follows. A detector looks at plain values (`Traces`) and says what
it sees and how far it believes it, in per mille; what it finds is kept with its evidence as a fact of the case.
Nothing here says who was at fault: that is a judgement, and a person puts a name to it.

How amounts are compared: as the digits somebody keyed, in fen. A point in the wrong place is ten or a hundred times
too much or too little; where an amount can be reached by several slips, the most special one comes first (a slipped
point, a digit keyed twice, a digit too many).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from yuanlu import packaged
from yuanlu.amounts.rules import Difference
from yuanlu.channels.contract import Operation
from yuanlu.channels.diagnosis import Cause, Diagnosis, Verdict, known_codes
from yuanlu.channels.law import diagnosis_of
from yuanlu.facts import Fact
from yuanlu.money import Money
from yuanlu.words import LANGUAGES, catalogue

CERTAIN = 1000
"""Per mille. No detector reaches it: a finding is a hint with reasons, not a verdict."""


CHARGED_TWICE, WRONG_CUSTOMER = "charged_twice", "wrong_customer"
"""What a report may say that a detector listens to."""


class Way(StrEnum):
    """What mostly puts a cause right."""

    REFUND_DIFFERENCE = "refund_difference"
    REFUND_ALL = "refund_all"
    COLLECT_REST = "collect_rest"
    HAND_OVER = "hand_over"
    RESCUE = "rescue"
    RETRY = "retry"
    NEW_CODE = "new_code"
    OTHER_TENDER = "other_tender"
    WAIT = "wait"
    MEND = "mend"
    NONE = "none"


class Takes(StrEnum):
    """How the suggested amount follows from a cause."""

    DIFFERENCE = "difference"
    WHOLE = "whole"
    NONE = "none"


class Whose(StrEnum):
    """Whose a static or till code is, as far as one merchant may know."""

    UNASKED = ""
    YOURS = "yours"
    ANOTHER = "another"
    """Of another shop of this installation: which one is not said."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of cause. Words by language; `codes` are `channel/code` as in the books of codes."""

    id: str
    row: str
    detector: str
    confidence: int
    remedy: Way
    amount: Takes
    cashier: Mapping[str, str]
    customer: Mapping[str, str]
    because: Mapping[str, str]
    codes: frozenset[str]
    rest_of: str

    @property
    def cause(self) -> Cause:
        """Which of the seven it belongs to."""
        return Cause(self.id.partition(".")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Taxonomy:
    """All kinds, and the figures of the detectors. Spans in `near`; per mille in `sure` and `twice`."""

    kinds: Mapping[str, Kind]
    sure: Mapping[str, int]
    near: Mapping[str, timedelta]
    twice: Mapping[str, int]

    def by_code(self, code: str, cause: Cause) -> Kind | None:
        """The kind a channel's code is: the one that names it, else the one that takes the rest of its class."""
        named = (kind for kind in self.kinds.values() if code in kind.codes)
        rest = (kind for kind in self.kinds.values() if kind.rest_of == cause.value)
        return next(named, None) or next(rest, None)


def called(code: str, lang: str) -> str:
    """What a kind of cause is called, or all below a name (`input.amount`): a few words. Another is its code.

    A kind is called as the first sentence for the cashier says it, but where two would be called alike.
    """
    for own in (f"called.{code}", f"cause.{code}"):
        if own in catalogue():
            return catalogue()[own][lang]
    kind = taxonomy().kinds.get(code)
    return re.split(r"[。.\n]", kind.cashier[lang])[0] if kind is not None else code


def _kind(name: str, entry: Mapping[str, object]) -> Kind:
    words = {who: entry.get(who, {}) for who in ("cashier", "customer", "because")}
    for who, told in words.items():
        if not isinstance(told, dict) or ((told or who != "because") and set(told) != set(LANGUAGES)):
            raise ValueError(f"{name}: {who} must be told in {LANGUAGES}")
    codes = entry.get("codes", [])
    assert isinstance(codes, list)
    if missing := [code for code in codes if tuple(code.split("/", 1)) not in known_codes()]:
        raise ValueError(f"{name}: no book knows {missing}")
    confidence = entry["confidence"]
    if not isinstance(confidence, int) or not 0 < confidence < CERTAIN:
        raise ValueError(f"{name}: confidence must be between 1 and {CERTAIN - 1} per mille")
    return Kind(
        id=name,
        row=str(entry["row"]),
        detector=str(entry["detector"]),
        confidence=confidence,
        remedy=Way(str(entry["remedy"])),
        amount=Takes(str(entry["amount"])),
        codes=frozenset(codes),
        rest_of=str(entry.get("rest_of", "")),
        **words,  # type: ignore[arg-type]
    )


def parse(text: str) -> Taxonomy:
    """Read a taxonomy: our own, or one that an operator put in its place.

    Raises ValueError or KeyError when it makes no sense: at start, not at the till.
    """
    told = tomllib.loads(text)
    kinds = {name: _kind(name, entry) for name, entry in told.items() if "." in name}
    near = {name: timedelta(seconds=seconds) for name, seconds in told["near"].items()}
    for kind in kinds.values():
        assert kind.cause in Cause
        if kind.detector not in DETECTORS and kind.detector:
            raise ValueError(f"{kind.id}: there is no detector {kind.detector}")
    return Taxonomy(kinds=kinds, sure=told["sure"], near=near, twice=told["twice"])


@lru_cache(maxsize=1)
def taxonomy() -> Taxonomy:
    """The taxonomy that came with yuanlu."""
    return parse(packaged.text("cases/data/causes.toml"))


# --- what a detector sees ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sibling:
    """Another payment of the same store, near in time. `unclear` times: opened until clear, by our clock."""

    id: str
    till_id: str
    store_id: str
    amount_fen: int
    back_fen: int = 0
    has_money: bool = True
    payer: str = ""
    code_mark: str = ""
    opened_at: datetime
    clear_at: datetime | None = None
    """When we knew that it was paid (None: not yet, or never)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A channel's code that was heard about the payment, and its evidence."""

    book: str
    code: str
    operation: str
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What is known around one payment when its cause is looked for. Amounts in fen.

    `rest_fen`: what may still go back. `meant_fen`: what should have been charged, as somebody says; `basket_fen`: as
    the till added it up; `usual_fen`: amounts that are often charged here. `before`: the payment before at this till.
    """

    payment: Sibling
    rest_fen: int
    what: str = ""
    meant_fen: int | None = None
    basket_fen: int | None = None
    usual_fen: tuple[int, ...] = ()
    before: Sibling | None = None
    siblings: tuple[Sibling, ...] = ()
    heard: tuple[Heard, ...] = ()
    code_owner: Whose = Whose.UNASKED
    code_is_stale: bool = False
    code_evidence: str = ""
    differs: tuple[Difference, ...] = ()
    """What of the channel's figures does not fit (S77)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found: a kind, how far it is believed (per mille), what may be suggested, why, on what evidence."""

    cause: str
    confidence: int
    suggested_fen: int
    remedy: Way
    because_zh: str
    because_en: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseFound(Fact):
    """A detector found a cause of a case. Who was at fault is not said."""

    cause: str
    confidence: int
    suggested_fen: int
    remedy: str
    because_zh: str
    because_en: str
    evidence: tuple[str, ...]


def as_facts(findings: Sequence[Finding], known: Sequence[tuple[str, int]] = ()) -> tuple[CauseFound, ...]:
    """Findings as facts of a case, but for those kept already (`known`: cause and confidence)."""
    return tuple(
        CauseFound(
            cause=each.cause,
            confidence=each.confidence,
            suggested_fen=each.suggested_fen,
            remedy=each.remedy,
            because_zh=each.because_zh,
            because_en=each.because_en,
            evidence=each.evidence,
        )
        for each in findings
        if (each.cause, each.confidence) not in known
    )


def find(traces: Traces, known: Taxonomy | None = None) -> list[Finding]:
    """Every cause that what is known points at, best first.

    Law: one finding a kind; what is suggested never exceeds what may still go back; without a reference amount, a
    sibling or a code there is nothing to find.
    """
    kinds = known or taxonomy()
    best: dict[str, Finding] = {}
    for finding in _all(traces, kinds):
        if finding.cause not in best or finding.confidence > best[finding.cause].confidence:
            best[finding.cause] = finding
    return sorted(best.values(), key=lambda found: -found.confidence)


def _all(traces: Traces, known: Taxonomy) -> Iterator[Finding]:
    for kind in known.kinds.values():
        if kind.detector in DETECTORS and kind.detector != "code":
            yield from DETECTORS[kind.detector](kind, traces, known)
    yield from _by_code(traces, known)


def _finding(
    kind: Kind,
    traces: Traces,
    confidence: int,
    evidence: tuple[str, ...],
    right_fen: int | None = None,
    **facts: object,
) -> Finding:
    charged = traces.payment.amount_fen
    shown = {"charged": Money(charged), "right": Money(right_fen or 0)} | facts
    because = {lang: text.format_map(shown) for lang, text in kind.because.items()}
    return Finding(
        cause=kind.id,
        confidence=confidence,
        suggested_fen=_suggested(kind, traces, right_fen),
        remedy=_remedy(kind, charged, right_fen),
        because_zh=because.get("zh", ""),
        because_en=because.get("en", ""),
        evidence=evidence,
    )


def _suggested(kind: Kind, traces: Traces, right_fen: int | None) -> int:
    """What may be suggested to go back: never more than may, never less than nothing."""
    match kind.amount:
        case Takes.WHOLE:
            return max(traces.rest_fen, 0)
        case Takes.DIFFERENCE if right_fen is not None:
            return max(min(traces.payment.amount_fen - right_fen, traces.rest_fen), 0)
        case _:
            return 0


def _remedy(kind: Kind, charged_fen: int, right_fen: int | None) -> Way:
    """The kind's remedy; what was charged too low is collected, never refunded."""
    if kind.remedy is Way.REFUND_DIFFERENCE and right_fen is not None and charged_fen < right_fen:
        return Way.COLLECT_REST
    return kind.remedy


# --- amounts -------------------------------------------------------------------------------------------------------


def _rights(traces: Traces, known: Taxonomy) -> Iterator[tuple[int, int]]:
    """Every amount that may have been meant, and how far we believe it (per mille)."""
    said, basket = traces.meant_fen, traces.basket_fen
    if said and said == basket:
        yield said, known.sure["said_and_basket"]
    elif basket or said:
        if basket:
            yield basket, known.sure["basket"]
        if said:
            yield said, known.sure["said"]
    else:
        yield from ((usual, known.sure["usual"]) for usual in traces.usual_fen if usual)


Slip = Callable[[int, int], Mapping[str, object] | None]
"""Whether an amount came from another by this slip (charged, right): what fills the words, or None."""


def decimal_slip(charged: int, right: int) -> Mapping[str, object] | None:
    """The point in the wrong place: ten or a hundred times too much, or too little."""
    for times in (10, 100):
        if charged == right * times or right == charged * times:
            return {"times": times}
    return None


def _one_more(longer: str, shorter: str) -> str | None:
    """The digit that `longer` has more than `shorter`, if that is all that parts them."""
    if len(longer) != len(shorter) + 1:
        return None
    place = next((n for n, (one, other) in enumerate(zip(longer, shorter, strict=False)) if one != other), len(shorter))
    return longer[place] if longer[:place] + longer[place + 1 :] == shorter else None


def extra_digit(charged: int, right: int) -> Mapping[str, object] | None:
    """One digit too many, wherever it stands."""
    digit = _one_more(str(charged), str(right))
    return None if digit is None else {"digit": digit}


def repeated_digit(charged: int, right: int) -> Mapping[str, object] | None:
    """One digit too many, and it is the one beside it: a key pressed twice."""
    digit = _one_more(str(charged), str(right))
    return {"digit": digit} if digit and _doubled(str(charged), str(right), digit) else None


def _doubled(longer: str, shorter: str, digit: str) -> bool:
    pairs = (place for place in range(len(longer) - 1) if longer[place : place + 2] == digit * 2)
    return any(longer[:place] + longer[place + 1 :] == shorter for place in pairs)


def missing_digit(charged: int, right: int) -> Mapping[str, object] | None:
    """One digit too few, wherever it should stand."""
    digit = _one_more(str(right), str(charged))
    return None if digit is None else {"digit": digit}


def digits_swapped(charged: int, right: int) -> Mapping[str, object] | None:
    """Two digits that stand side by side changed places. Below ten yuan all three digits are keyed, noughts too."""
    one, other = f"{charged:03}", f"{right:03}"
    if len(one) != len(other):
        return None
    apart = [place for place in range(len(one)) if one[place] != other[place]]
    if len(apart) != 2 or apart[1] != apart[0] + 1:
        return None
    first, second = apart
    return {} if one[first] == other[second] and one[second] == other[first] else None


def _slipped(slip: Slip) -> Detector:
    def detect(kind: Kind, traces: Traces, known: Taxonomy) -> Iterator[Finding]:
        charged = traces.payment.amount_fen
        for right, sure in _rights(traces, known):
            facts = slip(charged, right) if charged != right else None
            if facts is not None:
                confidence = kind.confidence * sure // CERTAIN
                yield _finding(kind, traces, confidence, (traces.payment.id,), right, **facts)

    return detect


def _previous_amount(kind: Kind, traces: Traces, known: Taxonomy) -> Iterator[Finding]:
    """The amount of the customer before: only where something else was meant, else it is two equal sales."""
    before, charged = traces.before, traces.payment.amount_fen
    if before is None or before.amount_fen != charged or (traces.meant_fen is None and traces.basket_fen is None):
        return
    for right, sure in _rights(traces, known):
        if right != charged:
            evidence = (traces.payment.id, before.id)
            yield _finding(kind, traces, kind.confidence * sure // CERTAIN, evidence, right)


# --- payees --------------------------------------------------------------------------------------------------------


def _other_customer(kind: Kind, traces: Traces, known: Taxonomy) -> Iterator[Finding]:
    """Somebody else paid the same sum nearby, and the report says that the wrong customer was charged."""
    if traces.what != WRONG_CUSTOMER:
        return
    mine = traces.payment
    for other in traces.siblings:
        is_near = abs(other.opened_at - mine.opened_at) <= known.near["customer_within"]
        is_other = other.payer != mine.payer and bool(other.payer)
        if is_near and is_other and other.has_money and other.amount_fen == mine.amount_fen:
            part = 1 if other.till_id == mine.till_id else 2
            yield _finding(kind, traces, kind.confidence // part, (mine.id, other.id))


def _other_shop_code(kind: Kind, traces: Traces, _: Taxonomy) -> Iterator[Finding]:
    if traces.code_owner is Whose.ANOTHER:
        yield _finding(kind, traces, kind.confidence, (traces.payment.id, *_named(traces.code_evidence)))


def _stale_static(kind: Kind, traces: Traces, _: Taxonomy) -> Iterator[Finding]:
    if traces.code_owner is Whose.YOURS and traces.code_is_stale:
        yield _finding(kind, traces, kind.confidence, (traces.payment.id, *_named(traces.code_evidence)))


def _named(evidence: str) -> tuple[str, ...]:
    return (evidence,) if evidence else ()


# --- two charges of one mistake ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """Two charges of one mistake. `first` stays, `second` is the one that goes back; how far it is believed."""

    first: Sibling
    second: Sibling
    confidence: int
    was_unclear: bool
    """Whether the first was still unclear when the second was charged."""

    def of(self, payment_id: str) -> Sibling:
        """The other one of the pair."""
        return self.second if self.first.id == payment_id else self.first


def paired(one: Sibling, other: Sibling, known: Taxonomy | None = None) -> Twin | None:
    """Whether two payments are two charges of one mistake: same payer, amount and store, near in time.

    The earlier one by our clock stays, by its id where the clock does not part them.
    """
    kinds = known or taxonomy()
    first, second = sorted((one, other), key=lambda each: (each.opened_at, each.id))
    same_code = bool(first.code_mark) and first.code_mark == second.code_mark
    same_payer = same_code or (bool(first.payer) and first.payer == second.payer)
    if first.id == second.id or not same_payer or first.amount_fen != second.amount_fen:
        return None
    if first.store_id != second.store_id or second.opened_at - first.opened_at > kinds.near["twice_within"]:
        return None
    if not (first.has_money and second.has_money):
        return None
    was_unclear = first.clear_at is not None and second.opened_at < first.clear_at
    at = "till" if first.till_id == second.till_id else "store"
    name = "same_code" if same_code else f"{'unclear' if was_unclear else 'seen'}_same_{at}"
    return Twin(first=first, second=second, confidence=kinds.twice[name], was_unclear=was_unclear)


def twin_of(payment: Sibling, siblings: Sequence[Sibling], known: Taxonomy | None = None) -> Twin | None:
    """The pair that a payment belongs to.

    Of several, an earlier payment is its twin before a later one, and the earliest before all: charged three times,
    the second and the third both go back and the first stays.
    """
    pairs = [pair for each in siblings if (pair := paired(payment, each, known)) is not None]
    return min(pairs, key=lambda pair: (pair.second.id != payment.id, _age(pair.of(payment.id))), default=None)


def _age(sibling: Sibling) -> tuple[datetime, str]:
    return sibling.opened_at, sibling.id


def _charged_twice(kind: Kind, traces: Traces, known: Taxonomy) -> Iterator[Finding]:
    pair = twin_of(traces.payment, traces.siblings, known)
    if pair is None or not (pair.was_unclear or traces.what == CHARGED_TWICE):
        return
    finding = _finding(kind, traces, pair.confidence, (pair.first.id, pair.second.id))
    gone = pair.of(traces.payment.id).back_fen
    yield replace(finding, suggested_fen=0, remedy=Way.NONE) if gone else finding


def _amount_differs(kind: Kind, traces: Traces, _: Taxonomy) -> Iterator[Finding]:
    for found in traces.differs[:1]:
        evidence = (traces.payment.id, *_named(found.where))
        expected, got = Money(found.expected_fen), Money(found.got_fen)
        yield _finding(kind, traces, kind.confidence, evidence, expected=expected, got=got)


# --- what the channel said -----------------------------------------------------------------------------------------


def _by_code(traces: Traces, known: Taxonomy) -> Iterator[Finding]:
    for heard in traces.heard:
        told = _diagnosed(heard)
        kind = _kind_of(told, known)
        if kind is not None:
            found = _finding(kind, traces, kind.confidence, (traces.payment.id, *_named(heard.evidence)))
            yield replace(found, because_zh=told.meaning_zh, because_en=told.meaning_en)


def _diagnosed(heard: Heard) -> Diagnosis:
    """What a code means; WeChat Pay's, where the newest book does not know it, by the book of its v2."""
    operation = Operation(heard.operation) if heard.operation else None
    told = diagnosis_of(heard.book, heard.code, operation)
    return told if told.known or heard.book != "wechat" else diagnosis_of("wechat_v2", heard.code, operation)


def _kind_of(told: Diagnosis, known: Taxonomy) -> Kind | None:
    if not told.known or told.cause is Cause.NONE or told.outcome is Verdict.SUCCESS:
        return None
    return known.by_code(f"{told.channel}/{told.code}", told.cause)


def _nothing(_kind: Kind, _traces: Traces, _known: Taxonomy) -> Iterator[Finding]:
    return iter(())


Detector = Callable[[Kind, Traces, Taxonomy], Iterator[Finding]]
DETECTORS: Mapping[str, Detector] = {
    "decimal_slip": _slipped(decimal_slip),
    "repeated_digit": _slipped(repeated_digit),
    "extra_digit": _slipped(extra_digit),
    "missing_digit": _slipped(missing_digit),
    "digits_swapped": _slipped(digits_swapped),
    "previous_amount": _previous_amount,
    "other_customer": _other_customer,
    "other_shop_code": _other_shop_code,
    "stale_static": _stale_static,
    "charged_twice": _charged_twice,
    "amount_differs": _amount_differs,
    "code": _nothing,  # codes are looked at once, not kind by kind
}
"""Every detector, by the name the taxonomy gives it."""
