"""Tenants, projects and users as facts: their new permissions, and the author of the change.

A definition is whole: a later one of the same tenant, project or user replaces it. Keys are public halves of tokens.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from queuebit_contracts.roles import FORMER_ROLES, ROLES, SCOPES
from queuebit_contracts.sharing import ANYONE, TENANT
from queuebit_contracts.wire import Amount, DecimalText, Digest, Event, Moment, Name, Wire, open_text

__all__ = [
    "Author",
    "BudgetTerms",
    "CircuitDefined",
    "CircuitDefinition",
    "ClassTerms",
    "GrantTerms",
    "IssuerDefined",
    "IssuerDefinition",
    "IssuerRemoval",
    "IssuerRemoved",
    "ProjectDefined",
    "ProjectDefinition",
    "ProjectRemoval",
    "ProjectRemoved",
    "QuotaTerms",
    "TenantDefined",
    "TenantDefinition",
    "TenantRemoval",
    "TenantRemoved",
    "UserDefined",
    "UserDefinition",
    "UserRemoval",
    "UserRemoved",
]

Author = Annotated[str, Field(min_length=1, max_length=200)]
"""The author of the change, as given by that person or program. Only the operator's credential can write it."""


class BudgetTerms(Amount):
    """A budget: its amount, and which charges count. A reader that knows only amounts takes it for a lifetime limit,
    which refuses more and never less."""

    window: str | None = None
    """`lifetime`, `month`, or days such as `30d`; absent: `lifetime`."""
    soft: bool | None = None
    """Whether it warns only; absent: it refuses."""
    warn_at: tuple[DecimalText, ...] | None = None
    """Shares of the amount that are announced when they are charged; absent: 0.5, 0.8 and 1."""


class QuotaTerms(Wire):
    """A quota; the fields are those of `queuebit_contracts.tenants.Quota`."""

    active_jobs: int | None = None
    shots: int | None = None
    qpu_seconds: int | None = None
    reservations: int | None = None
    reserved_seconds: int | None = None
    window: str | None = None
    """Absent: a day."""


class ClassTerms(Wire):
    """What jobs of a class have that say nothing else; the fields are those of `queuebit_contracts.tenants`."""

    objective: str


class GrantTerms(Amount):
    """Prepaid credit of a project; the fields are those of `queuebit_contracts.tenants.Grant`."""

    project: Name
    priority: int = 0
    expires: Moment | None = None


class TenantDefinition(Wire):
    """A team with walls around it, and its limits."""

    tenant: Name
    share: int = Field(default=1, ge=1)
    """Weight in fair share."""
    max_shots: int = Field(ge=1)
    max_active_jobs: int = Field(ge=1)
    """Jobs accepted and not yet ended."""
    budgets: dict[str, BudgetTerms] | None = None
    """By what counts against it: `tenant`, or `<kind>:<name>` of a `project`, `user`, `tag`, `class` or `vendor`."""
    grants: dict[str, GrantTerms] | None = None
    """Prepaid credit, by name; each is put on its account as a fact of its own, `qb.account.granted.v1`."""
    regions: tuple[Name, ...] | None = None
    """Where its data may be: no job runs in another region; absent: everywhere."""
    vendors: tuple[Name, ...] | None = None
    """The vendors that may have its data: no job runs at another one; absent: all."""
    legal_hold: str | None = None
    """Why no content of it may be erased; absent: it may."""
    erasable: bool | None = None
    """Whether its circuits, files and results are never inside events, however small; absent: no."""
    quotas: dict[str, QuotaTerms] | None = None
    """How much jobs may use together, by what counts: `tenant`, or `<kind>:<name>` of a `project`, of a `user`, or of a
    `class` for each user."""
    classes: dict[str, ClassTerms] | None = None
    """What jobs of a class prefer, by class; absent: as their projects say."""
    by: Author


class TenantRemoval(Wire):
    """The tenant is gone, with its projects and users. No other tenant may have its name."""

    tenant: Name
    by: Author


class ProjectDefinition(Wire):
    """Work that is paid from one account, which has the project's name."""

    tenant: Name
    project: Name
    budget: DecimalText = "0"
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    backends: tuple[Name, ...] = ()
    """Backends it may use; empty means all."""
    default_kind: Annotated[str, open_text("simulator", "emulated", "qpu")] = "simulator"
    """A job that names no backend runs on the cheapest backend of this kind that fits it."""
    fallback: tuple[Name, ...] | None = None
    """Backends that run its jobs while all backends that a job asks for are out of service; absent: jobs wait."""
    fallback_after_s: int | None = Field(default=None, ge=0)
    """How long these must be out of service before, in seconds; absent: 300."""
    reruns: bool | None = None
    """Whether the platform may run old jobs of it again, at its own cost; absent: it may not."""
    objective: Annotated[str, open_text("cost", "time", "fidelity", "balanced")] | None = None
    """What a job that names no objective prefers of the backends that it may run on; absent: the lowest cost."""
    min_fidelity: DecimalText | None = None
    """The least estimated success probability of a job that names none."""
    deadline_s: int | None = Field(default=None, ge=1)
    """How long after its submission the result of a job must be there that names no deadline, in seconds."""
    vendors: tuple[Name, ...] | None = None
    """Vendors at which its jobs may run; absent: all."""
    regions: tuple[Name, ...] | None = None
    """Regions in which its jobs may run; absent: all."""
    weight: int | None = Field(default=None, ge=1)
    """Weight in fair share among the projects of the tenant; absent: 1."""
    owner: Name | None = None
    """Who answers for its work; absent: not said, like the three that follow."""
    purpose: str | None = None
    """What its work is for."""
    impact: Annotated[str, open_text("low", "moderate", "high")] | None = None
    """How much harm follows if its work or its data are lost, wrong or seen by others."""
    risk_class: Name | None = None
    """The class of risk by a scheme of the operator's own."""
    shared_device: Annotated[str, open_text(TENANT, ANYONE)] | None = None
    """With whose circuits its circuits may be on a device at the same time: `tenant` for those of projects of the same
    tenant that allow it, `anyone` for those of other tenants, too; absent: with none."""
    by: Author


class ProjectRemoval(Wire):
    """The project takes no further jobs. Its account stays."""

    tenant: Name
    project: Name
    by: Author


class UserDefinition(Wire):
    """A person or a program."""

    tenant: Name
    user: Name
    role: Annotated[str, open_text(*ROLES, *FORMER_ROLES)] = "member"
    """`member` is the former name of submitter."""
    keys: tuple[str, ...] = ()
    """Public halves of the user's tokens. One that is not listed is revoked."""
    by: Author


class UserRemoval(Wire):
    """The user is gone, with all tokens."""

    tenant: Name
    user: Name
    by: Author


class IssuerDefinition(Wire):
    """An issuer whose tokens the tenant's users and pipelines exchange for delegated keys.

    The fields are those of `queuebit_contracts.issuers.Issuer`.
    """

    tenant: Name
    issuer: Name
    url: str
    audience: str
    jwks: str = ""
    jwks_url: str = ""
    claims: dict[str, str]
    user: str = ""
    project: str = ""
    scope: Annotated[str, open_text(*SCOPES)] = "read"
    max_lifetime_s: int = Field(default=3600, ge=1)
    by: Author


class IssuerRemoval(Wire):
    """The issuer is no longer trusted; keys that its tokens were exchanged for have ended."""

    tenant: Name
    issuer: Name
    by: Author


class CircuitDefinition(Wire):
    """A version of a named circuit, and whether it is in use.

    The fields are those of `queuebit_contracts.circuits.CircuitEntry`.
    """

    tenant: Name
    circuit: Name
    version: int = Field(ge=1)
    digest: Digest
    size: int = Field(ge=1)
    media_type: str
    owner: Name
    parameters: tuple[str, ...] = ()
    state: Annotated[str, open_text("draft", "canary", "released", "withdrawn")] = "draft"
    by: Author


class TenantDefined(Event[TenantDefinition]):
    """The tenant exists, with these limits. Its projects and users have facts of their own."""

    type: Literal["qb.tenant.defined.v1"] = "qb.tenant.defined.v1"


class TenantRemoved(Event[TenantRemoval]):
    """The tenant is gone; its jobs, bills and receipts stay, so its name stays reserved."""

    type: Literal["qb.tenant.removed.v1"] = "qb.tenant.removed.v1"


class ProjectDefined(Event[ProjectDefinition]):
    """The project exists, with this budget and these limits."""

    type: Literal["qb.tenant.project_defined.v1"] = "qb.tenant.project_defined.v1"


class ProjectRemoved(Event[ProjectRemoval]):
    """The project is gone; its account stays."""

    type: Literal["qb.tenant.project_removed.v1"] = "qb.tenant.project_removed.v1"


class UserDefined(Event[UserDefinition]):
    """The user exists, with this role and these keys."""

    type: Literal["qb.tenant.user_defined.v1"] = "qb.tenant.user_defined.v1"


class UserRemoved(Event[UserRemoval]):
    """The user is gone: none of its keys is good any more."""

    type: Literal["qb.tenant.user_removed.v1"] = "qb.tenant.user_removed.v1"


class IssuerDefined(Event[IssuerDefinition]):
    """The tenant trusts the issuer, for tokens with these claims."""

    type: Literal["qb.tenant.issuer_defined.v1"] = "qb.tenant.issuer_defined.v1"


class CircuitDefined(Event[CircuitDefinition]):
    """The tenant has this version of a circuit, in this state. Only its state changes later."""

    type: Literal["qb.tenant.circuit_defined.v1"] = "qb.tenant.circuit_defined.v1"


class IssuerRemoved(Event[IssuerRemoval]):
    """The tenant no longer trusts the issuer."""

    type: Literal["qb.tenant.issuer_removed.v1"] = "qb.tenant.issuer_removed.v1"
