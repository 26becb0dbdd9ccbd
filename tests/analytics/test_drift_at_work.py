"""What drift is looked for in, asked of a real warehouse: jobs at devices, hours, days and calibrations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain, count
from json import dumps, loads
from pathlib import Path
from typing import Any

import pytest

from queuebit_alerting.drift_adapters import StateFile
from queuebit_alerting.drift_rows import RAN
from queuebit_alerting.drifting import stream_of
from queuebit_alerting.watching import WatchDrift
from queuebit_contracts.wire import Payload
from queuebit_drift import Stream
from queuebit_kernel import FixedClock

from .job_history import Stored
from .warehouse import Warehouse, event

pytestmark = pytest.mark.server

NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
BEGAN = NOW - timedelta(days=4)
BELL = "sha256:" + "b" * 64
_numbers = count()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Four days of a device whose results get worse in the end, and of a simulator."""
    running = Warehouse(tmp_path_factory.mktemp("drift"))
    messages = [
        _backend("torino", "registered", BEGAN, kind="qpu"),
        _backend("aer", "registered", BEGAN, kind="simulator"),
    ]
    for hour in range(95):
        at, bad = BEGAN + timedelta(hours=hour, minutes=7), hour >= 76
        messages += chain.from_iterable(_job("torino", at, 0.8 if bad else 0.95) for _ in range(3))
        if hour == 10:
            messages += _job("torino", at, 0.1, seed=7)
        messages += _job("aer", at, 0.5 + hour / 400, state="failed" if bad else "completed")
        if hour % 2 == 0:  # 38 before the device gets worse: a reference takes 28
            snapshot = dumps({"qubits": [{"readout_error": 0.05 if bad else 0.01, "t1_s": 1e-4}]})
            payload = {"digest": "sha256:" + "0" * 64, "size": 1, "media_type": "application/json", "inline": snapshot}
            said = {"calibrated_at": at.isoformat(), "digest": "sha256:" + f"{hour:064d}", "snapshot": payload}
            messages.append(_backend("torino", "calibrated", at, **said))
    running.fill_at(sorted(messages, key=lambda it: it[0]), twice=True)
    yield running
    running.stop()


def _backend(backend: str, name: str, at: datetime, /, **data: Any) -> Stored:
    return at, event(f"qb.backend.{backend}.{name}", f"qb.backend.{name}.v1", at, backend=backend, **data)


def _job(
    backend: str, at: datetime, share: float, state: str = "completed", seed: int | None = None
) -> Iterator[Stored]:
    """A job that ran for a second, and its bill."""
    whose = {"tenant": "acme", "job": f"w{next(_numbers)}"}
    subject, end = f"qb.job.acme.{whose['job']}", at + timedelta(seconds=1)
    placed = {**whose, "backend": backend, "circuit": BELL}
    yield at, event(f"{subject}.submitted", "qb.job.submitted.v1", at, **whose, seed=seed)
    yield at, event(f"{subject}.placed.{backend}", "qb.job.placed.v1", at, **placed)
    right = round(500 * share)
    counts = {"00": right, "11": right, "01": 500 - right, "10": 500 - right}
    result = {"media_type": "application/json", "inline": dumps(counts)}
    said = {
        "backend": backend, "calibration": "sha256:c1", "result": result,
        "submitted_at": at.isoformat(), "accepted_at": at.isoformat(), "placed_at": at.isoformat(),
        "started_at": (at + timedelta(seconds=1)).isoformat(), "reason": {"code": "x", "text": "y"},
    }  # fmt: skip
    yield end, event(f"{subject}.{state}", f"qb.job.{state}.v1", end, **whose, **said)
    charge = {"amount": "0.50", "currency": "EUR", "jbu": "1", "lines": []}
    yield end, event(f"{subject}.metered", "qb.job.metered.v1", end, **whose, charge=charge)


class Asks:
    """The warehouse, its calibrations and no alerts."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self.asked = 0

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        self.asked += 1
        return self._warehouse.ask(sql, parameters)

    async def complete(self) -> None:
        pass

    async def snapshot(self, payload: Payload) -> Mapping[str, object] | None:
        return dict(loads(payload.inline or "null"))

    def process(self, file: Path, clock: FixedClock) -> WatchDrift:
        none: Callable[[], tuple[Mapping[str, str], ...]] = tuple
        return WatchDrift(self, self.complete, self, StateFile(file), none, clock, room=10_000)


def test_a_job_with_a_seed_of_its_own_is_not_watched(history: Warehouse) -> None:
    """Who chooses the seeds of an emulated device chooses its results, and so whether those of others are suspect."""
    hour = (BEGAN + timedelta(hours=10)).timestamp()
    (found,) = history.ask(RAN, {"since": f"{hour:.0f}", "until": f"{hour + 3600:.0f}"})
    assert (len(found["jobs"]), sum(map(int, found["counts"].values()))) == (3, 3000)


async def test_the_past_is_taken_and_what_drifts_is_named(history: Warehouse, tmp_path: Path) -> None:
    asks = Asks(history)
    it = asks.process(tmp_path / "drift.json", FixedClock(NOW))
    await it.restore()
    while await it.advance():
        pass
    assert {stream_of(signal.labels) for signal in await it.signals(NOW)} == {
        Stream("quality", "torino", part=BELL),
        Stream("readout_error", "torino", part="q0"),
        Stream("success", "aer"),
    }
    watched = {tuple(entry["stream"]) for entry in it._watch.state()}  # type: ignore[index]
    assert ("wait", "torino", "", "") in watched
    assert ("spend", "", "acme", "EUR") in watched
    assert ("quality", "aer", "", BELL) not in watched, "a simulator is exact"
    asks.asked = 0
    again = asks.process(tmp_path / "drift.json", FixedClock(NOW + timedelta(minutes=10)))
    await again.restore()
    while await again.advance():
        pass
    assert asks.asked < 12, "a step costs a few queries, however long the history is"
    assert {signal.alert for signal in await again.signals(NOW)} == {signal.alert for signal in await it.signals(NOW)}
