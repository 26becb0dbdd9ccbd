"""An external backend is installed into a running stack, runs a job, and is removed again."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from queuebit_testing.embedded import EmbeddedStack
from queuebit_testing.second_python import packages_of, second_python

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"
BACKEND = "local-statevector"


def until(condition: Callable[[], bool]) -> None:
    while not condition():  # the test's own time limit ends this
        time.sleep(0.1)


def install(tmp_path: Path, target: Path) -> None:
    """Install a package as `pip install` does, without network."""
    source = shutil.copytree(EXAMPLE, tmp_path / "plugin")
    words = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(target))
    subprocess.run([sys.executable, "-m", "pip", "install", *words, str(source)], check=True)


def test_the_example_is_small() -> None:
    files = [it for it in EXAMPLE.iterdir() if it.is_file()]
    assert sum(len(it.read_text().splitlines()) for it in files) <= 120


def test_a_plugin_comes_runs_a_job_and_goes_while_the_stack_is_up(
    second: EmbeddedStack, circuits: Path, tmp_path: Path
) -> None:
    assert second.plugins is not None
    refused = second.submit(str(circuits / "bell.qasm"), "--backend", BACKEND, accept=(3,))
    assert refused[0]["state"] == "rejected"

    install(tmp_path, second.plugins)
    until(lambda: "executor-statevector" in second.names())
    second.until(ready=True)
    (done,) = second.submit(str(circuits / "bell.qasm"), "--backend", BACKEND)
    assert (done["state"], done["backend"], sum(done["counts"].values())) == ("completed", BACKEND, 1000)
    assert float(done["charge"]["amount"]) > 0
    second.qb("receipt", "verify", done["job"])

    for path in second.plugins.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    until(lambda: "executor-statevector" not in second.names())
    status = second.ask("status", accept=(0, 4))
    assert [it for it in status["troubles"] if "the stack statevector is not installed any more" in it]
    waits = second.qb("submit", str(circuits / "bell.qasm"), "--backend", BACKEND, "--json")
    job = waits.split('"job": "')[1].split('"')[0]
    assert second.ask("job", "show", job)["waiting"]
    second.qb("job", "cancel", job)
    comes_back_in_an_environment_of_its_own(second, circuits / "bell.qasm", tmp_path)


def comes_back_in_an_environment_of_its_own(second: EmbeddedStack, circuit: Path, tmp_path: Path) -> None:
    """The interpreter of the stack has the plugin, and that of the supervisor does not."""
    python = second_python(tmp_path / "own")
    shutil.rmtree(tmp_path / "plugin")
    install(tmp_path, packages_of(tmp_path / "own"))
    backends = second.home / "backends.toml"
    backends.write_text(f'[stack.statevector]\npython = "{python}"\n')
    until(lambda: "executor-statevector" in second.names())
    second.until(ready=True)
    (done,) = second.submit(str(circuit), "--backend", BACKEND)
    assert (done["state"], sum(done["counts"].values())) == ("completed", 1000)
    commands = [it.info["cmdline"] or [] for it in psutil.process_iter(["cmdline"])]
    ours = [it for it in commands if it[:1] == [str(python)]]
    assert {it[it.index("-m") + 1] for it in ours} == {"queuebit_executor", "queuebit_executor.zygote"}
    python.unlink()
    backends.write_text(f'[stack.statevector]\npython = "{python}"\nslots = 1\n')
    until(lambda: "executor-statevector" not in second.names())
    status = second.ask("status", accept=(0, 4))
    assert [it for it in status["troubles"] if f"{python} cannot be started" in it]
    backends.unlink()
