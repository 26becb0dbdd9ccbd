"""The stacks for the entry points. The SDK is imported when a backend is opened.

The names of devices are those of `braket.devices.Devices` in Amazon Braket's SDK.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import Final

from queuebit_quantum import Backend, Stack

__all__ = ["DEVICES", "SIMULATORS", "braket", "local"]

DEVICES: Final = MappingProxyType(
    {
        "braket-sv1": "arn:aws:braket:::device/quantum-simulator/amazon/sv1",
        "braket-dm1": "arn:aws:braket:::device/quantum-simulator/amazon/dm1",
        "braket-iqm-garnet": "arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet",
        "braket-iqm-emerald": "arn:aws:braket:eu-north-1::device/qpu/iqm/Emerald",
        "braket-rigetti-cepheus-1": "arn:aws:braket:us-west-1::device/qpu/rigetti/Cepheus-1-108Q",
        "braket-ionq-forte-1": "arn:aws:braket:us-east-1::device/qpu/ionq/Forte-1",
        "braket-ionq-forte-enterprise-1": "arn:aws:braket:us-east-1::device/qpu/ionq/Forte-Enterprise-1",
        "braket-aqt-ibex-q1": "arn:aws:braket:eu-north-1::device/qpu/aqt/Ibex-Q1",
    }
)
"""The name at Amazon of each backend that runs there."""

SIMULATORS: Final = MappingProxyType({"braket-sv": "braket_sv", "braket-dm": "braket_dm"})
"""The name in the SDK of each simulator that runs here."""


def _device(id_: str) -> Backend:
    from queuebit_vendor_braket.device import BraketDevice

    return BraketDevice(id_, DEVICES[id_])


def _simulator(id_: str) -> Backend:
    from queuebit_vendor_braket.simulators import BraketSimulator

    return BraketSimulator(id_, SIMULATORS[id_])


braket = Stack({id_: partial(_device, id_) for id_ in DEVICES}, offered=("braket-sv1",))
"""Amazon Braket's service. Offers a simulator unless `backends.toml` names devices: opening one asks the service."""

local = Stack({id_: partial(_simulator, id_) for id_ in SIMULATORS})
"""The simulators of the SDK, in the executor's own process. They need no account."""
