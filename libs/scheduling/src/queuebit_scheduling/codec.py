"""The stored form of a snapshot: canonical JSON, version 1; version 2 if it has sessions, 3 if it has a fallback or a
backend that is out of service, 4 if a job has an objective, 5 if it has the project, user, class, priority or
deadline of a job, or an isolated backend, a window, or a queue of others, 6 if it has placed jobs that may give way,
7 if it has spot jobs, 8 if it has placed jobs that may be moved, and 9 if jobs age after another time than an hour.

Each table is an object of columns with the names of the fields. Equal snapshots have equal bytes; a placement refers to
the digest of the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from queuebit_kernel import Json, Malformed
from queuebit_scheduling.snapshot import (
    AGED_US,
    Account,
    BackendCapacity,
    Candidate,
    CandidateGroup,
    Job,
    Movable,
    PlacedCount,
    Resource,
    RunTime,
    Snapshot,
    Tenant,
)
from queuebit_scheduling.usage import PERIOD_US, Served
from queuebit_scheduling.windows import Window

__all__ = ["MEDIA_TYPE", "Document", "decode", "encode"]

MEDIA_TYPE = "application/vnd.queuebit.decision+json"

_Whole = Annotated[int, Field(ge=0, le=2**53 - 1)]
_Late = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A time that may be after 2255: decisions before the limit on windows had such ends."""
_Positive = Annotated[int, Field(ge=1, le=2**53 - 1)]
_Signed = Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)]


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Backends(_Table):
    name: list[str]
    slots: list[_Positive]
    queue_depth: list[_Whole]
    taken: list[_Whole]
    backlog_us: list[_Whole]
    silent_since_us: list[_Whole | None]
    owed_us: list[_Whole] | None = None
    sessions: list[_Whole] | None = None
    out_since_us: list[_Whole | None] | None = None
    isolated_since_us: list[_Whole | None] | None = None
    queue_us: list[_Whole] | None = None
    kind: list[str | None] | None = None


class _Windows(_Table):
    backend: list[str]
    start_us: list[_Whole]
    end_us: list[_Late]
    kind: list[str]
    tenant: list[str | None]
    reservation: list[str | None]
    project: list[str | None]
    users: list[list[str] | None]


class _Tenants(_Table):
    name: list[str]
    share: list[_Positive]
    served_us: list[_Whole]
    served_period: list[_Whole]
    outstanding_us: list[_Whole]


class _Resources(_Table):
    kind: list[str]
    slots: list[_Positive]


class _Accounts(_Table):
    tenant: list[str]
    project: list[str | None]
    user: list[str | None]
    kind: list[str | None]
    weight: list[_Positive]
    served_us: list[_Whole]
    served_period: list[_Whole]
    outstanding_us: list[_Whole]


class _Placed(_Table):
    tenant: list[str]
    user: list[str]
    workload_class: list[str]
    jobs: list[_Positive]


class _RunTimes(_Table):
    backend: list[str]
    size: list[str]
    us: list[_Positive]


class _Jobs(_Table):
    job: list[str] = Field(min_length=1)
    sequence: list[_Whole]
    accepted_us: list[_Whole]
    size: list[str]
    qpu_us: list[list[_Whole]]
    """For each job, one value per backend of its group. The next two fields have the same form."""
    esp_ppm: list[list[_Whole]]
    cost_rank: list[list[_Whole]]
    priority: list[_Signed] | None = None
    deadline_us: list[_Whole | None] | None = None


class _Group(_Table):
    tenant: str
    backends: list[str] = Field(min_length=1)
    waiting: _Positive
    session: str | None = None
    """The session with priority of its jobs."""
    fallback: list[_Whole] | None = None
    """For each backend, its place in the fallback of the jobs; 0: they asked for it."""
    fallback_after_us: _Whole | None = None
    objective: str | None = None
    """What the jobs prefer of their candidates."""
    project: str | None = None
    user: str | None = None
    workload_class: str | None = None
    spot: bool | None = None
    """Whether they are spot jobs."""
    jobs: _Jobs


class _Movable(_Table):
    tenant: list[str]
    job: list[str]
    backend: list[str]
    """Where each job has its place."""
    expected_us: list[_Whole]
    moves: list[_Whole]
    sequence: list[_Whole]
    accepted_us: list[_Whole]
    size: list[str]
    backends: list[list[str]]
    """For each job its candidates; the next four fields have one value for each of these."""
    qpu_us: list[list[_Whole]]
    esp_ppm: list[list[_Whole]]
    cost_rank: list[list[_Whole]]
    fallback: list[list[_Whole]]
    fallback_after_us: list[_Whole]
    objective: list[str | None]
    project: list[str | None]
    user: list[str | None]
    workload_class: list[str | None]
    priority: list[_Signed]
    deadline_us: list[_Whole | None]
    spot: list[bool] | None = None
    ahead_us: list[_Whole | None] | None = None
    left: list[list[str]] | None = None


class Document(_Table):
    """A stored snapshot. Version 2 has in addition `owed_us` and `sessions` of backends, and `session` of groups.

    Version 3 has these, too, and `out_since_us` of backends, and `fallback` and `fallback_after_us` of groups. Version
    4 has all of these, and `objective` of groups. Version 5 has all of these, `isolated_since_us`, `queue_us` and
    `kind` of backends, the windows, `project`, `user` and `workload_class` of groups, `priority` and `deadline_us` of
    jobs, and what fair share inside a tenant needs: `period_us`, `resources`, `accounts` and `placed`. Version 6 has
    all of these, and `movable`. Version 7 has all of these, and `spot` of groups and of `movable`. Version 8 has all of
    these, and `ahead_us` and `left` of `movable`. Version 9 has all of these, and `aged_us`; others: an hour.
    """

    version: Literal[1, 2, 3, 4, 5, 6, 7, 8, 9]
    policy: str
    at_us: _Whole
    limit: _Positive
    backends: _Backends
    windows: _Windows | None = None
    tenants: _Tenants
    run_times: _RunTimes
    groups: list[_Group]
    period_us: _Positive | None = None
    resources: _Resources | None = None
    accounts: _Accounts | None = None
    placed: _Placed | None = None
    movable: _Movable | None = None
    aged_us: _Positive | None = None


def encode(snapshot: Snapshot) -> bytes:
    """Encode a snapshot. It has only integers and names in ASCII, so that sorted names make the JSON canonical."""
    backends, tenants, run_times = snapshot.backends, snapshot.tenants, snapshot.run_times
    document: dict[str, Any] = {  # as JSON
        "version": 1,
        "policy": snapshot.policy,
        "at_us": snapshot.at_us,
        "limit": snapshot.limit,
        "backends": {
            "name": [it.name for it in backends],
            "slots": [it.slots for it in backends],
            "queue_depth": [it.queue_depth for it in backends],
            "taken": [it.taken for it in backends],
            "backlog_us": [it.backlog_us for it in backends],
            "silent_since_us": [it.silent_since_us for it in backends],
        },
        "tenants": {
            "name": [it.name for it in tenants],
            "share": [it.share for it in tenants],
            "served_us": [it.served.us for it in tenants],
            "served_period": [it.served.period for it in tenants],
            "outstanding_us": [it.outstanding_us for it in tenants],
        },
        "run_times": {
            "backend": [it.backend for it in run_times],
            "size": [it.size for it in run_times],
            "us": [it.us for it in run_times],
        },
        "groups": [_group(it) for it in snapshot.groups],
    }
    _add_later_columns(document, snapshot)
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def _add_later_columns(document: dict[str, Any], snapshot: Snapshot) -> None:  # as JSON
    """Add what the version of a snapshot has beside version 1."""
    backends = snapshot.backends
    if (version := _version(snapshot)) >= _SESSIONS:
        document["version"] = version
        document["backends"]["owed_us"] = [it.owed_us for it in backends]
        document["backends"]["sessions"] = [it.sessions for it in backends]
        for group, it in zip(document["groups"], snapshot.groups, strict=True):
            group["session"] = it.jobs[0].session
    if version >= _FALLBACK:
        document["backends"]["out_since_us"] = [it.out_since_us for it in backends]
        for group, it in zip(document["groups"], snapshot.groups, strict=True):
            group["fallback"] = [candidate.fallback for candidate in it.jobs[0].candidates]
            group["fallback_after_us"] = it.jobs[0].fallback_after_us
    if version >= _OBJECTIVE:
        for group, it in zip(document["groups"], snapshot.groups, strict=True):
            group["objective"] = it.jobs[0].objective
    if version >= _SHARES:
        _add_version_5(document, snapshot)
    if version >= _MOVABLE:
        document["movable"] = _movable(snapshot.movable)
    if version >= _SPOT:
        for group, it in zip(document["groups"], snapshot.groups, strict=True):
            group["spot"] = it.jobs[0].spot
        document["movable"]["spot"] = [it.job.spot for it in snapshot.movable]
    if version >= _MOVES:
        document["movable"] |= _columns(snapshot.movable, "ahead_us", "left")
    if version >= _AGED:
        document["aged_us"] = snapshot.aged_us


def _add_version_5(document: dict[str, Any], snapshot: Snapshot) -> None:  # as JSON
    backends = snapshot.backends
    document["backends"]["isolated_since_us"] = [it.isolated_since_us for it in backends]
    document["backends"]["queue_us"] = [it.queue_us for it in backends]
    document["backends"]["kind"] = [it.kind for it in backends]
    document["period_us"] = snapshot.period_us
    document["resources"] = _columns(snapshot.resources, "kind", "slots")
    document["placed"] = _columns(snapshot.placed, "tenant", "user", "workload_class", "jobs")
    owners = "tenant", "project", "user", "kind", "weight", "outstanding_us"
    document["accounts"] = _columns(snapshot.accounts, *owners) | {
        "served_us": [it.served.us for it in snapshot.accounts],
        "served_period": [it.served.period for it in snapshot.accounts],
    }
    windows = [(backend.name, it) for backend in backends for it in backend.windows]
    fields = "start_us", "end_us", "kind", "tenant", "reservation", "project"
    document["windows"] = _columns([it for _, it in windows], *fields) | {
        "backend": [backend for backend, _ in windows],
        "users": [None if it.users is None else [*it.users] for _, it in windows],
    }
    for group, it in zip(document["groups"], snapshot.groups, strict=True):
        first = it.jobs[0]
        group |= {"project": first.project, "user": first.user, "workload_class": first.workload_class}
        group["jobs"]["priority"] = [job.priority for job in it.jobs]
        group["jobs"]["deadline_us"] = [job.deadline_us for job in it.jobs]


def _movable(rows: Sequence[Movable]) -> Json:
    jobs = [it.job for it in rows]
    own = "tenant", "job", "sequence", "accepted_us", "size", "fallback_after_us", "objective"
    figures = "qpu_us", "esp_ppm", "cost_rank", "fallback"
    return {
        **_columns(rows, "backend", "expected_us", "moves"),
        **_columns(jobs, *own, "project", "user", "workload_class", "priority", "deadline_us"),
        "backends": [[it.backend for it in job.candidates] for job in jobs],
        **{name: [[getattr(it, name) for it in job.candidates] for job in jobs] for name in figures},
    }


def _columns(rows: Sequence[object], *names: str) -> dict[str, list[Any]]:  # as JSON
    """Return a table as its columns."""
    return {name: [getattr(it, name) for it in rows] for name in names}


def decode(content: bytes) -> Snapshot:
    """Decode the output of `encode`.

    Raises:
        Malformed: the content is not a snapshot of a known version.
    """
    try:
        return _snapshot(Document.model_validate_json(content))
    except ValueError as error:  # pydantic's errors too
        raise Malformed(f"not a snapshot of version 1 to 9: {error!s:.300}") from error


_SESSIONS, _FALLBACK, _OBJECTIVE, _SHARES, _MOVABLE, _SPOT, _MOVES, _AGED = 2, 3, 4, 5, 6, 7, 8, 9
"""The versions that have these."""


def _version(snapshot: Snapshot) -> int:
    """The lowest version that has everything in a snapshot."""
    first = [it.jobs[0] for it in snapshot.groups]
    if snapshot.aged_us != AGED_US:
        return _AGED
    if any(it.ahead_us is not None or it.left for it in snapshot.movable):
        return _MOVES
    if any(it.spot for it in (*first, *(row.job for row in snapshot.movable))):
        return _SPOT
    if snapshot.movable:
        return _MOVABLE
    if _needs_version_5(snapshot):
        return _SHARES
    if any(it.objective is not None for it in first):
        return _OBJECTIVE
    if any(it.out_since_us is not None for it in snapshot.backends) or any(
        job.fallback_after_us or any(it.fallback for it in job.candidates) for job in first
    ):
        return _FALLBACK
    sessions = any(it.owed_us or it.sessions for it in snapshot.backends) or any(it.session is not None for it in first)
    return _SESSIONS if sessions else 1


def _needs_version_5(snapshot: Snapshot) -> bool:
    jobs = (job for group in snapshot.groups for job in group.jobs)
    return (
        snapshot.period_us != PERIOD_US
        or bool(snapshot.resources or snapshot.accounts or snapshot.placed)
        or any(it.isolated_since_us is not None or it.windows or it.queue_us or it.kind for it in snapshot.backends)
        or any((it.project, it.user, it.workload_class, it.deadline_us) != (None,) * 4 or it.priority for it in jobs)
    )


def _group(group: CandidateGroup) -> Json:
    jobs, first = group.jobs, group.jobs[0]
    return {
        "tenant": first.tenant,
        "backends": [it.backend for it in first.candidates],
        "waiting": group.waiting,
        "jobs": {
            "job": [it.job for it in jobs],
            "sequence": [it.sequence for it in jobs],
            "accepted_us": [it.accepted_us for it in jobs],
            "size": [it.size for it in jobs],
            "qpu_us": [[it.qpu_us for it in job.candidates] for job in jobs],
            "esp_ppm": [[it.esp_ppm for it in job.candidates] for job in jobs],
            "cost_rank": [[it.cost_rank for it in job.candidates] for job in jobs],
        },
    }


def _snapshot(document: Document) -> Snapshot:
    tenants, run_times = document.tenants, document.run_times
    if unknown := {it.tenant for it in document.groups} - set(tenants.name):
        raise ValueError(f"it has jobs of the tenants {', '.join(sorted(unknown))}, but not these tenants")
    snapshot = Snapshot(
        policy=document.policy,
        at_us=document.at_us,
        limit=document.limit,
        backends=tuple(_read_backends(document.backends, document.windows)),
        tenants=tuple(
            Tenant(name, share, Served(us, period), outstanding_us)
            for name, share, us, period, outstanding_us in zip(
                tenants.name,
                tenants.share,
                tenants.served_us,
                tenants.served_period,
                tenants.outstanding_us,
                strict=True,
            )
        ),
        run_times=tuple(RunTime(*row) for row in zip(run_times.backend, run_times.size, run_times.us, strict=True)),
        groups=tuple(_read_group(it) for it in document.groups),
        period_us=document.period_us or PERIOD_US,
        resources=tuple(_read_resources(document.resources)),
        accounts=tuple(_read_accounts(document.accounts)),
        placed=tuple(_read_placed(document.placed)),
        movable=tuple(_read_movable(document.movable)),
        aged_us=document.aged_us or AGED_US,
    )
    if _version(snapshot) != document.version:
        raise ValueError("its version is not the lowest that has everything in it")
    return snapshot


def _read_resources(it: _Resources | None) -> Iterator[Resource]:
    return (Resource(*row) for row in zip(it.kind, it.slots, strict=True)) if it else iter(())


def _read_accounts(it: _Accounts | None) -> Iterator[Account]:
    if it is not None:
        served = (Served(*row) for row in zip(it.served_us, it.served_period, strict=True))
        rows = zip(it.tenant, it.project, it.user, it.kind, it.weight, served, it.outstanding_us, strict=True)
        yield from (Account(*row) for row in rows)


def _read_placed(it: _Placed | None) -> Iterator[PlacedCount]:
    rows = zip(it.tenant, it.user, it.workload_class, it.jobs, strict=True) if it else ()
    return (PlacedCount(*row) for row in rows)


def _read_movable(it: _Movable | None) -> Iterator[Movable]:
    if it is None:
        return
    figures = zip(it.backends, it.qpu_us, it.esp_ppm, it.cost_rank, it.fallback, strict=True)
    candidates = [tuple(Candidate(*one) for one in zip(*columns, strict=True)) for columns in figures]
    names = zip(it.tenant, it.job, it.sequence, it.accepted_us, it.size, candidates, strict=True)
    choices = zip(it.fallback_after_us, it.objective, strict=True)
    spot = it.spot or [False] * len(it.job)
    owners = zip(it.project, it.user, it.workload_class, it.priority, it.deadline_us, spot, strict=True)
    jobs = [Job(*name, None, *choice, *owner) for name, choice, owner in zip(names, choices, owners, strict=True)]  # type: ignore[call-arg]  # six columns are of any length to mypy
    lines = it.ahead_us or [None] * len(jobs), [tuple(names) for names in it.left or ([] for _ in jobs)]
    yield from (Movable(*row) for row in zip(jobs, it.backend, it.expected_us, it.moves, *lines, strict=True))


def _read_backends(backends: _Backends, windows: _Windows | None) -> Iterator[BackendCapacity]:
    nothing, unknown = [0] * len(backends.name), [None] * len(backends.name)
    of_backend: dict[str, list[Window]] = {name: [] for name in backends.name}
    if windows is not None:
        users = [None if it is None else tuple(it) for it in windows.users]
        owners = windows.tenant, windows.reservation, windows.project
        rows = zip(windows.start_us, windows.end_us, windows.kind, *owners, users, strict=True)
        for name, row in zip(windows.backend, rows, strict=True):
            of_backend[name].append(Window(*row))
    columns = (
        backends.name,
        backends.slots,
        backends.queue_depth,
        backends.taken,
        backends.backlog_us,
        backends.silent_since_us,
        backends.owed_us or nothing,
        backends.sessions or nothing,
        backends.out_since_us or unknown,
        backends.isolated_since_us or unknown,
        [tuple(of_backend[name]) for name in backends.name],
        backends.queue_us or nothing,
        backends.kind or unknown,
    )
    return (BackendCapacity(*row) for row in zip(*columns, strict=True))


def _read_group(group: _Group) -> CandidateGroup:
    jobs = group.jobs
    figures = zip(jobs.qpu_us, jobs.esp_ppm, jobs.cost_rank, strict=True)
    places = group.fallback or [0] * len(group.backends)
    candidates = [
        tuple(Candidate(*row) for row in zip(group.backends, *columns, places, strict=True)) for columns in figures
    ]
    count = len(jobs.job)
    rows = zip(jobs.job, jobs.sequence, jobs.accepted_us, jobs.size, candidates, strict=True)
    last = zip(jobs.priority or [0] * count, jobs.deadline_us or [None] * count, strict=True)
    read = [
        Job(
            group.tenant,
            *row,
            session=group.session,
            fallback_after_us=group.fallback_after_us or 0,
            objective=group.objective,
            project=group.project,
            user=group.user,
            workload_class=group.workload_class,
            priority=priority,
            deadline_us=deadline_us,
            spot=group.spot or False,
        )
        for row, (priority, deadline_us) in zip(rows, last, strict=True)
    ]
    return CandidateGroup(tuple(read), group.waiting)
