"""A progress line on standard error for work longer than a second; not in pipes or with `--json`."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import sys
import threading
import time
from collections.abc import Coroutine
from types import TracebackType
from typing import TypeVar

from queuebit.text import visible
from queuebit_cli.output import Output

__all__ = ["Progress", "run"]

_T = TypeVar("_T")

_SILENT_S = 1.0
_REDRAW_S = 0.15
_SIGNS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Progress:
    """Shows the progress of work; removed at the end."""

    def __init__(self, quiet: bool, text: str, *, after_s: float | None = None) -> None:
        self._shown = not quiet and sys.stderr.isatty()
        self._text = text
        self._after_s = _SILENT_S if after_s is None else after_s
        self._drawn = False
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._drawing = threading.Thread(target=self._draw, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        if self._shown:
            self._drawing.start()
        return self

    def update(self, text: str) -> None:
        """Replace the text of the line."""
        self._text = text

    def note(self, text: str) -> None:
        """Print a line that stays, above the progress."""
        with self._writing:
            self._clear()
            print(visible(text), file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._shown:
            self._drawing.join()
        self._clear()

    def _draw(self) -> None:
        begin = time.monotonic()
        if self._ended.wait(self._after_s):
            return
        for sign in itertools.cycle(_SIGNS):
            seconds = f"{time.monotonic() - begin:.0f} s"
            room = shutil.get_terminal_size().columns - len(seconds) - 5
            with self._writing:
                sys.stderr.write(f"\r\033[2K{sign} {visible(' '.join(self._text.split()))[:room]}  {seconds}")
                sys.stderr.flush()
                self._drawn = True
            if self._ended.wait(_REDRAW_S):
                return

    def _clear(self) -> None:
        if self._drawn:
            sys.stderr.write("\r\033[2K")
            sys.stderr.flush()
            self._drawn = False


def run(work: Coroutine[None, None, _T], out: Output, text: str) -> _T:
    """Run a coroutine to its end with a progress line."""
    with Progress(out.as_json, text):
        return asyncio.run(work)
