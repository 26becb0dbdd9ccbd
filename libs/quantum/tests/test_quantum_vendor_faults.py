"""What an HTTP answer of a vendor means, and which of its words are kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.client import IncompleteRead

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_quantum import DoesNotFit, NotReachable, UnknownHandle
from queuebit_quantum.credentials import secret
from queuebit_quantum.vendor_faults import (
    VendorCredentials,
    VendorFailed,
    VendorFault,
    VendorQuota,
    VendorRefused,
    http_fault,
    reaching,
    seconds_to_wait,
)

MEANINGS: dict[type[Exception], tuple[int, ...]] = {
    NotReachable: (408, 409, 425, 429, 500, 502, 503, 504, 520, 599),
    VendorCredentials: (401, 403),
    VendorQuota: (402,),
    VendorRefused: (400, 405, 411, 413, 415, 422, 451),
    VendorFailed: (300, 302, 404, 410, 501, 505),
}


@pytest.mark.parametrize(("status", "kind"), [(it, kind) for kind, all_ in MEANINGS.items() for it in all_])
def test_each_status_has_one_meaning_and_keeps_the_vendors_words(status: int, kind: type[Exception]) -> None:
    fault = http_fault("Acme", status, "the trap is cold")
    assert type(fault) is kind
    assert f"Acme answered {status}: the trap is cold" in str(fault)


@given(st.integers(300, 599), st.text(max_size=2_000))
def test_every_status_and_message_gives_a_failure_that_fits_an_event(status: int, message: str) -> None:
    fault = http_fault("Acme", status, message)
    assert isinstance(fault, NotReachable | VendorFault | VendorRefused)
    assert len(str(fault)) <= 500
    assert str(fault).isprintable()


def test_a_refusal_is_one_of_the_circuit() -> None:
    """So code that knows nothing of vendors treats it as such."""
    assert issubclass(VendorRefused, DoesNotFit)
    codes = [it.code for it in (VendorRefused, VendorCredentials, VendorQuota, VendorFailed)]
    assert codes == ["vendor_refused", "vendor_credentials", "vendor_quota", "vendor_failed"]


def test_a_vendor_says_when_to_ask_again() -> None:
    fault = http_fault("Acme", 429, "", {"RETRY-AFTER": "2.5"})
    assert isinstance(fault, NotReachable)
    assert fault.retry_after_s == 2.5
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 80 < (seconds_to_wait(later) or 0) <= 90
    assert seconds_to_wait("Thu, 01 Jan 1970 00:00:00 GMT") == 0
    assert [seconds_to_wait(it) for it in (None, "", "soon", "-1")] == [None, None, None, 0.0]


def test_a_secret_that_a_vendor_repeats_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY", "key-that-a-vendor-repeats")
    key = secret("ACME_KEY")
    assert str(http_fault("Acme", 400, f"invalid key: {key}.")) == "Acme answered 400: invalid key: ***."


def _refused() -> None:
    raise ConnectionRefusedError("connection refused")


def _cut_off() -> None:
    raise IncompleteRead(b"")


def _garbled() -> None:
    json.loads("<html>")


@pytest.mark.parametrize("ask", [_refused, _cut_off, _garbled])
def test_a_vendor_that_does_not_answer_is_asked_again(ask: Callable[[], None]) -> None:
    with pytest.raises(NotReachable, match="Acme cannot be reached"), reaching("Acme"):
        ask()


class _TransportError(Exception):
    """Of an SDK."""


def test_an_sdk_names_its_own_errors_and_all_others_pass() -> None:
    with pytest.raises(NotReachable), reaching("Acme", _TransportError):
        raise _TransportError
    for passes in (_TransportError(), VendorQuota("used up"), VendorRefused("too deep"), UnknownHandle("none")):
        with pytest.raises(type(passes)), reaching("Acme"):
            raise passes
