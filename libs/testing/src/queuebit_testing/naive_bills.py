"""A second way to rate jobs, over the raw messages of the log and the text of a price book, sharing no code.

What metering charged is not read: each bill is rated again from the accepted terms and the usage that executors stated.
`naive_invoices` makes invoices of the result. So one wrong digit in a charge, or a missing correction, is found.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext
from fractions import Fraction
from math import ceil, floor
from typing import Any

from queuebit_testing.naive_invoices import Message

__all__ = ["NaiveBills"]

_COMPONENTS = (
    ("task", "Tasks"),
    ("shot", "Shots"),
    ("second", "Seconds"),
    ("qubit_second", "Qubit-Seconds"),
    ("gate_1q", "Gate-Shots"),
    ("gate_2q", "Gate-Shots"),
    ("measurement", "Gate-Shots"),
)
_GATES = {"gate_1q": "gates-1q", "gate_2q": "gates-2q", "measurement": "measurements"}
_BOUNDS = {"gate_1q": "gates_1q", "gate_2q": "gates_2q", "measurement": "measurements"}
_METRICS = {"shots": "shots", "qpu-time": "qpu_us", "qubits": "qubits"}


@dataclass(slots=True)
class _Job:
    """What the log says about a job, apart from its bills."""

    terms: dict[str, Any] | None = None
    """Its acceptance."""
    backend: str | None = None
    state: str = ""
    reason: str = ""
    """The code of its failure."""
    usage: dict[str, Any] = field(default_factory=dict)
    reports: dict[int, dict[str, Any]] = field(default_factory=dict)
    bills: list[Message] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    """The reports that its corrections answer."""
    moved: Decimal | None = None
    """What its account paid: the settlement and later corrections; None before the settlement."""
    late: Decimal = Decimal(0)
    """Corrections of the account that were read before the settlement."""


class NaiveBills:
    """Collects messages, then rates."""

    def __init__(self, book: str) -> None:
        """Read a price book without agreements' rules.

        Args:
            book: its TOML text.
        """
        self._prices = {it["id"]: it for it in tomllib.loads(book)["price"]}
        self._jobs: dict[tuple[str, str], _Job] = {}
        self._sessions: dict[tuple[str, str], dict[str, Any]] = {}
        self._session_bills: list[tuple[tuple[str, str], Message]] = []
        self._hybrids: dict[tuple[str, str], dict[str, Any]] = {}
        """The ends of hybrid jobs that were accepted."""
        self._reservations: dict[tuple[str, str], dict[str, Any]] = {}
        """The ends of reservations."""
        self._reservation_bills: dict[tuple[str, str], Message] = {}
        self._reservations_paid: dict[tuple[str, str], Decimal] = {}
        self._hybrid_bills: dict[tuple[str, str], Message] = {}
        self._hybrids_paid: dict[tuple[str, str], Decimal] = {}

    def take(self, message: Message) -> None:
        """Add a message; of one job, in the order of the log."""
        document = json.loads(message.body)
        kind, data = document["type"], document["data"]
        _, noun, name, *_ = re.findall(r"\w+", kind)
        if noun == "session":
            self._session(kind, data, message)
        elif noun == "hybrid":
            self._hybrid(name, data, message)
        elif noun == "reservation":
            self._reservation(name, data, message)
        elif noun == "account" and "job" in data:
            self._account(kind, data)
        elif noun == "job":
            self._job(name, data, message)

    def bills(self) -> list[Message]:
        """The bills of the log, each with the charge that follows from terms and usage, not the one that it states."""
        with localcontext(prec=200):
            found = [_charged(message, lines) for job in self._jobs.values() for message, lines in self._rated(job)]
            for key, message in self._session_bills:
                found.append(_charged(message, self._idle(self._sessions[key])))
            found += [_charged(it, self._time(self._hybrids[key])) for key, it in self._hybrid_bills.items()]
            found += [
                _charged(it, self._reserved(self._reservations[key])) for key, it in self._reservation_bills.items()
            ]
        return sorted(found, key=lambda it: it.sequence)

    def faults(self) -> Iterator[str]:
        """What has no bill, or whose last bill or account does not follow from its last usage."""
        with localcontext(prec=200):
            for (tenant, name), job in self._jobs.items():
                yield from (f"{tenant}/{name}: {text}" for text in self._faults(job))
            billed = {key for key, _ in self._session_bills}
            for key, end in self._sessions.items():
                if "idle_hold" in end and key not in billed:
                    yield f"{'/'.join(key)}: its idle time was never billed"
            for key, end in self._hybrids.items():
                yield from (f"{'/'.join(key)}: {text}" for text in self._hybrid_faults(key, end))
            for key, end in self._reservations.items():
                yield from (f"{'/'.join(key)}: {text}" for text in self._reservation_faults(key, end))

    def _session(self, kind: str, data: dict[str, Any], message: Message) -> None:
        key = data["tenant"], data["session"]
        if kind == "qb.session.closed.v1":
            self._sessions[key] = data
        elif kind == "qb.session.metered.v1":
            self._session_bills.append((key, message))

    def _hybrid(self, name: str, data: dict[str, Any], message: Message) -> None:
        key = data["tenant"], data["hybrid"]
        if name in ("completed", "failed", "cancelled", "expired"):
            self._hybrids[key] = data
        elif name == "metered":
            self._hybrid_bills[key] = message

    def _hybrid_faults(self, key: tuple[str, str], end: dict[str, Any]) -> Iterator[str]:
        wanted = _sum(self._time(end))
        if key not in self._hybrid_bills:
            yield "its time was never billed"
        elif (stated := Decimal(json.loads(self._hybrid_bills[key].body)["data"]["charge"]["amount"])) != wanted:
            yield f"its bill says {stated}, and its time costs {wanted}"
        elif (paid := self._hybrids_paid.get(key)) != wanted:
            yield f"its account paid {paid}, and its time costs {wanted}"

    def _reservation(self, name: str, data: dict[str, Any], message: Message) -> None:
        key = data["tenant"], data["reservation"]
        if name == "ended":
            self._reservations[key] = data
        elif name == "metered":
            self._reservation_bills[key] = message

    def _reservation_faults(self, key: tuple[str, str], end: dict[str, Any]) -> Iterator[str]:
        if "hold" not in end:
            return
        wanted = _sum(self._reserved(end))
        if key not in self._reservation_bills:
            yield "its slot was never billed"
        elif (stated := Decimal(json.loads(self._reservation_bills[key].body)["data"]["charge"]["amount"])) != wanted:
            yield f"its bill says {stated}, and its slot costs {wanted}"
        elif (paid := self._reservations_paid.get(key)) != wanted:
            yield f"its account paid {paid}, and its slot costs {wanted}"

    def _reserved(self, end: dict[str, Any]) -> list[dict[str, str]]:
        """The lines of a reservation: seconds with a job, and without one."""
        price = self._prices[end["price"]]
        parts = (("reserved_second", end["used_s"]), ("reserved_idle_second", end["idle_s"]))
        unit = Decimal(price["per_reserved_second"])
        return [_line(price, component, "Seconds", Decimal(seconds), unit) for component, seconds in parts if seconds]

    def _account(self, kind: str, data: dict[str, Any]) -> None:
        key = data["tenant"], data["job"]
        if key in self._hybrids and kind == "qb.account.settled.v1":
            self._hybrids_paid[key] = self._hybrids_paid.get(key, Decimal(0)) + Decimal(data["settled"]["amount"])
        if key in self._reservations and kind == "qb.account.settled.v1":
            self._reservations_paid[key] = self._reservations_paid.get(key, Decimal(0)) + Decimal(
                data["settled"]["amount"]
            )
        job = self._jobs.get(key)
        if job is None:
            return
        if kind == "qb.account.settled.v1":
            job.moved = (job.moved or Decimal(0)) + Decimal(data["settled"]["amount"])
        elif kind == "qb.account.corrected.v1":
            job.late += Decimal(data["delta"]["amount"])

    def _job(self, name: str, data: dict[str, Any], message: Message) -> None:
        job = self._jobs.setdefault((data["tenant"], data["job"]), _Job())
        if name == "accepted":
            job.terms = {it: data[it] for it in ("shots", "profile", "candidates")}
            job.terms["candidates"] += data.get("fallback", {}).get("candidates", [])
        elif name == "placed":
            job.backend = data["backend"]
        elif name in ("completed", "failed", "cancelled", "expired", "rejected"):
            job.state = name
            job.usage = data.get("usage") or {}
            job.reason = data.get("reason", {}).get("code", "") if name == "failed" else ""
        elif name == "usage_reported":
            job.reports[data["revision"]] = data["usage"]
        elif name in ("metered", "corrected"):
            job.bills.append(message)
            if name == "corrected":
                job.answered.append(data["report"])

    def _rated(self, job: _Job) -> Iterator[tuple[Message, list[dict[str, str]]]]:
        usages = [job.usage, *(job.reports[it] for it in job.answered)]
        for message, usage in zip(job.bills, usages, strict=True):
            yield message, self._lines(job, usage)

    def _faults(self, job: _Job) -> Iterator[str]:
        if not job.bills:
            yield f"it was {job.state or 'not ended'}, and has no bill"
            return
        final = [revision for revision, usage in job.reports.items() if _is_final(usage)]
        usage = job.reports[max(final)] if final else job.usage
        wanted = _sum(self._lines(job, usage))
        stated = Decimal(json.loads(job.bills[-1].body)["data"]["charge"]["amount"])
        if stated != wanted:
            yield f"its last bill says {stated}, and its last usage costs {wanted}"
        if job.terms is not None and (paid := (job.moved or Decimal(0)) + job.late) != wanted:
            yield f"its account paid {paid}, and its last usage costs {wanted}"

    def _lines(self, job: _Job, usage: dict[str, Any]) -> list[dict[str, str]]:
        """The lines of a charge that are not 0."""
        if job.terms is None or job.backend is None or not _is_final(usage):
            return []
        terms = next(it for it in job.terms["candidates"] if it["backend"] == job.backend)
        price = self._prices[terms["price"]]
        measured = _measured(usage)
        ran = job.state == "completed" or measured["shots"] > 0 or measured["qpu-time"] > 0
        free, charged = price.get("free_when", ()), price.get("charged_when", ())
        if "reserved" in free and measured.get("reservation"):
            return []
        at_limit = job.state == "failed" and usage.get("at_limit", job.usage.get("at_limit"))
        stopped = ran and (at_limit or job.state == "cancelled") and job.state not in free
        cause = "preempted" if job.state == "failed" and job.reason == "preempted" else job.state
        if not (job.state == "completed" or stopped or (ran and cause in charged)):
            return []
        return [*_components(price, terms, job.terms, measured)]

    def _time(self, end: dict[str, Any]) -> list[dict[str, str]]:
        """The line of a hybrid job: its time, up to its limit."""
        terms = end["terms"]
        price = self._prices[terms["price"]]
        micros = min(end.get("usage", {}).get("time_us", 0), terms["max_time_s"] * 1_000_000)
        term = price["per_second"]
        return [_line(price, "classical_second", "Seconds", _duration(term, micros, 0), Decimal(term["amount"]))]

    def _idle(self, end: dict[str, Any]) -> list[dict[str, str]]:
        price = self._prices[end["price"]]
        unit = Decimal(price["per_session_idle_second"])
        return [_line(price, "session_idle_second", "Seconds", Decimal(end["idle_s"]), unit)]


def _components(
    price: dict[str, Any], bound: dict[str, Any], accepted: dict[str, Any], measured: dict[str, Decimal]
) -> Iterator[dict[str, str]]:
    most = int(accepted["profile"].get("shots") or accepted["shots"])
    shots = min(int(measured["shots"]), most)
    micros = min(int(measured["qpu-time"]), bound["qpu_us"])
    qubits = min(int(measured["qubits"]), accepted["profile"]["qubits"])
    factor = Decimal(price["credits"]["price"]) if "credits" in price else Decimal(1)
    tasks = _tasks(bound, measured, shots, most)
    lines = []
    for component, unit in _COMPONENTS:
        if (term := price.get(f"per_{component}")) is None:
            continue
        if component == "task":
            quantity = Decimal(tasks)
        elif component == "shot":
            quantity = Decimal(shots)
        elif component in _GATES:
            limit = (bound.get("gate_shots") or {}).get(_BOUNDS[component], 0)
            share = -(-limit * shots // most)
            quantity = Decimal(min(int(measured.get(_GATES[component], share)), limit))
        else:
            quantity = _duration(term, micros if component == "second" else micros * qubits, tasks)
            term = term["amount"]
        lines.append(_line(price, component, unit, quantity, Decimal(term) * factor))
    yield from lines
    if "minimum" in price:
        least = Decimal(price["minimum"]["amount"]) * tasks
        if price["minimum"]["rule"] == "base":
            yield _line(price, "base", "Jobs", Decimal(tasks), Decimal(price["minimum"]["amount"]) * factor)
        elif (missing := least - _sum(lines) / factor) > 0:
            yield _line(price, "minimum", "Units", missing, factor)


def _tasks(bound: dict[str, Any], measured: dict[str, Decimal], shots: int, most: int) -> int:
    """One, unless the vendor bills several: then as it counted, or else in proportion to the shots."""
    if bound.get("tasks") is None:
        return 1
    limit, counted = int(bound["tasks"]), measured.get("tasks")
    return min(int(counted) if counted is not None else max(1, -(-limit * shots // most)), limit)


def _duration(term: dict[str, str], micros: int, tasks: int) -> Decimal:
    """Seconds that are billed: at least the minimum of each task, rounded to the increment."""
    step = Fraction(term.get("quantum", "0.000001"))
    steps = max(Fraction(micros, 1_000_000), Fraction(term.get("minimum", "0")) * tasks) / step
    whole = {"up": ceil(steps), "down": floor(steps), "nearest": floor(steps + Fraction(1, 2))}
    return Decimal(whole[term.get("rounding", "up")]) * Decimal(term.get("quantum", "0.000001"))


def _line(price: dict[str, Any], component: str, unit: str, quantity: Decimal, unit_price: Decimal) -> dict[str, str]:
    line = {"price": price["id"], "component": component, "unit": unit, "billed": f"{quantity:f}"}
    return line | {"unit_price": f"{unit_price:f}", "amount": f"{quantity * unit_price:f}"}


def _charged(message: Message, lines: list[dict[str, str]]) -> Message:
    document = json.loads(message.body)
    currency = document["data"]["charge"]["currency"]
    document["data"]["charge"] = {"amount": f"{_sum(lines):f}", "currency": currency, "lines": lines}
    return replace(message, body=json.dumps(document).encode())


def _sum(lines: list[dict[str, str]]) -> Decimal:
    return sum((Decimal(it["amount"]) for it in lines), Decimal(0))


def _is_final(usage: dict[str, Any]) -> bool:
    measures = usage.get("measures")
    return bool(usage.get("final", True)) if measures is None else all(it.get("final", True) for it in measures)


def _measured(usage: dict[str, Any]) -> dict[str, Decimal]:
    measures = usage.get("measures")
    if measures is None:
        return {metric: Decimal(usage.get(name, 0)) for metric, name in _METRICS.items()}
    return dict.fromkeys(_METRICS, Decimal(0)) | {it["metric"]: Decimal(it["quantity"]) for it in measures}
