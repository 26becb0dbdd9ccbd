"""The documents of a home: what is in force, or is with the next start of the services that read it."""

from __future__ import annotations

from pathlib import Path

from queuebit_contracts.deployment import Services
from queuebit_contracts.objectives import Objectives, objectives_text
from queuebit_gitops.documents import Source, normal, parse
from queuebit_gitops.errors import BadDocuments
from queuebit_gitops.kinds import KINDS
from queuebit_gitops.parsed import Document
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home

__all__ = ["FILED", "document_in", "file_of", "read_objectives", "read_services", "text_in"]

FILED = ("pricebook", "slos", "backends", "services")
"""The kinds that a home holds as files; tenants are facts."""

_ABSENT = {"backends": "[stack]\n", "services": "[service]\n"}
"""What a home without the file says."""


def file_of(home: Home, kind: str) -> Path:
    """The file of a kind."""
    return {
        "tenants": home.tenants_file,
        "pricebook": home.price_book,
        "slos": home.objectives_file,
        "backends": home.backends_file,
        "services": home.services_file,
    }[kind]


def text_in(home: Home, kind: str) -> str:
    """What the home says of a kind: its file, or without one what is meant then.

    Raises:
        Stop: the file cannot be read.
    """
    path = file_of(home, kind)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if kind == "slos":
            return objectives_text()
        if kind in _ABSENT:
            return _ABSENT[kind]
        raise Stop(Exit.USAGE, f"{path} is missing: restore it; `qb status` says how") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(Exit.USAGE, f"{path} cannot be read: {error}") from error


def document_in(home: Home, kind: str) -> Document:
    """The same as a document, with each default written out.

    Raises:
        Stop: it breaks its rules; the text lists how.
    """
    source = Source(kind, str(file_of(home, kind)), text_in(home, kind))
    try:
        return normal(KINDS[kind], [parse(source)])
    except BadDocuments as error:
        raise Stop(Exit.USAGE, "\n".join(map(str, error.problems))) from error


def read_services(home: Home) -> Services:
    """The settings of the services.

    Raises:
        Stop: the file breaks its rules.
    """
    return Services.model_validate(document_in(home, "services"))


def read_objectives(home: Home) -> Objectives:
    """The service levels that the stack promises.

    Raises:
        Stop: the file breaks its rules.
    """
    return Objectives.model_validate(document_in(home, "slos"))
