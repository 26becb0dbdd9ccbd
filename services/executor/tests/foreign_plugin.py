"""A plugin whose backends break the promises of the port, each in the way that its id names."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from queuebit_kernel import digest_of
from queuebit_quantum import (
    Backend,
    Circuit,
    Compiled,
    Description,
    Failed,
    InProcess,
    Measure,
    Method,
    Outcome,
    Progress,
    Stack,
    WorkItem,
    WorkResult,
)

__all__ = ["LOCAL", "REMOTE", "install", "stack"]

NAN = float("nan")
LOCAL: dict[str, object] = {
    "count-nan": (Outcome({"00": NAN}),),  # type: ignore[dict-item]  # here and below: what is not allowed
    "count-below-zero": (Outcome({"00": -5}),),
    "count-half": (Outcome({"00": 0.5}),),  # type: ignore[dict-item]
    "counts-of-words": (Outcome({"\u202eten": 5}),),
    "counts-of-nothing": (Outcome(None),),  # type: ignore[arg-type]
    "shots-of-nothing": (Outcome({"00": 1}, memory=("00", None)),),  # type: ignore[arg-type]
    "time-below-zero": (Outcome({"00": 5}, qpu_us=-1),),
    "time-without-end": (Outcome({"00": 5}, qpu_us=10**30),),
    "failure-of-a-megabyte": (Failed("x" * (1 << 20), "no"),),
    "failure-without-words": (Failed("no", None),),  # type: ignore[arg-type]
    "no-result": (),
    "two-results": (Outcome({"00": 5}), Outcome({"00": 5})),
    "nothing": None,
}
"""What `collect` returns, by the id of the backend."""

REMOTE: dict[str, dict[str, object]] = {
    "vendor-fails": {"collect": (Failed("out_of_memory", "the vendor has no memory left"),)},
    "vendor-raises": dict.fromkeys(("submit", "find", "poll", "collect", "cancel", "usage"), KeyError("foreign")),
    "vendor-lies": {
        "submit": "",
        "find": "h" * 5_000,
        "poll": "finished",
        "collect": (),
        "usage": (Measure("qpu-time", "-5", "microsecond"),),
    },
    "vendor-repeats": {"usage": (Measure("qpu-time", "1", "microsecond"), Measure("qpu-time", "2", "microsecond"))},
    "vendor-measures-much": {"usage": tuple(Measure(f"m{it}", "1", "x") for it in range(50))},
}
"""What each call returns or raises, by the id of the backend."""


class Local(InProcess):
    def __init__(self, id_: str) -> None:
        super().__init__()
        self.description = _description(id_)

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        depth = 10**40 if self.description.id == "depth-without-end" else circuit.depth
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self.description.target_digest,
            compiler="foreign 1",
            seed=seed,
            two_qubit_gates=circuit.two_qubit_gates,
            depth=depth,
            program=circuit,
            registers=circuit.registers,
            methods=(Method("none", 10**6, 1_000, 1 << 20),),
        )

    def run(self, item: WorkItem) -> Outcome:
        if self.description.id != "leaves-a-process":
            return Outcome({"00": item.shots})
        if (left := os.fork()) == 0:
            os.setsid()
            time.sleep(600)
        return Outcome({"00": left})

    def collect(self, handle: str) -> tuple[WorkResult, ...]:
        return LOCAL.get(self.description.id, super().collect(handle))  # type: ignore[return-value]  # on purpose


class Remote(Local):
    def __init__(self, id_: str) -> None:
        super().__init__(id_)
        self.description = _description(id_, remote=True)

    def submit(self, items: Sequence[WorkItem], token: str) -> str:
        return self._said("submit")  # type: ignore[return-value]

    def find(self, token: str) -> str | None:
        return self._said("find")  # type: ignore[return-value]

    def poll(self, handle: str) -> Progress:
        return self._said("poll")  # type: ignore[return-value]

    def collect(self, handle: str) -> tuple[WorkResult, ...]:
        return self._said("collect")  # type: ignore[return-value]

    def cancel(self, handle: str) -> None:
        self._said("cancel")

    def usage(self, handle: str) -> tuple[Measure, ...]:
        return self._said("usage")  # type: ignore[return-value]

    def _said(self, call: str) -> object:
        said = REMOTE[self.description.id].get(call)
        if isinstance(said, Exception):
            raise said
        return said


def _description(id_: str, *, remote: bool = False) -> Description:
    return Description(
        id=id_,
        vendor="Foreign",
        kind="simulator",
        num_qubits=5,
        basis_gates=("x",),
        max_shots=10_000,
        target_digest=digest_of({"foreign": id_}),
        remote=remote,
    )


_local: dict[str, Callable[[], Backend]] = {
    it: partial(Local, it) for it in (*LOCAL, "depth-without-end", "leaves-a-process")
}
_remote: dict[str, Callable[[], Backend]] = {it: partial(Remote, it) for it in REMOTE}
stack = Stack({**_local, **_remote})


def install(folder: Path) -> str:
    """Leave in a folder what pip would; return the path on which it is installed then."""
    about = folder / "foreign_plugin-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-plugin\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[queuebit.backends]\nforeign = foreign_plugin:stack\n")
    return os.pathsep.join([str(folder), str(Path(__file__).parent)])
