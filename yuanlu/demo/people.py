"""Those who play along: the API as a cashier calls it, and the simulated world as the demo steers it."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import aiohttp

Told = dict[str, Any]


class SaidNo(Exception):
    """The API's answer was no: its problem, as it came."""

    def __init__(self, status: int, problem: Told) -> None:
        super().__init__(f"{status} {problem.get('code', '')}")
        self.status = status
        self.code = str(problem.get("code", ""))
        self.problem = problem


class Wire:
    """JSON over HTTP to one address, with one key."""

    def __init__(self, base_url: str, key: str = "") -> None:
        self.base_url = base_url
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._headers, timeout=aiohttp.ClientTimeout(total=30), trust_env=False
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def get(self, path: str, **query: str | int) -> Told:
        """Read.

        Raises SaidNo.
        """
        return await self._call("GET", path, query=query)

    async def post(self, path: str, **content: Any) -> Told:
        """Ask for something.

        Raises SaidNo.
        """
        return await self._call("POST", path, content=content)

    async def hand_in(self, path: str, content: bytes, kind: str, **query: str) -> Told:
        """Send a file as it is; `kind` is its media type.

        Raises SaidNo.
        """
        assert self._session is not None
        async with self._session.post(
            self.base_url + path, data=content, params=query, headers={"Content-Type": kind}
        ) as answer:
            return await _heard(answer)

    async def fetch(self, path: str, **query: str) -> bytes:
        """Open a file.

        Raises SaidNo.
        """
        assert self._session is not None
        async with self._session.get(self.base_url + path, params=query) as answer:
            if answer.status >= 400:
                raise SaidNo(answer.status, await answer.json(content_type=None))
            return await answer.read()

    async def delete(self, path: str, **query: str | int) -> Told:
        """Take something away.

        Raises SaidNo.
        """
        return await self._call("DELETE", path, query=query)

    async def _call(self, method: str, path: str, content: Told | None = None, query: Any = None) -> Told:
        assert self._session is not None
        async with self._session.request(method, self.base_url + path, json=content, params=query) as answer:
            return await _heard(answer)


async def _heard(answer: aiohttp.ClientResponse) -> Told:
    told: Told = await answer.json(content_type=None)
    if answer.status >= 400:
        raise SaidNo(answer.status, told)
    return told
