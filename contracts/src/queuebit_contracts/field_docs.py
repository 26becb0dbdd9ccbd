"""Descriptions of fields for published schemas, from the docstrings under the fields."""

from __future__ import annotations

import ast
import inspect
import itertools
from types import ModuleType

from pydantic import BaseModel

__all__ = ["describe_fields"]


def describe_fields(module: ModuleType) -> None:
    """Take each field's docstring as its description; pydantic would read the sources whenever a service starts."""
    for node in ast.parse(inspect.getsource(module)).body:
        model = getattr(module, node.name) if isinstance(node, ast.ClassDef) else None
        if not (isinstance(node, ast.ClassDef) and isinstance(model, type) and issubclass(model, BaseModel)):
            continue
        for pair in itertools.pairwise(node.body):
            match pair:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    model.model_fields[name].description = inspect.cleandoc(text)
        model.model_rebuild(force=True)
