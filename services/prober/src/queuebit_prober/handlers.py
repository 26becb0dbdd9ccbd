"""Runs what is due, and states what it showed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from queuebit.client import AsyncClient
from queuebit.errors import QueuebitError
from queuebit_contracts.probe import ProbeFinding, ProbeJudged
from queuebit_contracts.probe_documents import Probe, Probes
from queuebit_kernel import Clock, Stale, Unavailable, event_id
from queuebit_prober.state import Newest
from queuebit_probes.running import run_probe
from queuebit_probes.schedule import Due, due
from queuebit_probes.verdicts import Verdict
from queuebit_runtime.log import EventLog

__all__ = ["RunProbes", "finding_of"]

_PPM: Final = 1_000_000
_MOST_TEXT: Final = 1000
_logger = logging.getLogger(__name__)

_Spawn = Callable[[Coroutine[Any, Any, None], str], object]


class RunProbes:
    """Starts what is due, up to a number at once.

    A run that is interrupted is started again in its slot, and is the same job. Two processes store one finding.
    """

    def __init__(
        self,
        log: EventLog,
        newest: Newest,
        document: Probes,
        client: AsyncClient,
        clock: Clock,
        spawn: _Spawn,
        folder: Path | None = None,
    ) -> None:
        self._log = log
        self._newest = newest
        self._document = document
        self._client = client
        self._clock = clock
        self._spawn = spawn
        self._folder = folder
        self._running: set[Due] = set()
        self.trouble = ""
        """Why nothing runs; empty if it does."""

    @property
    def running(self) -> int:
        """How many runs are under way."""
        return len(self._running)

    async def __call__(self) -> None:
        """Start what is due now; if the platform does not answer, the next call does it."""
        try:
            backends = [str(it["backend"]) for it in await self._client.backends()]
        except QueuebitError as error:
            self._note_trouble(f"the backends are not known: {error}")
            return
        self._note_trouble("")
        running = {(it.probe, it.backend) for it in self._running}
        for it in due(self._document, backends, self._newest.slots, self._clock.now()):
            if len(self._running) >= self._document.at_once:
                return
            if (it.probe, it.backend) not in running:
                self._running.add(it)
                self._spawn(self._run(it), f"probe {it.probe} on {it.backend}")

    async def _run(self, it: Due) -> None:
        probe = self._document.probe[it.probe]
        try:
            verdict = await run_probe(self._client, probe, it.backend, f"probe/{it.backend}/{it.run}", self._folder)
            await self._append(finding_of(it, probe, verdict))
        except (QueuebitError, Unavailable) as error:  # the slot stays due
            _logger.warning("probe %s on %s is tried again: %s", it.probe, it.backend, error)
        finally:
            self._running.discard(it)

    async def _append(self, finding: ProbeFinding) -> None:
        name = event_id("probe", finding.backend, finding.run)
        try:
            await self._log.append(ProbeJudged(id=name, source="qb/prober", data=finding), after=0)
        except Stale:  # another process was first
            _logger.info("the run %s on %s has a finding already", finding.run, finding.backend)
        self._newest.note(finding)

    def _note_trouble(self, trouble: str) -> None:
        if trouble and not self.trouble:
            _logger.warning("no probe runs: %s", trouble)
        self.trouble = trouble


def finding_of(it: Due, probe: Probe, verdict: Verdict) -> ProbeFinding:
    """The fact of a verdict."""
    compared = verdict.comparison
    return ProbeFinding(
        backend=it.backend,
        run=it.run,
        probe=it.probe,
        kind="reference" if probe.against is None else "comparison",
        slot=it.slot,
        state=verdict.state,
        text=verdict.text[:_MOST_TEXT],
        circuit=probe.circuit or Path(probe.file).name[:200],
        job=verdict.job or None,
        floor_ppm=round(probe.floor * _PPM),
        fidelity_ppm=round(compared.fidelity * _PPM) if compared else None,
        at_most_ppm=round(compared.at_most * _PPM) if compared else None,
        shots=compared.shots if compared else None,
    )
