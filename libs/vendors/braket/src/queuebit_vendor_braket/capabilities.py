"""Reads what Amazon Braket says of a device: its qubits, gates, errors and limits.

Source: the capabilities of `GetDevice`, whose schemas are `braket.device_schema` of amazon-braket-schemas-python. They
are read as plain JSON, because the schema of the calibration has three versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from qiskit.circuit import Measure
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.transpiler import InstructionProperties, QubitProperties, Target

from queuebit_vendor_braket.gates import Gate, accepted, native

__all__ = ["Capabilities", "read"]

_PROGRAM: Final = "braket.ir.openqasm.program"
_SET: Final = "braket.ir.openqasm.program_set"
_SECONDS: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_GATES: Final = get_standard_gate_name_mapping()
"""With open angles."""
_ALL: Final[tuple[str, ...]] = ("rz", "ry", "rx", "rzz", "rxx", "cz", "cx", "iswap")
"""The gates that the compiler uses on a device that compiles itself, where the device takes them."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One device as of one date."""

    simulator: bool
    num_qubits: int
    least_shots: int
    most_shots: int
    most_items: int
    """Circuits of one program set; 1 if the device takes no program sets."""
    most_set_shots: int
    """Shots of all circuits of one program set."""
    measures_all: bool
    """Whether every qubit of a circuit must be measured."""
    gates: Mapping[str, Gate]
    """By the name that Qiskit has."""
    verbatim: bool
    """Whether circuits are compiled here, to native gates on named qubits, and run as they are."""
    labels: tuple[int, ...]
    """The device's numbers of its qubits, ascending; IQM begins with 1."""
    target: Target | None
    """The device with its errors, at the device's numbers: qubits that it does not have have no gates. None for a
    simulator."""
    updated_at: datetime


def read(text: str, *, simulator: bool) -> Capabilities:
    """Read the capabilities of a device.

    Args:
        text: `deviceCapabilities` of `GetDevice`, JSON.
        simulator: whether its `deviceType` is `SIMULATOR`.

    Raises:
        KeyError: it is no device for circuits.
    """
    found: dict[str, Any] = json.loads(text)  # plain JSON, as below
    action, paradigm, service = found["action"], found["paradigm"], found["service"]
    program, several = action[_PROGRAM], action.get(_SET) or {}
    least, most = service["shotsRange"]
    chosen = {} if simulator else native(paradigm.get("nativeGateSet") or ())
    if "verbatim" not in (program.get("supportedPragmas") or ()):
        chosen = {}
    labels, pairs = _connectivity(paradigm)
    gates = chosen or accepted(program["supportedOperations"])
    target = None
    if not simulator:
        used = gates if chosen else {it: gates[it] for it in _ALL if it in gates}
        target = _target(labels, pairs, used, _Figures.of(found))
    return Capabilities(
        simulator=simulator,
        num_qubits=len(labels),
        least_shots=max(int(least), 1),
        most_shots=int(most),
        most_items=int(several.get("maximumExecutables") or 1),
        most_set_shots=int(several.get("maximumTotalShots") or most),
        measures_all=bool(program.get("requiresAllQubitsMeasurement")),
        gates=gates,
        verbatim=bool(chosen),
        labels=labels,
        target=target,
        updated_at=_time(found),
    )


def _connectivity(paradigm: Mapping[str, Any]) -> tuple[tuple[int, ...], frozenset[tuple[int, int]]]:
    """The device's numbers of its qubits, and the pairs that can interact, the smaller number first."""
    graph = (paradigm.get("connectivity") or {}).get("connectivityGraph") or {}
    pairs = {(min(a, b), max(a, b)) for a, b in ((int(one), int(it)) for one, near in graph.items() for it in near)}
    if not pairs:
        labels = tuple(range(int(paradigm["qubitCount"])))
        return labels, frozenset((a, b) for a in labels for b in labels if a < b)
    return tuple(sorted({int(it) for it in graph} | {it for pair in pairs for it in pair})), frozenset(pairs)


def _time(found: Mapping[str, Any]) -> datetime:
    standard = found.get("standardized") or {}
    text = standard.get("updatedAt") or found["service"].get("updatedAt")
    if text is None:
        return datetime(1970, 1, 1, tzinfo=UTC)
    read_ = datetime.fromisoformat(text)
    return read_ if read_.tzinfo else read_.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Figures:
    """Errors and times of a device, from the schema that it has."""

    standard: Mapping[str, Any]
    fidelity: Mapping[str, Any]
    """IonQ's means over the device."""
    timing: Mapping[str, Any]
    """IonQ's, in seconds."""

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> _Figures:
        provider = found.get("provider") or {}
        fidelity, timing = (provider.get(name) or {} for name in ("fidelity", "timing"))
        return cls(found.get("standardized") or {}, fidelity, timing)

    def qubit(self, label: int) -> QubitProperties:
        own = self._own(label)
        t1, t2 = (_seconds(own.get(it) or self.standard.get(it)) or self.timing.get(it) for it in ("T1", "T2"))
        return QubitProperties(t1=t1, t2=t2)

    def readout(self, label: int) -> InstructionProperties:
        given = [it for it in self._one(label) if "READOUT" in _kind(it)] or self.standard.get("readoutFidelity")
        error = _error(given or _mean(self.fidelity.get("spam")))
        return InstructionProperties(error=error, duration=self._lasts("readoutDuration", "readout"))

    def single(self, label: int) -> InstructionProperties:
        given = [it for it in self._one(label) if "READOUT" not in _kind(it)] or self.standard.get(
            "singleQubitFidelity"
        )
        error = _error(given or _mean(self.fidelity.get("1Q")))
        return InstructionProperties(error=error, duration=self._lasts("singleQubitGateDuration", "1Q"))

    def pair(self, gate: str, pair: tuple[int, int]) -> InstructionProperties | None:
        """None if the device reports other gates for this pair, but not this one."""
        known = self.standard.get("twoQubitProperties") or {}
        lasts = self._lasts("twoQubitGateDuration", "2Q")
        own = known.get(f"{pair[0]}-{pair[1]}") or known.get(f"{pair[1]}-{pair[0]}")
        if own is not None:
            given = [it for it in own["twoQubitGateFidelity"] if it["gateName"].lower() == gate]
            return InstructionProperties(error=_error(given), duration=lasts) if given else None
        if known:
            return None
        given = self.standard.get("twoQubitGateFidelity") or _mean(self.fidelity.get("2Q"))
        return InstructionProperties(error=_error(given), duration=lasts)

    def _own(self, label: int) -> Mapping[str, Any]:
        own: Mapping[str, Any] = (self.standard.get("oneQubitProperties") or {}).get(str(label)) or {}
        return own

    def _one(self, label: int) -> list[Mapping[str, Any]]:
        return list(self._own(label).get("oneQubitFidelity") or ())

    def _lasts(self, standard: str, provider: str) -> float | None:
        return _seconds(self.standard.get(standard)) or self.timing.get(provider)


def _target(
    labels: tuple[int, ...], pairs: Iterable[tuple[int, int]], gates: Mapping[str, Gate], figures: _Figures
) -> Target:
    qubits = [figures.qubit(it) if it in labels else QubitProperties() for it in range(labels[-1] + 1)]
    target = Target(num_qubits=len(qubits), qubit_properties=qubits)
    for name in gates:
        gate = _GATES[name]
        known = _single(name, labels, figures) if gate.num_qubits == 1 else _both_ways(name, pairs, figures)
        on = dict(known)
        if on:
            target.add_instruction(gate, on, name=name)
    target.add_instruction(Measure(), {(it,): figures.readout(it) for it in labels})
    return target


def _single(
    name: str, labels: Iterable[int], figures: _Figures
) -> Iterator[tuple[tuple[int, ...], InstructionProperties]]:
    for it in labels:
        yield (it,), _virtual() if name == "rz" else figures.single(it)


def _both_ways(
    name: str, pairs: Iterable[tuple[int, int]], figures: _Figures
) -> Iterator[tuple[tuple[int, ...], InstructionProperties]]:
    for pair in sorted(pairs):
        if (properties := figures.pair(name, pair)) is not None:
            yield pair, properties
            yield (pair[1], pair[0]), properties


def _virtual() -> InstructionProperties:
    """Rotations about z change the phase of later pulses: they take no time and have no error."""
    return InstructionProperties(error=0.0, duration=0.0)


def _kind(given: Mapping[str, Any]) -> str:
    return str((given.get("fidelityType") or {}).get("name", "")).upper()


def _error(given: Any) -> float | None:
    """The error of the first fidelity."""
    first = next(iter(given or ()), None)
    return None if first is None else round(1.0 - float(first["fidelity"]), 12)


def _mean(given: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return [{"fidelity": given["mean"]}] if given and "mean" in given else []


def _seconds(given: Mapping[str, Any] | None) -> float | None:
    return None if not given else float(given["value"]) * _SECONDS[str(given["unit"]).lower()]
