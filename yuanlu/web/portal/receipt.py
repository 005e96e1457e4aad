"""`GET /r/{token}`: the page that the QR of a slip leads to. Whoever holds the slip sees what became of the money.

The token is all there is to know: no account, no name, no number of a payer or of a channel. A wrong one, an old one
and one that never was get the same answer. The page needs no script, and its sheet comes from here.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import structlog
from litestar import Request
from litestar.handlers import HTTPRouteHandler

from yuanlu import packaged, words
from yuanlu.clock import CHINA
from yuanlu.errors import Denied
from yuanlu.money import Money
from yuanlu.payments.rules import State
from yuanlu.receipts import flow, render
from yuanlu.receipts.flow import Shown
from yuanlu.receipts.rules import Standing, standing
from yuanlu.refunds.rules import State as RefundState
from yuanlu.web.parts import cookies, problems
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.assets import Asset
from yuanlu.web.parts.limits import Limits
from yuanlu.web.parts.office import Office

if TYPE_CHECKING:
    from jinja2 import Environment

PATH, SHEET, SCRIPT = "/r/{token}", "/r/receipt.css", "/r/portal.js"
CASE_PATH = "/r/{token}/case"
"""Where the customer asks, talks and follows their money: `case.py`."""
VISITOR_COOKIE, VISITOR_SECONDS = "visitor", 400 * 86_400
"""A browser is known again for as long as browsers keep a cookie."""
HTML = "text/html; charset=utf-8"
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_TONES: Mapping[str, str] = {
    **dict.fromkeys((State.PAID, RefundState.DONE, RefundState.PROVEN, RefundState.EXTERNAL), "ok"),
    **dict.fromkeys((State.FAILED, RefundState.REFUSED, RefundState.RETURNED, RefundState.STRANDED), "bad"),
    **dict.fromkeys((Standing.PAID, Standing.PARTLY_BACK, Standing.BACK, Standing.CANCELLED, State.REVERSED), "ok"),
    Standing.TROUBLE: "bad",
}
"""How a state looks; all others are on their way."""
ICONS = {
    "ok": "M5 12l5 5l10 -10",
    "wait": "M12 7v5l3 3M3 12a9 9 0 1 0 18 0a9 9 0 1 0 -18 0",
    "bad": "M12 8v5M12 16v.01M3 12a9 9 0 1 0 18 0a9 9 0 1 0 -18 0",
    "shop": "M3 21h18M3 7v1a3 3 0 0 0 6 0v-1m0 1a3 3 0 0 0 6 0v-1m0 1a3 3 0 0 0 6 0v-1h-18l2 -4h14l2 4M5 21v-10.15"
    "M19 21v-10.15M9 21v-4a2 2 0 0 1 2 -2h2a2 2 0 0 1 2 2v4",
    "camera": "M5 7h1a2 2 0 0 0 2 -2a1 1 0 0 1 1 -1h6a1 1 0 0 1 1 1a2 2 0 0 0 2 2h1a2 2 0 0 1 2 2v9a2 2 0 0 1 -2 2h-14"
    "a2 2 0 0 1 -2 -2v-9a2 2 0 0 1 2 -2M9 13a3 3 0 1 0 6 0a3 3 0 0 0 -6 0",
    "lock": "M5 13a2 2 0 0 1 2 -2h10a2 2 0 0 1 2 2v6a2 2 0 0 1 -2 2h-10a2 2 0 0 1 -2 -2v-6"
    "M11 16a1 1 0 1 0 2 0a1 1 0 0 0 -2 0M8 11v-4a4 4 0 1 1 8 0v4",
}
"""Outlines of Tabler icons (MIT): check, clock, alert-circle, building-store, camera, lock."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing that became of the money."""

    title: str
    state: str
    tone: str
    at: str
    at_iso: str


@lru_cache(maxsize=1)
def space() -> Environment:
    """Where the templates of the customer's pages are made."""
    import jinja2  # noqa: PLC0415 - loaded when the first customer comes

    found = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: packaged.text(f"web/portal/{name}")),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # nosec B701 - autoescape is on  # fmt: skip
    found.filters |= {"yuan": lambda fen: str(Money(fen)), "moment": moment, "lines": str.splitlines}
    return found


def _say(code: str, lang: str, **facts: object) -> str:
    return words.say(f"page.receipt.{code}", lang, **facts)


def moment(at: datetime) -> str:
    """When, in the time of China."""
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")


def page(shown: Shown, lang: str, home: str) -> bytes:
    """The page of a payment, in one language. `home`: its path, and the beginning of that of all others."""
    payment = shown.payment
    at = payment.paid_at or payment.opened_at
    facts: list[tuple[str, str]] = []
    if payment.back_fen:
        back = Money(payment.back_fen, payment.currency)
        facts = [(words.say("slip.back", lang), str(back)), (words.say("slip.rest", lang), str(payment.rest))]
    stands = standing(payment.state, payment.amount_fen, [(row["state"], row["amount_fen"]) for row in shown.refunds])
    title = _say("payment", lang, amount=str(payment.amount))
    qr, squares = render.qr_path(payment.id)
    return _rendered(
        lang,
        shown=True,
        home=home,
        case_path=f"{home}/case",
        shop=shown.shop,
        store=shown.store if shown.store != shown.shop else "",
        amount=str(payment.amount),
        tender=words.say(f"channel.{payment.channel}", lang),
        at=moment(at),
        at_iso=at.isoformat(),
        standing=_say(f"standing.{stands}", lang),
        tone=_TONES.get(stands, "wait"),
        facts=facts,
        steps=[
            _step(title, "payment", payment.state, at, lang),
            *(_back(each, lang) for each in shown.refunds),
        ],
        number=payment.id,
        number_says=words.say("slip.number", lang),
        qr=qr,
        squares=squares,
        now=_say("now", lang, at=moment(shown.seen_at)),
    )


def _step(title: str, kind: str, state: str, at: datetime, lang: str) -> _Step:
    says = words.say(f"slip.state.{kind}.{state}", lang)
    return _Step(title, says, _TONES.get(state, "wait"), moment(at), at.isoformat())


def _back(row: Mapping[str, Any], lang: str) -> _Step:
    title = _say("refund", lang, amount=str(Money(row["amount_fen"], row["currency"])))
    return _step(title, "refund", row["state"], row["done_at"] or row["opened_at"], lang)


def sorry(code: str, lang: str) -> bytes:
    """The page that says why there is nothing to see."""
    return _rendered(lang, shown=False, sorry=_say(code, lang).splitlines())


def _rendered(lang: str, **given: object) -> bytes:
    return (
        space()
        .get_template("receipt.html")
        .render(
            lang={"zh": "zh-CN", "en": "en"}[lang],
            other={"zh": "en", "en": "zh"}[lang],
            title=_say("title", lang),
            icons=ICONS,
            say=lambda code: _say(code, lang),
            word=lambda code: words.say(code, lang),
            **given,
        )
        .encode()
    )


def language(request: Request[Any, Any, Any]) -> str:
    """What the reader chose, else what the browser wants first; Chinese where it does not say."""
    chosen = re.search(rb"(?:^|&)lang=(zh|en)(?:&|$)", request.scope["query_string"])
    if chosen:
        return chosen[1].decode()
    return words.language(dict(request.scope["headers"]).get(b"accept-language", b"").decode("latin-1").strip())


def told(body: bytes, status: int, lang: str, kept: Sequence[str] = (), **headers: str) -> Told:
    """An answer that runs nothing and sends nothing."""
    always = {"content-security-policy": POLICY, "content-language": lang, "vary": "accept-language"}
    return Told(body, status, HTML, {**always, "x-robots-tag": "noindex, nofollow", **headers}, kept)


def visitor_of(headers: Mapping[bytes, bytes]) -> str:
    """What this browser is known by; empty where it has no cookie of ours."""
    return cookies.read(headers.get(b"cookie", b""), VISITOR_COOKIE)


def cookie(visitor: str) -> str:
    """The cookie by which a browser is known again. It comes along where the link was followed from elsewhere."""
    return cookies.made(VISITOR_COOKIE, visitor, seconds=VISITOR_SECONDS, same_site="Lax")


def handlers(office: Office, limits: Limits) -> Sequence[HTTPRouteHandler]:
    """What the server runs for the pages of receipts."""
    kept = {"cache-control": "public, max-age=3600"}
    files = [
        Asset(path, path.rpartition(".")[2], packaged.text(f"web/portal{path[2:]}").encode(), kept)
        for path in (SHEET, SCRIPT)
    ]

    async def show(request: Request[Any, Any, Any]) -> Told:
        request.scope["state"]["route"] = PATH
        lang, token = language(request), request.path_params["token"]
        try:
            limits.look(request.scope["state"])
            shown = await flow.page(office.desk, token) if TOKEN.fullmatch(token) else None
            visitor = visitor_of(dict(request.scope["headers"])) or secrets.token_urlsafe(32)
        except Denied as no:
            return told(sorry("many", lang), 429, lang, **{"retry-after": str(no.facts.get("seconds", 60))})
        except Exception as error:  # the customer gets a page; what is our bug is logged
            problem = problems.of_error(error)
            log.warning("receipt.trouble", code=problem.code)
            return told(sorry("trouble", lang), problem.status, lang)
        if shown is None:
            return told(sorry("unknown", lang), 404, lang)
        home = PATH.replace("{token}", token)
        body = await asyncio.to_thread(page, shown, lang, home)  # a QR is drawn: payments do not wait
        return told(body, 200, lang, [cookie(visitor)])

    def file(asset: Asset) -> HTTPRouteHandler:
        async def give(request: Request[Any, Any, Any]) -> Told:
            request.scope["state"]["route"] = asset.path
            return asset.told(dict(request.scope["headers"]))

        give.__name__ = f"get {asset.path}"
        return HTTPRouteHandler(asset.path, http_method="GET", include_in_schema=False)(give)

    page_of = HTTPRouteHandler(PATH.replace("}", ":str}"), http_method="GET", include_in_schema=False)(show)
    return [*map(file, files), page_of]
