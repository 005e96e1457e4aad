"""An evidence pack: made in a process of its own, as always, and checked; beside the typesetter's empty page."""

from __future__ import annotations

import io
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from yuanlu import ids
from yuanlu.bench.measure import Figure, Size, against, forget_peak, median, memory_mb, say
from yuanlu.cases.rules import Case, What
from yuanlu.cases.rules import State as CaseState
from yuanlu.channels.contract import Channel
from yuanlu.config import Settings
from yuanlu.ids import Kind
from yuanlu.packs import press, signer, typeset
from yuanlu.packs.dossier import Dossier, Happened, Kept, Link, digest_of, linked
from yuanlu.packs.readers import Reader
from yuanlu.packs.verify import verify
from yuanlu.payments.rules import Mode, Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.postgres import Server

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
PICTURE = (1000, 800)


async def pack(_: Server, size: Size) -> list[Figure]:
    """A pack of many pictures (150 KB each): seconds from the dossier to the signed file, and the process's peak.

    The floor is the typesetter's start and one empty page: what any PDF with Chinese costs.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(state=Path(folder))
        signer.of(settings, NOON)  # the certificate is made once in the life of an installation
        made, floors = [], []
        for turn in range(size.starts):
            say(f"pack: {turn + 1} of {size.starts}, {size.files} files")
            floors.append(_child("empty", 0, folder))
            made.append(_child("press", size.files, folder))
        checked = _checked(Path(folder) / "pack.pdf", size.starts)
    peak = max(each[1] for each in made)
    return [
        Figure(name="pack", unit="s", **against(median([each[0] for each in floors]),
                                                median([each[0] for each in made])), peak_mb=peak),
        Figure(name="pack_verify", value=median(checked), unit="s"),
    ]  # fmt: skip


def _child(what: str, files: int, folder: str) -> tuple[float, float]:
    """Seconds of the work, the imports counted and the making of the pictures not; and the peak of memory in MB."""
    words = [sys.executable, "-c", "from yuanlu.bench.pack import child; child()", what, str(files), folder]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    return float(told[0]), float(told[1])


def child() -> None:
    """What one such process does; prints seconds and MB."""
    what, files, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    dossier, contents = _case(files)
    ours = signer.of(Settings(state=folder), NOON)
    forget_peak()
    began = time.perf_counter()
    if what == "empty":
        typeset.pdf(typeset.typesetter(), typeset.Page("<p>原路</p>"))
    else:
        file = press.press(dossier, contents, ours, reader=Reader.COUNSEL, lang="zh")
    seconds = time.perf_counter() - began
    children_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    sys.stdout.write(f"{seconds} {max(memory_mb(os.getpid(), peak=True), children_mb)}\n")
    if what == "press":
        (folder / "pack.pdf").write_bytes(file)


def _checked(path: Path, rounds: int) -> list[float]:
    file, seconds = path.read_bytes(), []
    for _ in range(rounds):
        began = time.perf_counter()
        assert verify(file).ok
        seconds.append(time.perf_counter() - began)
    return seconds


def _picture(chance: random.Random) -> bytes:
    """A made picture that does not shrink, as photographs do not."""
    from PIL import Image  # noqa: PLC0415 - heavy, and only here

    wide, high = PICTURE[0] // 3, PICTURE[1] // 3
    out = io.BytesIO()
    Image.frombytes("RGB", (wide, high), chance.randbytes(wide * high * 3)).resize(PICTURE).save(
        out, "JPEG", quality=35
    )
    return out.getvalue()


def _case(files: int) -> tuple[Dossier, dict[str, bytes]]:
    """A case with so many pictures, each handed in by itself."""
    chance = random.Random(1)  # noqa: S311 - pictures, no secrets
    merchant, payment_id, case_id = (ids.derived(kind, NOON, "b") for kind in (Kind.MERCHANT, Kind.PAYMENT, Kind.CASE))
    kept, links, contents, before = [], [], {}, ""
    for number in range(files):
        content, at = _picture(chance), NOON + timedelta(seconds=number)
        one = Kept(
            id=ids.derived(Kind.FILE, NOON, str(number)), name=f"小票 {number}.jpg", media="image/jpeg", at=at,
            size=len(content), digest=digest_of(content), who="customer", audience="customer",
        )  # fmt: skip
        before = linked(before, "file", one.id, one.digest, at)
        links.append(Link(kind="file", id=one.id, digest=one.digest, at=at, chain=before, audience="customer"))
        kept.append(one)
        contents[one.id] = content
    return replace(_bare(merchant, payment_id, case_id, links), files=kept), contents


def _bare(merchant: str, payment_id: str, case_id: str, links: list[Link]) -> Dossier:
    payment = Payment(
        merchant_id=merchant, id=payment_id, state=PaymentState.PAID, channel=Channel.WECHAT, mode=Mode.SCANNED,
        till_id="YT", store_id="YS", amount_fen=12800, currency="CNY", description="tea", fingerprint="", code_mark="",
        code_tail="6789", opened_at=NOON, opened_by="cashier", sent_at=NOON, give_up_at=NOON, paid_at=NOON,
    )  # fmt: skip
    case = Case(
        merchant_id=merchant, id=case_id, version=2, state=CaseState.ATTENTION, payment_id=payment_id, what=What.OTHER,
        meant_fen=None, fingerprint="", opened_at=NOON, opened_by="customer",
    )  # fmt: skip

    def happened(on: str, transition: int, seq: int, kind: str, at: datetime, **body: object) -> Happened:
        return Happened(
            object=on, transition=transition, seq=seq, at=at, who="customer", kind=kind, evidence="", body=body
        )

    opened = [
        happened(
            payment_id, 1, 0, "PaymentOpened", NOON, amount_fen=12800, channel="wechat", mode="scanned", till_id="YT"
        ),
        happened(case_id, 1, 0, "CaseOpened", NOON, payment_id=payment_id, what="other", meant_fen=None),
    ]
    entered = [
        happened(case_id, 2, place, "CaseItemAdded", link.at, item=link.id, item_kind=link.kind, digest=link.digest,
                 chain=link.chain, audience=link.audience)
        for place, link in enumerate(links)
    ]  # fmt: skip
    end = {"chain": links[-1].chain if links else "", "chain_length": len(links)}
    return Dossier(
        made_at=NOON, merchant={"id": merchant, "name": "原路小店", "store": "", "till": ""},
        case={**asdict(case), **end}, payment=asdict(payment), facts=[*opened, *entered], chain=links,
    )  # fmt: skip
