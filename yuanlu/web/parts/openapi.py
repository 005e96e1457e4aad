"""The description of the API (OpenAPI 3.1), made from the table of routes and the shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from yuanlu.web.parts.calls import PUBLIC, Route
from yuanlu.web.parts.problems import MEDIA_TYPE, Problem
from yuanlu.web.parts.shapes import END, Nothing, ProblemTold

_ALWAYS = (
    "auth.key_missing",
    "request.invalid",
    "request.too_many",
    "request.target_too_long",
    "service.busy",
    "service.broken",
    "request.no_such_page",
)
_WITH_BODY = ("request.malformed", "request.too_large", "request.wrong_type", "request.too_slow")
_PLACES = {
    "goods": ("ZG", "The id of the goods."),
    "payment": ("YP", "The payment's id."),
    "refund": ("YR", "The refund's id."),
    "case": ("YC", "The case's id."),
    "file": ("YF", "The file's id."),
    "evidence": ("YE", "The evidence's id."),
    "hook": ("YH", "The hook's id."),
    "delivery": ("YD", "The delivery's id."),
    "policy": ("YL", "The id of the policy's version."),
    "shift": ("ZS", "The shift's id."),
    "loss": ("YX", "The id of the loss."),
    "repayment": ("YB", "The id of the repayment."),
    "complaint": ("YN", "The complaint's id."),
    "object": ("Y[PRCNA]", "The id of the payment, refund, case, complaint or answer it belongs to."),
    "channel": ("", "The channel: wechat, alipay, unionpay, card, or a protocol of one, such as wechat_v2."),
    "code": ("", "The code as the channel wrote it; under /v1/codes the id of a code of the shop."),
    "key": ("YK", "The key's id."),
    "till": ("YT", "The till's id."),
    "store": ("YS", "The store's id."),
    "handover": ("YV", "The hand-over's id."),
    "limits": ("YI", "The id of a table of limits."),
    "passkey": ("YJ", "The passkey's id."),
    "staff": ("YW", "The account of the member of staff."),
    "session": ("YG", "The session's id."),
    "receipt": ("Y[PR]", "The id of the payment or refund that the slip is of."),
    "printer": ("ZR", "The printer's id."),
    "print": ("ZP", "The id of the print."),
    "mailing": ("ZM", "The id of the letter with a receipt."),
    "ticket": ("ZT", "The ticket's id."),
    "application": ("ZA", "The application's id."),
    "statement": ("ZB", "The statement's id."),
}


def description(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The whole description, as plain values."""
    shapes: set[type[Struct]] = {ProblemTold}
    for route in routes:
        shapes |= {route.takes, route.gives, route.query} - {Nothing}
    ordered = sorted(shapes, key=lambda shape: str(shape.__name__))
    assert len({shape.__name__ for shape in ordered}) == len(ordered), "two shapes of one name: no reference finds them"
    _, schemas = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    for schema in schemas.values():
        _plain(schema)
    schemas["ProblemTold"] |= {"additionalProperties": True}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "yuanlu",
            "version": version,
            "description": "Scan-to-pay that puts mistaken scans right. Amounts are whole fen. The ids you make are the"
            " idempotency keys: post again on any doubt; the same id with another content is refused (409).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key, `yk_…`, or a session, `ys_…`."}
            },
        },
    }


def _plain(schema: Any) -> None:
    """Patterns without what only Python needs: everywhere else `$` is the very end of a text."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            schema["pattern"] = schema["pattern"].replace(END, "$")
        for part in schema.values():
            _plain(part)


def _operation(route: Route, schemas: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": f"{route.verb.__module__.rpartition('.')[2]}_{route.verb.__name__}",
        "summary": route.says,
        "description": (route.verb.__doc__ or "").strip(),
        "tags": [route.path.split("/")[2]],
        **({"security": []} if route.is_open else {}),
        "parameters": [*_places(route.path), *_query(route.query, schemas)],
        "responses": {**_answers(route), **_problems(route)},
    }
    if route.takes is not Nothing:
        content: dict[str, Any] = {"schema": _ref(route.takes)}
        if route.example:
            content["example"] = dict(route.example)
        told["requestBody"] = {"required": True, "content": {"application/json": content}}
    if route.takes_kinds:
        told["requestBody"] = {"required": True, "content": _files(route.takes_kinds)}
    return told


def _files(kinds: Sequence[str]) -> dict[str, Any]:
    """A body that is a file of one of these kinds."""
    return {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds}


def _ref(shape: type[Struct]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{shape.__name__}"}


def _places(path: str) -> list[dict[str, Any]]:
    found = []
    for name in re.findall(r"{(\w+)}", path):
        kind, says = _PLACES[name]
        schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 128}
        if kind:
            schema = {"type": "string", "pattern": f"^{kind}[0-7][0-9A-HJKMNP-TV-Z]{{25}}[0-9A-Z]$"}
        found.append({"name": name, "in": "path", "required": True, "description": says, "schema": schema})
    return found


def _query(query: type[Struct], schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    if query is Nothing:
        return []
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schemas[query.__name__].get("required", ()),
            "schema": schema,
        }
        for name, schema in schemas[query.__name__]["properties"].items()
    ]


def _answers(route: Route) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": _ref(route.gives)}}
    if route.gives_kinds:
        content = _files(route.gives_kinds)
    says = {
        201: "It is new.",
        200: "It was there: the same answer again." if 201 in route.statuses else "As it stands.",
    }
    return {str(status): {"description": says[status], "content": content} for status in route.statuses}


def _of_role(route: Route) -> tuple[str, ...]:
    return () if route.may == PUBLIC else ("staff.not_allowed",)


def _of_body(route: Route) -> Sequence[str]:
    """What may be wrong with a body, before anybody looks what is asked."""
    if route.takes_kinds:
        return ("request.malformed", "request.too_slow")
    return _WITH_BODY if route.method == "POST" else ()


def _problems(route: Route) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in (*_ALWAYS, *_of_body(route), *_of_role(route), *route.denied):
        by_status.setdefault(Problem(code).status, []).append(code)
    return {
        str(status): {
            "description": f"{HTTPStatus(status).phrase}: {', '.join(codes)}",
            "content": {MEDIA_TYPE: {"schema": _ref(ProblemTold)}},
        }
        for status, codes in sorted(by_status.items())
    }
