"""I3 and I2 of devices that several jobs shared: by consent only, apart from each other, each for its share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations

from queuebit_audit.job_state import Job
from queuebit_audit.records import Placed, SharedRan
from queuebit_contracts.sharing import ANYONE, MOST_TOGETHER, TENANT, may_share
from queuebit_contracts.tenant import ProjectDefined

__all__ = ["SharingFacts"]

_Found = Iterator[tuple[str, str]]
"""By job: what is wrong."""


@dataclass(slots=True)
class SharingFacts:
    """What the log says of jobs that were on a device at the same time, up to here."""

    said: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """By tenant and project: the consents that it ever gave. One may be taken back while a job with it waits."""
    alone: set[int] = field(default_factory=set)
    """Sequences of the submissions whose jobs are to be alone."""
    placed_to_share: list[tuple[Job, str]] = field(default_factory=list)
    """With the consent that their placements state."""
    runs: dict[str, list[tuple[Job, SharedRan]]] = field(default_factory=dict)

    def defined(self, event: object) -> None:
        """Note what a project allows."""
        if isinstance(event, ProjectDefined) and event.data.shared_device is not None:
            self.said.setdefault((event.data.tenant, event.data.project), set()).add(event.data.shared_device)

    def placed(self, job: Job, placed: Placed) -> None:
        """Note a placement that may share its device."""
        if placed.shared_device is not None:
            self.placed_to_share.append((job, placed.shared_device))

    def ran(self, job: Job, shared: SharedRan | None) -> None:
        """Note a job that was on a device with others."""
        if shared is not None:
            self.runs.setdefault(shared.run, []).append((job, shared))

    def faults_of_walls(self, *, knows_projects: bool) -> _Found:
        """Who was on a device, or could have been, with whom that did not agree."""
        for run in self.runs.values():
            yield from self._about_run(run)
        ran = ((job, None) for run in self.runs.values() for job, _ in run)
        consents = {(job.subject, said): job for job, said in chain(self.placed_to_share, ran)}
        for (_, said), job in consents.items():
            yield from self._about_consent(job, said, knows_projects=knows_projects)

    def faults_of_shares(self) -> _Found:
        """What a job paid for that was not its share, computed again from what its hold pays for."""
        for run in self.runs.values():
            quoted = [_quoted_us(job, it.backend) for job, it in run]
            whole, total = sum(it.qpu_us for _, it in run), sum(quoted)
            complete = len(run) == run[0][1].circuits
            for (job, it), own in zip(run, quoted, strict=True):
                if it.qpu_us > own:
                    yield job.subject, f"its share of a run is {it.qpu_us} µs, and it was quoted {own} µs alone"
                elif complete and abs(it.qpu_us * total - whole * own) >= max(1, total):
                    yield (
                        job.subject,
                        f"its share of a run is {it.qpu_us} µs of {whole} µs, which is not {own} of {total}",
                    )

    def _about_run(self, run: Sequence[tuple[Job, SharedRan]]) -> _Found:
        first, circuits = run[0][0].subject, {it.circuits for _, it in run}
        if len(circuits) > 1 or len(run) > min(circuits) or max(circuits) > MOST_TOGETHER:
            yield first, f"{len(run)} jobs say that they ran at once, and their ends say {sorted(circuits)}"
        if len({(it.backend, job.authorised.shots if job.authorised else 0) for job, it in run}) > 1:
            yield first, "jobs of one run had different devices or shots"
        qubits = [qubit for _, it in run for qubit in it.region]
        if len({*qubits}) < len(qubits):
            yield first, "two circuits of its run had the same qubit"
        yield from _about_pairs([job for job, _ in run])

    def _about_consent(self, job: Job, stated: str | None, *, knows_projects: bool) -> _Found:
        """Whether a job that shared a device, or could have, was to; `stated` is what its placement says of that."""
        known = job.authorised
        if known is None or known.owner is None:
            return
        if job.accepted_submission in self.alone:
            yield job.subject, "it shared a device, or could have, and its submission says that it runs alone"
        if stated is not None and stated != known.shared_device:
            yield job.subject, f"it was placed with the consent {stated}, and accepted with {known.shared_device}"
        said = self.said.get((job.tenant, known.owner[0]), set())
        if knows_projects and known.shared_device is not None and known.shared_device not in said:
            yield job.subject, f"it was accepted with the consent {known.shared_device}, which its project never gave"


def _about_pairs(jobs: Sequence[Job]) -> _Found:
    said = [(it, (it.tenant, it.authorised.shared_device if it.authorised else None)) for it in jobs]
    for (one, mine), (other, theirs) in combinations(said, 2):
        if not may_share(mine, theirs):
            needed = ANYONE if one.tenant != other.tenant else TENANT
            yield one.subject, f"it shared a device with {other.subject}, and not both say {needed!r}"


def _quoted_us(job: Job, backend: str) -> int:
    bound = job.authorised.bound(backend) if job.authorised else None
    return bound.qpu_us if bound else 0
