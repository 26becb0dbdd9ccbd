"""Addresses and credentials of one stack, read from its home."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from queuebit_audit.sources import Warehouse
from queuebit_pricing import PriceBook, load
from queuebit_proof import ProofFault, TrustRoot
from queuebit_runtime.secrets import read_secret
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.recovery.record import lost
from queuebit_stack.stack import running_stack
from queuebit_stack.warehouse import analyst_of

__all__ = ["Target", "target_of"]


@dataclass(frozen=True, slots=True)
class Target:
    """What a verification needs from a stack, embedded or not."""

    bus_url: str
    operator_seed: str
    warehouse: Warehouse
    book: PriceBook
    trust: TrustRoot
    credentials: Path
    given_up: frozenset[int] = frozenset()
    """Sequences whose events are known to be lost."""
    published: str | None = None
    """The checkpoint in the public files of the log, as it was before the log is read; None if nothing is published."""


def target_of(root: Path) -> Target:
    """Read a home.

    Raises:
        Stop: no stack was ever started there, or a file that it needs is missing.
        BadPriceBook: the price book cannot be read.
    """
    home = Home(root)
    stack = running_stack(home)
    try:
        trust = TrustRoot.parse(home.trust_file.read_bytes())
        analyst = analyst_of(home)
        seed = read_secret(home.seed_file("operator"))
    except OSError as error:
        raise Stop(Exit.UNREACHABLE, f"{error.filename}: {error.strerror or error}; is the stack up?") from error
    except ProofFault as error:
        raise Stop(Exit.UNREACHABLE, f"{home.trust_file}: {error}") from error
    except ValueError as error:
        raise Stop(Exit.UNREACHABLE, str(error)) from error
    warehouse = Warehouse(stack.listens["warehouse"], analyst.user, analyst.password)
    given_up = frozenset(lost(home))
    return Target(
        stack.listens["nats-server"],
        seed,
        warehouse,
        load(home.price_book),
        trust,
        home.credentials,
        given_up,
        _published(home),
    )


def _published(home: Home) -> str | None:
    path = home.provenance / "log" / "checkpoint"
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
