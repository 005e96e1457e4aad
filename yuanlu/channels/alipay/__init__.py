"""Alipay in person (当面付)."""
