"""The stacks that ship with this package, for its entry points. An SDK is imported when its first backend is opened."""

from __future__ import annotations

from functools import partial

from queuebit_quantum.backends import Backend
from queuebit_quantum.catalog import Stack
from queuebit_quantum.lean import leave_out, only_modules_of, stand_in

__all__ = ["aer", "cirq", "ibm"]

_SNAPSHOTS = {
    "emulated-ibm-brisbane": "FakeBrisbane",
    "emulated-ibm-hanoi": "FakeHanoiV2",
    "emulated-ibm-manila": "FakeManilaV2",
    "emulated-ibm-perth": "FakePerth",
    "emulated-ibm-sherbrooke": "FakeSherbrooke",
    "emulated-ibm-torino": "FakeTorino",
}


def _aer() -> Backend:
    from queuebit_quantum.aer import Aer

    return Aer()


def _cirq() -> Backend:
    from queuebit_quantum.cirq_stack import CirqSimulator

    return CirqSimulator()


def _emulated_ibm(id_: str) -> Backend:
    from queuebit_quantum.ibm import EmulatedIbm

    return EmulatedIbm(id_, _SNAPSHOTS[id_])


def _lean_aer() -> None:
    """Qiskit looks for compiler plugins, and finds those of IBM's client: 75 MB."""
    leave_out("qiskit_ibm_runtime")


def _lean_cirq() -> None:
    """Cirq imports pandas for results as data frames and matplotlib for plots: 90 MB."""
    leave_out("qiskit_ibm_runtime")
    stand_in("pandas", "matplotlib", "mpl_toolkits")


def _lean_ibm() -> None:
    """Only the snapshots are needed of IBM's client, not what it needs to reach IBM: 65 MB.

    Qiskit's compiler looks for its plugins when it is first used, for 0.2 s: each child would do so again.
    """
    only_modules_of("qiskit_ibm_runtime")
    from qiskit.transpiler.passes.synthesis.plugin import HighLevelSynthesisPluginManager
    from qiskit.transpiler.preset_passmanagers.plugin import PassManagerStagePluginManager

    PassManagerStagePluginManager()
    HighLevelSynthesisPluginManager()


aer = Stack({"aer": _aer}, preload=_lean_aer)
"""Qiskit Aer, without noise."""

cirq = Stack({"cirq": _cirq}, preload=_lean_cirq)
"""Google's simulator."""

ibm = Stack(
    {id_: partial(_emulated_ibm, id_) for id_ in _SNAPSHOTS},
    offered=tuple(id_ for id_ in _SNAPSHOTS if id_ != "emulated-ibm-brisbane"),
    preload=_lean_ibm,
)
"""IBM devices, emulated from calibration snapshots. Brisbane is similar to Sherbrooke and not offered by default."""
