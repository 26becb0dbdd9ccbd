"""References to secrets: where a secret is, in the place of the secret itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field

__all__ = ["Reference", "secret_at"]

_FORM: Final = re.compile(r"(file):(/[^\0]+)|(env):([A-Za-z_][A-Za-z0-9_]*)|(vault):([^#\s]+#[^#\s]+)")
_FORMS: Final = "file:/run/secrets/NAME, env:NAME or vault:PATH#FIELD"


def _reference(text: str) -> str:
    if _FORM.fullmatch(text.replace("{user}", "user")) is None:
        raise ValueError(f"it must say where the secret is, and never be the secret: write {_FORMS}")
    return text


Reference = Annotated[str, AfterValidator(_reference), Field(examples=["file:/run/secrets/routes"])]
"""`file:` and a whole path, `env:` and a variable, or `vault:` with a path and a field. `{user}` stands for the name of
the user whose secret it is; in the name of a variable, with `_` for what no such name may have."""


def secret_at(
    reference: str,
    user: str,
    *,
    environment: Mapping[str, str],
    read_file: Callable[[str], str],
    read_vault: Callable[[str], str],
) -> str:
    """The secret that a reference names.

    Args:
        reference: a `Reference`.
        user: whose secret it is, for `{user}`.
        environment: the variables of `env:`.
        read_file: reads a file by its path.
        read_vault: reads a field, by `PATH#FIELD`.

    Raises:
        ValueError: it is no reference, or the variable is not set.
        OSError: as the readers do.
    """
    kind, _, where = _reference(reference).partition(":")
    where = where.replace("{user}", re.sub(r"\W", "_", user) if kind == "env" else user)
    if kind == "file":
        return read_file(where)
    if kind == "vault":
        return read_vault(where)
    if not (value := environment.get(where, "")):
        raise ValueError(f"the variable {where} is not set, and the deployment names it for a secret of {user}")
    return value
