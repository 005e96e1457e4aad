"""What a connection to a channel does when the other side does not do as it should."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from yuanlu.channels import wire
from yuanlu.channels.contract import Call, Reply
from yuanlu.channels.lines import BODY_MAX, Lines, Silence

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Word: Yes\r\n\r\nok"
HANG_UP = b""


@dataclass
class Peer:
    """A server that answers the n-th request of all with the n-th answer; an empty one hangs up."""

    answers: Sequence[bytes]
    closes: bool = False
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await self._head(reader):
            self.requests.append(head)
            answer = self.answers[len(self.requests) - 1]
            writer.write(answer)
            if answer == HANG_UP or self.closes:
                break
        writer.close()

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        if b"Content-Length: 4" in head:
            head += await reader.readexactly(4)
        return head


@asynccontextmanager
async def peer(*answers: bytes, closes: bool = False) -> AsyncIterator[tuple[Peer, Lines]]:
    other = Peer(answers, closes)
    server = await asyncio.start_server(other.serve, "127.0.0.1", 0)
    other.port = server.sockets[0].getsockname()[1]
    lines = Lines(connect_within=1.0)
    try:
        yield other, lines
    finally:
        lines.close()
        server.close()
        await asyncio.sleep(0.01)


async def ask(
    lines: Lines, other: Peer, method: str = "GET", deadline: float = 2.0, target: str = "/v3/x?y=1", **headers: str
) -> Reply:
    body = b"" if method == "GET" else b"body"
    call = Call(method=method, url=f"http://127.0.0.1:{other.port}{target}", headers=headers, body=body)
    return await lines.call(call, deadline)


async def silence(lines: Lines, other: Peer, method: str = "GET", deadline: float = 2.0, **headers: str) -> Silence:
    with pytest.raises(Silence) as met:
        await ask(lines, other, method, deadline, **headers)
    return met.value


async def test_an_answer_comes_whole_with_small_header_names() -> None:
    async with peer(OK) as (other, lines):
        reply = await ask(lines, other, "POST", Authorization="Bearer x")
        assert (reply.status, reply.body, reply.headers["x-word"]) == (200, b"ok", "Yes")
        host = f"Host: 127.0.0.1:{other.port}".encode()
        assert other.requests[0].startswith(b"POST /v3/x?y=1 HTTP/1.1\r\n" + host)
        assert b"\r\nAuthorization: Bearer x\r\n" in other.requests[0]
        assert other.requests[0].endswith(b"\r\n\r\nbody")


async def test_an_address_without_a_path_asks_for_the_root() -> None:
    async with peer(OK) as (other, lines):
        await ask(lines, other, target="?a=b")
        assert other.requests[0].startswith(b"GET /?a=b HTTP/1.1")


async def test_one_connection_serves_calls_one_behind_the_other() -> None:
    async with peer(OK, OK, OK) as (other, lines):
        for _ in range(3):
            await ask(lines, other)
        assert other.connections == 1


async def test_calls_at_once_have_connections_of_their_own() -> None:
    async with peer(OK, OK) as (other, lines):
        await asyncio.gather(ask(lines, other), ask(lines, other))
        assert other.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    ],
)
async def test_chunks_and_interim_answers_are_read(answer: bytes) -> None:
    async with peer(answer) as (other, lines):
        reply = await ask(lines, other)
        assert (reply.status, reply.body) == (200, b"ok")


async def test_an_answer_without_a_length_lasts_until_the_connection_ends() -> None:
    async with peer(b"HTTP/1.1 200 OK\r\n\r\nok", closes=True) as (other, lines):
        assert (await ask(lines, other)).body == b"ok"


async def test_a_connection_the_other_side_will_close_is_not_used_again() -> None:
    async with peer(OK.replace(b"X-Word: Yes", b"Connection: close"), OK) as (other, lines):
        await ask(lines, other)
        await ask(lines, other)
        assert other.connections == 2


async def test_more_than_was_asked_for_spoils_the_connection() -> None:
    async with peer(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfor", OK) as (other, lines):
        assert (await ask(lines, other)).body == b"ok"
        assert (await ask(lines, other)).body == b"ok"
        assert other.connections == 2


async def test_a_question_is_asked_again_when_a_kept_connection_turns_out_closed() -> None:
    async with peer(OK, HANG_UP, OK) as (other, lines):
        await ask(lines, other)
        assert (await ask(lines, other)).body == b"ok"
        assert other.connections == 2


async def test_what_may_move_money_is_never_sent_again() -> None:
    async with peer(OK, HANG_UP, OK) as (other, lines):
        await ask(lines, other)
        met = await silence(lines, other, "POST")
        assert (met.code, met.sent) == (wire.RESET, True)
        assert len(other.requests) == 2


async def test_a_question_on_a_new_connection_is_not_asked_again() -> None:
    async with peer(HANG_UP, OK) as (other, lines):
        assert (await silence(lines, other)).code == wire.RESET
        assert len(other.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (BODY_MAX + 1) + b"x" * (BODY_MAX + 1),
    ],
)
async def test_half_wild_and_huge_answers_are_malformed(answer: bytes) -> None:
    async with peer(answer, closes=True) as (other, lines):
        met = await silence(lines, other, "POST")
        assert (met.code, met.sent) == (wire.MALFORMED, True)


async def test_no_answer_in_time_may_have_been_sent_and_its_connection_is_given_up() -> None:
    async with peer(b"HTTP/1.1 200 OK\r\n", OK) as (other, lines):
        met = await silence(lines, other, "POST", deadline=0.1)
        assert (met.code, met.sent) == (wire.TIMEOUT, True)
        assert (await ask(lines, other)).body == b"ok"
        assert other.connections == 2


async def test_the_answer_to_a_call_given_up_is_not_taken_for_the_next_one() -> None:
    async with peer(b"HTTP/1.1 201 Old\r\n", OK) as (other, lines):
        call = asyncio.create_task(ask(lines, other))
        await asyncio.sleep(0.05)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert (await ask(lines, other)).status == 200
        assert other.connections == 2


async def test_a_refused_connection_has_sent_nothing() -> None:
    async with peer() as (other, lines):
        other.port = 1
        met = await silence(lines, other, "POST")
        assert (met.code, met.sent) == (wire.CONNECT_FAILED, False)


@pytest.mark.parametrize("value", ["a\r\nB: c", "a\nb", "a\rb", "a\0b"])
async def test_a_header_never_breaks_out_of_its_line(value: str) -> None:
    async with peer(OK) as (other, lines):
        met = await silence(lines, other, "POST", Word=value)
        assert (met.sent, other.requests) == (False, [])
