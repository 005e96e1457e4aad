"""Every fen explained: what was charged, who paid how much of it, what went back; and what of it is which line's."""
