"""A plugin for a vendor: one device behind an HTTP interface. It obeys `queuebit_testing.vendor_laws.VendorLaws`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cached_property
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from queuebit_kernel import digest
from queuebit_quantum import (
    Calibration,
    Circuit,
    Compiled,
    Description,
    Failed,
    Measure,
    Outcome,
    Progress,
    Stack,
    UnknownHandle,
    WorkItem,
    WorkResult,
    require_fit,
)
from queuebit_quantum.calibration import Qubit
from queuebit_quantum.credentials import secret
from queuebit_quantum.vendor_faults import VendorFailed, http_fault, reaching

__all__ = ["ID", "Acme", "stack"]

ID = "acme-falcon"
_GATES = ("rx", "rz", "cx")
_TIMEOUT_S = 20.0
_STATES: dict[str, Progress] = {"queued": "queued", "running": "running", "done": "ended", "cancelled": "ended"}


class Acme:
    """The port `Backend`, by requests to Acme. Keeps nothing of a run, so that any process can continue it."""

    def __init__(self) -> None:
        self._url = os.environ.get("ACME_URL", "https://api.acme.example")
        self._key = secret("ACME_KEY")
        self.calibrate()

    def describe(self) -> Description:
        return self._description

    def calibrate(self) -> Calibration:
        device = self._ask("GET", "/v1/device")
        try:
            qubits = tuple(Qubit(0.0, 0.0, float(it), 0.0) for it in device["readout_errors"])
            target = digest(json.dumps(device, sort_keys=True).encode())
            calibration = Calibration(str(device["calibrated_at"]), qubits, (), target)
        except (LookupError, TypeError, ValueError) as error:
            raise VendorFailed(f"Acme describes its device in an unknown way: {error!r}") from error
        self._description = Description(
            id=ID,
            vendor="Acme",
            kind="qpu",
            num_qubits=len(qubits),
            basis_gates=_GATES,
            max_shots=10_000,
            target_digest=target,
            calibrated_at=calibration.calibrated_at,
            calibration_digest=target,
            remote=True,
        )
        return calibration

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        require_fit(self._description, circuit)
        from queuebit_quantum.compiling import translate
        from queuebit_quantum.physical import remove_unused_qubits

        program = translate(self._passes(seed), remove_unused_qubits(circuit.quantum_circuit), ID)
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self._description.target_digest,
            compiler=self._compiler,
            seed=seed,
            two_qubit_gates=program.count_ops().get("cx", 0),
            depth=program.depth(),
            program=program,
            registers=circuit.registers,
            physical_qubits=circuit.touched,
        )

    def submit(self, items: Sequence[WorkItem], token: str) -> str:
        """Look for the token first: Acme does not promise that a token starts one run only."""
        for item in items:
            require_fit(self._description, shots=item.shots)
        if (found := self.find(token)) is not None:
            return found
        from qiskit import qasm2

        circuits = [{"qasm": qasm2.dumps(it.compiled.program), "shots": it.shots} for it in items]
        return _text(self._ask("POST", "/v1/jobs", {"token": token, "circuits": circuits}), "id")

    def find(self, token: str) -> str | None:
        answer = self._ask("GET", f"/v1/jobs?token={quote(token, safe='')}")
        found = answer.get("jobs")
        if not isinstance(found, list):
            raise VendorFailed("Acme answers with a list of jobs in an unknown way")
        return _text(found[0], "id") if found else None

    def poll(self, handle: str) -> Progress:
        state = self._job(handle).get("status")
        if not isinstance(state, str) or state not in _STATES:
            raise VendorFailed(f"Acme has an unknown state {state!r:.80} for {handle}")
        return _STATES[state]

    def collect(self, handle: str) -> tuple[WorkResult, ...]:
        job = self._job(handle)
        try:
            if job["status"] == "cancelled":
                return (Failed("cancelled", "the run was cancelled before it ended"),) * len(job["results"])
            return tuple(_result(it) for it in job["results"])
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise VendorFailed(f"Acme describes results in an unknown way: {error!r:.200}") from error

    def cancel(self, handle: str) -> None:
        try:
            self._ask("DELETE", f"/v1/jobs/{quote(handle, safe='')}")
        except UnknownHandle:
            return

    def usage(self, handle: str) -> tuple[Measure, ...]:
        job = self._job(handle)
        try:
            final = _STATES[job["status"]] == "ended"
            return (Measure("qpu-time", str(int(job["qpu_us"])), "microsecond", final),)
        except (LookupError, TypeError, ValueError) as error:
            raise VendorFailed(f"Acme describes usage in an unknown way: {error!r:.200}") from error

    def _job(self, handle: str) -> dict[str, Any]:
        return self._ask("GET", f"/v1/jobs/{quote(handle, safe='')}")

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:  # plain JSON
        """Make one request. The SDK of a vendor is used in the same way: its errors become failures here."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        request = Request(self._url + path, content, headers, method=method)  # noqa: S310  # the operator's address
        with reaching("Acme"):
            try:
                with urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
                    answer = json.loads(response.read())
            except HTTPError as error:
                with error:
                    message = error.read(65_536).decode(errors="replace")
                if error.code == 404:
                    raise UnknownHandle(f"Acme has no job {path.rpartition('/')[2]:.80}") from None
                raise http_fault("Acme", error.code, message, dict(error.headers)) from None
        if not isinstance(answer, dict):
            raise VendorFailed(f"Acme answers {method} {path:.80} with a {type(answer).__name__}")
        return answer

    @cached_property
    def _compiler(self) -> str:
        import qiskit

        return f"qiskit {qiskit.__version__}"

    def _passes(self, seed: int) -> Any:  # Qiskit has no types
        from qiskit.transpiler.preset_passmanagers import generate_preset_pass_manager

        return generate_preset_pass_manager(1, basis_gates=[*_GATES], seed_transpiler=seed)


def _text(document: Any, name: str) -> str:  # plain JSON
    value = document.get(name) if isinstance(document, dict) else None
    if not isinstance(value, str):
        raise VendorFailed(f"Acme's answer has no text {name}")
    return value


def _result(document: Any) -> WorkResult:  # plain JSON
    if "error" in document:
        return Failed("vendor_failed", str(document["error"]))
    return Outcome({str(bits): int(count) for bits, count in document["counts"].items()})


stack = Stack({ID: Acme})
