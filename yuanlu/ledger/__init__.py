"""The books: moves between accounts. They always balance."""
