"""Refund policies: decision tables that people write, checked, versioned, and frozen onto each payment."""
