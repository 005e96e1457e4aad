"""Routes as a table, and what happens to a call on its way: who asks, what is asked, the verb, the answer.

A `Route` says all there is to say about an endpoint; the server and the description (`openapi.py`) are made from the
same table, so neither can know one that the other does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qsl

import msgspec
import structlog
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.types import Receive
from msgspec import Struct

from yuanlu.errors import Denied
from yuanlu.ids import Kind, is_id
from yuanlu.machines.rules import verbs_of
from yuanlu.merchants.store import ApiKey
from yuanlu.people.rules import Person, Role, demand
from yuanlu.people.signing import Sure
from yuanlu.web.parts import cookies, problems, stores
from yuanlu.web.parts.answers import Told, refused
from yuanlu.web.parts.auth import Doorkeeper
from yuanlu.web.parts.limits import Limits
from yuanlu.web.parts.office import Office
from yuanlu.web.parts.shapes import Nothing
from yuanlu.web.parts.signatures import Message
from yuanlu.web.parts.veil import disclosed

PUBLIC = "public"
"""What a route may say that asks no permission of whoever has a key."""
BODY_MAX = 64 * 1024
BODY_WITHIN_SECONDS = 10.0
FILE_WITHIN_SECONDS = 120.0

STEP_UP = ("step_up.needed", "step_up.differs", "step_up.stale", "step_up.used")
"""The codes of an act that somebody must be sure of."""

NOT_ALLOWED = 403

SESSION_COOKIE, DEVICE_COOKIE = "session", "device"

W = TypeVar("W", bound=Struct)

log = structlog.get_logger(__name__)

Answer = tuple[int, object]
"""A status and what is told: a Struct, bytes that are already JSON, or an answer that is complete."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call, read and known to be allowed."""

    office: Office
    key: ApiKey
    wish: Any
    query: Any
    place: Mapping[str, str]
    body: bytes = b""
    """What a route that takes a file was sent, as it came."""
    step_up: str = ""
    """The step-up whoever calls names, in a header of that name."""
    cookie: bytes = b""
    """The cookies of whoever calls, as they came."""

    @property
    def merchant_id(self) -> str:
        return self.key.merchant_id

    @property
    def who(self) -> str:
        return self.key.actor

    @property
    def role(self) -> str:
        return self.key.role

    @property
    def by(self) -> Person:
        """Who calls, as rules see them."""
        return person_of(self.key)

    @property
    def sure(self) -> Sure:
        """Who calls, and the step-up they name."""
        return Sure(self.who, self.step_up, bool(self.office.settings.step_up_always))

    def id(self, kind: Kind) -> str:
        """The id in the path. One that cannot be is unknown, like one that is not there.

        Raises Denied: payment.unknown, refund.unknown, case.unknown, file.unknown.
        """
        name = kind.name.lower()
        text = self.place[name]
        if not is_id(text, kind):
            raise Denied(f"{name}.unknown")
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An endpoint of the API: what it takes, gives, and which codes its no may have."""

    method: Literal["GET", "POST"]
    path: str
    verb: Callable[[Call], Awaitable[Answer]]
    may: str
    """What whoever calls must be allowed: a verb of the table in `people.rules`, or `PUBLIC` (by this name alone)."""
    says: str
    gives: type[Struct]
    takes: type[Struct] = Nothing
    query: type[Struct] = Nothing
    statuses: tuple[int, ...] = (200,)
    denied: tuple[str, ...] = ()
    is_open: bool = False
    """Whether it is asked without a key: what is asked proves itself."""
    example: Mapping[str, object] = field(default_factory=dict)
    takes_kinds: tuple[str, ...] = ()
    """Kinds of file the body may be: it is then no JSON, has the limit of files, and reaches the verb as it came."""
    gives_kinds: tuple[str, ...] = ()
    """Kinds of file the answer may be, where it is no JSON."""


NOBODY = ApiKey("", "", "nobody")


def person_of(key: ApiKey) -> Person:
    """Whom a key acts for, as rules see them."""
    return Person(key.actor, Role(key.role), key.store_id, verbs_of(key.scopes))


def allowed(by: Person, route: Route) -> None:
    """Let somebody ask this, or say no: the one place where a role and a key's scopes meet a route.

    Which store, whose request and how much it is about, the verb asks once it knows.
    Raises Denied: staff.not_allowed, key.out_of_scope.
    """
    if route.may != PUBLIC:
        demand(by, route.may)


async def answered(route: Route, call: Call) -> Answer:
    """What a route's verb answers whoever calls, as they may see it and once it is on record that they do.

    Raises Denied: see `_verb_answer`.
    """
    status, told = await _answer(route, call)
    if not isinstance(told, Struct):
        return status, told
    about = next(iter(call.place.values()), route.path)
    fields = (each for part in (call.wish, call.query) for each in stores.fields(part).values())
    said = frozenset(each for each in fields if isinstance(each, str))
    return status, await disclosed(call.office.desk, call.merchant_id, call.who, call.by.role, told, about, said)


async def _answer(route: Route, call: Call) -> Answer:
    """What a route's verb answers whoever calls. To somebody of one store, nothing of another store is there.

    What is not of theirs is asked about under ids that nothing has: so the answer is that to an unknown id, whatever
    the verb looks at first, and no verb needs to know of stores.
    Raises Denied: staff.other_store where the wish itself is for another store, or for all; and what the verb raises.
    """
    if not call.by.store_id:
        return await route.verb(call)
    stores.demand(call.by, call.wish)
    desk, parts = call.office.desk, (call.place, stores.fields(call.wish), stores.fields(call.query))
    hidden = await stores.hidden(desk, call.merchant_id, call.by, parts)
    if not hidden:
        return await route.verb(call)
    place, wish, query = (stores.swapped(part, hidden) for part in parts)
    call = replace(
        call,
        place={**call.place, **place},
        wish=msgspec.structs.replace(call.wish, **wish),
        query=msgspec.structs.replace(call.query, **query),
    )
    try:
        return await route.verb(call)
    except Denied as no:
        asked_for = {stand_in: text for text, stand_in in hidden.items()}
        raise Denied(no.code, **{**no.facts, **stores.swapped(no.facts, asked_for)}) from no


def handler_of(route: Route, office: Office, door: Doorkeeper, limits: Limits) -> HTTPRouteHandler:
    """What the server runs for a route."""
    decoder = msgspec.json.Decoder(route.takes)
    encoder = msgspec.json.Encoder()
    takes_body = route.method == "POST" and not route.takes_kinds

    async def run(request: Request[Any, Any, Any]) -> Told:
        scope = request.scope
        scope["state"]["route"] = route.path
        headers = dict(scope["headers"])
        try:
            key, signed = NOBODY, None
            if not route.is_open:
                key = await _known(door, route.method, headers)
                signed = door.signed(key, message_of(scope))
                limits.act(scope["state"], key, request.path_params)
                allowed(person_of(key), route)
            query = asked(scope["query_string"], route.query)
            wish: Struct = Nothing()
            body = b""
            if takes_body:
                body = await body_of(request.receive, headers, BODY_MAX, BODY_WITHIN_SECONDS)
            if not route.takes_kinds:
                await door.admit(key, signed, body)
            if takes_body and (body or route.takes is not Nothing):
                _demand_json(headers)
                wish = decoder.decode(body)
            if not route.is_open:
                limits.use(key, getattr(wish, "till", ""))
            step_up = headers.get(b"step-up", b"").decode("latin-1")[:64]
            call = Call(office, key, wish, query, request.path_params, b"", step_up, headers.get(b"cookie", b""))
            if route.takes_kinds:
                async with office.files.handing_in():
                    body = await file_of(request.receive, headers, office.files.limits.bytes_max)
                    await door.admit(key, signed, body)
                    status, told = await answered(route, replace(call, body=body))
            else:
                status, told = await answered(route, call)
        except Exception as error:  # every caller gets an answer; what is our bug is logged and told as such
            problem = problems.of_error(error)
            if (
                problem.status == NOT_ALLOWED
            ):  # no fact: nothing was decided, and who is refused must not fill the books
                log.warning(
                    "call.not_allowed", code=problem.code, merchant=key.merchant_id, who=key.actor,
                    method=route.method, route=route.path,
                )  # fmt: skip
            return refused(problem, scope["state"].get("request_id", ""), headers)
        if isinstance(told, Told):
            return told
        return Told(told if isinstance(told, bytes) else encoder.encode(told), status)

    run.__name__ = f"{route.method.lower()} {route.path}"
    return HTTPRouteHandler(
        _litestar_path(route.path), http_method=route.method, status_code=route.statuses[0], include_in_schema=False
    )(run)


async def _known(door: Doorkeeper, method: str, headers: Mapping[bytes, bytes]) -> ApiKey:
    """Whose call this is: by what it says itself, or by the cookie of a session, and then it says that it is meant.

    Raises Denied: auth.key_missing, auth.key_invalid, session.csrf.
    """
    said = headers.get(b"authorization", b"").decode("latin-1")
    session = "" if said else cookies.read(headers.get(b"cookie", b""), SESSION_COOKIE)
    if not session:
        return await door.who(said)
    key = await door.who(f"Bearer {session}")
    cookies.demand_token(method, headers, door.csrf_key, session)
    return key


def message_of(scope: Any) -> Message:
    """A request as it stands on the wire."""
    return Message(scope["method"], scope["raw_path"].partition(b"?")[0], scope["query_string"], scope["headers"])


def _litestar_path(path: str) -> str:
    """`/v1/payments/{payment}` as Litestar writes it."""
    return path.replace("}", ":str}")


def asked(query_string: bytes, query: type[W]) -> W:
    """The query of a call as its Struct: each name once, none unknown.

    Raises msgspec.ValidationError.
    """
    if not query_string and query is Nothing:
        return query()
    try:
        pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=32)
    except ValueError as trouble:
        raise msgspec.ValidationError("the query has too many parts") from trouble
    given = dict(pairs)
    if len(given) < len(pairs):
        raise msgspec.ValidationError("a name of the query stands there twice")
    return msgspec.convert(given, query, strict=False)


async def body_of(
    receive: Receive,
    headers: Mapping[bytes, bytes],
    bytes_max: int,
    within_seconds: float,
) -> bytes:
    """The whole body, if it is not too large and not too slow.

    Raises Denied: request.too_large, request.too_slow.
    """
    said = headers.get(b"content-length", b"0")
    if not said.isdigit() or int(said[:12]) > bytes_max:
        raise Denied("request.too_large", limit_bytes=bytes_max)
    if said == b"0" and b"transfer-encoding" not in headers:
        return b""
    pieces = bytearray()
    try:
        async with asyncio.timeout(within_seconds):
            while True:
                message: Any = await receive()
                if message["type"] == "http.disconnect":
                    raise Denied("request.malformed")
                pieces += message.get("body", b"")
                if len(pieces) > bytes_max:
                    raise Denied("request.too_large", limit_bytes=bytes_max)
                if not message.get("more_body"):
                    return bytes(pieces)
    except TimeoutError:
        raise Denied("request.too_slow", seconds=int(within_seconds)) from None


async def file_of(receive: Receive, headers: Mapping[bytes, bytes], bytes_max: int) -> bytes:
    """The body of a call that hands a file in.

    Raises Denied: file.too_large, request.too_slow.
    """
    try:
        return await body_of(receive, headers, bytes_max, FILE_WITHIN_SECONDS)
    except Denied as no:
        if no.code == "request.too_large":
            raise Denied("file.too_large", limit_bytes=bytes_max) from no
        raise


def _demand_json(headers: Mapping[bytes, bytes]) -> None:
    """Raises Denied: request.wrong_type."""
    kind, _, rest = headers.get(b"content-type", b"").lower().partition(b";")
    charset = rest.strip()
    if kind.strip() != b"application/json" or charset not in (b"", b"charset=utf-8", b'charset="utf-8"'):
        raise Denied("request.wrong_type")
