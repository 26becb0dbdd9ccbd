"""What is evaluated for a job, and how its arm is recorded with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagEvaluationDetails, FlagValueType

from queuebit_experiments import ARMS, ASSIGNING, arm_tag
from queuebit_kernel import job_id

__all__ = ["canary_tags", "job_context"]


class _HasCredential(Protocol):
    """The tenant of a credential."""

    @property
    def tenant(self) -> str:
        """Whose jobs are submitted with it."""
        ...


class _HasTenant(Protocol):
    """A client, as far as it says whose jobs it submits."""

    @property
    def credential(self) -> _HasCredential:
        """What it submits with."""
        ...


def job_context(client: _HasTenant, key: str) -> EvaluationContext:
    """The context of a job that will be submitted with this key: its targeting key is the job's id.

    Evaluate with it, and submit with the same key: then the arm is that of the job, in every program.
    """
    tenant = client.credential.tenant
    return EvaluationContext(targeting_key=job_id(tenant, key), attributes={"tenant": tenant})


def canary_tags(*evaluated: FlagEvaluationDetails[FlagValueType]) -> Sequence[str]:
    """The tags that record the arms of a job, from what was evaluated for it.

    Flags without a canary that assigns jobs give no tag. Any provider fits whose variants are `baseline` and
    `candidate` and whose metadata names the `canary`.
    """
    return [
        arm_tag(str(it.flag_metadata["canary"]), it.variant)
        for it in evaluated
        if it.variant in ARMS
        and "canary" in it.flag_metadata
        and it.flag_metadata.get("state", ASSIGNING[0]) in ASSIGNING
    ]
