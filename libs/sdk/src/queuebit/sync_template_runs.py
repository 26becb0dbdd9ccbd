"""Runs of templates for programs without an event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from queuebit.loop import Loop
from queuebit.sync import Job
from queuebit.template_runs import AsyncTemplateRun

if TYPE_CHECKING:
    from queuebit.records import Table
    from queuebit_kernel import Money
    from queuebit_templates import Program, Reading

__all__ = ["TemplateRun"]


class TemplateRun:
    """A template with its parameters; `result()` submits its jobs, and says what their results mean."""

    def __init__(self, run: AsyncTemplateRun, loop: Loop) -> None:
        self.name, self.parameters, self.most_jobs = run.name, run.parameters, run.most_jobs
        self._run = run
        self._loop = loop

    def __repr__(self) -> str:
        return f"<TemplateRun {self.name}>"

    @property
    def jobs(self) -> list[Job]:
        """The jobs that it has submitted."""
        return [Job(it, self._loop) for it in self._run.jobs]

    @property
    def program(self) -> Program:
        """The first program that it submits."""
        return self._run.program

    def plan(self) -> Table:
        """Cost and expected quality of its first job on each backend, without running it."""
        return self._loop.run(self._run.plan())

    def result(self, timeout: float | None = None, report: Callable[[int, int], None] | None = None) -> Reading:
        """Submit its jobs one after another, and say what their results mean; a second call returns the same."""
        return self._loop.run(self._run.result(timeout, report))

    def charge(self, timeout: float | None = 10.0) -> Money | None:
        """Wait for the bills of its jobs, and return their sum; None before the first job."""
        return self._loop.run(self._run.charge(timeout))
