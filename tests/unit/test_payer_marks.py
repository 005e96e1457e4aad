"""Who pays is known again and told nowhere: keyed hashes on payments, tails in what channels said."""

from __future__ import annotations

from functools import partial

import pytest

from yuanlu.channels.evidence import without_payer
from yuanlu.desk import marked
from yuanlu.payments.flow import payer_mark

OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f'{{"payer":{{"openid":"{OPENID}"}},"total":1}}', '{"payer":{"openid":"****eS6o"},"total":1}'),
        (f'{{"x": "{{\\"openid\\": \\"{OPENID}\\"}}"}}', '{"x": "{\\"openid\\": \\"****eS6o\\"}"}'),
        (f"<xml><openid><![CDATA[{OPENID}]]></openid></xml>", "<xml><openid><![CDATA[****eS6o]]></openid></xml>"),
        (f"<openid>{OPENID}</openid>", "<openid>****eS6o</openid>"),
        ('{"buyer_user_id":"2088102146225135"}', '{"buyer_user_id":"****5135"}'),
        ("a=1&buyer_id=2088102146225135&b=2", "a=1&buyer_id=****5135&b=2"),
        ("a=1\nbuyer_logon_id=li***@post.example\nb=2", "a=1\nbuyer_logon_id=****mple\nb=2"),
        ('{"buyer_id": "short"}', '{"buyer_id": "****"}'),
    ],
)
def test_what_names_the_payer_is_kept_as_its_tail_wherever_channels_say_it(said: str, kept: str) -> None:
    """S29."""
    assert without_payer(said) == kept
    assert without_payer(kept) == kept


@pytest.mark.parametrize("said", ['{"out_trade_no":"YP1","total_amount":"1.00"}', "trade_no=2088&x=1", "", "openid"])
def test_nothing_else_is_touched(said: str) -> None:
    assert without_payer(said) == said


def test_a_payer_is_the_same_at_one_merchant_and_another_at_the_next() -> None:
    """S29: searched by keyed hash; who has the database alone links nobody across merchants, and guesses nobody."""
    mark = partial(marked, b"k" * 32)
    one = payer_mark(mark, "YM1", OPENID)
    assert one == payer_mark(mark, "YM1", OPENID)
    assert one != payer_mark(mark, "YM2", OPENID)
    assert one != payer_mark(partial(marked, b"n" * 32), "YM1", OPENID)
    assert OPENID not in one
