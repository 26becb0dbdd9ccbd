"""Fixtures shared by every member's tests, and where their folders lie."""

from __future__ import annotations

import gc
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadFileScheduling
    from xdist.workermanage import WorkerController

pytest_plugins = ["queuebit_testing.plugin"]

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

collect_ignore = ["tests/vendors"]
"""Each vendor's tests run in an environment with its SDK: `make vendors`."""

_ROOT = Path(__file__).parent
_REAL = "server or stack or docker"
"""The marks of tests with real processes, as the Makefile asks for them."""
_MARK = re.compile(rf"\bmark\.({_REAL.replace(' or ', '|')})\b")
_WHOLE = re.compile(rf"^pytestmark = .*{_MARK.pattern}", re.MULTILINE)

_SECOND = re.compile(r"\bsecond: EmbeddedStack|\bpoisoned: set")
"""Tests that change a stack share one, which is not that of the others."""
_STACK_S = 180
_LONGEST = "tests/faults/test_kill_everything.py"

_MEMORY = "/dev/shm"  # noqa: S108  # pytest makes a folder of its own in it
_ROOM_BYTES = 4 << 30

os.environ.setdefault("XDG_CONFIG_HOME", str(Path(tempfile.gettempdir()) / f"queuebit-tests-{os.getuid()}"))
# The master key of the stacks that tests start: not that of the person who runs them.

# Servers wait for the disk at each write, ten times as long where the disk is busy. Tests end processes and never the
# machine: what lies in memory survives that as well as what lies on a disk.
if os.path.isdir(_MEMORY) and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", _MEMORY)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Search for garbage neither while tests are collected nor, later, among what that left: it stays to the end.

    Each search would go through a million objects of modules and tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """End each test with the log as it was before: one that runs a service sets up the log of its whole process."""
    root = logging.getLogger()
    before, level = [*root.handlers], root.level
    try:
        return (yield)
    finally:
        root.handlers[:] = before
        root.setLevel(level)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files and folders without a test that is asked for: to import all takes each worker half a minute."""
    asked, folder = config.option.markexpr, collection_path.name == "tests" and collection_path != _ROOT / "tests"
    if asked not in {_REAL, f"not ({_REAL})"} or not (folder or collection_path.match("test_*.py")):
        return None
    files = [*collection_path.rglob("test_*.py")] if folder else [collection_path]
    wanted = any(map(_marks, files)) if asked == _REAL else not all(map(_all_marked, files))
    return None if wanted else True


@pytest.hookimpl(tryfirst=True)  # before the others are deselected
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests of a stack, the first of which waits for its start, the time that this takes on a busy machine.

    Refuse a mark that its file does not name, because the file would be left out where its tests belong.

    Raises:
        pytest.UsageError: there is one.
    """
    for item in items:
        if any(item.get_closest_marker(it) for it in _REAL.split(" or ")) and not _marks(item.path):
            raise pytest.UsageError(f"{item.nodeid} has a mark from elsewhere: write pytest.mark.… in {item.path}")
        if item.get_closest_marker("stack") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_STACK_S))


@cache
def _marks(path: Path) -> bool:
    return bool(_MARK.search(path.read_text()))


@cache
def _all_marked(path: Path) -> bool:
    return bool(_WHOLE.search(path.read_text()))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Distribute tests with real processes: long ones first, and all of the second stack to one worker.

    The order of pytest-xdist is by the number of tests: the longest test, alone in its file, would begin when all
    others have ended.
    """
    if config.option.dist != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class LongFirst(LoadFileScheduling):  # type: ignore[misc]  # pytest-xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "the second stack" if _SECOND.search(_text(file)) else file

        def _assign_work_unit(self, node: WorkerController) -> None:
            self.workqueue.move_to_end(min(self.workqueue, key=_rank), last=False)
            super()._assign_work_unit(node)

    return LongFirst(config, log)


def _rank(scope: str) -> int:
    """Of a scope among those that wait; the first of a rank is the one with the most tests."""
    stack = not scope.endswith(".py") or "mark.stack" in _text(scope)
    return 0 if scope == _LONGEST else 1 if stack else 2


@cache
def _text(file: str) -> str:
    return (_ROOT / file).read_text()
