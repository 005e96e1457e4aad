"""Shifts: who answers for a drawer, from the opening float to the closing count."""
