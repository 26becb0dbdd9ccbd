"""What the configuration of a device of IBM says to planners, emulated or not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qiskit.transpiler import Target

from queuebit_quantum.backends import Description
from queuebit_quantum.calibration import Calibration
from queuebit_quantum.compile_options import DEVICE_OPTIONS

__all__ = ["EMULATED", "ibm_description"]

EMULATED = frozenset({"mid_circuit_measurement", "reset", "conditional", "verbatim"}) | DEVICE_OPTIONS
"""Circuit features and compile options of a device that is simulated here."""

_OVERHEAD_S = 2.0
"""About two seconds per job, from IBM's guide "Estimate job run time"."""
_REP_DELAY_S = 250e-6
"""IBM's default pause between shots, for devices that state none."""


def ibm_description(
    id_: str,
    target: Target,
    configuration: Any,  # of a class of the SDK, which ships no types
    calibration: Calibration,
    *,
    kind: str = "emulated",
    features: Iterable[str] = EMULATED,
    remote: bool = False,
) -> Description:
    """Describe a device of IBM as of a calibration."""
    rep_delay = getattr(configuration, "default_rep_delay", None)
    return Description(
        id=id_,
        vendor="IBM",
        kind=kind,
        num_qubits=target.num_qubits,
        basis_gates=tuple(sorted(target.operation_names)),
        couplings=len(calibration.couplers),
        features=frozenset(features),
        max_shots=int(configuration.max_shots),
        target_digest=calibration.digest,
        calibrated_at=calibration.calibrated_at,
        calibration_digest=calibration.digest,
        rep_delay_s=_REP_DELAY_S if rep_delay is None else float(rep_delay),
        overhead_s=_OVERHEAD_S,
        remote=remote,
    )
