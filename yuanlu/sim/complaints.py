"""What payers complain of: the complaints of a wallet, who said what, and the provider's rules for answering them.

Both providers keep the same here; each wire has its own words for it. Nothing waits: every call is one whole effect or
none. Law: a refund is decided once, a complaint is finished once, an answer stands once for each time it was sent.
Source: channels.md 2.8 and 4.7; refunds.md, "complaint APPROVE once".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from yuanlu.clock import CHINA
from yuanlu.sim.agenda import Agenda
from yuanlu.sim.books import Order, Reason, Refund, RefundState, Refusal
from yuanlu.sim.payers import Wallet


class Standing(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    PLATFORM = "platform"
    """The provider itself has taken it over."""
    PROCESSED = "processed"
    WITHDRAWN = "withdrawn"


ENDED = (Standing.PROCESSED, Standing.WITHDRAWN)


class Act(StrEnum):
    """What somebody did."""

    CREATE = "create"
    CONTINUE = "continue"
    RESPOND = "respond"
    """The payer said more."""
    REPLY = "reply"
    FEEDBACK = "feedback"
    SUPPLEMENT = "supplement"
    APPROVE = "approve"
    REJECT = "reject"
    COMPLETE = "complete"
    CONFIRM = "confirm"
    """The payer calls it settled."""
    REFUNDED = "refunded"


@dataclass(frozen=True)
class Remark:
    """One entry of the history."""

    id: str
    act: Act
    at: datetime
    text: str = ""
    images: tuple[str, ...] = ()


@dataclass
class Complaint:
    """Shape: `images` are names of images the provider has; `history` is oldest first."""

    number: str
    order: Order
    at: datetime
    text: str
    kind: str
    phone: str
    asked_fen: int | None
    images: tuple[str, ...] = ()
    standing: Standing = Standing.PENDING
    times: int = 1
    has_news: bool = False
    is_refunded: bool = False
    promised_days: int | None = None
    changed_at: datetime | None = None
    finished_at: datetime | None = None
    history: list[Remark] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        return {
            "number": self.number,
            "order": self.order.number,
            "standing": self.standing,
            "kind": self.kind,
            "asked_fen": self.asked_fen,
            "times": self.times,
            "is_refunded": self.is_refunded,
            "promised_days": self.promised_days,
            "history": [
                {"id": each.id, "act": each.act, "at": each.at.isoformat(), "text": each.text, "images": each.images}
                for each in self.history
            ],
        }


@dataclass(frozen=True)
class Image:
    """An image the provider keeps."""

    name: str
    kind: str
    body: bytes


Tell = Callable[[Complaint, Act], None]


class Complaints:
    """The complaints of one wallet about the one merchant."""

    def __init__(self, wallet: Wallet, agenda: Agenda) -> None:
        self.wallet = wallet
        self.agenda = agenda
        self.all: dict[str, Complaint] = {}
        self.images: dict[str, Image] = {}
        self.tell: list[Tell] = []
        self.notify_url = ""
        self._serial = 0

    def find(self, number: str) -> Complaint:
        """Raises Refusal: COMPLAINT_UNKNOWN."""
        found = self.all.get(number)
        if found is None:
            raise Refusal(Reason.COMPLAINT_UNKNOWN)
        return found

    def between(self, begin: date, end: date) -> list[Complaint]:
        """Newest first: what comes while a list is turned over pushes the rest on."""
        found = [each for each in self.all.values() if begin <= each.at.astimezone(CHINA).date() <= end]
        return sorted(found, key=lambda each: (each.at, each.number), reverse=True)

    # The payer

    def complain(
        self, order: Order, text: str, *, kind: str, asked_fen: int | None, phone: str, images: Sequence[str] = ()
    ) -> Complaint:
        self._serial += 1
        now = self.agenda.now()
        number = f"20000002{now.astimezone(CHINA):%Y%m%d}{self._serial:010d}"
        made = Complaint(number, order, now, text, kind, phone, asked_fen, tuple(images))
        self.all[number] = made
        self._note(made, Act.CREATE, text, images)
        return made

    def more(self, complaint: Complaint, text: str, images: Sequence[str] = ()) -> Complaint:
        """The payer says more; to a finished complaint, that is complaining once more."""
        again = complaint.standing in ENDED
        if again:
            complaint.standing, complaint.finished_at = Standing.PENDING, None
            complaint.times += 1
        complaint.has_news = True
        self._note(complaint, Act.CONTINUE if again else Act.RESPOND, text, images)
        return complaint

    def confirm(self, complaint: Complaint) -> Complaint:
        """The payer calls it settled."""
        self._finish(complaint, Standing.WITHDRAWN)
        self._note(complaint, Act.CONFIRM)
        return complaint

    def take_over(self, complaint: Complaint) -> Complaint:
        """The provider steps in."""
        if complaint.standing in ENDED:
            raise Refusal(Reason.COMPLAINT_FINISHED)
        complaint.standing = Standing.PLATFORM
        return complaint

    # The merchant

    def answer(self, number: str, act: Act, text: str, images: Sequence[str]) -> Complaint:
        """Raises Refusal: COMPLAINT_UNKNOWN, COMPLAINT_FINISHED, IMAGE_UNKNOWN."""
        complaint = self.find(number)
        if complaint.standing in ENDED:
            raise Refusal(Reason.COMPLAINT_FINISHED)
        if any(each not in self.images for each in images):
            raise Refusal(Reason.IMAGE_UNKNOWN)
        if complaint.standing is Standing.PENDING:
            complaint.standing = Standing.PROCESSING
        complaint.has_news = False
        self._note(complaint, act, text, images)
        return complaint

    def decide(self, number: str, *, approves: bool, text: str, days: int | None, images: Sequence[str]) -> Complaint:
        """Raises Refusal: COMPLAINT_DECIDED, COMPLAINT_NOT_ASKED, and as `answer`."""
        complaint = self.find(number)
        if complaint.kind != "REFUND":
            raise Refusal(Reason.COMPLAINT_NOT_ASKED)
        if any(each.act in (Act.APPROVE, Act.REJECT) for each in complaint.history):
            raise Refusal(Reason.COMPLAINT_DECIDED)
        self.answer(number, Act.APPROVE if approves else Act.REJECT, text, images)
        complaint.promised_days = days if approves else None
        return complaint

    def complete(self, number: str) -> Complaint:
        """Raises Refusal: COMPLAINT_UNKNOWN, COMPLAINT_FINISHED."""
        complaint = self.find(number)
        if complaint.standing in ENDED:
            raise Refusal(Reason.COMPLAINT_FINISHED)
        self._finish(complaint, Standing.PROCESSED)
        self._note(complaint, Act.COMPLETE)
        return complaint

    def _finish(self, complaint: Complaint, standing: Standing) -> None:
        complaint.standing = standing
        complaint.finished_at = self.agenda.now()
        complaint.has_news = False

    # The system

    def refunded(self, refund: Refund) -> None:
        """ "A full refund of the order sets complaint_full_refunded; finishing is still a separate call" (2.8)."""
        if refund.order.wallet is not self.wallet:
            return
        back = sum(each.amount_fen for each in refund.order.refunds if each.state is RefundState.SUCCESS)
        if back < refund.order.amount_fen:
            return
        for complaint in self.all.values():
            if complaint.order is refund.order and not complaint.is_refunded:
                complaint.is_refunded = True
                self._note(complaint, Act.REFUNDED)

    def keep(self, kind: str, body: bytes) -> str:
        """Keep an image; tells its name. The same bytes given twice are two images."""
        self._serial += 1
        name = f"img{hashlib.sha256(body).hexdigest()[:20]}_{self._serial}"
        self.images[name] = Image(name, kind, body)
        return name

    def _note(self, complaint: Complaint, act: Act, text: str = "", images: Sequence[str] = ()) -> None:
        self._serial += 1
        now = self.agenda.now()
        complaint.changed_at = now
        complaint.history.append(
            Remark(f"{now.astimezone(CHINA):%Y%m%d}{self._serial:012d}", act, now, text, tuple(images))
        )
        for tell in self.tell:
            tell(complaint, act)

    def as_json(self, number: str | None) -> Iterator[dict[str, object]]:
        return (each.as_json() for each in self.all.values() if number in {None, each.number, each.order.number})


_MAGIC = {b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"BM": "bmp"}


def kind_of(body: bytes) -> str:
    """What an image is by its first bytes; empty where it is none."""
    return next((kind for start, kind in _MAGIC.items() if body.startswith(start)), "")
