"""Explains refusals of the server in terms of roles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from queuebit.credentials import Credential
from queuebit.errors import Forbidden, Reason, Refused
from queuebit_contracts.roles import need_text

__all__ = ["permitted"]


@contextmanager
def permitted(credential: Credential, what: str) -> Iterator[None]:
    """Run a block that needs the role submitter or admin; `what` names the action.

    Raises:
        Refused: this user may not do it; the text names the required role.
    """
    try:
        yield
    except Forbidden as error:
        who = f"the role of {credential.user} in {credential.tenant}"
        command = f"qb tenant user role {credential.tenant} {credential.user} submitter"
        text = f"{who} does not permit to {what}: ask an operator for {need_text('submit')} (`{command}`)"
        raise Refused([Reason("forbidden", text)]) from error
