"""A long circuit is parsed once: the child that runs it reads it as another child parsed it."""

from __future__ import annotations

from typing import Any

import pytest

from queuebit_executor import compilation
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.parsed_circuits import MAX_PARSED_BYTES, ParsedCircuits
from queuebit_executor.worker import _answer
from queuebit_quantum import open_backend, parse

HEADER = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; '
LONG = (HEADER + "z q[0]; " * 9_000 + "measure q -> c;").encode()
SHORT = (HEADER + "measure q -> c;").encode()


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that are parsed, in order."""
    sources: list[str] = []

    def counting(source: str, **more: Any) -> Any:
        sources.append(source)
        return parse(source, **more)

    monkeypatch.setattr(compilation, "parse", counting)
    compilation._bound.cache_clear()
    return sources


@pytest.mark.parametrize(("source", "parsed"), [(LONG, 1), (SHORT, 2)], ids=["long", "short"])
def test_a_long_circuit_is_parsed_once_by_two_children(parses: list[str], source: bytes, parsed: int) -> None:
    kept, circuit, backends = ParsedCircuits(), BoundCircuit(source), {"aer": open_backend("aer")}

    def ask(op: str, head: Any, body: bytes) -> tuple[dict[str, Any], bytes]:
        answer, content = _answer(backends, {"op": op, "backend": "aer", "token": op, **head}, body)
        assert "error" not in answer
        return answer, content

    ask("profile", {}, source)
    estimate, content = ask("estimate", *kept.request(circuit))
    if content:
        kept.put(circuit, content)
    compilation._bound.cache_clear()  # as in a child that has not seen the circuit
    head, body = kept.request(circuit)
    work = {"shots": 100, "seed": 1, "budget_us": 10**9}
    ran = ask("run", {**work, **head}, body)
    assert len(parses) == parsed
    assert ran[0]["compilation"]["depth"] == estimate["depth"]
    again = ask("run", work, source)
    assert ran[1] == again[1]
    assert ran[0]["compilation"] == again[0]["compilation"]


def test_newer_circuits_take_the_place_of_older_ones() -> None:
    kept = ParsedCircuits()
    first, second, third = (BoundCircuit(LONG + b"//" + bytes([65 + number])) for number in range(3))
    for circuit in (first, second, second):
        kept.put(circuit, bytes(MAX_PARSED_BYTES))
    assert kept.request(first)[0]["parsed"] == first.digest
    kept.put(third, b"parsed")
    assert kept.request(second) == ({"keep": True}, second.source)
    assert kept.request(third) == ({"parsed": third.digest, "source_bytes": len(third.source)}, b"parsed")
