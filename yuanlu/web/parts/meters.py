"""What Prometheus reads: calls, payments, refunds, the channels, the recorder, the jobs.

Labels are bounded: routes are templates, states, facts, words and operations are ours. Nothing is labelled with an id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncpg
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from yuanlu.change import Change, Row
from yuanlu.channels.contract import ComplaintStep, Handed, Heard, Outcome, StatementStep, Step
from yuanlu.payments.rules import OPEN, Payment
from yuanlu.refunds.rules import Refund
from yuanlu.web.parts.office import Office

JOBS_COUNTED_MAX = 10_000
SCRAPE_WITHIN_SECONDS = 3.0
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
_DUE = """
  select count(*) as many, extract(epoch from $1 - min(run_at)) as lag from (
    select run_at from jobs where run_at <= $1 order by run_at limit $2
  ) due
"""
ENDING_WITHIN = timedelta(days=31)
_ENDING = "select kind, min(ends_at) as ends_at from keyring where ends_at < $1 group by kind"

log = structlog.get_logger(__name__)


class Meters:
    """The meters of one process, in a registry of their own."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self.registry = CollectorRegistry()
        make: dict[str, Any] = {"registry": self.registry}
        self._requests = Histogram(
            "yuanlu_request_seconds",
            "Calls by route and status.",
            ["method", "route", "status"],
            buckets=_SECONDS,
            **make,
        )
        self._payments = Counter("yuanlu_payments_ended", "Payments by end.", ["channel", "state"], **make)
        self._refunds = Counter("yuanlu_refunds_turned", "Refunds by state reached.", ["channel", "state"], **make)
        self._facts = Counter("yuanlu_facts", "Facts recorded by kind.", ["kind"], **make)
        self._calls = Histogram(
            "yuanlu_channel_call_seconds",
            "Steps taken outside, by what was heard.",
            ["channel", "operation", "word"],
            buckets=_SECONDS,
            **make,
        )
        self._in_flight = Gauge("yuanlu_requests_in_flight", "Calls being served.", **make)
        self._jobs_due = Gauge("yuanlu_jobs_due", f"Jobs that are due, counted up to {JOBS_COUNTED_MAX}.", **make)
        self._jobs_lag = Gauge("yuanlu_jobs_oldest_lag_seconds", "How long the oldest due job has waited.", **make)
        self._ends = Gauge("yuanlu_secret_ends_seconds", "Until the first secret of a kind ends.", ["kind"], **make)
        recorder = office.recorder
        for name, says, of in (
            ("yuanlu_recorder_batches_total", "Batches recorded.", lambda: recorder.batches),
            ("yuanlu_recorder_changes_total", "Changes recorded.", lambda: recorder.recorded),
            ("yuanlu_recorder_waiting", "Changes that wait to be recorded.", lambda: recorder.waiting),
            ("yuanlu_reader_waiting", "Keyed reads that wait.", lambda: office.reader.waiting),
        ):
            Gauge(name, says, **make).set_function(of)
        self._kept: dict[tuple[str, ...], Any] = {}

    def _child(self, of: Counter | Histogram, *labels: str) -> Any:
        """A labelled meter, kept: looking it up anew costs more than counting."""
        key = (of._name, *labels)
        child = self._kept.get(key)
        if child is None:
            child = self._kept[key] = of.labels(*labels)
        return child

    def served(self, method: str, route: str, status: int, seconds: float) -> None:
        """A call was answered."""
        self._child(self._requests, method, route, str(status)).observe(seconds)

    def recorded(self, change: Change[Row]) -> None:
        """A change was recorded."""
        row = change.row
        for fact in change.facts:
            self._child(self._facts, fact.kind).inc()
        if not change.facts:
            return
        if isinstance(row, Payment) and row.state not in OPEN:
            self._child(self._payments, row.channel.value, row.state.value).inc()
        elif isinstance(row, Refund):
            self._child(self._refunds, row.channel.value, row.state.value).inc()

    def asked(
        self, step: Step | ComplaintStep | StatementStep, outcome: Outcome | Heard | Handed, seconds: float
    ) -> None:
        """A step was taken outside."""
        self._child(self._calls, step.channel.value, step.operation.value, outcome.word.value).observe(seconds)

    async def page(self, in_flight: int) -> bytes:
        """What Prometheus reads."""
        self._in_flight.set(in_flight)
        try:
            async with asyncio.timeout(SCRAPE_WITHIN_SECONDS):
                now, pool = self._office.clock.now(), self._office.pools.recorder
                row = await pool.fetchrow(_DUE, now, JOBS_COUNTED_MAX)
                ending = await pool.fetch(_ENDING, now + ENDING_WITHIN)
            self._ends.clear()
            for each in ending:
                self._ends.labels(each["kind"]).set((each["ends_at"] - now).total_seconds())
            self._jobs_due.set(row["many"])
            self._jobs_lag.set(row["lag"] or 0)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as trouble:
            log.warning("meters.jobs_uncounted", error=repr(trouble))
        page: Callable[[CollectorRegistry], bytes] = generate_latest
        return page(self.registry)
