"""Old jobs that are run again: how one is chosen, and what its second result says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from queuebit_contracts.probe_documents import Probe, Reruns
from queuebit_kernel import digest
from queuebit_probes.running import Ran, ran
from queuebit_probes.verdicts import Verdict, judged, without_result
from queuebit_replay.comparison import compare_runs

if TYPE_CHECKING:
    from queuebit.client import AsyncClient

__all__ = ["OLD_JOBS", "PROBE", "OldJob", "old_job", "run_again"]

PROBE: Final = "reruns"
"""What the runs are called among probes."""

OLD_JOBS: Final = """
WITH
    done AS (
        SELECT tenant, job, backend, JSONExtractString(data, 'terms', 'project') AS project,
            JSONExtractString(data, 'result', 'inline') AS counts
        FROM events
        WHERE type = 'qb.job.completed.v1'
            AND stored_at >= now64(6) - INTERVAL {days:UInt32} DAY
            AND stored_at < now64(6) - INTERVAL {hours:UInt32} HOUR
            AND backend IN {backends:Array(String)}
            AND concat(tenant, '/', project) IN {projects:Array(String)}
            AND JSONExtractString(data, 'result', 'media_type') = 'application/json'
            AND counts != '' AND JSONExtractRaw(data, 'suspect') IN ('', 'null')
        ORDER BY sipHash64(concat({slot:String}, '/', tenant, '/', job)), tenant, job
        LIMIT 1 BY tenant, job
        LIMIT 20
    ),
    circuits AS (
        SELECT tenant, job, argMax(JSONExtractString(data, 'circuit'), seq) AS circuit
        FROM events
        WHERE type = 'qb.job.accepted.v1' AND (tenant, job) IN (SELECT tenant, job FROM done)
        GROUP BY tenant, job
    )
SELECT
    done.tenant AS tenant, done.job AS job, done.project AS project, done.backend AS backend, done.counts AS counts,
    circuits.circuit AS circuit,
    JSONExtractString(asked.data, 'circuit', 'inline') AS source,
    JSONExtractUInt(asked.data, 'shots') AS shots
FROM done
INNER JOIN circuits ON circuits.tenant = done.tenant AND circuits.job = done.job
INNER JOIN events AS asked ON asked.tenant = done.tenant AND asked.job = done.job
WHERE asked.type = 'qb.job.submitted.v1'
    AND JSONExtractString(asked.data, 'circuit', 'digest') = circuit
    AND JSONExtractString(asked.data, 'circuit', 'media_type') = 'text/x-openqasm'
    AND JSONExtractRaw(asked.data, 'seed') IN ('', 'null')
    AND source != ''
ORDER BY sipHash64(concat({slot:String}, '/', tenant, '/', job)), tenant, job
LIMIT 1 BY tenant, job
LIMIT 20
"""
"""Completed jobs of some projects on some backends, with circuit and counts where both lie in their events.

A job with a seed of its own is none of them: who chooses the seed of a simulation can choose a result that is rare, and
the comparison would then be wrong more often than it says. The order is a hash of job and slot: it is the same whenever
it is asked, and a new one in each slot.
"""


@dataclass(frozen=True, slots=True)
class OldJob:
    """A job that completed, with all that is needed to run it again."""

    tenant: str
    job: str
    backend: str
    circuit: str
    """The digest of its source."""
    source: str
    shots: int
    counts: Mapping[str, int]


def old_job(rows: Iterable[Mapping[str, Any]]) -> OldJob | None:
    """The first of the rows of `OLD_JOBS` whose source is the one that was accepted; None if there is none."""
    for row in rows:
        source = str(row["source"])
        if digest(source.encode()) != row["circuit"]:
            continue
        try:
            counts = {str(bits): int(count) for bits, count in json.loads(str(row["counts"])).items()}
        except (AttributeError, TypeError, ValueError):
            continue
        tenant, job, backend, circuit = (str(row[it]) for it in ("tenant", "job", "backend", "circuit"))
        return OldJob(tenant, job, backend, circuit, source, max(1, int(row["shots"])), counts)
    return None


async def run_again(client: AsyncClient, document: Reruns, it: OldJob, key: str) -> Verdict:
    """Run a job again as one of the platform, and compare both results; the same key is the same job.

    Raises:
        Unreachable: the platform does not answer.
        Forbidden: the user may not submit.
    """
    probe = Probe(
        file=it.job,
        against=it.backend,
        backends=(it.backend,),
        shots=min(it.shots, document.max_shots),
        max_cost=document.max_cost,
        timeout_s=document.timeout_s,
    )
    found = await ran(client, probe, it.source, it.backend, key)
    if not isinstance(found, Ran):
        return found
    try:
        return judged(compare_runs(found.counts, it.counts), document.floor, found.job)
    except ValueError as error:
        return without_result(str(error), job=found.job)
