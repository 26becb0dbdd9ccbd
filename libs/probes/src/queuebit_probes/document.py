"""Reads the document `probes` of a home, and the one that a home begins with."""

from __future__ import annotations

import tomllib
from typing import Any

from pydantic import ValidationError

from queuebit_contracts.probe_documents import Probes

__all__ = ["EXAMPLE", "parse_probes"]

EXAMPLE = """\
# What runs on which backends, to see whether they still return what they should. The tenant `probes` pays.

[probe.simulators]
circuit = "mirror"           # readout, ghz or mirror; or file = "probes/own.qasm" with against = "aer"
qubits = 3
backends = ["aer", "cirq"]   # names, or patterns
every_minutes = 60
floor = 0.99                 # the least Hellinger fidelity to the exact result

[probe.emulated]
circuit = "mirror"
qubits = 2
backends = ["emulated-*"]
every_minutes = 1440
shots = 1000
floor = 0.7
max_cost = "5.00"            # a run that could cost more is refused
"""
"""The document of a stack whose probes are set up."""


def parse_probes(text: str) -> Probes:
    """Read a document in TOML.

    Raises:
        ValueError: it is not TOML, or breaks the rules; the text has every fault with its place.
    """
    document: dict[str, Any] = tomllib.loads(text)
    try:
        return Probes.model_validate(document)
    except ValidationError as error:
        raise ValueError("; ".join(_fault(it["loc"], it["msg"]) for it in error.errors(include_url=False))) from error


def _fault(place: tuple[int | str, ...], text: str) -> str:
    text = text.removeprefix("Value error, ")
    return f"{'.'.join(map(str, place))}: {text[:1].lower()}{text[1:]}"
