"""Whoever looked at a signature first can sign one afterwards, in one process."""

from __future__ import annotations

import subprocess
import sys

LOOKED = """
from yuanlu.packs import signature
from asn1crypto import cms
cms.CMSAttributeType("content_type")  # a first use fixes the names
from pyhanko.sign import signers
print(cms.CMSAttributeType("signing_certificate_v2").dotted)
"""


def test_a_look_at_a_signature_leaves_names_to_sign_with() -> None:
    """S61. The library keeps the names of its first use; those that signing needs come with another module of it."""
    told = subprocess.run([sys.executable, "-c", LOOKED], capture_output=True, text=True, check=False)
    assert told.stdout.split() == ["1.2.840.113549.1.9.16.2.47"], told.stderr
