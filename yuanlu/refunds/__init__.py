"""Money back the way it came."""
