"""What is kept of what was said: masked, bounded, with the digest of the bytes as they came."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from yuanlu import ids
from yuanlu.channels.contract import (
    Callback,
    ComplaintStep,
    Errand,
    Evidence,
    News,
    Pay,
    Reply,
    Rescue,
    StatementStep,
    Step,
    digest_of,
)

BODY_MAX = 16 * 1024
PERSONAL = frozenset(
    {
        "payer_phone", "payer_openid", "complaint_detail", "problem_description", "operate_details", "operator",
        "media_url", "image_list", "user_appy_platform_service_reason_description",
        "phone_no", "content", "images", "complain_reason", "replier_name", "logon_id",
    }
)  # fmt: skip
"""Fields of an answer about complaints that tell something of a person: the text itself is kept sealed, elsewhere."""


_PAYER = "openid|sub_openid|payer_openid|buyer_open_id|buyer_user_id|buyer_id|buyer_logon_id|open_id|user_id"
_PAYER_SAID = re.compile(
    rf"""(?P<head>\\?"(?:{_PAYER})\\?"\s*:\s*\\?"|<(?:{_PAYER})>(?:<!\[CDATA\[)?|(?:^|(?<=[&\n]))(?:{_PAYER})=)"""
    r"""(?P<payer>(?!\*{4})[^"\\<>\]&\s]+)"""
)


def without_payer(text: str) -> str:
    """A text in which of what names the payer (openid, buyer's id and login) the last four signs stay.

    Wherever channels say it: JSON (quoted once more, too), XML, a form, lines of `name=value`. Who the payer is we know
    again by a keyed hash; the digest of the bytes as they came proves the rest.
    """
    return _PAYER_SAID.sub(
        lambda said: said["head"] + "****" + (said["payer"][-4:] if len(said["payer"]) >= 12 else ""), text
    )


def masked(text: str, step: Step | None) -> str:
    """A text without who pays and the secrets of its step: of a payment code the first 2 and last 4 signs stay, of a
    card the last 4."""
    text = without_payer(text)
    match step:
        case Pay(code=code):
            return _without(text, code, code[:2], code[-4:])
        case Rescue(card_number=card, holder_name=holder):
            return _without(_without(text, card, "", card[-4:]), holder, "", "")
    return text


def _without(text: str, secret: str, head: str, tail: str) -> str:
    if not secret:
        return text
    shown = f"{head}****{tail}" if len(secret) >= 12 else "****"
    for spelling in _spellings(secret):
        text = text.replace(spelling, shown)
    return text


def _spellings(secret: str) -> Iterator[str]:
    """A secret as it may stand in JSON: as it is, or with what is not ASCII escaped, in small or capital digits."""
    yield secret
    if not secret.isascii():
        yield "".join(_escaped(sign, "04x") for sign in secret)
        yield "".join(_escaped(sign, "04X") for sign in secret)


def _escaped(sign: str, form: str) -> str:
    if sign.isascii():
        return sign
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2]):{form}}" for at in range(0, len(units), 2))


def of_answer(step: Step, reply: Reply, at: datetime, took_ms: int) -> Evidence:
    """An answer to a step."""
    return Evidence(
        id=ids.new(ids.Kind.EVIDENCE, at),
        kind="answer",
        at=at,
        body=masked(_readable(reply.body), step)[:BODY_MAX],
        digest=digest_of(reply.body),
        operation=step.operation,
        status=reply.status,
        took_ms=took_ms,
    )


def of_complaint(step: ComplaintStep, reply: Reply, at: datetime, took_ms: int) -> Evidence:
    """An answer about complaints, without personal text: of each such field only its length is kept.

    What is no JSON (an image, a broken answer) is kept as its size; the digest of the whole proves the rest.
    """
    try:
        body = msgspec.json.encode(_impersonal(msgspec.json.decode(reply.body))).decode() if reply.body else ""
    except (msgspec.MsgspecError, ValueError, RecursionError):
        body = f"{len(reply.body)} bytes, no JSON"
    return Evidence(
        id=ids.new(ids.Kind.EVIDENCE, at),
        kind="answer",
        at=at,
        body=body.replace("\\u0000", "")[:BODY_MAX],
        digest=digest_of(reply.body),
        operation=step.operation,
        status=reply.status,
        took_ms=took_ms,
    )


_TOKEN = re.compile(r"""([?&](?:token|sign|userId)=)[^"&\s\\]+""")


def of_statement(step: StatementStep, reply: Reply, at: datetime, took_ms: int) -> Evidence:
    """An answer about statements: where one is to be had, without what opens it; of a file only its size and digest."""
    is_file = step.operation is Errand.FETCH
    body = f"{len(reply.body)} bytes" if is_file else _TOKEN.sub(r"\1****", _readable(reply.body))
    return Evidence(
        id=ids.new(ids.Kind.EVIDENCE, at),
        kind="answer",
        at=at,
        body=body[:BODY_MAX],
        digest=digest_of(reply.body),
        operation=step.operation,
        status=reply.status,
        took_ms=took_ms,
    )


def _impersonal(value: Any, *, personal: bool = False) -> Any:
    match value:
        case dict():
            return {name: _impersonal(each, personal=personal or name in PERSONAL) for name, each in value.items()}
        case list():
            return [_impersonal(each, personal=personal) for each in value]
        case str() if personal and value:
            return f"**** ({len(value)})"
        case _ if personal and value:
            return "****"
    return value


def of_silence(step: Step | ComplaintStep | StatementStep, why: str, at: datetime, took_ms: int) -> Evidence:
    """That no whole answer came, and why."""
    return Evidence(
        id=ids.new(ids.Kind.EVIDENCE, at),
        kind="silence",
        at=at,
        body=why,
        digest=digest_of(b""),
        operation=step.operation,
        took_ms=took_ms,
    )


def of_notice(callback: Callback, news: News, at: datetime) -> Evidence:
    """A provider's verified notification."""
    return Evidence(
        id=ids.new(ids.Kind.EVIDENCE, at),
        kind="notice",
        at=at,
        body=without_payer(news.said or _readable(callback.body))[:BODY_MAX],
        digest=digest_of(callback.body),
    )


def _readable(body: bytes) -> str:
    """Bytes as text that PostgreSQL can hold: it knows no NUL."""
    return body[: 4 * BODY_MAX].decode("utf-8", "replace").replace("\x00", "�")
