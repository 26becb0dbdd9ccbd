"""Backends of Azure Quantum. Importing this package loads no SDK."""

from __future__ import annotations

from functools import partial

from queuebit_quantum import Backend, Stack

__all__ = ["TARGETS", "stack"]

TARGETS = {
    "azure-quantinuum-h2-1e": "quantinuum.sim.h2-1e",
    "azure-quantinuum-h2-2e": "quantinuum.sim.h2-2e",
    "azure-quantinuum-h2-1": "quantinuum.qpu.h2-1",
    "azure-quantinuum-h2-2": "quantinuum.qpu.h2-2",
    "azure-ionq-simulator": "ionq.simulator",
    "azure-ionq-aria-1": "ionq.qpu.aria-1",
    "azure-ionq-forte-1": "ionq.qpu.forte-1",
    "azure-ionq-forte-enterprise-1": "ionq.qpu.forte-enterprise-1",
}
"""The name of each backend's target at Azure."""


def _open(id_: str) -> Backend:
    from queuebit_vendor_azure.device import AzureDevice
    from queuebit_vendor_azure.ionq import ionq
    from queuebit_vendor_azure.quantinuum import quantinuum

    target = TARGETS[id_]
    provider = ionq(target) if target.startswith("ionq.") else quantinuum(target)
    return AzureDevice(id_, target, provider)


stack = Stack({id_: partial(_open, id_) for id_ in TARGETS}, offered=("azure-quantinuum-h2-1e",))
