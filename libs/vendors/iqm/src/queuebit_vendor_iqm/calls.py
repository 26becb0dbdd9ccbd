"""Calls of the IQM SDK. Each is made once; its failures are those of `queuebit_quantum.vendor_faults`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any
from uuid import UUID

import requests
from iqm.iqm_client import CircuitValidationError, IQMClient, IQMError, OperationTimeoutError
from iqm.iqm_server_client.iqm_server_client import IQMServerClient
from iqm.iqm_server_client.iqm_server_executor import IQMServerExecutor
from iqm.iqm_server_client.iqm_server_storage import IQMServerStorage
from iqm.station_control.client.authentication import ClientAuthenticationError, ClientConfigurationError
from iqm.station_control.interface.models import CircuitJobDefinition
from iqm.station_control.interface.models.circuit import CircuitMeasurementCounts
from iqm.station_control.interface.models.jobs_new import JobData
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from queuebit_quantum import NotReachable, UnknownHandle
from queuebit_quantum.credentials import secret
from queuebit_quantum.vendor_faults import (
    VendorCredentials,
    VendorFailed,
    VendorFault,
    VendorRefused,
    http_fault,
    reaching,
    vendor_text,
)

__all__ = ["VENDOR", "IqmCalls", "Missing", "NotTaken"]

VENDOR = "IQM"

_URL = "https://resonance.iqm.tech"
_TIMEOUT_S = 60.0
_REFUSED = frozenset({409, 425, 429})
"""Statuses after which a request can succeed later, and did nothing now."""

logging.getLogger("iqm").setLevel(logging.ERROR)  # its warnings are about metrics that a device does not have


class NotTaken(NotReachable):
    """IQM cannot have taken what was sent: it was not connected to, or asks to wait."""


class Missing(VendorFailed):
    """IQM does not have what was asked for (404)."""


class _Server(IQMServerClient):
    """The client of the SDK, which loses the status and the headers of an error: they are read here."""

    def send_request(
        self, http_method: Callable[..., requests.Response], url_path: str, **options: Any
    ) -> requests.Response:
        """As the base class, whose arguments these are."""
        return super().send_request(_checked(http_method), url_path, **options)


class IqmCalls:
    """What a backend asks IQM."""

    def __init__(self, alias: str) -> None:
        token = secret("IQM_TOKEN")
        with _asking():
            try:
                server = _Server(
                    os.environ.get("IQM_SERVER_URL", _URL),
                    quantum_computer=alias,
                    token=None if os.environ.get("IQM_TOKEN") else token,  # the SDK refuses to have it twice
                    timeout=_TIMEOUT_S,
                )
            except (ClientConfigurationError, ClientAuthenticationError) as error:
                raise VendorCredentials(f"iqm-client: {vendor_text(str(error))}") from None
        self._executor = IQMServerExecutor(client=server)
        self.client = IQMClient(executor=self._executor, storage=IQMServerStorage(client=server))
        """The client of the SDK; calls of it belong into `asking`."""

    @staticmethod
    def asking() -> Any:  # a context manager
        """Raise the failures of vendors instead of those of the SDK."""
        return _asking()

    def submit(self, definition: CircuitJobDefinition) -> str:
        """Create a job and return its id; raises `NotTaken` or a vendor's failure where there is none for certain."""
        with _asking():
            return str(self.client.submit_circuit_job(definition).job_id)

    def job(self, id_: str) -> JobData:
        """A job, without its circuits and results; raises `UnknownHandle`."""
        with _asking(), _known(id_) as uuid:
            return self._executor.get_job(uuid)

    def payload(self, id_: str) -> CircuitJobDefinition:
        """What was submitted; raises `UnknownHandle`."""
        with _asking(), _known(id_) as uuid:
            return self._executor.get_job_payload(uuid, "circuit")  # type: ignore[return-value]  # that of a circuit job

    def counts(self, id_: str) -> list[CircuitMeasurementCounts]:
        """The counts of each circuit of a completed job."""
        with _asking():
            return self.client.get_job_measurement_counts(UUID(id_))

    def measurements(self, id_: str) -> list[dict[str, list[list[int]]]]:
        """The outcome of each shot, by measurement key, of each circuit of a completed job."""
        with _asking():
            return self.client.get_job_measurements(UUID(id_))

    def cancel(self, id_: str) -> None:
        """Cancel a job that has not ended."""
        with _asking():
            self.client.cancel_job(UUID(id_))


@contextmanager
def _asking() -> Iterator[None]:
    """The SDK fails with further exceptions at answers that it does not know."""
    with reaching(VENDOR, AttributeError, TypeError, IndexError, KeyError):
        try:
            yield
        except (NotReachable, VendorFault, VendorRefused, CircuitValidationError, UnknownHandle):
            raise
        except OperationTimeoutError as error:
            raise NotReachable(f"{VENDOR} does not answer: {vendor_text(str(error))}") from None
        except IQMError as error:
            raise VendorFailed(f"iqm-client failed: {vendor_text(str(error))}") from None


@contextmanager
def _known(id_: str) -> Iterator[UUID]:
    try:
        uuid = UUID(id_)
    except ValueError:
        raise UnknownHandle(f"{id_[:80]!r} is no id of a job at {VENDOR}") from None
    try:
        yield uuid
    except Missing:
        raise UnknownHandle(f"{VENDOR} has no job {id_}") from None


def _checked(http_method: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    """A method of `requests` that raises the failure that an answer means."""

    @wraps(http_method)  # the SDK asks for its name
    def call(url: str, **options: Any) -> requests.Response:
        try:
            answer = http_method(url, **options)
        except requests.ConnectionError as error:
            cause = getattr(error.args[0], "reason", None) if error.args else None
            if isinstance(cause, NewConnectionError | ConnectTimeoutError):
                raise NotTaken(f"{VENDOR} cannot be connected to: {vendor_text(str(cause))}") from None
            raise
        if answer.status_code < 300:
            return answer
        raise _fault(answer)

    return call


def _fault(answer: requests.Response) -> Exception:
    status, waits = answer.status_code, "Retry-After" in answer.headers
    found = http_fault(VENDOR, status, _message(answer), answer.headers)
    if status == 404:
        return Missing(str(found))
    if isinstance(found, NotReachable) and (status in _REFUSED or (status == 503 and waits)):
        return NotTaken(str(found), found.retry_after_s)
    return found


def _message(answer: requests.Response) -> str:
    """IQM's own words: `message`, or `detail` of older servers, with the code of the error."""
    try:
        body: Any = answer.json()  # plain JSON
    except ValueError:
        return answer.text
    match body:
        case {"message": str(text), "error_code": str(code)}:
            return f"{code}: {text}"
        case {"message": str(text)} | {"detail": str(text)}:
            return text
    return answer.text
