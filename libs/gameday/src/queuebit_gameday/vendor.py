"""A vendor with one device, as a server in this process, and the plugin with which a scratch stack uses it."""

from __future__ import annotations

import json
import random
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from queuebit_gameday.scratch import Operator
from queuebit_kernel import rfc3339

__all__ = ["DEVICE", "QPU_US", "VENDOR", "Vendor", "install", "use"]

DEVICE: Final = "gameday-qpu"
"""The backend."""
VENDOR: Final = "Game day"
QPU_US: Final = 2_000_000
"""Time on the device that each run takes, as the vendor states it."""

_PRICE: Final = f"""
[[price]]
id = "gameday-2026"
backend = "{DEVICE}"
valid_from = 2026-01-01T00:00:00Z
source = "a game day"
as_of = 2026-11-01
confidence = "high"
per_task = "1.00"
per_second = {{ amount = "0.50", quantum = "0.001" }}
"""

_PLUGIN: Final = '''\
"""The device of a game day: it knows one shape of the answers of its vendor."""

import json
import os
from urllib.request import Request, urlopen

from queuebit_kernel import digest
from queuebit_quantum import (
    Calibration, Compiled, Description, Measure, Outcome, Stack, UnknownHandle, require_fit, result_keys,
)
from queuebit_quantum.calibration import Coupler, Qubit
from queuebit_quantum.vendor_faults import VendorFailed, reaching

ID, SHAPE = "BACKEND", "FORM"


class Device:
    def __init__(self):
        self._url = os.environ["GAMEDAY_URL"]
        self.calibrate()

    def describe(self):
        return self._description

    def calibrate(self):
        device = self._ask("/device")
        self._error = float(device["two_qubit_error"])
        target, at = digest(json.dumps(device, sort_keys=True).encode()), device["calibrated_at"]
        qubits = tuple(Qubit(1e-4, 1e-4, 0.01, 1e-4) for _ in range(2))
        self._description = Description(
            id=ID, vendor="VENDOR", kind="qpu", num_qubits=2, basis_gates=("h", "cx"), max_shots=100_000,
            target_digest=target, calibrated_at=at, calibration_digest=target, remote=True,
            overhead_s=2.0,
        )
        return Calibration(at, qubits, (Coupler((0, 1), "cx", self._error, 1e-7),), target)

    def compile(self, circuit, seed):
        require_fit(self._description, circuit)
        return Compiled(
            circuit_digest=circuit.digest, target_digest=self._description.target_digest, compiler="gameday 1",
            seed=seed, two_qubit_gates=circuit.two_qubit_gates, depth=circuit.depth, program=circuit.quantum_circuit,
            registers=circuit.registers, physical_qubits=circuit.touched, duration_s=1e-6,
            esp=(1 - self._error) ** circuit.two_qubit_gates,
        )

    def submit(self, items, token):
        wanted = [{"shots": it.shots, "registers": it.compiled.registers} for it in items]
        return self._job(self._ask("/jobs", {"token": token, "items": wanted}))["id"]

    def find(self, token):
        found = self._ask(f"/tokens/{token}")
        return self._job(found)["id"] if found else None

    def poll(self, handle):
        return "ended" if self._run(handle)["status"] == "done" else "running"

    def collect(self, handle):
        return tuple(
            Outcome(result_keys({int(value): n for value, n in it["counts"].items()}, tuple(it["registers"])))
            for it in self._run(handle)["results"]
        )

    def cancel(self, handle):
        return None

    def usage(self, handle):
        return (Measure("qpu-time", str(self._run(handle)["qpu_us"]), "microsecond"),)

    def _run(self, handle):
        found = self._ask(f"/jobs/{handle}")
        if not found:
            raise UnknownHandle(f"there is no job {handle}")
        return self._job(found)

    def _job(self, found):
        document, name = (found, "id") if SHAPE == "1" else (found.get("job") or {}, "identifier")
        if name not in document:
            raise VendorFailed(f"the vendor describes a job in an unknown way: it has no {name}")
        return {**document, "id": document[name]}

    def _ask(self, path, body=None):
        content = None if body is None else json.dumps(body).encode()
        with reaching("the vendor"), urlopen(Request(self._url + path, content), timeout=20) as answer:
            return json.loads(answer.read())


stack = Stack({ID: Device})
'''
"""The module of the plugin; its executor loads it, so that this package needs no quantum SDK."""


@dataclass(slots=True)
class Vendor:
    """What the vendor does. A day changes it while the stack runs."""

    shape: str = "1"
    """The version of its answers: the second one has other names, and says so nowhere."""
    noise: Callable[[], float] = lambda: 0.0
    """The share of the shots of a run that are noise."""
    calibrated_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    two_qubit_error: float = 0.01
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By token."""
    url: str = ""

    def serve(self) -> None:
        """Answer on a free port of this machine, until this process ends."""
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(vendor.shown(self.path))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self._answer(vendor.submitted(body["token"], body["items"]))

            def _answer(self, document: object) -> None:
                content = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *_: object) -> None:  # noqa: A002  # the name of its base class
                """Write nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def shown(self, path: str) -> object:
        """The answer to a request that changes nothing."""
        _, kind, *name = path.split("/")
        if kind == "device":
            return {"calibrated_at": rfc3339(self.calibrated_at), "two_qubit_error": self.two_qubit_error}
        if kind == "tokens":
            return self._shaped(self.jobs.get(name[0]))
        return self._shaped(next((it for it in self.jobs.values() if it["id"] == name[0]), None))

    def submitted(self, token: str, items: list[dict[str, Any]]) -> object:
        """Run each item as a Bell pair; the same token is the same job."""
        if token not in self.jobs:
            results = [{"registers": it["registers"], "counts": self._counts(it["shots"])} for it in items]
            name = f"gd-{len(self.jobs) + 1}"
            self.jobs[token] = {"id": name, "status": "done", "results": results, "qpu_us": QPU_US}
        return self._shaped(self.jobs[token])

    def _counts(self, shots: int) -> dict[str, int]:
        draw, share = random.Random(), self.noise()
        values = [draw.randrange(4) if draw.random() < share else 3 * draw.randrange(2) for _ in range(shots)]
        return {str(it): values.count(it) for it in range(4) if it in values}

    def _shaped(self, job: dict[str, Any] | None) -> object:
        if job is None or self.shape == "1":
            return job
        return {"job": {"identifier": job["id"], **{name: it for name, it in job.items() if name != "id"}}}


def install(folder: Path, version: str, shape: str = "1") -> None:
    """Put the plugin into a folder of packages, instead of another version of it."""
    for old in folder.glob("queuebit_gameday_vendor*"):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    text = _PLUGIN.replace("BACKEND", DEVICE).replace("FORM", shape).replace("VENDOR", VENDOR)
    (folder / "queuebit_gameday_vendor.py").write_text(text, encoding="utf-8")
    about = folder / f"queuebit_gameday_vendor-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: queuebit-gameday-vendor\nVersion: {version}\n")
    (about / "entry_points.txt").write_text("[queuebit.backends]\ngameday = queuebit_gameday_vendor:stack\n")


def use(stack: Operator, calibration_seconds: int = 300) -> Vendor:
    """Start the vendor, and give a stack that does not run yet its plugin and a price."""
    vendor = Vendor()
    vendor.serve()
    install(stack.plugins, "1.0")
    settings = f'environment = {{ GAMEDAY_URL = "{vendor.url}" }}\npoll_seconds = 0.2\n'
    stack.home.backends_file.write_text(
        f"[stack.gameday]\n{settings}calibration_seconds = {calibration_seconds}\n", encoding="utf-8"
    )
    with stack.home.price_book.open("a", encoding="utf-8") as book:
        book.write(_PRICE)
    stack.vendor = vendor
    return vendor
