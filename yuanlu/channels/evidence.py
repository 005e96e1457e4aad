"""What is kept of what was said: masked, bounded, with the digest of the bytes as they came."""

from __future__ import annotations

from datetime import datetime

from yuanlu import ids
from yuanlu.channels.contract import Callback, Evidence, News, Pay, Reply, Rescue, Step, digest_of

BODY_MAX = 16 * 1024


def masked(text: str, step: Step | None) -> str:
    """A text without the secrets of its step: of a payment code the first 2 and last 4 stay, of a card the last 4."""
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
    escaped = secret.encode("ascii", "backslashreplace").decode()
    return text.replace(secret, shown).replace(escaped, shown)


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


def of_silence(step: Step, why: str, at: datetime, took_ms: int) -> Evidence:
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
        body=(news.said or _readable(callback.body))[:BODY_MAX],
        digest=digest_of(callback.body),
    )


def _readable(body: bytes) -> str:
    """Bytes as text that PostgreSQL can hold: it knows no NUL."""
    return body[: 4 * BODY_MAX].decode("utf-8", "replace").replace("\x00", "�")
