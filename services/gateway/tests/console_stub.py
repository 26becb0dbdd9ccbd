"""A gateway with made-up answers, for what no platform shows quickly: 100,000 jobs, and 1,000 events a second."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, Router

import queuebit_contracts
from queuebit_gateway import console
from queuebit_gateway.guard import Guard

__all__ = ["JOBS", "Stub", "serving"]

JOBS = 100_000
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
EXAMPLES = Path(queuebit_contracts.__file__).parents[2] / "examples"
LIFE = ("submitted.v1", "accepted.v1", "placed.v1", "started.v1", "completed.v1", "metered.v1", "sealed.v2")
MONEY = {"amount": "0.0123", "currency": "USD"}


def name_of(number: int) -> str:
    return f"j{number:020d}"


def row_of(number: int) -> dict[str, object]:
    """A row of the list of jobs."""
    at = (NOW - timedelta(seconds=number)).isoformat()
    state = "failed" if number % 50 == 7 else "completed"
    return {
        "job": name_of(number), "project": "main", "state": state, "backend": "emulated-ibm-manila", "shots": 1000,
        "qubits": 2, "label": f"circuit {number}", "user": "ann", "submitted_at": at, "accepted_at": at,
        "started_at": at, "ended_at": at, "queue_wait_ms": 12, "end_to_end_ms": 345, "charge": MONEY, "sealed": True,
        "provisional": False, "reasons": ["timeout"] if state == "failed" else [], "sequence": JOBS - number,
    }  # fmt: skip


def frame(sequence: int, name: str, data: object, at: datetime | None = None) -> str:
    event = {"type": f"qb.{name}.v1", "time": (at or datetime.now(UTC)).isoformat(), "data": data}
    return f"id: {sequence}\nevent: {name}\ndata: {json.dumps(event)}\n\n"


class Stub:
    """The answers. `push` sends an event to every stream."""

    def __init__(self, *, events_per_s: int = 0) -> None:
        self._per_s = events_per_s
        self._streams: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[str]]] = []
        self.sequence = JOBS

    def push(self, name: str, data: object) -> None:
        """Send an event to every stream, from any thread."""
        self.sequence += 1
        for loop, queue in self._streams:
            loop.call_soon_threadsafe(queue.put_nowait, frame(self.sequence, name, data))

    def app(self) -> Guard:
        """The web application, with the guard of the real one."""
        answers = {
            "/v1/me": {"tenant": "acme", "user": "ann", "role": "admin", "delegation": "d1"},
            "/v1/slo": {"data": [LEVEL, {**LEVEL, "name": "queue-wait-p50", "budget_remaining": "0.1"}]},
            "/v1/budgets": {"data": [BALANCE]},
            "/v1/backends": {"data": [IDEAL, NOISY]},
            "/v1/backends/{id}/calibration": {"calibration": CALIBRATION},
            "/v1/jobs/{id}": STATUS,
            "/v1/jobs/{id}/explain": {"data": [EXPLANATION]},
            "/v1/jobs/{id}/result": {"counts": {"00": 502, "11": 498}},
            "/v1/tenant": TENANT,
            "/v1/backends:status": {"data": STATES},
            "/v1/backends/{id}/calibrations": {"data": [*calibrations()]},
            "/v1/incidents": {"data": INCIDENTS, "next": None},
            "/v1/dead-letters": {"data": [DEAD_LETTER]},
            "/v1/delegations": {"data": DELEGATIONS},
            "/v1/audit": {"data": RECORDS, "next": None},
            "/v1/invoices": {"data": INVOICES},
            "/v1/reservations": {"data": SLOTS},
            "/v1/reservations/{id}": SLOT,
            "/v1/windows": {"data": TAKEN},
            "/v1/quotas": {"data": [QUOTA]},
            "/v1/sessions": {"data": [SESSION, {**SESSION, "session": "sold", "label": "old", "state": "closed"}]},
        }
        fixed = [Route(path, self._fixed(content)) for path, content in answers.items()]
        live = [
            Route("/v1/events", self._events),
            Route("/v1/reservations", self._fixed(SLOT), methods=["POST"]),
            Route("/v1/reservations/{id}:cancel", self._fixed({**SLOT, "state": "cancelled"}), methods=["POST"]),
            Route("/v1/jobs", self._jobs),
            Route("/v1/jobs/{id}/events", self._history),
            Route("/v1/activity", self._activity),
            Route("/v1/invoices/{number}", self._invoice),
        ]
        return Guard(Router([*live, *fixed, *console.routes()]), hosts=(), body_s=10)

    def _fixed(self, content: object) -> Callable[[Request], Awaitable[Response]]:
        async def answer(_: Request) -> Response:
            return JSONResponse(content)

        return answer

    async def _jobs(self, request: Request) -> Response:
        begin, limit = int(request.query_params.get("after", "0")), int(request.query_params.get("limit", "50"))
        states = request.query_params.get("state", "")
        if states and "completed" not in states:
            numbers, after = [7, 57, 107] if "failed" in states else [], None
        else:
            numbers, after = [*range(begin, min(begin + limit, JOBS))], begin + limit
        return JSONResponse(
            {
                "data": [row_of(it) for it in numbers],
                "next": str(after) if after and after < JOBS else None,
                "as_of_seq": JOBS,
            }
        )

    async def _invoice(self, request: Request) -> Response:
        if request.query_params.get("format", "json") == "json":
            return JSONResponse(INVOICE)
        return Response(b"%PDF-1.4", media_type="application/pdf")

    async def _activity(self, request: Request) -> Response:
        row = {"jobs": 9, "completed": 8, "failed": 1, "charge": MONEY, "wait_p50_ms": 12, "wait_p95_ms": 40}
        keys = {"hour": datetime.now(UTC).isoformat(), "day": datetime.now(UTC).isoformat()}
        by = request.query_params["by"].split(",")
        return JSONResponse({"data": [{**row, **{it: keys.get(it, "emulated-ibm-manila") for it in by}}]})

    async def _history(self, _: Request) -> Response:
        async def frames() -> AsyncIterator[str]:
            for number, kind in enumerate(LIFE, 1):
                (first, *_) = sorted((EXAMPLES / f"qb.job.{kind}").glob("*.json"))
                data = json.loads(first.read_text())["data"]
                yield frame(number, f"job.{kind.split('.')[0]}", data, NOW + timedelta(seconds=number))

        return StreamingResponse(frames(), media_type="text/event-stream")

    async def _events(self, _: Request) -> Response:
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._streams.append((asyncio.get_running_loop(), queue))

        async def frames() -> AsyncIterator[str]:
            yield f"retry: 1000\nid: {self.sequence}\n\n"
            while True:
                yield await queue.get() if not self._per_s else await self._burst()

        return StreamingResponse(frames(), media_type="text/event-stream")

    async def _burst(self) -> str:
        """What happens in 20 ms."""
        await asyncio.sleep(0.02)
        text = ""
        for _ in range(self._per_s // 50):
            self.sequence += 1
            job, step = divmod(self.sequence - JOBS, 4)
            name = ("submitted", "accepted", "started", "completed")[step]
            data = {"job": name_of(JOBS + job), "project": "main", "label": "burst", "shots": 100, "backend": "aer"}
            text += frame(self.sequence, f"job.{name}", data)
        return text


@contextmanager
def serving(stub: Stub) -> Iterator[str]:
    """Serve in a thread; yields the address."""
    # Streams that end with the server would fill the output with tracebacks.
    config = uvicorn.Config(stub.app(), port=0, log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)


LEVEL = {
    "name": "job-success", "promise": "jobs that ran gave a result", "target": "0.99", "actual": "0.998", "good": 998,
    "total": 1000, "budget_remaining": "0.8", "value": None, "unit": "share of cases",
}  # fmt: skip
BALANCE = {
    "kind": "account", "name": "main",
    **{name: {"amount": amount, "currency": "USD"} for name, amount in
       {"limit": "1000.00", "held": "3.60", "spent": "940.00", "left": "56.40"}.items()},
}  # fmt: skip
IDEAL = {
    "backend": "aer", "vendor": "Qiskit", "kind": "simulator", "qubits": 30, "max_shots": 1_000_000, "slots": 2,
    "features": ["reset"], "price": "0.001 USD a task", "currency": "USD", "calibrated_at": None,
    "calibration_age_s": None, "median_two_qubit_error_ppm": None, "median_readout_error_ppm": None,
}  # fmt: skip
NOISY = {
    **IDEAL, "backend": "emulated-ibm-manila", "vendor": "IBM", "kind": "emulated", "qubits": 5,
    "calibrated_at": "2026-11-28T08:00:00Z", "calibration_age_s": 90_000, "median_two_qubit_error_ppm": 9_000,
    "median_readout_error_ppm": 20_000,
}  # fmt: skip
CALIBRATION = {
    "qubits": [{"t1_s": 1e-4 + it * 1e-5, "t2_s": 9e-5, "readout_error": 0.01 * (it + 1)} for it in range(5)],
    "couplers": [{"qubits": [it, it + 1], "gate": "cx", "error": 0.005 * (it + 1)} for it in range(4)],
}
STATUS = {
    "job": name_of(1), "state": "completed", "tenant": "acme", "project": "main", "label": "bell", "sealed": False,
    "backend": "emulated-ibm-manila", "shots": 1000, "charge": MONEY, "reasons": [], "steps": [], "waiting": None,
}  # fmt: skip
EXPLANATION = {
    "backend": "emulated-ibm-manila", "waited_ms": 120, "decided": "it was the cheapest with a free place",
    "backends": [{"backend": "emulated-ibm-manila", "chosen": True, "cost_rank": 0, "expected_us": 9, "reason": ""}],
}  # fmt: skip
TENANT = {
    "share": 1, "max_shots": 100_000, "max_active_jobs": 1_000,
    "projects": [{"project": "main", "backends": [], "default_kind": "simulator"}],
    "users": [{"user": "ann", "role": "admin", "keys": ["U" + "A" * 55]}],
}  # fmt: skip
AWAY = {"code": "vendor_away", "text": "the vendor does not answer"}
STATES = [
    {"backend": "aer", "live": True, "silent_since": None, "calibration": None},
    {
        "backend": "emulated-ibm-manila", "live": False, "silent_since": "2026-11-29T11:00:00Z",
        "calibration": {
            "attempted_at": "2026-11-29T11:00:00Z", "failing_since": "2026-11-29T10:00:00Z", "reason": AWAY,
        },
    },
]  # fmt: skip
INCIDENTS = [
    {
        "sequence": 9, "at": "2026-11-29T11:00:00Z", "event": "backend.calibration_failed", "job": None,
        "backend": "emulated-ibm-manila", **AWAY,
    },
    {
        "sequence": 8, "at": "2026-11-29T10:59:00Z", "event": "job.failed", "job": name_of(7),
        "backend": "emulated-ibm-manila", "code": "timeout", "text": "the run took longer than its limit of 60 s",
    },
    {
        "sequence": 7, "at": "2026-11-28T10:59:00Z", "event": "job.rejected", "job": name_of(8), "backend": None,
        "code": "budget_exceeded", "text": "the job may cost 12.00 USD, and 3.60 USD are left of the budget",
    },
]  # fmt: skip
DEAD_LETTER = {
    "id": 3, "at": "2026-11-29T09:00:00Z", "owner": "broker-submitted", "code": "malformed", "job": name_of(9),
    "reason": "data.shots: Input should be greater than or equal to 1",
    "subject": f"qb.job.acme.{name_of(9)}.submitted",
}  # fmt: skip


def calibrations() -> Iterator[dict[str, object]]:
    """Thirty days of a device that drifts, newest first."""
    for day in range(30, 0, -1):
        error = 0.008 + 0.0003 * (day % 7)
        yield {
            "sequence": day, "calibrated_at": f"2026-11-{day:02}T08:00:00Z", "digest": f"sha256:{day:064}",
            "median_two_qubit_error_ppm": round(error * 1e6), "median_readout_error_ppm": 20_000,
            "medians": {"two_qubit_error": error, "readout_error": 0.02, "t1_s": 1e-4 + day * 1e-6, "t2_s": 8e-5},
            "drift": [
                {"what": "cx", "on": "0-1", "before": 0.008, "after": error},
                {"what": "t1_s", "on": "3", "before": 1.2e-4, "after": 0.9e-4},
            ] if day > 1 else [],
        }  # fmt: skip


KEY = {
    "delegation": "d1", "user": "ann", "scope": "admin", "project": None, "issuer": None, "subject": "ann",
    "granted_at": "2026-11-29T08:00:00Z", "expires_at": "2099-11-29T16:00:00Z", "ended": None,
}  # fmt: skip
DELEGATIONS = [
    KEY,
    {
        **KEY, "delegation": "d2abcdefghij", "user": "ci", "scope": "submit", "project": "chem", "issuer": "github",
        "subject": "repo:acme/chem:ref:refs/heads/main",
    },
    {**KEY, "delegation": "d3abcdefghij", "ended": "ann revoked it"},
]  # fmt: skip
RECORD = {
    "sequence": 9, "at": "2026-11-29T11:00:00Z", "stored_at": "2026-11-29T11:00:00Z", "tenant": "acme", "actor": "ada",
    "service": "broker", "outcome": "done", "event": "e9", "type": "", "vocabulary": "audit/2",
}  # fmt: skip
RECORDS = [
    {**RECORD, "action": "user.define", "about": "roles", "object": "user ann", "detail": "admin with 1 key"},
    {
        **RECORD, "sequence": 8, "action": "access.refuse", "about": "refusals", "object": "request GET /v1/jobs/j1",
        "outcome": "refused", "door": "gateway", "count": 12, "reason": "unknown_job", "actor": "eve",
    },
    {
        **RECORD, "sequence": 7, "action": "job.cancel", "about": "work", "object": f"job {name_of(5)}",
        "actor": "ann", "reason": "wrong angle",
    },
]  # fmt: skip
SESSION = {
    "session": "s1", "label": "tuning", "project": "main", "backend": "emulated-ibm-manila", "state": "open",
    **{name: {"amount": amount, "currency": "USD"} for name, amount in
       {"cap": "20.00", "held": "3.60", "charged": "4.40", "left": "12.00"}.items()},
    "expires_at": "2026-11-29T19:00:00Z",
}  # fmt: skip


SLOT = {
    "reservation": "rslot00000000000000a", "label": "vqe demo", "project": "main", "user": "ann",
    "users": ["ann", "ci"],
    "backend": "emulated-ibm-manila", "state": "booked", "reason": None, "starts_at": "2026-11-29T14:00:00Z",
    "ends_at": "2026-11-29T14:30:00Z", "hold": {"amount": "2880.00", "currency": "USD"}, "used_s": None, "idle_s": None,
    "unavailable_s": None,
}  # fmt: skip
SLOTS = [
    SLOT,
    {
        **SLOT, "reservation": "rslot00000000000000b", "label": "", "state": "ended", "reason": "over", "used_s": 1_500,
        "idle_s": 280, "unavailable_s": 20,
    },
]  # fmt: skip
TAKEN = [
    {
        "backend": "emulated-ibm-manila", "kind": "reservation", "window": None, "starts_at": "2026-11-29T14:00:00Z",
        "ends_at": "2026-11-29T14:30:00Z", "now": False,
    },
    {
        "backend": "aer", "kind": "maintenance", "window": "w1", "starts_at": "2026-11-29T11:00:00Z",
        "ends_at": "2026-11-29T13:00:00Z", "now": True,
    },
]  # fmt: skip
QUOTA = {
    "name": "project:main", "window": "1d", "active_jobs": 5, "active_used": 5, "shots": None, "shots_used": 900,
    "qpu_seconds": 3_600, "qpu_seconds_used": 600.5, "reservations": 2, "reservations_used": 1,
    "reserved_seconds": 36_000, "reserved_seconds_used": 1_800, "next_room_at": None,
}  # fmt: skip


def _line(project: str, component: str, quantity: str, unit_price: str, **more: object) -> dict[str, object]:
    amount = f"{Decimal(quantity) * Decimal(unit_price):f}"
    return {
        "period": "2026-11", "correction": False, "project": project, "price": "braket-iqm-garnet-2026",
        "component": component, "unit": "Units", "currency": "USD", "quantity": quantity, "unit_price": unit_price,
        "amount": amount, "facts": 3, "events": "sha256:" + "0" * 64, **more,
    }  # fmt: skip


INVOICE = {
    "version": 1, "number": "acme-2026-11", "tenant": "acme", "period": "2026-11", "serial": 3, "start": "2026-11-01",
    "end": "2026-12-01", "cut": 104_211, "facts": 5_120, "price_book": "sha256:" + "1" * 64,
    "seller": {"name": "Example Quantum Cloud GmbH"}, "buyer": {"name": "Acme Research Ltd"},
    "terms": "Payable within 30 days, without deduction.",
    "lines": [
        _line("chemistry", "task", "312", "0.30"), _line("chemistry", "shot", "640000", "0.00145"),
        _line("optics", "second", "121.512333000000000001", "1.388888888889"),
        _line("optics", "shot", "-1000", "0.00145", period="2026-10", correction=True),
    ],
    "agreed": [_line("chemistry", "shot", "640000", "-0.000145", agreement="volume", kind="discount")],
    "totals": [{"currency": "USD", "usage": "1188.917129", "agreements": "-92.8", "total": "1096.117129"}],
}  # fmt: skip
_ROW = {
    "sequence": 9, "issued_at": "2026-12-01 08:00:00.000000", "tenant": "acme", "serial": 3, "facts": 5_120, "cut": 9,
    "by": "olivia", "document": {"digest": "sha256:" + "2" * 64, "size": 4_000, "media_type": "application/json"},
}  # fmt: skip
INVOICES = [
    {
        **_ROW, "number": "acme-2026-11", "period": "2026-11", "start": "2026-11-01", "end": "2026-12-01",
        "totals": [{"amount": "1096.117129", "currency": "USD"}],
        "credits": [{
            "number": "acme-2026-11-c1", "invoice": "acme-2026-11", "revision": 1, "reason": "the device was down",
            "amount": {"amount": "100", "currency": "USD"}, "left": {"amount": "996.117129", "currency": "USD"},
        }],
    },
    {
        **_ROW, "number": "acme-2026-10", "period": "2026-10", "start": "2026-10-01", "end": "2026-11-01",
        "totals": [{"amount": "812.4", "currency": "USD"}, {"amount": "31.05", "currency": "EUR"}], "credits": [],
    },
]  # fmt: skip
