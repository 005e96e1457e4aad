"""Which channels there are: one line each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from yuanlu.channels import rail
from yuanlu.channels.alipay.checking import AlipayChecker
from yuanlu.channels.alipay.codec import AlipayCodec
from yuanlu.channels.checking import Checker
from yuanlu.channels.contract import Channel, Codec, Facts
from yuanlu.channels.wechat.checking import WechatChecker
from yuanlu.channels.wechat.codec import WechatCodec
from yuanlu.clock import SystemClock, business_day

_HERE = Path(__file__).parent
_TODAY = business_day(SystemClock().now())
"""Facts count from the start of the process: a new data file is seen at the next start."""

CODECS: Mapping[Channel, Codec] = {
    Channel.WECHAT: WechatCodec(rail.newest(_HERE / "wechat" / "facts", _TODAY)),
    Channel.ALIPAY: AlipayCodec(rail.newest(_HERE / "alipay" / "facts", _TODAY)),
}

CHECKERS: Mapping[Channel, Checker] = {Channel.WECHAT: WechatChecker(), Channel.ALIPAY: AlipayChecker()}
"""What knows whether a merchant's keys are right."""

FACTS: Mapping[Channel, Facts] = {
    **{channel: codec.facts for channel, codec in CODECS.items()},
    Channel.CASH: rail.newest(_HERE / "cash" / "facts", _TODAY),
}
"""What binds each channel: what the rules are given."""
