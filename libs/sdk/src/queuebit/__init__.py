"""Queuebit from Python: submit circuits, wait for counts, keep the receipts.

    with Client() as client:
        print(client.submit(Path("bell.qasm"), shots=1000).result().counts)

The words are those of `qb`. Every error is a `QueuebitError` that says what to do next.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from queuebit.artefacts import SignedFile, sign_file, signing_keys, verify_file
    from queuebit.client import AsyncClient
    from queuebit.credentials import Credential
    from queuebit.errors import (
        Conflict,
        InvalidInput,
        JobFailed,
        NotFound,
        NotVerified,
        QueuebitError,
        Reason,
        Refused,
        StillRunning,
        Unreachable,
    )
    from queuebit.events import LoggedEvent, UnknownEvent
    from queuebit.group import AsyncGroup, GroupReceipt
    from queuebit.hybrid_jobs import AsyncHybridJob, HybridStatus, Metric
    from queuebit.job import AsyncJob
    from queuebit.lineage import Lineage
    from queuebit.mapping import Mapped, Progress
    from queuebit.named_circuits import NamedCircuit
    from queuebit.programs import Batch, Item, Sweep
    from queuebit.random_bits import RandomBits
    from queuebit.records import (
        Estimate,
        Fallback,
        ItemResult,
        PostResult,
        Receipt,
        Result,
        ResultValue,
        SharedRun,
        Status,
        Step,
        Table,
    )
    from queuebit.replays import Compared, Condition
    from queuebit.reservation_requests import Reservation
    from queuebit.session import AsyncSession
    from queuebit.session_requests import SessionCost, SessionTerms
    from queuebit.sync import Client, Job
    from queuebit.sync_group import Group
    from queuebit.sync_hybrid import HybridJob
    from queuebit.sync_session import Session
    from queuebit.sync_template_runs import TemplateRun
    from queuebit.template_runs import AsyncTemplateRun
    from queuebit.transport import Message, Reply, Transport
    from queuebit.workflow import Workflow, step
    from queuebit_kernel import Money

    __version__: str

_WHERE = {
    "AsyncClient": "client",
    "AsyncGroup": "group",
    "AsyncHybridJob": "hybrid_jobs",
    "AsyncJob": "job",
    "AsyncSession": "session",
    "AsyncTemplateRun": "template_runs",
    "Batch": "programs",
    "Client": "sync",
    "Compared": "replays",
    "Condition": "replays",
    "Conflict": "errors",
    "Credential": "credentials",
    "Estimate": "records",
    "Fallback": "records",
    "HybridJob": "sync_hybrid",
    "HybridStatus": "hybrid_jobs",
    "LoggedEvent": "events",
    "InvalidInput": "errors",
    "Item": "programs",
    "ItemResult": "records",
    "PostResult": "records",
    "Group": "sync_group",
    "GroupReceipt": "group",
    "Job": "sync",
    "Lineage": "lineage",
    "JobFailed": "errors",
    "Mapped": "mapping",
    "Message": "transport",
    "Metric": "hybrid_jobs",
    "Money": "records",
    "NamedCircuit": "named_circuits",
    "NotFound": "errors",
    "NotVerified": "errors",
    "Progress": "mapping",
    "QueuebitError": "errors",
    "RandomBits": "random_bits",
    "Reason": "errors",
    "Receipt": "records",
    "Refused": "errors",
    "Reply": "transport",
    "Result": "records",
    "ResultValue": "records",
    "Reservation": "reservation_requests",
    "Session": "sync_session",
    "SessionCost": "session_requests",
    "SessionTerms": "session_requests",
    "SharedRun": "records",
    "SignedFile": "artefacts",
    "Status": "records",
    "Step": "records",
    "StillRunning": "errors",
    "Sweep": "programs",
    "Table": "records",
    "TemplateRun": "sync_template_runs",
    "Transport": "transport",
    "UnknownEvent": "events",
    "Unreachable": "errors",
    "Workflow": "workflow",
    "sign_file": "artefacts",
    "signing_keys": "artefacts",
    "step": "workflow",
    "verify_file": "artefacts",
}

__all__ = [
    "AsyncClient",
    "AsyncGroup",
    "AsyncHybridJob",
    "AsyncJob",
    "AsyncSession",
    "AsyncTemplateRun",
    "Batch",
    "Client",
    "Compared",
    "Condition",
    "Conflict",
    "Credential",
    "Estimate",
    "Fallback",
    "Group",
    "GroupReceipt",
    "HybridJob",
    "HybridStatus",
    "InvalidInput",
    "Item",
    "ItemResult",
    "Job",
    "JobFailed",
    "Lineage",
    "LoggedEvent",
    "Mapped",
    "Message",
    "Metric",
    "Money",
    "NamedCircuit",
    "NotFound",
    "NotVerified",
    "PostResult",
    "Progress",
    "QueuebitError",
    "RandomBits",
    "Reason",
    "Receipt",
    "Refused",
    "Reply",
    "Reservation",
    "Result",
    "ResultValue",
    "Session",
    "SessionCost",
    "SessionTerms",
    "SharedRun",
    "SignedFile",
    "Status",
    "Step",
    "StillRunning",
    "Sweep",
    "Table",
    "TemplateRun",
    "Transport",
    "UnknownEvent",
    "Unreachable",
    "Workflow",
    "sign_file",
    "signing_keys",
    "step",
    "verify_file",
]


def __getattr__(name: str) -> object:
    """Load a name when it is first used: most programs need few names, and the command line must start fast."""
    if name == "__version__":
        from importlib.metadata import version

        return version("queuebit")
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    """Include the names that are loaded when first used."""
    return [*__all__, "__version__"]
