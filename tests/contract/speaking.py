"""What the contract suite needs of a channel's far side: it signs answers, spoils them, and reads what we ask.

A channel brings a folder `tests/contract/wire/<channel>/` with `far_side.py`, which lists its `DIALECTS`, and a folder
of wire examples for each of them: `<operation>.toml`, and `news.toml` where the channel calls back. All numbers and
payers are made up; keys are made when the tests run.
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from string import Template
from typing import Any, ClassVar, Protocol

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.making import CODE, MERCHANT, NOON, PAYMENT, REFUND, STORE, TILL
from yuanlu.channels.contract import (
    REMOTE,
    Call,
    Callback,
    Channel,
    Close,
    Operation,
    Pay,
    Query,
    QueryRefund,
    Reply,
    Rescue,
    RescueTo,
    Reverse,
    SendRefund,
    Show,
    Step,
)
from yuanlu.money import Money
from yuanlu.sim.keys import KeyRing

WIRE = Path(__file__).parent / "wire"
CARD, HOLDER = "6225880000000007", "王小明"
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
"""Whoever signs with this is not the provider."""


class Dialect(Protocol):
    """One way a channel speaks. `folder` holds its examples, `config` is a merchant's configuration."""

    folder: ClassVar[str]
    config: Mapping[str, Any]

    def __init__(self, ring: KeyRing) -> None: ...

    def others(self) -> list[Mapping[str, Any]]:
        """Configurations of other merchants, with the same keys."""

    def read(self, call: Call) -> Mapping[str, Any]:
        """What we asked, as the provider reads it once the signature is found good. Raises when it is not."""

    def answer(self, step: Step, status: int, body: str, *, signed: bool = True) -> Reply:
        """An answer to a step, signed as the provider signs."""

    def refusal(self, step: Step, code: str) -> Reply:
        """An answer that says no with this code."""

    def spoilt(self, step: Step, status: int, body: str) -> Mapping[str, Reply]:
        """The same answer with a signature that must not be believed, in every way there is."""

    def notice(self, example: Mapping[str, Any], body: str) -> Callback:
        """A genuine notification."""

    def forged(self, example: Mapping[str, Any], body: str) -> Mapping[str, tuple[str, Callback]]:
        """Notifications that must be refused, and with which code."""


@dataclass(frozen=True)
class Example:
    """One answer to a step, and what must be heard in it.

    `names`: what the answer names (order, refund, amount, back, merchant): with another one it is not about our step.
    """

    dialect: type[Dialect]
    channel: Channel
    operation: Operation
    given: Mapping[str, Any]
    names: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return f"{self.channel}-{self.dialect.__name__}-{self.operation}-{self.given['name']}".replace(" ", "_")


def dialects() -> list[tuple[Channel, type[Dialect]]]:
    return [(channel, one) for channel in REMOTE for one in _far_side(channel)]


def _far_side(channel: Channel) -> list[type[Dialect]]:
    found: list[type[Dialect]] = importlib.import_module(f"tests.contract.wire.{channel}.far_side").DIALECTS
    return found


def page(channel: Channel, dialect: type[Dialect], name: str) -> dict[str, Any]:
    """The examples under this name; nothing where the dialect has none."""
    path = WIRE / channel / dialect.folder / f"{name}.toml"
    return tomllib.loads(path.read_text()) if path.exists() else {}


def examples() -> Iterator[Example]:
    """Every answer in every folder."""
    for channel, dialect in dialects():
        for operation in Operation:
            for given in page(channel, dialect, operation).get("answer", ()):
                yield Example(dialect, channel, operation, given, tuple(given.get("names", ())))


def filled(text: str, config: Mapping[str, Any]) -> str:
    """An example's text with our numbers in it."""
    ours = {"payment": PAYMENT, "refund": REFUND, "store": STORE, "till": TILL, "code": CODE}
    return Template(text).substitute({name: str(value) for name, value in config.items()} | ours)


def step(channel: Channel, operation: Operation, **changes: Any) -> Any:
    """A step about the payment of 12.80, of which 4.80 go back."""
    common = {"merchant_id": MERCHANT, "channel": channel, "payment_id": PAYMENT, "amount": Money(1280)}
    order = {
        "description": "茶/两杯",
        "store_id": STORE,
        "till_id": TILL,
        "expires_at": NOON + timedelta(seconds=330),
    }
    back = {"refund_id": REFUND, "back": Money(480)}
    card = {"to": RescueTo.PAYER_CARD, "bank_type": "CMB_DEBIT", "card_number": CARD, "holder_name": HOLDER}
    made: dict[Operation, tuple[type[Step], dict[str, Any]]] = {
        Operation.PAY: (Pay, order | {"code": CODE}),
        Operation.SHOW: (Show, order),
        Operation.QUERY: (Query, {}),
        Operation.REVERSE: (Reverse, {}),
        Operation.CLOSE: (Close, {}),
        Operation.REFUND: (SendRefund, back | {"reason": "多扣了"}),
        Operation.REFUND_QUERY: (QueryRefund, back),
        Operation.RESCUE: (Rescue, back | card | {"channel_refund_number": "50300000000000001"}),
    }
    kind, own = made[operation]
    return kind(**(common | own | changes))
