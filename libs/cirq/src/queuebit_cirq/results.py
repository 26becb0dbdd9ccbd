"""Counts of the platform as results of Cirq."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cirq
import numpy as np

from queuebit import Job
from queuebit_cirq.exporting import Export

__all__ = ["ResultDict", "result_of"]


class ResultDict(cirq.ResultDict):
    """A `cirq.ResultDict` that also has its job.

    It has the name of Cirq's class, so that Cirq reads its JSON; a copy by JSON or pickle is one of Cirq's.
    """

    job: Job
    """The job that it is from: `job.id`, `job.status().charge`, `job.receipt()`."""
    backend: str

    @classmethod
    def _json_namespace_(cls) -> str:
        return ""

    def __reduce__(self) -> tuple[Callable[..., cirq.ResultDict], tuple[cirq.ParamResolver, Mapping[str, Any]]]:
        return _plain, (self.params, self.records)


def _plain(params: cirq.ParamResolver, records: Mapping[str, Any]) -> cirq.ResultDict:  # arrays
    return cirq.ResultDict(params=params, records=records)


def result_of(exported: Export, params: cirq.ParamResolver, counts: Mapping[str, int], seed: str) -> ResultDict:
    """The measurements of each repetition, as signed integers: programs calculate with them, as in `(-1) ** bits`.

    Counts do not say in which order the shots were taken: they get a random order, as independent shots have.

    Args:
        exported: the circuit that was run.
        params: its parameters.
        counts: shots by bit string, of the item that was run.
        seed: the same seed gives the same order.
    """
    outcomes = sorted(counts)
    rows = np.frombuffer("".join(outcomes).encode(), dtype=np.int8).reshape(len(outcomes), -1) & 1
    shots = np.repeat(rows, [counts[it] for it in outcomes], axis=0)
    np.random.default_rng([*seed.encode()]).shuffle(shots)
    columns, end = {}, shots.shape[1]
    for register in exported.registers:  # the last register is first in a bit string, and its last bit
        columns[register] = np.arange(end - 1, end - 1 - register.width, -1)
        end -= register.width + 1
    records = {
        key: np.stack([shots[:, columns[register]] for register in registers], axis=1)
        for key, registers in exported.keys.items()
    }
    return ResultDict(params=params, records=records)
