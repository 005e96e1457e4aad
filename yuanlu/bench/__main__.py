"""`python -m yuanlu.bench [NAME...] [--json]`."""

from __future__ import annotations

import sys

from yuanlu.bench import run

if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(run([word for word in words if word != "--json"], "--json" in words))
