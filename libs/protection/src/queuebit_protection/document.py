"""The document `protection`: rules about what may be in submissions and outputs (`protection.toml` of a home)."""

from __future__ import annotations

import tomllib
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from queuebit_protection.detectors import compiled

__all__ = ["EXAMPLE", "FIELDS", "ProtectionDocument", "ProtectionRule", "parse_protection"]

_Name = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$")]

_Field = Literal["names", "purpose", "parameters", "source"]
"""`names`: labels, tags, workload classes and idempotency keys · `purpose`: purposes and reasons · `parameters`: those
of hybrid jobs · `source`: circuits, programs and Python files, with their comments and names."""

FIELDS: Final[tuple[_Field, ...]] = ("names", "purpose", "parameters", "source")

_Builtin = Literal["access_key", "email", "iban", "payment_card", "private_key", "us_ssn"]

EXAMPLE: Final = """\
# What may not be in submissions, and what is masked in outputs. Without rules nothing is looked at.

[rule.keys]
builtin = "private_key"      # or access_key, email, iban, payment_card, us_ssn
action = "block"             # the submission is refused; "flag": its acceptance names the rule

# [rule.patient]
# pattern = 'MRN-[0-9]{8}'   # a pattern of RE2
# action = "mask"            # in logs and metrics of hybrid jobs
# tenants = ["clinic"]       # empty: all
"""
"""A document to begin with."""


def _pattern(text: str) -> str:
    compiled(text)
    return text


class ProtectionRule(BaseModel):
    """What is looked for, where, and what follows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    builtin: _Builtin | None = None
    """A detector that is built in; a rule has this or `pattern`."""
    pattern: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_pattern)] | None = None
    """A pattern of RE2: without look-around and back-references, so that its time is linear in the text."""
    action: Literal["block", "flag", "mask"]
    """`block`: the submission is refused · `flag`: its acceptance names the rule · `mask`: the match is replaced in the
    logs and metrics of hybrid jobs, before they are stored."""
    fields: tuple[_Field, ...] = FIELDS
    """Where it looks; a rule that masks looks at outputs alone, because the author signed everything else."""
    tenants: tuple[_Name, ...] = Field(default=(), max_length=256)
    """The tenants that it is about; empty: all."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.builtin is None) == (self.pattern is None):
            raise ValueError("a rule has builtin or pattern: give one of them")
        if not self.fields:
            raise ValueError(f"fields is empty, so that the rule looks nowhere: name some of {', '.join(FIELDS)}")
        if self.action == "mask" and "fields" in self.model_fields_set and self.fields != FIELDS:
            raise ValueError(
                "a rule that masks looks at outputs alone, because a submission is signed by its author: leave out "
                "fields, or block or flag there"
            )
        return self


class ProtectionDocument(BaseModel):
    """All rules."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: dict[_Name, ProtectionRule] = Field(default_factory=dict, max_length=64)
    """By a name for people: refusals, acceptances and masks name it."""


def parse_protection(text: str) -> ProtectionDocument:
    """Read the document.

    Raises:
        ValueError: it is not TOML, or breaks the rules; the text says where.
    """
    try:
        return ProtectionDocument.model_validate(tomllib.loads(text))
    except ValidationError as error:
        faults = (
            f"{'.'.join(map(str, it['loc']))}: {it['msg'].removeprefix('Value error, ')}" for it in error.errors()
        )
        raise ValueError("; ".join(faults)) from None
