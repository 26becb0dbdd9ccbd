"""Runs an old job again in each slot of time, and states whether its result is as it was."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final, Protocol

from queuebit.client import AsyncClient
from queuebit.errors import QueuebitError
from queuebit_contracts.probe import ProbeFinding, ProbeJudged
from queuebit_contracts.probe_documents import Reruns
from queuebit_kernel import Clock, Stale, Unavailable, event_id
from queuebit_prober.state import Consents, Newest
from queuebit_probes.reruns import OLD_JOBS, PROBE, OldJob, old_job, run_again
from queuebit_probes.verdicts import Verdict
from queuebit_runtime.log import EventLog

__all__ = ["RunAgain", "finding_of"]

_PPM: Final = 1_000_000
_MOST_TEXT: Final = 1000
_logger = logging.getLogger(__name__)


class _Rows(Protocol):
    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:  # values as JSON
        ...


class RunAgain:
    """In each slot, one old job of the projects that allow it. Which one follows from the slot.

    So a process that restarts, or a second one, runs the same job: it is paid once, and has one finding. A consent that
    is withdrawn does not end a run that has begun.
    """

    def __init__(
        self,
        log: EventLog,
        newest: Newest,
        consents: Consents,
        document: Reruns,
        warehouse: _Rows,
        client: AsyncClient,
        clock: Clock,
    ) -> None:
        self._log = log
        self._newest = newest
        self._consents = consents
        self._document = document
        self._warehouse = warehouse
        self._client = client
        self._clock = clock
        self._nothing_in = -1
        """The slot in which there is no job to run again."""
        self.trouble = ""
        """Why nothing is run again; empty if something is, or may be."""

    async def __call__(self) -> None:
        """Run what is due, to its end; what the platform does not answer is due again."""
        if not self._document.per_day:
            return
        slot = self._document.slot(self._clock.now())
        if slot in (self._newest.rerun_slot, self._nothing_in):
            return
        try:
            await self._run(slot)
        except (QueuebitError, Unavailable) as error:
            if str(error) != self.trouble:
                _logger.warning("no old job is run again now: %s", error)
            self.trouble = str(error)
        else:
            self.trouble = ""

    async def _run(self, slot: int) -> None:
        projects = self._consents.projects
        backends = self._document.chosen(str(it["backend"]) for it in await self._client.backends())
        rows = await self._warehouse.rows(OLD_JOBS, self._parameters(slot, projects, backends))
        allowed = set(self._consents.projects)  # one may have been withdrawn while the warehouse was asked
        found = old_job(it for it in rows if f"{it['tenant']}/{it['project']}" in allowed)
        if found is None:
            self._nothing_in = slot
            return
        verdict = await run_again(self._client, self._document, found, f"rerun/{slot}/{found.tenant}/{found.job}")
        await self._append(finding_of(slot, self._document, found, verdict))

    def _parameters(self, slot: int, projects: list[str], backends: list[str]) -> dict[str, str]:
        return {
            "slot": str(slot),
            "days": str(self._document.max_days),
            "hours": str(self._document.min_hours),
            "projects": _array(projects),
            "backends": _array(backends),
        }

    async def _append(self, finding: ProbeFinding) -> None:
        name = event_id("probe", finding.backend, finding.run)
        try:
            await self._log.append(ProbeJudged(id=name, source="qb/prober", data=finding), after=0)
        except Stale:  # another process was first
            _logger.info("the run %s on %s has a finding already", finding.run, finding.backend)
        self._newest.note(finding)


def finding_of(slot: int, document: Reruns, it: OldJob, verdict: Verdict) -> ProbeFinding:
    """The fact of a verdict."""
    compared = verdict.comparison
    return ProbeFinding(
        backend=it.backend,
        run=f"{PROBE}-{slot}",
        probe=PROBE,
        kind="rerun",
        slot=slot,
        state=verdict.state,
        text=verdict.text[:_MOST_TEXT],
        circuit=it.circuit,
        job=verdict.job or None,
        floor_ppm=round(document.floor * _PPM),
        fidelity_ppm=round(compared.fidelity * _PPM) if compared else None,
        at_most_ppm=round(compared.at_most * _PPM) if compared else None,
        shots=compared.shots if compared else None,
        of_tenant=it.tenant,
        rerun_of=it.job,
    )


def _array(names: list[str]) -> str:
    return "[" + ",".join(f"'{it}'" for it in names) + "]"
