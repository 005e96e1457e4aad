"""More stories of the refund desk: another shop's money, a coupon, a complaint; through the API alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from yuanlu import ids
from yuanlu.demo.people import Told, Wire
from yuanlu.demo.stage import Stage
from yuanlu.demo.stories import End, Story, books_agree, charge, closed, paid, payment_of, refund_of, refused, yuan
from yuanlu.ids import Kind
from yuanlu.terminal.screen import flat

LINES = (
    {"id": "tea", "name": "绿茶", "quantity": 3, "amount_fen": 1000},
    {"id": "cake", "name": "蛋糕", "quantity": 1, "amount_fen": 1990},
)
"""¥29.90 by its lines; ¥2.00 is taken off the whole, and three cups do not part evenly."""
NAMES = {line["id"]: str(line["name"]) for line in LINES}
OFF_FEN, COUPON_FEN = 200, 500
RETURNS: Sequence[Sequence[Mapping[str, str | int]]] = (
    ({"id": "tea", "quantity": 1},),
    ({"id": "tea", "quantity": 1},),
    ({"id": "tea", "quantity": 1}, {"id": "cake", "quantity": 1}),
)


async def case_about(on: Stage, payment: Told, state: str) -> Told:
    """The case that opened by itself about a payment, once it came into this state."""

    async def look() -> list[Told]:
        found: list[Told] = (await on.cashier.get("/v1/cases", payment=payment["id"]))["items"]
        return found

    found = await on.until(look, lambda some: [one["state"] for one in some] == [state], f"one case is in {state}")
    one: Told = await on.cashier.get(f"/v1/cases/{found[0]['id']}")
    return one


async def wrong_payee(on: Stage) -> End:
    """Paid to another shop's code: found by the voucher, handed over, and they give it back; neither sees the other."""
    there = await on.neighbour("隔壁面馆 The noodle shop next door")
    payment_id = ids.new(Kind.PAYMENT)
    there.payments.append(payment_id)
    on.tell("neighbour", "面馆的屏幕上摆着一个收款码，¥45.00", "The noodle shop's screen shows a QR code for ¥45.00.")
    shown = await there.cashier.post(
        "/v1/payments", id=payment_id, till=there.till_ids[0], amount_fen=4500, channel="wechat"
    )
    await there.sim.post("/_sim/payer", action="scan", wallet="wechat", number=payment_id, habit="ok")
    on.tell("customer", "在我们柜台结账，却扫了面馆的码", "Pays at our counter, and scans the noodle shop's code.")
    payment = await paid(there, shown)
    await _cannot_see(on, there, payment)
    on.tell("customer", "拿出手机里的商户单号", "Shows the order number in the wallet.")
    traced = await on.cashier.post("/v1/trace", voucher=payment_id)
    on.expect(traced["whose"] == "another" and not traced["payments"], f"it is another shop's: {traced['whose']}")
    on.tell("cashier", "查到：钱在本系统的另一家店", "Finds out: another shop of this installation has the money.")
    handover_id = ids.new(Kind.HANDOVER)
    await on.cashier.post("/v1/handovers", id=handover_id, voucher=payment_id, said="我扫错了码")
    on.tell("cashier", "转交给收款的店，不知道是哪家", "Hands it over to whoever has the money, without a name.")
    case = await case_about(there, payment, "REVIEW")
    on.expect((case["what"], case["said"]) == ("wrong_payee", "我扫错了码"), "they hear what the payer says")
    await there.manager.post(f"/v1/cases/{case['id']}/approve", version=case["version"], words="钱是误付的，原路退回。")
    on.tell("neighbour", "核对后同意退款", "Checks it, and agrees to give it back.")
    case = await closed(there, case)
    await _handed_over(on, there, handover_id, case)
    refund = await refund_of(there, case, 4500)
    await books_agree(there)
    on.tell("demo", "面馆的账本与渠道也核对一致", "The noodle shop's books and its provider's agree too.")
    return End(await payment_of(there, payment), case, refund)


async def _cannot_see(on: Stage, there: Stage, payment: Told) -> None:
    await refused(on, on.cashier.get(f"/v1/payments/{payment['id']}"), "payment.unknown")
    for wire, other in ((on.cashier, there), (there.cashier, on)):
        told = str(await wire.get("/v1/handovers")) + str(await wire.get("/v1/cases"))
        on.expect(other.merchant_id not in told, "neither shop is named to the other")


async def _handed_over(on: Stage, there: Stage, handover_id: str, case: Told) -> None:
    """Both sides know that it is done; the one that asked knows nothing else."""

    async def ours() -> Told:
        return await on.cashier.get(f"/v1/handovers/{handover_id}")

    asking = await on.until(ours, lambda one: one["state"] == "DONE", "the hand-over is done")
    on.expect((asking["payment"], asking["case"], asking["channel"]) == ("", "", ""), "we see nothing of theirs")
    taking = await there.cashier.get(f"/v1/handovers/{handover_id}")
    on.expect((taking["state"], taking["case"]) == ("DONE", case["id"]), "they see their own case")
    await _cannot_see(on, there, {"id": case["payment"]})
    await refused(on, on.cashier.get(f"/v1/cases/{case['id']}"), "case.unknown")
    on.tell("cashier", "看到：对方已经退款", "Sees that the other shop has given it back, and no more.")


async def coupon_partial(on: Stage) -> End:
    """A coupon paid a part: cups go back one by one, each amount is explained, and the parts add up to the fen."""
    whole_fen = sum(int(str(line["amount_fen"])) for line in LINES) - OFF_FEN
    payer = await on.sim.post("/_sim/payer", action="new", wallet="wechat", habit="ok", coupon_fen=COUPON_FEN)
    on.tell("customer", f"有一张 {yuan(COUPON_FEN)} 的微信支付券", f"Has a WeChat Pay coupon of {yuan(COUPON_FEN)}.")
    on.tell("cashier", f"三杯茶、一块蛋糕，整单减 ¥2.00，收 {yuan(whole_fen)}",
            f"Three teas and a cake, ¥2.00 off the whole: charges {yuan(whole_fen)}.")  # fmt: skip
    payment_id = ids.new(Kind.PAYMENT)
    on.payments.append(payment_id)
    payment = await on.cashier.post(
        "/v1/payments", id=payment_id, till=on.till_ids[0], amount_fen=whole_fen, code=payer["code"], lines=LINES
    )
    payment = await paid(on, payment)
    told = await _explained(on, payment)
    amounts = {one["what"]: one["amount_fen"] for one in told["amounts"]}
    wanted = {"charged": whole_fen, "payer": whole_fen - COUPON_FEN, "coupon": COUPON_FEN}
    on.expect(wanted.items() <= amounts.items(), f"{wanted} is explained: {amounts}")
    refund, back_fen = payment, 0
    for pieces in RETURNS:
        on.tell("customer", "退回：" + "、".join(NAMES[one["id"]] for one in pieces),
                "Brings back: " + ", ".join(str(one["id"]) for one in pieces) + ".")  # fmt: skip
        refund = await _returned(on, payment, pieces)
        back_fen += refund["amount_fen"]
    told = await _explained(on, payment)
    on.expect(not told["differences"], f"nothing differs: {told['differences']}")
    shares_fen = sum(line["share_fen"] for line in told["lines"])
    on.expect(shares_fen == back_fen == whole_fen, f"{shares_fen} = {back_fen} = {whole_fen}: the parts are the whole")
    return End(await payment_of(on, payment), None, refund)


async def _returned(on: Stage, payment: Told, pieces: Sequence[Mapping[str, str | int]]) -> Told:
    """Send the pieces' share back and wait for it; answers the refund."""
    refund_id = ids.new(Kind.REFUND)
    await on.cashier.post("/v1/refunds", id=refund_id, payment=payment["id"], lines=pieces, reason="returned goods")
    return await on.until(
        lambda: on.cashier.get(f"/v1/refunds/{refund_id}"),
        lambda one: one["state"] in ("DONE", "PROVEN"),
        "the pieces' share is back",
    )


async def _explained(on: Stage, payment: Told) -> Told:
    """The amounts as the customer is told them."""
    told = await on.cashier.get(f"/v1/payments/{payment['id']}/amounts")
    for one in told["amounts"]:
        on.tell("cashier", flat(one["customer_zh"]), flat(one["customer_en"]))
    return told


async def complaint(on: Stage) -> End:
    """The payer complains at WeChat: it opens its case, is answered, approved with a refund, and finished."""
    payment = await paid(on, await _charged(on, 4800))
    text = "多扣了四十八元，店里没人理"
    await on.sim.post("/_sim/complaint", wallet="wechat", number=payment["id"], text=text, asked_fen=4800)
    on.tell("customer", f"在微信里投诉：{text}", "Complains at WeChat: charged ¥48.00 too much, and nobody listens.")
    await on.cashier.post("/v1/complaints/pull", channel="wechat")
    case = await case_about(on, payment, "REVIEW")
    on.expect((case["what"], case["asked_fen"]) == ("request", 4800), "the case is what the payer asks for")
    heard = await _complained(on, payment, "NEW")
    whole = await on.cashier.get(f"/v1/complaints/{heard['id']}")
    on.expect(whole["text"] == text, "the complaint's words are kept")
    thread = (await on.cashier.get(f"/v1/cases/{case['id']}/thread"))["items"]
    on.expect(heard["id"] in [one["item"] for one in thread], "the complaint is in the case")
    await _answer(on, on.manager, heard, "answers", text="很抱歉，正在核对，今天给您答复。")
    await _complained(on, payment, "ANSWERED")
    on.tell("manager", "先回复顾客，再核对", "Answers the customer first, then checks.")
    case = await on.cashier.get(f"/v1/cases/{case['id']}")
    await on.manager.post(f"/v1/cases/{case['id']}/approve", version=case["version"], words="确实多扣了，全额退回。")
    await _answer(on, on.manager, heard, "decision", promise=True, days=0)
    on.tell("manager", "同意退款：微信上答应，同时开退款单", "Agrees: promised at WeChat, and the refund is made.")
    case = await closed(on, case)
    refund = await refund_of(on, case, 4800)
    await _complained(on, payment, "REFUND_PROMISED")
    await _answer(on, on.manager, heard, "finish")
    done = await _complained(on, payment, "FINISHED")
    on.expect(not done["alarms"], f"complaint and refund go together: {done['alarms']}")
    on.tell("manager", "钱退了，投诉处理完毕", "The money is back, and the complaint is finished.")
    return End(await payment_of(on, payment), case, refund)


async def _charged(on: Stage, amount_fen: int) -> Told:
    on.tell("cashier", f"扫微信付款码收 {yuan(amount_fen)}", f"Scans a WeChat Pay code and charges {yuan(amount_fen)}.")
    return await charge(on, "wechat", "ok", amount_fen)


async def _complained(on: Stage, payment: Told, state: str) -> Told:
    """The complaint about a payment, once the channel has it in this state."""

    async def look() -> list[Told]:
        found: list[Told] = (await on.cashier.get("/v1/complaints", payment=payment["id"]))["items"]
        return found

    found = await on.until(look, lambda some: [one["state"] for one in some] == [state], f"it is {state}")
    return found[0]


async def _answer(on: Stage, by: Wire, heard: Told, way: str, **content: str | int | bool) -> None:
    await by.post(f"/v1/complaints/{heard['id']}/{way}", id=ids.new(Kind.ANSWER), **content)


STORIES: Mapping[str, Story] = {
    "wrong-payee": wrong_payee,
    "coupon-partial": coupon_partial,
    "complaint": complaint,
}
