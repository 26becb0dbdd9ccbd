"""The failures of a vendor, by what has to be done about them. Each keeps the vendor's own message.

| failure | cause | at a submission | for a run that the vendor has |
|---|---|---|---|
| `NotReachable` | no answer, too many requests, an outage | looked for, then repeated | asked for again |
| `VendorRefused` | what the tenant sent | the job fails, nothing is charged | does not occur |
| `VendorCredentials` | the operator's credentials | the job fails, nothing is charged | asked for again |
| `VendorQuota` | the operator's account at the vendor | the job fails, nothing is charged | asked for again |
| `VendorFailed` | the vendor | the job fails, unless the vendor has the run | it is cancelled, the job fails |

An item that failed at the vendor is not an exception: `collect` returns a `Failed` with the code `vendor_failed`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException

from queuebit_quantum.credentials import redacted
from queuebit_quantum.errors import (
    NotReachable,
    VendorCredentials,
    VendorFailed,
    VendorFault,
    VendorQuota,
    VendorRefused,
)

__all__ = [
    "VendorCredentials",
    "VendorFailed",
    "VendorFault",
    "VendorQuota",
    "VendorRefused",
    "http_fault",
    "reaching",
    "seconds_to_wait",
    "vendor_text",
]

_AGAIN = frozenset({408, 409, 425, 429})
"""Statuses below 500 after which the same request may succeed (RFC 9110, 15.5.9 and 15.5.10; RFC 8470; RFC 6585)."""

_NOT_IMPLEMENTED = frozenset({501, 505})

_LONGEST_TEXT = 400
"""Characters of a vendor's message; some are whole pages of HTML."""


def http_fault(vendor: str, status: int, message: str, headers: Mapping[str, str] | None = None) -> Exception:
    """Return the failure that an HTTP answer of this status means, to be raised.

    A plugin decides itself where its vendor documents another meaning: `UnknownHandle` for a run that does not exist,
    or `VendorQuota` for a 429 that no waiting helps.

    Args:
        vendor: The name of the vendor, as in `IonQ`.
        status: The status code, 300 or higher.
        message: The vendor's own message. Secrets that this process has read are removed from it.
        headers: The headers of the answer; `Retry-After` is read, in any case of letters.
    """
    text = f"{vendor} answered {status}: {vendor_text(message) or 'without a message'}"
    if status in _AGAIN or (status >= 500 and status not in _NOT_IMPLEMENTED):
        named = {name.lower(): value for name, value in (headers or {}).items()}
        return NotReachable(text, seconds_to_wait(named.get("retry-after")))
    if status in (401, 403):
        return VendorCredentials(f"{text}. Check the credentials of its stack in backends.toml")
    if status == 402:
        return VendorQuota(text)
    return VendorRefused(text) if 400 <= status < 500 and status not in (404, 410) else VendorFailed(text)


def vendor_text(message: str) -> str:
    """Return a vendor's message on one line, of at most 400 characters, without the secrets of this process."""
    plain = " ".join("".join(it if it.isprintable() else " " for it in redacted(message)).split())
    return plain if len(plain) <= _LONGEST_TEXT else f"{plain[: _LONGEST_TEXT - 1]}…"


def seconds_to_wait(retry_after: str | None) -> float | None:
    """Read a header `Retry-After`, in seconds or as a date (RFC 9110 section 10.2.3); None if it has neither."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())


@contextmanager
def reaching(vendor: str, *transport: type[Exception]) -> Iterator[None]:
    """Raise `NotReachable` if a vendor cannot be reached, or answers what is not in its protocol, such as HTML.

    `OSError` (with `TimeoutError`, and all errors of `requests`), `http.client.HTTPException` and `ValueError` (with
    the errors of JSON) count; failures of this module pass through.

    Args:
        vendor: The name of the vendor.
        *transport: Further exceptions of the vendor's SDK that mean the same, such as `httpx.TransportError`.
    """
    unreadable: tuple[type[Exception], ...] = (OSError, HTTPException, ValueError, *transport)
    try:
        yield
    except (NotReachable, VendorFault, VendorRefused):
        raise
    except unreadable as error:
        text = vendor_text(str(error)) or type(error).__name__
        raise NotReachable(f"{vendor} cannot be reached, or its answer cannot be read: {text}") from error
