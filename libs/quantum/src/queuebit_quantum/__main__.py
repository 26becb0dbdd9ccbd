"""`python -m queuebit_quantum`: list the installed stacks and their backends as JSON; with a name, only that stack.

Each plugin is imported in its own process: a plugin that hangs, exits or prints does not affect the others.
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


def _load(name: str) -> dict[str, str | bool | Sequence[str]]:
    try:
        with redirect_stdout(sys.stderr):  # keeps what the plugin prints out of the answer
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


def _load_in_process(name: str) -> object:
    """Import one stack in a new process and return its answer."""
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
        return {"error": f"the import of its module took longer than {_LOAD_S:g} s: correct the plugin or remove it"}
    except ValueError:
        output = f": {answer.stderr.strip()[-300:]}" if answer.stderr.strip() else ""
        return {
            "error": "the process that imported its module ended with status "
            f"{answer.returncode}: correct the plugin or remove it{output}"
        }


def _all() -> dict[str, object]:
    names = [*installed_stacks()]
    with ThreadPoolExecutor(max(1, len(names))) as pool:
        return dict(zip(names, pool.map(_load_in_process, names), strict=True))


if __name__ == "__main__":
    print(json.dumps(_load(sys.argv[1]) if len(sys.argv) > 1 else _all()))
