"""`make docs`: draws docs/reference/licences.md, the licence of everything that a running yuanlu is made of.

Names and versions are those of requirements/run.txt, licences what each installed distribution says of itself. What
is neither on the allow list nor clear fails the build (`tests/house/test_licences.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parents[1]
RUN = ROOT / "requirements" / "run.txt"
PAGE = ROOT / "docs" / "reference" / "licences.md"

HEAD = """# Licences of what yuanlu is made of

Drawn from the installed distributions of `requirements/run.txt` by `make docs`; do not edit. yuanlu is Apache-2.0.
`OR` is our choice, `AND` is all of them. A licence outside the allow list of `scripts/licences.py` fails `make test`.
The libraries are used as they are published, unchanged and apart from our code, as the LGPL and the MPL want it.
What Debian brings (Pango, HarfBuzz, Tesseract, the Noto fonts) and Python itself are not listed here.

| name | version | licence |
| --- | --- | --- |
"""

ALLOWED = frozenset(
    {
        "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "LGPL-2.1-or-later", "MIT",
        "MIT-0", "MIT-CMU", "MPL-1.1", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib",
    }
)  # fmt: skip

_SPDX: Mapping[str, str] = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "BSD 3-Clause": "BSD-3-Clause",
    "BSD License": "BSD",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""What distributions call it, and its SPDX name. `BSD`: of two or three clauses, they do not say."""

READ: Mapping[str, str] = {
    "pyphen": "GPL-2.0-or-later OR LGPL-2.1-or-later OR MPL-1.1",
    "pypdfium2": "BSD-3-Clause AND Apache-2.0",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "rich-click": "MIT",
    "uvloop": "Apache-2.0 OR MIT",
}
"""Where the metadata say several things or a whole text: what its licence files say, read by a person."""


class Said(Protocol):
    """What a distribution says of itself."""

    def get(self, name: str, /) -> str | None: ...

    def get_all(self, name: str, /) -> list[str] | None: ...


def pinned(text: str) -> dict[str, str]:
    """Names and versions that a file of requirements pins."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", text, re.MULTILINE))


def licence_of(name: str, said: Said) -> str:
    """An SPDX expression, or `unknown`. The expression counts before the name, the name before the one classifier."""
    if name in READ:
        return READ[name]
    if expression := said.get("License-Expression"):
        return expression
    told = (said.get("License") or "").strip()
    if is_allowed(told) or told in _SPDX:
        return _SPDX.get(told, told)
    classes = [each.rpartition(" :: ")[2] for each in said.get_all("Classifier") or [] if each.startswith("License ::")]
    return _SPDX.get(classes[0], "unknown") if len(classes) == 1 else "unknown"


def is_allowed(expression: str) -> bool:
    """Whether one way through the expression has only licences of the allow list."""
    ways = expression.replace("(", "").replace(")", "").split(" OR ")
    return any(all(each.strip() in ALLOWED for each in way.split(" AND ")) for way in ways)


def licences() -> list[tuple[str, str, str]]:
    """Name, version and licence of everything that is pinned, by name."""
    found = pinned(RUN.read_text())
    return [(name, version, licence_of(name, distribution(name).metadata)) for name, version in sorted(found.items())]


def page() -> str:
    """The page, drawn anew."""
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in licences())


if __name__ == "__main__":
    PAGE.write_text(page())
