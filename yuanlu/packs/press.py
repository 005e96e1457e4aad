"""Makes a pack: pages, what is enclosed, the manifest, and one signature over all bytes.

Blocking: not for an event loop's own thread. The heaviest part, the pages, is done in a process of its own (`typeset`).
"""

from __future__ import annotations

import hashlib
import importlib
import io
import logging
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from yuanlu.packs import paper, records, typeset
from yuanlu.packs.dossier import Dossier, digest_of
from yuanlu.packs.readers import READERS, Reader, cut
from yuanlu.packs.signer import Signer

_FIELD = "Pack"
_LIBRARIES = ("pyhanko.pdf_utils.embed", "pyhanko.sign.signers", "pyhanko_certvalidator.registry")
_SQUEEZE, _STORE = 1, 0
"""How hard records are compressed, and files: pictures and PDFs would not shrink, and cost as long as two pages."""


def press(dossier: Dossier, contents: Mapping[str, bytes], signer: Signer, *, reader: Reader, lang: str) -> bytes:
    """Make the pack of a whole dossier for one reader.

    Shape: `contents` is id of a file to its bytes, of every file that is `enclosed`.
    Raises Denied: pack.no_font, pack.too_slow.
    """
    shown = cut(dossier, reader)
    audiences = {each.audience for each in shown.thread} | {each.audience for each in shown.files}
    assert audiences <= READERS[reader].audiences
    with typeset.begun() as typesetter:
        drawn = typesetter(paper.page(shown, contents, reader=reader, lang=lang, certificates=signer.fingerprints))
        for each in _LIBRARIES:  # while it draws: a second to load, and what is enclosed
            importlib.import_module(each)
        enclosed = records.papers(shown, contents)
        squeezed = {name: zlib.compress(each, _SQUEEZE) for name, each in enclosed.records.items()}
        squeezed |= {name: zlib.compress(each, _STORE) for name, each in enclosed.files.items()}
        writer = _opened(drawn())
    listed = records.manifest(
        shown, enclosed, reader=reader, lang=lang, certificates=signer.fingerprints, pages=list(page_digests(writer))
    )
    squeezed[records.MANIFEST] = zlib.compress(listed, _SQUEEZE)
    at = dossier.made_at
    for name, content in {records.MANIFEST: listed, **enclosed.records}.items():
        _enclose(writer, name, squeezed[name], len(content), "application/json", "/Data", at)
    media = {records.file_name(each): each.media for each in shown.files}
    for name, content in enclosed.files.items():
        _enclose(writer, name, squeezed[name], len(content), media[name], "/Source", at)
    writer.output_version = (1, 7)  # PDF/A-3 is that; enclosing had set 2.0
    return _signed(writer, signer)


def _opened(drawn: bytes) -> Any:
    """The pages as a new document that can be added to: it will be one revision, written once."""
    from pyhanko.pdf_utils.reader import PdfFileReader  # noqa: PLC0415 - see the top
    from pyhanko.pdf_utils.writer import copy_into_new_writer  # noqa: PLC0415

    return copy_into_new_writer(PdfFileReader(io.BytesIO(drawn)))


def page_digests(document: Any) -> Iterator[str]:
    """What is drawn on each page, as digests: its content stream, and those of its pictures and typefaces."""
    pages = document.root["/Pages"]
    for place in range(int(pages["/Count"])):
        page = pages["/Kids"][place]
        yield digest_of(b"\x1f".join(_streams(page, set())))


_WALKED = ("/Contents", "/Resources")


def _streams(page: Any, seen: set[int]) -> Iterator[bytes]:
    for name in _WALKED:
        if name in page:
            yield from _walked(page.raw_get(name), seen)


def _walked(found: Any, seen: set[int]) -> Iterator[bytes]:
    """Every stream below, in order, each once."""
    from pyhanko.pdf_utils import generic  # noqa: PLC0415 - see the top

    if isinstance(found, generic.IndirectObject):
        if found.idnum in seen:
            return
        seen.add(found.idnum)
        found = found.get_object()
    if isinstance(found, generic.StreamObject):
        yield hashlib.sha256(found.encoded_data).digest()
    if isinstance(found, generic.DictionaryObject):
        for name in sorted(found.keys()):
            if name not in {"/Parent", "/Length"}:
                yield from _walked(found.raw_get(name), seen)
    elif isinstance(found, generic.ArrayObject):
        for place in range(len(found)):
            yield from _walked(found.raw_get(place), seen)


def _enclose(writer: Any, name: str, squeezed: bytes, size: int, media: str, relation: str, at: Any) -> None:
    from pyhanko.pdf_utils import embed, generic  # noqa: PLC0415 - see the top

    data = embed.EmbeddedFileObject(
        writer,
        dict_data={generic.pdf_name("/Filter"): generic.pdf_name("/FlateDecode")},
        encoded_data=squeezed,
        mime_type=media,
    )
    data["/Params"] = generic.DictionaryObject(
        {
            generic.pdf_name("/Size"): generic.NumberObject(size),
            generic.pdf_name("/CreationDate"): generic.pdf_date(at),
            generic.pdf_name("/ModDate"): generic.pdf_date(at),
        }
    )
    spec = embed.FileSpec(name, name, data, af_relationship=generic.pdf_name(relation))
    embed.embed_file(writer, spec)


def _signed(writer: Any, signer: Signer) -> bytes:
    from asn1crypto import x509  # noqa: PLC0415 - see the top
    from pyhanko.sign import fields, signers  # noqa: PLC0415
    from pyhanko_certvalidator.registry import SimpleCertificateStore  # noqa: PLC0415

    ours, *others = (
        x509.Certificate.load(each.public_bytes(serialization.Encoding.DER)) for each in signer.certificates
    )
    store = SimpleCertificateStore()
    store.register_multiple(others)

    class Hand(signers.Signer):
        """Signs with the key as it is loaded: pyHanko's own reads and checks it anew each time, a third of a second."""

        async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
            assert digest_algorithm == meta.md_algorithm
            if isinstance(signer.key, rsa.RSAPrivateKey):
                return signer.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
            return signer.key.sign(data, ec.ECDSA(hashes.SHA256()))

    hand = Hand(signing_cert=ours, cert_registry=store)
    meta = signers.PdfSignatureMetadata(
        field_name=_FIELD,
        md_algorithm="sha256",
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
    )
    logging.getLogger("pyhanko").setLevel(logging.ERROR)
    out = io.BytesIO()
    signers.PdfSigner(meta, hand).sign_pdf(writer, output=out)
    return out.getvalue()
