"""门店: the stores of a merchant and the tills in them: made, renamed, closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.web.console.acting import act
from yuanlu.web.console.pages import UNPROCESSED, Page, Seen, View
from yuanlu.web.parts.asking import Visitor

LIST, ONE = "/console/shop", "/console/shop/{store}"


async def show(here: Visitor, form: Mapping[str, str], problem: Any = None) -> Seen:
    """All stores that are open, each with its tills. What is new has its id from the page: sent twice, it is one."""
    stores = await here.ask("/v1/stores", query={"after": here.query.get("after", "")})
    tills = defaultdict(list)
    for each in await here.every("/v1/stations"):
        tills[each.store].append(each)
    given = {
        "stores": stores.items,
        "next": stores.next,
        "tills": tills,
        "new_store": ids.new(Kind.STORE),
        "new_tills": {each.id: ids.new(Kind.TILL) for each in stores.items},
        "form": form,
        "problem": problem,
    }
    return View("shop.html", given, UNPROCESSED if problem else 200)


PAGES = (
    Page("GET", LIST, show, may="shops", menu="console.shop", icon="package"),
    Page("POST", LIST, act("/v1/stores", LIST, LIST, show), may="shops"),
    Page("POST", f"{LIST}/tills", act("/v1/tills", f"{LIST}/tills", LIST, show), may="shops"),
    *(
        Page("POST", f"{ONE}/{name}", act(f"/v1/stores/{{store}}/{name}", f"{ONE}/{name}", LIST, show), may="shops")
        for name in ("rename", "close")
    ),
)
