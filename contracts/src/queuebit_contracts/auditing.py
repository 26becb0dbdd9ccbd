"""What an audit shows: the facts by which a person or a program changed what a tenant may do, or stopped its work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["AUDITED"]

AUDITED: Final[Mapping[str, tuple[str, ...]]] = {
    "config": ("qb.config.applied.v1",),
    "limits": ("qb.tenant.defined.v1", "qb.tenant.removed.v1"),
    "project": ("qb.tenant.project_defined.v1", "qb.tenant.project_removed.v1"),
    "user": ("qb.tenant.user_defined.v1", "qb.tenant.user_removed.v1"),
    "issuer": ("qb.tenant.issuer_defined.v1", "qb.tenant.issuer_removed.v1"),
    "circuit": ("qb.tenant.circuit_defined.v1",),
    "delegation": ("qb.delegation.granted.v1", "qb.delegation.revoked.v1"),
    "money": ("qb.account.funded.v1",),
    "erasure": ("qb.tenant.payloads_erased.v1",),
    "cancellation": ("qb.job.cancelled.v1",),
}
"""Types of events, by the kind of what they change."""
