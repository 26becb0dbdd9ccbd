"""A backend returns wrong results, without an error, and its probes find it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from queuebit_gameday.days import BELL, completed, incident, probe_passes
from queuebit_gameday.score import Score
from queuebit_gameday.scratch import Operator
from queuebit_kernel import rfc3339

__all__ = ["install", "play", "prepare"]

_BACKEND: Final = "local-gameday"
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)

_PROBES: Final = f"""\
[probe.mirror]
circuit = "mirror"
backends = ["{_BACKEND}"]
every_minutes = 1
shots = 2000
floor = 0.95
"""

_DEVICE: Final = '''\
"""A simulator that returns noise in half of its shots from a moment on, and says nothing about it."""

from datetime import UTC, datetime

from queuebit_kernel import digest_of
from queuebit_quantum import Compiled, Description, InProcess, Method, Outcome, Stack, require_fit, result_keys

ID, QUBITS = "BACKEND", 8
WORSE_FROM = datetime.fromisoformat("MOMENT")


class Device(InProcess):
    def __init__(self):
        super().__init__()
        self.description = Description(
            id=ID, vendor="Game day", kind="simulator", num_qubits=QUBITS, basis_gates=("h", "x", "cx"),
            max_shots=100_000, target_digest=digest_of({"backend": ID}),
        )

    def compile(self, circuit, seed):
        require_fit(self.description, circuit)
        return Compiled(
            circuit_digest=circuit.digest, target_digest=self.description.target_digest, compiler=ID, seed=seed,
            two_qubit_gates=circuit.two_qubit_gates, depth=circuit.depth, program=circuit,
            registers=circuit.registers, physical_qubits=circuit.touched,
            methods=(Method("statevector", 10**7, 2_000, 16 << QUBITS),),
        )

    def run(self, item):
        import numpy as np
        from qiskit.quantum_info import Statevector

        program = item.compiled.program.quantum_circuit
        bare, wires = program.copy_empty_like(), {}
        for step in program.data:
            if step.operation.name == "measure":
                wires[program.find_bit(step.clbits[0]).index] = program.find_bit(step.qubits[0]).index
            else:
                bare.append(step)
        chances = Statevector.from_instruction(bare).probabilities()
        if datetime.now(UTC) >= WORSE_FROM:
            chances = chances / 2 + 0.5 / len(chances)
        drawn = np.random.default_rng(item.seed).multinomial(item.shots, chances / chances.sum())
        counts = {}
        for state in drawn.nonzero()[0]:
            value = sum((int(state) >> qubit & 1) << clbit for clbit, qubit in wires.items())
            counts[value] = counts.get(value, 0) + int(drawn[state])
        return Outcome(result_keys(counts, item.compiled.registers))


stack = Stack({ID: Device})
'''
"""The module of the device; its executor loads it, so that this package needs no quantum SDK."""


def install(folder: Path, version: str, worse_from: datetime) -> None:
    """Put the device into a folder of packages, instead of another version of it."""
    for old in folder.glob("queuebit_gameday_device*"):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    text = _DEVICE.replace("BACKEND", _BACKEND).replace("MOMENT", worse_from.isoformat())
    (folder / "queuebit_gameday_device.py").write_text(text, encoding="utf-8")
    about = folder / f"queuebit_gameday_device-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: queuebit-gameday-device\nVersion: {version}\n")
    (about / "entry_points.txt").write_text("[queuebit.backends]\ngameday = queuebit_gameday_device:stack\n")


def prepare(stack: Operator) -> None:
    """Install the device as it should be, and set up its probe."""
    install(stack.plugins, "1.0", _NEVER)
    stack.qb("probe", "setup", "--budget", "10")
    stack.home.probes_file.write_text(_PROBES, encoding="utf-8")


def play(stack: Operator, score: Score) -> None:
    """Let the device become worse, find it by its probe, keep users away, and repair it."""
    if not score.wait("before", "a probe of the device passed", lambda: _newest(stack, "passed"), 150):
        return
    began = datetime.now(UTC) + timedelta(seconds=5)
    install(stack.plugins, "1.1", began)
    score.injected()
    score.wait("detection", "a probe is below its floor", lambda: _newest(stack, "below"), 180)
    score.wait(
        "detection",
        "two bad probes in a row page",
        lambda: stack.firing(alertname="ProbeFailing", severity="page", backend=_BACKEND),
        150,
    )
    score.wait("detection", "an incident is open", lambda: incident(stack), 30)
    stack.qb("tenant", "limit", "demo", "playground", "--backends", "aer")
    kept = [it["state"] for it in stack.submit(BELL, "--backend", _BACKEND)]
    score.check("containment", "jobs of users on the device are refused", kept == ["rejected"], ", ".join(kept))
    elsewhere = completed(stack.submit(BELL))
    score.check("containment", "jobs of users complete elsewhere", elsewhere is not None, elsewhere or "none")
    install(stack.plugins, "1.2", _NEVER)
    score.wait("repair", "the command of the runbook ends with 0", lambda: probe_passes(stack, _BACKEND), 120)
    stack.qb("incident", "note", "latest", "a game day: the device returned noise", "--cause", rfc3339(began))
    closed = stack.run("incident", "resolve", "latest", "--reason", "the device was replaced").returncode == 0
    score.check("repair", "the incident is resolved, with its cause", closed)
    score.check("repair", "`qb verify` finds every invariant", stack.is_verified())


def _newest(stack: Operator, state: str) -> str | None:
    found = [it for it in stack.ask("probe", "list") or () if it["backend"] == _BACKEND and it["state"] == state]
    return str(found[0]["text"]) if found else None
