"""The tree of errors.

`Denied` is a rule of ours that says no; `Broken` is a bug of ours. Trouble outside never travels as an exception: it
is an `Outcome` (see `channels.contract`). Only `web.parts.problems` knows HTTP statuses.
"""

from __future__ import annotations


class YuanluError(Exception):
    """Base of everything we raise on purpose."""


class Denied(YuanluError):
    """One of our rules says no. Nothing was changed.

    Shape: `code` is a stable dotted code such as `refund.over_limit`, listed in docs/reference/errors.md; `facts` are
    values safe to show, used to fill the words for people.
    """

    def __init__(self, code: str, /, **facts: object) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts = facts

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.code} ({told})" if told else self.code


class Busy(YuanluError):
    """We cannot take this now; asking again later, with the same id, is safe."""


class Broken(YuanluError):
    """A promise of our own code does not hold. The object stops; others go on."""
