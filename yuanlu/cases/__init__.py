"""Mistaken scans, from the report to money back: one thread each, until closed."""
