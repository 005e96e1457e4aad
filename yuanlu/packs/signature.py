"""The signature of a pack, read from its bytes alone: what it covers, who signed, whether it holds.

PDF signs all bytes but the gap in which the signature itself stands (ISO 32000-1, 12.8.1: ByteRange and Contents). A
pack is one revision, so the two ranges and the gap are the whole file. The signature is CMS (RFC 5652) in the form of
PAdES; of a CMS not every byte is signed, so it must also be exactly the form that signing makes: written anew from its
parts it is the same, to the byte. Its certificates are those the manifest lists, which is signed (`verify` looks). Then
no byte of the file can change unseen.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from yuanlu.packs.audit import Fault, fault
from yuanlu.packs.signer import fingerprint

assert tsp  # it adds names to `cms`, which keeps those of its first use: whoever verified first could sign no pack

_RANGE = re.compile(rb"/ByteRange ?\[ ?(\d{1,12}) (\d{1,12}) (\d{1,12}) (\d{1,12}) ?\]")
_GAP = re.compile(rb"<([0-9A-F]+)>")
_ENDS = re.compile(rb"startxref\n\d{1,12}\n%%EOF\n?\Z")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a signature says. Shape: `certificates` begin with the signer's own."""

    faults: Sequence[Fault]
    certificates: Sequence[x509.Certificate] = ()

    @property
    def fingerprints(self) -> list[str]:
        return [fingerprint(each) for each in self.certificates]


def read(file: bytes) -> Seen:
    """Check the signature over a whole file. Trusts nobody: who signed is for the caller to judge."""
    gap = _gap(file)
    if isinstance(gap, Fault):
        return Seen([gap])
    start, end = gap
    inside = _GAP.fullmatch(file[start:end])
    if inside is None or len(inside[1]) % 2:
        return Seen([fault("signature.form")])
    signed = hashlib.sha256(file[:start])
    signed.update(file[end:])
    try:
        with warnings.catch_warnings():  # what a library has to say of a damaged certificate is said by our fault
            warnings.simplefilter("ignore")
            return _checked(bytes.fromhex(inside[1].decode()), signed.digest())
    except Exception as wrong:  # one changed byte fails in the libraries in more ways than can be told
        return Seen([fault("signature.unreadable", why=type(wrong).__name__)])


def _gap(file: bytes) -> tuple[int, int] | Fault:
    """Where the signature stands. Its ranges must begin and end with the file."""
    ends = _ENDS.search(file[-64:]) is not None
    told = None
    for found in _RANGE.finditer(file):
        first, size, after, rest = (int(each) for each in found.groups())
        if first == 0 and size < after and after + rest == len(file):
            return size, after
        told = after + rest
    if told is None:
        return fault("signature.none") if ends else fault("file.unfinished", after=len(file))
    if told > len(file) and (not ends or told == len(file) + 1):
        return fault("file.cut", after=len(file), whole=told)
    if 0 < told < len(file):
        return fault("file.added", after=told)
    return fault("signature.range")


def _checked(contents: bytes, digest: bytes) -> Seen:
    info = cms.ContentInfo.load(contents)
    blob = info.dump()
    if any(contents[len(blob) :]):
        return Seen([fault("signature.form")])
    signed = info["content"]
    (hand,) = signed["signer_infos"]
    held = [x509.load_der_x509_certificate(each.dump()) for each in signed["certificates"]]
    serial = hand["sid"].chosen["serial_number"].native
    ours = [each for each in held if each.serial_number == serial]
    certificates = [*ours, *(each for each in held if each not in ours)]
    found = list(_faults(hand, signed, digest, certificates))
    if contents[: len(blob)] != _anew(signed, hand) and not found:
        found.append(fault("signature.form"))
    return Seen(found, certificates)


def _faults(
    hand: cms.SignerInfo, signed: cms.SignedData, digest: bytes, held: Sequence[x509.Certificate]
) -> list[Fault]:
    found = []
    attributes = {each["type"].native: each["values"] for each in hand["signed_attrs"]}
    if attributes["message_digest"][0].native != digest:
        found.append(fault("signature.bytes"))
    try:
        _verify(held[0], hand["signature"].native, hand["signed_attrs"].untag().dump(), hashes.SHA256())
    except InvalidSignature:
        found.append(fault("signature.wrong"))
    for one, by in zip(held, [*held[1:], held[-1]], strict=True):
        try:
            assert one.signature_hash_algorithm is not None
            _verify(by, one.signature, one.tbs_certificate_bytes, one.signature_hash_algorithm)
        except InvalidSignature:
            if one is not held[-1] or one.issuer == one.subject:  # whoever vouches for the last may not be here
                found.append(fault("signature.certificate"))
    return found


def _verify(by: x509.Certificate, signature: bytes, content: bytes, algorithm: hashes.HashAlgorithm) -> None:
    """Raises InvalidSignature; TypeError for a kind of key that signs no packs."""
    key = by.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, content, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, content, ec.ECDSA(algorithm))
    else:
        raise TypeError("neither RSA nor EC")


def _anew(signed: cms.SignedData, hand: cms.SignerInfo) -> bytes:
    """The form that signing makes, written anew from what is signed and what was checked."""
    held = [x509.load_der_x509_certificate(each.dump()) for each in signed["certificates"]]
    ours = next(each for each in held if each.serial_number == hand["sid"].chosen["serial_number"].native)
    leaf = cms.Certificate.load(ours.public_bytes(serialization.Encoding.DER))
    algorithm = "sha256_rsa" if isinstance(ours.public_key(), rsa.RSAPublicKey) else "sha256_ecdsa"
    kind = {"algorithm": "sha256"}
    written = cms.SignerInfo(
        {
            "version": "v1",
            "sid": {"issuer_and_serial_number": {"issuer": leaf.issuer, "serial_number": leaf.serial_number}},
            "digest_algorithm": kind,
            "signed_attrs": cms.CMSAttributes.load(hand["signed_attrs"].untag().dump()),
            "signature_algorithm": {"algorithm": algorithm},
            "signature": hand["signature"].native,
        }
    )
    whole = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [kind],
            "encap_content_info": {"content_type": "data"},
            "certificates": [each.chosen for each in signed["certificates"]],
            "signer_infos": [written],
        }
    )
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": whole}).dump())
