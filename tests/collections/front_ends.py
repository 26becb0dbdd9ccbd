"""Which files the readers of OpenQASM accept: Queuebit's, pyqasm, and the two of Qiskit for each language."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.collections.runners import Run, values_of_inputs

__all__ = ["FRONT_ENDS", "QISKIT", "is_version_2"]


def is_version_2(source: str) -> bool:
    """Return whether the header of a source says OpenQASM 2."""
    return re.match(r"(?:\s|//[^\n]*|/\*.*?\*/)*OPENQASM(?:\s|//[^\n]*|/\*.*?\*/)*2", source, re.DOTALL) is not None


def _queuebit(path: Path) -> Run:
    from queuebit_quantum import parse

    source = path.read_text(encoding="utf-8")
    parse(source, parameters=values_of_inputs(source), measured=False)
    return Run("done", {})


def _pyqasm(path: Path) -> Run:
    import pyqasm

    pyqasm.loads(path.read_text(encoding="utf-8")).unroll()
    return Run("done", {})


def _importer(path: Path) -> Run:
    """The reference parser `openqasm3` with `qiskit-qasm3-import`."""
    from qiskit import qasm3

    qasm3.loads(path.read_text(encoding="utf-8"))
    return Run("done", {})


def _rust(path: Path) -> Run:
    """Qiskit's parsers in Rust: `qasm2`, and the one for version 3, which Qiskit calls experimental."""
    import warnings

    from qiskit import qasm2, qasm3

    source = path.read_text(encoding="utf-8")
    if is_version_2(source):
        qasm2.loads(source, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            qasm3.loads_experimental(source)
    return Run("done", {})


QISKIT = {2: "Qiskit's parsers in Rust", 3: "openqasm3 with qiskit-qasm3-import"}
"""The front end that Qiskit's user calls for each language: `qasm2.loads` and `qasm3.loads`."""
FRONT_ENDS: dict[str, Callable[[Path], Run]] = {
    "Queuebit": _queuebit,
    "pyqasm": _pyqasm,
    QISKIT[3]: _importer,
    QISKIT[2]: _rust,
}
"""Readers of OpenQASM; each raises an exception for a file that it does not accept. A file need not measure."""
