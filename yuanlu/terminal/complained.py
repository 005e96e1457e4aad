"""The verbs of complaints for a terminal: what the API does, then standing by until it is done at the channel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yuanlu import ids
from yuanlu.channels.contract import Channel
from yuanlu.complaints import answers, flow, store
from yuanlu.complaints.answers import Answer, AnswerAsk, What
from yuanlu.complaints.rules import Complaint, ComplaintPull
from yuanlu.ids import Kind
from yuanlu.people.rules import Role
from yuanlu.terminal.asking import ask
from yuanlu.terminal.verbs import Counter, who
from yuanlu.web.api.complaints import ROUTES
from yuanlu.web.parts import lists
from yuanlu.web.parts.complained import (
    AnswerTold,
    ComplaintsTold,
    ComplaintWholeTold,
    PullTold,
    answer_told,
    complaint_told,
    pull_told,
)
from yuanlu.web.parts.veil import disclosed


async def pull(counter: Counter, channel: Channel) -> PullTold:
    """Pull a channel's complaints now, and from now on.

    Raises Denied: complaint.channel_cannot.
    """
    desk = counter.app.desk
    await flow.watch(desk, counter.merchant_id, channel, who())
    row = await flow.pull(desk, counter.merchant_id, channel)

    async def see() -> ComplaintPull:
        return (await desk.see(store.pull(counter.merchant_id, channel))) or row

    return pull_told(await counter.stand_by(see, lambda _: (channel.value,), lambda _: True))


async def listed(counter: Counter, channel: str, state: str, limit: int, after: str) -> ComplaintsTold:
    """Complaints, newest first."""
    wanted = {"channel": channel, "state": state}
    found = await lists.page(counter.app.pools.reader, counter.merchant_id, Complaint, after, limit, wanted)
    return ComplaintsTold(items=[complaint_told(store.made(row)) for row in found.rows], next=found.next)


async def shown(counter: Counter, complaint_id: str, key_file: Path | None) -> ComplaintWholeTold:
    """One complaint with what was said.

    Raises Denied: id.invalid, complaint.unknown; see `asking.ask`.
    """
    told: ComplaintWholeTold = await ask(
        counter, ROUTES, "GET /v1/complaints/{complaint}", key_file=key_file, complaint=complaint_id
    )
    return told


async def answer(
    counter: Counter,
    complaint_id: str,
    what: What,
    *,
    text: str = "",
    days: int = 0,
    feedback_code: str = "",
    images: Sequence[Path] = (),
    answer_id: str = "",
) -> AnswerTold:
    """Answer a complaint, and stand by until the channel has it.

    Raises Denied: see `answers.open_answer`.
    """
    desk, merchant_id = counter.app.desk, counter.merchant_id
    kept = [await flow.attach(desk, merchant_id, complaint_id, path.read_bytes(), who()) for path in images]
    ask = AnswerAsk(
        merchant_id=merchant_id,
        id=answer_id or ids.new(Kind.ANSWER),
        complaint_id=complaint_id,
        what=what,
        who=who(),
        text=text,
        days=days,
        feedback_code=feedback_code,
        images=tuple(each.id for each in kept),
    )
    row = await flow.request(desk, ask)

    async def see() -> Answer:
        seen = await desk.see(store.to_drive(merchant_id, row.id))
        assert seen.answer is not None
        return seen.answer

    done = await counter.stand_by(see, lambda _: (row.id,), lambda one: one.state not in answers.OPEN)
    one = await desk.see(store.by_id(merchant_id, complaint_id))
    assert one is not None
    told = answer_told(done, (await flow.words_of(desk, one, [done]))[done.id])
    return await disclosed(desk, merchant_id, who(), Role.OPERATOR, told, one.id)
