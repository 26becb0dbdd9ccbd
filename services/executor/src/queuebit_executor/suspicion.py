"""Why a result may be wrong although its job completed. No input or output."""

from __future__ import annotations

from queuebit_contracts.wire import Digest, Reason

__all__ = ["recalibrated"]


def recalibrated(backend: str, before: Digest | None, after: Digest | None) -> Reason | None:
    """The reason if the calibration of the device changed from the start of a run to its end.

    Args:
        backend: the device.
        before: the digest of the calibration that the circuit was compiled for; None if it is not known.
        after: that of the calibration at the end; None if it is not known.
    """
    if before is None or after is None or before == after:
        return None
    text = f"the calibration of {backend} changed while the job ran, from {before[:19]}… to {after[:19]}…: run it again"
    return Reason(code="recalibrated", text=f"{text} if the difference matters")
