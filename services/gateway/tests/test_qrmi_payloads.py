"""Payloads of QRMI's Sampler: which items they become, what is refused, and results in both forms that callers read."""

from __future__ import annotations

import base64
import io
import json
import random
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit.records import ItemResult
from queuebit_contracts.program import read_program
from queuebit_gateway.problems import Problem
from queuebit_gateway.qrmi_payloads import NOTE, program_of, results_of

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; '
BELL = HEAD + "bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;"
TURNED = HEAD + "input float[64] a; input angle b; bit c; rx(a) q[0]; ry(b) q[0]; c = measure q[0];"
MANY = HEAD + "bit c; " + "".join(f"input float x{number}; " for number in range(1_001))
QPY = {"__type__": "QuantumCircuit", "__value__": "eJw="}


def note_of(params: object) -> Any:  # JSON
    program = program_of(params)
    assert read_program(program.content()) == program, "the executor reads it"
    return program.annotations[NOTE]


def test_a_pub_is_an_item_for_each_set_of_its_values() -> None:
    program = program_of(
        {"pubs": [[BELL, None, 7], BELL, [TURNED, [[0.1, 0.2], [0.3, 0.4]]], [TURNED, {"b": 2, "a": 1}]], "shots": 5}
    )
    assert len(program.circuits) == 2
    assert program.outputs == ("memory",)
    assert [(it.circuit, it.parameters, it.shots) for it in program.items] == [
        (0, {}, 7),
        (0, {}, 5),
        (1, {"a": 0.1, "b": 0.2}, 5),
        (1, {"a": 0.3, "b": 0.4}, 5),
        (1, {"a": 1, "b": 2}, 5),
    ]
    assert program_of({"pubs": [BELL], "options": {"default_shots": 3}}).items[0].shots == 3
    assert program_of({"pubs": [BELL]}).items[0].shots == 4096


def test_inputs_are_in_the_order_in_which_qiskit_gives_values() -> None:
    from qiskit import QuantumCircuit, qasm3
    from qiskit.circuit import Parameter, ParameterVector
    from qiskit.primitives.containers.sampler_pub import SamplerPub

    circuit, x = QuantumCircuit(1, 1), ParameterVector("x", 2)
    circuit.rx(Parameter("z"), 0)
    circuit.ry(Parameter("a"), 0)
    circuit.rz(x[1], 0)
    circuit.rz(x[0], 0)
    circuit.measure(0, 0)
    pub = SamplerPub.coerce((circuit, {"z": 0.26, "a": 0.1, "x[0]": 0.24, "x[1]": 0.25}))
    values = pub.parameter_values.as_array(circuit.parameters).tolist()
    source = qasm3.dumps(circuit, disable_constants=True, allow_aliasing=True)
    (item,) = program_of({"pubs": [[source, values]]}).items
    assert [*item.parameters.values()] == [0.1, 0.24, 0.25, 0.26]
    assert [name[:3].strip("_") for name in item.parameters] == ["a", "x", "x", "z_0"]


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({"pubs": [QPY]}, "bad_pubs", "pub 0 is no source in OpenQASM 3"),
        ({"pubs": []}, "invalid_body", "pubs"),
        ({"pubs": [[BELL, None, 0]]}, "bad_shots", "pub 0: shots"),
        ({"pubs": [BELL], "version": 1}, "bad_version", "version 1"),
        ({"pubs": [BELL], "options": {"twirling": {"enable_gates": True}}}, "bad_options", "no options twirling"),
        ({"pubs": [BELL], "mystery": 1}, "invalid_body", "there is no such field"),
        ({"pubs": [[BELL, [0.5]]]}, "bad_values", "0 inputs"),
        ({"pubs": [BELL, [TURNED, [0.5]]]}, "bad_values", "pub 1"),
        ({"pubs": [[TURNED, [[0.5, 1], [0.5]]]]}, "bad_values", "no array of finite numbers"),
        ({"pubs": [[TURNED, [10**400, 1]]]}, "bad_values", "no array of finite numbers"),
        ({"pubs": [[TURNED, [2**53, 1]]]}, "bad_values", "no array of finite numbers"),
        ({"pubs": [[MANY, [1.0] * 1_001]]}, "bad_inputs", "has 1,001 inputs and may have 1,000"),
        ({"pubs": [[TURNED, {"a": 1}]]}, "bad_values", "the inputs a, b"),
        ({"pubs": [[TURNED, {"a": 1, "b": [1, 2]}]]}, "bad_values", "differ in shape"),
        ({"pubs": [HEAD + "h q[0];"]}, "bad_registers", "pub 0 has no classical registers"),
        ({"pubs": [HEAD + "const uint n = 2; bit[n] c; c = measure q;"]}, "bad_registers", "sizes are numbers"),
        ({"pubs": [[TURNED, [[0.5, 1]] * 10_001]]}, "bad_pubs", "more than 10,000 sets"),
    ],
)
def test_what_cannot_be_run_as_it_was_asked_is_refused(params: object, code: str, text: str) -> None:
    with pytest.raises(Problem) as refused:
        program_of(params)
    assert refused.value.status == 422
    assert refused.value.code == code
    assert text in refused.value.detail


def test_a_declaration_in_a_comment_is_none() -> None:
    source = BELL.replace("bit[2] c;", "// bit[9] old;\n/* creg older[4]; */ bit[2] c;")
    assert note_of({"pubs": [source]})["pubs"] == [{"registers": [["c", 2]], "shape": []}]
    assert note_of({"pubs": ["OPENQASM 2.0; qreg q[3]; creg a[1]; creg b[2];"]})["pubs"][0]["registers"] == [
        ["a", 1],
        ["b", 2],
    ]


def unpacked(bits: Any) -> Any:  # NumPy has no types here
    """The array of a `BitArray`, as Qiskit's own decoder reads it."""
    content = zlib.decompress(base64.b64decode(bits["__value__"]["array"]["__value__"]))
    return np.load(io.BytesIO(content), allow_pickle=False)


@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=3),
    shape=st.sampled_from([(), (1,), (3,), (2, 3)]),
    shots=st.integers(1, 5),
    seed=st.integers(0, 999),
)
def test_both_forms_have_each_shot_of_each_register(
    sizes: list[int], shape: tuple[int, ...], shots: int, seed: int
) -> None:
    from qiskit.primitives import BitArray

    dice = random.Random(seed)
    sets = int(np.prod(shape, dtype=int))
    values = [[[dice.getrandbits(size) for size in sizes] for _ in range(shots)] for _ in range(sets)]
    memory = [
        tuple(" ".join(f"{it:0{size}b}" for it, size in [*zip(shot, sizes, strict=True)][::-1]) for shot in each)
        for each in values
    ]
    items = [ItemResult(number, "completed", memory=it) for number, it in enumerate(memory)]
    registers = [[f"c{number}", size] for number, size in enumerate(sizes)]
    pub = {"registers": registers, "shape": [*shape]}
    plain: Any = results_of({"typed": False, "pubs": [pub]}, items)
    typed: Any = json.loads(json.dumps(results_of({"typed": True, "pubs": [pub]}, items)))
    data = typed["__value__"]["pub_results"][0]["__value__"]["data"]["__value__"]
    assert data["field_names"] == [name for name, _ in registers]
    for place, (name, size) in enumerate(registers):
        expected = [[shot[place] for shot in each] for each in values]
        found = plain["results"][0]["data"][name]
        assert found["num_bits"] == size
        assert np.array(found["samples"]).shape == (*shape, shots)
        assert [int(it, 16) for it in np.array(found["samples"]).ravel()] == [it for each in expected for it in each]
        array = BitArray(unpacked(data["fields"][name]), size)
        assert (array.shape, array.num_shots) == (shape, shots)
        assert [int(it, 2) for it in array.get_bitstrings()] == [it for each in expected for it in each]


def test_registers_that_the_source_does_not_declare_are_no_result() -> None:
    note = {"typed": False, "pubs": [{"registers": [["c", 2]], "shape": []}]}
    with pytest.raises(Problem) as refused:
        results_of(note, [ItemResult(0, "completed", memory=("0 1",))])
    assert refused.value.code == "other_registers"


@pytest.mark.parametrize(
    "note",
    [
        {},
        {"typed": True, "pubs": 1},
        {"typed": True, "pubs": []},
        {"typed": False, "pubs": [{"registers": [["c", 1]], "shape": [2]}]},
        {"typed": False, "pubs": [{"registers": [["c", 1]], "shape": [-1]}]},
        {"typed": True, "pubs": [{"registers": [["c", 1]], "shape": [0]}]},
        {"typed": True, "pubs": [{"registers": [["c", 1]], "shape": [10**9, 10**9]}]},
        {"typed": True, "pubs": [{"registers": [["c", "1"]], "shape": [], "more": 1}]},
        {"typed": True, "pubs": [{"registers": [["c", 1]], "shape": []}] * 2},
    ],
)
def test_an_annotation_that_another_client_wrote_is_refused(note: dict[str, Any]) -> None:
    """One that asked for more items than there are left its reader without an answer."""
    with pytest.raises(Problem) as refused:
        results_of(note, [ItemResult(0, "completed", memory=("0", "1"))])
    assert (refused.value.status, refused.value.code) == (409, "other_job")
