"""The console: the desk with a face, for owner, manager, finance, risk and auditor. It holds no rule.

A page asks what it shows, and does what was pressed, by the API's own routes in this process (`asking.py`): one place
says who may do what, who sees what, and in which words a no is told.
"""
