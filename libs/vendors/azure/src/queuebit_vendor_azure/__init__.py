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
}
"""The name of each backend's target at Azure."""


def _open(id_: str) -> Backend:
    from queuebit_vendor_azure.device import QuantinuumAtAzure

    return QuantinuumAtAzure(id_, TARGETS[id_])


stack = Stack({id_: partial(_open, id_) for id_ in TARGETS}, offered=("azure-quantinuum-h2-1e",))
