"""The served description against the service: whatever it allows is taken, whatever it forbids is refused, and no
call, good or bad, ever makes the service fail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from schemathesis.checks import CheckFunction
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web.conftest import Shop

CHECKS: list[CheckFunction] = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
BOUNDED = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.quiet,
)


def _only_its_key_is_bad(case: Any) -> bool:
    """Whether nothing of a bad call is bad but its key, which is replaced by a good one here: it is a good call."""
    bad = {place.value for place, part in case.meta.components.items() if part.mode is GenerationMode.NEGATIVE}
    return bad == {"header"}


def _tried(schema: Any, mode: GenerationMode, key: str, checks: list[CheckFunction]) -> int:
    """Call every operation with data made by its description; answers how many calls there were."""
    calls = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @BOUNDED
        @given(case=operation.as_strategy(generation_mode=mode))
        def each(case: Any) -> None:
            nonlocal calls
            if _only_its_key_is_bad(case):
                return
            calls += 1
            answer = case.call(headers={"Authorization": f"Bearer {key}"}, timeout=20)
            refused = answer.status_code in (
                413,
                414,
                431,
            )  # too large is a refusal too, though schemathesis does not list it
            case.validate_response(answer, checks=CHECKS if refused else checks)

        each()
    return calls


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_the_service_is_as_it_is_described(bare_shop: Shop, mode: GenerationMode) -> None:
    """S98."""
    before = await bare_shop.counts()
    told = (await bare_shop.get("/v1/openapi.json")).told
    schema = schemathesis.openapi.from_dict(told)
    schema.config.update(base_url=bare_shop.base_url)
    checks = [*CHECKS, negative_data_rejection] if mode is GenerationMode.NEGATIVE else CHECKS
    calls = await asyncio.to_thread(_tried, schema, mode, bare_shop.keys["cashier"], checks)
    assert calls > 100
    if mode is GenerationMode.NEGATIVE:
        assert await bare_shop.counts() == before
