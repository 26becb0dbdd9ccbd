"""Equal runs that differ: when that is a ticket."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from queuebit_alerting.varying import Variances
from queuebit_contracts.runbooks import runbook_of

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


class _Views:
    def __init__(self, *rows: Mapping[str, object]) -> None:
        self.known = rows

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        assert parameters == {"days": "31"}
        return [dict(it) for it in self.known]


async def _complete() -> None:
    pass


def _day(backend: str, least: float, usual: float, circuit: str = "c1") -> dict[str, object]:
    at = int(NOON.timestamp())
    return {"backend": backend, "tenant": "acme", "circuit": circuit, "at": at, "value": 1.1 * least, "least": least,
            "jobs": 9, "before": int(usual > 0), "usual": usual}  # fmt: skip


@pytest.mark.parametrize(
    ("least", "usual", "fires"),
    [(0.04, 0, False), (0.06, 0, True), (0.06, 0.05, False), (0.08, 0.05, True)],
    ids=["within the limit", "above it", "as always", "more than usual"],
)
async def test_a_day_fires_above_the_limit_and_above_what_is_usual(least: float, usual: float, fires: bool) -> None:
    (signal,) = await Variances(_Views(_day("torino", least, usual)), _complete).signals(NOON)
    assert signal.firing is fires


async def test_a_backend_has_one_ticket_that_names_its_worst_circuit() -> None:
    views = _Views(
        _day("forte", 0, 0.01), _day("torino", 0.2, 0.02, "c2"), _day("torino", 0.1, 0.02), _day("torino", 0, 0)
    )
    forte, torino = await Variances(views, _complete).signals(NOON)
    assert (forte.firing, torino.firing) == (False, True)
    wanted = {"alertname": "OutputVariance", "severity": "ticket", "backend": "torino", "indicator": "variance"}
    assert torino.labels == wanted
    assert torino.annotations["summary"] == (
        "torino: equal runs of 2 of 3 circuits differ by more than shot noise: 22 %, usually 2 %, in 9 jobs"
    )
    assert (torino.values["circuit"], torino.evidence.since) == ("c2", NOON)
    assert runbook_of("OutputVariance") == "docs/runbooks/variance.md"
