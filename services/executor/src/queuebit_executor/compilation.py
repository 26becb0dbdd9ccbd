"""What a child says of circuits: as they are bound to their parameters, compiled, and described in results."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from functools import lru_cache
from typing import Any

from queuebit_contracts.wire import DIGEST
from queuebit_executor.returned import require_compiled
from queuebit_kernel import rfc3339
from queuebit_planning.seeds import compilation_seed
from queuebit_quantum import (
    Backend,
    Basis,
    Circuit,
    Compiled,
    Parameters,
    ResultType,
    canonical_digest,
    measured_in,
    parse,
    read_circuit,
    read_compiled,
    read_options,
    with_options,
)
from queuebit_quantum.regions import Region
from queuebit_quantum.shared_device import SharesDevice

__all__ = [
    "bound",
    "circuit_of",
    "compile_for",
    "compile_on",
    "described",
    "figures",
    "nanoseconds",
    "ready",
    "results_asked",
]


_REMEMBERED = 256
_DIGESTS: dict[tuple[str, str, str, int, str, Region | None], str | None] = {}
"""The digests of compiled circuits, by what they follow from; the region is that of a run with others."""


def bound(source: bytes, head: Mapping[str, Any]) -> Circuit:
    """The circuit that a request is about: its source, with what the request's head adds to it."""
    circuit = _bound(source, json.dumps(head.get("parameters", {}), sort_keys=True), head.get("basis", ""))
    return with_options(circuit, read_options(head.get("options", {})))


def results_asked(source: bytes, parameters: Parameters) -> tuple[ResultType, ...]:
    """The results that a circuit asks for with pragmas."""
    if b"braket" not in source:  # spares all others a further reading
        return ()
    return _results_asked(source, json.dumps(dict(parameters), sort_keys=True))


@lru_cache(maxsize=128)
def _results_asked(source: bytes, parameters: str) -> tuple[ResultType, ...]:
    return parse(source, parameters=json.loads(parameters), measured=False).results


@lru_cache(maxsize=128)
def _bound(source: bytes, parameters: str, basis: str) -> Circuit:
    circuit = parse(source, parameters=json.loads(parameters), measured=not basis)
    return measured_in(circuit, Basis(basis, ())) if basis else circuit


def compile_for(backend: Backend, circuit: Circuit) -> Compiled:
    """The circuit made ready for a backend, always with the same seed; raises `Unusable` too."""
    return require_compiled(backend.compile(circuit, compilation_seed(circuit.seed_digest or circuit.digest)))


def compile_on(backend: SharesDevice, circuit: Circuit, region: Region) -> Compiled:
    """As `compile_for`, on some qubits of a device only."""
    return require_compiled(
        backend.compile_on(circuit, compilation_seed(circuit.seed_digest or circuit.digest), region)
    )


def ready(backend: Backend, head: Mapping[str, Any], body: bytes) -> tuple[Compiled, int]:
    """The circuit of a request made ready for a backend, and the number of qubits that it touches.

    Another child may have parsed or compiled it; raises as `compile_for`.
    """
    if head.get("form") == "compiled":
        return read_compiled(body)
    circuit = circuit_of(head, body)
    return compile_for(backend, circuit), len(circuit.touched)


def circuit_of(head: Mapping[str, Any], body: bytes) -> Circuit:
    """The circuit of a request, from its source or as another child parsed it."""
    return read_circuit(body) if head.get("form") == "parsed" else bound(body, head)


def figures(compiled: Compiled) -> dict[str, Any]:  # plain JSON
    """What is known of a circuit that was compiled; times in nanoseconds."""
    return {
        "depth": compiled.depth,
        "two_qubit_gates": compiled.two_qubit_gates,
        "duration_ns": nanoseconds(compiled.duration_s),
        "rep_delay_ns": nanoseconds(compiled.rep_delay_s),
        "overhead_ns": nanoseconds(compiled.overhead_s),
        "esp_ppm": _ppm(compiled.esp),
        "methods": [asdict(method) for method in compiled.methods],
    }


def described(
    backend: Backend, qubits: int, compiled: Compiled, region: Region | None = None
) -> dict[str, Any]:  # plain JSON
    """What a result says of how it came about.

    Args:
        backend: where it ran.
        qubits: those that the circuit touches.
        compiled: what ran.
        region: the only qubits of the device that it was compiled for; None: all.
    """
    it = backend.describe()
    return {
        "compilation": {
            "compiler": compiled.compiler,
            "digest": compiled.target_digest,
            "seed": compiled.seed,
            "depth": compiled.depth,
            "two_qubit_gates": compiled.two_qubit_gates,
            "duration_ns": nanoseconds(compiled.duration_s),
            "esp_ppm": None if it.kind == "simulator" else _ppm(compiled.esp),
            **({"options": dict(compiled.options)} if compiled.options else {}),
            "circuit": compiled.circuit_digest if re.fullmatch(DIGEST, compiled.circuit_digest) else None,
            "compiled": _program_digest(compiled, region),
            "calibrated_at": _moment(it.calibrated_at),
        },
        "qubits": qubits,
        "calibration": it.calibration_digest,
    }


def _program_digest(compiled: Compiled, region: Region | None) -> str | None:
    """Of the compiled circuit; that of a circuit that runs again and again is computed once."""
    options = json.dumps(dict(compiled.options), sort_keys=True)
    key = compiled.circuit_digest, compiled.target_digest, compiled.compiler, compiled.seed, options, region
    if key not in _DIGESTS:
        if len(_DIGESTS) >= _REMEMBERED:
            _DIGESTS.clear()
        _DIGESTS[key] = canonical_digest(compiled.program)
    return _DIGESTS[key]


def _moment(text: str | None) -> str | None:
    """A time as a plugin states it; None if it is none, or has no zone."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return rfc3339(moment) if moment.tzinfo else None


def nanoseconds(seconds: float) -> int:
    """Whole nanoseconds."""
    return round(seconds * 1_000_000_000)


def _ppm(share: float) -> int:
    return round(share * 1_000_000)
