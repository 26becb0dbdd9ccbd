"""`SamplerV2` and `EstimatorV2`: one call is one job, however many pubs and parameter sets it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2
from qiskit.primitives.containers.estimator_pub import EstimatorPub, EstimatorPubLike
from qiskit.primitives.containers.sampler_pub import SamplerPub, SamplerPubLike
from qiskit.transpiler import Target

from queuebit import InvalidInput, Money
from queuebit.submission import label_of
from queuebit_qiskit.backend import QueuebitBackend
from queuebit_qiskit.errors import as_qiskit_errors
from queuebit_qiskit.estimation import estimator_items
from queuebit_qiskit.jobs import PrimitiveJob
from queuebit_qiskit.options import EstimatorOptions, Options, SamplerOptions, options_of
from queuebit_qiskit.sampling import sampler_items
from queuebit_qiskit.session import Session, active
from queuebit_qiskit.submitting import Request

__all__ = ["EstimatorV2", "Quote", "SamplerV2"]

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Quote:
    """What a call would cost and reach; nothing is submitted."""

    backend: str
    fits: bool
    reason: str | None
    """Why it cannot run there."""
    cost: Money | None = None
    """The most that the job can cost; this much is held while it runs."""
    esp: float | None = None
    """Estimated success probability, 0 to 1, of the worst circuit; None on ideal simulators."""
    qpu_s: float | None = None
    """Forecast time on the backend in seconds, over all runs. Time in the queue is not part of it."""


class _Primitive:
    """What both have: where jobs run, and how a request is sent or quoted."""

    def __init__(self, mode: QueuebitBackend | Session | None) -> None:
        context = mode if isinstance(mode, Session) else active()
        backend = mode if isinstance(mode, QueuebitBackend) else context.backend() if context else None
        if backend is None:
            raise InvalidInput("name a backend: pass service.backend('aer'), a Session or a Batch as mode")
        self._backend = backend
        self._context = context if context and context.backend().name == backend.name else None

    @property
    def backend(self) -> QueuebitBackend:
        """Where jobs run."""
        return self._backend

    @property
    def mode(self) -> Session | None:
        """The session or batch, if any."""
        return self._context

    def _native(self, options: Options) -> Target | None:
        return self._backend.native(options.compile)

    def _send(self, request: Request, options: Options, max_cost: Any) -> PrimitiveJob:
        if self._context is not None:
            self._context.require_open()
        chosen = options if max_cost is None else replace(options, max_cost=max_cost)
        session = None if self._context is None else self._context.session
        job = self._backend.service.submit(self._backend, request, chosen, session)
        return PrimitiveJob(self._backend.service, job, self._backend.name, request.kind, request.notes)

    def _quote(self, request: Request, options: Options) -> Quote:
        with as_qiskit_errors():
            client = self._backend.service.client
            plan = client.plan(request.program(), shots=request.shots, project=options.project, **options.processing())
        row = next((it for it in plan if it["backend"] == self._backend.name), None)
        if row is None:
            return Quote(self._backend.name, fits=False, reason="your project may not use this backend")
        if not row["fits"]:
            return Quote(self._backend.name, fits=False, reason=str(row["reason"]))
        esp, qpu_us = row["esp_ppm"], int(str(row["qpu_us"]))
        return Quote(
            self._backend.name,
            fits=True,
            reason=None,
            cost=Money(Decimal(str(row["cost"])), str(row["currency"])),
            esp=None if esp is None else int(str(esp)) / _MILLION,
            qpu_s=qpu_us / _MILLION,
        )


class SamplerV2(_Primitive, BaseSamplerV2):  # type: ignore[misc]  # Qiskit has no types
    """Samples circuits. A pub is a circuit, or `(circuit, parameter values, shots)`; values may have any shape.

    Results are `BitArray`s, one for each classical register. Shots are listed by outcome, not in time; the bits of one
    shot are at the same place in all registers.
    """

    def __init__(
        self,
        mode: QueuebitBackend | Session | None = None,
        options: SamplerOptions | Mapping[str, Any] | None = None,
    ) -> None:
        """Create a sampler.

        Args:
            mode: a backend, or a `Session` or `Batch` on one; default: the session or batch that the caller is in.
            options: as an object or a dictionary.
        """
        _Primitive.__init__(self, mode)
        self.options = options_of(SamplerOptions, options)

    @property
    def default_shots(self) -> int:
        """As `options.default_shots`; libraries ask Qiskit's own samplers for it."""
        return self.options.default_shots

    def run(
        self,
        pubs: Iterable[SamplerPubLike],
        *,
        shots: int | None = None,
        max_cost: Money | float | str | None = None,
    ) -> PrimitiveJob:
        """Submit all pubs as one job.

        Args:
            pubs: each with its own number of shots, or with `shots`.
            shots: of each run, for pubs without their own; default: `options.default_shots`.
            max_cost: as of the options.

        Raises:
            InvalidInput: a pub cannot be sent; it is a `ValueError`.
        """
        return self._send(self._request(pubs, shots), self.options, max_cost)

    def estimate(self, pubs: Iterable[SamplerPubLike], *, shots: int | None = None) -> Quote:
        """What `run` would cost and reach; stores the circuits, and submits nothing."""
        return self._quote(self._request(pubs, shots), self.options)

    def _request(self, pubs: Iterable[SamplerPubLike], shots: int | None) -> Request:
        default = self.options.default_shots if shots is None else shots
        coerced = [SamplerPub.coerce(pub, default) for pub in pubs]
        return Request(
            "sampler", *sampler_items(coerced, self._native(self.options)), label=_label(coerced, self.options)
        )


class EstimatorV2(_Primitive, BaseEstimatorV2):  # type: ignore[misc]  # as above
    """Estimates expectation values. A pub is `(circuit, observables, parameter values, precision)`, with broadcasting.

    Terms that agree on each qubit share a measurement basis. Errors are those of shot noise alone.
    """

    def __init__(
        self,
        mode: QueuebitBackend | Session | None = None,
        options: EstimatorOptions | Mapping[str, Any] | None = None,
    ) -> None:
        """Create an estimator; arguments as for `SamplerV2`."""
        _Primitive.__init__(self, mode)
        self.options = options_of(EstimatorOptions, options)

    @property
    def default_precision(self) -> float:
        """As `options.default_precision`; libraries ask Qiskit's own estimators for it."""
        return self.options.default_precision

    def run(
        self,
        pubs: Iterable[EstimatorPubLike],
        *,
        precision: float | None = None,
        max_cost: Money | float | str | None = None,
    ) -> PrimitiveJob:
        """Submit all pubs as one job.

        Args:
            pubs: each with its own precision, or with `precision`.
            precision: the standard error of a Pauli string, for pubs without their own; each measurement basis takes
                1 / precision² shots. Default: `options.default_precision`.
            max_cost: as of the options.

        Raises:
            InvalidInput: a pub cannot be sent; it is a `ValueError`.
        """
        return self._send(self._request(pubs, precision), self.options, max_cost)

    def estimate(self, pubs: Iterable[EstimatorPubLike], *, precision: float | None = None) -> Quote:
        """What `run` would cost and reach; stores the circuits, and submits nothing."""
        return self._quote(self._request(pubs, precision), self.options)

    def _request(self, pubs: Iterable[EstimatorPubLike], precision: float | None) -> Request:
        default = self.options.default_precision if precision is None else precision
        coerced = [EstimatorPub.coerce(pub, default) for pub in pubs]
        return Request(
            "estimator", *estimator_items(coerced, self._native(self.options)), label=_label(coerced, self.options)
        )


def _label(pubs: list[Any], options: Options) -> str:  # pubs of either kind
    return ", ".join(options.environment.job_tags) or (label_of(pubs[0].circuit) if pubs else "")
