"""Calls of tills that practise, carried to the practice ground: it is a whole installation of its own on loopback.

Law: what goes through is the method (GET or POST), a path of its API, the body, and a key that it gave us a moment ago,
which is not looked at further here. No cookie, no other header, nobody else's key, and nothing to anywhere else.
"""

from __future__ import annotations

import re
from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler

from yuanlu.errors import Denied
from yuanlu.web.parts import problems
from yuanlu.web.parts.answers import JSON, Told, refused
from yuanlu.web.parts.calls import BODY_MAX, BODY_WITHIN_SECONDS, body_of
from yuanlu.web.parts.office import Office

PATH = "/practice"
_PATH = re.compile(r"/v1(/[A-Za-z0-9_-]{1,64}){1,5}")
_QUERY = re.compile(r"[A-Za-z0-9_.~%&=:+-]*")
_BEARER = re.compile(r"Bearer (yk_[A-Za-z0-9_-]{1,120})")
_KIND = re.compile(r"[a-z]+/[a-z+.-]+(; ?charset=utf-8)?")


def handler(office: Office) -> HTTPRouteHandler:
    """What the server runs for calls of tills that practise."""

    async def carry(request: Request[Any, Any, Any]) -> Told:
        scope = request.scope
        scope["state"]["route"] = PATH
        headers = dict(scope["headers"])
        try:
            target = _target(scope["raw_path"].partition(b"?")[0], scope["query_string"])
            key = _key(office, headers.get(b"authorization", b""))
            body = await body_of(request.receive, headers, BODY_MAX, BODY_WITHIN_SECONDS)
            reply = await office.ground.carry(scope["method"], target, key, body)
        except Exception as error:  # every caller gets an answer
            return refused(problems.of_error(error), scope["state"].get("request_id", ""), headers)
        kind = reply.headers.get("content-type", "")
        return Told(reply.body, reply.status, kind if _KIND.fullmatch(kind) else JSON)

    return HTTPRouteHandler(f"{PATH}/{{rest:path}}", http_method=["GET", "POST"], include_in_schema=False)(carry)


def _target(raw_path: bytes, query: bytes) -> str:
    """Where a call is to go there: as it came, if it is a path of an API.

    Raises Denied: request.no_such_page.
    """
    path, asked = raw_path.decode("latin-1").removeprefix(PATH), query.decode("latin-1")
    if not _PATH.fullmatch(path) or not _QUERY.fullmatch(asked):
        raise Denied("request.no_such_page")
    return f"{path}?{asked}" if asked else path


def _key(office: Office, authorization: bytes) -> str:
    """A key that the ground gave us.

    Raises Denied: auth.key_missing, auth.key_invalid.
    """
    if not authorization:
        raise Denied("auth.key_missing")
    found = _BEARER.fullmatch(authorization.decode("latin-1"))
    if found is None or not office.ground.knows(found[1]):
        raise Denied("auth.key_invalid")
    return found[1]
