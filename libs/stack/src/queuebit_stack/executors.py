"""Starts and ends executors as stacks are installed and removed, while the other services keep running."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress

from nats.errors import Error as NatsError

from queuebit_contracts.tenants import BadTenants, parse_tenants
from queuebit_stack import nats_server, ports
from queuebit_stack.bootstrap import bootstrap, write_nats_config
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.locks import alone
from queuebit_stack.process_specs import NATS, Executors, executors
from queuebit_stack.stacks import Stacks, find, known, save
from queuebit_stack.topology_setup import declare

__all__ = ["FollowStacks"]

_AGAIN_S = 60.0
"""Seconds until a plugin is asked again that took too long to answer."""


class FollowStacks:
    """Detects that stacks were installed, upgraded, removed or reconfigured, and prepares the home for them."""

    def __init__(self, home: Home, taken: Mapping[str, int]) -> None:
        self._home = home
        self._ports = dict(taken)
        self._applied = known(home)
        self._again_at = 0.0

    def __call__(self) -> Executors | None:
        """Return the executors to run, if these changed. Their credentials, ports and durables exist then.

        Raises:
            Stop: a file cannot be read or written, or the bus does not answer; call again later.
        """
        try:
            return self._changed()
        except (BadTenants, OSError) as error:  # a full disk, for example, must not end the supervisor
            raise Stop(Exit.UNREACHABLE, f"changed stacks cannot be served yet, tried again: {error}") from error

    def _changed(self) -> Executors | None:
        if time.monotonic() < self._again_at:
            return None
        now = find(self._home)
        if not now.seen:
            self._again_at = time.monotonic() + _AGAIN_S
        if now == self._applied or (now.seen and now.seen == self._applied.seen):
            return None
        if now.served != self._applied.served:
            self._prepare(now)
        else:
            save(self._home, now)
        before, self._applied = self._applied, now
        return None if before.running == now.running else Executors(executors(self._home, self._ports), self._ports)

    def _prepare(self, stacks: Stacks) -> None:
        save(self._home, stacks)
        bootstrap(self._home)
        self._ports = ports.with_executors(self._ports, stacks.served)
        with alone(self._home.tenants_lock):
            granted = parse_tenants(self._home.logins_file.read_text(encoding="utf-8"))
            write_nats_config(self._home, self._ports, granted)
            refused = None
            with suppress(OSError):  # a silent server reads the file when it starts
                refused = nats_server.reload(self._home.seed_file("system"), self._ports[NATS])
            if refused:
                raise Stop(Exit.REFUSED, f"nats-server refuses {self._home.nats_config}: {refused}")
        try:
            asyncio.run(declare(self._home, self._ports[NATS]))
        except (OSError, NatsError, TimeoutError) as error:
            raise Stop(
                Exit.UNREACHABLE, f"durables for new executors cannot be created yet, tried again: {error!r}"
            ) from error
