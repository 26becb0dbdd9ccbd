"""Quantum computers of IQM. Importing this package loads no SDK."""

from __future__ import annotations

import os
import re
from functools import partial

from queuebit_quantum import Backend, Stack

__all__ = ["stack"]

_KNOWN = ("garnet", "emerald")
"""IQM's names of the computers of Resonance that this package can use. `IQM_DEVICES` adds others."""


def _id(alias: str) -> str:
    """The id of a backend: `iqm-garnet` for the computer that IQM calls garnet."""
    return f"iqm-{re.sub('[^a-z0-9_-]', '-', alias.lower())}"


def _open(alias: str) -> Backend:
    from queuebit_vendor_iqm.device import IqmDevice

    return IqmDevice(_id(alias), alias)


_named = [*_KNOWN, *os.environ.get("IQM_DEVICES", "").replace(",", " ").split()]

stack = Stack({_id(alias): partial(_open, alias) for alias in _named}, offered=("iqm-garnet",))
"""IQM's computers. An installation names those of its account in `backends.toml`."""
