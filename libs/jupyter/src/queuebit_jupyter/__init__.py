"""Queuebit in notebooks: `%load_ext queuebit_jupyter`, then `%%qb` above a circuit of OpenQASM."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from queuebit_jupyter.jobs import NotebookJob
from queuebit_jupyter.ledger import Ledger
from queuebit_jupyter.session import Session
from queuebit_jupyter.widgets import BackendPicker, CostMeter, JobCard

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = [
    "BackendPicker",
    "CostMeter",
    "JobCard",
    "Ledger",
    "NotebookJob",
    "Session",
    "load_ipython_extension",
    "unload_ipython_extension",
]

_sessions: WeakKeyDictionary[InteractiveShell, Session] = WeakKeyDictionary()


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add `%%qb`, `%qb_backends` and `%qb_meter`; called by `%load_ext queuebit_jupyter`."""
    from queuebit_jupyter.magics import install

    _sessions[shell] = Session()
    install(shell, _sessions[shell])


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Close the connection; called by `%unload_ext` and `%reload_ext`. Jobs continue."""
    _sessions.pop(shell).close()
