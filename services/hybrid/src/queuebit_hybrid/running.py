"""Runs one attempt of a hybrid job: child, relay and output together."""

from __future__ import annotations

import asyncio
import json
import os
import platform
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name

from queuebit.transport import RELAY, Transport
from queuebit_contracts.hybrid import Chunks, HybridAcceptance, HybridUsage
from queuebit_contracts.topology import Topology
from queuebit_hybrid.child import Child, Limits
from queuebit_hybrid.dependencies import require_installed
from queuebit_hybrid.errors import Refusal
from queuebit_hybrid.folders import own_folder
from queuebit_hybrid.isolation import obstacle
from queuebit_hybrid.keys import JobKeys
from queuebit_hybrid.output import MAX_BYTES, Chunked, Publish
from queuebit_hybrid.policy import Measured
from queuebit_hybrid.relay import Relay, walls_of
from queuebit_hybrid.settings import Settings
from queuebit_hybrid.system_users import own_user
from queuebit_hybrid.usage_file import Progress
from queuebit_protection import Masker, Rules, mask_json
from queuebit_runtime.sandbox import clean_environment

__all__ = ["Attempt", "Runner", "installed"]

_ENDS: Final = f"\n[queuebit] more than {MAX_BYTES:,} bytes of logs are not kept\n".encode()


def installed() -> dict[str, str]:
    """The versions of what hybrid jobs can import here, by canonical name."""
    return {canonicalize_name(it.name): it.version for it in distributions()}


@dataclass(frozen=True, slots=True)
class Runner:
    """What all attempts share."""

    settings: Settings
    keys: JobKeys
    transport: Transport
    topology: Topology
    rules: Rules
    """Those of data protection that mask are applied to what jobs write, before it is stored."""

    def refusal(self) -> Refusal | None:
        """Why no hybrid job can run here; None if they can."""
        why = None if self.settings.unsafe else obstacle()
        if why is None:
            return None
        text = f"hybrid jobs cannot run here: {why}. QUEUEBIT_HYBRID_UNSAFE=1 runs them without isolation"
        return Refusal("not_isolated", text)


class Attempt:
    """One attempt of one hybrid job."""

    def __init__(
        self, runner: Runner, job: HybridAcceptance, before: Progress, publish: Callable[[str], Publish]
    ) -> None:
        """Prepare.

        Args:
            runner: what all attempts share.
            job: what to run.
            before: what earlier attempts used and wrote.
            publish: stores the chunks of a kind of output.
        """
        self._runner = runner
        self._job = job
        self._before = before
        self._logs = Chunked(publish("logs"), _ENDS, before.output.logs)
        self._metrics = Chunked(publish("metrics"), b"", before.output.metrics)
        walls = walls_of(runner.topology, job.tenant, job.user, job.session)
        self._masker = Masker(runner.rules, job.tenant)
        self._relay = Relay(runner.transport, walls, self._metric)
        self._child: Child | None = None
        self._stopped = False

    @property
    def result(self) -> bytes | None:
        """What it saved, JSON."""
        found = self._relay.result
        return None if found is None else mask_json(self._runner.rules, self._job.tenant, found)

    def progress(self) -> Progress:
        """What all attempts used and wrote so far."""
        child, before = self._child, self._before.usage
        usage = before if child is None else HybridUsage(
            time_us=before.time_us + child.time_us,
            processor_us=before.processor_us + child.used.processor_us,
            most_memory_bytes=max(before.most_memory_bytes, child.most_memory_bytes),
        )  # fmt: skip
        output = Chunks(
            logs=self._logs.number,
            metrics=self._metrics.number,
            logs_cut=self._logs.cut,
            metrics_cut=self._metrics.cut,
        )
        return Progress(usage=usage, output=output)

    def stop(self) -> None:
        """End it soon."""
        self._stopped = True
        if self._child is not None:
            self._child.stop()

    async def run(self, source: str, left_s: float) -> Measured:
        """Run the file.

        Raises:
            Refusal: it cannot run here; it costs nothing.
            Unavailable: there is no place for it now.
        """
        runner, settings = self._runner, self._runner.settings
        if (refusal := runner.refusal()) is not None:
            raise refusal
        require_installed(source, installed(), platform.python_version())
        with ExitStack() as held:
            uid = held.enter_context(nullcontext() if settings.unsafe else own_user(settings.first_uid))
            folder = held.enter_context(own_folder())
            for name in ("work", "root"):
                (folder / name).mkdir(mode=0o700)
            await self._relay.open(folder / "bus.sock", uid)
            writers = [asyncio.ensure_future(it.run()) for it in (self._logs, self._metrics)]
            child = self._child = Child(Limits(left_s, settings.memory_mb << 20), self._log)
            if self._stopped:
                child.stop()
            try:
                return await child.run(self._order(source, left_s, uid, folder))
            finally:
                await self._relay.close()
                self._logs.write(self._masker.end())
                self._logs.close()
                self._metrics.close()
                await asyncio.gather(*writers)

    def _log(self, content: bytes) -> bool:
        self._logs.write(self._masker.write(content))
        return not self._logs.cut

    def _metric(self, line: bytes) -> None:
        self._metrics.write_line(mask_json(self._runner.rules, self._job.tenant, line))

    def _order(self, source: str, left_s: float, uid: int | None, folder: Path) -> dict[str, Any]:  # plain JSON
        settings = self._runner.settings
        return {
            "isolated": not settings.unsafe,
            "source": source,
            "parameters": self._job.parameters,
            "session": self._job.session,
            "credential": self._credential(),
            "uid": uid,
            "socket": str(folder / "bus.sock"),
            "work": str(folder / "work"),
            "root": str(folder / "root"),
            "memory_mb": settings.memory_mb,
            "disk_mb": settings.disk_mb,
            "processes": settings.processes,
            "processor_s": int(left_s) + 60,
            "environment": _environment(os.environ),
        }

    def _credential(self) -> str:
        """The file with which a `Client()` of the child works."""
        job = self._job
        fields = {
            "tenant": job.tenant,
            "user": job.user,
            "seed": self._runner.keys.seed(job.tenant, job.hybrid),
            "project": job.terms.project,
            "delegation": job.delegation,
        }
        return f'url = "{RELAY}{{socket}}"\n' + "".join(f"{name} = {json.dumps(it)}\n" for name, it in fields.items())


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    return {**clean_environment(own, 1), "MKL_NUM_THREADS": "1"}
