"""How an SMS is sent: one HTTP request of a template, filled so that no text can leave its place. Pure.

Places are written `{{phone}}`, `{{text}}`, `{{id}}`. In the URL they are percent-encoded and stand behind the host; in
a JSON body they stand inside a string; in a form they are a part of a value. A template is tried with hostile text
before it is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

import msgspec

from yuanlu.errors import Denied

_PLACE = re.compile(r"\{\{\s*([a-z]*)\s*\}\}")
_NAMES = frozenset({"phone", "text", "id"})
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_FORBIDDEN = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection"})
_HOSTILE = {"phone": '+86"&=', "text": '"\\\n}{ &a=b#?/../%00 退', "id": "YD-1-0"}


class Template(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The template as it is kept (sealed: it holds the account at the provider)."""

    url: str
    method: Literal["GET", "POST"] = "POST"
    content: Literal["json", "form", ""] = "json"
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: str = ""
    answer_has: str = ""
    """A piece that a good answer contains: some providers answer 200 to everything."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A filled template: what goes over the wire."""

    url: str
    method: str
    headers: Mapping[str, str]
    body: bytes


def read(template: str) -> Template:
    """A template as it was kept."""
    return msgspec.json.decode(template, type=Template)


def checked(template: Template) -> Template:
    """The template, if nothing that is filled in can leave its place.

    Raises Denied: sms.template_invalid.
    """
    everything = template.url + template.body
    unknown = sorted(set(_PLACE.findall(everything)) - _NAMES)
    if unknown:
        raise Denied("sms.template_invalid", because="unknown_place")
    if not {"phone", "text"} <= set(_PLACE.findall(everything)):
        raise Denied("sms.template_invalid", because="phone_or_text_missing")
    if _PLACE.search(urlsplit(template.url).netloc) or "{" in urlsplit(template.url).scheme:
        raise Denied("sms.template_invalid", because="place_in_host")
    if template.body and (template.method == "GET" or not template.content):
        raise Denied("sms.template_invalid", because="body_not_expected")
    for name, value in template.headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in _FORBIDDEN or not (value.isascii() and value.isprintable()):
            raise Denied("sms.template_invalid", because="header")
    _tried(template)
    return template


def _tried(template: Template) -> None:
    """Fill it with hostile text, read it as a receiver would, and find the text where it was put."""
    request = filled(template, **_HOSTILE)
    plain = filled(template, phone="1", text="1", id="1")
    if len(_shape(template, request)) != len(_shape(template, plain)):
        raise Denied("sms.template_invalid", because="place_not_in_a_string")


def _shape(template: Template, request: Request) -> list[str]:
    if not request.body:
        return []
    try:
        if template.content == "json":
            return _leaves(json.loads(request.body))
        return [name for name, _ in parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)]
    except ValueError:
        raise Denied("sms.template_invalid", because="body_unreadable") from None


def _leaves(value: object, path: str = "$") -> list[str]:
    """The paths of a JSON value: hostile text must not add one."""
    match value:
        case dict():
            return [each for name, part in value.items() for each in _leaves(part, f"{path}.{name}")] + [path]
        case list():
            return [each for part in value for each in _leaves(part, f"{path}[]")] + [path]
        case _:
            return [path]


def filled(template: Template, *, phone: str, text: str, id: str) -> Request:  # noqa: A002 - the place's own name
    """The request that sends one SMS."""
    values = {"phone": phone, "text": text, "id": id}
    url = _PLACE.sub(lambda place: quote(values[place[1]], safe=""), template.url)
    headers = dict(template.headers)
    body = ""
    if template.content == "json":
        body = _PLACE.sub(lambda place: json.dumps(values[place[1]], ensure_ascii=False)[1:-1], template.body)
        headers["content-type"] = "application/json; charset=utf-8"
    elif template.content == "form":
        body = _PLACE.sub(lambda place: quote_plus(values[place[1]]), template.body)
        headers["content-type"] = "application/x-www-form-urlencoded"
    if template.method == "GET":
        headers.pop("content-type", None)
    return Request(
        url=url, method=template.method, headers=headers, body=body.encode() if template.method == "POST" else b""
    )
