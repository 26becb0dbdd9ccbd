"""What a child does: one request after another, until its parent hangs up.

A circuit's faults are answers. Anything else ends the process; the parent says so and forks another.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from queuebit_executor import remote_worker
from queuebit_executor.circuit_worker import run_circuits
from queuebit_executor.compilation import bound, circuit_of, compile_for, figures, nanoseconds
from queuebit_executor.item_worker import run_item, run_items
from queuebit_executor.refusals import answered, lacks_credentials, lacks_memory
from queuebit_executor.returned import require_described, require_queue
from queuebit_executor.shared_circuits import MAX_SHARED_BYTES
from queuebit_planning.fidelity import write_operations
from queuebit_quantum import (
    Backend,
    Circuit,
    DoesNotFit,
    asked_results,
    inputs,
    observables_of,
    profile,
    write_circuit,
    write_compiled,
)
from queuebit_quantum.earlier_calibration import TakesCalibration
from queuebit_quantum.exclusion import exclude, excluded
from queuebit_quantum.physical import gate_counts
from queuebit_quantum.shared_device import SharesDevice
from queuebit_quantum.vendor_queue import Queueing
from queuebit_runtime.frames import Frame, pack, receive
from queuebit_runtime.sandbox import limit_processor_time, private_bytes

__all__ = ["serve"]

_CACHED_BYTES = 128 << 20
"""What caches may grow to before a child makes room for a fresh one; half of what no state may take."""


_LARGEST_EXACT = 2**53 - 1
"""Bytes no machine has; every reader of JSON takes such a number for what it is."""


def serve(connection: socket.socket, backends: Mapping[str, Backend], unlimited: Sequence[str] = ()) -> None:
    """Answer requests about backends by id; return when the parent hangs up, or when another child has to follow.

    Another one follows when caches use what runs need, and when a vendor's credentials may have been replaced: a child
    reads a file that is replaced only if it started after that. `unlimited` is what this child is not limited in.
    """
    begin = private_bytes()
    with contextlib.suppress(EOFError, ConnectionError):
        connection.sendall(pack({"pid": os.getpid(), "unlimited": [*unlimited]}))
        retiring = False
        while not retiring:
            head, body = receive(connection)
            limit_processor_time(head["processor_s"])
            for answer, content in _answers(backends, head, body):
                full = "more" not in answer and private_bytes() - begin > _CACHED_BYTES
                retiring = full or lacks_memory(answer) or lacks_credentials(answer)
                connection.sendall(pack({**answer, "retiring": True} if retiring else answer, content))
                if retiring:
                    break


def _answers(backends: Mapping[str, Backend], head: Mapping[str, Any], body: bytes) -> Iterator[Frame]:
    """The answers to a request, each as soon as it is known."""
    run = {"runs": run_circuits, "items": run_items, "collect": remote_worker.collect}.get(head["op"])
    if run is None:
        return iter((_answer(backends, head, body),))
    found = answered(lambda: run(_calibrated(backends, head), head, body))
    return iter((found,)) if isinstance(found, tuple) else found


def _answer(backends: Mapping[str, Backend], head: Mapping[str, Any], body: bytes) -> Frame:
    return answered(lambda: _done(backends, head, body))


def _done(backends: Mapping[str, Backend], head: Mapping[str, Any], body: bytes) -> Frame:
    """Do what a request asks for; raises what the circuit or the backend raises."""
    match head["op"]:
        case "describe":
            return {"offers": [_offer(*it) for it in backends.items()]}, b""
        case "inputs":
            return _declared(body), b""
        case "profile":
            return _profile(bound(body, head)), b""
    backend = _calibrated(backends, head)
    match head["op"]:
        case "recalibrate":
            backend.calibrate()
            return _offer(head["backend"], backend), b""
        case "queue":
            queue = require_queue(backend.queue()) if isinstance(backend, Queueing) else None
            return asdict(queue) if queue is not None else {}, b""
        case "calibration":
            return {}, json.dumps(_calibration(backend), separators=(",", ":"), allow_nan=False).encode()
        case "regions":
            return {"regions": _regions(backend, head["sizes"])}, b""
        case "estimate":
            return _estimate(backend, circuit_of(head, body), keep="keep" in head)
        case "item":
            return run_item(backend, head, body)
        case _:
            return remote_worker.answer(backend, head, body)


def _calibrated(backends: Mapping[str, Backend], head: Mapping[str, Any]) -> Backend:
    """The backend of a request, with its elements and the calibration that it was made for, or a newer one."""
    backend = backends[head["backend"]]
    if "without" in head:
        exclude(backend, frozenset(tuple(it) for it in head["without"]))
    if head.get("target", target := backend.describe().target_digest) != target:
        backend.calibrate()  # another child has read newer figures
    if "calibration" in head and isinstance(backend, TakesCalibration):
        return backend.with_calibration(json.loads(head["calibration"])) or backend
    return backend


def _declared(source: bytes) -> dict[str, Any]:  # plain JSON
    needed = observables_of(asked_results(source))
    return {"inputs": [asdict(it) for it in inputs(source)], "observables": [dict(it) for it in needed]}


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
        "max_items": it.max_items,
        "billed_task": it.billed_task,
        "task_shots": it.task_shots,
        "without": excluded(backend),
        "status": it.status,
        "shares": isinstance(backend, SharesDevice),
    }


def _calibration(backend: Backend) -> dict[str, Any]:  # plain JSON
    found = backend.calibrate()
    return {} if found is None else found.as_json()


def _regions(backend: Backend, sizes: Sequence[int]) -> list[list[int] | None]:
    """Where circuits of these sizes go; nowhere on a device that runs one at a time."""
    if not isinstance(backend, SharesDevice):
        return [None for _ in sizes]
    return [None if it is None else [*it] for it in backend.regions(sizes)]


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
            "canonical": found.canonical,
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
    gates = gate_counts(compiled) if backend.describe().kind != "simulator" else None
    head = {**about, **figures(compiled), "operations": operations, "gates": gates, "parsed_bytes": len(parsed)}
    return head, parsed + _shared(write_compiled(compiled, circuit))
