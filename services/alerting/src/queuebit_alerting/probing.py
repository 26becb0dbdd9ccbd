"""Probes of a backend that go wrong twice in a row, and old jobs that give another result: pages for each backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from queuebit_alerting.state import Signal
from queuebit_contracts.alerts import Evidence
from queuebit_contracts.probe import ProbeFinding, ProbeJudged
from queuebit_runtime.stored import Stored

__all__ = ["ProbesFailing"]

_IN_A_ROW: Final = 2
_BAD: Final = frozenset({"below", "failed"})
_SAYS_NOTHING: Final = frozenset({"skipped"})
_OLD: Final = timedelta(days=8)
"""A finding that is older says nothing: a probe runs once in a week at least."""

_MOST_TEXT: Final = 1000
"""Characters of a summary."""
_MOST_JOBS: Final = 20
"""The newest jobs of bad runs that a page names."""


@dataclass(frozen=True, slots=True)
class _BadRuns:
    """The runs of a probe on a backend that were bad, since the last one that was not."""

    number: int
    first: datetime
    last: datetime
    text: str
    jobs: tuple[str, ...]


class ProbesFailing:
    """A backend fails its probes while two runs in a row of one probe were bad, and the newest of them is.

    So how often a probe runs is how soon it is found, and one bad run alone is none. A run that was skipped says
    nothing: it neither counts nor ends a row.

    A result of an old job that is run again and differs is a page by itself, until another one on the backend is as it
    was: the comparison is wrong once in a million times.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._runs: dict[tuple[str, str], _BadRuns] = {}
        """By backend and probe."""
        self._reruns: dict[str, tuple[ProbeFinding, datetime]] = {}
        """By backend: the last old job that was run again and has a result."""

    def take(self, stored: Stored) -> None:
        """Fold a finding."""
        if not isinstance(stored.event, ProbeJudged) or stored.event.data.state in _SAYS_NOTHING:
            return
        it, at = stored.event.data, stored.stored_at
        if it.kind == "rerun":
            if it.state != "failed":  # without a result, nothing is known of its being the same
                self._reruns[it.backend] = it, at
            return
        before = self._runs.get((it.backend, it.probe))
        if it.state not in _BAD or before is None or not before.number:
            before = _BadRuns(0, at, at, "", ())
        if it.state in _BAD:
            jobs = (*before.jobs, *filter(None, [it.job]))[-_MOST_JOBS:]
            before = _BadRuns(before.number + 1, before.first, at, it.text, jobs)
        self._runs[it.backend, it.probe] = before

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """One signal for each backend with findings; see `SignalSource`."""
        found: dict[str, list[tuple[str, _BadRuns]]] = {}
        for (backend, probe), bad in sorted(self._runs.items()):
            is_failing = bad.number >= _IN_A_ROW and now - bad.last <= _OLD
            found.setdefault(backend, []).extend([(probe, bad)] if is_failing else [])
        differing = [_difference(it, at, now) for it, at in self._reruns.values()]
        return [*(_signal(backend, them, now) for backend, them in found.items()), *differing]


def _signal(backend: str, failing: Sequence[tuple[str, _BadRuns]], now: datetime) -> Signal:
    labels = {
        "alertname": "ProbeFailing", "severity": "page", "indicator": "probe", "owner": "hardware", "backend": backend,
    }  # fmt: skip
    if not failing:
        return Signal(labels, {}, firing=False, at=now)
    probe, bad = min(failing, key=lambda it: it[1].first)
    summary = f"{backend}: {bad.number} runs in a row of the probe {probe} were bad, the last: {bad.text}"
    return Signal(
        labels,
        {"summary": summary[:_MOST_TEXT]},
        firing=True,
        at=now,
        evidence=Evidence(jobs=bad.jobs, since=bad.first),
        values={"probe": probe, "runs": str(bad.number)},
    )


def _difference(it: ProbeFinding, at: datetime, now: datetime) -> Signal:
    labels = {"alertname": "ResultsDiffer", "severity": "page", "indicator": "reproducibility", "backend": it.backend}
    if it.state != "below" or now - at > _OLD:
        return Signal(labels, {}, firing=False, at=now)
    summary = f"{it.backend}: a job of {it.of_tenant} that was run again gives another result: {it.text}"
    return Signal(
        labels,
        {"summary": summary[:_MOST_TEXT]},
        firing=True,
        at=now,
        evidence=Evidence(jobs=tuple(filter(None, (it.rerun_of, it.job))), since=at),
        values={"job": it.rerun_of or "", "again": it.job or ""},
    )
