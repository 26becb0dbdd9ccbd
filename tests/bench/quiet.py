"""A stack on which nothing is wrong, for all sources of alerts at the default setting: whatever fires is a false alarm.

Everything moves as it does in the field: success by chance around half of what the budget allows, results with one to
five times the variance of shot noise, calibrations by a tenth to a third, waits that follow the hour, the weekday and
the hour before, executors that miss a request or start again, attempts to read a calibration that fail now and then,
and probes, too.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import exp, pi, sin
from random import Random
from typing import Any

from queuebit_alerting.backends import BackendsDown
from queuebit_alerting.bills import BILLS, Bills
from queuebit_alerting.calibrating import CALIBRATIONS, Calibrations
from queuebit_alerting.drift_rows import CALIBRATED, ENDED, FIRST, RAN, SPENT
from queuebit_alerting.objectives import Objectives
from queuebit_alerting.policy import Steady, merged, transitions
from queuebit_alerting.ports import BackendState, PartlyMeasured, SignalSource
from queuebit_alerting.probing import ProbesFailing
from queuebit_alerting.state import Alert, Signal
from queuebit_alerting.varying import VARIANCES, Variances
from queuebit_alerting.watching import WatchDrift
from queuebit_contracts.alerts import Firing
from queuebit_contracts.backend import CalibrationAttempt
from queuebit_contracts.probe import ProbeFinding, ProbeJudged
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import Payload
from queuebit_kernel import Unavailable
from queuebit_runtime.stored import Stored
from queuebit_slo import Objective, shipped

__all__ = ["false_alarms"]

BEGAN = datetime(2026, 11, 2, tzinfo=UTC)
"""A Monday; the days before it are the past that drift is learned from."""
_PAST_DAYS = 30
_STEP = timedelta(minutes=10)
_DEVICES = ("torino", "garnet", "aria")
_BACKENDS = (*_DEVICES, "aer")
_TENANTS = ("acme", "beta", "chem", "dyna")
_QUBITS = 20
_CASES = 60
"""Cases of each objective in ten minutes."""


class _Clock:
    def __init__(self) -> None:
        self.wall = BEGAN

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return (self.wall - BEGAN).total_seconds()


class _Nowhere:
    async def read(self) -> bytes | None:
        return None

    async def write(self, encode: Callable[[], bytes]) -> None:
        """Keep nothing."""


class Quiet:
    """The warehouse and the scheduler of that stack. What it says of a moment follows from the seed and the moment."""

    def __init__(self, seed: int, days: int) -> None:
        self._seed = seed
        self.clock = _Clock()
        self.objectives = [it for it in shipped() if it.alerts]
        steps = (days + 4) * 144
        self._bad = {it.name: self._counted(it, steps) for it in self.objectives}
        self._waits = {it: self._queue(it, (_PAST_DAYS + days + 1) * 24) for it in _BACKENDS}

    def _draw(self, *names: object) -> Random:
        return Random("/".join(map(str, (self._seed, *names))))

    def _counted(self, objective: Objective, steps: int) -> list[int]:
        """Bad cases up to each step, from four days before: half of the budget."""
        draw, found = self._draw(objective.name), [0]
        share = float(1 - objective.target) / 2
        for _ in range(steps):
            found.append(found[-1] + sum(draw.random() < share for _ in range(_CASES)))
        return found

    def _queue(self, backend: str, hours: int) -> list[float]:
        """The logarithm of the median wait of each hour, from the past on."""
        draw, state, found = self._draw("wait", backend), 0.0, []
        for hour in range(hours):
            state = 0.5 * state + draw.gauss(0, 0.3)
            at = BEGAN - timedelta(days=_PAST_DAYS) + timedelta(hours=hour)
            found.append(4 + sin(2 * pi * at.hour / 24) - (0.8 if at.weekday() >= 5 else 0) + state)
        return found

    async def complete(self) -> None:
        """It has everything."""

    async def snapshot(self, payload: Payload) -> Mapping[str, object] | None:
        return dict(json.loads(payload.inline or "null"))

    async def backends(self) -> Sequence[BackendState]:
        """All answer, but for a request that is lost, and for a start of eight seconds once in six hours."""
        found, second = [], int(self.clock.monotonic())
        for name in _BACKENDS:
            draw = self._draw("alive", name, second)
            starts = (second + 977 * _BACKENDS.index(name)) % 21_600 < 8
            is_lost = draw.random() < 0.01
            since = self.clock.now() - timedelta(seconds=2) if starts or is_lost else None
            began = self.clock.now() - timedelta(minutes=draw.randrange(1, 20)) if draw.random() < 0.02 else None
            attempt = CalibrationAttempt(attempted_at=self.clock.now(), failing_since=began)
            found.append(BackendState(name, live=True, silent_since=since, calibration=attempt))
        return found

    def probed(self, hour: int) -> list[Stored]:
        """Two probes of each backend, each hour: one run of 500 fails, and one of 50 is unclear."""
        found = []
        for number, (backend, probe) in enumerate((it, probe) for it in _BACKENDS for probe in ("ghz", "mirror")):
            chance = self._draw("probed", backend, probe, hour).random()
            data = ProbeFinding(
                backend=backend, run=f"{probe}-{hour}", probe=probe, kind="reference", slot=hour, text="",
                circuit=probe,
                state="failed" if chance < 0.002 else "unclear" if chance < 0.022 else "passed", floor_ppm=900_000,
            )  # fmt: skip
            event = ProbeJudged(source="qb/prober", data=data)
            found.append(Stored(event, subject_of(event), hour * 8 + number + 1, self.clock.now()))
        return found

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        if sql == VARIANCES:
            return [self._varied(it, circuit) for it in _DEVICES for circuit in range(3)]
        if sql == CALIBRATIONS:
            return [self._device(it) for it in _DEVICES]
        if sql == BILLS:
            known = {"vendor": "ibm", "statement": "2026-10", "event": "e", "imported_at": 0, "kinds": [], "cases": 0}
            return [known]
        since = int(parameters["since"])
        if sql == FIRST:
            return [{"at": since}]
        at = datetime.fromtimestamp(since, UTC)
        answers = {RAN: self._ran, ENDED: self._ended, SPENT: self._spent, CALIBRATED: self._calibrated}
        return answers[sql](at)

    def cases(self, objective: Objective) -> list[dict[str, Any]]:
        """What the query of an objective gives: a row for each window that its alerts look at."""
        step = 4 * 144 + int((self.clock.now() - BEGAN) / _STEP)
        group, bad = dict.fromkeys(objective.by, "acme"), self._bad[objective.name]
        rows = []
        for span in {int(it.total_seconds()) for alert in objective.alerts for it in (alert.long, alert.short)}:
            first = max(0, step - max(1, span // 600))
            total = (step - first) * _CASES
            rows.append({**group, "span_s": span, "good": total - bad[step] + bad[first], "total": total})
        return rows

    def _device(self, name: str) -> dict[str, Any]:
        """Calibrated once a day, give or take three hours."""
        today = (self.clock.now() - BEGAN).days
        moments = [int(self._calibrated_at(name, day).timestamp()) for day in range(today - 16, today + 1)]
        past = [it for it in moments if it <= self.clock.now().timestamp()]
        return {"backend": name, "kind": "qpu", "vendor": "ibm", "moments": past, "event": "e"}

    def _calibrated_at(self, name: str, day: int) -> datetime:
        spread = self._draw("calibrated", name, day).uniform(-3, 3)
        return BEGAN + timedelta(days=day, hours=6 + spread + _DEVICES.index(name))

    def _ran(self, at: datetime) -> list[dict[str, Any]]:
        found = []
        for device in _DEVICES:
            for circuit in range(3):
                draw = self._draw("ran", device, circuit, at)
                phi = 5 ** self._draw("phi", device, circuit).random()
                share = 0.95 - 0.2 * circuit
                deviation = (phi * share * (1 - share) / 1000) ** 0.5
                right = round(1000 * min(1.0, max(0.0, draw.gauss(share, deviation))))
                counts = {"00": right // 2, "11": right - right // 2, "01": 1000 - right}
                # every third device keeps its calibration for a week, so that references are long enough
                epoch = at.isocalendar().week if device == _DEVICES[0] else at.timetuple().tm_yday
                found.append({
                    "backend": device, "circuit": f"c{circuit}", "calibration": str(epoch), "counts": counts,
                    "at_us": int(at.timestamp() * 1e6), "jobs": ["j"],
                })  # fmt: skip
        return found

    def _varied(self, device: str, circuit: int) -> dict[str, Any]:
        """The newest day of a circuit: its overdispersion is always there, and differs by a tenth from day to day."""
        phi = 5 ** self._draw("phi", device, circuit).random()
        share = 0.95 - 0.2 * circuit
        length = share**2 / 2 + (1 - share) ** 2
        usual = ((phi - 1) * (1 - length) / 1000 / length) ** 0.5
        value = usual * exp(self._draw("varied", device, circuit, self.clock.now().date()).gauss(0, 0.1))
        at = int(self.clock.now().timestamp())
        return {"backend": device, "tenant": "acme", "circuit": f"c{circuit}", "at": at, "value": value,
                "least": value, "jobs": 144, "before": 30, "usual": usual}  # fmt: skip

    def _ended(self, at: datetime) -> list[dict[str, Any]]:
        hour = int((at - BEGAN).total_seconds()) // 3600 + _PAST_DAYS * 24
        found = []
        for backend in _BACKENDS:
            draw = self._draw("ended", backend, at)
            total = 100 + draw.randrange(400)
            completed = sum(draw.random() < 0.995 for _ in range(total))
            wait = round(1000 * exp(self._waits[backend][hour]))
            found.append({"backend": backend, "completed": completed, "total": total, "median_ms": wait,
                          "started": total, "failed": ""})  # fmt: skip
        return found

    def _spent(self, at: datetime) -> list[dict[str, Any]]:
        found = []
        for tenant in _TENANTS:
            amount = exp(self._draw("spent", tenant, at).gauss(4 - (1.0 if at.weekday() >= 5 else 0), 0.3))
            found.append({"tenant": tenant, "currency": "EUR", "amount": amount})
        return found

    def _calibrated(self, at: datetime) -> list[dict[str, Any]]:
        found = []
        for device in _DEVICES:
            for day in ((at - BEGAN).days, (at - BEGAN).days + 1):
                moment = self._calibrated_at(device, day)
                if at <= moment < at + _STEP:
                    found.append({"event_id": f"{device}{day}", "data": self._values(device, day, moment)})
        return found

    def _values(self, device: str, day: int, at: datetime) -> str:
        draw = self._draw("values", device, day)

        def moved(usual: float, part: str) -> float:
            return usual * exp(draw.gauss(0, self._draw("spread", device, part).uniform(0.1, 0.3)))

        names = {"readout_error": 0.02, "gate_error": 3e-4, "t1_s": 1e-4, "t2_s": 8e-5}
        qubits = [{name: moved(it, f"{name}{qubit}") for name, it in names.items()} for qubit in range(_QUBITS)]
        couplers = [{"qubits": [it, it + 1], "error": moved(0.01, f"c{it}")} for it in range(_QUBITS - 1)]
        inline = json.dumps({"qubits": qubits, "couplers": couplers})
        payload = {
            "digest": "sha256:" + "0" * 64,
            "size": len(inline),
            "media_type": "application/json",
            "inline": inline,
        }
        return json.dumps(
            {"backend": device, "calibrated_at": at.isoformat(), "digest": payload["digest"], "snapshot": payload}
        )


class _Cases:
    """The warehouse, as one objective asks it."""

    def __init__(self, quiet: Quiet, objective: Objective) -> None:
        self._quiet, self._objective = quiet, objective

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        return self._quiet.cases(self._objective)


class _Counting:
    """The rules of the service, over alerts in memory."""

    def __init__(self, sources: Sequence[SignalSource], clock: _Clock) -> None:
        self._sources, self._clock = sources, clock
        self._steady = Steady(60)
        self._alerts: dict[str, Alert] = {}
        self.fired: Counter[str] = Counter()

    async def round(self) -> None:
        signals: list[Signal] = []
        for it in self._sources:
            try:
                signals += await it.signals(self._clock.now())
            except PartlyMeasured as partly:
                signals += partly.signals
            except Unavailable:
                continue
        for change in transitions(self._alerts, self._steady(merged(signals), self._clock.monotonic())):
            if isinstance(change, Firing):
                self.fired[f"{change.labels['alertname']} {change.labels.get('measure', '')}".strip()] += 1
                self._alerts[change.alert] = Alert(change, firing=True)
            else:
                self._alerts[change.alert] = Alert(self._alerts[change.alert].last, firing=False)


def false_alarms(seed: int, days: int) -> tuple[Counter[str], int]:
    """What fires in some days without a fault, by alert; and how many streams were watched."""
    return asyncio.run(_false_alarms(seed, days))


async def _false_alarms(seed: int, days: int) -> tuple[Counter[str], int]:
    quiet = Quiet(seed, days)
    clock = quiet.clock
    drift = WatchDrift(quiet, quiet.complete, quiet, _Nowhere(), tuple, clock, room=1_000_000)
    slow = _Counting(
        [
            *(Objectives([it], _Cases(quiet, it)) for it in quiet.objectives),
            Calibrations(quiet, quiet, quiet.complete),
            Bills(quiet, quiet.complete),
            Variances(quiet, quiet.complete),
            drift,
        ],
        clock,
    )
    for step in range(days * 144):
        clock.wall = BEGAN + step * _STEP
        while await drift.advance():
            pass
        await slow.round()
    probes = ProbesFailing()
    quick = _Counting([BackendsDown(quiet, clock), probes], clock)
    for step in range(days * 8640):
        clock.wall = BEGAN + timedelta(seconds=10 * step)
        if step % 360 == 0:
            for it in quiet.probed(step // 360):
                probes.take(it)
        await quick.round()
    return slow.fired + quick.fired, int(drift.detail["streams"])
