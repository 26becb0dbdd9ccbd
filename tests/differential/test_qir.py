"""QIR beside programs that we did not write: Microsoft's simulator, and LLVM's reader."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

os.environ.setdefault("QDK_PYTHON_TELEMETRY", "none")

import pyqir
from qdk import Result
from qdk.simulation import run_qir

from queuebit_ci.significance import compare
from queuebit_quantum import Limits, ideal_distribution, parse
from queuebit_quantum.qir import as_openqasm, read

QIS, RT = "__quantum__qis__", "__quantum__rt__"
ONE = ("h", "x", "y", "z", "s", "t", "sx")
ADJOINTS = ("s", "t")
TWO = ("cx", "cy", "cz", "swap")
TURNS = ("rx", "ry", "rz")
TURNS_OF_TWO = ("rxx", "ryy", "rzz")
QUBITS = 4
SHOTS = 1_500
WIDE = 4
"""The seed of a program with a register of at least three results."""
LEAST = 1e-4
"""No comparison may have a smaller p-value. Programs, seeds and shots are fixed: a run repeats the one before."""


def pointer(kind: str, number: int) -> str:
    return f"%{kind}* inttoptr (i64 {number} to %{kind}*)"


def call(name: str, *arguments: str) -> str:
    return f"  call void @{name}({', '.join(arguments)})"


def gates(random: Random) -> Iterator[str]:
    """Gates that entangle all qubits, each with other angles, so that no two results are alike."""
    qubits = [pointer("Qubit", it) for it in range(QUBITS)]
    for qubit in qubits:
        yield call(f"{QIS}ry__body", f"double {random.uniform(0.3, 2.8)!r}", qubit)
    for _ in range(25):
        chosen = random.sample(qubits, 3)
        match random.randrange(7):
            case 0 | 1:
                yield call(f"{QIS}{random.choice(ONE)}__body", chosen[0])
            case 2:
                yield call(f"{QIS}{random.choice(ADJOINTS)}__adj", chosen[0])
            case 3:
                yield call(f"{QIS}{random.choice(TURNS)}__body", f"double {random.uniform(-7, 7)!r}", chosen[0])
            case 4:
                angle = f"double {random.uniform(-7, 7)!r}"
                yield call(f"{QIS}{random.choice(TURNS_OF_TWO)}__body", angle, *chosen[:2])
            case 5:
                yield call(f"{QIS}{random.choice(TWO)}__body", *chosen[:2])
            case _:
                yield call(f"{QIS}ccx__body", *chosen)


def records(random: Random) -> Iterator[str]:
    """Results in any order, in arrays and tuples."""
    left = random.sample(range(QUBITS), QUBITS)
    parts = []
    while left:
        size = random.randint(1, len(left))
        parts.append((random.random() < 0.6, left[:size]))
        left = left[size:]
    yield call(f"{RT}tuple_record_output", f"i64 {sum(1 if array else len(it) for array, it in parts)}", "i8* null")
    for array, results in parts:
        if array:
            yield call(f"{RT}array_record_output", f"i64 {len(results)}", "i8* null")
        for it in results:
            yield call(f"{RT}result_record_output", pointer("Result", it), "i8* null")


def program(seed: int) -> str:
    random = Random(seed)
    measured = [call(f"{QIS}mz__body", pointer("Qubit", it), pointer("Result", it)) for it in range(QUBITS)]
    lines = [*gates(random), *measured, *records(random)]
    declared = {}
    for line in lines:
        name, _, arguments = line.split("@")[1].removesuffix(")").partition("(")
        declared[name] = ", ".join(it.split(" ")[0] for it in arguments.split(", "))
    return "\n".join(
        [
            "%Qubit = type opaque\n%Result = type opaque\n",
            "define void @main() #0 {",
            *lines,
            "  ret void\n}\n",
            *(f"declare void @{name}({types})" for name, types in declared.items()),
            f'attributes #0 = {{ "entry_point" "qir_profiles"="base_profile" "required_num_qubits"="{QUBITS}" '
            f'"required_num_results"="{QUBITS}" }}',
        ]
    )


def bits(value: Any) -> str:  # results, lists and tuples in one another
    """A value of Microsoft's simulator as our documentation says that it is counted."""
    return " ".join(reversed(["".join(reversed(it)) for it in _registers(value)]))


def _registers(value: Any) -> list[list[str]]:
    if isinstance(value, Result):
        return [[_bit(value)]]
    found: list[list[str]] = []
    joined = False
    for it in value:
        if isinstance(it, Result) and joined:
            found[-1].append(_bit(it))
        else:
            found += _registers(it)
        joined = isinstance(it, Result)
    return found


def _bit(value: object) -> str:
    return "1" if value == Result.One else "0"


@pytest.mark.parametrize("seed", range(12))
def test_results_are_distributed_as_microsofts_simulator_draws_them(seed: int) -> None:
    text = program(seed)
    drawn = Counter(map(bits, run_qir(text, shots=SHOTS, seed=seed + 1, type="cpu")))
    expected = ideal_distribution(parse(text))
    assert compare(drawn, expected, seed=seed).p_value > LEAST


@pytest.mark.parametrize("seed", range(12))
def test_bitcode_and_openqasm_are_the_same_program(seed: int) -> None:
    text = program(seed)
    bitcode = pyqir.Module.from_ir(pyqir.Context(), text).bitcode
    assert read(bitcode, Limits()) == read(text.encode(), Limits())
    written = as_openqasm(read(text.encode(), Limits()))
    assert ideal_distribution(parse(written)) == pytest.approx(ideal_distribution(parse(text)))


def test_a_wrong_order_of_bits_would_show() -> None:
    text = program(WIDE)
    drawn = Counter(map(bits, run_qir(text, shots=SHOTS, seed=1, type="cpu")))
    turned = Counter({" ".join(part[::-1] for part in it.split()): count for it, count in drawn.items()})
    assert max(parse(text).registers) > 2
    assert compare(turned, ideal_distribution(parse(text))).p_value < LEAST
