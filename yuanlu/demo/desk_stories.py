"""Stories of the refund desk: what people ask for, decide, confirm, object to and prove; through the API alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from io import BytesIO

from PIL import Image

from yuanlu import ids
from yuanlu.demo.people import Told, Wire
from yuanlu.demo.stage import Stage
from yuanlu.demo.stories import End, Story, charge, closed, paid, payment_of, refund_of, refused, report, yuan
from yuanlu.ids import Kind
from yuanlu.terminal.screen import flat

SECRET = b"planted in the picture: 31.2304 N"
"""What the customer's phone wrote into the picture, and nobody shall keep."""
ACCOUNT = {"payer_name": "张三", "account_name": "张三", "account_number": "6200000000001234", "bank": "工商银行"}


async def see(on: Stage, case: Told) -> Told:
    return await on.cashier.get(f"/v1/cases/{case['id']}")


async def act(on: Stage, by: Wire, case: Told, verb: str, **content: object) -> Told:
    """Do something with a case as it stands now."""
    version = (await see(on, case))["version"]
    told = await by.post(f"/v1/cases/{case['id']}/{verb}", version=version, **content)
    await on.catch_up()
    return told


async def wished(on: Stage, amount_fen: int) -> tuple[Told, Told]:
    """Paid, and the customer wants it back: it was checked live and lies with a person."""
    payment = await paid(on, await charge(on, "wechat", "ok", amount_fen))
    on.tell("customer", "想退款", "Wants the money back.")
    case = await report(on, payment, "request")
    case = await on.until(lambda: see(on, case), lambda one: one["state"] == "REVIEW", "a person decides")
    return payment, case


async def ended(on: Stage, payment: Told, case: Told, amount_fen: int) -> End:
    """The case is closed and so much went back."""
    case = await closed(on, case)
    refund = await refund_of(on, case, amount_fen)
    return End(await payment_of(on, payment), case, refund)


async def review_second_person(on: Stage) -> End:
    """A big sum: the manager approves, the same person cannot confirm, another one does; the money goes back."""
    payment, case = await wished(on, 60000)
    case = await act(on, on.manager, case, "approve", words="很抱歉，马上为您办理。")
    on.expect(case["state"] == "SECOND", f"a second person must confirm, not {case['state']}")
    problem = await refused(on, act(on, on.manager, case, "confirm"), "case.same_person")
    on.tell("manager", f"想自己复核，被拦下：{problem['title_zh']}",
            f"Tries to confirm it too, and is stopped: {problem['title_en']}")  # fmt: skip
    await act(on, on.finance, case, "confirm")
    return await ended(on, payment, case, 60000)


async def declined_appeal(on: Stage) -> End:
    """Declined with a reason; the customer objects, and another person decides: a part goes back."""
    payment, case = await wished(on, 8000)
    case = await act(on, on.manager, case, "decline", reason="goods_used", words="很抱歉，商品已经拆封使用。")
    on.expect(case["state"] == "DECLINED" and case["declined"] == "goods_used", "it is declined, and says why")
    on.tell("manager", f"理由：{case['declined_zh']}", f"The reason: {case['declined_en']}")
    case = await act(on, on.cashier, case, "object", words="没有拆封，只打开了外盒。")
    problem = await refused(on, act(on, on.manager, case, "approve"), "case.barred")
    on.tell("manager", f"想再定，被拦下：{problem['title_zh']}",
            f"Tries to decide again, and is stopped: {problem['title_en']}")  # fmt: skip
    await act(on, on.owner, case, "approve", amount_fen=5000, words="外盒费用不退，其余退给您。")
    return await ended(on, payment, case, 5000)


async def counter_offer(on: Stage) -> End:
    """A part is offered for two days; the customer accepts, and it goes back."""
    payment, case = await wished(on, 6000)
    case = await act(on, on.manager, case, "offer", kind="part", amount_fen=2500, hours=48, words="退您 25 元可以吗？")
    on.expect(case["state"] == "OFFERED" and case["offer_until"] is not None, "an offer with a set time is open")
    await act(on, on.cashier, case, "accept", words="可以。")
    return await ended(on, payment, case, 2500)


async def named_account(on: Stage) -> End:
    """A year on, the road back is shut: the case is repaid to a named account, which is sealed and then forgotten."""
    payment = await paid(on, await charge(on, "wechat", "ok", 8800))
    await on.leap(timedelta(days=400))
    on.tell("customer", "四百天后才来退", "Comes 400 days later, and wants the money back.")
    case = await report(on, payment, "request")
    case = await on.until(lambda: see(on, case), lambda one: one["state"] == "REVIEW", "a person decides")
    await act(on, on.manager, case, "approve", words="确实没有用，退给您。")
    await act(on, on.finance, case, "confirm")
    case = await on.until(lambda: see(on, case), lambda one: one["state"] == "ATTENTION", "the way it came is shut")
    on.expect(not case["way"], f"it has set out on no way, not on {case['way']}")
    repayment_id = ids.new(Kind.REPAYMENT)
    path = f"/v1/repayments/{repayment_id}"
    await on.finance.post("/v1/repayments", id=repayment_id, payment=payment["id"], amount_fen=8800,
                          because="window_over", account=ACCOUNT, case=case["id"])  # fmt: skip
    await on.catch_up()
    case = await see(on, case)
    on.expect((case["state"], case["repayment"]) == ("REMEDY", repayment_id), "the case waits for the repayment")
    problem = await refused(on, on.finance.post(f"{path}/approve"), "repayment.same_person")
    on.tell("finance", f"想自己同意，被拦下：{problem['title_zh']}",
            f"Tries to approve it too, and is stopped: {problem['title_en']}")  # fmt: skip
    await on.owner.post(f"{path}/approve")
    given = await on.finance.post(f"{path}/account")
    on.expect(given["account_number"] == ACCOUNT["account_number"], "finance reads the account")
    row = await on.finance.post(f"{path}/paid", proof="ICBC 2026-1")
    on.expect(row["state"] == "PAID" and row["account_tail"] == "1234", "it is paid; four digits are told")
    happened = await on.cashier.get(f"/v1/payments/{payment['id']}/timeline")
    on.expect(ACCOUNT["account_number"] not in f"{row}{happened}", "the account stands nowhere in the clear")
    await on.catch_up()
    case = await closed(on, case)
    on.expect((case["way"], case["amount_fen"]) == ("offline", 8800), "the case closed with the money back")
    await on.leap(timedelta(days=31))
    row = await on.until(
        lambda: on.cashier.get(path), lambda one: bool(one["is_forgotten"]), "the account is forgotten"
    )
    problem = await refused(on, on.finance.post(f"{path}/account"), "repayment.forgotten")
    on.tell("finance", f"想再看账户：{problem['title_zh']}", f"Wants to read the account again: {problem['title_en']}")
    books = await on.cashier.get("/v1/books")
    on.expect(books["accounts"]["repaid:offline"] == 8800, "the repayment stands in an account of its own")
    return End(await payment_of(on, payment), await see(on, case))


def picture() -> bytes:
    """A photo as a phone makes it: with what it says about itself."""
    exif, out = Image.Exif(), BytesIO()
    exif[0x010E] = SECRET.decode()
    Image.new("RGB", (60, 40), "white").save(out, "JPEG", exif=exif, comment=SECRET)
    return out.getvalue()


async def customer_proof(on: Stage) -> End:
    """Asked for proof, the customer hands a photo in: it is made anew, chained to the case, and approved."""
    payment, case = await wished(on, 4500)
    case = await act(on, on.manager, case, "ask", words="麻烦您拍一张小票。")
    on.expect(case["state"] == "NEEDS_INFO", f"it waits for the customer, not {case['state']}")
    photo, file_id = picture(), ids.new(Kind.FILE)
    on.expect(SECRET in photo, "the photo says where it was taken")
    file = await on.cashier.hand_in(f"/v1/cases/{case['id']}/files", photo, "image/jpeg", id=file_id, name="小票.jpg")
    on.tell(
        "customer", "交来一张照片，已重做，去掉了隐藏信息", "Hands in a photo. It is made anew, without what it hid."
    )
    kept = await on.manager.fetch(f"/v1/files/{file_id}", why="review")
    on.expect(sha256(photo).hexdigest() == file["sha256_original"], "what came is known by its digest")
    on.expect(sha256(kept).hexdigest() == file["sha256"] and SECRET not in kept, "what is kept hides nothing")

    async def in_thread() -> bool:
        items = (await on.manager.get(f"/v1/cases/{case['id']}/thread"))["items"]
        return any(one["item"] == file_id and one["digest"] == file["sha256"] for one in items)

    await on.until(in_thread, bool, "the photo is a link of the chain")
    await act(on, on.cashier, case, "answer", words="小票照片已上传。")
    await act(on, on.manager, case, "approve", words="收到，马上退。")
    return await ended(on, payment, case, 4500)


async def cash(on: Stage) -> End:
    """¥128.00 taken in cash for ¥12.80: the difference goes back from the drawer, and the count agrees at the close."""
    till, shift_id = on.till_ids[0], ids.new(Kind.SHIFT)
    await on.manager.post("/v1/shifts", id=shift_id, till=till, float_fen=50000)
    on.tell("manager", "开班，点出备用金 ¥500.00", "Opens a shift, and counts a float of ¥500.00.")
    on.tell("cashier", "收现金 ¥128.00，本来应收 ¥12.80", "Takes ¥128.00 in cash. It should have been ¥12.80.")
    payment_id = ids.new(Kind.PAYMENT)
    on.payments.append(payment_id)
    payment = await on.cashier.post("/v1/payments", id=payment_id, till=till, amount_fen=12800, channel="cash",
                                    handed_fen=20000)  # fmt: skip
    on.expect((payment["state"], payment["change_fen"]) == ("PAID", 7200), "it is paid at once, ¥72.00 change given")
    await on.catch_up()
    on.tell("cashier", "发现多收了，报错：应收 ¥12.80", "Notices, and reports it: ¥12.80 was meant.")
    case, refund = await _from_the_drawer(on, payment, till)
    for wallet in ("wechat", "alipay"):
        on.expect(not (await on.books(wallet))["orders"], "no provider has heard of it")
    await _count_agrees(on, f"/v1/shifts/{shift_id}", 51280)
    accounts = (await on.cashier.get("/v1/books"))["accounts"]
    on.expect(not accounts.get(f"cash:{till}"), "the drawer is empty in the books")
    on.expect(not accounts.get("difference:cash"), "nothing was missing, and nothing too much")
    return End(await payment_of(on, payment), case, refund)


async def _from_the_drawer(on: Stage, payment: Told, till: str) -> tuple[Told, Told]:
    """The case of the wrong amount; its refund waits until a person has given the cash back."""
    opened = await report(on, payment, "wrong_amount", meant_fen=1280)
    case = await on.until(lambda: see(on, opened), lambda one: one["state"] == "REMEDY", "the money shall go back")
    path = f"/v1/refunds/{case['refund']}"
    refund = await on.until(
        lambda: on.cashier.get(path), lambda one: one["waiting_for"] == "cashier", "the refund waits for a person"
    )
    on.tell("system", flat(refund["says_zh"]), flat(refund["says_en"]))
    problem = await refused(on, on.cashier.post(f"{path}/pay-out", till=till), "staff.not_allowed")
    on.tell("cashier", f"收银台没有署名，被拦下：{problem['title_zh']}",
            f"A till without a name is stopped: {problem['title_en']}")  # fmt: skip
    await on.manager.post(f"{path}/pay-out", till=till)
    case = await closed(on, case)
    return case, await refund_of(on, case, 11520)


async def _count_agrees(on: Stage, path: str, counted_fen: int) -> None:
    """The shift is closed with a count that is what it should be."""
    version = (await on.manager.get(path))["shift"]["version"]
    await on.manager.post(f"{path}/close", counted={"cash": counted_fen}, safe_fen=1280, version=version)
    told = await on.manager.get(path)
    (drawer,) = told["tenders"]
    on.expect(told["shift"]["state"] == "CLOSED" and not told["still_open"], "the shift is closed, nothing is open")
    on.expect((drawer["expected_fen"], drawer["difference_fen"]) == (counted_fen, 0), f"the count agrees: {drawer}")
    on.tell("manager", f"收班：应有 {yuan(counted_fen)}，实点相符",
            f"Closes the shift: {yuan(counted_fen)} counted, as it should be.")  # fmt: skip


STORIES: Mapping[str, Story] = {
    "review-second-person": review_second_person,
    "declined-appeal": declined_appeal,
    "counter-offer": counter_offer,
    "named-account": named_account,
    "customer-proof": customer_proof,
    "cash": cash,
}
