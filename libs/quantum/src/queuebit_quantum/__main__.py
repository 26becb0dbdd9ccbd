"""`python -m queuebit_quantum`: list the installed stacks and their backends as JSON; with a name, only that stack.

Each plugin is imported in its own process: a plugin that hangs, exits or prints does not affect the others. Stacks that
are built in are imported here.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout, suppress
from importlib.metadata import version
from importlib.util import find_spec

from queuebit_quantum.catalog import Stack, installed_stacks, is_builtin, load_stack
from queuebit_quantum.errors import BrokenStack

__all__: list[str] = []

_LOAD_S = 30.0
"""The longest that importing the module of one stack may take. It imports no SDK."""

_CONCURRENT = 4
"""Plugins that are imported at once. With more, each would take too long on a small machine."""


def _about() -> dict[str, str | bool]:
    """What this environment has of the project. A supervisor of another environment compares it with its own."""
    return {"queuebit": version("queuebit-quantum"), "executor": find_spec("queuebit_executor") is not None}


def _load(name: str) -> dict[str, str | bool | Sequence[str]]:
    try:
        with redirect_stdout(sys.stderr):  # keeps what the plugin prints out of the answer
            stack = load_stack(name)
            absent = _absent(stack)
    except BrokenStack as error:
        return {**_about(), "error": str(error)}
    entry = installed_stacks()[name]
    return {
        **_about(),
        "backends": [*stack.backends],
        "offers": [*stack.offers],
        "version": f"{entry.dist.name} {entry.dist.version}" if entry.dist else "",
        "builtin": is_builtin(entry),
        "absent": absent,
    }


def _absent(stack: Stack) -> str:
    """Why this machine cannot run a stack; raises `BrokenStack` if the plugin fails to say."""
    try:
        return "" if stack.absent is None else str(stack.absent())
    except Exception as error:  # a plugin may raise any exception
        raise BrokenStack(f"it cannot say if it is absent: {type(error).__name__}: {error!s:.300}") from error


def _load_in_process(name: str) -> object:
    """Import one stack in a new process and return its answer. What the process started ends with it."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "queuebit_quantum", name],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        printed, errors = process.communicate(timeout=_LOAD_S)
        return json.loads(printed)
    except subprocess.TimeoutExpired:
        text = f"the import of its module took longer than {_LOAD_S:g} s: correct the plugin or remove it"
        return {"error": text, "slow": True}
    except ValueError:
        output = f": {errors.strip()[-300:]}" if errors.strip() else ""
        return {
            "error": "the process that imported its module ended with status "
            f"{process.returncode}: correct the plugin or remove it{output}"
        }
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _all() -> dict[str, object]:
    found = installed_stacks()
    plugins = [name for name, entry in found.items() if not is_builtin(entry)]
    with ThreadPoolExecutor(_CONCURRENT) as pool:
        answers = dict(zip(plugins, pool.map(_load_in_process, plugins), strict=True))
    return {name: answers[name] if name in answers else _load(name) for name in found}


if __name__ == "__main__":
    print(json.dumps(_load(sys.argv[1]) if len(sys.argv) > 1 else _all()))
