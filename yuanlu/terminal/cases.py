"""The verbs of cases at a terminal: what the API does, then standing by, on the case as it stands if nobody says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from yuanlu import ids
from yuanlu.cases import rules
from yuanlu.cases.rules import CaseSeen
from yuanlu.ids import Kind
from yuanlu.terminal.asking import ask
from yuanlu.terminal.verbs import Counter, case_of
from yuanlu.web.api.cases import ROUTES
from yuanlu.web.parts.shapes import CaseTold, case_told

CASE = "/v1/cases/{case}"


async def opened(counter: Counter, key_file: Path | None, wish: Mapping[str, object]) -> CaseTold:
    """Report a mistaken scan and stand by until it is put right or a person must look.

    Raises Denied: id.invalid; see `cases.flow.request` and `asking.ask`.
    """
    ids.checked(str(wish["payment"]), Kind.PAYMENT)
    case: CaseTold = await ask(counter, ROUTES, "POST /v1/cases", key_file=key_file, makes=Kind.CASE, wish=wish)

    return msgspec.structs.replace(await _followed(counter, case.id), said=case.said, masked=case.masked)


async def _followed(counter: Counter, case_id: str) -> CaseTold:
    async def see() -> CaseSeen:
        return await case_of(counter, case_id)

    seen = await counter.stand_by(see, _objects, _rests)
    assert seen.case is not None
    return case_told(seen.case)


def _objects(seen: CaseSeen) -> Sequence[str]:
    assert seen.case is not None
    return tuple(each for each in (seen.case.id, seen.case.payment_id, seen.case.refund_id) if each)


def _rests(seen: CaseSeen) -> bool:
    assert seen.case is not None
    return seen.case.state not in rules.DRIVEN


async def act(counter: Counter, verb: str, case_id: str, key_file: Path | None, wish: Mapping[str, object]) -> CaseTold:
    """Do something with a case as whoever acts here, on the version they saw (None: as it stands now).

    What is decided so that it can be carried out, is carried out as far as it goes at once.

    Raises Denied: see `asking.ask`.
    """
    if "version" in wish and wish["version"] is None:
        seen: CaseTold = await ask(counter, ROUTES, f"GET {CASE}", key_file=key_file, case=case_id)
        wish = {**wish, "version": seen.version}
    makes = Kind.EVIDENCE if "id" in wish else None
    told: CaseTold = await ask(
        counter, ROUTES, f"POST {CASE}/{verb}", key_file=key_file, makes=makes, wish=wish, case=case_id
    )
    if told.state not in rules.DRIVEN:
        return told
    return msgspec.structs.replace(await _followed(counter, case_id), masked=told.masked)


async def shown(counter: Counter, case_id: str, key_file: Path | None) -> dict[str, Any]:
    """A case, with its thread as whoever acts here may see it.

    Raises Denied: see `asking.ask`.
    """
    case = await ask(counter, ROUTES, f"GET {CASE}", key_file=key_file, case=case_id)
    return {"case": case, "thread": await ask(counter, ROUTES, f"GET {CASE}/thread", key_file=key_file, case=case_id)}
