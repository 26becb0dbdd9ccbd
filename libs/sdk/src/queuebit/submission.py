"""Builds signed submissions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from queuebit.amounts import Amount, money_of
from queuebit.credentials import Credential
from queuebit.errors import Conflict, InvalidInput, Unreachable
from queuebit.exporting import name_of
from queuebit.inputs import one_line, plain_name, whole_number
from queuebit.log_client import Entry, LogClient
from queuebit.named_circuits import NamedCircuit
from queuebit.payloads import Payloads
from queuebit.programs import Item, Sweep
from queuebit.signing import UNSIGNED, proof_of
from queuebit.text import visible
from queuebit_contracts.admission import CircuitVersion, DataSet
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import MOST_PRIORITY, JobSubmitted, Signature, Submission
from queuebit_contracts.limits import JobLimits
from queuebit_contracts.program import PROGRAM, read_program
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import Amount as WireAmount
from queuebit_contracts.wire import Payload
from queuebit_kernel import Json, digest_of, event_id, job_id, new_key
from queuebit_runtime.trace_context import current_traceparent

__all__ = [
    "annotations_of",
    "content_digest",
    "label_of",
    "outside_events",
    "repeated",
    "replayed",
    "same_submission",
    "submission",
    "tags_of",
    "with_tag",
    "work_digest",
]

_LONGEST_KEY, _LONGEST_TEXT, _MOST_TAGS = 128, 200, 8


def label_of(circuit: object) -> str:
    """The default label of a job: the name of its file or circuit."""
    if isinstance(circuit, Sweep | Item):
        return label_of(circuit.circuit)
    if isinstance(circuit, NamedCircuit):
        return str(circuit)
    name = circuit.name if isinstance(circuit, Path) else name_of(circuit)
    return visible(" ".join(name.split()))[:_LONGEST_TEXT]


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
    max_cost: Amount | None,
    seed: int | None,
    tags: Sequence[str] = (),
    workload_class: str | None = None,
    session: str | None = None,
    fallback: bool = True,
    alone: bool = False,
    spot: bool = False,
    objective: str | None = None,
    limits: JobLimits | None = None,
    priority: int | None = None,
    rerun_of: str | None = None,
    calibration: Payload | None = None,
    reservation: str | None = None,
    inputs: Sequence[DataSet] = (),
    circuit_version: CircuitVersion | None = None,
    sign: Callable[[Json], Signature] | None = None,
) -> JobSubmitted:
    """Build the event, signed with the credential, or by `sign`. Names of backends ignore case.

    Raises:
        InvalidInput: a value cannot be sent.
    """
    key = new_key() if key is None else one_line("key", key, _LONGEST_KEY)
    if not key:
        raise InvalidInput("the key is empty: leave it out, or give 1 to 128 characters")
    project = project or credential.project
    if not project:
        raise InvalidInput("no project is named, and the credential has no default: name the project that pays")
    job = job_id(credential.tenant, key)
    draft = Submission(
        tenant=credential.tenant,
        project=plain_name("project", project),
        job=job,
        key=key,
        purpose=one_line("purpose", purpose, _LONGEST_TEXT),
        label=one_line("label", label, _LONGEST_TEXT),
        circuit=circuit,
        shots=whole_number("shots", shots, 1),
        backend=None if backend is None else plain_name("backend", str(backend).lower()),
        max_cost=None if max_cost is None else WireAmount.of(money_of(max_cost)),
        seed=None if seed is None else whole_number("seed", seed, 0),
        tags=_tags(tags),
        workload_class=None if workload_class is None else plain_name("class", workload_class),
        session=None if session is None else plain_name("session", session),
        fallback=None if fallback else False,
        alone=True if alone else None,
        spot=True if spot else None,
        objective=None if objective is None else plain_name("objective", objective),
        priority=None
        if priority is None
        else whole_number("priority", priority, -MOST_PRIORITY, MOST_PRIORITY) or None,
        rerun_of=rerun_of,
        calibration=calibration,
        reservation=None if reservation is None else plain_name("reservation", reservation),
        limits=limits,
        inputs=tuple(inputs) or None,
        circuit_version=circuit_version,
        proof=UNSIGNED,
    )
    return _signed(credential, draft, sign)


def outside_events(credential: Credential, asked: Submission) -> JobSubmitted:
    """The same submission, signed again, with its circuit in the payload store, however small."""
    circuit = asked.circuit.model_copy(update={"inline": None})
    return _signed(credential, asked.model_copy(update={"circuit": circuit}), None)


def _signed(credential: Credential, draft: Submission, sign: Callable[[Json], Signature] | None) -> JobSubmitted:
    content = draft.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    digest = digest_of(content)
    proof = sign(content) if sign else proof_of(content, credential.seed, credential.delegation)
    return JobSubmitted(
        id=event_id("qb.job.submitted.v1", credential.tenant, draft.job, digest),
        source="qb/client",
        traceparent=current_traceparent(),
        provenanceid=digest,
        data=draft.model_copy(update={"proof": proof}),
    )


def repeated(credential: Credential, asked: Submission, max_cost: Amount | None) -> JobSubmitted:
    """The submission of the same work as a job of its own. It follows from the first job, so that it is one job.

    A session or a reservation is left out: it may have ended. A seed that the first job chose stays; otherwise each job
    has its own.
    """
    return submission(
        credential,
        asked.circuit,
        shots=asked.shots,
        project=asked.project,
        backend=asked.backend,
        purpose=asked.purpose,
        label=asked.label,
        key=f"rerun:{asked.job}",
        max_cost=(asked.max_cost.money if asked.max_cost else None) if max_cost is None else max_cost,
        seed=asked.seed,
        tags=asked.tags or (),
        workload_class=asked.workload_class,
        fallback=asked.fallback is not False,
        alone=asked.alone is True,
        spot=asked.spot is True,
        objective=asked.objective,
        limits=_again(asked.limits),
        priority=asked.priority,
        rerun_of=asked.job,
        inputs=asked.inputs or (),
        circuit_version=asked.circuit_version,
    )


def replayed(
    credential: Credential,
    asked: Submission,
    *,
    backend: str,
    seed: int | None,
    key: str,
    max_cost: Amount | None,
    calibration: Payload | None = None,
) -> JobSubmitted:
    """The submission of work as it ran: on that backend and no other, with that seed. Each key is a job of its own.

    With the snapshot of a calibration, an emulated device runs it under that one. What chose the backend of the first
    job is left out: its session, fallback, objective and limits.
    """
    return submission(
        credential,
        asked.circuit,
        shots=asked.shots,
        project=asked.project,
        backend=backend,
        purpose=asked.purpose,
        label=f"replay of {asked.job}",
        key=f"replay:{asked.job}:{key}",
        max_cost=(asked.max_cost.money if asked.max_cost else None) if max_cost is None else max_cost,
        seed=seed,
        tags=asked.tags or (),
        workload_class=asked.workload_class,
        fallback=False,
        alone=True,
        priority=asked.priority,
        rerun_of=asked.job,
        calibration=calibration,
        inputs=asked.inputs or (),
        circuit_version=asked.circuit_version,
    )


def content_digest(asked: Submission) -> str:
    """A digest of everything requested, without signature, label, session and deadline: equal ones mean the same job.

    A job that an earlier session paid is found again, and not paid by another. Of a deadline "in two hours" that is
    given again, the first counts. The circuit counts by its digest, inside the event or outside.
    """
    limits = None if asked.limits is None else asked.limits.model_copy(update={"deadline": None})
    circuit = asked.circuit.model_copy(update={"inline": None})
    counted = asked.model_copy(update={"limits": limits, "circuit": circuit})
    return digest_of(counted.model_dump(mode="json", exclude_none=True, exclude={"proof", "label", "session"}))


def work_digest(asked: Submission) -> str:
    """A digest of what is run: as `content_digest`, without the key, and without tags, objective, priority and
    limits."""
    named = {"label", "key", "job", "tags", "workload_class", "session", "reservation", "rerun_of"}
    named |= {"inputs", "circuit_version", "spot", "calibration"}
    without = {"proof", "max_cost", "objective", "priority", "limits", *named}
    return digest_of(asked.model_dump(mode="json", exclude_none=True, exclude=without))


def _again(limits: JobLimits | None) -> JobLimits | None:
    """The limits of a job that is run again: without the deadline, which was that of the first."""
    again = None if limits is None else limits.model_copy(update={"deadline": None})
    return None if again is None or again.empty else again


async def annotations_of(event: AnyEvent, payloads: Payloads) -> Mapping[str, object]:
    """The annotations of the program in an event that says what was submitted; empty for a single circuit."""
    if not isinstance(event, JobSubmitted):
        raise TypeError(f"the log holds a {event.type} where a submission belongs")
    circuit = event.data.circuit
    return {} if circuit.media_type != PROGRAM else read_program(await payloads.get(circuit)).annotations


async def same_submission(
    log: LogClient, event: JobSubmitted, same: Callable[[Submission], str] = content_digest
) -> Entry:
    """The stored submission of the same job.

    Raises:
        Conflict: it has other content, of which `same` is a digest.
        Unreachable: the log does not show it yet.
    """
    first = await log.last(subject_of(event))
    if first is None or not isinstance(first.event, JobSubmitted):
        raise Unreachable(f"the log does not show job {event.data.job} yet: submit again with the same key")
    if same(first.event.data) != same(event.data):
        raise Conflict(
            f"key {event.data.key!r} already names job {event.data.job} with other content: "
            "use a new key, or submit exactly what was submitted first"
        )
    return first


def tags_of(tags: Sequence[str]) -> list[str]:
    """The tags; a text is one tag."""
    return [tags] if isinstance(tags, str) else [*tags]


def with_tag(tags: Sequence[str], tag: str | None) -> Sequence[str]:
    """The tags of a job and that of its workflow, while there is room for it."""
    given = tags_of(tags)
    return given if tag is None or tag in given or len(given) >= _MOST_TAGS else [*given, tag]


def _tags(tags: Sequence[str]) -> tuple[str, ...] | None:
    """Each tag once, as they were given; None where there is none."""
    named = tuple(dict.fromkeys(plain_name("tag", it) for it in tags_of(tags)))
    if len(named) > _MOST_TAGS:
        raise InvalidInput(f"{len(named)} tags are too many: give at most {_MOST_TAGS}")
    return named or None
