"""Roles: what each may do in its tenant, and, for the operator's own people, on the platform.

One table for all interfaces. On the bus, `topology.toml` says which subjects a verb needs, and permissions follow from
the role's verbs. Over REST, the gateway knows the verb of each operation. The broker checks what a signature asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

__all__ = [
    "FORMER_ROLES",
    "ROLES",
    "ROLE_OF",
    "SCOPES",
    "VERBS",
    "VERBS_OF",
    "Role",
    "Scope",
    "Verb",
    "VerbText",
    "common_role",
    "may",
    "need_text",
    "role_named",
    "roles_with",
    "scopes_within",
]

Role = Literal["finance", "viewer", "submitter", "operator", "auditor", "admin"]
"""What a user is in its tenant."""

Verb = Literal[
    "see", "read", "charges", "submit", "letters", "audit", "manage", "operate", "bill", "survey", "tenants"
]  # fmt: skip
"""What a role permits."""


@dataclass(frozen=True, slots=True)
class VerbText:
    """A verb in words."""

    text: str
    """Completes "may not"."""
    commands: tuple[str, ...]
    """Commands of `qb` that need it."""
    platform: bool = False
    """Whether it reaches all tenants: only users of the operator's own tenant have it, on the bus."""


VERBS: Final[Mapping[Verb, VerbText]] = {
    "see": VerbText("see backends, windows and service levels", ("backends", "slo", "token")),
    "read": VerbText(
        "read jobs, circuits, results and receipts", ("jobs", "job", "plan", "receipt", "lineage", "events")
    ),
    "charges": VerbText("read charges, budgets, quotas and invoices", ("balances", "quota", "charges")),
    "submit": VerbText("submit, or cancel or close what it submitted", ("submit", "session", "reserve", "hybrid")),
    "letters": VerbText("read dead letters of the tenant", ()),
    "audit": VerbText("read the audit, and users with their public keys", ("audit",)),
    "manage": VerbText("cancel what others submitted, end their keys, or use webhooks", ("webhooks",)),
    "operate": VerbText(
        "change windows, isolation, alerts and incidents, or replay dead letters",
        ("silence", "incident", "canary", "doctor"),
        platform=True,
    ),
    "bill": VerbText("import bills, state usage or issue invoices", ("invoice", "reconcile"), platform=True),
    "survey": VerbText("read the facts of all tenants", ("verify", "ledger"), platform=True),
    "tenants": VerbText("change tenants, users and their roles", ("tenant", "apply"), platform=True),
}
"""Every verb."""

_VIEWER: Final[frozenset[Verb]] = frozenset({"see", "read", "charges"})

VERBS_OF: Final[Mapping[Role, frozenset[Verb]]] = {
    "finance": frozenset({"see", "charges", "bill"}),
    "viewer": _VIEWER,
    "submitter": _VIEWER | {"submit"},
    "operator": _VIEWER | {"letters", "operate"},
    "auditor": _VIEWER | {"audit", "survey"},
    "admin": frozenset(VERBS),
}
"""The table: what each role may do."""

ROLES: Final = tuple(VERBS_OF)
"""All roles, those with less before those with more."""

Scope = Literal["finance", "read", "submit", "operate", "audit", "admin"]
"""What a delegated key may do at most."""

ROLE_OF: Final[Mapping[Scope, Role]] = {
    "finance": "finance",
    "read": "viewer",
    "submit": "submitter",
    "operate": "operator",
    "audit": "auditor",
    "admin": "admin",
}
"""The role that a scope is worth; the user's own role limits it too."""

SCOPES: Final = tuple(ROLE_OF)
"""All scopes, those with less before those with more."""

FORMER_ROLES: Final[Mapping[str, Role]] = {"member": "submitter"}
"""Former names of roles, which older facts and documents have."""


def role_named(text: str) -> Role:
    """The role with a name, also a former one. A role that this version does not know is a viewer."""
    return next((it for it in ROLES if it == text), FORMER_ROLES.get(text, "viewer"))


def may(role: str, verb: Verb) -> bool:
    """Whether a role permits this."""
    return verb in VERBS_OF[role_named(role)]


def roles_with(verb: Verb) -> tuple[Role, ...]:
    """The roles that permit this, those with less first."""
    return tuple(role for role in ROLES if verb in VERBS_OF[role])


def common_role(one: str, other: str) -> Role | None:
    """The role that permits most of what both permit, and nothing else; None if there is none.

    A key has the rights of its user, but no more than its scope says.
    """
    both = VERBS_OF[role_named(one)] & VERBS_OF[role_named(other)]
    within = [role for role in ROLES if VERBS_OF[role] <= both]
    return max(within, key=lambda it: len(VERBS_OF[it]), default=None)


def scopes_within(role: str) -> tuple[Scope, ...]:
    """The scopes that permit nothing that a role does not, those with less first."""
    return tuple(it for it, worth in ROLE_OF.items() if VERBS_OF[worth] <= VERBS_OF[role_named(role)])


def need_text(verb: Verb) -> str:
    """Which roles permit this, for the text of a refusal: `the role submitter or admin`."""
    return f"the role {' or '.join(roles_with(verb))}"
