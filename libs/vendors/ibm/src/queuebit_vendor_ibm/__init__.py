"""IBM Quantum through `qiskit-ibm-runtime`: its devices, and its local mode on snapshots of devices.

Importing this package loads no SDK.
"""

from __future__ import annotations

import os
from functools import partial

from queuebit_quantum import Backend, Stack

__all__ = ["local", "quantum"]

_DEVICES = (
    *("ibm_aachen", "ibm_berlin", "ibm_boston", "ibm_brussels", "ibm_cleveland", "ibm_fez", "ibm_kawasaki"),
    *("ibm_kingston", "ibm_marrakesh", "ibm_miami", "ibm_pittsburgh", "ibm_quebec", "ibm_rensselaer", "ibm_torino"),
)
"""IBM's names of devices that are known here. `QISKIT_IBM_DEVICES` adds others."""

_SNAPSHOTS = {
    "fake-fez": "FakeFez",
    "fake-hanoi": "FakeHanoiV2",
    "fake-manila": "FakeManilaV2",
    "fake-perth": "FakePerth",
    "fake-torino": "FakeTorino",
}


def _id(device: str) -> str:
    """The id of a backend: `ibm-fez` for the device that IBM calls ibm_fez."""
    return f"ibm-{device.removeprefix('ibm_')}".lower()


def _device(name: str) -> Backend:
    from queuebit_vendor_ibm.device import IbmDevice

    return IbmDevice(_id(name), name)


def _local(id_: str) -> Backend:
    from queuebit_vendor_ibm.local import LocalRuntime

    return LocalRuntime(id_, _SNAPSHOTS[id_])


_named = [*_DEVICES, *os.environ.get("QISKIT_IBM_DEVICES", "").replace(",", " ").split()]

quantum = Stack({_id(name): partial(_device, name) for name in _named}, offered=("ibm-fez",))
"""IBM's devices. An installation names those that its account can use in `backends.toml`."""

local = Stack({id_: partial(_local, id_) for id_ in _SNAPSHOTS}, offered=("fake-manila", "fake-torino"))
"""Qiskit Runtime's local mode: `SamplerV2` on snapshots of devices."""
