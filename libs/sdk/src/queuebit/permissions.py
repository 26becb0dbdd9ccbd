"""What the server does not let a user do, in the user's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from queuebit.credentials import Credential
from queuebit.errors import Forbidden, Reason, Refused

__all__ = ["permitted"]


@contextmanager
def permitted(credential: Credential, what: str) -> Iterator[None]:
    """Do `what`, which every user may do who is no viewer.

    Raises:
        Refused: the server does not let this user do it; the text names the role that may.
    """
    try:
        yield
    except Forbidden as error:
        who = f"{credential.user} is a viewer of {credential.tenant}"
        command = f"qb tenant user role {credential.tenant} {credential.user} member"
        text = f"{who} and may not {what}: ask an operator for the role member (`{command}`)"
        raise Refused([Reason("forbidden", text)]) from error
