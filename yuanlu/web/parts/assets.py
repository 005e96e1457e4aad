"""Files that browsers fetch: read from the package, pressed once, and known by what they hold.

A browser asks each time and is told "as before" (304) where nothing changed: so a page is never made of files of two
releases for longer than one load, and the service worker keeps the set of one release together.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import brotli

from yuanlu.web.parts.answers import Told

CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
"""What a page of ours may do: nothing from elsewhere, no script or style that stands in the page."""
WASM_CSP = CSP.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")
"""What the worker that reads codes may do besides, and no page: compile WebAssembly."""
KINDS: Mapping[str, str] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
    "wasm": "application/wasm",
}
_PRESSED_ALREADY = frozenset({"png"})
_LARGE_BYTES = 500_000
"""From here on pressed less hard: 0.1 s instead of 12 s for the reader of codes, and 15 % more to send."""


@dataclass(frozen=True)
class Asset:
    """A file at its path. `headers`: what its answer says besides."""

    path: str
    suffix: str
    plain: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.plain).hexdigest()[:20]}"'

    @cached_property
    def _brotli(self) -> bytes:
        pressed: bytes = brotli.compress(self.plain, quality=5 if len(self.plain) > _LARGE_BYTES else 11)
        return pressed

    @cached_property
    def _gzip(self) -> bytes:
        return gzip.compress(self.plain, 9, mtime=0)

    def told(self, asked: Mapping[bytes, bytes]) -> Told:
        """The file for a call with these headers: pressed as the browser takes it, or that it is as before."""
        said = {"etag": self.etag, "cache-control": "no-cache", "vary": "accept-encoding", **self.headers}
        if asked.get(b"if-none-match", b"").decode("latin-1") == self.etag:
            return Told(b"", 304, KINDS[self.suffix], said)
        body, takes = self.plain, asked.get(b"accept-encoding", b"")
        if self.suffix not in _PRESSED_ALREADY:
            if b"br" in takes:
                body, said["content-encoding"] = self._brotli, "br"
            elif b"gzip" in takes:
                body, said["content-encoding"] = self._gzip, "gzip"
        return Told(body, 200, KINDS[self.suffix], said)
