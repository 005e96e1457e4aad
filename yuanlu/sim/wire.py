"""What travels between the HTTP server and a provider's wire: raw requests in, answers out, nothing re-serialised."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Request:
    """An HTTP request as it came: `target` is the raw path and query, `body` the raw bytes."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    peer: str = ""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def base_url(self) -> str:
        """The base URL the client itself uses. Source: channels.md 2.9 item 6."""
        return f"http://{self.headers.get('Host', '127.0.0.1')}"


@dataclass(frozen=True)
class Part:
    """One part of a multipart body."""

    filename: str
    body: bytes


def multipart(request: Request) -> dict[str, Part]:
    """The parts of a multipart body by name. The boundary is that of the first line: some clients name none.

    Source: channels.md 2.9 item 3.
    """
    first, _, _ = request.body.partition(b"\r\n")
    if not first.startswith(b"--"):
        return {}
    found = {}
    for piece in request.body.split(first)[1:]:
        head, parted, body = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        named = dict(re.findall(r'(name|filename)="([^"]*)"', head.decode("utf-8", "replace")))
        if parted and "name" in named:
            found[named["name"]] = Part(named.get("filename", ""), body.removesuffix(b"\r\n"))
    return found


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    code: str = ""
    """The provider's word, for the log of calls."""


class Signing(StrEnum):
    """How to sign an answer; anything but GOOD is trouble made on order."""

    GOOD = "good"
    BAD = "bad"
    STALE = "stale"


@dataclass(frozen=True)
class Call:
    """A request understood far enough to know what it asks and about which numbers; nothing has happened yet."""

    operation: str
    numbers: tuple[str, ...]
    serve: Callable[[Signing], Answer]


class Provider(Protocol):
    """A provider's wire."""

    def open(self, request: Request) -> Call | None:
        """Understand a request; None when the path is not this provider's."""

    def trouble(self, status: int) -> Answer:
        """The provider's answer when it is itself in trouble (500, 502, 503)."""

    def word(self, code: str, status: int, request: Request) -> Answer:
        """A refusal with any of the provider's codes."""
