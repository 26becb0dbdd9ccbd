"""Explains refusals of the server in terms of roles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from queuebit.credentials import Credential
from queuebit.errors import Forbidden, Reason, Refused

__all__ = ["permitted"]


@contextmanager
def permitted(credential: Credential, what: str) -> Iterator[None]:
    """Run a block that needs the role member or admin; `what` names the action.

    Raises:
        Refused: this user may not do it; the text names the required role.
    """
    try:
        yield
    except Forbidden as error:
        who = f"{credential.user} is a viewer of {credential.tenant}"
        command = f"qb tenant user role {credential.tenant} {credential.user} member"
        text = f"{who} and may not {what}: ask an operator for the role member (`{command}`)"
        raise Refused([Reason("forbidden", text)]) from error
