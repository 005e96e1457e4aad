"""Policies: what a customer may expect, and how that is set, checked and tried on the past."""

from __future__ import annotations

from yuanlu.errors import Denied
from yuanlu.ids import Kind, checked
from yuanlu.payments import store as payments
from yuanlu.policies import flow, store
from yuanlu.policies.rules import Policy, PolicyAsk
from yuanlu.reading import maker
from yuanlu.web.parts import lists, policies
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.policies import (
    PoliciesTold,
    PolicyAtWish,
    PolicyCheckTold,
    PolicyFileWish,
    PolicyTold,
    PolicyTrialTold,
    PolicyTryWish,
    PolicyWish,
    policy_told,
)
from yuanlu.web.parts.shapes import Page

_made = maker(Policy)
EXAMPLE = (
    "amount_fen,reason,verdict,zh,en\n<=5000,wrong_amount,approve,马上退,At once\n*,*,review,有人会看,We look at it\n"
)


async def in_force(call: Call) -> Answer:
    """What a customer may expect of a payment made now."""
    wish: PolicyAtWish = call.query
    desk = call.office.desk
    if wish.till:
        return 200, policy_told(await flow.at_till(desk, call.merchant_id, wish.till))
    return 200, policy_told(await flow.in_force(desk, call.merchant_id, ""))


async def see(call: Call) -> Answer:
    """One version, as it was frozen onto payments."""
    found = await call.office.desk.see(store.by_id(call.merchant_id, call.id(Kind.POLICY)))
    if found is None:
        raise Denied("policy.unknown")
    return 200, policy_told(found)


async def of_payment(call: Call) -> Answer:
    """What a customer may expect of this payment: the version that was frozen onto it."""
    desk, merchant_id = call.office.desk, call.merchant_id
    payment = await desk.see(payments.by_id(merchant_id, call.id(Kind.PAYMENT)))
    if payment is None:
        raise Denied("payment.unknown")
    return 200, policy_told(await desk.see(store.by_id(merchant_id, payment.policy)) if payment.policy else None)


async def versions(call: Call) -> Answer:
    """The versions that were set, newest first: of the merchant and of its stores."""
    wish: Page = call.query
    found = await lists.page(
        call.office.pools.reader, call.merchant_id, Policy, wish.after, wish.limit, {}, store_id=call.key.store_id
    )
    return 200, PoliciesTold(items=[policy_told(_made(row)) for row in found.rows], next=found.next)


async def request(call: Call) -> Answer:
    """Set a new version."""
    wish: PolicyWish = call.wish
    ask = PolicyAsk(
        merchant_id=call.merchant_id,
        id=checked(wish.id, Kind.POLICY),
        table=flow.checked(wish.content, is_toml=wish.form == "toml"),
        who=call.who,
        role=call.role,
        store_id=wish.store,
        valid_from=wish.valid_from,
    )
    done = await flow.requested(call.office.desk, ask)
    return 201 if done.changed else 200, policy_told(done.row)


async def check(call: Call) -> Answer:
    """Check a table, and keep nothing."""
    wish: PolicyFileWish = call.wish
    return 200, policies.checked(wish.content, wish.form)


async def trial(call: Call) -> Answer:
    """Try a table on past cases, and change nothing."""
    wish: PolicyTryWish = call.wish
    new = flow.checked(wish.content, is_toml=wish.form == "toml")
    return 200, await policies.trial(
        call.office.pools.reader, call.merchant_id, new, wish.since, store_id=call.by.store_id
    )


ROUTES = (
    Route(
        method="GET",
        path="/v1/policy",
        verb=in_force,
        may="see",
        says="The refund policy that counts for a payment made now",
        query=PolicyAtWish,
        gives=PolicyTold,
        denied=("payment.till_unknown",),
    ),
    Route(
        method="GET",
        path="/v1/payments/{payment}/policy",
        verb=of_payment,
        may="see",
        says="The refund policy as it was frozen onto a payment",
        gives=PolicyTold,
        denied=("payment.unknown",),
    ),
    Route(
        method="GET",
        path="/v1/policies",
        verb=versions,
        may="see",
        says="Versions of the policy",
        query=Page,
        gives=PoliciesTold,
    ),
    Route(
        method="POST",
        path="/v1/policies",
        verb=request,
        may="policy",
        says="Set a new version of the refund policy",
        takes=PolicyWish,
        gives=PolicyTold,
        statuses=(201, 200),
        denied=(
            "id.invalid",
            "policy.invalid",
            "policy.id_taken",
            "policy.store_unknown",
            "staff.other_store",
            "policy.backdated",
        ),
        example={"id": "YL01KATE3S400000000000000000T", "content": EXAMPLE, "store": "YS01KATE3S4000000000000000000"},
    ),
    Route(
        method="POST",
        path="/v1/policies/check",
        verb=check,
        may="see",
        says="Check a refund policy and keep nothing",
        takes=PolicyFileWish,
        gives=PolicyCheckTold,
        example={"content": EXAMPLE},
    ),
    Route(
        method="POST",
        path="/v1/policies/try",
        verb=trial,
        may="see",
        says="What a refund policy would have done to past cases",
        takes=PolicyTryWish,
        gives=PolicyTrialTold,
        denied=("policy.invalid",),
        example={"content": EXAMPLE, "since": "2026-11-01T00:00:00Z"},
    ),
    Route(
        method="GET",
        path="/v1/policies/{policy}",
        verb=see,
        may="see",
        says="One version of the refund policy",
        gives=PolicyTold,
        denied=("policy.unknown",),
    ),
)
