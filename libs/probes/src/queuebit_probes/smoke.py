"""The smoke test: three small circuits on each backend, in a minute, to see whether it works at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from queuebit_contracts.probe_documents import Probe
from queuebit_probes.running import run_probe
from queuebit_probes.verdicts import Verdict

if TYPE_CHECKING:
    from queuebit.client import AsyncClient

__all__ = ["FLOORS", "SmokeOptions", "SmokeRun", "chosen", "smoke"]

FLOORS: Final[Mapping[str, float]] = {"simulator": 0.99}
"""The least fidelity by kind of backend; that of other kinds is `_FLOOR`."""
_FLOOR: Final = 0.7
_CIRCUITS: Final = (("readout", 3), ("ghz", 2), ("mirror", 2))
_AT_ONCE: Final = 8

_Row = Mapping[str, Any]  # a row of the query `backends`


@dataclass(frozen=True, slots=True)
class SmokeOptions:
    """How the circuits run."""

    shots: int = 1000
    floor: float | None = None
    """The least Hellinger fidelity; None: that of the kind of backend."""
    max_cost: str = "0.10"
    timeout_s: int = 600


@dataclass(frozen=True, slots=True)
class SmokeRun:
    """One circuit on one backend."""

    backend: str
    circuit: str
    verdict: Verdict

    @property
    def passed(self) -> bool:
        """Whether it ran, and nothing is wrong with the result. What did not run was not tested."""
        return self.verdict.state in ("passed", "unclear")


def chosen(rows: Iterable[_Row], named: Sequence[str]) -> list[_Row]:
    """The backends to test: those named, or else all ideal simulators, which cost next to nothing.

    Args:
        rows: the backends, as the query `backends` returns them.
        named: names, or patterns such as `emulated-*`.

    Raises:
        ValueError: a name or pattern fits none.
    """
    known = {str(it["backend"]): it for it in rows}
    fitting = {pattern: [it for it in known if fnmatchcase(it, pattern)] for pattern in named}
    if missing := [it for it, found in fitting.items() if not found]:
        raise ValueError(f"there is no backend {missing[0]}: the backends are {', '.join(known) or 'none'}")
    if named:
        return [known[it] for it in dict.fromkeys(it for found in fitting.values() for it in found)]
    return [it for it in known.values() if it["kind"] == "simulator"]


async def smoke(client: AsyncClient, rows: Sequence[_Row], key: str, options: SmokeOptions) -> list[SmokeRun]:
    """Run the circuits on each backend; a backend with fewer qubits runs smaller ones.

    Args:
        client: of the user who pays.
        rows: the backends, as the query `backends` returns them.
        key: the same key is the same jobs.
        options: how they run.
    """
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(row: _Row, circuit: str, qubits: int) -> SmokeRun:
        backend, kind = str(row["backend"]), str(row["kind"])
        probe = Probe(
            circuit=circuit,
            qubits=min(qubits, int(row["qubits"])),
            backends=(backend,),
            shots=min(options.shots, int(row["max_shots"])),
            floor=options.floor if options.floor is not None else FLOORS.get(kind, _FLOOR),
            max_cost=options.max_cost,
            timeout_s=options.timeout_s,
        )
        async with free:
            return SmokeRun(backend, circuit, await run_probe(client, probe, backend, f"{key}/{circuit}/{backend}"))

    fitting = [(row, *it) for row in rows for it in _CIRCUITS if it[0] == "readout" or int(row["qubits"]) > 1]
    return [*await asyncio.gather(*(one(*it) for it in fitting))]
