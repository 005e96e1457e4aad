"""From a scanned or shown code to paid, failed, reversed or closed."""
