"""Finds the place in a source for a refusal of the whole program, so that it has a line and a column too."""

from __future__ import annotations

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.tokens import Source

__all__ = ["located"]


def located(refusal: CircuitError, source: Source, limits: Limits) -> CircuitError:
    """Return the refusal with a place: the last token if the program measures nothing, else the first that causes it.

    It is for refusals after the expansion, when statements and operations no longer correspond; so it may read a source
    of OpenQASM 2 again. A refusal that has a place already is returned as it is.
    """
    place = None if refusal.line is not None else _place(refusal, source, limits)
    return refusal if place is None else CircuitError(refusal.message, *place, refusal.expected, refusal.code)


def _place(refusal: CircuitError, source: Source, limits: Limits) -> tuple[int, int] | None:
    match refusal.code:
        case "no_measurement" if source.tokens:
            return source.position(source.tokens[-1].offset)
        case "parameter" if source.version == 2:
            from queuebit_quantum.qasm2 import place_of_unusable

            return place_of_unusable(source, limits)
        case "parameter":  # the parts of a sum of global phases are finite
            return _first(source, "gphase")
        case "unsupported":  # a result that a pragma asks for
            return _first(source, "pragma", "braket", "result")
    return None


def _first(source: Source, *words: str) -> tuple[int, int] | None:
    for place, token in enumerate(source.tokens):
        if token.text == words[0] and tuple(it.text for it in source.tokens[place : place + len(words)]) == words:
            return source.position(token.offset)
    return None
