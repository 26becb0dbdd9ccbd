"""Hard limits at admission: what is wrong with them, what holds for a job, and which backends they exclude."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches

from queuebit_broker.eligibility import Candidate, Silent, Verdict
from queuebit_broker.rules import named
from queuebit_broker.snapshot import Request, Snapshot
from queuebit_contracts.backend import Registration
from queuebit_contracts.job import JobLimits
from queuebit_contracts.tenants import Project, Tenant, vendor_name
from queuebit_contracts.wire import Reason
from queuebit_kernel import Money
from queuebit_planning.constraints import LIMITS, PPM, Impossible, Limits, Offer, impossible, violations
from queuebit_planning.eligibility import Objection

__all__ = [
    "about_asked",
    "about_limits",
    "advice_of",
    "limited",
    "limits_in_force",
    "limits_of_job",
    "stated",
    "unmet",
]


def limits_in_force(
    asked: JobLimits | None,
    max_cost: Money | None,
    tenant: Tenant | None,
    project: Project | None,
    submitted_at: datetime,
) -> Limits:
    """What holds for a job: its own limits, narrowed by those of its project and its tenant.

    Minimum fidelity and deadline of the project are defaults; its lists of vendors and regions, and those of the
    tenant, hold for every job.
    """
    own, at, everywhere = asked or JobLimits(), project or Project(), tenant or Tenant()
    least, deadline = own.min_esp_ppm, own.deadline
    if least is None and at.min_fidelity is not None:
        least = int(Decimal(at.min_fidelity) * PPM)
    if deadline is None and at.deadline_s is not None:
        deadline = submitted_at + timedelta(seconds=at.deadline_s)
    return Limits(
        backends=own.backends,
        vendors=_both(own.vendors, at.vendors),
        regions=_both(own.regions, at.regions),
        residency=everywhere.regions or None,
        processors=everywhere.vendors or None,
        min_esp_ppm=least,
        deadline=deadline,
        max_cost=max_cost,
    )


def limits_of_job(request: Request, snapshot: Snapshot, tenant: Tenant | None, project: Project | None) -> Limits:
    """The hard limits in force for a submission."""
    asked = request.submission
    most = asked.max_cost.money if asked.max_cost else None
    return limits_in_force(asked.limits, most, tenant, project, snapshot.submitted_at or snapshot.now)


def stated(limits: Limits) -> JobLimits | None:
    """The limits in force as an acceptance has them; None without any."""
    found = JobLimits(
        min_esp_ppm=limits.min_esp_ppm,
        deadline=limits.deadline,
        backends=limits.backends,
        vendors=_both(limits.vendors, limits.processors or ()),
        regions=_both(limits.regions, limits.residency or ()),
    )
    return None if found.empty else found


def about_limits(
    request: Request, snapshot: Snapshot, project: Project | None, tenant: Tenant | None
) -> Iterator[Reason]:
    """Yield what is wrong with the limits of a submission themselves; see `about_asked`."""
    asked = request.submission
    paying = (asked.project, project) if project else None
    world = named(asked, snapshot.session, snapshot.slot), snapshot.backends
    yield from about_asked(asked.limits, *world, paying, tenant, snapshot.now)


def about_asked(
    asked: JobLimits | None,
    backend: str | None,
    backends: Mapping[str, Registration],
    project: tuple[str, Project] | None,
    tenant: Tenant | None,
    now: datetime,
) -> Iterator[Reason]:
    """Yield what is wrong with the limits of a job themselves: values that mean nothing, and contradictions.

    Args:
        asked: its limits.
        backend: the backend that it names, or that of its session.
        backends: every registered backend.
        project: its project, with its name.
        tenant: its tenant.
        now: the time.
    """
    if asked is None:
        return
    if asked.min_esp_ppm is not None and not 0 < asked.min_esp_ppm <= PPM:
        text = f"a minimum fidelity of {Decimal(asked.min_esp_ppm) / PPM} means nothing: give one above 0, at most 1"
        yield Reason(code="bad_limit", text=text)
    if asked.deadline is not None and asked.deadline <= now:
        yield Reason(
            code="deadline_passed",
            text=f"the deadline {_time(asked.deadline)} has passed, it is {_time(now)} here: give a later one; if your "
            "clock says something else, set it, or give a duration such as 2h",
        )
    for word, names in (("backends", asked.backends), ("vendors", asked.vendors), ("regions", asked.regions)):
        if names is not None and not names:
            text = f"the list of allowed {word} is empty, so that no backend is left: name some, or leave it out"
            yield Reason(code="bad_limit", text=text)
    vendors = {vendor_name(it.vendor) for it in backends.values()}
    regions = {it.region for it in backends.values() if it.region}
    if backends:
        yield from _unknown("backend", asked.backends, backends)
        yield from _unknown("vendor", asked.vendors, vendors)
        yield from _unknown("region", asked.regions, regions)
    if backend is not None and asked.backends and backend not in asked.backends:
        text = f"the job is for {backend}, and allows only {_or(asked.backends)}: name it there, or leave one out"
        yield Reason(code="contradictory_limits", text=text)
    if project is not None:
        yield from _contradictions(asked, *project, tenant or Tenant())


def limited(
    verdicts: Sequence[Verdict],
    backends: Mapping[str, Registration],
    names: Sequence[str],
    limits: Limits,
    now: datetime,
) -> list[Verdict]:
    """The verdicts after the limits: what a limit excludes has an objection for each."""
    found = list[Verdict]()
    for name, verdict in zip(names, verdicts, strict=True):
        broken = {} if isinstance(verdict, tuple) else violations(limits, _offer(verdict, backends[name], now))
        found.append(tuple(Objection(LIMITS[it], name, text) for it, text in broken.items()) or verdict)
    return found


def unmet(
    verdicts: Sequence[Verdict],
    backends: Mapping[str, Registration],
    names: Sequence[str],
    limits: Limits,
    now: datetime,
) -> Impossible | None:
    """Why no backend that could run the job has everything that is demanded; None if one has, or none can run it.

    Args:
        verdicts: of the backends before the limits.
        backends: every registered backend.
        names: of the backends.
        limits: in force for the job.
        now: the time.
    """
    able = zip(names, verdicts, strict=True)
    offers = [_offer(it, backends[name], now) for name, it in able if not isinstance(it, tuple)]
    return None if limits.empty else impossible(limits, offers, now)


def advice_of(found: Impossible) -> Reason:
    """What is impossible, as a reason of a refusal."""
    return Reason(code="impossible_limits", text=found.text)


def _offer(verdict: Candidate | Silent, registration: Registration, now: datetime) -> Offer:
    name, vendor = registration.backend, vendor_name(registration.vendor)
    if isinstance(verdict, Silent):
        return Offer(backend=name, vendor=vendor, region=registration.region)
    estimate = verdict.estimate
    return Offer(
        backend=name,
        vendor=vendor,
        region=registration.region,
        esp_ppm=PPM if estimate.esp_ppm is None and registration.kind == "simulator" else estimate.esp_ppm or 0,
        cost=verdict.cost,
        ready_at=now + timedelta(microseconds=estimate.qpu_us),
    )


def _both(own: tuple[str, ...] | None, others: tuple[str, ...]) -> tuple[str, ...] | None:
    """What both lists allow; an absent or empty list of the others allows all."""
    if not others:
        return own
    return others if own is None else tuple(it for it in own if it in others)


def _unknown(what: str, names: Iterable[str] | None, known: Iterable[str]) -> Iterator[Reason]:
    known = sorted(known)
    for name in names or ():
        if name not in known:
            near = get_close_matches(name, known, n=3)
            hint = f"did you mean {_or(near)}?" if near else f"there is {', '.join(known) or _NONE[what]}"
            yield Reason(code=f"unknown_{what}", text=f"no backend here is {_OF[what]} {name}: {hint}")


_NONE = {
    "backend": "none",
    "vendor": "none",
    "region": "none, because no backend says where it stands: the operator sets `region` in backends.toml",
}
_OF = {"backend": "called", "vendor": "of vendor", "region": "in region"}


def _contradictions(asked: JobLimits, name: str, project: Project, tenant: Tenant) -> Iterator[Reason]:
    """What the job allows, and its project or tenant does not."""
    for word, own, owner, allowed in (
        ("vendors", asked.vendors, f"project {name}", project.vendors),
        ("regions", asked.regions, f"project {name}", project.regions),
        ("vendors", asked.vendors, "its tenant", tenant.vendors),
        ("regions", asked.regions, "its tenant", tenant.regions),
        ("backends", asked.backends, f"project {name}", project.backends),
    ):
        if own and allowed and not {*own} & {*allowed}:
            text = f"the job allows the {word} {_or(own)}, and {owner} only {_or(allowed)}: name one of these"
            yield Reason(code="contradictory_limits", text=text)


def _or(names: Iterable[str]) -> str:
    return " or ".join(names)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
