"""Runs jobs: lease, call the verb, forget. A job may run twice, since every verb may."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import structlog

from yuanlu import jobs
from yuanlu.app import CONTRADICTED, FILE_TAKEN, OUTSIDE_REFUND, App
from yuanlu.applications import flow as applications
from yuanlu.applications.rules import DRIVE as APPLICATION_DRIVE
from yuanlu.applications.rules import TELL as APPLICATION_TELL
from yuanlu.applications.rules import Application
from yuanlu.audit import flow as audit
from yuanlu.cases import beside, doubles, handovers, tracing
from yuanlu.cases import complaints as complained
from yuanlu.cases import flow as cases
from yuanlu.cases.clockwork import CLOCK
from yuanlu.cases.rules import LATE_PAID, What
from yuanlu.complaints import flow as complaints
from yuanlu.complaints.answers import ANSWER
from yuanlu.complaints.rules import PULL, WATCH, WATCH_WAKE
from yuanlu.config import Settings
from yuanlu.desk import Desk
from yuanlu.errors import Busy, Denied
from yuanlu.evidence import keeping
from yuanlu.evidence.flow import Files
from yuanlu.keyring import flow as keyring
from yuanlu.keyring import store as keyring_store
from yuanlu.keyring.files import OpenFile
from yuanlu.keyring.rules import Found
from yuanlu.ledger.days import add_up
from yuanlu.losses import flow as losses
from yuanlu.losses.floats import FLOAT_WAKE
from yuanlu.mailing import flow as mailing
from yuanlu.mailing.rules import DRIVE as MAILING_DRIVE
from yuanlu.notify import flow as notify
from yuanlu.notify import rules as notices
from yuanlu.packs import signer
from yuanlu.payments import flow as payments
from yuanlu.receipts import flow as receipts
from yuanlu.receipts.rules import DRIVE as PRINT_DRIVE
from yuanlu.refunds import flow as refunds
from yuanlu.repayments import flow as repayments
from yuanlu.statements import flow as statements
from yuanlu.statements.rules import DRIVE as STATEMENT_DRIVE
from yuanlu.statements.rules import WANT as STATEMENT_WANT

IDLE_SECONDS = 0.2
RENEW_SECONDS = 20.0
CHAIN_SECONDS = 5.0
MONTHS_AHEAD = 3
"""Months of the append-only tables that have their partition before they begin."""

Verb = Callable[[Desk, str, str], Awaitable[Any]]

VERBS: Mapping[str, Verb] = {
    "payments.drive": payments.drive,
    "refunds.drive": refunds.drive,
    "cases.drive": cases.drive,
    "cases.drive.wake": cases.drive,
    CLOCK: cases.tick,
    "repayments.drive": repayments.drive,
    FLOAT_WAKE: losses.watch,
    FILE_TAKEN: cases.file_taken,
    PULL: complaints.pull,
    WATCH: complaints.drive,
    WATCH_WAKE: complaints.drive,
    ANSWER: complaints.answer,
    complained.WAKE: complained.join,
    beside.WAKE: beside.find,
    handovers.WAKE: tracing.drive,
    handovers.CASE_WAKE: tracing.learn_case,
    doubles.WAKE: beside.look_twice,
    LATE_PAID: lambda desk, merchant_id, payment_id: cases.request_itself(
        desk, merchant_id, payment_id, What.LATE_PAID
    ),
    CONTRADICTED: lambda desk, merchant_id, payment_id: cases.request_itself(
        desk, merchant_id, payment_id, What.CONTRADICTED
    ),
    OUTSIDE_REFUND: lambda desk, merchant_id, payment_id: cases.request_itself(
        desk, merchant_id, payment_id, What.OUTSIDE_REFUND
    ),
    PRINT_DRIVE: receipts.drive,
    MAILING_DRIVE: mailing.drive,
    APPLICATION_TELL: applications.tell,
    notices.WAKE: notify.wake,
    notices.SEND: notify.send,
    notices.REPLAY: notify.go_on_replaying,
}
"""Every job about one object, but for `WITH_FILES`: its name and the verb it calls with (desk, merchant, object)."""

WITH_FILES: Mapping[str, Callable[[Desk, Files, str, str], Awaitable[Any]]] = {
    complained.IMAGE_WAKE: complained.hand_in,
    STATEMENT_DRIVE: statements.drive,
}
"""Jobs whose verb works with files beside the desk."""


async def _open_merchant(app: App, merchant_id: str, application_id: str) -> Application:
    return await applications.drive(app.desk, app.pools.recorder, merchant_id, application_id)


WITH_APP: Mapping[str, Callable[[App, str, str], Awaitable[Any]]] = {APPLICATION_DRIVE: _open_merchant}
"""Jobs whose verb makes what no Change makes: a merchant."""


async def _keep_sweep(app: App, merchant_id: str) -> int:
    return await keeping.sweep(app.desk, app.files, app.seal, app.pools.reader, merchant_id)


async def _files_sweep(app: App, merchant_id: str) -> int:
    return await keeping.sweep_files(app.desk, app.files, app.pools.reader, merchant_id, datetime.now(UTC))


async def _keyring_look(app: App, merchant_id: str) -> int:
    return len(await keyring.look(app.desk, merchant_id, "system", app.pools.reader))


async def _days_sweep(app: App, merchant_id: str) -> int:
    return await add_up(app.pools.recorder, merchant_id)


async def _statements_want(app: App, merchant_id: str) -> int:
    return await statements.want_daily(app.desk, merchant_id)


def own_certificates(settings: Settings) -> Sequence[Found]:
    """The installation's own certificates: of no merchant."""
    found = []
    if settings.tls_cert_file:
        found.append(keyring_store.certificate("YUANLU_TLS_CERT_FILE", Path(settings.tls_cert_file)))
    if (pack := signer.certificate_path(settings)) is not None:
        found.append(keyring_store.certificate("YUANLU_PACK_CERT_FILE", pack))
    return found


async def look_at_keys(settings: Settings, pool: asyncpg.Pool[Any], at: datetime) -> Sequence[OpenFile]:
    """Warn in the log of key files that others may read, and of own certificates that end; answers the files.

    Raises Busy while the database is away.
    """
    found = await keyring.open_files(settings, pool)
    keyring.warn_of_ends(await asyncio.to_thread(own_certificates, settings), at)
    return found


SWEEPS: Mapping[str, Callable[[App, str], Awaitable[Any]]] = {
    "keep.sweep.wake": _keep_sweep,
    "files.sweep.wake": _files_sweep,
    "keyring.look.wake": _keyring_look,
    "books.days.wake": _days_sweep,
    STATEMENT_WANT: _statements_want,
}
"""Jobs about a merchant and not one object: once a day the worker leaves one of each for every merchant."""

_LEAVE_SWEEPS = """
insert into jobs (merchant_id, name, object_id, run_at)
  select m.merchant_id, u.name, m.merchant_id, $2 from merchants m, unnest($1::text[]) u (name)
on conflict do nothing
"""

log = structlog.get_logger(__name__)


class Worker:
    """A loop over `jobs`. It holds no more jobs than it runs at once, however many are due."""

    def __init__(self, app: App, *, concurrency: int | None = None) -> None:
        self.app = app
        self._free = concurrency or app.settings.worker_concurrency
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._freed = asyncio.Event()
        self._months_kept_on: date | None = None

    async def run(self) -> None:
        """Work until `stop`; then finish what runs."""
        chaining = asyncio.create_task(self._chain(), name="audit chain")
        try:
            await self._work()
        finally:
            chaining.cancel()
            await asyncio.gather(chaining, return_exceptions=True)

    async def _work(self) -> None:
        while not self._stopping.is_set():
            await self._keep_months()
            if not await self._fill():
                self._freed.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_SECONDS):
                        await self._freed.wait()
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)

    def stop(self) -> None:
        """End the loop once what runs has ended."""
        self._stopping.set()
        self._freed.set()

    async def once(self) -> int:
        """Run what is due now to its end; answers how many jobs ran. For tests and drills."""
        ran = 0
        while found := await jobs.lease(self.app.pools.recorder, self.app.clock.now(), self._free):
            await asyncio.gather(*(self._one(job) for job in found))
            ran += len(found)
        return ran

    async def once_for(self, merchant_id: str, objects: Sequence[str]) -> int:
        """Run what is due now of some objects to its end; answers how many jobs ran. For whoever waits for them."""
        ran = 0
        pool, clock = self.app.pools.recorder, self.app.clock
        while found := await jobs.lease_of(pool, clock.now(), self._free, merchant_id, objects):
            await asyncio.gather(*(self._one(job) for job in found))
            ran += len(found)
        return ran

    async def _keep_months(self) -> None:
        """Once a day, make the coming months' partitions, leave the sweeps, and write the anchors down.

        Rows without a partition fall into the default: nothing is lost.
        """
        today = self.app.clock.now().date()
        if self._months_kept_on == today:
            return
        self._months_kept_on = today
        try:
            await self.app.pools.recorder.execute("select yuanlu_months_ahead($1, $2)", today, MONTHS_AHEAD)
            await self.app.pools.recorder.execute(_LEAVE_SWEEPS, sorted(SWEEPS), self.app.clock.now())
            await look_at_keys(self.app.settings, self.app.pools.recorder, self.app.clock.now())
        except (Busy, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as trouble:
            log.warning("worker.months_not_kept", error=repr(trouble))

    async def _chain(self) -> None:
        """Keep the audit chain up with what is recorded."""
        while True:
            try:
                while await audit.link(self.app.pools.recorder):
                    pass
                await audit.keep_anchors(self.app.pools.recorder, self.app.settings.anchors, self.app.clock.now())
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as trouble:
                log.warning("worker.not_chained", error=repr(trouble))
            await asyncio.sleep(CHAIN_SECONDS)

    async def _fill(self) -> int:
        """Lease as many due jobs as there is room for."""
        if not self._free:
            return 0
        try:
            found = await jobs.lease(self.app.pools.recorder, self.app.clock.now(), self._free)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as trouble:
            log.warning("worker.database_away", error=repr(trouble))
            await asyncio.sleep(IDLE_SECONDS)
            return 0
        for job in found:
            self._free -= 1
            task = asyncio.create_task(self._one(job), name=f"{job.name} {job.object_id}")
            self._running.add(task)
            task.add_done_callback(self._ended)
        return len(found)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._free += 1
        self._freed.set()

    async def _one(self, job: jobs.Job) -> None:
        failed = False
        renewing = asyncio.create_task(self._renew(job))
        try:
            if job.name in SWEEPS:
                await SWEEPS[job.name](self.app, job.merchant_id)
            elif job.name in WITH_APP:
                await WITH_APP[job.name](self.app, job.merchant_id, job.object_id)
            elif job.name in WITH_FILES:
                await WITH_FILES[job.name](self.app.desk, self.app.files, job.merchant_id, job.object_id)
            else:
                await VERBS[job.name](self.app.desk, job.merchant_id, job.object_id)
        except Denied as no:
            log.warning("job.denied", job=job.name, object=job.object_id, code=no.code)
        except Busy as later:
            log.info("job.busy", job=job.name, object=job.object_id, why=str(later))
            failed = True
        except Exception:  # one object's trouble must not stop the others
            log.exception("job.failed", job=job.name, object=job.object_id, attempts=job.attempts)
            failed = True
        finally:
            renewing.cancel()
        try:
            await jobs.finish(self.app.pools.recorder, job, self.app.clock.now(), failed=failed)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as trouble:
            log.warning("job.unfinished", job=job.name, object=job.object_id, error=repr(trouble))  # its lease ends

    async def _renew(self, job: jobs.Job) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await jobs.renew(self.app.pools.recorder, job, self.app.clock.now())
