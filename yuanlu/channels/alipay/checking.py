"""Whether a merchant's keys for Alipay are right: what is seen here, what is asked, what the answer says.

Source: channels.md 4.1 to 4.3. One question tells all: a query of a trade that cannot exist. The gateway looks at the
app id, then at our signature, and refuses without a signature of its own; that there is no such trade, it signs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from yuanlu.channels import checking, wire
from yuanlu.channels.alipay import keys as alipay_keys
from yuanlu.channels.alipay.keys import AlipayKeys
from yuanlu.channels.checking import Answered, Finding
from yuanlu.channels.contract import Call, Reply

FIELDS = ("app_id", "app_private_key", "alipay_public_key")
"""What a merchant fills in, in this order."""
_APP_ID = re.compile(r"20\d{14}")
_METHOD, _NODE = "alipay.trade.query", "alipay_trade_query_response"
_REFUSED = {
    "isv.invalid-app-id": ("app_unknown", "app_id"),
    "isv.missing-app-id": ("app_unknown", "app_id"),
    "isv.invalid-signature": ("signature_refused", "app_private_key"),
    "isv.missing-signature-config": ("key_not_handed_in", "app_private_key"),
}
"""What the gateway says, and which field it means."""


class _Said(msgspec.Struct):
    code: str = ""
    sub_code: str | None = None


_envelope, _said = msgspec.json.Decoder(dict[str, msgspec.Raw]), msgspec.json.Decoder(_Said)


class AlipayChecker:
    """What Alipay's keys are held to."""

    def look(self, given: Mapping[str, str], at: datetime) -> tuple[dict[str, str], list[Finding]]:
        """See `Checker.look`."""
        del at
        kept, found = dict(given), checking.missing(given, FIELDS)
        kept["app_id"] = "".join(given.get("app_id", "").split())
        if kept["app_id"] and not _APP_ID.fullmatch(kept["app_id"]):
            found.append(Finding("app_id_shape", "app_id", facts={"length": len(kept["app_id"])}))
        own = theirs = None
        if given.get("app_private_key", "").strip():
            own = checking.private_key(given["app_private_key"], "app_private_key")
            if isinstance(own, Finding):
                found.append(own)
            else:
                kept["app_private_key"] = checking.kept_private(own)
        if given.get("alipay_public_key", "").strip():
            theirs = checking.public_key(given["alipay_public_key"], "alipay_public_key")
            if isinstance(theirs, Finding):
                found.append(theirs)
            else:
                kept["alipay_public_key"] = checking.kept_public(theirs)
                if own is not None and not isinstance(own, Finding) and checking.is_same(theirs, own.public_key()):
                    found.append(Finding("own_key", "alipay_public_key"))
        return {name: text for name, text in kept.items() if text}, found

    def ask(self, keys: AlipayKeys, at: datetime, nonce: str, number: str) -> Sequence[Call]:
        """See `Checker.ask`."""
        del nonce
        content = msgspec.json.encode({"out_trade_no": number}).decode()
        return [alipay_keys.call(keys, _METHOD, {"biz_content": content}, at)]

    def judge(
        self, given: Mapping[str, str], keys: AlipayKeys, heard: Sequence[Answered], at: datetime
    ) -> list[Finding]:
        """See `Checker.judge`."""
        del given
        return [found for each in heard for found in _of_query(keys, each, at)]


def _of_query(keys: AlipayKeys, heard: Answered, at: datetime) -> list[Finding]:
    if isinstance(heard, str):
        return [checking.silent(heard)]
    if heard.status != 200:
        return [checking.unclear(heard.status, "")]
    try:
        nodes = _envelope.decode(heard.body)
        text = bytes(nodes.get(_NODE) or nodes["error_response"])
        said = _said.decode(text)
        sign = msgspec.json.decode(nodes["sign"], type=str) if "sign" in nodes else ""
    except (*wire.UNREADABLE, KeyError):
        return [checking.unclear(heard.status, wire.MALFORMED)]
    if sign:
        is_theirs = wire.is_signed(keys.alipay_public_key, text, sign)
        return (
            _of_said(said) if is_theirs else [_or_clock(heard, Finding("answer_unverified", "alipay_public_key"), at)]
        )
    code, name = _REFUSED.get(said.sub_code or "", ("", ""))
    if code:
        return [_or_clock(heard, Finding(code, name), at)]
    if said.sub_code == "isv.invalid-timestamp":
        return [_or_clock(heard, checking.unclear(200, said.sub_code), at)]
    return _of_said(said) or [checking.unclear(200, said.sub_code or said.code)]


def _of_said(said: _Said) -> list[Finding]:
    """What is in the way though both signatures may be right."""
    if said.code == "40006":
        return [Finding("not_permitted", "app_id")]
    return [checking.unclear(503, said.sub_code or said.code)] if said.code in ("20000", "40005") else []


def _or_clock(reply: Reply, finding: Finding, at: datetime) -> Finding:
    apart = checking.behind_seconds(reply, at)
    return finding if apart is None else checking.clock(apart)
