"""Named circuits: which version is meant, and what a job submits of it."""

from __future__ import annotations

from typing import Any

import pytest

from queuebit import AsyncClient, Batch, InvalidInput, Item, NamedCircuit, NotFound, Sweep
from queuebit.named_circuits import chosen, declared_inputs, version_of
from queuebit_kernel import digest
from queuebit_testing.local_platform import LocalPlatform, local_credential

pytestmark = pytest.mark.timeout(180)
"""The first job of a process loads a quantum SDK, which takes long on a busy machine."""

SOURCE = 'OPENQASM 3.0; include "stdgates.inc"; input float theta; qubit q; bit c; rx(theta) q; c = measure q;'
KNOWN = {"media_type": "text/x-openqasm", "owner": "ann", "parameters": ["theta"], "size": len(SOURCE)}
ROWS: list[dict[str, Any]] = [
    {"circuit": "ansatz", "version": number, "state": state, "digest": digest(SOURCE.encode()), **KNOWN}
    for number, state in ((5, "draft"), (4, "canary"), (3, "withdrawn"), (2, "released"), (1, "released"))
]


@pytest.mark.parametrize(
    ("words", "version"),
    [("ansatz", 2), ("ansatz@released", 2), ("ansatz@canary", 4), ("ansatz@1", 1), ("ansatz@5", 5)],
)
def test_a_name_means_the_newest_released_version(words: str, version: int) -> None:
    assert chosen(ROWS, words)["version"] == version


@pytest.mark.parametrize(
    ("words", "error", "why"),
    [
        ("ansatz@3", NotFound, "was withdrawn"),
        ("ansatz@9", NotFound, r"no version 9: it has 5 \(draft\), 4 \(canary\)"),
        ("other", NotFound, "there is no circuit other"),
        ("ansatz@latest", InvalidInput, "names no circuit"),
        ("A b", InvalidInput, "names no circuit"),
    ],
)
def test_what_cannot_be_meant_is_said(words: str, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        chosen(ROWS, words)


async def test_a_job_of_a_named_circuit_says_so() -> None:
    local = LocalPlatform()
    local.answers["circuits"] = ROWS
    async with AsyncClient(local_credential(), transport=local) as client:
        stored = await client.store_circuit(SOURCE)
        assert (stored.digest, stored.parameters) == (ROWS[0]["digest"], ("theta",))
        found = await client.circuit("ansatz")
        assert (str(found), found.owner, found.parameters) == ("ansatz v2", "ann", ("theta",))
        job = await client.submit(found, shots=100, parameters={"theta": 0.0})
        assert (await job.result()).counts == {"0": 100}
        asked = local.submissions[-1].data
        assert asked.circuit_version is not None
        assert (asked.circuit_version.name, asked.circuit_version.version, asked.label) == ("ansatz", 2, "ansatz v2")
        await client.submit(SOURCE, shots=10, parameters={"theta": 0.0})
        assert local.submissions[-1].data.circuit_version is None


def test_a_program_is_of_a_version_if_all_its_circuits_are() -> None:
    one = NamedCircuit("ansatz", 2, "released", "ann", digest(b"x"), (), SOURCE.encode())
    other = NamedCircuit("ansatz", 1, "released", "ann", digest(b"y"), (), SOURCE.encode())
    for circuit in (one, Sweep(one, {"theta": [0, 1]}), Batch([Item(one), Item(one)])):
        found = version_of(circuit)
        assert found is not None
        assert found.version == 2
    for unnamed in (SOURCE, Batch([Item(one), Item(other)]), Batch([Item(one), Item(SOURCE)])):
        assert version_of(unnamed) is None


def test_inputs_are_read_from_the_source() -> None:
    text = b"OPENQASM 3.0;\ninput float a;\n// input float no;\ninput angle[32] beta;\ninput array[float, 3] no2 = 1;"
    assert declared_inputs(text) == ("a", "beta")
    assert declared_inputs(b"BC\xc0\xde\xff") == ()
