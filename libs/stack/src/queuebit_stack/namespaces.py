"""Which tenants the namespaces of a Kubernetes cluster are: from their annotations to entries of issuers.

A pod gets a token that its cluster signs. A namespace with the annotation `queuebit/tenant` makes tokens of its service
accounts logins of that tenant, while their pod runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from queuebit_contracts.delegation import audience_of
from queuebit_contracts.issuers import Issuer
from queuebit_contracts.wire import NAME

__all__ = ["PREFIX", "Cluster", "Namespace", "issuers_of", "read_namespaces"]

PREFIX = "queuebit/"
"""What our annotations begin with: `tenant`, `project`, `user`, `scope`, `service-accounts`."""

_Name = Annotated[str, StringConstraints(pattern=NAME)]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Who signs the tokens of a cluster's pods."""

    name: str
    """Begins the names of its entries."""
    url: str
    """The claim `iss` of its tokens."""
    keys: Mapping[str, str] = field(repr=False)
    """Its public keys: `jwks`, or `jwks_url`."""


class Namespace(BaseModel):
    """A namespace of a tenant; an annotation that is misspelt is refused, for it could grant more than was meant."""

    model_config = ConfigDict(extra="forbid")

    name: _Name
    tenant: _Name
    project: _Name | None = None
    """The project of its jobs; None: any."""
    user: _Name = "kubernetes"
    """The user of the tenant in whose name its pods act."""
    scope: str = "submit"
    service_accounts: tuple[_Name, ...] = Field(default=(), alias="service-accounts")
    """The service accounts that may log in; empty: all of the namespace."""


def read_namespaces(text: str) -> list[Namespace]:
    """The namespaces that are a tenant's, of what `kubectl get namespaces --output json` prints.

    Raises:
        ValueError: it is something else, or an annotation is wrong; the text names the namespace.
    """
    try:
        items = json.loads(text)["items"]
        annotated = {it["metadata"]["name"]: it["metadata"].get("annotations", {}) for it in items}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("this is not the output of `kubectl get namespaces --output json`") from error
    return [_namespace(name, it) for name, it in sorted(annotated.items()) if f"{PREFIX}tenant" in it]


def _namespace(name: str, annotations: Mapping[str, str]) -> Namespace:
    stated: dict[str, Any] = {  # texts, and a list of them
        key.removeprefix(PREFIX): value for key, value in annotations.items() if key.startswith(PREFIX)
    }
    if accounts := stated.get("service-accounts"):
        stated["service-accounts"] = [it.strip() for it in accounts.split(",")]
    try:
        return Namespace.model_validate({**stated, "name": name})
    except ValidationError as error:
        wrong = ", ".join(f"{PREFIX}{it['loc'][0]}: {it['msg']}" for it in error.errors())
        raise ValueError(f"namespace {name}: {wrong}") from error


def issuers_of(namespaces: Sequence[Namespace], cluster: Cluster) -> dict[str, dict[str, Issuer]]:
    """The entries of each tenant, by their names: one for a namespace, or one for each service account that it lists.

    A token counts only while it is bound to a pod: one that a person asks for by hand is not.

    Raises:
        ValueError: an entry breaks the rules of issuers, or two would have one name.
    """
    found: dict[str, dict[str, Issuer]] = {}
    for it in namespaces:
        for account in it.service_accounts or ("*",):
            name = "-".join((cluster.name, it.name, *((account,) if it.service_accounts else ())))
            entries = found.setdefault(it.tenant, {})
            if name in entries:
                raise ValueError(f"namespace {it.name}: another one has the entry {name}; list other service accounts")
            entries[name] = Issuer.model_validate(
                {
                    "url": cluster.url,
                    "audience": audience_of(it.tenant),
                    **cluster.keys,
                    "claims": {"sub": f"system:serviceaccount:{it.name}:{account}", "kubernetes.io/pod/uid": "*"},
                    "user": it.user,
                    "project": it.project or "",
                    "scope": it.scope,
                }
            )
    return found
