"""Puts the pieces together: settings to pools, reader, recorder, driver and desk; and who follows which fact."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from yuanlu import db
from yuanlu.applications.rules import Application
from yuanlu.cases import beside, doubles, handovers
from yuanlu.cases.complaints import IMAGE_WAKE
from yuanlu.cases.complaints import WAKE as COMPLAINT_WAKE
from yuanlu.cases.handovers import Handover
from yuanlu.cases.rules import LATE_PAID, WAKE, Case
from yuanlu.catalog.rules import Goods
from yuanlu.change import Look, Row
from yuanlu.channels import evidence
from yuanlu.channels.checking import Finding
from yuanlu.channels.contract import (
    CALLBACK_OK,
    REMOTE,
    Callback,
    Channel,
    ComplaintStep,
    Handed,
    Heard,
    News,
    Outcome,
    Side,
    StatementStep,
    Step,
    Word,
)
from yuanlu.channels.driver import Driver
from yuanlu.channels.registry import CHECKERS, CODECS
from yuanlu.clock import Clock, SystemClock
from yuanlu.complaints import flow as complaints
from yuanlu.complaints.answers import Answer
from yuanlu.complaints.rules import Complaint, ComplaintImage, ComplaintPull
from yuanlu.config import Settings
from yuanlu.desk import Desk, Follower
from yuanlu.devices.rules import Code
from yuanlu.errors import Busy, Denied
from yuanlu.evidence.flow import Files
from yuanlu.evidence.rules import READ_SECONDS, CaseFile, Limits
from yuanlu.evidence.shelves import S3, Bucket, Disk, Shelf
from yuanlu.facts import Fact
from yuanlu.guards.questions import Question
from yuanlu.guards.tuning import StoreTuning
from yuanlu.insight.store import Reports
from yuanlu.keyring.rules import Secret
from yuanlu.kms import AwsKms, FileKeys, Kms, Vault
from yuanlu.lawbook import shelf as lawbook
from yuanlu.losses.floats import FLOAT_WAKE, Float, next_look
from yuanlu.losses.rules import Loss
from yuanlu.machines.rules import Key, TillStand
from yuanlu.mailing.rules import Mailing
from yuanlu.merchants import store as merchants
from yuanlu.money import Money
from yuanlu.notify import rules as notify
from yuanlu.notify.post import Post
from yuanlu.notify.rules import Delivery, Hook
from yuanlu.notify.writing import Pen
from yuanlu.onboarding.rules import ChannelSetup, Store
from yuanlu.packs.flow import Presses
from yuanlu.payments import flow as payments
from yuanlu.payments import store as payments_store
from yuanlu.payments.rules import HAS_MONEY, Payment
from yuanlu.people.exports import Exported
from yuanlu.people.limits import LimitTable
from yuanlu.people.passkeys import Passkey
from yuanlu.people.preferences import Preferences
from yuanlu.people.readings import Reading
from yuanlu.people.rules import Role, Staff
from yuanlu.people.signin import Credential, Session, Tries
from yuanlu.people.stepup import StepUp
from yuanlu.policies.rules import Policy
from yuanlu.reading import Reader
from yuanlu.receipts import wire
from yuanlu.receipts.rules import Print, Printer, Receipt
from yuanlu.receipts.visits import Visit
from yuanlu.recorder import Recorder
from yuanlu.refunds import flow as refunds
from yuanlu.refunds import store as refunds_store
from yuanlu.refunds.rules import Refund
from yuanlu.repayments.rules import Repayment
from yuanlu.seal import Seal
from yuanlu.shifts.rules import Shift
from yuanlu.slips import Printing
from yuanlu.statements.rules import Statement
from yuanlu.stations.rules import Station
from yuanlu.tickets.rules import Ticket
from yuanlu.told import told
from yuanlu.training.ground import Ground
from yuanlu.training.rules import Drill
from yuanlu.web.parts.complained import complaint_told
from yuanlu.web.parts.hook_shapes import hook_told
from yuanlu.web.parts.losses import loss_told
from yuanlu.web.parts.repayments import repayment_told
from yuanlu.web.parts.shapes import case_told, payment_told, refund_told
from yuanlu.web.parts.veil import veiled

ROWS: Sequence[type[Row]] = (
    Payment,
    Refund,
    Case,
    Staff,
    LimitTable,
    Reading,
    Exported,
    Preferences,
    Visit,
    Credential,
    Passkey,
    Session,
    Tries,
    StepUp,
    Policy,
    Loss,
    Float,
    Repayment,
    CaseFile,
    Complaint,
    ComplaintPull,
    ComplaintImage,
    Answer,
    Hook,
    Delivery,
    Code,
    Handover,
    Goods,
    StoreTuning,
    Question,
    Drill,
    Key,
    TillStand,
    Secret,
    Shift,
    Printer,
    Print,
    Receipt,
    Mailing,
    Station,
    Ticket,
    Store,
    ChannelSetup,
    Application,
    Statement,
)
KEYS_FOR_SECONDS = 30.0
OUTSIDE_REFUND, CONTRADICTED = "cases.outside_refund.wake", "cases.contradicted.wake"
FILE_TAKEN = "cases.file.wake"

log = structlog.get_logger(__name__)


def _late_paid(row: Row, _: Fact, at: datetime) -> Sequence[Look]:
    return (Look(LATE_PAID, row.id, at),)


def _contradicted(row: Row, _: Fact, at: datetime) -> Sequence[Look]:
    return (Look(CONTRADICTED, row.id, at),)


def _outside_refund(row: Row, _: Fact, at: datetime) -> Sequence[Look]:
    assert isinstance(row, Refund)
    return (Look(OUTSIDE_REFUND, row.payment_id, at),)


def _paid(row: Row, _: Fact, at: datetime) -> Sequence[Look]:
    assert isinstance(row, Payment)
    return (Look(doubles.WAKE, row.id, at + doubles.LOOK_AFTER),) if doubles.wants_look(row) else ()


def _case_checked(row: Row, _: Fact, at: datetime) -> Sequence[Look]:
    return (Look(beside.WAKE, row.id, at),)


def _handed_over(row: Row, _: Fact, at: datetime) -> Sequence[Look]:
    assert isinstance(row, Case)
    return (Look(handovers.CASE_WAKE, row.id, at),) if row.opened_by == handovers.WHO else ()


def _case_of_refund(row: Row, _: Fact, at: datetime) -> Sequence[Look]:
    assert isinstance(row, Refund)
    if not row.case_id:
        return ()
    looks = [Look(WAKE, row.case_id, at)]
    if row.figures and "payer=" + str(row.amount_fen) not in row.figures.split(","):  # a coupon took part: does it fit?
        looks.append(Look(beside.WAKE, row.case_id, at))
    return looks


def _case_of_repayment(row: Row, _: Fact, at: datetime) -> Sequence[Look]:
    assert isinstance(row, Repayment)
    return (Look(WAKE, row.case_id, at),) if row.case_id else ()


def _float_of_refund(row: Row, _: Fact, at: datetime) -> Sequence[Look]:
    """New need of a channel account is looked at soon, together with what else comes meanwhile."""
    assert isinstance(row, Refund)
    return (Look(FLOAT_WAKE, row.channel, next_look(at)),) if row.channel in REMOTE else ()


def _float_of_case(_: Row, __: Fact, at: datetime) -> Sequence[Look]:
    """So is what a case may need. A case does not know its channel: an account without need is looked at in vain."""
    return tuple(Look(FLOAT_WAKE, channel, next_look(at)) for channel in REMOTE)


def _file_taken(row: Row, _: Fact, at: datetime) -> Sequence[Look]:
    return (Look(FILE_TAKEN, row.id, at),)


def _who_asked(row: Row, _: Fact, at: datetime) -> Sequence[Look]:
    return (Look(notify.WAKE, row.id, at),)


def _complained(row: Row, _: Fact, at: datetime) -> Sequence[Look]:
    assert isinstance(row, Complaint)
    return (Look(COMPLAINT_WAKE, row.id, at),) if row.payment_id else ()


def _image_kept(row: Row, _: Fact, at: datetime) -> Sequence[Look]:
    assert isinstance(row, ComplaintImage)
    return (Look(IMAGE_WAKE, row.id, at),) if row.side is Side.PAYER else ()


_OWN: Mapping[str, Sequence[Follower]] = {
    "ComplaintImageKept": (_image_kept,),
    **dict.fromkeys(("ComplaintHeard", "ComplaintSaid", "ComplaintAlarm"), (_complained,)),
    "CaseChecked": (_case_checked,),
    "CaseClosed": (_handed_over,),
    "CaseNeedsPerson": (_handed_over, _float_of_case),
    "PaymentPaid": (_paid,),
    "PaymentLatePaid": (_late_paid,),
    "PaymentContradicted": (_contradicted,),
    "RefundFoundOutside": (_outside_refund,),
    "RefundRequested": (_float_of_refund,),
    "RefundWaits": (_float_of_refund,),
    **dict.fromkeys(("RemedyChosen", "CaseToReview"), (_float_of_case,)),
    "FileTaken": (_file_taken,),
    **dict.fromkeys(
        ("RepaymentProposed", "RepaymentPaid", "RepaymentRefused", "RepaymentExpired"), (_case_of_repayment,)
    ),
    **dict.fromkeys(
        (
            "RefundDone",
            "RefundProven",
            "RefundRefused",
            "RefundCancelled",
            "RefundStranded",
            "RefundReturned",
            "RefundUnclearTooLong",
            "RefundResolved",
            "RefundContradicted",
        ),
        (_case_of_refund,),
    ),
}
FOLLOWERS: Mapping[str, Sequence[Follower]] = {
    kind: (*_OWN.get(kind, ()), *((_who_asked,) if kind in notify.TYPES else ()))
    for kind in dict.fromkeys((*_OWN, *notify.TYPES))
}
"""Who follows which fact: each is told just before the fact is recorded, and its looks are in the same commit."""

FOLLOWED: Mapping[str, str] = {notify.WAKE: Hook.table}
"""Looks that are kept only of merchants with a row in this table."""


def shape_of(row: Row, at: datetime) -> object:
    """An object as the API tells it."""
    match row:
        case Payment():
            return payment_told(row, at)
        case Refund():
            return refund_told(row, at)
        case Case():
            return case_told(row)
        case Hook():
            return hook_told(row)
        case Repayment():
            return veiled(repayment_told(row), Role.MACHINE)
        case Complaint():
            return complaint_told(row)
        case Loss():
            return loss_told(row)
        case _:
            return None


PEN = Pen(words=told, shape=shape_of)
"""How letters are written: in the words of timelines, with objects as the API tells them."""


def _beside(config: Mapping[str, Any], port: int) -> str:
    """Where a simulator on this machine reaches us when nobody says; nowhere for a real channel."""
    address = str(config.get("base_url") or config.get("gateway") or "")
    is_beside = address.startswith(("http://127.0.0.1:", "http://localhost:"))
    return f"http://127.0.0.1:{port}" if is_beside and port else ""


@dataclass(frozen=True, slots=True)
class _Config:
    account: merchants.ChannelAccount
    keys: Any
    read_at: float


def _unusable(step: Step | ComplaintStep | StatementStep, no: Denied) -> str:
    """Say in the log why a merchant's keys cannot be used; answers the code. Nothing has left then."""
    log.error("channel.keys_unusable", merchant=step.merchant_id, channel=step.channel, code=no.code)
    return no.code


def files_of(settings: Settings) -> Files:
    """How files are taken in and where they are kept, as the settings say.

    Raises Denied: settings.invalid.
    """
    if settings.ocr not in {"auto", "off"}:
        raise Denied("settings.invalid", name="YUANLU_OCR", wants="auto or off")
    limits = Limits(
        bytes_max=settings.file_bytes_max,
        files_max=settings.case_files_max,
        pixels_max=settings.file_pixels_max,
        pages_max=settings.file_pages_max,
        seconds_max=settings.file_seconds_max,
        memory_max=settings.file_memory_max,
        read_seconds=READ_SECONDS if settings.ocr == "auto" else 0,
    )
    return Files(_shelf(settings), limits, scanner=settings.clamd)


def kms_of(settings: Settings) -> Kms:
    """What wraps merchants' keys, as the settings say.

    Raises Denied: settings.secret_short.
    """
    if not settings.kms_key:
        settings.seal_key  # noqa: B018 - made at first use
        keys = FileKeys(settings.seal_path)
        keys.keys()
        return keys
    return AwsKms(
        Vault(
            endpoint=settings.kms_endpoint,
            region=settings.kms_region,
            key=settings.kms_key,
            key_id_file=settings.kms_key_id_file,
            secret_file=settings.kms_secret_file,
        ),
        FileKeys(settings.seal_path, optional=True),
    )


def _shelf(settings: Settings) -> Shelf:
    if not settings.s3_endpoint:
        return Disk(Path(settings.files_dir) if settings.files_dir else settings.state / "files")
    return S3(
        Bucket(
            endpoint=settings.s3_endpoint,
            bucket=settings.s3_bucket,
            region=settings.s3_region,
            key_id_file=settings.s3_key_id_file,
            secret_file=settings.s3_secret_file,
        )
    )


class App:
    """One running installation: what the surfaces and the worker are given."""

    def __init__(
        self,
        settings: Settings,
        database: db.Database,
        pools: db.Pools,
        driver: Driver,
        clock: Clock,
        post: Post | None = None,
    ) -> None:
        self.settings = settings
        self.database = database
        self.pools = pools
        self.clock = clock
        self.driver = driver
        self.reader = Reader(pools.recorder)
        self.reports = Reports(pools.reports)
        self.recorder = Recorder(
            lambda: db.connect(database, db.Role.RECORDER, deadline_within=30), ROWS, followed=FOLLOWED
        )
        self.files = files_of(settings)
        self.presses = Presses(settings)
        self.ground = Ground(settings)
        self.seal = Seal(pools.recorder, kms_of(settings))
        self.desk = Desk(
            self.reader,
            self.recorder,
            self.ask,
            clock,
            mark_key=settings.mark_key,
            followers=FOLLOWERS,
            seal=self.seal,
            ask_complaint=self.ask_complaint,
            ask_statement=self.ask_statement,
            tell=post.carry if post is not None else None,
            shelf=lawbook.read(settings.packs),
            printing=Printing(wire.carry, settings.public_url, settings.printer_networks),
            mails=settings.mails,
        )
        self._configs: dict[tuple[str, str], _Config] = {}

    async def ask(self, step: Step) -> Outcome:
        """Take a step outside with the merchant's own keys.

        Raises Busy while the books or the key service are away: nothing has left, and nothing is learnt of it.
        """
        try:
            keys = await self._keys(step.merchant_id, step.channel)
        except Denied as no:
            return Outcome(word=Word.DEFERRED if step.sends else Word.UNKNOWN, code=_unusable(step, no))
        return await self.driver.ask(step, CODECS[step.channel], keys)

    async def try_keys(self, channel: Channel, config: Mapping[str, str], keys: Any) -> list[Finding]:
        """Ask a channel whether these keys are right; they need not be anybody's yet. Never raises."""
        return await self.driver.check(CHECKERS[channel], config, keys)

    async def ask_complaint(self, step: ComplaintStep) -> Heard:
        """Take a step about complaints outside with the merchant's own keys. Raises Busy: as `ask`."""
        try:
            keys = await self._keys(step.merchant_id, step.channel)
        except Denied as no:
            return Heard(word=Word.DEFERRED if step.sends else Word.UNKNOWN, code=_unusable(step, no))
        return await self.driver.ask_complaint(step, CODECS[step.channel], keys)

    async def ask_statement(self, step: StatementStep) -> Handed:
        """Take a step about statements outside with the merchant's own keys. Raises Busy: as `ask`."""
        try:
            keys = await self._keys(step.merchant_id, step.channel)
        except Denied as no:
            return Handed(word=Word.UNKNOWN, code=_unusable(step, no))
        return await self.driver.ask_statement(step, CODECS[step.channel], keys)

    async def overhear(self, channel: Channel, merchant_id: str, callback: Callback) -> tuple[int, str, bytes]:
        """Take in what a provider posted: verify it, let its object learn, and say what to answer.

        Shape: status, content type, body. The answer is good only once the news is recorded.
        Raises Denied: callback.forged, callback.unreadable, channel.unknown; payment.unknown, refund.unknown.
        """
        codec, keys = CODECS[channel], await self._keys(merchant_id, channel)
        now = self.clock.now()
        news = codec.overhear(callback, await self.driver.fresh(codec, keys, callback), now)
        news = replace(news, outcome=replace(news.outcome, evidence=evidence.of_notice(callback, news, now)))
        await self._learn(channel, merchant_id, news)
        return CALLBACK_OK[channel]

    async def _learn(self, channel: Channel, merchant_id: str, news: News) -> None:
        """Let whom the news is about learn it: what has this number, was made at this channel, and is of this payment.

        A refund that is not so is one made outside, even under a number like ours (of a lost or another installation).
        """
        if news.complaint:
            await complaints.noticed(self.desk, merchant_id, channel, news)
            return
        payment = await self.desk.see(payments_store.by_id(merchant_id, news.payment_id))
        if payment is None or payment.channel is not channel:
            raise Denied("payment.unknown", id=news.payment_id)
        refund = await self.desk.see(refunds_store.by_id(merchant_id, news.refund_id)) if news.refund_id else None
        if refund is not None and refund.payment_id == payment.id:
            await refunds.learn(self.desk, merchant_id, refund.id, news.outcome)
        elif news.refund_id:
            if news.outcome.word is Word.SETTLED:
                await refunds.learn_outside(self.desk, merchant_id, news)
        else:
            if (outside := back_outside(payment, news)) is not None:
                await refunds.learn_outside(self.desk, merchant_id, outside)
            await payments.learn(self.desk, merchant_id, payment.id, news.outcome)

    async def _keys(self, merchant_id: str, channel: Channel) -> Any:
        known = self._configs.get((merchant_id, channel))
        now = self.clock.now().timestamp()
        if known is not None and now - known.read_at < KEYS_FOR_SECONDS:
            return known.keys
        account = (await self.reader.see(merchants.channels_of(merchant_id))).get(channel)
        if account is None:
            raise Denied("channel.unknown", channel=channel)
        if known is not None and known.account == account:  # the key service may be away: what was opened stays
            keys = known.keys
        else:
            config = await account.opened(self.desk.sealed)
            reached_at = self.settings.public_url or _beside(config, self.settings.port)
            if reached_at:
                config["notify_url"] = f"{reached_at}/callbacks/{channel}/{merchant_id}"
            keys = CODECS[channel].keys(config)
        self._configs[merchant_id, channel] = _Config(account, keys, now)
        return keys


def back_outside(payment: Payment, news: News) -> News | None:
    """The refund made outside that news of a payment betrays: more went back than our refunds hold or sent.

    Its number follows from how much went back in all, so the same news again is the same refund.
    """
    seen = news.outcome.back_seen
    if seen is None or payment.state not in HAS_MONEY or seen.amount <= payment.back_fen:
        return None
    back = Money(seen.amount - payment.back_fen, seen.currency)
    outcome = replace(news.outcome, word=Word.SETTLED, amount=back, channel_number="")
    return replace(news, refund_id=f"back-{seen.amount}", outcome=outcome)


async def _seal_what_is_plain(app: App) -> None:
    """Seal the channels' secrets that an earlier release stored in plain. They can be used until then too."""
    try:
        if sealed := await merchants.seal_channels(app.pools.recorder, app.desk.sealed):
            log.info("channel.secrets_sealed", accounts=sealed)
    except Busy as later:
        log.warning("channel.secrets_plain", why=str(later))


@asynccontextmanager
async def running(settings: Settings, database: db.Database, *, clock: Clock | None = None) -> AsyncIterator[App]:
    """An installation on a migrated database, until the block ends."""
    clock = clock or SystemClock()
    pools = await db.open_pools(database, reports_url=settings.reports_url)
    try:
        async with Driver(clock=clock) as driver, Post(settings, PEN) as post:
            app = App(settings, database, pools, driver, clock, post)
            try:
                await _seal_what_is_plain(app)
                yield app
            finally:
                await app.ground.close()
                await app.reader.close()
                await app.recorder.close()
    finally:
        await pools.close()
