"""Hard limits as people give them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from queuebit.credentials import Credential
from queuebit.errors import InvalidInput
from queuebit.limits import demands_of, limits_of, one_or_several
from queuebit.submission import content_digest, repeated, submission, work_digest
from queuebit_contracts.limits import JobLimits
from queuebit_contracts.wire import Payload
from queuebit_kernel import digest
from queuebit_runtime.keys import new_seed

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_one_backend_is_named_and_several_are_a_limit() -> None:
    assert one_or_several(None) == (None, ())
    assert one_or_several("AER") == ("aer", ())
    assert one_or_several(["aer"]) == ("aer", ())
    assert one_or_several(["aer", "Cirq", "aer"]) == (None, ("aer", "cirq"))


def test_values_are_read_exactly() -> None:
    assert limits_of() is None
    assert limits_of(min_fidelity=0.9) == JobLimits(min_esp_ppm=900_000)
    assert limits_of(min_fidelity="0.9000001") == JobLimits(min_esp_ppm=900_001)  # never less than what was asked for
    local = AT.astimezone(timezone(timedelta(hours=9)))
    assert limits_of(deadline=local, vendors="IBM", regions=("eu-de",)) == JobLimits(
        deadline=AT, vendors=("ibm",), regions=("eu-de",)
    )


def test_a_duration_begins_now() -> None:
    before = datetime.now(UTC)
    limits = limits_of(deadline=timedelta(hours=2))
    assert limits is not None
    assert limits.deadline is not None
    assert timedelta() <= limits.deadline - before - timedelta(hours=2) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"min_fidelity": 0}, "give one above 0 and at most 1"),
        ({"min_fidelity": -0.5}, "give one above 0 and at most 1"),
        ({"min_fidelity": 1.01}, "give one above 0 and at most 1"),
        ({"min_fidelity": float("nan")}, "give one above 0 and at most 1"),
        ({"min_fidelity": "high"}, "give one above 0 and at most 1"),
        ({"deadline": timedelta(0)}, "give a duration above 0"),
        ({"deadline": datetime(2026, 11, 1)}, "has no zone"),
        ({"deadline": 60}, "is not a time"),
        ({"deadline": timedelta.max}, "outside the years"),
        ({"deadline": datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))}, "outside the years"),
        ({"vendors": ["a b"]}, "vendor"),
        ({"regions": [f"r{it}" for it in range(17)]}, "give at most 16"),
    ],
)
def test_what_means_nothing_is_explained(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        limits_of(**given)
    with pytest.raises(InvalidInput, match="the list of backends is empty"):
        one_or_several([])


def test_a_plan_asks_the_same() -> None:
    none: dict[str, Any] = {"min_fidelity": None, "deadline": None, "vendors": (), "regions": ()}
    assert demands_of(None, None, **none) == {"limits": None, "max_cost": None}
    assert demands_of("aer", "1.50 EUR", **{**none, "min_fidelity": "0.9"}) == {
        "limits": {"backends": ["aer"], "min_esp_ppm": 900_000},
        "max_cost": {"amount": "1.50", "currency": "EUR"},
    }


def test_a_deadline_that_is_given_again_is_the_same_job_and_another_fidelity_is_not() -> None:
    credential = Credential("", "acme", "ann", new_seed(), "main")
    circuit = Payload(digest=digest(b"x"), size=1, media_type="text/x-openqasm", inline="x")

    def asked(limits: JobLimits | None) -> Any:  # the data of a submission
        words: dict[str, Any] = {"purpose": "p", "label": "", "key": "k", "max_cost": None, "seed": None}
        return submission(credential, circuit, shots=1, project=None, backend=None, limits=limits, **words).data

    first, later = asked(JobLimits(deadline=AT)), asked(JobLimits(deadline=AT + timedelta(seconds=5)))
    assert content_digest(first) == content_digest(later)
    assert content_digest(asked(JobLimits(min_esp_ppm=1))) != content_digest(asked(JobLimits(min_esp_ppm=2)))
    assert work_digest(first) == work_digest(asked(None))
    again = repeated(credential, asked(JobLimits(deadline=AT, min_esp_ppm=5)), None).data
    assert again.limits == JobLimits(min_esp_ppm=5)
