"""What the demo shows: steps with their times, jobs as they move, tables when all is done."""

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
"""Characters of a bar: what a narrow terminal leaves beside the numbers."""


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say what is being done while it is done, and then how long it took."""
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
    """The newest that was seen of a job."""

    team: str
    state: str
    backend: str = ""


@dataclass
class Board:
    """How far every job has come, drawn as it moves."""

    teams: Sequence[str]
    total: int
    jobs: dict[str, Sight] = field(default_factory=dict)
    """The newest sight, by job."""
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
        """Note that a job moved on; without a terminal, say so in a line now and then."""
        known = self.jobs.get(job, Sight(sight.team, ""))
        if sight.state not in _STATES or _rank(sight.state) <= _rank(known.state):
            return
        self.jobs[job] = replace(sight, backend=sight.backend or known.backend)
        done = self.done
        if self._live is None and sight.state == "completed" and (done % 10 == 0 or done == self.total):
            console.print(f"    {done} of {self.total} done after {time.monotonic() - self._began:.1f} s")

    @property
    def done(self) -> int:
        """Jobs that have a result."""
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
    """Print one table; a column whose name ends in `>` is right-aligned, and a promise wraps where there is no room."""
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
    """Whether a job waits for its backend, runs on it, or is done."""
    return (_rank(state) >= _rank("started")) + (_rank(state) >= _rank("completed"))


def _number(count: int) -> str:
    return str(count) if count else "[dim]·[/]"


def _bar(part: int, whole: int) -> str:
    full = round(_BAR * part / max(1, whole))
    return f"[green]{'━' * full}[/][dim]{'─' * (_BAR - full)}[/]"
