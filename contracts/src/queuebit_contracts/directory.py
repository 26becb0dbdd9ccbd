"""The tenants and their permissions, folded from the facts `qb.tenant.*`; and the facts that lead to a given document.

Pure: all readers of the events, such as the broker, `qb verify` or `qb tenant export`, get the same directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from queuebit_contracts.admission import OBJECTIVES
from queuebit_contracts.circuits import CIRCUIT_STATES, CircuitEntry, circuit_faults, key_of
from queuebit_contracts.issuers import Issuer
from queuebit_contracts.roles import Role, common_role, role_named
from queuebit_contracts.sharing import NEVER
from queuebit_contracts.tenant import (
    BudgetTerms,
    CircuitDefined,
    CircuitDefinition,
    ClassTerms,
    GrantTerms,
    IssuerDefined,
    IssuerDefinition,
    IssuerRemoval,
    IssuerRemoved,
    ProjectDefined,
    ProjectDefinition,
    ProjectRemoval,
    ProjectRemoved,
    QuotaTerms,
    TenantDefined,
    TenantDefinition,
    TenantRemoval,
    TenantRemoved,
    UserDefined,
    UserDefinition,
    UserRemoval,
    UserRemoved,
)
from queuebit_contracts.tenants import (
    FALLBACK_AFTER_S,
    LIFETIME,
    WARN_AT,
    Budget,
    Grant,
    Project,
    Quota,
    Tenant,
    Tenants,
    User,
    WorkloadClass,
    damaged_keys,
)
from queuebit_contracts.wire import Event

__all__ = ["Directory", "TenantEvent", "changes", "faults", "narrowed"]

TenantEvent = (
    TenantDefined
    | TenantRemoved
    | ProjectDefined
    | ProjectRemoved
    | UserDefined
    | UserRemoved
    | CircuitDefined
    | IssuerDefined
    | IssuerRemoved
)

_Entry = Project | User | Issuer | CircuitEntry


class Directory:
    """Tenants with their projects and users, as the facts say; and the owner of each key.

    Facts about a tenant that was never defined, or was removed, change nothing.
    """

    def __init__(self, document: Tenants | None = None) -> None:
        """Begin with nothing, or with what a document says."""
        self._tenants: dict[str, Tenant] = {}
        self._removed: dict[str, None] = {}
        self._owners: dict[str, tuple[str, str, Role]] = {}
        for event in changes(self, document or Tenants(), by="-"):
            self.take(event)

    @property
    def tenant(self) -> Mapping[str, Tenant]:
        """The tenants by name."""
        return self._tenants

    @property
    def removed(self) -> Iterable[str]:
        """Names of former tenants, which stay reserved."""
        return self._removed

    def user(self, tenant: str, key: str) -> tuple[str, Role] | None:
        """Name and role of the user of this tenant whose token has this public half."""
        owner, name, role = self._owners.get(key, ("", "", "viewer"))
        return (name, role) if owner == tenant else None

    def owner(self, key: str) -> tuple[str, str, Role] | None:
        """Tenant, name and role of the user whose token has this public half."""
        return self._owners.get(key)

    def document(self) -> Tenants:
        """All of it, as a tenants file says it."""
        return Tenants(removed=tuple(self._removed), tenant=dict(self._tenants))

    def take(self, event: Event[Any]) -> None:  # facts of other nouns change nothing
        """Fold one fact."""
        match event:
            case TenantDefined(data=data) if data.tenant not in self._removed:
                known = self._tenants.get(data.tenant) or Tenant()
                self._tenants[data.tenant] = known.model_copy(update=_limits(data))
            case TenantRemoved(data=data):
                for name, user in (self._tenants.pop(data.tenant, None) or Tenant()).user.items():
                    self._remove_keys(data.tenant, name, user)
                self._removed[data.tenant] = None
            case ProjectDefined(data=data):
                self._change(data.tenant, "project", data.project, _project(data))
            case ProjectRemoved(data=data):
                self._change(data.tenant, "project", data.project, None)
            case UserDefined(data=data):
                self._change(data.tenant, "user", data.user, _user(data))
            case UserRemoved(data=data):
                self._change(data.tenant, "user", data.user, None)
            case IssuerDefined(data=data):
                self._change(data.tenant, "issuer", data.issuer, _issuer(data))
            case CircuitDefined(data=data):
                self._change(data.tenant, "circuit", key_of(data.circuit, data.version), _circuit(data))
            case IssuerRemoved(data=data):
                self._change(data.tenant, "issuer", data.issuer, None)

    def _change(self, tenant: str, table: str, name: str, entry: _Entry | None) -> None:
        if (known := self._tenants.get(tenant)) is None:
            return
        entries = {**getattr(known, table)}
        before = entries.pop(name, None)
        if entry is not None:
            entries[name] = entry
        self._tenants[tenant] = known.model_copy(update={table: entries})
        if isinstance(before, User):
            self._remove_keys(tenant, name, before)
        if isinstance(entry, User):
            self._owners.update(dict.fromkeys(entry.keys, (tenant, name, entry.role)))

    def _remove_keys(self, tenant: str, name: str, user: User) -> None:
        for key in user.keys:
            if self._owners.get(key, ("", ""))[:2] == (tenant, name):  # otherwise it has a new owner by now
                del self._owners[key]


_LIMITS = {"share", "max_shots", "max_active_jobs"}
_TABLES = {"budget", "erasable", "grant", "legal_hold", "regions", "quota", "vendors", "workload_class"}
"""What a definition leaves out where it is empty."""


def _limits(data: TenantDefinition) -> dict[str, object]:
    return {
        **data.model_dump(include=_LIMITS),
        "regions": data.regions or (),
        "vendors": data.vendors or (),
        "legal_hold": data.legal_hold or "",
        "erasable": data.erasable is True,
        "budget": {name: _budget(it) for name, it in (data.budgets or {}).items()},
        "quota": {name: _quota(it) for name, it in (data.quotas or {}).items()},
        "workload_class": {it: WorkloadClass.model_construct(**terms.model_dump()) for it, terms in _classes(data)},
        "grant": {name: Grant.model_construct(**it.model_dump()) for name, it in (data.grants or {}).items()},
    }


def _classes(data: TenantDefinition) -> Iterator[tuple[str, ClassTerms]]:
    """The rules of classes; one with an objective that this version does not know has none."""
    return ((name, it) for name, it in (data.classes or {}).items() if it.objective in OBJECTIVES)


def _budget(terms: BudgetTerms) -> Budget:
    """A budget; what this version does not know of it is left at the default, which refuses more."""
    return Budget.model_construct(
        amount=terms.amount,
        currency=terms.currency,
        window=terms.window or LIFETIME,
        soft=bool(terms.soft),
        warn_at=WARN_AT if terms.warn_at is None else terms.warn_at,
    )


def _quota(terms: QuotaTerms) -> Quota:
    said = terms.model_dump(exclude_none=True)
    return Quota.model_construct(**said)


def _terms(budget: Mapping[str, Any]) -> BudgetTerms:
    """A budget as a fact says it: without what is the default."""
    plain = Budget().model_dump()
    return BudgetTerms(
        **{name: value for name, value in budget.items() if name in ("amount", "currency") or value != plain[name]}
    )


def _quota_terms(quota: Mapping[str, Any]) -> QuotaTerms:
    """A quota as a fact says it: without what is the default."""
    plain = Quota.model_construct().model_dump()
    return QuotaTerms(**{name: value for name, value in quota.items() if value != plain[name]})


def _project(data: ProjectDefinition) -> Project:
    """A project of a kind that this version does not know runs what names a backend, and nothing else."""
    after_s = FALLBACK_AFTER_S if data.fallback_after_s is None else data.fallback_after_s
    said = data.model_dump(exclude={"tenant", "project", "by"})
    given = {
        "fallback": data.fallback or (),
        "fallback_after_s": after_s,
        "reruns": data.reruns or False,
        "objective": data.objective or "cost",
        "vendors": data.vendors or (),
        "regions": data.regions or (),
        "weight": data.weight or 1,
        "shared_device": data.shared_device or NEVER,
    }
    return Project.model_construct(**said | given)


def _definition(tenant: str, name: str, work: Project, by: str) -> ProjectDefinition:
    """A project as a fact says it: without the defaults of its fallback, consents, objective, limits and weight."""
    lists = {"fallback": (), "vendors": (), "regions": ()}
    others = {
        "fallback_after_s": FALLBACK_AFTER_S,
        "reruns": False,
        "objective": "cost",
        "weight": 1,
        "shared_device": NEVER,
    }
    plain = {**lists, **others}
    said = {field: value for field, value in work.model_dump().items() if value != plain.get(field, ...)}
    return ProjectDefinition(tenant=tenant, project=name, by=by, **said)


def _user(data: UserDefinition) -> User:
    return User.model_construct(role=role_named(data.role), keys=data.keys)


def _circuit(data: CircuitDefinition) -> CircuitEntry:
    """A version in a state that this version does not know is withdrawn: no job runs it by its name."""
    said = data.model_dump(exclude={"tenant", "circuit", "version", "by"})
    state = data.state if data.state in CIRCUIT_STATES else "withdrawn"
    return CircuitEntry.model_construct(**said | {"state": state})


def _issuer(data: IssuerDefinition) -> Issuer | None:
    """None for an issuer with rules that this version does not know: it is not trusted."""
    try:
        return Issuer.model_validate(data.model_dump(exclude={"tenant", "issuer", "by"}))
    except ValidationError:
        return None


def changes(current: Directory, desired: Tenants, by: str) -> list[TenantEvent]:
    """The facts that make the directory what a document says, in the order in which to append them.

    Removals come before additions, so that a crash in the middle leaves less than was granted, never more. Call
    `faults` first: it checks whether the document may come into force.
    """
    gone = [name for name in (*current.tenant, *desired.removed) if name not in desired.tenant]
    events: list[TenantEvent] = [
        TenantRemoved(source=_SOURCE, data=TenantRemoval(tenant=name, by=by))
        for name in dict.fromkeys(gone)
        if name not in current.removed
    ]
    both = {name: it for name, it in desired.tenant.items() if name in current.tenant}
    for name, entry in both.items():
        events += _ended(name, current.tenant[name], entry, by)
    for name, entry in desired.tenant.items():
        events += _begun(name, current.tenant.get(name), entry, by)
    return events


_SOURCE = "qb/broker"


def _ended(name: str, old: Tenant, new: Tenant, by: str) -> Iterator[TenantEvent]:
    for user in sorted(old.user.keys() - new.user.keys()):
        yield UserRemoved(source=_SOURCE, data=UserRemoval(tenant=name, user=user, by=by))
    for project in sorted(old.project.keys() - new.project.keys()):
        yield ProjectRemoved(source=_SOURCE, data=ProjectRemoval(tenant=name, project=project, by=by))
    for issuer in sorted(old.issuer.keys() - new.issuer.keys()):
        yield IssuerRemoved(source=_SOURCE, data=IssuerRemoval(tenant=name, issuer=issuer, by=by))


def _begun(name: str, old: Tenant | None, new: Tenant, by: str) -> Iterator[TenantEvent]:
    limits = new.model_dump(include={*_LIMITS, *_TABLES})
    if old is None or old.model_dump(include={*_LIMITS, *_TABLES}) != limits:
        budgets = {it: _terms(budget) for it, budget in limits.pop("budget").items()}
        grants = {it: GrantTerms(**terms) for it, terms in limits.pop("grant").items()}
        quotas = {it: _quota_terms(quota) for it, quota in limits.pop("quota").items()}
        classes = {it: ClassTerms(**terms) for it, terms in limits.pop("workload_class").items()}
        said = {"budgets": budgets, "grants": grants, "quotas": quotas, "classes": classes}
        said |= {it: limits.pop(it) for it in ("erasable", "legal_hold", "regions", "vendors")}
        given = {field: value for field, value in said.items() if value}
        definition = TenantDefinition(tenant=name, by=by, **given, **limits)
        yield TenantDefined(source=_SOURCE, data=definition)
    for user, it in new.user.items():
        if old is None or old.user.get(user) != it:
            person = UserDefinition(tenant=name, user=user, by=by, **it.model_dump())
            yield UserDefined(source=_SOURCE, data=person)
    for project, work in new.project.items():
        if old is None or old.project.get(project) != work:
            yield ProjectDefined(source=_SOURCE, data=_definition(name, project, work, by))
    for issuer, trusted in new.issuer.items():
        if old is None or old.issuer.get(issuer) != trusted:
            definition_of = IssuerDefinition(tenant=name, issuer=issuer, by=by, **trusted.model_dump())
            yield IssuerDefined(source=_SOURCE, data=definition_of)
    for key, version in new.circuit.items():
        if old is None or old.circuit.get(key) != version:
            circuit, _, number = key.rpartition("@")
            named = {"tenant": name, "circuit": circuit, "version": int(number), "by": by}
            yield CircuitDefined(source=_SOURCE, data=CircuitDefinition(**named, **version.model_dump()))


def faults(current: Directory, desired: Tenants) -> list[str]:
    """Every reason why a document that is valid by itself may not replace the current one."""
    reserved = Tenants.model_construct(removed=tuple(current.removed))
    refusals = [refusal for name in desired.tenant if (refusal := reserved.refusal(name))]
    unnamed = current.tenant.keys() - desired.tenant.keys() - {*desired.removed}
    refusals += [
        f"a key of user {user} of {tenant} has a wrong character: copy the whole key, or make a new one with "
        f"`qb tenant token new {tenant} {user}`"
        for tenant, user, _ in damaged_keys(desired)
    ]
    refusals += [
        f"grant {name} of {tenant} is in force and cannot change: put it back as it was, and add another"
        for tenant, entry in desired.tenant.items()
        for name, it in (current.tenant[tenant].grant if tenant in current.tenant else {}).items()
        if name in entry.grant and entry.grant[name].model_dump() != it.model_dump()
    ]
    for tenant, entry in desired.tenant.items():
        if tenant in current.tenant:
            refusals += circuit_faults(tenant, current.tenant[tenant].circuit, entry.circuit)
    return refusals + [
        f"tenant {name} is in force and the document does not name it: put it back, or to remove it for good, "
        f'add "{name}" to `removed` at the top'
        for name in sorted(unnamed)
    ]


def narrowed(old: Tenants, new: Tenants) -> Tenants:
    """The permissions that both documents grant: keys in both, each with what both of its roles permit."""

    def common(before: User, after: User) -> User:
        role = common_role(before.role, after.role)
        keys = tuple(key for key in before.keys if key in after.keys)
        return User() if role is None else User(role=role, keys=keys)

    def users(before: Tenant, after: Tenant) -> dict[str, User]:
        return {name: common(before.user[name], it) for name, it in after.user.items() if name in before.user}

    both = [name for name in new.tenant if name in old.tenant]
    granted = {it: new.tenant[it].model_copy(update={"user": users(old.tenant[it], new.tenant[it])}) for it in both}
    return Tenants.model_construct(removed=new.removed, tenant=granted)
