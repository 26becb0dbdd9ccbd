"""Holds and their release as events: of jobs, of hybrid jobs and of sessions.

Their ids follow from tenant, account and what the money is for, so that a repeat is recognised.
"""

from __future__ import annotations

from datetime import datetime

from queuebit_contracts.account import AccountHeld, AccountReleased, Hold, Release
from queuebit_kernel import event_id
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["held", "released"]

_SOURCE = "qb/broker"


def held(hold: Hold, provenance: str | None = None, at: datetime | None = None) -> AccountHeld:
    """Money is held; `at` is from when on it counts against quotas."""
    return AccountHeld(
        id=event_id("held", hold.tenant, hold.account, hold.job),
        source=_SOURCE,
        **({} if at is None else {"time": at}),
        traceparent=current_traceparent(),
        provenanceid=provenance,
        data=hold,
    )


def released(release: Release, provenance: str | None = None) -> AccountReleased:
    """A hold ends without a charge."""
    return AccountReleased(
        id=event_id("released", release.tenant, release.account, release.job),
        source=_SOURCE,
        traceparent=current_traceparent(),
        provenanceid=provenance,
        data=release,
    )
