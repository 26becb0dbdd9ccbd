"""A draft of a price book in shadow: the same usage rated by both books, from a history that is made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from queuebit_cli.price_shadow import BILLED, shadow
from queuebit_pricing import PriceBook, load

from .warehouse import Warehouse, event

pytestmark = pytest.mark.server

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DIGEST = "sha256:" + "0" * 64
TASK = 'per_task = "1"'


def _book(folder: Path, name: str, **prices: str) -> PriceBook:
    rows = (
        f'[[price]]\nid = "{backend}-{name}"\nbackend = "{backend}"\nvalid_from = 2026-01-01T00:00:00Z\n'
        f'source = "a test"\nas_of = 2026-01-01\nconfidence = "low"\n{terms}\n'
        for backend, terms in prices.items()
    )
    path = folder / f"{name}.toml"
    path.write_text('version = "2026-11-01"\ncurrency = "USD"\n' + "".join(rows))
    return load(path)


def _job(
    job: str,
    backend: str,
    shots: int,
    state: str = "completed",
    corrected: int | None = None,
    *,
    tenant: str = "shadow",
) -> Iterator[tuple[datetime, tuple[str, bytes]]]:
    subject, whose = f"qb.job.{tenant}.{job}", {"tenant": tenant, "project": "chem", "job": job}
    money = {"amount": "1", "currency": "USD"}
    accepted: dict[str, Any] = {
        **whose, "user": "ann", "share": 1, "shots": 100, "circuit": DIGEST, "price_book": DIGEST, "seed": 1,
        "profile": {"qubits": 2, "clbits": 2, "depth": 3, "two_qubit_gates": 1, "simulation_bytes": 64},
        "candidates": [{"backend": backend, "price": f"{backend}-own", "hold": "1", "qpu_us": 10}],
        "hold": money, "submitted_at": NOW.isoformat(),
    }  # fmt: skip
    usage = {"shots": shots, "qpu_us": 7, "qubits": 2}
    bill = {**whose, "backend": backend, "usage": usage, "charge": {**money, "jbu": "0"}, "price_book": DIGEST}
    times = {"state": state, "submitted_at": NOW.isoformat(), "ended_at": NOW.isoformat()}
    yield NOW, event(f"{subject}.accepted", "qb.job.accepted.v1", NOW, **accepted)
    yield NOW, event(f"{subject}.metered", "qb.job.metered.v1", NOW, **bill, **times)
    if corrected is not None:
        later = {"usage": usage | {"shots": corrected}, "revision": 1, "report": 1, "final": True, "reason": "late"}
        body = event(f"{subject}.corrected", "qb.job.corrected.v1", NOW, **{**bill, **later})
        yield NOW + timedelta(hours=5), body


def test_both_books_rate_the_newest_usage_of_each_job_once(warehouse: Warehouse, tmp_path: Path) -> None:
    own = _book(tmp_path, "own", dear=f'{TASK}\nper_shot = "0.01"', plain=TASK, gone=TASK)
    draft = _book(tmp_path, "draft", dear=f'{TASK}\nper_shot = "0.015"', plain=TASK)
    lives = [
        *_job("j1", "dear", 100), *_job("j2", "dear", 100, corrected=50), *_job("j3", "dear", 0, state="failed"),
        *_job("j4", "plain", 100), *_job("j5", "gone", 100),
    ]  # fmt: skip
    lives.append((NOW, event("qb.job.shadow.j6.metered", "qb.job.metered.v1", NOW, tenant="shadow", job="j6")))
    warehouse.fill_at(sorted(lives, key=lambda it: it[0]), twice=True)
    window = {"since": f"{NOW.timestamp() - 60:f}", "until": f"{NOW.timestamp() + 60:f}"}
    rows = [it for it in warehouse.ask(BILLED, window) if it["tenant"] == "shadow"]
    found = shadow(rows, own, draft)
    assert [[str(it[name]) for name in ("backend", "jobs", "now", "draft", "change", "unpriced")] for it in found] == [
        ["dear", "3", "3.5", "4.25", "0.75", "0"],
        ["gone", "0", "0", "0", "0", "1"],
        ["plain", "1", "1", "1", "0", "0"],
    ]
    assert {it["change"] for it in shadow(rows, own, own)} == {"0"}


def test_a_draft_that_prices_by_what_was_not_counted_is_not_free(warehouse: Warehouse, tmp_path: Path) -> None:
    own, draft = (_book(tmp_path, "own", counted=TASK), _book(tmp_path, "gates", counted='per_gate_2q = "0.01"'))
    warehouse.fill_at([*_job("j7", "counted", 100, tenant="gates")])
    window = {"since": f"{NOW.timestamp() - 60:f}", "until": f"{NOW.timestamp() + 60:f}"}
    rows = [it for it in warehouse.ask(BILLED, window) if it["tenant"] == "gates"]
    (found,) = shadow(rows, own, draft)
    assert (found["jobs"], found["unpriced"]) == (0, 1)
