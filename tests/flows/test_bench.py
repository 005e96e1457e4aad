"""Every bench runs, at a size at which its figures say nothing: what is measured, not how fast."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator

import pytest

from yuanlu import bench
from yuanlu.bench import ground, table
from yuanlu.bench.guards import PLANTED
from yuanlu.bench.measure import Figure, Size, percentile
from yuanlu.errors import Denied
from yuanlu.postgres import Server

TINY = Size(
    rounds=1,
    callers=4,
    changes=512,
    turns=1,
    fresh=512,
    held=10,
    alone=3,
    payments=6,
    reads=40,
    few=4,
    many=8,
    starts=1,
    growth=(10, 20),
    cases=(130, 260),
    pages=2,
    due=5,
    opened=2,
    files=2,
    sales=1_000,
    reported=400,
    scans=2,
    taken=4,
    statement_rows=2_000,
)

SEARCHES = (
    *("newest", "number", "prefix", "channel_number", "amount", "range", "time", "tail", "cashier", "till", "store"),
    *("channel", "state", "nothing", "tail_and_year", "all"),
)
GIVES = {
    "record": {"record"},
    "record_single": {"record_single"},
    "record_objections": {"record_objections"},
    "record_one_merchant": {"record_one_merchant"},
    "record_alone": {"record_alone"},
    "read": {"read"},
    "payment": {"payment", "payment_worker", "payment_postgres", "payment_sim", "payment_rate"},
    "serve_start": {"serve_start", "serve_start_embedded"},
    "serve_memory": {"serve_memory"},
    "jobs": {"jobs", "jobs_memory"},
    "growth": {"growth_10", "growth_10_decide", "growth_20", "growth_20_decide"},
    "queue": {f"queue_260_{page}" for page in ("first", "middle", "state", "store", "store_state", "mine")},
    "sweep": {"sweep_260"},
    "console": {
        "console_260_review_list",
        "console_260_review_page",
        *(f"console_{number}_{name}" for number in (10, 20) for name in SEARCHES),
    },
    "case": {"case", "case_batches", "case_queries", "case_selects"},
    "pack": {"pack", "pack_verify"},
    "policy": {"policy"},
    "guards": {
        "guards",
        "guards_in_vain",
        "guards_in_vain_big",
        "guards_in_vain_twice",
        *(f"guards_{kind}" for kind in PLANTED),
        "guards_pad_in_vain",
        "guards_pad_in_vain_twice",
        *(f"guards_pad_{kind}" for kind in PLANTED if kind != "price"),
    },
    "reports": {f"reports_{name}" for name in ("refund_rate", "time_back", "causes", "mistakes", "guards", "change")},
    "auth": {"auth", "auth_till", "auth_nonce"},
    "seal": {"seal", "seal_open"},
    "till": {"till_usable", "till_scan", "till_frame"},
    "till_day": {"till_day"},
    "portal": {"portal_usable"},
    "statement_read": {"statement_read", "statement_read_gbk", "statement_read_counted", "statement_read_gbk_counted"},
}


@pytest.fixture(scope="module")
async def own_server() -> AsyncIterator[Server]:
    async with ground.server() as running:
        yield running


@pytest.mark.parametrize("name", list(bench.BENCHES))
async def test_a_bench_gives_its_figures(name: str, own_server: Server) -> None:
    if name in ("till", "till_day", "portal") and shutil.which("chromium") is None:
        pytest.skip("Debian's package `chromium` is not installed")
    figures = await bench.bench(name)(own_server, TINY)
    assert {figure.name for figure in figures} == GIVES[name]
    assert all(figure.value > 0 or figure.unit == "% stopped" for figure in figures)  # a pad sees no swapped digits
    assert all(figure.unit for figure in figures)
    assert all((figure.floor is None) == (figure.ratio is None) for figure in figures)


def test_a_bench_that_is_none_is_refused_before_anything_starts() -> None:
    with pytest.raises(Denied, match=r"bench\.unknown"):
        bench.run(["record", "recrod"], as_json=True)


def test_figures_are_a_list_of_objects_with_every_name(capsys: pytest.CaptureFixture[str]) -> None:
    table.show([Figure(name="x", value=1234.5678, unit="y/s", floor=2.0, ratio=617.28)], as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "x", "value": 1235.0, "unit": "y/s", "floor": 2.0, "ratio": 617.3,
            "cpu_us": None, "p50_ms": None, "p99_ms": None, "peak_mb": None,
        }
    ]  # fmt: skip


def test_figures_are_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    table.show([Figure(name="x", value=1234567.8, unit="y/s", p50_ms=0.25)], as_json=False)
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "value", "unit", "floor", "ratio", "cpu_us", "p50_ms", "p99_ms", "peak_mb"]
    assert line.split() == ["x", "1,235,000", "y/s", "0.25"]


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert [percentile([3.0, 1.0, 2.0], part) for part in (0, 0.5, 0.99, 1)] == [1.0, 2.0, 3.0, 3.0]
