"""Two bad runs in a row of a probe are a page of its backend; one is not."""

from __future__ import annotations

from datetime import timedelta

from queuebit_alerting.probing import ProbesFailing
from queuebit_contracts.alert_documents import Alerts
from queuebit_contracts.probe import ProbeFinding, ProbeJudged
from queuebit_contracts.runbooks import runbook_of
from queuebit_contracts.subjects import subject_of
from queuebit_runtime.stored import Stored

from .alerting_world import NOON


class Probed:
    """Findings of one an hour."""

    def __init__(self) -> None:
        self.source = ProbesFailing()
        self.now = NOON
        self._runs = 0

    async def after(
        self, *states: str, probe: str = "ghz", backend: str = "torino", kind: str = "reference"
    ) -> bool | None:
        """Whether the backend fails its probes after these findings."""
        for it in states:
            self._runs += 1
            self.now += timedelta(hours=1)
            data = ProbeFinding(
                backend=backend, run=f"{probe}-{self._runs}", probe=probe, kind=kind, slot=self._runs, state=it,
                text=f"found {it}", circuit="ghz", floor_ppm=900_000, job=f"j{self._runs}",
            )  # fmt: skip
            event = ProbeJudged(source="qb/prober", data=data)
            self.source.take(Stored(event, subject_of(event), self._runs, self.now))
        return {it.labels["backend"]: it.firing for it in await self.source.signals(self.now)}.get(backend)


async def test_two_bad_runs_in_a_row_are_a_page_and_a_good_one_ends_it() -> None:
    it = Probed()
    assert await it.after() is None
    assert await it.after("passed") is False
    assert await it.after("below") is False
    assert await it.after("failed") is True
    assert await it.after("below") is True
    assert await it.after("unclear") is False


async def test_a_run_that_was_skipped_neither_counts_nor_ends_a_row() -> None:
    assert await Probed().after("below", "skipped", "skipped") is False
    assert await Probed().after("below", "skipped", "below", "skipped") is True


async def test_one_bad_run_of_each_of_two_probes_is_none_and_each_backend_is_alone() -> None:
    it = Probed()
    await it.after("below", probe="ghz")
    assert await it.after("below", probe="mirror") is False
    assert await it.after("below", backend="fez") is False
    assert await it.after("below", probe="mirror") is True
    assert await it.after("passed", probe="ghz") is True, "the other probe still fails"


async def test_a_probe_that_runs_no_more_ends_after_eight_days() -> None:
    it = Probed()
    assert await it.after("below", "below") is True
    it.now += timedelta(days=8, seconds=1)
    assert await it.after() is False


async def test_the_page_names_the_probe_its_jobs_and_the_runbook() -> None:
    it = Probed()
    await it.after("passed", "below", "below")
    (signal,) = await it.source.signals(it.now)
    assert signal.annotations["summary"] == "torino: 2 runs in a row of the probe ghz were bad, the last: found below"
    assert (signal.evidence.jobs, signal.evidence.since) == (("j2", "j3"), NOON + timedelta(hours=2))
    assert runbook_of(signal.labels["indicator"]) == "docs/runbooks/probe.md"


def test_it_hides_the_error_budget_of_the_same_probes() -> None:
    (rule,) = [it for name, it in Alerts().inhibitions.items() if name == "probe-failing"]
    page = {"alertname": "ProbeFailing", "severity": "page", "backend": "torino"}
    assert rule.hides(page, {"alertname": "ErrorBudgetBurn", "objective": "probe", "backend": "torino"})
    assert not rule.hides(page, {"alertname": "ErrorBudgetBurn", "objective": "probe", "backend": "fez"})
    assert not rule.hides(page, {"alertname": "ErrorBudgetBurn", "objective": "success", "backend": "torino"})


async def test_a_rerun_that_differs_is_a_page_by_itself_until_one_on_the_backend_is_as_it_was() -> None:
    it = Probed()
    assert await it.after("passed", kind="rerun", probe="reruns") is False
    assert await it.after("failed", "failed", kind="rerun", probe="reruns") is False, "nothing is known of its result"
    assert await it.after("below", kind="rerun", probe="reruns") is True
    (signal,) = await it.source.signals(it.now)
    assert (signal.labels["alertname"], signal.labels["severity"]) == ("ResultsDiffer", "page")
    assert runbook_of(signal.labels["indicator"]) == "docs/runbooks/reproducibility.md"
    assert await it.after("passed", kind="rerun", probe="reruns") is False
