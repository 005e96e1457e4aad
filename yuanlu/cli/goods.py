"""`yuanlu goods`: what the shop sells, under which barcode, at which price."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yuanlu.cli.parts import FEN, ask, counter_options, example, key_option


@click.group(**example("yuanlu goods import goods.csv --dry-run"))
def goods() -> None:
    """What the shop sells, under which barcode, at which price. docs/reference/catalog.md."""


@goods.command("put", **example("yuanlu goods put --barcode 6901234567892 --name-zh 矿泉水 --price-fen 200"))
@click.option("--barcode", default="", help="EAN or UPC, with its check digit.")
@click.option("--name-zh", default="", help="What it is called in Chinese.")
@click.option("--name-en", default="", help="What it is called in English.")
@click.option("--price-fen", type=FEN, required=True, help="What one piece costs.")
@click.option("--since", type=click.DateTime(("%Y-%m-%d",)), help="From which day the price counts (China).")
@click.option("--ended", is_flag=True, help="It is sold no more.")
@click.option("--id", "goods_id", default="", metavar="ZG…", help="Goods that are there, or an id that you made.")
@key_option
@counter_options
def goods_put(
    barcode: str, name_zh: str, name_en: str, price_fen: int, since: Any, ended: bool, goods_id: str,
    key_file: Path | None, merchant: str, state: Path | None,
) -> None:  # fmt: skip
    """Write goods down as they shall stand. Prints them."""
    from yuanlu.clock import CHINA
    from yuanlu.ids import Kind

    begins = since.replace(tzinfo=CHINA) if since else None
    ask(
        "goods", "POST /v1/goods", merchant=merchant, state=state, key_file=key_file, makes=Kind.GOODS,
        wish={
            "id": goods_id, "barcode": barcode, "name_zh": name_zh, "name_en": name_en, "price_fen": price_fen,
            "since": begins, "ended": ended,
        },
    )  # fmt: skip


@goods.command("list", **example("yuanlu goods list --barcode 6901234567892"))
@click.option("--barcode", default="", help="Only what is on sale under it.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@counter_options
def goods_list(barcode: str, limit: int, merchant: str, state: Path | None) -> None:
    """Print goods, those added last first: {items, next}."""
    ask("goods", "GET /v1/goods", merchant=merchant, state=state, query={"barcode": barcode, "limit": limit})


@goods.command("import", **example("yuanlu goods import goods.csv --dry-run"))
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what is wrong with it.")
@click.option("--skip-bad", is_flag=True, help="Take the good rows, despite bad ones.")
@key_option
@counter_options
def goods_import(
    path: Path, dry_run: bool, skip_bad: bool, key_file: Path | None, merchant: str, state: Path | None
) -> None:
    """Import goods from a CSV FILE (UTF-8 or GBK). Nothing is taken if any row is bad. Prints what became of it."""
    ask(
        "goods", "POST /v1/goods/import", merchant=merchant, state=state, key_file=key_file, body=path.read_bytes(),
        query={"dry_run": dry_run, "skip_bad": skip_bad},
    )  # fmt: skip
