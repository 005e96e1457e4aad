"""Under whose name rows are kept that belong to no merchant. Pure."""

from __future__ import annotations

PLATFORM = "YM000000000000000000000000009"
"""The installation itself, as a tenant: of whoever reviews and of whoever applies, and of applications.

It is a row of `merchants`, so all that keeps tenants apart (row-level security, seals, sessions, the audit chain)
counts for it as for any of them; and it is none that takes money: no list shows it and no command acts for it.
"""
