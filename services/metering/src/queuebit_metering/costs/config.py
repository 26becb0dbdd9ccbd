"""Reads `costs.toml`: which vendors are asked for their costs, and with which credentials."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from queuebit_metering.costs.credentials import WAYS, Credential, Vault, credential_of

__all__ = ["Aws", "AwsReport", "Azure", "BadCosts", "Costs", "Ibm", "Ionq", "read_costs"]

_Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
_Url = Annotated[str, Field(pattern=r"^https?://[^\s?#]+$", max_length=200)]
_Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]+$", max_length=200)]
_Folder = Annotated[str, Field(pattern=r"^[A-Za-z0-9!_.*'()/-]*$", max_length=200)]
_Bucket = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]


class BadCosts(ValueError):
    """`costs.toml` cannot be used; the text has all that is wrong with it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    credentials: ClassVar[tuple[str, ...]] = ()
    """Fields that are written as `NAME_file`, `NAME_variable` or `NAME_vault`."""

    currency: _Currency = "USD"
    """What the vendor bills in; an answer in another one is not taken."""

    @model_validator(mode="before")
    @classmethod
    def _one_field_for_each_credential(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        found = {key: it for key, it in values.items() if key != "store"}
        for name in cls.credentials:
            if (credential := credential_of(values, name, values.get("store"))) is not None:
                found[name] = credential
            for way in WAYS:
                found.pop(f"{name}_{way}", None)
        return found


class Ionq(_Part):
    """IonQ: the usage of an organization, or else the cost of each job of the key's project."""

    credentials = ("key",)

    key: Credential
    organization: _Word | None = None
    url: _Url = "https://api.ionq.co/v0.4"


class _AwsKeys(_Part):
    credentials = ("access_key_id", "secret_access_key", "session_token")

    access_key_id: Credential
    secret_access_key: Credential
    session_token: Credential | None = None
    region: _Word = "us-east-1"


class Aws(_AwsKeys):
    """AWS Cost Explorer. Each request costs 0.01 USD at AWS."""

    service: str = "Amazon Braket"
    url: _Url = "https://ce.us-east-1.amazonaws.com"


class AwsReport(_AwsKeys):
    """A Cost and Usage Report that AWS writes into a bucket, in gzip and CSV; it is read instead of Cost Explorer."""

    bucket: _Bucket
    prefix: _Folder = ""
    report: _Word
    """The name of the report or export."""
    legacy: bool = False
    """Whether it is a legacy report; by default, an export of CUR 2.0."""
    url: _Url = "https://s3.us-east-1.amazonaws.com"


class Azure(_Part):
    """Azure Cost Management, as an application of Microsoft Entra."""

    credentials = ("client_secret",)

    tenant_id: _Word
    client_id: _Word
    client_secret: Credential
    scope: str = Field(pattern=r"^[A-Za-z0-9._/-]+$")
    """As in `subscriptions/00000000-0000-0000-0000-000000000000`."""
    service: str = "Azure Quantum"
    url: _Url = "https://management.azure.com"
    login_url: _Url = "https://login.microsoftonline.com"


class Ibm(_Part):
    """IBM Cloud usage reports."""

    credentials = ("key",)

    account: _Word
    key: Credential
    resource: str = "quantum-computing"
    url: _Url = "https://billing.cloud.ibm.com"
    iam_url: _Url = "https://iam.cloud.ibm.com"


class Costs(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    poll_minutes: int = Field(default=30, ge=1, le=1440)
    days: int = Field(default=7, ge=1, le=31)
    """How many days back each poll asks for: vendors change the numbers of past days."""
    vault: Vault | None = None
    ionq: Ionq | None = None
    aws: Aws | None = None
    aws_report: AwsReport | None = None
    azure: Azure | None = None
    ibm: Ibm | None = None

    @model_validator(mode="before")
    @classmethod
    def _sections_know_the_vault(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        store = values.get("vault")
        sections = ("ionq", "aws", "aws_report", "azure", "ibm")
        return {
            key: {**it, "store": store} if key in sections and isinstance(it, Mapping) else it
            for key, it in values.items()
        }

    @model_validator(mode="after")
    def _one_number_of_aws(self) -> Costs:
        if self.aws is not None and self.aws_report is not None:
            raise ValueError("aws and aws_report state the same days: keep one of them")
        return self


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
