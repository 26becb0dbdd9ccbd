"""The form of everything that crosses the bus."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, StrictInt
from pydantic.fields import FieldInfo

from queuebit_kernel import Money, event_id, rfc3339

__all__ = [
    "DIGEST",
    "INLINE_LIMIT",
    "NAME",
    "VALUES",
    "Amount",
    "DecimalText",
    "Digest",
    "Event",
    "Moment",
    "Name",
    "Payload",
    "Reason",
    "Sentence",
    "UnknownEvent",
    "Wire",
    "open_text",
]

NAME = r"^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$"
DIGEST = r"^sha256:[0-9a-f]{64}$"

INLINE_LIMIT = 16_384
"""Bytes of the largest content that an event carries itself."""

Name = Annotated[str, Field(pattern=NAME)]
"""One token of a subject: a tenant, project, user, job or backend."""

Digest = Annotated[str, Field(pattern=DIGEST)]
"""SHA-256 of content, as `sha256:<hex>`."""

DecimalText = Annotated[str, Field(pattern=r"^-?[0-9]{1,18}(\.[0-9]{1,18})?$")]
"""An exact decimal as text: JSON numbers would be read as floats."""


def _has_utc(moment: datetime) -> datetime:
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is outside the years 1 to 9999 in UTC: give another time") from None
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_has_utc), PlainSerializer(rfc3339, return_type=str, when_used="json")]
"""An instant, in UTC with microseconds."""


_MAX_SENTENCE = 500


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SENTENCE else text[: _MAX_SENTENCE - 1] + "…"


Sentence = Annotated[str, AfterValidator(_cut)]
"""Text for people. It may quote other users' text, so writers and readers cut it to 500 characters."""


VALUES = "x-values"
"""Keyword of a published schema: the values that this version writes into a text that may grow."""


def open_text(*values: str) -> FieldInfo:
    """A text with documented values, to which later versions may add.

    A reader takes any text. Code that meets a value it does not know denies: it never grants, runs or charges by it.
    """
    documented: FieldInfo = Field(json_schema_extra={VALUES: [*values]})
    return documented


class Wire(BaseModel):
    """Anything that crosses the bus: frozen, and ignores fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Amount(Wire):
    """Money, exact."""

    amount: DecimalText
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")

    @classmethod
    def of(cls, money: Money) -> Amount:
        """Write an amount of money for the wire."""
        return cls(amount=money.text(), currency=money.currency)

    @property
    def money(self) -> Money:
        """The amount to compute with."""
        return Money.of(self.amount, self.currency)


class Reason(Wire):
    """Why something was refused or failed: `code` for machines, `text` for people."""

    code: str
    text: Sentence


class Payload(Wire):
    """Content by digest: inside the event up to 16 KiB, in the payload store beyond."""

    digest: Digest
    size: StrictInt = Field(ge=0)
    """Bytes of the content, UTF-8 where it is text."""
    media_type: str
    inline: str | None = Field(default=None, max_length=INLINE_LIMIT)
    """The content itself when it is small text; absent means: read it from the payload store."""


_D = TypeVar("_D", bound=Wire)


class Event(Wire, Generic[_D]):
    """A CloudEvents 1.0 document in structured JSON form."""

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(default_factory=event_id, min_length=1, max_length=64)
    source: str
    """The author: `qb/<service>`, or `qb/client`."""
    type: str
    time: Moment = Field(default_factory=lambda: datetime.now(UTC))
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = None
    """W3C trace context in which the event was created. Says nothing about who sent it."""
    provenanceid: str | None = None
    """Digest of the submission that led here; the receipt names the same digest."""
    data: _D

    def to_bytes(self) -> bytes:
        """Return the document for the wire, without absent fields."""
        return self.model_dump_json(exclude_none=True).encode()


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """A document of a type that this version does not know: a later version, or another service, wrote it.

    It is not an `Event`, so that no code takes its data for granted. Readers pass over it; the message counts, and
    guards on its sequence hold.
    """

    type: str
    subject: str
    """Its subject; empty if the reader does not give it."""
    raw: bytes
    """The whole document, as it was published."""
