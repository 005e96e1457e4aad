"""Somebody at the console, and the API's routes as they may use them, without a second way to anything.

Everything works without a script: a page is a GET, an act is a form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from multipart import MultipartError, MultipartParser, parse_options_header

from yuanlu import ids, words
from yuanlu.clock import CHINA
from yuanlu.errors import Busy, Denied
from yuanlu.ids import Kind
from yuanlu.merchants.store import ApiKey
from yuanlu.money import from_yuan
from yuanlu.people.rules import demand
from yuanlu.web.parts import cookies
from yuanlu.web.parts.calls import Call, Route, allowed, answered, person_of
from yuanlu.web.parts.office import Office

PARTS_MAX = 16
EVERY_PAGES = 5
FORM_PARTS_MAX = 64
FIELDS_MAX = 2_000
"""A policy of two hundred rows, edited as a table."""
_SORTS = {Kind.KEY.value: "machine", Kind.TILL.value: "till"}
_NAMED = frozenset({"channel", "customer", "system", "operator", *_SORTS.values()})
"""Who is no person, by what pages call them."""
NOS = (Denied, Busy, msgspec.ValidationError)
"""What a form comes back with, and says why; anything else is a bug of ours."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever looks at a page. `token`: what their forms carry (see `cookies`)."""

    office: Office
    routes: Mapping[str, Route]
    key: ApiKey
    token: str
    lang: str
    cookie: bytes = b""
    query: Mapping[str, str] = field(default_factory=dict)
    place: Mapping[str, str] = field(default_factory=dict)
    part: str = ""
    """The part of the page that is asked for alone, as the script names it: `section#detail`; empty: the whole page."""
    source: str = ""
    """What asks for that part: `a`, `form`."""
    zone: tzinfo = CHINA
    """In which they read times, and write them."""
    sent: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The files that came with a form, by field; those that were not chosen are not there."""

    def may(self, verb: str) -> bool:
        """Whether they have this verb at all: what a button asks. The route asks again, and more."""
        try:
            demand(person_of(self.key), verb)
        except Denied:
            return False
        return True

    async def ask(
        self, route: str, place: Mapping[str, str] | None = None, query: Mapping[str, Any] | None = None
    ) -> Any:
        """What `GET …` of the API tells them.

        Shape: the route by its path as its table has it: `/v1/cases/{case}`.
        Raises what the route raises: Denied, msgspec.ValidationError.
        """
        return await self._called(f"GET {route}", place or {}, query or {}, {})

    async def do(
        self,
        route: str,
        place: Mapping[str, str] | None = None,
        wish: Mapping[str, Any] | None = None,
        step_up: str = "",
    ) -> Any:
        """What `POST …` of the API answers them. Raises as `ask` does."""
        return await self._called(f"POST {route}", place or {}, {}, wish or {}, step_up)

    async def hand_in(self, route: str, place: Mapping[str, str], query: Mapping[str, Any], file: bytes) -> Any:
        """What `POST …` of the API answers them whose body is a file. Raises as `ask` does."""
        return await self._called(f"POST {route}", place, query, {}, body=file)

    async def tills(self) -> Sequence[Any]:
        """The tills they may know of, with their stores: what a page offers to choose from."""
        return await self.every("/v1/tills")

    async def every(self, route: str) -> Sequence[Any]:
        """All that a list of the API has, page after page: at most 1,000."""
        found: list[Any] = []
        after: str | None = ""
        for _ in range(EVERY_PAGES):
            page = await self.ask(route, query={"limit": 200, "after": after})
            found += page.items
            after = page.next
            if after is None:
                break
        return found

    async def stores(self) -> dict[str, str]:
        """The stores those tills are in, by id, in the order of their names; one with no till is not among them."""
        named = {each.store: each.store_name for each in await self.tills()}
        return dict(sorted(named.items(), key=lambda each: each[1]))

    async def names(self, who: Iterable[str]) -> Mapping[str, str]:
        """What these are called, each `who` of facts and messages. Shape: by `who`.

        A person by their name, all others by what they are; who has no name keeps their id.
        """
        wanted = sorted({each for each in who if ids.is_id(each, Kind.STAFF)})
        found = (await self.ask("/v1/names", query={"ids": ",".join(wanted)})).names if wanted else {}
        return {each: found.get(each) or self._sort_of(each) for each in who}

    def _sort_of(self, who: str) -> str:
        named = "operator" if who.startswith("cli:") else _SORTS.get(who[:2], who)
        return words.say(f"console.who.{named}", self.lang) if named in _NAMED else who

    async def _called(
        self,
        name: str,
        place: Mapping[str, str],
        query: Mapping[str, Any],
        wish: Mapping[str, Any],
        step_up: str = "",
        body: bytes = b"",
    ) -> Any:
        route = self.routes[name]
        if not route.is_open:
            allowed(person_of(self.key), route)
        call = Call(
            self.office,
            self.key,
            msgspec.convert(wish, route.takes, strict=False),
            msgspec.convert(query, route.query, strict=False),
            place,
            body=body,
            step_up=step_up,
            cookie=self.cookie,
        )
        _, told = await answered(route, call)
        return msgspec.json.decode(told) if isinstance(told, bytes) else told


def form_of(body: bytes) -> dict[str, str]:
    """A form as it was sent. Raises msgspec.ValidationError."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, strict_parsing=bool(body))
    except ValueError as trouble:
        raise msgspec.ValidationError("this is no form") from trouble
    return dict(pairs)


def upload_of(kind: str, body: bytes) -> tuple[dict[str, str], str, bytes]:
    """A form with a file: its fields, and the file's name and bytes (empty where none was chosen).

    Shape: `kind` is the content-type it came with (RFC 7578). Raises msgspec.ValidationError.
    """
    called, options = parse_options_header(kind)
    if called != "multipart/form-data":
        raise msgspec.ValidationError("this is no form with a file")
    try:
        parts = list(
            MultipartParser(
                BytesIO(body), options.get("boundary", ""), memory_limit=len(body), spool_limit=len(body),
                part_limit=PARTS_MAX, strict=True,
            )
        )  # fmt: skip
        fields = {each.name: each.value for each in parts if each.filename is None}
    except (MultipartError, ValueError) as trouble:
        raise msgspec.ValidationError("this is no form with a file") from trouble
    file = next((each for each in parts if each.filename), None)
    return fields, file.filename if file else "", file.raw if file else b""


def form_with_files(kind: str, body: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
    """A form as it was sent, of either kind: its fields, and its files.

    Shape: `kind` is the content-type it came with. Raises msgspec.ValidationError.
    """
    if not kind.lower().startswith("multipart/"):
        return form_of(body), {}
    _, options = parse_options_header(kind)
    try:
        parts = list(
            MultipartParser(
                BytesIO(body), options.get("boundary", ""), memory_limit=len(body), spool_limit=len(body),
                part_limit=FORM_PARTS_MAX, strict=True,
            )
        )  # fmt: skip
        fields = {each.name: each.value for each in parts if each.filename is None}
    except (MultipartError, ValueError) as trouble:
        raise msgspec.ValidationError("this is no form with a file") from trouble
    return fields, {each.name: each.raw for each in parts if each.filename}


def demand_meant(form: Mapping[str, str], key: bytes, session: str) -> None:
    """A form carries the token of the session it was given to. Raises Denied: session.csrf."""
    cookies.demand_token("POST", {cookies.TOKEN_HEADER: form.get("csrf", "").encode()}, key, session)


def wish_of(form: Mapping[str, str], route: Route, **more: Any) -> dict[str, Any]:
    """Those fields of a form that a route takes; empty ones are left out. Of `amount_fen` a form has `amount`, in yuan.

    Raises msgspec.ValidationError: it is no amount.
    """
    fields: dict[str, Any] = {}
    for name in route.takes.__struct_fields__:
        text = form.get(name.removesuffix("_fen"), "").strip()
        if text:
            fields[name] = _fen(text, name) if name.endswith("_fen") else text
    return fields | more


def _fen(text: str, name: str) -> int:
    try:
        return from_yuan(text.removeprefix("¥")).amount
    except ValueError as no:
        raise msgspec.ValidationError(f"Expected yuan such as 12.80 - at `$.{name}`") from no
