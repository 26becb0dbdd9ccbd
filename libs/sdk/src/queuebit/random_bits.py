"""Random bits from measured qubits: `AsyncClient.random`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from secrets import randbits
from typing import TYPE_CHECKING, Final

from queuebit.errors import InvalidInput, JobFailed, NotFound, Reason, StillRunning
from queuebit.inputs import whole_number
from queuebit.programs import Batch, Item
from queuebit_contracts.job import JobSealed, JobSealedV1
from queuebit_kernel import digest

if TYPE_CHECKING:
    from queuebit.amounts import Amount
    from queuebit.client import AsyncClient
    from queuebit.devices import Device
    from queuebit.job import AsyncJob
    from queuebit.records import Result
    from queuebit_randomness import Entropy, HealthTest

__all__ = ["RandomBits", "random_bits"]

_MOST_BITS: Final = 100_000
_MOST_QUBITS: Final = 32
_RAW_BITS: Final = 20_000
"""The fewest raw bits of a job: below that, all estimates are low because of their confidence bounds."""
_CLAIMED: Final = 0.5
"""Min-entropy that a healthy source has, in bits per raw bit: it decides how many are measured, and what fails."""
_SHOTS: Final = 10_000
"""The most shots of a circuit where the backend is not known in advance."""
_SEALED_S: Final = 30.0

_SIMULATED: Final = (
    "Pseudo-random, without any claim of security: a simulator calculated the raw bits from a seed. Name a quantum "
    "device for others."
)
_MEASURED: Final = (
    "The entropy is estimated from the raw bits, for a device that measures qubits and is trusted to do so. Its vendor "
    "and the platform can read the raw bits, and have not seen the seed of the extraction."
)


@dataclass(frozen=True, slots=True)
class RandomBits:
    """Random bits, and the record of where they come from."""

    bits: str = field(repr=False)
    """`0` and `1`."""
    pseudo_random: bool
    """Whether anything but a quantum device made the raw bits: the bits then have no security at all."""
    backend: str
    job: str
    record: Mapping[str, object] = field(repr=False)
    """Plain JSON to keep: the job with its receipt, health tests, estimates and extraction; neither the bits nor the
    seed."""

    @property
    def hex(self) -> str:
        """The bits as a hexadecimal number, with leading zeros."""
        return f"{int(self.bits, 2):0{-(-len(self.bits) // 4)}x}"


@dataclass(frozen=True, slots=True)
class _Plan:
    bits: int
    qubits: int
    security: int
    items: int
    shots: int

    @property
    def batch(self) -> Batch:
        body = "".join(f"h q[{it}]; " for it in range(self.qubits))
        size = self.qubits
        source = f'OPENQASM 3.0; include "stdgates.inc"; qubit[{size}] q; bit[{size}] c; {body}c = measure q;'
        return Batch([Item(source, shots=self.shots)] * self.items, ("memory",))


async def random_bits(
    client: AsyncClient,
    bits: int,
    *,
    backend: str | None,
    qubits: int,
    security: int,
    project: str | None,
    max_cost: Amount | None,
    key: str | None,
    tags: Sequence[str],
    timeout: float | None,
) -> RandomBits:
    """As `AsyncClient.random`."""
    plan = _planned(bits, qubits, security, None if backend is None else await client.device(backend))
    job = await client.submit(
        plan.batch,
        shots=plan.shots,
        backend=backend,
        project=project,
        max_cost=max_cost,
        key=key,
        tags=tags,
        label=f"random {bits} bits",
    )
    result = await job.result(timeout)
    raw = _raw(result)
    health = _healthy(job.id, raw)
    found, entropy = await asyncio.to_thread(_extracted, job.id, plan, raw)
    device = await client.device(result.backend)
    record = _record(plan, device, raw, health, entropy, await _receipt(job, result))
    return RandomBits(found, device.kind != "qpu", device.name, job.id, record)


def _planned(bits: int, qubits: int, security: int, device: Device | None) -> _Plan:
    from queuebit_randomness import needed

    wanted = whole_number("bits", bits, 1, _MOST_BITS)
    width = whole_number("qubits", qubits, 1, _MOST_QUBITS)
    distance = whole_number("security", security, 32, 256)
    if device is not None and width > device.qubits:
        raise InvalidInput(f"{device.name} has {device.qubits} qubits, and {width} are to be measured: ask for fewer")
    shots = -(-max(_RAW_BITS, needed(wanted, _CLAIMED, distance)) // width)
    items = -(-shots // (device.max_shots if device else _SHOTS))
    return _Plan(wanted, width, distance, items, -(-shots // items))


def _raw(result: Result) -> str:
    """The raw bits in the order of shots, and of the qubits in each."""
    raw = list[str]()
    for item in result.items:
        if item.state != "completed":
            reason = item.reason or Reason("failed", "it has no result")
            raise JobFailed(result.job, Reason(reason.code, f"item {item.number}: {reason.text}"))
        if not item.memory:
            text = (
                f"{result.backend} returned no outcome shot by shot. The order of shots is lost in counts, and "
                "estimates of the entropy need it: name another backend"
            )
            raise JobFailed(result.job, Reason("no_memory", text))
        raw += [shot[::-1] for shot in item.memory]
    return "".join(raw)


def _healthy(job: str, raw: str) -> list[HealthTest]:
    from queuebit_randomness import adaptive_proportion, repetition_count

    tests = [repetition_count(raw, _CLAIMED), adaptive_proportion(raw, _CLAIMED)]
    for it in tests:
        if not it.passed:
            text = (
                f"the raw bits fail the health test of {it.name}: {it.worst} equal bits, and a source with {_CLAIMED} "
                f"bits of entropy per bit has fewer than {it.cutoff}. No bits are given out: name another backend"
            )
            raise JobFailed(job, Reason("health_test", text))
    return tests


def _extracted(job: str, plan: _Plan, raw: str) -> tuple[str, Entropy]:
    from queuebit_randomness import estimate, extractable, extracted, seed_length

    entropy = estimate(raw)
    if (most := extractable(len(raw), entropy.least, plan.security)) < plan.bits:
        text = (
            f"the {len(raw):,} raw bits have an estimated min-entropy of {entropy.least:.3f} each "
            f"({entropy.limiting}), which is enough for {most:,} bits: ask for fewer, or name another backend"
        )
        raise JobFailed(job, Reason("low_entropy", text))
    size = seed_length(len(raw), plan.bits)
    return extracted(raw, f"{randbits(size):0{size}b}", plan.bits), entropy


async def _receipt(job: AsyncJob, result: Result) -> Mapping[str, object]:
    """The job in the record; the leaf is absent if it was not sealed in time: `qb receipt get` has it later."""
    row = {"job": job.id, "backend": result.backend, "result": result.digest}
    try:
        sealed = await job.until(("sealed",), _SEALED_S)
    except (NotFound, StillRunning):
        return row
    if not isinstance(sealed, JobSealed | JobSealedV1):
        raise TypeError(f"the log holds a {sealed.type} where a seal belongs")
    return {**row, "statement": sealed.data.statement, "leaf_index": sealed.data.leaf_index}


def _record(
    plan: _Plan,
    device: Device,
    raw: str,
    health: Sequence[HealthTest],
    entropy: Entropy,
    job: Mapping[str, object],
) -> Mapping[str, object]:
    simulated = device.kind != "qpu"
    return {
        "version": 1,
        "bits": plan.bits,
        "pseudo_random": simulated,
        "claim": _SIMULATED if simulated else _MEASURED,
        "backend": {
            "name": device.name,
            "kind": device.kind,
            "vendor": device.vendor,
            "calibration": device.digest,
        },
        "jobs": [dict(job)],
        "raw": {
            "bits": len(raw),
            "qubits": plan.qubits,
            "shots": plan.items * plan.shots,
            "digest": digest(raw.encode()),
        },
        "health_tests": [{**asdict(it), "passed": it.passed} for it in health],
        "min_entropy": {
            "method": "NIST SP 800-90B, section 6.3",
            "per_bit": entropy.least,
            "limiting": entropy.limiting,
            "estimates": dict(entropy.estimates),
        },
        "extraction": {
            "method": "Toeplitz hash",
            "seed": "operating system; not kept",
            "security": plan.security,
        },
    }
