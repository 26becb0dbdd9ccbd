"""What an SDK imports and no backend uses stays out of an executor's process."""

from __future__ import annotations

import subprocess
import sys

import pytest

_OPEN = """
import sys
from queuebit_quantum import load_stack, parse
stack = load_stack(sys.argv[1])
if stack.preload is not None:
    stack.preload()
source = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'
stack.backends[sys.argv[1]]().compile(parse(source), 1)
print(*sorted({name.partition(".")[0] for name, module in sys.modules.items() if getattr(module, "__file__", None)}))
"""


@pytest.mark.parametrize("stack", ["aer", "cirq"])
def test_a_stack_runs_without_the_client_of_a_vendor_and_without_data_frames(stack: str) -> None:
    done = subprocess.run([sys.executable, "-c", _OPEN, stack], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "qiskit" in loaded
    assert not {"qiskit_ibm_runtime", "pandas"} & {*loaded}
    assert not done.stderr
