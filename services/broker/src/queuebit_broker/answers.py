"""Answers to tenants: the backends with their prices, the plan of a circuit, and what waits to be admitted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeAlias

from pydantic import JsonValue

from queuebit_broker.accounts import Account
from queuebit_broker.eligibility import Candidate, Silent, Tariff, Verdict, assess
from queuebit_broker.funds import spending_of
from queuebit_broker.limit_rules import about_asked, advice_of, limited, limits_in_force, unmet
from queuebit_broker.profiles import Profiles
from queuebit_broker.quotas import quota_row, quotas_left, reserved_of
from queuebit_broker.reservation_rows import reservation_row, taken_row
from queuebit_broker.reservation_rules import nearest_free
from queuebit_broker.rules import about_shots, about_source, circuit_reason, runs
from queuebit_broker.session_rows import session_row
from queuebit_broker.slot_rules import about_slot, about_spot, in_slot
from queuebit_broker.state import World
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.wire import Reason
from queuebit_kernel import Clock, Money, rfc3339
from queuebit_ledger import first_day
from queuebit_planning.eligibility import why_not
from queuebit_pricing import Price, Unpriced, plain

__all__ = ["Answers"]

_Row: TypeAlias = dict[str, JsonValue]


class Answers:
    """Reads only: nothing here is stored or held."""

    def __init__(self, world: World, profiles: Profiles, tariff: Tariff, clock: Clock, max_source_bytes: int) -> None:
        self._world = world
        self._profiles = profiles
        self._tariff = tariff
        self._clock = clock
        self._max_source_bytes = max_source_bytes

    async def backends(self, tenant: str, question: Question) -> Answer:
        """Every registered backend, or those the project in the question may use."""
        now = self._clock.now()
        project = self._project(tenant, question)
        if isinstance(project, Reason):
            return Answer(error=project)
        return Answer(rows=tuple(self._backend(name, now) for name in project))

    async def plan(self, tenant: str, question: Question) -> Answer:
        """What the circuit would cost and reach on every backend; those that fit first, the cheapest first.

        In a reservation, on its backend alone.
        """
        names = self._project(tenant, question)
        if isinstance(names, Reason):
            return Answer(error=names)
        if question.circuit is None or question.shots is None:
            return _no([Reason(code="bad_question", text="a plan needs a circuit and a number of shots: give both")])
        entry = self._world.directory.tenant.get(tenant)
        if wrong := [
            *about_shots(question.shots, tenant, entry),
            *about_source(question.circuit, self._max_source_bytes),
        ]:
            return _no(wrong)
        slot = self._world.calendars.find(tenant, question.reservation) if question.reservation else None
        now = self._clock.now()
        if wrong := [*about_spot(question), *about_slot(question, tenant, None, slot, (), now)]:
            return _no(wrong)
        if slot is not None:
            names = [it for it in names if it == slot.reservation.backend]
        known, stacks = self._world.registered(), dict[str, list[str]]()
        for name in names:
            stacks.setdefault(known[name].stack, []).append(name)
        profiled = await self._profiles.of(tenant, question.circuit, question.shots, stacks)
        if profiled.error is not None:
            return _no([circuit_reason(profiled.error)])
        total = (profiled.profile.shots if profiled.profile else None) or question.shots
        if wrong := [*about_shots(total, tenant, entry)]:
            return _no(wrong)
        project = entry.project.get(question.project) if entry and question.project else None
        paying = (question.project, project) if question.project and project else None
        if wrong := [*about_asked(question.limits, None, known, paying, entry, now)]:
            return _no(wrong)
        most = question.max_cost.money if question.max_cost else None
        limits = in_slot(limits_in_force(question.limits, most, entry, project, now), slot)
        spot = question.spot is True
        able = [assess(known[name], question.shots, profiled, self._tariff, now, spot=spot) for name in names]
        verdicts = limited(able, known, names, limits, now)
        fitting = [it for it in verdicts if isinstance(it, Candidate)]
        if wrong := [*about_slot(question, tenant, None, slot, fitting, now)]:
            return _no(wrong)
        begins = now if slot is None else max(now, slot.reservation.starts_at)
        holder = tenant, question.project if slot is None else slot.reservation.project
        rows = [self._planned(name, it, now, begins, holder) for name, it in zip(names, verdicts, strict=True)]
        rows.sort(key=lambda it: it[0])
        nearest = unmet(able, known, names, limits, now)
        advice = advice_of(nearest) if nearest is not None else None
        return Answer(rows=tuple(row for _, row in rows), advice=advice)

    async def admission(self, tenant: str, question: Question) -> Answer:
        """Which jobs are submitted and cannot be decided now, and why."""
        waiting = self._world.waiting(tenant)
        chosen = waiting if question.job is None else {question.job} & waiting.keys()
        return Answer(rows=tuple({"job": job, "reason": waiting[job]} for job in islice(chosen, question.limit)))

    async def balances(self, tenant: str, question: Question) -> Answer:
        """What each account of the tenant, or that of one project, and each budget has left."""
        now, rows = self._clock.now(), list[_Row]()
        for name, account in self._world.accounts.of(tenant).items():
            if question.project in (None, name):
                rows += self._account(name, account, now)
        entry = self._world.directory.tenant.get(tenant)
        for name, budget in sorted(entry.budget.items()) if entry else ():
            it = spending_of(self._world, tenant, name, budget, now)
            first, spent_by = first_day(it.window, it.today), it.spent_by()
            rows.append(
                {
                    **self._balance("budget", name, it.limit, it.held, it.spent),
                    "window": it.window,
                    "since": first.isoformat() if first else None,
                    "soft": budget.soft,
                    "spent_by": spent_by.isoformat() if spent_by else None,
                }
            )
        return Answer(rows=tuple(rows))

    async def quotas(self, tenant: str, question: Question) -> Answer:
        """What is used and left of each quota of the tenant, or of those that name a project.

        The quota of a class has a row for each user whose jobs counted against it.
        """
        entry, now = self._world.directory.tenant.get(tenant), self._clock.now()
        defined, users = sorted(entry.quota if entry else ()), self._world.quota_use.names(tenant)
        of_users = [it for it in users if it.startswith("class:") and it.rpartition(":")[0] in defined]
        without = [it for it in defined if not any(user.startswith(f"{it}:") for user in of_users)]
        shown = ("tenant", f"project:{question.project}")
        names = [it for it in sorted([*without, *of_users]) if question.project is None or it in shown]
        found = quotas_left(self._world.quota_use, tenant, entry, names, (), now)
        ahead = [it for it in self._world.calendars.of(tenant) if it.is_ahead(now)]
        return Answer(rows=tuple(quota_row(it, reserved_of(it.name, ahead)) for it in found))

    async def circuits(self, tenant: str, question: Question) -> Answer:
        """Versions of named circuits, by name and with the newest first."""
        entry = self._world.directory.tenant.get(tenant)
        rows: list[_Row] = []
        for key, it in entry.circuit.items() if entry else ():
            name, _, version = key.rpartition("@")
            rows.append({"circuit": name, "version": int(version), **it.model_dump(mode="json")})
        rows.sort(key=lambda row: (str(row["circuit"]), -int(str(row["version"]))))
        return Answer(rows=tuple(rows[: question.limit]))

    async def delegations(self, tenant: str, question: Question) -> Answer:
        """Keys that have not expired, newest first; without their subjects' tokens, which are stored nowhere."""
        now = self._clock.now()
        current = (it for it in self._world.delegations.all() if it.delegation.tenant == tenant)
        rows = [
            {**it.delegation.model_dump(mode="json"), "ended": it.ended}
            for it in current
            if it.delegation.expires_at > now
        ]
        return Answer(rows=tuple(rows[::-1][: question.limit]))

    async def sessions(self, tenant: str, question: Question) -> Answer:
        """Sessions that are open, or closed within a day, the newest first; or one of them."""
        now = self._clock.now()
        known = [it for it in self._world.sessions.of(tenant) if question.session in (None, it.session.session)]
        rows = [session_row(self._world, it, now, self._tariff.currency) for it in known[: question.limit]]
        return Answer(rows=tuple(rows))

    async def reservations(self, tenant: str, question: Question) -> Answer:
        """Reservations that are not over, or ended within a day, the newest first; or one of them."""
        known = [
            it
            for it in self._world.calendars.of(tenant)
            if question.reservation in (None, it.reservation.reservation)
            and question.backend in (None, it.reservation.backend)
        ]
        return Answer(rows=tuple(reservation_row(it, self._world.sequence) for it in known[: question.limit]))

    async def windows(self, tenant: str, question: Question) -> Answer:
        """When backends cannot be reserved from now on: windows, and slots of all tenants, without their holders."""
        now = self._clock.now()
        names = [it for it in self._world.registered() if question.backend in (None, it)]
        rows = [taken_row(name, it, now) for name in names for it in self._world.calendars.taken(name, now)]
        return Answer(rows=tuple(rows[: question.limit]))

    def _account(self, name: str, account: Account, now: datetime) -> Iterator[_Row]:
        """An account by currency, then its grants, of which nothing was taken back yet."""
        currencies = dict.fromkeys([*account.funded, *(it.amount.currency for it in account.credits.values())])
        for currency in currencies:
            limit = account.funded.get(currency, Money.zero(currency)) + account.granted(currency)
            row = self._balance("account", name, limit, account.held(currency), account.spent(currency))
            yield {**row, "left": account.available_at(currency, now).text()}
        for grant, it in account.credits.items():
            row = self._balance("grant", grant, it.amount - it.expired, Money.zero(it.amount.currency), it.burnt)
            expires = rfc3339(it.expires_at) if it.expires_at else None
            yield {**row, "project": name, "priority": it.priority, "expires_at": expires}

    def _balance(self, kind: str, name: str, limit: Money, held: Money, spent: Money) -> _Row:
        return {
            "kind": kind,
            "name": name,
            "currency": limit.currency,
            "limit": limit.text(),
            "held": held.text(),
            "spent": spent.text(),
            "left": (limit - held - spent).text(),
            "sequence": self._world.sequence,
        }

    def _project(self, tenant: str, question: Question) -> list[str] | Reason:
        """The names of the backends in question."""
        entry = self._world.directory.tenant.get(tenant)
        if question.project is None:
            return runs(self._world.registered(), None)
        if entry is None or question.project not in entry.project:
            known = ", ".join(sorted(entry.project)) if entry else "none"
            return Reason(
                code="unknown_project",
                text=f"tenant {tenant} has no project {question.project}: its projects are {known}",
            )
        return runs(self._world.registered(), entry.project[question.project])

    def _backend(self, name: str, now: datetime) -> _Row:
        it = self._world.registered()[name]
        calibration, out = self._world.backends[name].calibration, self._world.interrupted.get(name)
        try:
            price = self._tariff.price(name, now)
            tariff: _Row = {"price_id": price.id, "price": _in_words(price), "currency": price.currency}
        except Unpriced:
            tariff = {"price_id": None, "price": "no price: jobs are refused", "currency": None}
        return {
            "backend": name,
            "vendor": it.vendor,
            "region": it.region,
            "kind": it.kind,
            "stack": it.stack,
            "qubits": it.qubits,
            "max_shots": it.max_shots,
            "memory_bytes": it.memory_bytes,
            "features": [*it.features],
            "slots": it.slots,
            "interrupted_since": rfc3339(out) if out else None,
            **self._service(name),
            "quarantined": [*(calibration.quarantined or ())] if calibration else [],
            **tariff,
            **self._calibrated(name, now),
            "median_two_qubit_error_ppm": calibration.median_two_qubit_error_ppm if calibration else None,
            "median_readout_error_ppm": calibration.median_readout_error_ppm if calibration else None,
        }

    def _service(self, name: str) -> _Row:
        """Since when a backend is isolated or used in part, and why."""
        isolated, degraded = self._world.isolated.get(name), self._world.degraded.get(name)
        if degraded is not None and not degraded.qubits and not degraded.couplers:
            degraded = None
        return {
            "isolated_since": rfc3339(isolated.since) if isolated else None,
            "isolated_reason": isolated.reason.text if isolated else None,
            "degraded_since": rfc3339(degraded.at) if degraded else None,
            "degraded_reason": degraded.reason.text if degraded else None,
            "qubits_out": [*degraded.qubits] if degraded else [],
            "couplers_out": [[*it] for it in degraded.couplers] if degraded else [],
        }

    def _planned(
        self, name: str, verdict: Verdict, now: datetime, begins: datetime, holder: tuple[str, str | None]
    ) -> tuple[tuple[bool, object, str], _Row]:
        """A row, after what it is sorted by.

        The job `begins` then at the earliest; `holder` is the tenant and the project that ask.
        """
        about, isolated = self._world.registered()[name], self._world.isolated.get(name)
        where: _Row = {"vendor": about.vendor, "region": about.region}
        fits = isinstance(verdict, Candidate) and isolated is None
        row: _Row = {"backend": name, **where, "fits": fits, "reason": None}
        if isolated is not None:
            row["reason"] = f"isolated since {rfc3339(isolated.since)}: {isolated.reason.text}"
            return (True, 0, name), row
        if isinstance(verdict, Candidate):
            estimate = verdict.estimate
            row |= {
                "cost": verdict.cost.text(),
                "currency": verdict.cost.currency,
                "price_id": verdict.price,
                "qpu_us": estimate.qpu_us,
                "esp_ppm": estimate.esp_ppm,
                "depth": estimate.depth,
                "two_qubit_gates": estimate.two_qubit_gates,
                "free_from": self._free_from(name, estimate.qpu_us, now, begins, holder),
                **self._calibrated(name, now),
            }
            return (False, verdict.cost.amount, name), row
        if isinstance(verdict, Silent):
            row["reason"] = "does not answer now: see in `qb status` whether its executor is up"
        else:
            row["reason"] = why_not(verdict)
        return (True, 0, name), row

    def _free_from(
        self, name: str, qpu_us: int, now: datetime, begins: datetime, holder: tuple[str, str | None]
    ) -> str | None:
        """When a job is expected to end before the next window that is not its own; None for now. Without a margin."""
        taken = self._world.calendars.taken_from(holder, name, now)
        free_from = nearest_free(taken, begins, timedelta(microseconds=qpu_us))
        return rfc3339(free_from) if free_from > now else None

    def _calibrated(self, name: str, now: datetime) -> _Row:
        calibration = self._world.backends[name].calibration
        if calibration is None:
            return {"calibrated_at": None, "calibration_age_s": None}
        age = int((now - calibration.calibrated_at).total_seconds())
        return {"calibrated_at": rfc3339(calibration.calibrated_at), "calibration_age_s": age}


def _no(reasons: list[Reason]) -> Answer:
    return Answer(error=Reason(code=reasons[0].code, text="; ".join(it.text for it in reasons)))


_NAMES = {"base": "job", "gate_1q": "one-qubit gate", "gate_2q": "two-qubit gate"}


def _in_words(price: Price) -> str:
    """The components as people say them: `0.30 USD a task + 0.01 USD a shot`."""
    parts = [
        f"{it.unit_price:f} {price.currency} a {_NAMES.get(it.component, it.component.replace('_', '-'))}"
        for it in price.rates
        if it.unit_price
    ]
    if price.floor is not None:
        parts.append(f"at least {plain(price.floor)} {price.credits.unit if price.credits else price.currency} a job")
    return " + ".join(parts) or "free"
