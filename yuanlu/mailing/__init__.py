"""Receipts that a customer wants by mail or SMS: one short letter with the link of its page."""
