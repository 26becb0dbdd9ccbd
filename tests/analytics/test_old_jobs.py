"""Which old jobs may be run again, asked of a real warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from queuebit_kernel import digest
from queuebit_probes.reruns import OLD_JOBS, old_job

from .warehouse import Warehouse, event

pytestmark = pytest.mark.server

NOW = datetime.now(UTC).replace(microsecond=0)
SOURCE = "OPENQASM 3.0;\nqubit[1] q;\nbit[1] c;\nc = measure q;\n"


def _job(
    job: str,
    *,
    project: str = "chem",
    backend: str = "reruns-aer",
    source: str = SOURCE,
    seed: int | None = None,
    **completed: Any,
) -> list[tuple[str, bytes]]:
    """A job of tenant `reruns` that completed, as far as the query reads it."""
    name, named = f"qb.job.reruns.{job}", {"tenant": "reruns", "job": job}
    circuit = {"digest": digest(SOURCE.encode()), "media_type": "text/x-openqasm", "inline": source}
    result = {"media_type": "application/json", "inline": '{"0":1000}'}
    said = {"backend": backend, "terms": {"project": project}, "result": result, **named, **completed}
    return [
        event(f"{name}.submitted", "qb.job.submitted.v1", NOW, circuit=circuit, shots=1000, seed=seed, **named),
        event(f"{name}.accepted", "qb.job.accepted.v1", NOW, circuit=circuit["digest"], **named),
        event(f"{name}.completed", "qb.job.completed.v1", NOW, **said),
    ]


def _asked(warehouse: Warehouse, slot: int, hours: int = 0) -> list[str]:
    given = {"projects": "['reruns/chem']", "backends": "['reruns-aer']", "days": "365", "hours": str(hours)}
    return [str(it["job"]) for it in warehouse.ask(OLD_JOBS, {"slot": str(slot), **given})]


def test_jobs_of_projects_that_allow_it_are_found_in_an_order_that_follows_from_the_slot(warehouse: Warehouse) -> None:
    jobs = [f"j{it}" for it in range(8)]
    doubted = {"code": "drifted", "text": "it drifts"}
    stored = {"media_type": "application/json", "digest": "sha256:x"}
    warehouse.fill(
        [
            *(it for job in jobs for it in _job(job)),
            *_job("other-project", project="secret"),
            *_job("own-seed", seed=7),
            *_job("other-backend", backend="reruns-device"),
            *_job("doubted", suspect=doubted),
            *_job("large", result=stored),
            *_job("program", result={"media_type": "application/vnd.queuebit.results+json", "inline": "{}"}),
        ],
        twice=True,
    )
    orders = [_asked(warehouse, slot) for slot in range(4)]
    assert [sorted(it) for it in orders] == [jobs] * 4
    assert _asked(warehouse, 0) == orders[0]
    assert len({tuple(it) for it in orders}) > 1
    assert _asked(warehouse, 0, hours=24 * 360) == []
    given = {"projects": "['reruns/chem']", "backends": "['reruns-aer']", "days": "365", "hours": "0", "slot": "0"}
    found = old_job(warehouse.ask(OLD_JOBS, given))
    assert found is not None
    assert (found.job, found.source, found.shots, dict(found.counts)) == (orders[0][0], SOURCE, 1000, {"0": 1000})
