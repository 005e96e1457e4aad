"""Which role a call acts in."""

from __future__ import annotations

from yuanlu.web.parts.calls import Call

MACHINE = "machine"
"""A key that no person is bound to."""


def role_of(call: Call) -> str:
    """The role of whoever calls; a key without a person is a machine's."""
    role: str = getattr(call, "role", MACHINE)
    return role
