"""Compiles Q# to QIR, with Microsoft's compiler: the package `qdk`, which this package does not depend on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from queuebit.errors import InvalidInput

__all__ = ["Q_SHARP", "ask", "compiled", "entry_expression"]

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
    answer = ask(language="qsharp", source=source, profile="Base", entry=entry_expression(path, source))
    if "refused" in answer:
        raise InvalidInput(f"Q# in {path} cannot be compiled to the base profile of QIR: {answer['refused']}")
    return str(answer["qir"]).encode()


def ask(**question: object) -> dict[str, Any]:  # JSON of qdk's objects
    """The answer of `qdk`, from a process of its own: `qdk_child` has the fields of both.

    `qdk` reports its use to Microsoft unless a variable of the environment forbids it: the process has the variable,
    unless the caller's environment says otherwise.

    Raises:
        InvalidInput: `qdk` is not installed, or its process failed; the text has the last line of its errors.
    """
    if find_spec("qdk") is None:
        raise InvalidInput("Q# needs the package qdk, which is not installed here: pip install qdk")
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("qdk_child.py"))],
        input=json.dumps(question),
        env={_TELEMETRY: "none"} | os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        last = (ran.stderr.strip() or f"exit status {ran.returncode}").splitlines()[-1]
        raise InvalidInput(f"the package qdk cannot be used here: {last}")
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


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
