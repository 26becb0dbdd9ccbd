"""The processes of a stack: how each starts, where it listens, how it reports its health."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from queuebit_contracts.executors import ROLE, executor_of
from queuebit_runtime.machine_memory import machine_memory_bytes
from queuebit_runtime.server_config import server_binary
from queuebit_stack import log_mark
from queuebit_stack.encryption import STORE_KEY, bus_store_key, key_variables
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.home_documents import read_services
from queuebit_stack.interpreters import own_environment
from queuebit_stack.nats_server import health
from queuebit_stack.probe import Look, look
from queuebit_stack.stacks import Served, known

__all__ = [
    "BROKER",
    "GATEWAY",
    "NATS",
    "PROBER",
    "WAREHOUSE",
    "Executors",
    "Inherits",
    "Spec",
    "executors",
    "is_executor",
    "more_schedulers",
    "process_specs",
    "same",
    "service_of",
]

NATS, WAREHOUSE, BROKER, GATEWAY, PROBER = "nats-server", "warehouse", "broker", "gateway", "prober"
_SCHEDULER = "scheduler"
_FIRST = (BROKER, _SCHEDULER)
_FIRST_STACK = "aer"
"""With these a first job can be accepted and run, while everything else is still starting."""
_LATER = ("metering", "provenance", "telemetry", GATEWAY, "hybrid", "alerting", "fleet")
_OF_ALL = "QUEUEBIT_LOG_"
_LONG = 200_000
"""Events of a long log. With a shorter one, a warehouse that starts first would only delay the first job."""


@dataclass(frozen=True, slots=True)
class Inherits:
    """A listening socket that a process does not open itself."""

    port: int
    named_by: str
    """The environment variable that holds the number of the descriptor."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One process. Its arguments and `env` hold names of files, never secrets."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    listens: str
    look: Callable[[], Look]
    """Ask for its health."""
    wave: int = 0
    """Processes start when the wave before is ready, so that the ones a first job needs do not share the processor.
    While the bus is not prepared, it suffices that the wave before answers."""
    inherits: Inherits | None = None
    gated: bool = False
    """Whether it connects to the bus, but not before the supervisor lets it."""
    version: str = ""
    """What it runs; a process of another version is started afresh."""
    module: str = ""
    """What it runs with this interpreter, if it may start as a copy of the zygote."""
    secret_env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """A key that a program takes from its environment alone; only this account can read that."""

    @property
    def environment(self) -> dict[str, str]:
        """All variables that it gets."""
        return {**self.env, **self.secret_env}


@dataclass(frozen=True, slots=True)
class Executors:
    """The executors that are to run from now on, and where everything listens."""

    specs: Sequence[Spec]
    ports: Mapping[str, int]


def process_specs(home: Home, ports: Mapping[str, int]) -> list[Spec]:
    """All processes in order of start: the bus, the warehouse, the services."""
    nats = Spec(
        NATS,
        (_nats_binary(), "-c", str(home.nats_config)),
        {"GOMEMLIMIT": str(machine_memory_bytes() // 2)} | _inherited(),
        f"nats://127.0.0.1:{ports[NATS]}",
        partial(health, home.seed_file("system"), ports[NATS]),
        secret_env={STORE_KEY: bus_store_key(home)},
    )
    warehouse = Spec(
        WAREHOUSE,
        (sys.executable, "-m", "queuebit_warehouse"),
        _inherited() | _warehouse(home, ports),
        f"http://127.0.0.1:{ports[WAREHOUSE]}",
        partial(look, ports[WAREHOUSE]),
        wave=0 if _is_long(home) else 2,
        inherits=Inherits(ports[WAREHOUSE], "QUEUEBIT_WAREHOUSE_LISTEN_FD"),
    )
    run = executors(home, ports)
    first, others = [it for it in run if it.wave == 1], [it for it in run if it.wave != 1]
    settings = read_services(home)
    services = [
        _service(home, ports, name, {**settings.environment(name), **_own(home, ports, name)})
        for name in (*_FIRST, *_LATER, *((PROBER,) if home.probes_file.exists() else ()))
    ]
    standbys = [
        _service(home, ports, name, {**settings.environment(_SCHEDULER), **_own(home, ports, name)})
        for name in more_schedulers(home)
        if name in ports
    ]
    return [nats, warehouse, *first, *services, *standbys, *others]


def more_schedulers(home: Home) -> list[str]:
    """The names of the schedulers beside the first one.

    Raises:
        Stop: the settings of the home break their rules.
    """
    settings = read_services(home).service.scheduler
    return [f"{_SCHEDULER}-{number}" for number in range(2, (settings.processes if settings else 1) + 1)]


def service_of(process: str) -> str:
    """The service that a process is of: several may be schedulers, and each executor is a service of its own."""
    return _SCHEDULER if process.startswith(f"{_SCHEDULER}-") else process


def _is_long(home: Home) -> bool:
    """Whether nats-server reads its store for so long that the warehouse, which needs no bus, can start meanwhile."""
    mark = log_mark.known(home)
    return mark is not None and mark.last >= _LONG


def is_executor(spec: Spec) -> bool:
    """Whether a process runs a stack."""
    return spec.name.startswith(f"{ROLE}-")


def same(spec: Spec, other: Spec | None) -> bool:
    """Whether a process that runs as one would not run otherwise as the other."""
    return other is not None and (spec.argv, spec.env, spec.version) == (other.argv, other.env, other.version)


def executors(home: Home, ports: Mapping[str, int]) -> list[Spec]:
    """The executor of each stack that the home serves."""
    return [_executor(home, ports, stack, served) for stack, served in known(home).running.items()]


def _executor(home: Home, ports: Mapping[str, int], stack: str, served: Served) -> Spec:
    own = {"QUEUEBIT_EXECUTOR_STACK": stack, "QUEUEBIT_EXECUTOR_BACKENDS": json.dumps(served.backends)}
    spec = _service(home, ports, executor_of(stack), {**served.settings, **own})
    spec = replace(spec, wave=1 if stack == _FIRST_STACK else 2, version=served.version)
    if not served.python:
        return spec
    return replace(spec, argv=(served.python, *spec.argv[1:]), env=own_environment(spec.env), module="")


def _service(home: Home, ports: Mapping[str, int], name: str, own: Mapping[str, str]) -> Spec:
    bus = {
        "QUEUEBIT_BUS_URL": f"nats://127.0.0.1:{ports[NATS]}",
        "QUEUEBIT_BUS_SEED_FILE": str(home.seed_file(service_of(name))),
        "QUEUEBIT_BUS_HEALTH_PORT": str(ports[name]),
        "QUEUEBIT_BUS_SNAPSHOTS_DIR": str(home.snapshots),
    }
    module = f"queuebit_{name.partition('-')[0]}"
    return Spec(
        name,
        (sys.executable, "-m", module),
        {**_inherited(), **own, **bus},
        f"http://127.0.0.1:{ports['http' if name == GATEWAY else name]}",
        partial(look, ports[name]),
        wave=1 if name in _FIRST else 2,
        gated=True,
        module=module,
    )


def _inherited() -> dict[str, str]:
    """The environment of the supervisor; of our own variables only those of all services, which are about logs."""
    return {name: it for name, it in os.environ.items() if name.startswith(_OF_ALL) or not name.startswith("QUEUEBIT_")}


def _own(home: Home, ports: Mapping[str, int], name: str) -> dict[str, str]:
    match name:
        case _ if service_of(name) == _SCHEDULER:
            return {"QUEUEBIT_SCHEDULER_NAME": name}
        case "broker":
            return {
                "QUEUEBIT_BROKER_TENANTS_FILE": str(home.good_tenants_file),
                "QUEUEBIT_BROKER_PRICE_BOOK": str(home.price_book),
                "QUEUEBIT_BROKER_PROTECTION": str(home.protection_file),
                "QUEUEBIT_BROKER_LOGIN_SEED_FILE": str(home.login_seed),
                "QUEUEBIT_BROKER_STAFF_TENANT": os.environ.get("QUEUEBIT_BROKER_STAFF_TENANT", ""),
            }
        case "metering":
            return {
                "QUEUEBIT_METERING_PRICE_BOOK": str(home.price_book),
                "QUEUEBIT_METERING_COSTS": str(home.root / "costs.toml"),
            }
        case "provenance":
            return {
                "QUEUEBIT_PROVENANCE_DATA_DIR": str(home.provenance),
                "QUEUEBIT_PROVENANCE_TRUST_FILE": str(home.trust_file),
                "QUEUEBIT_PROVENANCE_RECOVERED_FILE": str(home.recoveries),
                **_given("QUEUEBIT_PROVENANCE_PASSPHRASE_FILE"),
                **_given("QUEUEBIT_PROVENANCE_PASSPHRASE_VAULT"),
                **_given("QUEUEBIT_PROVENANCE_SIGNERS_FILE"),
                **_given("QUEUEBIT_PROVENANCE_PROFILE"),
            }
        case "telemetry":
            return {
                "QUEUEBIT_TELEMETRY_WAREHOUSE_URL": f"http://127.0.0.1:{ports[WAREHOUSE]}",
                "QUEUEBIT_TELEMETRY_WAREHOUSE_PASSWORD_FILE": str(home.warehouse_password),
                **_objectives(home, name),
            }
        case "hybrid":
            return {
                "QUEUEBIT_HYBRID_DATA_DIR": str(home.hybrid),
                "QUEUEBIT_HYBRID_PROTECTION": str(home.protection_file),
                **_given("QUEUEBIT_HYBRID_UNSAFE"),
            }
        case "alerting":
            return {
                "QUEUEBIT_ALERTING_SECRETS": str(home.alert_secrets),
                "QUEUEBIT_ALERTING_WAREHOUSE_URL": f"http://127.0.0.1:{ports[WAREHOUSE]}",
                "QUEUEBIT_ALERTING_WAREHOUSE_PASSWORD_FILE": str(home.analyst_password),
                "QUEUEBIT_ALERTING_DOCUMENT": str(home.alerts_file),
                "QUEUEBIT_ALERTING_BUS_LOG": str(home.log_file("nats-server")),
                **_given("QUEUEBIT_ALERTING_DRIFT_MINUTES"),
                **_objectives(home, name),
            }
        case "fleet":
            return {
                "QUEUEBIT_FLEET_DOCUMENT": str(home.fleet_file),
                "QUEUEBIT_FLEET_SECRETS": str(home.fleet_secrets),
            }
        case "prober":
            return {
                "QUEUEBIT_PROBER_DOCUMENT": str(home.probes_file),
                "QUEUEBIT_PROBER_CREDENTIAL": str(home.probes_credential),
                "QUEUEBIT_PROBER_WAREHOUSE_URL": f"http://127.0.0.1:{ports[WAREHOUSE]}",
                "QUEUEBIT_PROBER_WAREHOUSE_PASSWORD_FILE": str(home.analyst_password),
            }
        case "gateway":
            return {
                "QUEUEBIT_GATEWAY_PORT": str(ports["http"]),
                "QUEUEBIT_GATEWAY_TRUST_FILE": str(home.trust_file),
                "QUEUEBIT_GATEWAY_BUS_LOG": str(home.log_file("nats-server")),
            }
        case _:
            return {}


def _given(name: str) -> dict[str, str]:
    """A variable of the environment that the operator may set for a service."""
    return {name: os.environ[name]} if name in os.environ else {}


def _objectives(home: Home, service: str) -> dict[str, str]:
    """The same for each service that evaluates them; the folder may be made after the start."""
    return {f"QUEUEBIT_{service.upper()}_OBJECTIVES": str(home.objectives_folder)}


def _warehouse(home: Home, ports: Mapping[str, int]) -> dict[str, str]:
    return {
        "QUEUEBIT_WAREHOUSE_PORT": str(ports[WAREHOUSE]),
        "QUEUEBIT_WAREHOUSE_DATA_DIR": str(home.warehouse),
        "QUEUEBIT_WAREHOUSE_PASSWORD_FILE": str(home.warehouse_password),
        "QUEUEBIT_WAREHOUSE_ANALYST_PASSWORD_FILE": str(home.analyst_password),
        "QUEUEBIT_WAREHOUSE_TENANTS_FILE": str(home.logins_file),
        "QUEUEBIT_WAREHOUSE_FINANCE_FILE": str(home.finance_logins),
        **key_variables(home),
    }


def _nats_binary() -> str:
    """The path of the server's program; raise `Stop` if it is missing."""
    try:
        return server_binary()
    except FileNotFoundError as error:
        raise Stop(Exit.UNREACHABLE, str(error)) from error
