"""`python -m queuebit_quantum.offline`: plan and run circuits without a stack, one JSON object per line.

A request is `{"source", "shots", "backend", "seed", "run"}`; `backend` and `run` may be missing, and `bitcode`, QIR in
base 64, may be in place of `source`. The answer has `plan`,
which is that of an executor without its price and queue, and with `run` also `counts`; or `error` with a text and the
place in the source. Nothing is stored, and no request affects the next.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from queuebit_kernel import new_key
from queuebit_planning.seeds import compilation_seed, simulation_seed
from queuebit_quantum.backends import Compiled, Failed, WorkItem, require_fit
from queuebit_quantum.catalog import open_backend
from queuebit_quantum.circuits import Circuit, parse
from queuebit_quantum.errors import CircuitError, DoesNotFit, UnknownBackend

__all__ = ["answer", "serve"]

_IDEAL = "aer"
"""Where circuits are planned and run that name no backend."""


def answer(request: Mapping[str, Any]) -> dict[str, Any]:  # plain JSON
    """Plan one circuit, and run it if the request says so."""
    try:
        circuit = parse(base64.b64decode(request["bitcode"]) if "bitcode" in request else request["source"])
        name = request.get("backend") or _IDEAL
        found = {"plan": _plan(name, _compiled(name, circuit, request["shots"]), request["shots"])}
        if request.get("run"):
            found["counts"] = _counts(circuit, request)
    except CircuitError as error:
        return {"error": {"code": error.code, "text": str(error), "line": error.line, "column": error.column}}
    except (DoesNotFit, UnknownBackend) as error:
        return {"error": {"code": "does_not_fit", "text": str(error), "line": None, "column": None}}
    return found


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer each line of `requests` with a line."""
    for line in requests:
        answers.write(json.dumps(answer(json.loads(line))) + "\n")
        answers.flush()


def _compiled(name: str, circuit: Circuit, shots: int) -> Compiled:
    backend = open_backend(name)
    if backend.describe().remote:
        raise DoesNotFit(f"{name} is at a vendor: only a stack plans and runs circuits there")
    require_fit(backend.describe(), circuit, shots)
    return backend.compile(circuit, compilation_seed(circuit.digest))


def _plan(name: str, compiled: Compiled, shots: int) -> dict[str, Any]:  # plain JSON
    simulator = open_backend(name).describe().kind == "simulator"
    return {
        "backend": name,
        "depth": compiled.depth,
        "two_qubit_gates": compiled.two_qubit_gates,
        "esp_ppm": None if simulator else round(compiled.esp * 1_000_000),
        "qpu_us": compiled.method(shots).microseconds(shots) if simulator else compiled.qpu_us(shots),
    }


def _counts(circuit: Circuit, request: Mapping[str, Any]) -> dict[str, int]:
    run = request["run"]
    name = run.get("backend") or _IDEAL
    backend, compiled = open_backend(name), _compiled(name, circuit, run["shots"])
    handle = backend.submit([WorkItem(compiled, run["shots"], simulation_seed(run["seed"]))], new_key())
    (outcome,) = backend.collect(handle)
    if isinstance(outcome, Failed):
        raise DoesNotFit(f"{name}: {outcome.text}")
    return dict(outcome.counts)


def _main() -> int:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    serve(sys.stdin, answers)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
