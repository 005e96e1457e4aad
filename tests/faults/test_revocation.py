"""A key that ends, ends in every process within a second: real ones, one of them killed and started again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.faults.installation import Installation, installed
from tests.tilling import Device
from yuanlu import db
from yuanlu.app import running
from yuanlu.config import Settings
from yuanlu.machines import flow as keys


async def _status(made: Installation, service: int, header: str = "", headers: dict[str, str] | None = None) -> int:
    assert made.session is not None
    url = f"http://127.0.0.1:{made.services[service].port}/v1/tills"
    async with made.session.get(url, headers=headers or {"Authorization": header}) as answer:
        return answer.status


async def test_an_ended_key_and_a_used_signature_are_known_to_every_process(tmp_path: Path) -> None:
    """Ended while one process is dead, used before it was: neither a restart nor another process forgets."""
    async with installed(tmp_path, services=2, workers=0) as made:
        settings = Settings(state=made.services[0].state)
        async with running(settings, made.database, clock=made.clock) as app:
            header = f"Bearer {made.key}"
            assert [await _status(made, each, header) for each in (0, 1)] == [200, 200]

            device = Device()
            invited = await keys.invite(app.desk, made.merchant_id, made.till_id, "boss")
            enrolled = await keys.enrol(app.desk, invited.secret, device.public_key)
            device.token, device.key_id = enrolled.secret, enrolled.key.id
            urls = [f"http://127.0.0.1:{each.port}/v1/tills" for each in made.services]
            signed = device.signed("GET", urls[0])
            assert [await _status(made, 0, headers=signed) for _ in (1, 2)] == [200, 401]
            await made.services[0].kill()
            await made.services[0].start()
            assert await _status(made, 0, headers=signed) == 401

            await made.services[1].kill()
            await keys.end(app.desk, made.merchant_id, made.key.split("_")[1], "boss")
            await keys.end(app.desk, made.merchant_id, device.key_id, "boss")
            await asyncio.sleep(1)
            assert await _status(made, 0, header) == 401
            await made.services[1].start()
            assert await _status(made, 1, header) == 401
            for each, url in enumerate(urls):
                assert await _status(made, each, headers=device.signed("GET", url)) == 401


async def test_a_process_that_cannot_hear_of_an_end_lets_nobody_in(tmp_path: Path) -> None:
    """Its database is away: it does not know whether the key still counts, and says so."""
    async with installed(tmp_path, services=1, workers=0) as made:
        assert await _status(made, 0, f"Bearer {made.key}") == 200
        connection = await db.connect(made.database)
        await connection.execute("alter role yuanlu_recorder connection limit 0")
        await connection.execute("alter role yuanlu_reader connection limit 0")
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where pid <> pg_backend_pid() and datname = current_database()"
        )
        await asyncio.sleep(1)
        status = await _status(made, 0, f"Bearer {made.key}")
        await connection.execute("alter role yuanlu_recorder connection limit -1")
        await connection.execute("alter role yuanlu_reader connection limit -1")
        await connection.close()
        assert status == 503
