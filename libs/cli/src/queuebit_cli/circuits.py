"""Reads circuits and programs named on the command line."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from queuebit.errors import InvalidInput
from queuebit.inputs import plain_json

__all__ = ["BATCH", "STANDARD_INPUT", "circuit_of", "program_of"]

BATCH = ".json"
"""How the name of a file ends that holds a batch."""

STANDARD_INPUT = "-"


def circuit_of(file: str) -> Path | str:
    """Read a circuit from a file or from standard input.

    Raises:
        InvalidInput: the content cannot be a circuit.
    """
    from queuebit.sources import read_source, source_of
    from queuebit_planning.limits import MAX_SOURCE_BYTES

    if file != STANDARD_INPUT:
        read_source(Path(file))
        return Path(file)
    return source_of(sys.stdin.buffer.read(MAX_SOURCE_BYTES + 1), "standard input").decode()


def program_of(file: str, args: Namespace) -> object:
    """What a file and the options of `qb submit` ask for: a circuit, a sweep, observables, or a batch.

    Raises:
        InvalidInput: a file cannot be read, or the options do not go together.
    """
    from queuebit.programs import Sweep, read_batch, read_bindings

    observables = [_observable(it) for it in args.observable]
    if file.endswith(BATCH):
        if args.sweep or observables or args.outputs:
            raise InvalidInput(f"{file} is a batch: write parameters, observables and outputs into it")
        return read_batch(Path(file))
    circuit = circuit_of(file)
    outputs = args.outputs or ("counts",)
    if args.sweep:
        return Sweep(circuit, read_bindings(Path(args.sweep)), observables, outputs)
    if observables or args.outputs:
        return Sweep(circuit, [{}], observables, outputs)
    return circuit


def _observable(text: str) -> object:
    """A Pauli string, or a sum as JSON."""
    if not text.startswith("{"):
        return text
    try:
        return plain_json(text)
    except ValueError as error:
        raise InvalidInput(f'--observable {text}: {error}: write ZZ, or {{"XI": 0.5, "ZZ": 1}}') from error
