"""The Celery side: an application whose one task runs a circuit through Aer, and a client process that sends jobs.

Celery is installed in a folder of its own, so only processes that `celery_side` starts import this module: the workers
by `celery --app tests.bench.celery_app`, the client as `python -m tests.bench.celery_app`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from functools import cache
from typing import Any

from celery import Celery

__all__ = ["app", "run"]

app = Celery("bench", broker=os.environ["BENCH_REDIS"], backend=os.environ["BENCH_REDIS"])
app.conf.update(
    accept_content=["json"],
    broker_connection_retry_on_startup=True,
    result_serializer="json",
    task_acks_late=True,
    task_serializer="json",
    worker_prefetch_multiplier=1,
)


@cache
def _simulator() -> Any:  # the client imports no quantum SDK
    from qiskit_aer import AerSimulator

    return AerSimulator(max_parallel_threads=1)


def _run(source: str, shots: int) -> dict[str, int]:
    from qiskit import qasm2

    counts: dict[str, int] = _simulator().run(qasm2.loads(source), shots=shots).result().get_counts()
    return counts


run = app.task(_run, name="run")
"""The task: OpenQASM in, counts out."""


def _burst(source: str, shots: int, jobs: int, in_flight: int) -> dict[str, object]:
    """Send `jobs` circuits, at most `in_flight` open at once, and take the counts in the order of sending."""
    pending: deque[tuple[float, Any]] = deque()  # Celery has no types
    took: list[float] = []

    def take() -> None:
        sent, job = pending.popleft()
        if sum(job.get(timeout=60).values()) != shots:
            raise RuntimeError("the counts of a job do not add up to its shots")
        took.append(time.perf_counter() - sent)

    began, used = time.perf_counter(), time.process_time()
    for _ in range(jobs):
        if len(pending) == in_flight:
            take()
        pending.append((time.perf_counter(), run.delay(source, shots)))
    while pending:
        take()
    return {"seconds": time.perf_counter() - began, "client_s": time.process_time() - used, "took": took}


def _main() -> None:
    """Answer each line of standard input, the arguments of a burst, with a line about it."""
    for line in sys.stdin:
        print(json.dumps(_burst(**json.loads(line))), flush=True)


if __name__ == "__main__":
    _main()
