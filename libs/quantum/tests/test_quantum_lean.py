"""What an SDK imports and no backend uses stays out of an executor's process."""

from __future__ import annotations

import subprocess
import sys

import pytest

_OPEN = """
import sys
from queuebit_quantum import load_stack, parse
stack = load_stack(sys.argv[1])
stack.preload()
source = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'
stack.backends[sys.argv[2]]().compile(parse(source), 1)
print(*sorted(name for name, module in sys.modules.items() if getattr(module, "__file__", None)))
"""


@pytest.mark.parametrize(
    ("stack", "backend", "absent"),
    [
        ("aer", "aer", {"qiskit_ibm_runtime", "matplotlib", "requests"}),
        ("cirq", "cirq", {"qiskit_ibm_runtime", "pandas", "matplotlib", "mpl_toolkits"}),
        ("ibm", "emulated-ibm-manila", {"ibm_cloud_sdk_core", "cryptography", "requests"}),
    ],
)
def test_a_stack_compiles_without_what_it_does_not_use(stack: str, backend: str, absent: set[str]) -> None:
    done = subprocess.run([sys.executable, "-c", _OPEN, stack, backend], capture_output=True, text=True, check=True)
    loaded = {*done.stdout.split()}
    assert "qiskit" in loaded
    assert not absent & loaded
    assert not done.stderr
