"""Edits who may use a stack: tenants, projects, users, tokens, limits and budgets, one change after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path

import tomlkit

from queuebit_contracts.circuits import CIRCUIT_STATES
from queuebit_contracts.issuers import Issuer
from queuebit_kernel import InvalidId, Money, require_token
from queuebit_runtime.keys import new_seed, public_key
from queuebit_stack.bootstrap import kept_credentials, read_tenants, write_credential
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import require_place
from queuebit_stack.home import Home
from queuebit_stack.stack import Stack
from queuebit_stack.tenants_file import Toml, editing, project_in, tenant_in, unknown, user_in

__all__ = ["Issued", "TenantEditor", "budget_of"]


_NEXT = dict(pairwise(CIRCUIT_STATES[:3]))
"""What a version of a circuit is promoted to."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token of a user, and the file with the credential that holds it."""

    file: Path
    key: str
    """The public half of the token."""


class TenantEditor:
    """Edits the tenants of a home, on behalf of one author.

    Each method changes the tenants file, keeps its comments, and puts it in force while the stack runs; the next start
    does so otherwise. An edit that breaks a rule raises `Stop`, and the file is as it was.
    """

    def __init__(self, home: Home, author: str) -> None:
        self._home = home
        self._author = author

    def add_tenant(
        self, tenant: str, *, share: int, user: str, project: str, budget: Money, file: Path | None
    ) -> Issued:
        """A new tenant with a first project, and a first user who is its admin.

        Args:
            tenant: its name; that of a removed tenant stays taken.
            share: its weight in fair share.
            user: the name of its first user.
            project: the name of its first project.
            budget: all that the project may ever spend.
            file: where the user's credential goes; without it, into the home.
        """
        _require_place(file)
        with self._editing() as document:
            tenants = document.setdefault("tenant", _table())
            if _name(tenant, "tenant") in tenants:
                raise Stop(Exit.REFUSED, f"there is a tenant {tenant} already: see `qb tenant show {tenant}`")
            if refusal := read_tenants(self._home).refusal(tenant):
                raise Stop(Exit.REFUSED, refusal)
            entry = tomlkit.table()
            entry["share"] = share
            entry["project"] = {_name(project, "project"): _project(budget)}
            tenants[tenant] = entry
            seed = new_seed()
            entry.setdefault("user", tomlkit.table())[_name(user, "user")] = _user("admin", seed)
        return self._issued(tenant, user, seed, project, file)

    def remove_tenant(self, tenant: str) -> None:
        """Its users can no longer log in; its history stays, so its name stays taken."""
        with self._editing() as document:
            tenant_in(document, tenant)
            del document["tenant"][tenant]
            document["removed"] = [*document.get("removed", ()), tenant]
        for path in kept_credentials(self._home, tenant):
            path.unlink()

    def add_project(self, tenant: str, project: str, budget: Money) -> None:
        """A new project with all that it may ever spend."""
        with self._editing() as document:
            projects = tenant_in(document, tenant).setdefault("project", _table())
            if _name(project, "project") in projects:
                raise Stop(Exit.REFUSED, f"there is a project {project} already")
            projects[project] = _project(budget)

    def fund(self, tenant: str, project: str, amount: str) -> Money:
        """Set a project's budget, or change it by `+N` or `-N`; return what it is now."""
        with self._editing() as document:
            entry = project_in(document, tenant, project)
            text = amount.strip()
            relative = text.startswith(("+", "-"))
            budget = _amount(text[relative:])
            if relative:
                budget = Decimal(str(entry.get("budget", "0"))) + (-budget if text.startswith("-") else budget)
            if budget < 0:
                raise Stop(Exit.REFUSED, "a budget cannot be negative")
            entry["budget"] = f"{budget:f}"
            return Money(budget, entry.get("currency", "USD"))

    def add_user(self, tenant: str, user: str, role: str, file: Path | None) -> Issued:
        """A new user; the credential goes into the file, or into the home."""
        _require_place(file)
        seed = new_seed()
        with self._editing() as document:
            entry = tenant_in(document, tenant)
            users = entry.setdefault("user", _table())
            if _name(user, "user") in users:
                raise Stop(Exit.REFUSED, f"there is a user {user} already: `qb tenant token new` gives another token")
            users[user] = _user(role, seed)
        return self._issued(tenant, user, seed, _first_project(entry), file)

    def remove_user(self, tenant: str, user: str) -> None:
        """A user goes, with every token."""
        with self._editing() as document:
            user_in(document, tenant, user)
            del document["tenant"][tenant]["user"][user]
        for path in kept_credentials(self._home, tenant, user):
            path.unlink()

    def set_role(self, tenant: str, user: str, role: str) -> None:
        """Give a user another role; tokens stay valid, connections are opened again."""
        with self._editing() as document:
            user_in(document, tenant, user)["role"] = role

    def draft_circuit(self, tenant: str, name: str, fields: Mapping[str, object]) -> int:
        """Another version of a named circuit, as a draft; return its number.

        Args:
            tenant: whose circuit it is.
            name: of the circuit.
            fields: those of `queuebit_contracts.circuits.CircuitEntry`, without the state.
        """
        with self._editing() as document:
            circuits = tenant_in(document, tenant).setdefault("circuit", _table())
            numbers = [int(it.rpartition("@")[2]) for it in circuits if it.rpartition("@")[0] == name]
            version = max(numbers, default=0) + 1
            circuits[f"{_name(name, 'circuit')}@{version}"] = {**fields, "state": "draft"}
            return version

    def set_circuit_state(self, tenant: str, name: str, version: int, state: str | None) -> str:
        """Give a version of a named circuit another state; return it.

        Args:
            tenant: whose circuit it is.
            name: of the circuit.
            version: its number.
            state: the new one; None for the next one of its promotion.
        """
        with self._editing() as document:
            circuits = tenant_in(document, tenant).get("circuit", {})
            if (entry := circuits.get(f"{name}@{version}")) is None:
                raise Stop(Exit.USAGE, f"{tenant} has no circuit {name}@{version}: `qb circuit list` has all")
            if state is None:
                state = _NEXT.get(was := entry.get("state", "draft"))
                if state is None:
                    raise Stop(Exit.REFUSED, f"circuit {name}@{version} is {was}: there is no next state")
            entry["state"] = state
            return state

    def add_token(self, tenant: str, user: str, file: Path | None) -> Issued:
        """Another token for a user; the older ones stay valid until they are revoked."""
        _require_place(file)
        seed = new_seed()
        with self._editing() as document:
            entry = user_in(document, tenant, user)
            entry["keys"] = [*entry.get("keys", ()), public_key(seed)]
        return self._issued(tenant, user, seed, _first_project(tenant_in(document, tenant)), file)

    def revoke_token(self, tenant: str, user: str, prefix: str) -> str:
        """Revoke the only token of a user whose public key begins like this; return that key."""
        with self._editing() as document:
            entry = user_in(document, tenant, user)
            fitting = [str(key) for key in entry.get("keys", ()) if key.startswith(prefix)]
            if len(fitting) != 1:
                raise Stop(
                    Exit.REFUSED,
                    f"{len(fitting)} tokens of {user} begin with {prefix}: see `qb tenant show {tenant}`",
                )
            entry["keys"] = [key for key in entry["keys"] if key != fitting[0]]
        return fitting[0]

    def set_limits(self, tenant: str, project: str | None, limits: Mapping[str, object]) -> None:
        """Set fields of a tenant, or of one of its projects; None removes one. Other fields do not change."""
        with self._editing() as document:
            table = tenant_in(document, tenant) if project is None else project_in(document, tenant, project)
            for name, value in limits.items():
                if value is None:
                    table.pop(name, None)
                else:
                    table[name] = value

    def set_budget(
        self, tenant: str, name: str, budget: Money | None, terms: Mapping[str, object] | None = None
    ) -> None:
        """Limit what the jobs together may cost that count against a budget; None removes it.

        Args:
            tenant: whose budget it is.
            name: such as `user:ada`.
            budget: the amount.
            terms: other fields of it, such as `window`; those that it has and that are not named do not change.
        """
        with self._editing() as document:
            entry = tenant_in(document, tenant)
            if budget is not None:
                fields = {"amount": f"{budget.amount:f}", "currency": budget.currency, **(terms or {})}
                before = entry.setdefault("budget", _table()).get(name, {})
                entry["budget"][name] = {**before, **{it: _listed(value) for it, value in fields.items()}}
            elif name in entry.get("budget", {}):
                del entry["budget"][name]
            else:
                raise unknown("budget", name, entry.get("budget", {}), tenant)

    def set_quota(self, tenant: str, name: str, limits: Mapping[str, object] | None) -> None:
        """Set parts of a quota, the others do not change; None removes it.

        Args:
            tenant: whose quota it is.
            name: such as `user:ada`.
            limits: fields of it.
        """
        with self._editing() as document:
            entry = tenant_in(document, tenant)
            if limits is not None:
                quotas = entry.setdefault("quota", _table())
                quotas[name] = {**quotas.get(name, {}), **limits}
            elif name in entry.get("quota", {}):
                del entry["quota"][name]
            else:
                raise unknown("quota", name, entry.get("quota", {}), tenant)

    def set_class(self, tenant: str, name: str, objective: str | None) -> None:
        """Set what jobs of a class prefer that name no objective; None: what their projects say."""
        with self._editing() as document:
            entry = tenant_in(document, tenant)
            if objective is not None:
                entry.setdefault("workload_class", _table())[_name(name, "class")] = {"objective": objective}
            elif name in entry.get("workload_class", {}):
                del entry["workload_class"][name]
            else:
                raise unknown("class", name, entry.get("workload_class", {}), tenant)

    def grant(
        self,
        tenant: str,
        name: str,
        amount: Money,
        projects: Sequence[str] | None,
        *,
        priority: int = 0,
        expires: datetime | None = None,
    ) -> dict[str, str]:
        """Prepaid credit for projects, or for all that the tenant has now; return the grant of each project.

        Args:
            tenant: whose projects they are.
            name: of the grant; with several projects, each grant has the name of its project behind it.
            amount: of each grant.
            projects: names; None for all.
            priority: a grant of a lower one pays first.
            expires: nothing is held on it from then on.
        """
        with self._editing() as document:
            entry = tenant_in(document, tenant)
            chosen = [*entry.get("project", {})] if projects is None else projects
            names = {it: name if projects is not None and len(chosen) == 1 else f"{name}-{it}" for it in chosen}
            grants = entry.setdefault("grant", _table())
            for project, grant in names.items():
                project_in(document, tenant, project)
                if _name(grant, "grant") in grants:
                    text = f"there is a grant {grant} already, and a grant does not change: give another name"
                    raise Stop(Exit.REFUSED, text)
                grants[grant] = {
                    "project": project,
                    "amount": f"{amount.amount:f}",
                    "currency": amount.currency,
                    "priority": priority,
                    **({} if expires is None else {"expires": expires}),
                }
            return names

    def set_issuers(self, url: str, prefix: str, wanted: Mapping[str, Mapping[str, Issuer]]) -> None:
        """Replace the entries of one issuer whose names begin with a prefix, in all tenants.

        Args:
            url: the issuer.
            prefix: how the names of the entries begin.
            wanted: the new entries, by tenant and name.
        """
        with self._editing() as document:
            for tenant, entries in wanted.items():
                for issuer in entries.values():
                    user_in(document, tenant, issuer.user)
                    if issuer.project:
                        project_in(document, tenant, issuer.project)
            for tenant, entry in document.get("tenant", {}).items():
                issuers = entry.get("issuer", {})
                for name in [it for it in issuers if it.startswith(prefix) and issuers[it].get("url") == url]:
                    del issuers[name]
                for name, issuer in wanted.get(tenant, {}).items():
                    plain = issuer.model_dump(mode="json", exclude_defaults=True)
                    entry.setdefault("issuer", _table())[name] = tomlkit.item(plain)

    def _editing(self) -> AbstractContextManager[Toml]:
        return editing(self._home, self._author)

    def _issued(self, tenant: str, user: str, seed: str, project: str, file: Path | None) -> Issued:
        """Write the credential: into the home, or where it was asked for, ready to be given away."""
        stack = Stack.load(self._home)
        url = f"nats://127.0.0.1:{stack.ports['nats-server']}" if stack else None
        try:
            path = write_credential(
                self._home, tenant, user, seed, project=project, path=file and file.absolute(), url=url
            )
        except OSError as error:
            raise Stop(
                Exit.REFUSED,
                f"{user} of {tenant} has a new token, and its credential cannot be written: {error.strerror}; "
                f"`qb tenant token new {tenant} {user}` makes another, the lost one is no use to anybody",
            ) from error
        return Issued(path, public_key(seed))


def budget_of(amount: str, currency: str) -> Money:
    """A budget as a person writes it.

    Raises:
        Stop: it is not an amount, negative, or in no currency.
    """
    try:
        return Money(_amount(amount), currency)
    except ValueError as error:
        raise Stop(Exit.USAGE, str(error)) from error


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite() or amount < 0:
        raise Stop(Exit.USAGE, f"{text!r} is not an amount: write it like 250 or 12.50")
    return amount


def _listed(value: object) -> object:
    return [*value] if isinstance(value, tuple) else value


def _table() -> Toml:
    """A table that is written only through what it holds: `[tenant.acme]` without a line `[tenant]`."""
    table: Toml = tomlkit.table(is_super_table=True)
    return table


def _project(budget: Money) -> dict[str, str]:
    return {"budget": f"{budget.amount:f}", "currency": budget.currency}


def _user(role: str, seed: str) -> dict[str, object]:
    return {"role": role, "keys": [public_key(seed)]}


def _first_project(tenant: Toml) -> str:
    return next(iter(tenant.get("project", {})), "")


def _require_place(file: Path | None) -> None:
    if file is not None:
        require_place(file)


def _name(text: str, what: str) -> str:
    try:
        return require_token(text, what)
    except InvalidId as error:
        raise Stop(Exit.USAGE, str(error)) from error
