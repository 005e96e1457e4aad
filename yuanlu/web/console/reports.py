"""报表: questions, each with its answer in words, a chart, a table below, and the table to take away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from yuanlu import words
from yuanlu.errors import Denied
from yuanlu.insight.rules import Group, grade
from yuanlu.web.api.reports import NAMES, PATH, table
from yuanlu.web.console import charts
from yuanlu.web.console.charts import Point
from yuanlu.web.console.pages import Page, Seen, View
from yuanlu.web.parts import problems, reports
from yuanlu.web.parts.asking import NOS, Visitor
from yuanlu.web.parts.reports import Kind, said

LIST, ONE = "/console/reports", "/console/reports/{name}"
DATES = ("from", "to")
BEFORE = ("before_from", "before_to")
SHOWN_MAX = 20
"""Rows of a chart or a heat map; the table has them all."""
TABLE_MAX = 500


async def show(_: Visitor, __: Mapping[str, str]) -> Seen:
    """The questions."""
    return View("reports.html", {"names": NAMES})


def _wanted(here: Visitor) -> tuple[str, dict[str, str]]:
    """Which report is asked for, and with what; empty fields are left out. Raises Denied: request.no_such_page."""
    name = here.place["name"]
    if name not in NAMES:
        raise Denied("request.no_such_page")
    fields = (*DATES, "store", *(BEFORE if name == "change" else ()), *(("by",) if name == "mistakes" else ()))
    return name, {each: here.query[each] for each in fields if here.query.get(each)}


async def show_one(here: Visitor, _: Mapping[str, str]) -> Seen:
    """A report; where it cannot be made, why."""
    name, wanted = _wanted(here)
    given: dict[str, Any] = {
        "name": name, "wanted": wanted, "stores": await here.stores(), "groups": [each.value for each in Group],
        "told": None, "problem": None, "asked": urlencode({**wanted, "lang": here.lang}),
    }  # fmt: skip
    try:
        told = await here.ask(f"{PATH}/{name}", query=wanted)
    except NOS as error:
        problem = problems.of_error(error)
        return View("report.html", {**given, "problem": problem}, problem.status)
    called = dict(told.names)
    if name == "mistakes" and told.by == Group.CASHIER:
        called |= await here.names([each.key for each in told.items[:SHOWN_MAX]])
    whole = table(told, here.lang, called)
    kinds = [kind for _, kind in whole.columns]
    return View("report.html", {
        **given,
        "told": told,
        "heads": [(reports.head(column, kind, here.lang), kind) for column, kind in whole.columns],
        "rows": [[said(cell, kind, here.lang) for cell, kind in zip(row, kinds, strict=True)]
                 for row in whole.rows[:TABLE_MAX]],
        "left_off": max(0, len(whole.rows) - TABLE_MAX),
        "is_empty": told.p is None if name == "change" else not whole.rows and not getattr(told, "open", 0),
        **_DRAWN[name](told, here.lang, called),
    })  # fmt: skip


async def take(here: Visitor, _: Mapping[str, str]) -> Seen:
    """The table, for a spreadsheet."""
    name, wanted = _wanted(here)
    told: Seen = await here.ask(f"{PATH}/{name}.csv", query={**wanted, "lang": here.lang})
    return told


def _percent(share: float) -> str:
    return said(share, Kind.PERCENT, "zh")


def _rate(told: Any, lang: str, called: Mapping[str, str]) -> Mapping[str, Any]:
    days, shops = defaultdict[str, list[int]](lambda: [0, 0]), defaultdict[str, list[int]](lambda: [0, 0])
    for each in told.items:
        for sums in (days[each.day.isoformat()], shops[each.store]):
            sums[0] += each.back_fen
            sums[1] += each.taken_fen

    def points(sums: Mapping[str, list[int]]) -> list[Point]:
        made = []
        for key, (back, taken) in sums.items():
            text = f"{_percent(back / taken)} · {said(back, Kind.FEN, lang)} / {said(taken, Kind.FEN, lang)}"
            made.append(Point(called.get(key, key[5:] if key in days else key), back / taken, text))
        return made

    by_store = sorted(points(shops), key=lambda each: -each.value)[:SHOWN_MAX] if len(shops) > 1 else []
    return {
        "columns": charts.columns(points(dict(sorted(days.items()))), _percent),
        "bars": charts.rows([(each, None) for each in by_store]) if by_store else None,
        "answer": {
            "rate": _percent(told.back_fen / told.taken_fen if told.taken_fen else 0), "refunded": told.refunded,
            "payments": told.payments, "back": said(told.back_fen, Kind.FEN, lang),
        },
    }  # fmt: skip


def _time(told: Any, lang: str, _: Mapping[str, str]) -> Mapping[str, Any]:
    def drawn(parts: Sequence[Any]) -> charts.Rows | None:
        pairs = [
            (
                Point(reports.label(each.name, lang), each.median_seconds, reports.span(each.median_seconds, lang)),
                Point("", each.p90_seconds, reports.span(each.p90_seconds, lang)),
            )
            for each in parts
        ]
        return charts.rows(pairs) if pairs else None

    whole = next((each for each in told.stages if each.name == "whole"), None)
    slowest = next(iter(told.holders), None)
    return {
        "stages": drawn(told.stages),
        "holders": drawn(told.holders),
        "answer": {
            "count": whole.count if whole else 0,
            "median": reports.span(whole.median_seconds, lang) if whole else "",
            "most": reports.span(whole.p90_seconds, lang) if whole else "",
            "open": told.open,
        },
        "slowest": {"who": words.say(f"holder.{slowest.name}", lang), "share": _percent(slowest.share)}
        if slowest
        else None,
    }


def _causes(told: Any, lang: str, _: Mapping[str, str]) -> Mapping[str, Any]:
    top = told.items[:12]
    points = [
        Point(
            str(place), each.count,
            f"{reports.label(each.cause, lang)} · {each.count} · {said(each.fen, Kind.FEN, lang)}",
        )
        for place, each in enumerate(top, 1)
    ]  # fmt: skip
    most = sum(1 for each in told.items if each.up_to - each.share < 0.8)
    return {
        "columns": charts.columns(points, lambda count: f"{count:g}", [each.up_to for each in top]),
        "key": [(place, reports.label(each.cause, lang)) for place, each in enumerate(top, 1)],
        "answer": {"count": told.count, "fen": said(told.fen, Kind.FEN, lang), "most": most, "of": len(told.items)},
    }


def _heat(told: Any, lang: str, called: Mapping[str, str]) -> Mapping[str, Any]:
    top = told.items[:SHOWN_MAX]
    most = max((hour.mistakes for each in top for hour in each.hours), default=0)
    cells = []
    for each in top:
        by_hour = {hour.hour: hour for hour in each.hours}
        row = [
            None if hour is None else (hour.mistakes, grade(hour.mistakes, most), hour.payments)
            for hour in map(by_hour.get, range(24))
        ]
        cells.append((called.get(each.key) or reports.label(each.key, lang), row, each))
    return {
        "heat": cells,
        "more": max(0, len(told.items) - SHOWN_MAX),
        "answer": {
            "mistakes": sum(each.mistakes for each in told.items),
            "payments": sum(each.payments for each in told.items),
        },
    }


def _vain(each: Any, lang: str) -> str:
    return words.say("report.in_vain", lang, n=each.in_vain, share=_percent(each.share_in_vain))


def _guards(told: Any, lang: str, _: Mapping[str, str]) -> Mapping[str, Any]:
    pairs = [
        (
            Point(reports.label(each.guard, lang), each.asked, words.say("report.asked", lang, n=each.asked)),
            Point("", each.in_vain, _vain(each, lang)),
        )
        for each in told.items[:SHOWN_MAX]
    ]  # fmt: skip
    return {
        "bars": charts.rows(pairs) if pairs else None,
        "answer": {
            "asked": sum(each.asked for each in told.items), "changed": sum(each.changed for each in told.items),
            "in_vain": sum(each.in_vain for each in told.items), "sales": told.sales,
        },
    }  # fmt: skip


def _change(told: Any, lang: str, _: Mapping[str, str]) -> Mapping[str, Any]:
    pairs = [
        (
            Point(
                reports.sort(name, lang), part.per_mille,
                f"{part.per_mille:.2f} · {part.mistakes:,} / {part.payments:,}",
            ),
            None,
        )
        for name, part in (("before", told.before), ("after", told.after))
    ]  # fmt: skip
    p = "" if told.p is None else "< 0.1%" if told.p < 0.001 else _percent(told.p)
    return {
        "bars": charts.rows(pairs),
        "answer": {"before": f"{told.before.per_mille:.2f}", "after": f"{told.after.per_mille:.2f}"},
        "chance": p,
    }


_DRAWN = {
    "refund-rate": _rate,
    "time-back": _time,
    "causes": _causes,
    "mistakes": _heat,
    "guards": _guards,
    "change": _change,
}

PAGES = (
    Page("GET", LIST, show, may="reports", menu="console.reports", icon="bulb"),
    Page("GET", ONE, show_one, may="reports"),
    Page("GET", f"{ONE}/csv", take, may="reports"),
)
