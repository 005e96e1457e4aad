"""The simulated providers as one HTTP server on loopback, and the file that tells others how to reach it."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from yuanlu.clock import SystemClock
from yuanlu.sim import alipay, wechat
from yuanlu.sim.agenda import Agenda, StepClock
from yuanlu.sim.alipay_complaints import OPERATIONS as ALIPAY_COMPLAINTS
from yuanlu.sim.alipay_complaints import AlipayComplaints
from yuanlu.sim.bills import AlipayBills, WechatBills
from yuanlu.sim.faults import ON_CALLS, Fault, Faults, Kind
from yuanlu.sim.keys import KeyRing, open_ring
from yuanlu.sim.notices import Notices
from yuanlu.sim.payers import Wallet
from yuanlu.sim.steering import Steering
from yuanlu.sim.times import Times
from yuanlu.sim.wechat2 import WechatV2
from yuanlu.sim.wechat_complaints import WechatComplaints
from yuanlu.sim.wire import Answer, Call, Provider, Request, Signing
from yuanlu.sim.world import World

HOST = "127.0.0.1"
_SLOW = frozenset({Kind.SLOW})
_STATUSES = {Kind.ERROR_500: 500, Kind.ERROR_502: 502, Kind.ERROR_503: 503}
_SIGNINGS = {Kind.BAD_SIGNATURE: Signing.BAD, Kind.STALE_SIGNATURE: Signing.STALE}


@dataclass(frozen=True)
class Service:
    """A provider's wire and whose wallet it speaks for."""

    wallet: Wallet
    provider: Provider


class Sim:
    """The simulated world with its server.

    Start it inside a running event loop; `world` may be looked into directly, `agenda.advance` steps its time.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        seed: int = 1,
        clock: StepClock | None = None,
        machine: Callable[[], float] = time.time,
    ) -> None:
        self.directory = directory
        self.seed = seed
        self.keys: KeyRing = open_ring(directory, seed)
        self.faults = Faults()
        self.agenda = Agenda(clock or SystemClock())
        self.world = World(self.agenda, self.faults, seed)
        self.times = Times(machine, self.agenda.now)
        books = self.world.books
        plants = self.world.plants
        wechat_bills = WechatBills(books[Wallet.WECHAT], wechat.MCHID, wechat.APPID, plants[Wallet.WECHAT])
        self.wechat = wechat.WechatV3(books[Wallet.WECHAT], self.keys, wechat_bills, self.times)
        alipay_bills = AlipayBills(books[Wallet.ALIPAY], alipay.SELLER_ID, plants[Wallet.ALIPAY])
        gateway = alipay.Alipay(books[Wallet.ALIPAY], self.keys, alipay_bills)
        complaints = self.world.complaints
        self.wechat.add(WechatComplaints(complaints[Wallet.WECHAT], self.keys).routes)
        gateway.add(AlipayComplaints(complaints[Wallet.ALIPAY]).actions, ALIPAY_COMPLAINTS)
        self._services = [
            Service(Wallet.WECHAT, self.wechat),
            Service(Wallet.WECHAT, WechatV2(books[Wallet.WECHAT], self.keys, wechat_bills)),
            Service(Wallet.ALIPAY, gateway),
        ]
        chance = random.Random(f"notices {seed}")  # noqa: S311 - one seed reproduces a run
        self.notices = Notices(self.agenda, self.keys, self.faults, self.wechat, chance)
        self.world.tell_paid.append(self.notices.paid)
        self.world.tell_refunded.append(self.notices.refunded)
        told = complaints[Wallet.WECHAT]
        told.tell.append(lambda complaint, act: self.notices.complained(complaint, act, told.notify_url))
        self.steering = Steering(self.world, self.notices, self.times)
        self._port = port
        self._runner: web.ServerRunner | None = None
        self.base_url = ""

    async def start(self) -> Sim:
        """Answer on loopback and write sim.json."""
        server = web.Server(self._handle, access_log=None, keepalive_timeout=600.0)
        self._runner = web.ServerRunner(server, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port, backlog=1024)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.base_url = f"http://{HOST}:{self._port}"
        self._write()
        return self

    async def stop(self) -> None:
        await self.agenda.close()
        await self.notices.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Sim:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def describe(self) -> dict[str, Any]:
        """What a client needs to know; keys and certificates are paths of PEM files."""
        paths, keys = self.keys.paths, self.keys
        return {
            "base_url": self.base_url,
            "wechat": {
                "mchid": wechat.MCHID,
                "appid": wechat.APPID,
                "apiv3_key": keys.apiv3_key,
                "merchant_serial": keys.merchant.name,
                "merchant_key": paths["merchant_key"],
                "merchant_cert": paths["merchant_cert"],
                "platform_public_key": paths["wechat_public"],
                "platform_public_key_id": keys.wechat.name,
                "platform_serial": keys.platform.name,
                "platform_cert": paths["platform_cert"],
                "v2_key": keys.v2_key,
            },
            "alipay": {
                "gateway": f"{self.base_url}/gateway.do",
                "app_id": alipay.APP_ID,
                "seller_id": alipay.SELLER_ID,
                "app_private_key": paths["app_key"],
                "app_private_key_pkcs1": paths["app_pkcs1_key"],
                "alipay_public_key": paths["alipay_public"],
            },
            "payer_codes": dict(self.world.payer_codes),
        }

    def _write(self) -> None:
        """Whoever finds sim.json finds it whole."""
        draft = self.directory / "sim.json.new"
        draft.write_text(json.dumps(self.describe(), indent=2) + "\n")
        draft.replace(self.directory / "sim.json")

    # One request

    async def _handle(self, asked: web.BaseRequest) -> web.StreamResponse:
        request = Request(asked.method, _target(asked.raw_path), asked.headers, await asked.read(), asked.remote or "")
        self.agenda.fire()
        if request.path.startswith("/_sim/"):
            return _response(await self.steering.answer(request))
        for service in self._services:
            call = service.provider.open(request)
            if call is not None:
                return await self._meet(asked, request, service, call)
        return web.Response(status=404)

    async def _meet(self, asked: web.BaseRequest, request: Request, service: Service, call: Call) -> web.StreamResponse:
        """Let the call happen, with the trouble that is armed for it."""
        matched = (service.wallet, call.operation, call.numbers)
        slow = self.faults.take(_SLOW, *matched)
        fault = self.faults.take(ON_CALLS, *matched)
        kind = fault.kind if fault is not None else None
        if kind is Kind.LOST_REQUEST:
            return _hang_up(asked)
        if slow is not None and not slow.effect:
            await asyncio.sleep(slow.seconds)
        answer = self._serve(request, service, call, fault)
        if slow is not None and slow.effect:
            await asyncio.sleep(slow.seconds)
        if kind is Kind.LOST_ANSWER:
            return _hang_up(asked)
        if kind is Kind.HALF_BODY:
            return await _half(asked, answer)
        return _response(answer)

    def _serve(self, request: Request, service: Service, call: Call, fault: Fault | None) -> Answer:
        kind = fault.kind if fault is not None else None
        replaces = fault is not None and (kind in _STATUSES or kind is Kind.REFUSAL)
        answer = None
        if fault is None or not replaces or fault.effect:
            signing = _SIGNINGS.get(kind, Signing.GOOD) if kind is not None else Signing.GOOD
            answer = call.serve(signing)
        if fault is not None and replaces:
            if kind is Kind.REFUSAL:
                answer = service.provider.word(fault.code, fault.status, request)
            else:
                assert kind is not None
                answer = service.provider.trouble(_STATUSES[kind])
        assert answer is not None
        self.world.log(service.wallet, call.operation, _main_number(call), answer.code or str(answer.status))
        return answer


def _main_number(call: Call) -> str:
    """The number a call is about: a refund's own, where there is one."""
    return call.numbers[0] if call.numbers else ""


def _target(raw: str) -> str:
    """Path and query as sent; a client that sends the absolute form is understood too (channels.md 4.1)."""
    if raw.startswith(("http://", "https://")):
        _, _, rest = raw.partition("://")
        return "/" + rest.partition("/")[2]
    return raw


def _response(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body or None, headers=answer.headers)


def _hang_up(asked: web.BaseRequest) -> web.Response:
    """Drop the connection without a word."""
    if asked.transport is not None:
        asked.transport.abort()
    return web.Response()


async def _half(asked: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Promise the whole body, send half, and hang up."""
    headers: Mapping[str, str] = answer.headers | {"Content-Length": str(len(answer.body))}
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(asked)
    await response.write(answer.body[: len(answer.body) // 2])
    if asked.transport is not None:
        asked.transport.close()
    return response


async def serve(port: int, directory: Path, seed: int = 1, *, clock: StepClock | None = None) -> None:
    """Serve both providers on loopback until cancelled; `sim.json` in the directory tells how to reach them."""
    async with Sim(directory, port=port, seed=seed, clock=clock):
        await asyncio.Event().wait()
