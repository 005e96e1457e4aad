"""Statements: what the channels say of a day, got from them or taken by hand, and read into rows of one shape."""
