"""`python -m queuebit_quantum`: list the installed stacks and their backends as JSON; with a name, only that stack.

Plugins are foreign code, and a process cannot unload what it imported. Therefore a process of its own asks each: one
that hangs, ends its process or prints does not hide the others.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout

from queuebit_quantum.catalog import installed_stacks, is_builtin, load_stack
from queuebit_quantum.errors import BrokenStack

__all__: list[str] = []

_LOAD_S = 30.0
"""The longest that importing the module of one stack may take. It imports no SDK."""


def _loaded(name: str) -> dict[str, str | bool | Sequence[str]]:
    try:
        with redirect_stdout(sys.stderr):  # what the plugin prints is no part of the answer
            stack = load_stack(name)
    except BrokenStack as error:
        return {"error": str(error)}
    entry = installed_stacks()[name]
    version = f"{entry.dist.name} {entry.dist.version}" if entry.dist else ""
    return {
        "backends": [*stack.backends],
        "offers": [*stack.offers],
        "version": version,
        "builtin": is_builtin(entry),
    }


def _asked(name: str) -> object:
    """The answer of a process for one stack."""
    try:
        answer = subprocess.run(
            [sys.executable, "-P", "-m", "queuebit_quantum", name],
            capture_output=True,
            text=True,
            timeout=_LOAD_S,
            check=False,
        )
        return json.loads(answer.stdout)
    except subprocess.TimeoutExpired:
        return {"error": f"its module is still being imported after {_LOAD_S:g} s: correct the plugin or remove it"}
    except ValueError:
        said = f": {answer.stderr.strip()[-300:]}" if answer.stderr.strip() else ""
        return {
            "error": "its module ended the process that imported it, with status "
            f"{answer.returncode}: correct the plugin or remove it{said}"
        }


def _all() -> dict[str, object]:
    names = [*installed_stacks()]
    with ThreadPoolExecutor(max(1, len(names))) as pool:
        return dict(zip(names, pool.map(_asked, names), strict=True))


if __name__ == "__main__":
    print(json.dumps(_loaded(sys.argv[1]) if len(sys.argv) > 1 else _all()))
