"""What a child does: one request after another, until its parent hangs up.

A circuit's faults are answers. Anything else ends the process; the parent says so and forks another.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any, Protocol, cast

from queuebit_executor.frames import MAX_BYTES, Frame, pack, receive
from queuebit_executor.sandbox import private_bytes
from queuebit_executor.timing_model import compilation_seed, device_us, simulation_seed
from queuebit_quantum import Calibration, Circuit, CircuitError, Compiled, DoesNotFit, open_backend, parse, profile

__all__ = ["serve"]

_CACHED_BYTES = 128 << 20
"""What caches may grow to before a child makes room for a fresh one; half of what no state may take."""


_UNTHINKABLE = 2**53 - 1
"""Bytes no machine has; every reader of JSON takes such a number for what it is."""


class _Device(Protocol):
    calibration: Calibration


_parsed = lru_cache(maxsize=128)(parse)


def serve(connection: socket.socket) -> None:
    """Answer requests; return when the parent hangs up, or when caches have eaten into what runs need."""
    begin = private_bytes()
    with contextlib.suppress(EOFError, ConnectionError):
        connection.sendall(pack({"pid": os.getpid()}))
        retiring = False
        while not retiring:
            answer, content = _answer(*receive(connection))
            full = private_bytes() - begin > _CACHED_BYTES
            retiring = full or answer.get("error", {}).get("code") == "out_of_memory"
            connection.sendall(pack({**answer, "retiring": retiring}, content))


def _answer(head: Mapping[str, Any], body: bytes) -> Frame:
    try:
        match head["op"]:
            case "describe":
                return {"offers": [_offer(id_) for id_ in head["backends"]]}, b""
            case "calibration":
                return {}, json.dumps(_calibration(head["backend"]), separators=(",", ":")).encode()
            case "profile":
                return _profile(_parsed(body.decode())), b""
            case "estimate":
                return _estimate(_parsed(body.decode()), head["backend"]), b""
            case _:
                return _run(head, body.decode())
    except CircuitError as error:
        where = {"line": error.line, "column": error.column, "expected": error.expected or None}
        return _refusal(error.code, error.message, **where)
    except DoesNotFit as error:
        return _refusal("does_not_fit", str(error))
    except UnicodeDecodeError as error:
        return _refusal("encoding", f"the source is not UTF-8 text: {error.reason} at byte {error.start}")
    except RecursionError:
        return _refusal("too_deep", "the circuit is nested too deeply: unfold gate definitions or expressions")
    except (MemoryError, RuntimeError) as error:
        return _out_of_memory_or_raise(error)


def _out_of_memory_or_raise(error: Exception) -> Frame:
    if not isinstance(error, MemoryError) and "memory" not in str(error).lower():
        raise error
    return _refusal("out_of_memory", "the circuit needs more memory than a job may use here: use fewer qubits")


def _refusal(code: str, message: str, **where: str | int | None) -> Frame:
    return {"error": {"code": code, "message": message, **where}}, b""


def _offer(id_: str) -> dict[str, Any]:  # plain JSON
    it = open_backend(id_).description
    return {
        "backend": it.id,
        "vendor": it.vendor,
        "kind": it.kind,
        "qubits": it.num_qubits,
        "max_shots": it.max_shots,
        "features": sorted(it.features),
        "gates": sorted(it.basis_gates),
        "rep_delay_ns": _ns(it.rep_delay_s),
        "overhead_ns": _ns(it.overhead_s),
        "target": it.target_digest,
        "calibration": it.calibration_digest,
    }


def _calibration(id_: str) -> dict[str, Any]:  # plain JSON
    return cast("_Device", open_backend(id_)).calibration.as_json()


def _profile(circuit: Circuit) -> dict[str, Any]:  # plain JSON
    found = profile(circuit)
    return {
        "profile": {
            "qubits": found.qubits,
            "clbits": found.clbits,
            "depth": found.depth,
            "two_qubit_gates": found.two_qubit_gates,
            "simulation_bytes": min(found.simulation_bytes, _UNTHINKABLE),
            "features": sorted(found.features),
        }
    }


def _estimate(circuit: Circuit, id_: str) -> dict[str, Any]:  # plain JSON
    backend = open_backend(id_)
    try:
        compiled = backend.compile(circuit, compilation_seed(circuit.digest))
    except DoesNotFit as error:
        return {"backend": id_, "unfit": {"code": "does_not_fit", "text": str(error)}}
    return {"backend": id_, **_figures(compiled)}


def _figures(compiled: Compiled) -> dict[str, Any]:  # plain JSON
    return {
        "depth": compiled.depth,
        "two_qubit_gates": compiled.two_qubit_gates,
        "duration_ns": _ns(compiled.duration_s),
        "rep_delay_ns": _ns(compiled.rep_delay_s),
        "overhead_ns": _ns(compiled.overhead_s),
        "esp_ppm": round(compiled.esp * 1_000_000),
        "methods": [asdict(method) for method in compiled.methods],
    }


def _run(head: Mapping[str, Any], source: str) -> Frame:
    backend, shots = open_backend(head["backend"]), head["shots"]
    circuit = _parsed(source)
    compiled = backend.compile(circuit, compilation_seed(circuit.digest))
    figures = _figures(compiled)
    simulator = backend.description.kind == "simulator"
    qpu_us = device_us(shots, figures["duration_ns"], figures["rep_delay_ns"], figures["overhead_ns"])
    if not simulator and qpu_us > head["budget_us"]:
        return _refusal(
            "limit_exceeded",
            f"the run takes {qpu_us:,} µs of QPU time and its hold pays for {head['budget_us']:,} µs: submit again",
        )
    outcome = backend.run(compiled, shots, simulation_seed(head["seed"]))
    used_us = _us(outcome.duration_s) if simulator else qpu_us
    counts = json.dumps(dict(outcome.counts), sort_keys=True, separators=(",", ":")).encode()
    if len(counts) > MAX_BYTES // 2:
        return _refusal(
            "result_too_large",
            f"the counts fill {len(counts):,} bytes: ask for fewer shots or measure fewer bits",
            used_us=used_us,
        )
    return {
        "compilation": {
            "compiler": compiled.compiler,
            "digest": compiled.target_digest,
            "seed": compiled.seed,
            "depth": compiled.depth,
            "two_qubit_gates": compiled.two_qubit_gates,
            "duration_ns": figures["duration_ns"],
            "esp_ppm": None if simulator else figures["esp_ppm"],
        },
        "qubits": len(circuit.touched),
        "qpu_us": used_us,
        "calibration": backend.description.calibration_digest,
    }, counts


def _ns(seconds: float) -> int:
    return round(seconds * 1_000_000_000)


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
