"""The SDK's connection to one device: opened when it is needed, without the SDK's own retries."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import requests
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_runtime import IBMBackend, QiskitRuntimeService, RuntimeJobV2
from qiskit_ibm_runtime.exceptions import IBMInputValueError
from requests.adapters import HTTPAdapter

from queuebit_quantum.vendor_faults import VendorCredentials, VendorQuota, vendor_text
from queuebit_vendor_ibm.access import Access
from queuebit_vendor_ibm.faults import VENDOR, fault

__all__ = ["Connection", "Opened"]

_TIMEOUT_S = (5.0, 60.0)
"""To connect, and between two packets of an answer. The SDK sets no limit for the latter."""

logging.getLogger("qiskit_ibm_runtime").setLevel(logging.ERROR)  # its warnings are about choices that are made here


class Opened(NamedTuple):
    """The SDK's own objects."""

    service: QiskitRuntimeService
    device: IBMBackend

    def job(self, handle: str) -> RuntimeJobV2:
        """Return a job of `SamplerV2` by its id, without a request; its tags are not known."""
        return RuntimeJobV2(
            backend=self.device,
            api_client=self.service._active_api_client,
            job_id=handle,
            program_id="sampler",
            service=self.service,
        )


class Connection:
    """Calls IBM Quantum through the SDK, and raises typed failures.

    The SDK repeats requests by itself, up to five times, and also a POST after a 5xx. A job that IBM took before it
    answered 5xx would then be submitted twice. So nothing is repeated here: the executor does, after it has looked for
    the job.

    The process that builds backends forks those that call them: `release` closes the sockets, which must not be shared.
    """

    def __init__(self, name: str, access: Callable[[], Access]) -> None:
        self._name = name
        self._access = access
        self._transport = _Transport()
        self._opened: Opened | None = None

    @contextmanager
    def calls(self) -> Iterator[Opened]:
        """Yield the SDK's objects for some calls.

        Raises:
            NotReachable: IBM does not answer, or asks to wait.
            VendorFault: IBM refuses the credentials or the quota is used up; or IBM failed.
            VendorRefused: IBM refuses what was sent.
            UnknownHandle: IBM has no such job.
        """
        self._transport.failure = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # deprecations, and choices that are made here
                yield self._ready()
        except Exception as error:  # the SDK raises any exception; all become typed failures
            found = fault(error, self._transport.failure)
            if isinstance(found, VendorCredentials):
                self._opened = None  # the next call reads the credentials again
            if found is error:
                raise
            raise found from None  # the SDK's texts may contain what was sent

    def release(self) -> None:
        """Close the sockets; the next call opens new ones."""
        for client in self._clients():
            client._session.close()

    def _ready(self) -> Opened:
        if self._opened is None:
            self._opened = self._open()
        try:
            for client in self._clients():
                client._session.auth.tm.get_token()  # else the SDK sends the API key itself if IAM does not answer
        except Exception:
            self._opened = None  # its token manager waits a minute before it asks again
            raise
        return self._opened

    def _open(self) -> Opened:
        access = self._access()
        try:
            service = QiskitRuntimeService(
                channel=access.channel, token=access.token, instance=access.instance, url=access.url
            )
        except IBMInputValueError as error:
            raise VendorCredentials(f"{VENDOR}: {vendor_text(str(error))}") from None
        for client in _clients_of(service):
            client._session.mount("http://", self._transport)
            client._session.mount("https://", self._transport)
        try:
            return Opened(service, service.backend(self._name))
        except QiskitBackendNotFoundError:
            if self._transport.failure is not None:
                raise
            text = f"the instance has no device {self._name}: name one that it has in `backends` of backends.toml"
            raise VendorQuota(f"{VENDOR}: {text}") from None

    def _clients(self) -> list[Any]:
        return [] if self._opened is None else _clients_of(self._opened.service)


class _Transport(HTTPAdapter):
    """Sends each request once, with a time limit, and keeps the failure that the SDK may swallow."""

    failure: requests.Response | requests.RequestException | None = None

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """As the base class, whose arguments these are."""
        try:
            answer = super().send(request, *args, **{**options, "timeout": _TIMEOUT_S})
        except requests.RequestException as error:
            self.failure = error
            raise
        if answer.status_code >= 400:
            self.failure = answer
        return answer


def _clients_of(service: QiskitRuntimeService) -> list[Any]:
    """The SDK's HTTP clients; it has no public name for them."""
    return list({id(it): it for it in (service._active_api_client, *service._api_clients.values())}.values())
