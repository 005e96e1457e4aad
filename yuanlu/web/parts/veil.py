"""What of an answer whoever asked may see in full: personal fields are covered by role, in this one place.

What is not covered was read: so here it is put on record too, before the answer is given (`people.readings`).

A shape says which of its fields are personal, and of which sort (`shapes.Heard`, `Contact`, `Account`);
`people.rules.SEES` says which role sees which sort. What is never told to anybody (a card number, a payer's token) is
not held at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from functools import lru_cache
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.inspect import CollectionType, Metadata, StructType, Type, UnionType, type_info

from yuanlu.desk import Desk
from yuanlu.people.readings import noted
from yuanlu.people.rules import SEES, Role

COVER = "•••"
"""What stands where something is and is not for you. What is empty or null stays so: that there is nothing is told."""

NONE: Set[str] = frozenset()

S = TypeVar("S")


def veiled(told: S, role: Role) -> S:
    """The same answer, with what this role does not see covered."""
    if not isinstance(told, Struct):
        return told
    own, within = _personal(type(told))
    changed: dict[str, object] = {
        name: COVER for name, sort in own.items() if getattr(told, name) and role not in SEES[sort]
    }
    for name in within:
        value = getattr(told, name)
        if isinstance(value, Struct):
            changed[name] = veiled(value, role)
        elif value:
            changed[name] = [veiled(each, role) for each in value]
    return msgspec.structs.replace(told, **changed) if changed else told


def shown(told: object, role: Role) -> Iterator[tuple[str, str]]:
    """What of an answer this role sees that is personal: each field's sort and text. What is empty tells of nobody."""
    if not isinstance(told, Struct):
        return
    own, within = _personal(type(told))
    for name, sort in own.items():
        if (text := getattr(told, name)) and role in SEES[sort]:
            yield sort, text
    for name in within:
        value = getattr(told, name)
        for each in (value,) if isinstance(value, Struct) else value or ():
            yield from shown(each, role)


async def disclosed(
    desk: Desk, merchant_id: str, who: str, role: Role, told: S, about: str, said: Set[str] = NONE
) -> S:
    """The answer as this role sees it, once it is on record that they were shown what is personal in it.

    `about`: the object that was asked about, or the path of a list. `said`: what whoever calls said in this very call;
    to hear it again is no reading. Answers that are files leave facts of their own (`FileOpened`, `DataExported`).
    Raises Busy: it could not be recorded, and nothing is shown.
    """
    sorts = {sort for sort, text in shown(told, role) if text not in said}
    if sorts:
        await noted(desk, merchant_id, who, about, sorts)
    return veiled(told, role)


@lru_cache(maxsize=512)
def _personal(shape: type[Struct]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The personal fields of a shape with their sort, and those fields within which there are some."""
    own: dict[str, str] = {}
    within = []
    for each in msgspec.structs.fields(shape):
        info = type_info(each.type)
        if sort := _sort_of(info):
            own[each.name] = sort
        elif any(any(_personal(inner)) for inner in _shapes_in(info)):
            within.append(each.name)
    return own, tuple(within)


def _sort_of(info: Type) -> str:
    """Which sort of personal field this is; empty: none."""
    match info:
        case Metadata():
            return str((info.extra or {}).get("sees", ""))
        case UnionType():
            return next((sort for one in info.types if (sort := _sort_of(one))), "")
    return ""


def _shapes_in(info: Type) -> list[type[Struct]]:
    """The shapes that a field may hold: itself, one of several, or many of them."""
    match info:
        case StructType():
            return [info.cls]
        case CollectionType():
            return _shapes_in(info.item_type)
        case UnionType():
            return [inner for one in info.types for inner in _shapes_in(one)]
        case Metadata():
            return _shapes_in(info.type)
    return []
