"""The queue among many cases: whatever is wished, its pages together are just the cases that are so, in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from yuanlu.bench import cases, ground
from yuanlu.bench.cases import Bed
from yuanlu.bench.measure import Size
from yuanlu.postgres import Server
from yuanlu.web.parts import lists

_WANTED = """
  select id from cases where merchant_id = $1 and state <> 'CLOSED' and ($2 = '' or state = $2)
  and ($3 = '' or store_id = $3) and ($4 = '' or (claimed_by = $4 and claimed_until > $5)) order by due_at, id
"""


@pytest.fixture
async def bed(server: Server) -> AsyncIterator[Bed]:
    async with cases.beds(server, Size(cases=(520,))) as made:
        yield made[0]


async def test_pages_together_are_what_was_wished(bed: Bed) -> None:
    """Of a state, of a store, of a state in a store, of whoever claimed them, and all of these."""
    merchant_id, store_id = bed.big[1].merchant_id, bed.big[1].store_id
    clerk = await bed.connection.fetchval(
        "select claimed_by from cases where merchant_id = $1 and claimed_by <> '' group by 1 order by count(*) desc",
        merchant_id,
    )
    now, found = ground.CLOCK.now() + timedelta(hours=1), []
    for state in ("", "REVIEW", "OFFERED"):
        for store in ("", store_id):
            for who in ("", clerk):
                wanted = await bed.connection.fetch(_WANTED, merchant_id, state, store, who, now)
                seen, after = [], ""
                while True:
                    page = await lists.queue(
                        bed.app.pools.reader, merchant_id, after, 7, now, state=state, store_id=store, claimed_by=who
                    )
                    seen += [row["id"] for row in page.rows]
                    if page.next is None:
                        break
                    after = page.next
                assert seen == [row["id"] for row in wanted]
                found.append(len(seen))
    assert found[0] > 200
    assert sum(1 for each in found if each) >= 8
