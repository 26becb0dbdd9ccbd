"""Backends that compile without some of their qubits and couplers."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, runtime_checkable

from queuebit_kernel import digest_of
from queuebit_quantum.backends import Backend, Description, Elements

__all__ = ["Excluding", "exclude", "excluded", "without_elements"]


@runtime_checkable
class Excluding(Protocol):
    """What a backend has in addition if it can be used in part; a plugin may have it."""

    without: Elements
    """What it is compiled without now."""

    def exclude(self, without: Elements) -> None:
        """Compile without these qubits and couplers from now on; `describe` has another target digest then."""
        ...


def exclude(backend: Backend, without: Elements) -> None:
    """Have a backend compile without some elements; one that cannot is used as a whole, as its vendor decides."""
    if isinstance(backend, Excluding):
        backend.exclude(without)


def excluded(backend: Backend) -> list[list[int]]:
    """The elements that a backend is compiled without, sorted."""
    return [list(it) for it in sorted(backend.without)] if isinstance(backend, Excluding) else []


def without_elements(description: Description, without: Elements) -> Description:
    """The description of a device that is used without some elements: what was compiled with them is not used."""
    if not without:
        return description
    left = digest_of({"target": description.target_digest, "without": [list(it) for it in sorted(without)]})
    return replace(description, target_digest=left)
