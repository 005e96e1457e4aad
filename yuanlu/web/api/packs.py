"""Evidence packs: make one for a reader, and see which were made."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

from yuanlu import db
from yuanlu.ids import Kind
from yuanlu.packs import flow
from yuanlu.packs.dossier import Heard
from yuanlu.packs.readers import Reader
from yuanlu.people import signing
from yuanlu.people.stepup import Act
from yuanlu.web.api.files import SAFE
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.calls import STEP_UP, Answer, Call, Route
from yuanlu.web.parts.shapes import FileTold, Wish

PDF = "application/pdf"


class PackWish(Wish):
    """For whom: what he may not see is left out. In which language it reads."""

    reader: Literal["customer", "regulator", "counsel"] = msgspec.field(default="customer", name="for")
    lang: Literal["zh", "en"] = "zh"


class PackTold(Struct, frozen=True, kw_only=True):
    """A pack that was made: when, by whom, for whom; the digest of the file, and the certificate that signed it."""

    id: str
    at: datetime
    made_by: str
    reader: str = msgspec.field(name="for")
    lang: str
    bytes: int
    sha256: str
    signer: str


class PacksTold(Struct, frozen=True, kw_only=True):
    """The packs of a case, the newest first."""

    items: Sequence[PackTold]
    next: str | None = None


async def make(call: Call) -> Answer:
    """Make the evidence pack of a case for a reader: one signed PDF. Who made it for whom is in the case's chain before
    a byte is sent; asking again makes another one."""
    office, wish = call.office, call.wish
    with db.away():
        act = Act("pack", call.id(Kind.CASE), payee=wish.reader)
        await signing.spend(office.desk, call.sure, call.merchant_id, act)
        pack = await flow.make(
            office.desk, office.files, office.presses, office.pools.reader, call.merchant_id, call.id(Kind.CASE),
            call.by, Reader(wish.reader), wish.lang,
        )  # fmt: skip
    return 201, Told(pack.file, 201, PDF, _headers(pack))


def _headers(pack: flow.Pack) -> dict[str, str]:
    digest = b64encode(bytes.fromhex(pack.digest)).decode()
    return {
        **SAFE,
        "content-disposition": f'attachment; filename="{pack.case_id}-{pack.reader}.pdf"',
        "repr-digest": f"sha-256=:{digest}:",  # RFC 9530
    }


async def given(call: Call) -> Answer:
    """Where the records of a case went: the packs that were made of it."""
    office = call.office
    with db.away():
        found = await flow.given(office.desk, office.pools.reader, call.merchant_id, call.id(Kind.CASE), call.by)
    return 200, PacksTold(items=[_told(each) for each in found])


def _told(heard: Heard) -> PackTold:
    told = heard.told
    return PackTold(
        id=heard.id,
        at=heard.at,
        made_by=told["made_by"],
        reader=told["reader"],
        lang=told["lang"],
        bytes=told["bytes"],
        sha256=heard.digest,
        signer=told["signer"],
    )


_STAFF = ("staff.not_allowed", "staff.other_store")

ROUTES = (
    Route(
        method="POST",
        path="/v1/cases/{case}/packs",
        verb=make,
        may="pack",
        says="Make the evidence pack of a case",
        takes=PackWish,
        gives=FileTold,
        gives_kinds=(PDF,),
        statuses=(201,),
        denied=(
            "case.unknown", *_STAFF, *STEP_UP, "pack.too_much", "pack.too_slow", "pack.no_font", "pack.key_unfit",
            "file.store_away", "file.store_refused",
        ),
        example={"for": "customer", "lang": "zh"},
    ),
    Route(
        method="GET",
        path="/v1/cases/{case}/packs",
        verb=given,
        may="note",
        says="The packs that were made of a case",
        gives=PacksTold,
        denied=("case.unknown", *_STAFF),
    ),
)  # fmt: skip
