"""Where a letter goes is what was checked: names that change, numbers that hide, redirects that lead inside."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from yuanlu.config import Settings
from yuanlu.errors import Denied
from yuanlu.notify import addresses
from yuanlu.notify.post import Post


@dataclass
class Site:
    """A receiver on this machine that counts who comes."""

    port: int = 0
    came: list[str] = field(default_factory=list)
    leads_to: str = ""

    async def hear(self, request: web.Request) -> web.Response:
        self.came.append(request.host)
        if self.leads_to:
            return web.Response(status=307, headers={"location": self.leads_to})
        return web.Response(text="ok")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", made.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    made.port = int(listening._server.sockets[0].getsockname()[1])  # type: ignore[union-attr]
    yield made
    await runner.cleanup()


class Names:
    """A resolver that answers each time with the next of its lists, and the last for ever."""

    def __init__(self, *lists: list[str]) -> None:
        self.lists = list(lists)
        self.asked = 0

    async def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        found = self.lists[min(self.asked, len(self.lists) - 1)]
        self.asked += 1
        families = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in found]
        return [(f, socket.SOCK_STREAM, 6, "", (each, port)) for f, each in zip(families, found, strict=True)]


async def called(names: Names, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, here: bool = True) -> Any:
    """Call a URL as the post does, with names resolved so; loopback counts as outside where `here`."""
    post = Post(Settings(state=tmp_path, hooks_on_loopback=int(here)), None)  # type: ignore[arg-type]
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names.getaddrinfo, raising=False)
    async with post, asyncio.timeout(10):
        return await post._called("POST", url, {}, b"{}")


async def test_a_name_is_resolved_once_and_what_was_checked_is_called(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever answers anew between the check and the call (DNS rebinding) is not asked a second time."""
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    receipt = await called(names, f"http://rebinding.example:{site.port}/", monkeypatch, tmp_path)
    assert (receipt.ok, names.asked, len(site.came)) == (True, 1, 1)


async def test_a_name_that_turned_inside_since_the_last_letter_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    post = Post(Settings(state=tmp_path, hooks_on_loopback=1), None)  # type: ignore[arg-type]
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names.getaddrinfo, raising=False)
    async with post, asyncio.timeout(10):
        first = await post._called("POST", f"http://rebinding.example:{site.port}/", {}, b"{}")
        again = await post._called("POST", f"http://other.example:{site.port}/", {}, b"{}")
    assert first.ok
    assert (again.why, again.is_final, len(site.came)) == ("inside", True, 1)


INSIDE = [
    "127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "100.100.100.200", "192.0.0.8", "192.88.99.1", "::1", "::",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1", "fec0::1", "fe80::1", "fd00::1",
    "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::1", "2002:102:304::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2606:4700::5efe:a00:1", "2606:4700::200:5efe:7f00:1", "3fff::1", "5f00::1", "2001:db8::1", "2001:2::1", "100::1",
    "4000::1", "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
async def test_no_name_leads_inside_however_the_address_is_dressed(
    address: str, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for answer in ([address], ["1.1.1.1", address], [address, "1.1.1.1"]):
        url = f"https://dressed.example:{site.port}/"
        receipt = await called(Names(answer), url, monkeypatch, tmp_path, here=False)
        assert (receipt.why, receipt.is_final) == ("inside", True)
    assert site.came == []


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "017700000001", "0x7f.1", "127.0.1"]
)
async def test_a_number_that_means_this_machine_is_refused_when_said_and_when_called(
    host: str, site: Site, tmp_path: Path
) -> None:
    with pytest.raises(Denied, match=r"hook\.url_inside"):
        addresses.url_checked(f"https://{host}:{site.port}/")
    post = Post(Settings(state=tmp_path), None)  # type: ignore[arg-type]
    async with post, asyncio.timeout(10):  # the true resolver of this machine, which reads such numbers
        receipt = await post._called("POST", f"http://{host}:{site.port}/", {}, b"{}")
    assert not receipt.ok
    assert site.came == []


@pytest.mark.parametrize(
    "goal", ["http://169.254.169.254/latest/", "http://127.0.0.1:{port}/again", "/again", "//10.0.0.1/"]
)
async def test_a_redirect_is_not_followed(
    goal: str, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site.leads_to = goal.replace("{port}", str(site.port))
    names = Names(["127.0.0.1"])
    receipt = await called(names, f"http://leading.example:{site.port}/", monkeypatch, tmp_path)
    assert (receipt.ok, receipt.why, len(site.came), names.asked) == (False, "http_307", 1, 1)


async def test_no_proxy_of_the_environment_is_asked(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It would resolve the name itself, inside."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{site.port}")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{site.port}")
    receipt = await called(Names(["10.0.0.1"]), "http://proxied.example/", monkeypatch, tmp_path)
    assert (receipt.why, site.came) == ("inside", [])


BITS = r"""
https:// http:// HTTPS:// 10.0.0.1 127.0.0.1 [::1] [::ffff:10.0.0.1] a.example localhost 443 0x7f.1 xn-- %31 %2f %40 %00
@ : / \ ? # . .. [ ] ; , & _ - ' " | ^ ` { } $ ! * ( ~ + =
"""
PIECES = st.lists(st.sampled_from(BITS.split()), max_size=7)


@given(PIECES.map("".join).map(lambda rest: rest if rest.lower().startswith("http") else f"https://{rest}"))
def test_whatever_url_is_kept_means_the_same_host_to_who_checks_and_to_who_calls(url: str) -> None:
    """Two readers of one URL that differ would let one be shown a host and the other call another."""
    try:
        addresses.url_checked(url)
    except Denied:
        return
    from urllib.parse import urlsplit

    try:
        read = URL(url, encoded=True)
    except ValueError:
        return  # who calls cannot: nothing is called
    assert read.scheme == "https"
    assert (read.raw_host or "").lower() == (urlsplit(url).hostname or "").lower()
