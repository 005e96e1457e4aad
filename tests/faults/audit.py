"""The auditor: at rest our books agree with the provider's, to the fen, and nothing is there that nobody justified.

It reads the tables as they are (`snapshot`) and the providers' worlds, shares no rule with what it judges beside the
names of states, and says what is wrong with which merchant under the number of the law (refunds.md, section 5).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.laws.grounds import AFTER, Told, on_air
from yuanlu.sim.books import Books, OrderState

Record = Mapping[str, Any]

NEXT = "select min(greatest(run_at, coalesce(lease_until, run_at))) from jobs where name <> 'cases.clock'"
"""When something happens next by itself. An open case always has a deadline: that is no unrest."""

TABLES = ("payments", "refunds", "cases", "moves", "facts", "evidence", "jobs", "accounts", "shifts")

HELD_STATES = {"RESERVED", "READY", "SENT", "WAITING", "MANUAL"}
STRANDED_STATES = {"STRANDED", "REDIRECTING", "RECALLING"}
OUT_STATES = {"DONE", "PROVEN", "EXTERNAL"}
BACK_STATES = {"REFUSED", "CANCELLED", "RETURNED", "SUPERSEDED"}
WITH_MONEY = {"PAID", "LATE_PAID"}
RESTS = WITH_MONEY | OUT_STATES | {"FAILED", "REVERSED", "CLOSED", "REFUSED", "CANCELLED"}
"""Where everything may come to rest without a person."""
OPEN_PAYMENTS = {"SENT", "SHOWN", "REVERSING", "CLOSING"}
OPEN_REFUNDS = HELD_STATES | STRANDED_STATES
OPEN_CASES = {"OPENED", "REMEDY"}

PAYMENT_AFTER = {
    "PaymentOpened": "SENT",
    "PaymentShown": "SHOWN",
    "PaymentPaid": "PAID",
    "PaymentFailed": "FAILED",
    "PaymentReversing": "REVERSING",
    "PaymentReversed": "REVERSED",
    "PaymentClosing": "CLOSING",
    "PaymentClosed": "CLOSED",
    "PaymentLatePaid": "LATE_PAID",
}
REFUND_AFTER = {
    "RefundRequested": "RESERVED",
    "RefundReleased": "READY",
    "RefundCancelled": "CANCELLED",
    "RefundSent": "SENT",
    "RefundWaits": "WAITING",
    "RefundNotThere": "READY",
    "RefundDone": "DONE",
    "RefundProven": "PROVEN",
    "RefundRefused": "REFUSED",
    "RefundStranded": "STRANDED",
    "RefundReturned": "RETURNED",
    "RefundSuperseded": "SUPERSEDED",
    "RefundUnclearTooLong": "MANUAL",
    "RefundFoundOutside": "EXTERNAL",
}
DECISIONS = {
    "CaseApproved",
    "CaseConfirmed",
    "CaseSentBack",
    "CaseBackInTrouble",
    "OfferMade",
    "CaseDeclined",
    "FaultJudged",
}
"""Facts of a case that name a person (or, declined, the policy's line) and what was known."""
ENDS = {
    "PaymentPaid",
    "PaymentFailed",
    "PaymentReversed",
    "PaymentClosed",
    "PaymentLatePaid",
    "RefundDone",
    "RefundProven",
    "RefundRefused",
    "RefundStranded",
    "RefundReturned",
    "RefundFoundOutside",
}
"""Facts about money elsewhere: only the channel's word, or a person's, can be their evidence."""


@dataclass(frozen=True)
class Violation:
    """A law that does not hold for a merchant."""

    law: str
    merchant_id: str
    text: str


@dataclass
class Snapshot:
    """The tables of a database, or of some merchants."""

    payments: list[dict[str, Any]] = field(default_factory=list)
    refunds: list[dict[str, Any]] = field(default_factory=list)
    cases: list[dict[str, Any]] = field(default_factory=list)
    moves: list[dict[str, Any]] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    shifts: list[dict[str, Any]] = field(default_factory=list)


async def snapshot(connection: Any, merchants: Iterable[str] | None = None) -> Snapshot:
    """All that is written down in one moment, of all merchants or of these."""
    chosen = None if merchants is None else list(merchants)
    sql = "select * from {} where $1::text[] is null or merchant_id = any($1)"
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        read = {name: [dict(row) for row in await connection.fetch(sql.format(name), chosen)] for name in TABLES}
    return Snapshot(**read)


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """Rows that came or went between two moments.

    Rows are compared as a bag: a table has no order of its own, and a scan by several processes gives it another each
    time.
    """
    told = []
    for name in TABLES:
        was, now = (Counter(repr(row) for row in getattr(each, name)) for each in (before, after))
        told += [f"{name} lost {row}" for row in was - now] + [f"{name} gained {row}" for row in now - was]
    return told


@dataclass
class Provider:
    """What a provider's books say of our numbers."""

    orders: dict[str, Record]
    refunds: dict[str, Record]


def provider(books: Iterable[Books]) -> Provider:
    """The providers' books as plain values."""
    orders, refunds = {}, {}
    for each in books:
        for order in each.orders.values():
            gone = order.state is OrderState.REVERSED
            orders[order.number] = {
                "has_money": bool(order.payments) and not gone,
                "amount_fen": order.amount_fen,
                "payments": order.payments,
                "back_fen": sum(refund.amount_fen for refund in order.refunds if refund.payouts),
            }
        for refund in each.refunds.values():
            returned = refund.received_by.startswith("商户")
            refunds[refund.number] = {
                "order": refund.order.number,
                "amount_fen": refund.amount_fen,
                "payouts": refund.payouts,
                "state": "RETURNED" if returned and refund.payouts else refund.state.name,
                "is_by_hand": refund.is_by_hand,
            }
    return Provider(orders, refunds)


REFUND_MEANS: Mapping[str, set[str]] = {
    "SUCCESS": OUT_STATES,
    "ABNORMAL": STRANDED_STATES,
    "CLOSED": {"REFUSED"},
    "PROCESSING": HELD_STATES | STRANDED_STATES,
    "RETURNED": {"RETURNED", "SUPERSEDED"},
}
"""What our state of a refund must be, by the provider's."""


class Audit:
    """One look at a snapshot. `found` is what is wrong."""

    def __init__(self, books: Snapshot, world: Provider | None = None, codes: Mapping[str, Sequence[str]] = {}) -> None:
        self.books = books
        self.world = world
        self.codes = codes
        self.found: list[Violation] = []
        self.facts: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for fact in sorted(books.facts, key=lambda one: (one["transition"], one["seq"])):
            self.facts[fact["merchant_id"], fact["object_id"]].append(fact)

    def always(self) -> Audit:
        """What holds at every commit."""
        self._never_more_back()
        self._money_is_where_states_say()
        self._balances()
        self._one_schedule()
        self._justified()
        self._replayed()
        self._secrets()
        self._cases_and_refunds()
        self._cases_are_held()
        self._decisions_are_named()
        self._states_name_their_evidence()
        self._chains()
        return self

    def at_rest(self, may_rest_in: Mapping[str, frozenset[str]] = {}) -> Audit:
        """What holds when nothing is left to happen. `may_rest_in`: by merchant, beside the usual ends."""
        self.always()
        self._ended(may_rest_in)
        if self.world is not None:
            self._payments_agree(self.world)
            self._refunds_agree(self.world)
        return self

    def _say(self, law: str, merchant_id: str, text: str) -> None:
        self.found.append(Violation(law, merchant_id, text))

    # I1

    def _never_more_back(self) -> None:
        drawn: Counter[tuple[str, str]] = Counter()
        for refund in self.books.refunds:
            if refund["state"] not in BACK_STATES:
                drawn[refund["merchant_id"], refund["payment_id"]] += refund["amount_fen"]
        for payment in self.books.payments:
            key = payment["merchant_id"], payment["id"]
            if not 0 <= payment["back_fen"] <= payment["amount_fen"]:
                self._say("I1", key[0], f"{key[1]}: {payment['back_fen']} back of {payment['amount_fen']}")
            if drawn[key] != payment["back_fen"]:
                self._say("I1", key[0], f"{key[1]}: back {payment['back_fen']}, its refunds draw {drawn[key]}")

    # I3

    def _money_is_where_states_say(self) -> None:
        nets: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for move in self.books.moves:
            net = nets[move["merchant_id"], move["object_id"]]
            net[move["source"]] -= move["amount_fen"]
            net[move["target"]] += move["amount_fen"]
        expected: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for payment in self.books.payments:
            if payment["state"] in WITH_MONEY:
                amount = payment["amount_fen"]
                expected[payment["merchant_id"], payment["id"]] = Counter(
                    {place_of_payment(payment): -amount, "owed": amount}
                )
        for shift in self.books.shifts:
            expected[shift["merchant_id"], shift["id"]] = of_shift(shift)
        for refund in self.books.refunds:
            place = place_of(refund)
            if place != "owed":
                amount = refund["amount_fen"]
                expected[refund["merchant_id"], refund["id"]] = Counter({"owed": -amount, place: amount})
        for key in nets.keys() | expected.keys():
            has = {account: fen for account, fen in nets[key].items() if fen}
            wants = {account: fen for account, fen in expected[key].items() if fen}
            if has != wants:
                self._say("I3", key[0], f"{key[1]}: its moves come to {has}, its state says {wants}")

    def _balances(self) -> None:
        total: Counter[tuple[str, str, str]] = Counter()
        for move in self.books.moves:
            total[move["merchant_id"], move["source"], move["currency"]] -= move["amount_fen"]
            total[move["merchant_id"], move["target"], move["currency"]] += move["amount_fen"]
        kept = {
            (row["merchant_id"], row["account"], row["currency"]): row["balance_fen"] for row in self.books.accounts
        }
        wanted: Counter[tuple[str, str, str]] = Counter()
        for refund in self.books.refunds:
            place = place_of(refund)
            if place in ("held", "suspense"):
                wanted[refund["merchant_id"], place, refund["currency"]] += refund["amount_fen"]
        for key in wanted.keys() | kept.keys() | {key for key in total if key[1] in ("held", "suspense")}:
            figures = wanted[key], total[key], kept.get(key, 0)
            if len(set(figures)) != 1 or figures[0] < 0:
                self._say("I3", key[0], f"{key[1]}: open refunds {figures[0]}, moves {figures[1]}, kept {figures[2]}")
        sums: Counter[tuple[str, str]] = Counter()
        for (merchant_id, _, currency), fen in total.items():
            sums[merchant_id, currency] += fen
        for (merchant_id, currency), fen in sums.items():
            if fen:
                self._say("I3", merchant_id, f"moves in {currency} come to {fen}, not 0")

    # I10

    def _one_schedule(self) -> None:
        jobs = {(job["merchant_id"], job["name"], job["object_id"]) for job in self.books.jobs}
        for rows, name, is_open in (
            (self.books.payments, "payments.drive", OPEN_PAYMENTS),
            (self.books.refunds, "refunds.drive", OPEN_REFUNDS),
            (self.books.cases, "cases.drive", OPEN_CASES),
        ):
            for row in rows:
                if row["state"] in is_open and (row["merchant_id"], name, row["id"]) not in jobs:
                    self._say("I10", row["merchant_id"], f"{row['id']} is {row['state']} and nobody will look")

    # I4, I5

    def _justified(self) -> None:
        known = {(row["merchant_id"], row["object_id"], row["id"]) for row in self.books.evidence}
        for (merchant_id, object_id), facts in self.facts.items():
            for fact in facts:
                cited = fact["evidence_id"]
                if cited and (merchant_id, object_id, cited) not in known:
                    self._say("I4", merchant_id, f"{object_id} {fact['kind']} cites evidence that is not kept")
                if fact["kind"] in ENDS and not cited:
                    self._say("I4", merchant_id, f"{object_id} {fact['kind']} by {fact['who']} without evidence")
                if fact["who"] == "channel" and not cited:
                    self._say("I4", merchant_id, f"{object_id} {fact['kind']}: the channel's word is not kept")

    def _replayed(self) -> None:
        for rows, after in (
            (self.books.payments, PAYMENT_AFTER),
            (self.books.refunds, REFUND_AFTER),
            (self.books.cases, AFTER),
        ):
            for row in rows:
                facts = self.facts[row["merchant_id"], row["id"]]
                state = replayed(after, facts)
                if state != row["state"]:
                    told = [fact["kind"] for fact in facts]
                    self._say("I5", row["merchant_id"], f"{row['id']} is {row['state']}, its facts say {state}: {told}")
                late = [fact["transition"] for fact in facts if fact["transition"] > row["version"]]
                if late:
                    self._say("I5", row["merchant_id"], f"{row['id']} of version {row['version']} has facts of {late}")

    # I6

    def _secrets(self) -> None:
        if not self.codes:
            return
        texts: dict[str, list[str]] = defaultdict(list)
        for rows in (self.books.payments, self.books.facts, self.books.evidence):
            for row in rows:
                texts[row["merchant_id"]] += [value for value in row.values() if isinstance(value, str)]
        for merchant_id, codes in self.codes.items():
            text = "\n".join(texts[merchant_id])
            for code in codes:
                if code in text:
                    self._say("I6", merchant_id, f"the payment code {code[:2]}…{code[-4:]} is written down")

    # I7

    def _cases_and_refunds(self) -> None:
        refunds = {(row["merchant_id"], row["id"]): row for row in self.books.refunds}
        cases = {(row["merchant_id"], row["id"]) for row in self.books.cases}
        for refund in self.books.refunds:
            if refund["case_id"] and (refund["merchant_id"], refund["case_id"]) not in cases:
                self._say("I7", refund["merchant_id"], f"{refund['id']} is of a case that is not there")
        for case in self.books.cases:
            if case["conclusion"] != "money_back":
                continue
            refund = refunds.get((case["merchant_id"], case["refund_id"]))
            if refund is None or refund["state"] not in OUT_STATES or refund["amount_fen"] != case["remedy_fen"]:
                self._say("I7", case["merchant_id"], f"{case['id']} says money back, and it is not")
        open_of = Counter(
            (row["merchant_id"], row["payment_id"]) for row in self.books.cases if row["state"] != "CLOSED"
        )
        for (merchant_id, payment_id), count in open_of.items():
            if count > 1:
                self._say("I7", merchant_id, f"{payment_id} has {count} open cases")

    # I10 of cases

    def _cases_are_held(self) -> None:
        jobs = {job["object_id"]: job for job in self.books.jobs if job["name"] == "cases.clock"}
        for case in self.books.cases:
            held = bool(case["holder"]), case["due_at"] is not None, bool(case["due_what"]), case["id"] in jobs
            if set(held) != {case["state"] != "CLOSED"}:
                self._say(
                    "I10", case["merchant_id"], f"{case['id']} is {case['state']}, holder, due, what, job: {held}"
                )

    # I4, I7 of cases

    def _decisions_are_named(self) -> None:
        cases = {(case["merchant_id"], case["id"]): case for case in self.books.cases}
        for key, facts in self.facts.items():
            for fact in facts:
                if fact["kind"] not in DECISIONS:
                    continue
                body = json.loads(fact["body"])
                is_policy = fact["kind"] == "CaseDeclined" and fact["who"] == "system" and body["line"]
                if not (fact["who"].startswith("YW") or is_policy):
                    self._say("I4", key[0], f"{key[1]} {fact['kind']} by {fact['who'] or 'nobody'}")
                if fact["who"].startswith("YW") and not body["on_chain"]:
                    self._say("I4", key[0], f"{key[1]} {fact['kind']} on no evidence")
        for key, case in cases.items():
            if (
                case["state"] == "REMEDY"
                and case["remedy"] != "cancel"
                and not (case["refund_id"] and case["remedy_fen"])
            ):
                self._say("I7", key[0], f"{key[1]} is approved and has no refund")

    def _states_name_their_evidence(self) -> None:
        """Every turn of a case, as the facts of it were kept, and the refund that a case was closed on."""
        for case in self.books.cases:
            before, what, turns = "", case["what"], defaultdict[int, list[dict[str, Any]]](list)
            for fact in self.facts[case["merchant_id"], case["id"]]:
                turns[fact["transition"]].append(fact)
            for facts in turns.values():
                told = [(fact["kind"], json.loads(fact["body"])) for fact in facts]
                after = replayed(AFTER, facts) or before
                turn = Told(what=what, before=before, after=after, who=facts[0]["who"], at=facts[0]["at"], facts=told)
                if why := on_air(turn):
                    self._say("I4", case["merchant_id"], f"{case['id']} {why}")
                before = after
                for kind, body in told:
                    if kind == "CaseClosed" and body["conclusion"] == "money_back":
                        refund = self.facts[case["merchant_id"], body["rests_on"]]
                        if not {"RefundDone", "RefundProven"} & {each["kind"] for each in refund}:
                            self._say("I4", case["merchant_id"], f"{case['id']} is closed on money nobody saw arrive")

    # The chain

    def _chains(self) -> None:
        for case in self.books.cases:
            before, length = "", 0
            for fact in self.facts[case["merchant_id"], case["id"]]:
                if fact["kind"] != "CaseItemAdded":
                    continue
                body = json.loads(fact["body"])
                parts = before, body["item_kind"], body["item"], body["digest"], fact["at"].isoformat()
                before, length = hashlib.sha256("\x1f".join(parts).encode()).hexdigest(), length + 1
                if before != body["chain"]:
                    self._say("chain", case["merchant_id"], f"{case['id']}: link {length} does not hold")
            if (before, length) != (case["chain"], case["chain_length"]):
                self._say("chain", case["merchant_id"], f"{case['id']}: {length} links, not {case['chain_length']}")

    # At rest

    def _ended(self, may_rest_in: Mapping[str, frozenset[str]]) -> None:
        usual = {
            "PAID",
            "FAILED",
            "REVERSED",
            "CLOSED",
            "LATE_PAID",
            "DONE",
            "PROVEN",
            "REFUSED",
            "CANCELLED",
            "EXTERNAL",
        }
        for rows in (self.books.payments, self.books.refunds, self.books.cases):
            for row in rows:
                if row["state"] not in usual | may_rest_in.get(row["merchant_id"], frozenset()):
                    self._say(
                        "rest", row["merchant_id"], f"{row['id']} rests in {row['state']} ({row.get('note', '')})"
                    )
                if row["incident"]:
                    self._say("rest", row["merchant_id"], f"{row['id']}: {row['incident']}")
        for job in self.books.jobs:
            if job["name"] == "cases.clock":
                continue  # an open case has one, whatever it waits for; that it may rest was judged above
            self._say("rest", job["merchant_id"], f"{job['name']} of {job['object_id']} is left")
        for payment in self.books.payments:
            if payment["state"] == "LATE_PAID" and payment["back_fen"] != payment["amount_fen"]:
                self._say("rest", payment["merchant_id"], f"{payment['id']}: late money was not sent back")

    def _payments_agree(self, world: Provider) -> None:
        out: Counter[tuple[str, str]] = Counter()
        for refund in self.books.refunds:
            if refund["state"] in OUT_STATES | {"RETURNED", "SUPERSEDED"}:
                out[refund["merchant_id"], refund["payment_id"]] += refund["amount_fen"]
        for payment in self.books.payments:
            key = payment["merchant_id"], payment["id"]
            has_money = payment["state"] in WITH_MONEY
            if payment["channel"] == "cash":
                if payment["id"] in world.orders:
                    self._say("agree", key[0], f"{key[1]} is cash, and the provider was asked")
                continue
            order = world.orders.get(payment["id"])
            if order is None:
                if has_money:
                    self._say("agree", key[0], f"{key[1]} is {payment['state']}, unknown at the provider")
                continue
            if order["has_money"] != has_money:
                self._say("agree", key[0], f"{key[1]} is {payment['state']}, order at the provider: {order}")
            if order["amount_fen"] != payment["amount_fen"]:
                self._say("agree", key[0], f"{key[1]}: {order['amount_fen']} at the provider")
            if order["payments"] > 1:
                self._say("I2", key[0], f"{key[1]} was charged {order['payments']} times")
            if order["back_fen"] != out[key]:
                self._say("agree", key[0], f"{key[1]}: {order['back_fen']} went back, not {out[key]}")

    def _refunds_agree(self, world: Provider) -> None:
        ours = {refund["id"]: refund for refund in self.books.refunds}
        for refund in self.books.refunds:
            if refund["state"] in ("EXTERNAL",) or refund["reason"].startswith("made outside"):
                continue
            theirs = world.refunds.get(refund["id"])
            if theirs is None:
                if refund["state"] not in ("CANCELLED", "REFUSED") and refund["channel"] != "cash":
                    self._say(
                        "agree", refund["merchant_id"], f"{refund['id']} is {refund['state']}, unknown at the provider"
                    )
                continue
            if refund["state"] not in REFUND_MEANS[theirs["state"]]:
                self._say(
                    "agree", refund["merchant_id"], f"{refund['id']} is {refund['state']}, there {theirs['state']}"
                )
            if theirs["amount_fen"] != refund["amount_fen"] or theirs["order"] != refund["payment_id"]:
                self._say("agree", refund["merchant_id"], f"{refund['id']} is another refund at the provider")
            if theirs["payouts"] > 1:
                self._say("I2", refund["merchant_id"], f"{refund['id']} paid out {theirs['payouts']} times")
        merchants = {payment["id"]: payment["merchant_id"] for payment in self.books.payments}
        for number, theirs in world.refunds.items():
            if number not in ours and not theirs["is_by_hand"] and theirs["order"] in merchants:
                self._say("I2", merchants[theirs["order"]], f"{number} is a refund we do not know")


def place_of_payment(payment: Record) -> str:
    """The account from which the money of a payment came."""
    return f"cash:{payment['till_id']}" if payment["channel"] == "cash" else f"due:{payment['channel']}"


def of_shift(shift: Record) -> Counter[str]:
    """What the moves of a shift come to: out with the float, and at the close all of it back in other places."""
    drawer = f"cash:{shift['till_id']}"
    net = Counter({drawer: -shift["float_fen"], "float": shift["float_fen"]})
    if shift["state"] == "CLOSED":
        counted, expected = (json.loads(shift[name])["cash"] for name in ("counted", "expected"))
        gone = {"safe": shift["safe_fen"], "bank": shift["bank_fen"]}
        gone["float"] = counted - sum(gone.values())
        net.update({drawer: expected, "difference:cash": counted - expected})
        net.subtract(gone)
    return net


def place_of(refund: Record) -> str:
    """The account in which a refund's money is, by its state."""
    state = refund["state"]
    if state in HELD_STATES:
        return "held"
    if state in STRANDED_STATES:
        return "suspense"
    if refund["channel"] == "cash" and state in OUT_STATES:
        return f"cash:{refund['till_id']}"
    return f"due:{refund['channel']}" if state in OUT_STATES else "owed"


def replayed(after: Mapping[str, str], facts: Sequence[Record]) -> str:
    """The state that facts come to, one after another."""
    state = ""
    for fact in facts:
        kind = fact["kind"]
        body = json.loads(fact["body"])
        if kind == "RefundRedirected":
            state = "REDIRECTING" if body["to"] == "payer_card" else "RECALLING"
        elif kind == "RefundResolved":
            state = body["end"]
        elif kind == "RefundAccepted":
            state = "SENT" if state == "WAITING" else state
        elif kind == "RefundDone":
            state = "DONE"
        else:
            state = after.get(kind, state)
    return state


def states_known() -> set[str]:
    """Every refund state the auditor can place; a test compares it with the rules."""
    return HELD_STATES | STRANDED_STATES | OUT_STATES | BACK_STATES
