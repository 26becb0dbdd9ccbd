"""Predicates of statements about jobs."""

from __future__ import annotations

from typing import Any

CIRCUIT = "sha256:" + "c" * 64
CALIBRATION = "sha256:" + "a" * 64
DIGEST = "sha256:" + "1" * 64


def predicate(
    job: str,
    *,
    circuit: str = CIRCUIT,
    version: int | None = 7,
    calibration: str | None = CALIBRATION,
    state: str = "completed",
    rerun_of: str | None = None,
    purpose: str = "ground state of H2",
) -> dict[str, Any]:
    """A predicate as provenance writes it."""
    about = {"tenant": "acme", "project": "chemistry", "id": job, "actor": "ann", "purpose": purpose}
    found: dict[str, Any] = {
        "record": 2,
        "job": about | ({"rerun_of": rerun_of} if rerun_of else {}),
        "outcome": {"state": state},
        "request_digest": DIGEST,
        "circuit_digest": circuit,
        "canonical_digest": "sha256:" + "2" * 64,
        "inputs": [{"name": "molecules", "version": "2026-11", "digest": "sha256:" + "3" * 64}],
        "compiled": {"digest": "sha256:" + "4" * 64, "compiler": "qiskit 2.6.1", "seed": 11},
        "run": {"backend": "aer", "shots": 1000, "simulator_seed": 7, "attempt": 1},
        "times": {
            "submitted_at": "2026-11-20T09:00:00.000000Z",
            "accepted_at": "2026-11-20T09:00:00.100000Z",
            "placed_at": "2026-11-20T09:00:00.200000Z",
            "started_at": "2026-11-20T09:00:01.000000Z",
            "finished_at": "2026-11-20T09:00:02.000000Z",
        },
        "software": "queuebit 0.1.0",
        "salt": "0" * 32,
    }
    if state == "completed":
        found["result_digest"] = "sha256:" + "5" * 63 + job[-1]
    if version is not None:
        found["circuit"] = {"name": "ansatz", "version": version}
    if calibration is not None:
        found["run"] |= {"calibration_digest": calibration, "calibrated_at": "2026-11-20T07:00:00.000000Z"}
    return found
