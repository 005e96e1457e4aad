"""Merchants, their stores and tills, their contracts with channels, and the keys that act for them."""
