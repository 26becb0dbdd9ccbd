"""`python -m queuebit_quantum`: list the installed stacks and their backends as JSON.

A process of its own asks plugins what they offer: they are foreign code, and a process cannot unload what it imported.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from queuebit_quantum.catalog import installed_stacks, load_stack
from queuebit_quantum.errors import BrokenStack

__all__: list[str] = []


def _listed(name: str) -> dict[str, str | Sequence[str]]:
    try:
        stack = load_stack(name)
    except BrokenStack as error:
        return {"error": str(error)}
    distribution = installed_stacks()[name].dist
    version = f"{distribution.name} {distribution.version}" if distribution else ""
    return {"backends": [*stack.backends], "offers": [*stack.offers], "version": version}


if __name__ == "__main__":
    print(json.dumps({name: _listed(name) for name in installed_stacks()}))
