"""Calls of the IonQ SDK. Each is made once; its failures are those of `queuebit_quantum.vendor_faults`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from qiskit import QuantumCircuit
from qiskit_ionq import IonQProvider
from qiskit_ionq.exceptions import IonQAPIError, IonQError, IonQRetriableError, IonQTranspileLevelWarning
from qiskit_ionq.ionq_client import IonQClient
from qiskit_ionq.ionq_job import IonQJob

from queuebit_quantum import UnknownHandle
from queuebit_quantum.vendor_faults import VendorFailed, http_fault, reaching, vendor_text

__all__ = ["Document", "IonQCalls"]

Document = dict[str, Any]
"""Plain JSON."""

_PAGE = 100
"""Jobs that are listed at once."""


class _Once(IonQClient):
    """The client of the SDK without its own repetitions, some of which never end: the executor repeats."""

    submit_job = IonQClient.submit_job.__wrapped__
    retrieve_job = IonQClient.retrieve_job.__wrapped__
    cancel_job = IonQClient.cancel_job.__wrapped__
    get_calibration_data = IonQClient.get_calibration_data.__wrapped__
    get_results = IonQClient.get_results.__wrapped__


@contextmanager
def _asking() -> Iterator[None]:
    """Raise the failures of vendors. The SDK fails with further exceptions at answers that it does not know."""
    with reaching("IonQ", AttributeError, TypeError, KeyError):
        try:
            yield
        except IonQRetriableError as error:
            if isinstance(error._cause, IonQAPIError):  # the SDK has no other access to it
                raise _fault(error._cause) from None
            raise ConnectionError(vendor_text(str(error._cause))) from None
        except IonQAPIError as error:
            raise _fault(error) from None
        except IonQError as error:
            raise VendorFailed(f"qiskit-ionq failed: {vendor_text(str(error.message))}") from None


def _fault(error: Any) -> Exception:  # an exception of the SDK
    return http_fault("IonQ", error.status_code, str(error.message), error.headers)


class IonQCalls:
    """What a backend asks IonQ."""

    def __init__(self, key: str, url: str, name: str) -> None:
        with _asking(), warnings.catch_warnings(action="ignore", category=IonQTranspileLevelWarning):
            self._provider = IonQProvider(key, url)
            self._device = self._provider.get_backend(name)
        self._client = _Once(key, url)

    def backend(self, name: str) -> Document:
        """The description of a device: `GET /backends/NAME`."""
        return self._get("backends", name)

    def characterization(self, name: str) -> Document | None:
        """The newest characterization of a device: `GET /backends/NAME/characterizations`."""
        with _asking():
            found = self._client.get_latest_calibration(name)
        return None if found is None else _document(found._data)  # the SDK converts some values and loses others

    def submit(self, circuits: Sequence[QuantumCircuit], shots: int, name: str, metadata: dict[str, str]) -> str:
        """Create one job, of one or several circuits; return its id."""
        job = IonQJob(
            self._device,
            client=self._client,
            circuit=circuits[0] if len(circuits) == 1 else [*circuits],
            passed_args={"shots": shots, "name": name, "extra_metadata": metadata},
        )
        with _asking():
            job.submit()
            return _id(job.job_id())

    def jobs(self) -> Iterator[Document]:
        """All jobs of the project, newest first: `GET /jobs`, page by page."""
        following: str | None = None
        while True:
            page = self._get("jobs", params={"limit": _PAGE, **({"next": following} if following else {})})
            found = page.get("jobs")
            if not isinstance(found, list):
                raise VendorFailed("IonQ's list of jobs has no `jobs`")
            yield from map(_document, found)
            following = page.get("next")
            if not following:
                return

    def job(self, id_: str) -> Document:
        """A job: `GET /jobs/ID`; raises `UnknownHandle`."""
        with _asking():
            try:
                return _document(self._client.retrieve_job(id_))
            except IonQAPIError as error:
                if error.status_code == 404:
                    raise UnknownHandle(f"IonQ has no job {id_[:80]!r}") from None
                raise

    def results(self, url: str) -> Document:
        """Probabilities by outcome."""
        with _asking():
            return _document(self._client.get_results(url))

    def cancel(self, id_: str) -> None:
        """Cancel a job that has not ended."""
        with _asking():
            self._client.cancel_job(id_)

    def _get(self, *path: str, params: dict[str, Any] | None = None) -> Document:
        with _asking():
            answer = self._client.get_with_retry(  # type: ignore[no-untyped-call]
                self._client.make_path(*path), params=params, headers=self._client.api_headers
            )
            IonQAPIError.raise_for_status(answer)
            return _document(answer.json())


def _id(given: Any) -> str:  # plain JSON
    """Raises if it is none: the job may exist, so that it is looked for."""
    if not isinstance(given, str) or not given:
        raise TypeError("the answer has no job id")
    return given


def _document(found: Any) -> Document:  # plain JSON
    if not isinstance(found, dict):
        raise VendorFailed(f"IonQ answers with a {type(found).__name__} where its documentation has an object")
    return found
