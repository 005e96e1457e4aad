"""A merchant's accounts at the channels: their keys, and whether these are right. What a key is, is told nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from yuanlu.channels.alipay.checking import FIELDS as ALIPAY_FIELDS
from yuanlu.channels.checking import Finding, verdict
from yuanlu.channels.contract import REMOTE, Channel
from yuanlu.channels.wechat.checking import FIELDS as WECHAT_FIELDS
from yuanlu.errors import Denied
from yuanlu.merchants import store as merchants
from yuanlu.onboarding import flow, store
from yuanlu.onboarding.flow import Checked, KeysAsk, Outside
from yuanlu.onboarding.rules import findings_of
from yuanlu.told import both
from yuanlu.web.parts.calls import STEP_UP, Answer, Call, Route
from yuanlu.web.parts.shapes import Wish

FIELDS: Mapping[Channel, Sequence[str]] = {Channel.WECHAT: WECHAT_FIELDS, Channel.ALIPAY: ALIPAY_FIELDS}
"""What a merchant fills in, by channel, in the order of the form."""
SHOWN = frozenset({"mchid", "appid", "merchant_serial", "platform_public_key_id", "app_id"})
"""What is told again: numbers that name an account. All else is a key."""
KEY_MAX = 8192

Number = Annotated[str, Meta(max_length=80)]
Pem = Annotated[str, Meta(max_length=KEY_MAX)]


class WechatKeysWish(Wish):
    """Keys for WeChat Pay. What is empty stays as it is. The serial number is read from the certificate where that is
    given. `anyway`: keep them though WeChat Pay could not be asked."""

    mchid: Number = ""
    appid: Number = ""
    apiv3_key: Number = ""
    merchant_cert: Pem = ""
    merchant_serial: Number = ""
    merchant_key: Pem = ""
    platform_public_key_id: Number = ""
    platform_public_key: Pem = ""
    anyway: bool = False


class AlipayKeysWish(Wish):
    """Keys for Alipay. What is empty stays as it is. `anyway`: keep them though Alipay could not be asked."""

    app_id: Number = ""
    app_private_key: Pem = ""
    alipay_public_key: Pem = ""
    anyway: bool = False


class FindingTold(Struct, frozen=True, kw_only=True):
    """What is wrong (`fault`), what the channel gave no word about (`open`), what could not be proved (`note`): and
    what to do. An empty `field`: it is about none of them."""

    field: str
    code: str
    weight: str
    says_zh: str
    says_en: str


class ChannelCheckTold(Struct, frozen=True, kw_only=True):
    """Whether keys are right: `well`, `wrong`, `unsure` (the channel gave no clear word). `kept`: they are in use."""

    channel: str
    verdict: str
    kept: bool
    findings: Sequence[FindingTold]


class ChannelTold(Struct, frozen=True, kw_only=True):
    """An account at a channel. `numbers`: what names it; `keys`: which keys it has. `verdict`: of the last check;
    empty: there was none."""

    channel: str
    is_set: bool
    numbers: Mapping[str, str]
    keys: Sequence[str]
    set_at: datetime | None
    checked_at: datetime | None
    verdict: str
    findings: Sequence[FindingTold]


class ChannelsTold(Struct, frozen=True, kw_only=True):
    """The accounts at all channels that others keep."""

    items: Sequence[ChannelTold]


def _outside(call: Call) -> Outside:
    office, settings = call.office, call.office.settings
    addresses: dict[str, Mapping[str, str]] = {
        Channel.WECHAT: {"base_url": settings.wechat_url} if settings.wechat_url else {},
        Channel.ALIPAY: {"gateway": settings.alipay_url} if settings.alipay_url else {},
    }
    return Outside(office.try_keys, addresses, office.pools.recorder, office.pools.reader)


def _finding(channel: str, each: Finding) -> FindingTold:
    zh, en = both(f"channels.fault.{each.code}", {**each.facts, "channel": channel})
    return FindingTold(field=each.field, code=each.code, weight=each.weight.value, says_zh=zh, says_en=en)


def _checked(channel: Channel, checked: Checked) -> ChannelCheckTold:
    return ChannelCheckTold(
        channel=channel.value,
        verdict=verdict(checked.findings).value,
        kept=checked.is_kept,
        findings=[_finding(channel.value, each) for each in checked.findings],
    )


async def page(call: Call) -> Answer:
    """The merchant's accounts at the channels."""
    return 200, ChannelsTold(items=await asyncio.gather(*(_account(call, channel) for channel in REMOTE)))


async def _account(call: Call, channel: Channel) -> ChannelTold:
    desk = call.office.desk
    account = (await desk.see(merchants.channels_of(call.merchant_id))).get(channel)
    config: Mapping[str, Any] = {} if account is None else await account.opened(desk.sealed)
    setup = await desk.see(store.setup(call.merchant_id, channel.value))
    findings = findings_of(setup.findings) if setup else []
    return ChannelTold(
        channel=channel.value,
        is_set=bool(config),
        numbers={name: str(config[name]) for name in FIELDS[channel] if name in SHOWN and config.get(name)},
        keys=[name for name in FIELDS[channel] if name not in SHOWN and config.get(name)],
        set_at=setup.set_at if setup else None,
        checked_at=setup.checked_at if setup else None,
        verdict=verdict(findings).value if setup else "",
        findings=[_finding(channel.value, each) for each in findings],
    )


async def put_wechat(call: Call) -> Answer:
    """Give the account keys, if they are right: seen here first, then asked of WeChat Pay. Else nothing is kept."""
    return await _put(Channel.WECHAT, call)


async def put_alipay(call: Call) -> Answer:
    """Give the account keys, if they are right: seen here first, then asked of Alipay. Else nothing is kept."""
    return await _put(Channel.ALIPAY, call)


async def _put(channel: Channel, call: Call) -> Answer:
    given = {name: getattr(call.wish, name) for name in FIELDS[channel]}
    ask = KeysAsk(call.merchant_id, channel, given, call.by, call.sure, call.wish.anyway)
    return 200, _checked(channel, await flow.set_keys(call.office.desk, _outside(call), ask))


async def check(call: Call) -> Answer:
    """Check the keys that are in use."""
    name = call.place["channel"]
    if name not in FIELDS:
        raise Denied("channel.unknown", channel=name[:20])
    channel = Channel(name)
    return 200, _checked(
        channel, await flow.check(call.office.desk, _outside(call), call.merchant_id, channel, call.by)
    )


_NO = ("staff.not_allowed", "staff.other_store", "key.out_of_scope", "channel.config_invalid", "seal.forgotten")
_SET = (*_NO, "channel.nothing_given", "channel.account_taken", "channel.account_in_use", *STEP_UP)
ROUTES = (
    Route(
        method="GET",
        path="/v1/channels",
        verb=page,
        may="channels",
        says="Accounts at the channels, without their keys",
        gives=ChannelsTold,
        denied=_NO,
    ),
    Route(
        method="POST",
        path="/v1/channels/wechat",
        verb=put_wechat,
        may="channels",
        says="Give the account at WeChat Pay its keys",
        takes=WechatKeysWish,
        gives=ChannelCheckTold,
        denied=_SET,
        example={
            "mchid": "1900000109",
            "appid": "wx0000000000000001",
            "platform_public_key_id": "PUB_KEY_ID_0119000001",
        },
    ),
    Route(
        method="POST",
        path="/v1/channels/alipay",
        verb=put_alipay,
        may="channels",
        says="Give the account at Alipay its keys",
        takes=AlipayKeysWish,
        gives=ChannelCheckTold,
        denied=_SET,
        example={"app_id": "2021000000000001"},
    ),
    Route(
        method="POST",
        path="/v1/channels/{channel}/check",
        verb=check,
        may="channels",
        says="Check the keys that are in use",
        gives=ChannelCheckTold,
        denied=(*_NO, "channel.unknown"),
    ),
)
