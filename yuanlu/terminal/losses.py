"""The verbs of losses, the refund float and repayments at a terminal."""

from __future__ import annotations

from yuanlu import ids
from yuanlu.cases import repaying
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.losses import flow as losses
from yuanlu.losses.rules import Bearer, Loss, LossAsk, Settling
from yuanlu.money import Money
from yuanlu.repayments import flow as repayments
from yuanlu.repayments import store as repayments_store
from yuanlu.repayments.flow import Account, Wish
from yuanlu.repayments.rules import Because, Refusal, Repayment
from yuanlu.terminal.verbs import Counter, who
from yuanlu.web.parts.losses import FloatTold, float_told


async def forecast(counter: Counter, days: int) -> FloatTold:
    """What refunds will need in the next days."""
    return float_told(await losses.forecasts(counter.app.desk, counter.merchant_id, days), days)


async def record(counter: Counter, case_id: str, cause: str, bearer: str, amount_fen: int, loss_id: str) -> Loss:
    """Write a loss down."""
    ask = LossAsk(
        merchant_id=counter.merchant_id,
        id=ids.checked(loss_id, Kind.LOSS) if loss_id else ids.new(Kind.LOSS, counter.app.clock.now()),
        case_id=ids.checked(case_id, Kind.CASE),
        cause=cause,
        bearer=Bearer(bearer),
        amount=Money(amount_fen),
        who=who(),
    )
    return (await losses.record(counter.app.desk, ask)).row


async def settle(counter: Counter, loss_id: str, amount_fen: int, version: int, *, is_recovered: bool) -> Loss:
    """Money came back from who bears a loss, or never will."""
    ask = Settling(amount=Money(amount_fen), version=version, who=who())
    verb = losses.recover if is_recovered else losses.write_off
    return await verb(counter.app.desk, counter.merchant_id, ids.checked(loss_id, Kind.LOSS), ask)


async def propose(
    counter: Counter,
    *,
    payment_id: str,
    amount_fen: int,
    because: str,
    account: Account,
    refund_id: str,
    case_id: str,
    repayment_id: str,
) -> Repayment:
    """First of two people: money back by another road."""
    wish = Wish(
        merchant_id=counter.merchant_id,
        id=repayment_id or ids.new(Kind.REPAYMENT, counter.app.clock.now()),
        payment_id=ids.checked(payment_id, Kind.PAYMENT),
        amount=Money(amount_fen),
        because=Because(because),
        account=account,
        who=who(),
        refund_id=ids.checked(refund_id, Kind.REFUND) if refund_id else "",
        case_id=ids.checked(case_id, Kind.CASE) if case_id else "",
    )
    return (await repaying.propose(counter.app.desk, wish)).row


async def approve(counter: Counter, repayment_id: str) -> Repayment:
    """Second of two people."""
    return await repaying.approve(counter.app.desk, counter.merchant_id, _id(repayment_id), who())


async def account(counter: Counter, repayment_id: str) -> Account:
    """The account, to pay to it. That it was read is written down."""
    return await repayments.account(counter.app.desk, counter.merchant_id, _id(repayment_id), who())


async def paid(counter: Counter, repayment_id: str, proof: str) -> Repayment:
    """It was paid."""
    return await repaying.pay(counter.app.desk, counter.merchant_id, _id(repayment_id), who(), proof)


async def refuse(counter: Counter, repayment_id: str, why: str) -> Repayment:
    """It will not be paid."""
    return await repaying.refuse(counter.app.desk, counter.merchant_id, _id(repayment_id), who(), Refusal(why))


async def shown(counter: Counter, repayment_id: str) -> Repayment:
    """One repayment.

    Raises Denied: repayment.unknown.
    """
    seen = await counter.app.desk.see(repayments_store.by_id(counter.merchant_id, _id(repayment_id)))
    if seen.repayment is None:
        raise Denied("repayment.unknown")
    return seen.repayment


def _id(text: str) -> str:
    return ids.checked(text, Kind.REPAYMENT)
