"""The verbs of a code: hang, audit, retire; and whose a scanned text is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from yuanlu.change import Done
from yuanlu.desk import Desk
from yuanlu.devices import rules, store
from yuanlu.devices.rules import Code, CodeAsk, FoundAs
from yuanlu.devices.store import Owner


def mark_of(desk: Desk, text: str) -> str:
    """The keyed hash under which a code's text is kept."""
    return desk.mark(f"code:{rules.tidied(text)}")


async def hang(desk: Desk, ask: CodeAsk) -> Done[Code]:
    """Write a code down that hangs or stands in a shop. Its text is not kept.

    Asking again with the same id and content gives the same code back, not `changed`.
    Raises Denied: see `rules.hang`.
    """
    ask = replace(ask, mark=mark_of(desk, ask.text))
    return await desk.decide(store.for_ask(ask), partial(rules.hang, ask))


async def audit(desk: Desk, merchant_id: str, code_id: str, found: FoundAs, note: str, who: str) -> Code:
    """Write down how somebody found a sticker.

    Raises Denied: code.unknown, code.retired.
    """
    done = await desk.decide(store.by_id(merchant_id, code_id), partial(rules.audit, found, note, who))
    return done.row


async def retire(desk: Desk, merchant_id: str, code_id: str, note: str, who: str) -> Code:
    """Write down that a code is taken down for good.

    Raises Denied: code.unknown.
    """
    done = await desk.decide(store.by_id(merchant_id, code_id), partial(rules.retire, note, who))
    return done.row


async def whose(desk: Desk, merchant_id: str, text: str) -> Owner:
    """Whose a scanned text is: yours, another shop's of this installation (which one is not said), or unknown."""
    return await desk.see(store.owner_of(merchant_id, mark_of(desk, text)))
