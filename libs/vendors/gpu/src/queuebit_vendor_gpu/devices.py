"""`python -m queuebit_vendor_gpu.devices`: print what GPUs this machine has, as JSON.

A process of its own asks NVIDIA's driver: children are forked from the process that opens backends, and CUDA does not
work in a child of a process that has used it. Aer is not enough to ask: version 0.18.2 lists the device `GPU` also
where there is no driver.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Devices", "found", "look"]

_ASK_S = 25.0
"""Seconds until an answer is given up. To load Aer and CUDA's libraries takes ten on a slow disk."""

_DRIVER = "libcuda.so.1"


@dataclass(frozen=True, slots=True)
class Devices:
    """The GPUs of this machine."""

    absent: str = ""
    """Why there is none that can be used; empty if there is one."""
    name: str = ""
    """Of the first one, as NVIDIA names it."""
    memory_bytes: int = 0
    """Of the smallest one."""
    gates: tuple[str, ...] = ()
    """The operations that Aer simulates with a state vector."""


def found() -> Devices:
    """Ask a new process."""
    words = [sys.executable, "-P", "-m", "queuebit_vendor_gpu.devices"]
    try:
        asked = subprocess.run(words, capture_output=True, text=True, timeout=_ASK_S, check=True)
        answer: dict[str, Any] = json.loads(asked.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        said = (getattr(error, "stderr", "") or "").strip()[-200:]
        return Devices(f"the GPUs of this machine cannot be asked for: {error!s:.200} {said}".strip())
    return Devices(**{**answer, "gates": tuple(answer["gates"])})


def look() -> Devices:
    """Ask the driver, and then Aer, in this process."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return Devices(
            f"no GPU: this machine has no driver of NVIDIA ({_DRIVER}). Install it, then start the stack again"
        )
    if status := driver.cuInit(0):
        return Devices(f"no GPU: NVIDIA's driver finds none that works (cuInit: {status}). `nvidia-smi` says more")
    count = ctypes.c_int()
    if driver.cuDeviceGetCount(ctypes.byref(count)) or count.value < 1:
        return Devices("no GPU: NVIDIA's driver lists none. `nvidia-smi -L` does too; see CUDA_VISIBLE_DEVICES")
    memory_bytes = min(_memory_bytes(driver, number) for number in range(count.value))
    name = ctypes.create_string_buffer(100)
    driver.cuDeviceGetName(name, len(name), 0)
    return _simulated(name.value.decode(errors="replace"), memory_bytes)


def _memory_bytes(driver: Any, number: int) -> int:  # a library, which has no types
    """Of one GPU; 0 if the driver does not say."""
    size = ctypes.c_size_t()
    return 0 if driver.cuDeviceTotalMem_v2(ctypes.byref(size), number) else size.value


def _simulated(name: str, memory_bytes: int) -> Devices:
    from qiskit_aer import AerSimulator

    simulator = AerSimulator(method="statevector")
    if "GPU" not in simulator.available_devices():
        return Devices(
            "no GPU: qiskit-aer of this environment is built without GPUs. Install qiskit-aer-gpu in its place, as "
            "libs/vendors/gpu/README.md says"
        )
    return Devices("", name, memory_bytes, tuple(sorted(simulator.target.operation_names)))


if __name__ == "__main__":
    print(json.dumps(asdict(look())))
