"""A stack whose plugin is in an environment of its own, listed and run by the Python that `backends.toml` names."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from queuebit_stack.errors import Stop
from queuebit_stack.home import Home
from queuebit_stack.interpreters import listed_elsewhere, own_environment
from queuebit_stack.process import Identity
from queuebit_stack.process_specs import NATS, executors
from queuebit_stack.stacks import Served, Stacks, find, known, read_config, save
from queuebit_testing.second_python import packages_of, second_python

PORTS = {NATS: 1, "executor-acme": 2, "executor-aer": 3}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    it = Home(tmp_path / "home")
    it.prepare()
    return it


@pytest.fixture
def python(tmp_path: Path) -> Path:
    return second_python(tmp_path / "second")


def install(folder: Path, body: str = "", version: str = "1.0") -> None:
    """What pip leaves of a plugin with the stack `acme`."""
    about = folder / f"acme-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme\nVersion: {version}\n")
    (about / "entry_points.txt").write_text("[queuebit.backends]\nacme = acme_plugin:stack\n")
    module = "from queuebit_quantum import Stack\nstack = Stack({'acme-falcon': print})\n"
    (folder / "acme_plugin.py").write_text(body or module)
    (folder / "__pycache__").mkdir(exist_ok=True)


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_stack_is_listed_and_run_by_its_own_interpreter(
    home: Home, python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(packages_of(tmp_path / "second"))
    home.backends_file.write_text(f'[stack.acme]\npython = "{python}"\nslots = 2\n')
    monkeypatch.setenv("PYTHONPATH", "/packages/of/another")
    monkeypatch.setattr(
        "queuebit_stack.stacks._listed", lambda: {"aer": {"backends": ["aer"], "offers": ["aer"], "version": ""}}
    )
    found = find(home)
    assert found.served["acme"] == Served(
        ("acme-falcon",), {"QUEUEBIT_EXECUTOR_SLOTS": "2"}, "acme 1.0", python=str(python)
    )
    save(home, found)
    assert known(home) == found
    assert find(home) == found, "nothing has changed"
    specs = {it.name: it for it in executors(home, PORTS)}
    assert specs["executor-acme"].argv == (str(python), "-m", "queuebit_executor")
    assert specs["executor-aer"].argv[0] == sys.executable
    assert specs["executor-acme"].module == "", "it is no copy of a process with this interpreter"
    assert ["PYTHONPATH" in specs[it].env for it in ("executor-acme", "executor-aer")] == [False, True]


def test_what_is_installed_there_is_noticed(home: Home, python: Path, tmp_path: Path) -> None:
    home.backends_file.write_text(f'[stack.acme]\npython = "{python}"\n')
    first = find(home)
    assert "is not installed in this environment" in first.served["acme"].trouble
    save(home, first)
    install(packages_of(tmp_path / "second"))
    second = find(home)
    assert not second.served["acme"].trouble
    save(home, second)
    (packages_of(tmp_path / "second") / "acme_plugin.py").write_text("raise RuntimeError('half installed')\n")
    (packages_of(tmp_path / "second") / "acme-1.0.dist-info").rename(
        packages_of(tmp_path / "second") / "acme-1.1.dist-info"
    )
    third = find(home).served["acme"]
    assert "RuntimeError: half installed" in third.trouble
    assert third.backends == ("acme-falcon",), "its jobs wait"


def test_a_stack_that_moves_to_another_interpreter_is_started_again(home: Home, tmp_path: Path) -> None:
    here = Stacks({"acme": Served(("acme-falcon",), {}, "acme 1.0")})
    there = Stacks({"acme": Served(("acme-falcon",), {}, "acme 1.0", python="/opt/acme/bin/python")})
    argv = []
    for it in (here, there):
        save(home, it)
        argv.append([spec.argv[0] for spec in executors(home, PORTS)])
    assert argv == [[sys.executable], ["/opt/acme/bin/python"]]
    assert here.running != there.running


BROKEN = {
    "missing": ("", "cannot be started: No such file or directory. Correct `python` in backends.toml"),
    "without queuebit": (f'exec {sys.executable} -S -I "$@"', "cannot list it, status 1: "),
    "no Python": ("exit 3", "cannot list it, status 3: without an error message. It needs queuebit-executor"),
    "noise": ("echo Welcome", "cannot list it, status 0"),
    "another version": (
        'echo \'{"queuebit": "9.9", "executor": true}\'',
        "has queuebit 9.9, and this is 0.1.0: install",
    ),
    "an old version": ('echo \'{"backends": [], "offers": []}\'', "has queuebit an older version, and this is"),
    "no executor": ('echo \'{"queuebit": "0.1.0", "executor": false}\'', "has no queuebit-executor: install it there"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_interpreter_that_cannot_be_used_says_why_and_stops_no_other(home: Home, tmp_path: Path, case: str) -> None:
    text, why = BROKEN[case]
    path = tmp_path / "python"
    if text:
        script(path, text)
    home.backends_file.write_text(f'[stack.acme]\npython = "{path}"\n')
    found = find(home)
    assert f"{path} {why}" in found.served["acme"].trouble
    assert found.running.keys() >= {"aer", "cirq", "ibm"}
    assert found.troubles == [f"the stack acme {found.served['acme'].trouble}"]


def test_an_interpreter_that_hangs_ends_with_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuebit_stack.interpreters._LOAD_S", 2.0)
    path = script(tmp_path / "python", f"sleep 600 & echo $! > {tmp_path}/child; wait")
    answer = listed_elsewhere({"acme": str(path)})["acme"]
    assert answer["slow"]
    child = int((tmp_path / "child").read_text())
    while Identity.of(child) is not None:  # killed, and perhaps not noticed yet; the test's own time limit ends this
        time.sleep(0.01)


@pytest.mark.parametrize("python", ["bin/python", "", "~/python"])
def test_the_path_of_an_interpreter_is_absolute(home: Home, python: str) -> None:
    home.backends_file.write_text(f'[stack.acme]\npython = "{python}"\n')
    with pytest.raises(Stop, match=r"stack\.acme\.python"):
        read_config(home)


def test_a_stack_that_is_switched_off_is_not_asked(home: Home, tmp_path: Path) -> None:
    path = script(tmp_path / "python", f"touch {tmp_path}/asked")
    home.backends_file.write_text(f'[stack.acme]\nenabled = false\npython = "{path}"\n')
    find(home)
    assert not (tmp_path / "asked").exists()


def test_the_variables_of_this_environment_stay_here() -> None:
    given = {"PATH": "/bin", "PYTHONPATH": "/x", "VIRTUAL_ENV": "/y", "PYTHONHOME": "/z"}
    assert own_environment(given) == {"PATH": "/bin"}
