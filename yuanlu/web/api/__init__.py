"""The merchant's API, one module an object; each holds its routes as a table."""
