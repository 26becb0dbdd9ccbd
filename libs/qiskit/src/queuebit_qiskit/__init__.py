"""Queuebit from Qiskit: a service with backends, and primitives whose calls are one job each.

service = QueuebitService()
sampler = SamplerV2(service.backend("aer"))
print(sampler.run([circuit]).result()[0].data.c.get_counts())
"""

from queuebit_qiskit.backend import QueuebitBackend
from queuebit_qiskit.errors import JobFailure, JobRefused, JobTimeout
from queuebit_qiskit.jobs import CircuitJob, PrimitiveJob
from queuebit_qiskit.options import EstimatorOptions, SamplerOptions
from queuebit_qiskit.primitives import EstimatorV2, Quote, SamplerV2
from queuebit_qiskit.service import QueuebitService
from queuebit_qiskit.session import Batch, Session

__all__ = [
    "Batch",
    "CircuitJob",
    "EstimatorOptions",
    "EstimatorV2",
    "JobFailure",
    "JobRefused",
    "JobTimeout",
    "PrimitiveJob",
    "QueuebitBackend",
    "QueuebitService",
    "Quote",
    "SamplerOptions",
    "SamplerV2",
    "Session",
]
