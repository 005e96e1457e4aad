"""Becoming a merchant: what an applicant fills in, the papers beside it, and what the installation decides about it."""
