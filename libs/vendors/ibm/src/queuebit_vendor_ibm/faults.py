"""The typed failure that an exception of the SDK means.

The SDK loses status codes: a refused submission is an `IBMRuntimeError` with a text. So the failure is found in the
answer of IBM, which the chain of exceptions still has, or which the transport saw.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
from ibm_cloud_sdk_core import ApiException
from qiskit_ibm_runtime.exceptions import IBMInputValueError, RuntimeJobNotFound

from queuebit_quantum import DoesNotFit, NotReachable, UnknownHandle
from queuebit_quantum.vendor_faults import (
    VendorCredentials,
    VendorFailed,
    VendorFault,
    VendorQuota,
    VendorRefused,
    http_fault,
    vendor_text,
)

__all__ = ["VENDOR", "fault", "job_failure_code"]

VENDOR = "IBM Quantum"

_JOB = re.compile(r"/jobs/[^/]+(/(cancel|metrics))?$")
_CODE = re.compile(r"[Ee]rror code:? (\d{4})")
_TENANT = re.compile(r"100[235]|11\d\d|1305|6\d{3}|7\d{3}|80\d\d")
"""IBM's error codes for what is wrong with the job itself: https://quantum.cloud.ibm.com/docs/errors"""


def fault(error: Exception, seen: requests.Response | Exception | None = None) -> Exception:
    """Return the failure to raise instead of an exception of the SDK.

    Args:
        error: What the SDK raised.
        seen: The newest answer of IBM that was an error, or why there was none: the SDK does not pass on all of them.
    """
    for cause in _chain(error):
        if isinstance(cause, NotReachable | VendorFault | DoesNotFit | UnknownHandle):
            return cause
        if (found := _known(cause)) is not None:
            return found
    if seen is not None:
        return _known(seen) or _unreadable(error)
    return _unreadable(error)


def job_failure_code(message: str) -> str:
    """Return the code of our failure for IBM's message on a job that failed."""
    found = _CODE.search(message)
    return "vendor_refused" if found is not None and _TENANT.fullmatch(found[1]) else "vendor_failed"


def _known(cause: requests.Response | BaseException) -> Exception | None:
    match cause:
        case requests.Response():
            return _answered(cause)
        case ApiException():
            answer = cause.http_response
            return _answered(answer) if isinstance(answer, requests.Response) else None
        case requests.RequestException():
            return _without_answer(cause) if cause.response is None else _answered(cause.response)
        case RuntimeJobNotFound():
            return UnknownHandle(f"{VENDOR} has no such job")
        case IBMInputValueError():
            return VendorRefused(f"{VENDOR}: {vendor_text(str(cause))}")
        case OSError():
            return _without_answer(cause)
        case _:
            return None


def _answered(answer: requests.Response) -> Exception:
    """The failure that an answer means; where IBM documents more than HTTP does, what IBM documents."""
    path, status, method = urlsplit(answer.url).path, answer.status_code, answer.request.method
    text = f"{VENDOR} answered {status}: {vendor_text(_message(answer))}"
    if path.endswith("/identity/token") and status in (400, 401, 403):
        return VendorCredentials(f"{text}. Check QISKIT_IBM_TOKEN of the stack in backends.toml")
    if path.endswith("/jobs") and method == "POST" and status == 409:
        return VendorQuota(f"{text}. Raise the limit of the instance at IBM, or name another one in backends.toml")
    if status == 404 and _JOB.search(path):
        return UnknownHandle(f"{VENDOR} has no such job")
    if status < 400:
        return NotReachable(f"{VENDOR} answered {status}, and not in its protocol")
    return http_fault(VENDOR, status, _message(answer), answer.headers)


def _message(answer: requests.Response) -> str:
    """IBM's own words: each of its services has another form for them."""
    try:
        body: Any = answer.json()  # plain JSON
    except ValueError:
        return answer.text
    match body:
        case {"errors": [{"message": str(text), **more}, *_]}:
            return f"{text} (error code {more['code']})" if "code" in more else text
        case {"errorMessage": str(text)} | {"error": {"message": str(text)}} | {"message": str(text)}:
            return text
    return answer.text


def _without_answer(cause: BaseException) -> NotReachable:
    return NotReachable(f"{VENDOR} does not answer: {vendor_text(str(cause)) or type(cause).__name__}")


def _unreadable(error: Exception) -> Exception:
    text = f"{type(error).__name__}: {vendor_text(str(error))}"
    if isinstance(error, ValueError):  # not JSON: a proxy or a gateway answered
        return NotReachable(f"{VENDOR} answered what cannot be read: {text}")
    return VendorFailed(f"{VENDOR} answered what its SDK does not expect: {text}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and what it was raised for, newest first; the SDK hides some causes with `from None`."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
