"""The page of capacity has the table of the model, and the model agrees with what was measured where it can be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.bench.capacity import MEASURED, Costs, Size, need, table

PAGE = Path(__file__).parents[2] / "docs/capacity.md"


def test_the_page_has_the_table() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")


def test_one_machine_does_what_the_bench_measured() -> None:
    """Two busy cores did 258 jobs a second to the result, with the client beside them."""
    found = need(Size("two cores", 258, replicas=1, load=1.0), MEASURED, Costs())
    assert 1.5 < found.cores < 2.0


def test_a_million_jobs_take_the_memory_of_a_long_history() -> None:
    found = need(Size("a million in a day", 1, log_days=1e6 / 86_400, replicas=1), MEASURED, Costs())
    assert round(found.server_memory_gb, 3) == 2.2
    assert round(found.log_gb) == 20


def test_replicas_cost_servers_and_disks_and_nothing_else() -> None:
    one = Size("one", 100, replicas=1)
    alone, three = (need(it, MEASURED, Costs()) for it in (one, replace(one, replicas=3)))
    assert round(three.log_gb / alone.log_gb, 6) == 3
    assert round(three.cores - alone.cores, 6) == round(100 * 2 * MEASURED.server_ms / 1e3 / one.load, 6)
    assert (three.partitions, three.warehouse_gb) == (alone.partitions, alone.warehouse_gb)
