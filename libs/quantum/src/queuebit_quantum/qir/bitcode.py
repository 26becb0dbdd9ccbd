"""Turns bitcode of LLVM into text, with PyQIR."""

from __future__ import annotations

from queuebit_quantum.errors import CircuitError

__all__ = ["text_of"]

_PANIC = "PanicException"
"""What PyQIR raises where it did not expect an answer of LLVM; the class cannot be imported."""


def text_of(content: bytes) -> str:
    """Return a module as LLVM assembly.

    LLVM is native code, and its reader is not made for hostile input: it may end the process. Call this in a process
    with limits.

    Raises:
        CircuitError: the content is no bitcode that LLVM reads, or PyQIR is not installed.
    """
    try:
        import pyqir
    except ImportError as error:
        raise CircuitError(
            "bitcode cannot be read here, because PyQIR is not installed: send the text form (llvm-dis makes it)",
            code="unsupported",
        ) from error
    try:
        return str(pyqir.Module.from_bitcode(pyqir.Context(), content))
    except BaseException as error:
        if not isinstance(error, ValueError) and type(error).__name__ != _PANIC:
            raise
        raise CircuitError(f"the bitcode cannot be read: {error}", expected="bitcode of LLVM", code="syntax") from error
