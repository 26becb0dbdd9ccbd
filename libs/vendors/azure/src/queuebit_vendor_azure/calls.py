"""Calls of the SDK of Azure Quantum. Each is made once; its failures are those of `queuebit_quantum.vendor_faults`."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.quantum._client import WorkspaceClient
from azure.quantum.job import Job
from azure.quantum.storage import remove_sas_token, upload_blob
from azure.quantum.target import Target
from azure.quantum.workspace import Workspace
from azure.storage.blob import BlobClient, ContainerClient

from queuebit_quantum import NotReachable, UnknownHandle
from queuebit_quantum.credentials import secret
from queuebit_quantum.vendor_faults import (
    VendorCredentials,
    VendorFault,
    VendorQuota,
    VendorRefused,
    http_fault,
    reaching,
    vendor_text,
)

__all__ = ["VENDOR", "AzureCalls", "Document"]

Document = Mapping[str, Any]
"""Plain JSON."""

VENDOR = "Azure Quantum"

_SETTINGS = {
    "subscription_id": "AZURE_QUANTUM_SUBSCRIPTION_ID",
    "resource_group": "AZURE_QUANTUM_WORKSPACE_RG",
    "name": "AZURE_QUANTUM_WORKSPACE_NAME",
    "location": "AZURE_QUANTUM_WORKSPACE_LOCATION",
}
"""Arguments of the SDK's `Workspace`, and the variables of the SDK that have them."""

_ONCE: Mapping[str, Any] = {"retry_total": 0, "connection_timeout": 10, "read_timeout": 60}
"""No repetitions by the SDK, some of which wait for minutes: the executor repeats. Timeouts in seconds."""

_SIGNED = re.compile(r"\?\S*")
"""The signature of an address of storage, which is a secret for as long as it is valid."""

_INPUT = "inputData"

for _name in ("azure.quantum", "urllib3.connectionpool"):  # at DEBUG they log signed addresses
    logging.getLogger(_name).setLevel(logging.INFO)


class _Once(Workspace):  # type: ignore[misc]  # the SDK has no types
    """The workspace of the SDK, whose client has `_ONCE`; there is no argument for it."""

    def _create_client(self) -> WorkspaceClient:
        given = self._connection_params
        return WorkspaceClient(
            endpoint=given.quantum_endpoint,
            credential=given.credential,
            authentication_policy=given.get_auth_policy(),
            user_agent=given.get_full_user_agent(),
            **_ONCE,
        )


class AzureCalls:
    """What a backend asks one target of a workspace."""

    def __init__(self, target: type[Target], name: str) -> None:
        self._workspace = _workspace()
        self._target = target(self._workspace, name)

    def check(self) -> None:
        """Raise `VendorCredentials` if the workspace does not have the target."""
        name = self._target.name
        with _asking():
            found = self._workspace.get_targets(name=name, provider_id=self._target.provider_id)
        if not isinstance(found, Target):
            raise VendorCredentials(f"the workspace {self._workspace.name!r} of {VENDOR} has no target {name}: add it")

    def job(self, id_: str) -> Job:
        """A job; raises `UnknownHandle`."""
        with _asking():
            try:
                found = self._workspace.get_job(id_)
            except ResourceNotFoundError:
                raise UnknownHandle(f"{VENDOR} has no job {id_}") from None
            if found.details.get("id") != id_:
                raise ValueError("the answer is about another job")
            return found

    def submit(self, id_: str, program: str, shots: int, name: str, metadata: dict[str, str]) -> None:
        """Store a program and create the job of this id. A program that is stored already is used."""
        target = self._target
        with _asking():
            container = self._workspace.get_container_uri(job_id=id_)
            created = Job.from_storage_uri(
                workspace=self._workspace,
                name=name,
                target=target.name,
                input_data_uri=_stored(container, program, target.content_type),
                provider_id=target.provider_id,
                input_data_format=target.input_data_format,
                output_data_format=target.output_data_format,
                container_uri=container,
                job_id=id_,
                input_params={"shots": shots},
                metadata=metadata,
            )
            if created.details.get("id") != id_:
                raise ValueError("the answer is about another job")

    def output(self, job: Job) -> Document:
        """The result of a job that has succeeded."""
        with _asking():
            address = job._get_blob_uri_with_sas_token(job.details.output_data_uri)  # a new signature if one is needed
            with BlobClient.from_blob_url(address, **_ONCE) as blob:
                found = json.loads(blob.download_blob().readall())
            if not isinstance(found, dict):
                raise ValueError("the result is no object")
            return found

    def cancel(self, job: Job) -> None:
        """Cancel a job that has not ended."""
        with _asking():
            self._workspace.cancel_job(job)


def _workspace() -> Workspace:
    key = secret("AZURE_QUANTUM_API_KEY")
    given = {name: os.environ.get(variable, "") for name, variable in _SETTINGS.items()}
    if missing := [_SETTINGS[name] for name, value in given.items() if not value]:
        raise VendorCredentials(f"{', '.join(missing)} must be set in `environment` of the stack in backends.toml")
    address = os.environ.get("AZURE_QUANTUM_ENDPOINT") or f"https://{given['location']}.quantum.azure.com/"
    try:
        return _Once(
            **given, credential=AzureKeyCredential(key), _from_connection_string=True, _quantum_endpoint=address
        )
    except ValueError as error:
        raise VendorCredentials(f"azure-quantum: {vendor_text(str(error))}") from None


def _stored(container: str, program: str, content_type: str) -> str:
    """Store a program; return its address without a signature."""
    with ContainerClient.from_container_url(container, **_ONCE) as client:
        try:
            return str(upload_blob(client, _INPUT, content_type, "", program.encode(), return_sas_token=False))
        except ResourceExistsError as error:
            if getattr(error, "error_code", None) != "BlobAlreadyExists":
                raise
            return str(remove_sas_token(client.get_blob_client(_INPUT).url))


@contextmanager
def _asking() -> Iterator[None]:
    """Raise the failures of vendors. The SDK fails with further exceptions at answers that it does not know."""
    with reaching(VENDOR, AttributeError, TypeError, KeyError):
        try:
            yield
        except (NotReachable, VendorFault, VendorRefused, UnknownHandle):
            raise
        except HttpResponseError as error:
            raise _fault(error) from None
        except AzureError as error:
            raise ConnectionError(_SIGNED.sub("", str(error))) from None


def _fault(error: HttpResponseError) -> Exception:
    about = getattr(error, "error", None)
    code, text = str(getattr(about, "code", None) or ""), str(getattr(about, "message", None) or error.message)
    message = _SIGNED.sub("", f"{code}: {text}" if code else text)
    if error.status_code is None or error.status_code < 300:
        return NotReachable(f"the answer of {VENDOR} cannot be read: {vendor_text(message)}")
    if "quota" in code.casefold():
        return VendorQuota(f"{VENDOR} answered {error.status_code}: {vendor_text(message)}")
    headers: Any = getattr(error.response, "headers", None)  # its type has none
    return http_fault(VENDOR, error.status_code, message, headers)
