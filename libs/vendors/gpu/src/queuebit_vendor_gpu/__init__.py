"""Qiskit Aer on a GPU of NVIDIA. Importing this package loads no SDK."""

from __future__ import annotations

from functools import partial

from queuebit_quantum import Backend, Stack

__all__ = ["stack"]

_RESERVED = 1 << 42
"""Addresses that CUDA reserves for the memory of all GPUs, in bytes; it uses few of them."""


def _open(id_: str, *, custatevec: bool) -> Backend:
    from queuebit_vendor_gpu.devices import found
    from queuebit_vendor_gpu.simulator import AerGpu

    return AerGpu(id_, found(), custatevec=custatevec)


def _absent() -> str:
    from queuebit_vendor_gpu.devices import found

    return found().absent


stack = Stack(
    {
        "local-aer-gpu": partial(_open, "local-aer-gpu", custatevec=False),
        "local-aer-custatevec": partial(_open, "local-aer-custatevec", custatevec=True),
    },
    offered=("local-aer-gpu",),
    absent=_absent,
    reserved_bytes=_RESERVED,
    devices=("/dev/nvidia*",),
)
"""Aer's own kernels, and those of NVIDIA's cuStateVec. A machine without a GPU has neither."""
