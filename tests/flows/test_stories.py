"""The stories of `yuanlu demo`, each played whole by a process of its own: real database, real HTTP, real end."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from yuanlu.cli.trying import STORIES
from yuanlu.demo import playbill
from yuanlu.packs.typeset import can_write_chinese

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 2
WITHIN = 120.0


def environment() -> dict[str, str]:
    named = {name: value for name, value in os.environ.items() if not name.startswith("YUANLU_")}
    return {**named, "PYTHONPATH": str(ROOT)}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "yuanlu", *arguments]


def played(story: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("demo", story, "--once", "--json"),
        env=environment(), capture_output=True, text=True, timeout=WITHIN, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def plays() -> Iterator[dict[str, Future[subprocess.CompletedProcess[str]]]]:
    """All stories, two at once; each test waits for its own."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {story: pool.submit(played, story) for story in STORIES}


Plays = dict[str, Future[subprocess.CompletedProcess[str]]]


def told(plays: Plays, story: str) -> dict[str, Any]:
    """The object a story printed; it must have ended well."""
    done = plays[story].result()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n") == 1, "one line on stdout"
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["ok"] is True
    return found


def said(found: dict[str, Any]) -> str:
    return "\n".join(f"{item['who']}: {item['what_en']}" for item in found["timeline"])


def test_the_command_knows_the_stories_there_are() -> None:
    assert tuple(playbill.STORIES) == STORIES


@pytest.mark.parametrize("story", STORIES)
def test_each_story_prints_one_object_of_the_promised_shape(plays: Plays, story: str) -> None:
    found = told(plays, story)
    assert list(found) == ["story", "ok", "seconds", "payment", "case", "refund", "timeline", "ledger"]
    assert found["story"] == story
    assert found["ledger"]["balanced"] is True
    told_ = " ".join(f"{item['who']} {item['what_zh']} {item['what_en']}" for item in found["timeline"])
    assert not re.search(r"\bYW[0-9A-Z]{27}\b", told_), "people are told by their names"
    assert isinstance(found["ledger"]["moves"], int)
    for thing in (found["payment"], found["case"], found["refund"]):
        assert thing is None or {"id", "state", "amount_fen"} <= set(thing)
    assert all(list(item) == ["at", "who", "what_zh", "what_en", "evidence"] for item in found["timeline"])
    assert not [item for item in found["timeline"] if "{" in item["what_zh"] + item["what_en"]]
    assert [item for item in found["timeline"] if re.fullmatch("YE[0-9A-Z]{27}", item["evidence"])]


def test_a_mistaken_scan_gives_the_difference_back_and_closes_the_case(plays: Plays) -> None:
    found = told(plays, "mistaken-scan")
    assert (found["payment"]["amount_fen"], found["payment"]["back_fen"]) == (12800, 11520)
    assert (found["case"]["state"], found["case"]["conclusion"]) == ("CLOSED", "money_back")
    assert found["case"]["amount_fen"] == found["refund"]["amount_fen"] == 11520
    assert found["refund"]["state"] in ("DONE", "PROVEN")
    assert found["ledger"]["moves"] == 3  # paid, held, sent


def test_of_a_double_charge_the_second_goes_back_in_full(plays: Plays) -> None:
    found = told(plays, "double-charge")
    assert found["payment"]["amount_fen"] == found["payment"]["back_fen"] == found["refund"]["amount_fen"]
    assert found["case"]["what"] == "charged_twice"
    assert found["ledger"]["moves"] == 4
    assert "This code is being charged" in said(found)


def test_after_a_lost_answer_a_query_finds_one_payment(plays: Plays) -> None:
    found = told(plays, "lost-answer")
    assert (found["payment"]["state"], found["case"], found["refund"]) == ("PAID", None, None)
    assert found["ledger"]["moves"] == 1
    assert "No clear word" in said(found)


def test_a_payer_who_walks_away_is_reversed(plays: Plays) -> None:
    found = told(plays, "password-timeout")
    assert (found["payment"]["state"], found["case"], found["refund"]) == ("REVERSED", None, None)
    assert found["ledger"]["moves"] == 0


def test_what_is_paid_late_opens_its_own_case_and_goes_back(plays: Plays) -> None:
    found = told(plays, "late-paid")
    assert found["payment"]["state"] == "LATE_PAID"
    assert (found["case"]["what"], found["case"]["opened_by"], found["case"]["state"]) == (
        "late_paid", "system", "CLOSED",
    )  # fmt: skip
    assert found["refund"]["amount_fen"] == found["payment"]["amount_fen"]


def test_a_refund_without_funds_waits_and_goes_on_by_itself(plays: Plays) -> None:
    found = told(plays, "funds-short")
    assert (found["refund"]["state"] in ("DONE", "PROVEN"), found["refund"]["sent_times"]) == (True, 2)
    assert found["case"] is None
    assert "balance is too low" in said(found)


def test_stranded_money_takes_two_people(plays: Plays) -> None:
    found = told(plays, "abnormal")
    assert (found["case"]["state"], found["refund"]["state"] in ("DONE", "PROVEN")) == ("CLOSED", True)
    words = said(found)
    assert words.index("finance: Proposed") < words.index("finance: Tries to approve") < words.index("manager: Sent on")


def test_wrong_codes_are_told_before_money_moves(plays: Plays) -> None:
    found = told(plays, "wrong-code")
    assert (found["payment"]["state"], found["case"], found["refund"]) == ("PAID", None, None)
    words = said(found)
    assert words.index("product barcode") < words.index("receiving code") < words.index("one of our own numbers")
    assert words.index("one of our own numbers") < words.index("received")


@pytest.mark.skipif(not can_write_chinese(), reason="needs fonts-noto-cjk")
def test_a_pack_is_made_and_one_flipped_byte_is_found(plays: Plays) -> None:
    """S6, S7, S76."""
    found = told(plays, "evidence-pack")
    assert (found["case"]["state"], found["case"]["conclusion"]) == ("CLOSED", "money_back")
    words = said(found)
    assert words.index("one signed PDF") < words.index("nothing is wrong with it") < words.index("Flips one byte")
    assert "the bytes of the file are not those that were signed" in words


def test_money_at_another_shop_comes_back_and_only_its_own_shop_has_it_in_its_books(plays: Plays) -> None:
    """S47."""
    found = told(plays, "wrong-payee")
    assert (found["case"]["what"], found["case"]["opened_by"], found["case"]["conclusion"]) == (
        "wrong_payee", "handover", "money_back",
    )  # fmt: skip
    assert found["payment"]["back_fen"] == found["refund"]["amount_fen"] == 4500
    assert found["ledger"]["moves"] == 0  # the shop that asked never had it
    assert "another shop of this installation has the money" in said(found)


def test_what_comes_back_line_by_line_adds_up_and_the_coupon_is_told_apart(plays: Plays) -> None:
    found = told(plays, "coupon-partial")
    assert found["payment"]["amount_fen"] == found["payment"]["back_fen"] == 2790
    words = said(found)
    assert words.count("Refund of ¥3.11 written down") == 2  # of three cups, the last takes the odd fen
    assert "Refund of ¥21.68 written down" in words
    assert "¥22.90 is back with you" in words
    assert "¥5.00 was the coupon's part" in words


def test_a_complaint_is_answered_and_its_approval_has_a_refund(plays: Plays) -> None:
    """S79."""
    found = told(plays, "complaint")
    assert (found["case"]["what"], found["case"]["opened_by"], found["case"]["conclusion"]) == (
        "request", "channel", "money_back",
    )  # fmt: skip
    assert found["refund"]["amount_fen"] == found["payment"]["back_fen"] == 4800
    words = said(found)
    assert words.index("Entered: a complaint") < words.index("Answers the customer first") < words.index("is finished")


def test_a_big_sum_takes_a_second_person(plays: Plays) -> None:
    """S61."""
    found = told(plays, "review-second-person")
    assert (found["case"]["state"], found["case"]["conclusion"]) == ("CLOSED", "money_back")
    assert found["refund"]["amount_fen"] == found["payment"]["back_fen"] == 60000
    assert found["case"]["decided_by"] != found["case"]["seconded_by"] != ""
    words = said(found)
    assert (
        words.index("manager: Approved") < words.index("manager: Tries to confirm") < words.index("finance: Confirmed")
    )


def test_whoever_was_objected_to_does_not_decide_again(plays: Plays) -> None:
    """S74."""
    found = told(plays, "declined-appeal")
    assert (found["case"]["conclusion"], found["refund"]["amount_fen"]) == ("money_back", 5000)
    words = said(found)
    steps = ("manager: Declined", "The customer objects", "manager: Tries to decide again", "owner: Approved")
    assert [words.index(step) for step in steps] == sorted(words.index(step) for step in steps)


def test_an_accepted_offer_is_what_goes_back(plays: Plays) -> None:
    """S75."""
    found = told(plays, "counter-offer")
    assert found["payment"]["back_fen"] == found["refund"]["amount_fen"] == 2500
    words = said(found)
    assert words.index("manager: Offered") < words.index("Accepted: a part back") < words.index("went back")


def test_a_named_account_takes_two_people_and_is_forgotten(plays: Plays) -> None:
    """S57, S65."""
    found = told(plays, "named-account")
    assert (found["payment"]["back_fen"], found["refund"]) == (8800, None)
    case = found["case"]
    assert (case["state"], case["conclusion"], case["remedy"], case["way"]) == (
        "CLOSED", "money_back", "repayment", "offline",
    )  # fmt: skip
    words = said(found)
    steps = (
        "Mistaken scan reported",
        "finance: Confirmed by a second person",
        "too late for the way it came",
        "finance: Repayment of",
        "finance: Decided: repay to a named account",
        "finance: Tries to approve",
        "owner: Repayment approved (proposed by finance)",
        "Closed: Money back",
        "Entered: the proof of a payment",
        "The account was deleted",
    )
    assert [words.index(step) for step in steps] == sorted(words.index(step) for step in steps)
    assert "6200000000001234" not in json.dumps(found)


def test_the_customers_photo_is_made_anew_before_it_counts(plays: Plays) -> None:
    """S59."""
    found = told(plays, "customer-proof")
    assert found["refund"]["amount_fen"] == found["payment"]["back_fen"] == 4500
    words = said(found)
    steps = ("manager: The customer was asked", "It is made anew", "Entered: a file", "manager: Approved")
    assert [words.index(step) for step in steps] == sorted(words.index(step) for step in steps)


def test_cash_goes_back_out_of_the_drawer_and_the_count_agrees(plays: Plays) -> None:
    found = told(plays, "cash")
    assert (found["payment"]["channel"], found["payment"]["back_fen"]) == ("cash", 11520)
    assert (found["case"]["way"], found["case"]["conclusion"]) == ("cash", "money_back")
    refund = found["refund"]
    assert (refund["state"], refund["amount_fen"], refund["sent_times"]) == ("DONE", 11520, 0)
    words = said(found)
    steps = (
        "manager: Opens a shift",
        "cashier: Takes ¥128.00 in cash",
        "Mistaken scan reported",
        "cashier: A till without a name is stopped",
        "¥115.20 in cash paid out of a drawer",
        "Closed: Money back",
        "manager: Closes the shift",
    )
    assert [words.index(step) for step in steps] == sorted(words.index(step) for step in steps)


BROKEN = """
import sys
from yuanlu.demo import playbill, stories

async def broken(on):
    "Somebody gives money back by hand, and nobody tells us."
    payment = await stories.paid(on, await stories.charge(on, "alipay", "ok", 500))
    await on.sim.post("/_sim/refund", wallet="alipay", number=payment["id"], amount_fen=1)
    return stories.End(payment)

playbill.STORIES["lost-answer"] = broken
from yuanlu.cli import main
main(["demo", "lost-answer", "--once", "--json"])
"""


def test_a_story_whose_books_differ_by_one_fen_does_not_end_well() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BROKEN],
        env=environment(), capture_output=True, text=True, timeout=WITHIN, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["ok"] is False
    assert "alipay: we expect ¥5.00, they have ¥4.99" in found["timeline"][-1]["what_en"]


# --- until Ctrl-C ---


def processes_naming(text: str) -> list[str]:
    """Processes whose command line names this."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in words:
            found.append(f"{place.name} {words}")
    return found


@contextmanager
def staying(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A demo that has told its story and stays; gives what it said on stdout and stderr."""
    process = subprocess.Popen(
        command("demo", "wrong-code", *arguments), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        heard, until = b"", time.monotonic() + WITHIN
        while b"yuanlu pay --merchant" not in heard:
            assert select.select([process.stdout], [], [], max(0.0, until - time.monotonic()))[0], heard.decode()
            piece = os.read(process.stdout.fileno(), 65536)
            assert piece, heard.decode()
            heard += piece
        yield process, heard.decode()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(("name", "arguments"), [(signal.SIGINT, ()), (signal.SIGTERM, ("--json",))])
def test_a_demo_stays_to_be_looked_at_and_leaves_nothing_behind(name: signal.Signals, arguments: tuple[str]) -> None:
    with staying(*arguments) as (process, heard):
        address = re.search(r"http://localhost:\d+(?=/readyz)", heard)
        key = re.search(r"yk_[0-9A-Z]+_[\w-]+", heard)
        state = re.search(r"YUANLU_STATE=(\S+)", heard)
        assert address
        assert key
        assert state
        asked = urllib.request.Request(f"{address[0]}/v1/payments", headers={"Authorization": f"Bearer {key[0]}"})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert [item["state"] for item in json.load(answer)["items"]] == ["PAID"]
        assert processes_naming(state[1]), "the database runs"
        process.send_signal(name)
        assert process.wait(timeout=30) == 0
        assert not processes_naming(state[1])
        assert not Path(state[1]).exists()
