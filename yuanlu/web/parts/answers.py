"""An answer as bytes, ready to be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from litestar.types import Receive, Scope, Send

from yuanlu.web.parts.problems import MEDIA_TYPE, Problem, language

JSON = "application/json"


class Told:
    """Status, headers and body; nothing is streamed."""

    __slots__ = ("body", "cookies", "headers", "status")

    def __init__(
        self,
        body: bytes,
        status: int = 200,
        kind: str = JSON,
        headers: Mapping[str, str] | None = None,
        cookies: Sequence[str] = (),
    ) -> None:
        self.body = body
        self.status = status
        self.headers = headers or {}
        self.cookies = cookies
        if status != 204:
            self.headers = {"content-type": kind, "content-length": str(len(body)), **self.headers}

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        headers += [(b"set-cookie", cookie.encode()) for cookie in self.cookies]
        start: Any = {"type": "http.response.start", "status": self.status, "headers": headers}
        body: Any = {"type": "http.response.body", "body": self.body, "more_body": False}
        await send(start)
        await send(body)


def refused(problem: Problem, request_id: str, asked: Mapping[bytes, bytes], **headers: str) -> Told:
    """The answer to a call that is denied. `asked`: the call's headers."""
    wish = language(asked.get(b"accept-language", b"").decode("latin-1"))
    told = {"content-language": wish, "vary": "accept-language", **problem.headers, **headers}
    return Told(problem.body(wish, request_id), problem.status, MEDIA_TYPE, told)
