"""Explains placements for the operator, who may see all tenants."""

from __future__ import annotations

from pydantic import JsonValue

from queuebit.errors import NotFound
from queuebit.log_client import LogClient
from queuebit.payloads import Payloads
from queuebit.transport import Transport
from queuebit_contracts.job import JobPlaced
from queuebit_contracts.topology import DECISIONS
from queuebit_kernel import rfc3339
from queuebit_scheduling import Unexplained, explain_stored
from queuebit_stack.connection import operator_of
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home

__all__ = ["explain_job", "explain_to_operator"]


async def explain_job(operator: Transport, tenant: str, job: str) -> list[dict[str, JsonValue]]:
    """One row for each placement of the job, oldest first, with the names and figures of every tenant.

    Raises:
        Unreachable: the bus does not answer.
    """
    history = await LogClient(operator, tenant).history(job)
    return [await _row(operator, it.event) for it in history if isinstance(it.event, JobPlaced)]


async def explain_to_operator(home: Home, tenant: str, job: str) -> list[dict[str, JsonValue]]:
    """The same, for the person who runs the stack of this home.

    Raises:
        Stop: the stack is down, or the job has no place yet.
        Unreachable: the bus does not answer.
    """
    operator = operator_of(home)
    try:
        rows = await explain_job(operator, tenant, job)
    finally:
        await operator.close()
    if not rows:
        raise Stop(Exit.REFUSED, f"{job} has no place: `qb job show {job}` says how it stands")
    return rows


async def _row(operator: Transport, placed: JobPlaced) -> dict[str, JsonValue]:
    data = placed.data
    about: dict[str, JsonValue] = {"job": data.job, "backend": data.backend, "policy": data.policy}
    about["at"] = rfc3339(placed.time)
    if data.decision is None:
        return {**about, "unexplained": "the version that placed it did not keep what it decided from"}
    try:
        content = await Payloads(operator, DECISIONS).get(data.decision)
        found = explain_stored(content, (data.tenant, data.job), data.backend).document()
    except (NotFound, Unexplained) as error:
        return {**about, "unexplained": str(error)}
    return found if data.shared_device is None else {**found, "shared_device": data.shared_device}
