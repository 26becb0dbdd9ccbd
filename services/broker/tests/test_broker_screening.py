"""What data protection refuses before it is stored, and what it flags, without saying what it found."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_broker.screening import Screening
from queuebit_contracts.command import CancelJob, CancelRequest
from queuebit_contracts.job import JobAccepted, JobSubmitted
from queuebit_contracts.program import PROGRAM
from queuebit_contracts.wire import Payload
from queuebit_kernel import digest
from queuebit_protection import Rules, parse_protection
from queuebit_runtime.intake import Write
from queuebit_runtime.payloads import CHUNK, describe
from queuebit_testing.build import submitted
from queuebit_testing.memory import MemoryPayloads

from .broker_office import Office

CARD = "4111 1111 1111 1111"
RULES = """
[rule.card]
builtin = "payment_card"
action = "block"

[rule.mrn]
pattern = "MRN-[0-9]{4}"
action = "flag"
"""


def screening(store: MemoryPayloads | None = None) -> Screening:
    return Screening(Rules(parse_protection(RULES)), store or MemoryPayloads())


def write(event: JobSubmitted | CancelJob | None, body: bytes = b"") -> Write:
    return Write("a subject", body, {}, event)


def job(**fields: object) -> JobSubmitted:
    event = submitted("k")
    return event.model_copy(update={"data": event.data.model_copy(update=fields)})


@pytest.mark.parametrize(
    ("event", "where"),
    [
        (job(purpose=f"refund {CARD}"), "its purpose or reason"),
        (job(label=CARD), "its label, tags or key"),
        (job(key=CARD), "its label, tags or key"),
        (job(circuit=describe(f"// {CARD}".encode(), "text/x-openqasm")), "its source"),
        (job(circuit=describe(b'{"note": "4111\\u00201111 1111 1111"}', PROGRAM)), "its source"),
    ],
)
async def test_a_submission_is_refused_with_rule_and_field(event: JobSubmitted, where: str) -> None:
    why = await screening().refusal("acme", write(event))
    assert why == f"data protection: rule card finds something in {where}; remove it, and submit again"


async def test_a_reason_of_a_cancel_request_is_refused() -> None:
    asked = submitted("k").data
    event = CancelJob(source="t", data=CancelRequest(tenant="acme", job=asked.job, reason=CARD, proof=asked.proof))
    assert "its purpose or reason" in str(await screening().refusal("acme", write(event)))


async def test_a_large_circuit_is_read_from_the_store_also_across_chunks() -> None:
    content = b"/" * (CHUNK - 6) + b" " + CARD.encode() + b"\n" * 10
    event, store = job(circuit=describe(content, "text/x-openqasm")), MemoryPayloads()
    await store.put("acme", content, "text/x-openqasm")
    assert await screening().refusal("acme", write(None, content[:CHUNK])) is None, "no chunk has all of it"
    assert "its source" in str(await screening(store).refusal("acme", write(event)))


async def test_a_source_that_is_not_stored_is_refused_because_it_could_come_later_in_harmless_chunks() -> None:
    event = job(circuit=Payload(digest=digest(b"later"), size=5, media_type=PROGRAM))
    why = await screening().refusal("acme", write(event))
    assert why is not None
    assert why.startswith("data protection cannot search the source: ")
    of_names = Rules(parse_protection('[rule.card]\nbuiltin = "payment_card"\naction = "block"\nfields = ["names"]'))
    assert await Screening(of_names, MemoryPayloads()).refusal("acme", write(event)) is None, "no rule reads it"


async def test_a_chunk_is_refused_before_it_is_stored() -> None:
    assert "its source" in str(await screening().refusal("acme", write(None, CARD.encode())))


async def test_a_flag_refuses_nothing_and_names_the_rule() -> None:
    event = job(purpose="MRN-1234", label="MRN-1234")
    assert await screening().refusal("acme", write(event)) is None
    assert await screening().flags(event) == ("mrn:names", "mrn:purpose")
    assert await screening().flags(job(purpose="a bell pair")) is None
    unread = Payload(digest=digest(b"erased"), size=6, media_type=PROGRAM)
    assert await screening().flags(job(purpose="MRN-1234", circuit=unread)) == ("mrn:purpose",)


@pytest.mark.parametrize("erasable", [False, True])
async def test_an_acceptance_says_whether_the_result_must_be_erasable(office: Office, erasable: bool) -> None:
    await office.open()
    tenants = office.world.directory.document()
    acme = tenants.tenant["acme"].model_copy(update={"erasable": erasable})
    office.world.directory = type(office.world.directory)(
        tenants.model_copy(update={"tenant": {**tenants.tenant, "acme": acme}})
    )
    await office.deliver(await office.submit())
    assert office.log.events(JobAccepted)[0].data.erasable is (True if erasable else None)
    assert (office.world.erasable("acme"), office.world.erasable("unknown")) == (erasable, False)


async def test_an_acceptance_has_the_flags(office: Office) -> None:
    office.screening = screening()
    office.restart()
    await office.open()
    await office.deliver(await office.submit(purpose="MRN-1234"))
    assert office.log.events(JobAccepted)[0].data.flags == ("mrn:purpose",)


@given(st.text(max_size=80), st.sampled_from(["purpose", "label"]))
async def test_a_refusal_and_the_log_never_have_the_text(around: str, field: str) -> None:
    found = await screening().refusal("acme", write(job(**{field: f"{around} {CARD} {around}"})))
    assert found is not None
    assert CARD not in json.dumps(found)
