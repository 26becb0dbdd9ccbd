"""Runs probes on a platform, as one of its clients."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit.errors import Conflict, Forbidden, InvalidInput, JobFailed, QueuebitError, Refused, StillRunning
from queuebit_contracts.probe_documents import Probe
from queuebit_probes.circuits import reference
from queuebit_probes.verdicts import Verdict, judged, without_result
from queuebit_replay.comparison import compare, compare_runs

if TYPE_CHECKING:
    from queuebit.client import AsyncClient

__all__ = ["TAG", "Ran", "ran", "run_probe"]

TAG = "probe"
"""The tag of all jobs of probes."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A job that gave counts."""

    job: str
    counts: Mapping[str, int]


async def run_probe(client: AsyncClient, probe: Probe, backend: str, key: str, folder: Path | None = None) -> Verdict:
    """Run a probe once on one backend.

    What is wrong with the job is a verdict. The same key and probe are the same job, so that a repeat after a lost
    connection costs nothing.

    Args:
        client: of the user in whose name it runs.
        probe: what runs.
        backend: where.
        key: names the run.
        folder: where `probe.file` lies.

    Raises:
        Unreachable: the platform does not answer.
        Forbidden: the user may not submit.
    """
    known = reference(probe.circuit, probe.qubits, probe.seed) if probe.circuit else None
    circuit = known.source if known else (folder or Path()) / probe.file
    if probe.against is None:
        found = await ran(client, probe, circuit, backend, key)
        right: Ran | Verdict | None = None
    else:
        found, right = await asyncio.gather(
            ran(client, probe, circuit, backend, key), ran(client, probe, circuit, probe.against, f"{key}/against")
        )
    if isinstance(found, Verdict):
        return found
    if isinstance(right, Verdict):
        return Verdict("skipped", f"{probe.against}, which it is compared with: {right.text}", found.job)
    try:
        if right is not None:
            return judged(compare_runs(found.counts, right.counts), probe.floor, found.job)
        return judged(compare(found.counts, known.expected if known else {}), probe.floor, found.job)
    except ValueError as error:
        return without_result(str(error), job=found.job)


async def ran(client: AsyncClient, probe: Probe, circuit: str | Path, backend: str, key: str) -> Ran | Verdict:
    """The counts of one job, or why there are none."""
    job = None
    try:
        job = await client.submit(
            circuit,
            shots=probe.shots,
            backend=backend,
            purpose="probe",
            key=f"{key}/{probe.identity.removeprefix('sha256:')[:16]}",
            max_cost=probe.max_cost,
            tags=(TAG,),
            label=probe.circuit or Path(probe.file).name,
        )
        result = await job.result(probe.timeout_s)
    except Forbidden:
        raise
    except Refused as error:
        return without_result(str(error), frozenset(it.code for it in error.reasons), error.job or "")
    except StillRunning:
        assert job is not None  # only its result is waited for
        with suppress(QueuebitError):  # it ends by itself
            await job.cancel("the probe waited long enough", 5.0)
        return without_result(f"no result within {probe.timeout_s} s", job=job.id)
    except (Conflict, InvalidInput, JobFailed) as error:
        return without_result(str(error), job=job.id if job else "")
    return Ran(job.id, result.counts)
