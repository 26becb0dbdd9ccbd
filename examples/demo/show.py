"""What the demo shows: progress while it runs, tables when it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table

__all__ = ["Board", "console", "table"]

console = Console()

_STATES = ("submitted", "accepted", "placed", "started", "completed", "sealed")


@dataclass
class Board:
    """How far every job has come, drawn as it moves."""

    teams: Sequence[str]
    total: int
    state: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Team and newest state, by job."""
    last: str = ""
    _live: Live | None = None

    def __enter__(self) -> Board:
        if console.is_terminal:
            self._live = Live(get_renderable=self._draw, console=console, refresh_per_second=8, transient=True)
        (self._live or nullcontext()).__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.__exit__(None, None, None)

    def saw(self, team: str, job: str, state: str, text: str) -> None:
        """Note that a job moved on; without a terminal, say so in a line now and then."""
        known = self.state.get(job, ("", ""))[1]
        if state not in _STATES or (known in _STATES and _STATES.index(known) >= _STATES.index(state)):
            return
        self.state[job] = (team, state)
        self.last = text
        done = self.done
        if self._live is None and state == "completed" and (done % 10 == 0 or done == self.total):
            console.print(f"  {done} of {self.total} done")

    @property
    def done(self) -> int:
        """Jobs that have a result."""
        return sum(1 for _, state in self.state.values() if state in ("completed", "sealed"))

    def _draw(self) -> Table:
        counts = Counter(self.state.values())
        grid = Table(box=box.SIMPLE_HEAD, title=f"{self.done} of {self.total} jobs done", title_justify="left")
        grid.add_column("team")
        for state in _STATES:
            grid.add_column(state, justify="right", width=9)
        grid.add_column("")
        for team in self.teams:
            mine = [counts[team, state] for state in _STATES]
            share = sum(mine[-2:]) / max(1, sum(mine))
            bar = f"[green]{'━' * round(24 * share)}[/][dim]{'─' * (24 - round(24 * share))}[/]"
            grid.add_row(team, *(str(it) if it else "[dim]·[/]" for it in mine), bar)
        grid.caption = self.last
        grid.caption_justify = "left"
        return grid


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print one table; a column whose name ends in `>` is right-aligned."""
    grid = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    for column in columns:
        grid.add_column(column.rstrip(">"), justify="right" if column.endswith(">") else "left")
    for row in rows:
        grid.add_row(*row)
    console.print(grid)
