"""Reads `costs.toml`: which vendors are asked for their costs, and with which credentials."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = ["Aws", "Azure", "BadCosts", "Costs", "Ibm", "Ionq", "read_costs"]

_Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
_Url = Annotated[str, Field(pattern=r"^https?://[^\s?#]+$", max_length=200)]
_Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]+$", max_length=200)]


class BadCosts(ValueError):
    """`costs.toml` cannot be used; the text has all that is wrong with it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: _Currency = "USD"
    """What the vendor bills in; an answer in another one is not taken."""


class Ionq(_Part):
    """IonQ."""

    organization: _Word
    key_file: Path
    url: _Url = "https://api.ionq.co/v0.4"


class Aws(_Part):
    """AWS Cost Explorer. Each request costs 0.01 USD at AWS."""

    access_key_id_file: Path
    secret_access_key_file: Path
    session_token_file: Path | None = None
    service: str = "Amazon Braket"
    region: _Word = "us-east-1"
    url: _Url = "https://ce.us-east-1.amazonaws.com"


class Azure(_Part):
    """Azure Cost Management, as an application of Microsoft Entra."""

    tenant_id: _Word
    client_id: _Word
    client_secret_file: Path
    scope: str = Field(pattern=r"^[A-Za-z0-9._/-]+$")
    """As in `subscriptions/00000000-0000-0000-0000-000000000000`."""
    service: str = "Azure Quantum"
    url: _Url = "https://management.azure.com"
    login_url: _Url = "https://login.microsoftonline.com"


class Ibm(_Part):
    """IBM Cloud usage reports."""

    account: _Word
    key_file: Path
    resource: str = "quantum-computing"
    url: _Url = "https://billing.cloud.ibm.com"
    iam_url: _Url = "https://iam.cloud.ibm.com"


class Costs(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    poll_minutes: int = Field(default=30, ge=1, le=1440)
    days: int = Field(default=7, ge=1, le=31)
    """How many days back each poll asks for: vendors change the numbers of past days."""
    ionq: Ionq | None = None
    aws: Aws | None = None
    azure: Azure | None = None
    ibm: Ibm | None = None


def read_costs(path: Path) -> Costs:
    """Read the file.

    Raises:
        BadCosts: it cannot be read, or is wrong.
    """
    try:
        return Costs.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadCosts(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        text = "; ".join(f"{'.'.join(map(str, it['loc']))}: {it['msg']}" for it in faults)
        raise BadCosts(f"{path}: {text}") from error
