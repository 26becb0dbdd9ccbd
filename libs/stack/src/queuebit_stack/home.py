"""The folder in which one stack keeps everything: data, secrets, logs, and where it listens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from queuebit.credentials import home_folder
from queuebit_stack.errors import Exit, Stop

__all__ = ["Home"]

_FOLDERS = ("nats", "warehouse", "provenance", "secrets", "credentials", "logs")


@dataclass(frozen=True, slots=True)
class Home:
    """Names of what lies in the folder."""

    root: Path

    @property
    def stack_file(self) -> Path:
        """What runs, and where it listens."""
        return self.root / "stack.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the supervisor for as long as it lives."""
        return self.root / "lock"

    @property
    def log_mark(self) -> Path:
        """Which stream `LOG` is this home's, and how far it is known to go."""
        return self.root / "log.json"

    @property
    def recoveries(self) -> Path:
        """What `qb recover` restored, and what is lost for good."""
        return self.root / "recovered.json"

    @property
    def aside(self) -> Path:
        """Where `qb recover` keeps files as they were."""
        return self.root / "aside"

    @property
    def tenants_lock(self) -> Path:
        """Locked by whoever edits the tenants file."""
        return self.root / "tenants.lock"

    @property
    def tenants_file(self) -> Path:
        return self.root / "tenants.toml"

    @property
    def good_tenants_file(self) -> Path:
        """A copy of the tenants file as it last came into force."""
        return self.root / "tenants.good.toml"

    @property
    def price_book(self) -> Path:
        return self.root / "pricebook.toml"

    @property
    def trust_file(self) -> Path:
        """The trust document against which receipts are verified."""
        return self.root / "trust.json"

    @property
    def nats(self) -> Path:
        return self.root / "nats"

    @property
    def nats_config(self) -> Path:
        return self.nats / "nats.conf"

    @property
    def jetstream(self) -> Path:
        return self.nats / "jetstream"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse"

    @property
    def provenance(self) -> Path:
        return self.root / "provenance"

    @property
    def warehouse_password(self) -> Path:
        return self.root / "secrets" / "warehouse.password"

    @property
    def analyst_password(self) -> Path:
        """Of the warehouse's user who reads everything and writes nothing."""
        return self.root / "secrets" / "analyst.password"

    @property
    def credentials(self) -> Path:
        return self.root / "credentials"

    def seed_file(self, name: str) -> Path:
        """The secret half of a service's NATS user."""
        return self.root / "secrets" / f"{name}.seed"

    def credential_file(self, tenant: str, user: str) -> Path:
        """What a tenant's user logs in with."""
        return self.credentials / f"{tenant}-{user}.toml"

    def log_file(self, name: str) -> Path:
        """What a process wrote to its standard output and error."""
        return self.root / "logs" / f"{name}.log"

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            Stop: the folder belongs to something else, or cannot be made.
        """
        try:
            if self.root.exists() and not self.root.is_dir():
                raise Stop(Exit.USAGE, f"{self.root} is a file, not a folder: choose another with --home DIR")
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(self.root.iterdir()) and not (self.root / "secrets").is_dir():
                raise Stop(Exit.USAGE, f"{self.root} is not empty and no Queuebit home: choose another with --home DIR")
            self.root.chmod(0o700)
            for name in _FOLDERS:
                (self.root / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Stop(Exit.USAGE, f"{self.root} cannot be used: {error.strerror}; choose --home DIR") from error

    def command(self, words: str) -> str:
        """A command that means this home, as a person types it."""
        return f"`qb {words}`" if home_folder() == self.root else f"`qb {words} --home {quote(str(self.root))}`"

    @property
    def founded(self) -> bool:
        """Whether a stack was ever started here; folders alone are what is left of a start that failed."""
        return any(it.exists() for it in (self.stack_file, self.tenants_file, self.good_tenants_file))

    def require(self) -> None:
        """Raise unless a stack was ever started here."""
        if not self.founded:
            raise Stop(
                Exit.UNREACHABLE,
                f"there is no stack in {self.root}: start one with {self.command('up')}, or give --home",
            )
