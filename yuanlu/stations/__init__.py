"""The devices at the counters: how each says it is, what it is told, and whether it may take money."""
