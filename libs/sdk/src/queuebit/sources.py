"""Reads circuits as bytes."""

from __future__ import annotations

from pathlib import Path

from queuebit.errors import InvalidInput
from queuebit.exporting import exported
from queuebit.named_circuits import NamedCircuit
from queuebit.qsharp import Q_SHARP, compiled
from queuebit_planning.languages import is_bitcode
from queuebit_planning.limits import MAX_SOURCE_BYTES

__all__ = ["read_file", "read_program_source", "read_source", "source_of"]

_FILES = (".qasm", ".ll", ".bc", Q_SHARP)
_WANTED = "give OpenQASM 2 or 3 source, or QIR"


def read_source(circuit: object) -> bytes:
    """The bytes of a circuit: a `Path` is read, text and bytes are the source, a circuit of Qiskit or Cirq is exported.

    A file of Q# is compiled to QIR here. What Microsoft's compiler returned (`qsharp.compile`) is QIR already.

    Raises:
        InvalidInput: there is no such file, or it cannot be a circuit.
    """
    return _read_source(circuit, bound=True, measured=True)


def read_program_source(circuit: object, *, measured: bool) -> bytes:
    """The bytes of a circuit of a program: as `read_source`, but it may have free parameters.

    Args:
        circuit: as for `read_source`.
        measured: whether it must measure something; observables bring their own measurements.

    Raises:
        InvalidInput: as `read_source`.
    """
    return _read_source(circuit, bound=False, measured=measured)


def _read_source(circuit: object, *, bound: bool, measured: bool) -> bytes:
    match circuit:
        case Path() if circuit.suffix == Q_SHARP:
            return source_of(compiled(circuit, read_file(circuit)), f"the QIR of {circuit}")
        case Path():
            return source_of(read_file(circuit), str(circuit))
        case str() if circuit.endswith(_FILES) and not {*"\n;"} & {*circuit}:
            raise InvalidInput(f"{circuit} is the name of a file, not a source: give Path({circuit!r})")
        case NamedCircuit():
            return source_of(circuit.source, str(circuit))
        case bytes():
            return source_of(circuit, "the circuit")
        case str():
            return source_of(circuit.encode(errors="surrogatepass"), "the circuit")
        case _ if callable(in_qir := getattr(circuit, "_repr_qir_", None)):  # the protocol of azure-quantum
            return source_of(bytes(in_qir()), "the circuit")
        case _:
            return source_of(exported(circuit, bound=bound, measured=measured).encode(), "the circuit")


def source_of(content: bytes, name: str) -> bytes:
    """Check that bytes can be a source, and return them.

    Raises:
        InvalidInput: they cannot; the text uses `name`.
    """
    if len(content) > MAX_SOURCE_BYTES:
        raise _too_large(name, len(content))
    if is_bitcode(content):
        return content
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{name} is not text (byte {error.start}): {_WANTED}") from error
    if "\0" in text:
        raise InvalidInput(f"{name} is a binary file: {_WANTED}")
    if not text.strip():
        raise InvalidInput(f"{name} is empty: {_WANTED}")
    return content


def read_file(path: Path) -> bytes:
    """The bytes of a file that is no larger than a source may be.

    Raises:
        InvalidInput: it is larger, or cannot be read.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAX_SOURCE_BYTES else b""
    except FileNotFoundError as error:
        raise InvalidInput(f"there is no file {path}") from error
    except (OSError, ValueError) as error:  # the latter of a name that no file can have
        raise InvalidInput(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if size > MAX_SOURCE_BYTES:
        raise _too_large(str(path), size)
    return content


def _too_large(name: str, size: int) -> InvalidInput:
    return InvalidInput(f"{name} has {size:,} bytes: the largest source taken is 1 MiB")
