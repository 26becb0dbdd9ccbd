"""The output of the demo: steps with their times, progress of jobs, and tables at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from rich import box
from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

__all__ = ["Board", "Sight", "console", "step", "table"]

console = Console(highlight=False, width=None if Console().is_terminal else 100)

_STATES = ("submitted", "accepted", "placed", "started", "completed", "sealed")
_BAR = min(24, console.width - 78) if console.width > 84 else 0
"""Width of a bar in characters: the space that the numbers leave on the terminal."""


@contextmanager
def step(text: str) -> Iterator[None]:
    """Print a step while it runs, and then its duration."""
    began = time.monotonic()
    console.print(f"  {text}", end=" ")
    console.file.flush()
    ended = ""
    try:
        yield
        ended = f"[dim]{time.monotonic() - began:.1f} s[/]"
    finally:
        console.print(ended)


@dataclass(frozen=True, slots=True)
class Sight:
    """The newest known state of a job."""

    team: str
    state: str
    backend: str = ""


@dataclass
class Board:
    """The progress of all jobs, drawn live."""

    teams: Sequence[str]
    total: int
    jobs: dict[str, Sight] = field(default_factory=dict)
    """The newest state by job."""
    _began: float = field(default_factory=time.monotonic)
    _live: Live | None = None

    def __enter__(self) -> Board:
        if console.is_terminal:
            self._live = Live(get_renderable=self._draw, console=console, refresh_per_second=8, transient=True)
        (self._live or nullcontext()).__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.__exit__(None, None, None)

    def saw(self, job: str, sight: Sight) -> None:
        """Record a new state of a job; without a terminal, print a line from time to time."""
        known = self.jobs.get(job, Sight(sight.team, ""))
        if sight.state not in _STATES or _rank(sight.state) <= _rank(known.state):
            return
        # Another thread draws: it must not see a dictionary that grows.
        self.jobs = self.jobs | {job: replace(sight, backend=sight.backend or known.backend)}
        done = self.done
        if self._live is None and sight.state == "completed" and (done % 10 == 0 or done == self.total):
            console.print(f"    {done} of {self.total} done after {time.monotonic() - self._began:.1f} s")

    @property
    def done(self) -> int:
        """The number of jobs with a result."""
        return sum(1 for sight in self.jobs.values() if _rank(sight.state) >= _rank("completed"))

    def _draw(self) -> RenderableType:
        seconds = time.monotonic() - self._began
        head = Text(f"\n  {self.done} of {self.total} jobs done, {seconds:.0f} s", style="bold")
        states = Counter((sight.team, sight.state) for sight in self.jobs.values())
        teams = _grid(("team", *(f"{state}>" for state in _STATES), ""))
        for team in self.teams:
            counts = [states[team, state] for state in _STATES]
            teams.add_row(team, *map(_number, counts), _bar(sum(counts[-2:]), sum(counts)))
        backends = _grid(("backend", "waiting>", "running>", "done>", ""))
        phases = Counter((sight.backend, _phase(sight.state)) for sight in self.jobs.values() if sight.backend)
        for backend in sorted({backend for backend, _ in phases}):
            counts = [phases[backend, phase] for phase in range(3)]
            backends.add_row(backend, *map(_number, counts), _bar(counts[-1], sum(counts)))
        return Group(head, teams, backends)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print one table; a column name that ends with `>` means right-aligned, and long text wraps."""
    grid = _grid(columns)
    for row in rows:
        grid.add_row(*row)
    console.print(f"[bold]  {title}[/]")
    console.print(grid)


def _grid(columns: Sequence[str]) -> Table:
    grid = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        justify: JustifyMethod = "right" if column.endswith(">") else "left"
        grid.add_column(column.rstrip(">"), justify=justify, no_wrap=column != "promise")
    return grid


def _rank(state: str) -> int:
    return _STATES.index(state) if state in _STATES else -1


def _phase(state: str) -> int:
    """Return the phase of a state: waiting, running or done."""
    return (_rank(state) >= _rank("started")) + (_rank(state) >= _rank("completed"))


def _number(count: int) -> str:
    return str(count) if count else "[dim]·[/]"


def _bar(part: int, whole: int) -> str:
    full = round(_BAR * part / max(1, whole))
    return f"[green]{'━' * full}[/][dim]{'─' * (_BAR - full)}[/]"
