"""Named circuits of a tenant and their versions, as the tenants document has them.

A version is the digest of a source, and never changes. It is promoted from `draft` to `canary` to `released`, one step
at a time, or withdrawn; it is never removed, since receipts name it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from queuebit_contracts.wire import DIGEST, NAME

__all__ = ["CIRCUIT_KEY", "CIRCUIT_STATES", "MOST_CIRCUITS", "CircuitEntry", "CircuitState", "circuit_faults", "key_of"]

CircuitState = Literal["draft", "canary", "released", "withdrawn"]
CIRCUIT_STATES: Final = ("draft", "canary", "released", "withdrawn")
"""In the order of promotion; the last one may follow each."""

CIRCUIT_KEY: Final = NAME.removesuffix("$") + "@[1-9][0-9]{0,5}$"
"""A version by name and number, such as `portfolio-qaoa@7`."""

MOST_CIRCUITS: Final = 1_000
"""The most versions of a tenant, all names together."""

_FIXED: Final = ("digest", "size", "media_type", "owner", "parameters")


class CircuitEntry(BaseModel):
    """One version of a named circuit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str = Field(pattern=DIGEST)
    """Of its source, which lies in the payload store of the tenant."""
    size: int = Field(ge=1, le=1 << 20)
    """Bytes of its source."""
    media_type: str = Field(default="text/x-openqasm", max_length=100)
    owner: str = Field(pattern=NAME)
    """The user who answers for it."""
    parameters: tuple[Annotated[str, Field(max_length=64)], ...] = Field(default=(), max_length=256)
    """The names of its inputs."""
    state: CircuitState = "draft"


def key_of(name: str, version: int) -> str:
    """The key of a version in the document."""
    return f"{name}@{version}"


def circuit_faults(tenant: str, old: Mapping[str, CircuitEntry], new: Mapping[str, CircuitEntry]) -> Iterator[str]:
    """Every reason why versions may not become what a document says.

    Args:
        tenant: whose they are.
        old: those in force, by key.
        new: those of the document.
    """
    for key, before in old.items():
        if (after := new.get(key)) is None:
            yield f"circuit {key} of {tenant} is in force, and receipts may name it: put it back, as withdrawn"
        elif any(getattr(before, it) != getattr(after, it) for it in _FIXED):
            yield f"circuit {key} of {tenant} never changes: put it back as it was, and draft another version"
        elif not _may_follow(before.state, after.state):
            yield (
                f"circuit {key} of {tenant} is {before.state} and cannot become {after.state}: a draft becomes a "
                "canary, a canary is released, and each may be withdrawn"
            )


def _may_follow(before: str, after: str) -> bool:
    if after in (before, "withdrawn"):
        return True
    steps = CIRCUIT_STATES[:3]
    return before in steps and after in steps and steps.index(after) == steps.index(before) + 1
