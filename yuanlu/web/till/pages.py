"""What a till fetches: its shell, modules, style, words in both languages, the table of codes, and its service worker.

All of it is public and the same for everybody: who may do what is asked of the API. The service worker is told the
files of this release and a version made of what they hold; it keeps the set, so the till starts without a network.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler

from yuanlu import packaged, words
from yuanlu.channels import codes
from yuanlu.channels.codes import Shape, Shapes
from yuanlu.ids import Kind
from yuanlu.training import rules as training
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.assets import CSP, WASM_CSP, Asset

PAGE, WORKER, SHARED, OWN = "/till", "/till/sw.js", "/static", "/till/static"
EYE = f"{OWN}/eye.js"
READER = ("zxing/reader.js", "zxing/zxing_reader.wasm")
"""What reads codes where the browser does not; fetched when a camera first opens, kept beyond releases."""
SAYS = ("till.", "scan.", "channel.", "words.", "net.", "pay.unknown", "train.")
"""Beginnings of the codes whose words a till keeps; what stands with a payment or a case the server says itself."""
LATER = ("tills.", "cause.", "print.fail")
"""And of the screens that a till opens now and then: why it failed, slips, the device."""
_HERE = files("yuanlu").joinpath("web")
_MAY = (
    "camera=(self), geolocation=(), microphone=(), payment=(), usb=(self), bluetooth=(self),"
    " publickey-credentials-get=(self)"
)
_encode = msgspec.json.Encoder(order="sorted").encode


def catalogue(says: tuple[str, ...] = ()) -> dict[str, dict[str, str]]:
    """The words of a till: language to code to text."""
    chosen = [(code, entry) for code, entry in words.catalogue().items() if code.startswith(says or SAYS)]
    return {lang: {code: entry[lang] for code, entry in chosen} for lang in words.LANGUAGES}


def code_tables(tables: Sequence[Shapes]) -> list[dict[str, Any]]:
    """The tables of codes as the till reads them: the very rows the server goes by, newest last."""
    return [
        {
            "valid_from": table.valid_from.isoformat(),
            "length_max": table.length_max,
            "born_from": table.born_from.isoformat(),
            "networks": {rid: wallet.value for rid, wallet in table.networks.items()},
            "kinds": [kind.value for kind in Kind],
            "offered": sorted(codes.OFFERED),
            "rows": [_row(shape) for shape in table.rows],
        }
        for table in tables
    ]


def _row(shape: Shape) -> dict[str, Any]:
    """A row; what is empty is left out. A named group is written otherwise in a browser."""
    told: dict[str, Any] = {
        "kind": shape.kind.value,
        "says": shape.says,
        "pattern": shape.pattern.pattern.replace("(?P<", "(?<"),
        "wallet": shape.wallet and shape.wallet.value,
        "length": shape.length,
        "check": shape.check,
        "network": shape.network,
        "symbologies": sorted(shape.symbologies),
        "typed_only": shape.typed_only,
        "scanner_only": shape.scanner_only,
        "question": shape.question,
        "as_read": shape.as_read,
    }
    return {name: value for name, value in told.items() if value}


def _read(folder: str, name: str) -> bytes:
    return _HERE.joinpath(folder, name).read_bytes()


def first_modules() -> Sequence[str]:
    """Every module that stands before the first key: asked for with the page, none waits for another to name it."""
    found: list[str] = []
    look = ["main.js", "screens/pad.js"]
    for name in look:
        if name not in found:
            found.append(name)
            imports = re.findall(rb"^import .*?'(.+?)';$", _read("till/static", name), re.MULTILINE)
            look += [posixpath.normpath(posixpath.join(posixpath.dirname(name), each.decode())) for each in imports]
    return found


def _page() -> bytes:
    """The shell, with what is not to be asked for piece by piece: the names of the first modules, and the words."""
    modules = "\n".join(f'<link rel="modulepreload" href="{OWN}/{name}">' for name in first_modules())
    told = _encode(catalogue()).replace(b"<", b"\\u003c")
    page = _read("till/static", "till.html").replace(b"<!-- MODULES -->", modules.encode())
    return page.replace(b"WORDS", told, 1)


def _kept() -> list[Asset]:
    """What a till keeps for the days without a network."""
    own = [
        *(name for name in packaged.names("web/till/static", ".js") if name not in {"sw.js", "eye.js"}),
        *(f"screens/{name}" for name in packaged.names("web/till/static/screens", ".js")),
        *packaged.names("web/till/static", ".png"),
    ]
    page = {"content-security-policy": CSP, "permissions-policy": _MAY}
    return [
        Asset(PAGE, "html", _page(), page),
        Asset(f"{PAGE}/manifest.webmanifest", "webmanifest", _read("till/static", "manifest.webmanifest")),
        *(
            Asset(f"{SHARED}/{name}", name.rpartition(".")[2], _read("static", name))
            for name in ("yl.css", "icons.svg")
        ),
        *(Asset(f"{OWN}/{name}", name.rpartition(".")[2], _read("till/static", name)) for name in own),
        Asset(EYE, "js", _read("till/static", "eye.js"), {"content-security-policy": WASM_CSP}),
        Asset(f"{PAGE}/drills.json", "json", _encode(training.drills())),
        Asset(f"{PAGE}/later.json", "json", _encode(catalogue(LATER))),
        Asset(f"{PAGE}/codes.json", "json", _encode(code_tables(codes.packaged_shapes()))),
    ]


def later() -> list[Asset]:
    """What a till fetches when it first needs it, and keeps then."""
    return [Asset(f"{SHARED}/{name}", name.rpartition(".")[2], _read("static", name)) for name in READER]


def _version(of: Sequence[Asset]) -> bytes:
    """A short digest of what some files hold, as JSON."""
    told = "".join(f"{each.path} {each.etag}\n" for each in of)
    return _encode(hashlib.sha256(told.encode()).hexdigest()[:12])


@lru_cache(maxsize=1)
def assets() -> Mapping[str, Asset]:
    """Every file of the till by its path, the service worker last: it names the others."""
    kept, lazy = _kept(), later()
    worker = _read("till/static", "sw.js").replace(b"'VERSION'", _version(kept)).replace(b"'READER'", _version(lazy))
    worker = worker.replace(b"['FILES']", _encode([each.path for each in kept]))
    worker = worker.replace(b"['LATER']", _encode([each.path for each in lazy]))
    scope = {"service-worker-allowed": PAGE, "content-security-policy": CSP}
    return {each.path: each for each in [*kept, *lazy]} | {WORKER: Asset(WORKER, "js", worker, scope)}


def handlers() -> Sequence[HTTPRouteHandler]:
    """What the server runs for the till's files."""
    return [_handler(path) for path in assets()]


def _handler(path: str) -> HTTPRouteHandler:
    async def give(request: Request[Any, Any, Any]) -> Told:
        request.scope["state"]["route"] = PAGE
        return assets()[path].told(dict(request.scope["headers"]))

    return HTTPRouteHandler(path, http_method="GET", include_in_schema=False)(give)
