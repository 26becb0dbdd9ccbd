"""The documents of a home: what is in force, or is with the next start of the services that read it."""

from __future__ import annotations

from pathlib import Path

from queuebit_contracts.alert_documents import Alerts
from queuebit_contracts.deployment import Services
from queuebit_contracts.openslo import shipped_files
from queuebit_documents.errors import BadDocuments
from queuebit_documents.parsed import Document
from queuebit_gitops.documents import Source, normal, parse
from queuebit_gitops.kinds import KINDS
from queuebit_slo import Objective, objectives_of
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import write_private
from queuebit_stack.home import Home

__all__ = [
    "FILED",
    "document_in",
    "file_of",
    "read_alerts",
    "read_objectives",
    "read_services",
    "text_in",
    "write_document",
]

FILED = ("pricebook", "slos", "backends", "services", "alerts", "probes", "fleet", "protection")
"""The kinds that a home holds as files; tenants are facts."""

_ABSENT = {
    "backends": "[stack]\n",
    "services": "[service]\n",
    "alerts": "[receiver]\n",
    "probes": "[probe]\n",
    "fleet": "[limits]\n",
    "protection": "[rule]\n",
}
"""What a home without the file says."""


def file_of(home: Home, kind: str) -> Path:
    """The file of a kind, as it is written; objectives may be read from several beside it."""
    return {
        "tenants": home.tenants_file,
        "pricebook": home.price_book,
        "slos": home.objectives_folder / "objectives.yaml",
        "backends": home.backends_file,
        "services": home.services_file,
        "alerts": home.alerts_file,
        "probes": home.probes_file,
        "fleet": home.fleet_file,
        "protection": home.protection_file,
    }[kind]


def text_in(home: Home, kind: str) -> str:
    """What the home says of a kind: its file, or without one what is meant then.

    Raises:
        Stop: the file cannot be read.
    """
    return "---\n".join(text for _, text in _files_in(home, kind))


def _files_in(home: Home, kind: str) -> list[tuple[str, str]]:
    """Names and texts of the files of a kind; raises `Stop` if one cannot be read."""
    if kind == "slos":
        return _objective_files(home)
    path = file_of(home, kind)
    try:
        return [(str(path), _text(path))]
    except FileNotFoundError as error:
        if kind in _ABSENT:
            return [(str(path), _ABSENT[kind])]
        raise Stop(Exit.USAGE, f"{path} is missing: restore it; `qb status` says how") from error


def _objective_files(home: Home) -> list[tuple[str, str]]:
    if (old := home.root / "slos.toml").exists():
        text = (
            f"{old} is of an earlier version: write its objectives as OpenSLO documents into {home.objectives_folder}, "
            "and delete it; `qb slo check` checks them, and without any those of this version are promised"
        )
        raise Stop(Exit.USAGE, text)
    found = sorted(home.objectives_folder.glob("[!.]*.y*ml"))
    return [(str(it), _text(it)) for it in found] or [*shipped_files()]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:  # may mean a default
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(Exit.USAGE, f"{path} cannot be read: {error}") from error


def write_document(home: Home, kind: str, text: str) -> None:
    """Write the file of a kind; of objectives, remove the other files, because the text has all of them."""
    path = file_of(home, kind)
    if kind == "slos":
        home.objectives_folder.mkdir(mode=0o700, exist_ok=True)
        for other in home.objectives_folder.glob("*.y*ml"):
            if other != path:
                other.unlink()
    write_private(path, text)


def document_in(home: Home, kind: str) -> Document:
    """The same as a document, with each default written out.

    Raises:
        Stop: it breaks its rules; the text lists how.
    """
    try:
        return normal(KINDS[kind], [parse(Source(kind, name, text)) for name, text in _files_in(home, kind)])
    except BadDocuments as error:
        raise Stop(Exit.USAGE, "\n".join(map(str, error.problems))) from error


def read_alerts(home: Home) -> Alerts:
    """Who is notified of alerts.

    Raises:
        Stop: the file breaks its rules.
    """
    return Alerts.model_validate(document_in(home, "alerts"))


def read_services(home: Home) -> Services:
    """The settings of the services.

    Raises:
        Stop: the file breaks its rules.
    """
    return Services.model_validate(document_in(home, "services"))


def read_objectives(home: Home) -> tuple[Objective, ...]:
    """The service levels that the stack promises.

    Raises:
        Stop: the file breaks its rules.
    """
    return objectives_of(document_in(home, "slos"))
