"""Rules with a date: law and rights, working days, what channels and the shop promise, what makes a case complete."""
