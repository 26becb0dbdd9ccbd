"""Classical controls of Cirq as conditions of OpenQASM 3 on single bits.

Each bit is written by itself, because the first bit of a key is the highest in Cirq and the lowest in OpenQASM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cirq

from queuebit_cirq.errors import NotExported

__all__ = ["Register", "condition_text"]

_MOST_BITS = 10
"""Bits of a formula: it is evaluated for each of their values."""


@dataclass(frozen=True, slots=True)
class Register:
    """The bits that one measurement writes, in the order of its qubits."""

    name: str
    width: int

    def bits(self) -> list[str]:
        return [f"{self.name}[{place}]" for place in range(self.width)]


_Measured = Mapping[cirq.MeasurementKey, Sequence[Register]]
"""The registers of each key, one for each time that it was measured so far."""


def condition_text(condition: cirq.Condition, measured: _Measured) -> str | bool:
    """A condition as an expression, or its value if it does not depend on the bits.

    Raises:
        NotExported: it reads a key that is not measured before it, or is of an unknown kind.
    """
    match condition:
        case cirq.KeyCondition():
            bits = _register(condition.key, condition.index, measured).bits()
            return " || ".join(bits)
        case cirq.BitMaskKeyCondition():
            return _masked(condition, _register(condition.key, condition.index, measured))
        case cirq.SympyCondition():
            return _formula(condition, measured)
    raise NotExported(
        f"the condition {condition} cannot be exported: give a key, a cirq.BitMaskKeyCondition or a SymPy expression"
    )


def _register(key: cirq.MeasurementKey, index: int, measured: _Measured) -> Register:
    registers = measured.get(key, ())
    if not -len(registers) <= index < len(registers):
        raise NotExported(
            f"a condition reads measurement {index} of the key {str(key)!r}, which is measured {len(registers)} times "
            "before it: measure the key first"
        )
    return registers[index]


def _masked(condition: cirq.BitMaskKeyCondition, register: Register) -> str | bool:
    full = (1 << register.width) - 1
    mask = full if condition.bitmask is None else condition.bitmask & full
    if condition.target_value & ~mask:
        return not condition.equal_target
    places = [(bit, 1 << (register.width - 1 - place)) for place, bit in enumerate(register.bits())]
    equal = [f"{'' if condition.target_value & value else '!'}{bit}" for bit, value in places if mask & value]
    if not equal:
        return condition.equal_target
    text = " && ".join(equal)
    return text if condition.equal_target else f"!({text})"


def _formula(condition: cirq.SympyCondition, measured: _Measured) -> str | bool:
    names = sorted({str(key) for key in condition.keys})
    keys = [cirq.MeasurementKey.parse_serialized(name) for name in names]
    registers = [_register(key, -1, measured) for key in keys]
    bits = [bit for register in registers for bit in register.bits()]
    if len(bits) > _MOST_BITS:
        raise NotExported(
            f"the condition {condition} reads {len(bits)} bits: a formula may read {_MOST_BITS}. Measure its bits "
            "under keys of their own, or use cirq.BitMaskKeyCondition"
        )

    def decided(values: tuple[int, ...]) -> str | bool:
        """The condition in terms of the bits after those that have values."""
        if len(values) == len(bits):
            return condition.resolve(_stored(keys, registers, values))
        return _choice(bits[len(values)], decided((*values, 1)), decided((*values, 0)))

    return decided(())


def _stored(
    keys: Sequence[cirq.MeasurementKey], registers: Sequence[Register], values: Sequence[int]
) -> cirq.ClassicalDataStoreReader:
    store, rest = cirq.ClassicalDataDictionaryStore(), list(values)
    for key, register in zip(keys, registers, strict=True):
        taken, rest = rest[: register.width], rest[register.width :]
        store.record_measurement(key, taken, cirq.LineQubit.range(register.width))
    return store


def _choice(bit: str, then: str | bool, otherwise: str | bool) -> str | bool:
    """`then` if the bit is 1, else `otherwise`, in the shortest form."""
    if then == otherwise:
        return then
    match then, otherwise:
        case True, False:
            return bit
        case False, True:
            return f"!{bit}"
        case True, _:
            return f"({bit} || {otherwise})"
        case False, _:
            return f"(!{bit} && {otherwise})"
        case _, True:
            return f"(!{bit} || {then})"
        case _, False:
            return f"({bit} && {then})"
    return f"(({bit} && {then}) || (!{bit} && {otherwise}))"
