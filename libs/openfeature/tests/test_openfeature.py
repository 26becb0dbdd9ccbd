"""Canaries through OpenFeature's client: arms, reasons, metadata, tags, and a platform that does not answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from queuebit import Unreachable
from queuebit_experiments import arm_of
from queuebit_kernel import job_id
from queuebit_openfeature import CanaryProvider, canary_tags, job_context, new_key

LEVEL = {
    "flag": "level", "canary": "level3", "state": "running", "subject": "compiler", "baseline": 1, "candidate": 3,
    "unit": "job", "share_percent": 30,
}  # fmt: skip
ACME: Any = SimpleNamespace(credential=SimpleNamespace(tenant="acme"))


class Platform:
    """Answers what a test wants, and counts the questions."""

    def __init__(self) -> None:
        self.rows: list[Mapping[str, Any]] = [LEVEL]
        self.now = 0.0
        self.asked = 0
        self.is_down = False

    def canaries(self) -> Iterable[Mapping[str, Any]]:
        self.asked += 1
        if self.is_down:
            raise Unreachable("no service answers")
        return self.rows

    def clock(self) -> float:
        return self.now


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def flags(platform: Platform) -> Iterator[OpenFeatureClient]:
    api.set_provider(CanaryProvider(platform, clock=platform.clock), "canaries")
    yield api.get_client("canaries")
    api.shutdown()
    api.clear_providers()


def test_a_job_has_the_arm_of_its_id_and_the_tag_that_records_it(flags: OpenFeatureClient) -> None:
    arms = set()
    for _ in range(100):
        key = new_key()
        found = flags.get_integer_details("level", 1, job_context(ACME, key))
        arm = arm_of("level3", job_id("acme", key), 30)
        assert (found.variant, found.value) == (arm, LEVEL[arm])
        assert found.reason == Reason.SPLIT
        assert found.flag_metadata["canary"] == "level3"
        assert canary_tags(found) == [f"canary-level3-{arm}"]
        arms.add(arm)
    assert arms == {"baseline", "candidate"}


@pytest.mark.parametrize(("state", "value"), [("promoted", 3), ("aborted", 1), ("paused", 1)], ids=str)
def test_what_is_decided_is_the_same_for_all_jobs_and_is_not_tagged(
    flags: OpenFeatureClient, platform: Platform, state: str, value: int
) -> None:
    platform.rows, platform.now = [{**LEVEL, "state": state}], 11.0
    found = flags.get_integer_details("level", 1)
    assert (found.value, found.reason, canary_tags(found)) == (value, Reason.STATIC, [])


def test_an_aborted_candidate_is_not_used_after_ten_seconds(flags: OpenFeatureClient, platform: Platform) -> None:
    key = next(it for it in map(str, range(99)) if arm_of("level3", job_id("acme", it), 30) == "candidate")
    changes: list[EventDetails] = []
    flags.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, changes.append)
    platform.rows = [{**LEVEL, "state": "aborted"}]
    platform.now = 9.9
    assert flags.get_integer_value("level", 1, job_context(ACME, key)) == 3
    platform.now = 10.0
    assert flags.get_integer_value("level", 1, job_context(ACME, key)) == 1
    assert platform.asked == 2, "once at the start, and once when it was too old"


def test_without_an_answer_the_last_one_stays_in_use(flags: OpenFeatureClient, platform: Platform) -> None:
    before = flags.get_integer_details("level", 1, job_context(ACME, "k"))
    platform.is_down, platform.now = True, 20.0
    stale = flags.get_integer_details("level", 1, job_context(ACME, "k"))
    assert (stale.value, stale.flag_metadata["stale"]) == (before.value, True)
    platform.now = 29.0
    flags.get_integer_details("level", 1, job_context(ACME, "k"))
    assert platform.asked == 2, "it is not asked for each evaluation"
    platform.is_down, platform.now = False, 40.0
    assert flags.get_integer_details("level", 1, job_context(ACME, "k")).flag_metadata["stale"] is False


def test_a_platform_that_never_answered_gives_the_defaults(platform: Platform) -> None:
    platform.is_down = True
    api.set_provider(CanaryProvider(platform, clock=platform.clock), "down")
    found = api.get_client("down").get_integer_details("level", 2, job_context(ACME, "k"))
    assert (found.value, found.reason) == (2, Reason.ERROR)
    api.clear_providers()


@pytest.mark.parametrize(
    ("flag", "context", "code"),
    [
        ("other", job_context(ACME, "k"), ErrorCode.FLAG_NOT_FOUND),
        ("level", EvaluationContext(), ErrorCode.TARGETING_KEY_MISSING),
        ("text", job_context(ACME, "k"), ErrorCode.TYPE_MISMATCH),
        ("switch", job_context(ACME, "k"), ErrorCode.TYPE_MISMATCH),
    ],
)
def test_what_cannot_be_evaluated_gives_the_default_and_says_why(
    flags: OpenFeatureClient, platform: Platform, flag: str, context: EvaluationContext, code: ErrorCode
) -> None:
    text = {**LEVEL, "flag": "text", "baseline": "1", "candidate": "3"}
    switch = {**LEVEL, "flag": "switch", "baseline": False, "candidate": True}
    platform.rows, platform.now = [LEVEL, text, switch], 11.0
    found = flags.get_integer_details(flag, 2, context)
    assert (found.value, found.error_code, canary_tags(found)) == (2, code, [])


def test_every_kind_of_value_is_evaluated(flags: OpenFeatureClient, platform: Platform) -> None:
    values: dict[str, Any] = {"b": True, "s": "torino", "f": 0.5, "o": {"twirling": 4}}
    platform.rows = [{**LEVEL, "flag": it, "state": "promoted", "candidate": value} for it, value in values.items()]
    platform.now = 11.0
    assert flags.get_boolean_value("b", default_value=False)
    assert flags.get_string_value("s", "") == "torino"
    assert flags.get_float_value("f", 0.0) == 0.5
    assert flags.get_object_value("o", {}) == {"twirling": 4}


def test_a_whole_tenant_has_one_arm(flags: OpenFeatureClient, platform: Platform) -> None:
    platform.rows, platform.now = [{**LEVEL, "unit": "tenant"}], 11.0
    found = {flags.get_integer_details("level", 1, job_context(ACME, str(it))).variant for it in range(30)}
    assert found == {arm_of("level3", "acme", 30)}


def test_another_provider_fits_if_it_names_the_canary() -> None:
    flag = InMemoryFlag("candidate", {"baseline": 1, "candidate": 3}, flag_metadata={"canary": "level3"})
    api.set_provider(InMemoryProvider({"level": flag}), "other")
    found: FlagEvaluationDetails[Any] = api.get_client("other").get_integer_details("level", 1)
    assert canary_tags(found) == ["canary-level3-candidate"]
    api.clear_providers()
