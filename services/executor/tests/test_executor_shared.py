"""A circuit is parsed and compiled once: the child that runs it takes it as another child compiled it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from queuebit_executor import compilation, worker
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.frames import counted
from queuebit_executor.shared_circuits import MAX_SHARED_BYTES, Place, SharedCircuits
from queuebit_executor.worker import _answers
from queuebit_quantum import open_backend, parse
from queuebit_runtime.frames import Frame

HEADER = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; '
LONG = (HEADER + "z q[0]; " * 9_000 + "measure q -> c;").encode()
SHORT = (HEADER + "measure q -> c;").encode()
CONDITION = (HEADER + "measure q -> c; if (c == 1) x q[0]; measure q -> c;").encode()
HERE = Place("acme", "aer", "sha256:target")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What children do, in order."""
    steps: list[str] = []

    def parsing(source: str, **more: Any) -> Any:
        steps.append("parse")
        return parse(source, **more)

    def compiling(backend: Any, circuit: Any) -> Any:
        steps.append("compile")
        return compile_for(backend, circuit)

    compile_for = compilation.compile_for
    monkeypatch.setattr(compilation, "parse", parsing)
    for module in (compilation, worker):
        monkeypatch.setattr(module, "compile_for", compiling)
    compilation._bound.cache_clear()
    return steps


@pytest.mark.parametrize(
    ("backend", "source"),
    [
        pytest.param("aer", LONG, id="long"),
        pytest.param("aer", SHORT, id="short"),
        pytest.param("aer", CONDITION, id="condition"),
        pytest.param("emulated-ibm-manila", SHORT, id="short on a device"),
        pytest.param("cirq", LONG, id="long on cirq"),
        pytest.param("cirq", SHORT, id="short on cirq"),
    ],
)
def test_a_circuit_is_prepared_once_for_all_children(done: list[str], source: bytes, backend: str) -> None:
    kept, circuit, backends = SharedCircuits(), BoundCircuit(source), {backend: open_backend(backend)}

    def ask(op: str, head: Any, body: bytes) -> tuple[dict[str, Any], bytes]:
        ((answer, content),) = _answers(backends, {"op": op, "backend": backend, **head}, body)
        assert "error" not in answer
        return answer, content

    ask("profile", {}, source)
    estimate, content = ask("estimate", *kept.request(circuit, HERE, compiled=False))
    size = estimate["parsed_bytes"]
    kept.put(circuit, HERE, parsed=content[:size], compiled=content[size:])
    compilation._bound.cache_clear()  # as in a child that has not seen the circuit
    head, body = kept.request(circuit, HERE)
    work = {"shots": 100, "seed": 1, "budget_us": 10**9}
    ran = ask("runs", {"runs": [{**work, **head, "token": "first", "size": len(body)}]}, body)
    prepared = ["parse", "compile"]
    if source is CONDITION or (backend, source) == ("cirq", SHORT):
        assert done == prepared * 2, "it cannot be written, and is prepared again"
    else:
        assert done == prepared + (["compile"] if backend == "cirq" else [])
    again = ask("runs", {"runs": [{**work, "token": "again", "size": len(source)}]}, source)
    assert ran[1] == again[1]
    assert ran[0]["compilation"] == again[0]["compilation"]
    assert ran[0]["qubits"] == again[0]["qubits"] == 2


def test_newer_circuits_take_the_place_of_older_ones() -> None:
    kept = SharedCircuits()
    first, second, third = (BoundCircuit(LONG + b"//" + bytes([65 + number])) for number in range(3))
    for circuit in (first, second, second):
        kept.put(circuit, HERE, parsed=b"", compiled=bytes(MAX_SHARED_BYTES))
    assert kept.request(first, HERE)[0]["form"] == "compiled"
    kept.put(third, HERE, parsed=b"parsed", compiled=b"compiled")
    assert kept.request(second, HERE) == ({"keep": True}, second.source)
    about = {"circuit": third.digest, "source_bytes": len(third.source)}
    assert kept.request(third, HERE) == ({"form": "compiled", **about}, b"compiled")
    assert kept.request(third, HERE, compiled=False) == ({"form": "parsed", **about}, b"parsed")


@pytest.mark.parametrize("other", [("evil", "aer", HERE.target), ("acme", "cirq", HERE.target), ("acme", "aer", "new")])
def test_a_compiled_circuit_is_for_one_tenant_backend_and_calibration(other: tuple[str, str, str]) -> None:
    kept, circuit = SharedCircuits(), BoundCircuit(SHORT)
    kept.put(circuit, HERE, parsed=b"", compiled=b"compiled")
    assert kept.request(circuit, Place(*other)) == ({}, SHORT)


def test_items_that_share_a_request_are_answered_until_their_results_fill_one_job() -> None:
    """All answers wait in the executor: 128 large ones took its memory."""
    ran = list[int]()

    def results() -> Iterator[Frame]:
        for number in range(5):
            ran.append(number)
            yield {"item": number}, bytes(40)

    answers = [*counted(results(), 5, most_bytes=100)]
    assert [head.get("more", False) for head, _ in answers] == [True, True, False]
    assert ran == [0, 1, 2], "no further one has run"
    assert ["more" in head for head, _ in counted(results(), 5)] == [True] * 4 + [False]
