"""Turning what a person asks for into a signed submission."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from queuebit.credentials import Credential
from queuebit.errors import InvalidInput
from queuebit_contracts.job import JobSubmitted, Proof, Submission
from queuebit_contracts.wire import Payload
from queuebit_kernel import Money, digest_of, event_id, job_id, new_key
from queuebit_runtime.keys import public_key, sign
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["MAX_SOURCE_BYTES", "MEDIA_TYPE", "content_digest", "read_source", "submission"]

MEDIA_TYPE = "text/x-openqasm"

MAX_SOURCE_BYTES = 1 << 20
"""The largest source the platform takes."""


def read_source(circuit: str | Path) -> bytes:
    """The bytes of an OpenQASM source: a `Path` is read, a `str` is the source itself.

    Raises:
        InvalidInput: there is no such file, or it cannot be a source.
    """
    name = str(circuit) if isinstance(circuit, Path) else "the circuit"
    if isinstance(circuit, Path):
        try:
            size = circuit.stat().st_size
            if size > MAX_SOURCE_BYTES:
                raise InvalidInput(f"{name} has {size:,} bytes: the largest source taken is 1 MiB")
            content = circuit.read_bytes()
        except FileNotFoundError as error:
            raise InvalidInput(f"there is no file {name}") from error
        except OSError as error:
            raise InvalidInput(f"{name} cannot be read: {error.strerror}") from error
    elif circuit.endswith(".qasm") and not {*"\n;"} & {*circuit}:
        raise InvalidInput(f"{circuit} is the name of a file, not a source: give Path({circuit!r})")
    else:
        content = circuit.encode()
    if len(content) > MAX_SOURCE_BYTES:
        raise InvalidInput(f"{name} has {len(content):,} bytes: the largest source taken is 1 MiB")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{name} is not text (byte {error.start}): give OpenQASM 2 or 3 source") from error
    if "\0" in text:
        raise InvalidInput(f"{name} is a binary file: give OpenQASM 2 or 3 source")
    if not text.strip():
        raise InvalidInput(f"{name} is empty: give OpenQASM 2 or 3 source")
    return content


def submission(
    credential: Credential,
    circuit: Payload,
    *,
    shots: int,
    project: str | None,
    backend: str | None,
    purpose: str,
    label: str,
    key: str | None,
    max_cost: Money | str | None,
    seed: int | None,
) -> JobSubmitted:
    """Build the event, signed with the credential.

    Raises:
        InvalidInput: a value cannot be sent.
    """
    key = new_key() if key is None else key
    job = job_id(credential.tenant, key)
    asked = {
        "tenant": credential.tenant,
        "project": project or credential.project,
        "job": job,
        "key": key,
        "purpose": purpose,
        "label": label,
        "circuit": circuit,
        "shots": shots,
        "backend": backend,
        "max_cost": None if max_cost is None else _amount(max_cost),
        "seed": seed,
    }
    if not asked["project"]:
        raise InvalidInput("no project is named, and the credential has no default: say which project pays")
    if isinstance(shots, bool) or not isinstance(shots, int) or abs(shots) >= 2**53:
        raise InvalidInput(f"shots must be a whole number below 2^53, not {shots!r:.40}")
    unsigned = Proof(key=public_key(credential.seed), signature="-" * 86)
    try:
        draft = Submission.model_validate({**asked, "proof": unsigned})
    except ValidationError as error:
        raise InvalidInput("; ".join(f"{_name(it['loc'])}: {it['msg']}" for it in error.errors())) from error
    content = draft.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    proof = Proof(key=unsigned.key, signature=sign(credential.seed, content))
    return JobSubmitted(
        id=event_id("qb.job.submitted.v1", credential.tenant, job, digest_of(content)),
        source="qb/client",
        traceparent=current_traceparent(),
        provenanceid=digest_of(content),
        data=draft.model_copy(update={"proof": proof}),
    )


def _amount(limit: Money | str) -> dict[str, str]:
    try:
        money = Money.of(limit) if isinstance(limit, str) else limit
    except (ArithmeticError, ValueError) as error:
        raise InvalidInput(f"max_cost {limit!r} is no amount of money: write it as '1.50'") from error
    return {"amount": money.text(), "currency": money.currency}


def content_digest(asked: Submission) -> str:
    """What makes two submissions the same: everything asked for, whoever signed it and whatever it is called."""
    return digest_of(asked.model_dump(mode="json", exclude_none=True, exclude={"proof", "label"}))


def _name(path: tuple[int | str, ...]) -> str:
    return ".".join(map(str, path)) or "submission"
