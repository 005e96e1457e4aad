"""What the providers post to us: verified, learnt, and answered in each provider's own manner.

The answer is good only once the news is recorded; anything else makes the provider send it again, which is what we
want: news that we could not take in now must come again.
"""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from litestar import Request
from litestar.handlers import HTTPRouteHandler

from yuanlu.channels.contract import REMOTE, Callback, Channel
from yuanlu.errors import Denied
from yuanlu.ids import Kind, is_id
from yuanlu.web.parts import problems
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.calls import BODY_MAX, BODY_WITHIN_SECONDS, body_of
from yuanlu.web.parts.limits import Limits
from yuanlu.web.parts.office import Office

PATH = "/callbacks/{channel}/{merchant}"

log = structlog.get_logger(__name__)


def _no_wechat(problem: problems.Problem) -> Told:
    """Source: WeChat Pay v3, notifications: 4xx or 5xx with `code` FAIL and a reason; it is sent again."""
    body = msgspec.json.encode({"code": "FAIL", "message": problem.code})
    return Told(body, problem.status)


def _no_alipay(problem: problems.Problem) -> Told:
    """Source: Alipay, asynchronous notification: whatever is not the seven letters `success` is sent again."""
    return Told(b"fail", problem.status, "text/plain")


_NO = {Channel.WECHAT: _no_wechat, Channel.ALIPAY: _no_alipay}


def _demand_known(channel: str, merchant_id: str) -> None:
    """Raises Denied: channel.unknown."""
    if channel not in set(REMOTE) or not is_id(merchant_id, Kind.MERCHANT):
        raise Denied("channel.unknown", channel=channel[:32])


def handler(office: Office, limits: Limits) -> HTTPRouteHandler:
    """What the server runs for callbacks."""

    async def overhear(request: Request[Any, Any, Any]) -> Told:
        request.scope["state"]["route"] = PATH
        name, merchant_id = request.path_params["channel"], request.path_params["merchant"]
        channel = Channel(name) if name in set(REMOTE) else Channel.WECHAT
        headers = dict(request.scope["headers"])
        try:
            _demand_known(name, merchant_id)
            limits.call_back(request.scope["state"], name, merchant_id)
            body = await body_of(request.receive, headers, BODY_MAX, BODY_WITHIN_SECONDS)
            readable = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in headers.items()}
            status, kind, told = await office.overhear(channel, merchant_id, Callback(headers=readable, body=body))
        except Exception as error:  # the provider gets an answer; what is our bug is logged
            problem = problems.of_error(error)
            log.warning("callback.denied", channel=name[:32], merchant=merchant_id, code=problem.code)
            return _NO[channel](problem)
        return Told(told, status, kind)

    path = PATH.replace("}", ":str}")
    return HTTPRouteHandler(path, http_method="POST", status_code=200, include_in_schema=False)(overhear)
