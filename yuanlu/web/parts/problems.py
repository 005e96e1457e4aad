"""The answer when it is no: from our codes to HTTP statuses and words. No other file knows a status of trouble.

RFC 9457: `type` names the kind of problem (`/problems/<code>`), `instance` this one occurrence; `code` is stable, and
the facts that go with it stand beside.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import structlog

from yuanlu import words
from yuanlu.errors import Busy, Denied
from yuanlu.told import both
from yuanlu.web.parts.logs import masked

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2

STATUSES: Mapping[str, int] = {
    "auth.key_missing": 401,
    "auth.key_invalid": 401,
    "signature.missing": 401,
    "signature.malformed": 401,
    "signature.covers": 401,
    "signature.algorithm": 401,
    "signature.too_old": 401,
    "signature.wrong_key": 401,
    "signature.wrong": 401,
    "signature.body": 401,
    "signature.replayed": 401,
    "enrolment.key": 422,
    "key.out_of_scope": 403,
    "key.other_till": 403,
    "key.scope_unknown": 422,
    "key.until_past": 422,
    "key.grace": 422,
    "key.of_till": 422,
    "till.gone": 404,
    "signin.refused": 401,
    "signin.code_needed": 401,
    "signin.passkey_needed": 401,
    "signin.passkey_wrong": 403,
    "signin.code_wrong": 403,
    "signin.invitation_invalid": 403,
    "signin.no_passkey": 409,
    "signin.pin_plain": 422,
    "signin.till_only": 403,
    "signin.password_short": 422,
    "signin.password_long": 422,
    "signin.password_plain": 422,
    "signin.password_common": 422,
    "signin.password_used": 422,
    "passkey.no_site": 503,
    "step_up.needed": 403,
    "step_up.differs": 403,
    "step_up.stale": 403,
    "step_up.used": 403,
    "request.malformed": 400,
    "request.invalid": 400,
    "request.too_large": 413,
    "request.wrong_type": 415,
    "request.too_slow": 408,
    "request.too_many": 429,
    "live.full": 429,
    "request.head_too_large": 431,
    "request.target_too_long": 414,
    "request.not_http": 400,
    "session.csrf": 403,
    "request.no_such_page": 404,
    "request.method": 405,
    "service.busy": 503,
    "service.broken": 500,
    "id.invalid": 422,
    "preferences.zone_unknown": 422,
    "preferences.too_many": 409,
    "money.too_large": 422,
    "money.currencies_differ": 422,
    "scan.not_payable": 422,
    "payment.amount": 422,
    "payment.currency": 422,
    "payment.channel_missing": 422,
    "payment.wrong_wallet": 422,
    "payment.not_cash": 422,
    "payment.handed_short": 422,
    "shift.cash_uncounted": 422,
    "shift.moved_more": 422,
    "shift.reason_missing": 422,
    "shift.taker_unknown": 422,
    "payment.till_unknown": 404,
    "refund.amount": 422,
    "refund.currency": 422,
    "refund.payment_unknown": 404,
    "refund.rescue_incomplete": 422,
    "refund.same_person": 403,
    "case.payment_unknown": 404,
    "case.meant_missing": 422,
    "case.meant_unexpected": 422,
    "case.meant_invalid": 422,
    "case.amount": 422,
    "file.empty": 422,
    "file.type": 415,
    "file.too_large": 413,
    "file.too_many_pixels": 422,
    "file.too_many_pages": 422,
    "file.moving": 422,
    "file.locked": 422,
    "file.damaged": 422,
    "file.bomb": 422,
    "file.infected": 422,
    "file.unscanned": 503,
    "file.no_room": 503,
    "file.store_away": 503,
    "file.store_refused": 503,
    "file.gone": 410,
    "data.too_large": 413,
    "hook.type_unknown": 422,
    "hook.url_invalid": 422,
    "hook.url_inside": 422,
    "hook.email_invalid": 422,
    "hook.phone_invalid": 422,
    "hook.apprise_invalid": 422,
    "hook.old_secret_too_long": 422,
    "hook.replay_what": 422,
    "hook.letter_unknown": 404,
    "contact.no_consent": 422,
    "contact.way": 422,
    "sms.template_invalid": 422,
    "time.invalid": 422,
    "case.asked_unexpected": 422,
    "case.asked_invalid": 422,
    "case.words_missing": 422,
    "case.offer_until": 422,
    "case.reason_unknown": 422,
    "case.reply_unknown": 422,
    "case.own": 403,
    "case.barred": 403,
    "case.same_person": 403,
    "staff.not_allowed": 403,
    "staff.other_store": 403,
    "staff.over_limit": 403,
    "staff.over_day": 403,
    "limits.unknown": 404,
    "limits.same_person": 403,
    "limits.id_taken": 409,
    "limits.role": 422,
    "staff.role_unknown": 422,
    "staff.name_empty": 422,
    "staff.above": 403,
    "staff.oneself": 403,
    "staff.own_place": 403,
    "policy.invalid": 422,
    "pack.no_font": 503,
    "pack.key_unfit": 503,
    "pack.too_slow": 503,
    "loss.same_person": 403,
    "loss.case_unknown": 404,
    "loss.amount": 422,
    "repayment.same_person": 403,
    "repayment.payment_unknown": 404,
    "repayment.amount": 422,
    "repayment.account": 422,
    "repayment.name_differs": 422,
    "repayment.proof": 422,
    "policy.file_unreadable": 422,
    "policy.store_unknown": 404,
    "policy.backdated": 422,
    "complaint.channel_cannot": 422,
    "complaint.words_missing": 422,
    "complaint.words_too_long": 422,
    "complaint.words_not_sent": 422,
    "complaint.too_many_images": 422,
    "complaint.days": 422,
    "complaint.feedback_code": 422,
    "complaint.image_kind": 422,
    "complaint.image_too_large": 422,
    "channel.notify_url_missing": 503,
    "lines.too_many": 422,
    "lines.id_twice": 422,
    "lines.quantity": 422,
    "lines.sum": 422,
    "lines.none": 409,
    "lines.unknown": 422,
    "refund.amount_or_lines": 422,
    "till.locked": 409,
    "printer.store_unknown": 404,
    "printer.till_unknown": 404,
    "printer.till_needed": 422,
    "printer.address": 422,
    "printer.address_outside": 422,
    "code.not_ours": 422,
    "code.store_unknown": 404,
    "code.till_unknown": 404,
    "code.valid": 422,
    "goods.barcode": 422,
    "goods.nameless": 422,
    "goods.price": 422,
    "goods.backdated": 422,
    "goods.file_unreadable": 422,
    "goods.file_heads": 422,
    "goods.file_rows": 422,
    "guards.store_unknown": 404,
    "guards.span": 422,
    "code.audit_days": 422,
    "audit.span": 422,
    "audit.too_many": 422,
    "trace.unreadable": 422,
    "trace.not_found": 404,
    "trace.needs_sum_and_time": 422,
    "receipt.locked": 403,
    "receipt.wrong_tail": 422,
    "practice.off": 503,
    "practice.starting": 503,
    "practice.away": 503,
    "callback.forged": 401,
    "callback.unreadable": 400,
    "channel.config_invalid": 503,
    "channel.keys_missing": 503,
    "report.span": 422,
    "report.too_large": 422,
    "report.busy": 503,
    "report.too_slow": 503,
    "channel.nothing_given": 422,
    "shop.name_empty": 422,
    "application.incomplete": 422,
    "application.no_reason": 422,
    "law.rule_unknown": 404,
    "workdays.out_of_range": 422,
}
"""The status of each code that is not told by its ending."""

ENDINGS: Mapping[str, int] = {"unknown": 404, "id_taken": 409}
"""The status of all codes that end so; whatever is left is at odds with how things stand: 409."""

_OURS = frozenset({"type", "title", "title_zh", "title_en", "status", "detail", "code", "instance"})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that is no."""

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status of this problem."""
        return STATUSES.get(self.code) or ENDINGS.get(self.code.rpartition(".")[2], 409)

    @property
    def headers(self) -> Mapping[str, str]:
        """What the caller must know beside the body."""
        if self.status == 401:
            return {"www-authenticate": 'Bearer realm="yuanlu"'}
        if self.status == 503:
            return {"retry-after": str(RETRY_AFTER_SECONDS)}
        if self.status == 429:
            return {"retry-after": str(self.facts["seconds"])}
        return {}

    def body(self, language: str, request_id: str) -> bytes:
        """The problem document, in the language the caller reads; both languages' headlines are in it."""
        zh, en = both(f"problem.{self.code}", self.facts)
        title_zh, _, detail_zh = zh.partition("\n")
        title_en, _, detail_en = en.partition("\n")
        chinese = language == "zh"
        told: dict[str, object] = {
            "type": f"/problems/{self.code}",
            "title": title_zh if chinese else title_en,
            "title_zh": title_zh,
            "title_en": title_en,
            "status": self.status,
            "detail": (detail_zh if chinese else detail_en).replace("\n", " "),
            "code": self.code,
            "instance": f"urn:yuanlu:request:{request_id}",
        }
        return msgspec.json.encode(told | {name: value for name, value in self.facts.items() if name not in _OURS})


def of_error(error: Exception) -> Problem:
    """The problem an exception is. What is a bug of ours is told as such, without its insides."""
    match error:
        case Denied():
            return Problem(error.code, error.facts)
        case Busy():
            return Problem("service.busy")
        case msgspec.ValidationError():
            what, _, where = str(error).partition(" - at `")
            return Problem("request.invalid", {"where": where.rstrip("`") or "$", "because": masked(what)})
        case msgspec.DecodeError() | UnicodeDecodeError() | RecursionError():
            return Problem("request.malformed")
        case _:
            # Text, masked: whatever shows locals beside a traceback would show payment codes.
            log.error("request.failed", trace=masked("".join(traceback.format_exception(error))))
            return Problem("service.broken")


def language(accept: str) -> str:
    """The language of a caller: Chinese for those who ask for it first, else English."""
    best, best_weight = "en", 0.0
    for part in accept.lower().split(",")[:16]:
        tag, _, weight = part.strip().partition(";q=")
        try:
            worth = float(weight) if weight else 1.0
        except ValueError:
            continue
        if tag[:2] in words.LANGUAGES and worth > best_weight:
            best, best_weight = tag[:2], worth
    return best
