"""Requests to the broker that a user signs: the caller sends the signature, or the key of its token signs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from queuebit_contracts.admission import Signature
from queuebit_contracts.wire import Wire
from queuebit_gateway.callers import Caller
from queuebit_gateway.problems import Problem

__all__ = ["signed_request"]

_Request = TypeVar("_Request", bound=Wire)
"""With a field `proof`, a signature of all the others."""


def signed_request(
    caller: Caller, kind: type[_Request], fields: Mapping[str, object], proof: Signature | None
) -> _Request:
    """Return a signed request to the broker.

    Args:
        caller: its token signs, if it has one and sends no signature.
        kind: the request.
        fields: all of it but the signature.
        proof: the signature that the caller sends; None without one.

    Raises:
        Problem: nothing signs it.
    """
    unsigned = kind.model_validate({**fields, "proof": {"key": "", "signature": ""}})
    if proof is None and caller.signer is not None:
        proof = caller.signer(unsigned.model_dump(mode="json", exclude_none=True, exclude={"proof"}))
    if proof is None:
        step = f"sign the canonical JSON of `{kind.__name__}` without `proof`, and send `proof`; or use a token"
        raise Problem(422, "unsigned", "a request without a token needs a signed request to the broker", step)
    return unsigned.model_copy(update={"proof": proof})
