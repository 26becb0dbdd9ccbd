"""The errors of this library; their texts say what to change."""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BrokenStack",
    "CircuitError",
    "DoesNotFit",
    "NotReachable",
    "UnknownBackend",
    "UnknownHandle",
    "VendorCredentials",
    "VendorFailed",
    "VendorFault",
    "VendorQuota",
    "VendorRefused",
]

_MOST = 500
"""The longest text, in characters. Parsers quote the source, and one name may be as long as the whole source."""


class CircuitError(ValueError):
    """The source is not a valid circuit.

    Attributes:
        message: What is wrong and, if it is not obvious, what to do; at most 500 characters.
        line: 1-based line of the error; None if it is not in the source, or the language has no lines.
        column: 1-based column of the error; None as `line`.
        expected: What the parser accepts there, in a few words; empty if there is no short answer.
        code: For programs; never changes. One of `syntax`, `encoding`, `header`, `include`, `undefined`, `redefined`,
            `arguments`, `index`, `unsupported`, `parameter`, `no_measurement`, `too_large`, `too_many_operations`,
            `too_deep`.
    """

    def __init__(
        self,
        message: str,
        line: int | None = None,
        column: int | None = None,
        expected: str = "",
        code: str = "syntax",
    ) -> None:
        self.message = _cut(message)
        self.line = line
        self.column = column
        self.expected = _cut(expected)
        self.code = code
        super().__init__(self.message, line, column, self.expected, code)

    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}, column {self.column}: "
        hint = f" (expected {self.expected})" if self.expected else ""
        return f"{where}{self.message}{hint}"


class BrokenStack(ValueError):
    """A stack is not installed, or its plugin does not work."""


class UnknownBackend(LookupError):
    """No installed stack has a backend with this id."""

    def __str__(self) -> str:
        return str(self.args[0])


class NotReachable(Exception):
    """The vendor behind a backend does not answer, or asks to wait. The same call may succeed later.

    Attributes:
        retry_after_s: After how many seconds the vendor wants to be asked again; None if it does not say. Until then,
            the executor asks this vendor nothing, for at most 15 minutes.
    """

    def __init__(self, text: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class UnknownHandle(LookupError):
    """The backend has no submission with this handle."""

    def __str__(self) -> str:
        return str(self.args[0])


class DoesNotFit(ValueError):
    """The backend cannot run this circuit or this number of shots; the text lists every reason."""

    def __init__(self, text: str) -> None:
        super().__init__(_cut(text))


class VendorRefused(DoesNotFit):
    """The vendor refuses what the tenant sent, and will refuse it again. The text has the vendor's message."""

    code: ClassVar[str] = "vendor_refused"


class VendorFault(Exception):
    """The vendor answers, and the same call fails again. The text has the vendor's message, at most 500 characters."""

    code: ClassVar[str] = "vendor_failed"

    def __init__(self, text: str) -> None:
        super().__init__(_cut(text))


class VendorCredentials(VendorFault):
    """The vendor does not accept the operator's credentials, or there are none."""

    code: ClassVar[str] = "vendor_credentials"


class VendorQuota(VendorFault):
    """The operator's account at the vendor is used up, or does not include this device."""

    code: ClassVar[str] = "vendor_quota"


class VendorFailed(VendorFault):
    """The vendor says that it failed, or answers what its documentation does not have."""

    code: ClassVar[str] = "vendor_failed"


def _cut(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"
