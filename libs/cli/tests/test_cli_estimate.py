"""`qb estimate`: figures of the estimator, laws that they obey, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from queuebit_cli.estimates import MODELS, Estimates, estimates
from queuebit_cli.main import main
from queuebit_cli.render_estimates import duration
from queuebit_stack.errors import Exit

EXAMPLES = Path(__file__).parents[3] / "examples"
HEADER = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[3] q;\nbit[3] c;\n'
FIRST = next(iter(MODELS))


def of(source: str, models: tuple[str, ...] = (FIRST,), budget: float = 0.001, name: str = "a.qasm") -> Estimates:
    return estimates(Path(name), source.encode(), models, budget)


def test_the_table_has_a_row_for_each_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", str(EXAMPLES / "qir" / "asymmetric.ll")]) == Exit.DONE
    head, *lines = capsys.readouterr().out.splitlines()
    assert [it for it in ("physical qubits", "run time", "code distance", "T states") if it in head] == [
        "physical qubits", "run time", "code distance", "T states",
    ]  # fmt: skip
    assert [it.split()[0] for it in lines[: len(MODELS)]] == list(MODELS)
    assert "3 logical qubits" in lines[-1]


def test_json_has_all_fields(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(EXAMPLES / "circuits" / "qft4.qasm")
    models = ["qubit_maj_ns_e4", "qubit_gate_us_e3"]
    assert main(["estimate", file, "--model", models[0], "--model", models[1], "--budget", "0.01", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [it["model"] for it in found["estimates"]] == models
    assert all(it["physical_qubits"] > 0 and it["runtime_ns"] > 0 for it in found["estimates"])


@pytest.mark.parametrize("file", ["circuits/qft4.qasm", "circuits/bell.qasm", "qir/asymmetric.ll", "qir/asymmetric.qs"])
def test_all_languages_are_estimated(file: str) -> None:
    path = EXAMPLES / file
    (found,) = estimates(path, path.read_bytes(), [FIRST], 0.001).of_models
    assert found.failure is None
    assert found.physical_qubits > 0


def test_qir_and_q_sharp_need_the_same() -> None:
    path = EXAMPLES / "qir" / "asymmetric.qs"
    same = path.with_suffix(".ll")
    compiled, read = (estimates(it, it.read_bytes(), [*MODELS], 0.001) for it in (path, same))
    assert compiled.counts == read.counts
    assert compiled.of_models == read.of_models


def test_help_loads_no_estimator() -> None:
    code = (
        "import sys, queuebit_cli.main as m\n"
        "try: m.main(['estimate', '--help'])\nexcept SystemExit: print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"qdk", "qsharp", "queuebit_cli.estimates", "queuebit_quantum", "pydantic"} & {*ran.stdout.split()}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--model", "qubit_warp"], "there is no hardware model 'qubit_warp': choose from qubit_gate_ns_e3"),
        (["--budget", "1"], "'1' is not a number between 0 and 1"),
        (["--budget", "nan"], "'nan' is not a number between 0 and 1"),
    ],
)
def test_bad_words_are_refused_with_those_that_are_known(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["estimate", str(EXAMPLES / "circuits" / "bell.qasm"), *words])
    except SystemExit as stop:
        code = int(str(stop.code))
    assert code == Exit.USAGE
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "source", "text"),
    [
        ("a.qasm", HEADER + "warp q[0];", "cannot be estimated"),
        ("a.ll", "define void @a() { ret void }", "has no entry point"),
        ("a.qs", "operation Run() : Unit { }", "has no entry point"),
        ("a.qs", "operation Main() : Unit { Warp(); }", "cannot be estimated"),
    ],
)
def test_a_program_that_cannot_be_read_is_refused(
    name: str, source: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(source)
    assert main(["estimate", str(tmp_path / name)]) == Exit.USAGE
    assert text in capsys.readouterr().err


def test_without_the_estimator_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "qdk", None)
    assert main(["estimate", str(EXAMPLES / "circuits" / "bell.qasm")]) == Exit.USAGE
    assert "pip install qdk" in capsys.readouterr().err


def test_more_t_gates_never_need_less() -> None:
    found = [of(HEADER + "t q[0];\n" * many + "c = measure q;", (*MODELS,)).of_models for many in (1, 10, 100, 1_000)]
    for less, more in ((less, more) for pair in pairwise(found) for less, more in zip(*pair, strict=True)):
        assert less.t_states < more.t_states
        assert less.runtime_ns <= more.runtime_ns
        assert less.code_distance <= more.code_distance


def test_a_smaller_budget_never_needs_less() -> None:
    program = HEADER + "t q[0]; cx q[0], q[1]; ccx q[0], q[1], q[2];\n" * 20 + "c = measure q;"
    found = [of(program, (*MODELS,), budget).of_models for budget in (0.1, 0.001, 1e-6)]
    for less, more in ((less, more) for pair in pairwise(found) for less, more in zip(*pair, strict=True)):
        assert less.code_distance <= more.code_distance
        assert less.physical_qubits * less.runtime_ns <= more.physical_qubits * more.runtime_ns


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 ns"), (999, "999 ns"), (1_500, "1.5 µs"), (2_000_000, "2 ms"), (90 * 10**9, "1.5 min"),
        (7_200 * 10**9, "2 h"), (86_400 * 10**9 * 12_345, "12,345 days"),
    ],
)  # fmt: skip
def test_a_time_has_a_unit_that_people_read(nanoseconds: int, text: str) -> None:
    assert duration(nanoseconds) == text


def test_the_published_example_has_its_published_figures() -> None:
    """The report of the estimator's own repository: source/resource_estimator/src/system/test_report.json of
    microsoft/qdk, for 100 qubits with 112,110 rotations in 2,001 layers."""
    source = """
        import Std.ResourceEstimation.*;
        operation Main() : Unit {
            use qubits = Qubit[100];
            AccountForEstimates([RotationCount(112110), RotationDepth(2001)], PSSPCLayout(), qubits);
        }
    """
    found = of(source, ("qubit_gate_ns_e3",), 0.001, "a.qs")
    assert (found.counts.qubits, found.counts.rotations, found.counts.rotation_depth) == (100, 112_110, 2_001)
    (it,) = found.of_models
    assert (it.physical_qubits, it.runtime_ns, it.code_distance) == (7_929_620, 1_156_188_000, 19)
    assert (it.t_states, it.t_factories, it.logical_qubits) == (2_242_200, 233, 230)
