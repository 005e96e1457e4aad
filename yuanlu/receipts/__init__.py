"""Slips of payments and refunds: laid out once, drawn three ways; and the queue to the printers."""
