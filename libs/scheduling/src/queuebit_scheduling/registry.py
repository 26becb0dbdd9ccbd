"""Policies by name and version, so that decisions of several versions can be recomputed.

A decision names the policy that made it. When a rule changes, `FairShare.name` gets a new version. To go on recomputing
decisions of the version before, keep its class as a module of its own and add it here; without it `qb verify` counts
them as not recomputable by this version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from queuebit_scheduling.plan import Policy
from queuebit_scheduling.policy import POLICY

__all__ = ["POLICIES", "by_name"]


def by_name(policies: Iterable[Policy]) -> Mapping[str, Policy]:
    """Index policies; two versions need two names."""
    return MappingProxyType({it.name: it for it in policies})


POLICIES = by_name([POLICY])
"""The policies of this version."""
