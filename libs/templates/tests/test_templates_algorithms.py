"""Templates of textbook algorithms, compared with formulas, brute force and circuits of Qiskit's library."""

from __future__ import annotations

from itertools import combinations, product
from math import cos, pi, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit.library import zz_feature_map
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector

from queuebit_templates import Item, Measured, Program
from queuebit_templates.circuits import fourier, openqasm

from .runs import driven, exact, mixed, program_of

STATES = ("phi+", "phi-", "psi+", "psi-")


@pytest.mark.parametrize(("made", "asked"), [*product(STATES, STATES)])
def test_the_fidelity_of_a_bell_state_is_one_with_itself_and_zero_with_others(made: str, asked: str) -> None:
    sources = {it.source for it in program_of("bell", state=made).items}
    (source,) = sources

    def run(program: Program, item: Item) -> Measured:
        return exact(program, Item(source, observables=item.observables))

    reading, _ = driven("bell", run, state=asked)
    assert reading.values["fidelity"] == pytest.approx(float(made == asked), abs=1e-9)
    assert reading.values["entangled"] is (made == asked)


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_fidelity_of_a_ghz_state_with_white_noise(n: int, share: float) -> None:
    reading, (program,) = driven("ghz", mixed(share), n=n)
    assert reading.values["fidelity"] == pytest.approx(share + (1 - share) / 2**n, abs=1e-6)
    assert len(program.items) == n + 1


@pytest.mark.parametrize("phase", [0.0, 0.7, pi])
def test_the_fidelity_of_a_ghz_state_with_a_wrong_phase(phase: float) -> None:
    def run(program: Program, item: Item) -> Measured:
        return exact(program, Item(item.source.replace("h q[0];", f"h q[0]; rz({phase}) q[0];", 1)))

    reading, _ = driven("ghz", run, n=4)
    assert reading.values["fidelity"] == pytest.approx(cos(phase / 2) ** 2, abs=1e-9)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_fourier_transform_is_the_matrix_of_its_definition(size: int) -> None:
    from qiskit import qasm3

    wanted = np.array([[np.exp(2j * pi * x * y / 2**size) for x in range(2**size)] for y in range(2**size)])
    forth, back = (
        Operator(qasm3.loads(openqasm(size, fourier(range(size), inverse=it), measured=()))).data
        for it in (False, True)
    )
    assert np.allclose(forth, wanted / 2 ** (size / 2))
    assert np.allclose(back @ forth, np.eye(2**size))


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 5).flatmap(lambda n: st.tuples(st.just(n), *[st.integers(0, 2**n - 1)] * 2)))
def test_the_adder_adds(numbers: tuple[int, int, int]) -> None:
    n, x, shift = numbers
    reading, _ = driven("qft", exact, n=n, x=x, shift=shift)
    assert reading.values["sum"] == reading.values["expected"] == (x + shift) % 2**n
    assert reading.values["success"] == pytest.approx(1.0)


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 5), st.floats(0, 1, exclude_max=True, allow_subnormal=False))
def test_phase_estimation_has_the_distribution_of_the_formula(n: int, phase: float) -> None:
    program = program_of("phase-estimation", n=n, phase=phase)
    measured, size = exact(program, program.items[0]), 2**n
    for outcome in range(size):
        amplitude = np.mean(np.exp(2j * pi * np.arange(size) * (phase - outcome / size)))
        assert measured.share(f"{outcome:0{n}b}") == pytest.approx(abs(amplitude) ** 2, abs=1e-9)
    reading, _ = driven("phase-estimation", exact, n=n, phase=phase)
    assert float(str(reading.values["error"])) <= 0.5 / size + 1e-9
    assert float(str(reading.values["within_one_step"])) > 0.81


@pytest.mark.parametrize(("marked", "iterations"), [("101", None), ("0110,1111", None), ("01", 1), ("000,001,110", 1)])
def test_grover_succeeds_as_the_formula_says(marked: str, iterations: int | None) -> None:
    reading, _ = driven("grover", exact, marked=marked, iterations=iterations)
    assert reading.values["success"] == pytest.approx(reading.values["ideal"], abs=1e-9)
    words, size = marked.split(","), 2 ** len(marked.split(",", maxsplit=1)[0])
    half = np.arcsin(np.sqrt(len(words) / size))
    assert reading.values["ideal"] == pytest.approx(sin((2 * int(str(reading.values["rounds"])) + 1) * half) ** 2)
    assert reading.values["found"] in words


@pytest.mark.parametrize("size", range(2, 6))
def test_grovers_number_of_rounds_is_the_best_one(size: int) -> None:
    def success(rounds: int | None) -> float:
        return float(str(driven("grover", exact, marked="1" * size, iterations=rounds)[0].values["success"]))

    best = success(None)
    first_peak = range(int(pi / 4 * 2 ** (size / 2)) + 1)
    assert best == pytest.approx(max(map(success, first_peak)))


ISING = {"ZZ": -1.0, "XI": -0.7, "IX": -0.4, "II": 2.5}


@pytest.mark.parametrize(("hamiltonian", "layers", "sweeps"), [(None, 1, 4), (ISING, 1, 8)])
def test_vqe_reaches_the_least_eigenvalue(hamiltonian: dict[str, float] | None, layers: int, sweeps: int) -> None:
    given = {} if hamiltonian is None else {"hamiltonian": hamiltonian}
    reading, programs = driven("vqe", exact, layers=layers, sweeps=sweeps, **given)
    operator = SparsePauliOp.from_list([*(hamiltonian or _H2).items()]).to_matrix()
    least = np.linalg.eigvalsh(operator)[0]
    assert reading.values["energy"] == pytest.approx(least, abs=2e-3)
    course = reading.values["course"]
    assert isinstance(course, list)
    assert course == sorted(course, reverse=True), "an exact minimum in one angle never raises the energy"
    assert len(programs) == sweeps * len(next(iter(hamiltonian or _H2))) * (layers + 1) + 1


_H2 = {
    "II": -1.052373245772859,
    "IZ": 0.39793742484318045,
    "ZI": -0.39793742484318045,
    "ZZ": -0.01128010425623538,
    "XX": 0.18093119978423156,
}


def test_the_kernel_is_the_overlap_of_qiskits_feature_map() -> None:
    points = [[0.2, 1.1, 0.4], [0.9, 0.3, 2.0], [1.5, 1.4, 0.1]]
    reading, _ = driven("quantum-kernel", exact, points=points, labels=[1, 1, -1], layers=2)
    mapped = zz_feature_map(3, reps=2, entanglement="full")
    states = [Statevector(mapped.assign_parameters(it)) for it in points]
    kernel = reading.values["kernel"]
    assert isinstance(kernel, list)
    for i, j in combinations(range(3), 2):
        assert kernel[i][j] == pytest.approx(abs(states[i].inner(states[j])) ** 2, abs=1e-9)
        assert kernel[j][i] == kernel[i][j]
    assert [kernel[it][it] for it in range(3)] == [1.0] * 3


def test_two_separate_clusters_have_every_point_nearer_to_its_own_class() -> None:
    reading, _ = driven("quantum-kernel", exact, points=[[0.1], [0.15], [1.6], [1.65]], labels=[-1, -1, 1, 1], layers=1)
    assert reading.values["accuracy"] == 1.0
    mixed_up, _ = driven(
        "quantum-kernel", exact, points=[[0.1], [1.6], [0.15], [1.65]], labels=[-1, -1, 1, 1], layers=1
    )
    assert float(str(mixed_up.values["alignment"])) < float(str(reading.values["alignment"]))


def test_the_anomaly_scores_are_distances_from_a_reference_in_qiskits_feature_map() -> None:
    reference, points = [[0.3, 1.1], [0.4, 1.0], [0.35, 1.2], [0.3, 1.0]], [[0.33, 1.1], [2.0, 0.1]]
    reading, _ = driven("anomaly-kernel", exact, reference=reference, points=points, allowed=0)
    states = [Statevector(zz_feature_map(2, reps=2).assign_parameters(it)) for it in [*reference, *points]]
    overlaps = [[abs(one.inner(other)) ** 2 for other in states] for one in states]
    scores = [1 - sum(overlaps[4 + at][:4]) / 4 for at in range(2)]
    usual = [1 - (sum(overlaps[at][:4]) - 1) / 3 for at in range(4)]
    assert reading.values["scores"] == pytest.approx(scores, abs=1e-9)
    assert reading.values["reference"] == pytest.approx(usual, abs=1e-9)
    assert reading.values["threshold"] == pytest.approx(max(usual), abs=1e-9)
    assert reading.values["anomalies"] == [1]
