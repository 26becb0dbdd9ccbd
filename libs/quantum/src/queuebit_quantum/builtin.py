"""The stacks that ship with this package, for its entry points. An SDK is imported when its first backend is opened."""

from __future__ import annotations

from functools import partial

from queuebit_quantum.backends import Backend
from queuebit_quantum.catalog import Stack

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


aer = Stack({"aer": _aer})
"""Qiskit Aer, without noise."""

cirq = Stack({"cirq": _cirq})
"""Google's simulator."""

ibm = Stack(
    {id_: partial(_emulated_ibm, id_) for id_ in _SNAPSHOTS},
    offered=tuple(id_ for id_ in _SNAPSHOTS if id_ != "emulated-ibm-brisbane"),
)
"""IBM devices, emulated from calibration snapshots. Brisbane is similar to Sherbrooke and not offered by default."""
