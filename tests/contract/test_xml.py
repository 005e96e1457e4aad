"""What WeChat Pay v2 sends is XML, and XML can reach far: ours reaches nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from yuanlu.channels.wechat import v2


def test_a_flat_document_is_read() -> None:
    assert v2.fields(b"<xml><a><![CDATA[<b>]]></a><c> d </c></xml>") == {"a": "<b>", "c": "d"}


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE xml [<!ENTITY e SYSTEM "file://{path}">]>',
        '<!DOCTYPE xml [<!ENTITY e "inside">]>',
        '<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY e "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE xml SYSTEM "file://{path}">',
        '<!DOCTYPE xml [<!ENTITY % p SYSTEM "file://{path}"> %p;]>',
    ],
)
def test_a_document_with_entities_is_no_document(tmp_path: Path, head: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("planted")
    body = f"{head.replace('{path}', str(secret))}<xml><a>&e;</a></xml>".encode()
    with pytest.raises(ValueError, match=r"^no XML$"):
        v2.fields(body)


def test_a_document_that_nests_is_refused() -> None:
    with pytest.raises(ValueError, match="not flat"):
        v2.fields(b"<xml><a><b>c</b></a></xml>")
