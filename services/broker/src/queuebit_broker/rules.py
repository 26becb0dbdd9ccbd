"""Reasons against a submission, with the next step for its author."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from queuebit_broker.reservations import KnownReservation
from queuebit_broker.sessions import KnownSession
from queuebit_broker.snapshot import Request, Snapshot
from queuebit_contracts.backend import KINDS, Kind, Registration
from queuebit_contracts.delegations import Authority
from queuebit_contracts.job import OBJECTIVES, Submission
from queuebit_contracts.query import CircuitError
from queuebit_contracts.roles import need_text
from queuebit_contracts.tenants import Project, Tenant
from queuebit_contracts.wire import Payload, Reason
from queuebit_kernel import digest, job_id
from queuebit_runtime.keys import ALGORITHMS

__all__ = [
    "about_account",
    "about_author",
    "about_backend",
    "about_choice",
    "about_default",
    "about_project",
    "about_proof",
    "about_shots",
    "about_source",
    "circuit_reason",
    "default_kind",
    "meant",
    "named",
    "runs",
    "several_of",
    "unknown_key",
]


def runs(backends: Mapping[str, Registration], project: Project | None) -> list[str]:
    """The backends a project may use; all where it names none."""
    return [name for name in backends if project is None or not project.backends or name in project.backends]


def named(asked: Submission, session: KnownSession | None, slot: KnownReservation | None) -> str | None:
    """The backend that a job names, or else the one of its reservation or its session; None if none names one."""
    if asked.backend is None and slot is not None:
        return slot.reservation.backend
    return asked.backend or (session.session.backend if session is not None else None)


def meant(
    backend: str | None,
    backends: Mapping[str, Registration],
    project: Project | None,
    several: Collection[str] | None = None,
) -> list[str]:
    """The backends that a job may be given to: those that are named, or else those of its project's default kind.

    A kind that this version does not know has none: such a backend runs only jobs that name it.

    Args:
        backend: the one that it names.
        backends: every registered backend.
        project: its project.
        several: the backends that it names in its limits, of which it runs on one.
    """
    if backend is not None:
        return [backend] if backend in backends else []
    if several is not None:
        return [name for name in runs(backends, project) if name in several]
    wanted = default_kind(project)
    return [name for name in runs(backends, project) if backends[name].kind == wanted and wanted in KINDS]


def several_of(asked: Submission) -> tuple[str, ...] | None:
    """The backends of which a job runs on one; None if its limits name none."""
    return asked.limits.backends if asked.limits is not None else None


def default_kind(project: Project | None) -> Kind:
    """The kind of backend that runs what names none."""
    return (project or Project()).default_kind


def circuit_reason(error: CircuitError) -> Reason:
    """What is wrong with a circuit, where, and what was expected there."""
    return Reason(code=error.code, text=error.sentence)


def unknown_key(tenant: str, key: str) -> Reason:
    """No user of the tenant has the key."""
    return Reason(
        code="bad_proof",
        text=f"no user of tenant {tenant} has the key {key[:8]}…: use a token that `qb tenant` made and that was not "
        "withdrawn",
    )


def about_proof(request: Request, author: Authority | Reason) -> Iterator[Reason]:
    """Yield reasons for what is claimed of the job and of its author."""
    asked = request.submission
    if (asked.tenant, asked.job) != (request.tenant, request.job):
        yield Reason(
            code="bad_proof",
            text=f"the data speak of job {asked.job} of tenant {asked.tenant}, the subject of job {request.job} of "
            f"tenant {request.tenant}: publish each submission under its own subject",
        )
    if asked.job != job_id(asked.tenant, asked.key):
        yield Reason(
            code="bad_proof",
            text=f"job {asked.job} does not follow from the tenant and key {asked.key!r}: derive it as the contract of "
            "JobSubmitted says",
        )
    if isinstance(author, Reason):
        yield author
    else:
        yield from about_author(request.tenant, asked.project, author)
    if not request.known_algorithm:
        yield Reason(
            code="unknown_algorithm",
            text=f"no signature by {asked.proof.algorithm!r} can be checked here: sign with one of "
            f"{', '.join(ALGORITHMS)}",
        )
    elif not request.signed:
        yield Reason(
            code="bad_proof",
            text="the signature does not match the data: sign the canonical JSON of `data` without `proof`, and change "
            "nothing afterwards",
        )


def about_author(tenant: str, project: str, author: Authority) -> Iterator[Reason]:
    """Yield reasons for a role, scope or delegation that may not submit to a project."""
    if not author.may("submit") and author.delegation is None:
        yield Reason(
            code="role_forbids",
            text=f"user {author.user} has the role {author.role} in tenant {tenant} and may not submit: ask an "
            f"operator for {need_text('submit')}",
        )
    elif not author.may("submit"):
        yield Reason(
            code="scope_forbids",
            text=f"delegation {author.delegation} lets {author.user} read and not submit: ask for a key with the scope "
            f"submit, for which the user needs {need_text('submit')}",
        )
    if author.project not in (None, project):
        yield Reason(
            code="scope_forbids",
            text=f"delegation {author.delegation} is for project {author.project} only, not {project}: submit to that "
            "one, or ask for another key",
        )


def about_account(
    request: Request, snapshot: Snapshot, tenant: Tenant | None, project: Project | None
) -> Iterator[Reason]:
    asked = request.submission
    yield from about_project(request.tenant, asked.project, tenant, project)
    if not asked.purpose.strip():
        yield Reason(code="missing_metadata", text="purpose is empty: say in a few words what the job is for")
    if tenant is not None and snapshot.others_active >= tenant.max_active_jobs:
        yield Reason(
            code="too_many_active_jobs",
            text=f"tenant {request.tenant} has {snapshot.others_active:,} active jobs and may have "
            f"{tenant.max_active_jobs:,}: submit again when some have ended",
        )


def about_project(tenant: str, project: str, entry: Tenant | None, found: Project | None) -> Iterator[Reason]:
    """Yield a reason for a tenant or project that does not exist."""
    if entry is None:
        yield Reason(
            code="unknown_tenant",
            text=f"there is no tenant {tenant}: create it with `qb tenant add {tenant}`, then submit",
        )
    elif found is None:
        hint = _near(project, entry.project) or f"create it with `qb tenant project add {tenant} {project}`"
        yield Reason(code="unknown_project", text=f"tenant {tenant} has no project {project}: {hint}")


def about_shots(shots: int, tenant: str, entry: Tenant | None) -> Iterator[Reason]:
    """Yield a reason for a number of shots below 1 or above the tenant's limit."""
    if shots < 1:
        yield Reason(code="bad_shots", text=f"{shots:,} shots measure nothing: ask for at least 1")
    elif entry is not None and shots > entry.max_shots:
        yield Reason(
            code="bad_shots",
            text=f"tenant {tenant} may ask for at most {entry.max_shots:,} shots a job, not {shots:,}: split the job",
        )


def about_source(circuit: Payload, max_bytes: int) -> Iterator[Reason]:
    """Yield a reason for a source that is too large or does not match its digest."""
    if circuit.size > max_bytes:
        yield Reason(
            code="circuit_too_large",
            text=f"the source has {circuit.size:,} bytes and may have {max_bytes:,}: use loops or gate definitions "
            "instead of repeated statements",
        )
    if circuit.inline is not None:
        source = circuit.inline.encode()
        if (digest(source), len(source)) != (circuit.digest, circuit.size):
            yield Reason(
                code="circuit_mismatch",
                text="the circuit is not what its digest and size say: compute both from its UTF-8 bytes",
            )


def about_choice(request: Request, snapshot: Snapshot, project: Project | None) -> Iterator[Reason]:
    """Yield a reason for a backend that a job names and may not use, and for an unknown objective."""
    asked = request.submission
    yield from about_backend(named(asked, snapshot.session, snapshot.slot), asked.project, snapshot.backends, project)
    if asked.objective not in (None, *OBJECTIVES):
        text = f"there is no objective {asked.objective}: choose one of {', '.join(OBJECTIVES)}"
        yield Reason(code="unknown_objective", text=text)


def about_backend(
    asked: str | None, name: str, backends: Mapping[str, Registration], project: Project | None
) -> Iterator[Reason]:
    """Yield a reason for a backend that does not exist, or that a project may not use."""
    if asked is None or not backends:
        return
    known = runs(backends, project)
    if asked not in backends:
        hint = (
            _near(asked, known)
            or f"choose one of {', '.join(known)}, or name none for the cheapest {default_kind(project)}"
        )
        yield Reason(code="unknown_backend", text=f"there is no backend {asked}: {hint}")
    elif asked not in known:
        yield Reason(
            code="backend_not_allowed",
            text=f"project {name} may not use {asked}: choose one of "
            f"{', '.join(known) or 'other backends when they are up'}",
        )


def about_default(name: str, project: Project, others: Sequence[str]) -> Iterator[Reason]:
    """What a job can do that names no backend, and that no backend of the default kind can run.

    Args:
        name: the project of the job.
        project: whose default kind applies.
        others: backends of other kinds against which nothing speaks so far.
    """
    if others:
        yield Reason(
            code="backend_required",
            text=f"a job of project {name} that names no backend runs on a backend of kind "
            f"{project.default_kind} only: name one of {', '.join(others)} with `--backend`; `qb plan` shows the cost",
        )


def _near(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, [*known], n=3)
    return f"did you mean {' or '.join(near)}?" if near else ""
