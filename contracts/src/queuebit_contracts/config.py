"""Documents that were put in force: who applied which, and what they changed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from queuebit_contracts.tenant import Author
from queuebit_contracts.wire import Digest, Event, Wire, open_text

__all__ = ["Application", "AppliedChange", "ConfigApplied"]


class AppliedChange(Wire):
    """What became of one object of a document."""

    action: Annotated[str, open_text("create", "change", "remove")]
    kind: str
    """The document, such as `tenants` or `pricebook`."""
    name: str
    """The object in it, such as `tenant.acme.project.main`."""
    fields: dict[str, tuple[JsonValue, JsonValue]] = Field(default_factory=dict)
    """Each field that is not as it was: as it was and as it is; null where there was none, or is none."""


class Application(Wire):
    """A set of documents was applied. Facts about tenants in the same batch say the same of tenants."""

    by: Author
    plan: Digest
    """The digest of the plan: of the documents, and of what was in force."""
    commit: str | None = Field(default=None, max_length=100)
    """The commit of the work tree that held the documents; `-dirty` follows where files differed from it."""
    documents: dict[str, Digest] = Field(default_factory=dict)
    """The digest of each document that is in force now, by kind."""
    changes: tuple[AppliedChange, ...] = ()
    omitted: int = Field(default=0, ge=0)
    """How many further changes there were; an event has room for about 90 KB of them."""


class ConfigApplied(Event[Application]):
    """Documents were put in force."""

    type: Literal["qb.config.applied.v1"] = "qb.config.applied.v1"
