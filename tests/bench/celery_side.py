"""Celery on Redis, started for the comparison: an append-only file synced at each write, two workers, one client."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import psutil
from tests.bench.sides import Burst

from queuebit_testing.build import BELL
from queuebit_testing.server import free_port

__all__ = ["WORKERS", "CelerySide", "celery_side", "install"]

ROOT = Path(__file__).parents[2]
LOCK = Path(__file__).with_name("celery.lock")
FOLDER = Path(sys.prefix) / "celery"
"""Where Celery is installed: beside the project's packages, and not importable together with them."""

WORKERS = 2


def install() -> str:
    """Install what the comparison needs on top of the project; return what is missing, in a sentence, or nothing."""
    if shutil.which("redis-server") is None:
        return "redis-server is missing: `apt-get install redis-server`, then run it again"
    installed = FOLDER / LOCK.name
    if installed.exists() and installed.read_text() == LOCK.read_text():
        return ""
    shutil.rmtree(FOLDER, ignore_errors=True)
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes", "--python", sys.executable]
    done = subprocess.run([*command, "--target", FOLDER, "-r", LOCK], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"Celery is missing, and was not installed: {done.stderr.strip()}"
    shutil.copy(LOCK, installed)
    return ""


class CelerySide:
    """Celery as a side of the comparison; its client is the third of its processes."""

    def __init__(
        self, redis: subprocess.Popen[str], worker: subprocess.Popen[str], client: subprocess.Popen[str]
    ) -> None:
        self._client = client
        self.processes = {"redis-server": psutil.Process(redis.pid), "workers": psutil.Process(worker.pid)}

    @property
    def name(self) -> str:
        """The program and its version."""
        version = next(iter(distributions(name="celery", path=[str(FOLDER)]))).version
        return f"Celery {version}"

    async def burst(self, jobs: int, in_flight: int) -> Burst:
        """Run Bell jobs, `in_flight` open at once."""
        done = await self._ask(jobs, in_flight)
        return Burst(jobs / done["seconds"], done["client_s"] / jobs * 1000)

    async def round_trips(self, jobs: int) -> list[float]:
        """Seconds from sending to the counts in hand, one job at a time."""
        return list((await self._ask(jobs, 1))["took"])

    async def _ask(self, jobs: int, in_flight: int) -> dict[str, Any]:  # any JSON
        question = json.dumps({"source": BELL, "shots": 1000, "jobs": jobs, "in_flight": in_flight})
        return await asyncio.to_thread(self._answer, question)

    def _answer(self, question: str) -> dict[str, Any]:  # any JSON
        if self._client.stdin is None or self._client.stdout is None:
            raise RuntimeError("the client was started without its pipes")
        print(question, file=self._client.stdin, flush=True)
        answer = self._client.stdout.readline()
        if not answer:
            raise RuntimeError(f"the client of Celery ended with {self._client.wait()}: its error stands above")
        return dict(json.loads(answer))


@contextmanager
def celery_side() -> Iterator[CelerySide]:
    """Start Redis, the workers and the client; end them, and remove what they stored."""
    port = free_port()
    environment = {
        **os.environ,
        "BENCH_REDIS": f"redis://127.0.0.1:{port}/0",
        "PYTHONPATH": f"{FOLDER}{os.pathsep}{ROOT}",
    }
    redis = f"redis-server --bind 127.0.0.1 --port {port} --appendonly yes --appendfsync always --save".split()
    as_root = ["-W", "ignore:You're running the worker with superuser privileges"]
    worker = f"-m celery --app tests.bench.celery_app worker --pool prefork --concurrency {WORKERS}".split()
    quiet = ["--loglevel", "ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    with tempfile.TemporaryDirectory(prefix="queuebit-bench-") as folder, ExitStack() as running:

        def start(*command: str, output: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
            return running.enter_context(_running(command, folder, environment, output))

        server = start(*redis, "", "--loglevel", "warning")
        _until_listening(port)
        workers = start(sys.executable, *as_root, *worker, *quiet)
        client = start(sys.executable, "-m", "tests.bench.celery_app", output=subprocess.PIPE)
        yield CelerySide(server, workers, client)


@contextmanager
def _running(
    command: Sequence[str], folder: str, environment: Mapping[str, str], output: int
) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=pipe, stdout=output, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _until_listening(port: int, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
