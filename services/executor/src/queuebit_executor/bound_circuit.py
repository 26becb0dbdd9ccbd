"""One circuit to compile and run: a source, values for its inputs, the measurement basis, and compile options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from queuebit_kernel import digest, digest_of
from queuebit_quantum import CompileOptions, Parameters, bound_digest

__all__ = ["BoundCircuit"]


@dataclass(frozen=True, slots=True)
class BoundCircuit:
    """A source, values for its inputs, the basis that its qubits are measured in, and how it is compiled."""

    source: bytes
    parameters: Parameters = field(default_factory=dict)
    basis: str = ""
    """As `queuebit_quantum.Basis.paulis` writes it; empty: the circuit's own measurements count."""

    options: CompileOptions = field(default_factory=CompileOptions)

    @property
    def digest(self) -> str:
        """Names it in caches; the digest of the source where nothing is added to it."""
        bound = bound_digest(digest(self.source), self.parameters)
        options = self.options.as_json()
        if options:
            return digest_of({"circuit": bound, "basis": self.basis, "options": options})
        return digest_of({"circuit": bound, "basis": self.basis}) if self.basis else bound

    @property
    def head(self) -> Mapping[str, Any]:
        """What a child must know besides the source; plain JSON."""
        options = self.options.as_json()
        if not (self.parameters or self.basis or options):
            return {}
        head: dict[str, Any] = {"parameters": dict(self.parameters), "basis": self.basis}  # plain JSON
        return {**head, "options": options} if options else head
