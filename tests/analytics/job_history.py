"""Messages of jobs for tests of indicators: each with the time at which the log stored it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from .warehouse import event

__all__ = ["HOUR", "START", "Life", "Stored", "calibrated", "registered"]

START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=30)
"""A full hour, more than a day ago: jobs without an end wait for that long."""
HOUR = timedelta(hours=1)

Stored = tuple[datetime, tuple[str, bytes]]
_numbers = count()


@dataclass(frozen=True)
class Life:
    """A job: when it was submitted, how long it waited and ran, and its end. `end` is empty while it has none."""

    tenant: str
    submitted: datetime
    wait: timedelta | None = timedelta(seconds=1)
    """None: it does not start."""
    run: timedelta = timedelta(seconds=2)
    end: str = "completed"
    backend: str = "torino"
    project: str = "chem"
    workload_class: str = "production"
    late: timedelta = timedelta()
    """By how much later than its time the log stores the end."""
    ahead: timedelta = timedelta()
    """By how much the clock of the end's author is ahead."""
    said: dict[str, Any] = field(default_factory=dict)
    """Further data of the end."""
    withdrawn: bool = False
    """Whether it had a place first, and was taken from that backend."""
    trace: str = ""
    """The id of its trace."""
    job: str = field(default_factory=lambda: f"j{next(_numbers)}")

    def messages(self) -> Iterator[Stored]:
        """Its messages, oldest first."""
        yield self._message("submitted", self.submitted, project=self.project, **self._class)
        if self.end == "rejected":
            yield self._message(
                "rejected", self.submitted, project=self.project, reasons=[{"code": "budget"}], **self._class
            )
            return
        accepted = {"submitted_at": self.submitted.isoformat(), "accepted_at": self.submitted.isoformat()}
        yield self._message("accepted", self.submitted, project=self.project, **accepted, **self._class)
        if self.withdrawn:
            yield self._message("placed", self.submitted, backend=self.backend, **accepted, **self._class)
            yield self._message("withdrawn", self.submitted, backend=self.backend, project=self.project)
        if self.wait is not None:
            yield self._message("placed", self.submitted, backend=self.backend, **accepted, **self._class)
            started = self.submitted + self.wait
            yield self._message("started", started, backend=self.backend, attempt=1)
            accepted |= {"started_at": started.isoformat(), "backend": self.backend}
        if self.end:
            at = self.submitted + (self.wait or timedelta()) + self.run
            whose: dict[str, Any] = {"terms": {"project": self.project}}
            if self.end == "cancelled":  # says nothing of a backend
                accepted = {name: it for name, it in accepted.items() if name != "backend"}
                whose = {"project": self.project}
            body = self._message(self.end, at + self.ahead, **accepted, **self._class, **whose | self.said)
            yield (at + self.late, body[1])

    def metered(
        self, *, amount: str = "0.3", price: str = "0.1", billed: str = "3", correction: bool = False
    ) -> Stored:
        """Its bill of one line, or a correction of that by -1; at its end."""
        line = {"component": "shot", "billed": billed, "unit_price": price, "amount": amount}
        charge = {"amount": amount, "currency": "USD", "jbu": "0", "lines": [line]}
        said: dict[str, Any] = {"charge": charge, "backend": self.backend, "project": self.project, **self._class}
        if correction:
            said |= {"revision": 1, "delta": {"amount": "-1", "currency": "USD", "jbu": "0", "lines": []}}
        return self._message("corrected" if correction else "metered", self.ended, **said)

    def sealed(
        self, *, record: int = 3, without: tuple[str, ...] = (), revision: int | None = None, late: timedelta = HOUR
    ) -> Stored:
        """Its receipt, from a complete statement of a version of the record, without the field at a path."""
        at = self.ended.isoformat()
        ran = {} if self.end == "rejected" else {"accepted_at": at, "placed_at": at, "started_at": at}
        predicate: dict[str, Any] = {
            "record": record,
            "job": {"tenant": self.tenant, "project": self.project, "id": self.job, "actor": "ann", "purpose": "test"},
            "outcome": {"state": self.end, "reasons": [{"code": "budget", "text": ""}]},
            "times": {"submitted_at": self.submitted.isoformat(), "finished_at": at, **ran},
            **dict.fromkeys(("request_digest", "price_book", "trace_id", "software", "salt"), "x"),
        }
        if self.end in ("completed", "failed", "expired"):
            predicate |= {"circuit_digest": "sha256:2", "plan_digest": "sha256:3"}
        if self.end in ("completed", "failed"):
            predicate["run"] = {
                "backend": self.backend,
                "calibration_digest": "sha256:1",
                "shots": 1000,
                "policy": "fair-share/8",
                "decision_digest": "sha256:4",
                "attempts": [{"backend": self.backend}],
                "attempt": 1,
                "executor": "queuebit 0.1.0",
            }
        if self.end == "completed":
            usage = [{"metric": "shots", "quantity": "1000", "unit": "shot"}]
            compiled = {"compiler": "qiskit", "seed": 0, "target": "sha256:5"}
            predicate |= {"result_digest": "x", "bound_digest": "x", "compiled": compiled, "usage": usage}
        if record == 1:
            del predicate["record"]
        if without:
            inner = predicate
            for name in without[:-1]:
                inner = inner[name]
            del inner[without[-1]]
        said: dict[str, Any] = {"text": json.dumps({"predicate": predicate}), **self._class}
        subject = f"qb.job.{self.tenant}.{self.job}.sealed{f'.{revision}' if revision else ''}"
        if revision:
            said["revision"] = revision
        whose = {"tenant": self.tenant, "job": self.job}
        return self.ended + late, event(subject, "qb.job.sealed.v2", self.ended + late, **whose, **said)

    @property
    def ended(self) -> datetime:
        """When it ended, as the indicators see it."""
        if self.end == "rejected":
            return self.submitted
        said = self.submitted + (self.wait or timedelta()) + self.run
        return min(said + self.ahead, said + self.late)

    @property
    def _class(self) -> dict[str, str]:
        return {"workload_class": self.workload_class} if self.workload_class else {}

    def _message(self, name: str, at: datetime, **data: Any) -> Stored:
        subject = f"qb.job.{self.tenant}.{self.job}.{name}"
        whose = {"tenant": self.tenant, "job": self.job}
        subject, body = event(subject, f"qb.job.{name}.v1", at, **whose, **data)
        if self.trace:
            body = json.dumps(json.loads(body) | {"traceparent": f"00-{self.trace}-0000000000000001-01"}).encode()
        return at, (subject, body)


def registered(backend: str, vendor: str) -> Stored:
    """The registration of a backend."""
    return START, event(
        f"qb.backend.{backend}.registered", "qb.backend.registered.v1", START, backend=backend, vendor=vendor
    )


def calibrated(backend: str) -> Stored:
    """A calibration of a backend."""
    return START, event(f"qb.backend.{backend}.calibrated", "qb.backend.calibrated.v1", START, backend=backend)
