"""The words of a cell: `%%qb` above a circuit, `%qb_backends` for where it runs, `%qb_meter` for the sum."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser
from typing import TYPE_CHECKING, NoReturn

from queuebit.amounts import money_of
from queuebit.errors import InvalidInput
from queuebit_jupyter.jobs import NotebookJob
from queuebit_jupyter.offers import Asked
from queuebit_jupyter.session import Session
from queuebit_jupyter.widgets import BackendPicker, CostMeter

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["install"]


def install(shell: InteractiveShell, session: Session) -> None:
    """Add the magics to a shell."""

    def qb(line: str, cell: str) -> NotebookJob:
        """Submit the OpenQASM in the cell; the same cell returns the same, paid job."""
        asked = _CELL.parse_args(shlex.split(line))
        most = None if asked.max_cost is None else money_of(asked.max_cost)
        return session.submit(
            cell, shots=asked.shots, backend=asked.backend, project=asked.project, max_cost=most, run=asked.run
        )

    def qb_backends(line: str, cell: str | None = None) -> BackendPicker:
        """Offer the backends for the circuit in the cell, or for that of the newest cell; `--use NAME` chooses."""
        asked = _BACKENDS.parse_args(shlex.split(line))
        circuit = None if cell is None else Asked(cell, asked.shots, asked.project)
        return session.offers(circuit, "" if asked.use == "any" else asked.use)

    def qb_meter(line: str) -> CostMeter:
        """Show what the notebook's jobs cost; `--cap 2.50` limits the sum, `--cap none` removes the limit."""
        asked = _METER.parse_args(shlex.split(line))
        if asked.cap is not None:
            session.limit(None if asked.cap == "none" else money_of(asked.cap, "cap"))
        return session.meter

    shell.magics_manager.register_function(qb, "cell", "qb")
    shell.magics_manager.register_function(qb_backends, "line_cell", "qb_backends")
    shell.magics_manager.register_function(qb_meter, "line", "qb_meter")


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InvalidInput(f"{message}: write {' '.join(self.format_usage().split()[1:])}")


def _cell() -> _Parser:
    parser = _Parser("%%qb", add_help=False, allow_abbrev=False)
    parser.add_argument("--backend")
    parser.add_argument("--shots", type=int, default=1000)
    parser.add_argument("--max-cost")
    parser.add_argument("--project")
    parser.add_argument("--run", type=int, default=1)
    return parser


def _backends() -> _Parser:
    parser = _Parser("%qb_backends", add_help=False, allow_abbrev=False)
    parser.add_argument("--use")
    parser.add_argument("--shots", type=int, default=1000)
    parser.add_argument("--project")
    return parser


def _meter() -> _Parser:
    parser = _Parser("%qb_meter", add_help=False, allow_abbrev=False)
    parser.add_argument("--cap")
    return parser


_CELL, _BACKENDS, _METER = _cell(), _backends(), _meter()
