"""A device of IBM Quantum."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from qiskit.transpiler import Target
from qiskit_ibm_runtime import RuntimeJobV2, SamplerV2
from qiskit_ibm_runtime.exceptions import RuntimeInvalidStateError

from queuebit_quantum import (
    Calibration,
    Circuit,
    Compiled,
    Description,
    Failed,
    Measure,
    NotReachable,
    Progress,
    UnknownHandle,
    WorkItem,
    WorkResult,
    require_fit,
)
from queuebit_quantum.backends import Elements
from queuebit_quantum.calibration import read_calibration
from queuebit_quantum.compiling import COMPILER, CompileCache, TranspileCache
from queuebit_quantum.device_compiler import DeviceCompiler
from queuebit_quantum.exclusion import without_elements
from queuebit_quantum.ibm_description import ibm_description
from queuebit_quantum.vendor_faults import VendorFailed, VendorQuota, vendor_text
from queuebit_quantum.vendor_queue import VendorQueue
from queuebit_vendor_ibm.access import Access
from queuebit_vendor_ibm.circuits import outcome, pub
from queuebit_vendor_ibm.connection import Connection
from queuebit_vendor_ibm.faults import VENDOR, job_failure_code

__all__ = ["IbmDevice"]

_LISTED_S = 2.0
"""How long a job that IBM took may be missing in its list of jobs, in seconds. IBM does not document it."""
_ITEMS = "queuebit-items-"
"""A tag with the number of items: a job that failed has no results to count."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_RUNNING: dict[str, Progress] = {"RUNNING": "running", "QUEUED": "queued", "INITIALIZING": "queued"}
_FEATURES = {"mid_circuit_measurement": "measure", "reset": "reset", "conditional": "if_else", "verbatim": "measure"}
"""The operation of a target that each feature needs."""


@dataclass(frozen=True)
class _Calibrated:
    calibration: Calibration
    description: Description
    compiler: DeviceCompiler
    target: Target
    whole: Description
    """The device with all of its elements."""


class IbmDevice:
    """The port `Backend` on one device of IBM Quantum.

    A submission is one job of `SamplerV2`, with a pub for each item; its handle is IBM's job id. IBM takes no
    idempotency key, so the job has our token as a tag, and `submit` searches for the tag first.
    """

    def __init__(
        self,
        id_: str,
        name: str,
        access: Callable[[], Access] = Access.from_environment,
        *,
        listed_s: float = _LISTED_S,
    ) -> None:
        self._id = id_
        self._name = name
        self._listed_s = listed_s
        self._connection = Connection(name, access)
        self._cache = CompileCache(COMPILER)
        self._transpiled = TranspileCache(COMPILER)
        self.without: Elements = frozenset()
        """Qubits and couplers that circuits are not compiled for; see `exclude`."""
        self._now = self._read()
        self._connection.release()

    def __repr__(self) -> str:
        return f"IbmDevice({self._id!r}, {self._name!r})"

    def describe(self) -> Description:
        return self._now.description

    def calibrate(self) -> Calibration:
        self._now = self._read()
        return self._now.calibration

    def exclude(self, without: Elements) -> None:
        """Compile without these qubits and couplers from now on, and with all others."""
        if without != self.without:
            self.without = without
            self._now = self._calibrated(self._now.target, self._now.calibration, self._now.whole)

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        digest = self._now.description.target_digest
        return self._cache.get(circuit, digest, seed, lambda: self._now.compiler.compile(circuit, seed))

    def submit(self, items: Sequence[WorkItem], token: str) -> str:
        for item in items:
            require_fit(self._now.description, shots=item.shots)
        if (known := self.find(token)) is not None:
            return known
        try:
            return self._run(items, token)
        except (NotReachable, VendorFailed):
            if (taken := self._find_later(token)) is not None:
                return taken
            raise

    def find(self, token: str) -> str | None:
        with self._connection.calls() as opened:
            jobs = opened.service.jobs(limit=2, job_tags=[token], descending=False)
            return str(jobs[0].job_id()) if jobs else None

    def poll(self, handle: str) -> Progress:
        with self._connection.calls() as opened:
            return _RUNNING.get(opened.job(_checked(handle)).status(), "ended")

    def collect(self, handle: str) -> tuple[WorkResult, ...]:
        with self._connection.calls() as opened:
            job = opened.service.job(_checked(handle))
            status, items = job.status(), _items(job)
            match status:
                case "DONE":
                    return _results(job.result(), items)
                case "CANCELLED":
                    return (Failed("cancelled", "the job was cancelled at IBM Quantum before it ended"),) * items
                case _:
                    text = vendor_text(str(job.error_message() or f"IBM Quantum ended the job as {status}"))
                    return (Failed(job_failure_code(text), text),) * items

    def cancel(self, handle: str) -> None:
        try:
            with self._connection.calls() as opened:
                job = opened.job(_checked(handle))
                with suppress(RuntimeInvalidStateError):  # it has ended
                    job.cancel()
        except UnknownHandle:
            return

    def usage(self, handle: str) -> tuple[Measure, ...]:
        with self._connection.calls() as opened:
            job = opened.job(_checked(handle))
            micros, final, ran = _used(job)
            if not final and not ran and job.status() == "CANCELLED":
                micros, final, ran = _used(job)  # it can have run after the first answer, until it was cancelled
                final = final or not ran  # before it ran: IBM may never state what it used, which is nothing
        return (Measure("qpu-time", str(micros), "microsecond", final=final),)

    def queue(self) -> VendorQueue:
        """The jobs that have not ended on the device, as IBM counts them."""
        with self._connection.calls() as opened:
            return VendorQueue(jobs=int(opened.device.status().pending_jobs))

    def _run(self, items: Sequence[WorkItem], token: str) -> str:
        with self._connection.calls() as opened:
            if opened.service.usage().get("usage_limit_reached"):
                raise VendorQuota(f"{VENDOR}: the instance has used its time: raise its limit, or name another one")
            sampler = SamplerV2(mode=opened.device)
            sampler.options.environment.job_tags = [token, f"{_ITEMS}{len(items)}"]
            return str(sampler.run([pub(item) for item in items]).job_id())

    def _find_later(self, token: str) -> str | None:
        """Look for a job whose submission failed on the way: at once, and when IBM's list must have it."""
        found = self.find(token)
        if found is None and self._listed_s:
            time.sleep(self._listed_s)
            found = self.find(token)
        return found

    def _read(self) -> _Calibrated:
        with self._connection.calls() as opened:
            properties = opened.device.properties(refresh=True)
            if properties is None:
                raise VendorFailed(f"{VENDOR} publishes no calibration of {self._name}")
            opened.device.refresh()
            target, configuration = opened.device.target, opened.device.configuration()
            calibration = read_calibration(properties.last_update_date, target)
            status = str(opened.device.status().status_msg)
        whole = replace(self._described(target, configuration, calibration), status=status)
        return self._calibrated(target, calibration, whole)

    def _calibrated(self, target: Target, calibration: Calibration, whole: Description) -> _Calibrated:
        description = without_elements(whole, self.without)
        compiler = DeviceCompiler(target, calibration, description, self._transpiled, self.without)
        return _Calibrated(calibration, description, compiler, target, whole)

    def _described(self, target: Target, configuration: Any, calibration: Calibration) -> Description:
        known = set(target.operation_names)
        features = [feature for feature, needed in _FEATURES.items() if needed in known]
        return ibm_description(self._id, target, configuration, calibration, kind="qpu", features=features, remote=True)


def _checked(handle: str) -> str:
    """Return a handle that can be part of an address."""
    if not _ID.fullmatch(handle):
        raise UnknownHandle(f"{handle[:80]!r} is no id of a job at {VENDOR}")
    return handle


def _used(job: RuntimeJobV2) -> tuple[int, bool, bool]:
    """Microseconds that IBM charges so far, whether they are final, and whether the job has begun to run.

    Raises:
        VendorFailed: IBM states neither usage nor times.
    """
    metrics: dict[str, Any] = job.metrics()  # plain JSON
    if not {"timestamps", "usage"} & metrics.keys():
        raise VendorFailed(f"{VENDOR} states no metrics of {job.job_id()}")
    used = metrics.get("usage") or {}
    seconds = used.get("qpu_charge_time_seconds")
    final = seconds is not None and used.get("status", "pending") != "pending"
    ran = bool((metrics.get("timestamps") or {}).get("running"))
    return round(Decimal(str(seconds or 0)) * 1_000_000), final, ran


def _items(job: RuntimeJobV2) -> int:
    """The number of items of a job; 1 for a job that Queuebit did not submit."""
    found = [it.removeprefix(_ITEMS) for it in job.tags or () if it.startswith(_ITEMS)]
    return int(found[0]) if found and found[0].isdigit() else 1


def _results(result: Any, items: int) -> tuple[WorkResult, ...]:
    """A result for each item; an item that IBM returned no data for has failed."""
    missing = Failed("vendor_failed", "IBM Quantum returned no data for this item")
    found: list[WorkResult] = [outcome(it.data) or missing for it in result]
    return (*found[:items], *(missing,) * (items - len(found)))
