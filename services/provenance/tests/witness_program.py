"""A small witness over HTTP, as C2SP tlog-witness says: `add-checkpoint`, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from queuebit_proof import CheckpointInvalid, LogInconsistent, TrustRoot, Witness, WitnessFolder
from queuebit_proof.continuity import read_request

__all__ = ["WitnessProgram", "running"]


class WitnessProgram:
    """What it answers: the status, the content type, and the content."""

    def __init__(self, folder: Path, name: str, trust: TrustRoot, now: datetime) -> None:
        self._witness = WitnessFolder.open(folder, name)
        self._trust = trust
        self._now = now
        self.away = False
        self.requests: list[str] = []

    @property
    def witnesses(self) -> tuple[Witness, ...]:
        return self._witness.witnesses

    def add_checkpoint(self, body: str) -> tuple[int, str, str]:
        self.requests.append(body)
        if self.away:
            return 503, "text/plain", "later\n"
        try:
            asked = read_request(body)
        except CheckpointInvalid as error:
            return 400, "text/plain", f"{error}\n"
        if asked.checkpoint.split("\n", 1)[0] != self._trust.origin:
            return 404, "text/plain", "the log is not known\n"
        last = self._witness.last(self._trust.origin)
        if asked.old != (known := last.size if last else 0):
            return 409, "text/x.tlog.size", f"{known}\n"
        try:
            return 200, "text/plain", self._witness.cosign(body, self._trust, self._now)
        except CheckpointInvalid as error:
            return 403, "text/plain", f"{error}\n"
        except LogInconsistent as error:
            return 422, "text/plain", f"{error}\n"


@contextmanager
def running(program: WitnessProgram) -> Iterator[str]:
    """Serve the program on loopback; yields the prefix of its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            status, kind, text = program.add_checkpoint(body) if self.path == "/w/add-checkpoint" else (404, "x/y", "")
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/w"
        finally:
            server.shutdown()
            thread.join()
