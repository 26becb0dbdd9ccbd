"""A vendor's HTTP interface on loopback, for tests of plugins: it simulates what it is sent, and fails when asked to.

A subclass answers requests as the vendor documents it. A test makes requests fail, in the ways in which networks,
proxies and vendors do, and looks at what the vendor holds.
"""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.transpiler import PassManager
    from qiskit_aer import AerSimulator

__all__ = ["Failure", "Garbage", "LostReply", "Request", "Response", "Status", "StubVendor", "simulated"]

_IDLE_S = 30
"""Seconds until the server closes a connection that a client keeps open."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request that the vendor received."""

    method: str
    path: str
    """Decoded, without the query."""
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes

    @property
    def name(self) -> str:
        """Method and path, such as `POST /v1/jobs`."""
        return f"{self.method} {self.path}"

    def json(self) -> Any:  # whatever the client sent
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:  # plain JSON
        """An answer in JSON."""
        return cls(status, json.dumps(document).encode(), {"Content-Type": "application/json", **(headers or {})})


@dataclass(frozen=True, slots=True)
class Status:
    """The vendor answers with an error."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"message": "out of order"}'
    taken: bool = False
    """Whether the vendor does first what it was asked to: a job exists then, and its client does not know."""


@dataclass(frozen=True, slots=True)
class LostReply:
    """The connection ends without an answer."""

    taken: bool = True
    """As `Status.taken`."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """A status of success, and a body that is not the vendor's, as from a proxy."""

    body: bytes = b"<html><body>Please log in</body></html>"
    content_type: str = "text/html"
    taken: bool = False
    """As `Status.taken`."""


Failure: TypeAlias = Status | LostReply | Garbage


@dataclass(slots=True)
class _Planned:
    where: str
    how: Failure
    times: int


class StubVendor(ABC):
    """A server with the protocol of one vendor; use it in a `with` statement.

    A subclass defines `answer`, `submits` and `secret`, stores each job in `jobs`, and observes `polls_needed` and
    `broken`. `answer` is called for one request at a time.
    """

    submits: ClassVar[str]
    """The request that creates a job, as `fail` takes it."""
    secret: str
    """The secret that the plugin under test uses, at least 16 characters."""
    partial: ClassVar[bool] = True
    """Whether the vendor can fail one item of a submission and complete the others."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        """All requests, oldest first, those included that failed."""
        self.jobs: dict[str, Any] = {}  # as the subclass describes a job
        """The vendor's jobs by their ids: one for each that it would run and charge."""
        self.accepts = True
        """Whether the vendor accepts the credentials."""
        self.queue = 0
        """Jobs in front of a new one, or milliseconds until it runs, as the vendor states it."""
        self.polls_needed = 0
        """How often the state of a job is asked for before it has ended; of a cancelled job, none."""
        self.broken: frozenset[int] = frozenset()
        """Numbers, from 0, of the items that fail in submissions from now on."""
        self._planned: list[_Planned] = []
        self._cut_after: int | None = None
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @abstractmethod
    def answer(self, request: Request) -> Response:
        """Do what a request asks for, and answer as the vendor does."""

    def unauthorised(self, text: str) -> Status:
        """How the vendor refuses credentials."""
        return Status(401, {"Content-Type": "application/json"}, json.dumps({"message": text}).encode())

    def refused(self, text: str) -> Status:
        """How the vendor refuses a job that it will never run."""
        return Status(400, {"Content-Type": "application/json"}, json.dumps({"message": text}).encode())

    @property
    def url(self) -> str:
        """The address, such as `http://127.0.0.1:45007`."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def fail(self, where: str, how: Failure, times: int = 1) -> None:
        """Make the next requests fail that match, `times` of them. `where` is as `GET /v1/jobs/*`, or `*` for all."""
        with self._lock:
            self._planned.append(_Planned(where, how, times))

    def cut(self, after: int) -> None:
        """Handle further requests so far, and from then on none.

        The last one is handled and not answered. This is what a vendor sees of a client that is killed.
        """
        with self._lock:
            self._cut_after = after

    def heal(self) -> None:
        """Let all requests succeed again."""
        with self._lock:
            self._planned.clear()
            self._cut_after = None
            self.accepts = True

    def received(self, where: str) -> int:
        """How many requests matched, those included that failed."""
        return sum(fnmatchcase(it.name, where) for it in list(self.requests))

    def respond(self, request: Request) -> Response | None:
        """Answer a request, or fail as planned; None ends the connection."""
        with self._lock:
            self.requests.append(request)
            if self._cut_after is not None:
                self._cut_after -= 1
                if self._cut_after == 0:
                    self.answer(request)
                if self._cut_after <= 0:
                    return None
            how = self._next_failure(request)
            if how is None:
                return self.answer(request)
            if how.taken:
                self.answer(request)
            match how:
                case LostReply():
                    return None
                case Garbage(body=body, content_type=content_type):
                    return Response(200, body, {"Content-Type": content_type})
                case Status(code=code, headers=headers, body=body):
                    return Response(code, body, headers)

    def _next_failure(self, request: Request) -> Failure | None:
        if not self.accepts:
            return self.unauthorised(self.no_access)
        for it in self._planned:
            if it.times > 0 and fnmatchcase(request.name, it.where):
                it.times -= 1
                return it.how
        return None

    no_access: ClassVar[str] = "this key is not valid any more"
    """The vendor's message while it does not accept the credentials."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def simulated(circuit: QuantumCircuit, shots: int, seed: int = 7) -> dict[str, int]:
    """Run a circuit without noise in Qiskit Aer, and return its counts as Qiskit does."""
    simulator, passes = _simulator()
    program = passes.run(circuit)
    counts: dict[str, int] = simulator.run(program, shots=shots, seed_simulator=seed).result().get_counts()
    return counts


@cache
def _simulator() -> tuple[AerSimulator, PassManager]:
    """The simulator and what `transpile` does for it without optimisation; to make this takes 200 ms each time."""
    from qiskit.transpiler import generate_preset_pass_manager
    from qiskit_aer import AerSimulator

    simulator = AerSimulator(max_parallel_threads=1)
    return simulator, generate_preset_pass_manager(0, simulator)


def _handler(vendor: StubVendor) -> type[BaseHTTPRequestHandler]:
    """The class of the server's handlers; each instance serves one connection."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _IDLE_S

        def answer(self) -> None:
            url = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = parse_qs(url.query, keep_blank_values=True)
            response = vendor.respond(Request(self.command, unquote(url.path), query, headers, _body(self)))
            if response is None:
                self.close_connection = True
                return
            with suppress(ConnectionError):  # the client may be gone
                self.send_response(response.status)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in response.headers:
                    self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(response.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer  # noqa: N815  # names that http.server calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the base class names it
            """Write no log."""

    return Handler


def _body(request: BaseHTTPRequestHandler) -> bytes:
    if "chunked" in request.headers.get("Transfer-Encoding", ""):
        return b"".join(iter(partial(_chunk, request.rfile), b""))
    return request.rfile.read(int(request.headers.get("Content-Length") or 0))


def _chunk(stream: BufferedIOBase) -> bytes:
    size = int(stream.readline().split(b";")[0], 16)
    chunk = stream.read(size)
    stream.readline()
    return chunk
