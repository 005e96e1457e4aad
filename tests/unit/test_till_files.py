"""What the server hands a till: one release as one set, pressed, small, with every word its screens say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from stdnum import ean

from yuanlu import words
from yuanlu.channels import codes
from yuanlu.practice.scenes import HABITS
from yuanlu.sim.payers import Wallet
from yuanlu.training import rules as training
from yuanlu.web.parts.assets import CSP, Asset
from yuanlu.web.till import pages

HERE = Path(__file__).resolve().parents[2] / "yuanlu/web/till/static"
MODULES = {path.name: path.read_text() for path in HERE.rglob("*.js")}
COLD_MAX, WHOLE_MAX, READER_MAX = 40_000, 100_000, 400_000


def pressed(asset: Asset, how: bytes = b"gzip, deflate, br") -> bytes:
    return asset.told({b"accept-encoding": how}).body


def imported(name: str) -> set[str]:
    """A module and all that it names in an import of its own."""
    found, look = set(), [(HERE / name).resolve()]
    while look:
        path = look.pop()
        if path not in found:
            found.add(path)
            look += [
                (path.parent / each).resolve() for each in re.findall(r"^import .*?'(.+?)';$", path.read_text(), re.M)
            ]
    return {str(path.relative_to(HERE)) for path in found}


def test_a_cold_till_fetches_at_most_40_kilobytes_until_its_first_key() -> None:
    """The page, style, signs, words, codes, and every module of signing in and of the pad; other screens come later."""
    found = pages.assets()
    first = set().union(
        *(imported(name) for name in ("main.js", "screens/enrol.js", "screens/signin.js", "screens/pad.js"))
    )
    paths = {pages.PAGE, f"{pages.PAGE}/codes.json", "/static/yl.css", "/static/icons.svg", f"{pages.OWN}/classify.js"}
    sizes = {path: len(pressed(found[path])) for path in paths | {f"{pages.OWN}/{name}" for name in first}}
    assert len(sizes) > 20
    assert sum(sizes.values()) <= COLD_MAX, sizes


def test_a_whole_release_is_small_enough_to_be_kept_by_a_handheld_in_a_bad_corner() -> None:
    lazy = {each.path for each in pages.later()}
    sizes = {path: len(pressed(each)) for path, each in pages.assets().items() if path not in lazy}
    assert sum(sizes.values()) <= WHOLE_MAX, sizes


def test_what_reads_codes_is_fetched_apart_and_no_page_may_compile_it() -> None:
    """Only the worker's own answer allows WebAssembly; the first camera costs less than 400 kB."""
    found = pages.assets()
    assert sum(len(pressed(each)) for each in pages.later()) <= READER_MAX
    allowed = [path for path, each in found.items() if "unsafe" in each.headers.get("content-security-policy", "")]
    assert allowed == [pages.EYE]
    named = re.findall(r"'(/static/zxing/[^']+)'", found[pages.EYE].plain.decode())
    assert set(named) == {each.path for each in pages.later()}


def test_what_the_page_asks_for_beforehand_is_there() -> None:
    found = pages.assets()
    asked = re.findall(r'(?:href|src)="([^"]+)"', found[pages.PAGE].plain.decode())
    assert set(asked) <= found.keys()


def test_a_file_that_is_as_before_is_not_sent_again() -> None:
    sheet = pages.assets()["/static/yl.css"]
    assert sheet.told({b"if-none-match": sheet.etag.encode()}).status == 304
    assert sheet.told({b"if-none-match": b'"other"'}).status == 200
    assert pressed(sheet, b"identity") == sheet.plain
    assert len(pressed(sheet, b"gzip")) < len(sheet.plain) / 2


def test_the_service_worker_names_every_other_file_and_changes_with_any_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = pages.assets()
    worker = found[pages.WORKER].plain.decode()
    listed = json.loads(re.search(r"const FILES = (\[.*?\]);", worker)[1])  # type: ignore[index]
    lazy = json.loads(re.search(r"const LATER = (\[.*?\]);", worker)[1])  # type: ignore[index]
    assert set(listed) == found.keys() - {pages.WORKER, *lazy}
    assert lazy == [each.path for each in pages.later()]
    monkeypatch.setattr(pages, "SAYS", ("till.",))
    assert pages.assets.__wrapped__()[pages.WORKER].plain.decode() != worker


def test_a_page_may_run_nothing_that_stands_in_it_or_comes_from_elsewhere() -> None:
    page = pages.assets()[pages.PAGE]
    assert page.headers["content-security-policy"] == CSP
    assert "unsafe" not in CSP
    text = page.plain.decode()
    data = '<script type="application/json" id="words">'  # words: nothing of this type is ever run
    assert text.count(data) == 1
    assert not re.search(r"<script(?![^>]* src=)|<style|style=|\son\w+=|https?://", text.replace(data, ""))
    assert all(not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function|\.style\b", text)
               for text in MODULES.values())  # fmt: skip


def test_every_word_a_screen_says_is_in_the_catalogue_it_is_given() -> None:
    known = pages.catalogue()
    assert set(known) == set(words.LANGUAGES)
    said = {
        code
        for text in MODULES.values()
        for code in re.findall(r"'((?:till|scan|net|pay|words|train)\.[a-z_.]+)'", text)
    }
    assert len(said) > 60
    assert not said - set(known["zh"])
    for beginning in ("state", "role", "why", "asks"):
        assert any(code.startswith(f"till.{beginning}.") for code in known["en"])


def test_no_word_of_the_till_is_kept_that_no_screen_says() -> None:
    text = "\n".join(MODULES.values())
    families = ("till.state.", "till.role.", "till.why.", "till.asks.", "till.kept.", "tills.kind.", "tills.count.",
                "tills.shift_do.", "tills.shift_confirm.")  # fmt: skip
    idle = [code for code in words.catalogue() if code.startswith("till.")
            and not code.startswith(families) and f"'{code}'" not in text]  # fmt: skip
    assert not idle


def test_the_table_of_codes_is_the_servers_own() -> None:
    (told,) = pages.code_tables(codes.packaged_shapes())
    (table,) = codes.packaged_shapes()
    assert [row["says"] for row in told["rows"]] == [shape.says for shape in table.rows]
    assert msgspec.json.decode(pages.assets()["/till/codes.json"].plain) == json.loads(json.dumps([told]))


def test_no_fraction_is_ever_money_in_a_module() -> None:
    guilty = [
        line
        for text in MODULES.values()
        for line in text.splitlines()
        if re.search(r"parseFloat|toFixed|fen \* 0?\.\d", line)
    ]
    assert not guilty


def test_every_drill_is_whole_and_asks_for_what_the_till_can_do() -> None:
    """At least twelve; each with words in both languages, a right way, and steps that practice knows."""
    told = training.drills()
    assert len({drill["id"] for drill in told}) == len(told) >= 12
    others = re.search(r"^const OTHERS = \{(.*?)\};", MODULES["practice.js"], re.M)
    assert others
    ways = re.compile(
        r"(paid|charged) \d+|charged( twice)?|cancelled|reversed|named scan\.\w+|guard \w+|screen \w+|case \w+( \d+)?"
    )
    for drill in told:
        assert all(drill[part].keys() == {"zh", "en"} for part in ("title", "scene", "right")), drill["id"]
        assert all(ways.fullmatch(step) for step in [*drill["wanted"], *drill["never"]]), drill["id"]
        assert drill["wanted"]
        assert drill["seconds"] > 0
        assert {show["code"] for show in drill["shows"]} <= {*Wallet, *re.findall(r"(\w+): '", others[1])}
        assert {show["pays"] for show in drill["shows"]} <= {"at_once", "no", "expired", "answer_lost", *HABITS}
        assert all(ean.is_valid(goods["barcode"]) for goods in drill.get("goods", ()))


def test_every_word_of_a_screen_that_comes_later_is_in_its_catalogue_and_none_is_idle() -> None:
    known = pages.catalogue(pages.LATER)
    text = "\n".join(MODULES.values())
    said = set(re.findall(r"'((?:tills|cause|print)\.[a-z_.]+)'", text))
    made = set(re.findall(r"`((?:tills\.[a-z_]+|cause)\.)\$\{", text))
    assert len(said) > 40
    assert not said - set(known["en"])
    families = tuple(made)
    assert all(any(code.startswith(each) for code in known["zh"]) for each in families)
    assert not [code for code in known["zh"] if code not in said and not code.startswith(families)]


def test_the_words_that_come_later_are_not_fetched_before_the_first_key() -> None:
    early = set().union(
        *(imported(f"{name}.js") for name in ("main", "screens/enrol", "screens/signin", "screens/pad"))
    )
    assert not early & {"beat.js", "health.js", "print.js", "ticket.js", "screens/why.js", "screens/slip.js"}
    assert not set(pages.catalogue()["zh"]) & set(pages.catalogue(pages.LATER)["zh"])
