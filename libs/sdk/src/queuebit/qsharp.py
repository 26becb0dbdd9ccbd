"""Compiles Q# to QIR, with Microsoft's compiler: the package `qdk`, which this package does not depend on."""

from __future__ import annotations

import os
import re
import sys
import warnings
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from queuebit.errors import InvalidInput

__all__ = ["Q_SHARP", "compiled", "entry_expression", "opened"]

Q_SHARP = ".qs"
"""How the name of a file ends that holds Q#."""

_TELEMETRY = "QDK_PYTHON_TELEMETRY"
_COMMENT = re.compile(r"//[^\n]*")
_NAMESPACE = re.compile(r"\bnamespace\s+([\w.]+)\s*\{")
_ENTRY = re.compile(r"@EntryPoint\s*\([^)]*\)\s*(?:internal\s+)?(?:operation|function)\s+(\w+)\s*\(\s*(\S)")
_MAIN = re.compile(r"\boperation\s+(Main)\s*\(\s*(\S)")


@lru_cache(maxsize=16)
def compiled(path: Path, content: bytes) -> bytes:
    """A file of Q# as QIR in the base profile.

    Raises:
        InvalidInput: `qdk` is not installed, or the compiler refuses the file; the text has its message.
    """
    source = _text(path, content)
    entry = entry_expression(path, source)
    context, errors = opened("Base")
    try:
        context.eval(source)
        return str(context.compile(entry)).encode()
    except errors as error:
        raise InvalidInput(f"Q# in {path} cannot be compiled to the base profile of QIR: {error}") from error


def opened(profile: str) -> tuple[Any, type[Exception]]:  # classes of qdk, which has no types
    """A new interpreter of Q#, apart from that of the calling program, and the error that it raises.

    `qdk` reports its use to Microsoft unless a variable of the environment forbids it. This function sets the variable,
    if it is the first to import `qdk`.

    Args:
        profile: the name of a target profile of `qdk`.

    Raises:
        InvalidInput: `qdk` is not installed.
    """
    if "qdk" not in sys.modules:
        os.environ.setdefault(_TELEMETRY, "none")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            qdk: Any = import_module("qdk")
            interpreter: Any = import_module("qdk.qsharp")
    except ImportError as error:
        raise InvalidInput("Q# needs the package qdk, which is not installed here: pip install qdk") from error
    return qdk.Context(target_profile=getattr(qdk.TargetProfile, profile)), interpreter.QSharpError


def entry_expression(path: Path, source: str) -> str:
    """What to compile: a call of the operation marked `@EntryPoint()`, or of `Main`.

    Raises:
        InvalidInput: there is neither, or it takes arguments.
    """
    plain = _COMMENT.sub("", source)
    found = _ENTRY.search(plain) or _MAIN.search(plain)
    if found is None:
        raise InvalidInput(f"{path} has no entry point: mark an operation with @EntryPoint(), or name it Main")
    if found[2] != ")":
        raise InvalidInput(f"the entry point {found[1]} of {path} takes arguments: give it none")
    spaces = [it for it in _NAMESPACE.finditer(plain) if it.start() < found.start()]
    return f"{spaces[-1][1]}.{found[1]}()" if spaces else f"{found[1]}()"


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not text (byte {error.start}): save it as UTF-8") from error
