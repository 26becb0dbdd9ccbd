"""Stacks whose plugin is in an environment of its own, with a Python that `backends.toml` names."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["folders", "listed_elsewhere", "own_environment"]

_LOAD_S = 30.0
"""Seconds that an interpreter may take to say what a stack has."""

_CONCURRENT = 4
"""Interpreters that are asked at once."""

_OF_OURS = frozenset(
    {"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
)
"""Variables that would lead another interpreter to the packages of this one."""


def own_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment variables for another interpreter: it finds only its own packages."""
    return {name: value for name, value in environment.items() if name not in _OF_OURS}


def folders(python: str) -> list[Path]:
    """Where the packages of an interpreter are, as virtual environments have them; empty if it has another layout."""
    return sorted(Path(python).parent.parent.glob("lib/python*/*-packages"))


def listed_elsewhere(pythons: Mapping[str, str]) -> dict[str, dict[str, Any]]:  # plain JSON
    """What the interpreters say of their stacks, as `python -m queuebit_quantum STACK` prints it.

    Args:
        pythons: the path of the interpreter for each stack.

    Returns:
        For each stack its answer, or an `error`: an interpreter that is missing or broken stops no other stack.
    """
    with ThreadPoolExecutor(_CONCURRENT) as pool:
        answers = pool.map(_ask, pythons, pythons.values())
        return {name: _checked(answer, pythons[name]) for name, answer in zip(pythons, answers, strict=True)}


def _ask(stack: str, python: str) -> dict[str, Any]:  # plain JSON
    try:
        with subprocess.Popen(
            [python, "-P", "-m", "queuebit_quantum", stack],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            env=own_environment(os.environ),
        ) as process:
            try:
                printed, errors = process.communicate(timeout=_LOAD_S)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    except OSError as error:
        return {"error": f"{python} cannot be started: {error.strerror}. Correct `python` in backends.toml"}
    except subprocess.TimeoutExpired:
        return {"error": f"{python} took longer than {_LOAD_S:g} s to import its module", "slow": True}
    return _read(printed) or {"error": _unlisted(python, process.returncode, errors)}


def _read(printed: str) -> dict[str, Any] | None:  # plain JSON
    try:
        answer = json.loads(printed)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _unlisted(python: str, status: int, errors: str) -> str:
    said = (errors.strip().splitlines() or ["without an error message"])[-1][:300]
    return f"{python} cannot list it, status {status}: {said}. It needs queuebit-executor and the plugin"


def _checked(answer: dict[str, Any], python: str) -> dict[str, Any]:  # plain JSON
    """The answer, if the environment can run an executor of this version."""
    if "queuebit" not in answer and "error" in answer:
        return answer
    ours, theirs = version("queuebit-quantum"), answer.get("queuebit", "an older version")
    if theirs != ours:
        return {"error": f"{python} has queuebit {theirs}, and this is {ours}: install the same version there"}
    if not answer.get("executor"):
        return {"error": f"{python} has no queuebit-executor: install it there"}
    return answer
