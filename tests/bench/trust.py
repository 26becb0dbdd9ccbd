"""What receipts cost: to verify one, to seal at a rate, and a log of a million leaves. No server; processor time."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import ParamSpec

from tests.bench.report import Report, percentile
from tests.trust.published import BEGIN, ORIGIN, statement_of

from queuebit_proof import KeyRing, TileLog, entry_of, issue, seal, sign_checkpoint, verify

__all__ = ["measure_trust"]

_RATE, _BATCH_S = 200, 0.25
"""Jobs a second, and the time between two batches."""
_PART = 50_000
_P = ParamSpec("_P")


def measure_trust(report: Report, scale: float = 1.0) -> None:
    """Measure all of it; `scale` shortens the log."""
    report.heading("receipts and the log of leaves (processor time)")
    with tempfile.TemporaryDirectory() as folder:
        ring = KeyRing.open(Path(folder) / "keys", ORIGIN, BEGIN)
        _sealing(report, ring)
        _large(report, ring, Path(folder) / "log", round(1_000_000 * scale))


def _sealing(report: Report, ring: KeyRing) -> None:
    log, jobs = TileLog(Path("unwritten")), round(_RATE * _BATCH_S)

    def batch() -> None:
        log.append([entry_of(statement_of(it)) for it in range(jobs)])
        sign_checkpoint(log.head(ORIGIN), ring, BEGIN + timedelta(minutes=1))

    each = percentile([_spent(batch) for _ in range(100)], 0.5)
    share = each / _BATCH_S
    text = f"{1000 * each / jobs:.2f} ms a job, {share:.1%} of a core"
    report.add(f"statements, leaves and heads at {_RATE} jobs/s", text, "<= 10 %")


def _large(report: Report, ring: KeyRing, folder: Path, size: int) -> None:
    log, spent = TileLog(folder), list[float]()
    statement = statement_of(1)
    log.append([entry_of(statement)])
    for first in range(1, size, _PART):
        entries = [hashlib.sha256(it.to_bytes(8)).digest() for it in range(first, min(size, first + _PART))]
        spent.append(_spent(log.append, entries) / len(entries))
    report.add(
        f"append a leaf, first and last of {size:,}", f"{1e6 * spent[0]:.1f} and {1e6 * spent[-1]:.1f} µs", "flat"
    )
    proofs = [_spent(log.inclusion, index) for index in range(0, size, max(1, size // 500))]
    report.add("inclusion proof, p99", f"{1000 * percentile(proofs, 0.99):.2f} ms", "<= 2 ms")
    consistent = [_spent(log.consistency, old) for old in range(1, size, max(1, size // 500))]
    report.add("consistency proof, p99", f"{1000 * percentile(consistent, 0.99):.2f} ms", "<= 2 ms")
    checkpoint = sign_checkpoint(log.head(ORIGIN), ring, BEGIN + timedelta(minutes=1))
    written = _spent(log.write, checkpoint)
    beside = sum(it.stat().st_size for it in folder.rglob("*") if it.is_file()) / size - 32
    report.add(
        "files beside the 32 bytes of an entry", f"{beside:.1f} bytes a leaf, written in {written:.1f} s", "<= 200"
    )
    receipt = issue(seal(statement, ring), leaf_index=0, inclusion=log.inclusion(0), checkpoint=checkpoint)
    report.add("a receipt", f"{len(receipt) / 1024:.1f} KiB", "<= 16 KiB")
    times = [_spent(verify, receipt, ring.trust) for _ in range(200)]
    text = f"{1000 * percentile(times, 0.5):.2f} ms, p99 {1000 * percentile(times, 0.99):.2f} ms"
    report.add("to verify a receipt", text, "<= 5 ms")


def _spent(work: Callable[_P, object], *arguments: _P.args, **named: _P.kwargs) -> float:
    """Processor time of a call, in seconds."""
    before = time.process_time()
    work(*arguments, **named)
    return time.process_time() - before
