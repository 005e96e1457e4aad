"""Tickets: what a till tells of a fault of the system or of itself, with its log and its health."""
