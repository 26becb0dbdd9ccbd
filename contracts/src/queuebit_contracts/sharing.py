"""Several jobs on one device at once: the consent of a project, and the run."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from queuebit_contracts.wire import Name, Wire

__all__ = ["ANYONE", "MOST_TOGETHER", "NEVER", "TENANT", "SharedDevice", "SharedRun", "may_share"]

NEVER: Final = "never"
"""A device runs the circuits of the project one at a time."""
TENANT: Final = "tenant"
"""Circuits may share a device with those of other projects of the same tenant that allow it."""
ANYONE: Final = "anyone"
"""Circuits may share a device with those of any tenant that allows it in the same way."""

SharedDevice = Literal["never", "tenant", "anyone"]
"""With whose circuits those of a project may be on a device at the same time."""

MOST_TOGETHER: Final = 8
"""The most jobs of a run."""


def may_share(one: tuple[str, str | None], other: tuple[str, str | None]) -> bool:
    """Whether two jobs may be on a device at the same time, each given as its tenant and its consent.

    Jobs of two tenants need `anyone` from both. A consent that this version does not know is none.
    """
    (tenant, consent), (other_tenant, other_consent) = one, other
    if tenant == other_tenant:
        return {consent, other_consent} <= {TENANT, ANYONE}
    return consent == other_consent == ANYONE


class SharedRun(Wire):
    """The run of several circuits on one device at once in which a job took part. It never says whose the others are.

    The job has its own counts of all shots. Its usage is its share of the time of the run: in proportion to the time
    that its hold pays for, with the largest remainders rounded up.
    """

    run: Name
    """The same for all jobs of the run."""
    circuits: int = Field(ge=2, le=MOST_TOGETHER)
    """How many ran at once, this one included."""
    region: tuple[int, ...] = Field(min_length=1)
    """The qubits of the device that were this circuit's own, ascending. No other circuit of the run had one of them, or
    one next to them."""
