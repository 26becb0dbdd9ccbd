"""A statement as `qlprov/run/1.0`, the run record of Provenova, with its run hash.

The hash is a Merkle root over labelled leaves, as `provenova-core` 0.1.0 computes it: SHA-256 of canonical JSON for
each leaf, and of the two hexadecimal texts for each pair; of an odd number, the last one counts twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

__all__ = ["NoExport", "qlprov_run"]

_SCHEMA: Final = "qlprov/run/1.0"
_ALGORITHM: Final = "sha256-merkle/1.0"
_NO_CALIBRATION: Final[Mapping[str, Any]] = {}


class NoExport(ValueError):
    """The format has no place for such a job."""


def qlprov_run(
    stated: Mapping[str, Any], counts: Sequence[Mapping[str, int]], *, vendor: str, kind: str
) -> dict[str, Any]:
    """The run record of one completed job.

    Args:
        stated: the predicate of its statement.
        counts: of its items, as its result has them.
        vendor: of its backend.
        kind: of its backend, such as `simulator`.

    Raises:
        NoExport: the job has no result with counts.
    """
    if stated["outcome"]["state"] != "completed" or not counts:
        raise NoExport(f"{_SCHEMA} describes runs with counts, and job {stated['job']['id']} has none")
    about, run, made = stated["job"], stated["run"], stated.get("compiled", {})
    backend = _hash(
        {"vendor": vendor, "name": run["backend"], "n_qubits": None, "basis_gates": [], "coupling_map": None}
    )
    calibration = _hex(run.get("calibration_digest")) or _hash(_NO_CALIBRATION)
    execution = {
        "shots": run["shots"],
        "seed_simulator": run.get("simulator_seed"),
        "seed_transpiler": made.get("seed"),
        "params": {},
    }
    results = [_result(number, it) for number, it in enumerate(counts)]
    leaves = {
        "schema": _SCHEMA,
        "circuit": _hex(stated["circuit_digest"]),
        "compilation": _hex(made.get("digest")) or "none",
        "backend": backend,
        "calibration": calibration,
        "execution": _hash(execution),
        "results": _root(it["counts_sha256"] for it in results),
    }
    root = _root(_hash({it: leaves[it]}) for it in sorted(leaves))
    return {
        "schema": _SCHEMA,
        "run_id": about["id"],
        "run_hash": _hash({"inputs_root": root}),
        "prev_run_hash": None,
        "workspace": {"tenant": about["tenant"], "project": about["project"]},
        "created_by": about.get("actor"),
        "created_at": stated["times"]["submitted_at"],
        "circuit": {"content_sha256": leaves["circuit"], "format": "openqasm"},
        "compilation": {"content_sha256": _hex(made.get("digest")), "compiler": made.get("compiler")},
        "backend": {"identity_hash": backend, "vendor": vendor, "name": run["backend"], "kind": kind},
        "calibration": {
            "content_sha256": calibration,
            "captured_at": run.get("calibrated_at", stated["times"]["started_at"]),
        },
        "execution": execution,
        "results": results,
        "merkle": {"leaves": leaves, "inputs_root": root, "algo": _ALGORITHM},
    }


def _result(number: int, counts: Mapping[str, int]) -> dict[str, Any]:
    shots = sum(counts.values())
    return {
        "result_index": number,
        "counts_sha256": _hash({"counts": dict(counts), "shots": shots}),
        "distribution": {bits: count / shots for bits, count in counts.items()},
        "shots": shots,
    }


def _hex(digest: object) -> str | None:
    return digest.removeprefix("sha256:") if isinstance(digest, str) else None


def _hash(value: object) -> str:
    """SHA-256 of canonical JSON; there are no floats in what is hashed here."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()


def _root(leaves: Iterable[str]) -> str:
    level = [*leaves]
    while len(level) > 1:
        level += level[-1:] * (len(level) % 2)
        level = [sha256((one + other).encode()).hexdigest() for one, other in zip(level[::2], level[1::2], strict=True)]
    return level[0]
