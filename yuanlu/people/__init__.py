"""Staff: rows with a role and keys of their own, and the table of who may do what."""
