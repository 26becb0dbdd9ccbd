"""Requests that schemathesis makes from the OpenAPI document, to the gateway of a running stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import booleans
from requests import Session

from queuebit_gateway.openapi import document
from queuebit_gateway.operations import OPERATIONS, Operation
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

if TYPE_CHECKING:  # the import takes a second, also where this file is only collected
    from schemathesis import BaseSchema, Case

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

EXAMPLES = 8
"""Requests for each operation that takes anything."""

ENDING = [it for it in OPERATIONS if it.media_type != "text/event-stream"]
"""Without the streams, which end after an hour; they have tests of their own."""


class Door(NamedTuple):
    """The gateway, with what a tenant has behind it."""

    url: str
    session: Session
    known: dict[str, str]
    """Path parameters that lead to something."""


@pytest.fixture(scope="module")
def schema() -> BaseSchema:
    """The document, as schemathesis reads it."""
    import schemathesis

    return schemathesis.openapi.from_dict(document())


@pytest.fixture(scope="module")
def door(stack: EmbeddedStack) -> Iterator[Door]:
    """A door for a tenant of its own, with a token that may submit, and one job with a receipt."""
    stack.qb("tenant", "add", "generated", "--budget", "100")
    words = ("token", "--for", "10m", "--scope", "submit", "--project", "main", "--tenant", "generated")
    with Session() as session:
        session.headers["Authorization"] = f"Bearer {stack.ask(*words)['access_token']}"
        url = stack.listens("gateway")
        body: Any = {"circuit": BELL, "shots": 100, "backend": "aer"}
        first = session.post(f"{url}/v1/jobs?until=sealed", json=body, headers={"Prefer": "wait=30"}, timeout=40)
        job = first.json()
        assert job.get("sealed"), job
        yield Door(url, session, {"job": job["job"], "backend": "aer"})


@pytest.mark.parametrize("operation", ENDING, ids=[it.name for it in ENDING])
def test_every_answer_is_in_the_document(operation: Operation, schema: BaseSchema, door: Door) -> None:
    """Not that each request which the schema permits succeeds: no schema can say that a circuit parses, that an event
    is signed or that a payload has the digest of its address. The answer is then a 422, which is in the document."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    varied = operation.in_path or operation.parameters or operation.bodies
    conforming = [checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance]

    @settings(
        max_examples=EXAMPLES if varied else 1,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(case=schema[operation.path][operation.method].as_strategy(), known=booleans())
    def send(case: Case[Any], known: bool) -> None:
        if known:
            case.path_parameters |= {name: door.known.get(name, it) for name, it in case.path_parameters.items()}
        answer = case.call(base_url=door.url, session=door.session, timeout=20)
        case.validate_response(answer, checks=[not_a_server_error, *conforming])

    send()
