"""Circuits as children parsed them: the child that compiles or runs a long one need not parse it again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from queuebit_executor.bound_circuit import BoundCircuit

__all__ = ["MAX_PARSED_BYTES", "ParsedCircuits"]

_LONG = 65_536
"""Bytes from which a source is worth it: parsing 1 MiB takes seconds, reading it as it was parsed less than a tenth."""

MAX_PARSED_BYTES = 16 << 20
"""The largest one; a source of 1 MiB without loops comes to about 4 MiB."""

_KEPT_BYTES = 2 * MAX_PARSED_BYTES


class ParsedCircuits:
    """The latest long circuits by their digest, as `queuebit_quantum.write_circuit` writes them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def put(self, circuit: BoundCircuit, parsed: bytes) -> None:
        """Keep a circuit until newer ones need its place."""
        self._size += len(parsed) - len(self._kept.pop(circuit.digest, b""))
        self._kept[circuit.digest] = parsed
        while self._size > _KEPT_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest)

    def request(self, circuit: BoundCircuit) -> tuple[Mapping[str, Any], bytes]:
        """A circuit in a request to a child, as part of the head and the body: as it was parsed, or its source.

        `keep` in the head asks the child to return the circuit as it parsed it.
        """
        if len(circuit.source) < _LONG:
            return circuit.head, circuit.source
        parsed = self._kept.get(circuit.digest)
        if parsed is None:
            return {**circuit.head, "keep": True}, circuit.source
        self._kept.move_to_end(circuit.digest)
        return {"parsed": circuit.digest, "source_bytes": len(circuit.source)}, parsed
