"""A scratch stack in a temporary folder, used as an operator uses one: `qb`, files, and signals to processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from queuebit_stack.bootstrap import bootstrap
from queuebit_stack.files import write_private
from queuebit_stack.home import Home
from queuebit_stack.probe import get_json

if TYPE_CHECKING:
    from queuebit_gameday.vendor import Vendor

__all__ = ["Operator", "ScratchStack", "shipped_objectives"]

_ALERTS = "resolve_after_s = 0\ngroup_interval_s = 0\n"
_POLL_S = 0.5


class Operator:
    """A stack, as its operator and its users have it."""

    def __init__(self, home: Home, plugins: Path) -> None:
        """Name the home, and a folder for packages that the stack finds; the stack may run or not."""
        self.home = home
        self.plugins = plugins
        self.vendor: Vendor | None = None
        """The vendor of the day, where it has one."""
        self.settings: dict[str, str] = {}
        """Variables of the environment, for services of the stack."""
        self._stopped: set[int] = set()

    def run(self, *words: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Run a command of `qb` to its end, with any exit code."""
        argv = [sys.executable, "-m", "queuebit_cli", *words, "--home", str(self.home.root)]
        path = os.pathsep.join(it for it in (str(self.plugins), os.environ.get("PYTHONPATH")) if it)
        environment = {**os.environ, **self.settings, "PYTHONPATH": path}
        return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, env=environment, check=False)

    def qb(self, *words: str, timeout: float = 180) -> str:
        """Run a command, and return what it prints.

        Raises:
            RuntimeError: its exit code is not 0.
        """
        done = self.run(*words, timeout=timeout)
        if done.returncode:
            raise RuntimeError(f"qb {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def is_verified(self) -> bool:
        """Whether `qb verify` finds every invariant, from the log alone."""
        return self.run("verify", "--json").returncode == 0

    def ask(self, *words: str) -> Any:  # any JSON
        """The document of a command with `--json`; None if it printed none, as while the stack does not answer."""
        output = self.run(*words, "--json").stdout
        return json.loads(output) if output else None

    def submit(self, source: str, *words: str, shots: int = 100) -> list[dict[str, Any]]:
        """Submit a circuit in OpenQASM and wait; the document of the job, or nothing if it was not confirmed."""
        file = self.home.root / "gameday.qasm"
        file.write_text(source, encoding="utf-8")
        done = self.run("submit", str(file), "--shots", str(shots), "--wait", "--timeout", "60", *words, "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def firing(self, **labels: str) -> str | None:
        """An alert that fires with these labels, in a few words; None if there is none."""
        for it in self.ask("alerts", "list") or ():
            if it["status"] == "firing" and labels.items() <= it["labels"].items():
                return f"{it['labels']['severity']} {it['labels']['alertname']}"
        return None

    def sql(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query; none while the warehouse does not answer."""
        return list(self.ask("sql", query) or ())

    def pid(self, name: str) -> int | None:
        """The process of a service; None while there is none."""
        found = json.loads(self.home.stack_file.read_text(encoding="utf-8"))["processes"].get(name)
        return found["pid"] if found else None

    def detail(self, name: str) -> dict[str, Any]:  # its form differs by service
        """What a service reports of itself at its health port; nothing while it does not answer."""
        ports = json.loads(self.home.stack_file.read_text(encoding="utf-8"))["ports"]
        try:
            health: Any = get_json(ports[name], "/healthz")
        except (OSError, ValueError):
            return {}
        return dict(health["detail"])

    def freeze(self, name: str) -> int:
        """Stop a process without ending it, as a machine that hangs; return its id."""
        pid = self._running(name)
        os.kill(pid, signal.SIGSTOP)
        self._stopped.add(pid)
        return pid

    def kill(self, pid: int) -> None:
        """End a process at once; its supervisor starts it again."""
        os.kill(pid, signal.SIGKILL)
        self._stopped.discard(pid)

    def _running(self, name: str) -> int:
        end = time.monotonic() + 60
        while (pid := self.pid(name)) is None:
            if time.monotonic() > end:
                raise RuntimeError(f"{name} does not run")
            time.sleep(_POLL_S)
        return pid


class ScratchStack(Operator):
    """Use `with ScratchStack(folder) as stack`; the end stops it."""

    def __init__(self, folder: Path, objectives: Collection[str] = ()) -> None:
        """Prepare a home.

        Args:
            folder: an empty folder.
            objectives: the names of the objectives that are promised, of those of this version: with few of them an
                alert is seconds old, not minutes, on a small machine.
        """
        super().__init__(Home(folder / "home"), folder / "plugins")
        self.plugins.mkdir(parents=True)
        bootstrap(self.home)
        self.home.objectives_folder.mkdir()
        (self.home.objectives_folder / "gameday.yaml").write_text(shipped_objectives(objectives), encoding="utf-8")
        write_private(self.home.alerts_file, _ALERTS)

    def __enter__(self) -> ScratchStack:
        try:
            self.qb("up", "--detach", "--ports", "auto", timeout=300)
        except BaseException:  # what did start is ended, too
            self.run("down")
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let stopped processes go on, so that they can end; then end all."""
        for pid in self._stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.run("down")


def shipped_objectives(names: Collection[str]) -> str:
    """The OpenSLO documents of these objectives as this version has them, with what they refer to.

    Raises:
        ValueError: this version has no objective of one of these names.
    """
    folder = Path(str(files("queuebit_contracts"))) / "slos"
    texts = [it.read_text(encoding="utf-8") for it in sorted(folder.glob("*.yaml"))]
    documents = [it.strip("\n") for text in texts for it in text.split("\n---\n")]
    found = {it for it in names if any(_is_objective(document, it) for document in documents)}
    if missing := {*names} - found:
        raise ValueError(f"there is no objective {min(missing)}")
    kept = [it for it in documents if "kind: SLO\n" not in it or any(_is_objective(it, name) for name in names)]
    return "\n---\n".join(kept) + "\n"


def _is_objective(document: str, name: str) -> bool:
    return f"kind: SLO\nmetadata:\n  name: {name}\n" in document
