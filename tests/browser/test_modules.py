"""The till's pure modules, run in a page and held against the server's own code with made-up input."""

from __future__ import annotations

import string
from datetime import date
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from playwright.async_api import Page

from tests.browser.conftest import Counter
from yuanlu import ids
from yuanlu.channels import codes
from yuanlu.ids import Kind

TODAY = date(2026, 11, 26)
MANY = 3000
_CLASSIFY = """async (asked) => {
  const [{ recognise }, tables] = await Promise.all([
    import('/till/static/classify.js'), fetch('/till/codes.json').then((answer) => answer.json())]);
  return asked.map(([text, typed, noIdCard]) => {
    const told = recognise(text, tables, { typed, noIdCard, today: '2026-11-26' });
    return [told.kind, told.wallet, told.ok, told.says, told.question];
  });
}"""
_SAMPLES = [
    "130123456789012345", "2801234567890123", "6212345678901234567", "6901234567892", "6901234567893", "69012345",
    "wxp://f2f0abc", "weixin://wxpay/bizpayurl?pr=x", "https://qr.alipay.com/bax123", "https://qr.alipay.com/fkx1",
    "https://qr.95516.com/00010000/62", "https://shop.example/x", "13800138000", "110101199003070097",
    "11010119900307009X", "510101199003070091", "]E06901234567892", "]C10106901234567892", "4111111111111111",
    "5500000000000004", "340000000000009", "fp0123456789abcdefghijklmnopqrstuvw12",
    "FP0123456789ABCDEFGHIJKLMNOPQRSTUV",
    "hQVDUFYwMWE=", "0101234567890123456", "１３０１２３４５６７８９０１２３４５",
    " 130123456789012345\r", "130-123456789012345",
    "00020101021129370016A000000677010111011300660000000005802TH530376463046C9F", "", "\x02130123456789012345\x03",
]  # fmt: skip


def near(sample: str) -> st.SearchStrategy[str]:
    """Texts near this one: a sign more, fewer or another."""
    signs = st.sampled_from(string.digits + "abXY-] \u3000\u200b。" + string.ascii_letters)
    places = st.integers(0, max(len(sample) - 1, 0))
    return st.one_of(
        st.just(sample),
        st.builds(lambda at, sign: sample[:at] + sign + sample[at + 1 :], places, signs),
        st.builds(lambda at, sign: sample[:at] + sign + sample[at:], places, signs),
        st.builds(lambda at: sample[:at] + sample[at + 1 :], places),
    )


TEXTS = st.one_of(
    st.sampled_from(_SAMPLES).flatmap(near),
    st.text(string.digits, max_size=26),
    st.builds(ids.new, st.sampled_from(list(Kind))).flatmap(near),
    st.text(max_size=40),
)


def drawn(strategy: st.SearchStrategy[Any], many: int) -> list[Any]:
    """So many examples of a strategy."""
    found: list[Any] = []

    @settings(max_examples=many, database=None, phases=[Phase.generate], deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(strategy)
    def draw(value: Any) -> None:
        found.append(value)

    draw()
    return found


async def ask(page: Page, counter: Counter, script: str, said: Any) -> Any:
    if not page.url.startswith(counter.url):
        await page.goto(f"{counter.url}/till")
    return await page.evaluate(script, said)


async def test_the_till_knows_a_code_for_what_the_server_knows_it(counter: Counter) -> None:
    asked = drawn(st.tuples(TEXTS, st.booleans(), st.booleans()), MANY) + [[each, False, False] for each in _SAMPLES]
    told = await ask(counter.page, counter, _CLASSIFY, [list(each) for each in asked])
    kinds = set()
    for (text, typed, no_id_card), answer in zip(asked, told, strict=True):
        seen = codes.recognise(text, typed=typed, today=TODAY, no_id_card=no_id_card)
        if seen.wallet and seen.kind in (codes.CodeKind.CONSUMER_EMV, codes.CodeKind.MERCHANT_EMV):
            answer[1] = (
                seen.wallet.value
            )  # whose network an EMV code is of the server alone reads: nothing is charged by it
        ours = [seen.kind.value, seen.wallet and seen.wallet.value, seen.ok, seen.says, seen.question]
        assert answer == ours, (text, typed)
        kinds.add(seen.says)
    assert len(kinds) > 12


async def test_a_number_made_here_is_one_of_ours_and_in_the_order_of_time(counter: Counter) -> None:
    script = """async () => { const { newId, isId } = await import('/till/static/ids.js');
      return Array.from({ length: 500 }, (_, at) => newId('YP', 1795665600000 + at))
        .map((each) => [each, isId(each)]); }"""
    made = await ask(counter.page, counter, script, None)
    assert all(is_id and ids.is_id(each, Kind.PAYMENT) for each, is_id in made)
    assert [each for each, _ in made] == sorted(each for each, _ in made)


_KEYED = """async (asked) => { const { keyed, fenOf, shown, onPad } = await import('/till/static/money.js');
  return asked.map((keys) => { const text = keys.reduce(keyed, '');
    return [text, fenOf(text), shown(fenOf(text)), onPad(text)]; }); }"""


async def test_what_is_keyed_is_whole_fen_and_never_more_than_two_places(counter: Counter) -> None:
    keys = st.lists(st.sampled_from([*string.digits, "00", ".", "back"]), max_size=14)
    asked = drawn(keys, 1500)
    for text, fen, shown, on_pad in await ask(counter.page, counter, _KEYED, asked):
        yuan, _, cents = text.partition(".")
        assert fen == int(yuan or "0") * 100 + int((cents + "00")[:2]) <= 100_000_000
        assert len(cents) <= 2
        assert shown == f"¥{fen // 100:,}.{fen % 100:02}"
        assert on_pad.replace(",", "").startswith(yuan or "0")


async def test_keys_make_the_amount_a_cashier_means(counter: Counter) -> None:
    told = await ask(counter.page, counter, _KEYED, [list("12.8"), ["1", "2", "00"], ["00"], list("0.05"), [".", "5"]])
    assert [each[1] for each in told] == [1280, 120_000, 0, 5, 50]


_GUN = """async ([keys, field]) => {
  const { listen } = await import('/till/static/gun.js');
  const [scans, typed, clicks] = [[], [], []];
  const target = new EventTarget();
  const place = field ? document.createElement('input') : document.body;
  if (field) { place.value = 'a'; document.body.append(place); }
  listen({ scanned: (text) => scans.push(text), typed: (letter) => typed.push(letter), target });
  let swallowed = 0;
  for (const [key, at] of keys) {
    const event = new KeyboardEvent('keydown', { key, cancelable: true });
    Object.defineProperty(event, 'timeStamp', { value: at });
    Object.defineProperty(event, 'target', { value: place });
    target.dispatchEvent(event);
    if (event.defaultPrevented) swallowed += 1;
    if (field && key.length === 1) place.value += key;
  }
  await new Promise((done) => setTimeout(done, 1200));
  return { scans, typed, swallowed, left: field ? place.value : '' };
}"""


def burst(text: str, apart: float, start: float = 1000.0, enter: bool = True) -> list[list[Any]]:
    keys = [*text, *(["Enter"] if enter else [])]
    return [[key, start + place * apart] for place, key in enumerate(keys)]


async def test_a_burst_is_a_scan_and_its_enter_presses_nothing(counter: Counter) -> None:
    code = "130123456789012345"
    told = await ask(counter.page, counter, _GUN, [burst(code, 5), False])
    assert told == {"scans": [code], "typed": [], "swallowed": 1, "left": ""}
    told = await ask(counter.page, counter, _GUN, [burst(code, 34, enter=False), False])
    assert told["scans"] == [code]  # a gun that sends no Enter


async def test_what_a_person_types_is_no_scan(counter: Counter) -> None:
    slow = await ask(counter.page, counter, _GUN, [burst("12345678", 120), False])
    assert (slow["scans"], slow["typed"], slow["swallowed"]) == ([], list("12345678"), 0)
    short = await ask(counter.page, counter, _GUN, [burst("1234567", 5), False])
    assert (short["scans"], short["typed"], short["swallowed"]) == ([], list("1234567"), 0)


_JOINED = """async (stalls) => {
  const { listen } = await import('/till/static/gun.js');
  const { keyed } = await import('/till/static/money.js');
  const [target, scans, seen] = [new EventTarget(), [], []];
  let text = '11.5';
  const typed = (key) => {
    const was = text;
    text = keyed(was, key);
    seen.push(text);
    return () => { text = was; };
  };
  listen({ scanned: (scan) => scans.push([scan, text]), typed, target });
  const press = (key, timeStamp) => target.dispatchEvent(Object.defineProperties(
    new KeyboardEvent('keydown', { key, cancelable: true }),
    { timeStamp: { value: timeStamp }, target: { value: document.body } }));
  const code = '130123456789012345';
  for (let place = 0; place < code.length; place += 1) {
    press(code[place], 1000 + place * 5);
    if (stalls.includes(place)) await new Promise((done) => setTimeout(done, place < 8 ? 700 : 1300));
  }
  press('Enter', 1000 + code.length * 5);
  return { scans, seen, text };
}"""


async def test_letters_of_a_scan_taken_for_typed_ones_leave_the_amount_as_it_was(counter: Counter) -> None:
    """A page stands still between two letters: what they changed goes back exactly, though one of them did nothing."""
    told = await ask(counter.page, counter, _JOINED, [0, 5])
    assert told["scans"] == [["130123456789012345", "11.5"]]
    assert "11.51" in told["seen"]  # it had been taken for typed, or this shows nothing
    assert told["text"] == "11.5"


async def test_a_scan_told_of_in_pieces_is_told_of_whole_and_its_enter_once(counter: Counter) -> None:
    """A page stands still for longer than a gun without an Enter may take: the piece is wrong, the whole follows."""
    code = "130123456789012345"
    told = await ask(counter.page, counter, _JOINED, [9])
    assert [scan for scan, _ in told["scans"]] == [code[:10], code]
    assert (told["seen"], told["text"]) == ([], "11.5")  # none of its letters became an amount
    late = await ask(counter.page, counter, _JOINED, [17])  # only the Enter comes late
    assert [scan for scan, _ in late["scans"]] == [code]


async def test_two_scans_run_into_each_other_are_two(counter: Counter) -> None:
    keys = burst("130123456789012345", 5) + burst("2801234567890123", 5, start=1200)
    assert (await ask(counter.page, counter, _GUN, [keys, False]))["scans"] == [
        "130123456789012345",
        "2801234567890123",
    ]


async def test_a_scan_into_a_field_leaves_the_field_as_it_was(counter: Counter) -> None:
    told = await ask(counter.page, counter, _GUN, [burst("130123456789012345", 5), True])
    assert (told["scans"], told["left"]) == (["130123456789012345"], "a")
    told = await ask(counter.page, counter, _GUN, [burst("13012", 5), True])
    assert (told["scans"], told["typed"], told["left"]) == ([], [], "a13012")
