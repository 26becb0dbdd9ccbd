"""Reasons against a submission, with the next step for its author."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from queuebit_broker.eligibility import Candidate
from queuebit_broker.snapshot import Request, Snapshot
from queuebit_contracts.backend import KINDS, Kind, Registration
from queuebit_contracts.delegations import Authority
from queuebit_contracts.job import Submission
from queuebit_contracts.query import CircuitError
from queuebit_contracts.tenants import Project, Tenant
from queuebit_contracts.wire import Payload, Reason
from queuebit_kernel import Money, digest, job_id
from queuebit_runtime.keys import ALGORITHMS

__all__ = [
    "about_account",
    "about_budgets",
    "about_choice",
    "about_currency",
    "about_default",
    "about_money",
    "about_proof",
    "about_shots",
    "about_source",
    "circuit_reason",
    "counts_against",
    "default_kind",
    "meant",
    "runs",
    "unknown_key",
]


def runs(backends: Mapping[str, Registration], project: Project | None) -> list[str]:
    """The backends a project may use; all where it names none."""
    return [name for name in backends if project is None or not project.backends or name in project.backends]


def meant(asked: Submission, backends: Mapping[str, Registration], project: Project | None) -> list[str]:
    """The backends that a job may be given to: the one it names, or else those of its project's default kind.

    A kind that this version does not know has none: such a backend runs only jobs that name it.
    """
    if asked.backend is not None:
        return [asked.backend] if asked.backend in backends else []
    wanted = default_kind(project)
    return [name for name in runs(backends, project) if backends[name].kind == wanted and wanted in KINDS]


def default_kind(project: Project | None) -> Kind:
    """The kind of backend that runs what names none."""
    return (project or Project()).default_kind


def counts_against(asked: Submission, tenant: Tenant | None, user: str | None) -> list[str]:
    """The names of the budgets that a job counts against, of those that its tenant has."""
    names = ["tenant", f"project:{asked.project}", *([f"user:{user}"] if user else [])]
    names += [f"tag:{tag}" for tag in dict.fromkeys(asked.tags or ())]
    return [name for name in names if tenant is not None and name in tenant.budget]


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
        yield from _about_author(request, author)
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


def _about_author(request: Request, author: Authority) -> Iterator[Reason]:
    if author.role == "viewer" and author.delegation is None:
        yield Reason(
            code="role_forbids",
            text=f"user {author.user} is a viewer and may not submit: ask an admin of tenant {request.tenant} for the "
            "role member",
        )
    elif author.role == "viewer":
        yield Reason(
            code="scope_forbids",
            text=f"delegation {author.delegation} lets {author.user} read and not submit: ask for a key with the scope "
            "submit, for which the user needs the role member",
        )
    if author.project not in (None, request.submission.project):
        yield Reason(
            code="scope_forbids",
            text=f"delegation {author.delegation} is for project {author.project} only, not "
            f"{request.submission.project}: submit to that one, or ask for another key",
        )


def about_account(
    request: Request, snapshot: Snapshot, tenant: Tenant | None, project: Project | None
) -> Iterator[Reason]:
    asked = request.submission
    if tenant is None:
        yield Reason(
            code="unknown_tenant",
            text=f"there is no tenant {request.tenant}: create it with `qb tenant add {request.tenant}`, then submit",
        )
    elif project is None:
        create = f"create it with `qb tenant project add {request.tenant} {asked.project}`"
        hint = _near(asked.project, tenant.project) or create
        yield Reason(
            code="unknown_project",
            text=f"tenant {request.tenant} has no project {asked.project}: {hint}",
        )
    if not asked.purpose.strip():
        yield Reason(code="missing_metadata", text="purpose is empty: say in a few words what the job is for")
    if tenant is not None and snapshot.others_active >= tenant.max_active_jobs:
        yield Reason(
            code="too_many_active_jobs",
            text=f"tenant {request.tenant} has {snapshot.others_active:,} active jobs and may have "
            f"{tenant.max_active_jobs:,}: submit again when some have ended",
        )


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
    asked = request.submission.backend
    if asked is None or not snapshot.backends:
        return
    if asked not in snapshot.backends:
        known = runs(snapshot.backends, project)
        hint = (
            _near(asked, known)
            or f"choose one of {', '.join(known)}, or name none for the cheapest {default_kind(project)}"
        )
        yield Reason(code="unknown_backend", text=f"there is no backend {asked}: {hint}")
    elif asked not in runs(snapshot.backends, project):
        yield Reason(
            code="backend_not_allowed",
            text=f"project {request.submission.project} may not use {asked}: choose one of "
            f"{', '.join(runs(snapshot.backends, project)) or 'other backends when they are up'}",
        )


def about_default(asked: Submission, project: Project, others: Sequence[str]) -> Iterator[Reason]:
    """What a job can do that names no backend, and that no backend of the default kind can run.

    Args:
        asked: the submission.
        project: whose default kind applies.
        others: backends of other kinds against which nothing speaks so far.
    """
    if asked.backend is None and others:
        yield Reason(
            code="backend_required",
            text=f"a job of project {asked.project} that names no backend runs on a backend of kind "
            f"{project.default_kind} only: name one of {', '.join(others)} with `--backend`; `qb plan` shows the cost",
        )


def about_currency(asked: Submission, project: Project, currency: str) -> Iterator[Reason]:
    """Nothing here converts."""
    if project.currency != currency:
        yield Reason(
            code="currency_mismatch",
            text=f"project {asked.project} has its budget in {project.currency} and prices are in {currency}: "
            f"submit to a project whose budget is in {currency}",
        )
    if asked.max_cost is not None and asked.max_cost.currency != currency:
        yield Reason(
            code="currency_mismatch",
            text=f"max_cost is in {asked.max_cost.currency} and prices are in {currency}: state it in that currency",
        )


def about_budgets(tenant: str, limits: Mapping[str, Money], currency: str) -> Iterator[Reason]:
    """Nothing here converts."""
    for name, left in limits.items():
        if left.currency != currency:
            yield Reason(
                code="currency_mismatch",
                text=f"budget {name} of tenant {tenant} is in {left.currency} and prices are in {currency}: "
                f"set it in {currency} with `qb tenant budget {tenant} {name} AMOUNT --currency {currency}`",
            )


def about_money(
    request: Request, left: Money | None, limits: Mapping[str, Money], candidates: Sequence[Candidate]
) -> Iterator[Reason]:
    """Whether not even the cheapest candidate can be paid: each limit, account and budget that it exceeds.

    Of an account that does not exist nothing is said.
    """
    if not candidates:
        return
    asked = request.submission
    cheapest = min(candidates, key=lambda it: (it.cost.amount, it.backend))
    may_cost = f"the job may cost up to {cheapest.cost} on {cheapest.backend}"
    if asked.max_cost is not None and cheapest.cost > asked.max_cost.money:
        yield Reason(
            code="max_cost_exceeded",
            text=f"{may_cost}, more than the {asked.max_cost.money} it is allowed: raise max_cost, or ask for fewer "
            "shots",
        )
    if left is not None and cheapest.cost > left:
        yield Reason(
            code="budget_exceeded",
            text=f"{may_cost}, and project {asked.project} has {left} left: raise its budget with "
            f"`qb tenant fund {request.tenant} {asked.project} AMOUNT`, ask for fewer shots, or wait for "
            "running jobs, which give back what they do not need",
        )
    for name, rest in limits.items():
        if cheapest.cost > rest:
            yield Reason(
                code="budget_exceeded",
                text=f"{may_cost}, and budget {name} of tenant {request.tenant} has {rest} left: raise it with "
                f"`qb tenant budget {request.tenant} {name} AMOUNT`, ask for fewer shots, or wait for "
                "running jobs, which give back what they do not need",
            )


def _near(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, [*known], n=3)
    return f"did you mean {' or '.join(near)}?" if near else ""
