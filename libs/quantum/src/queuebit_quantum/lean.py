"""Keeps out of an executor's process what an SDK imports and no backend uses; every child has a share of it."""

from __future__ import annotations

import sys
from types import ModuleType

__all__ = ["leave_out", "stand_in"]


def leave_out(*libraries: str) -> None:
    """Let imports of optional libraries fail from now on, as if they were not installed, unless they are loaded."""
    for name in libraries:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # the import system's mark for a missing module


def stand_in(library: str) -> None:
    """Let imports of a library succeed without loading it. Its classes are empty: no value is an instance of one."""
    sys.modules.setdefault(library, _StandIn(library))


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> type:
        if name.startswith("_"):
            raise AttributeError(name)
        return type(name, (), {})
