"""Wrong before money moves: what is asked about an amount before it is charged."""
