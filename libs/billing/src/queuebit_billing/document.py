"""The document of an invoice: the one truth, of which CSV, FOCUS and PDF are renderings.

It follows from the log, the price book and its bounds alone. It has no time of its own: the same bounds give the same
bytes.
"""

from __future__ import annotations

import base64
import zlib
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from queuebit_contracts.invoice import MAX_DOCUMENT_BYTES, PeriodName
from queuebit_contracts.wire import Digest, Name, Wire
from queuebit_kernel import Malformed, canonical

__all__ = ["AgreementLine", "Document", "Exact", "Frozen", "Line", "Party", "Total", "pack", "read", "unpack"]

Exact = Annotated[str, Field(pattern=r"^-?[0-9]{1,40}(\.[0-9]{1,40})?$")]
"""An exact decimal as text, without exponent or trailing zeros."""


class Party(Wire):
    """Who issues or receives invoices, in the words of the operator."""

    name: str = Field(default="", max_length=200)
    address: tuple[Annotated[str, Field(max_length=200)], ...] = Field(default=(), max_length=8)
    """Lines."""
    tax_id: str = Field(default="", max_length=100)
    contact: str = Field(default="", max_length=200)


class Frozen(Wire):
    """The two bounds of an invoice."""

    end: date
    """Usage before this day, in UTC."""
    cut: int = Field(ge=0)
    """Usage that the log stored until this sequence."""


class _Priced(Wire):
    period: PeriodName
    """The period of the jobs' first bills; of a correction, an earlier one."""
    correction: bool = False
    """Whether that period was invoiced before, so that this is a difference to that invoice."""
    project: str
    price: str
    """Immutable id of the price."""
    component: str
    currency: str
    quantity: Exact
    unit_price: Exact
    amount: Exact
    """Exactly quantity times unit price."""


class Line(_Priced):
    """Usage of one project, price, component and unit price, whose first bills are of one period."""

    unit: str
    facts: int = Field(ge=1)
    """How many usage facts are behind it."""
    events: Digest
    """SHA-256 over the ids of these facts, sorted by their bytes, with a line feed between them."""


class AgreementLine(_Priced):
    """What an agreement changes; of a correction, the difference to earlier invoices."""

    agreement: str
    kind: str
    """The part of the agreement, such as `discount`."""


class Total(Wire):
    """The sums in one currency."""

    currency: str
    usage: Exact
    """The sum over the lines."""
    agreements: Exact
    """The sum over the lines of agreements."""
    total: Exact
    """Both together, rounded half to even to a millionth: nothing else on an invoice is rounded."""


class Document(Wire):
    """An invoice."""

    version: Literal[1] = 1
    number: str
    tenant: Name
    period: PeriodName
    serial: int = Field(ge=1)
    start: date
    end: date
    cut: int = Field(ge=0)
    previous: Frozen | None = None
    """The bounds of the invoice before: what they include is not on this one. Absent on the first."""
    price_book: Digest
    seller: Party = Party()
    buyer: Party = Party()
    terms: str = Field(default="", max_length=1000)
    facts: int = Field(ge=0)
    """How many usage facts it includes, also those that cost nothing and are on no line."""
    lines: tuple[Line, ...] = ()
    agreed: tuple[AgreementLine, ...] = ()
    totals: tuple[Total, ...] = ()

    def to_bytes(self) -> bytes:
        """Canonical JSON (RFC 8785): equal documents have equal bytes."""
        return canonical(self.model_dump(mode="json", exclude_none=True))


def read(content: bytes) -> Document:
    """Read a document.

    Raises:
        Malformed: it is none, or not in canonical form.
    """
    try:
        document = Document.model_validate_json(content)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise Malformed(f"not an invoice: {'.'.join(map(str, found['loc']))} {found['msg']}".strip()) from error
    if document.to_bytes() != content:
        raise Malformed("not an invoice: its JSON is not canonical, or has fields that this version does not know")
    return document


def pack(content: bytes) -> str:
    """A document for a request, compressed."""
    return base64.b64encode(zlib.compress(content, 9)).decode()


def unpack(text: str) -> bytes:
    """The document in a request.

    Raises:
        Malformed: it is none, or larger than an invoice may be.
    """
    try:
        inflate = zlib.decompressobj()
        content = inflate.decompress(base64.b64decode(text, validate=True), MAX_DOCUMENT_BYTES)
    except (ValueError, zlib.error) as error:
        raise Malformed(f"not the document of an invoice: {error}") from error
    if not inflate.eof:
        raise Malformed(f"not the document of an invoice: cut off, or larger than {MAX_DOCUMENT_BYTES >> 20} MiB")
    return content
