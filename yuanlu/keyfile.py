"""A secret of one line in a file, as settings name it."""

from __future__ import annotations

from pathlib import Path

from yuanlu.errors import Denied


def key_text(file: str, name: str) -> str:
    """What stands in a key file that the setting `name` names.

    Raises Denied: settings.invalid.
    """
    try:
        text = Path(file).read_text().strip()
    except OSError:
        text = ""
    if not text:
        raise Denied("settings.invalid", name=name, wants="a file with the key in it")
    return text
