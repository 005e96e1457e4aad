"""The keys that machines act with: what each may do, how its secret turns over, and tills that sign what they ask."""
