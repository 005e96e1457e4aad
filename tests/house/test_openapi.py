"""The description of the API in the docs is the one that is served."""

from __future__ import annotations

from pathlib import Path

from yuanlu.web.server import described

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/openapi.json"


def test_the_description_in_the_docs_is_the_one_that_is_served() -> None:
    """S98."""
    assert PAGE.read_bytes() == described() + b"\n", "python -m yuanlu.web.server > docs/reference/openapi.json"
