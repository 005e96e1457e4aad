"""The post: carries a letter by its way, with a deadline, and turns whatever happens into a receipt.

It holds no queue. What it has no room for at this moment it gives back untried (`is_crowded`): the delivery's job comes
again. One receiver gets a few places only, all receivers together half of the worker's, so that who is dead or slow
holds up neither other receivers nor the money.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import structlog

from yuanlu.config import Settings
from yuanlu.errors import Denied
from yuanlu.letters import Letter, Receipt, Way
from yuanlu.notify import addresses, sms
from yuanlu.notify.templates import NAME_MAX, one_line
from yuanlu.notify.writing import Pen, Written

if TYPE_CHECKING:
    import aiohttp

WITHIN_SECONDS: Mapping[Way, float] = {Way.WEBHOOK: 10.0, Way.SMS: 10.0, Way.EMAIL: 20.0, Way.APPRISE: 15.0}
CONNECT_SECONDS = 5.0
PER_HOOK_MAX = 4
"""Letters to one receiver at a time."""
THREADS = 4
ANSWER_MAX = 64 * 1024
"""Bytes of an answer that are read; its words are of no interest but for an SMS."""

log = structlog.get_logger(__name__)


class Inside(OSError):
    """A name led to this machine or to a network around it."""


class Post:
    """Carries letters. One a process; open it with `async with`."""

    def __init__(self, settings: Settings, pen: Pen, *, within: Mapping[Way, float] = WITHIN_SECONDS) -> None:
        self._settings = settings
        self._pen = pen
        self._within = within
        self._loopback = bool(settings.hooks_on_loopback)
        self._busy: Counter[str] = Counter()
        self._busy_max = max(1, settings.worker_concurrency // 2)
        self._session: aiohttp.ClientSession | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._threads_busy = 0
        self._ways: Mapping[Way, Callable[[Letter, Written], Awaitable[Receipt]]] = {
            Way.WEBHOOK: self._webhook,
            Way.EMAIL: self._email,
            Way.APPRISE: self._apprise,
            Way.SMS: self._sms,
        }

    async def __aenter__(self) -> Post:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def carry(self, letter: Letter) -> Receipt:
        """Carry a letter. Never raises for trouble outside."""
        with self._place(letter.hook_id) as has_place:
            if not has_place:
                return Receipt(why="crowded", is_crowded=True)
            started = perf_counter()
            receipt = await self._carried(letter)
            return replace(receipt, took_ms=round((perf_counter() - started) * 1000))

    async def _carried(self, letter: Letter) -> Receipt:
        way = letter.reach.way
        try:
            written = self._pen.write(letter)
            addresses.checked(way, letter.reach.target, loopback=self._loopback)
            async with asyncio.timeout(self._within[way]):
                receipt = await self._ways[way](letter, written)
        except TimeoutError:
            return Receipt(why="timeout")
        except Denied as no:
            return Receipt(why=no.code, is_final=True)
        except Exception as error:  # a letter that cannot be written or sent is our bug; others go on
            log.error("letter.failed", letter=letter.id, way=way, error=type(error).__name__)
            return Receipt(why="broken", is_ours=True)
        return replace(receipt, digest=written.digest(machine=way is Way.WEBHOOK)) if receipt.ok else receipt

    @contextlib.contextmanager
    def _place(self, hook_id: str) -> Iterator[bool]:
        if self._busy[hook_id] >= PER_HOOK_MAX or self._busy.total() >= self._busy_max:
            yield False
            return
        self._busy[hook_id] += 1
        try:
            yield True
        finally:
            self._busy[hook_id] -= 1
            if not self._busy[hook_id]:
                del self._busy[hook_id]

    # --- webhooks and SMS, over HTTP ---

    async def _webhook(self, letter: Letter, written: Written) -> Receipt:
        return await self._called("POST", letter.reach.target, signed(letter, written.body), written.body.encode())

    async def _sms(self, letter: Letter, written: Written) -> Receipt:
        template = sms.read(letter.reach.gateway)
        request = sms.filled(template, phone=letter.reach.target, text=written.line, id=letter.id)
        addresses.url_checked(request.url, loopback=self._loopback)
        receipt = await self._called(
            request.method, request.url, request.headers, request.body, answer_has=template.answer_has
        )
        return replace(receipt, is_ours=True)  # the provider of SMS is ours: its trouble is not the reader's

    async def _called(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, answer_has: str = ""
    ) -> Receipt:
        """Call once. A redirect is not followed; an answer that breaks off half-way is none."""
        import aiohttp  # noqa: PLC0415 - whoever tells nobody pays nothing for it
        from yarl import URL  # noqa: PLC0415

        session = self._opened()
        try:
            async with session.request(
                method, URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
            ) as answer:
                said = await answer.content.read(ANSWER_MAX)
                while len(said) < ANSWER_MAX and (more := await answer.content.read(ANSWER_MAX - len(said))):
                    said += more
                return _judged(answer.status, answer.headers.get("retry-after", ""), said, answer_has)
        except aiohttp.ClientConnectorDNSError as error:
            inside = isinstance(error.os_error, Inside)
            return Receipt(why="inside" if inside else "no_such_host", is_final=inside)
        except aiohttp.ClientConnectorError:
            return Receipt(why="connect_failed")
        except (aiohttp.ClientError, OSError):
            return Receipt(why="connection_lost")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp  # noqa: PLC0415

            connector = aiohttp.TCPConnector(
                resolver=_outside_resolver(loopback=self._loopback), use_dns_cache=False, limit=self._busy_max
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                auto_decompress=False,
                headers={"user-agent": "yuanlu"},
                skip_auto_headers=("accept-encoding",),
            )
        return self._session

    # --- e-mail ---

    async def _email(self, letter: Letter, written: Written) -> Receipt:
        import aiosmtplib  # noqa: PLC0415

        settings = self._settings
        if not settings.mails:
            return Receipt(why="smtp_not_set", is_ours=True)
        if settings.smtp_tls not in {"starttls", "tls", "none"}:
            return Receipt(why="smtp_tls_setting", is_ours=True)
        try:
            await aiosmtplib.send(
                mail(letter, written, settings.smtp_from),
                hostname=settings.smtp_host,
                port=settings.smtp_port,
                username=settings.smtp_user or None,
                password=_first_line(settings.smtp_password_file) if settings.smtp_user else None,
                use_tls=settings.smtp_tls == "tls",
                start_tls=settings.smtp_tls == "starttls",
                tls_context=ssl.create_default_context(cafile=settings.smtp_ca_file or None),
                timeout=self._within[Way.EMAIL] / 2,
                local_hostname="localhost",
            )
        except aiosmtplib.SMTPException as error:
            return _smtp_judged(error)
        except (ssl.SSLError, OSError) as error:
            return Receipt(why="smtp_tls_failed" if isinstance(error, ssl.SSLError) else "smtp_away", is_ours=True)
        return Receipt(ok=True, status=250)

    # --- Apprise ---

    async def _apprise(self, letter: Letter, written: Written) -> Receipt:
        """Send in a thread of our own few: Apprise blocks. A thread that hangs keeps its place until it ends."""
        if self._threads_busy >= THREADS:
            return Receipt(why="crowded", is_crowded=True)
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="apprise")
        self._threads_busy += 1
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, _notified, letter.reach.target, written.line, written.text
        )
        work.add_done_callback(self._thread_ended)
        return Receipt(ok=True) if await asyncio.shield(work) else Receipt(why="apprise_refused")

    def _thread_ended(self, work: asyncio.Future[bool]) -> None:
        self._threads_busy -= 1
        if not work.cancelled():
            work.exception()  # whoever waited is gone perhaps: it was told that the time was up


def signed(letter: Letter, body: str) -> Mapping[str, str]:
    """The headers of a webhook, by Standard Webhooks: the letter's id, the moment of sending, a signature a secret.

    Source: standardwebhooks/standard-webhooks, spec/standard-webhooks.md, "Webhook metadata" (read 2026-11-26).
    """
    from standardwebhooks.webhooks import Webhook  # noqa: PLC0415

    signatures = [Webhook(secret).sign(letter.id, letter.now, body) for secret in letter.reach.secrets]
    return {
        "content-type": "application/json; charset=utf-8",
        "webhook-id": letter.id,
        "webhook-timestamp": str(int(letter.now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def mail(letter: Letter, written: Written, sender: str) -> EmailMessage:
    """A letter as a mail: sent again, under the same Message-ID. No value can add a header (`one_line`, the policy)."""
    message = EmailMessage(policy=SMTP)
    message["From"] = formataddr((written_name(letter), sender))
    message["To"] = letter.reach.target
    message["Subject"] = written.line
    message["Date"] = format_datetime(letter.now)
    message["Message-ID"] = f"<{letter.id}@yuanlu.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(written.text)
    return message


def written_name(letter: Letter) -> str:
    """The shop's name as it may stand before an address."""
    return one_line(letter.shop, NAME_MAX)


_PLUGINS = {
    "wecombot": ("wecombot", "NotifyWeComBot"),
    "dingtalk": ("dingtalk", "NotifyDingTalk"),
    "feishu": ("feishu", "NotifyFeishu"),
    "lark": ("lark", "NotifyLark"),
    "json": ("custom_json", "NotifyJSON"),
}
"""Schemes to Apprise's plug-ins. Only these are loaded: all of them at once would be a hundred modules."""


def apprise_understands(url: str) -> bool:
    """Whether Apprise can make a notifier of this URL. Sends nothing."""
    return _notifier(url) is not None


def _notifier(url: str) -> Any:
    """What sends to a URL; None if Apprise does not understand it.

    Law: no part of the URL loosens how certificates are held or has redirects followed; no log shows a token.
    """
    from importlib import import_module  # noqa: PLC0415

    from apprise import AppriseAsset  # noqa: PLC0415

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    module, name = _PLUGINS[url.partition("://")[0]]
    plugin = getattr(import_module(f"apprise.plugins.{module}"), name)
    asked = plugin.parse_url(url)
    if asked is None:
        return None
    options = {**asked, "verify": True, "redirect": False, "asset": AppriseAsset(http_redirects=False)}
    try:
        return plugin(**options)
    except TypeError:  # what Apprise raises of a URL that lacks something
        return None


def _notified(url: str, line: str, text: str) -> bool:
    notifier = _notifier(url)
    return notifier is not None and bool(notifier.notify(body=text, title=line))


def _judged(status: int, retry_after: str, said: bytes, answer_has: str) -> Receipt:
    """What an HTTP answer says about the letter. Source: Standard Webhooks, "Operational considerations"."""
    if 200 <= status < 300 and answer_has.encode() in said:
        return Receipt(ok=True, status=status)
    after = (
        timedelta(seconds=int(retry_after))
        if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 7
        else None
    )
    why = "answer_says_no" if 200 <= status < 300 else f"http_{status}"
    return Receipt(why=why, status=status, after=after, is_gone=status == 410, is_final=status == 410)


def _smtp_judged(error: Any) -> Receipt:
    """A refusal of the letter for good (5xx) ends it; "not now" (4xx), no connection, no login do not."""
    import aiosmtplib  # noqa: PLC0415

    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return Receipt(why="smtp_login_refused", status=error.code, is_ours=True)
    refused = (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError)
    if isinstance(error, refused):
        return Receipt(why=f"smtp_{error.code}", status=error.code, is_final=500 <= error.code < 600)
    if isinstance(error, aiosmtplib.SMTPTimeoutError):
        return Receipt(why="timeout", is_ours=True)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return Receipt(why=f"smtp_{error.code}", status=error.code, is_ours=True)
    if isinstance(error, ConnectionError):
        return Receipt(why="smtp_away", is_ours=True)
    return Receipt(why="smtp_tls_failed", is_ours=True)


def _first_line(file: str) -> str:
    return Path(file).read_text(encoding="utf-8").partition("\n")[0].rstrip("\r") if file else ""


def _outside_resolver(*, loopback: bool) -> Any:
    """Resolves names for each connection anew, and lets none through that leads inside: what was checked is called."""
    from aiohttp.abc import AbstractResolver, ResolveResult  # noqa: PLC0415

    class Outside(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
            )
            if any(not addresses.is_outside(str(each[4][0]), loopback=loopback) for each in found):
                raise Inside(f"{host} leads inside")
            return [
                ResolveResult(
                    hostname=host,
                    host=str(each[4][0]),
                    port=port,
                    family=each[0],
                    proto=each[2],
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
                for each in found
            ]

        async def close(self) -> None:
            """Nothing is held."""

    return Outside()
