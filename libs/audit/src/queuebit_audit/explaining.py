"""Why a job was placed where it was, for the operator, who may read of all tenants."""

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

__all__ = ["explain_job"]


async def explain_job(operator: Transport, tenant: str, job: str) -> list[dict[str, JsonValue]]:
    """One row for each placement of the job, oldest first, with the names and figures of every tenant.

    Raises:
        Unreachable: the bus does not answer.
    """
    history = await LogClient(operator, tenant).history(job)
    return [await _row(operator, it.event) for it in history if isinstance(it.event, JobPlaced)]


async def _row(operator: Transport, placed: JobPlaced) -> dict[str, JsonValue]:
    data = placed.data
    about: dict[str, JsonValue] = {"job": data.job, "backend": data.backend, "policy": data.policy}
    about["at"] = rfc3339(placed.time)
    if data.decision is None:
        return {**about, "unexplained": "the version that placed it did not keep what it decided from"}
    try:
        content = await Payloads(operator, DECISIONS).get(data.decision)
        return explain_stored(content, (data.tenant, data.job), data.backend).document()
    except (NotFound, Unexplained) as error:
        return {**about, "unexplained": str(error)}
