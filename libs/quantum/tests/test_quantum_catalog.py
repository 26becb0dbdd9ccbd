"""Backend ids, stacks, and which imports load an SDK."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from queuebit_quantum import (
    DoesNotFit,
    UnknownBackend,
    WorkItem,
    hellinger_fidelity,
    ideal_distribution,
    installed_stacks,
    known_backends,
    open_backend,
    parse,
    stack_of,
)

from .simulators import simulator

EXAMPLES = Path(__file__).parents[3] / "examples" / "circuits"
CERTAIN = {"bernstein_vazirani": "1011", "grover2": "11"}


def test_importing_the_package_loads_no_sdk() -> None:
    program = (
        "import sys, queuebit_quantum as q; q.known_backends('ibm');"
        "print([m for m in ('qiskit', 'cirq', 'numpy', 'qiskit_aer') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=20)
    assert run.stdout.strip() == "[]"


_PLUGIN = "{imports}\nfrom queuebit_quantum import Stack\nstack = Stack({{'{name}': lambda: None}}, absent={absent})\n"
_WORD = {
    "ends": ("import sys; sys.exit(3)", "the process that imported its module ended with status 3"),
    "raises": ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
    "prints": ("print('welcome')", ""),
    "lacks": ("", ""),
    "wavers": ("", "it cannot say if it is absent: ZeroDivisionError"),
}
_ABSENT = {"lacks": "lambda: 'no GPU'", "wavers": "lambda: 1 // 0"}


def test_a_plugin_that_prints_or_exits_does_not_affect_other_plugins(tmp_path: Path) -> None:
    packed = tmp_path / "foreign-1.0.dist-info"
    packed.mkdir()
    (packed / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n")
    entries = "".join(f"{name} = {name}_plugin:stack\n" for name in _WORD)
    (packed / "entry_points.txt").write_text(f"[queuebit.backends]\n{entries}")
    for name, (imports, _) in _WORD.items():
        (tmp_path / f"{name}_plugin.py").write_text(
            _PLUGIN.format(imports=imports, name=name, absent=_ABSENT.get(name))
        )
    run = subprocess.run(
        [sys.executable, "-P", "-m", "queuebit_quantum"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=25,
    )
    listed = json.loads(run.stdout)
    assert {name for name, it in listed.items() if "error" not in it} == {"aer", "cirq", "ibm", "lacks", "prints"}
    assert all(word in listed[name].get("error", "") for name, (_, word) in _WORD.items())
    assert listed["prints"]["backends"] == ["prints"]
    assert {name: it["absent"] for name, it in listed.items() if it.get("absent")} == {"lacks": "no GPU"}


def test_every_backend_belongs_to_one_stack() -> None:
    assert installed_stacks().keys() >= {"aer", "cirq", "ibm"}
    assert sum(len(known_backends(name)) for name in installed_stacks()) == len(set(known_backends())) >= 8
    assert all(id_ in stack_of(id_).backends for id_ in known_backends())


@pytest.mark.parametrize("id_", ["", "ibm_torino", "Aer", "aer "])
def test_the_error_for_an_unknown_backend_lists_the_known_backends(id_: str) -> None:
    with pytest.raises(UnknownBackend, match="emulated-ibm-torino"):
        open_backend(id_)


@pytest.mark.parametrize("id_", ["aer", "cirq", "emulated-ibm-torino", "emulated-ibm-manila"])
def test_a_description_matches_its_id(id_: str) -> None:
    backend = open_backend(id_)
    assert backend.describe().id == id_
    assert open_backend(id_) is backend
    emulated = id_.startswith("emulated-")
    assert (backend.describe().kind == "emulated") == emulated
    assert (backend.describe().calibrated_at is not None) == emulated
    assert (backend.calibrate() is not None) == emulated


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.qasm")), ids=lambda path: path.stem)
def test_examples_give_the_documented_results(path: Path) -> None:
    circuit = parse(path.read_text())
    aer, device = simulator("aer"), simulator("emulated-ibm-manila")
    ideal = aer.run(WorkItem(aer.compile(circuit, 1), 4_000, 1)).counts
    if path.stem in CERTAIN:
        assert ideal == {CERTAIN[path.stem]: 4_000}
    if not circuit.features:
        assert hellinger_fidelity(ideal, ideal_distribution(circuit)) > 0.99
    noisy = device.run(WorkItem(device.compile(circuit, 1), 2_000, 1)).counts
    assert hellinger_fidelity(ideal, noisy) > 0.7


def test_teleportation_keeps_the_state() -> None:
    circuit = parse((EXAMPLES / "teleport.qasm").read_text())
    aer = simulator("aer")
    counts = aer.run(WorkItem(aer.compile(circuit, 1), 8_000, 1)).counts
    ones = sum(count for bits, count in counts.items() if bits[0] == "1") / 8_000
    assert ones == pytest.approx(0.25, abs=0.025), "five standard deviations of 8,000 shots"
    with pytest.raises(DoesNotFit, match="conditional"):
        open_backend("cirq").compile(circuit, 1)
