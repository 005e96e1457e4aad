"""A pack as a file: whatever is done to it is found and named, by whoever has nothing but the file."""

from __future__ import annotations

import asyncio
import hashlib
import io
import itertools
import json
import re
import stat
import tracemalloc
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pypdf
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.generic import Reference
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from tests.dossiers import INNER_WORDS, OPEN_WORDS, dossier
from tests.making import NOON
from yuanlu.config import Settings
from yuanlu.errors import Denied
from yuanlu.packs import paper, press, records, signature, signer, typeset
from yuanlu.packs import verify as verifying
from yuanlu.packs.dossier import Dossier, digest_of, linked
from yuanlu.packs.readers import Reader
from yuanlu.packs.signer import Signer
from yuanlu.packs.verify import Verdict, verify
from yuanlu.told import both

try:
    typeset.typesetter()
    MISSING = ""
except Denied as no:
    MISSING = str(no.facts["package"])
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs {MISSING}")


@dataclass(frozen=True)
class Made:
    """A pack, what it was made of, and who signed it."""

    file: bytes
    dossier: Dossier
    contents: Mapping[str, bytes]
    signer: Signer


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer.of(Settings(state=tmp_path_factory.mktemp("ours")), NOON)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """A forger's own key and certificate."""
    return signer.of(Settings(state=tmp_path_factory.mktemp("theirs")), NOON)


@pytest.fixture(scope="module")
def made(ours: Signer) -> Made:
    whole, contents = dossier()
    file = press.press(whole, contents, ours, reader=Reader.COUNSEL, lang="zh")
    return Made(file, whole, contents, ours)


def codes(verdict: Verdict) -> list[str]:
    return [each.code for each in verdict.faults]


def flipped(file: bytes, place: int, mask: int = 1) -> bytes:
    changed = bytearray(file)
    changed[place] ^= mask
    return bytes(changed)


# --- a good pack ---


def test_a_good_pack_is_good(made: Made) -> None:
    """S7, S32, S71, S76, S80."""
    verdict = verify(made.file)
    assert verdict.faults == []
    assert verdict.signer == made.signer.fingerprints[0]
    assert not verdict.is_trusted
    assert verdict.counts["links"] == 5


@pytest.mark.parametrize("reader", list(Reader))
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_pack_for_each_reader_in_each_language_is_good(made: Made, reader: Reader, lang: str) -> None:
    file = press.press(made.dossier, made.contents, made.signer, reader=reader, lang=lang)
    verdict = verify(file)
    assert verdict.faults == []
    assert verdict.manifest is not None
    assert (verdict.manifest.reader, verdict.manifest.lang) == (reader, lang)


def test_others_say_of_the_signature_what_we_say(made: Made) -> None:
    """pyHanko's own validation, to which we give nothing but the authority's certificate."""
    from asn1crypto import x509

    root = x509.Certificate.load(made.signer.certificates[1].public_bytes(serialization.Encoding.DER))
    (embedded,) = PdfFileReader(io.BytesIO(made.file)).embedded_signatures
    context = ValidationContext(trust_roots=[root], moment=embedded.self_reported_timestamp)
    status = validate_pdf_signature(embedded, context)
    assert status.bottom_line
    assert status.coverage.name == "ENTIRE_FILE"
    assert status.docmdp_ok


def test_the_pages_can_be_read_and_searched_in_chinese(made: Made) -> None:
    """S66: what is shown is text, not a picture of it, and its typeface is embedded."""
    reader = pypdf.PdfReader(io.BytesIO(made.file))
    text = "".join(page.extract_text() for page in reader.pages).replace("\n", "")
    for wanted in (
        "差错处理证据包",
        "¥115.20",
        OPEN_WORDS,
        INNER_WORDS,
        made.dossier.case["id"],
        made.signer.fingerprints[0],
    ):
        assert wanted in text
    fonts = [font["/DescendantFonts"][0].get_object() for page in reader.pages
             for font in (ref.get_object() for ref in page["/Resources"]["/Font"].values())]  # fmt: skip
    assert fonts
    assert all("/FontFile3" in font["/FontDescriptor"] or "/FontFile2" in font["/FontDescriptor"] for font in fonts)


def test_what_a_customer_may_not_see_is_nowhere_in_his_file(made: Made) -> None:
    """S76: neither on the pages nor in what is enclosed nor in the bytes."""
    file = press.press(made.dossier, made.contents, made.signer, reader=Reader.CUSTOMER, lang="zh")
    reader = pypdf.PdfReader(io.BytesIO(file))
    everything = "".join(page.extract_text() for page in reader.pages).encode()
    everything += b"".join(b"".join(contents) for contents in reader.attachments.values()) + file
    for secret in (INNER_WORDS, "王丽", "经理赵", "oUpF8uMuAJO"):
        assert secret.encode() not in everything
    assert made.contents[made.dossier.files[-1].id] not in everything
    assert made.contents[made.dossier.files[0].id] in everything


def test_text_cannot_become_markup_or_fetch_anything(ours: Signer, tmp_path: Path) -> None:
    """Whoever writes to us writes onto the page, and nothing else."""
    secret = tmp_path / "secret.txt"
    secret.write_text("TOPSECRET")
    whole, contents = dossier(1)
    evil = (
        f'</q><script>1</script><img src="file://{secret}"><link rel="attachment" href="file://{secret}">{{{{ 7*7 }}}}'
    )
    said = replace(whole.thread[0], body=evil, digest=digest_of(evil.encode()))
    file = press.press(replace(whole, thread=[said]), contents, ours, reader=Reader.COUNSEL, lang="zh")
    reader = pypdf.PdfReader(io.BytesIO(file))
    text = "".join(page.extract_text() for page in reader.pages)
    assert "{{ 7*7 }}" in text
    assert not any("secret" in name for name in reader.attachments)
    assert b"TOPSECRET" not in b"".join(b"".join(each) for each in reader.attachments.values()) + text.encode()


def test_signs_that_hide_or_turn_text_are_not_drawn() -> None:
    assert paper.seen("a\u202egpj.exe\u200b\x07b") == "agpj.exeb"


# --- one changed byte ---


def _regions(file: bytes) -> list[tuple[int, int]]:
    """Where the file's parts are: each object, and what stands between and behind them."""
    edges = [0, *(found.start() for found in re.finditer(rb"\n\d+ 0 obj", file)), file.rindex(b"\nxref"),
             file.rindex(b"trailer"), file.rindex(b"startxref"), len(file)]  # fmt: skip
    start, end = signature._gap(file)
    edges = sorted({*edges, start, end})
    return [(one, other) for one, other in itertools.pairwise(edges) if one < other]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_one_changed_bit_anywhere_is_found(made: Made, data: st.DataObject) -> None:
    """S32: every region of the file is tried, however small."""
    start, end = data.draw(st.sampled_from(_regions(made.file)))
    place = data.draw(st.integers(start, end - 1))
    verdict = verify(flipped(made.file, place, 1 << data.draw(st.integers(0, 7))))
    assert not verdict.ok
    assert codes(verdict)[0].startswith(("signature.", "file."))


def _spoiled(file: bytes, how: str, one: int, size: int, other: int, junk: bytes) -> bytes:
    """The file with a region overwritten, blanked, taken out, doubled, put in, or changed for another."""
    region, rest = file[one : one + size], file[one + size :]
    match how:
        case "overwritten":
            return file[:one] + (junk * size)[: len(region)] + rest
        case "blanked":
            return file[:one] + b" " * len(region) + rest
        case "taken out":
            return file[:one] + rest
        case "doubled":
            return file[:one] + region + region + rest
        case "put in":
            return file[:one] + junk + region + rest
        case _:
            changed = bytearray(file)
            far = bytes(changed[other : other + size])
            changed[one : one + len(far)], changed[other : other + len(region)] = far, region
            return bytes(changed)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_is_done_to_any_region_is_found_and_named(made: Made, data: st.DataObject) -> None:
    """S7, S32: bytes anywhere, alone or many, in place or moved; each fault has words in both languages."""
    how = data.draw(st.sampled_from(["overwritten", "blanked", "taken out", "doubled", "put in", "swapped"]))
    start, end = data.draw(st.sampled_from(_regions(made.file)))
    one = data.draw(st.integers(start, end - 1))
    size = data.draw(st.one_of(st.integers(1, 64), st.integers(1, 20_000)))
    other = data.draw(st.integers(0, len(made.file) - 1))
    changed = _spoiled(made.file, how, one, size, other, data.draw(st.binary(min_size=1, max_size=40)))
    assume(changed != made.file)
    verdict = verify(changed)
    assert not verdict.ok
    assert codes(verdict)[0].startswith(("signature.", "file."))
    for each in verdict.faults:
        zh, en = both(f"paper.fault.{each.code}", each.facts)
        assert zh
        assert en
        assert "{" not in zh + en


def test_one_changed_bit_in_the_signature_itself_is_found(made: Made) -> None:
    """Its certificates, its padding, the case of its letters: not all of that is signed."""
    start, end = signature._gap(made.file)
    for place in (*range(start, start + 40), *range(start, end, 41), *range(end - 10, end)):
        for mask in (1, 0x20):
            assert not verify(flipped(made.file, place, mask)).ok, place


@pytest.mark.long
def test_every_bit_of_the_signature_is_bound(made: Made) -> None:
    start, end = signature._gap(made.file)
    for place in range(start, end):
        for bit in range(8):
            changed = flipped(made.file, place, 1 << bit)
            assert signature.read(changed).faults or not verify(changed).ok, (place, bit)


def _stream_of(file: bytes, content: bytes, how_hard: int) -> int:
    """Where the middle of an enclosed file stands."""
    squeezed = zlib.compress(content, how_hard)
    return file.index(squeezed) + len(squeezed) // 2


def test_a_changed_file_is_named(made: Made) -> None:
    kept = made.dossier.files[1]
    verdict = verify(flipped(made.file, _stream_of(made.file, made.contents[kept.id], 0)))
    assert [(each.code, each.facts) for each in verdict.faults if each.code.startswith("files")] == [
        ("files.differs", {"place": 2, "name": f"{kept.id}.jpg"})
    ]


def test_a_changed_record_is_named(made: Made) -> None:
    content = pypdf.PdfReader(io.BytesIO(made.file)).attachments["thread.json"][0]
    verdict = verify(flipped(made.file, _stream_of(made.file, content, 1)))
    assert "thread.json" in [each.facts.get("name") for each in verdict.faults if each.code == "records.differs"]


def test_a_changed_page_is_named(made: Made) -> None:
    reader = pypdf.PdfReader(io.BytesIO(made.file))
    number = reader.pages[1].raw_get("/Contents").idnum
    stream = PdfFileReader(io.BytesIO(made.file)).get_object(Reference(number, 0)).encoded_data
    place = made.file.index(stream) + len(stream) // 2
    verdict = verify(flipped(made.file, place))
    assert [each.facts["page"] for each in verdict.faults if each.code == "pages.differs"] == [2]


# --- cut, grown, nonsense ---


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_file_that_was_cut_is_found_and_told_where(made: Made, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(made.file) - 1))
    verdict = verify(made.file[:length])
    assert not verdict.ok
    if length > 4:
        assert codes(verdict)[0] in {"file.cut", "file.unfinished"}
        assert verdict.faults[0].facts["after"] == length


@pytest.mark.parametrize("more", [b"\n", b"%%EOF\n", b"x" * 5000])
def test_a_file_that_was_added_to_is_found(made: Made, more: bytes) -> None:
    verdict = verify(made.file + more)
    assert not verdict.ok


def test_a_later_revision_is_found(made: Made) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(made.file))
    writer.root["/Lang"] = writer.root.get("/Lang", "(x)")
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    found = codes(verify(out.getvalue()))
    assert "file.added" in found
    assert "pdf.revisions" in found


@settings(max_examples=100, deadline=None)
@given(junk=st.one_of(st.binary(max_size=400), st.just(b"%PDF-1.7\n%%EOF"), st.just(b"")))
def test_what_is_no_pack_is_refused_without_a_crash(junk: bytes) -> None:
    assert not verify(junk).ok


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file.empty"),
        (b"\0" * 5000, "file.other"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 500, "file.other"),
        (b"PK\x03\x04" + b"x" * 500, "file.other"),
        (b"%PDF-1.7\n" + b"x" * 500, "file.unfinished"),
        (b"%PDF-1.7\ntrailer\n<<>>\nstartxref\n9\n%%EOF\n", "signature.none"),
    ],
    ids=["0 bytes", "zeros", "a picture", "an archive", "a head alone", "emptied"],
)
def test_what_is_no_pack_at_all_is_called_by_its_name(content: bytes, code: str) -> None:
    """S32: empty, no PDF, without an end, without a signature."""
    assert codes(verify(content))[0] == code


def test_a_file_too_large_to_look_at_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "FILE_MAX", 1024 * 1024)
    assert codes(verify(b"%PDF-" + bytes(1024 * 1024))) == ["file.large"]


def test_an_attachment_that_swells_is_not_unpacked(made: Made, theirs: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forger's small file that would be a large one in memory."""
    monkeypatch.setattr(verifying, "UNPACKED_MAX", 4_000_000)
    forged = _resigned(made.file, theirs, thread__json=bytes(100_000_000))
    assert len(forged) < len(made.file) + 1_000_000
    tracemalloc.start()
    found = codes(verify(forged))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert {"signature.stranger", "enclosed.swollen", "records.differs"} <= set(found)
    assert peak < 50_000_000


def test_a_pack_from_before_there_were_repayments_is_still_good(made: Made) -> None:
    """A pack is checked years later: what its manifest never listed is not missing."""
    manifest = json.loads(pypdf.PdfReader(io.BytesIO(made.file)).attachments["manifest.json"][0])
    manifest["records"] = [each for each in manifest["records"] if each["name"] != "repayments.json"]
    older = _resigned(made.file, made.signer, repayments__json=b"", manifest__json=json.dumps(manifest).encode())
    assert verify(older).faults == []
    assert codes(verify(_resigned(made.file, made.signer, repayments__json=b""))) == ["records.missing"]


@pytest.mark.parametrize(
    ("reader", "lang", "sentences"),
    [
        (Reader.CUSTOMER, "zh", ("您自己付了 ¥108.00", "优惠抵了 ¥20.00，不是您付的", "已退到您账上 ¥97.20")),
        (Reader.COUNSEL, "en", ("The customer paid ¥108.00 himself", "Coupons paid ¥20.00, ¥5.00 of it the shop's",
                                "The channel's fee is ¥0.77, borne by the shop")),
    ],
)  # fmt: skip
def test_the_amounts_are_those_of_the_channel_each_in_one_sentence(
    ours: Signer, reader: Reader, lang: str, sentences: Sequence[str]
) -> None:
    """S77: paid, by the payer, by coupon, fee, gone back and left, in the reader's language."""
    whole, contents = dossier(1)
    figures = {**whole.payment, "figures": "payer=10800,coupon=2000,coupon_shop=500,settled=12300,fee=77"}
    backs = [{**whole.refunds[0], "figures": "payer=9720,coupon=1800"}]
    file = press.press(replace(whole, payment=figures, refunds=backs), contents, ours, reader=reader, lang=lang)
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(file)).pages).replace("\n", "")
    for sentence in sentences:
        assert sentence in text
    assert verify(file).faults == []


def test_a_pdf_of_somebody_else_is_no_pack() -> None:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    out = io.BytesIO()
    writer.write(out)
    assert {"signature.none", "pdf.unreadable"} <= set(codes(verify(out.getvalue())))


# --- forged ---


def _resigned(file: bytes, forger: Signer, **replaced: bytes) -> bytes:
    """What a forger makes who takes a pack apart, changes what is enclosed, and signs it with his own key."""
    reader = pypdf.PdfReader(io.BytesIO(file))
    enclosed = {name: contents[0] for name, contents in reader.attachments.items()}
    enclosed |= {name.replace("__", "."): content for name, content in replaced.items()}
    writer = press._opened(file)
    for name in ("/Names", "/AcroForm", "/AF", "/Perms", "/Extensions"):
        writer.root.pop(name, None)
    for name, content in enclosed.items():
        if content:
            press._enclose(writer, name, zlib.compress(content), len(content), "application/json", "/Data", NOON)
    return press._signed(writer, forger)


def test_a_pack_signed_again_by_another_key_is_by_somebody_else(made: Made, theirs: Signer) -> None:
    """S7."""
    forged = _resigned(made.file, theirs)
    assert codes(verify(forged)) == ["signature.stranger"]
    assert codes(verify(forged, made.signer.fingerprints)) == ["signature.stranger"]
    assert verify(forged, [theirs.fingerprints[0]]).faults == []


def test_a_wholly_forged_pack_is_by_somebody_else_for_whoever_knows_the_signer(made: Made, theirs: Signer) -> None:
    """A forger with a certificate of his own makes a pack that agrees with itself: only the fingerprint tells."""
    forged = press.press(made.dossier, made.contents, theirs, reader=Reader.COUNSEL, lang="zh")
    assert verify(forged).ok
    assert not verify(forged).is_trusted
    told = verify(forged, [made.signer.fingerprints[0]])
    assert codes(told) == ["signature.stranger"]


def test_a_fingerprint_is_taken_as_people_write_it_and_the_authoritys_counts_too(made: Made) -> None:
    leaf, authority = made.signer.fingerprints
    spelled = ":".join(leaf[place : place + 2] for place in range(0, 64, 2)).upper()
    for trust in (spelled, authority):
        assert verify(made.file, [trust]).is_trusted
    assert not verify(made.file, ["00" * 32]).ok


def test_a_file_swapped_by_somebody_with_the_key_is_still_named(made: Made) -> None:
    """Even the shop itself cannot pass off another picture: manifest, records and chain know its digest."""
    kept = made.dossier.files[0]
    forged = _resigned(made.file, made.signer, **{f"{kept.id}__jpg": b"another picture"})
    assert codes(verify(forged)) == ["files.differs"]


def _manifest_again(file: bytes, **replaced: bytes) -> bytes:
    """A manifest that lists the replaced records as they are now."""
    reader = pypdf.PdfReader(io.BytesIO(file))
    text = reader.attachments["manifest.json"][0].decode()
    for name, content in replaced.items():
        was = reader.attachments[name.replace("__", ".")][0]
        text = text.replace(digest_of(was), digest_of(content)).replace(
            f'"size": {len(was)},', f'"size": {len(content)},'
        )
    return text.encode()


def _chain(made: Made, order: Sequence[int]) -> bytes:
    before, links = "", []
    for place in order:
        link = made.dossier.chain[place]
        before = linked(before, link.kind, link.id, link.digest, link.at)
        links.append(replace(link, chain=before))
    return records._json(links)


@pytest.mark.parametrize("order", [(1, 2, 3, 4), (0, 1, 2, 3), (0, 1, 3, 2, 4)])
def test_a_chain_without_a_link_or_in_another_order_is_found_whatever_the_manifest_says(
    made: Made, order: Sequence[int]
) -> None:
    """S32, S71: with every link, the manifest and the signature made anew by somebody who has the key."""
    chain = _chain(made, order)
    forged = _resigned(made.file, made.signer, chain__json=chain,
                       manifest__json=_manifest_again(made.file, chain__json=chain))  # fmt: skip
    found = codes(verify(forged))
    assert "chain.end" in found
    assert "records.differs" not in found


def test_a_message_changed_by_somebody_with_the_key_is_not_the_one_that_was_chained(made: Made) -> None:
    """S71."""
    body = '{"from": "customer", "how": "written", "text": "都好了", "salt": ""}'
    said = replace(made.dossier.thread[0], body=body, digest=digest_of(body.encode()))
    thread = records._json([said, *made.dossier.thread[1:]])
    forged = _resigned(made.file, made.signer, thread__json=thread,
                       manifest__json=_manifest_again(made.file, thread__json=thread))  # fmt: skip
    assert codes(verify(forged)) == ["chain.message"]


def test_something_enclosed_beside_the_manifest_is_found(made: Made) -> None:
    forged = _resigned(made.file, made.signer, extra__json=b"{}")
    assert codes(verify(forged)) == ["enclosed.extra"]


def test_something_taken_out_is_found(made: Made) -> None:
    kept = made.dossier.files[0]
    forged = _resigned(made.file, made.signer, **{f"{kept.id}__jpg": b""})
    assert codes(verify(forged)) == ["files.missing"]


@pytest.mark.parametrize("record", ["null", "[[[[", "{}", '[{"id": 1}]', "[" * 100_000])
def test_records_that_make_no_sense_are_refused_without_a_crash(made: Made, record: str) -> None:
    content = record.encode()
    forged = _resigned(made.file, made.signer, refunds__json=content,
                       manifest__json=_manifest_again(made.file, refunds__json=content))  # fmt: skip
    assert not verify(forged).ok


def test_a_signature_of_another_kind_is_not_taken(made: Made, tmp_path: Path) -> None:
    """An EC certificate of one's own signs too; its form is held as strictly."""
    key = ec.generate_private_key(ec.SECP256R1())
    folder = tmp_path / "given"
    folder.mkdir()
    signed_by = _own_certificate(key)
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "cert.pem").write_bytes(signed_by)
    given = signer.of(
        Settings(state=tmp_path, pack_key_file=str(folder / "key.pem"), pack_cert_file=str(folder / "cert.pem")), NOON
    )
    whole, contents = dossier(1)
    file = press.press(whole, contents, given, reader=Reader.CUSTOMER, lang="zh")
    assert verify(file).faults == []
    start, end = signature._gap(file)
    assert not any(verify(flipped(file, place)).ok for place in range(start, end, 61))


def _own_certificate(key: Any) -> bytes:
    from datetime import timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Shop")])
    return (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(NOON).not_valid_after(NOON + timedelta(days=999)).sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )  # fmt: skip


# --- the certificate ---


def test_the_installations_keys_are_made_once_and_are_their_owners_alone(tmp_path: Path) -> None:
    first = signer.of(Settings(state=tmp_path), NOON)
    assert signer.of(Settings(state=tmp_path), NOON).fingerprints == first.fingerprints
    assert signer.known(Settings(state=tmp_path)) == first.fingerprints
    for name in ("pack.key", "authority.key"):
        assert stat.S_IMODE((tmp_path / "packs" / name).stat().st_mode) == 0o600
    assert (
        first.fingerprints[0]
        == hashlib.sha256(first.certificates[0].public_bytes(serialization.Encoding.DER)).hexdigest()
    )


def test_looking_whom_we_know_makes_nothing(tmp_path: Path) -> None:
    assert signer.known(Settings(state=tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


async def test_many_at_once_make_one_certificate(tmp_path: Path) -> None:
    made = await asyncio.gather(*(asyncio.to_thread(signer.of, Settings(state=tmp_path), NOON) for _ in range(4)))
    assert len({each.fingerprints[0] for each in made}) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["packs"]


@pytest.mark.parametrize("wrong", ["nothing", "not PEM", "another key"])
def test_a_key_that_is_unfit_is_refused(tmp_path: Path, ours: Signer, theirs: Signer, wrong: str) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    certificate.write_text(ours.pem)
    if wrong == "not PEM":
        key.write_text("hello")
    if wrong == "another key":
        key.write_bytes(theirs.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ))  # fmt: skip
    with pytest.raises(Denied, match=r"pack\.key_unfit"):
        signer.of(Settings(state=tmp_path, pack_key_file=str(key), pack_cert_file=str(certificate)), NOON)


def test_a_machine_without_a_chinese_typeface_is_told_which_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typeset, "can_write_chinese", lambda: False)
    with pytest.raises(Denied, match="fonts-noto-cjk"):
        typeset.typesetter()
