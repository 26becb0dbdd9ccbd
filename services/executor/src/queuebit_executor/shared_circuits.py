"""Circuits as one child parsed and compiled them: the others need do neither again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from queuebit_executor.bound_circuit import BoundCircuit

__all__ = ["MAX_SHARED_BYTES", "Place", "SharedCircuits"]

_LONG = 65_536
"""Bytes from which the parsed circuit is kept too: it may be compiled for several backends, each within its time."""

MAX_SHARED_BYTES = 16 << 20
"""The largest one; a source of 1 MiB without loops comes to about 4 MiB."""

_KEPT_BYTES = 2 * MAX_SHARED_BYTES


class Place(NamedTuple):
    """Where a circuit is compiled for, and for whom: what came of one tenant's source goes to no other."""

    tenant: str
    backend: str
    target: str


class SharedCircuits:
    """The latest circuits, as `queuebit_quantum.write_circuit` and `write_compiled` write them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], bytes] = OrderedDict()
        self._size = 0

    def put(self, circuit: BoundCircuit, place: Place, *, parsed: bytes, compiled: bytes) -> None:
        """Keep a circuit until newer ones need its place; what could not be written is empty."""
        name = circuit.digest
        for key, content in ((_parsed_key(name, place), parsed), (_compiled_key(name, place), compiled)):
            if not content:
                continue
            self._size += len(content) - len(self._kept.pop(key, b""))
            self._kept[key] = content
        while self._size > _KEPT_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest)

    def request(
        self, circuit: BoundCircuit, place: Place, *, compiled: bool = True
    ) -> tuple[Mapping[str, Any], bytes]:  # a head is plain JSON
        """A circuit in a request to a child, as part of the head and the body: compiled, parsed, or its source.

        `keep` in the head asks the child to return the circuit as it parsed it.
        """
        name = circuit.digest
        forms = [("parsed", _parsed_key(name, place))]
        if compiled:
            forms.insert(0, ("compiled", _compiled_key(name, place)))
        for form, key in forms:
            if (content := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return {"form": form, "circuit": name, "source_bytes": len(circuit.source)}, content
        head = {**circuit.head, "keep": True} if len(circuit.source) >= _LONG else circuit.head
        return head, circuit.source


def _parsed_key(circuit: str, place: Place) -> tuple[str, ...]:
    return place.tenant, circuit


def _compiled_key(circuit: str, place: Place) -> tuple[str, ...]:
    return (*place, circuit)
