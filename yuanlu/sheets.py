"""Cells of tables that spreadsheets open. Pure.

A cell that begins with one of a few characters is run as a formula by Excel, LibreOffice and WPS, whoever wrote it. An
apostrophe in front makes it text. Whoever writes CSV writes it with `written`.
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterable, Sequence

_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What begins a formula, or hides one; the wide forms too: Chinese and Japanese versions read them as narrow."""


def defused(cell: str) -> str:
    """A cell that cannot run. Law: `restored` gives back what it was."""
    return f"'{cell}" if cell.lstrip(" '").startswith(_RUNS) else cell


def restored(cell: str) -> str:
    """What a cell was before it was defused."""
    return cell[1:] if cell.startswith("'") and defused(cell[1:]) == cell else cell


def text_of(raw: bytes) -> str:
    """The text of a table that a spreadsheet saved: UTF-8 with or without its mark, else GB 18030 (which holds GBK).

    Raises ValueError: it is no text.
    """
    for encoding in ("utf-8-sig", "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            text = raw.decode(encoding)
            if "\0" not in text:
                return text
    raise ValueError("no text")


def written(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV, a line each, no cell of which can run."""
    return "".join(f"{_line([defused(cell) for cell in row])}\n" for row in rows)


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)  # then it quotes a lone \r too, which else begins a line
    return out.getvalue().removesuffix("\r\n")
