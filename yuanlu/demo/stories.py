"""The stories: what goes wrong in a shop, and how it is put right; played through the public API alone.

A story ends well when yuanlu came to the end it must, and our books agree with the provider's to the fen. It tells what
people and the network do; what yuanlu does it reads from the timeline.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from yuanlu import ids
from yuanlu.demo.people import SaidNo, Told
from yuanlu.demo.stage import Stage
from yuanlu.ids import Kind
from yuanlu.money import Money
from yuanlu.packs.readers import Reader
from yuanlu.packs.verify import verify
from yuanlu.terminal import packs
from yuanlu.terminal.screen import flat

GOODS = "6901234567892"
RECEIVING = "https://qr.alipay.com/fkx01234abcdefgh"
CARD = {"to": "payer_card", "bank_type": "ICBC_DEBIT", "card_number": "6222020200001234567", "holder_name": "张三"}


@dataclass(frozen=True)
class End:
    """How a story ended: its payment, its case and its refund, as the API tells them."""

    payment: Told | None = None
    case: Told | None = None
    refund: Told | None = None


Story = Callable[[Stage], Awaitable[End]]


# --- what people do ---


async def charge(on: Stage, wallet: str, habit: str, amount_fen: int, *, till: int = 0, code: str = "") -> Told:
    """The cashier scans a code and charges it."""
    payment_id = ids.new(Kind.PAYMENT)
    content = {
        "till": on.till_ids[till], "amount_fen": amount_fen, "code": code or on.codes[f"{wallet}_{habit}"],
    }  # fmt: skip
    payment = await on.cashier.post("/v1/payments", id=payment_id, **content)
    on.payments.append(payment_id)
    await on.catch_up()
    return payment


async def report(on: Stage, payment: Told, what: str, **content: int | str) -> Told:
    """The cashier reports a mistaken scan."""
    return await on.cashier.post("/v1/cases", id=ids.new(Kind.CASE), payment=payment["id"], what=what, **content)


async def refused(on: Stage, wish: Awaitable[Told], code: str) -> Told:
    """A wish that must be refused; answers the problem. Raises WentWrong when it is not, or for another reason."""
    try:
        await wish
    except SaidNo as no:
        on.expect(no.code == code, f"refused as {code}, not {no.code}")
        return no.problem
    on.expect(False, f"it is refused as {code}")
    raise AssertionError


async def payment_of(on: Stage, payment: Told) -> Told:
    return await on.cashier.get(f"/v1/payments/{payment['id']}")


async def paid(on: Stage, payment: Told) -> Told:
    """Wait until a payment is paid."""
    return await on.until(lambda: payment_of(on, payment), lambda one: one["state"] == "PAID", "the payment is paid")


async def closed(on: Stage, case: Told, conclusion: str = "money_back") -> Told:
    """Wait until a case is closed, and see that it ended so."""
    told = await on.until(
        lambda: on.cashier.get(f"/v1/cases/{case['id']}"), lambda one: one["state"] == "CLOSED", "the case is closed"
    )
    on.expect(told["conclusion"] == conclusion, f"the case ends as {conclusion}, not {told['conclusion']}")
    return told


async def refund_of(on: Stage, case: Told, amount_fen: int) -> Told:
    """The refund of a case, which must have paid so much back."""
    refund = await on.cashier.get(f"/v1/refunds/{case['refund']}")
    on.expect(refund["amount_fen"] == amount_fen, f"{Money(amount_fen)} went back, not {Money(refund['amount_fen'])}")
    on.expect(refund["state"] in ("DONE", "PROVEN"), f"the refund is done, not {refund['state']}")
    return refund


def yuan(fen: int) -> str:
    return str(Money(fen))


# --- the stories ---


async def mistaken_scan(on: Stage) -> End:
    """128.00 charged for 12.80: the difference goes back and the case is closed."""
    on.tell("cashier", "扫微信付款码，收 ¥128.00，本来应收 ¥12.80",
            "Scans a WeChat Pay code and charges ¥128.00. It should have been ¥12.80.")  # fmt: skip
    payment = await paid(on, await charge(on, "wechat", "ok", 12800))
    on.tell("cashier", "发现多收了，报错：应收 ¥12.80", "Notices, and reports it: ¥12.80 was meant.")
    case = await closed(on, await report(on, payment, "wrong_amount", meant_fen=1280))
    refund = await refund_of(on, case, 11520)
    payment = await payment_of(on, payment)
    on.expect(payment["back_fen"] == 11520, "the payment knows that ¥115.20 went back")
    return End(payment, case, refund)


async def double_charge(on: Stage) -> End:
    """The answer is lost and the same code is charged again: both are paid, the second goes back in full."""
    await on.sim.post("/_sim/fault", kind="lost_answer", match={"operation": "pay", "wallet": "wechat"}, count=1)
    deaf = await on.sim.post("/_sim/fault", kind="lost_request", match={"operation": "query", "wallet": "wechat"},
                             count=None)  # fmt: skip
    on.tell("network", "钱扣了，但答复在路上丢了", "The money is taken, and the answer is lost on its way.")
    on.tell("cashier", "在 T1 扫码收 ¥36.00，屏幕没有结果", "Charges ¥36.00 at till T1. The screen shows no result.")
    first = await charge(on, "wechat", "ok", 3600)
    on.expect(first["state"] == "SENT", f"the first is unclear, not {first['state']}")
    problem = await refused(on, charge(on, "wechat", "ok", 3600), "payment.code_in_use")
    on.tell("cashier", f"在 T1 又扫一次，被拦下：{problem['title_zh']}",
            f"Scans again at T1 and is stopped: {problem['title_en']}")  # fmt: skip
    on.tell("cashier", "换到 T2，用新单号再收一次同一个码", "Goes to till T2 and charges the same code under a new id.")
    second = await paid(on, await charge(on, "wechat", "ok", 3600, till=1))
    await on.sim.delete("/_sim/fault", id=deaf["id"])
    on.tell("network", "又通了", "Is back.")
    first = await paid(on, first)
    on.tell("cashier", "两笔都收到了，把第二笔报为重复收款", "Both were paid. Reports the second: charged twice.")
    case = await closed(on, await report(on, second, "charged_twice"))
    refund = await refund_of(on, case, 3600)
    first, second = await payment_of(on, first), await payment_of(on, second)
    on.expect((first["back_fen"], second["back_fen"]) == (0, 3600), "only the second goes back, in full")
    return End(second, case, refund)


async def lost_answer(on: Stage) -> End:
    """The answer of the pay call is lost: a query finds out, and it was paid once."""
    await on.sim.post("/_sim/fault", kind="lost_answer", match={"operation": "pay", "wallet": "alipay"}, count=1)
    on.tell("network", "钱扣了，但答复在路上丢了", "The money is taken, and the answer is lost on its way.")
    on.tell("cashier", "扫支付宝付款码收 ¥25.00", "Scans an Alipay code and charges ¥25.00.")
    payment = await charge(on, "alipay", "ok", 2500)
    on.expect(payment["state"] == "SENT", f"it is unclear, neither paid nor failed: not {payment['state']}")
    again = await on.cashier.post(
        "/v1/payments", id=payment["id"], till=on.till_ids[0], amount_fen=2500, code=on.codes["alipay_ok"]
    )
    on.expect(again["id"] == payment["id"], "the same id is the same payment")
    on.tell("cashier", "又按了一次：同一单号，不会再扣", "Presses again: the same id, so nothing is sent twice.")
    payment = await paid(on, payment)
    order = await order_of(on, payment)
    on.expect(order["payments"] == 1, f"the payer paid once, not {order['payments']} times")
    return End(payment)


async def password_timeout(on: Stage) -> End:
    """The payer must type a password and walks away: polled, then reversed."""
    on.tell("cashier", "扫微信付款码收 ¥1200.00", "Scans a WeChat Pay code and charges ¥1,200.00.")
    payment = await charge(on, "wechat", "walks_away", 120000)
    on.expect(payment["state"] == "SENT", f"it waits for the payer, not {payment['state']}")
    on.tell("customer", "要输密码，手机收起来走了", "Is asked for the password, pockets the phone and leaves.")
    payment = await reversed_(on, payment)
    return End(payment)


async def late_paid(on: Stage) -> End:
    """Paid after it was reversed: yuanlu hears of it, opens a case by itself and sends the money back."""
    on.tell("cashier", "扫微信付款码收 ¥88.00", "Scans a WeChat Pay code and charges ¥88.00.")
    payment = await charge(on, "wechat", "walks_away", 8800)
    on.tell("customer", "要输密码，迟迟没有输", "Is asked for the password and does not type it.")
    payment = await reversed_(on, payment)
    await on.sim.post("/_sim/payer", action="pay_late", wallet="wechat", number=payment["id"])
    on.tell("customer", "撤销以后，钱还是扣了", "The money is taken after all, behind the reverse.")

    async def cases() -> list[Told]:
        found: list[Told] = (await on.cashier.get("/v1/cases", payment=payment["id"]))["items"]
        return found

    found = await on.until(cases, bool, "a case opens by itself")
    on.expect(found[0]["what"] == "late_paid", f"it is about late pay, not {found[0]['what']}")
    case = await closed(on, found[0])
    refund = await refund_of(on, case, 8800)
    payment = await payment_of(on, payment)
    on.expect(payment["state"] == "LATE_PAID", f"the payment is LATE_PAID, not {payment['state']}")
    return End(payment, case, refund)


async def funds_short(on: Stage) -> End:
    """The merchant's funds are short: the refund waits, and goes on by itself once they are topped up."""
    on.tell("cashier", "扫微信付款码收 ¥66.00", "Scans a WeChat Pay code and charges ¥66.00.")
    payment = await paid(on, await charge(on, "wechat", "ok", 6600))
    await on.sim.post("/_sim/funds", wallet="wechat", set_fen=1000)
    on.tell("finance", "钱提走了，账户只剩 ¥10.00", "Pays the takings out to the bank: ¥10.00 is left.")
    refund_id = ids.new(Kind.REFUND)
    on.tell("cashier", "顾客退货，退 ¥66.00", "The customer returns the goods: ¥66.00 shall go back.")
    await on.cashier.post("/v1/refunds", id=refund_id, payment=payment["id"], amount_fen=6600, reason="returned goods")

    async def look() -> Told:
        return await on.cashier.get(f"/v1/refunds/{refund_id}")

    refund = await on.until(look, lambda one: one["state"] == "WAITING", "the refund waits")
    on.expect(refund["waiting_for"] == "funds_short", f"it waits for funds, not {refund['waiting_for']}")
    await on.sim.post("/_sim/funds", wallet="wechat", add_fen=10000)
    on.tell("finance", "充值 ¥100.00，没有碰那笔退款", "Tops up ¥100.00, and does not touch the refund.")
    refund = await on.until(look, lambda one: one["state"] in ("DONE", "PROVEN"), "the refund is done")
    payment = await payment_of(on, payment)
    on.expect(payment["back_fen"] == 6600, "¥66.00 went back")
    return End(payment, None, refund)


async def abnormal(on: Stage) -> End:
    """The refund cannot reach the payer: two people send it on to another card."""
    on.tell("cashier", "扫微信付款码收 ¥59.00，扫错了顾客", "Charges ¥59.00 from the wrong customer's WeChat Pay code.")
    payment = await paid(on, await charge(on, "wechat", "ok", 5900))
    await on.sim.post("/_sim/fault", kind="abnormal", match={"wallet": "wechat"}, count=1)
    on.tell("customer", "零钱收款功能已经关闭", "Has a wallet that can no longer be paid into.")
    on.tell("cashier", "报错：扫错了顾客", "Reports it: the wrong customer was charged.")
    opened = await report(on, payment, "wrong_customer")

    async def look() -> Told:
        return await on.cashier.get(f"/v1/cases/{opened['id']}")

    case = await on.until(look, lambda one: one["state"] == "ATTENTION", "the case needs a person")
    rescue = f"/v1/refunds/{case['refund']}/rescue"
    refund = await on.cashier.get(f"/v1/refunds/{case['refund']}")
    on.expect(refund["state"] == "STRANDED", f"the money is stranded, not {refund['state']}")
    await on.finance.post(rescue, **CARD)
    await on.catch_up()
    problem = await refused(on, on.finance.post(f"{rescue}/approve", **CARD), "refund.same_person")
    on.tell("finance", f"想自己批准，被拦下：{problem['title_zh']}",
            f"Tries to approve it too, and is stopped: {problem['title_en']}")  # fmt: skip
    await on.manager.post(f"{rescue}/approve", **CARD)
    case = await closed(on, case)
    return End(await payment_of(on, payment), case, await refund_of(on, case, 5900))


async def wrong_code(on: Stage) -> End:
    """A product's barcode, a receiving code, our own number: told at once; then the right code is charged."""
    ours = ids.new(Kind.PAYMENT)
    wrong = (
        ("扫了商品条码", "Scans a product's barcode", GOODS, "goods"),
        ("扫了顾客的收款码", "Scans the customer's receiving code", RECEIVING, "receiving_code"),
        ("扫了本店小票上的单号", "Scans the number on our own receipt", ours, "our_number"),
    )
    for zh, en, text, kind in wrong:
        problem = await refused(on, charge(on, "alipay", "", 1990, code=text), "scan.not_payable")
        on.expect(problem.get("kind") == kind, f"it is {kind}, not {problem.get('kind')}")
        on.tell("cashier", f"{zh}。{flat(problem['advice_zh'])}", f"{en}. {flat(problem['advice_en'])}")
    for wallet in ("wechat", "alipay"):
        on.expect(not (await on.books(wallet))["orders"], "nothing has reached a provider")
    on.tell("cashier", "顾客打开付款码，再扫一次，收 ¥19.90", "Scans the customer's payment code and charges ¥19.90.")
    return End(await paid(on, await charge(on, "alipay", "ok", 1990)))


async def evidence_pack(on: Stage) -> End:
    """The customer of a mistaken scan gets a pack of it; it is checked, a byte of it is flipped, and that is found."""
    end = await mistaken_scan(on)
    assert end.case is not None
    on.tell("customer", "要一份能留着的凭证", "Asks for something to keep.")
    pack = await packs.pressed(on.app, on.merchant_id, end.case["id"], Reader.CUSTOMER, "zh")
    file = pack.file
    (on.app.settings.state / f"{end.case['id']}.pdf").write_bytes(file)
    on.tell("cashier", f"做成证据包：一个带签名的 PDF，{len(file) // 1024} KB",
            f"Makes an evidence pack: one signed PDF of {len(file) // 1024} KB.")  # fmt: skip
    verdict = verify(file, pack.fingerprints[:1])
    on.expect(verdict.ok and verdict.is_trusted, f"the pack is good: {packs.told(verdict)['problems']}")
    on.tell("customer", "不用本系统，自己核对：没有问题", "Checks it, without us: nothing is wrong with it.")
    changed = bytearray(file)
    changed[len(changed) // 2] ^= 1
    verdict = verify(bytes(changed), pack.fingerprints[:1])
    on.expect(not verdict.ok, "one flipped byte is found")
    for fault in verdict.faults:
        zh, en = packs.words_of(fault)
        on.tell("customer", f"改动一个字节再核对：{zh}", f"Flips one byte and checks again: {en}.")
    return end


async def reversed_(on: Stage, payment: Told) -> Told:
    """Wait until a payment is reversed, and see that the provider agrees."""
    told = await on.until(
        lambda: payment_of(on, payment), lambda one: one["state"] == "REVERSED", "the payment is reversed"
    )
    order = await order_of(on, payment)
    on.expect(order["state"] == "reversed", f"the provider reversed it too: {order['state']}")
    return told


async def order_of(on: Stage, payment: Told) -> Told:
    """The provider's own record of a payment."""
    wallet = payment["channel"]
    books = (await on.sim.get("/_sim/books", wallet=wallet, number=payment["id"], calls=0))[wallet]
    on.expect(len(books["orders"]) == 1, f"the provider has one order {payment['id']}")
    order: Told = books["orders"][0]
    return order


STORIES: Mapping[str, Story] = {
    "mistaken-scan": mistaken_scan,
    "double-charge": double_charge,
    "lost-answer": lost_answer,
    "password-timeout": password_timeout,
    "late-paid": late_paid,
    "funds-short": funds_short,
    "abnormal": abnormal,
    "wrong-code": wrong_code,
    "evidence-pack": evidence_pack,
}


# --- the books ---


async def books_agree(on: Stage) -> Told:
    """Our books against the provider's, to the fen; answers ours. Raises WentWrong where they differ.

    For each wallet: what the channel owes us by our books, less what is on its way to payers by another road, is what
    the provider has for us, less what was topped up. For each payment: the same amount, the same money back, one
    charge at most, each refund paid out once at most.
    """
    ours = await on.cashier.get("/v1/books")
    on.expect(ours["balanced"] is True, "our books balance")
    accounts = ours["accounts"]
    on.expect(accounts.get("held", 0) == 0, "nothing is held for payers any more")
    on.expect(accounts.get("suspense", 0) == 0, "nothing is stranded any more")
    for wallet in ("wechat", "alipay"):
        theirs = await on.books(wallet)
        owed_fen = -accounts.get(f"due:{wallet}", 0)
        have_fen = theirs["funds_fen"] + theirs["bank_fen"] + theirs["in_transit_fen"] - theirs["topped_fen"]
        on.expect(owed_fen == have_fen, f"{wallet}: we expect {yuan(owed_fen)}, they have {yuan(have_fen)}")
        for order in theirs["orders"]:
            await _order_agrees(on, order)
        for refund in theirs["refunds"]:
            on.expect(refund["payouts"] <= 1, f"refund {refund['number']} was paid out once at most")
    return ours


async def _order_agrees(on: Stage, order: Told) -> None:
    payment = await on.cashier.get(f"/v1/payments/{order['number']}")
    has_money = payment["state"] in ("PAID", "LATE_PAID")
    on.expect(has_money == (order["state"] == "paid"), f"{payment['id']}: {payment['state']}, they: {order['state']}")
    on.expect(payment["amount_fen"] == order["amount_fen"], f"{payment['id']}: the amounts agree")
    paid_by_hand = await on.cashier.get("/v1/repayments", payment=payment["id"], state="PAID")
    by_hand_fen = sum(one["amount_fen"] for one in paid_by_hand["items"])
    on.expect(payment["back_fen"] - by_hand_fen == order["back_fen"], f"{payment['id']}: as much went back")
    on.expect(order["payments"] <= 1, f"{payment['id']}: the payer was charged once at most")
