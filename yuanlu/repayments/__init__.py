"""Money back by another road, when the road it came is shut: the exception, with two people and a sealed account."""
