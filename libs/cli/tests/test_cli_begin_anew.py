"""`qb recover --begin-anew`: an explicit new beginning, which loses nothing."""

from __future__ import annotations

import shutil
from argparse import Namespace
from pathlib import Path

import pytest

from queuebit_cli.commands.recover import recover
from queuebit_cli.output import Output
from queuebit_stack.bootstrap import bootstrap
from queuebit_stack.errors import Stop
from queuebit_stack.home import Home
from queuebit_stack.locks import take
from queuebit_stack.log_mark import Mark, require_whole
from queuebit_stack.stack import Stack
from queuebit_stack.startup import require_alone

_OUT = Output(as_json=False)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that has been used."""
    home = Home(tmp_path / "home")
    bootstrap(home)
    (home.provenance / "keys").mkdir()
    for path in (home.trust_file, home.jetstream / "LOG", home.provenance / "keys" / "keys.json"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("old")
    Mark("then", 66).save(home)
    Stack("down", {"broker": 1}, {}).save(home)
    return home


def _begin_anew(home: Home) -> None:
    recover(Namespace(home=home.root, begin_anew=True, give_up=False), _OUT)


def test_the_log_and_its_keys_are_put_aside_and_tenants_stay(home: Home) -> None:
    tenants = home.tenants_file.read_text()
    _begin_anew(home)
    require_whole(home, None)
    (aside,) = home.aside.iterdir()
    moved = {"jetstream", "warehouse", "provenance", "snapshots", "trust.json", "log.json"}
    assert {it.name for it in aside.iterdir()} == moved
    assert (aside / "provenance" / "keys" / "keys.json").read_text() == "old"
    assert not home.trust_file.exists()
    assert [*home.provenance.iterdir()] == []
    assert home.tenants_file.read_text() == tenants
    stack = Stack.load(home)
    assert stack is not None
    assert stack.ports == {"broker": 1}


def test_a_copy_that_began_anew_may_run_beside_its_original(home: Home, tmp_path: Path) -> None:
    copy = Home(tmp_path / "copy")
    shutil.copytree(home.root, copy.root)
    _begin_anew(copy)
    lock, stack = take(home.lock_file), Stack.load(copy)
    assert lock is not None
    assert stack is not None
    with lock:
        assert require_alone(copy, stack) == []


def test_nothing_is_moved_while_the_stack_runs(home: Home) -> None:
    lock = take(home.lock_file)
    assert lock is not None
    with lock, pytest.raises(Stop, match="end it first"):
        _begin_anew(home)
    assert not home.aside.exists()
