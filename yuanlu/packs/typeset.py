"""Sets HTML on A4 pages, in a process of its own: it needs 130 MB for a moment, which then go back to the machine.

That process is begun first and told its page later: it loads the typesetter while the page is written, and whoever
began it does other work while it draws. A service, a worker or a command that asks for a pack stays as small as it was.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import gc
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from yuanlu.errors import Broken, Denied

FONT_PACKAGE = "fonts-noto-cjk"
PANGO_PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0"
WITHIN_SECONDS = 120
_ROOT = Path(__file__).resolve().parents[2]
_DENIED = 3


class Page(msgspec.Struct):
    """HTML, and its pictures by the addresses they are shown under: within it, each letter of them would be read."""

    html: str
    pictures: dict[str, bytes] = {}


@contextmanager
def begun() -> Iterator[Callable[[Page], Callable[[], bytes]]]:
    """A typesetter that has begun to load; it is gone when the block ends.

    Shape: give it a page, and it answers at once with a call that waits for the file: PDF/A-3, with nothing
    enclosed yet. That call raises Denied: pack.no_font, pack.too_slow; Broken when the process ends
    in another way than it should.
    """
    path = os.pathsep.join(each for each in (str(_ROOT), os.environ.get("PYTHONPATH", "")) if each)
    process = subprocess.Popen(
        [sys.executable, "-m", "yuanlu.packs.typeset"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    with process, ThreadPoolExecutor(1) as beside:

        def told(page: Page) -> Callable[[], bytes]:
            telling = beside.submit(process.communicate, msgspec.msgpack.encode(page), WITHIN_SECONDS)
            return lambda: _file(process, *telling.result())

        try:
            yield told
        except subprocess.TimeoutExpired as late:
            raise Denied("pack.too_slow") from late
        finally:
            process.kill()  # nothing, where it has ended


def _file(process: subprocess.Popen[bytes], file: bytes, cried: bytes) -> bytes:
    ended = process.returncode
    if ended == _DENIED:
        raise Denied("pack.no_font", package=cried.decode().strip().splitlines()[-1])
    if ended:
        raise Broken(f"the typesetter ended with {ended}: {cried[-300:].decode(errors='replace')}")
    return file


def main() -> int:
    """What that process does: a page on standard input, a PDF on standard output."""
    gc.disable()  # it lives for one page
    # WeasyPrint tries the names of seven libraries on each platform; gcc and ld would be asked about most, for 0.3 s.
    ctypes.util.find_library = lambda name: None  # noqa: ARG005
    try:
        weasyprint = typesetter()
    except Denied as no:
        sys.stderr.write(f"{no.facts['package']}\n")
        return _DENIED
    sys.stdout.buffer.write(pdf(weasyprint, msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Page)))
    return 0


def pdf(weasyprint: Any, page: Page) -> bytes:
    """The page as a file. Nothing is fetched for it: no file, no address, only the pictures it was handed."""

    class Handed(weasyprint.urls.URLFetcher):  # type: ignore[misc]
        """Knows those pictures. Its parent would make two contexts of TLS, and ask for proxies, to fetch nothing."""

        _fail_on_errors = False

        def __init__(self) -> None:
            """Nothing to open."""

        def __call__(self, url: str) -> Any:
            return weasyprint.urls.URLFetcherResponse(url, page.pictures[url])

    with warnings.catch_warnings():  # it leaves the file of its colour profile to be closed by itself
        warnings.simplefilter("ignore", ResourceWarning)
        drawn: bytes = weasyprint.HTML(string=page.html, url_fetcher=Handed()).write_pdf(pdf_variant="pdf/a-3u")
    return drawn


def typesetter() -> Any:
    """WeasyPrint, if it can draw and this machine can write Chinese.

    Raises Denied: pack.no_font, with the Debian package that is missing.
    """
    try:
        import weasyprint  # noqa: PLC0415 - heavy, and only where pages are made
    except OSError as missing:
        raise Denied("pack.no_font", package=PANGO_PACKAGES) from missing
    if not can_write_chinese():
        raise Denied("pack.no_font", package=FONT_PACKAGE)
    return weasyprint


class _Fonts(ctypes.Structure):
    """FcFontSet."""

    _fields_ = (("nfont", ctypes.c_int), ("sfont", ctypes.c_int), ("fonts", ctypes.c_void_p))


def can_write_chinese() -> bool:
    """Whether this machine has a typeface for Chinese, as fontconfig sees it."""
    try:
        config = ctypes.CDLL("libfontconfig.so.1")
    except OSError:
        return False
    config.FcNameParse.restype = config.FcObjectSetCreate.restype = ctypes.c_void_p
    config.FcFontList.restype = ctypes.POINTER(_Fonts)
    pattern = ctypes.c_void_p(config.FcNameParse(b":lang=zh-cn"))
    wanted = ctypes.c_void_p(config.FcObjectSetCreate())
    found = config.FcFontList(None, pattern, wanted)
    has_any = bool(found) and found.contents.nfont > 0
    config.FcFontSetDestroy(found)
    config.FcObjectSetDestroy(wanted)
    config.FcPatternDestroy(pattern)
    return has_any


if __name__ == "__main__":
    ended = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ended)  # a fifth of a second of taking apart what goes away with the process
