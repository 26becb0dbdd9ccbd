"""The processes of a stack: how each starts, where it listens, how it reports its health."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from queuebit_runtime.server_config import server_binary
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.nats_server import health
from queuebit_stack.probe import Look, look

__all__ = ["BROKER", "NATS", "WAREHOUSE", "Inherits", "Spec", "process_specs"]

NATS, WAREHOUSE, BROKER = "nats-server", "warehouse", "broker"
_FIRST = ("executor-aer", "broker", "scheduler")
"""The processes needed to accept and run a job."""
_LATER = ("metering", "provenance", "telemetry", "executor-ibm", "executor-cirq")


@dataclass(frozen=True, slots=True)
class Inherits:
    """A listening socket that a process does not open itself."""

    port: int
    named_by: str
    """The environment variable that holds the number of the descriptor."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One process. Its arguments and environment hold names of files, never secrets."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    listens: str
    look: Callable[[], Look]
    """Ask for its health."""
    wave: int = 0
    """Processes start when the wave before is ready, so that the ones a first job needs do not share the processor."""
    inherits: Inherits | None = None


def process_specs(home: Home, ports: Mapping[str, int]) -> list[Spec]:
    """All processes in order of start: the bus, the warehouse, the services."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QUEUEBIT_")}
    nats = Spec(
        NATS,
        (_nats_binary(), "-c", str(home.nats_config)),
        inherited,
        f"nats://127.0.0.1:{ports[NATS]}",
        partial(health, home.seed_file("system"), ports[NATS]),
    )
    warehouse = Spec(
        WAREHOUSE,
        (sys.executable, "-m", "queuebit_warehouse"),
        inherited | _warehouse(home, ports),
        f"http://127.0.0.1:{ports[WAREHOUSE]}",
        partial(look, ports[WAREHOUSE]),
        wave=2,
        inherits=Inherits(ports[WAREHOUSE], "QUEUEBIT_WAREHOUSE_LISTEN_FD"),
    )
    return [nats, warehouse, *(_service(home, ports, name, inherited) for name in (*_FIRST, *_LATER))]


def _service(home: Home, ports: Mapping[str, int], name: str, inherited: Mapping[str, str]) -> Spec:
    package = name.partition("-")[0]
    bus = {
        "QUEUEBIT_BUS_URL": f"nats://127.0.0.1:{ports[NATS]}",
        "QUEUEBIT_BUS_SEED_FILE": str(home.seed_file(name)),
        "QUEUEBIT_BUS_HEALTH_PORT": str(ports[name]),
    }
    return Spec(
        name,
        (sys.executable, "-m", f"queuebit_{package}"),
        {**inherited, **bus, **_own(home, ports, name)},
        f"http://127.0.0.1:{ports[name]}",
        partial(look, ports[name]),
        wave=1 if name in _FIRST else 2,
    )


def _own(home: Home, ports: Mapping[str, int], name: str) -> dict[str, str]:
    match name.partition("-"):
        case "executor", _, stack:
            return {"QUEUEBIT_EXECUTOR_STACK": stack}
        case "broker", *_:
            return {
                "QUEUEBIT_BROKER_TENANTS_FILE": str(home.good_tenants_file),
                "QUEUEBIT_BROKER_PRICE_BOOK": str(home.price_book),
            }
        case "metering", *_:
            return {"QUEUEBIT_METERING_PRICE_BOOK": str(home.price_book)}
        case "provenance", *_:
            return {
                "QUEUEBIT_PROVENANCE_DATA_DIR": str(home.provenance),
                "QUEUEBIT_PROVENANCE_TRUST_FILE": str(home.trust_file),
                "QUEUEBIT_PROVENANCE_RECOVERED_FILE": str(home.recoveries),
            }
        case "telemetry", *_:
            return {
                "QUEUEBIT_TELEMETRY_WAREHOUSE_URL": f"http://127.0.0.1:{ports[WAREHOUSE]}",
                "QUEUEBIT_TELEMETRY_WAREHOUSE_PASSWORD_FILE": str(home.warehouse_password),
            }
        case _:
            return {}


def _warehouse(home: Home, ports: Mapping[str, int]) -> dict[str, str]:
    return {
        "QUEUEBIT_WAREHOUSE_PORT": str(ports[WAREHOUSE]),
        "QUEUEBIT_WAREHOUSE_DATA_DIR": str(home.warehouse),
        "QUEUEBIT_WAREHOUSE_PASSWORD_FILE": str(home.warehouse_password),
        "QUEUEBIT_WAREHOUSE_ANALYST_PASSWORD_FILE": str(home.analyst_password),
        "QUEUEBIT_WAREHOUSE_TENANTS_FILE": str(home.logins_file),
    }


def _nats_binary() -> str:
    """The path of the server's program; raise `Stop` if it is missing."""
    try:
        return server_binary()
    except FileNotFoundError as error:
        raise Stop(Exit.UNREACHABLE, str(error)) from error
