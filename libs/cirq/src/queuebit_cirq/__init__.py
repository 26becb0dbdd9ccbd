"""Queuebit from Cirq: a sampler, and an exporter to OpenQASM 3 that writes circuits exactly or refuses them."""

from queuebit_cirq.errors import NotExported
from queuebit_cirq.exporting import Export, export
from queuebit_cirq.results import ResultDict
from queuebit_cirq.sampler import QueuebitSampler

__all__ = ["Export", "NotExported", "QueuebitSampler", "ResultDict", "export"]
