"""Drift at work: each step of the warehouse is taken once, also over restarts, and becomes tickets at the present."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from queuebit_alerting.drift_adapters import StateFile, StoredSnapshots
from queuebit_alerting.drift_rows import FIRST, STEP_KINDS
from queuebit_alerting.drifting import stream_of
from queuebit_alerting.state import Signal
from queuebit_alerting.watching import WatchDrift
from queuebit_contracts.wire import Payload
from queuebit_drift import Stream
from queuebit_kernel import Unavailable
from queuebit_runtime.payloads import Missing

from .alerting_world import NOON, TurnableClock

DAY = timedelta(days=1)
CIRCUIT = "sha256:" + "b" * 64
QUALITY = {"alertname": "Drift", "severity": "ticket", "source": "drift", "measure": "quality", "backend": "torino",
           "part": CIRCUIT}  # fmt: skip


class Warehouse:
    """Rows by kind of step, each with the time at which the log stored them."""

    def __init__(self) -> None:
        self.rows_of: dict[str, list[tuple[datetime, dict[str, Any]]]] = {name: [] for name in STEP_KINDS}
        self.asked: list[tuple[str, int, int]] = []
        self.is_away = self.is_incomplete = False

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        if self.is_away:
            raise Unavailable("it is away")
        since = int(parameters["since"])
        if sql == FIRST:
            types = "[" + ",".join(f"'{it}'" for it in ("",)) + "]"
            assert parameters["types"] != types
            kind = next(
                name for name, it in STEP_KINDS.items() if str(list(it.types)).replace(" ", "") == parameters["types"]
            )
            times = [int(at.timestamp()) for at, _ in self.rows_of[kind] if at.timestamp() >= since]
            return [{"at": min(times)}] if times else []
        kind = next(name for name, it in STEP_KINDS.items() if it.sql == sql)
        until = int(parameters["until"])
        self.asked.append((kind, since, until))
        return [row for at, row in self.rows_of[kind] if since <= at.timestamp() < until]

    async def complete(self) -> None:
        if self.is_incomplete:
            raise Unavailable("it is late")

    async def snapshot(self, payload: Payload) -> Mapping[str, object] | None:
        return None if payload.inline is None else dict(json.loads(payload.inline))

    def ran(self, at: datetime, share: float, job: str, calibration: str = "c1") -> None:
        right = round(500 * share)
        counts = {"00": right, "11": right, "01": 500 - right, "10": 500 - right}
        said = {"at_us": str(int(at.timestamp() * 1e6)), "counts": {name: str(it) for name, it in counts.items()}}
        row = {"backend": "torino", "circuit": CIRCUIT, "calibration": calibration, "jobs": [job]} | said
        self.rows_of["ran"].append((at, row))


class Kept:
    """A state that outlives processes."""

    def __init__(self) -> None:
        self.body: bytes | None = None
        self.writes = 0
        self.is_full = False

    async def read(self) -> bytes | None:
        return self.body

    async def write(self, encode: Callable[[], bytes]) -> None:
        if self.is_full:
            raise Unavailable("no space left on device")
        self.body, self.writes = encode(), self.writes + 1


class World:
    """A warehouse and a state, and processes that come and go."""

    def __init__(self) -> None:
        self.warehouse, self.kept, self.clock = Warehouse(), Kept(), TurnableClock()
        self.firing: list[Mapping[str, str]] = []

    def process(self) -> WatchDrift:
        return WatchDrift(
            self.warehouse,
            self.warehouse.complete,
            self.warehouse,
            self.kept,
            lambda: self.firing,
            self.clock,
            room=10_000,
        )

    def bell(self, first: int, last: int, share: float) -> None:
        """Jobs every twenty minutes, from five days ago on."""
        for number in range(first, last):
            self.warehouse.ran(NOON - 5 * DAY + timedelta(minutes=20 * number, seconds=7), share, f"j{number}")


async def present(it: WatchDrift) -> WatchDrift:
    """Let it take the past."""
    await it.restore()
    while await it.advance():
        pass
    return it


async def said(it: WatchDrift) -> dict[Stream, bool | None]:
    return {stream_of(signal.labels): signal.firing for signal in await it.signals(NOON)}


async def test_a_loss_of_quality_is_a_ticket_that_names_its_jobs() -> None:
    world = World()
    world.bell(0, 120, 0.95)
    world.bell(120, 150, 0.8)
    (signal,) = await (await present(world.process())).signals(NOON)
    assert signal.labels == QUALITY
    assert signal.firing
    assert set(signal.evidence.jobs) <= {f"j{it}" for it in range(120, 150)}


async def test_each_step_is_taken_once_and_empty_ones_are_passed_over() -> None:
    world = World()
    world.bell(0, 3, 0.95)
    await present(world.process())
    steps = [(since, until) for kind, since, until in world.warehouse.asked if kind == "ran"]
    begin = int((NOON - 5 * DAY).timestamp())
    assert steps == [(begin + 600 * it, begin + 600 * (it + 1)) for it in (0, 2, 4)]


async def test_nothing_is_said_before_the_present_is_reached() -> None:
    world = World()
    world.bell(0, 120, 0.95)
    world.bell(120, 150, 0.8)
    world.bell(150, 200, 0.95)
    world.firing = [QUALITY]
    it = world.process()
    await it.restore()
    for _ in range(140):
        await it.advance()
        assert await it.signals(NOON) == []
    await present(it)
    assert await said(it) == {stream_of(QUALITY): False}, "it is over"


async def test_an_alert_of_drift_whose_stream_is_not_watched_any_more_ends() -> None:
    world = World()
    other = {"alertname": "Drift", "severity": "ticket", "measure": "t1", "backend": "gone", "part": "q1"}
    world.firing = [other, {"alertname": "BackendDown", "backend": "torino"}]
    assert await said(await present(world.process())) == {stream_of(other): False}


@pytest.mark.parametrize("stops", [1, 30, 125, 149])
async def test_a_restart_continues_where_the_state_was_stored(stops: int) -> None:
    whole = World()
    whole.bell(0, 120, 0.95)
    whole.bell(120, 150, 0.8)
    expected = [it.values for it in await (await present(whole.process())).signals(NOON)]
    world = World()
    world.warehouse.rows_of = whole.warehouse.rows_of
    for _ in range(3):
        it = world.process()
        await it.restore()
        for _ in range(stops):
            world.clock.passed_s += 7  # it stores the state from time to time
            await it.advance()
    assert world.kept.writes
    it = await present(world.process())
    assert [signal.values for signal in await it.signals(NOON)] == expected
    asked = [entry for entry in world.warehouse.asked if entry[0] == "ran"]
    assert len(asked) < 150 + 3 * 10


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"reached":{},"watch":[]}',
        b'{"reached":{"ran":"x"},"watch":7}',
        b'{"reached":{"ran":Infinity},"watch":[]}',
        b'{"reached":{"ran":1e400,"calibrated":0,"ended":0,"spent":0},"watch":[]}',
    ],
)
async def test_a_state_that_cannot_be_used_is_learned_again(body: bytes) -> None:
    world = World()
    world.bell(0, 120, 0.95)
    world.bell(120, 150, 0.8)
    world.kept.body = body
    assert await said(await present(world.process())) == {stream_of(QUALITY): True}


async def test_a_state_that_cannot_be_stored_stops_nothing_and_is_stored_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.bell(0, 120, 0.95)
    world.bell(120, 150, 0.8)
    world.kept.is_full = True
    it = await present(world.process())
    assert await said(it) == {stream_of(QUALITY): True}
    await it.advance()
    assert caplog.text.count("no space left") == 1
    world.kept.is_full = False
    await it.advance()
    assert world.kept.writes == 1


async def test_a_clock_that_was_a_year_ahead_stops_no_steps() -> None:
    world = World()
    world.bell(0, 120, 0.95)
    world.clock.wall += 365 * DAY
    it = await present(world.process())
    world.clock.wall = NOON
    await present(it)
    world.warehouse.asked.clear()
    world.warehouse.ran(NOON + timedelta(minutes=5), 0.95, "later")
    world.clock.passes(1200)
    while await it.advance():
        pass
    begin = int(NOON.timestamp())
    assert ("ran", begin, begin + 600) in world.warehouse.asked


async def test_what_cannot_be_measured_is_taken_later() -> None:
    world = World()
    world.bell(0, 150, 0.95)
    it = await present(world.process())
    assert await it.signals(NOON) == []
    for fault in ("is_away", "is_incomplete"):
        setattr(world.warehouse, fault, True)
        world.clock.passes(1200)
        await it.advance()
        with pytest.raises(Unavailable, match="drift: it is"):
            await it.signals(NOON)
        setattr(world.warehouse, fault, False)
        while await it.advance():
            pass
        assert await it.signals(NOON) == []


async def test_hours_days_and_calibrations_are_streams_of_their_own() -> None:
    world = World()
    rows = world.warehouse.rows_of
    for number in range(28 * 24):
        at = NOON - 29 * DAY + timedelta(hours=number, minutes=5)
        ended = {"backend": "aer", "completed": 990, "total": 1000, "median_ms": 2000, "started": 1000, "failed": "j"}
        rows["ended"].append((at, ended | ({"completed": 800} if number > 600 else {})))
    for day in range(28):
        at = NOON - 29 * DAY + timedelta(days=day)
        rows["spent"].append((at, {"tenant": "acme", "currency": "EUR", "amount": 7.5}))
    for day in range(56):
        at = NOON - 29 * DAY + timedelta(days=day / 2)
        error = 0.01 if day < 40 else 0.03
        snapshot = json.dumps({"qubits": [{"t1_s": 1e-4, "readout_error": error}]}) if day != 3 else None
        payload = {"digest": "sha256:" + "0" * 64, "size": len(snapshot or ""), "media_type": "application/json"}
        data = {"backend": "torino", "calibrated_at": at.isoformat(), "digest": "sha256:" + f"{day:064d}",
                "snapshot": payload | {"inline": snapshot}, "median_readout_error_ppm": 20_000}  # fmt: skip
        rows["calibrated"].append((at, {"event_id": f"e{day}", "data": json.dumps(data)}))
    rows["calibrated"].append((NOON - 9 * DAY, {"event_id": "x", "data": "{}"}))
    it = await present(world.process())
    assert await said(it) == {
        Stream("success", "aer"): True,
        Stream("readout_error", "torino", part="q0"): True,
    }
    measures = {tuple(entry["stream"]) for entry in it._watch.state()}  # type: ignore[index]
    assert measures == {
        ("success", "aer", "", ""), ("wait", "aer", "", ""), ("spend", "", "acme", "EUR"),
        ("readout_error", "torino", "", "q0"), ("t1", "torino", "", "q0"), ("readout_error", "torino", "", "median"),
    }  # fmt: skip
    assert it.detail["streams"] == 6


async def test_a_calibration_of_a_future_time_hides_no_later_ones() -> None:
    world = World()
    for day in range(56):
        at = NOON - 29 * DAY + timedelta(days=day / 2)
        stated = at + 9000 * DAY if day == 2 else at
        data = {"backend": "torino", "calibrated_at": stated.isoformat(), "digest": "sha256:" + f"{day:064d}",
                "snapshot": {"digest": "sha256:" + "0" * 64, "size": 0, "media_type": "application/json"},
                "median_readout_error_ppm": 20_000 if day < 40 else 60_000}  # fmt: skip
        world.warehouse.rows_of["calibrated"].append((at, {"event_id": f"e{day}", "data": json.dumps(data)}))
    assert await said(await present(world.process())) == {Stream("readout_error", "torino", part="median"): True}


async def test_the_state_is_a_file_that_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "drift-a.b.json")
    assert await file.read() is None
    for body in (b"one", b"two"):
        await file.write(lambda body=body: body)  # type: ignore[misc]
        assert await file.read() == body
    assert [it.name for it in tmp_path.iterdir()] == ["drift-a.b.json"]
    with pytest.raises(Unavailable, match="cannot be written"):
        await StateFile(tmp_path / "missing" / "drift.json").write(lambda: b"four")
    nowhere = StateFile(None)
    await nowhere.write(lambda: b"three")
    assert await nowhere.read() is None


async def test_a_calibration_that_is_missing_or_no_object_has_no_values() -> None:
    class Payloads:
        found: Sequence[bytes | Exception] = (b'{"qubits":[]}', b"[]", b"no JSON", Missing("gone"))
        at = 0

        async def get(self, tenant: str, payload: Payload, *, limit: int = 0) -> bytes:
            assert tenant == "queuebit"
            self.at += 1
            found = self.found[self.at - 1]
            if isinstance(found, Exception):
                raise found
            return found

    store = StoredSnapshots(Payloads())  # type: ignore[arg-type]
    payload = Payload(digest="sha256:" + "0" * 64, size=1, media_type="application/json")
    assert [await store.snapshot(payload) for _ in range(4)] == [{"qubits": []}, None, None, None]


def test_a_stream_follows_from_the_labels_of_its_alert() -> None:
    stream = Stream("wait", "torino")
    assert stream_of(Signal({"measure": "wait", "backend": "torino"}, {}, True, NOON).labels) == stream
