"""The audit log: everything that was ever recorded, chained, so that nobody can deny or mend it unseen."""
