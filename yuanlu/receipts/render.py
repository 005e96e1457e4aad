"""A slip that is laid out, drawn: as bytes of ESC/POS, as plain text, as an SVG. What is heavy is loaded late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from html import escape

from yuanlu.receipts.layout import Align, Code, Sheet, Text, width

CHARSET = "gb18030"
"""What Chinese receipt printers read: ASCII takes one column, all else two."""
_CHINESE_ON = b"\x1c&"
QR_DOTS = {32: 5, 48: 6}
"""Dots of one square of a QR, by columns of the paper."""
_CELL, _LINE, _MARGIN = 8, 22, 16


def escpos(sheets: Sequence[Sheet]) -> bytes:
    """The bytes for a printer that speaks ESC/POS: each sheet from a reset to a cut."""
    from escpos.constants import QR_ECLEVEL_M
    from escpos.printer import Dummy

    printer = Dummy()
    for sheet in sheets:
        printer.hw("INIT")
        printer._raw(_CHINESE_ON)
        for line in sheet.lines:
            if isinstance(line, Code):
                printer.set(align="center", bold=False, custom_size=True, width=1, height=1)
                printer.qr(line.text, ec=QR_ECLEVEL_M, size=QR_DOTS[sheet.columns], native=True)
                continue
            size = 2 if line.big else 1
            printer.set(align=line.align.value, bold=line.bold, custom_size=True, width=size, height=size)
            printer._raw(line.text.encode(CHARSET, "replace") + b"\n")
        printer.cut()
    return bytes(printer.output)


def plain(sheets: Sequence[Sheet]) -> str:
    """The text for a screen with letters of one width: big lines are as wide as they are printed."""
    return "\n".join("\n".join(_plain(line, sheet.columns) for line in sheet.lines) + "\n" for sheet in sheets)


def _plain(line: Text | Code, columns: int) -> str:
    text = f"[QR {line.text}]" if isinstance(line, Code) else line.text
    align = Align.CENTER if isinstance(line, Code) else line.align
    left = max(columns - width(text), 0)
    return " " * {Align.LEFT: 0, Align.CENTER: left // 2, Align.RIGHT: left}[align] + text


def svg(sheet: Sheet) -> str:
    """One sheet as an SVG with nothing active in it: to be shown, or kept as a file."""
    across = sheet.columns * _CELL + 2 * _MARGIN
    drawn: list[str] = []
    down = _MARGIN
    for line in sheet.lines:
        if isinstance(line, Code):
            path, squares = qr_path(line.text)
            side = _CELL * (QR_DOTS[sheet.columns] - 1)
            scale = max(side * 6 // squares, 3)
            left = (across - squares * scale) // 2
            drawn.append(f'<path transform="translate({left} {down}) scale({scale})" d="{path}"/>')
            down += squares * scale + _LINE // 2
            continue
        size = 2 if line.big else 1
        down += _LINE * size
        drawn.extend(_svg_text(line, across, down - 6 * size, size))
    down += _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across} {down}" width="{across}" height="{down}">'
        f'<rect width="{across}" height="{down}" fill="#fff"/><g fill="#111" font-size="15" '
        f"font-family=\"'Noto Sans Mono CJK SC', monospace\">{''.join(drawn)}</g></svg>"
    )


def _svg_text(line: Text, across: int, down: int, size: int) -> Iterator[str]:
    """Runs of ASCII and of Chinese apart, each as wide as its columns: lines stay aligned in any font."""
    room = across - 2 * _MARGIN - line.columns * _CELL
    left = _MARGIN + {Align.LEFT: 0, Align.CENTER: room // 2, Align.RIGHT: room}[line.align]
    bold = ' font-weight="bold"' if line.bold else ""
    big = f' font-size="{15 * size}"' if size > 1 else ""
    for run in _runs(line.text):
        long = width(run) * _CELL * size
        if run.strip():
            yield (
                f'<text x="{left}" y="{down}" textLength="{long}" lengthAdjust="spacingAndGlyphs" xml:space="preserve"'
                f"{bold}{big}>{escape(run)}</text>"
            )
        left += long


def _runs(text: str) -> Iterator[str]:
    run = ""
    for sign in text:
        if run and (sign < "\x80") != (run[-1] < "\x80"):
            yield run
            run = ""
        run += sign
    if run:
        yield run


@lru_cache(maxsize=256)
def qr_path(text: str) -> tuple[str, int]:
    """A QR as the path of an SVG, a square a unit, with its quiet zone; and how many squares it is wide."""
    import segno

    code = segno.make_qr(text, error="m")
    rows = [bytes(row) for row in code.matrix_iter(border=4)]
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return path, len(rows)


def qr_svg(text: str) -> str:
    """A QR alone as an SVG, black on white in its quiet zone, to be shown as large as there is room; "": none."""
    if not text:
        return ""
    path, squares = qr_path(text)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {squares} {squares}" shape-rendering="crispEdges">'
        f'<rect width="{squares}" height="{squares}" fill="#fff"/><path d="{path}"/></svg>'
    )
