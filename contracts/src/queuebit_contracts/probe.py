"""Findings of probes: jobs whose right result is known. They belong to the platform, not to a tenant."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from queuebit_contracts.wire import Event, Name, Wire, open_text

__all__ = ["ProbeFinding", "ProbeJudged"]

_Share = Annotated[int, Field(ge=0, le=1_000_000)]


class ProbeFinding(Wire):
    """What one run of a probe on one backend showed."""

    backend: Name
    run: Name
    """Its name among the runs of the backend: the probe and its slot of time. So a run has one finding."""
    probe: Name
    """The entry of the document `probes`; `reruns` for old jobs that are run again."""
    kind: Annotated[str, open_text("reference", "comparison", "rerun")]
    """`reference`: compared with the exact result; `comparison`: with a run on another backend; `rerun`: an old job of
    a tenant was run again, and is compared with its result."""
    slot: int = Field(ge=0)
    """The time in which it was due, by its begin in seconds since 1970. Earlier versions wrote a smaller number."""
    state: Annotated[str, open_text("passed", "unclear", "below", "failed", "skipped")]
    """`below`: its true fidelity is below the floor; `unclear`: shot noise can explain what was measured; `failed`:
    there is no result; `skipped`: nothing is known, since the platform refused its cost, or the backend that it is
    compared with gave no result."""
    text: str = Field(max_length=1000)
    """For people."""
    circuit: str = Field(max_length=200)
    """A reference circuit, the name of a file, or the digest of the circuit of an old job."""
    job: Name | None = None
    """Of the tenant that pays for probes; absent if none was made."""
    floor_ppm: _Share
    """The least fidelity."""
    fidelity_ppm: _Share | None = None
    """The Hellinger fidelity that was measured; absent without a result."""
    at_most_ppm: _Share | None = None
    """An upper bound of the true fidelity."""
    shots: int | None = Field(default=None, ge=1)
    """Of the counts that were compared."""
    of_tenant: Name | None = None
    """Whose job was run again; absent for probes."""
    rerun_of: Name | None = None
    """The job that was run again; absent for probes."""


class ProbeJudged(Event[ProbeFinding]):
    """A probe ran, or could not. The first fact of its own subject, so that each run counts once."""

    type: Literal["qb.probe.judged.v1"] = "qb.probe.judged.v1"
