"""What it costs to know who asks: a key that was seen before; and, apart from it, what a till signed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import time
from collections.abc import Awaitable, Callable

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from yuanlu import db
from yuanlu.app import running
from yuanlu.bench import ground
from yuanlu.bench.measure import Figure, Size, against, cpu_of, median
from yuanlu.config import Settings
from yuanlu.machines.store import Nonces
from yuanlu.merchants import store as merchants
from yuanlu.postgres import Server
from yuanlu.web.parts import signatures
from yuanlu.web.parts.auth import Doorkeeper
from yuanlu.web.parts.signatures import Message

TOGETHER = 64
BODY = b'{"amount_fen":1280,"till":"T1"}'


async def auth(server: Server, size: Size) -> list[Figure]:
    """CPU of our process a call: a known key; a till's signature over a request with a body; its nonce, in a row."""
    await server.create("yuanlu")
    database = db.Database(server.url("yuanlu"), logs_in_as_roles=True)
    await db.migrate(database)
    async with running(Settings(state=server.state), database) as app:
        pool, at = app.pools.recorder, app.clock.now()
        till = (await ground.tills(pool, 1))[0]
        key = await merchants.add_key(pool, till.merchant_id, "bench", at)
        door, nonces = Doorkeeper(app), Nonces(pool)
        header = f"Bearer {key.secret}"
        pair = ec.generate_private_key(ec.SECP256R1())
        message, der, base = signed(pair, key.id, header, int(at.timestamp()))

        async def known() -> None:
            await door.who(header)

        async def verified() -> None:
            signatures.demand_body(signatures.verified(message, key.id, pair.public_key(), at), BODY)

        async def floor() -> None:
            pair.public_key().verify(der, base, ec.ECDSA(SHA256()))

        async def once(turn: int) -> None:
            await asyncio.gather(
                *(nonces.is_new(till.merchant_id, key.id, f"{turn}-{n}-nonce", at) for n in range(TOGETHER))
            )

        await known()
        some = max(size.changes // 10, 10)
        rounds = [
            (await _each(known, size.changes), await _each(verified, some), await _each(floor, some))
            for _ in range(size.rounds)
        ]
        cpu = cpu_of(os.getpid())
        for turn in range(max(some // TOGETHER, 1)):
            await once(turn)
        nonce = (cpu_of(os.getpid()) - cpu) / (max(some // TOGETHER, 1) * TOGETHER) * 1e6
    seen, whole, bare = (median([each[place] for each in rounds]) for place in range(3))
    return [
        Figure(name="auth", value=seen, unit="us", cpu_us=seen),
        Figure(name="auth_till", unit="us", **against(bare, whole), cpu_us=whole),
        Figure(name="auth_nonce", value=nonce, unit="us", cpu_us=nonce),
    ]


def signed(pair: ec.EllipticCurvePrivateKey, key_id: str, header: str, created: int) -> tuple[Message, bytes, bytes]:
    """A request as a till sends it, its signature as the library wants it, and the text that was signed."""
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(BODY).digest()).decode()}:"
    covered = '("@method" "@authority" "@path" "@query" "authorization" "content-digest")'
    params = f'{covered};created={created};nonce="{"n" * 22}";keyid="{key_id}";alg="{signatures.ALGORITHM}"'
    base = (
        f'"@method": POST\n"@authority": shop.example\n"@path": /v1/payments\n"@query": ?\n"authorization": {header}\n'
        f'"content-digest": {digest}\n"@signature-params": {params}'
    ).encode()
    der = pair.sign(base, ec.ECDSA(SHA256()))
    raw = b"".join(part.to_bytes(32, "big") for part in decode_dss_signature(der))
    headers = {
        "host": "shop.example",
        "authorization": header,
        "content-digest": digest,
        "signature-input": f"till={params}",
        "signature": f"till=:{base64.b64encode(raw).decode()}:",
    }
    listed = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Message("POST", b"/v1/payments", b"", listed), der, base


async def _each(work: Callable[[], Awaitable[None]], number: int) -> float:
    """Microseconds of CPU one takes."""
    began, cpu = time.perf_counter(), cpu_of(os.getpid())
    for _ in range(number):
        await work()
    return (cpu_of(os.getpid()) - cpu or time.perf_counter() - began) / number * 1e6
