"""How a circuit is to be compiled. Loads no SDK.

Options are part of a circuit, as its parameters are: they are in its digest, and so in every cache. Each option is a
feature that a backend offers or does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from queuebit_kernel import digest_of
from queuebit_planning.seeds import compilation_seed
from queuebit_quantum.circuits import Circuit

__all__ = ["DEVICE_OPTIONS", "CompileOptions", "read_options", "with_options"]

DEVICE_OPTIONS = frozenset({"dynamical_decoupling", "folding", "optimization_level", "readout_errors", "twirling"})
"""All options, as features of a backend."""


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """The options of one circuit. The default is to leave all to the backend."""

    optimization_level: int | None = None
    """The level of Qiskit's preset passes, 1 to 3."""
    dynamical_decoupling: str | None = None
    """The sequence of pulses in idle times: `xx` or `xy4`."""
    twirling: int | None = None
    """The number of copies with random Pauli gates."""
    copy_number: int | None = None
    """Which of these copies it is, from 0."""
    folding: int = 1
    """How often each two-qubit gate is applied, an odd number: noise grows, and what the gates compute stays."""
    readout_errors: bool = False
    """Whether the readout errors of the measured qubits are asked for."""

    @property
    def features(self) -> frozenset[str]:
        """What a backend must offer."""
        default = CompileOptions()
        chosen = {name for name in DEVICE_OPTIONS if getattr(self, name) != getattr(default, name)}
        return frozenset(chosen)

    def as_json(self) -> dict[str, Any]:
        """The options that are not the default, as plain JSON."""
        default = asdict(CompileOptions())
        return {name: value for name, value in asdict(self).items() if value != default[name]}

    @property
    def of_item(self) -> CompileOptions:
        """The options that all copies and foldings of a circuit share: they have one layout and one seed."""
        return replace(self, copy_number=None, folding=1)

    def twirling_seed(self, seed: int) -> int:
        """The seed of the Pauli gates of this copy: the first 28 bits of the digest of seed, copy and folding."""
        return compilation_seed(digest_of({"seed": seed, "copy": self.copy_number, "folding": self.folding}))


def read_options(document: Mapping[str, Any]) -> CompileOptions:
    """What `as_json` wrote."""
    return CompileOptions(**document)


def with_options(circuit: Circuit, options: CompileOptions) -> Circuit:
    """The same circuit, to be compiled with options; the circuit itself if there are none."""
    if not options.as_json():
        return circuit
    return replace(
        circuit,
        digest=_digest(circuit, options),
        seed_digest=_digest(circuit, options.of_item),
        options=options,
        template=None,
        values=(),
    )


def _digest(circuit: Circuit, options: CompileOptions) -> str:
    """That of the circuit itself if all options are the default: the first of its foldings has no other option."""
    chosen = options.as_json()
    return digest_of({"circuit": circuit.digest, "options": chosen}) if chosen else circuit.digest
