"""Files of cases: hand one in, see what there is, open one; and all that is held about a customer, and its erasure."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from urllib.parse import quote

from yuanlu import words
from yuanlu.clock import business_day
from yuanlu.evidence import flow, keeping
from yuanlu.evidence.flow import Shown
from yuanlu.evidence.rules import UNSEARCHED, Audience, FileAsk, Media, Why
from yuanlu.ids import Kind, checked
from yuanlu.people import signing
from yuanlu.people.rules import demand
from yuanlu.people.stepup import Act
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.calls import STEP_UP, Answer, Call, Route
from yuanlu.web.parts.shapes import (
    ErasedTold,
    FileOpening,
    FilesTold,
    FileTold,
    FileWish,
    KeepingTold,
    KeptTold,
    file_told,
)

TAKES = tuple(media.value for media in Media)
GIVES = (Media.JPEG.value, Media.PNG.value, Media.PDF.value)
ZIP = "application/zip"
EXPORT_BYTES_MAX = 50_000_000
"""What one call may carry away; more goes by the terminal."""

SAFE = {
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
}
"""Whatever a browser makes of a file of somebody else's: it runs nothing, loads nothing and is embedded nowhere."""


async def add(call: Call) -> Answer:
    """Hand a file in: the body is the file itself. What it is, its first bytes say. It is made anew, then kept."""
    wish: FileWish = call.query
    ask = FileAsk(
        merchant_id=call.merchant_id,
        case_id=call.id(Kind.CASE),
        id=checked(wish.id, Kind.FILE),
        by=call.by,
        content=call.body,
        name=wish.name,
        audience=Audience(wish.audience),
    )
    done = await flow.take(call.office.desk, call.office.files, ask)
    return 201 if done.changed else 200, file_told(await flow.see(call.office.desk, call.merchant_id, done.row.id))


async def of_case(call: Call) -> Answer:
    """The files of a case, in the order in which they came."""
    found = await flow.of_case(call.office.desk, call.merchant_id, call.id(Kind.CASE), call.by)
    return 200, FilesTold(items=[file_told(shown) for shown in found], next=None)


async def content(call: Call) -> Answer:
    """Open a file. Who did so and why is in its record before a byte is sent."""
    wish: FileOpening = call.query
    shown, body = await flow.opened(
        call.office.desk, call.office.files, call.merchant_id, call.id(Kind.FILE), call.by, Why(wish.why)
    )
    return 200, Told(body, 200, shown.file.media.value, _headers(shown, wish.show))


def _headers(shown: Shown, disposition: str) -> dict[str, str]:
    digest = b64encode(bytes.fromhex(shown.file.digest_kept)).decode()
    return {
        **SAFE,
        "content-disposition": f"{disposition}; filename*=UTF-8''{quote(shown.name, safe='')}",
        "repr-digest": f"sha-256=:{digest}:",  # RFC 9530
        **_searched(is_searched=shown.file.is_searched),
    }


def _searched(*, is_searched: bool) -> dict[str, str]:
    """Whether numbers may still be seen in a file: `searched` in true or false, and the words, percent-encoded."""
    if is_searched:
        return {"searched": "true"}
    said = {f"says-{language}": quote(text) for language, text in words.both(UNSEARCHED).items()}
    return {"searched": "false", **said}


async def export(call: Call) -> Answer:
    """All that is held about the payer of a payment: a zip with `data.json` and the files."""
    office, out = call.office, BytesIO()
    payment_id = call.id(Kind.PAYMENT)
    demand(call.by, "export")
    await signing.spend(office.desk, call.sure, call.merchant_id, Act("export", payment_id))
    await keeping.export(
        office.desk, office.files, office.pools.reader, call.merchant_id, payment_id, call.by, out,
        bytes_max=EXPORT_BYTES_MAX,
    )  # fmt: skip
    name = f"attachment; filename={payment_id}.zip"
    return 200, Told(out.getvalue(), 200, ZIP, {**SAFE, "content-disposition": name})


async def erase(call: Call) -> Answer:
    """Erase what names the payer of a payment. Books and records of the trade stay."""
    office = call.office
    done = await keeping.erase(
        office.desk, office.files, office.seal, office.pools.reader, call.merchant_id, call.id(Kind.PAYMENT), call.by
    )
    return 200, ErasedTold(subjects=done.subjects, files=done.files)


async def kept(call: Call) -> Answer:
    """How long what is kept, and by which law: the rules that are valid today."""
    rules = keeping.rules_on(business_day(call.office.clock.now()))
    items = [
        KeptTold(what=r.what, days=r.days, zh=r.zh, en=r.en, source=r.source, valid_from=r.valid_from) for r in rules
    ]
    return 200, KeepingTold(items=items)


_STAFF = ("staff.not_allowed", "staff.other_store")
_STORE = ("file.no_room", "file.store_away", "file.store_refused")

ROUTES = (
    Route(
        method="POST",
        path="/v1/cases/{case}/files",
        verb=add,
        may="write",
        says="Hand a file in",
        query=FileWish,
        takes_kinds=TAKES,
        gives=FileTold,
        statuses=(201, 200),
        denied=(
            "id.invalid", "case.unknown", "file.id_taken", "file.too_many", "file.empty", "file.type", "file.too_large",
            "file.too_many_pixels", "file.too_many_pages", "file.moving", "file.locked", "file.damaged", "file.bomb",
            "file.infected", "file.unscanned", "seal.forgotten", *_STAFF, *_STORE,
        ),
    ),
    Route(
        method="GET",
        path="/v1/cases/{case}/files",
        verb=of_case,
        may="see",
        says="The files of a case",
        gives=FilesTold,
        denied=("case.unknown", *_STAFF),
    ),
    Route(
        method="GET",
        path="/v1/files/{file}",
        verb=content,
        may="open_file",
        says="Open a file",
        query=FileOpening,
        gives=FileTold,
        gives_kinds=GIVES,
        denied=("file.unknown", "file.gone", "seal.forgotten", *_STAFF, *_STORE[1:]),
    ),
    Route(
        method="GET",
        path="/v1/keeping",
        verb=kept,
        may="see",
        says="How long what is kept",
        gives=KeepingTold,
    ),
    Route(
        method="GET",
        path="/v1/payments/{payment}/data",
        verb=export,
        may="export",
        says="All that is held about a customer",
        gives=FileTold,
        gives_kinds=(ZIP,),
        denied=("payment.unknown", "data.too_much", "data.too_large", "staff.not_allowed", *STEP_UP, *_STORE[1:]),
    ),
    Route(
        method="POST",
        path="/v1/payments/{payment}/erasure",
        verb=erase,
        may="erase",
        says="Erase what names a customer",
        gives=ErasedTold,
        denied=("payment.unknown", "data.held", "data.in_use", "data.too_much", "staff.not_allowed", *_STORE[1:]),
    ),
)  # fmt: skip
