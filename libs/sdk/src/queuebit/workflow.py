"""Workflows: steps that a script which crashed finds again, with the jobs that it paid for.

    workflow = Workflow("h2")

    @workflow.step
    def energy(angle: float) -> float:
        result = client.submit(ANSATZ, parameters={"t": angle}, observables=["ZZ"]).result()
        return result.items[0].expectations[0].value

A step is known by the workflow's name, its own name and version, and its inputs. What it returned is read from a file.
A step that did not return runs again: the keys of its jobs follow from the step, so that the log has those of before.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, overload

from queuebit.client import AsyncClient
from queuebit.credentials import home_folder
from queuebit.errors import InvalidInput
from queuebit.inputs import one_line, plain_name
from queuebit.keys import KeySpace, keyed
from queuebit.step_values import encoded_input
from queuebit.steps import NOT_STORED, StepStore, step_key
from queuebit.sync import Client

__all__ = ["Workflow", "step"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_active: ContextVar[Workflow | None] = ContextVar("queuebit_workflow", default=None)


class Workflow:
    """A named piece of work in steps. Steps of `queuebit.step` belong to the workflow whose `with` block runs them."""

    def __init__(self, name: str, *, store: Path | str | None = None) -> None:
        """Open a workflow; this reads and sends nothing.

        Args:
            name: steps of the same name, version and inputs are the same only within a workflow of one name. It is also
                a tag of the jobs, see `Client.group`.
            store: the folder for what steps returned; default: `workflows` in the home.
        """
        self.name = plain_name("workflow", name)
        self.store = StepStore((home_folder(None) / "workflows" if store is None else Path(store)) / self.name)
        self._steps: dict[str, str] = {}
        self._tokens: list[Token[Workflow | None]] = []

    def __enter__(self) -> Workflow:
        self._tokens.append(_active.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _active.reset(self._tokens.pop())

    @overload
    def step(self, function: Callable[_P, _R], /) -> Callable[_P, _R]: ...

    @overload
    def step(self, /, *, name: str = "", version: str = "") -> Callable[[Callable[_P, _R]], Callable[_P, _R]]: ...

    def step(self, function: Callable[..., Any] | None = None, /, *, name: str = "", version: str = "") -> Any:
        """As `queuebit.step`, for this workflow."""
        return _decorated(function, self, name, version)

    def claim(self, step: str, function: Callable[..., Any]) -> None:
        """Refuse a name that another function has: their results would be mixed up."""
        home = f"{function.__module__}.{function.__qualname__}"
        if self._steps.setdefault(step, home) != home:
            raise InvalidInput(f"{self._steps[step]} and {home} are both called {step}: give one `step(name=...)`")


@overload
def step(function: Callable[_P, _R], /) -> Callable[_P, _R]: ...


@overload
def step(*, name: str = "", version: str = "") -> Callable[[Callable[_P, _R]], Callable[_P, _R]]: ...


def step(function: Callable[..., Any] | None = None, /, *, name: str = "", version: str = "") -> Any:
    """Make a function, also an asynchronous one, a step: with the same inputs it runs once in a workflow.

    Args:
        function: its inputs and what it returns are plain values, see `queuebit.step_values`; a client among its inputs
            does not count.
        name: default: that of the function.
        version: give another one when the function is changed, so that it runs again.
    """
    return _decorated(function, None, name, version)


def _decorated(function: Callable[..., Any] | None, workflow: Workflow | None, name: str, version: str) -> Any:
    if function is None:
        return lambda given: _decorated(given, workflow, name, version)
    kind = _Step(
        function, workflow, one_line("name", name or function.__name__, 200), one_line("version", version, 200)
    )

    @functools.wraps(function)
    def run(*args: Any, **inputs: Any) -> Any:
        call = kind.called(args, inputs)
        if (kept := call.read()) is not NOT_STORED:
            return kept
        with keyed(KeySpace(call.key, tag=call.workflow)):
            return call.write(function(*args, **inputs))

    @functools.wraps(function)
    async def run_async(*args: Any, **inputs: Any) -> Any:
        call = kind.called(args, inputs)
        if (kept := call.read()) is not NOT_STORED:
            return kept
        with keyed(KeySpace(call.key, tag=call.workflow)):
            return call.write(await function(*args, **inputs))

    return run_async if inspect.iscoroutinefunction(function) else run


@dataclass(frozen=True, slots=True)
class _Call:
    workflow: str
    store: StepStore
    step: str
    key: str

    def read(self) -> Any:
        return self.store.read(self.key)

    def write(self, value: Any) -> Any:
        return self.store.write(self.key, self.step, value)


@dataclass(frozen=True, slots=True)
class _Step:
    function: Callable[..., Any]
    workflow: Workflow | None
    name: str
    version: str

    def called(self, args: Sequence[Any], inputs: Mapping[str, Any]) -> _Call:
        if (workflow := self.workflow or _active.get()) is None:
            raise InvalidInput(f"step {self.name} has no workflow: call it in `with Workflow(name):`")
        workflow.claim(self.name, self.function)
        bound = inspect.signature(self.function).bind(*args, **inputs)
        bound.apply_defaults()
        counted = {
            name: encoded_input(value, f"input {name} of step {self.name}")
            for name, value in bound.arguments.items()
            if not isinstance(value, AsyncClient | Client)
        }
        return _Call(
            workflow.name, workflow.store, self.name, step_key(workflow.name, self.name, self.version, counted)
        )
