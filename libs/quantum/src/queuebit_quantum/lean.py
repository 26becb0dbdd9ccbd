"""Keeps out of an executor's process what an SDK imports and no backend uses; every child has a share of it.

The functions change the imports of the whole process from then on. They have no effect on what is loaded already.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from types import ModuleType

__all__ = ["leave_out", "only_modules_of", "stand_in"]


def leave_out(library: str) -> None:
    """Let imports of an optional library fail, as if it were not installed."""
    sys.modules.setdefault(library, None)  # type: ignore[arg-type]  # the import system's mark for a missing module


def only_modules_of(package: str) -> None:
    """Let modules of a package be imported without what its `__init__` imports."""
    spec = find_spec(package)
    if spec is not None:
        sys.modules.setdefault(package, module_from_spec(spec))


def stand_in(*libraries: str) -> None:
    """Let imports of libraries succeed without loading them. Their classes are empty; nothing is an instance of one."""
    sys.meta_path.insert(0, _StandIns(libraries))


class _StandIns(MetaPathFinder, Loader):
    def __init__(self, libraries: Sequence[str]) -> None:
        self._prefixes = tuple(f"{it}." for it in libraries)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        ours = f"{fullname}.".startswith(self._prefixes)
        return ModuleSpec(fullname, self, is_package=True) if ours else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Empty(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: there is no code."""


class _Empty(ModuleType):
    def __getattr__(self, name: str) -> type:
        if name.startswith("_"):
            raise AttributeError(name)
        return type(name, (), {})
