"""The laws for vendors' plugins: the example obeys them, and each of its defects breaks one."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from queuebit_quantum import Backend, Measure, NotReachable, Outcome
from queuebit_quantum.vendor_faults import VendorCredentials, VendorRefused
from queuebit_testing.stub_vendor import StubVendor
from queuebit_testing.vendor_failure_laws import Reopened
from queuebit_testing.vendor_laws import VendorLaws

from .acme import AcmeVendor, plugin


@pytest.fixture
def knows_tokens() -> bool:
    return False


@pytest.fixture
def vendor(knows_tokens: bool, monkeypatch: pytest.MonkeyPatch) -> Iterator[AcmeVendor]:
    with AcmeVendor(knows_tokens=knows_tokens) as vendor:
        monkeypatch.setenv("ACME_URL", vendor.url)
        monkeypatch.setenv("ACME_KEY", vendor.secret)
        yield vendor


@pytest.fixture
def reopened(vendor: AcmeVendor) -> Reopened:
    acme: Reopened = plugin().Acme
    return acme


@pytest.fixture
def backend(reopened: Reopened) -> Backend:
    return reopened()


class TestVendorWithoutTokens(VendorLaws):
    """Each request to submit starts a run: the plugin looks for the token before."""


class TestVendorWithTokens(VendorLaws):
    """The vendor itself starts one run for each token."""

    @pytest.fixture
    def knows_tokens(self) -> bool:
        return True


def _forgets(acme: Any) -> None:
    acme.find = lambda token: None


def _reverses_bits(acme: Any) -> None:
    collect = acme.collect
    acme.collect = lambda handle: tuple(
        Outcome({bits[::-1]: count for bits, count in it.counts.items()}) if isinstance(it, Outcome) else it
        for it in collect(handle)
    )


def _reverses_items(acme: Any) -> None:
    collect = acme.collect
    acme.collect = lambda handle: collect(handle)[::-1]


def _waits(acme: Any) -> None:
    poll = acme.poll

    def wait(handle: str) -> str:
        while poll(handle) != "ended":
            pass
        return "ended"

    acme.poll = wait


def _tries_keys_again(acme: Any) -> None:
    ask = acme._ask

    def again(*args: Any) -> Any:
        try:
            return ask(*args)
        except VendorCredentials as error:
            raise NotReachable(str(error)) from error

    acme._ask = again


def _tries_refused_work_again(acme: Any) -> None:
    ask = acme._ask

    def again(*args: Any) -> Any:
        with suppress(VendorRefused):
            return ask(*args)
        return ask(*args)

    acme._ask = again


def _shows_its_key(acme: Any) -> None:
    ask = acme._ask

    def log(*args: Any) -> Any:
        logging.getLogger("acme").debug("asked with %s", acme._key)
        return ask(*args)

    acme._ask = log


def _is_always_final(acme: Any) -> None:
    usage = acme.usage
    acme.usage = lambda handle: tuple(Measure(it.metric, it.quantity, it.unit) for it in usage(handle))


def _cannot_cancel(acme: Any) -> None:
    acme.cancel = lambda handle: None


def _asks_when_described(acme: Any) -> None:
    describe = acme.describe

    def described() -> Any:
        acme.calibrate()
        return describe()

    acme.describe = described


def _takes_any_answer(acme: Any) -> None:
    poll = acme.poll

    def polled(handle: str) -> Any:
        try:
            return poll(handle)
        except Exception:  # noqa: BLE001  # this is the defect
            return "ended"

    acme.poll = polled


def _forgets_the_wait(acme: Any) -> None:
    poll = acme.poll

    def polled(handle: str) -> Any:
        try:
            return poll(handle)
        except NotReachable as error:
            raise NotReachable(str(error)) from error

    acme.poll = polled


_DEFECTS: list[tuple[str, Callable[[Any], None], dict[str, Any]]] = [
    ("test_a_second_start_is_the_first", _forgets, {}),
    (
        "test_a_run_whose_submission_was_not_confirmed_is_not_started_again",
        _forgets,
        {"case": "a lost reply", "items": 1},
    ),
    ("test_a_process_that_ends_at_any_step_leaves_one_run", _forgets, {"items": 1}),
    ("test_another_process_finds_a_run_and_takes_its_result", _forgets, {}),
    ("test_bit_strings_are_qiskits", _reverses_bits, {"case": "the last bit comes first"}),
    ("test_a_circuit_keeps_its_distribution", _reverses_bits, {}),
    ("test_each_item_has_its_own_result_in_order", _reverses_items, {}),
    ("test_a_poll_does_not_wait_for_the_run", _waits, {}),
    ("test_a_run_that_is_cancelled_ends_without_an_outcome", _cannot_cancel, {}),
    ("test_credentials_that_are_refused_are_not_tried_again", _tries_keys_again, {"name": "poll"}),
    ("test_what_the_vendor_refuses_is_the_tenants_fault", _tries_refused_work_again, {}),
    ("test_a_secret_is_nowhere_to_be_read", _shows_its_key, {}),
    ("test_usage_is_not_final_before_the_end", _is_always_final, {}),
    ("test_a_description_asks_the_vendor_nothing", _asks_when_described, {}),
    ("test_what_a_process_left_that_ended_at_any_step_can_be_cancelled", _forgets, {}),
    ("test_the_wait_that_a_vendor_asks_for_is_passed_on", _forgets_the_wait, {"name": "poll", "status": 429}),
    ("test_an_answer_of_another_shape_is_no_result", _takes_any_answer, {"name": "poll", "body": b"[]"}),
    ("test_a_vendor_that_is_away_is_asked_again", _takes_any_answer, {"name": "poll", "case": "503"}),
]


@pytest.mark.parametrize(
    ("law", "spoil", "more"), _DEFECTS, ids=[f"{it.__name__}-{law[5:]}" for law, it, _ in _DEFECTS]
)
def test_each_defect_breaks_a_law(
    law: str,
    spoil: Callable[[Any], None],
    more: dict[str, Any],
    vendor: StubVendor,
    reopened: Reopened,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def spoiled() -> Backend:
        backend = reopened()
        spoil(backend)
        return backend

    given = {"backend": spoiled(), "reopened": spoiled, "vendor": vendor, "caplog": caplog, **more}
    check = getattr(VendorLaws(), law)
    wanted = {name: given[name] for name in inspect.signature(check).parameters}
    with pytest.raises((AssertionError, pytest.fail.Exception, NotReachable, VendorRefused)):
        check(**wanted)
