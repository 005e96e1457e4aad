"""What customers open: pages without an account, without script, and without a name on them."""
