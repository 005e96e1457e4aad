"""Reading a channel's statement: CPU beside DuckDB's bare `read_csv` of the same rows in UTF-8, and the peak of memory.

Each side runs in a process of its own, imports not counted; the file is a WeChat trade bill of made-up rows, one in ten
of them a refund, with its totals.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from yuanlu.bench.measure import Figure, Size, forget_peak, median, memory_mb, say
from yuanlu.postgres import Server

HEADER = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
_FEN_MAX = 50_000


async def statement_read(_: Server, size: Size) -> list[Figure]:
    """UTF-8 and GBK: microseconds of CPU a row, each beside the floor of the same turn.

    The floor hands every row over as Arrow, all columns as text; `…_counted` is beside a scan that only counts.
    """
    read: dict[str, list[float]] = {"utf-8-sig": [], "gbk": []}
    handed, counted, peaks = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.csv"
        with bare.open("w", encoding="utf-8", newline="") as out:
            out.write(HEADER + "\r\n")
            out.writelines(_lines(size.statement_rows))
        files = {encoding: _whole(bare, encoding, size.statement_rows) for encoding in read}
        for turn in range(size.starts):
            say(f"statement_read: {turn + 1} of {size.starts}, {size.statement_rows} rows")
            handed.append(_child("handed", bare)[0])
            counted.append(_child("counted", bare)[0])
            for encoding, file in files.items():
                cpu, peak = _child("read", file)
                read[encoding].append(cpu)
                peaks.append(peak)
    each = 1e6 / size.statement_rows
    floors = {"statement_read": ("utf-8-sig", handed), "statement_read_gbk": ("gbk", handed)}
    floors |= {f"{name}_counted": (encoding, counted) for name, (encoding, _) in floors.items()}
    return [
        Figure(
            name=name,
            unit="us",
            value=median(read[encoding]) * each,
            floor=median(floor) * each,
            ratio=median([ours / theirs for ours, theirs in zip(read[encoding], floor, strict=True)]),
            peak_mb=max(peaks),
        )
        for name, (encoding, floor) in floors.items()
    ]


def _whole(bare: Path, encoding: str, rows: int) -> Path:
    """The same rows with their totals, in this encoding."""
    path, (paid, back, fees) = bare.with_name(f"{encoding}.csv"), _sums(rows)
    with bare.open(encoding="utf-8", newline="") as source, path.open("w", encoding=encoding, newline="") as out:
        while piece := source.read(1 << 20):
            out.write(piece)
        out.write(f"{TOTALS}\r\n`{rows},`{paid},`{back},`0.00,`{fees}000,`{paid},`{back}\r\n")
    return path


def _is_back(serial: int) -> bool:
    return serial % 10 == 0


def _fen(serial: int) -> int:
    return serial * 7919 % _FEN_MAX + 1


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def _sums(rows: int) -> tuple[str, str, str]:
    paid = sum(_fen(serial) for serial in range(rows) if not _is_back(serial))
    back = sum(_fen(serial) for serial in range(rows) if _is_back(serial))
    fees = sum(-8 if _is_back(serial) else 8 for serial in range(rows))
    return _yuan(paid), _yuan(back), _yuan(fees)


def _lines(rows: int) -> Iterator[str]:
    for serial in range(rows):
        second = serial * 86_400 // rows
        time = f"2026-11-22 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        amount, back = _yuan(_fen(serial)), _is_back(serial)
        paid, returned = ("0.00", amount) if back else (amount, "0.00")
        refund = f"503000000020261122{serial:011d}", f"YR01KB3{serial:021d}X", returned, "0.00"
        cells = (
            time, "wx0000000000000001", "1900000109", "0", "POS1", f"42000000002026112200{serial:08d}",
            f"YP01KB3{serial:021d}X", "o-made-up-abcdefghijkl", "MICROPAY", "REFUND" if back else "SUCCESS", "OTHERS",
            "CNY", paid, "0.00", *(refund if back else ("0", "0", "0.00", "0.00")), "ORIGINAL" if back else "",
            "SUCCESS" if back else "", "日用品", "", "-0.08000" if back else "0.08000", "0.60%", paid, returned, "",
        )  # fmt: skip
        yield ",".join(f"`{cell}" for cell in cells) + "\r\n"


def _child(what: str, file: Path) -> tuple[float, float]:
    """Seconds of CPU of the work, and the peak of memory in MB."""
    words = [sys.executable, "-c", "from yuanlu.bench.statements import child; child()", what, str(file)]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    return float(told[0]), float(told[1])


def child() -> None:
    """What one such process does; prints seconds and MB."""
    what, file = sys.argv[1], Path(sys.argv[2])
    work = _read(file) if what == "read" else _bare(file, what)
    next(work)  # imports, and what is made once
    forget_peak()
    began = sum(os.times()[:2])
    rows = next(work)
    cpu = sum(os.times()[:2]) - began  # of threads that have ended too
    assert rows > 0
    sys.stdout.write(f"{cpu} {memory_mb(os.getpid(), peak=True)}\n")


def _read(file: Path) -> Iterator[int]:
    from yuanlu.statements.reading import open_statement  # noqa: PLC0415 - in the child alone

    yield 0
    with file.open("rb") as source:
        reading = open_statement(source, file.name)
        rows = sum(batch.num_rows for batch in reading.batches())
        end = reading.end()
    assert end.summary_agrees is True, end
    yield rows


def _bare(file: Path, what: str) -> Iterator[int]:
    import duckdb  # noqa: PLC0415 - in the child alone

    connection: Any = duckdb.connect()
    connection.execute("set threads = 2")
    connection.execute("set enable_progress_bar = false")
    yield 0
    if what == "counted":
        yield len(connection.execute("select count(*) from read_csv(?)", [str(file)]).fetchall())
        return
    found = connection.execute("select * from read_csv(?, all_varchar = true)", [str(file)])
    yield sum(batch.num_rows for batch in found.to_arrow_reader(100_000))
