"""Plans and runs circuits without a stack, in a child process that has the quantum libraries."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Any

from queuebit.errors import InvalidInput
from queuebit.programs import Batch
from queuebit.sources import read_source
from queuebit_ci.model import Check, Plan
from queuebit_ci.platforms import Measured, fault
from queuebit_planning.languages import is_bitcode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuebit_ci.policy import PlanRule, RunRule
    from queuebit_ci.selection import Candidate

__all__ = ["OfflinePlatform"]

_PACKAGE = "queuebit_quantum"
_MODULE = f"{_PACKAGE}.offline"
_LINE = 64 * 2**20
"""The longest answer, in bytes."""


class OfflinePlatform:
    """The plans of a stack without prices, and runs in the simulators of this machine. Nothing is paid or stored."""

    def __init__(self, timeout: float = 300.0) -> None:
        """Create it; the child starts with the first request.

        Args:
            timeout: seconds that one request may take.

        Raises:
            InvalidInput: the quantum libraries are not installed here.
        """
        if find_spec(_PACKAGE) is None:
            raise InvalidInput(
                "planning without a stack needs the package queuebit-quantum: install it, or use a stack"
            )
        self._timeout = timeout
        self._child: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> OfflinePlatform:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def plan(self, program: object, rule: PlanRule) -> Plan | Check:
        if isinstance(program, Batch):
            return Check("circuit", "skipped", "not planned: a batch needs a stack")
        answer = await self._ask(program, backend=rule.backend, shots=rule.shots)
        if isinstance(answer, Check):
            return answer
        it = answer["plan"]
        esp = None if it["esp_ppm"] is None else it["esp_ppm"] / 1_000_000
        return Plan(it["backend"], it["depth"], it["two_qubit_gates"], esp=esp, qpu_us=it["qpu_us"])

    async def run(self, candidate: Candidate, rule: RunRule, shots: int) -> Measured | Check:
        run = {"backend": rule.backend, "shots": shots, "seed": rule.seed}
        answer = await self._ask(candidate.program, backend=rule.backend, shots=shots, run=run)
        if isinstance(answer, Check):
            return Check("run", "failed", answer.text)
        return Measured(answer["plan"]["backend"], answer["counts"])

    async def counts(self, circuit: object, shots: int, seed: int, backend: str | None = None) -> Mapping[str, int]:
        """The counts of a circuit, as the client takes it.

        Raises:
            InvalidInput: it cannot run.
        """
        answer = await self._ask(
            circuit, backend=backend, shots=shots, run={"backend": backend, "shots": shots, "seed": seed}
        )
        if isinstance(answer, Check):
            raise InvalidInput(answer.text)
        found: Mapping[str, int] = answer["counts"]
        return found

    async def _ask(self, program: object, **request: object) -> dict[str, Any] | Check:  # plain JSON
        try:
            source = _as_json(read_source(program))
        except InvalidInput as error:
            return fault(str(error))
        async with self._turn:
            try:
                async with asyncio.timeout(self._timeout):
                    answer = await self._exchange(json.dumps({**source, **request}))
            except TimeoutError:
                await self._end()
                return fault(
                    f"it took longer than {self._timeout:g} s on this machine: use a stack, or a smaller circuit"
                )
        if not answer:
            await self._end()
            return fault("the process that simulates it ended, perhaps for lack of memory: use a stack")
        found: dict[str, Any] = json.loads(answer)
        if wrong := found.get("error"):
            return fault(wrong["text"], wrong["line"], wrong["column"])
        return found

    async def _exchange(self, request: str) -> bytes:
        """Send a line and return the line of the answer; empty if the child ended."""
        if self._child is None:
            self._child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", _MODULE),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_LINE,
            )
        requests, answers = self._child.stdin, self._child.stdout
        if requests is None or answers is None:
            raise TypeError("the child has no pipes")
        try:
            requests.write(request.encode() + b"\n")
            await requests.drain()
            return await answers.readline()
        except (BrokenPipeError, ConnectionResetError):
            return b""

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.returncode is None:
            child.kill()
        await child.communicate()


def _as_json(source: bytes) -> dict[str, str]:
    """A circuit as the child takes it: text, or bitcode in base 64."""
    return {"bitcode": base64.b64encode(source).decode()} if is_bitcode(source) else {"source": source.decode()}
