"""Where circuits are planned and run: on a stack, or in a child process on this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from queuebit.errors import Forbidden, InvalidInput, JobFailed, NotFound, Refused, StillRunning
from queuebit_ci.model import Check, Plan
from queuebit_kernel import Money, digest_of, job_id

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit_ci.policy import PlanRule, RunRule
    from queuebit_ci.selection import Candidate

__all__ = ["Measured", "Platform", "StackPlatform", "fault", "run_key"]

_PLACE = re.compile(r"line (\d+), column (\d+)")
_BILL_S = 30.0
_NOT_OF_THE_CIRCUIT = frozenset({"unknown_project"})


@dataclass(frozen=True, slots=True)
class Measured:
    """The counts of a run, and what they cost."""

    backend: str
    counts: Mapping[str, int]
    job: str | None = None
    charge: Money | None = None
    repeated: bool = False


class Platform(Protocol):
    """Plans and runs circuits. What is wrong with a circuit is a failed check; any other trouble raises."""

    async def plan(self, program: object, rule: PlanRule) -> Plan | Check:
        """Plan one circuit."""
        ...

    async def run(self, candidate: Candidate, rule: RunRule, shots: int) -> Measured | Check:
        """Run one circuit."""
        ...


class StackPlatform:
    """A running stack."""

    def __init__(self, client: AsyncClient, repository: str) -> None:
        self._client = client
        self._repository = repository

    async def plan(self, program: object, rule: PlanRule) -> Plan | Check:
        try:
            rows = await self._client.plan(program, shots=rule.shots)
        except InvalidInput as error:
            return fault(str(error))
        except Refused as error:
            if isinstance(error, Forbidden) or any(it.code in _NOT_OF_THE_CIRCUIT for it in error.reasons):
                raise
            return fault(str(error))
        return _chosen(rows, rule.backend)

    async def run(self, candidate: Candidate, rule: RunRule, shots: int) -> Measured | Check:
        tenant = self._client.credential.tenant
        key = run_key(self._repository, candidate.digest, rule, shots)
        repeated = False
        with suppress(NotFound):
            repeated = bool((await self._client.job(job_id(tenant, key)).status()).job)
        try:
            job = await self._client.submit(
                candidate.program,
                shots=shots,
                backend=rule.backend,
                project=rule.project,
                purpose="ci",
                key=key,
                max_cost=rule.max_cost,
                seed=rule.seed,
                tags=rule.tags,
                label=candidate.path,
            )
            result = await job.result(rule.timeout)
        except Forbidden:
            raise
        except (InvalidInput, Refused, JobFailed, StillRunning) as error:
            return Check("run", "failed", str(error))
        charge = None
        with suppress(StillRunning):  # the report then says that it is not billed yet
            charge = await job.charge(_BILL_S)
        return Measured(result.backend, result.counts, job.id, charge, repeated)


def run_key(repository: str, circuit: str, rule: RunRule, shots: int) -> str:
    """The idempotency key of a run: the same circuit under the same rule is the same job, in every branch, for ever."""
    asked = rule.model_dump(mode="json", exclude={"alpha", "timeout"})
    content = digest_of({"repository": repository, "circuit": circuit, "run": asked, "shots": shots})
    return f"ci/{content.removeprefix('sha256:')}"


def fault(text: str, line: int | None = None, column: int | None = None) -> Check:
    """The check of a circuit that cannot be planned."""
    place = _PLACE.search(text)
    if line is None and place:
        line, column = int(place[1]), int(place[2])
    return Check("circuit", "failed", text, line, column)


def _chosen(rows: Sequence[Mapping[str, object]], wanted: str | None) -> Plan | Check:
    """The plan on the wanted backend, or on the cheapest simulator that fits; rows are sorted by cost."""
    if wanted is not None:
        named = [it for it in rows if it["backend"] == wanted]
        if not named:
            known = ", ".join(str(it["backend"]) for it in rows) or "none"
            raise InvalidInput(f"the policy names the backend {wanted}, which this project lacks: it has {known}")
        if not named[0]["fits"]:
            return fault(f"{wanted}: {named[0]['reason']}")
        return _plan(named[0])
    fitting = [it for it in rows if it["fits"]]
    if not fitting:
        reasons = "; ".join(f"{it['backend']}: {it['reason']}" for it in rows)
        return fault(f"no backend can run it: {reasons or 'no backend is registered'}")
    return _plan(next((it for it in fitting if it["esp_ppm"] is None), fitting[0]))


def _plan(row: Mapping[str, object]) -> Plan:
    esp, qpu_us = row["esp_ppm"], row["qpu_us"]
    return Plan(
        backend=str(row["backend"]),
        depth=int(str(row["depth"])),
        two_qubit_gates=int(str(row["two_qubit_gates"])),
        cost=Money(Decimal(str(row["cost"])), str(row["currency"])),
        esp=None if esp is None else int(str(esp)) / 1_000_000,
        qpu_us=None if qpu_us is None else int(str(qpu_us)),
    )
