"""Ports of a stack, always on loopback: fixed or free ones."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress

from queuebit_contracts.executors import executor_of
from queuebit_stack.errors import Exit, Stop

__all__ = [
    "DEFAULTS",
    "auto",
    "choose",
    "fixed",
    "free",
    "holder_of",
    "is_free",
    "listen",
    "with_executors",
    "with_processes",
]

DEFAULTS = {
    "nats-server": 7420,
    "warehouse": 7422,
    "broker": 7431,
    "scheduler": 7432,
    "executor-aer": 7433,
    "executor-cirq": 7434,
    "executor-ibm": 7435,
    "metering": 7436,
    "provenance": 7437,
    "telemetry": 7438,
    "gateway": 7439,
    "http": 7440,
    "hybrid": 7441,
    "alerting": 7442,
    "prober": 7444,
    "fleet": 7445,
}
"""The port of each process; of a service, its health port. `http` is where the gateway serves its users."""

_HOST = "127.0.0.1"
_BACKLOG = 128
_AUTO = "`qb up --ports auto`"


def choose(requested: str | None, previous: Mapping[str, int], way_out: str = _AUTO) -> dict[str, int]:
    """The ports of a start: `default` or `auto` if requested, else those of the home's last start.

    Args:
        requested: the value of `--ports`.
        previous: the ports of the home's last start.
        way_out: the command that chooses free ports for this home.

    Raises:
        Stop: some fixed ports are taken.
    """
    if requested == "auto":
        return auto(previous)
    return fixed({} if requested == "default" else previous, way_out)


def fixed(previous: Mapping[str, int] | None = None, way_out: str = _AUTO) -> dict[str, int]:
    """The fixed ports: those of the last start, else the defaults.

    Raises:
        Stop: some are taken; the text names them, the processes that hold them, and `way_out`.
    """
    wanted = {name: (previous or {}).get(name, port) for name, port in DEFAULTS.items()}
    taken = [(name, port) for name, port in wanted.items() if not is_free(port)]
    if taken:
        lines = "".join(f"\n  port {port} ({name}) is taken by {holder_of(port)}" for name, port in taken)
        raise Stop(
            Exit.UNREACHABLE,
            f"the stack cannot start:{lines}\nend what listens there, or let qb choose free ports: {way_out}",
        )
    return wanted


def auto(previous: Mapping[str, int]) -> dict[str, int]:
    """Free ports: those of the last start if they are still free."""
    chosen = {name: previous[name] for name in DEFAULTS if name in previous and is_free(previous[name])}
    held = []
    try:
        for name in DEFAULTS:
            if name not in chosen:
                probe = socket.socket()
                held.append(probe)  # kept open until all are chosen, so that all differ
                probe.bind((_HOST, 0))
                chosen[name] = int(probe.getsockname()[1])
    finally:
        for probe in held:
            probe.close()
    return chosen


def with_executors(
    chosen: Mapping[str, int], stacks: Iterable[str], previous: Mapping[str, int] = {}
) -> dict[str, int]:
    """Return the ports with one for the executor of each stack, as `with_processes`."""
    return with_processes(chosen, map(executor_of, stacks), previous)


def with_processes(chosen: Mapping[str, int], names: Iterable[str], previous: Mapping[str, int] = {}) -> dict[str, int]:
    """Return the ports with one for each of these processes: its last one if that is free, else any that is."""
    extended = dict(chosen)
    for name in names:
        if name not in extended:
            last = previous.get(name)
            extended[name] = last if last and last not in extended.values() and is_free(last) else free(extended)
    return extended


def free(taken: Mapping[str, int]) -> int:
    """A port that is free now and not in `taken`."""
    while True:
        with socket.socket() as probe:
            probe.bind((_HOST, 0))
            if (port := int(probe.getsockname()[1])) not in taken.values():
                return port


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


def listen(port: int) -> socket.socket:
    """A socket that listens on the port.

    Raises:
        Stop: another process does.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((_HOST, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise Stop(Exit.UNREACHABLE, f"port {port} is taken by {holder_of(port)}: end that, then `qb up`") from error
    return listening


def holder_of(port: int) -> str:
    """The process that listens on a port, as far as this account may see."""
    import psutil

    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                words = " ".join(psutil.Process(connection.pid).cmdline()).split()
                return f"process {connection.pid} ({' '.join(words)[:60]})"
    return f"a process of another account (`ss -ltnp sport = :{port}` as root shows which)"
