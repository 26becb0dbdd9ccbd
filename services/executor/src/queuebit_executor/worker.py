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

import orjson

from queuebit_executor import remote_worker
from queuebit_executor.compilation import bound, circuit_of, compile_for, described, figures, nanoseconds, ready
from queuebit_executor.frames import Frame, pack, receive
from queuebit_executor.item_worker import run_item, run_items
from queuebit_executor.refusals import answered, lacks_memory, over_budget, refusal, too_large
from queuebit_executor.returned import require_described, require_results
from queuebit_executor.sandbox import private_bytes
from queuebit_executor.seeds import simulation_seed
from queuebit_executor.shared_circuits import MAX_SHARED_BYTES
from queuebit_planning.fidelity import write_operations
from queuebit_quantum import (
    Backend,
    Circuit,
    Compiled,
    DoesNotFit,
    Failed,
    WorkItem,
    inputs,
    profile,
    write_circuit,
    write_compiled,
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
            retiring = full or lacks_memory(answer)
            connection.sendall(pack({**answer, "retiring": retiring}, content))


def _answer(backends: Mapping[str, Backend], head: Mapping[str, Any], body: bytes) -> Frame:
    return answered(lambda: _done(backends, head, body))


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
            return _estimate(backend, circuit_of(head, body), keep="keep" in head)
        case "item":
            return run_item(backend, head, body)
        case "items":
            return run_items(backend, head, body)
        case op if op in remote_worker.OPERATIONS:
            return remote_worker.answer(backend, head, body)
        case _:
            return _run(backend, *ready(backend, head, body), head)


def _shared(written: bytes) -> bytes:
    return written if len(written) <= MAX_SHARED_BYTES else b""


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


def _estimate(backend: Backend, circuit: Circuit, *, keep: bool) -> Frame:
    """The estimate, and the circuit as other children take it: parsed if that is to be kept, and compiled."""
    about = {"backend": backend.describe().id}
    parsed = _shared(write_circuit(circuit)) if keep else b""
    try:
        compiled = compile_for(backend, circuit)
    except DoesNotFit as error:
        return {**about, "unfit": {"code": "does_not_fit", "text": str(error)}, "parsed_bytes": len(parsed)}, parsed
    operations = write_operations(compiled.operations).decode() if compiled.operations else ""
    head = {**about, **figures(compiled), "operations": operations, "parsed_bytes": len(parsed)}
    return head, parsed + _shared(write_compiled(compiled, circuit))


def _run(backend: Backend, compiled: Compiled, qubits: int, head: Mapping[str, Any]) -> Frame:
    """Run on a backend where work has ended when `submit` returns."""
    item = WorkItem(compiled, head["shots"], simulation_seed(head["seed"]), owner=head.get("owner", ""))
    on_device = backend.describe().kind != "simulator"
    if on_device and (refused := over_budget(item.compiled.qpu_us(item.shots), head["budget_us"])) is not None:
        return refused
    (result,) = require_results(backend.collect(backend.submit([item], head["token"])), 1)
    if isinstance(result, Failed):
        return refusal(result.code, result.text)
    used_us = result.qpu_us or 0
    counts = orjson.dumps(dict(result.counts), option=orjson.OPT_SORT_KEYS)
    if (refused := too_large(len(counts), used_us)) is not None:
        return refused
    return {**described(backend, qubits, item.compiled), "qpu_us": used_us}, counts
