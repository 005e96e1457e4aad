"""Structured logs: one JSON object a line on stderr, and no secret in any of them.

Two nets: a name that says "secret" hides its value whatever it is; a run of 16 to 24 digits (a payment code, a card
number), an API key, a Bearer header, a webhook secret, a mobile number, an address of e-mail, what WeChat calls a
payer, and whatever `masking` finds is masked wherever it stands, in messages and tracebacks too.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

from yuanlu import masking

_SECRET_NAMES = frozenset(
    {
        "authorization", "api_key", "apikey", "secret", "password", "token", "card_number", "holder_name",
        "auth_code", "payment_code", "payer_code", "scanned", "private_key", "apiv3_key", "cookie",
    }
)  # fmt: skip
_DIGITS = re.compile(r"(?<!\d)\d(?:[ -]?\d){15,23}(?!\d)")
_KEYS = re.compile(r"\byk_[0-9A-Za-z]+_[0-9A-Za-z_-]+|(?i:\bbearer\s+)[^\s'\",]+")
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)
_PERSONS = re.compile(
    r"whsec_[A-Za-z0-9+/=]+|(?<![A-Za-z0-9_-])o[A-Za-z0-9_-]{27}(?![A-Za-z0-9_-])"
    r"|[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z0-9.-]+|(?<!\d)(?:\+?86)?1[3-9]\d{9}(?!\d)"
)
HIDDEN = "***"


def masked(text: str) -> str:
    """A text without what must not be told: of a long number the last four digits stay."""
    text = _KEYS.sub(HIDDEN, text)
    if "PRIVATE KEY" in text:
        text = _PEM.sub(HIDDEN, text)
    text = _DIGITS.sub(lambda found: "****" + found.group()[-4:], _PERSONS.sub(HIDDEN, text))
    return masking.kept(text)


def _without_secrets(value: object, name: str = "") -> object:
    if name.lower() in _SECRET_NAMES:
        return HIDDEN
    match value:
        case str():
            return masked(value)
        case None | bool() | float():
            return value
        case int():
            return value if abs(value) < 10**15 else masked(str(value))
        case Mapping():
            return {masked(str(each)): _without_secrets(of, str(each)) for each, of in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_without_secrets(each) for each in value]
        case _:
            return masked(str(value))


request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The number of the call being served: in every line that is logged meanwhile."""


def _numbered(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if number := request_id.get():
        event["request"] = number
    return event


def hide(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Mask everything a line of the log would say."""
    return {name: _without_secrets(value, name) for name, value in event.items()}


def _written(_: WrappedLogger, __: str, event: EventDict) -> str:
    return msgspec.json.encode(event).decode()


_CHAIN: list[Any] = [
    _numbered,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    hide,
    _written,
]


class _Lines(logging.Formatter):
    """What libraries log, as lines like ours."""

    def format(self, record: logging.LogRecord) -> str:
        event: EventDict = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "at": self.formatTime(record),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return _written(None, "", hide(None, "", event))


def set_up(level: str = "info", stream: TextIO | None = None) -> None:
    """Send our own and the libraries' logs to stderr as JSON lines."""
    stream = stream or sys.stderr
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=_CHAIN,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    lines = logging.StreamHandler(stream)
    lines.setFormatter(_Lines())
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[lines], force=True)
