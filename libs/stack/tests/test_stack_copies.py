"""A copy of a home is not the home: its processes are the original's, and its keys are, too."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from queuebit_stack.errors import Stop
from queuebit_stack.home import Home
from queuebit_stack.locks import take
from queuebit_stack.place import Place
from queuebit_stack.process import Identity
from queuebit_stack.stack import Running, Stack, take_down
from queuebit_stack.startup import require_alone


@pytest.fixture
def process() -> Iterator[Identity]:
    """A process that stands for all of a stack."""
    sleeper = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], start_new_session=True)
    identity = Identity.of(sleeper.pid)
    assert identity is not None
    yield identity
    sleeper.kill()
    sleeper.wait()


@pytest.fixture
def original(tmp_path: Path, process: Identity) -> Home:
    """A home whose stack runs."""
    home = Home(tmp_path / "original")
    home.prepare()
    Stack("up", {"broker": 1}, {}, Running.of(process), {"broker": Running.of(process)}).save(home)
    return home


@pytest.fixture
def copy(original: Home, tmp_path: Path) -> Home:
    """A copy that was made of it meanwhile."""
    shutil.copytree(original.root, tmp_path / "copy")
    return Home(tmp_path / "copy")


def loaded(home: Home) -> Stack:
    stack = Stack.load(home)
    assert stack is not None
    return stack


def test_down_on_a_copy_ends_nothing_of_the_original(copy: Home, process: Identity) -> None:
    assert take_down(copy, loaded(copy)) == []
    assert process.alive


def test_the_original_keeps_its_processes(original: Home, copy: Home) -> None:
    assert list(loaded(original).left) == ["broker"]
    assert loaded(copy).left == {}
    assert not loaded(copy).supervised


def test_a_home_that_was_moved_is_still_itself(original: Home, tmp_path: Path) -> None:
    original.root.rename(tmp_path / "elsewhere")
    assert list(loaded(Home(tmp_path / "elsewhere")).left) == ["broker"]


def test_processes_of_before_a_reboot_are_nobodys(original: Home) -> None:
    document = json.loads(original.stack_file.read_text())
    document["place"]["boot"] = "another"
    original.stack_file.write_text(json.dumps(document))
    assert loaded(original).left == {}


def test_a_copy_is_not_started_beside_its_original(original: Home, copy: Home) -> None:
    lock = take(original.lock_file)
    assert lock is not None
    with lock, pytest.raises(Stop, match=f"is a copy of {original.root}, whose stack runs") as refused:
        require_alone(copy, loaded(copy))
    assert f"qb down --home {original.root}" in str(refused.value)


def test_a_copy_that_was_made_of_a_running_home_is_named(original: Home, copy: Home) -> None:
    copied, running = require_alone(copy, loaded(copy))
    assert f"{copy.root} is a copy of {original.root}" in copied
    assert "it was copied while its stack ran" in running


def test_a_copy_whose_original_is_gone_is_a_home_like_any_other(original: Home, copy: Home) -> None:
    shutil.rmtree(original.root)
    assert require_alone(copy, loaded(copy)) == []


def test_a_file_of_an_older_version_names_its_own_processes(original: Home) -> None:
    stack = loaded(original)
    document = json.loads(original.stack_file.read_text())
    del document["place"]
    original.stack_file.write_text(json.dumps(document))
    assert loaded(original) == replace(stack, place=None)
    assert stack.place == Place.of(original.root)
