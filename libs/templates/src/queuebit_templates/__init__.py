"""Ready workloads with parameters: pure functions to programs, and from results to what they mean."""

from __future__ import annotations

from queuebit_templates.definition import (
    Estimate,
    Item,
    Measured,
    Parameters,
    Program,
    Reading,
    Steps,
    Template,
    one_job,
    quantity,
)
from queuebit_templates.errors import BadParameters, BrokenTemplate, UnknownTemplate
from queuebit_templates.registry import GROUP, Broken, find, installed, names
from queuebit_templates.values import described, from_texts, validated

__all__ = [
    "GROUP",
    "BadParameters",
    "Broken",
    "BrokenTemplate",
    "Estimate",
    "Item",
    "Measured",
    "Parameters",
    "Program",
    "Reading",
    "Steps",
    "Template",
    "UnknownTemplate",
    "described",
    "find",
    "from_texts",
    "installed",
    "names",
    "one_job",
    "quantity",
    "validated",
]
