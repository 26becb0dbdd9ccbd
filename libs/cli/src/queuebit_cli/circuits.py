"""Reads circuits named on the command line."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from queuebit.named_circuits import NamedCircuit

__all__ = ["STANDARD_INPUT", "circuit_of", "is_batch", "limits_in", "named_in", "processing_in", "program_in"]

STANDARD_INPUT = "-"


def circuit_of(file: str) -> Path | str | bytes:
    """A file, or the circuit that standard input holds.

    Raises:
        InvalidInput: it cannot be a circuit.
    """
    from queuebit.sources import read_source, source_of
    from queuebit_planning.languages import is_bitcode
    from queuebit_planning.limits import MAX_SOURCE_BYTES

    if file != STANDARD_INPUT:
        read_source(Path(file))
        return Path(file)
    content = source_of(sys.stdin.buffer.read(MAX_SOURCE_BYTES + 1), "standard input")
    return content if is_bitcode(content) else content.decode()


def is_batch(file: str) -> bool:
    """Whether a file names several circuits."""
    from queuebit.program_files import BATCH

    return file.endswith(BATCH)


def named_in(files: Sequence[str]) -> list[str]:
    """Those of the files that are no files, and named circuits such as `portfolio-qaoa@7`."""
    from queuebit.named_circuits import NAMED

    return [it for it in dict.fromkeys(files) if NAMED.fullmatch(it) and not Path(it).exists()]


def program_in(file: str, args: Namespace, named: Mapping[str, NamedCircuit] | None = None) -> object:
    """What to run: a circuit, a batch, or a circuit with the sweep, observables and outputs of the arguments.

    Raises:
        InvalidInput: it cannot be run.
    """
    from queuebit.program_files import program_of

    known = (named or {}).get(file)
    source = known or (Path(file) if is_batch(file) else circuit_of(file))
    bindings = Path(args.sweep) if args.sweep else None
    return program_of(
        source,
        bindings=bindings,
        observables=args.observable,
        outputs=args.outputs or (),
        reference=_reference(source, getattr(args, "reference", None)),
        floor=getattr(args, "floor", None),
    )


def _reference(source: Path | str | bytes | NamedCircuit, given: str | None) -> Mapping[str, float] | None:
    """The reference of `--reference`: a file, or `ideal` for the exact distribution of the circuit."""
    from queuebit.errors import InvalidInput
    from queuebit.program_files import read_reference
    from queuebit.sources import read_source

    if given != "ideal":
        return None if given is None else read_reference(Path(given))
    try:
        quantum: Any = import_module("queuebit_quantum")
    except ImportError as error:
        raise InvalidInput(
            "an ideal reference needs the package queuebit-quantum: install it, or give a file"
        ) from error
    try:
        circuit = quantum.parse(read_source(source).decode("utf-8-sig"))
        found: dict[str, float] = quantum.ideal_distribution(circuit)
    except (quantum.CircuitError, quantum.DoesNotFit) as error:
        raise InvalidInput(f"the circuit has no ideal reference: {error}") from error
    return found


def processing_in(args: Namespace) -> dict[str, Any]:
    """The options of compilation and the steps after the run, as arguments of `Client.submit` and `Client.plan`."""
    names = ("optimization_level", "dynamical_decoupling", "twirling")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    return {"compilation": given, "post": args.post}


def limits_in(args: Namespace) -> dict[str, Any]:
    """What a backend must offer, as arguments of `Client.submit` and `Client.plan`."""
    names = ("min_fidelity", "deadline")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    return {**given, "vendors": args.vendor, "regions": args.region}
