"""Who invoices whom: `invoice.toml` of a home."""

from __future__ import annotations

import tomllib

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from queuebit_billing import Heading, Party
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home

__all__ = ["heading_of"]


class _Headings(BaseModel):
    """`invoice.toml` of a home."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seller: Party = Party()
    terms: str = Field(default="", max_length=1000)
    buyer: dict[str, Party] = Field(default_factory=dict)
    """By tenant."""


def heading_of(home: Home, tenant: str) -> Heading:
    """Who invoices whom, on which terms: as `invoice.toml` of the home says, if there is one.

    Raises:
        Stop: the file cannot be used.
    """
    path = home.invoice_file
    try:
        found = _Headings.model_validate(tomllib.loads(path.read_text()) if path.exists() else {})
    except (ValidationError, ValueError, OSError) as error:
        raise Stop(Exit.USAGE, f"{path} cannot be used: {error}") from error
    return Heading(found.seller, found.buyer.get(tenant, Party(name=tenant)), found.terms)
