"""The till: a page, its modules and its words. What it does it does through the public API alone."""
