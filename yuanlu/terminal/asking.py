"""What the API may be asked, asked at a terminal: the same shapes, the same verb, the same answer, in this process.

There is one way from a wish to a verb, `yuanlu.web.api`: a call over HTTP and a command come to it by two doors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from yuanlu import ids
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.merchants.store import ApiKey
from yuanlu.people.rules import Role
from yuanlu.terminal.verbs import Counter, who
from yuanlu.web.parts import problems
from yuanlu.web.parts.calls import Call, Route, allowed, answered

_OPTIONS = {"words": "say", "text": "say", "account_number": "number", "state": "in", "types": "type"}
"""What a field is called here, where its option has another name."""


async def ask(
    counter: Counter,
    routes: Sequence[Route],
    what: str,
    *,
    key_file: Path | None = None,
    step_up: str = "",
    makes: Kind | None = None,
    wish: Mapping[str, object] = {},
    query: Mapping[str, object] = {},
    body: bytes = b"",
    **place: str,
) -> Any:
    """Ask what the API is asked, as whoever's key the file holds, and answer what it tells.

    Shape: `what` is a method and a path of `routes`; `wish` is the body, `query` and `place` (the ids in the path) as
    over HTTP. What is None is not said, unless it must be. `makes`: of this kind is what the wish is about, and its id
    is made here where the wish has none. `body`: the file, where the route takes one.
    Raises Denied: id.invalid, request.invalid, key.file_unreadable, key.file_needed, auth.key_invalid, and what the
    verb raises.
    """
    route = next(each for each in routes if f"{each.method} {each.path}" == what)
    for name, text in place.items():
        ids.checked(text, *([Kind[name.upper()]] if name.upper() in Kind.__members__ else Kind))
    if makes is not None:
        wish = {**wish, "id": ids.checked(str(wish.get("id") or ids.new(makes)), makes)}
    call = Call(
        counter.app,
        await key_of(counter, key_file),
        _shaped(route.takes, wish),
        _shaped(route.query, query),
        place,
        body,
        step_up=step_up,
    )
    try:
        allowed(call.by, route)
        _, told = await answered(route, call)
    except Denied as no:
        if no.code == "staff.not_allowed" and key_file is None:
            raise Denied("key.file_needed") from no
        raise
    except msgspec.ValidationError as wrong:
        raise _invalid(wrong) from wrong
    return told


def _shaped(shape: type[msgspec.Struct], given: Mapping[str, object]) -> msgspec.Struct:
    """What is asked, in its shape.

    Raises Denied: request.invalid.
    """
    must = {each.name for each in msgspec.structs.fields(shape) if each.required}
    said = {name: value for name, value in given.items() if value is not None or name in must}
    try:
        return msgspec.convert(said, shape)
    except msgspec.ValidationError as wrong:
        raise _invalid(wrong) from wrong


def _invalid(wrong: msgspec.ValidationError) -> Denied:
    """The API's no, about the option that the field is called here."""
    problem = problems.of_error(wrong)
    name = str(problem.facts["where"]).rpartition(".")[2].partition("[")[0]
    option = "--" + _OPTIONS.get(name, name).replace("_", "-")
    return Denied(problem.code, where=option, because=problem.facts["because"])


async def key_of(counter: Counter, key_file: Path | None) -> ApiKey:
    """The key in the file; without one, that of the person logged in at this machine, who runs it.

    A till's key signs what it asks, which nobody does here. Raises Denied: key.file_unreadable, auth.key_invalid,
    signature.missing.
    """
    if key_file is None:
        return ApiKey(counter.merchant_id, "", who(), Role.OPERATOR.value)
    key = await counter.app.desk.see(merchants.key_by_secret(_key_in(key_file)))
    if key is None or key.merchant_id != counter.merchant_id or not key.counts(counter.app.clock.now()):
        raise Denied("auth.key_invalid")
    if key.till_id:
        raise Denied("signature.missing")
    return key


def _key_in(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as wrong:
        raise Denied("key.file_unreadable", file=str(file)) from wrong
