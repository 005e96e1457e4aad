"""Policies on the books: set, found at a till, frozen onto payments, tried on the past."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
import pytest

from tests.flows.shop import Shop
from tests.making import heard
from yuanlu import ids
from yuanlu.cases import beside
from yuanlu.cases import flow as cases
from yuanlu.cases.rules import Case, CaseAsk, State, What
from yuanlu.change import Done
from yuanlu.channels.contract import Word
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.money import Money
from yuanlu.policies import flow, rules, store
from yuanlu.policies.rules import Policy, PolicyAsk
from yuanlu.web.parts import policies as told

STRICT = "verdict,zh,en\nreview,有人会看,Somebody looks\n"
LENIENT = "verdict,zh,en\napprove,马上退,At once\n"


async def put(shop: Shop, content: str, **given: object) -> Done[Policy]:
    values = {
        "merchant_id": shop.merchant,
        "id": ids.new(Kind.POLICY),
        "table": flow.checked(content),
        "who": "anna",
        "role": "owner",
    }
    return await flow.requested(shop.desk, PolicyAsk(**{**values, **given}))  # type: ignore[arg-type]


async def store_of(shop: Shop) -> str:
    found: str = await shop.pools.recorder.fetchval("select store_id from tills where id = $1", shop.till)
    return found


async def test_the_policy_in_force_is_frozen_onto_the_payment(shop: Shop) -> None:
    """S68."""
    before = await shop.paid()
    policy = (await put(shop, STRICT)).row
    after = await shop.paid()
    shop.wait(60)
    await put(shop, LENIENT)
    assert (before.policy, after.policy) == ("", policy.id)
    assert (await flow.version(shop.desk, shop.merchant, after.policy)).policy == policy.id
    assert await shop.pools.recorder.fetchval("select policy from payments where id = $1", after.id) == policy.id


async def test_what_counts_is_shown_before_paying(shop: Shop) -> None:
    """S68."""
    await put(shop, STRICT)
    found = told.policy_told(await flow.at_till(shop.desk, shop.merchant, shop.till))
    assert [(line.verdict, line.zh) for line in found.lines] == [("review", "有人会看")]
    assert (await shop.paid()).policy == found.id


async def test_a_store_may_have_a_policy_of_its_own(shop: Shop) -> None:
    mine = (await put(shop, STRICT, store_id=await store_of(shop))).row
    shop.wait(60)
    common = (await put(shop, LENIENT)).row
    at_till = await flow.at_till(shop.desk, shop.merchant, shop.till)
    anywhere = await flow.in_force(shop.desk, shop.merchant, "")
    assert (at_till and at_till.id, anywhere and anywhere.id) == (mine.id, common.id)


async def test_a_version_counts_from_its_day_on(shop: Shop) -> None:
    policy = (await put(shop, STRICT, valid_from=shop.clock.now() + timedelta(days=1))).row
    assert (await shop.paid()).policy == ""
    shop.wait(days=1)
    assert (await shop.paid()).policy == policy.id


async def test_the_policy_costs_a_payment_no_trip_of_its_own(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    see = shop.desk._reader.see

    async def counted(view: object) -> object:
        seen.append(view)
        return await see(view)  # type: ignore[arg-type]

    await put(shop, STRICT)
    monkeypatch.setattr(shop.desk._reader, "see", counted)
    assert (await shop.paid()).policy
    assert [len(view.reads) for view in seen] == [1]  # type: ignore[attr-defined]


async def test_a_version_is_never_changed(shop: Shop) -> None:
    policy = (await put(shop, STRICT)).row
    async with shop.pools.recorder.acquire() as connection:
        for wish in ("update policies set content = 'x'", "delete from policies"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(wish)
    assert await shop.desk.see(store.by_id(shop.merchant, policy.id)) == policy


async def test_setting_the_same_twice_is_one_version_and_a_fault_keeps_nothing(shop: Shop) -> None:
    first = await put(shop, STRICT)
    again = await put(shop, STRICT, id=first.row.id)
    assert (first.changed, again.changed, again.row) == (True, False, first.row)
    with pytest.raises(Denied, match=r"policy\.invalid") as no:
        await put(shop, "amount_fen,verdict,zh,en\n<=5,review,好,ok\n")
    assert no.value.facts["problems"][0]["problem"] == "gap"  # type: ignore[index]
    with pytest.raises(Denied, match=r"policy\.store_unknown"):
        await put(shop, STRICT, store_id=ids.new(Kind.STORE))
    assert await shop.pools.recorder.fetchval("select count(*) from policies") == 1
    assert await shop.facts(first.row.id) == ["PolicySet"]


SLIPS = "amount_fen,reason,verdict,zh,en\n*,input.amount.decimal_slip,decline,不退,No\n*,*,approve,马上退,At once\n"


async def slipped(shop: Shop, meant: int) -> Case:
    """A wrong amount that was checked live, with its cause looked for."""
    payment = await shop.paid(12800)
    shop.will_hear(heard(Word.SETTLED, amount=Money(12800)))
    ask = CaseAsk(
        merchant_id=shop.merchant, id=ids.new(Kind.CASE), payment_id=payment.id, what=What.WRONG_AMOUNT,
        who="cashier", meant=Money(meant),
    )  # fmt: skip
    case = await cases.request(shop.desk, ask)
    case = await cases.drive(shop.desk, shop.merchant, case.id)
    await beside.find(shop.desk, shop.merchant, case.id)
    return case


async def test_a_table_is_tried_with_the_causes_that_were_found_and_says_what_of_each_class(shop: Shop) -> None:
    """S68."""
    since = shop.clock.now()
    slips = [await slipped(shop, 1280), await slipped(shop, 1280)]
    await slipped(shop, 9000)
    trial = await told.trial(shop.pools.reader, shop.merchant, flow.checked(SLIPS), since)
    assert (trial.cases, trial.different, trial.changes) == (3, 2, {"approve>decline": 2})
    (one,) = trial.classes
    assert (one.was, one.would_be, one.reason) == ("approve", "decline", "input.amount.decimal_slip")
    assert (one.cases, one.amount_fen, sorted(one.examples)) == (2, 23040, sorted(case.id for case in slips))
    assert slips[0].id in one.zh
    assert one.en in trial.summary_en


async def test_the_policy_in_force_knows_the_cause_that_the_dry_run_promised(shop: Shop) -> None:
    """S68: what is tried on the past is what happens from then on."""
    await put(shop, SLIPS)
    assert (await slipped(shop, 1280)).state is State.DECLINED
    assert (await slipped(shop, 9000)).state is State.REMEDY


async def test_a_new_table_is_tried_on_past_cases_and_changes_nothing(shop: Shop) -> None:
    """S68."""
    since = shop.clock.now()
    payments = [await shop.paid(12800), await shop.paid(600_000)]
    shop.wait(hours=2)
    for payment in payments:
        ask = CaseAsk(
            merchant_id=shop.merchant, id=ids.new(Kind.CASE), payment_id=payment.id, what=What.WRONG_AMOUNT,
            who="cashier", meant=Money(1280),
        )  # fmt: skip
        await cases.request(shop.desk, ask)
    before = await shop.pools.recorder.fetchval("select count(*) from facts")
    trial = await told.trial(shop.pools.reader, shop.merchant, flow.checked(STRICT), since)
    assert (trial.cases, trial.same, trial.different) == (2, 0, 2)
    assert trial.changes == {"approve>review": 1, "second>review": 1}
    assert trial.amount_fen == 11520 + 598_720
    assert {(item.was, item.would_be, item.was_line) for item in trial.items} == {
        ("approve", "review", 4),
        ("second", "review", 1),
    }
    assert "2" in trial.summary_zh
    assert await shop.pools.recorder.fetchval("select count(*) from facts") == before
    assert (await told.trial(shop.pools.reader, shop.merchant, flow.checked(STRICT), shop.clock.now())).cases == 2
    shop.wait(1)
    assert (await told.trial(shop.pools.reader, shop.merchant, flow.checked(STRICT), shop.clock.now())).cases == 0


async def test_a_neighbour_sees_nothing_of_it(shop: Shop) -> None:
    policy = (await put(shop, STRICT)).row
    assert await shop.desk.see(store.by_id("YMother", policy.id)) is None
    with pytest.raises(Denied, match=r"policy\.unknown"):
        await flow.version(shop.desk, "YMother", policy.id)
    assert rules.decide(flow.read(policy), _facts()).policy == policy.id


def _facts() -> rules.Facts:
    return rules.Facts(amount_fen=1, age_hours=0, what="other", channel="wechat", tender="shown")
