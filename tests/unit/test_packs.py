"""Packs as files: what is read, what takes the place of what, and what is refused, with file and line or key."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from yuanlu import packaged
from yuanlu.cli import main
from yuanlu.errors import Denied
from yuanlu.lawbook import law, shelf
from yuanlu.lawbook.shapes import Stage

TODAY = date(2026, 11, 26)
NEXT = """
kind = "workdays"
name = "workdays-cn-2027"
version = "2027-1"
valid_from = 2026-11-10
source = "a notice made up for a test"
year = 2027
work = [2027-01-03]
[[rest]]
name_zh = "元旦"
name_en = "New Year"
first = 2026-12-31
last = 2027-01-01
"""


def own(name: str) -> str:
    return packaged.text(f"{shelf.OWN}/{name}")


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def denied(folder: Path) -> Denied:
    with pytest.raises(Denied) as no:
        shelf.read(str(folder))
    return no.value


def test_every_pack_of_ours_is_named_like_its_file_and_says_where_it_comes_from() -> None:
    for each in shelf.own_packs():
        assert each.file.startswith(each.pack.name)
        assert each.pack.source


def test_a_year_is_added_by_a_file_without_code(tmp_path: Path) -> None:
    """S97. S62."""
    found = shelf.read(str(written(tmp_path, next=NEXT))).on(TODAY).calendar
    assert found.add_working_days(date(2026, 12, 30), 1).on == date(2027, 1, 3)  # the notice takes December's last day
    assert found.add_working_days(date(2027, 3, 1), 1).certain
    assert not found.add_working_days(date(2028, 3, 1), 1).certain


def test_the_newest_valid_pack_of_a_name_wins(tmp_path: Path) -> None:
    """S72. S97."""
    later = own("law-cn-2026-01.toml").replace("2026-01", "2027-01", 2)
    both = shelf.read(str(written(tmp_path, law=later)))
    assert law.cite(both.on(date(2026, 12, 31)), "art-39") == "law-cn/2026-01#art-39"
    assert law.cite(both.on(date(2027, 1, 1)), "art-39") == "law-cn/2027-01#art-39"


def test_a_pack_takes_the_place_of_ours_under_a_version_of_its_own(tmp_path: Path) -> None:
    """S72."""
    mended = own("law-cn-2026-01.toml").replace('version = "2026-01"', 'version = "2026-01.shop"')
    found = shelf.read(str(written(tmp_path, law=mended))).on(TODAY)
    assert law.cite(found, "art-46") == "law-cn/2026-01.shop#art-46"
    assert len([pack for pack in found.packs if pack.name == "law-cn"]) == 1


def test_another_text_under_the_same_version_is_refused(tmp_path: Path) -> None:
    """S72: a citation means one text for ever."""
    changed = own("law-cn-2026-01.toml").replace("12315", "12300")
    no = denied(written(tmp_path, law=changed))
    assert (no.code, no.facts["file"]) == ("pack.version_taken", "law.toml")


def test_two_packs_from_the_same_day_are_refused(tmp_path: Path) -> None:
    no = denied(written(tmp_path, a=NEXT, b=NEXT.replace('"2027-1"', '"2027-2"')))
    assert (no.code, no.facts) == ("pack.duplicate", {"file": "b.toml", "other": "a.toml", "name": "workdays-cn-2027"})


def test_a_pack_that_cuts_another_short_is_refused(tmp_path: Path) -> None:
    fixed = NEXT.replace("valid_from = 2026-11-10", "valid_from = 2026-11-10\nvalid_until = 2027-12-31")
    cuts = NEXT.replace("2026-11-10", "2027-12-31").replace('"2027-1"', '"2027-2"')
    no = denied(written(tmp_path, a=fixed, b=cuts))
    assert (no.code, no.facts["file"], no.facts["other"]) == ("pack.overlap", "b.toml", "a.toml")
    after = cuts.replace("valid_from = 2027-12-31", "valid_from = 2028-01-01")
    assert shelf.read(str(written(tmp_path, b=after)))


def test_two_names_for_one_year_are_refused(tmp_path: Path) -> None:
    no = denied(written(tmp_path, a=NEXT, b=NEXT.replace("workdays-cn-2027", "holidays-2027")))
    assert no.code == "pack.several"


def test_one_name_for_two_kinds_is_refused(tmp_path: Path) -> None:
    no = denied(written(tmp_path, a=NEXT.replace("workdays-cn-2027", "law-cn")))
    assert no.code == "pack.kind_differs"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [('version = "2027-1"', "version = ", 4), ("2027-01-03", "2027-02-30", 8), ("[[rest]]", "[[rest", 9)],
)
def test_a_slip_in_the_writing_names_file_and_line(tmp_path: Path, old: str, new: str, line: int) -> None:
    no = denied(written(tmp_path, next=NEXT.replace(old, new)))
    assert (no.code, no.facts["file"], no.facts["line"]) == ("pack.syntax", "next.toml", line)


LAW = own("law-cn-2026-01.toml").replace('version = "2026-01"', 'version = "mine"')
RAILS = own("rails-cn-2026-02.toml").replace('version = "2026-02"', 'version = "mine"')
PROMISES = own("promises-cn-2026-01.toml").replace('version = "2026-01"', 'version = "mine"')
PROOF = own("proof-cn-2026-01.toml").replace('version = "2026-01"', 'version = "mine"')


@pytest.mark.parametrize(
    ("text", "old", "new", "key"),
    [
        (NEXT, 'kind = "workdays"', 'kind = "holidays"', "kind"),
        (NEXT, 'kind = "workdays"', "", "kind"),
        (NEXT, "source =", "sauce =", "sauce"),
        (NEXT, 'source = "a notice made up for a test"', "", "source"),
        (NEXT, "workdays-cn-2027", "../etc", "name"),
        (NEXT, 'version = "2027-1"', 'version = "2027#1"', "version"),
        (NEXT, "valid_from = 2026-11-10", "valid_from = 2026-11-10\nvalid_until = 2026-11-09", "valid_until"),
        (NEXT, "year = 2027", "year = 1987", "year"),
        (NEXT, "work = [2027-01-03]", "work = [2027-01-04]", "work[0]"),
        (NEXT, "work = [2027-01-03]", "work = [2028-01-02]", "work[0]"),
        (NEXT, "work = [2027-01-03]", "work = [2027-01-03, 2027-01-03]", "work"),
        (NEXT, "last = 2027-01-01", "last = 2027-01-03", "work[0]"),
        (NEXT, "last = 2027-01-01", "last = 2026-12-30", "rest[0].last"),
        (NEXT, "first = 2026-12-31", "first = 2026-12-24", "rest[0]"),
        (LAW, 'certainty = "L"', 'certainty = "sure"', "rules[0].certainty"),
        (LAW, 'stages = ["escalated"]', 'stages = ["quarrel"]', "rules[6].stages[0]"),
        (LAW, 'stages = ["escalated"]', "stages = []", "rules[6].stages"),
        (LAW, 'id = "art-24"', 'id = "art-22"', "rules"),
        (LAW, 'rule = "art-46"', 'rule = "art-47"', "ladder[2].rule"),
        (LAW, "keep_years = 3", "keep_years = 0", "rules[10].keep_years"),
        (RAILS, 'within = "PT5M"', "", "channels.wechat.arrivals[0]"),
        (RAILS, "working_days_max = 3", "working_days_max = 0", "channels.wechat.arrivals[1].working_days_max"),
        (RAILS, 'into = "card"', 'into = "wallet"', "channels.wechat.arrivals"),
        (RAILS, 'other = ["PT4H"]', "", "warn_before.other"),
        (RAILS, 'reply = ["PT4H", "PT1H"]', 'reply = ["PT4H", "-PT1H"]', "warn_before.reply"),
        (RAILS, 'reply = ["PT4H", "PT1H"]', "reply = []", "warn_before.reply"),
        (PROMISES, 'id = "review"', 'id = "look"', "steps and waits"),
        (PROMISES, "working_days = 2", "working_days = 0", "review.working_days"),
        (PROMISES, 'id = "offer"', 'id = "review"', "steps and waits"),
        (PROMISES, "after_working_days = 3", "after_working_days = 1", "ladder"),
        (PROMISES, "after_working_days = 0", "after_working_days = 2", "ladder"),
        (PROOF, 'id = "reason"', 'id = "statement"', "needs"),
        (PROOF, "weight = 40", "weight = 0", "needs[5].weight"),
        (PROOF, 'causes = ["*"]\nrequired = true', 'causes = ["other"]\nrequired = true', "needs"),
        (PROOF, 'faster_zh = "有后四位，能马上认出是哪一笔"', "", "needs[3]"),
    ],
)
def test_a_pack_that_says_what_cannot_be_names_file_and_key(
    tmp_path: Path, text: str, old: str, new: str, key: str
) -> None:
    assert old in text
    no = denied(written(tmp_path, mine=text.replace(old, new)))
    assert (no.code, no.facts["file"], no.facts["key"]) == ("pack.invalid", "mine.toml", key)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_be_read_or_refused(raw: bytes) -> None:
    try:
        shelf.parse(raw.decode("utf-8", "replace"), "x.toml")
    except Denied as no:
        assert no.code in ("pack.syntax", "pack.invalid")


def test_a_pack_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(Denied, match=r"pack\.syntax"):
        shelf.parse("a = " + "[" * 20000, "x.toml")


def test_files_that_are_no_text_or_too_large_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    assert denied(tmp_path).code == "pack.unreadable"
    (tmp_path / "a.toml").write_bytes(b"#" * (shelf.BYTES_MAX + 1))
    assert denied(tmp_path).code == "pack.unreadable"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert denied(tmp_path / "nowhere").code == "pack.folder_unreadable"


def test_the_check_tells_everything_that_is_wrong_and_ends_with_two(tmp_path: Path) -> None:
    written(tmp_path, a=NEXT.replace("year = 2027", "year = "), b=LAW.replace('"C"', '"D"'), c=NEXT)
    done = CliRunner().invoke(main, ["packs", "check", str(tmp_path), "--json"])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["ok"]) == (2, False)
    assert [(one["file"], one["code"]) for one in told["problems"]] == [
        ("a.toml", "pack.syntax"),
        ("b.toml", "pack.invalid"),
    ]
    assert [one["name"] for one in told["packs"]] == ["workdays-cn-2027"]
    (tmp_path / "a.toml").unlink()
    (tmp_path / "b.toml").unlink()
    done = CliRunner().invoke(main, ["packs", "check", str(tmp_path)])
    assert done.exit_code == 0
    assert "workdays-cn-2027/2027-1" in done.stdout


def test_the_list_shows_ours_and_those_of_the_setting(tmp_path: Path) -> None:
    """S97."""
    done = CliRunner().invoke(main, ["packs", "list", "--json"], env={"YUANLU_PACKS": str(written(tmp_path, n=NEXT))})
    names = [one["name"] for one in json.loads(done.stdout)["items"]]
    assert names == sorted(names)
    assert {"law-cn", "workdays-cn-2026", "workdays-cn-2027"} <= set(names)


def test_a_rule_that_is_not_in_force_yet_is_neither_shown_nor_cited(tmp_path: Path) -> None:
    """S81."""
    later = LAW.replace("valid_from = 2024-07-01", "valid_from = 2026-12-01")
    found = shelf.read(str(written(tmp_path, law=later)))
    assert "consumer-778" not in [rule.id for rule in law.rights(found.on(TODAY), Stage.DECLINED)]
    with pytest.raises(Denied, match=r"law\.rule_unknown"):
        law.cite(found.on(TODAY), "consumer-778")
    assert law.cite(found.on(date(2026, 12, 1)), "consumer-778") == "law-cn/mine#consumer-778"
