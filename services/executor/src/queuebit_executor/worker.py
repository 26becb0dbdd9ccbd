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
from typing import Any

from queuebit_executor import remote_worker
from queuebit_executor.compilation import bound, compile_for, described, figures, nanoseconds
from queuebit_executor.errors import BACKEND_ERROR, NOT_REACHABLE
from queuebit_executor.frames import Frame, pack, receive
from queuebit_executor.item_worker import run_item
from queuebit_executor.parsed_circuits import MAX_PARSED_BYTES
from queuebit_executor.refusals import over_budget, refusal, too_large
from queuebit_executor.returned import Unusable, require_described, require_results
from queuebit_executor.sandbox import private_bytes
from queuebit_executor.seeds import simulation_seed
from queuebit_planning.fidelity import write_operations
from queuebit_quantum import (
    Backend,
    Circuit,
    CircuitError,
    DoesNotFit,
    Failed,
    NotReachable,
    WorkItem,
    inputs,
    profile,
    read_circuit,
    write_circuit,
)

__all__ = ["serve"]

_CACHED_BYTES = 128 << 20
"""What caches may grow to before a child makes room for a fresh one; half of what no state may take."""


_LARGEST_EXACT = 2**53 - 1
"""Bytes no machine has; every reader of JSON takes such a number for what it is."""


def serve(connection: socket.socket, backends: Mapping[str, Backend]) -> None:
    """Answer requests about backends by id; return when the parent hangs up, or when caches use what runs need."""
    begin = private_bytes()
    with contextlib.suppress(EOFError, ConnectionError):
        connection.sendall(pack({"pid": os.getpid()}))
        retiring = False
        while not retiring:
            answer, content = _answer(backends, *receive(connection))
            full = private_bytes() - begin > _CACHED_BYTES
            retiring = full or answer.get("error", {}).get("code") == "out_of_memory"
            connection.sendall(pack({**answer, "retiring": retiring}, content))


def _answer(backends: Mapping[str, Backend], head: Mapping[str, Any], body: bytes) -> Frame:
    try:
        return _done(backends, head, body)
    except CircuitError as error:
        where = {"line": error.line, "column": error.column, "expected": error.expected or None}
        return refusal(error.code, error.message, **where)
    except NotReachable as error:
        return refusal(NOT_REACHABLE, str(error)[:500] or "the vendor does not answer")
    except DoesNotFit as error:
        return refusal("does_not_fit", str(error))
    except Unusable as error:
        return refusal(BACKEND_ERROR, f"the backend's plugin is at fault: {error}")
    except UnicodeDecodeError as error:
        return refusal("encoding", f"the source is not UTF-8 text: {error.reason} at byte {error.start}")
    except RecursionError:
        return refusal("too_deep", "the circuit is nested too deeply: unfold gate definitions or expressions")
    except (MemoryError, RuntimeError) as error:
        return _out_of_memory_or_raise(error)


def _done(backends: Mapping[str, Backend], head: Mapping[str, Any], body: bytes) -> Frame:
    """Do what a request asks for; raises what the circuit or the backend raises."""
    match head["op"]:
        case "describe":
            return {"offers": [_offer(*it) for it in backends.items()]}, b""
        case "inputs":
            return {"inputs": [asdict(it) for it in inputs(body.decode())]}, b""
        case "profile":
            return _profile(bound(body.decode(), head)), b""
    backend = backends[head["backend"]]
    if head.get("target", target := backend.describe().target_digest) != target:
        backend.calibrate()  # another child has read newer figures
    match head["op"]:
        case "recalibrate":
            backend.calibrate()
            return _offer(head["backend"], backend), b""
        case "calibration":
            return {}, json.dumps(_calibration(backend), separators=(",", ":"), allow_nan=False).encode()
        case "estimate":
            circuit = _circuit(head, body)
            return _estimate(backend, circuit), _parsed(circuit) if head.get("keep") else b""
        case "item":
            return run_item(backend, head, body.decode())
        case op if op in remote_worker.OPERATIONS:
            return remote_worker.answer(backend, head, body)
        case _:
            return _run(backend, _circuit(head, body), head)


def _circuit(head: Mapping[str, Any], body: bytes) -> Circuit:
    """The circuit of a request, from its source or as another child parsed it."""
    return read_circuit(body) if "parsed" in head else bound(body.decode(), head)


def _parsed(circuit: Circuit) -> bytes:
    written = write_circuit(circuit)
    return written if len(written) <= MAX_PARSED_BYTES else b""


def _out_of_memory_or_raise(error: Exception) -> Frame:
    if not isinstance(error, MemoryError) and "memory" not in str(error).lower():
        raise error
    return refusal("out_of_memory", "the circuit needs more memory than a job may use here: use fewer qubits")


def _offer(id_: str, backend: Backend) -> dict[str, Any]:  # plain JSON
    it = require_described(id_, backend.describe())
    return {
        "backend": it.id,
        "vendor": it.vendor,
        "kind": it.kind,
        "qubits": it.num_qubits,
        "max_shots": it.max_shots,
        "features": sorted(it.features),
        "gates": sorted(it.basis_gates),
        "rep_delay_ns": nanoseconds(it.rep_delay_s),
        "overhead_ns": nanoseconds(it.overhead_s),
        "target": it.target_digest,
        "calibration": it.calibration_digest,
        "remote": it.remote,
    }


def _calibration(backend: Backend) -> dict[str, Any]:  # plain JSON
    found = backend.calibrate()
    return {} if found is None else found.as_json()


def _profile(circuit: Circuit) -> dict[str, Any]:  # plain JSON
    found = profile(circuit)
    return {
        "profile": {
            "qubits": found.qubits,
            "clbits": found.clbits,
            "depth": found.depth,
            "two_qubit_gates": found.two_qubit_gates,
            "simulation_bytes": min(found.simulation_bytes, _LARGEST_EXACT),
            "features": sorted(found.features),
        }
    }


def _estimate(backend: Backend, circuit: Circuit) -> dict[str, Any]:  # plain JSON
    about = {"backend": backend.describe().id}
    try:
        compiled = compile_for(backend, circuit)
    except DoesNotFit as error:
        return {**about, "unfit": {"code": "does_not_fit", "text": str(error)}}
    operations = write_operations(compiled.operations).decode() if compiled.operations else ""
    return {**about, **figures(compiled), "operations": operations}


def _run(backend: Backend, circuit: Circuit, head: Mapping[str, Any]) -> Frame:
    """Run on a backend where work has ended when `submit` returns."""
    item = _item(backend, circuit, head)
    on_device = backend.describe().kind != "simulator"
    if on_device and (refused := over_budget(item.compiled.qpu_us(item.shots), head["budget_us"])) is not None:
        return refused
    (result,) = require_results(backend.collect(backend.submit([item], head["token"])), 1)
    if isinstance(result, Failed):
        return refusal(result.code, result.text)
    used_us = result.qpu_us or 0
    counts = json.dumps(dict(result.counts), sort_keys=True, separators=(",", ":")).encode()
    if (refused := too_large(len(counts), used_us)) is not None:
        return refused
    return {**described(backend, circuit, item.compiled), "qpu_us": used_us}, counts


def _item(backend: Backend, circuit: Circuit, head: Mapping[str, Any]) -> WorkItem:
    compiled = compile_for(backend, circuit)
    return WorkItem(compiled, head["shots"], simulation_seed(head["seed"]))
