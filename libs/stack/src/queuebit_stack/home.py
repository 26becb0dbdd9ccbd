"""The folder of one stack: data, secrets, logs and addresses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from queuebit.credentials import home_folder
from queuebit_stack.errors import Exit, Stop

__all__ = ["Home"]

_FOLDERS = ("nats", "warehouse", "provenance", "secrets", "credentials", "logs", "snapshots")


@dataclass(frozen=True, slots=True)
class Home:
    """Paths inside the folder."""

    root: Path

    @property
    def stack_file(self) -> Path:
        """The running processes and their addresses."""
        return self.root / "stack.json"

    @property
    def scrape_file(self) -> Path:
        """Where the metrics of the processes are, in the form that Prometheus reads."""
        return self.root / "prometheus.json"

    @property
    def stacks_file(self) -> Path:
        """Which stacks are served, and by which backends."""
        return self.root / "stacks.json"

    @property
    def backends_file(self) -> Path:
        """Which backends of a stack are offered, and what their executor may use; people write it."""
        return self.root / "backends.toml"

    @property
    def lock_file(self) -> Path:
        """Locked by the supervisor while it runs."""
        return self.root / "lock"

    @property
    def log_mark(self) -> Path:
        """The identity of this home's stream `LOG` and its last known sequence."""
        return self.root / "log.json"

    @property
    def backup_record(self) -> Path:
        """When the home was last copied; absent if it never was."""
        return self.root / "backup.json"

    @property
    def recoveries(self) -> Path:
        """Sequences that `qb recover` restored, and sequences that are lost."""
        return self.root / "recovered.json"

    @property
    def aside(self) -> Path:
        """The folder for files that `qb recover` replaced."""
        return self.root / "aside"

    @property
    def encryption_file(self) -> Path:
        """With which master key the stores are encrypted: its fingerprint, and no key."""
        return self.root / "encryption.json"

    @property
    def tls(self) -> Path:
        """Certificates that `qb tls init` made."""
        return self.root / "tls"

    @property
    def tenants_lock(self) -> Path:
        """Locked by the process that edits the tenants file."""
        return self.root / "tenants.lock"

    @property
    def tenants_file(self) -> Path:
        return self.root / "tenants.toml"

    @property
    def good_tenants_file(self) -> Path:
        """A copy of the last tenants file that was valid and in force."""
        return self.root / "tenants.good.toml"

    @property
    def logins_file(self) -> Path:
        """Whose keys the bus and the warehouse take now; Queuebit writes it together with the bus's configuration."""
        return self.root / "logins.toml"

    @property
    def invoice_file(self) -> Path:
        """Names, addresses and terms on invoices; people write it."""
        return self.root / "invoice.toml"

    @property
    def price_book(self) -> Path:
        return self.root / "pricebook.toml"

    @property
    def objectives_folder(self) -> Path:
        """The service levels that this stack promises, as OpenSLO documents; absent for those of its version."""
        return self.root / "slos"

    @property
    def services_file(self) -> Path:
        """Settings of the services; absent for their defaults."""
        return self.root / "services.toml"

    @property
    def alerts_file(self) -> Path:
        """Who is notified of alerts; absent: no receiver is."""
        return self.root / "alerts.toml"

    @property
    def fleet_file(self) -> Path:
        """Beyond which limits backends are isolated; absent: those of the library."""
        return self.root / "fleet.toml"

    @property
    def protection_file(self) -> Path:
        """What may not be in submissions, and what is masked in outputs; absent: nothing is looked at."""
        return self.root / "protection.toml"

    @property
    def probes_file(self) -> Path:
        """Which probes run where; absent: the prober does not start."""
        return self.root / "probes.toml"

    @property
    def probes_credential(self) -> Path:
        """The credential in whose name probes run: user `prober` of the tenant `probes`."""
        return self.credential_file("probes", "prober")

    @property
    def alert_secrets(self) -> Path:
        """The folder with the files that `alerts.toml` names as secrets."""
        return self.root / "secrets" / "alerts"

    @property
    def fleet_secrets(self) -> Path:
        """The folder with the file that `fleet.toml` names as a secret."""
        return self.root / "secrets" / "fleet"

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
    def hybrid(self) -> Path:
        """What running hybrid jobs have used so far."""
        return self.root / "hybrid"

    @property
    def archive(self) -> Path:
        """The folder of the archive of the log, if none is named; absent until `qb archive write`."""
        return self.root / "archive"

    @property
    def snapshots(self) -> Path:
        """The folder for snapshots of services' views; they follow from the log, and may be deleted at any time."""
        return self.root / "snapshots"

    @property
    def warehouse_password(self) -> Path:
        return self.root / "secrets" / "warehouse.password"

    @property
    def analyst_password(self) -> Path:
        """Password of the warehouse's read-only user."""
        return self.root / "secrets" / "analyst.password"

    @property
    def finance_logins(self) -> Path:
        """Who reads charges of which tenants: digests of their secrets."""
        return self.root / "secrets" / "finance.toml"

    @property
    def credentials(self) -> Path:
        return self.root / "credentials"

    def seed_file(self, name: str) -> Path:
        """The seed of a service's NATS user."""
        return self.root / "secrets" / f"{name}.seed"

    @property
    def login_seed(self) -> Path:
        """The account key with which the broker grants logins to the bus with tokens."""
        return self.root / "secrets" / "login.seed"

    def credential_file(self, tenant: str, user: str) -> Path:
        """The credential of a tenant's user."""
        return self.credentials / f"{tenant}-{user}.toml"

    def log_file(self, name: str) -> Path:
        """Standard output and error of a process."""
        return self.root / "logs" / f"{name}.log"

    def prepare(self) -> None:
        """Create the folders.

        Raises:
            Stop: the folder is used for something else, or cannot be created.
        """
        try:
            if self.root.exists() and not self.root.is_dir():
                raise Stop(Exit.USAGE, f"{self.root} is a file, not a folder: choose another with --home DIR")
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(self.root.iterdir()) and not (self.root / "secrets").is_dir():
                raise Stop(
                    Exit.USAGE, f"{self.root} is not empty and is not a Queuebit home: choose another with --home DIR"
                )
            self.root.chmod(0o700)
            for name in _FOLDERS:
                (self.root / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Stop(Exit.USAGE, f"{self.root} cannot be used: {error.strerror}; choose --home DIR") from error

    def command(self, words: str) -> str:
        """The text of a command that addresses this home."""
        return f"`qb {words}`" if home_folder() == self.root else f"`qb {words} --home {quote(str(self.root))}`"

    @property
    def initialised(self) -> bool:
        """Whether a stack was started here before; after a failed start there are only folders."""
        return any(it.exists() for it in (self.stack_file, self.tenants_file, self.good_tenants_file))

    def require(self) -> None:
        """Raise `Stop` unless a stack was started here before."""
        if not self.initialised:
            raise Stop(
                Exit.UNREACHABLE,
                f"there is no stack in {self.root}: start one with {self.command('up')}, or give --home",
            )
