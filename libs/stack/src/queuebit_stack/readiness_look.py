"""Finds out what `readiness` judges: reads the files, the warehouse and one receipt of a stack."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from queuebit.client import AsyncClient
from queuebit.credentials import find
from queuebit.errors import QueuebitError
from queuebit.receipt_files import read_trust
from queuebit_kernel import SystemClock
from queuebit_proof import ReceiptInvalid, TrustInvalid, TrustRoot
from queuebit_proof import verify as verify_receipt
from queuebit_stack.bootstrap import read_tenants
from queuebit_stack.checks import examine
from queuebit_stack.config_check import unpriced
from queuebit_stack.errors import Stop
from queuebit_stack.home import Home
from queuebit_stack.home_documents import read_alerts, read_objectives
from queuebit_stack.incidents import incidents
from queuebit_stack.readiness import Backend, Situation
from queuebit_stack.stack import Stack
from queuebit_stack.warehouse import analyst_of, records

__all__ = ["look"]

_RECEIPT_S: Final = 10.0
_BACKENDS: Final = """
SELECT
    backend,
    argMaxIf(JSONExtractString(data, 'kind'), seq, type = 'qb.backend.registered.v1') AS kind,
    argMaxIf(JSONExtractString(data, 'calibrated_at'), seq, type = 'qb.backend.calibrated.v1') AS calibrated_at
FROM events
WHERE type IN ('qb.backend.registered.v1', 'qb.backend.calibrated.v1')
GROUP BY backend
HAVING kind != ''
ORDER BY backend
"""
_SEALS: Final = """
SELECT
    countIf(sealed) AS with_receipt,
    countIf(NOT sealed AND ended_at < now() - INTERVAL 1 HOUR) AS without,
    argMaxIf((tenant, job), ended_at, sealed) AS newest
FROM jobs
WHERE ended_at IS NOT NULL
"""
_REACHED: Final = """
SELECT JSONExtractString(data, 'receiver') AS receiver, max(event_time) AS at
FROM events
WHERE type = 'qb.slo.delivered.v1' AND JSONExtractString(data, 'outcome') = 'delivered'
GROUP BY receiver
"""
_APPLIED: Final = """
SELECT argMax(JSONExtractString(data, 'commit'), seq) AS commit
FROM events
WHERE type = 'qb.config.applied.v1'
"""

_T = TypeVar("_T")


def look(home: Home) -> Situation:
    """Find everything out; what cannot be found out is None."""
    stack = Stack.load(home)
    backends = _known(lambda: _backends(home, stack))
    seals = _known(lambda: _rows(home, stack, _SEALS)[0])
    applied = _known(lambda: str(_rows(home, stack, _APPLIED)[0]["commit"]))
    return Situation(
        now=SystemClock().now(),
        ill=_known(lambda: [str(it["check"]) for it in examine(home).checks if it["state"] != "ok"]),
        tenants=_known(lambda: read_tenants(home)),
        alerts=_known(lambda: read_alerts(home)),
        alert_secrets=frozenset(it.name for it in home.alert_secrets.glob("*")),
        reached=_known(lambda: _reached(home, stack)),
        objectives=_known(lambda: len(read_objectives(home))),
        unpriced=None if backends is None else unpriced(home, [it.name for it in backends]),
        backed_up=_backed_up(home),
        listens={} if stack is None else stack.listens,
        backends=backends,
        sealed=None if seals is None else int(seals["with_receipt"]),
        unsealed=None if seals is None else int(seals["without"]),
        receipt=None if seals is None else _verified(home, *seals["newest"]),
        unacknowledged=_known(lambda: sum(it.state == "open" for it in incidents(home))),
        applied=applied,
    )


def _known(asked: Callable[[], _T]) -> _T | None:
    """What is found out; None if the stack or a file does not give it."""
    try:
        return asked()
    except (Stop, QueuebitError, OSError):
        return None


def _rows(home: Home, stack: Stack | None, sql: str) -> list[dict[str, Any]]:
    if stack is None:
        return []
    return records(stack, analyst_of(home), sql, {})


def _backends(home: Home, stack: Stack | None) -> list[Backend] | None:
    if stack is None:
        return None
    found = _rows(home, stack, _BACKENDS)
    return [Backend(it["backend"], it["kind"], _moment(it["calibrated_at"])) for it in found]


def _reached(home: Home, stack: Stack | None) -> dict[str, datetime]:
    rows = _rows(home, stack, _REACHED)
    return {it["receiver"]: at for it in rows if (at := _moment(it["at"])) is not None}


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _backed_up(home: Home) -> datetime | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        return datetime.fromisoformat(json.loads(home.backup_record.read_text())["at"])
    return None


def _verified(home: Home, tenant: str, job: str) -> str | None:
    """Why the newest receipt does not verify; empty if it does; None where it cannot be read."""

    async def fetched() -> bytes:
        async with AsyncClient(find(home.root, tenant, None)) as client:
            return (await (await client.find(job)).receipt(_RECEIPT_S)).content

    if not job:
        return None
    try:
        verify_receipt(asyncio.run(fetched()), TrustRoot.parse(read_trust(home.trust_file)), job=job)
    except (ReceiptInvalid, TrustInvalid) as error:
        return str(error)
    except (QueuebitError, Stop, OSError):
        return None
    return ""
