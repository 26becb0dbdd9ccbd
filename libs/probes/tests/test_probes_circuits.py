"""Reference circuits return what they say, on a simulator that knows nothing of them."""

from __future__ import annotations

import asyncio

import pytest

from queuebit import AsyncClient
from queuebit_probes.circuits import CIRCUITS, reference
from queuebit_replay.comparison import compare
from queuebit_testing.local_platform import LocalPlatform, local_credential

pytestmark = pytest.mark.timeout(180)
"""The first job of a process loads a quantum SDK, which takes long on a busy machine."""


@pytest.mark.parametrize("name", CIRCUITS)
def test_the_expected_result_is_that_of_a_simulator(name: str) -> None:
    circuits = [reference(name, qubits, seed) for qubits in (2, 3, 5, 8) for seed in (1, 2, 3)]

    async def measured() -> list[dict[str, int]]:
        async with AsyncClient(local_credential(), transport=LocalPlatform()) as client:
            results = [await (await client.submit(it.source, shots=500)).result() for it in circuits]
        return [{**it.counts} for it in results]

    for circuit, counts in zip(circuits, asyncio.run(measured()), strict=True):
        assert sum(circuit.expected.values()) == pytest.approx(1.0)
        assert {*counts} <= {*circuit.expected}, "no outcome that is not expected"
        assert not compare(counts, circuit.expected).proves_below(1.0)


def test_a_mirror_circuit_flips_and_has_barriers() -> None:
    made = reference("mirror", 4)
    assert made.source.count("barrier q;") == 9, "a compiler would cancel the layers against their inverse"
    assert len(made.expected) == 1
    assert made.expected != reference("mirror", 4, seed=2).expected or made.source != reference("mirror", 4, 2).source
    assert reference("mirror", 4) == made


def test_readout_has_both_values() -> None:
    assert reference("readout", 3).expected == {"101": 1.0}


@pytest.mark.parametrize(("name", "qubits"), [("bell", 2), ("ghz", 1), ("mirror", 1), ("readout", 65)])
def test_what_does_not_exist_is_said(name: str, qubits: int) -> None:
    with pytest.raises(ValueError, match=name):
        reference(name, qubits)
