"""Queuebit from PennyLane: `qml.device("queuebit", wires=2, backend="aer")`, whose batches of tapes are one job."""

from queuebit_pennylane.device import QueuebitDevice

__all__ = ["QueuebitDevice"]
