"""`python -m queuebit_warehouse`: serve until SIGTERM."""

from __future__ import annotations

import errno
import logging
import os
import resource
import signal
import socket
import sys
from functools import partial

import uvicorn
from pydantic import ValidationError

from queuebit_kernel import Clock, SystemClock
from queuebit_runtime.log_records import LogSettings, write_logs
from queuebit_secrets import VARIABLES, MasterKeyUnusable, VaultAway, VaultRefuses, read_master_key
from queuebit_warehouse.app import create_app
from queuebit_warehouse.errors import CannotStart
from queuebit_warehouse.logins import Login, Logins
from queuebit_warehouse.protocol import LimitedProtocol, Unauthenticated
from queuebit_warehouse.settings import Settings, read_password
from queuebit_warehouse.store import Store

__all__ = ["main"]

_log = logging.getLogger("queuebit_warehouse")

_FILES = 65_536


def main() -> int:
    """Serve; return 0 after SIGTERM or SIGINT, otherwise the exit code of the failure."""
    try:
        settings = Settings()
        write_logs(LogSettings(), "warehouse")
        logging.getLogger("uvicorn.error").setLevel(max(logging.WARNING, logging.getLogger().level))
        _serve(settings)
    except CannotStart as refusal:
        print(f"warehouse: {refusal}", file=sys.stderr)
        return refusal.exit_code
    except ValidationError as invalid:
        for error in invalid.errors():
            print(
                f"warehouse: QUEUEBIT_WAREHOUSE_{'_'.join(map(str, error['loc'])).upper()}: {error['msg']}",
                file=sys.stderr,
            )
        return 78
    return 0


def _serve(settings: Settings) -> None:
    clock = SystemClock()
    logins = _logins(settings, clock)
    listening = _listen(settings)
    store = Store(settings.data_dir.resolve(), settings.max_memory_mb, clock, _disk_key())
    _allow_files()
    # uvicorn raises the signal again after shutdown; ignore it, so that the process exits with 0
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings, logins, store, clock),
            loop="uvloop",
            http=partial(  # type: ignore[arg-type]  # called like the class itself
                LimitedProtocol, unauthenticated=Unauthenticated(settings.max_unauthenticated), head_s=settings.head_s
            ),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
        )
    )
    host, port = listening.getsockname()[:2]
    _log.info("listening on http://%s:%d, store in %s, engine %s", host, port, settings.data_dir, store.version)
    if not settings.is_loopback:
        _log.warning("%s is not a loopback address: passwords and rows travel unencrypted", settings.host)
    server.run(sockets=[listening])


def _disk_key() -> bytes | None:
    """The key of the store, if the environment says where the master key is."""
    if not any(os.environ.get(it) for it in VARIABLES):
        return None
    try:
        return read_master_key(os.environ).derive("warehouse")
    except (MasterKeyUnusable, VaultRefuses) as error:
        raise CannotStart(str(error), 78) from error
    except VaultAway as error:
        raise CannotStart(str(error), 75) from error


def _logins(settings: Settings, clock: Clock) -> Logins:
    passwords = {Login(settings.user, writes=True): read_password(settings.password_file)}
    if settings.analyst_password_file is not None:
        passwords[Login(settings.analyst)] = read_password(settings.analyst_password_file)
    return Logins(passwords, settings.tenants_file, clock, settings.finance_file)


def _allow_files() -> None:
    """Raise the limit on open files, because every connection, pipe and part is a file."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if most == resource.RLIM_INFINITY else min(_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _listen(settings: Settings) -> socket.socket:
    if settings.listen_fd is not None:
        return _inherited(settings.listen_fd)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(128)
    except OSError as error:
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise CannotStart(
            f"port {settings.port} on {settings.host} {why}: stop the process that listens there, "
            "or set QUEUEBIT_WAREHOUSE_PORT to a free port",
            69,
        ) from error
    return listening


def _inherited(number: int) -> socket.socket:
    try:
        listening = socket.socket(fileno=number)
        if listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return listening
    except OSError as error:
        raise CannotStart(f"QUEUEBIT_WAREHOUSE_LISTEN_FD: {number} is not a socket: {error.strerror}", 78) from error
    raise CannotStart(f"QUEUEBIT_WAREHOUSE_LISTEN_FD: {number} is not a listening socket", 78)


if __name__ == "__main__":
    sys.exit(main())
