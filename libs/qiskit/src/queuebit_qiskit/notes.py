"""The notes that go with a program: from them a process that has only the job's id rebuilds Qiskit's result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from qiskit import QuantumCircuit

from queuebit import NotFound

__all__ = ["ANNOTATION", "annotation", "metadata_of", "notes_in"]

ANNOTATION = "qiskit"
"""The program's annotation that holds the notes."""

_VERSION = 1


def annotation(kind: str, pubs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The annotations of a program; `kind` is `sampler`, `estimator` or `circuits`."""
    return {ANNOTATION: {"version": _VERSION, "kind": kind, "pubs": [*pubs]}}


def notes_in(job: str, annotations: Mapping[str, object]) -> tuple[str, list[dict[str, Any]]]:
    """The kind and the notes in the annotations of a job.

    Raises:
        NotFound: it was not submitted by this package, or by a newer version.
    """
    found = annotations.get(ANNOTATION)
    if not isinstance(found, dict):
        raise NotFound(f"job {job} was not submitted from Qiskit: read it with queuebit.Client().job({job!r})")
    if found.get("version") != _VERSION:
        raise NotFound(f"job {job} was submitted by a newer version of queuebit-qiskit: upgrade to read it")
    return str(found["kind"]), list(found["pubs"])


def metadata_of(circuit: QuantumCircuit) -> Any:  # what a person wrote
    """The circuit's metadata where it is plain JSON; otherwise an empty dictionary."""
    try:
        return json.loads(json.dumps(circuit.metadata or {}, allow_nan=False))
    except (TypeError, ValueError):
        return {}
