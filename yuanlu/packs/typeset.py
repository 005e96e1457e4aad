"""Draws the pages in a process of its own: the typesetter needs 130 MB for a moment, which then go back to the machine.

A service, a worker or a command that asks for a pack stays as small as it was.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from yuanlu.errors import Broken, Denied
from yuanlu.packs import paper
from yuanlu.packs.dossier import Dossier
from yuanlu.packs.readers import Reader

WITHIN_SECONDS = 120
_ROOT = Path(__file__).resolve().parents[2]
_DENIED = 3


class _Wish(msgspec.Struct):
    dossier: Dossier
    thumbs: Mapping[str, bytes]
    reader: Reader
    lang: str
    certificates: Sequence[str]


def drawn(
    dossier: Dossier, contents: Mapping[str, bytes], *, reader: Reader, lang: str, certificates: Sequence[str]
) -> bytes:
    """The pages of a dossier that was cut already: see `paper.pages`.

    Raises Denied: pack.no_font, pack.too_slow; Broken when the process ends in another way than it should.
    """
    wish = _Wish(dossier, paper.thumbs(dossier, contents), reader, lang, certificates)
    path = os.pathsep.join(each for each in (str(_ROOT), os.environ.get("PYTHONPATH", "")) if each)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "yuanlu.packs.typeset"],
            input=msgspec.msgpack.encode(wish), capture_output=True, timeout=WITHIN_SECONDS, check=False,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        raise Denied("pack.too_slow") from late
    if done.returncode == _DENIED:
        raise Denied("pack.no_font", package=done.stderr.decode().strip().splitlines()[-1])
    if done.returncode:
        raise Broken(f"the typesetter ended with {done.returncode}: {done.stderr[-300:].decode(errors='replace')}")
    return done.stdout


def main() -> int:
    """What that process does: a wish on standard input, a PDF on standard output."""
    wish = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Wish)
    try:
        file = paper.pages(
            wish.dossier, wish.thumbs, reader=wish.reader, lang=wish.lang, certificates=wish.certificates
        )
    except Denied as no:
        sys.stderr.write(f"{no.facts['package']}\n")
        return _DENIED
    sys.stdout.buffer.write(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
