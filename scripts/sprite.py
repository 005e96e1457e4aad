"""`python scripts/sprite.py TABLER.tgz`: draws yuanlu/web/static/icons.svg from the outlines of @tabler/icons we use.

The package is fetched with `npm pack @tabler/icons@VERSION`; its row in yuanlu/web/static/vendored.toml says which one
it was, and what the sprite must hash to.
"""

from __future__ import annotations

import re
import sys
import tarfile
from pathlib import Path

SPRITE = Path(__file__).resolve().parents[1] / "yuanlu" / "web" / "static" / "icons.svg"
NAMES = (
    "alert-triangle", "arrow-back-up", "backspace", "bulb", "camera-off", "camera-rotate",
    "cash", "check", "chevron-left", "circle-check", "circle-x",
    "clock", "credit-card", "device-tablet", "external-link", "fingerprint", "history", "info-circle", "keyboard",
    "language", "lock", "menu-2", "message-circle", "moon", "package", "qrcode", "receipt", "refresh", "scan",
    "school", "search", "sun", "user", "user-question", "users", "volume", "volume-off", "wifi", "wifi-off", "x",
)  # fmt: skip
_PATH = re.compile(r'<path d="([^"]+)" />')


def drawn(package: Path) -> str:
    """The sprite: a symbol an icon; how lines look is the style sheet's."""
    symbols = []
    with tarfile.open(package) as opened:
        for name in NAMES:
            file = opened.extractfile(f"package/icons/outline/{name}.svg")
            assert file is not None, name
            paths = "".join(f'<path d="{path}"/>' for path in _PATH.findall(file.read().decode()))
            symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{paths}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


if __name__ == "__main__":
    SPRITE.write_text(drawn(Path(sys.argv[1])))
